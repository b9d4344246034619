"""The loaders' code on the host: struct boot_info in C and in Zig, and the Zig unit tests (parsers fed
with damaged data, memory map, end of boot services), with Zig's checks on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
HERE = Path(__file__).resolve().parent
ZIG = [sys.executable, "-m", "ziglang"]
COMMON = "-Mcommon=boot/common/common.zig"


def run(*command):
    result = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_c_and_zig_agree_on_boot_info(tmp_path):
    run("cc", "-I.", HERE / "layout.c", "-o", tmp_path / "c")
    run(*ZIG, "build-exe", f"-femit-bin={tmp_path / 'zig'}", "--dep", "common", f"-Mroot={HERE / 'layout.zig'}", COMMON)
    c, zig = run(tmp_path / "c").splitlines(), run(tmp_path / "zig").splitlines()
    assert len(c) > 50 and c == zig


@pytest.mark.parametrize("modules, least", [
    (["-Mroot=boot/common/common.zig"], 7),
    (["--dep", "common", "-Mroot=boot/bios/stage2/host_tests.zig", COMMON], 3),
    (["--dep", "common", "-Mroot=boot/uefi/memory.zig", COMMON], 1),
], ids=["common", "disk", "uefi"])
def test_zig_units(modules, least):
    output = run(*ZIG, "test", *modules)
    passed = re.search(r"All (\d+) tests passed", output)
    assert passed and int(passed[1]) >= least, output

"""Unit tests that kernel Zig files carry in themselves, run on the host: arithmetic and dates of the clock driver."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = [path.relative_to(ROOT) for path in sorted((ROOT / "dev").rglob("*.zig"))
         if re.search(r'^test "', path.read_text(), re.M)]


def test_there_are_some():
    assert len(FILES) >= 2


@pytest.mark.parametrize("path", FILES, ids=str)
def test_zig(path, tmp_path):
    result = subprocess.run([sys.executable, "-m", "ziglang", "test", path, "--cache-dir", tmp_path], cwd=ROOT,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

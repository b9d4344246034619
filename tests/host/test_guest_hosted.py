"""The Python tests of tests/guest, run by the world on this machine: the same files and the same binary
as inside (system/test_guest_inside.py)."""

import subprocess

import pytest

from conftest import ROOT, guest_files, unittest_count


@pytest.mark.parametrize("name", guest_files())
def test_guest_file_hosted(name):
    result = subprocess.run([ROOT / "build" / "world.elf", ROOT / "tests" / "guest" / "run.py", name],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    assert unittest_count(result.stderr) > 0

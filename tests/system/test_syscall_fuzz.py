"""Random syscalls with bad arguments, under a storm of timer interrupts: the kernel must not notice."""

import subprocess
from pathlib import Path

import pytest

from conftest import PATIENCE, ROOT, vm

PROGRAM = Path(__file__).with_name("fuzz_syscalls.py")
WORLD = ROOT / "build" / "world.sym.elf"


def address_of_syscall():
    """Offset of the C library's syscall() in the world's image."""
    symbols = subprocess.run(["nm", WORLD], capture_output=True, text=True, check=True).stdout
    return next("0x" + line.split()[0] for line in symbols.splitlines() if line.endswith(" T syscall"))


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls(seed):
    result = vm("exec", PROGRAM, seed, 3000, address_of_syscall(), "--timeout", 120 * PATIENCE, "--append", "timerhz=5000")
    last = result.stderr.strip().splitlines()[-5:]
    assert result.status == 0 and last[-1] == "all calls came back", (result.status, last)

"""Thousands of random file operations give the same results and errors as on Linux: the same program
(file_operations.py) by the hosted world and inside, compared line by line."""

import subprocess

from conftest import PATIENCE, ROOT, vm

PROGRAM = ROOT / "tests" / "system" / "file_operations.py"
WORLD = ROOT / "build" / "world.elf"
SEEDS = ("1", "26")


def test_file_operations_as_on_linux():
    hosted = subprocess.run([WORLD, PROGRAM, *SEEDS], capture_output=True, timeout=300, check=True)
    inside = vm("exec", PROGRAM, *SEEDS, "--timeout", 280 * PATIENCE)
    assert inside.status == 0, inside.stderr
    ours, linux = inside.stdout.splitlines(), hosted.stdout.splitlines()
    assert len(linux) > 10000
    different = [f"inside: {one.decode()}\nlinux:  {other.decode()}" for one, other in zip(ours, linux) if one != other]
    assert not different, "\n".join(different[:20])
    assert len(ours) == len(linux)

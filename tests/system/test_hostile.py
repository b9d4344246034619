"""Hostile programs of ring 3, one by one: they get errors or are ended, and neither kernel nor world takes harm.

tests/programs/hostile/hostile.c is run on this Linux, too, and must print the same; dangerous.c runs only inside.
After each suite pages, files, threads and processes are compared with those before.
"""

import json
import subprocess

import pytest

from conftest import PATIENCE, ROOT, vm
from test_programs import BUILD, SOURCES, check_leaks, parse

HOSTILE = SOURCES / "hostile"
# What every one of them prints, or None where that depends on when memory runs out.
DANGEROUS = {
    "fork_bomb": "", "memory_hog": None, "memory_hogs": None, "copy_hog": None, "runaway": "", "runaways": "",
    "kill_process_1": "process 1 is there: 1\n", "kill_all": "kill all: 0\nchild: killed by 9\nprocess 1 is there: 1\n",
    "take_over": None, "many_files": "done\n", "full_pipes": None, "many_areas": "done\n",
    "thread_bomb": "some: 1\n", "signal_storm": "some: 1\n", "queue_flood": "EAGAIN\n", "zombies": "done\n",
    "fill_files": "ENOSPC\n", "deep_directories": None, "call_fuzz": "rounds: 12\n",
    "elf_fuzz": "rounds: 400, some ran: 1\n",
}
ENDLESS = ("runaway", "runaways")


@pytest.fixture(scope="module")
def programs():
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("hostile", "dangerous"):
        subprocess.run(["cc", "-static", "-O1", "-w", "-pthread", "-o", BUILD / name, HOSTILE / f"{name}.c"], check=True)
    return BUILD


@pytest.fixture(scope="module")
def attacks(programs):
    return subprocess.run([programs / "hostile"], capture_output=True, text=True, check=True).stdout.split()


def run_inside(tmp_path, programs, name, lines, *options):
    """What a program of `lines` prints; the binary is /host/NAME, the files of tests/programs are modules."""
    share = tmp_path / "share"
    share.mkdir()
    (share / name).write_bytes((programs / name).read_bytes())
    (share / name).chmod(0o755)
    for module in ("leaks.py", "watch.py"):
        (share / module).write_bytes((SOURCES / module).read_bytes())
    program = tmp_path / "suite.py"
    program.write_text("import sys\nsys.path.insert(0, '/host')\nfrom leaks import settle\nfrom watch import watch\n"
                       "settle('before')\n" + lines + "settle('after')\n")
    result = vm("exec", program, "--with", share, "--timeout", 500 * PATIENCE, *options, timeout=560)
    assert result.status == 0, result.stdout.decode()[-1000:] + result.stderr[-3000:]
    return parse(result.stdout)


def test_attacks_end_as_on_linux(programs, attacks, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    expected = {}
    for name in attacks:
        (work / "file").unlink(missing_ok=True)
        expected[name] = subprocess.run([programs / "hostile", name], cwd=work, capture_output=True, timeout=60).stdout.decode("latin-1")
    found = run_inside(tmp_path, programs, "hostile", f"for name in {attacks!r}:\n    watch('/host/hostile', name)\n")
    different = {name: [pair for pair in zip(expected[name].splitlines(), found[name]["output"].splitlines()) if pair[0] != pair[1]][:5]
                 or [expected[name][-200:], found[name]["output"][-200:]]
                 for name in attacks if found[name]["output"] != expected[name] or found[name]["status"] != 0}
    assert not different
    check_leaks(found)


@pytest.mark.parametrize("memory", [512])
def test_dangerous_programs(programs, tmp_path, memory):
    names = list(DANGEROUS)
    found = run_inside(tmp_path, programs, "dangerous", f"for name in {names!r}:\n    watch('/host/dangerous', name)\n", "--memory", memory)
    for name in names:
        result = found[name]
        assert (result["status"] == "time") == (name in ENDLESS), result
        if DANGEROUS[name] is not None and name not in ENDLESS:
            assert result["output"] == DANGEROUS[name], result
        if result["seconds"] > 1:
            # Among hundreds of ready processes a turn of the world's may take a second: it has no privilege.
            assert result["turns"] >= result["seconds"] / 2, f"the world hardly ran beside {result}"
    check_leaks(found)

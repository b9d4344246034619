"""Several CPUs, whatever POLYGLOT_CPUS says: the kernel's suites, Python's threads on all, restart, panic, monitor."""

import json
import re
import subprocess

import pytest

from polyglot_vm.machine import PANIC_STATUS
from polyglot_vm.screen import NEXT_PROMPT
from test_programs import BUILD, SOURCES, check_leaks, parse

CPUS = 4
PROMPT = r">>> \Z"


def test_kernel_suites(boot):
    machine = boot(prompt=False, append="ktest", cpus=CPUS)
    summary = machine.serial.wait_for(r"(\d+) passed, (\d+) failed", timeout=400)
    failed = re.findall(r"^.*(?:not ok|# ).*$", machine.serial.text, re.M)
    assert int(summary[1]) > 0 and int(summary[2]) == 0, "\n".join(failed)
    assert machine.wait(timeout=60) == 0


def test_stress_under_fast_timers(boot):
    """Emulators take interrupts rarely: many timer interrupts make more places to be interrupted at."""
    machine = boot(prompt=False, append="ktest=smp.threads timerhz=2000", cpus=CPUS)
    summary = machine.serial.wait_for(r"(\d+) passed, (\d+) failed", timeout=300)
    assert (int(summary[1]), int(summary[2])) == (2, 0), machine.serial.text


SPREAD = """
import json, threading

def counters():
    rows = [line.split('\\t') for line in open('/proc/polyglot/cpus').read().splitlines()]
    return {row[0]: int(row[rows[0].index('busy us')]) for row in rows[1:]}

stop = False
results = []
def work(seed):
    # Whole and floating numbers that depend on every step: what a switch between CPUs damages shows.
    total, x, n = 0, 0.5, 0
    for n in range(20000):
        total = (total * 31 + seed + n) % 1000003
        x = 3.7 * x * (1 - x)
    while not stop:
        n += 1
    results.append((total, x, seed))

before = counters()
threads = [threading.Thread(target=work, args=(i % 2,)) for i in range(6)]
for thread in threads: thread.start()
lazy = set(before)
while lazy:
    now = counters()
    lazy = {cpu for cpu in lazy if now[cpu] - before[cpu] < 20000}
stop = True
for thread in threads: thread.join()
print(json.dumps([sorted(before), len(results), len(set(results)), open('/proc/cpuinfo').read().count('processor'),
                  sum(line.startswith('cpu') for line in open('/proc/stat'))]))
"""


def test_python_threads_run_on_all(run_inside):
    """The world's threads use every CPU, seen by the CPUs' own run-time counters; FPU state goes with a thread."""
    result = run_inside(SPREAD, "--cpus", CPUS, "--append", "timerhz=1000", timeout=240)
    assert result.status == 0, result
    cpus, ended, distinct, listed, rows = json.loads(result.stdout)
    assert cpus == [str(number) for number in range(CPUS)]
    assert (ended, distinct, listed, rows) == (6, 2, CPUS, CPUS + 1)


MIGRATION = """
import subprocess, sys, threading
sys.path.insert(0, '/host')
from leaks import settle, table
settle('before')
columns = {'busy us': 2, 'switches': 4, 'stolen': 5, 'shoot-downs': 7}
read = lambda: {name: table('/proc/polyglot/cpus', column) for name, column in columns.items()}
before = read()
# The world's own threads move among them meanwhile.
own = threading.Thread(target=lambda: [sum(range(100)) for _ in range(3000)])
own.start()
result = subprocess.run(['/host/migrate', '3'], capture_output=True, text=True)
own.join()
now = read()
print(json.dumps({'name': 'migrate', 'status': result.returncode, 'output': result.stdout + result.stderr,
                  'grown': {name: {cpu: now[name][cpu] - before[name][cpu] for cpu in now[name]} for name in columns}}))
settle('after')
"""


def test_threads_migrate_while_others_unmap_fork_and_exit(tmp_path, run_inside):
    """Nobody is pinned. Every thread of tests/programs/cpus/migrate.c says how often it moved; the CPUs' own counters agree."""
    share = tmp_path / "share"
    share.mkdir()
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-static", "-O1", "-pthread", "-o", share / "migrate", SOURCES / "cpus" / "migrate.c"], check=True)
    (share / "leaks.py").write_bytes((SOURCES / "leaks.py").read_bytes())
    result = run_inside("import json\n" + MIGRATION, "--cpus", CPUS, "--memory", 512, "--with", share, timeout=400)
    assert result.status == 0, result
    found = parse(result.stdout)
    moves, children, threads, wrong = re.fullmatch(r"moves ([\d ]+), children (\d+), threads (\d+), wrong (\d+)\n",
                                                   found["migrate"]["output"]).groups()
    assert len(moves.split()) == 9 and min(map(int, moves.split())) >= 3
    assert int(children) > 0 and int(threads) > 0 and int(wrong) == 0 and found["migrate"]["status"] == 0
    grown = found["migrate"]["grown"]
    assert all(time > 0 for time in grown["busy us"].values()) and len(grown["busy us"]) == CPUS
    assert all(count > 0 for count in grown["switches"].values())
    # A thread comes to a CPU because that took it, or because it was sent there: not every move is a steal.
    assert sum(grown["stolen"].values()) > 0 and sum(grown["shoot-downs"].values()) > 0
    check_leaks(found)


@pytest.mark.parametrize("kind", ["test", "stack", "guard-page"])
def test_panic_stops_all(boot, kind):
    """One report, of one CPU; the others are stopped by NMI."""
    machine = boot(prompt=False, append=f"panic={kind}", cpus=CPUS)
    assert machine.wait(timeout=120) == PANIC_STATUS
    assert machine.serial.text.count("PANIC") == 1


def test_restart_while_threads_run_and_wait_on_all(boot):
    """The world dies while its threads compute and are inside system calls on other CPUs."""
    machine = boot(cpus=CPUS)
    for line in ("import threading, time, os, ctypes",
                 "start = lambda f, *a: threading.Thread(target=f, args=a, daemon=True).start()",
                 "r, w = os.pipe()",
                 "for i in range(3): start(lambda: [os.stat('/proc/self/maps') for _ in iter(int, 1)])\n",
                 "for i in range(3): start(lambda: [None for _ in iter(int, 1)])\n",
                 "start(time.sleep, 1000); start(os.read, r, 1)"):
        machine.serial.send(line + "\r")
        machine.serial.wait_for(NEXT_PROMPT, timeout=120)
    for _ in range(3):
        machine.serial.send("import ctypes; ctypes.string_at(8)\r")
        machine.serial.wait_for(r"ended by signal 11; starting it again", timeout=120)
        machine.serial.wait_for(PROMPT, timeout=120)
    machine.serial.send("import os; print(len(os.listdir('/proc/self/task')), 'thread')\r")
    machine.serial.wait_for(r"\n1 thread", timeout=120)
    machine.serial.wait_for(PROMPT, timeout=120)
    # Locks are held by the reader only: the file, its inode, the list of threads.
    machine.serial.send("print('held', [l.split('\\t')[0] for l in open('/proc/polyglot/locks')][1:])\r")
    machine.serial.wait_for(r"\nheld \['file', 'inode', 'threads'\]", timeout=120)
    machine.serial.wait_for(PROMPT, timeout=120)
    machine.serial.send("exit()\r")
    assert machine.wait(timeout=120) == 0


def test_monitor_shows_every_cpu(boot):
    machine = boot(cpus=CPUS)
    machine.qmp.execute("chardev-send-break", id="com1")
    machine.serial.wait_for(r"monitor> \Z", timeout=60)
    machine.serial.send("backtraces\r")
    for number in range(CPUS):
        machine.serial.wait_for(rf"CPU {number}\s+thread \d+ [\w/ ]+, in the \w+", timeout=60)
    machine.serial.wait_for(r"monitor> \Z", timeout=60)
    machine.serial.send("continue\r")
    machine.serial.send("40 + 2\r")
    machine.serial.wait_for(r"\n42\s", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    # What is typed while the monitor closes keeps its order, whichever CPU takes the interrupts. Lines that
    # fit on the screen: a line editor's redrawing of longer ones is not for the transcript.
    digits = "".join(f"{number:03}" for number in range(16))
    for number in range(10):
        machine.qmp.execute("chardev-send-break", id="com1")
        machine.serial.wait_for(r"monitor> \Z", timeout=60)
        machine.serial.send("continue\ra = ''\r" + f"a += '{digits}'\r" * 12 + f"print('round {number}', a == '{digits}' * 12)\r")
        assert machine.serial.wait_for(rf"\nround {number} (\w+)\s", timeout=60)[1] == "True"
        machine.serial.wait_for(PROMPT, timeout=60)

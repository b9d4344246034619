"""A world that dies by a fault is started again: the kernel, its log and its files live on, and nothing leaks."""

import re

from polyglot_vm.screen import NEXT_PROMPT

PROMPT = r">>> \Z"
FAULT = "import ctypes; ctypes.string_at(8)"


def ask(machine, line):
    machine.serial.send(line + "\r")
    return machine.serial.wait_for(NEXT_PROMPT, timeout=60)


def test_the_report_names_functions(boot):
    """Of the world that died, in its report; of threads, in the monitor's and the prompt's tables."""
    machine = boot()
    machine.serial.send(FAULT + "\r")
    report = machine.serial.wait_for(r"(?s)Native stack, most recent call first:\n(.*?)^\S", timeout=60)[1]
    machine.serial.wait_for(PROMPT, timeout=60)
    names = re.findall(r"^  0x[0-9a-f]+ (\S.*)\+0x[0-9a-f]+$", report, re.M)
    assert len(names) >= len(report.splitlines()) - 1, report  # _start's caller has none
    for name in ("rustpython_vm::frame::", "world::shell::", "_start"):
        assert any(name in found for found in names), f"{name} is not in\n{report}"
    ask(machine, "import polyglot, threading, time; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()")
    machine.serial.send("print([row.where for row in polyglot.threads() if row.process == 1 and row.state == 'sleeping'])\r")
    machine.serial.wait_for(r"\n\['thread_switch_to\+.* < [\w:]*nanosleep\w*\+0x[0-9a-f]+'\]", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)


def test_history_outlives_the_world(boot):
    machine = boot()
    ask(machine, "'remember' + 'ed'")
    die(machine)
    machine.serial.send("\x12remember\r")  # Ctrl-R
    machine.serial.wait_for(r"\n'remembered'", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)


def free_memory(machine):
    machine.serial.send("print('free', [l for l in open('/proc/meminfo') if 'MemFree' in l][0].split()[1])\r")
    found = machine.serial.wait_for(r"\nfree (\d+)\s", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    return int(found[1])


def die(machine):
    machine.serial.send(FAULT + "\r")
    machine.serial.wait_for(r"fatal: Segmentation fault at address 0x8", timeout=60)
    machine.serial.wait_for(r"ended by signal 11; starting it again", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)


def test_the_world_is_started_again(boot):
    machine = boot()
    ask(machine, "open('/root/kept', 'w').write('still here')")
    die(machine)
    machine.serial.send("print(open('/root/kept').read())\r")
    machine.serial.wait_for(r"\nstill here", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    machine.serial.send("import polyglot; print(any('ended by signal 11' in str(l) for l in str(polyglot.dmesg()).splitlines()))\r")
    machine.serial.wait_for(r"\nTrue", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    before = free_memory(machine)
    for _ in range(5):
        die(machine)
    assert before - free_memory(machine) < 64  # kB
    machine.serial.send("exit()\r")
    assert machine.wait(timeout=60) == 0


def test_with_threads_inside_system_calls(boot):
    """Threads that sleep, read a pipe and wait for a lock leave the kernel when the world ends."""
    machine = boot()
    for line in ("import threading, time, os, queue",
                 "r, w = os.pipe()",
                 "start = lambda f, *a: threading.Thread(target=f, args=a, daemon=True).start()",
                 "start(time.sleep, 1000); start(os.read, r, 1); start(queue.Queue().get)",
                 "start(lambda: [None for _ in iter(int, 1)])"):
        ask(machine, line)
    die(machine)
    machine.serial.send("import os; print(len(os.listdir('/proc/self/task')))\r")
    machine.serial.wait_for(r"\n1\s", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    machine.serial.send("exit()\r")
    assert machine.wait(timeout=60) == 0

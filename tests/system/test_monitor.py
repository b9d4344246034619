"""The rescue monitor: reached by key, by BREAK and by the watchdog, while the world spins."""

import pytest

PROMPT = r">>> \Z"
MONITOR = r"monitor> \Z"
BUSY = "print('spin' + 'ning'); [None for _ in iter(int, 1)]"


def start_spinning(machine):
    machine.serial.send(BUSY + "\r")
    machine.serial.wait_for(r"\nspinning", timeout=60)


def command(machine, line, expected):
    machine.serial.send(line + "\r")
    found = machine.serial.wait_for(expected, timeout=60)
    machine.serial.wait_for(MONITOR, timeout=60)
    return found


def test_break_on_the_serial_line(boot):
    machine = boot()
    start_spinning(machine)
    machine.qmp.execute("chardev-send-break", id="com1")
    machine.serial.wait_for(r"Monitor: the rescue key was pressed", timeout=60)
    machine.serial.wait_for(MONITOR, timeout=60)
    command(machine, "help", r"threads\s+every thread")
    command(machine, "threads", r"\n1\s+1\s+world\s+world\s+(ready|running)\s")
    command(machine, "bt 1", r"thread 1 world")
    command(machine, "bt 4711", r"there is no thread 4711")
    command(machine, "memory", r"\nworld\s+\d+\s+\d+")
    command(machine, "locks", r"lock\s+rank\s+thread")
    command(machine, "log", r"boot: ")
    command(machine, "nonsense", r"nonsense: no such command")
    machine.serial.send("kill\r")  # as Ctrl-C: the loop ends, the session stays
    machine.serial.wait_for(r"KeyboardInterrupt", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)


def test_rescue_key_and_restart(boot):
    machine = boot()
    start_spinning(machine)
    machine.qmp.press("alt", "sysrq")
    machine.serial.wait_for(MONITOR, timeout=60)
    machine.serial.send("restart\r")
    machine.serial.wait_for(r"ended by signal 9; starting it again", timeout=60)
    machine.serial.wait_for(PROMPT, timeout=60)
    machine.serial.send("1 + 1\r")
    machine.serial.wait_for(r"\n2\s", timeout=60)


def test_an_open_control_string_does_not_hide_it(boot):
    machine = boot()
    machine.serial.send("import sys; sys.stdout.write('\\x1b]'), sys.stdout.flush(), [None for _ in iter(int, 1)]\r")
    machine.serial.wait_for_bytes(lambda raw: b"\x1b]" in raw)  # and nothing behind it: no prompt comes between
    machine.qmp.execute("chardev-send-break", id="com1")
    machine.serial.wait_for(MONITOR, timeout=60)


def test_continue_gives_the_line_back(boot):
    machine = boot()
    machine.qmp.execute("chardev-send-break", id="com1")
    machine.serial.wait_for(MONITOR, timeout=60)
    machine.serial.send("continue\r")
    machine.serial.send("40 + 2\r")
    machine.serial.wait_for(r"\n42\s", timeout=60)


@pytest.mark.parametrize("cpus", [1, 4])
def test_a_break_is_seen_while_the_line_sends(boot, cpus):
    """Who sends reads the line's status, too, which forgets the break and takes back its interrupt."""
    machine = boot(cpus=cpus)
    for number in range(10):
        machine.serial.send(f"print(('burst{number} ' + 'x' * 60 + '\\n') * 300)\r")
        machine.serial.wait_for(rf"\nburst{number} x{{60}}\n", timeout=60)
        machine.qmp.execute("chardev-send-break", id="com1")
        machine.serial.wait_for("monitor> ", timeout=60)
        machine.serial.send("continue\r1 + 1\r")
        machine.serial.wait_for(r"\n2\s", timeout=60)
        machine.serial.wait_for(PROMPT, timeout=60)


def test_poweroff(boot):
    machine = boot()
    machine.qmp.execute("chardev-send-break", id="com1")
    machine.serial.wait_for(MONITOR, timeout=60)
    machine.serial.send("poweroff\r")
    assert machine.wait(timeout=60) == 0


def test_watchdog(boot):
    """A world that ignores Ctrl-C and never asks for input: the monitor opens by itself."""
    machine = boot()
    machine.serial.send("import signal; _ = signal.signal(signal.SIGINT, signal.SIG_IGN)\r")
    machine.serial.wait_for(PROMPT, timeout=60)
    start_spinning(machine)
    for _ in range(5):
        machine.serial.send("\x03")
    machine.serial.wait_for(r"Monitor: Ctrl-C was pressed again and again", timeout=60)
    machine.serial.wait_for(MONITOR, timeout=60)

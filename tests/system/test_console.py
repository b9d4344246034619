"""The console from a user's side: prompt, keyboard, screen, Ctrl-C, the end of the machine."""

import os
import pty
import subprocess
import termios
import time

import pytest

from conftest import VM, vm
from polyglot_vm import screen
from polyglot_vm.screen import ask, read_screen
from polyglot_vm.serial_line import SerialLine

FIRMWARES = [pytest.param("bios"), pytest.param("uefi", marks=pytest.mark.uefi)]


def wait_for_screen(machine, tmp_path, expected, timeout=30):
    """Reads the screen until `expected`(lines) is true; returns the lines."""
    deadline = time.monotonic() + timeout
    while not expected(lines := read_screen(machine, tmp_path)):
        assert time.monotonic() < deadline, "\n".join(lines)
    return lines


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_keyboard_and_screen(boot, tmp_path, firmware):
    """Typed on the emulated keyboard; the answer is on the screen and on the serial port."""
    machine = boot(firmware=firmware)
    screen.type_lines(machine, "print('Keyboard', 6 * 7, \"~!@#$%^&*()_+{}|:<>?[];,./`-=\")")
    expected = "Keyboard 42 ~!@#$%^&*()_+{}|:<>?[];,./`-="
    assert expected in machine.serial.text
    lines = read_screen(machine, tmp_path)
    assert expected in lines
    assert lines[lines.index(expected) + 1].startswith(">>>")


def test_boot_line_says_what_this_is(boot, tmp_path):
    machine = boot()
    lines = "\n".join(read_screen(machine, tmp_path))
    for text in (machine.serial.text, lines):
        assert "Polyglot OS" in text and "exit()" in text


def test_block_by_keyboard(boot):
    machine = boot()
    screen.type_lines(machine, "for i in range(3):\n    i * 11\n")
    assert "0\n11\n22\n" in machine.serial.text


def test_block_on_the_serial_line(boot):
    machine = boot()
    machine.serial.send("def f(n):\r")
    machine.serial.wait_for(screen.NEXT_PROMPT)
    machine.serial.send("    return n * 2\r")
    machine.serial.wait_for(screen.NEXT_PROMPT)
    machine.serial.send("\r")
    machine.serial.wait_for("\n" + screen.FIRST_PROMPT)
    assert ask(machine, "f(21)") == "42\n"


def test_history_by_arrow_key(boot):
    machine = boot()
    screen.type_lines(machine, "40 + 2")
    machine.serial.mark = len(machine.serial.text)
    machine.qmp.press("up")
    machine.qmp.press("ret")
    assert machine.serial.wait_for(r"(?s)(.*)^>>> \Z")[1].endswith("42\n")


@pytest.mark.parametrize("busy", ["while True: pass", "import time; time.sleep(1000)", "pow(3, 10**9)",
                                  "import re; re.match('(a+)+b', 'a' * 60)"])
def test_ctrl_c_by_keyboard(boot, busy):
    machine = boot()
    machine.serial.mark = len(machine.serial.text)
    machine.qmp.type_text(busy + "\n")
    if busy.endswith("pass"):
        machine.qmp.type_text("\n")
    machine.serial.wait_for(r"\n")
    time.sleep(1)  # until it is certainly busy; an earlier Ctrl-C would only clear the line
    machine.qmp.press("ctrl", "c")
    assert "KeyboardInterrupt" in machine.serial.wait_for(r"(?s)(.*)^>>> \Z", timeout=30)[1]
    assert ask(machine, "1 + 1") == "2\n"


def test_exception_returns_to_the_prompt(boot):
    machine = boot()
    assert "ZeroDivisionError" in ask(machine, "1 / 0")
    assert "RecursionError" in ask(machine, "exec('def f(): f()\\nf()')")
    assert "MemoryError" in ask(machine, "bytearray(1 << 40)")
    assert ask(machine, "1 + 1") == "2\n"


@pytest.mark.parametrize("firmware", FIRMWARES)
def test_exit_powers_off(boot, firmware):
    machine = boot(firmware=firmware)
    machine.serial.send("exit()\r")
    assert machine.wait(timeout=30) == 0


def test_ctrl_d_asks_and_powers_off(boot):
    machine = boot()
    machine.qmp.press("ctrl", "d")
    machine.serial.wait_for(r"^Power off\?.*\Z")
    machine.qmp.type_text("y\n")
    assert machine.wait(timeout=30) == 0


def test_scroll_back(boot, tmp_path):
    """Shift-PageUp shows what scrolled off, by half screens, with a mark; output does not move it; a key that types
    something returns, and what it types is not lost."""
    machine = boot()
    _, rows = eval(ask(machine, "import os, threading; tuple(os.get_terminal_size(0))"))
    half = rows // 2
    ask(machine, "for number in range(300): print('row', number)\r")
    live = wait_for_screen(machine, tmp_path, lambda lines: "row 299" in lines)
    bottom = live.index("row 299")
    machine.qmp.press("shift", "pgup")
    lines = wait_for_screen(machine, tmp_path, lambda lines: lines[0].endswith(f" lines above, {half} below"))
    assert lines[bottom] == f"row {299 - half}" and lines[0].startswith(f"row {299 - half - bottom} ")
    machine.qmp.press("shift", "pgup")
    wait_for_screen(machine, tmp_path, lambda lines: lines[bottom] == f"row {299 - 2 * half}")
    machine.qmp.press("shift", "pgdn")
    lines = wait_for_screen(machine, tmp_path, lambda lines: lines[bottom] == f"row {299 - half}")
    ask(machine, "print('output ' * 2)")  # over the serial line: two rows and the prompt's more
    after = wait_for_screen(machine, tmp_path, lambda lines: lines[0].endswith(f"{half + 2} below"))
    assert after[1:] == lines[1:]
    machine.serial.mark = len(machine.serial.text)
    machine.qmp.type_text("6 * 7")
    wait_for_screen(machine, tmp_path, lambda lines: ">>> 6 * 7" in lines and "output output" in lines)
    machine.qmp.press("ret")
    machine.serial.wait_for("^42\n")


def test_screenshot_command(tmp_path):
    output = tmp_path / "screen.png"
    result = vm("screenshot", output, "--type", "print('Screen' + 'shot')")
    assert result.status == 0, result.stderr
    assert output.read_bytes().startswith(b"\x89PNG")


def test_window_size(boot):
    """The tty's size is the screen's, so that line editing wraps where the screen does."""
    machine = boot()
    columns, rows = eval(ask(machine, "import os; tuple(os.get_terminal_size(0))"))
    assert columns >= 80 and rows >= 25


def test_memory_is_given_back(boot):
    """Free memory before and after work at the prompt."""
    machine = boot()
    free = "int(open('/proc/meminfo').read().split('MemFree:')[1].split()[0])"
    work = ("exec('import threading, os\\nfor i in range(50):\\n t = threading.Thread(target=bytearray, args=(1 << 20,))\\n"
            " t.start(); t.join()\\n f = open(\"/tmp/x\", \"wb\"); f.write(bytes(1 << 20)); f.close(); os.remove(\"/tmp/x\")\\n')")
    ask(machine, work)  # what stays after the first time is the allocator's
    before = int(ask(machine, free))
    ask(machine, work)
    ask(machine, work)
    after = int(ask(machine, free))
    assert before - after < 512, f"{before - after} kB less free after the second and third time"


def test_run_on_this_terminal():
    """tools/vm run as a user has it: a real terminal with its size, Ctrl-C for the guest, exit() ends it with
    status 0."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (33, 91))
    process = subprocess.Popen([VM, "run", "--terminal"], stdin=terminal, stdout=terminal, stderr=terminal)
    line = SerialLine(controller, controller)
    try:
        line.wait_for(screen.FIRST_PROMPT, 120)
        line.send("import os; tuple(os.get_terminal_size(0))\r")
        line.wait_for(r"^\(91, 33\)$")
        line.wait_for(screen.FIRST_PROMPT)
        line.send("while True: pass\r\r")
        line.wait_for(r"\n")
        time.sleep(1)
        line.send("\x03")
        assert "KeyboardInterrupt" in line.wait_for(r"(?s)(.*)^>>> \Z", 30)[1]
        line.send("exit()\r")
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)

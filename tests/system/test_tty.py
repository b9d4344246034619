"""The tty from both ends: pastes, line editing of canonical mode, Ctrl-C in a flood, queries, layouts, panics."""

import hashlib
import re
import time

import pytest

from polyglot_vm import machine as machine_module
from polyglot_vm import screen
from polyglot_vm.screen import ask



def define(machine, source):
    """Defines functions at the prompt; one line, so that its indenting is out of the game."""
    assert "Error" not in ask(machine, f"exec({source!r})")


def start(machine, line):
    """Runs a line that prints `ready` before it reads."""
    machine.serial.send(line + "\r")
    machine.serial.wait_for(r"^ready\r?$")


def test_paste_of_lines(boot):
    """100,000 characters at once to a program that is asleep: none is lost."""
    machine = boot()
    define(machine, "import hashlib, sys, time\n"
           "def collect():\n    print('ready'); time.sleep(1)\n    lines = iter(sys.stdin.readline, 'end\\n')\n"
           "    text = ''.join(lines); print(len(text), hashlib.sha256(text.encode()).hexdigest())\n")
    text = "".join(f"{number:06} {'abcdefghi ' * 9}\n" for number in range(1031))
    start(machine, "collect()")
    machine.serial.send(text + "end\r")
    expected = f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}"
    assert len(text) > 100_000
    machine.serial.wait_for(f"^{expected}", 60)


ALPHABETS = "größer λόγος слово 中文 ┌─┐ the quick brown fox jumps over"


def test_paste_at_the_prompt(boot):
    """A string of many lines: 100,000 characters from a terminal that marks pastes, some from one that does not."""
    machine = boot()
    define(machine, "import hashlib")
    for size, begin, end in ((100_000, "\x1b[200~", "\x1b[201~"), (10_000, "", "")):
        text = "\n".join(f"{number:04} {ALPHABETS}" for number in range(size // (len(ALPHABETS) + 6) + 1))
        assert len(text) > size
        before = machine.serial.size
        machine.serial.send(f"{begin}pasted = \'\'\'{text}\'\'\'{end}\r".replace("\n", "\r"))
        machine.serial.wait_for(screen.FIRST_PROMPT, 300)
        # Shown twice at most, when it comes and when it is read, with a prompt for each line; not once more for each line.
        assert machine.serial.size - before < 5 * len(text.encode())
        expected = f"({len(text)}, '{hashlib.sha256(text.encode()).hexdigest()}')\n"
        assert ask(machine, "len(pasted), hashlib.sha256(pasted.encode()).hexdigest()") == expected


def test_paste_of_bytes(boot):
    """More bytes than the tty's buffer holds, in raw mode, to a slow reader: the sender is held back."""
    machine = boot()
    define(machine, "import hashlib, os, termios, time, tty\n"
           "def collect(size):\n    old = termios.tcgetattr(0); tty.setraw(0)\n    print('ready\\r'); time.sleep(1)\n"
           "    digest = hashlib.sha256()\n    while size > 0:\n"
           "        data = os.read(0, 65536); digest.update(data); size -= len(data)\n"
           "    termios.tcsetattr(0, termios.TCSADRAIN, old); print('digest', digest.hexdigest())\n")
    text = "".join(f"{number}," for number in range(40000))
    start(machine, f"collect({len(text)})")
    machine.serial.send(text)
    machine.serial.wait_for(f"digest {hashlib.sha256(text.encode()).hexdigest()}", 60)


def test_line_editing_of_input(boot):
    """input() uses the terminal's own editing: erase, word erase, kill, literal next."""
    machine = boot()
    define(machine, "import sys\ndef line():\n    print('ready'); print(ascii(sys.stdin.readline()))\n")
    for typed, read in [("abd\x7fc\r", "abc\\n"), ("one two\x17three\r", "one three\\n"), ("gone\x15kept\r", "kept\\n"),
                        ("a\x16\x03\r", "a\\x03\\n"), ("\u00e4\u4e2d\x7f\x7fx\r", "x\\n"), ("text\x04\x04", "text")]:
        start(machine, "line()")
        machine.serial.send(typed)
        machine.serial.wait_for(re.escape(f"'{read}'"))
        machine.serial.wait_for(r">>> \Z")


def test_end_of_file(boot):
    machine = boot()
    start(machine, "import sys; print('ready'); print(repr(sys.stdin.read()))")
    machine.serial.send("some\rlines\r\x04")
    machine.serial.wait_for(re.escape(r"'some\nlines\n'"))


@pytest.mark.parametrize("flood", ["print('x' * 100)", "os.write(1, b'x' * 5000 + b'\\n')"])
def test_ctrl_c_in_a_flood(boot, flood):
    machine = boot()
    ask(machine, "import os")
    machine.serial.send(f"while True: a = {flood}\r\r")
    machine.serial.wait_for("xxxx")
    time.sleep(0.3)
    machine.serial.send("\x03")
    machine.serial.wait_for("^KeyboardInterrupt", 30)
    machine.serial.wait_for(r">>> \Z")
    machine.serial.send("print('an' + 'swer')\r")
    machine.serial.wait_for("^answer")


def test_flow_control(boot):
    """Ctrl-S holds output back, Ctrl-Q lets it go on."""
    machine = boot()
    start(machine, "import time; print('ready'); time.sleep(1); print('after ' + 'the pause')")
    machine.serial.send("\x13")
    time.sleep(2)
    assert "after the pause" not in machine.serial.text
    machine.serial.send("\x11")
    machine.serial.wait_for("^after the pause")


def test_raw_reads_with_time(boot):
    """VMIN and VTIME: a read returns when the time is over, with what there is."""
    machine = boot()
    define(machine, "import os, termios, time, tty\n"
           "def read(minimum, tenths):\n    old = termios.tcgetattr(0); tty.setraw(0); new = termios.tcgetattr(0)\n"
           "    new[6][termios.VMIN] = minimum; new[6][termios.VTIME] = tenths\n"
           "    termios.tcsetattr(0, termios.TCSANOW, new); begin = time.monotonic(); print('ready\\r')\n"
           "    data = os.read(0, 100); duration = time.monotonic() - begin\n"
           "    termios.tcsetattr(0, termios.TCSADRAIN, old); print(data, round(duration, 1))\n")
    start(machine, "read(0, 5)")
    data, duration = machine.serial.wait_for(r"^(b'.*') ([\d.]+)\n").groups()
    assert data == "b''" and 0.4 < float(duration) < 3
    machine.serial.wait_for(r">>> \Z")
    start(machine, "read(3, 5)")
    machine.serial.send("ab")  # the time runs from the first byte on
    assert machine.serial.wait_for(r"^(b'.*') ([\d.]+)\n")[1] == "b'ab'"
    machine.serial.wait_for(r">>> \Z")
    start(machine, "read(3, 0)")
    machine.serial.send("abc")
    assert machine.serial.wait_for(r"^(b'.*') ([\d.]+)\n")[1] == "b'abc'"


def test_screen_answers_queries(boot):
    """Somebody types at the keyboard: the screen's terminal tells its identity and where the cursor is."""
    machine = boot()
    define(machine, "import os, termios, tty\n"
           "def query(text):\n    old = termios.tcgetattr(0); tty.setraw(0); os.write(1, text)\n"
           "    data = os.read(0, 100); termios.tcsetattr(0, termios.TCSADRAIN, old); print(data)\n")
    machine.serial.mark = len(machine.serial.text)
    machine.qmp.type_text("query(b'\\033[5;7H\\033[6n')\n")
    machine.serial.wait_for(re.escape(r"b'\x1b[5;7R'"))


def test_german_layout(boot):
    machine = boot(append="keymap=de")
    machine.serial.mark = len(machine.serial.text)
    # The keys of a US keyboard where a German one has: "zyäß@-_{"
    for keys in [("shift", "2"), ("y",), ("z",), ("apostrophe",), ("minus",), ("alt_r", "q"), ("slash",),
                 ("shift", "slash"), ("alt_r", "7"), ("shift", "2"), ("ret",)]:
        machine.qmp.press(*keys)
    machine.serial.wait_for(r"^'zyäß@-_\{'")


def test_window_option(boot, tmp_path):
    """window= makes the grid as small as the terminal behind the serial line; the screen wraps there too."""
    machine = boot(append="window=40x12")
    ask(machine, "import os")
    assert ask(machine, "os.get_terminal_size(0)[:]") == "(40, 12)\n"
    ask(machine, "print('0123456789' * 5)")
    lines = screen.read_screen(machine, tmp_path)
    at = lines.index("0123456789" * 4)
    assert lines[at + 1] == "0123456789"


def test_styles_on_the_screen(boot, tmp_path):
    """Attributes, colours and other alphabets are drawn by the font's glyphs."""
    machine = boot()
    text = "Ελληνικά Кириллица äöüß ┌─┐ ░ ✓"
    ask(machine, f"print('\\033[1;31mbold\\033[0m \\033[7mreverse\\033[0m', {ascii(text)})")
    # What looks the same reads as the lowest code point: not compared.
    seen = "\n".join(screen.read_screen(machine, tmp_path))
    assert "bold reverse " in seen and "äöüß ┌─┐ ░ ✓" in seen


def test_panic_is_on_the_screen(boot, tmp_path, monkeypatch):
    """Without QEMU's debug-exit device the machine stays halted, and its screen tells why."""
    monkeypatch.setattr(machine_module, "DEBUG_EXIT", [])
    machine = boot(prompt=False, append="panic=test")
    machine.serial.wait_for("PANIC: .*(?s:.*)halted", 60)
    time.sleep(0.5)
    seen = "\n".join(screen.read_screen(machine, tmp_path))
    assert "PANIC: " in seen and "main_late" in seen


def test_requests(boot):
    """The ioctls behind os, termios and fcntl (by number where RustPython has no name), on every name of the tty."""
    machine = boot()
    ask(machine, "import fcntl, os, select, struct, termios, time, tty")
    for name in ("/dev/tty", "/dev/console", "/dev/tty1", "/dev/ttyS0"):
        assert ask(machine, f"fd = os.open('{name}', os.O_RDWR); os.isatty(fd), os.get_terminal_size(fd)[0] > 0") \
            == "(True, True)\n"
    assert ask(machine, "os.tcgetpgrp(0) == os.getpgrp()") == "True\n"
    assert ask(machine, "os.tcsetpgrp(0, os.getpgrp())") == ""
    assert ask(machine, "struct.unpack('i', fcntl.ioctl(0, 0x5429, bytes(4)))[0] == os.getsid(0)") == "True\n"
    assert ask(machine, "struct.unpack('i', fcntl.ioctl(0, termios.FIONREAD, bytes(4)))") == "(0,)\n"
    assert ask(machine, "struct.unpack('i', fcntl.ioctl(1, termios.TIOCOUTQ, bytes(4)))[0] < 20000") == "True\n"
    assert ask(machine, "termios.tcdrain(1), termios.tcflush(0, termios.TCIOFLUSH), termios.tcflow(1, termios.TCOON)") \
        == "(None, None, None)\n"
    assert ask(machine, "fcntl.ioctl(0, 0x5424, bytes(4))") == "b'\\x00\\x00\\x00\\x00'\n"
    define(machine, "def error(request, data=bytes(44)):\n    try: fcntl.ioctl(0, request, data)\n"
                    "    except OSError as e: print(e.errno)\n")
    assert ask(machine, "error(0x5499)") == "25\n"  # ENOTTY
    assert ask(machine, "select.select([0], [1], [], 0)") == "([], [1], [])\n"
    start(machine, "print('ready'); select.select([0], [], [], 30)[0], os.read(0, 9)")
    machine.serial.send("x\r")
    machine.serial.wait_for(re.escape(r"([0], b'x\n')"))
    machine.serial.wait_for(screen.ANSWER)
    define(machine, "def size(columns, rows):\n"
                    "    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('4H', rows, columns, 0, 0))\n")
    define(machine, "import signal\nseen = []\n"
                    "signal.signal(signal.SIGWINCH, lambda *a: seen.append(os.get_terminal_size(0)[:]))\n")
    assert ask(machine, "size(100, 40); time.sleep(0.1); seen") == "[(100, 40)]\n"

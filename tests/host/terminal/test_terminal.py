"""The console's terminal emulator beside another one (pyte): the same bytes give the same screen.

Sequences are put together at random from what both know. Where pyte departs from xterm, whose ways we follow,
XtermScreen corrects it or the generator keeps away; each such place says so.
"""

import random
import struct
import subprocess
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SOURCES = ["tests/host/terminal/terminal_dump.c", "dev/console/terminal.c", "dev/console/terminal_control.c",
           "dev/console/terminal_grid.c", "dev/console/terminal_view.c", "dev/tty/column_width.c", "lib/utf8.c",
           "lib/printf.c"]
BOLD, ITALIC, UNDERLINE, REVERSE, STRIKE = 1, 4, 8, 32, 128

# What a session with a line editor writes: prompts, bracketed paste, repainted lines, a multi-line block, a bell.
RECORDED = (
    b"\x1b[?2004h>>> \x1b[K\r>>> p\x1b[K\r\x1b[5Cr\r>>> print(1\x1b[1m)\x1b[0m\x1b[K\r\x1b[12C\r\n1\r\n"
    b"\x1b[?2004h\r\x1b[K>>> for i in range(3):\r\n... \x1b[K    print(i)\r\n\x1b[1A\x1b[0J\r... \x1b[7mpass\x1b[m"
    b"\r\n0\r\n1\r\n2\r\n\x07\x1b[?2004l\x1b[?25l\x1b[2K\rdone \xe2\x9c\x93 \xc3\xa4\xc3\xb6\xc3\xbc\x1b[?25h")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """Our emulator as a process, under the sanitizers."""
    program = tmp_path_factory.mktemp("terminal") / "terminal_dump"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
                    "-I.", *SOURCES, "-o", program], cwd=ROOT, check=True)
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield process
    process.stdin.close()
    assert process.wait() == 0


def run_ours(process, columns, rows, data):
    process.stdin.write(struct.pack("<3I", columns, rows, len(data)) + data)
    process.stdin.flush()
    word, *cursor = process.stdout.readline().split()
    assert word == b"cursor"
    grid = []
    for _ in range(rows):
        cells = (cell.split(b"/") for cell in process.stdout.readline().split())
        grid.append([(chr(int(point, 16)) if int(point, 16) else "", int(attributes, 16) & 0xFF)
                     for point, attributes in cells])
    return tuple(map(int, cursor)), grid


class XtermScreen(pyte.Screen):
    """pyte, with xterm's behaviour where it differs."""

    def cursor_up(self, count=None):
        # pyte stops at the region's edge also when the cursor is outside of it.
        margins, y = self.margins, self.cursor.y
        self.margins = margins if margins and y >= margins.top else None
        super().cursor_up(count)
        self.margins = margins

    def cursor_down(self, count=None):
        margins, y = self.margins, self.cursor.y
        self.margins = margins if margins and y <= margins.bottom else None
        super().cursor_down(count)
        self.margins = margins

    def insert_characters(self, count=None):
        # pyte keeps a character just beyond the line, and may bring it back.
        super().insert_characters(count)
        self.buffer[self.cursor.y].pop(self.columns, None)

    def restore_cursor(self):
        # pyte moves a cursor into the region that was saved outside of it.
        margins, self.margins = self.margins, None
        super().restore_cursor()
        self.margins = margins

    def delete_lines(self, count=None):
        # pyte leaves a line alone if the one that replaces it was never written.
        for y in range(self.lines):
            self.buffer[y]  # makes it
        super().delete_lines(count)


def run_pyte(columns, rows, data):
    screen = XtermScreen(columns, rows)
    pyte.ByteStream(screen).feed(data)
    grid = []
    for y in range(rows):
        line = []
        for x in range(columns):
            char = screen.buffer[y][x]
            attributes = (BOLD * char.bold | ITALIC * char.italics | UNDERLINE * char.underscore
                          | REVERSE * char.reverse | STRIKE * char.strikethrough)
            # pyte marks erased cells with the attributes in force; xterm keeps only the background.
            line.append((char.data, attributes if char.data != " " else 0))
        grid.append(line)
    # pyte has the cursor behind the last column while a wrap is pending.
    return (screen.cursor.y, min(screen.cursor.x, columns - 1)), grid


def show(grid):
    return "\n".join("|" + "".join(char for char, _ in line) + "|" for line in grid)


def compare(process, columns, rows, data):
    our_cursor, ours = run_ours(process, columns, rows, data)
    their_cursor, theirs = run_pyte(columns, rows, data)
    ours = [[(char, attributes if char != " " else 0) for char, attributes in line] for line in ours]
    assert (our_cursor, ours) == (their_cursor, theirs), (
        f"{columns}x{rows} {data!r}\nours, cursor {our_cursor}:\n{show(ours)}\n"
        f"pyte's, cursor {their_cursor}:\n{show(theirs)}")


def test_recorded_session(emulator):
    for columns, rows in ((80, 24), (40, 4), (20, 3)):
        compare(emulator, columns, rows, RECORDED)


class Generator:
    """A random sequence for a screen of a given size."""

    def __init__(self, seed, columns, rows):
        self.random, self.columns, self.rows = random.Random(seed), columns, rows

    def number(self, limit):
        return self.random.choice(["", "1", str(self.random.randint(1, limit + 2)), str(limit)])

    def text(self):
        alphabet = self.random.choice(["abcdefghij", "ABC  xyz", "äöü€─│"])
        length = self.random.choice([1, 3, 8, self.columns, 2 * self.columns])
        # No pending wrap afterwards: pyte then treats the cursor as being beyond the line.
        return "".join(self.random.choice(alphabet) for _ in range(length)) + self.random.choice(["\r", "\r\n"])

    def wide_text(self):
        # On a line of its own: pyte neither wraps a wide character that does not fit, nor mends one that is
        # overwritten by half.
        return "\r\x1b[2K" + "".join(self.random.choice("a中文c") for _ in range(self.columns // 2)) + "\r"

    def move_vertically(self):
        return f"\x1b[{self.number(self.rows)}{self.random.choice('ABEFLMd')}"

    def move(self):
        if self.random.random() < 0.4:
            return f"\x1b[{self.number(self.rows)};{self.number(self.columns)}H"
        # Without ` (HPA), which pyte does not know.
        return f"\x1b[{self.number(self.rows)}{self.random.choice('ABCDEFGade')}"

    def change(self):
        final = self.random.choice("@PXLMJKJK")
        # Not 3 for J: xterm clears the scroll-back alone, pyte the screen.
        argument = self.random.choice(["", "0", "1", "2"]) if final in "JK" else self.number(self.columns)
        return f"\x1b[{argument}{final}"

    def style(self):
        return f"\x1b[{self.random.choice(['', '0', '1', '3', '4', '7', '9', '22', '23', '24', '27', '29', '1;4'])}m"

    def region(self):
        top = self.random.randint(1, self.rows - 1)
        return f"\x1b[{top};{self.random.randint(top + 1, self.rows)}r"

    def control(self):
        # Without ESC E (NEL), which does not return the carriage in pyte.
        return self.random.choice(["\n", "\r", "\b", "\t", "\x0b", "\x1bD", "\x1bM", "\x1b[4h", "\x1b[4l", "\x1bH",
                                   "\x1b[g", "\x1b[3g", "\x07", "\x1b]0;title\x07"])

    def saved(self):
        # In pairs: pyte keeps a stack of saved cursors.
        return "\x1b7" + self.move() + self.style() + self.text() + "\x1b8"

    def sequence(self, length, wide):
        kinds = ([self.wide_text] * 3 + [self.move_vertically] * 3 + [self.region, lambda: "\n"] if wide else
                 [self.text] * 6 + [self.move] * 6 + [self.change] * 4 + [self.control] * 4
                 + [self.style, self.region, self.saved])
        return "".join(self.random.choice(kinds)() for _ in range(length)).encode()


@pytest.mark.parametrize("columns, rows", [(80, 24), (20, 6), (7, 3)])
def test_random_sequences(emulator, columns, rows):
    for seed in range(200):
        compare(emulator, columns, rows, Generator(seed, columns, rows).sequence(30, wide=seed % 4 == 0))

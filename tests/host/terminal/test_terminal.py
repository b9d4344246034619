"""The console's terminal emulator beside another one (pyte): the same bytes give the same screen.

Sequences are put together at random, and recorded from real programs (record.py). Where pyte departs from xterm, whose
ways we follow, emulators.py corrects it; DEPARTURES there tells why.
"""

import random

import pytest

import emulators

# What a session with a line editor writes: prompts, bracketed paste, repainted lines, a multi-line block, a bell.
RECORDED = (
    b"\x1b[?2004h>>> \x1b[K\r>>> p\x1b[K\r\x1b[5Cr\r>>> print(1\x1b[1m)\x1b[0m\x1b[K\r\x1b[12C\r\n1\r\n"
    b"\x1b[?2004h\r\x1b[K>>> for i in range(3):\r\n... \x1b[K    print(i)\r\n\x1b[1A\x1b[0J\r... \x1b[7mpass\x1b[m"
    b"\r\n0\r\n1\r\n2\r\n\x07\x1b[?2004l\x1b[?25l\x1b[2K\rdone \xe2\x9c\x93 \xc3\xa4\xc3\xb6\xc3\xbc\x1b[?25h")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    terminal = emulators.OurTerminal(emulators.build(tmp_path_factory.mktemp("terminal")))
    yield terminal
    assert terminal.close() == 0


def test_recorded_session(ours):
    for columns, rows in ((80, 24), (40, 4), (20, 3)):
        emulators.compare(ours, columns, rows, RECORDED, 1)


class Generator:
    """A random sequence for a screen of a given size."""

    STYLES = ["", "0", "1", "3", "4", "5", "6", "7", "9", "21", "22", "23", "24", "25", "27", "29", "1;4", "31", "44", "39",
              "49", "97", "105", "38;5;200", "48;5;5", "38;2;1;2;3", "48;2;4;5;6;1", "38:5:7", "48:2::9:8:7", "4:3", "4:0",
              "58;5;1;7", "0;33"]
    ALPHABETS = ["abcdefghij", "ABC  xyz", "#_lqkxmj~+0", "äöü€─│", "a中文c", "e\u0301x"]
    MODES = ["4", "20", "?6", "?7", "?25", "?47", "?1047", "?1048", "?1049", "?5", "?3", "?2004"]
    CONTROLS = ["\n", "\r", "\b", "\t", "\x0b", "\x0e", "\x0f", "\x07", "\x1bD", "\x1bE", "\x1bM", "\x1bH", "\x1b7",
                "\x1b8", "\x1b[s", "\x1b[u", "\x1b[g", "\x1b[3g", "\x1b(0", "\x1b)0", "\x1b(B", "\x1b)A", "\x1b*0", "\x1b+A", "\x1bn", "\x1bo", "\x1bN", "\x1bO", "\x1b#8",
                "\x1b[!p", "\x1bc", "\x1b]0;title\x07", "\x1b]8;;x\x1b\\", "\x1bP+q\x1b\\", "\x1b[>4;2m", "\x1b[2 q"]

    def __init__(self, seed, columns, rows):
        self.random, self.columns, self.rows = random.Random(seed), columns, rows

    def number(self, limit):
        return self.random.choice(["", "1", str(self.random.randint(1, limit + 2)), str(limit)])

    def text(self):
        alphabet = self.random.choice(self.ALPHABETS)
        length = self.random.choice([1, 3, 8, self.columns, 2 * self.columns])
        return "".join(self.random.choice(alphabet) for _ in range(length)) + self.random.choice(["", "\r", "\r\n"])

    def move(self):
        if self.random.random() < 0.4:
            return f"\x1b[{self.number(self.rows)};{self.number(self.columns)}H"
        return f"\x1b[{self.number(self.rows)}{self.random.choice('ABCDEFGadeIZk`')}"

    def change(self):
        final = self.random.choice("@PXLMJKJKSTb")
        argument = self.random.choice(["", "0", "1", "2", "3"]) if final in "JK" else self.number(self.columns)
        return f"\x1b[{argument}{final}"

    def style(self):
        return f"\x1b[{self.random.choice(self.STYLES)}m"

    def mode(self):
        return f"\x1b[{self.random.choice(self.MODES)}{self.random.choice('hl')}"

    def region(self):
        top = self.random.randint(1, self.rows - 1)
        return self.random.choice([f"\x1b[{top};{self.random.randint(top + 1, self.rows)}r"] * 3 + ["\x1b[r"])

    def control(self):
        return self.random.choice(self.CONTROLS)

    def sequence(self, length):
        kinds = [self.text] * 6 + [self.move] * 6 + [self.change] * 5 + [self.control] * 5 + [self.style] * 3 \
            + [self.mode] * 2 + [self.region]
        return "".join(self.random.choice(kinds)() for _ in range(length)).encode()


@pytest.mark.parametrize("columns, rows", [(80, 24), (20, 6), (7, 3)])
def test_random_sequences(ours, columns, rows):
    for seed in range(150):
        emulators.compare(ours, columns, rows, Generator(seed, columns, rows).sequence(60), 100)

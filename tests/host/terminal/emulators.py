"""Two terminal emulators, fed with the same bytes: ours (dev/console, built with the sanitizers) and pyte, corrected
to xterm's ways where it departs from them.

    ours = OurTerminal(build(directory)); ours.start(80, 24); reply = ours.write(bytes); ours.grid()
    theirs = PyteTerminal(80, 24); theirs.write(bytes); theirs.grid()

A grid is ((row, column) of the cursor, rows of cells), a cell is (character, foreground, background, attributes);
the right half of a wide character has the character "". Colours are None or a string of six hexadecimal digits.

DEPARTURES tells everything in which pyte 0.8.2 is corrected or by-passed, and why: nothing else is normalised.
xterm's ways: "XTerm Control Sequences" (ctlseqs), the VT102 User Guide and VT510 manual it refers to, ECMA-48.
"""

import codecs
import functools
import re
import struct
import subprocess
from pathlib import Path

import pyte
from pyte import charsets, graphics, modes
from pyte.screens import Char, Margins

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SOURCES = ["tests/host/terminal/terminal_dump.c", "dev/console/terminal.c", "dev/console/terminal_control.c",
           "dev/console/terminal_grid.c", "dev/console/terminal_view.c", "dev/console/terminal_vt52.c", "dev/tty/column_width.c",
           "lib/utf8.c", "lib/printf.c"]
# enum terminal_attribute, and what pyte has of it.
ATTRIBUTES = [("bold", 1), ("italics", 4), ("underscore", 8), ("blink", 16), ("reverse", 32), ("strikethrough", 128)]
COMPARED = sum(bit for _, bit in ATTRIBUTES)
INDEXED, RGB = 1 << 24, 1 << 25


def build(directory):
    """Our emulator as a program, under the sanitizers; its path."""
    program = directory / "terminal_dump"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
                    "-I.", *SOURCES, "-o", program], cwd=ROOT, check=True)
    return program


class OurTerminal:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _ask(self, *request, data=b""):
        self.process.stdin.write(struct.pack("=3I", *request) + data)
        self.process.stdin.flush()

    def _read(self, size):
        data = self.process.stdout.read(size)
        assert len(data) == size, "the emulator died: see its standard error"
        return data

    def start(self, columns, rows):
        self.columns, self.rows = columns, rows
        self._ask(0, columns, rows)

    def write(self, data):
        """Returns what the terminal answers to queries."""
        self._ask(1, len(data), 0, data=data)
        return self._read(struct.unpack("=I", self._read(4))[0])

    def grid(self):
        self._ask(2, 0, 0)
        cursor = struct.unpack("=2I", self._read(8))
        size = self.columns * 12
        return cursor, [[our_cell(*cell) for cell in struct.iter_unpack("=3I", self._read(size))]
                        for _ in range(self.rows)]

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


@functools.cache
def our_cell(word, foreground, background):
    point = word & 0x1FFFFF
    return chr(point) if point else "", our_colour(foreground), our_colour(background), word >> 21 & COMPARED


def our_colour(value):
    if value & INDEXED:
        return graphics.FG_BG_256[value & 0xFF]
    return f"{value & 0xFFFFFF:06x}" if value & RGB else None


# --- pyte ----------------------------------------------------------------------------------------

# What pyte 0.8.2 does otherwise than xterm, and what xterm does. The code below names the rows it stands for.
DEPARTURES = {
    "strings": "pyte draws the content of DCS, SOS, PM and APC strings and does not end all OSC strings; strings draw "
               "nothing (ECMA-48, 5.6). Not fed to it",
    "prefixes": "pyte ignores the prefixes > = < and intermediate bytes, so that CSI > 4 ; 2 m is SGR to it, and fails on "
                "CSI ? 4 m; it draws the end of ESC % G. They are other functions (ctlseqs), none of which changes cells but "
                "DECSTR. Not fed to it",
    "sub-parameters": "pyte does not know colons: 38:5:n is 38;5;n, 4:n a kind of underline (ctlseqs, SGR). Rewritten",
    "character sets": "pyte ignores SCS, SO and SI with UTF-8, has no G2 and G3, has line drawing as first G1, lacks the British set, and "
                      "has other characters at 2/11 to 3/0, 5/15, 6/8 of the special graphics (VT220 manual, table 2-4)",
    "alternate screen": "pyte has none (ctlseqs, DECSET 47, 1047, 1048, 1049)",
    "missing functions": "pyte lacks SU, SD, REP, CBT, CHT, HPA (CSI `), VPB, SCOSC, SCORC, DECSTR (ctlseqs)",
    "NEL": "NEL also returns the carriage (ECMA-48, 8.3.86)",
    "margins": "cursors outside of the margins stop at the screen's edge only (VT510, CUU and CUD)",
    "erased cells": "erased and scrolled-in cells have the current background and nothing else (terminfo: bce); pyte "
                    "gives them all attributes, or none",
    "insert": "pyte keeps a character just beyond the line's end and brings it back",
    "delete lines": "pyte leaves a line alone if the one that replaces it was never written",
    "saved cursor": "xterm has one saved cursor for each screen, which stays after a restore and is home at first "
                    "(ctlseqs, DECSC; VT510); pyte has a stack, moves a restored cursor into the margins and mistakes "
                    "the numbers of DECOM and DECAWM",
    "pending wrap": "after the last column is written the cursor is in it, until a character wraps or any movement or "
                    "erasing ends that (VT510, DECAWM); in pyte it is beyond the line",
    "wide characters": "pyte neither wraps one that does not fit nor mends one of which half is overwritten",
    "combining characters": "our terminal drops them (docs/limits.md)",
    "DECSTBM": "every accepted region homes the cursor, 0 is the default of both ends (VT510, DECSTBM)",
    "DECOM": "CUP and VPA stop at the margins (VT510, DECOM); pyte ignores them or fails",
    "ED 3": "clears the scroll-back only (ctlseqs)",
    "DECSCNM": "is a way of showing; pyte changes the cells",
    "DECCOLM": "is off unless asked for (xterm's resource c132); pyte resizes",
    "DECALN": "uses plain cells, resets margins and homes the cursor (VT510, DECALN)",
    "SGR": "pyte lacks 6 (blink), 21 (double underline: shown as one) and 58 (colour of the underline: not shown), and "
           "misspells a colour",
}

STRING = rb"\x1b[PX^_\]](?:[^\x07\x1b\x18\x1a])*(?:\x07|\x1b\\|[\x18\x1a])"
CSI = rb"\x1b\[(?P<prefix>[<-?]?)(?P<parameters>[0-9:;]*)(?P<intermediate>[\x20-\x2f]*)(?P<final>[\x40-\x7e])"
TOKEN = re.compile(rb"(?P<string>" + STRING + rb")|(?P<csi>" + CSI + rb")|\x1b(?P<intermediates>[\x20-\x2f]*)[\x30-\x5a\\-\x7e]"
                   rb"|[\x00-\x1f]|[^\x00-\x1f]+", re.S)


def tokens(data):
    """The matches of TOKEN. A sequence that a control character interrupts comes in pieces."""
    position = 0
    while position < len(data):
        match = TOKEN.match(data, position)
        yield match
        position = match.end()


class PyteTerminal:
    """The same interface as OurTerminal, for whole tokens."""

    def __init__(self, columns, rows):
        self.screen = XtermScreen(columns, rows)
        self.stream = XtermStream(self.screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data):
        for token in tokens(data):
            self.write_token(token)

    def write_token(self, token):
        data = token[0]
        if token["string"]:
            return  # strings
        if token["csi"]:
            data = self._rewrite(token)
        elif token["intermediates"] in (b"*", b"+"):  # character sets
            self.screen.further_sets[2 if token["intermediates"] == b"*" else 3] = SETS.get(chr(data[-1]), charsets.LAT1_MAP)
            return
        elif data in (b"\x1bn", b"\x1bo"):
            self.screen.charset = 2 + (data == b"\x1bo")
            return
        elif data in (b"\x1bN", b"\x1bO"):
            self.screen.single_shift = 2 + (data == b"\x1bO")
            return
        elif token["intermediates"] and token["intermediates"] not in b"()#":
            return  # prefixes
        self.stream.feed(self.decoder.decode(data))

    def _rewrite(self, token):
        prefix, parameters, intermediate, final = token.group("prefix", "parameters", "intermediate", "final")
        if intermediate == b"!" and final == b"p":
            self.screen.soft_reset()
        if prefix not in (b"", b"?") or intermediate or prefix and final not in b"hlJK":
            return b""  # prefixes
        if final == b"m":  # sub-parameters, SGR
            parameters = re.sub(rb"\b4:0", b"24", parameters)
            parameters = re.sub(rb"\b4:\d", b"4", parameters)
            parameters = re.sub(rb"\b58[:;](?:5[:;]\d*|2[:;]+\d+[:;]\d+[:;]\d+)", b"59", parameters)
            parameters = re.sub(rb"\b([34]8:2):\d*((?::\d+){3})", rb"\1\2", parameters).replace(b":", b";")
        return b"\x1b[" + prefix + parameters + final

    def grid(self):
        screen = self.screen
        cursor = screen.cursor.y, min(screen.cursor.x, screen.columns - 1)  # pending wrap
        return cursor, [[pyte_cell(line[x]) for x in range(screen.columns)]
                        for line in map(screen.buffer.__getitem__, range(screen.lines))]


@functools.cache
def pyte_cell(char):
    attributes = sum(bit for name, bit in ATTRIBUTES if getattr(char, name))
    return char.data, pyte_colour(char.fg), pyte_colour(char.bg), attributes


COLOURS = {"default": None, "bfightmagenta": graphics.FG_BG_256[13]}  # SGR
for codes, first in ((graphics.FG_ANSI, 30), (graphics.FG_AIXTERM, 82)):
    COLOURS.update({name: graphics.FG_BG_256[code - first] for code, name in codes.items() if name != "default"})


def pyte_colour(name):
    return COLOURS.get(name, name)


def special_graphics():
    table = list(charsets.VT100_MAP)
    for code in (*range(0x2b, 0x31), 0x5f, 0x68):
        table[code] = {0x5f: " ", 0x68: "\u2424"}.get(code, chr(code))
    return "".join(table)


SETS = {"B": charsets.LAT1_MAP, "1": charsets.LAT1_MAP, "A": charsets.LAT1_MAP.replace("#", "\u00a3", 1),
        "0": special_graphics(), "2": special_graphics()}


class XtermStream(pyte.Stream):
    csi = {**pyte.Stream.csi, "S": "scroll_up", "T": "scroll_down", "b": "repeat", "Z": "tab_backward",
           "I": "tab_forward", "`": "cursor_to_column", "k": "cursor_up", "s": "save_cursor", "u": "restore_cursor"}
    escape = {**pyte.Stream.escape, "E": "next_line"}
    events = frozenset([*pyte.Stream.events, *csi.values(), *escape.values()])

    def __init__(self, screen):
        super().__init__(screen)
        self.use_utf8 = False  # character sets; what is fed is decoded already


class XtermScreen(pyte.Screen):
    def reset(self):
        super().reset()
        self.g1_charset = charsets.LAT1_MAP
        self.saved, self.alternate, self.last_character = {}, False, ""
        self.further_sets, self.single_shift = {2: charsets.LAT1_MAP, 3: charsets.LAT1_MAP}, 0
        self.other_buffer = None

    def soft_reset(self):  # missing functions
        self.mode = {modes.DECAWM, modes.DECTCEM}
        self.margins, self.charset = None, 0
        self.g0_charset = self.g1_charset = charsets.LAT1_MAP
        self.further_sets, self.single_shift = {2: charsets.LAT1_MAP, 3: charsets.LAT1_MAP}, 0
        self.cursor.attrs = self.default_char
        self.saved = {}

    # --- cells -------------------------------------------------------------------------------

    def end_wrap(self):  # pending wrap
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    def blank(self):  # erased cells
        return Char(" ", bg=self.cursor.attrs.bg)

    def split_wide(self, y, x):  # wide characters
        line = self.buffer[y]
        if 0 < x < self.columns and line[x].data == "":
            line[x - 1], line[x] = line[x - 1]._replace(data=" "), line[x]._replace(data=" ")

    def erase(self, y, first, end):
        self.split_wide(y, first)
        self.split_wide(y, end)
        for x in range(first, end):
            self.buffer[y][x] = self.blank()

    def erase_rows(self, rows):
        for y in rows:
            self.erase(y, 0, self.columns)

    def erase_in_line(self, how=0, private=False):
        self.end_wrap()
        if how <= 2:
            self.erase(self.cursor.y, 0 if how else self.cursor.x, self.cursor.x + 1 if how == 1 else self.columns)

    def erase_in_display(self, how=0, *rest, private=False):
        self.end_wrap()
        if how < 2:
            self.erase_in_line(how)
        if how < 3:  # ED 3
            self.erase_rows(range(self.cursor.y + 1 if how == 0 else 0, self.cursor.y if how == 1 else self.lines))

    def erase_characters(self, count=None):
        self.end_wrap()
        self.erase(self.cursor.y, self.cursor.x, min(self.cursor.x + (count or 1), self.columns))

    def insert_characters(self, count=None):
        self.end_wrap()
        count, y, x = min(count or 1, self.columns - self.cursor.x), self.cursor.y, self.cursor.x
        self.split_wide(y, x)
        self.split_wide(y, self.columns - count)
        super().insert_characters(count)
        self.buffer[y].pop(self.columns, None)  # insert
        self.erase(y, x, x + count)

    def delete_characters(self, count=None):
        self.end_wrap()
        count = min(count or 1, self.columns - self.cursor.x)
        self.split_wide(self.cursor.y, self.cursor.x)
        self.split_wide(self.cursor.y, self.cursor.x + count)
        super().delete_characters(count)
        self.erase(self.cursor.y, self.columns - count, self.columns)

    def draw(self, data):
        for char in data:
            typed, chosen, self.single_shift = char, self.single_shift or self.charset, 0
            if chosen > 1:
                char = char.translate(self.further_sets[chosen])
            width = pyte.screens.wcwidth(char)
            if width <= 0:
                continue  # combining characters
            if self.cursor.x + width > self.columns:
                self.cursor.x = self.columns if modes.DECAWM in self.mode else self.columns - width
            wraps = self.cursor.x == self.columns
            if wraps:
                self.carriage_return()
                self.index()
            if modes.IRM not in self.mode:
                self.split_wide(self.cursor.y, self.cursor.x)
                self.split_wide(self.cursor.y, self.cursor.x + width)
            self.draw_in_set(char, chosen)
            self.last_character = typed
            if modes.DECAWM not in self.mode:
                self.end_wrap()

    def draw_in_set(self, char, chosen):  # character sets; those above G1 are done with
        kept = self.charset, self.g0_charset
        if chosen > 1:
            self.charset, self.g0_charset = 0, charsets.LAT1_MAP
        super().draw(char)
        self.charset, self.g0_charset = kept

    def repeat(self, count=None):
        self.draw(self.last_character * min(count or 1, self.columns * self.lines))

    def alignment_display(self):  # DECALN
        for y in range(self.lines):
            for x in range(self.columns):
                self.buffer[y][x] = Char("E")
        self.margins = None
        self.cursor.x = self.cursor.y = 0

    # --- lines -------------------------------------------------------------------------------

    def region(self):
        return self.margins or Margins(0, self.lines - 1)

    def scroll(self, top, bottom, count):
        """Moves the rows up (count > 0) or down; erased cells come in."""
        rows = list(range(top, bottom + 1))
        count = max(-len(rows), min(count, len(rows)))
        old = [self.buffer[y] for y in rows]  # delete lines: makes those that were never written
        for y in rows:
            self.buffer.pop(y)
        for y, line in zip(rows[:len(rows) - count] if count > 0 else rows[-count:], old[max(count, 0):]):
            self.buffer[y] = line
        self.erase_rows(rows[len(rows) - count:] if count > 0 else rows[:-count])

    def scroll_up(self, count=None):
        self.scroll(*self.region(), count or 1)

    def scroll_down(self, count=None, *rest):
        self.scroll(*self.region(), -(count or 1))

    def insert_lines(self, count=None):
        self.end_wrap()
        top, bottom = self.region()
        if top <= self.cursor.y <= bottom:
            self.scroll(self.cursor.y, bottom, -(count or 1))
            self.carriage_return()

    def delete_lines(self, count=None):
        self.end_wrap()
        top, bottom = self.region()
        if top <= self.cursor.y <= bottom:
            self.scroll(self.cursor.y, bottom, count or 1)
            self.carriage_return()

    def index(self):
        self.end_wrap()
        if self.cursor.y == self.region().bottom:
            self.scroll_up()
        else:
            self.cursor_down()

    def reverse_index(self):
        self.end_wrap()
        if self.cursor.y == self.region().top:
            self.scroll_down()
        else:
            self.cursor_up()

    def next_line(self):  # NEL
        self.index()
        self.carriage_return()

    # --- cursor ------------------------------------------------------------------------------

    def cursor_up(self, count=None):  # margins
        self.end_wrap()
        top = self.region().top
        self.cursor.y = max(self.cursor.y - (count or 1), top if self.cursor.y >= top else 0)

    def cursor_down(self, count=None):
        self.end_wrap()
        bottom = self.region().bottom
        self.cursor.y = min(self.cursor.y + (count or 1), bottom if self.cursor.y <= bottom else self.lines - 1)

    def cursor_position(self, line=None, column=None):  # DECOM
        top, bottom = self.region() if modes.DECOM in self.mode else (0, self.lines - 1)
        self.cursor.y = min(top + (line or 1) - 1, bottom)
        self.cursor.x = min((column or 1) - 1, self.columns - 1)

    def cursor_to_line(self, line=None):
        self.cursor_position(line, min(self.cursor.x, self.columns - 1) + 1)

    def tab(self):
        if self.cursor.x < self.columns:  # pending wrap
            super().tab()

    def tab_forward(self, count=None):
        for _ in range(min(count or 1, self.columns)):
            self.tab()

    def tab_backward(self, count=None):
        self.end_wrap()
        for _ in range(min(count or 1, self.columns)):
            self.cursor.x = max((stop for stop in self.tabstops if stop < self.cursor.x), default=0)

    def set_tab_stop(self):
        self.tabstops.add(min(self.cursor.x, self.columns - 1))  # pending wrap

    def clear_tab_stop(self, how=0):
        if how == 0:
            self.tabstops.discard(min(self.cursor.x, self.columns - 1))
        else:
            super().clear_tab_stop(how)

    def save_cursor(self, *rest):  # saved cursor
        self.saved[self.alternate] = (self.cursor.y, self.cursor.x, self.cursor.attrs, self.charset, self.g0_charset,
                                      self.g1_charset, dict(self.further_sets), modes.DECOM in self.mode)

    def restore_cursor(self, *rest):
        home = (0, 0, self.default_char, 0, charsets.LAT1_MAP, charsets.LAT1_MAP,
                {2: charsets.LAT1_MAP, 3: charsets.LAT1_MAP}, False)
        (self.cursor.y, self.cursor.x, self.cursor.attrs, self.charset, self.g0_charset, self.g1_charset,
         sets, origin) = self.saved.get(self.alternate, home)
        self.further_sets = dict(sets)
        (self.mode.add if origin else self.mode.discard)(modes.DECOM)

    # --- settings ----------------------------------------------------------------------------

    def set_margins(self, top=None, bottom=None):  # DECSTBM
        top, bottom = (top or 1) - 1, min(bottom or self.lines, self.lines) - 1
        if top < bottom:
            self.margins = Margins(top, bottom)
            self.cursor_position()

    def define_charset(self, code, mode):  # character sets
        charset = SETS.get(code, charsets.LAT1_MAP)
        if mode == "(":
            self.g0_charset = charset
        else:
            self.g1_charset = charset

    def set_mode(self, *numbers, private=False):
        self.change_modes(super().set_mode, numbers, private, True)

    def reset_mode(self, *numbers, private=False):
        self.change_modes(super().reset_mode, numbers, private, False)

    def change_modes(self, change, numbers, private, on):
        for number in numbers:
            if number in (1047, 1048, 1049, 47) and private:
                self.change_screen(number, on)
            elif number in ((6, 7, 25) if private else (4, 20)):  # DECSCNM, DECCOLM
                if number == 7:
                    self.end_wrap()
                change(number, private=private)

    def change_screen(self, number, on):  # alternate screen
        switches = number != 1048 and on != self.alternate
        if on and (number == 1048 or number == 1049 and switches):
            self.save_cursor()
        if switches:
            empty = type(self.buffer)(self.buffer.default_factory)
            self.buffer, self.other_buffer = self.other_buffer if self.other_buffer is not None else empty, self.buffer
            self.alternate = on
            if number == 1049 and on:
                self.erase_rows(range(self.lines))
        if not on and (number == 1048 or number == 1049 and switches):
            self.restore_cursor()

    def select_graphic_rendition(self, *numbers):
        plain = [{6: 5, 21: 4}.get(number, number) for number in numbers]
        for i, number in enumerate(numbers):  # indices of colours stay
            if number == 5 and i > 0 and numbers[i - 1] in (38, 48) and i + 1 < len(numbers):
                plain[i + 1] = numbers[i + 1]
            elif number == 2 and i > 0 and numbers[i - 1] in (38, 48):
                plain[i + 1:i + 4] = numbers[i + 1:i + 4]
        super().select_graphic_rendition(*plain)


# --- the comparison ------------------------------------------------------------------------------

def show(grid):
    return "\n".join("|" + "".join(cell[0] for cell in line) + "|" for line in grid)


def difference(ours, theirs):
    """Text that tells how two grids differ; empty: they do not."""
    if ours == theirs:
        return ""
    cells = [f"row {y} column {x}: ours {mine}, pyte's {other}"
             for y, lines in enumerate(zip(ours[1], theirs[1])) for x, (mine, other) in enumerate(zip(*lines))
             if mine != other]
    return "\n".join([f"cursor: ours {ours[0]}, pyte's {theirs[0]}", *cells[:10], show(ours[1]), show(theirs[1])])


def compare(ours, columns, rows, data, step):
    """Feeds both with the same bytes and compares after about every `step` bytes and at the end, at ends of
    sequences. Returns how many times; AssertionError where they differ."""
    theirs = PyteTerminal(columns, rows)
    ours.start(columns, rows)
    compared, begin, end = 0, 0, 0
    for token in tokens(data):
        theirs.write_token(token)
        end = token.end()
        if end - begin >= step or end == len(data):
            ours.write(data[begin:end])
            text = difference(ours.grid(), theirs.grid())
            assert not text, f"{columns}x{rows}, after {end} bytes, {data[max(0, begin - 60):end]!r}\n{text}"
            begin, compared = end, compared + 1
    return compared

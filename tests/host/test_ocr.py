"""The text recognition that the screenshot tests rely on, on pictures drawn here."""

import json
from pathlib import Path

import pytest

from polyglot_vm.ocr import UNKNOWN, ScreenReader
from polyglot_vm.picture import Picture

ROOT = Path(__file__).resolve().parent.parent.parent
BLACK, GREY, BLUE = b"\0\0\0", b"\xaa\xaa\xaa", b"\x20\x20\xff"


def draw(lines, columns=20, foreground=GREY, background=BLACK, reverse=()):
    """A Picture of `lines` in the console's font; cells (row, column) of `reverse` in swapped colours."""
    generated = ROOT / "build" / "generated"
    points = json.loads((generated / "font.json").read_text())["code_points"]
    bitmaps = (generated / "font.bin").read_bytes()
    rows = []
    for number, line in enumerate(lines):
        for y in range(16):
            row = b""
            for column, character in enumerate(line.ljust(columns)):
                bits = bitmaps[points.index(ord(character)) * 16 + y]
                if (number, column) in reverse:
                    bits ^= 0xff
                row += b"".join(foreground if bits & (0x80 >> x) else background for x in range(8))
            rows.append(row)
    return Picture(columns * 8, len(lines) * 16, b"".join(rows))


@pytest.fixture(scope="module")
def reader():
    return ScreenReader.of_build()


def test_all_of_ascii(reader):
    lines = ["".join(map(chr, range(start, start + 16))) for start in range(0x20, 0x70, 16)]
    lines.append("pqrstuvwxyz{|}~")
    assert reader.read(draw(lines)) == [line.rstrip() for line in lines]


def test_colours_and_cursor(reader):
    assert reader.read(draw([">>> x", "ä ö ü"], foreground=BLUE, background=GREY)) == [">>> x", "ä ö ü"]
    assert reader.read(draw([">>> x"], reverse={(0, 4), (0, 5)})) == [">>> x"]


def test_damage_is_not_read_as_text(reader):
    picture = draw(["good bad"])
    rgb = bytearray(picture.rgb)
    at = (3 * picture.width + 5 * 8) * 3
    rgb[at:at + 3] = b"\xff\x01\x02"
    assert reader.read(picture._replace(rgb=bytes(rgb))) == ["good " + UNKNOWN + "ad"]


def test_png_is_what_was_drawn(tmp_path):
    """Read back by an independent decoder: the chunks and the filter are simple enough to undo here."""
    import struct
    import zlib
    picture = draw(["png"])
    picture.write_png(tmp_path / "out.png")
    data = (tmp_path / "out.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">2I", data[16:24]) == (picture.width, picture.height)
    start = data.index(b"IDAT")
    size, = struct.unpack(">I", data[start - 4:start])
    rows = zlib.decompress(data[start + 4:start + 4 + size])
    stride = picture.width * 3 + 1
    assert b"".join(rows[at + 1:at + stride] for at in range(0, len(rows), stride)) == picture.rgb

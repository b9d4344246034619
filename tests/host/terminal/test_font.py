"""The console's font: the alphabets that are promised, in both faces, and a mark for what is missing."""

from pathlib import Path

import pytest

FONT = Path(__file__).resolve().parent.parent.parent.parent / "dev/console/font"
# Unassigned code points are left out.
RANGES = {
    "ASCII": range(0x20, 0x7F), "Latin-1": range(0xA0, 0x100), "Latin Extended-A": range(0x100, 0x180),
    "Greek": [*range(0x391, 0x3A2), *range(0x3A3, 0x3CF)], "Cyrillic": range(0x400, 0x460),
    "box drawing": range(0x2500, 0x2580), "block elements": range(0x2580, 0x25A0), "replacement": [0xFFFD],
}
BLANK = {0x20, 0xA0, 0xAD}


def glyphs(face):
    lines = (line.partition(":") for line in (FONT / face).read_text().splitlines() if line and line[0] != "#")
    return {int(code, 16): bits for code, _, bits in lines}


@pytest.mark.parametrize("face", ["console-8x16.hex", "console-8x16-bold.hex"])
def test_alphabets(face):
    font = glyphs(face)
    for name, points in RANGES.items():
        missing = [f"U+{point:04X}" for point in points
                   if point not in font or (not int(font[point], 16) and point not in BLANK)]
        assert not missing, f"{name}: {missing}"
    assert font[0xFFFD] not in [bits for point, bits in font.items() if point != 0xFFFD]

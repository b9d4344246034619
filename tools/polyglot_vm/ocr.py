"""Text from a picture of the screen: each cell is looked up among the console font's own bitmaps.

    reader = ScreenReader.of_build()          # build/generated/font.bin and font.json (tools/mkfont.py)
    lines = reader.read(picture)              # strings, blanks at their ends removed

Exact: a cell that is no glyph of the font becomes U+FFFD, so a drawing fault shows up as such. A cell in
swapped colours (the cursor, selections) reads as its character. Characters that look the same read as
the lowest code point of them.
"""

import json
from collections import Counter

from .machine import ROOT

UNKNOWN = "\ufffd"


class ScreenReader:
    def __init__(self, width, height, glyphs):
        """`glyphs`: bitmap (height bytes, leftmost pixel in the highest bit) -> character."""
        self.width, self.height, self.glyphs = width, height, glyphs
        self.inverse = bytes(range(255, -1, -1))

    @classmethod
    def of_build(cls, directory=ROOT / "build" / "generated"):
        layout = json.loads((directory / "font.json").read_text())
        bitmaps = (directory / "font.bin").read_bytes()
        size, points = layout["height"], layout["code_points"]
        if layout["width"] != 8 or len(bitmaps) != size * len(points) * len(layout["faces"]):
            raise ValueError("font.bin and font.json do not fit together")
        glyphs = {}
        for index in range(len(bitmaps) // size):
            character = chr(points[index % len(points)])
            bitmap = bitmaps[index * size:(index + 1) * size]
            glyphs[bitmap] = min(character, glyphs.get(bitmap, character))
        glyphs[bytes(size)] = " "
        return cls(layout["width"], size, glyphs)

    def read(self, picture):
        """The lines of text of a Picture, from the top."""
        stride = picture.width * 3
        rows = [picture.rgb[y * stride:(y + 1) * stride] for y in range(picture.height)]
        lines = []
        for top in range(0, picture.height - self.height + 1, self.height):
            band = rows[top:top + self.height]
            lines.append("".join(self._cell([row[x * 3:(x + self.width) * 3] for row in band])
                                 for x in range(0, picture.width - self.width + 1, self.width)).rstrip())
        return lines

    def _cell(self, rows):
        pixels = b"".join(rows)
        if pixels == pixels[:3] * (len(pixels) // 3):
            return " "
        colours = Counter(pixels[at:at + 3] for at in range(0, len(pixels), 3))
        if len(colours) > 2:
            return UNKNOWN
        background = colours.most_common(1)[0][0]
        bitmap = bytes(sum(0x80 >> x for x in range(self.width) if row[x * 3:x * 3 + 3] != background) for row in rows)
        return self.glyphs.get(bitmap) or self.glyphs.get(bitmap.translate(self.inverse)) or UNKNOWN

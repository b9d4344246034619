"""Pictures of the screen: QEMU writes PPM (P6), people want PNG.

`Picture.read_ppm(path)` -> width, height, rgb bytes; `.write_png(path)`. PNG: W3C REC, one IDAT chunk,
8-bit RGB, filter 0.
"""

import re
import struct
import zlib
from typing import NamedTuple


class Picture(NamedTuple):
    width: int
    height: int
    rgb: bytes  # 3 bytes a pixel, rows from the top, no padding

    @classmethod
    def read_ppm(cls, path):
        with open(path, "rb") as file:
            data = file.read()
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        if not header:
            raise ValueError(f"{path} is not a PPM picture of 8 bits a channel")
        width, height = int(header[1]), int(header[2])
        rgb = data[header.end():]
        if len(rgb) < width * height * 3:
            raise ValueError(f"{path} ends early")
        return cls(width, height, rgb[:width * height * 3])

    def without_bottom(self, margin=8):
        """Without the rows at the bottom that all look like the last one, but `margin` of them."""
        stride = self.width * 3
        last, height = self.rgb[-stride:], self.height
        while height > 1 and self.rgb[(height - 1) * stride:height * stride] == last:
            height -= 1
        height = min(self.height, height + margin)
        return Picture(self.width, height, self.rgb[:height * stride])

    def write_png(self, path):
        stride = self.width * 3
        rows = b"".join(b"\0" + self.rgb[start:start + stride]
                        for start in range(0, stride * self.height, stride))
        header = struct.pack(">2I5B", self.width, self.height, 8, 2, 0, 0, 0)
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
                       + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b""))


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

"""The console's font: from the glyphs in dev/console/font/ to what the kernel and the tools use.

    python tools/mkfont.py --output build/generated
        reads console-8x16.hex and console-8x16-bold.hex and writes
          font.c     the tables that dev/console/font.h declares
          font.bin   all bitmaps: 16 bytes a glyph, regular face, then bold, in the order of font.json
          font.json  {"width": 8, "height": 16, "faces": ["regular", "bold"], "code_points": [...]}
        (the last two let a test read text from a picture of the screen)

    python tools/mkfont.py --import regular.pcf.gz bold.pcf.gz
        made the .hex files, from Debian's xfonts-terminus 4.48 (ter-u16n_unicode, ter-u16b_unicode)

A .hex file has one line a glyph: the code point, a colon, and 16 bytes in hexadecimal, the topmost row
first, the leftmost pixel in the highest bit. Lines that begin with # are comments.
"""

import argparse
import gzip
import json
import struct
from pathlib import Path

WIDTH, HEIGHT = 8, 16
FACES = ("regular", "bold")
FONT_DIRECTORY = Path(__file__).resolve().parent.parent / "dev/console/font"
HEX_FILES = [FONT_DIRECTORY / "console-8x16.hex", FONT_DIRECTORY / "console-8x16-bold.hex"]
REPLACEMENT = 0xFFFD

# PCF tables (the X server's pcf format, libXfont2 src/bitmap/pcfread.c)
PCF_METRICS, PCF_BITMAPS, PCF_ENCODINGS = 1 << 2, 1 << 3, 1 << 5
PCF_COMPRESSED_METRICS, PCF_BIG_ENDIAN, PCF_MSB_FIRST = 0x100, 1 << 2, 1 << 3


def read_pcf(path):
    """{code point: 16 bytes} of a gzipped 8x16 PCF font."""
    data = gzip.decompress(Path(path).read_bytes())
    if data[:4] != b"\x01fcp":
        raise ValueError(f"{path} is not a PCF font")
    tables = {}
    for i in range(struct.unpack_from("<I", data, 4)[0]):
        kind, form, _, offset = struct.unpack_from("<4I", data, 8 + 16 * i)
        tables[kind] = form, offset

    form, offset = tables[PCF_BITMAPS]
    order = ">" if form & PCF_BIG_ENDIAN else "<"
    if not form & PCF_MSB_FIRST:
        raise ValueError(f"{path}: least significant bit first is not read here")
    count = struct.unpack_from(order + "I", data, offset + 4)[0]
    starts = struct.unpack_from(f"{order}{count}I", data, offset + 8)
    pixels = offset + 8 + 4 * count + 16
    stride = 1 << (form & 3)  # bytes a row is padded to

    form, offset = tables[PCF_METRICS]
    if not form & PCF_COMPRESSED_METRICS:
        raise ValueError(f"{path}: metrics are not compressed")
    for i in range(count):
        left, right, _, ascent, descent = (b - 0x80 for b in data[offset + 6 + 5 * i:offset + 11 + 5 * i])
        if right - left != WIDTH or ascent + descent != HEIGHT:
            raise ValueError(f"{path}: glyph {i} is not {WIDTH}x{HEIGHT}")

    form, offset = tables[PCF_ENCODINGS]
    order = ">" if form & PCF_BIG_ENDIAN else "<"
    low_first, low_last, high_first, high_last, _ = struct.unpack_from(order + "5H", data, offset + 4)
    glyphs = {}
    at = offset + 14
    for high in range(high_first, high_last + 1):
        for low in range(low_first, low_last + 1):
            index = struct.unpack_from(order + "H", data, at)[0]
            at += 2
            if index != 0xFFFF and (high << 8 | low) >= 0x20:  # below are glyphs for internal use
                start = pixels + starts[index]
                glyphs[high << 8 | low] = data[start:start + stride * HEIGHT:stride]
    return glyphs


def write_hex(path, glyphs, face):
    with path.open("w") as out:
        out.write(f"# Console font, {WIDTH}x{HEIGHT}, {face} face: the glyphs of Terminus Font 4.48,\n"
                  "# Copyright (c) 2010-2014 Dimitar Toshkov Zhekov, in another format.\n"
                  "# SIL Open Font License 1.1: see OFL.txt. Made by tools/mkfont.py --import.\n")
        for code_point, bitmap in sorted(glyphs.items()):
            out.write(f"{code_point:04X}:{bitmap.hex().upper()}\n")


def read_hex(path):
    glyphs = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#"):
            continue
        code_point, _, bitmap = line.partition(":")
        glyphs[int(code_point, 16)] = bytes.fromhex(bitmap)
        if len(bitmap) != 2 * HEIGHT:
            raise ValueError(f"{path}:{number}: not {HEIGHT} bytes")
    return glyphs


def c_table(values, per_line, form):
    lines = [", ".join(form.format(v) for v in values[i:i + per_line]) for i in range(0, len(values), per_line)]
    return ",\n    ".join(lines)


def build(output):
    faces = [read_hex(path) for path in HEX_FILES]
    code_points = sorted(faces[0])
    if REPLACEMENT not in faces[0]:
        raise ValueError("the font has no U+FFFD, which stands for glyphs it lacks")
    # A glyph that the bold face lacks is the regular one.
    bitmaps = [b"".join(face.get(c, faces[0][c]) for c in code_points) for face in faces]

    output.mkdir(parents=True, exist_ok=True)
    (output / "font.bin").write_bytes(b"".join(bitmaps))
    (output / "font.json").write_text(json.dumps(
        {"width": WIDTH, "height": HEIGHT, "faces": FACES, "code_points": code_points}) + "\n")
    (output / "font.c").write_text(
        "/* Generated by tools/mkfont.py from dev/console/font/, which is under the SIL Open Font License 1.1. */\n"
        "#include <dev/console/font.h>\n\n"
        f"const uint32_t font_glyph_count = {len(code_points)};\n"
        f"const uint32_t font_replacement = {code_points.index(REPLACEMENT)};\n\n"
        f"const uint16_t font_code_points[] = {{\n    {c_table(code_points, 14, '{:#x}')}\n}};\n\n"
        + "\n\n".join(
            f"static const uint8_t font_{name}[] = {{\n    {c_table(bitmap, 16, '{:#04x}')}\n}};"
            for name, bitmap in zip(FACES, bitmaps))
        + "\n\nconst uint8_t *const font_faces[FONT_FACE_COUNT] = { "
        + ", ".join(f"font_{name}" for name in FACES) + " };\n")


def main():
    parser = argparse.ArgumentParser(description="Make the console font's tables.")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--output", type=Path, metavar="DIR", help="write font.c, font.bin and font.json here")
    group.add_argument("--import", dest="source", nargs=2, metavar=("REGULAR", "BOLD"),
                       help="make dev/console/font/*.hex from two gzipped PCF files")
    options = parser.parse_args()
    if options.output:
        build(options.output)
        return
    for path, source, face in zip(HEX_FILES, options.source, FACES):
        glyphs = read_pcf(source)
        write_hex(path, glyphs, face)
        print(f"{path.name}: {len(glyphs)} glyphs")


if __name__ == "__main__":
    main()

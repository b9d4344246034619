"""Writes the table of the world's function names that the kernel reads (kernel/symbols.c).

    python tools/mksymbols.py --output build/symbols.bin build/world.sym.elf

Little endian: 8 bytes "POLYSYMS", u32 number of functions, u32 bytes of names; for each function, sorted, u32
address (offset in the image) and u32 offset of its name; then the names, demangled, NUL after each. A name longer
than NAME_LENGTH loses its middle. Where functions share an address, a global name is taken before a weak or a
local one. Uses nm of binutils.
"""

import argparse
import struct
import subprocess
import sys
from pathlib import Path

NAME_LENGTH = 80
HEAD, ELLIPSIS = 44, "..."
# What nm calls functions, the best name first.
KINDS = "TWti"


def functions(path):
    """(address, demangled name) of each function, sorted by address."""
    listing = subprocess.run(["nm", "--demangle", "--defined-only", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    best = {}
    for line in listing.splitlines():
        address, kind, name = line.split(" ", 2)
        if kind in KINDS:
            rank = (KINDS.index(kind), name)
            best[int(address, 16)] = min(rank, best.get(int(address, 16), rank))
    return [(address, name) for address, (_, name) in sorted(best.items())]


def shortened(name):
    if len(name) <= NAME_LENGTH:
        return name
    return name[:HEAD] + ELLIPSIS + name[len(name) - (NAME_LENGTH - HEAD - len(ELLIPSIS)):]


def packed(symbols):
    names, offsets, table = bytearray(), {}, bytearray()
    for address, name in symbols:
        name = shortened(name)
        if name not in offsets:
            offsets[name] = len(names)
            names += name.encode() + b"\0"
        table += struct.pack("<II", address, offsets[name])
    return struct.pack("<8sII", b"POLYSYMS", len(symbols), len(names)) + table + names


def main():
    parser = argparse.ArgumentParser(description="Write the table of a program's function names.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("program", type=Path, help="an ELF file with a symbol table")
    options = parser.parse_args()
    symbols = functions(options.program)
    if not symbols:
        sys.exit(f"mksymbols: {options.program} has no functions in a symbol table")
    data = packed(symbols)
    options.output.write_bytes(data)
    print(f"    {options.output}: {len(symbols)} functions, {len(data)} bytes")


if __name__ == "__main__":
    main()

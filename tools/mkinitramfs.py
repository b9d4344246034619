"""Packs the initial root file system: directories and files of the host as a cpio archive.

    python tools/mkinitramfs.py --output build/initramfs.cpio /=tools/rootfs /demo=demo

Each argument is PLACE=SOURCE: the content of the directory SOURCE appears below PLACE, or the file
SOURCE as PLACE. The same input gives the same bytes (sorted, no times, no owners). Format and
alignment: tools/polyglot_vm/cpio.py. Empty directories that git cannot hold are made by --directory PLACE
or PLACE:MODE (octal).
"""

import argparse
import sys
from pathlib import Path

from polyglot_vm.cpio import CpioWriter


def main():
    parser = argparse.ArgumentParser(description="Pack the initial root file system.")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--directory", action="append", default=[], metavar="PLACE[:MODE]", help="an empty directory")
    parser.add_argument("parts", nargs="+", metavar="PLACE=SOURCE")
    options = parser.parse_args()

    options.output.parent.mkdir(parents=True, exist_ok=True)
    with open(options.output, "wb") as output:
        writer = CpioWriter(output)
        for directory in options.directory:
            place, _, mode = directory.partition(":")
            writer.add_directory(place.strip("/"), int(mode or "755", 8))
        for part in options.parts:
            place, _, source = part.partition("=")
            source = Path(source)
            if source.is_dir():
                writer.add_tree(source, place.strip("/"))
            elif source.is_file():
                writer.add_file(source, place.strip("/"))
            else:
                parser.error(f"{source}: no such file or directory")
        size = writer.finish()
    print(f"    {options.output}: {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

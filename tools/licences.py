"""Writes docs/licences.md: what the image ships, and under which licence.

    build/venv/bin/python tools/licences.py            # after a change of world/Cargo.lock or the fonts
    build/venv/bin/python tools/licences.py --check    # exit status 1 if the file is out of date

The crates are those that cargo links into the world (no build or test dependencies), asked offline.
"""

import argparse
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "docs" / "licences.md"
# What cargo does not know of. Crates whose Cargo.toml names only a file are resolved here, too.
PARTS = [
    ("Polyglot OS itself: loaders, kernel, world, tools", "MIT", "LICENSE"),
    ("Python's standard library, frozen into the world by rustpython-pylib", "PSF-2.0",
     "the Python Software Foundation's, with the files' own notices"),
    ("Rust's standard library", "MIT OR Apache-2.0", "from the Rust toolchain"),
    ("GNU C library, linked statically into the world", "LGPL-2.1-or-later",
     "Debian's libc6-dev; relink by building world/ from this source against another libc.a"),
    ("libffi, linked statically into the world", "MIT", "Debian's libffi-dev"),
    ("GCC's runtime library (unwinder), linked into the world", "GPL-3.0-or-later WITH GCC-exception-3.1", "Debian's libgcc"),
    ("Zig's runtime functions in loaders and kernel", "MIT", "the Python package ziglang"),
    ("Terminus, the console's font", "OFL-1.1", "dev/console/font/OFL.txt"),
]
# Linux programs: package -> (what the image has of it, licence). Versions: tools/image-packages.txt.
PROGRAMS = {
    "bash-static": ("GNU Bash", "GPL-3.0-or-later"),
    "busybox-static": ("busybox", "GPL-2.0-only"),
    "libc6": ("GNU C library: loader, libc, libm", "LGPL-2.1-or-later, parts under others"),
    "libc6-dev": ("GNU C library: start files and headers", "LGPL-2.1-or-later"),
    "libgcc-s1": ("GCC's runtime library", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    "ncurses-base": ("ncurses: descriptions of terminals", "X11"),
    "tcc": ("Tiny C compiler", "LGPL-2.1-or-later"),
}
KERNEL_HEADERS = "Headers of Linux in /usr/include, from the Python package ziglang: GPL-2.0-only WITH Linux-syscall-note."


def crates():
    """licence -> sorted crate names with versions."""
    listing = subprocess.run(
        ["cargo", "tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--no-dedupe",
         "--format", "{p}|{l}", "--target", "x86_64-unknown-linux-gnu"],
        cwd=ROOT / "world", capture_output=True, text=True, check=True).stdout
    found = defaultdict(set)
    for line in listing.splitlines():
        package, _, licence = line.partition("|")
        if "(proc-macro)" in package or package.startswith("polyglot-world"):
            continue
        name, version = package.split()[:2]
        # "/" is the old way to write OR.
        found[licence.replace("/", " OR ") or "see its Cargo.toml"].add(f"{name} {version.removeprefix('v')}")
    return {licence: sorted(names) for licence, names in found.items()}


def programs():
    """Rows of the table of Linux programs; every pinned package must be known here."""
    for line in (ROOT / "tools" / "image-packages.txt").read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            what, licence = PROGRAMS[words[0]]
            yield f"| {what} | {licence} | {words[0]} {words[1]} |"


def document():
    lines = ["# What the image ships, and under which licence", "",
             "Written by tools/licences.py. The image is built from source by this repository; nothing here is changed but",
             "what world/patches says. Crates and libraries under the LGPL can be exchanged by changing world/Cargo.toml and building again.", "", "| part | licence | where |", "|---|---|---|"]
    lines += [f"| {part} | {licence} | {where} |" for part, licence, where in PARTS]
    lines += ["", "## Linux programs", "",
              "Unchanged files of Debian 12's binary packages, put together by tools/programs/make_tree.py. Their copyright files and the",
              "texts of GPL and LGPL are on the image, in /usr/share/doc and /usr/share/common-licenses. Complete corresponding source:",
              "`apt-get source PACKAGE=VERSION` on Debian 12 (with deb-src lines), which keeps the sources of all released versions.", "",
              "| part | licence | package, version |", "|---|---|---|", *programs(), "", KERNEL_HEADERS]
    lines += ["", "## Crates linked into the world", ""]
    for licence, names in sorted(crates().items(), key=lambda item: (-len(item[1]), item[0])):
        lines += [f"**{licence}** ({len(names)}): {', '.join(names)}", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Write docs/licences.md.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    options = parser.parse_args()
    text = document()
    if options.check:
        current = OUTPUT.exists() and OUTPUT.read_text() == text
        if not current:
            print(f"{OUTPUT.relative_to(ROOT)} is out of date: run {sys.executable} tools/licences.py", file=sys.stderr)
        return 0 if current else 1
    OUTPUT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

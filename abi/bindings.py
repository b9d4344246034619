"""Writes the bindings of abi/syscalls.toml for other languages.

    python abi/bindings.py [--output abi/bindings]

    c/polyglot_syscall.h, c/polyglot_table.h    C11; the `syscall` command of Bash (bash/syscall.c) is made of both
    zig/polyglot_syscall.zig
    rust/                                       a no_std crate; `polyglot.syscall` of Python is made of its table

The files are in the repository, so that a program can include them without building anything; tests/host/abi checks that
they are current. A file whose content did not change is not touched. Python 3.11, no packages.
"""

import argparse
import sys
from pathlib import Path

import bind_c
import bind_rust
import bind_zig
import generate

PLACE = Path(__file__).with_name("bindings")


def files(table):
    """{path below the output directory: content}."""
    return {
        "c/polyglot_syscall.h": bind_c.header(table),
        "c/polyglot_table.h": bind_c.table_header(table),
        "zig/polyglot_syscall.zig": bind_zig.source(table),
        "rust/Cargo.toml": bind_rust.MANIFEST,
        "rust/src/lib.rs": bind_rust.source(table),
    }


def main():
    parser = argparse.ArgumentParser(description="Write the bindings of the syscall table.")
    parser.add_argument("--output", type=Path, metavar="DIR", default=PLACE)
    options = parser.parse_args()
    for name, text in files(generate.load()).items():
        path = options.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        generate.write_if_changed(path, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

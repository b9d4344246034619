"""Checks the linked kernel and its objects against the rules for kernel code.

    python tools/check_kernel.py --kernel build/kernel.debug.elf --out build/kernel [--allow-sse "a.S b.S"] OBJECT...

Run by the build after linking; exit status 1 and one line per violation if
  - a symbol is weak and undefined (it would be called at address 0);
  - a function uses x87, MMX or SSE registers (the kernel does not save them), except in the
    assembly files of --allow-sse;
  - a function of a C object does not start with the 5-byte nop that replacing it needs, or is not
    aligned to 16 bytes;
  - a .c file has a `static` function: LOCAL is the rule, because callers of a static function may
    depend on its body (docs/architecture.md, Kernel C rules).
Objects are named after their source: <out>/<path>.o for .c, <path>.S.o, <path>.zig.o.
"""

import argparse
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ENTRY_NOP = bytes.fromhex("0f1f440008")  # nopl 8(%rax,%rax,1): what -fpatchable-function-entry=5 emits
FUNCTION_ALIGNMENT = 16
# As objdump prints: a register of the FPU, or an x87 mnemonic (all of them, and no other, start with f;
# saving and restoring state, fxsave and fxrstor, is no use of it).
FPU_USE = re.compile(r"%([xyz]mm\d|mm[0-7]\b|st\b)|^\s*[0-9a-f]+:\t(?!fx(?:save|rstor))(?:f|emms)")
# Variables may be static; a definition is a parameter list followed by `{`.
STATIC_FUNCTION = re.compile(r"^static\s+(?!inline\b|_Noreturn\s+inline\b)[^=;{}()]*?\b(\w+)\s*\([^;{}]*\)\s*\{", re.M)


class Symbol(NamedTuple):
    name: str
    value: int
    size: int
    binding: int  # ELF64_ST_BIND: 0 local, 1 global, 2 weak
    kind: int     # ELF64_ST_TYPE: 2 function
    section: int  # 0: undefined


LOCAL, GLOBAL, WEAK = 0, 1, 2
FUNCTION = 2


class Elf:
    """The sections and symbols of a little-endian ELF64 file (System V gABI, chapter 4)."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is not a 64-bit little-endian ELF file")
        offset, = struct.unpack_from("<Q", self.data, 40)
        size, count, _ = struct.unpack_from("<3H", self.data, 58)
        # name, type, flags, addr, offset, size, link, info, addralign, entsize
        self.sections = [struct.unpack_from("<2I4Q2I2Q", self.data, offset + i * size) for i in range(count)]

    def symbols(self):
        for section in self.sections:
            if section[1] != 2:  # SHT_SYMTAB
                continue
            strings = self.sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, info, _, index, value, size = struct.unpack_from("<IBBHQQ", self.data, at)
                end = self.data.index(b"\0", strings + name)
                yield Symbol(self.data[strings + name:end].decode(), value, size, info >> 4, info & 15, index)

    def bytes_at(self, symbol, count):
        """The first bytes of a symbol that is defined in a section of a linked file."""
        section = self.sections[symbol.section]
        start = section[4] + symbol.value - section[3]
        return self.data[start:start + count]


def check_weak(kernel):
    for symbol in kernel.symbols():
        if symbol.binding == WEAK and symbol.section == 0:
            yield f"{symbol.name}: weak and undefined"


def check_entries(kernel, objects):
    """Functions that C objects define, looked up in the linked kernel."""
    source_of = {}
    for path in objects:
        if path.name.endswith((".S.o", ".zig.o")):
            continue
        for symbol in Elf(path).symbols():
            if symbol.kind == FUNCTION and symbol.section and symbol.binding != LOCAL:
                source_of[symbol.name] = path
    for symbol in kernel.symbols():
        if symbol.name not in source_of or symbol.kind != FUNCTION:
            continue
        if symbol.value % FUNCTION_ALIGNMENT:
            yield f"{symbol.name}: not aligned to {FUNCTION_ALIGNMENT} bytes ({source_of[symbol.name]})"
        if kernel.bytes_at(symbol, len(ENTRY_NOP)) != ENTRY_NOP:
            yield f"{symbol.name}: no {len(ENTRY_NOP)}-byte nop at its entry ({source_of[symbol.name]})"


def check_registers(path):
    """Instructions of one object that touch x87, MMX or SSE state; one line per function."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(path)],
                             capture_output=True, text=True, check=True).stdout
    function = "?"
    reported = None
    for line in listing.splitlines():
        if line.endswith(">:"):
            function = line.split("<")[1][:-2]
        elif FPU_USE.search(line) and function != reported:
            reported = function
            instruction = line.split("\t", 1)[-1].strip()
            yield f"{function}: uses floating-point or SSE state: {instruction} ({path})"


def check_statics(source):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m[0].count("\n"), source.read_text(), flags=re.S)
    for match in STATIC_FUNCTION.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield f"{source}:{line}: {match[1]} is a static function; kernel code says LOCAL"


def main():
    parser = argparse.ArgumentParser(description="Check the linked kernel against the rules for kernel code.")
    parser.add_argument("--kernel", required=True, help="the linked kernel")
    parser.add_argument("--out", required=True, type=Path, help="directory the objects' names are relative to")
    parser.add_argument("--allow-sse", default="", help="sources that may use SSE, blank separated")
    parser.add_argument("objects", nargs="+", type=Path)
    options = parser.parse_args()

    kernel = Elf(options.kernel)
    allowed = set(options.allow_sse.split())
    problems = [*check_weak(kernel), *check_entries(kernel, options.objects)]
    for path in options.objects:
        source = path.relative_to(options.out).with_suffix("")
        if str(source) not in allowed:
            problems += check_registers(path)
        if source.suffix == "" and source.with_suffix(".c").exists():
            problems += check_statics(source.with_suffix(".c"))
    for problem in problems:
        print(f"check_kernel: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""A static of the kernel is named by its file's basename and its own name (kernel/mm/vmalloc.c:blocks): the symbol table
has no more (live/kernel_symbols.c). So no two C files of one basename may have statics of one name."""

from collections import Counter
from pathlib import Path

from check_kernel import Elf

ROOT = Path(__file__).resolve().parents[3]
FILE, OBJECT, FUNCTION = 4, 1, 2
LOCAL = 0


def test_statics_have_one_meaning():
    file, seen = "", Counter()
    for symbol in Elf(ROOT / "build" / "kernel.elf").symbols():
        if symbol.kind == FILE:
            file = symbol.name
        elif symbol.binding == LOCAL and symbol.kind in (OBJECT, FUNCTION) and file.endswith(".c"):
            seen[file, symbol.name] += 1
    assert len(seen) > 300
    assert not [f"{file}:{name}" for (file, name), count in seen.items() if count > 1]

"""A seeded draw of kernel functions, each as an object file that holds its own source plus a counter.

    functions()                      every function of the kernel's symbol table, with its source
    draw(seed, count)                some of them
    build(function, number, folder)  the object: its file, compiled with the kernel's own flags, with one statement
                                     more at the function's start: live_counters[number] is incremented
    own_source(function, number)     the function alone, with the counter, as polyglot.replace() takes it: compiled inside by tcc

The whole file is compiled; the loader takes only the function and what the kernel lacks of what it reaches, and binds
everything else to the running kernel's (LIVE_LOAD's `only` and `bind_file`).
"""

import importlib.util
import random
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

from check_kernel import ENTRY_NOP, Elf, FUNCTION, LOCAL

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "build" / "kernel.debug.elf"
OBJECTS = ROOT / "build" / "kernel"
# By its path: beside it lie modules with names of the standard library.
_spec = importlib.util.spec_from_file_location("own_file", ROOT / "world" / "python" / "own_file.py")
own_file = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(own_file)
COUNTERS = "unsigned long live_counters[256];\n"
DEFINITION = r"^(?:(?!return\b|else\b)[A-Za-z_][^\n;{{}}=]*[ *])?{name}\(([^;{{}}]*)\)\s*\{{"


class Function(NamedTuple):
    name: str
    address: int
    source: str  # relative to the root; "": no C file defines it


def functions():
    """Every function of the kernel's symbol table, by name."""
    source_of = {}
    for path in sorted(OBJECTS.rglob("*.o")):
        if path.name.endswith((".S.o", ".zig.o")):
            continue
        source = str(path.relative_to(OBJECTS).with_suffix(".c"))
        for symbol in Elf(path).symbols():
            if symbol.kind == FUNCTION and symbol.section and symbol.binding != LOCAL:
                source_of[symbol.name] = source
    kernel = Elf(KERNEL)
    found = {symbol.name: Function(symbol.name, symbol.value, source_of.get(symbol.name, ""))
             for symbol in kernel.symbols() if symbol.kind == FUNCTION and symbol.section and symbol.size}
    return [found[name] for name in sorted(found)]


def draw(seed, count):
    return random.Random(seed).sample(functions(), count)


def symbol(name):
    return next(found.value for found in Elf(KERNEL).symbols() if found.name == name)


def kernel_flags():
    """KERNEL_CFLAGS of kernel/rules.mk."""
    printed = subprocess.run(["make", "-s", "--eval", "print-kernel-flags: ; @echo '$(ZIG) cc $(KERNEL_CFLAGS)'", "print-kernel-flags"],
                             cwd=ROOT, capture_output=True, text=True, check=True)
    return shlex.split(printed.stdout.strip().splitlines()[-1])


def with_counter(text, function, number):
    """The file's text with the counter in it, and the bytes of arguments on the stack; None: no definition is found."""
    bare = re.sub(r"/\*.*?\*/|//[^\n]*", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S)
    found = re.search(DEFINITION.format(name=re.escape(function.name)), bare, re.M)
    if found is None:
        tests = re.finditer(r"^KTEST\((\w+), (\w+)()\)\s*\{", bare, re.M)
        found = next((test for test in tests if f"ktest_{test[1]}_{test[2]}" == function.name), None)
    if found is None:
        return None
    arguments = found[found.re.groups]
    parameters = [part for part in arguments.split(",") if part.strip() not in ("", "void")]
    stack = 128 if "..." in arguments else max(0, len(parameters) - 6) * 8
    count = f" __atomic_fetch_add(&live_counters[{number}], 1ul, __ATOMIC_RELAXED);"
    head = f'extern unsigned long live_counters[];\n#line 1 "{function.source}"\n'
    return head + text[:found.end()] + count + text[found.end():], stack


def own_source(function, number):
    """The function's own text with the counter, for the compiler inside; "": it has none of its own in its file."""
    path = ROOT / function.source
    if not function.source or not path.exists():
        return ""
    text = path.read_text()
    item = own_file.find(text, function.name)
    if item is None:
        return ""
    return (f"extern unsigned long live_counters[];\n{text[item.start:item.body]}{{ __atomic_fetch_add(&live_counters[{number}], 1ul, __ATOMIC_RELAXED);"
            + text[item.body + 1:item.end])


def build(function, number, folder, flags):
    """(object's path, stack bytes), or (None, why not)."""
    if not function.source:
        return None, "assembly or Zig"
    path = ROOT / function.source
    if not path.exists():
        return None, "generated"
    # A file's generated part is put where it is included.
    text = re.sub(r"^#include <(\S+\.inc\.c)>$", lambda match: (ROOT / "build" / "generated" / match[1]).read_text(), path.read_text(), flags=re.M)
    changed = with_counter(text, function, number)
    if changed is None:
        return None, "made by a macro: it has no definition of its own in the source"
    # Beside the original, so that includes by place work; hidden, so that the build does not find it.
    copy = folder / f"{number}.c"
    copy.write_text(changed[0])
    output = folder / f"{number}.o"
    result = subprocess.run([*flags, "-ffunction-sections", "-fdata-sections", f"-I{path.parent}", "-c", copy, "-o", output],
                            cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"{function.name} of {function.source}: {result.stderr}")
    copy.unlink()
    return output, changed[1]


def build_counters(folder, flags):
    source = folder / "counters.c"
    source.write_text(COUNTERS)
    subprocess.run([*flags, "-Wno-missing-prototypes", "-c", source, "-o", folder / "counters.o"], cwd=ROOT, check=True)
    source.unlink()


assert len(ENTRY_NOP) == 5

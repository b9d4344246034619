"""Each header stands alone, and the generated ABI headers mean the same to tcc.

tests/host/test_structure.py does the same for the written headers under tcc; here are the two cases it leaves:
a header that needs another one's include first, and structures that abi/generate.py writes.
"""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "abi"), str(ROOT / "tools")]
import generate  # noqa: E402
from check_kernel import Elf  # noqa: E402

KERNEL_DIRS = ("arch", "kernel", "dev", "fs", "lib", "live")
WARNINGS = ["-ffreestanding", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-DPOLYGLOT_KERNEL=1"]
ZIG_CC = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freestanding", "-std=c11", *WARNINGS]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, ROOT / "abi" / "generate.py", "--output", directory], check=True)
    return directory


def compile_object(command, source, output, generated):
    result = subprocess.run([*command, "-I.", f"-I{generated}", "-c", source, "-o", output], cwd=ROOT,
                            capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stderr}"
    return output


def test_headers_stand_alone(generated, tmp_path):
    headers = [path.relative_to(ROOT) for directory in KERNEL_DIRS for path in sorted((ROOT / directory).rglob("*.h"))]
    headers += ["boot/boot_info.h", *(f"abi/{name}.h" for name in
                                      ("errno", "constants", "signal", "structs", "syscalls"))]
    assert len(headers) > 40
    sources = []
    for number, header in enumerate(headers):
        sources.append(tmp_path / f"{number}.c")
        # Twice: the guard must hold.
        sources[-1].write_text(f"#include <{header}>\n#include <{header}>\n")
    # gcc takes all in one run; that clang takes them the kernel's build shows.
    result = subprocess.run(["gcc", "-std=c11", *WARNINGS, "-mgeneral-regs-only", "-fsyntax-only", "-I.", f"-I{generated}",
                             *sources], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def layout_source():
    """An array `layout` of every size and offset of the generated structures."""
    lines = ["#include <stddef.h>", "#include <abi/structs.h>", "const unsigned long layout[] = {"]
    for name, row in generate.load()["structs"].items():
        lines.append(f"sizeof(struct abi_{name}),")
        lines += [f"offsetof(struct abi_{name}, {field})," for field in field_names(row["fields"])]
    return "\n".join([*lines, "};", ""])


def field_names(fields):
    for field in fields:
        if isinstance(field, list):
            for member in field:
                yield from field_names(member)
        else:
            yield generate.field_parts(field)[1]


def read_layout(path, count):
    elf = Elf(path)
    symbol = next(symbol for symbol in elf.symbols() if symbol.name == "layout")
    return struct.unpack_from(f"<{count}Q", elf.data, elf.sections[symbol.section][4] + symbol.value)


def test_tcc_lays_out_abi_structures_as_clang_does(generated, tmp_path):
    source = tmp_path / "layout.c"
    source.write_text(layout_source())
    count = source.read_text().count("(struct")
    values = [read_layout(compile_object(command, source, tmp_path / f"{name}.o", generated), count)
              for name, command in (("tcc", ["tcc"]), ("clang", ZIG_CC))]
    assert count > 200
    assert values[0] == values[1]


@pytest.mark.parametrize("name", ["errno", "constants", "signal", "structs", "syscalls"])
def test_generated_header_parses_with_tcc(name, generated, tmp_path):
    source = tmp_path / "use.c"
    source.write_text(f"#include <abi/{name}.h>\n")
    compile_object(["tcc", "-Werror"], source, tmp_path / "use.o", generated)

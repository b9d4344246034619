"""abi/syscalls.toml against the headers of this machine's Linux and C library, and against the kernel's sources.

Every number, size and offset of the table is compared: on the one side programs compiled with the system's
headers, on the other the headers that abi/generate.py writes.
"""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "abi"))
import generate  # noqa: E402

TABLE = generate.load()


def run_c(directory, name, lines, flags=()):
    """Compiles a main() of `lines` (printf statements among them) and returns the words of each line it prints."""
    source = directory / f"{name}.c"
    source.write_text("\n".join(lines))
    program = directory / name
    result = subprocess.run(["cc", "-w", *flags, source, "-o", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    output = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return [line.split() for line in output.splitlines()]


def values_of(directory, name, includes, names):
    """{name: value} of integer constants."""
    lines = ["#define _GNU_SOURCE", "int printf(const char *, ...);", "#include <stddef.h>",
             *(f"#include <{header}>" for header in includes), "int main(void) {"]
    lines += [f'if (({n}) < 0) printf("{n} %lld\\n", (long long)({n})); '
              f'else printf("{n} %llu\\n", (unsigned long long)({n}));' for n in names]
    return {n: int(value) for n, value in run_c(directory, name, lines + ["}"])}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, ROOT / "abi" / "generate.py", "--output", directory], check=True)
    return directory


def groups():
    for table in ("constants", "signal_constants"):
        for name, group in TABLE[table].items():
            yield pytest.param(group, id=name)


@pytest.mark.parametrize("group", list(groups()))
def test_constants_are_the_systems(group, tmp_path):
    assert values_of(tmp_path, "system", group["headers"], group["values"]) == group["values"]


def test_generated_constants_have_the_tables_values(generated, tmp_path):
    wanted = {}
    for group in [*TABLE["constants"].values(), *TABLE["signal_constants"].values()]:
        wanted |= group["values"]
    wanted |= {name: row["number"] for table in ("errno", "signals") for name, row in TABLE[table].items()}
    wanted |= {f"SYS_{call.name}": call.number for call in TABLE["syscalls"]}
    headers = [generated / "abi" / name for name in ("constants.h", "signal.h", "errno.h", "syscalls.h")]
    lines = [f'#include "{header}"' for header in headers]
    lines += ["int printf(const char *, ...);", "int main(void) {"]
    # A negative constant that became unsigned would compare as large.
    lines += [f'printf("{n} %lld %d\\n", (long long)({n}), ({n}) < 0);' for n in wanted]
    for name, value, negative in run_c(tmp_path, "ours", lines + ["}"], ["-I", ROOT, "-I", generated]):
        assert int(value) % 2**64 == wanted[name] % 2**64, name
        assert bool(int(negative)) == (wanted[name] < 0), name


def test_syscall_numbers_are_the_systems(tmp_path):
    text = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").read_text()
    system = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", text)}
    ours = {call.name: call.number for call in TABLE["syscalls"]}
    # A newer or older header may know more or fewer calls, never other numbers.
    for name in system.keys() & ours.keys():
        assert ours[name] == system[name], name
    assert len(system.keys() & ours.keys()) > 300


def test_errors_are_the_systems():
    ours = {row["number"]: name for name, row in TABLE["errno"].items()}
    for number, name in errno.errorcode.items():
        known = {ours[number], *(alias for alias, target in TABLE["errno_aliases"].items() if target == ours[number])}
        assert name in known, number
        assert TABLE["errno"][ours[number]]["text"] == os.strerror(number)


def test_signals_are_the_systems(tmp_path):
    system = values_of(tmp_path, "signals", ["linux/signal.h"], TABLE["signals"])
    assert system == {name: row["number"] for name, row in TABLE["signals"].items()}


def flat_fields(fields):
    for field in fields:
        if isinstance(field, list):
            for member in field:
                yield from flat_fields(member)
        else:
            yield generate.field_parts(field)


def layout(directory, name, includes, c_type, fields, flags=()):
    """[size, (offset, size) of each field]; a flexible array's size is not asked for."""
    lines = ["#define _GNU_SOURCE", "int printf(const char *, ...);", "#include <stddef.h>",
             *(f"#include {header}" for header in includes), f"typedef {c_type} type;",
             'int main(void) { printf("%zu 0\\n", sizeof(type));']
    for field, flexible in fields:
        size = "0" if flexible else f"sizeof(((type *)0)->{field})"
        lines.append(f'printf("%zu %zu\\n", offsetof(type, {field}), (size_t){size});')
    rows = run_c(directory, name, lines + ["}"], flags)
    return [tuple(map(int, row)) for row in rows]


@pytest.mark.parametrize("name", [name for name, struct in TABLE["structs"].items() if "headers" in struct])
def test_structures_lie_as_the_systems(name, generated, tmp_path):
    struct = TABLE["structs"][name]
    fields = [f for f in flat_fields(struct["fields"]) if f[3] != "-"]
    ours = layout(tmp_path, "ours", ["<abi/structs.h>"], f"struct abi_{name}",
                  [(field, count == "") for _, field, count, _ in fields], ["-I", ROOT, "-I", generated])
    system = layout(tmp_path, "system", [f"<{header}>" for header in struct["headers"]],
                    struct.get("linux", f"struct {name}"), [(linux, count == "") for _, _, count, linux in fields])
    if any(count == "" for _, _, count, _ in fields):
        ours, system = ours[1:], system[1:]
    elif name == "stat":  # our st_atim is the system's st_atime and st_atime_nsec
        system = [(offset, 16 if offset in (72, 88, 104) and size == 8 else size) for offset, size in system]
    assert ours == system


def test_signal_frame_layout(generated, tmp_path):
    """Linux's struct rt_sigframe is in no header: pretcode, ucontext, siginfo (arch/x86/include/asm/sigframe.h)."""
    rows = layout(tmp_path, "frame", ["<abi/structs.h>"], "struct abi_sigframe",
                  [("return_address", False), ("context", False), ("info", False)], ["-I", ROOT, "-I", generated])
    context = rows[2][1]
    assert [row[0] for row in rows[1:]] == [0, 8, 8 + context]
    assert context == 304  # sizeof(struct ucontext) with an 8-byte signal mask


def definitions():
    """{syscall: [files]} of the functions sys_<name>() that kernel sources define."""
    found = {}
    for directory in ("kernel", "fs", "dev", "arch"):
        for path in sorted((ROOT / directory).rglob("*.c")):
            for name in re.findall(r"^(?:LOCAL )?int64_t sys_(\w+)\([^;{]*\)\s*\{", path.read_text(), re.M):
                found.setdefault(name, []).append(str(path.relative_to(ROOT)))
    return found


def test_every_implemented_row_has_its_function():
    found = definitions()
    rows = {call.name for call in TABLE["syscalls"] if call.implemented}
    assert rows - found.keys() == set(), "implemented = true, but there is no such function"
    assert found.keys() - rows == set(), "the function exists, but the row says implemented = false"
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_documentation_is_current():
    assert (ROOT / "docs" / "syscalls.md").read_text() == generate.documentation(TABLE), \
        "run: python abi/generate.py --docs docs/syscalls.md"

"""The rules of docs/architecture.md that a program can check: who may include whom, headers that tcc
parses and lays out as clang does, no extern in .c files."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import ziglang

from check_kernel import Elf

ROOT = Path(__file__).resolve().parent.parent.parent
KERNEL_DIRS = ("arch", "kernel", "dev", "fs", "lib", "live")
ZIG_CC = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freestanding", "-std=c11"]
INCLUDE = re.compile(r"^\s*#\s*include\s*<([\w./]+/[\w.]+)>", re.M)
# Headers that any module may include: data formats and constants without code behind them.
SHARED = ("abi/", "boot/boot_info.h")
# Where a lower module needs an upper one's interface, and for what. Everything else points down.
UPWARD = {
    ("arch/x86_64", "kernel/mm"): "page tables take pages; devices are mapped by vmalloc; faults go to the address space",
    ("arch/x86_64", "kernel/sched"): "the entry code switches threads and stacks; locks",
    ("arch/x86_64", "kernel/time"): "the timer interrupt; times of busy waiting",
    ("arch/x86_64", "kernel/proc"): "a trap's way back delivers signals",
    ("arch/x86_64", "dev"): "power-off tells the host channel first",
    ("arch/x86_64", "live"): "faults and interrupts of live code end its guarded call",
    ("kernel/mm", "kernel/sched"): "locks",
    ("kernel/mm", "kernel/vfs"): "a mapping of a file reads its inode's pages",
    ("kernel/time", "kernel/sched"): "locks",
    ("kernel/time", "live"): "a timer's function may be live: it is called under a guard",
    ("kernel/time", "dev"): "the clock driver",
    ("kernel/sched", "live"): "a thread has a live stack",
    ("kernel/sched", "kernel/proc"): "an interruptible sleep asks for pending signals",
    ("kernel/vfs", "live"): "operations of files and file systems may be live: they are called under a guard",
    ("kernel/vfs", "kernel/proc"): "permissions are those of the process that asks",
    ("kernel/vfs", "kernel/syscall"): "a file's bytes go to the caller by usercopy",
    ("kernel/proc", "live"): "when the world ends, live code knows its names no more",
    ("kernel/syscall", "live"): "operations of files may be live: they are called under a guard",
    ("kernel/proc", "kernel/syscall"): "futexes and signal frames lie in the caller's memory: usercopy",
    ("dev", "kernel/vfs"): "devices are files",
    ("dev", "fs"): "devices appear in devfs",
    ("dev", "live"): "functions of a live driver or a live port of the terminal are called under a guard, and their module is held",
    ("dev", "kernel/proc"): "a terminal has a foreground process group and sends signals",
    ("kernel/report", "kernel/proc"): "reports name the process of a thread",
    ("kernel/report", "live"): "a report's writer may be live: it is called under a guard, and its module is held",
    ("fs", "live"): "a device's operations may be live: their module is held",
    ("fs", "kernel/proc"): "procfs shows processes; a broken pipe sends a signal",
}


def module_order():
    """The directories of the module table, top first."""
    table = (ROOT / "docs" / "architecture.md").read_text().partition("## Modules")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([\w/]+)/` \|", table, re.M)


def module_of(path, modules):
    """The most specific module that a path (relative to the root) lies in."""
    return max((name for name in modules if path.startswith(name + "/")), key=len, default=None)


def kernel_files(suffixes):
    return sorted(path.relative_to(ROOT) for directory in KERNEL_DIRS if (ROOT / directory).is_dir()
                  for path in (ROOT / directory).rglob("*") if path.suffix in suffixes)


def public_headers():
    """Headers that others may include: a private.h belongs to its directory."""
    return [path for path in kernel_files({".h"}) if path.name != "private.h"]


def test_modules_are_listed():
    modules = module_order()
    assert len(modules) > 8
    unlisted = [str(path) for path in kernel_files({".c", ".h", ".S", ".zig"})
                if module_of(str(path), modules) is None and not str(path).startswith("live/")]
    assert not unlisted


def upward_includes():
    """(path, included, own module, included module) of each include that points up. Sources directly in
    kernel/ are left out: they are the boot order and the reports of everything (main, log, panic)."""
    modules = module_order()
    rank = {name: number for number, name in enumerate(modules)}
    for path in kernel_files({".c", ".h", ".S"}):
        own = module_of(str(path), modules)
        if own is None or own == "kernel" and path.suffix == ".c":
            continue
        for included in INCLUDE.findall((ROOT / path).read_text()):
            other = module_of(included, modules)
            if other and not included.startswith(SHARED) and rank[other] < rank[own]:
                yield path, included, own, other


def test_dependencies_point_down():
    wrong = [f"{path} ({own}) includes {included} ({other})" for path, included, own, other in upward_includes()
             if (own, other) not in UPWARD]
    assert not wrong, "\n".join(wrong)


# Calls of functions in structures that are not under a guard (live/call.h), by file and member, and why they need none.
UNGUARDED = {
    ("kernel/log.c", "write"): "a sink of the kernel's; live ones are called under a guard beside it",
    ("kernel/main.c", "run"): "constant table",
    ("kernel/syscall/dispatch.c", "function"): "constant table",
    ("kernel/monitor/monitor.c", "run"): "constant table",
    ("kernel/monitor/monitor.c", "write"): "report_kinds: constant table",
    ("fs/procfs/reports.c", "write"): "report_kinds: constant table",
    ("fs/procfs/procfs.c", "find"): "constant tables", ("fs/procfs/procfs.c", "next"): "constant tables",
    ("fs/procfs/procfs.c", "generate"): "constant tables", ("fs/procfs/procfs.c", "read_link"): "constant tables",
    ("fs/procfs/procfs.c", "follow"): "constant tables",
    ("live/control.c", "run"): "constant table",
    ("kernel/vfs/context.c", "create"): "the first file system, at boot",
    ("kernel/report/report.c", "print"): "belongs to the caller of the report",
    ("kernel/vfs/poll.h", "queue"): "belongs to the caller of poll",
    ("lib/sort.c", "less"): "belongs to the caller",
    ("live/format.c", "put"): "belongs to the caller",
    ("dev/driver/device.c", "release"): "set by dev/ only: device_resource_add() is not for drivers",
    ("live/guard.c", "faulted"): "the guard's own",
    ("live/reclaim.c", "free"): "the live layer's own",
    ("live/unload.c", "count"): "the table of drivers, set at boot", ("live/unload.c", "remove"): "the table of drivers, set at boot",
    ("live/load.c", "add"): "the table of drivers, set at boot",
}


def test_functions_of_tables_are_called_under_a_guard():
    files = {path: re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.S) for path in kernel_files({".c", ".h"})
             if not str(path).startswith("kernel/test/")}
    members = {name for text in files.values() for name in re.findall(r"^\s+[\w *]+\(\*(?:const )?(\w+)\)\(", text, re.M)}
    assert {"read", "probe", "room", "emit", "generate"} <= members
    call = re.compile(rf"(?:->|\.)({'|'.join(sorted(members))})\(")
    calls = {(str(path), name) for path, text in files.items() for name in call.findall(text)}
    assert calls == set(UNGUARDED)


def test_no_exception_is_out_of_date():
    assert set(UPWARD) == {(own, other) for _, _, own, other in upward_includes()}


def test_extern_only_in_headers():
    found = [f"{path}:{number}" for path in kernel_files({".c"})
             for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
             if re.match(r"\s*extern\b", line)]
    assert not found


@pytest.mark.parametrize("header", public_headers(), ids=str)
def test_header_parses_with_tcc(header, tmp_path):
    source = tmp_path / "use.c"
    source.write_text(f"#include <{header}>\n")
    result = subprocess.run(["tcc", "-c", "-nostdinc", "-I.", "-Ibuild/generated", *tcc_includes(), "-DPOLYGLOT_KERNEL=1",
                             source, "-o", tmp_path / "use.o"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr, result.stderr


def tcc_includes():
    """tcc's own stddef.h and stdarg.h, and musl's stdint.h: glibc's headers define __attribute__ away for
    compilers that are not GCC, and with it the layout of packed structures."""
    printed = subprocess.run(["tcc", "-print-search-dirs"], capture_output=True, text=True).stdout
    own = re.search(r"^include:\n\s*(\S+)", printed, re.M)[1]
    libc = Path(ziglang.__file__).parent / "lib" / "libc" / "include"
    return [f"-I{directory}" for directory in (own, libc / "x86_64-linux-musl", libc / "generic-musl")]


STRUCT = re.compile(r"^struct\s+(?:ALIGNED\(\w+\)\s+|PACKED\s+)?(\w+)\s*\{(.*?)^\}", re.M | re.S)
FIELD = re.compile(r"^\s*(?!\#|/|\*)[\w\s*]+?[\s*](\w+)(?:\[[^;]*\])?;", re.M)


def layouts(header):
    """(struct, field) pairs of a header, field "" for the struct itself; only fields outside nested braces."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", (ROOT / header).read_text(), flags=re.S)
    for name, body in STRUCT.findall(text):
        yield name, ""
        while "{" in body:
            body = re.sub(r"\b(?:struct|union)\b[^{};]*\{[^{}]*\}\s*\w*[^;]*;", "", body) if re.search(
                r"\b(?:struct|union)\b[^{};]*\{[^{}]*\}", body) else ""
        for line in FIELD.finditer(body):
            if ":" not in line[0] and "," not in line[0]:
                yield name, line[1]


def test_tcc_lays_out_structures_as_clang_does(tmp_path):
    """Every sizeof and offsetof of the public headers, as an array that both compilers write."""
    program = ["#include <stddef.h>\n"] + [f"#include <{header}>\n" for header in public_headers()]
    names = [pair for header in public_headers() for pair in layouts(header)]
    assert len(names) > 50
    program.append("const unsigned long layout[] = {\n")
    program += [f"sizeof(struct {name}),\n" if not field else f"offsetof(struct {name}, {field}),\n"
                for name, field in names]
    program.append("};\n")
    source = tmp_path / "layout.c"
    source.write_text("".join(program))
    include = ["-I.", "-Ibuild/generated", "-DPOLYGLOT_KERNEL=1"]
    values = []
    for number, command in enumerate((["tcc", "-nostdinc", *tcc_includes()], [*ZIG_CC, "-ffreestanding"])):
        output = tmp_path / f"layout{number}.o"
        result = subprocess.run([*command, *include, "-c", source, "-o", output], cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        values.append(read_array(output, len(names)))
    different = [f"struct {name}{'.' + field if field else ''}: tcc {tcc}, clang {clang}"
                 for (name, field), tcc, clang in zip(names, *values) if tcc != clang]
    assert not different, "\n".join(different)


def read_array(path, count):
    """The unsigned longs of the symbol `layout` in an object file."""
    elf = Elf(path)
    symbol = next(symbol for symbol in elf.symbols() if symbol.name == "layout")
    start = elf.sections[symbol.section][4] + symbol.value
    return struct.unpack_from(f"<{count}Q", elf.data, start)

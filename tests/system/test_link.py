"""polyglot.link with objects of gcc, clang, zig, rustc and tcc, and with archives, in one boot: functions of each are called from
Python and from one another, types and sources are told, a division by zero is named by its line, what is missing is listed, all is unloaded.

The sources are in linked/. Rust's panics need parts of its prebuilt core library, which are taken from the toolchain's own archives.
tcc compiles inside.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import CHECKS_INSIDE

SOURCES = Path(__file__).parent / "linked"
ZIG = [sys.executable, "-m", "ziglang"]
GCC = ["gcc", "-g", "-O2", "-fno-pic", "-fno-omit-frame-pointer", "-mcmodel=kernel", "-c"]
CLANG = [*ZIG, "cc", "-target", "x86_64-freestanding", "-g", "-O2", "-fno-sanitize=all", "-fno-pic", "-mcmodel=kernel", "-ffunction-sections", "-c"]
OBJECTS = {
    "gcc.o": [*GCC, "gcc.c", "-o"],
    "missing.o": [*GCC, "missing.c", "-o"],
    "clang.o": [*CLANG, "clang.c", "-o"],
    "rust.o": ["rustc", "--edition", "2024", "--emit=obj", "-g", "-C", "panic=abort", "-C", "relocation-model=static", "-C", "code-model=kernel",
               "-C", "force-frame-pointers=yes", "rust.rs", "-o"],
    "zig.o": [*ZIG, "build-obj", "-fno-llvm", "-target", "x86_64-freestanding", "-mcmodel=kernel", "zig.zig", "-femit-bin="],
    "member1.o": [*GCC, "-DMEMBER=1", "members.c", "-o"],
    "member2.o": [*CLANG, "-DMEMBER=2", "members.c", "-o"],
    "member3.o": ["tcc", "-g", "-DMEMBER=3", "-c", "members.c", "-o"],
    "member4.o": [*GCC, "-DMEMBER=4", "members.c", "-o"],
}


def line_of(file, text):
    return next(number for number, line in enumerate((SOURCES / file).read_text().splitlines(), 1) if text in line)


PROGRAM = CHECKS_INSIDE + r"""
import array, polyglot, subprocess
from polyglot import live
def file_fault(what, call, kind, language, function, file, line):
    fault = raises(what, polyglot.KernelFault, f"in {language} function {function} ({file}:{line})", call)
    equal(what + ": attributes", fault and (fault.kind, fault.language, fault.function, fault.file, fault.line), (kind, language, function, file, line))

subprocess.run(["tcc", "-g", "-c", "tcc.c", "-o", "/tmp/tcc.o"], cwd="/host", check=True)
missing = raises("order", polyglot.LinkError, "gcc_add is not defined", lambda: polyglot.link("/host/clang.o"))
equal("nothing is left", len(live.modules()), 0)
gcc = polyglot.link("/host/gcc.o")
clang = polyglot.link("/host/clang.o")
raises("what Rust's core has", polyglot.LinkError, "panic_const_div_by_zero", lambda: polyglot.link("/host/rust.o"))
raises("no archive", polyglot.LinkError, "/host/gcc.o is no archive", lambda: polyglot.link("/host/rust.o", archive="/host/gcc.o"))
rust = polyglot.link("/host/rust.o", archive=["/host/libcore.rlib", "/host/libcompiler_builtins.rlib"])
zig = polyglot.link("/host/zig.o")
tcc = polyglot.link("/tmp/tcc.o")
equal("modules", [row.name for row in live.modules()], ["/host/gcc.o", "/host/clang.o", "/host/rust.o", "/host/zig.o", "/tmp/tcc.o"])
equal("names", (sorted(gcc.defined), sorted(clang.defined), sorted(zig.defined), sorted(tcc.defined)),
      (["gcc_add", "gcc_divide", "gcc_mean", "gcc_sum"], ["clang_count", "clang_divide", "clang_switch", "clang_word"],
       ["zig_add_four_times", "zig_divide", "zig_point", "zig_sum"], ["tcc_add_five_times", "tcc_divide", "tcc_global"]))
equal("a long list is cut", " more>" in repr(rust) and len(repr(rust)) < 2000, True)

# Calls from Python, and across languages: tcc calls Zig, that calls Rust, that calls C.
equal("gcc", (live.gcc_add(2, -5), live.gcc_mean(array.array("d", [1.5, 2.5]), 2), live.gcc_sum.last), (-3, 2.0, -3))
equal("clang", [live.clang_switch(x) for x in range(6)] + [live.clang_word(6).text, live.clang_count], [10, 11, 7, 103, -4, -1, "two", 1])
equal("rust calls C", (live.rust_add_twice(1, 10), live.RUST_CALLS), (21, 1))
equal("rust by value", (live.rust_swap({"first": 7, "second": -8}).first, live.rust_swap({"first": 7, "second": -8}).second), (-8, 7))
equal("zig calls Rust", (live.zig_add_four_times(1, 10), live.RUST_CALLS), (41, 3))
equal("zig", (live.zig_sum(b"\1\2\3", 3), live.zig_point.x, live.zig_point.y), (6, 3, -4))
live.typed("int tcc_add_five_times(int a, int b)"), live.typed("int tcc_divide(int a, int b)"), live.typed("int tcc_global")
calls = live.gcc_sum.calls
equal("tcc calls Zig", (live.tcc_add_five_times(1, 10), live.tcc_global, (live.gcc_sum.calls - calls) %% 16), (51, 5, 4))
raises("checked", OverflowError, "int a takes", lambda: live.rust_add_twice(2**40, 0))

# Types, places, sources
for name, texts in {
    "gcc_mean": ("double gcc_mean(const double *values, int count);", "C, gcc.c:%(gcc_mean)d"),
    "clang_word": ("const char *clang_word(unsigned int index);", "C, clang.c:%(clang_word)d"),
    "rust_swap": ("struct RustPair rust_swap(struct RustPair pair);", "Rust, rust.rs:%(rust_swap)d"),
    "zig_sum": ("unsigned long zig_sum(const unsigned char *bytes, unsigned long count);", "Zig, zig.zig"),
    "tcc_divide": ("int tcc_divide(int a, int b);", "tcc.c:"),
}.items():
    text = getattr(live, name).__doc__
    equal("help of " + name, [part for part in texts if part not in text], [])
equal("users", live.users("rust_add_twice"), [f"/host/zig.o (module {zig.id})"])
equal("type", (str(live.type("struct RustPair")).split(), live.zig_point.__doc__.split("\n")[0][:23]),
      ("struct RustPair { int first; long second; }".split(), "struct Point zig_point;"))
shown = live.search("rust_add")[0]
equal("search", (shown.name, shown.kind, shown.module, shown.users, shown.type), ("rust_add_twice", "function", "/host/rust.o", 1, "int rust_add_twice(int a, int b)"))
equal("source of gcc", live.source("gcc_divide"), "int gcc_divide(int a, int b) { return gcc_quotient(a, b) + 1; }")
equal("source of Rust", live.source("rust_swap").splitlines()[::3], ['#[unsafe(no_mangle)]', "}"])
equal("source of Zig", live.source("zig_divide").splitlines(), ["export fn zig_divide(a: c_int, b: c_int) c_int {", "    return quotient(a, b) + 1;", "}"])
equal("disassembly", "ret" in live.disassemble("clang_switch"), True)

# Who divides by zero is named, though it is no published name.
file_fault("gcc divides", lambda: live.gcc_divide(1, 0), "divide", "C", "gcc_quotient", "gcc.c", %(gcc)d)
file_fault("clang divides", lambda: live.clang_divide(1, 0), "divide", "C", "clang_quotient", "clang.c", %(clang)d)
file_fault("rustc divides", lambda: live.rust_divide(1, 0), "panic", "Rust", "rust::quotient", "rust.rs", %(rust)d)
file_fault("zig divides", lambda: live.zig_divide(1, 0), "panic", "Zig", "zig.quotient", "zig.zig", %(zig)d)
file_fault("tcc divides", lambda: live.tcc_divide(1, 0), "divide", "C", "tcc_quotient", "tcc.c", %(tcc)d)
raises("why Rust panics", polyglot.KernelFault, "panic: div by zero", lambda: live.rust_divide(1, 0))
raises("why Zig panics", polyglot.KernelFault, "panic: divide by zero", lambda: live.zig_divide(1, 0))
equal("still there", (live.rust_divide(9, 3), live.zig_divide(9, 3), live.tcc_divide(9, 3), live.gcc_divide(9, 3), live.clang_divide(9, 3)), (4,) * 5)

# An archive: the first member and those that are needed, each with its own debug data.
members = polyglot.link("/host/members.a")
equal("members", sorted(members.defined), ["member_first", "member_second", "member_second_state", "member_state", "member_third"])
equal("call", live.member_first(live.member_state), 50)
equal("types", (live.member_state.two, live.member_second_state.factor, live.member_second_state.self.factor), (20, 1.5, 1.5))
live.typed("int member_third(int a, int b)")
file_fault("a member divides", lambda: live.member_third(1, 0), "divide", "C", "member_third", "members.c", %(members)d)
equal("the type is not the left-out member's", live.gcc_add(20, 22), 42)

# What is missing
missing = str(raises("missing", polyglot.LinkError, "", lambda: polyglot.link("/host/missing.o")))
equal("all and near", [text for text in ("gcc_ad is not defined; there is gcc_add", "klog_sise is not defined; there is klog_size",
                                         "entirely_unknown_here is not defined") if text not in missing], [])
raises("all members", polyglot.LinkError, "nobody_has_this", lambda: polyglot.link("/host/members.a", all=True))

# Unloading: not while others use it, in the right order.
raises("in use", polyglot.LinkError, "rust_add_twice is used by /host/zig.o", rust.unload)
for module in (members, tcc, zig, rust, clang, gcc): module.unload()
equal("all gone", (list(live.modules()), list(live.search())), ([], []))
raises("gone", AttributeError, "polyglot.live has no 'zig_divide'", lambda: live.zig_divide(1, 1))
gcc = polyglot.link("/host/gcc.o"); equal("again", live.gcc_add(1, 1), 2); gcc.unload()
print(*failures, sep="\n")
print("done", len(failures))
"""


def build(folder):
    for name, command in OBJECTS.items():
        last = command[-1]
        command = [*command[:-1], f"{last}{folder / name}"] if last.endswith("=") else [*command, folder / name]
        subprocess.run(command, cwd=SOURCES, env={**os.environ, "ZIG_LOCAL_CACHE_DIR": str(folder.parent / "zig")}, check=True)
    subprocess.run(["ar", "rcs", "members.a", "member1.o", "member4.o", "member3.o", "member2.o"], cwd=folder, check=True)
    libraries = Path(subprocess.run(["rustc", "--print", "target-libdir"], capture_output=True, text=True, check=True).stdout.strip())
    for name in ("libcore", "libcompiler_builtins"):
        shutil.copy(next(libraries.glob(f"{name}-*.rlib")), folder / f"{name}.rlib")
    for name in ("gcc.c", "rust.rs", "zig.zig", "tcc.c"):
        shutil.copy(SOURCES / name, folder)


def test_objects_of_all_compilers_are_linked_and_work_together(run_inside, tmp_path):
    folder = tmp_path / "objects"
    folder.mkdir()
    build(folder)
    places = {
        "gcc": line_of("gcc.c", "gcc divides"), "clang": line_of("clang.c", "clang divides"), "rust": line_of("rust.rs", "rustc divides"),
        "zig": line_of("zig.zig", "zig divides"), "tcc": line_of("tcc.c", "tcc divides"), "members": line_of("members.c", "a member divides"),
        "gcc_mean": line_of("gcc.c", "double gcc_mean"), "clang_word": line_of("clang.c", "*clang_word"), "rust_swap": line_of("rust.rs", "fn rust_swap"),
    }
    result = run_inside(PROGRAM % places, "--with", folder, timeout=120)
    output = result.stdout.decode("utf-8", "replace")
    assert result.status == 0, output + result.stderr
    assert output.splitlines()[-1:] == ["done 0"], output + result.stderr

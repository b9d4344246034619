"""abi/bindings: the files are current, and their compilers take them and lay structures out as the table says."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "abi"))
import bindings  # noqa: E402
import generate  # noqa: E402
import layout  # noqa: E402

TABLE = generate.load()
PLACE = ROOT / "abi" / "bindings"
ZIG = [sys.executable, "-m", "ziglang"]
# The size of every structure, then a call that succeeds, one that fails, and one through the dispatcher.
EXPECTED = [layout.layout(TABLE, name).size for name in TABLE["structs"]] + [1, -9, 1]

C_PROGRAM = """
int printf(const char *, ...);
#include "polyglot_syscall.h"
#include "polyglot_table.h"
int main(void)
{
    const uint64_t none[6] = { 0, 0, 0, 0, 0, 0 };
%s
    printf("%%d\\n", polyglot_getpid() > 0);
    printf("%%d\\n", (int)polyglot_close(-1));
    printf("%%d\\n", polyglot_call(SYS_getpid, none) == polyglot_getpid());
    return 0;
}
"""
ZIG_PROGRAM = """
const sys = @import("polyglot_syscall.zig");
extern fn printf([*:0]const u8, ...) c_int;
pub export fn main() c_int {
    const none: [6]u64 = @splat(0);
%s
    _ = printf("%%d\\n", @as(c_int, @intFromBool((sys.getpid() catch 0) > 0)));
    _ = printf("%%d\\n", if (sys.close(-1)) |_| @as(c_int, 0) else |err| -sys.number(err));
    _ = printf("%%d\\n", @as(c_int, @intFromBool((sys.call(sys.SYS_getpid, &none) catch 0) == (sys.getpid() catch 1))));
    return 0;
}
"""
RUST_PROGRAM = """
use polyglot_syscall as sys;
fn main() {
%s
    unsafe {
        println!("{}", (sys::getpid().unwrap() > 0) as i32);
        println!("{}", -sys::close(-1).unwrap_err().0);
        println!("{}", (sys::call(39, &[0; 6]) == sys::getpid()) as i32);
    }
}
"""


def lines(form):
    return "\n".join(form % name for name in TABLE["structs"])


def run(command, program, directory):
    result = subprocess.run([*map(str, command)], cwd=directory, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "the compiler warns"
    output = subprocess.run([directory / program], capture_output=True, text=True, check=True).stdout
    assert [int(line) for line in output.split()] == EXPECTED


def test_bindings_are_current():
    for name, text in bindings.files(TABLE).items():
        assert (PLACE / name).read_text() == text, f"{name}: run: python abi/bindings.py"


@pytest.mark.parametrize("compiler", [
    ["gcc", "-O0", "-std=c11", "-Wall", "-Wextra", "-Wno-unused-const-variable"],
    ["gcc", "-O2", "-std=c11", "-Wall", "-Wextra", "-Wno-unused-const-variable"],
    ["tcc"],
    [*ZIG, "cc", "-target", "x86_64-linux-musl", "-static", "-O2", "-std=c11", "-Wall", "-Wextra",
     "-Wno-unused-const-variable", "-Wno-strict-prototypes"],
], ids=["gcc", "gcc-O2", "tcc", "zig cc"])
def test_c(compiler, tmp_path):
    (tmp_path / "t.c").write_text(C_PROGRAM % lines('    printf("%%d\\n", (int)sizeof(struct polyglot_%s));'))
    run([*compiler, f"-I{PLACE / 'c'}", "t.c", "-o", "t"], "t", tmp_path)


def test_zig(tmp_path):
    (tmp_path / "polyglot_syscall.zig").write_text((PLACE / "zig" / "polyglot_syscall.zig").read_text())
    (tmp_path / "t.zig").write_text(ZIG_PROGRAM % lines('    _ = printf("%%d\\n", @as(c_int, @sizeOf(sys.%s)));'))
    run([*ZIG, "build-exe", "-lc", "-target", "x86_64-linux-musl", "t.zig"], "t", tmp_path)


def test_rust(tmp_path):
    result = subprocess.run(["rustc", "--edition", "2021", "--crate-type", "rlib", "--crate-name", "polyglot_syscall",
                             PLACE / "rust" / "src" / "lib.rs"], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    (tmp_path / "t.rs").write_text(RUST_PROGRAM % lines('    println!("{}", size_of::<sys::%s>());'))
    run(["rustc", "--edition", "2021", "--extern", "polyglot_syscall=libpolyglot_syscall.rlib", "t.rs"], "t", tmp_path)

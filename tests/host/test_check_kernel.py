"""tools/check_kernel.py finds what it is there for, in small kernels built with the kernel's own flags."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ZIG = [sys.executable, "-m", "ziglang"]
GOOD = "int number(int a);\nint number(int a) { return a + 1; }\nint entry(int a);\nint entry(int a) { return number(a); }\n"


def kernel_flags():
    """KERNEL_CFLAGS as make has it."""
    database = subprocess.run(["make", "-pn", "kernel"], cwd=ROOT, capture_output=True, text=True).stdout
    flags = re.search(r"^KERNEL_CFLAGS :?= (.*)$", database, re.M)[1]
    return [flag for flag in flags.split() if not flag.startswith(("-ffile-prefix-map", "-fdebug-compilation"))]


@pytest.fixture
def check(tmp_path):
    """check(C source, *arguments) -> check_kernel's exit status and what it says."""

    def run(source, *arguments, flags=()):
        (tmp_path / "out").mkdir()
        (tmp_path / "part.c").write_text(source)
        subprocess.run([*ZIG, "cc", *kernel_flags(), *flags, "-c", "part.c", "-o", "out/part.o"], cwd=tmp_path, check=True)
        subprocess.run([*ZIG, "ld.lld", "-static", "-e", "entry", "-o", "kernel", "out/part.o"], cwd=tmp_path, check=True)
        result = subprocess.run([sys.executable, ROOT / "tools" / "check_kernel.py", "--kernel", "kernel", "--out", "out",
                                 *arguments, "out/part.o"], cwd=tmp_path, capture_output=True, text=True)
        return result.returncode, result.stderr

    return run


def test_good_kernel_passes(check):
    assert check(GOOD) == (0, "")


def test_callers_do_not_depend_on_a_body(check, tmp_path):
    """The point of the flags: a call stays a call even where the result is obvious."""
    check("int seven(void);\nint seven(void) { return 7; }\nint entry(void);\nint entry(void) { return seven(); }\n")
    code = subprocess.run(["objdump", "-d", tmp_path / "kernel"], capture_output=True, text=True).stdout
    assert re.search(r"(call|jmp)\s.*<seven>", code)


def test_weak_undefined_symbol(check):
    source = GOOD + "__attribute__((weak)) int absent(void);\nint use(void);\nint use(void) { return absent ? absent() : 0; }\n"
    assert check(source) == (1, "check_kernel: absent: weak and undefined\n")


@pytest.mark.parametrize("instruction", ["movups %xmm0, (%rsp)", "fldz", "emms; movq %mm0, %rax"])
def test_fpu_instruction(check, instruction):
    status, text = check(GOOD + f'void use(void);\nvoid use(void) {{ __asm__ volatile("{instruction}"); }}\n')
    assert status == 1 and "use: uses floating-point or SSE state" in text


def test_saving_fpu_state_is_allowed(check):
    assert check(GOOD + 'void use(void *p);\nvoid use(void *p) { __asm__ volatile("fxsave (%0)" :: "r"(p)); }\n') == (0, "")


def test_function_without_entry_nop(check):
    status, text = check(GOOD.replace("int number(int a) {", "__attribute__((patchable_function_entry(0))) int number(int a) {"))
    assert status == 1 and "number: no 5-byte nop at its entry" in text


def test_static_function(check):
    source = GOOD + "static int hidden(int a)\n{\n    return a;\n}\nint use(void);\nint use(void) { return hidden(2); }\n"
    status, text = check(source)
    assert status == 1 and "part.c:5: hidden is a static function" in text


def test_static_variables_and_inline_accessors_are_allowed(check):
    source = GOOD + ("static int (*const table[])(int) = {number};\nstatic inline int first(void) { return table[0](1); }\n"
                     "int use(void);\nint use(void) { return first(); }\n")
    assert check(source) == (0, "")


def test_the_kernel_has_no_path_of_this_clone():
    assert str(ROOT).encode() not in (ROOT / "build" / "kernel.elf").read_bytes()

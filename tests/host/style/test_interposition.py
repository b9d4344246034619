"""No caller depends on a callee's body: the proof behind the kernel's flags (docs/architecture.md, Kernel C rules).

Any kernel function may be replaced while the system runs. So calls must stay calls, with all their arguments,
and results must be used, whatever the callee's body would allow the optimiser to conclude. The probe below has
one function for each conclusion that was seen at -O2; it is compiled with the flags of kernel/rules.mk, once as
the kernel does (LOCAL is empty) and once with `static`, which shows that the probe can catch the fault.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

PROBE = """
#include <lib/compiler.h>
#include <lib/types.h>

LOCAL int probe_constant(void) { return 7; }
LOCAL int probe_unused_argument(int a, int b) { return a + 1; }
LOCAL void probe_nothing(void) { }
LOCAL int probe_small(int a) { return a * 3; }
LOCAL bool probe_never_fails(const char *text) { return text != NULL; }
LOCAL __attribute__((noinline)) int probe_noinline(void) { return 9; }

int use_constant(void);
int use_constant(void) { return probe_constant() + 1; }
int use_unused_argument(int x);
int use_unused_argument(int x) { return probe_unused_argument(x, 0x1234567); }
void use_nothing(void);
void use_nothing(void) { probe_nothing(); }
int use_small(int x);
int use_small(int x) { return probe_small(x) + probe_small(x); }
int use_never_fails(void);
int use_never_fails(void) { return probe_never_fails("x") ? 1 : 0x7654321; }
int use_noinline(void);
int use_noinline(void) { return probe_noinline() - 9; }
"""


def kernel_flags():
    """KERNEL_CFLAGS as make has them."""
    printed = subprocess.run(["make", "-s", "--eval", "print-flags: ; @echo '$(KERNEL_CFLAGS)'", "print-flags"],
                             cwd=ROOT, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.split()


def disassemble(flags, directory):
    """{function: its instructions with relocations} of the probe."""
    source, output = directory / "probe.c", directory / "probe.o"
    source.write_text(PROBE)
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags, "-Wno-unused-function", "-c", source, "-o", output],
                   cwd=ROOT, check=True)
    listing = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", output], capture_output=True, text=True,
                             check=True).stdout
    return {name: body for name, body in re.findall(r"^[0-9a-f]+ <(\w+)>:\n(.*?)(?:\n\n|\Z)", listing, re.M | re.S)}


@pytest.fixture(scope="module")
def kernel_build(tmp_path_factory):
    return disassemble(kernel_flags(), tmp_path_factory.mktemp("kernel"))


def calls(body, name):
    return len(re.findall(rf"R_X86_64_\w+\s+{name}\b", body))


@pytest.mark.parametrize("name, count", [
    ("constant", 1), ("unused_argument", 1), ("nothing", 1), ("small", 2), ("never_fails", 1), ("noinline", 1)])
def test_calls_stay_calls(kernel_build, name, count):
    assert calls(kernel_build[f"use_{name}"], f"probe_{name}") == count


def test_arguments_are_passed_though_unused(kernel_build):
    assert "0x1234567" in kernel_build["use_unused_argument"]


def test_results_are_used_though_known(kernel_build):
    assert re.search(r"\binc|add|lea", kernel_build["use_constant"]), "the constant was folded"
    assert "0x7654321" in kernel_build["use_never_fails"], "the branch was folded"
    assert re.search(r"add|sub|lea", kernel_build["use_noinline"]), "the result was folded"


def test_the_probe_catches_static_functions(tmp_path):
    flags = [flag for flag in kernel_flags() if not flag.startswith("-DPOLYGLOT_KERNEL")]
    static_build = disassemble(flags, tmp_path)
    folded = [name for name in ("constant", "nothing", "small", "never_fails")
              if calls(static_build[f"use_{name}"], f"probe_{name}") == 0]
    assert len(folded) >= 3


def test_every_function_can_be_patched(kernel_build):
    for name, body in kernel_build.items():
        assert re.match(r"\s*[0-9a-f]*0:\s+nopl\s+0x8\(%rax,%rax,1\)", body), f"{name} has no aligned 5-byte nop"

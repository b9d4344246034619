"""What all tests share: C unit tests as pytest items, and machines to boot.

C: every *_test.c below tests/host is built with the sanitizers and run (see tests/host/check.h).
Machines (tests/system):
    boot(**options)          -> a Machine at its prompt, headless; ended by the fixture
    run_inside(source, ...)  -> a Result of tools/vm exec
POLYGLOT_PATIENCE=n: time limits are n times what they say; default 3.
POLYGLOT_CPUS=4: machines have four CPUs where a test does not say how many, those of tools/vm included; default 1.
Order: cheap directories first; `make test` gives host, system, and a worker per processor of this machine takes the next
file of tests when it has done one (pytest-xdist, --dist loadfile).
"""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

os.environ.setdefault("POLYGLOT_PATIENCE", "3")  # before the modules that read it
from polyglot_vm import screen
from polyglot_vm.machine import Machine, MachineOptions
from polyglot_vm.serial_line import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
VM = ROOT / "tools" / "vm"
HOST_TESTS = ROOT / "tests" / "host"
HOST_BUILD = ROOT / "build" / "tests" / "host"
# Those run in our own Python, hosted and inside: host/test_guest_hosted.py, system/test_guest_inside.py.
collect_ignore = ["guest"]
# Below `make test` these name a job server whose descriptors pytest does not inherit: make, cargo and rustc complain.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)
SUMMARY = re.compile(rb"^(\d+) passed, (\d+) failed$", re.M)


# --- C unit tests ----------------------------------------------------------------------------

def pytest_collect_file(file_path, parent):
    if file_path.is_relative_to(ROOT / "tests" / "host") and file_path.name.endswith("_test.c"):
        return CFile.from_parent(parent, path=file_path)
    return None


class CFile(pytest.File):
    def collect(self):
        yield CItem.from_parent(self, name=self.path.stem)


class CFailure(Exception):
    """Output of a C test that failed; shown as it is."""


class CItem(pytest.Item):
    FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-function",
             "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    # memcpy and its kin of lib/ would replace the sanitizer's.
    ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}

    def runtest(self):
        program = HOST_BUILD / self.path.relative_to(HOST_TESTS).with_suffix("")
        self._build(program)
        result = subprocess.run([program], capture_output=True, timeout=300, cwd=ROOT,
                                env={**os.environ, **self.ENVIRONMENT})
        summary = SUMMARY.search(result.stdout)
        if result.returncode != 0 or not summary or int(summary[1]) == 0 or int(summary[2]):
            raise CFailure(f"status {result.returncode}\n"
                           + (result.stdout + result.stderr).decode("utf-8", "replace"))
        self.add_report_section("call", "stdout", result.stdout.decode())

    def _build(self, program):
        text = self.path.read_text()
        links = re.findall(r"Links:[ \t]*(.*?)(?:\*/)?$", text, re.M)
        flags = re.findall(r"Flags:[ \t]*(.*?)(?:\*/)?$", text, re.M)
        program.parent.mkdir(parents=True, exist_ok=True)
        command = ["cc", *self.FLAGS, *" ".join(flags).split(), "-I.", "-Ibuild/generated",
                   str(self.path.relative_to(ROOT)), *" ".join(links).split(), "-o", str(program)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        if result.returncode != 0:
            raise CFailure(" ".join(command) + "\n" + result.stderr)

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, CFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, self.name


# --- Machines --------------------------------------------------------------------------------

@pytest.fixture
def boot():
    """boot(prompt=True, **fields of MachineOptions) -> a running Machine, waited for until its prompt."""
    machines = []

    def start(prompt=True, timeout=120, **options):
        machine = Machine(MachineOptions(**options))
        machines.append(machine)
        if prompt:
            screen.wait_for_prompt(machine, timeout)
        return machine

    yield start
    for machine in machines:
        machine.__exit__(None, None, None)


class Result(NamedTuple):
    status: int
    stdout: bytes
    stderr: str


def vm(*arguments, stdin=b"", timeout=300):
    """Runs tools/vm; its own time-out is a failure of the test."""
    result = subprocess.run([VM, *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout * PATIENCE)
    return Result(result.returncode, result.stdout, result.stderr.decode("utf-8", "replace"))


@pytest.fixture
def run_inside(tmp_path):
    """run_inside(source, *arguments_of_vm_exec, name="program.py") -> Result of tools/vm exec."""

    def run(source, *arguments, name="program.py", timeout=120):
        program = tmp_path / name
        program.write_text(source)
        return vm("exec", program, "--timeout", timeout * PATIENCE, *arguments, timeout=timeout + 60)

    return run


# For programs of run_inside(): checks that go on after a failure; `failures` are theirs to print.
CHECKS_INSIDE = r"""
failures = []
def equal(what, got, expected):
    if got != expected: failures.append(f"{what}: {got!r}, not {expected!r}")
def raises(what, exception, text, call):
    try: failures.append(f"{what}: returned {call()!r}")
    except exception as error:
        if text not in str(error): failures.append(f"{what}: {error}")
        return error
    except BaseException as error: failures.append(f"{what}: {error!r}")
"""


# --- Guest tests -----------------------------------------------------------------------------

def guest_files():
    """Names of the test files of tests/guest, without .py."""
    return sorted(path.stem for path in (ROOT / "tests" / "guest").glob("test_*.py"))


def unittest_count(text):
    """How many tests unittest says it ran."""
    match = re.search(r"^Ran (\d+) tests? in", text, re.M)
    return int(match[1]) if match else 0

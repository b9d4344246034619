"""The `syscall` command of Bash, as a person uses it; its scripts are tests/conformance's business."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
import suite  # noqa: E402


@pytest.fixture(scope="module")
def syscall():
    program = suite.build("bash")

    def run(*arguments, stdin=b""):
        result = subprocess.run([program, *arguments], input=stdin, capture_output=True, timeout=20)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    return run


def test_result_and_what_was_written(syscall, tmp_path):
    (tmp_path / "file").write_text("hello")
    status, output, _ = syscall("newfstatat", "AT_FDCWD", str(tmp_path / "file"), "@", "0")
    assert status == 0 and output.startswith("0\nresult = {st_dev=") and "st_size=5," in output


def test_error_is_a_name_and_a_status(syscall):
    assert syscall("open", "/nonexistent", "O_RDONLY", "0") == (1, "", "ENOENT\n")


def test_raw_output_and_sizes(syscall):
    assert syscall("--raw", "buffer", "read", "0", "@100", "#", stdin=b"two\nlines") == (0, "two\nlines", "")


def test_strings_with_escapes(syscall):
    assert syscall("write", "1", '"a\\tb\\x21\\n"', "#")[1] == "a\tb!\n5\n"


def test_script_keeps_descriptors_and_forks(syscall):
    script = b"p: pipe2 @2 0\nc: fork\n| write $p.fds[1] hi 2\nread $p.fds[0] @8 8\nwait4 $c @ 0 NULL\n"
    status, output, _ = syscall("-", stdin=script)
    assert status == 0
    assert 'read = 2\n  buffer = "hi"\n' in output and "status = 0" in output


def test_help(syscall):
    status, output, _ = syscall("--help", "openat")
    assert status == 0 and output.startswith("openat (257)") and "O_CREAT" in output
    assert "usage" in syscall("--help")[1]
    assert "getpid\n" in syscall("--list")[1]


@pytest.mark.parametrize("words", [("nonesuch",), ("open", "x"), ("close", "O_NONSENSE"), ("close", "12x"),
                                   ("fstat", "0", "nosuch@1"), ("--what",), ()])
def test_wrong_lines_are_status_2(syscall, words):
    status, output, error = syscall(*words)
    assert status == 2 and output == "" and error != ""

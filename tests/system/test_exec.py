"""tools/vm exec with the real system: bytes out, statuses, arguments, /host, time limits, panics."""

import os
import signal
import subprocess
import time

import pytest

from conftest import VM, vm


def test_output_is_exact(run_inside):
    """Every byte value, no newline at the end, and nothing of the console or the boot."""
    result = run_inside("import sys\nsys.stdout.buffer.write(bytes(range(256)) * 3)\nsys.stdout.buffer.write(b'end')\n")
    assert result == (0, bytes(range(256)) * 3 + b"end", "")


def test_standard_error_is_apart(run_inside):
    result = run_inside("import sys\nprint('out')\nprint('err', file=sys.stderr)\n")
    assert result == (0, b"out\n", "err\n")


@pytest.mark.parametrize("source, status", [
    ("import sys; sys.exit(0)", 0), ("import sys; sys.exit(7)", 7), ("import sys; sys.exit(255)", 255),
    ("import os; os._exit(3)", 3)])
def test_status(run_inside, source, status):
    assert run_inside(source).status == status


def test_uncaught_exception(run_inside):
    result = run_inside("def inner():\n    return 1 / 0\ninner()\n")
    assert result.status == 1 and result.stdout == b""
    assert "Traceback" in result.stderr and "ZeroDivisionError" in result.stderr and "in inner" in result.stderr


def test_arguments(run_inside):
    result = run_inside("import sys\nprint(sys.argv[1:])\n", "a", "b c", "ü", "--own", "", "--", "--timeout")
    assert result.stdout.decode() == "['a', 'b c', 'ü', '--own', '', '--timeout']\n" and result.status == 0


def test_program_on_standard_input():
    assert vm("exec", "-", "--timeout", 120, "x", stdin=b"import sys\nprint(6 * 7, sys.argv[1:])\n") == (0, b"42 ['x']\n", "")


def test_big_output(run_inside):
    """Some megabytes, in order."""
    result = run_inside("for i in range(300000):\n    print(i)\n")
    assert result.status == 0 and result.stdout == b"".join(b"%d\n" % i for i in range(300000))


def test_output_comes_while_the_program_runs(tmp_path):
    program = tmp_path / "slow.py"
    program.write_text("import time\nprint('first', flush=True)\ntime.sleep(600)\n")
    process = subprocess.Popen([VM, "exec", program], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"first\n"
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM


def test_timeout_keeps_what_was_printed(tmp_path):
    program = tmp_path / "endless.py"
    program.write_text("print('before', flush=True)\nwhile True:\n    pass\n")
    start = time.monotonic()
    result = vm("exec", program, "--timeout", 20)
    assert result.status == 124 and result.stdout == b"before\n"
    assert time.monotonic() - start < 40


def test_reader_that_goes_away_ends_it(tmp_path):
    program = tmp_path / "endless.py"
    program.write_text("while True:\n    print('y')\n")
    result = subprocess.run(f"{VM} exec {program} | head -n 2", shell=True, capture_output=True, timeout=120)
    assert result.stdout == b"y\ny\n" and b"Traceback" not in result.stderr


def test_host_directory(run_inside, tmp_path):
    folder = tmp_path / "given"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "text").write_text("from outside")
    (folder / "data").write_bytes(bytes(range(256)) * 100)
    (folder / "link").symlink_to("sub/text")
    (folder / "tool.py").write_text("VALUE = 5\n")
    os.utime(folder / "data", (1_000_000_000, 1_000_000_000))
    result = run_inside("""
import os, sys
print(sorted(os.listdir('/host')))
sys.path.insert(0, '/host')
import tool
print(tool.VALUE)
print(open('/host/link').read(), os.readlink('/host/link'), int(os.stat('/host/data').st_mtime))
print(open('/host/data', 'rb').read() == bytes(range(256)) * 100)
""", "--with", folder)
    assert result == (0, b"['data', 'link', 'sub', 'tool.py']\n5\nfrom outside sub/text 1000000000\nTrue\n", "")


def test_host_directory_of_300_mb(run_inside, tmp_path):
    """It takes seconds, and the machine's memory grows by as much."""
    folder = tmp_path / "big"
    folder.mkdir()
    block = os.urandom(1 << 20)
    with open(folder / "file", "wb") as file:
        for _ in range(300):
            file.write(block)
    start = time.monotonic()
    result = run_inside("""
import hashlib, os
print(os.path.getsize('/host/file'))
with open('/host/file', 'rb') as file:
    file.seek(-(1 << 20), 2)
    print(hashlib.sha256(file.read()).hexdigest())
""", "--with", folder, "--memory", 256)
    import hashlib
    assert result == (0, f"{300 << 20}\n{hashlib.sha256(block).hexdigest()}\n".encode(), "")
    assert time.monotonic() - start < 60


def test_panic_is_125(run_inside):
    result = run_inside("print('never')", "--append", "panic=test")
    assert result.status == 125 and result.stdout == b""
    assert "PANIC" in result.stderr
    # The backtrace has names.
    assert "kernel_main" in result.stderr or "+0x" in result.stderr


def test_uefi(run_inside):
    assert run_inside("print('by UEFI')", "--firmware", "uefi") == (0, b"by UEFI\n", "")


def test_small_machine(run_inside):
    assert run_inside("print(sum(range(1000)))", "--memory", 256) == (0, b"499500\n", "")


def test_limit_of_cpus(run_inside):
    """Boot option cpus=N: the others stay off."""
    source = "print(open('/proc/cpuinfo').read().count('processor'))"
    assert run_inside(source, "--cpus", 3, "--append", "cpus=2") == (0, b"2\n", "")

"""tools/vm as a tool: its options, its errors, and that it leaves nothing behind.

No operating system is needed here: the disk is blank, so the machine stays in its firmware for ever.
What tools/vm does with a running system is in test_exec.py and test_console.py.
"""

import os
import pty
import shlex
import signal
import subprocess
import termios
import time

import pytest

from conftest import VM, vm


@pytest.fixture
def blank(tmp_path):
    path = tmp_path / "blank.img"
    path.write_bytes(bytes(1 << 20))
    return path


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("print(1)\n")
    return path


@pytest.fixture
def temp(tmp_path):
    """TMPDIR of the tool under test: whatever it forgets stays here."""
    path = tmp_path / "tmp"
    path.mkdir()
    return path


def running(temp):
    """Command lines of the QEMUs that were started with this TMPDIR."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                command = file.read()
            with open(f"/proc/{process}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        if command.startswith(b"qemu") and b"TMPDIR=" + os.fsencode(temp) in environment:
            found.append(command)
    return found


def wait_until(condition, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["", "run", "exec", "screenshot", "debug"])
def test_help(command):
    result = vm(*command.split(), "--help")
    assert result.status == 0 and b"usage: tools/vm" in result.stdout
    if command:
        for option in (b"--firmware", b"--memory", b"--cpus", b"--append", b"--dry-run"):
            assert option in result.stdout


def test_dry_run_prints_the_command():
    result = vm("run", "--dry-run", "--firmware", "uefi", "--memory", 512, "--cpus", 2, "--append", "a=1,b c",
                "--terminal", "--", "-d", "int")
    words = shlex.split(result.stdout.decode())
    assert result.status == 0 and words[0] == "qemu-system-x86_64" and words[-2:] == ["-d", "int"]
    assert words[words.index("-m") + 1] == "512" and words[words.index("-smp") + 1] == "2"
    assert "name=opt/polyglot/cmdline,string=a=1,,b c" in words
    assert any("OVMF_CODE" in word for word in words)


def test_missing_image_is_126(tmp_path, program):
    for arguments in (["exec", program], ["run", "--terminal"], ["screenshot", tmp_path / "out.png"]):
        result = vm(*arguments, "--image", tmp_path / "absent.img")
        assert result.status == 126 and "Run: make image" in result.stderr and result.stdout == b""


def test_missing_qemu_is_126(blank, program, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(os.path.realpath("/proc/self/exe"))
    result = subprocess.run([VM, "exec", program, "--image", blank], capture_output=True, text=True,
                            env={"PATH": f"{tools}"})
    assert result.returncode == 126 and "apt-get install" in result.stderr


def test_mistakes_are_told(blank, tmp_path, program):
    assert vm("exec", "--image", blank).status == 2
    assert "no such file" in vm("exec", tmp_path / "absent.py", "--image", blank).stderr
    other = tmp_path / "program.xyz"
    other.write_text("")
    assert "no language for the suffix" in vm("exec", other, "--image", blank).stderr
    assert "not a directory" in vm("exec", program, "--with", program, "--image", blank).stderr
    assert vm("run", "--memory", "-5").status == 2
    assert vm("run", "--frimware", "uefi").status == 2


def test_timeout_is_124(blank, program):
    start = time.monotonic()
    result = vm("exec", program, "--image", blank, "--timeout", 1.5)
    assert result.status == 124 and result.stdout == b"" and "1.5 s" in result.stderr
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("command", ["exec", "screenshot", "run"])
def test_interrupted_it_cleans_up(blank, program, temp, command, number, status):
    arguments = {"exec": [program], "screenshot": [temp / "out.png"], "run": ["--terminal"]}[command]
    process = subprocess.Popen([VM, command, *arguments, "--image", blank], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(temp)})
    wait_until(lambda: running(temp / "polyglot-vm-"))
    process.send_signal(number)
    _, text = process.communicate(timeout=20)
    assert process.returncode == status, text
    assert b"Traceback" not in text
    assert not running(temp / "polyglot-vm-") and not list(temp.iterdir())


def test_killed_hard_qemu_dies_with_it(blank, program, temp):
    process = subprocess.Popen([VM, "exec", program, "--image", blank], env={**os.environ, "TMPDIR": str(temp)})
    wait_until(lambda: running(temp / "polyglot-vm-"))
    process.kill()
    process.wait()
    wait_until(lambda: not running(temp / "polyglot-vm-"))


def test_terminal_is_restored(blank, temp):
    """QEMU puts the terminal into raw mode; after a kill its settings are as before."""
    controller, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    process = subprocess.Popen([VM, "run", "--terminal", "--image", blank], stdin=terminal, stdout=terminal,
                               stderr=terminal, env={**os.environ, "TMPDIR": str(temp)})
    wait_until(lambda: termios.tcgetattr(terminal) != before)
    process.terminate()
    process.wait(timeout=20)
    assert termios.tcgetattr(terminal) == before
    shown = os.read(controller, 65536).decode()
    assert "Ctrl-A then X" in shown  # how to leave was printed first
    os.close(controller)
    os.close(terminal)

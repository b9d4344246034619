"""What tools/bench.py computes from what a system prints. The benchmark itself is `make bench`."""

import json
import os
import pty
import subprocess
import sys
import threading
from types import SimpleNamespace

import bench
import bench_console
import bench_terminal
from conftest import ROOT
from polyglot_vm.picture import Picture
from polyglot_vm.serial_line import SerialLine

BOOT_TEXT = """firmware        0       40000
loader: files   40000   60000
loader: hand-over       100000  10000
serial port     110200  300
loader memory   110500  100
world   130000  5000
"""


def test_memory_in_use():
    text = "MemTotal:   1000000 kB\nMemFree:  900000 kB\nMemAvailable:     990000 kB\n"
    assert bench.used_memory(text, 1024) == 1024 * 1024 - 990000
    assert bench.used_memory("", 1024) is None


def test_parts_of_a_boot_add_up():
    boot = bench.Boot(seconds=1.0, cpu_seconds=0.5, qemu_seconds=0.1, outputs=[BOOT_TEXT])
    split = bench.boot_split(boot)
    assert split == {"total": 1000, "qemu": 100, "firmware": 40, "loader: files": 60, "loader: hand-over": 10,
                     "kernel": 25, "world": 765}
    assert split["total"] == sum(value for name, value in split.items() if name != "total")


def test_guest_part_runs_everywhere():
    """The same files in CPython: one JSON object with a positive time for each measurement."""
    times = {}
    for name in ("bench_imports.py", "bench_guest.py"):
        result = subprocess.run([sys.executable, ROOT / "tools" / name], capture_output=True, check=True)
        times |= json.loads(result.stdout)
    assert set(times) == {"imports", "mix", "dictionaries", "system_calls", "hand_over"}
    assert all(value > 0 for value in times.values())


def test_lines_to_a_terminal():
    """The part that runs inside, on a pseudo-terminal here: every line arrives, the bar last."""
    controller, terminal = pty.openpty()
    arrived = bytearray()

    def read():
        while bench_console.BAR.encode() not in arrived[-200:]:
            arrived.extend(os.read(controller, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    assert bench_console.lines(os.ttyname(terminal)) > 0
    reader.join(30)
    lines = arrived.decode().splitlines()
    assert len(lines) >= bench_console.LINES and lines[9999] == f"9999 {bench_console.TEXT}"
    os.close(controller)
    os.close(terminal)


def test_keys_are_echoed_by_each_terminal():
    pairs = [pty.openpty() for _ in range(2)]
    names = [os.ttyname(terminal) for _, terminal in pairs]
    echoing = threading.Thread(target=bench_console.echo, args=(names[0], names, 2))
    echoing.start()
    for controller, _ in pairs:
        text = b""
        if controller == pairs[0][0]:
            while b"\x1b[?25l" not in text:
                text += os.read(controller, 100)
            os.write(controller, b"a")
            while b"a" not in text:
                text += os.read(controller, 100)
            os.write(controller, b"b")
        while b"b" not in text:
            text += os.read(controller, 100)
        assert b"a" in text
    echoing.join(30)
    assert not echoing.is_alive()
    for descriptor in (descriptor for pair in pairs for descriptor in pair):
        os.close(descriptor)


def test_each_time_is_the_answer_to_its_own_request():
    """An earlier answer is still at the end of the log when the next request is made."""
    log, guest = os.pipe()
    requests, prompt = os.pipe()
    machine = SimpleNamespace(serial=SerialLine(log, prompt))

    def answer():
        for seconds in (b"1.5", b"2.5"):
            request = os.read(requests, 1000).rstrip(b"\r")
            os.write(guest, request + b"\r\n" + b"a line\r\n" * 100 + b"seconds " + seconds + b"\r\n>>> ")

    threading.Thread(target=answer).start()
    assert [bench_terminal.time_lines(machine, "/dev/tty1") for _ in range(2)] == [1.5, 2.5]
    os.close(guest)
    machine.serial.drain()


def test_bar_is_seen_in_a_picture():
    black, grey = b"\0\0\0", b"\xaa\xaa\xaa"
    empty = Picture(640, 32, black * 640 * 32)
    wide = Picture(640, 32, black * 640 * 16 + (black * 8 + grey * 480 + black * 152) * 16)
    short = Picture(640, 32, black * 640 * 16 + (black * 8 + grey * 400 + black * 232) * 16)
    assert bench_terminal.has_bar(wide) and not bench_terminal.has_bar(empty) and not bench_terminal.has_bar(short)


def test_table(capsys):
    samples = dict.fromkeys([*bench.AIMS, "boot cpu"], 1.0)
    report = {"rounds": 1, "median": {"ours": samples | {"boot": 0.25}, "linux": samples, "linux mitigations=off": samples},
              "memory_kb": {"ours": 50 * 1024, "linux": 200 * 1024}, "split_ms": {"virtio": {"total": 250.0}}}
    bench.show(report)
    text = capsys.readouterr().out
    assert report["ratio"]["boot"] == 0.25 and report["ratio"]["memory"] == 0.25
    assert "0.3 OK" in text and "our boot from virtio (ms): total 250" in text

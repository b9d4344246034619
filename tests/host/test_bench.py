"""What tools/bench.py computes from what a system prints. The benchmark itself is `make bench`."""

import json
import subprocess
import sys

import bench
from conftest import ROOT

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
    """The same file in CPython: one JSON object with a positive time for each measurement that has an aim."""
    result = subprocess.run([sys.executable, ROOT / "tools" / bench.GUEST_FILE], capture_output=True, check=True)
    times = json.loads(result.stdout)
    assert set(times) == set(bench.AIMS) - {"boot"} and all(value > 0 for value in times.values())


def test_table(capsys):
    samples = dict.fromkeys([*bench.AIMS, "boot cpu"], 1.0)
    report = {"rounds": 1, "median": {"ours": samples | {"boot": 0.25}, "linux": samples, "linux mitigations=off": samples},
              "memory_kb": {"ours": 50 * 1024, "linux": 200 * 1024}, "split_ms": {"virtio": {"total": 250.0}}}
    bench.show(report)
    text = capsys.readouterr().out
    assert report["ratio"]["boot"] == 0.25 and report["ratio"]["memory"] == 0.25
    assert "0.3 met" in text and "our boot from virtio (ms): total 250" in text

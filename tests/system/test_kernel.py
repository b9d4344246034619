"""The kernel's own suites and what only a whole machine shows."""

import re

import pytest

from conftest import vm
from polyglot_vm.machine import PANIC_STATUS


def test_kernel_suites(boot):
    """Boot option `ktest`: the suites run in the kernel, with a leak check each (kernel/test/ktest.h), and
    the machine powers off."""
    machine = boot(prompt=False, append="ktest", extra=["-device", "edu"])  # the driver suite drives it
    summary = machine.serial.wait_for(r"(\d+) passed, (\d+) failed", timeout=300)
    failed = re.findall(r"^.*(?:not ok|# ).*$", machine.serial.text, re.M)
    assert int(summary[1]) > 0 and int(summary[2]) == 0, "\n".join(failed)
    assert machine.wait(timeout=60) == 0


RED_ZONE = """
import polyglot, threading, time
def lcg(rounds):
    # Depends on every step before: one clobbered value changes the result.
    state = 12345
    for _ in range(rounds):
        state = (state * 1103515245 + 12345) & 0x7fffffff
    return state
print(polyglot.cpl(), lcg(2_000_000))
"""


def test_red_zone_survives_interrupts(run_inside):
    """Long pure computation at ring 0 while a fast timer interrupts it; the result is exact."""
    state = 12345
    for _ in range(2_000_000):
        state = (state * 1103515245 + 12345) & 0x7fffffff
    result = run_inside(RED_ZONE, "--append", "timerhz=4000", timeout=300)
    assert result == (0, f"0 {state}\n".encode(), "")


def test_upper_half_and_ring_0(run_inside):
    result = run_inside("import polyglot\nprint(polyglot.cpl())\nprint(open('/proc/self/maps').read())\n")
    lines = result.stdout.decode().splitlines()
    assert result.status == 0 and lines[0] == "0"
    areas = [line for line in lines[1:] if line.strip()]
    assert len(areas) > 5 and all(int(line.split("-")[0], 16) >= 0xffff_8000_0000_0000 for line in areas)


@pytest.mark.parametrize("firmware", ["bios", pytest.param("uefi", marks=pytest.mark.uefi)])
def test_panic_without_the_host_channel(boot, firmware):
    """At the prompt's machine: the backtrace has names, and QEMU ends with status 125."""
    machine = boot(prompt=False, append="panic=test", firmware=firmware)
    assert machine.wait(timeout=60) == PANIC_STATUS
    report = machine.serial.text.partition("PANIC")[2]
    assert re.search(r"\b\w+\+(0x)?[0-9a-f]+", report), machine.serial.text


def test_damaged_image_is_told(tmp_path):
    """A system that cannot start is not waited for until the time-out without a word."""
    from polyglot_vm.machine import DEFAULT_IMAGE
    image = tmp_path / "damaged.img"
    data = bytearray(DEFAULT_IMAGE.read_bytes())
    at = data.rindex(b"\x7fELF")
    data[at + 5000] ^= 0xff
    image.write_bytes(data)
    program = tmp_path / "program.py"
    program.write_text("print(1)\n")
    result = vm("exec", program, "--image", image, "--timeout", 30)
    assert result.status != 0 and result.stdout == b""
    assert "checksum" in result.stderr.lower() or "damaged" in result.stderr.lower()


def test_non_maskable_interrupts(boot):
    """NMIs at any instruction of world and kernel change nothing: the computation's result is exact, all are counted."""
    machine = boot()
    machine.serial.send("print('be' + 'gin'); s = 1\r")
    machine.serial.wait_for(r"\nbegin", timeout=60)
    machine.serial.send("for i in range(300000): s = (s * 1103515245 + len(str(i))) & 0x7fffffff\r\r")
    for _ in range(300):
        machine.qmp.execute("inject-nmi")
    machine.serial.send("print('sum', s)\r")
    state = 1
    for i in range(300000):
        state = (state * 1103515245 + len(str(i))) & 0x7FFFFFFF
    machine.serial.wait_for(rf"\nsum {state}\s", timeout=120)
    machine.serial.send("print(open('/proc/interrupts').read())\r")
    count = int(machine.serial.wait_for(r"\n +2: +(\d+) +nmi", timeout=60)[1])
    assert 1 <= count <= 300  # two that meet count as one (SDM vol. 3, 6.7.1)


PROFILE = r"""
import errno, mmap, os, polyglot
polyglot.c("int spin_in_c(int n) { volatile int x = 0; for (int i = 0; i < n; i++) x += i; return x; }")

def spin():
    return polyglot.live.spin_in_c(30_000_000)

found = polyglot.profile(spin)
row = found[0]
print("live", row.function, row.share > 50, row.self == row.total, found.value is not None)
print("callers", any("spin_in_c+" in sample.calls and " < " in sample.calls for sample in found.samples.where(role="kernel")))
print("python", found.python and found.python.where(total=found.python[0].total) and any(row.function.startswith("spin (") for row in found.python))
found = polyglot.profile(lambda: polyglot.bash("i=0; while [ $i -lt 4000 ]; do i=$((i+1)); done"), hz=1000)
print("ring 3", "[bash]" in found.column("function"))
with polyglot.profile() as running:
    try:
        polyglot.profile(1)
    except OSError as error:
        print("second", error.errno == errno.EBUSY)
print("table", "samples in" in str(running))
device = os.open("/dev/profile", os.O_RDWR)
for wrong in (b"start 0", b"start 1001", b"start", b"start 5x", b"go", b""):
    try:
        os.write(device, wrong)
        print("taken", wrong)
    except OSError as error:
        assert error.errno == errno.EINVAL
os.write(device, b"start 1000")
while not (first := os.read(device, 7)):
    pass
print("parts", first.split(b"\t")[0].isdigit())
missing = mmap.mmap(-1, 4096)  # read into a page that is not there yet
while polyglot.syscall("read", device, missing, 4096) == 0:
    pass
print("fault", b"\t" in missing[:])
os.close(device)  # while it runs
free = polyglot.memory()["MemFree"]
for _ in range(50):
    device = os.open("/dev/profile", os.O_RDWR)
    os.write(device, b"start 1000")
    os.close(device)
print("freed", abs(free - polyglot.memory()["MemFree"]) < 4 << 20)
"""


def test_profiler(run_inside):
    result = run_inside(PROFILE, "--append", "cpus=4", "--cpus", "4", timeout=200)
    text = result.stdout.decode().replace("\r", "")
    assert result.status == 0, text + result.stderr
    assert text.splitlines() == ["live spin_in_c True True True", "callers True", "python True", "ring 3 True", "second True", "table True",
                                 "parts True", "fault True", "freed True"], text

"""Drivers that are typed in: demo/edu_driver.py on a machine that has QEMU's edu device; and the table's report."""

import re


from conftest import PATIENCE, vm
from polyglot_vm.machine import ROOT

PROGRAM = """
import errno, os, polyglot
rows = {row.device: row.driver for row in polyglot.devices()}
print(rows["pc-speaker"], any(name.startswith("pci 00:00.0") for name in rows))
speaker = os.open("/dev/speaker", os.O_WRONLY)
print(os.write(speaker, b"440 20\\n0 10\\n880 20\\n"))
for wrong in (b"x", b"10 10\\n", b"440\\n", b"440 99999999\\n"):
    try:
        os.write(speaker, wrong)
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


def test_devices_and_the_speaker(run_inside):
    result = run_inside(PROGRAM, timeout=120)
    assert result == (0, b"speaker True\n19\nEINVAL\nEINVAL\nEINVAL\nEINVAL\n", "")


def test_edu_driver_demo():
    result = vm("exec", ROOT / "demo" / "edu_driver.py", "--device", "edu", "--timeout", 200 * PATIENCE)
    lines = result.stdout.decode().splitlines()
    assert result.status == 0, result.stderr
    assert lines == ["before: ['']", "typed in: ['edu']", "5! = 5", "corrected: 5! = 120", "a faulty version: Bad address",
                     "the new driver: 10! = 3628800", "unloaded: [''] False"], result.stdout
    assert not re.search("PANIC", result.stderr)

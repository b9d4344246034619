"""`pytest tests/guest`: each test file as two items, one hosted on this Linux and one inside the OS.

The files are unittest programs for the world, not for this Python: they are handed to run.py there.
"""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMMANDS = {
    "hosted": [ROOT / "build" / "world.elf", HERE / "run.py"],
    "inside": [ROOT / "tools" / "vm", "exec", "--with", HERE, "--timeout", "900", HERE / "run.py"],
}
TIMEOUT = 1000


def pytest_pycollect_makemodule(module_path, parent):
    if module_path.parent == HERE:
        return GuestFile.from_parent(parent, path=module_path)
    return None


class GuestFile(pytest.File):
    def collect(self):
        for place in COMMANDS:
            yield GuestItem.from_parent(self, name=place)


class GuestFailure(Exception):
    """Output of a guest test that failed; shown as it is."""


class GuestItem(pytest.Item):
    def runtest(self):
        command = [*COMMANDS[self.name], self.path.stem]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=TIMEOUT, cwd=ROOT)
        text = result.stdout.decode("utf-8", "replace")
        if result.returncode != 0:
            raise GuestFailure(f"status {result.returncode}: {' '.join(map(str, command))}\n{text}")
        self.add_report_section("call", "output", text)

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, GuestFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, f"{self.path.stem} {self.name}"

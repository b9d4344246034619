"""Counts instructions of the machine with a QEMU plugin (tools/qemu_plugin/count.c), exactly, whatever else this computer does.

    counter = Counter(folder, ranges=["live_enter"], spans={"call": 0xf3})
    options = MachineOptions(extra=counter.arguments())
    ... run; the program inside calls os.getppid() to end a period ...
    for period in counter.periods():       # what came before the first getppid() is the first one
        period.total(cpu=0), period.section("call").longest

ranges: functions of the kernel, whose own instructions are counted. spans: interrupt vectors by a name; all that runs from the vector's entry
to its iretq (or to another thread) is counted. `-icount shift=0,sleep=off` (EXACT) beside it makes time itself a count of instructions, so that two runs count
the same; with several CPUs they take turns then.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from .machine import QEMU, ROOT, VmError

KERNEL = ROOT / "build" / "kernel.debug.elf"
SOURCE = ROOT / "tools" / "qemu_plugin" / "count.c"
MARK = "sys_getppid"
EXACT = ["-icount", "shift=0,sleep=off"]
STUB_SIZE = 16  # of trap_stubs (arch/x86_64/entry.S)
IRETQ, JMP_RCX = b"\x48\xcf", b"\xff\xe1"


class Count(NamedTuple):
    hits: int = 0
    instructions: int = 0
    longest: int = 0  # of one span

    def __add__(self, other):
        return Count(self.hits + other.hits, self.instructions + other.instructions, max(self.longest, other.longest))


class Period(NamedTuple):
    totals: list    # instructions, by CPU
    sections: dict  # (name, CPU) -> Count

    def section(self, name, cpus=None):
        """The section's count on some CPUs; None: all."""
        counts = [count for (found, cpu), count in self.sections.items() if found == name and (cpus is None or cpu in cpus)]
        return sum(counts, Count())

    def outside(self, cpu, names):
        """Instructions of a CPU without those of the spans `names`."""
        return self.totals[cpu] - sum(self.section(name, [cpu]).instructions for name in names)


def build_plugin(folder):
    """The plugin's path. VmError: there is no C compiler."""
    if not shutil.which("cc"):
        raise VmError("there is no C compiler for the QEMU plugin. Run as root: apt-get install -y gcc")
    version = re.search(r"version (\d+)", subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout)
    interface = 1 if int(version[1]) < 9 else 2
    path = folder / "count.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-fvisibility=hidden", f"-DPLUGIN_API_VERSION={interface}", SOURCE, "-o", path], check=True)
    return path


def _places(elf, symbol, code):
    """Addresses of an instruction in a function: all its occurrences as bytes."""
    text = elf.bytes_at(symbol, symbol.size)
    return [symbol.value + match.start() for match in re.finditer(re.escape(code), text)]


class Counter:
    def __init__(self, folder, ranges=(), spans=None):
        from check_kernel import Elf
        elf = Elf(KERNEL)
        symbols = {symbol.name: symbol for symbol in elf.symbols() if symbol.section}
        self.output = folder / "counts"
        words = [f"out={self.output}", f"mark={symbols[MARK].value:x}"]
        for name in ranges:
            words.append(f"range={name}:{symbols[name].value:x}:{symbols[name].value + symbols[name].size:x}")
        for name, vector in (spans or {}).items():
            words.append(f"span={name}:{symbols['trap_stubs'].value + vector * STUB_SIZE:x}")
        if spans:
            leaves = [address for name in ("trap_return", "trap_entry_paranoid", "trap_entry_breakpoint") for address in _places(elf, symbols[name], IRETQ)]
            ends = [symbols["context_switch"].value, *_places(elf, symbols["syscall_entry"], JMP_RCX)]
            words += [f"leave={address:x}" for address in leaves] + [f"end={address:x}" for address in ends]
        self.plugin = build_plugin(folder)
        self.words = words

    def arguments(self):
        return ["-plugin", ",".join([str(self.plugin), *self.words])]

    def periods(self):
        """After the machine's end: its periods, the last one without a mark."""
        found = []
        for line in self.output.read_text().splitlines():
            kind, *words = line.split()
            if kind == "period":
                found.append(Period([int(word) for word in words], {}))
            else:
                found[-1].sections[words[0], int(words[1])] = Count(*map(int, words[2:]))
        return found


__all__ = ["Counter", "Period", "Count", "EXACT"]

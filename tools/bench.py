"""make bench: our speed and memory beside Linux's, in the same machine with the same world binary.

    build/venv/bin/python tools/bench.py [--rounds 5] [--firmware bios] [--json build/bench.json]

The other side is Debian's linux-image-cloud-amd64, downloaded and unpacked below build/bench (not
installed), loaded by -kernel with an initramfs that holds the world as /init, some device nodes and
the same benchmark file; once as it comes and once with mitigations=off, which is the one judged.
CPU model, memory and devices are those of tools/vm's default machine.

One round boots each system once, in turn, so that a slow minute of this computer hits all of them;
medians of the rounds are compared. Nothing is asserted here: the table and the JSON file say what was
measured, and which of the project's aims were met. Ratios are the result, seconds only their source.

What is measured, each by an event and this computer's clock or the guest's:
  boot      from starting QEMU to the first prompt on COM1
  boot cpu  processor time that QEMU used until then: tells what waiting and other work on this computer hide
  split     our boot's parts as /proc/boot gives them, from each kind of disk
  imports   tools/bench_imports.py, the first thing at the prompt
  python    tools/bench_guest.py, run at the prompt
  terminals tools/bench_terminal.py: lines to serial port and screen, key presses; booted by UEFI, TERMINAL_ROUNDS times
  C prompt  tools/bench_c_prompt.py: a cell beside `tcc -run` as a process, and a thousand modules; TERMINAL_ROUNDS times
  memory    RAM of the machine minus MemAvailable, at the prompt
  live      tools/bench_live.py: the live layer's calls and replacements in instructions
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import bench_c_prompt
import bench_live
import bench_terminal
from polyglot_vm import screen
from polyglot_vm.cpio import CpioWriter
from polyglot_vm.machine import ROOT, Machine, MachineOptions, VmError, require
from polyglot_vm.serial_line import SerialTimeout

WORK = ROOT / "build" / "bench"
PACKAGE = "linux-image-cloud-amd64"
LINUX_OPTIONS = "console=ttyS0 quiet panic=-1 HOME=/root"
DEVICES = [("console", 5, 1), ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9),
           ("tty", 5, 0), ("tty1", 4, 1), ("ttyS0", 4, 64)]
# Linux shows /proc only to whom mounts it; the world as /init does not. For the memory run alone.
MOUNT_INIT = """
#include <sys/mount.h>
#include <unistd.h>
int main(int argc, char **argv) { mount("proc", "/proc", "proc", 0, 0); return execv("/world", argv); }
"""
AIMS = {"boot": 0.3, "mix": 1.0, "dictionaries": 1.0, "system_calls": 1.0, "hand_over": 1.0, "serial_lines": 1.0,
        "screen_lines": 1.0}
GUEST_FILES = ("bench_imports.py", "bench_guest.py", "bench_console.py")
TERMINAL_ROUNDS = 3
PROMPT_TIMEOUT = 120


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


# --- The Linux side --------------------------------------------------------------------------

def linux_kernel():
    """The path of Debian's cloud kernel, downloaded at first use."""
    found = sorted(WORK.glob("linux/boot/vmlinuz-*"))
    if found:
        return found[-1]
    WORK.mkdir(parents=True, exist_ok=True)
    depends = subprocess.run(["apt-cache", "depends", PACKAGE], capture_output=True, text=True).stdout
    name = re.search(r"Depends: (linux-image-\S+)", depends)
    package = name[1] if name else PACKAGE
    say(f"downloading {package}")
    if subprocess.run(["apt-get", "download", package], cwd=WORK).returncode != 0:
        raise VmError(f"the package {package} cannot be downloaded. Run as root: apt-get update; "
                      f"then in {WORK}: apt-get download {package}")
    archive = next(WORK.glob("linux-image-*.deb"))
    subprocess.run(["dpkg", "-x", archive, WORK / "linux"], check=True)
    return next(WORK.glob("linux/boot/vmlinuz-*"))


def linux_initramfs(path, init, more=(), trees=()):
    """An initramfs: `init` as /init, device nodes, the benchmark files, `more` = [(source, name)], folders that go to /."""
    with open(path, "wb") as output:
        writer = CpioWriter(output)
        for name, major, minor in DEVICES:
            writer.add_character_device(f"dev/{name}", major, minor)
        for directory in ("proc", "root", "tmp"):
            writer.add_directory(directory)
        for name in GUEST_FILES:
            writer.add_file(ROOT / "tools" / name, f"host/{name}")
        for source, name in more:
            writer.add_file(source, name)
        for tree in trees:
            writer.add_tree(tree)
        writer.add_file(init, "init")
        writer.finish()
    return path


def linux_options(kernel, initramfs, more="", firmware="bios"):
    return MachineOptions(firmware=firmware, extra=["-no-reboot", "-kernel", str(kernel), "-initrd", str(initramfs),
                                 "-append", f"{LINUX_OPTIONS} {more}".strip()])


# --- One boot --------------------------------------------------------------------------------

class Boot(NamedTuple):
    seconds: float       # from QEMU's start to the prompt
    cpu_seconds: float   # of QEMU, in that time
    qemu_seconds: float  # until QEMU's main loop answered: the machine has just been started
    outputs: list        # of the statements


def boot_once(options, statements=(), ask_monitor=False, timeout=PROMPT_TIMEOUT):
    """Boots to the prompt; then gives each statement to it, which may take `timeout` seconds. `ask_monitor`: measure qemu_seconds, too."""
    start = time.monotonic()
    with Machine(options) as machine:
        if ask_monitor:
            machine.qmp.execute("query-status")
        started = time.monotonic()
        screen.wait_for_prompt(machine, PROMPT_TIMEOUT)
        seconds, cpu_seconds = time.monotonic() - start, machine.cpu_seconds()
        return Boot(seconds, cpu_seconds, started - start, [screen.ask(machine, statement, timeout) for statement in statements])


RUN_FILES = [f"exec(open('/host/{name}').read())" for name in GUEST_FILES[:2]]
SHOW_MEMORY = "print(open('/proc/meminfo').read())"
SHOW_BOOT = "print(open('/proc/boot').read())"


def used_memory(meminfo, megabytes):
    """kB in use of a machine with that much RAM: what the system kept from the start counts, too."""
    available = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.M)
    return megabytes * 1024 - int(available[1]) if available else None


def boot_split(boot):
    """Milliseconds of a boot's parts, from /proc/boot: lines "name TAB start TAB duration" in microseconds since
    the processor was started. The kernel's part ends where it enters the world."""
    steps = [(name, int(start) / 1000, int(duration) / 1000)
             for name, start, duration in re.findall(r"^(\S.*?)\s+(\d+)\s+(\d+)$", boot.outputs[0], re.M)]
    split = {name: duration for name, _, duration in steps if name == "firmware" or name.startswith("loader:")}
    kernel_start, kernel_end = sum(split.values()), steps[-1][1] + steps[-1][2]
    total, qemu = boot.seconds * 1000, boot.qemu_seconds * 1000
    return {"total": total, "qemu": qemu, **split, "kernel": kernel_end - kernel_start, "world": total - qemu - kernel_end}


# --- All of it -------------------------------------------------------------------------------

def measure(rounds, firmware):
    require(MachineOptions())
    kernel = linux_kernel()
    world = ROOT / "build" / "world.elf"
    initramfs = linux_initramfs(WORK / "initramfs.cpio", world)
    host = WORK / "host.cpio"
    with open(host, "wb") as output:
        writer = CpioWriter(output)
        for name in GUEST_FILES:
            writer.add_file(ROOT / "tools" / name, name)
        writer.finish()

    def systems(linux_firmware, our_firmware):
        return {
            "ours": MachineOptions(firmware=our_firmware, files={"opt/polyglot/host": host}),
            "linux": linux_options(kernel, initramfs, "", linux_firmware),
            "linux mitigations=off": linux_options(kernel, initramfs, "mitigations=off", linux_firmware),
        }

    results = {name: {} for name in systems("bios", firmware)}

    def keep(name, values):
        for key, value in values.items():
            results[name].setdefault(key, []).append(value)

    for number in range(1, rounds + 1):
        for name, options in systems("bios", firmware).items():
            boot = boot_once(options, RUN_FILES)
            keep(name, {"boot": boot.seconds, "boot cpu": boot.cpu_seconds})
            for output in boot.outputs:
                keep(name, json.loads(output.strip().splitlines()[-1]))
            say(f"round {number} of {rounds}, {name}: prompt after {boot.seconds:.2f} s")
    for number in range(1, min(rounds, TERMINAL_ROUNDS) + 1):
        for name, options in systems("uefi", "uefi").items():
            terminals = bench_terminal.OURS if name == "ours" else bench_terminal.LINUX
            keep(name, bench_terminal.measure_terminals(options, terminals))
            say(f"terminals, round {number} of {min(rounds, TERMINAL_ROUNDS)}, {name}")
    report = {"kernel": kernel.name, "rounds": rounds, "firmware": firmware, "samples": results,
              "median": {name: {key: statistics.median(values) for key, values in samples.items()}
                         for name, samples in results.items()}}
    report["c_prompt"] = bench_c_prompt.measure(
        min(rounds, TERMINAL_ROUNDS), bench_c_prompt.systems(WORK, kernel, linux_initramfs, linux_options),
        lambda machine, statements: boot_once(machine, statements, timeout=bench_c_prompt.TIMEOUT).outputs, say)
    report["memory_kb"] = measure_memory(kernel, world)
    report["split_ms"] = measure_split(firmware)
    return report


def measure_memory(kernel, world):
    source, init = WORK / "init.c", WORK / "init"
    source.write_text(MOUNT_INIT)
    subprocess.run([sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-O2", source, "-o", init],
                   check=True)
    initramfs = linux_initramfs(WORK / "memory.cpio", init, [(world, "world")])
    memory = {}
    for name, options in (("ours", MachineOptions()), ("linux", linux_options(kernel, initramfs))):
        memory[name] = used_memory(boot_once(options, [SHOW_MEMORY]).outputs[0], options.memory)
    return memory


def measure_split(firmware):
    """/proc/boot of one boot from each kind of disk."""
    split = {}
    for disk in ("virtio", "ahci", "ide"):
        try:
            options = MachineOptions(firmware=firmware, disk=disk)
            split[disk] = boot_split(boot_once(options, [SHOW_BOOT], ask_monitor=True))
        except SerialTimeout:
            say(f"no prompt when booted from {disk}")
    return split


def show(report):
    """The table. A ratio below 1: we are faster, or smaller, than Linux with mitigations=off."""
    median = report["median"]
    print(f"{'median of ' + str(report['rounds']) + ' rounds':24}{'ours':>12}{'Linux':>12}{'mitig.=off':>12}"
          f"{'ratio':>9}{'aim':>7}")
    report["ratio"] = {}
    for key in median["ours"]:
        ours, linux, judged = (median[name][key] for name in ("ours", "linux", "linux mitigations=off"))
        ratio = report["ratio"][key] = ours / judged
        aim = AIMS.get(key)
        verdict = "" if aim is None else f"{aim:7.1f} {'OK' if ratio <= aim else 'MISSED'}"
        print(f"{key + ' (s)':24}{ours:12.4f}{linux:12.4f}{judged:12.4f}{ratio:9.3f}{verdict}")
    if "c_prompt" in report:
        bench_c_prompt.show(report["c_prompt"])
    memory = report["memory_kb"]
    if all(memory.values()):
        report["ratio"]["memory"] = memory["ours"] / memory["linux"]
        print(f"{'memory in use (MB)':24}{memory['ours'] / 1024:12.1f}{memory['linux'] / 1024:12.1f}{'':12}"
              f"{report['ratio']['memory']:9.3f}")
    for disk, parts in report["split_ms"].items():
        print(f"our boot from {disk} (ms): " + ", ".join(f"{name} {value:.0f}" for name, value in parts.items()))


def main():
    parser = argparse.ArgumentParser(description="Speed and memory beside Debian's cloud kernel.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--firmware", choices=("bios", "uefi"), default="bios")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args()
    try:
        report = measure(options.rounds, options.firmware)
        report["live"] = bench_live.measure()
    except VmError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(report)
    bench_live.show(report["live"])
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {options.json.relative_to(ROOT) if options.json.is_relative_to(ROOT) else options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

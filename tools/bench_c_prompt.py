"""Rows of `make bench`: a cell of the C prompt beside `tcc -run` as a process, here and in the Linux guest.

    build/venv/bin/python tools/bench_c_prompt.py [--rounds 3]

tools/bench_c.py says what is measured. Linux's initramfs gets the image's own programs (build/programs: Debian's tcc, its C
library and headers), so both sides start the same files. A third machine, ours with -icount, has a clock that counts instructions
(1 ns each), so that its figures are the same on any machine. The aims: a cell takes at most a tenth of a process, and the
thousandth module no more than the first.
"""

import argparse
import json
import statistics
import subprocess
import sys

from polyglot_vm import counting
from polyglot_vm.cpio import CpioWriter
from polyglot_vm.machine import ROOT, MachineOptions, VmError

GUEST_FILE = "bench_c.py"
STATEMENT = f"exec(open('/host/{GUEST_FILE}').read())"
PROGRAMS = ROOT / "build" / "programs"
TIMEOUT = 900
A_TENTH = 0.1
FLAT = 1.2
COUNTED = "ours, instructions"
# The first touch of a page of the machine's memory is this computer's work, and takes longer than a cell.
TOUCHED = ["-mem-prealloc"]


def systems(work, kernel, initramfs, linux_options):
    """{name: options} of a machine of ours and one of Linux; `initramfs` makes that one's (bench.linux_initramfs)."""
    host, launcher = work / "host_c.cpio", work / "bench_spawn"
    subprocess.run([sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-O2", ROOT / "tools" / "bench_spawn.c", "-o", launcher],
                   check=True)
    files = [(ROOT / "tools" / GUEST_FILE, GUEST_FILE), (launcher, launcher.name)]
    with open(host, "wb") as output:
        writer = CpioWriter(output)
        for path, name in files:
            writer.add_file(path, name)
        writer.finish()
    archive = initramfs(work / "initramfs_c.cpio", ROOT / "build" / "world.elf", [(path, f"host/{name}") for path, name in files], [PROGRAMS])
    linux = linux_options(kernel, archive, "mitigations=off")
    linux.extra += TOUCHED
    return {"ours": MachineOptions(files={"opt/polyglot/host": host}, extra=TOUCHED),
            COUNTED: MachineOptions(files={"opt/polyglot/host": host}, cpus=1, extra=counting.EXACT),
            "linux mitigations=off": linux}


def measure(rounds, options, boot, say):
    """Medians of the rounds, in seconds: {system: {name: value}}. `boot(options, statements)` gives their outputs."""
    samples = {name: {} for name in options}
    for number in range(1, rounds + 1):
        for name, one in options.items():
            output = boot(one, [STATEMENT])[0].strip().splitlines()[-1]
            try:
                found = json.loads(output)
            except ValueError:
                raise VmError(f"C prompt, {name}: the measurement failed: {output}") from None
            for key, value in found.items():
                samples[name].setdefault(key, []).append(value)
            say(f"C prompt, round {number} of {rounds}, {name}")
    return {name: {key: statistics.median(values) for key, values in found.items()} for name, found in samples.items()}


def rows(median):
    """(name, value, ratios to tcc -run inside and, in time, on Linux, aim) of each row; a ratio of None: there is none."""
    ours, linux, counted = median["ours"], median["linux mitigations=off"], median[COUNTED]
    for name in ("expression", "definition"):
        for key in (name, f"{name}_p99"):
            end = key.removeprefix(name)
            yield f"{key} (ms)", ours[key] * 1e3, ours[key] / ours[f"tcc_run{end}"], ours[key] / linux[f"tcc_run{end}"], A_TENTH
        for key in (name, f"{name}_p99"):
            yield f"{key} (instructions)", counted[key] * 1e9, counted[key] / counted[f"tcc_run{key.removeprefix(name)}"], None, A_TENTH
    for key in ("call", "call_kept"):
        yield f"{key} (ms)", ours[key] * 1e3, ours[key] / ours["tcc_run"], ours[key] / linux["tcc_run"], None
    yield "1,000 modules (ms)", ours["module_last"] * 1e3, ours["module_last"] / ours["module_first"], None, None
    yield "1,000 modules (instructions)", counted["module_last"] * 1e9, counted["module_last"] / counted["module_first"], None, FLAT


def show(median):
    ours, linux = median["ours"], median["linux mitigations=off"]
    processes = " and ".join(f"{one['tcc_run'] * 1000:.2f} (99%: {one['tcc_run_p99'] * 1000:.2f})" for one in (ours, linux))
    print(f"C prompt; tcc -run takes {processes} ms inside and on Linux, {median[COUNTED]['tcc_run'] * 1e9:,.0f} instructions inside")
    for name, value, inside, on_linux, aim in rows(median):
        ratios = [ratio for ratio in (inside, on_linux) if ratio is not None]
        verdict = "" if aim is None else f"{aim:7.1f} {'OK' if max(ratios) <= aim else 'MISSED'}"
        number = f"{value:,.0f}" if "instructions" in name else f"{value:.3f}"
        print(f"{name:32}{number:>12}  ratio {', '.join(f'{ratio:.3f}' for ratio in ratios)}{verdict}")


def main():
    import bench
    parser = argparse.ArgumentParser(description="The C prompt beside tcc -run, here and on Linux.")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        found = measure(options.rounds, systems(bench.WORK, bench.linux_kernel(), bench.linux_initramfs, bench.linux_options),
                        lambda machine, statements: bench.boot_once(machine, statements, timeout=TIMEOUT).outputs, bench.say)
    except VmError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

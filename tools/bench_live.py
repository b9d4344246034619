"""The live layer's costs in instructions, counted by a QEMU plugin (polyglot_vm/counting.py): part of make bench, or alone:

    build/venv/bin/python tools/bench_live.py

    guard          what a guarded call of live code executes beside the called function: live_enter, and the stub's jump
    Python -> C    a call of a live function beside calls of built-in functions, each less an empty loop
    C -> Python    a callback, for each one
    replaced       what each call of a replaced kernel function executes beside the new version: the jump, its trampoline, the guard
    replacement    what each other CPU executes in interrupts while a function that it calls all the time is replaced: compiler, linker and reclaiming
                   of the version before included. Calls that meet the breakpoint of an entry that is being patched are told apart: how many do depends on
                   how long this computer lets a virtual CPU wait

Counts of calls are exact: time inside is a count of instructions, too. tests/system/test_speed.py asserts the targets.
"""

import io
import json
import sys
from pathlib import Path

from polyglot_vm.counting import EXACT, Counter
from polyglot_vm.hostchannel import run_program
from polyglot_vm.machine import MachineOptions, VmError, temporary_directory

GUEST = Path(__file__).with_name("bench_live_guest.py")
INTERRUPTS = {"timer": 0xf0, "reschedule": 0xf1, "tlb": 0xf2, "call": 0xf3, "breakpoint": 3, "fault": 14, "nmi": 2}
RENDEZVOUS = ("tlb", "call")
OTHERS = (1, 2, 3)
STUB = 1  # jmp *slot: a plain call through the function's address has it, too, one of the function's own file has not
TRAMPOLINE = 4 # the jump at the entry, and the three instructions of live/patch.S
TARGETS = {"guard": 150, "Python -> C": 1.5, "replacement": 2000}


def run(kind, cpus, arguments=(), timeout=600):
    """(what the guest printed, the periods)."""
    with temporary_directory() as folder:
        counter = Counter(folder, ranges=["live_enter", "live_world_gate", "live_patch_enter"], spans=INTERRUPTS)
        out, err = io.BytesIO(), io.BytesIO()
        options = MachineOptions(cpus=cpus, extra=[*counter.arguments(), *arguments])
        status = run_program(options, GUEST, [kind], timeout=timeout, stdout=out, stderr=err)
        if status != 0:
            raise VmError(f"the measurement inside ended with status {status}: {out.getvalue().decode()}{err.getvalue().decode()}")
        return json.loads(out.getvalue().decode().strip().splitlines()[-1]), counter.periods()


def measure_calls(timeout=600):
    """name -> instructions a call; "guard", "gate": those of the kernel's borders."""
    told, periods = run("calls", 1, EXACT, timeout)
    count, counts = told["calls"], {}
    for number, name in enumerate(told["rows"]):
        period = periods[1 + 2 * number]
        counts[name] = period.outside(0, INTERRUPTS) / count
        if name == "f(21)":
            guard = period.section("live_enter")
            counts["guard"] = guard.instructions / guard.hits + STUB
    gate = periods[1 + 2 * number].section("live_world_gate")
    counts["gate"] = gate.instructions / gate.hits
    empty = counts.pop("empty")
    return {name: value if name in ("guard", "gate") or name.startswith("C ->") else value - empty for name, value in counts.items()}


def measure_replacements(timeout=600):
    """kind -> (instructions on the busiest other CPU for one replacement, breakpoints met, instructions of each)."""
    told, periods = run("replacements", 1 + len(OTHERS), timeout=timeout)
    entered = periods[1].section("live_patch_enter")
    result = {"a call of it": (entered.instructions / entered.hits + TRAMPOLINE, 0, 0)}
    for name, period, count in (("replaced again", periods[1], told["replacements"]), ("restored", periods[2], 1), ("replaced first", periods[3], 1)):
        worst = max(sum(period.section(kind, [cpu]).instructions for kind in RENDEZVOUS) for cpu in OTHERS) / count
        met = period.section("breakpoint", OTHERS)
        result[name] = worst, met.hits, met.longest
    return result


def measure():
    return {"calls": measure_calls(), "replacements": measure_replacements()}


def verdict(value, name):
    return f"target {TARGETS[name]}: {'OK' if value <= TARGETS[name] else 'MISSED'}"


def show(report):
    calls = report["calls"]
    print(f"guarded call - plain call       {calls['guard']:8.0f} instructions   {verdict(calls['guard'], 'guard')}")
    print(f"gate back to the world          {calls['gate']:8.0f} instructions")
    for own, builtin, judged in (("f(21)", "abs(-21)", True), ("g(7, 3)", "pow(7, 3)", True), ("g(7, 3)", "divmod(7, 3)", False),
                                 ("polyglot.live.f(21)", "outer.inner.abs(-21)", False), ("f(21)", "python_function(21)", False)):
        ratio = calls[own] / calls[builtin]
        note = verdict(ratio, "Python -> C") if judged else ""
        print(f"{own:20}{calls[own]:8.0f} / {builtin:20}{calls[builtin]:8.0f} = {ratio:5.2f}   {note}")
    print(f"C -> Python callback            {calls['C -> python_function(i)']:8.0f} instructions (called from Python: {calls['python_function(21)']:.0f})")
    for name, (worst, met, longest) in report["replacements"].items():
        if name == "a call of it":
            print(f"replaced function, each call     {worst:7.0f} instructions beside the new version")
            continue
        print(f"function {name + ',':17} each other CPU {worst:6.0f} instructions   {verdict(worst, 'replacement')}"
              + (f"; {met} calls met the breakpoint, {longest} instructions each" if met else ""))


def main():
    try:
        show(measure())
    except VmError as error:
        print(f"bench_live: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

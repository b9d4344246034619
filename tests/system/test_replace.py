"""Replacement of kernel functions in the whole system.

A seeded draw from the kernel's symbol table is replaced by the functions' own recompiled source plus a counter, one
boot: compiled inside by tcc where it can, else by zig cc on this machine and given as objects; a workload runs; the counters must equal what QEMU's execution trace of that same run says: each run of a
function's trampoline is one count (or one of the original's, at the end of a restore), and between the first and the last each run of the entry went there.
REPLACE_DRAW=200 (make soak) draws more; REPLACE_SEED=n others.
"""

import io
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import replace_draw
from polyglot_vm.hostchannel import run_program
from polyglot_vm.machine import MachineOptions

DRAW = int(os.environ.get("REPLACE_DRAW", "20"))
SEED = int(os.environ.get("REPLACE_SEED", "7"))
TRAMPOLINE_SIZE = 16

INSIDE = r"""
import _live, _replacing, json, os, polyglot, subprocess, threading, time
plan = json.load(open("/host/plan.json"))
with open("/host/counters.o", "rb") as file:
    module, message, _ = _live.load_object(file.read(), "counters", "c", 0, "", "")
assert module > 0, message
counters = _live.lookup("live_counters")[1]
count = lambda number: int.from_bytes(_live.peek(counters + 8 * number, 8), "little")
def jump_target(entry):
    code = _live.peek(entry, 5)
    assert code[0] == 0xe9, code
    return entry + 5 + int.from_bytes(code[1:], "little", signed=True)
outcome, by_tcc = {}, {}
started = time.monotonic()
for row in plan:
    number, name, source = row["number"], row["name"], row["source"]
    if row["own"]:
        try:
            built = _replacing._build(f"{source}:{name}", name, _replacing._declared(name), row["own"], "c")
            _replacing._put(built, 0, note=False)
        except (_replacing.ReplaceError, polyglot.CompileError, polyglot.LinkError) as error:
            by_tcc[name] = f"{type(error).__name__}: {error}"
        else:
            by_tcc[name] = ""
            outcome[name] = {"number": number, "trampoline": jump_target(row["address"])}
            continue
    if not row["object"]:
        got, message = _live.replace(name, counters, 0, 0, 0, 0, 0)  # data: never accepted
        assert got < 0, name
        outcome[name] = {"refused": row["why"] + ": " + message}
        continue
    with open(f"/host/{row['object']}", "rb") as file:
        module, message, address = _live.load_object(file.read(), name, "c", 8, source, name)
    if module < 0:
        outcome[name] = {"refused": message}
        continue
    got, message = _live.replace(f"{source}:{name}", address, module, 0, 2**64 - 14, row["stack"], 0)
    outcome[name] = {"refused": message} if got < 0 else {"number": number, "trampoline": jump_target(row["address"])}
seconds = time.monotonic() - started
def work(me):
    for turn in range(20):
        with open(f"/tmp/file{me}-{turn}", "w+") as file:
            file.write("x" * 5000)
            file.seek(0)
            file.read()
        os.rename(f"/tmp/file{me}-{turn}", f"/tmp/renamed{me}")
        os.unlink(f"/tmp/renamed{me}")
        time.sleep(0.001)
    for path in ("/proc/self/maps", "/proc/polyglot/threads", "/proc/polyglot/slabs", "/proc/polyglot/replacements"):
        open(path).read()
    subprocess.run(["/bin/sh", "-c", "for i in 1 2 3; do echo $i | cat > /dev/null; done; sleep 0.01; ls -l /dev > /dev/null"])
threads = [threading.Thread(target=work, args=(me,)) for me in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for name, row in outcome.items():
    if "number" in row:
        got, row["restored"] = _live.restore(name)
        assert got == 0, (name, row)
for row in outcome.values():
    if "number" in row:
        row["count"] = count(row["number"])
rows = [line.split("\t") for line in open("/proc/polyglot/replacements").read().splitlines()[1:]]
faults = [row for row in rows if row[6] != "0"]
for row in rows: # between a restore's store and the entry's nop the trampoline leads to the original
    if row[1] == "0":
        outcome[row[0]]["original"] = int(row[5])
print(json.dumps({"outcome": outcome, "faults": faults, "tcc": by_tcc, "seconds": seconds}))
"""


def build_plan(folder):
    flags = replace_draw.kernel_flags()
    drawn = replace_draw.draw(SEED, DRAW)
    replace_draw.build_counters(folder, flags)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        built = list(pool.map(lambda row: replace_draw.build(row[1], row[0], folder, flags), enumerate(drawn)))
    plan = [{"number": number, "name": function.name, "source": function.source, "address": function.address,
             "own": replace_draw.own_source(function, number), "object": output.name if output else "", "stack": detail if output else 0, "why": "" if output else detail}
            for number, (function, (output, detail)) in enumerate(zip(drawn, built))]
    (folder / "plan.json").write_text(json.dumps(plan))
    return plan


def executed(log):
    """Addresses of translation blocks in the order they ran. One that was stopped at its start did not run."""
    run = []
    for line in log.open():
        if found := re.match(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", line):
            run.append(int(found[1], 16))
        elif line.startswith("Stopped execution of TB chain") and run:
            run.pop()
    return run


def test_a_draw_of_kernel_functions_counts_what_the_trace_counts(tmp_path):
    host = tmp_path / "host"
    host.mkdir()
    plan = build_plan(host)
    trampolines = replace_draw.symbol("live_trampolines")
    log = tmp_path / "trace"
    ranges = [f"{trampolines:#x}+{TRAMPOLINE_SIZE * (len(plan) + 1):#x}", *(f"{row['address']:#x}+1" for row in plan)]
    program = tmp_path / "program.py"
    program.write_text(INSIDE)
    out, err = io.BytesIO(), io.BytesIO()
    options = MachineOptions(cpus=1, extra=["-d", "exec,nochain", "-D", str(log), "-dfilter", ",".join(ranges)])
    if image := os.environ.get("REPLACE_IMAGE"):
        options.image = Path(image)
    status = run_program(options, program, host=host, timeout=600 + 10 * DRAW, stdout=out, stderr=err)
    assert status == 0, out.getvalue().decode() + err.getvalue().decode()
    result = json.loads(out.getvalue())
    compare(plan, result, executed(log))


def compare(plan, result, run):
    outcome = result["outcome"]
    refused = {name: row["refused"] for name, row in outcome.items() if "refused" in row}
    replaced = [row for row in plan if "number" in outcome[row["name"]]]
    wrong, called = [], 0
    for row in replaced:
        trampoline, counted = outcome[row["name"]]["trampoline"], outcome[row["name"]]["count"]
        places = [at for at, address in enumerate(run) if address == trampoline]
        called += bool(places)
        if len(places) != counted + outcome[row["name"]]["original"]:
            wrong.append(f"{row['name']}: {counted} counted, {len(places)} in the trace")
        elif places and (entries := run[places[0]:places[-1]].count(row["address"])) != len(places) - 1:
            wrong.append(f"{row['name']}: its entry ran {entries + 1} times while it was replaced, {len(places)} went to the trampoline")
    by_tcc, reasons = count_tcc(result["tcc"])
    print(f"{len(replaced)} of {len(plan)} replaced, {by_tcc} compiled inside by tcc, {len(replaced) - by_tcc} by zig cc outside; "
          f"{called} of them called; {result['seconds']:.1f} s; refused: {json.dumps(refused, indent=1)}; not by tcc: {json.dumps(reasons, indent=1)}")
    assert not wrong, "\n".join(wrong)
    assert not result["faults"], result["faults"]
    assert all(refused.values()), "a refusal without its reason"
    # Of the functions in C; those in assembly and Zig have no entry that can be patched (docs/limits.md).
    in_c = [name for name, reason in refused.items() if not reason.startswith("assembly or Zig")]
    assert len(in_c) <= 0.05 * len(plan), refused
    assert called >= len(replaced) / 4
    assert by_tcc >= 0.75 * len(replaced), reasons


def count_tcc(outcomes):
    reasons = {name: why for name, why in outcomes.items() if why}
    return len(outcomes) - len(reasons), reasons

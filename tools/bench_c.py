"""What C costs inside: a cell of the C prompt beside tcc as a process, the same file here and on Linux. Prints one JSON object.

Seconds by the guest's own clock, median and 99th percentile of many: `expression` and `definition` are cells of the C prompt (from
text to value; from text to linked, kept function), only where the kernel is ours; `tcc_run` is one start of `tcc -run` with a
program that does the same, by tools/bench_spawn.c, which times each from vfork(2) to waitpid(2). `module_first` and `module_last` are medians of the first and the
last hundred of MODULES definitions that all stay loaded. `ask` is the value of an expression from Python, `call` a call of
a live function by its name. Run by tools/bench_c_prompt.py; alone: python3 tools/bench_c.py
"""

import json
import os
import subprocess
import time

TURNS = 4
CELLS = 75 * TURNS
PROCESSES = 25 * TURNS
MODULES = 1000
WARM_UP = 5
PROGRAM = "/tmp/bench_c.c"
TCC = "/usr/bin/tcc"
LAUNCHER = "/host/bench_spawn"


def time_each(work, given):
    """Seconds of work(one) for each one of a list, sorted by none; the first WARM_UP are left out."""
    found = []
    for one in given:
        start = time.perf_counter()
        work(one)
        found.append(time.perf_counter() - start)
    return found[WARM_UP:]


def summary(name, found):
    ordered = sorted(found)
    return {name: ordered[len(ordered) // 2], f"{name}_p99": ordered[len(ordered) * 99 // 100]}


def tcc_run(count):
    with open(PROGRAM, "w") as file:
        file.write("int add(int a, int b) { return a + b; }\nint main(void) { return add(1, 1); }\n")
    command = [LAUNCHER, str(count + WARM_UP), TCC, "-run", PROGRAM]
    with open("/tmp/bench_c.times", "w+") as times:
        subprocess.run(command, stdout=times, check=True)
        times.seek(0)
        return [int(line) / 1e9 for line in times][WARM_UP:]


def in_turns(works):
    """What is compared takes turns, so that all of it meets what this computer does beside. {name: function(turn)} -> the summaries."""
    found = {name: [] for name in works}
    for turn in range(TURNS):
        for name, work in works.items():
            found[name] += work(turn)
    return {key: value for name, values in found.items() for key, value in summary(name, values).items()}


def texts(form, count, first=0):
    return [form.format(number) for number in range(first, first + count + WARM_UP)]


def c_cells(polyglot):
    each = CELLS // TURNS
    return {"expression": lambda turn: time_each(polyglot.c, texts("{0} + 1", each)),
            "definition": lambda turn: time_each(polyglot.c, texts("int bench_f{0}(int a) {{ return a + {0}; }}", each, turn * (each + WARM_UP)))}


def calls_and_modules(polyglot):
    add = polyglot.live.bench_f1
    found = summary("call", time_each(lambda number: polyglot.live.bench_f1(number), range(CELLS)))
    found |= summary("call_kept", time_each(add, range(CELLS)))
    modules = time_each(polyglot.c, texts("int bench_m{0}(int a) {{ return a - {0}; }}", MODULES))
    return found | {"module_first": sorted(modules[:100])[50], "module_last": sorted(modules[-100:])[50]}


if __name__ == "__main__":
    works = {"tcc_run": lambda turn: tcc_run(PROCESSES // TURNS)} if os.path.exists(LAUNCHER) else {}
    try:
        import polyglot
        polyglot.c("0")
    except (ImportError, OSError):
        results = in_turns(works)  # Linux: its kernel links no objects
    else:
        results = in_turns(works | c_cells(polyglot)) | calls_and_modules(polyglot)
    print(json.dumps(results))

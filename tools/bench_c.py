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

CELLS = 300
PROCESSES = 100
MODULES = 1000
WARM_UP = 5
PROGRAM = "/tmp/bench_c.c"
TCC = "/usr/bin/tcc"
LAUNCHER = "/host/bench_spawn"


def time_each(work, count):
    """Seconds of each of `count` calls, sorted by none; the first WARM_UP are left out."""
    found = []
    for number in range(count + WARM_UP):
        start = time.perf_counter()
        work(number)
        found.append(time.perf_counter() - start)
    return found[WARM_UP:]


def summary(name, found):
    ordered = sorted(found)
    return {name: ordered[len(ordered) // 2], f"{name}_p99": ordered[len(ordered) * 99 // 100]}


def tcc_run():
    with open(PROGRAM, "w") as file:
        file.write("int add(int a, int b) { return a + b; }\nint main(void) { return add(1, 1); }\n")
    command = [LAUNCHER, str(PROCESSES + WARM_UP), TCC, "-run", PROGRAM]
    with open("/tmp/bench_c.times", "w+") as times:
        subprocess.run(command, stdout=times, check=True)
        times.seek(0)
        return summary("tcc_run", [int(line) / 1e9 for line in times][WARM_UP:])


def c_prompt(polyglot):
    found = summary("expression", time_each(lambda number: polyglot.c(f"{number} + 1"), CELLS))
    found |= summary("definition", time_each(lambda number: polyglot.c(f"int bench_f{number}(int a) {{ return a + {number}; }}"), CELLS))
    add = polyglot.live.bench_f1
    found |= summary("call", time_each(lambda number: polyglot.live.bench_f1(number), CELLS))
    found |= summary("call_kept", time_each(add, CELLS))
    modules = time_each(lambda number: polyglot.c(f"int bench_m{number}(int a) {{ return a - {number}; }}"), MODULES)
    return found | {"module_first": sorted(modules[:100])[50], "module_last": sorted(modules[-100:])[50]}


if __name__ == "__main__":
    results = tcc_run() if os.path.exists(LAUNCHER) else {}
    try:
        import polyglot
        results |= c_prompt(polyglot)
    except (ImportError, OSError):
        pass  # Linux: its kernel links no objects
    print(json.dumps(results))

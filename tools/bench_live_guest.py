"""What tools/bench_live.py counts, run inside: each measurement lies between two os.getppid(), which end periods of the counting plugin.

    calls         prints names of rows and how many calls each made, one JSON line
    replacements  replaces sys_getpid COUNT times while three CPUs call it, prints {"replacements": COUNT}
"""

import json
import os
import sys

mark = os.getppid
CALLS, COUNT = 1000, 8
DEFINITIONS = """
int bench_add_one(int n) { return n + 1; }
int bench_add(int a, int b) { return a + b; }
long bench_call_back(int (*function)(int), int n) { long sum = 0; for (int i = 0; i < n; i++) sum += function(i); return sum; }
"""
# name -> what the loop does. All but the first are counted less the empty loop.
ROWS = {
    "empty": "pass",
    "abs(-21)": "abs(-21)",
    "ord('a')": "ord('a')",
    "pow(7, 3)": "pow(7, 3)",
    "divmod(7, 3)": "divmod(7, 3)",
    "python_function(21)": "python_function(21)",
    "f(21)": "f(21)",
    "g(7, 3)": "g(7, 3)",
    "polyglot.live.f(21)": "polyglot.live.bench_add_one(21)",
    "outer.inner.abs(-21)": "outer.inner.abs(-21)",
}
BUSY = """
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **arguments)
{
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(atoi(arguments[1]), &own);
    if (sched_setaffinity(0, sizeof own, &own) != 0)
        return 1;
    write(1, "x", 1);
    for (;;)
        syscall(SYS_getpid);
}
"""
REPLACEMENT = "int64_t sys_getpid(void) { return thread_current()->process->id; }"


def calls():
    import polyglot
    from types import ModuleType
    polyglot.c(DEFINITIONS)
    outer, outer.inner = ModuleType("outer"), ModuleType("inner")
    outer.inner.abs = abs
    names = {"f": polyglot.live.bench_add_one, "g": polyglot.live.bench_add, "polyglot": polyglot, "outer": outer}
    exec("def python_function(n): return n", names)
    for statement in ROWS.values():
        # The same text twice: the interpreter adapts a loop to what it meets, and the first rounds are others.
        loop = f"(count):\n    for _ in count: {statement}\n"
        exec(f"def warm{loop}def run{loop}", names)
        names["warm"](range(50))
        names["run"](range(50))
        mark()
        names["run"](range(CALLS))
        mark()
    polyglot.live.bench_call_back(names["python_function"], 50)
    mark()
    polyglot.live.bench_call_back(names["python_function"], CALLS)
    mark()
    print(json.dumps({"rows": [*ROWS, "C -> python_function(i)"], "calls": CALLS}))


def replacements():
    import polyglot
    import subprocess
    import time
    with open("/tmp/busy.c", "w") as file:
        file.write(BUSY)
    subprocess.run(["tcc", "-o", "/tmp/busy", "/tmp/busy.c"], check=True)
    polyglot.syscall("sched_setaffinity", 0, 8, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    busy = [subprocess.Popen(["/tmp/busy", str(cpu)], stdout=subprocess.PIPE) for cpu in (1, 2, 3)]
    for process in busy:
        process.stdout.read(1)
    for _ in range(2):
        polyglot.replace("sys_getpid", REPLACEMENT, trial=0)
    time.sleep(0.6) # what was replaced is freed
    mark()
    for _ in range(COUNT):
        polyglot.replace("sys_getpid", REPLACEMENT, trial=0)
    time.sleep(0.6)
    mark()
    polyglot.restore("sys_getpid") # the entry's nop comes back
    time.sleep(0.6)
    mark()
    polyglot.replace("sys_getpid", REPLACEMENT, trial=0)
    mark()
    for process in busy:
        process.kill()
        process.wait()
    print(json.dumps({"replacements": COUNT}))


if __name__ == "__main__":
    {"calls": calls, "replacements": replacements}[sys.argv[1]]()

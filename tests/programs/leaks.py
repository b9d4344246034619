"""What the kernel holds: printed before and after a suite, to be compared by the test.

settle(name) prints {"name": "leaks-NAME", "status": 0, "output": JSON of pages by use, objects by cache, processes,
descriptors of process 1, and the world's own anonymous pages}. It first runs a program, so that what is made once is made.
"""

import gc
import json
import os
import subprocess
import time


def table(path, column):
    lines = [line.split("\t") for line in open(path).read().splitlines()[1:]]
    return {line[0]: int(line[column]) for line in lines}


def own_pages():
    """Resident pages of process 1 outside its program file: what "world" counts of it, but for a constant."""
    total, counts = 0, False
    for line in open("/proc/self/smaps"):
        words = line.split()
        if not words[0].endswith(":"):
            counts = words[-1] != "/sbin/world"
        elif words[0] == "Rss:" and counts:
            total += int(words[1]) // 4
    return total


def counters():
    gc.collect()
    processes = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    threads = len(open("/proc/polyglot/threads").read().splitlines())
    return {"processes": processes, "threads": threads, "areas": len(open("/proc/self/maps").readlines()), "descriptors": len(os.listdir("/proc/self/fd")),
            "pages": table("/proc/polyglot/memory", 1), "objects": table("/proc/polyglot/slabs", 2), "own": own_pages()}


def settle(name):
    for _ in range(3):
        subprocess.run(["/bin/bash", "-c", "ls / | wc -l"], stdout=subprocess.DEVNULL)
    for _ in range(100):  # what the last process held goes away in the background
        now = counters()
        if len(now["processes"]) == 1:
            break
        time.sleep(0.05)
    print(json.dumps({"name": f"leaks-{name}", "status": 0, "output": json.dumps(now)}), flush=True)

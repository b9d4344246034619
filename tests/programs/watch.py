"""Runs hostile programs one by one, inside, and says how the world fared meanwhile.

watch(directory, names): for each name one line of JSON: {"name", "status", "output", "turns"}; "turns" is how often this
process got to do something while the program ran, at most 20 a second. Programs that do not end by themselves are
killed after 3 seconds, others after 60: status "time".
"""

import json
import os
import shutil
import signal
import subprocess
import time

ENDLESS = {"runaway", "runaways"}


def everybody_else():
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def kill_everybody_else():
    for _ in range(2000):
        others = everybody_else()
        if not others:
            return
        for pid in others:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def empty_directory(path):
    for entry in os.scandir(path):
        shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def watch(program, name):
    limit = 3 if name in ENDLESS else 60
    with open("/tmp/output", "w+b") as output:
        process = subprocess.Popen([program, name], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   cwd="/tmp", start_new_session=True)
        start, turns, status = time.monotonic(), 0, None
        while status is None and time.monotonic() - start < limit:
            time.sleep(0.05)
            sorted(range(1000), key=lambda n: -n)
            turns += 1
            status = process.poll()
        seconds = time.monotonic() - start
        if status is None:
            status = "time"
        kill_everybody_else()
        process.wait()
        output.seek(0)
        text = output.read().decode("latin-1")
    empty_directory("/tmp")
    print(json.dumps({"name": name, "status": status, "output": text, "turns": turns, "seconds": seconds}), flush=True)

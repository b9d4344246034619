"""Runs the conformance cases inside Polyglot OS, in one boot; started by suite.py with tools/vm exec.

    inside.py LANGUAGE...     /host has the runners and their inputs

The runners of C, Zig, Rust and Bash are ring-3 processes; Python is this process, in ring 0, and comes first. Prints
"== LANGUAGE" and what its runner printed; at the end "== leaks" and what the kernel held before and after the processes.
"""

import contextlib
import io
import os
import shutil
import subprocess
import sys

sys.path.insert(0, "/host")
import leaks

COMMANDS = {
    "c": ["/host/runner-c", "/host/plan"],
    "zig": ["/host/runner-zig", "/host/plan"],
    "rust": ["/host/runner-rust", "/host/plan"],
    "bash": ["/bin/bash", "/host/runner.sh", "/host/syscall", "/host"],
}


def held(name):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        leaks.settle(name)
    return text.getvalue().strip()


def run(language):
    directory = f"/tmp/conformance-{language}"
    os.mkdir(directory)
    os.chdir(directory)
    if language == "python":
        sys.argv = ["runner.py", "/host/cases.json"]
        with open("/host/runner.py") as file:
            exec(compile(file.read(), "runner.py", "exec"), {"__name__": "__main__"})
        return
    # A pipe, as on Linux: a case sets RLIMIT_FSIZE, which would cut a file.
    result = subprocess.run(COMMANDS[language], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    print(result.stdout.decode(), f"status {result.returncode}", sep="")
    os.chdir("/")
    shutil.rmtree(directory)


names = sorted(sys.argv[1:], key=lambda name: name != "python")
before = None
for name in names:
    if before is None and name != "python":
        before = held("before")
    print("==", name, flush=True)
    run(name)
if before is not None:
    print("== leaks", before, held("after"), sep="\n", flush=True)

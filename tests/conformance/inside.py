"""Runs the conformance cases inside Polyglot OS, in one boot; started by suite.py with tools/vm exec.

    inside.py LANGUAGE...     /host has the runners and their inputs

The runners of C, Zig, Rust and Bash are ring-3 processes; Python is this process, in ring 0. Prints "== LANGUAGE" and
what its runner printed.
"""

import os
import subprocess
import sys

COMMANDS = {
    "c": ["/host/runner-c", "/host/plan"],
    "zig": ["/host/runner-zig", "/host/plan"],
    "rust": ["/host/runner-rust", "/host/plan"],
    "bash": ["/bin/bash", "/host/runner.sh", "/host/syscall", "/host"],
}


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


for name in sys.argv[1:]:
    print("==", name, flush=True)
    run(name)

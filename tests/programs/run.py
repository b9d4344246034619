"""Runs the programs of a list one after another and prints what each did, as one line of JSON each.

    world.elf run.py CASES.json      on Linux and inside, from the same file

CASES.json: {"work": directory for working directories, "path": PATH of the programs, "limit": seconds,
"cases": [{"name": ..., "argv": [...], "script": path, "here": bool}]}. "script" is copied into the working directory, so
that messages show no path. Each program runs in an empty directory of its own and in a session
of its own, with /dev/null as standard input and one file as standard output and error. "here": the Python file
argv[0] runs in this process instead. Printed: {"name", "status" as subprocess has it, "output" as Latin-1};
status "time" if the limit passed. Last line: {"name": "end", ...}.
"""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import traceback


def run_process(case, folder, output, plan):
    environment = {"PATH": plan["path"], "HOME": folder, "LANG": "C", "TZ": "UTC0"}
    process = subprocess.Popen(case["argv"], cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                               stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    try:
        return process.wait(timeout=plan["limit"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "time"


def run_here(case, folder, output, plan):
    """In this process: its standard output and error go to the file meanwhile."""
    sys.stdout.flush()
    kept, before, environment = [os.dup(1), os.dup(2)], os.getcwd(), dict(os.environ)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    os.chdir(folder)
    os.environ["PATH"] = plan["path"]
    status = 0
    try:
        runpy.run_path(case["argv"][0], run_name="__main__")
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
    return status


def run_case(case, plan):
    folder = os.path.join(plan["work"], case["name"])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    if "script" in case:
        shutil.copy(case["script"], folder)
    path = folder + ".out"
    with open(path, "wb") as output:
        status = (run_here if case.get("here") else run_process)(case, folder, output, plan)
    with open(path, "rb") as output:
        text = output.read()
    os.unlink(path)
    shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({"name": case["name"], "status": status, "output": text.decode("latin-1")}), flush=True)


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    os.umask(0o022)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # nohup and & leave them ignored
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.makedirs(plan["work"], exist_ok=True)
    for case in plan["cases"]:
        run_case(case, plan)
    print(json.dumps({"name": "end", "status": 0, "output": ""}), flush=True)


if __name__ == "__main__":
    main()

"""Programs in ring 3, from Python: what os and the polyglot module need beyond the library. Frozen as `_processes`."""

import os

import _process
from _tables import Table, row_type

SHELLS = ("/bin/bash", "/bin/sh")


def shell():
    """The path of the shell that runs commands."""
    return next((path for path in SHELLS if os.access(path, os.X_OK)), SHELLS[-1])


def bash(source, *arguments, input=None, timeout=None):
    """bash(source, *arguments, input=None, timeout=None) -> str: what a Bash script writes to its standard output

    source     the script, of any number of lines; `arguments` are its $1, $2, ...
    input      a str that it reads from its standard input; without it there is nothing to read
    timeout    seconds; then it is killed, and subprocess.TimeoutExpired raised

    An exit status other than 0 is subprocess.CalledProcessError, with .returncode (negative: the signal), .stdout
    and .stderr.

        >>> polyglot.bash("ls /demo | wc -l")
        '4\\n'
    """
    import subprocess
    result = subprocess.run([shell(), "-c", source, "bash", *map(str, arguments)], input=input or "", timeout=timeout,
                            capture_output=True, encoding="utf-8", errors="replace", check=True)
    return result.stdout


STATES = {"R": "running", "S": "sleeping", "D": "sleeping", "T": "stopped", "Z": "zombie"}
Process = row_type("Process", ["pid", "ppid", "pgid", "name", "state", "cpu_ms", "resident_KiB", "virtual_KiB", "command"])


def processes():
    """processes() -> Table: every process, one row each

    pid, ppid (its parent), pgid (its process group, the unit of job control), name
    state         running, sleeping, stopped (Ctrl-Z), zombie (it has ended, and its parent has not waited for it)
    cpu_ms        CPU time of all its threads, milliseconds
    resident_KiB  memory that it has now; virtual_KiB: addresses that it uses
    command       its arguments

    Process 1 is this Python, in ring 0; all others are programs in ring 3.
    """
    rows = (read_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return Table("processes", Process._fields, sorted(row for row in rows if row is not None))


def read_process(pid):
    """A row of processes(). None: it has ended meanwhile."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            head, _, tail = file.read().rpartition(")")
        with open(f"/proc/{pid}/cmdline") as file:
            command = " ".join(file.read().rstrip("\0").split("\0"))
    except OSError:
        return None
    state, ppid, pgid, *rest = tail.split()  # the fields of proc(5) from the third one
    ticks = int(rest[8]) + int(rest[9])
    page_KiB = os.sysconf("SC_PAGE_SIZE") // 1024
    return Process(pid, int(ppid), int(pgid), head.partition("(")[2], STATES.get(state, state), ticks * 1000 // os.sysconf("SC_CLK_TCK"),
                   int(rest[18]) * page_KiB, int(rest[17]) // 1024, command)


def spawnvef(mode, file, arguments, environment, function):
    """os._spawnvef without fork: `function` is the os.exec*() whose way of finding the program is meant."""
    if not isinstance(arguments, (tuple, list)):
        raise TypeError("argv must be a tuple or a list")
    if not arguments or not arguments[0]:
        raise ValueError("argv first element cannot be empty")
    variables = None
    if environment is not None:
        variables = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in environment.items()]
    searched = function in (os.execvp, os.execvpe)
    pid = _process.spawn(program_paths(file, environment) if searched else [file], arguments, environment=variables,
                         raises=False, close_fds=False, restore_signals=False)
    if mode == os.P_NOWAIT:
        return pid
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def program_paths(name, environment=None):
    """Where a program of this name may lie: itself if it has a directory, else in each of PATH."""
    name = os.fsencode(name)
    if os.path.dirname(name):
        return [name]
    return [os.path.join(os.fsencode(directory), name) for directory in os.get_exec_path(environment)]

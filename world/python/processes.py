"""Programs in ring 3, from Python: what os and the polyglot module need beyond the library. Frozen as `_processes`."""

import os

import _process


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

"""polyglot.trace(): system calls as they happen, decoded by strace (abi/strace.c). Frozen as `_trace`."""

import os

from _tables import row_type

STRACE = "/usr/bin/strace"
Call = row_type("Call", ["pid", "tid", "name", "result", "time", "text"])


def trace(pid=None, command=None, *, calls=None, follow=True, show=True):
    """trace(pid=None, command=None, *, calls=None, follow=True, show=True) -> None: prints system calls as they are made

    pid        whose; without it, and without a command, those of this Python, made by its other threads
    command    a program to start and trace: a list of its arguments, or a line for the shell; until it ends
    calls      only these: names, as a list or "openat,read"
    follow     also of processes that the traced ones make
    show       False: returns an iterator of Call(pid, tid, name, result, time, text) instead; close() ends it

    It goes on until Ctrl-C, or until everything traced has ended. `result` is negative for an error and None where
    there is none; `time` in seconds since power-on; `name` is a call's, or "signal", "end" (of a process) or "lost":
    this Python does not wait for its tracer, so records may be lost, and their number is told.

        >>> polyglot.trace(command="ls /demo", calls="openat,write")
        >>> [call.text for call in polyglot.trace(command=["true"], show=False) if call.result == -2]
    """
    found = Trace(pid, command, calls, follow)
    if not show:
        return found
    with found:
        try:
            for call in found:
                print(f"[{call.pid}] {call.text}" if follow else call.text)
        except KeyboardInterrupt:
            pass


class Trace:
    """An iterator of Call; see trace(). A context manager that ends the tracing."""

    def __init__(self, pid, command, calls, follow):
        import subprocess
        import threading
        if pid is not None and command is not None:
            raise ValueError("either a pid or a command is traced")
        if isinstance(command, str):
            from _processes import shell
            command = [shell(), "-c", command]
        reader, writer = os.pipe()
        arguments = [STRACE, "--fields", "-o", f"/dev/fd/{writer}", "--except", str(threading.get_native_id())]
        if calls is not None:
            arguments += ["-e", "trace=" + (calls if isinstance(calls, str) else ",".join(calls))]
        if follow:
            arguments += ["-f"]
        arguments += ["-p", str(pid or os.getpid())] if command is None else list(map(str, command))
        self._lines = os.fdopen(reader, encoding="utf-8", errors="replace")
        try:
            self._process = subprocess.Popen(arguments, pass_fds=[writer])
        except BaseException:
            self._lines.close()
            raise
        finally:
            os.close(writer)

    def __iter__(self):
        return self

    def __next__(self):
        line = self._lines.readline() if self._process is not None else ""
        if not line:
            self.close()
            raise StopIteration
        pid, tid, name, result, time, text = line.rstrip("\n").split("\t", 5)
        return Call(int(pid), int(tid), name, int(result) if result else None, float(time), text)

    def close(self):
        """Ends the tracing; a command that was started goes on."""
        if self._process is not None:
            process, self._process = self._process, None
            process.terminate()
            self._lines.close()  # first: it may be waiting for room in the pipe
            process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

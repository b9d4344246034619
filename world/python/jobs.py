"""Jobs of the Python prompt: programs that have the terminal, were stopped by Ctrl-Z or run in the background. Frozen
as `_jobs`.

    job = start(arguments, text)         a program as a process group of its own that has the terminal (tcsetpgrp(3)),
                                         so that Ctrl-C and Ctrl-Z reach it and not the prompt
    code = run_foreground(job)           waits for its end or its stop; the terminal is the prompt's again
    notify()                             before each prompt: tells which jobs have changed

Without a terminal a program is a plain child.
"""

import os
import signal
import sys

from _prompt import command


class Job:
    """A process group; its leader is our child. Numbered once it is listed."""

    def __init__(self, pid, text):
        self.pid, self.text = pid, text
        self.number = 0
        self.state = "Running"
        self.exit_code = None  # as subprocess has it; None: it lives
        self.terminal = None   # the descriptor of the terminal that it has; None: it has none
        self.modes = None      # of the terminal, as a stopped job left them
        self.restores = False  # are they ours again at its end, however it ends?

    def note(self, status):
        """Takes a wait status."""
        if os.WIFSTOPPED(status):
            self.state = "Stopped"
        elif os.WIFCONTINUED(status):
            self.state = "Running"
        else:
            self.exit_code = os.waitstatus_to_exitcode(status)
            self.state = end_text(self.exit_code)

    def poll(self):
        """Looks for changes without waiting. Was there one?"""
        changed = False
        while self.exit_code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:  # somebody else has waited for it
                self.exit_code, self.state, changed = 0, "Done", True
                break
            if pid == 0:
                break
            before = self.state
            self.note(status)
            changed |= self.state != before
        return changed

    def __str__(self):
        mark = "+" if self is current_job() else " "
        ampersand = " &" if self.state == "Running" else ""
        return f"[{self.number}]{mark}  {self.state:<22}  {self.text}{ampersand}"


_jobs = []  # the latest last


def end_text(exit_code):
    if exit_code == 0:
        return "Done"
    return signal.strsignal(-exit_code) if exit_code < 0 else f"Exit {exit_code}"


def current_job():
    """The job that %fg and %bg mean: the last one that stopped, else the last one."""
    stopped = [job for job in _jobs if job.state == "Stopped"]
    return (stopped or _jobs or [None])[-1]


def find_job(argument):
    """The job of "", "2" or "%2". None, after a message: there is none."""
    number = argument.strip().lstrip("%")
    found = current_job() if not number else next((job for job in _jobs if str(job.number) == number), None)
    if found is None:
        print(f"no such job: {argument}" if number else "no jobs", file=sys.stderr)
    return found


def list_job(job):
    if job not in _jobs:
        job.number = 1 + max((other.number for other in _jobs), default=0)
    else:
        _jobs.remove(job)
    _jobs.append(job)


def notify():
    """Tells which jobs have ended or stopped since the last time."""
    for job in list(_jobs):
        if job.poll():
            print(job)
        if job.exit_code is not None:
            _jobs.remove(job)


def own_terminal():
    """The descriptor of the terminal if this process has it: in its foreground. None: there is no job control."""
    try:
        return 0 if os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp() else None
    except OSError:
        return None


def start(arguments, text, foreground=True):
    """Starts a program as a job; OSError."""
    import _process
    from _processes import program_paths
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    terminal = own_terminal()
    # Without a terminal only what runs in the background needs a group, to be told about.
    group = 0 if terminal is not None or not foreground else None
    terminal = terminal if foreground else None
    job = Job(_process.spawn(program_paths(arguments[0]), arguments, group=group, terminal=terminal), text)
    job.terminal = terminal
    return job


def run_foreground(job):
    """Waits until a job that has the terminal ends or stops; the terminal is ours again. Its exit code, None: stopped.

    The terminal's modes stay as a job leaves them that ends by itself, so that stty works, unless job.restores.
    """
    modes = None
    if job.terminal is not None:
        import termios
        modes = termios.tcgetattr(job.terminal)
    job.state = "Running"
    try:
        if job in _jobs:
            resume(job)
        while job.state == "Running":
            job.note(os.waitpid(job.pid, os.WUNTRACED)[1])
    finally:
        if modes is not None:
            take_terminal(job, modes)
    if job.exit_code is None:
        list_job(job)
        print(f"\n{job}")
        return None
    if job in _jobs:
        _jobs.remove(job)
    if job.exit_code == -signal.SIGINT:
        print()  # behind the terminal's ^C
    elif job.exit_code < 0 and job.exit_code != -signal.SIGPIPE:
        print(end_text(job.exit_code), file=sys.stderr)
    return job.exit_code


def resume(job):
    """Gives the terminal to a job that was listed, and lets it go on."""
    if job.terminal is not None:
        import _process
        import termios
        if job.modes is not None:
            termios.tcsetattr(job.terminal, termios.TCSADRAIN, job.modes)
        _process.set_foreground(job.terminal, job.pid)
    os.killpg(job.pid, signal.SIGCONT)


def take_terminal(job, modes):
    """Makes the terminal ours again, with these modes unless the job's are to stay."""
    import _process
    import termios
    _process.set_foreground(job.terminal, os.getpgrp())
    if job.exit_code is None:
        job.modes = termios.tcgetattr(job.terminal)
    if job.restores or job.exit_code is None or job.exit_code < 0:
        termios.tcsetattr(job.terminal, termios.TCSADRAIN, modes)


@command
def percent_jobs(argument, namespace):
    """%jobs: commands that were stopped by Ctrl-Z or started with &"""
    notify()
    for job in sorted(_jobs, key=lambda job: job.number):
        print(job)


@command
def percent_fg(argument, namespace):
    """%fg [N]: go on with job N, by default the last one that was stopped, and wait for it"""
    job = find_job(argument)
    if job is None:
        return
    print(job.text)
    sys.stdout.flush()
    job.terminal = own_terminal()
    namespace["_exit_code"] = run_foreground(job)


@command
def percent_bg(argument, namespace):
    """%bg [N]: let job N go on in the background, by default the last one that was stopped"""
    job = find_job(argument)
    if job is None:
        return
    os.killpg(job.pid, signal.SIGCONT)
    job.state = "Running"
    print(job)

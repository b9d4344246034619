"""Polyglot OS, looked at from its own prompt.

This Python runs in ring 0, inside the kernel's address space: there is no border between this prompt and the
machine. The functions here tell what the kernel knows about itself. Each returns an ordinary object (a list of
named tuples, a dict) that prints as a readable table.

What happens now
    processes()         every process: Python and the programs in ring 3
    threads()           every thread of kernel, Python and programs: state, CPU time, where it is
    backtrace(id)       one thread's calls, Python's and the kernel's, line by line
    locks()             locks that are held, and by whom
    interrupts()        how often each interrupt came
    trace(pid)          the system calls of a process, of a command or of this Python, as they are made
    profile(work)       which functions take the time, of kernel, live code, interpreter and programs

What there is
    memory()            who uses the memory: pages by use, processes, areas, this interpreter
    pages(), slabs()    pages by use; the kernel's object caches
    devices()           the hardware that was found

What happened
    boot()              the steps of the boot with their times
    dmesg()             the kernel's log; dmesg(level="warn"), dmesg(search="serial")

Programs in ring 3
    bash(source)        runs a Bash script: its standard output, or CalledProcessError

Definitions that last (sources in /live, built again after a restart of Python; boot option live=off: not)
    save(file), load(file)  moves them to another machine; a folder of sources can be loaded, too
    forget(name)        it is not built again

Live code: what is typed becomes part of the running kernel
    c(source)           compiles C into the running kernel: the value of a last expression, or what was defined; CompileError
    link(path)          links an object or archive of any compiler; LinkError
    live.NAME           a function or variable of live code; faults in calls raise KernelFault
    kernel.NAME         the same for the kernel's; kernel.struct("page", address), kernel.list(head, type, link)
    replace(name, source)  another definition of a live or kernel function, for all callers; history(name) lists its versions,
                        restore(name) goes back to the one before, restore(name, version) to any; ReplaceError
    export("int f(int)")   decorator: a Python function that live code can call
    faults()            the last faults of live code that had no caller to tell: timers, interrupt handlers, replaced functions
    stop(thread)        ends live code that runs in another thread, or a kernel thread of live code
    live                lists it all; live.search(text), live.disassemble(name), live.source(name), live.modules()

Python in ring 0
    cpl()               the privilege level of this code: 0
    limit_memory(n)     where MemoryError begins
    syscall(name, ...)  any system call, its arguments checked by the kernel's own table
    natives()           the kernel's table of functions that can be called directly
    symbol(address)     which function of kernel or interpreter lies at an address
    progress(items)     shows how far a long loop is; Ctrl-C ends it
    version             of the system, "major.minor.patch"

Examples
    >>> polyglot.threads().where(state="sleeping")
    >>> polyglot.threads()[0].cpu_us
    >>> polyglot.slabs().by("KiB")[:5]
    >>> polyglot.memory()["MemFree"] // 2**20
    >>> polyglot.dmesg(level="warn")[-10:]
    >>> polyglot.boot().total_us
    >>> sum(number for number in polyglot.progress(range(10**7), label="adding"))

Name it with a question mark for more: polyglot.threads?
"""

import _polyglot
from _kept import forget
from _polyglot import version
from _processes import bash, processes
from _profile import profile
from _progress import progress
from _tables import Table as _Table, fitted as _fitted, report as _report, row_type as _row_type
from _trace import trace

__all__ = ["backtrace", "bash", "boot", "cpl", "devices", "dmesg", "forget", "interrupts", "limit_memory", "load", "locks", "memory",
           "natives", "pages", "processes", "profile", "progress", "save", "slabs", "symbol", "syscall", "threads", "trace", "version"]


_LIVE_NAMES = ["KernelFault", "LinkError", "export", "faults", "kernel", "link", "live", "stop"]
_REPLACE_NAMES = ["ReplaceError", "history", "replace", "restore"]
_C_NAMES = ["CompileError", "c"]
__all__ += [*_LIVE_NAMES, *_REPLACE_NAMES, *_C_NAMES]


def __dir__():
    return sorted(__all__)


def __getattr__(name):
    # The live layer is loaded when it is first used. Then this function goes: the interpreter finds attributes of modules that have none
    # in half the time.
    if name not in _LIVE_NAMES and name not in _REPLACE_NAMES and name not in _C_NAMES:
        raise AttributeError(f"module 'polyglot' has no attribute {name!r}")
    import _c_prompt, _live_c, _livelayer, _replacing
    names = globals()
    names.update({own: getattr(_livelayer, own) for own in _LIVE_NAMES})
    names.update({own: getattr(_replacing, own) for own in _REPLACE_NAMES})
    names.update(CompileError=_c_prompt.CompileError, c=_live_c.c)
    names.pop("__getattr__", None)
    return names[name]


# --- what happens now ------------------------------------------------------------------------------------

def threads():
    """threads() -> Table: every thread of kernel, world and ring-3 programs, one row each

    id        thread number (threading.get_native_id() of Python's threads)
    process   the pid of its process, 0: the kernel; program  that process's name
    name, state   new, ready, running, sleeping, stopped or dead
    cpu_us    CPU time, microseconds
    switches  how often the CPU was given to it
    python    where its Python code is: "function (file:line)"; "" for others
    where     its calls in the kernel, innermost first, separated by " < "; the last one of a world thread
              is the function of the interpreter that it came from

    OSError where the kernel is another one. See backtrace(id) for one thread in full.
    """
    found = _report("threads")
    calls = _python_calls()
    columns = found.columns[:-1] + ["python"] + found.columns[-1:]
    Row = _row_type("Thread", columns)
    return _Table("threads", columns, (Row(*row[:-1], _innermost(calls.get(row.id, ())), row[-1]) for row in found))


def backtrace(thread_id=None):
    """backtrace(thread_id=None) -> str-like: the calls of one thread, by default of this one

    First Python's calls, outermost first as in a traceback, then the kernel's, innermost first. Thread numbers are
    in threads(). ValueError: no such thread.
    """
    import threading
    import traceback
    if thread_id is None:
        thread_id = threading.get_native_id()
    rows = _report("threads").where(id=thread_id)
    if not rows:
        raise ValueError(f"there is no thread {thread_id}")
    lines = [f"thread {thread_id} {rows[0].name}, {rows[0].state}"]
    calls = _python_calls().get(thread_id)
    if calls:
        stack = traceback.StackSummary.from_list((file, line, function, None) for function, file, _, line in reversed(calls))
        lines += ["Python, most recent call last:"] + "".join(stack.format()).rstrip().splitlines()
    lines += ["Kernel, most recent call first:"] + ["  " + call for call in rows[0].where.split(" < ")]
    return _Text("\n".join(lines))


def locks():
    """locks() -> Table: the kernel's locks that are held at this moment

    lock, rank (order in which locks are taken: always rising), thread (its id), name, state (of the thread)
    """
    return _report("locks")


def interrupts():
    """interrupts() -> Table: interrupt vectors that are in use: vector, name, count since power-on"""
    return _report("interrupts")


# --- what there is ---------------------------------------------------------------------------------------

def devices():
    """devices() -> Table: the hardware that the kernel found: device, details, driver (empty: none)"""
    return _report("devices")


def pages():
    """pages() -> Table: what the machine's memory is used for: use, pages (of 4 KiB), KiB"""
    return _report("memory")


def slabs():
    """slabs() -> Table: the kernel's object caches

    cache (its name), size (bytes of an object), objects (in use), capacity (objects there is room for),
    KiB (memory that the cache takes)
    """
    return _report("slabs")


def memory():
    """memory() -> dict: who uses the memory

    Keys are those of /proc/meminfo, in bytes, and of this interpreter WorldUsed and WorldLimit (bytes; beyond
    the limit is MemoryError, None: no limit). Attributes, all of them Tables:
    uses       pages by use, as pages() gives them (empty where the kernel is another one)
    processes  pid, name, resident_KiB (in memory now), virtual_KiB, the largest first
    areas      areas of this process: start, KiB, resident_KiB, access, name, the largest first
    caches     the kernel's object caches, as slabs() gives them, the largest first
    """
    return _Memory()


class _Memory(dict):
    def __init__(self):
        super().__init__(_meminfo())
        self["WorldUsed"], self["WorldLimit"] = _polyglot.usage()
        self.uses, self.caches = _report_or_empty("memory"), _report_or_empty("slabs")
        if self.caches:
            self.caches = self.caches.by("KiB")
        self.processes, self.areas = _memory_of_processes(), _areas()

    def __str__(self):
        def mebibytes(size):
            return f"{size / 2**20:,.1f} MiB"

        limit = self["WorldLimit"]
        parts = [f"{mebibytes(self['MemTotal'])} in all, {mebibytes(self['MemFree'])} free; Python's objects take "
                 f"{mebibytes(self['WorldUsed'])}" + (f" of at most {mebibytes(limit)}" if limit else "")]
        for title, table in (("Pages by use", self.uses), ("Processes", self.processes[:10]),
                             ("Areas of this process", self.areas[:10]), ("Object caches of the kernel", self.caches[:10])):
            if table:
                parts.append(f"{title}:\n" + "\n".join("  " + line for line in str(table).splitlines()))
        return "\n\n".join(parts)

    def __repr__(self):
        return _fitted(str(self))


# --- what happened ---------------------------------------------------------------------------------------

def boot():
    """boot() -> Table: how the machine booted, step by step

    name; start_us since the first instruction of the loader could be counted (power-on of the CPU's counter);
    duration_us. Attribute total_us: from the first step's start to the last one's end. All in microseconds.
    OSError where there is no /proc/boot.
    """
    try:
        with open("/proc/boot") as file:
            lines = [line.split("\t") for line in file.read().splitlines()]
    except FileNotFoundError as error:
        raise OSError(error.errno, "only the kernel of Polyglot OS has it", "/proc/boot") from None
    Step = _row_type("Step", ["name", "start_us", "duration_us"])
    steps = [Step(name, int(start), int(duration)) for name, start, duration in lines]
    total = max(step.start_us + step.duration_us for step in steps) - min(step.start_us for step in steps)
    table = _Table("boot", Step._fields, steps, f"{total / 1000:,.1f} ms in all")
    table.total_us = total
    return table


_LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"]
_OTHER_NAMES = {"emergency": 0, "critical": 2, "error": 3, "warning": 4}


def dmesg(level=None, search=None):
    """dmesg(level=None, search=None) -> Log: the kernel's log, a list of entries

    time    seconds since power-on
    level   "emerg", "alert", "crit", "err", "warn", "notice", "info" or "debug"
    source  the part of the kernel that speaks; "" if it does not say
    text    the message

    level: only entries at least as grave, dmesg(level="warn"). search: only those that contain a text, in any
    case. Slices and where() give Logs, too. OSError if the kernel does not let us read it.
    """
    limit = len(_LEVELS) - 1 if level is None else _level_number(level)
    wanted = "" if search is None else search.lower()
    return Log(entry for entry in _log_entries()
               if _LEVELS.index(entry.level) <= limit and wanted in f"{entry.source}: {entry.text}".lower())


class Log(_Table):
    """Entries of the kernel's log; prints as the log's lines."""

    def __init__(self, entries):
        super().__init__("dmesg", _Entry._fields, entries)

    def __getitem__(self, index):
        found = list.__getitem__(self, index)
        return Log(found) if isinstance(index, slice) else found

    def where(self, **values):
        return Log(super().where(**values))

    def __str__(self):
        return "\n".join(f"[{entry.time:12.6f}] " + (f"{entry.source}: " if entry.source else "") + entry.text for entry in self)


_Entry = _row_type("Entry", ["time", "level", "source", "text"])


def _level_number(level):
    if isinstance(level, int) and 0 <= level < len(_LEVELS):
        return level
    if level in _LEVELS:
        return _LEVELS.index(level)
    if level in _OTHER_NAMES:
        return _OTHER_NAMES[level]
    raise ValueError(f"level is one of {', '.join(_LEVELS)}, not {level!r}")


def _log_entries():
    import re
    entries = []
    for line in _polyglot.log().splitlines():
        found = re.match(r"<(\d+)>\[ *(\d+\.\d+)\] (?:([\w/.-]+): )?(.*)", line)
        if found:
            entries.append(_Entry(float(found[2]), _LEVELS[int(found[1]) & 7], found[3] or "", found[4]))
        elif entries:  # a message of several lines
            last = entries[-1]
            entries[-1] = last._replace(text=last.text + "\n" + line)
    return entries


# --- definitions that last ---------------------------------------------------------------------------------

def save(file, *names):
    """save(file, *names) -> int: writes definitions (those of `names`, all without) as one text, for load() on this or another machine

    What is kept in /live, and the versions of kernel functions that are in force. Returns how many. KeyError: a name is not kept.
    OSError: it cannot be written; the file is as it was before then.
    """
    import _kept
    import _replacing
    return _kept.save(file, *names, replaced=_replacing.in_force())


def load(file):
    """load(file) -> int: builds the definitions of a file that save() wrote, of a source file or of a folder of sources

    Returns how many were built; they are kept from then on. One that cannot be built is skipped and said. OSError: the file
    cannot be read; ValueError: it holds no definitions.
    """
    import _kept
    built, skipped = _kept.load(file)
    _kept.report(skipped)
    return len(built)


# --- Python in ring 0 ------------------------------------------------------------------------------------

def cpl():
    """cpl() -> int: the privilege level this code runs at, read from CS: 0 inside the kernel, 3 in a process"""
    return _polyglot.cpl()


def syscall(call, *arguments):
    """syscall(name or number, *arguments) -> int: makes a system call; OSError with its errno

    Arguments are of the types in docs/syscalls.md; wrong ones raise TypeError before the call, memory that is shorter
    than the call would use ValueError.
    Numbers take an int, a constant by name ("O_RDWR|O_CREAT", "SIGTERM", "AT_FDCWD") where the table knows which,
    descriptors also an open file. Paths and strings take str or bytes; what the call reads bytes or any buffer; what it
    writes a bytearray or another writable buffer; vectors a list. None is no pointer, an int an address, unchecked.
        >>> data = bytearray(100)
        >>> polyglot.syscall("readlink", "/proc/self/exe", data, len(data))
    """
    return _polyglot.syscall(call, *arguments)


def limit_memory(limit):
    """limit_memory(limit) -> int or None: sets where MemoryError begins, in bytes (None: no limit)

    Returns what it was. memory()["WorldUsed"] tells what is in use.
    """
    return _polyglot.limit_memory(limit)


def natives():
    """natives() -> dict or None: the kernel's functions that can be called directly

    address, version and size (bytes) of the table; None where the kernel is not ours.
    """
    return _polyglot.natives()


def symbol(address):
    """symbol(address) -> (name, offset) or None: the function of kernel or interpreter that lies at an address"""
    return _polyglot.symbol(address)


# --- helpers ---------------------------------------------------------------------------------------------

class _Text(str):
    """A str that prints as its lines."""

    def __repr__(self):
        return str(self)


def _python_calls():
    """{native thread id: its calls in Python as _polyglot.stacks() gives them, without this module's own}"""
    import sys
    threading = sys.modules.get("threading")
    if threading is None:
        import threading
    found = _polyglot.stacks(1000)
    return {thread.native_id: [call for call in found[thread.ident] if call[1] != __name__]
            for thread in threading.enumerate() if thread.ident in found}


def _innermost(calls):
    """Where a thread is: "function (file:line)"."""
    for function, file, _, line in calls:
        return f"{function} ({file}:{line})"
    return ""


def _report_or_empty(name):
    try:
        return _report(name)
    except OSError:
        return _Table(name, [], [])


def _meminfo():
    """/proc/meminfo in bytes."""
    sizes = {}
    with open("/proc/meminfo") as file:
        for line in file.read().splitlines():
            name, _, value = line.partition(":")
            number, *unit = value.split()
            sizes[name] = int(number) * (1024 if unit == ["kB"] else 1)
    return sizes


def _memory_of_processes():
    Memory = _row_type("Process", ["pid", "name", "resident_KiB", "virtual_KiB"])
    rows = (Memory(row.pid, row.name, row.resident_KiB, row.virtual_KiB) for row in processes())
    return _Table("processes", Memory._fields, rows).by("resident_KiB")


def _areas():
    import re
    Area = _row_type("Area", ["start", "KiB", "resident_KiB", "access", "name"])
    rows = []
    try:
        with open("/proc/self/smaps") as file:
            text = file.read()
    except OSError:
        text = ""
    for found in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)\n(?:[A-Z].*\n)*?Rss: +(\d+) kB", text, re.M):
        start, end = int(found[1], 16), int(found[2], 16)
        rows.append(Area(f"{start:#x}", (end - start) >> 10, int(found[5]), found[3], found[4]))
    return _Table("areas", Area._fields, rows).by("resident_KiB")

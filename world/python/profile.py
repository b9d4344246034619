"""polyglot.profile(): what the CPUs run, by samples (/dev/profile; kernel/proc/profile.h). Frozen as `_profile`."""

import re
from collections import Counter

import _polyglot
from _tables import Table, row_type

DEVICE = "/dev/profile"
Function = row_type("Function", ["function", "self", "total", "share"])
Sample = row_type("Sample", ["cpu", "thread", "role", "program", "calls"])
COLUMNS = list(Function._fields)
ROWS_SHOWN = 25
DRAIN_SECONDS = 1.0  # between two readings; the kernel keeps 8,192 samples


def profile(work=None, *, hz=250):
    """profile(work=None, *, hz=250) -> Profile: which functions the CPUs are in, by `hz` samples a second (1 to 1000)

    work    a function to call, or a number of seconds to wait; Ctrl-C ends it. Without it the profile is a context manager:
                >>> with polyglot.profile() as p: something()
                >>> p

    All CPUs and everything that runs is seen: the kernel, live code, the interpreter and programs of ring 3. The result is a
    Table, the greatest share first: function; self, samples in it; total, samples in it and what it called; share, per cent of
    the samples that were not idle. A program in ring 3 is one row, "[its name]"; the callers of the interpreter's own
    functions are not known. Attributes:
    python    the same for Python's functions, "name (file:line)", of the other threads than the one that looks
    samples   Table of every sample: cpu, thread, role (kernel, world, user), program, calls (innermost first)
    idle, lost  how many samples found a CPU idle, how many were lost
    seconds   how long it took; value: what `work` returned
    What runs with interrupts off is seen when it turns them on. OSError: the kernel is another one, or EBUSY.
    """
    found = Profile(hz)
    if work is None:
        return found
    with found:
        try:
            if callable(work):
                found.value = work()
            else:
                import time
                time.sleep(work)
        except KeyboardInterrupt:
            if callable(work):
                raise
    return found


class Profile(Table):
    """See profile()."""

    def __init__(self, hz):
        if not 1 <= hz <= 1000:
            raise ValueError(f"hz is 1 to 1000, not {hz}")
        super().__init__("profile", COLUMNS, [])
        self.hz, self.idle, self.lost, self.seconds, self.value = hz, 0, 0, 0.0, None
        self.samples = Table("samples", Sample._fields, [])
        self.python = Table("profile of Python", COLUMNS, [])
        self._python_self, self._python_total = Counter(), Counter()
        self._text = []

    def __enter__(self):
        import os
        import threading
        import time
        try:
            self._device = os.open(DEVICE, os.O_RDWR)
        except FileNotFoundError as error:
            raise OSError(error.errno, "only the kernel of Polyglot OS has it", DEVICE) from None
        self._ended = threading.Event()
        self._looker = threading.Thread(target=self._look, name="profile", daemon=True)
        self._started = time.perf_counter()
        try:
            os.write(self._device, b"start %d" % self.hz)
            self._looker.start()
        except BaseException:
            os.close(self._device)
            raise
        return self

    def __exit__(self, *unused):
        import os
        import time
        self.seconds = time.perf_counter() - self._started
        os.write(self._device, b"stop")
        self._ended.set()
        self._looker.join()
        self._drain()
        os.close(self._device)
        self._count()
        return False

    def __str__(self):
        rest = len(self) - ROWS_SHOWN
        if rest <= 0:
            return super().__str__()
        return f"{self[:ROWS_SHOWN]}\n... and {rest} functions more\n{self.footer}"

    def _look(self):
        """A thread: Python's frames at the same rate, and reads the kernel's samples before they are too many."""
        import threading
        import time
        me = threading.get_ident()
        drain_at = time.monotonic() + DRAIN_SECONDS
        while not self._ended.wait(1 / self.hz):
            for ident, calls in _polyglot.stacks(100).items():
                if ident != me:
                    self._note(calls)
            if time.monotonic() >= drain_at:
                self._drain()
                drain_at = time.monotonic() + DRAIN_SECONDS

    def _note(self, calls):
        names = [f"{function} ({file}:{first})" for function, file, first, _ in calls if file not in ("_profile", "_prompt")]
        if names:
            self._python_self[names[0]] += 1
            self._python_total.update(set(names))

    def _drain(self):
        import os
        while data := os.read(self._device, 1 << 16):
            self._text.append(data)

    def _count(self):
        selves, totals = Counter(), Counter()
        for line in b"".join(self._text).decode("utf-8", "replace").splitlines():
            fields = line.split("\t")
            if fields[0] == "lost":
                self.lost += int(fields[1])
            elif fields[2] == "idle":
                self.idle += 1
            else:
                calls = [re.sub(r"\+(0|0x[0-9a-f]+)$", "", call) for call in fields[4].split(" < ")]
                if fields[2] == "user":
                    calls = [f"[{fields[3]}]"]
                self.samples.append(Sample(int(fields[0]), int(fields[1]), fields[2], fields[3], fields[4]))
                selves[calls[0]] += 1
                totals.update(set(calls))
        self._text = []
        self.extend(_rows(selves, totals))
        self.python.extend(_rows(self._python_self, self._python_total))
        self.footer = (f"{len(self.samples):,} samples in {self.seconds:,.1f} s" + (f", {self.idle:,} more were idle" if self.idle else "")
                       + (f", {self.lost:,} lost" if self.lost else ""))


def _rows(selves, totals):
    count = sum(selves.values())
    rows = [Function(name, selves[name], total, 100 * selves[name] / count) for name, total in totals.items()]
    return sorted(rows, key=lambda row: (-row.self, -row.total, row.function))

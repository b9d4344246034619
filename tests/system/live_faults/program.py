"""Runs the corpus (corpus.py) inside, and tells what was not as it must be. Started by tests/system/test_live_faults.py.

Each case: the fault happens in its place with its lock held; then what was told is compared with what is expected, and another
thread uses the object whose lock it was. At the end names, values, locks, threads and pages are as before.
"""

import os
import queue
import signal
import sys
import threading
import time

sys.path.insert(0, "/host")
import _c_prompt
import _live
import polyglot
from _tables import report
from corpus import LOCKS, PLACES, cases, expected, source
from polyglot import KernelFault, kernel, live

PATIENCE = 30  # seconds: for what takes milliseconds
EFAULT = 2**64 - 14
# lock -> (function that the kernel calls with that lock held, what it returns after a fault). The last is called where a thread may
# change its CPU, and "no" is an answer that nobody minds.
TARGETS = {"none": ("sys_getpgid", EFAULT), "inode": ("tmpfs_own_page", EFAULT), "pipe": ("pipe_copy_in", EFAULT),
           "tty": ("tty_write_ports_locked", 0), "queue": ("thread_may_run_on", 0)}
LOADED = [f"{place}.c" for place in PLACES]
failures = []


def compile(text, name):
    _c_prompt._enter(text, name, keep=False).show()


class Worker:
    """Another Python thread that does what it is asked to."""

    def __init__(self):
        self.asked, self.answers = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        while (function := self.asked.get()) is not None:
            try:
                self.answers.put(function())
            except BaseException as error:
                self.answers.put(error)

    def __call__(self, function):
        self.asked.put(function)
        return self.answers.get(timeout=PATIENCE)


class Objects:
    """A file, a pipe, the terminal, with the use that shows that nobody holds their locks."""

    def __init__(self):
        self.file = os.open("/tmp/corpus", os.O_RDWR | os.O_CREAT)
        self.reader, self.writer = os.pipe()
        self.tty = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
        live.corpus_file, live.corpus_writer = live.corpus_open(self.file), live.corpus_open(self.writer)
        live.corpus_inode = live.corpus_lock_of(self.file, -1)
        live.corpus_pipe = live.corpus_lock_of(self.writer, 0)
        offset = next(field[2] for field in _live.fields(_live.type_named("struct tty"), True) if field[0] == "lock")
        live.corpus_tty = live.corpus_lock_of(self.tty, offset)
        self.uses = {"none": lambda: os.getpgid(0), "inode": self.use_file, "pipe": self.use_pipe, "tty": self.use_tty, "queue": self.use_queue}

    def use_file(self):
        os.pwrite(self.file, b"y" * 5000, 0)
        return os.fstat(self.file).st_size

    def use_pipe(self):
        os.write(self.writer, b"z" * 100)
        return os.read(self.reader, 100)

    def use_tty(self):
        return os.write(self.tty, b"\r")

    def use_queue(self):
        polyglot.syscall("sched_setaffinity", 0, 8, (3).to_bytes(8, "little"))
        return time.sleep(0.0001)


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.0005)


# --- the places -------------------------------------------------------------------------------------------

def call(case):
    """The KernelFault of a plain call."""
    function = live[case.name]
    if case.kind == "endless loop":
        function.time_limit = 0.05
    try:
        return f"returned {function(None)}"
    except KernelFault as fault:
        return fault


def reported(before):
    """The fault that was reported since, once it was."""
    wait_until(lambda: kernel.live_fault_count() > before, "no fault was reported")
    return polyglot.faults(after=before)[0].fault


def fault_in_timer(case):
    before = kernel.live_fault_count()
    live.corpus_arm(live[case.name].address)
    fault = reported(before)
    wait_until(lambda: not live.corpus_timer_is_armed(), "the timer is still armed")
    return fault


def fault_in_interrupt(case):
    before = kernel.live_fault_count()
    if (error := live.corpus_bind(live[case.name].address)) != 0:
        return f"the driver is not bound: {error}"
    live.corpus_raise()
    fault = reported(before)
    runs = live.corpus_runs
    live.corpus_raise()
    time.sleep(0.001)
    return fault if live.corpus_runs == runs else "the handler was called again"


def fault_in_replaced(case):
    """Every other version is in its trial, so that it is rolled back; the others stay until they are taken back."""
    before = kernel.live_fault_count()
    name, failure = TARGETS[case.lock]
    trial = case.number % 2
    error, message = _live.replace(name, _live.lookup(case.name)[2], 0, trial * 10**11, failure, 0, 0)
    if error != 0:
        return message
    try:
        answer = objects.uses[case.lock]()
        outcome = "" if case.lock in ("tty", "queue") else f"the call answered {answer}"
    except OSError as failed:
        outcome = "" if failed.errno == 14 else f"the call failed: {failed}"
    fault = reported(before)
    if not trial:
        _live.restore(name)
    return outcome or fault


RUN = {"prompt": call, "thread": lambda case: runner(lambda: call(case)), "timer": fault_in_timer, "interrupt": fault_in_interrupt,
       "replaced": fault_in_replaced}


# --- checks -----------------------------------------------------------------------------------------------

def check(case, line, fault):
    """What is wrong with it, as texts."""
    if not isinstance(fault, KernelFault):
        return [f"{fault!r}"]
    kind, address, text = expected(case)
    wanted = {"kind": kind, "language": "C", "function": case.name, "file": f"{case.place}.c", "line": line}
    if address >= 0:
        wanted["address"] = address
    if case.kind == "wild argument":  # the place is the kernel function's, its caller is in the backtrace
        place = next(((frame.file, frame.line) for frame in fault.backtrace if frame.name == case.name), None)
        wrong = [] if place == (f"{case.place}.c", line) else [f"the caller is at {place}"]
        wanted = {"kind": kind, "language": "C"}
    else:
        wrong = [f"str() is {fault}" for part in (case.name, f"{case.place}.c:{line}", "C function") if part not in str(fault)][:1]
    wrong += [f"{what} is {getattr(fault, what)!r}, not {value!r}" for what, value in wanted.items() if getattr(fault, what) != value]
    if text not in fault.text:
        wrong.append(f"text {fault.text!r} without {text!r}")
    if case.place != "replaced" and case.lock != "none" and fault.locks_released < 1:
        wrong.append("no lock was released")
    if not any(frame.name == case.name for frame in fault.backtrace):
        wrong.append(f"backtrace {fault.backtrace}")
    return wrong


def run(case, line):
    live.corpus_depth = 0
    try:
        wrong = check(case, line, RUN[case.place](case))
        if (held := live.corpus_held()) != 0:
            wrong.append(f"locks are still held: {held}")
        if isinstance(error := user(objects.uses[case.lock]), BaseException):
            wrong.append(f"another thread's use: {error!r}")
    except Exception as error:
        wrong = [f"{type(error).__name__}: {error}"]
    if wrong:
        failures.append(f"{case.number} {case.kind}, {case.place}, {case.lock}: {'; '.join(wrong)}")
        print("wrong:", failures[-1], flush=True)


def warm_up():
    """What is made once and stays: names of the functions, records of replaced functions, stacks of threads that call live code."""
    for place in PLACES:
        load(place, [case for case in cases() if case.place == place])
        live.unload(f"{place}.c", force=True)
    for name, failure in TARGETS.values():
        assert _live.replace(name, live.corpus_nothing.address, 0, 0, failure, 0, 0)[0] == 0
        _live.restore(name)
    for worker in (runner, user, lambda function: function()):
        worker(lambda: live.corpus_held())
    for use in objects.uses.values():
        user(use)
    wait_until(lambda: not any(row.name in LOADED for row in report("live")), "the modules of the warm-up are not freed")
    wait_until(lambda: kernel.live_reclaim_now() == 0, "old versions of the warm-up are not freed")


def load(place, chosen):
    compile("\n".join(source(case) for case in chosen), f"{place}.c")


def snapshot():
    """What must be the same at the end."""
    pages = {row.use: row.pages for row in polyglot.pages() if row.use in ("kernel", "kernel stacks", "object caches")}
    objects = {row.cache: row.objects for row in polyglot.slabs() if row.cache.startswith("kmalloc")}
    return {"threads": sorted((row.id, row.name) for row in polyglot.threads()), "locks": list(polyglot.locks()),
            "modules": [(row.module, row.name) for row in report("live")], "pages": pages, "objects": objects,
            "replaced": [row for row in open("/proc/polyglot/replacements").read().splitlines() if "\ttrial\t" in row or "\tactive\t" in row]}


def check_same(before):
    """Modules are freed when no thread can be in them: that takes a moment."""
    end = time.monotonic() + PATIENCE
    while (now := snapshot()) != before and time.monotonic() < end:
        time.sleep(0.1)
    failures.extend(f"{what} {before[what]} became {now[what]}" for what in now if now[what] != before[what])
    if (live.corpus_before, live.corpus_square(9), before_everything) != (4711, 81, [1, 2, 3]):
        failures.append("the namespace is not what it was")


def check_interrupt():
    """Ctrl-C ends C that loops: KeyboardInterrupt, with the place."""
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        live.corpus_loop()
    except KeyboardInterrupt as error:
        fault = error.__cause__
        if not isinstance(fault, KernelFault) or (fault.kind, fault.function, fault.file) != ("interrupted", "corpus_loop", "harness.c"):
            failures.append(f"Ctrl-C: {fault!r}")
    else:
        failures.append("Ctrl-C had no effect")


def main(wanted):
    warm_up()
    before = snapshot()
    ran = 0
    for place in PLACES:
        chosen = [case for case in cases() if case.place == place
                  and (not wanted or {place, f"{place}:{case.lock}", str(case.number)} & set(wanted))]
        if chosen:
            begun = time.monotonic()
            load(place, chosen)
            for line, case in enumerate(chosen, 1):
                if wanted:
                    print(case, flush=True)
                run(case, line)
            ran += len(chosen)
            print(f"{place}: {len(chosen)} cases, {time.monotonic() - begun:.1f} s", flush=True)
            live.corpus_unbind()
            live.unload(f"{place}.c", force=True)
    check_same(before)
    check_interrupt()
    print(*failures, f"{ran} cases", f"done: {len(failures)} failures", sep="\n")


before_everything = [1, 2, 3]
polyglot.c("int corpus_before = 4711; int corpus_square(int x) { return x * x; }")
with open("/host/harness.c") as file:
    compile(file.read(), "harness.c")
objects = Objects()
runner, user = Worker(), Worker()
main(sys.argv[1:])

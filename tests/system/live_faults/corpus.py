"""The corpus: every kind of fault x every place it may happen in x every lock of the kernel's that may be held then.

A case is a C function of one line. cases() leaves out what makes no sense, each by a rule of excluded() that says why;
expected() says what the fault must be told as. Read by the test outside (how many there are) and by program.py inside.
"""

from typing import NamedTuple

# place -> how program.py gets there
PLACES = ["prompt", "thread", "timer", "interrupt", "replaced"]
IN_INTERRUPT = ("timer", "interrupt")

# lock -> (is it a mutex, C that takes it, C that takes it once more, name). The replaced functions of program.TARGETS are called by the kernel
# with the lock held, so they do not take it.
LOCKS = {
    "none": (False, "", "", ""),
    "inode": (True, "corpus_take_inode();", "mutex_lock(corpus_inode);", "inode"),
    "pipe": (True, "corpus_take_pipe();", "mutex_lock(corpus_pipe);", "pipe"),
    "tty": (False, "corpus_take_tty();", "spin_lock(corpus_tty);", "tty"),
    "queue": (False, "corpus_take_queue();", "spin_acquire(&thread_queue_of(thread_current()->cpu)->lock);", "run queue"),
}
INTERRUPTS_OFF = ("tty", "queue")  # while these are held


# A wild argument for a kernel function that meets it while it holds the lock; the fault is the kernel function's.
WILD_CALLS = {
    "inode": "struct io io = io_from_kernel((void *)0xffffc07fffff0000, 100); file_write_at(corpus_file, &io, 0);",
    "pipe": "struct io io = io_from_kernel((void *)0xffffc07fffff0000, 100); file_write(corpus_writer, &io);",
    "tty": "rescue_write((char *)0xffffc07fffff0000, 4);",
    "queue": "thread_get_cpu_times(0, (void *)8, (void *)8);",
}


class Kind(NamedTuple):
    code: str             # behind the lock's taking
    fault: str            # KernelFault.kind
    address: int = -1     # KernelFault.address; -1: not looked at
    text: str = ""        # a part of KernelFault.text


KINDS = {
    "null read": Kind("return *(volatile long *)0;", "read", 0),
    "wild read": Kind("return *(volatile long *)0xffffc07fffff0000;", "read", 0xffffc07fffff0000),
    "null write": Kind("*(volatile long *)8 = 1;", "write", 8),
    "wild write": Kind("char *volatile where = (char *)0xffffc07fffff0001; *where = 1;", "write", 0xffffc07fffff0001),
    "write to code": Kind("*(volatile char *)&memcpy = 1;", "write"),
    "null jump": Kind("return ((long (*)(void))0)();", "execute", 0),
    "wild jump": Kind("return ((long (*)(void))0xffffc07fffff0000)();", "execute", 0xffffc07fffff0000),
    "jump to data": Kind("return ((long (*)(void))corpus_data)();", "execute"),
    "divide": Kind("return 1 / corpus_zero;", "divide"),
    "stack overflow": Kind("volatile char big[600]; big[0] = 1; return FUNCTION(argument) + big[0];", "stack overflow"),
    "invalid opcode": Kind('__asm__(".byte 0x0f, 0x0b");', "invalid opcode"),
    "non-canonical": Kind("return *(volatile long *)0x8000000000001000;", "general protection"),
    "misaligned SSE": Kind('__asm__(".byte 0x0f, 0x28, 0x02" : : "d"(corpus_data + 1));', "general protection"),
    "double free": Kind("void *block = malloc(40); free(block); free(block);", "heap", text="free"),
    "wild free": Kind("free(corpus_data);", "heap"),
    "endless loop": Kind("for (;;) ;", "time limit"),
    "interrupts off": Kind("irqs_disable(); for (;;) ;", "interrupts off"),
    "interrupts left off": Kind("irqs_disable();", "interrupts off", text="interrupts off"),
    "lock kept": Kind("", "lock held"),
    "lock taken twice": Kind("AGAIN", "abort"),
    "mutex in an interrupt": Kind("mutex_lock(corpus_inode);", "abort", text="interrupt"),
    "wild argument": Kind("WILD", "read"),
    "exit": Kind("exit(3);", "exit", 3),
    "abort": Kind("abort();", "abort"),
}
WATCHED = ("endless loop", "interrupts off")  # where only the watchdog ends them each takes 1 to 2 s


class Case(NamedTuple):
    number: int
    kind: str
    place: str
    lock: str

    @property
    def name(self):
        return f"corpus_{self.number}"


def excluded(kind, place, lock):
    """Why this combination is left out; "": it is not."""
    if place in IN_INTERRUPT and LOCKS[lock][0]:
        return "a mutex cannot be taken in an interrupt: the kind 'mutex in an interrupt' is that"
    if kind == "mutex in an interrupt" and (place not in IN_INTERRUPT or lock != "none"):
        return "is about interrupts, and about the mutex alone"
    if place == "replaced" and kind == "wild argument":
        return "the lock would be its caller's, and not the kernel function's"
    if kind in ("lock kept", "lock taken twice", "wild argument") and lock == "none":
        return "needs a lock"
    if place == "replaced" and kind in ("lock kept", "interrupts left off"):
        return "a replaced function may be one that does that for its caller, as spin_lock() and irqs_disable() do"
    if place in IN_INTERRUPT and kind in ("interrupts off", "interrupts left off"):
        return "interrupts are off there: the endless loop is this case"
    if kind == "interrupts left off" and lock != "none":
        return "the lock that is kept is told first: that is the kind 'lock kept'"
    if kind == "interrupts off" and lock in INTERRUPTS_OFF:
        return "interrupts are off with such a lock: the endless loop is this case"
    if kind in WATCHED and lock in ("pipe", "tty") and (place == "replaced" or lock == "tty"):
        return "1 to 2 s each: the run queue and the inode stand for their kind of lock"
    return ""


def cases():
    kept = [(kind, place, lock) for place in PLACES for lock in LOCKS for kind in KINDS if not excluded(kind, place, lock)]
    return [Case(number, *case) for number, case in enumerate(kept)]


def source(case):
    """The case's function, on one line."""
    _, take, again, _ = LOCKS[case.lock]
    code = KINDS[case.kind].code.replace("AGAIN", again).replace("FUNCTION", case.name).replace("WILD", WILD_CALLS.get(case.lock, ""))
    if case.place == "replaced" or case.kind == "wild argument":
        take = ""  # it is the caller's, or the kernel function takes it
    take = f"if (corpus_depth++ == 0) {{ corpus_runs++; {take} {prologue(case)} }}"
    return f"long {case.name}(void *argument) {{ {take} {code} return 0; }}"


def prologue(case):
    """An interrupt is acknowledged; every other timer has set itself again before it faults."""
    if case.place == "interrupt":
        return "corpus_acknowledge();"
    return "timer_arm(argument, clock_monotonic() + 1000000);" if case.place == "timer" and case.number % 2 else ""


def expected(case):
    """(KernelFault.kind, address or -1, part of text) of what must be told."""
    kind = KINDS[case.kind]
    if case.kind == "endless loop" and (case.place in IN_INTERRUPT or case.lock in INTERRUPTS_OFF):
        return "interrupts off", -1, ""
    if case.kind == "wild argument" and case.lock == "queue":
        return "write", 8, ""
    if case.kind == "lock kept":
        return kind.fault, -1, LOCKS[case.lock][3]
    if case.kind == "lock taken twice":
        return kind.fault, -1, LOCKS[case.lock][3]
    return kind.fault, kind.address, kind.text

"""polyglot.replace, restore and history inside, on several CPUs: versions of kernel and live functions and of inline functions of headers, what
is refused, what faults, and threads that are in a version when it goes."""

from conftest import CHECKS_INSIDE

PROGRAM = CHECKS_INSIDE + r"""
import polyglot, threading, time
from polyglot import kernel, live
def states(name): return [row.state for row in polyglot.history(name)]

# Versions of a kernel function. Its new source sees the file's macros, headers and statics without an #include.
equal("the kernel's source", "return" in kernel.source("klog_size"), True)
own = kernel.klog_size()
polyglot.replace("klog_size", "size_t klog_size(void) { return MIN(1, LOG_RING_SIZE) + (written == 0); }")
polyglot.replace("klog_size", "size_t klog_size(void) { return 2; }")
equal("replaced", kernel.klog_size(), 2)
equal("source in force", str(kernel.source("klog_size")), "size_t klog_size(void) { return 2; }")
polyglot.restore("klog_size"); equal("the one before", kernel.klog_size(), 1)
polyglot.restore("klog_size"); equal("the kernel's own", kernel.klog_size() >= own, True)
raises("nothing before", polyglot.ReplaceError, "not replaced", lambda: polyglot.restore("klog_size"))
polyglot.restore("klog_size", 2); equal("by number", kernel.klog_size(), 2)
raises("in force", polyglot.ReplaceError, "is in force", lambda: polyglot.restore("klog_size", 4))
raises("no such version", polyglot.ReplaceError, "has no version 9", lambda: polyglot.restore("klog_size", 9))
polyglot.restore("klog_size", 0); equal("number 0", kernel.klog_size() >= own, True)
equal("states", states("klog_size"), ["original", "superseded", "superseded", "restored", "restored"])

# Trials.
polyglot.replace("klog_size", "size_t klog_size(void) { return 3; }", trial=0)
polyglot.replace("klog_size", "size_t klog_size(void) { return *(size_t *)8; }", trial=30)
equal("faults in its trial", (kernel.klog_size(), kernel.klog_size()), (2**64 - 14, 3))
equal("rolled back", states("klog_size")[-2:], ["active", "rolled back"])
polyglot.replace("klog_size", "size_t klog_size(void) { return *(size_t *)8; }", trial=30, idempotent=True)
equal("run again", kernel.klog_size(), 3)
polyglot.restore("klog_size", 0)
address = kernel.address_of("klog_size")
equal("a pointer", kernel.symbol_find(address, bytearray(8)).text, "klog_size")
polyglot.replace("symbol_find", "const char *symbol_find(uint64_t address, uint64_t *offset) { return (const char *)*(uint64_t *)8; }", trial=30)
equal("NULL", not kernel.symbol_find(address, bytearray(8)), True)
equal("a pointer again", kernel.symbol_find(address, bytearray(8)).text, "klog_size")

# Refusals.
raises("entry", polyglot.ReplaceError, "part of the kernel's entry", lambda: polyglot.replace("syscall_dispatch", kernel.source("syscall_dispatch")))
raises("breakpoints", polyglot.ReplaceError, "breakpoint", lambda: polyglot.replace("trap_dispatch", kernel.source("trap_dispatch")))
raises("the guard", polyglot.ReplaceError, "", lambda: polyglot.replace("live_patch_enter", "void live_patch_enter(void) { }"))
raises("the machinery", polyglot.ReplaceError, "part of what replaces functions", lambda: polyglot.replace("patch_roll_back", kernel.source("patch_roll_back")))
raises("a variable", polyglot.ReplaceError, "is a variable", lambda: polyglot.replace("live_trampoline_slots", "int x;"))
raises("type", polyglot.ReplaceError, "old  size_t klog_size(void)", lambda: polyglot.replace("klog_size", "int klog_size(int a) { return a; }", force=True))
raises("mistake", polyglot.CompileError, "nosuch", lambda: polyglot.replace("klog_size", "size_t klog_size(void)\n{\n    return nosuch;\n}"))
equal("nothing left", [row.state for row in polyglot.history("klog_size")][-1], "rolled back")

# Live functions.
polyglot.c("int step(int n) { return n + 1; }"); polyglot.c("int twice(int n) { return step(step(n)); }")
polyglot.replace("step", "int step(int n) { return n + 10; }"); equal("redefined", live.twice(0), 20)
polyglot.replace("step", "int step(int n) { return n + 100; }")
equal("history", [row.state for row in polyglot.history("step")], ["superseded", "superseded", "active"])
polyglot.restore("step"); equal("stepped back", live.twice(0), 20)
polyglot.restore("step"); equal("stepped back twice", live.twice(0), 2)
raises("the first one", polyglot.ReplaceError, "no version before", lambda: polyglot.restore("step"))
polyglot.restore("step", 3); equal("by number", live.twice(0), 200)
raises("changed type", polyglot.ReplaceError, "users: twice", lambda: polyglot.replace("step", "long step(long a, long b) { return a; }"))
polyglot.replace("step", "long step(long a) { return a + 5; }", force=True); equal("forced", live.step(1), 6)

# Threads in a version that goes: it stays until they have left it.
polyglot.replace("klog_size", "size_t klog_size(void) { thread_sleep_until(clock_monotonic() + 1500 * NANOS_PER_MILLISECOND, false); return 77; }", trial=0)
found = []
sleepers = [threading.Thread(target=lambda: found.append(kernel.klog_size())) for _ in range(3)]
for thread in sleepers: thread.start()
while [row.calls for row in polyglot.history("klog_size")][-1] < 3: time.sleep(0.05)
polyglot.restore("klog_size", 0)
for number in range(20): polyglot.c(f"int filler{number}(void) {{ return {number}; }}")  # pages that were freed would be others by now
for thread in sleepers: thread.join()
equal("they came back", found, [77, 77, 77])

# Callers on all CPUs see one version or another, and never lose a call.
wrong, stop, calls = [], False, [0] * 3
def caller(me):
    function = kernel.klog_size
    while not stop:
        got = function()
        calls[me] += 1
        if not (got >= own or 1000 <= got < 1008): wrong.append(got)
own = min(own, 1500)
callers = [threading.Thread(target=caller, args=(me,)) for me in range(3)]
for thread in callers: thread.start()
for number in range(8):
    before = sum(calls)
    polyglot.replace("klog_size", f"size_t klog_size(void) {{ return {1000 + number}; }}", trial=0)
    while sum(calls) < before + 30: time.sleep(0.01)
polyglot.restore("klog_size", 0)
stop = True
for thread in callers: thread.join()
equal("callers", (wrong, min(calls) > 0), ([], True))
print(*failures, sep="\n")
print("done", len(failures))
"""

INLINE = CHECKS_INSIDE + r"""
import _inlines, _live, os, polyglot, select, socket, threading
from polyglot import kernel, live
def states(name): return [row.state for row in polyglot.history(name)]
def polls():
    ends, pair = os.pipe(), socket.socketpair()
    ready = [select.select([ends[0]], [], [], 0)[0], select.select([pair[0]], [], [], 0)[0]]
    for end in ends: os.close(end)
    for end in pair: end.close()
    return ready
def counts():
    before = live.polls_counted
    polls()
    return live.polls_counted - before >= 2
own = str(kernel.source("poll_wait"))
owners = sorted(owner for owner, _ in _inlines.owners_of("poll_wait"))
counting = own.replace("{", "{ polls_counted++;", 1)
equal("several owners", len(owners) >= 5 and "pipe_poll" in owners, True)
polyglot.c("unsigned long polls_counted;")
# Of its copy in this one no instruction is left that the debug data could name.
equal("folded", ("pipe_copy_in", "fs/pipe.c") in _inlines.owners_of("io_remaining"), True)
modules = len(_live.modules())

# Refusals leave nothing.
raises("type", polyglot.ReplaceError, "the type of poll_wait would change", lambda: polyglot.replace("poll_wait", "static inline int poll_wait(int a) { return a; }"))
raises("mistake", polyglot.CompileError, "nosuch", lambda: polyglot.replace("poll_wait", own.replace("{", "{ nosuch = 1;", 1)))
raises("static", polyglot.ReplaceError, "its own of its static variable", lambda: polyglot.replace("poll_wait", own.replace("{", "{ static int count;", 1)))
raises("object", polyglot.ReplaceError, "must be C source", lambda: polyglot.replace("poll_wait", b"object"))
raises("other name", polyglot.ReplaceError, "does not define poll_wait", lambda: polyglot.replace("poll_wait", "int x;"))
raises("not patchable", polyglot.ReplaceError, "syscall_dispatch (kernel/syscall/dispatch.c): it is part of the kernel's entry", lambda: polyglot.replace("trace_is_on", kernel.source("trace_is_on")))
raises("not by tcc", polyglot.ReplaceError, "cpu_enable_features (arch/x86_64/cpu.c): unknown opcode", lambda: polyglot.replace("msr_read", kernel.source("msr_read")))
equal("nothing is left", (len(_live.modules()), [states(name)[1:] for name in owners]), (modules, [[]] * len(owners)))
raises("not replaced", polyglot.ReplaceError, "is not replaced", lambda: polyglot.restore("poll_wait"))

# All owners count, or none.
polyglot.replace("poll_wait", counting, trial=0)
equal("counts", (counts(), polls()), (True, [[], []]))
equal("all owners", {states(name)[-1] for name in owners}, {"active"})
equal("source in force", str(kernel.source("poll_wait")), counting)
equal("an owner's source", "poll_wait(" in str(kernel.source("pipe_poll")), True)
raises("an owner", polyglot.ReplaceError, "was built anew for poll_wait", lambda: polyglot.replace("pipe_poll", kernel.source("pipe_poll")))
raises("an owner restored", polyglot.ReplaceError, "restore('poll_wait') first", lambda: polyglot.restore("pipe_poll"))
polyglot.restore("poll_wait")
equal("restored", (counts(), {states(name)[-1] for name in owners}), (False, {"restored"}))

# A fault in one of them ends all.
polyglot.replace("poll_wait", own.replace("{", "{ *(volatile int *)8 = 1;", 1), trial=600)
equal("on trial", states("poll_wait"), ["original", "restored", "trial"])
polls()
equal("rolled back", (states("poll_wait"), {states(name)[-1] for name in owners}, polls()), (["original", "restored", "rolled back"], {"rolled back"}, [[], []]))
polyglot.restore("poll_wait", 1)
equal("by number", (counts(), states("poll_wait")), (True, ["original", "restored", "rolled back", "trial"]))
polyglot.replace("poll_wait", counting.replace("++", " += 2"), trial=0)
polyglot.restore("poll_wait")
equal("the one before", (counts(), str(kernel.source("poll_wait"))), (True, counting))
polyglot.restore("poll_wait", 0)
equal("the header's", (counts(), str(kernel.source("poll_wait"))), (False, own))

# One owner is another's.
polyglot.replace("pipe_poll", kernel.source("pipe_poll"), trial=0)
raises("replaced by itself", polyglot.ReplaceError, "it is replaced itself, by version", lambda: polyglot.replace("poll_wait", counting))
polyglot.restore("pipe_poll", 0)

# One that the scheduler, wait queues, and what replaces and frees code itself contain, while all of it runs.
polyglot.c("unsigned long appended;")
stop, turns = False, [0] * 3
def work(me):
    while not stop:
        polls()
        with open(f"/tmp/inline{me}", "w") as file: file.write("x" * 5000)
        os.unlink(f"/tmp/inline{me}")
        turns[me] += 1
def wait_for_turns():
    before = list(turns)
    while any(now < then + 3 for now, then in zip(turns, before)): threading.Event().wait(0.02)
workers = [threading.Thread(target=work, args=(me,)) for me in range(3)]
polyglot.replace("list_append", str(kernel.source("list_append")).replace("{", "{ appended++;", 1), trial=0)
for worker in workers: worker.start()
wait_for_turns()
polyglot.restore("list_append")
wait_for_turns()
after = live.appended
wait_for_turns()
stop = True
for worker in workers: worker.join()
equal("lists", (after > 100, live.appended), (True, after))
print(*failures, sep="\n")
print("done", len(failures))
"""


def test_versions_of_functions(run_inside):
    result = run_inside(PROGRAM, "--cpus", "4", timeout=400)
    output = result.stdout.decode("utf-8", "replace")
    assert result.status == 0, output + result.stderr
    assert output.splitlines()[-1:] == ["done 0"], output + result.stderr


def test_an_inline_function_of_a_header_is_replaced_in_all_that_contain_it(run_inside):
    result = run_inside(INLINE, "--cpus", "2", timeout=400)
    output = result.stdout.decode("utf-8", "replace")
    assert result.status == 0, output + result.stderr
    assert output.splitlines()[-1:] == ["done 0"], output + result.stderr

"""polyglot.replace, restore and history inside, on four CPUs: versions of kernel and live functions, what is refused, what
faults, and threads that are in a version when it goes."""

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

raises("inline", polyglot.ReplaceError, "is compiled into other functions, which would keep the old code: ", lambda: polyglot.replace("result_is_error", kernel.source("result_is_error")))

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


def test_versions_of_functions(run_inside):
    result = run_inside(PROGRAM, "--cpus", "4", timeout=400)
    output = result.stdout.decode("utf-8", "replace")
    assert result.status == 0, output + result.stderr
    assert output.splitlines()[-1:] == ["done 0"], output + result.stderr

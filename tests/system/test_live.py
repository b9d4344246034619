"""polyglot.link, .live, .kernel, .replace and .export inside: one boot with one object that gcc made; and what the kernel shows
through its types."""

import subprocess

from conftest import CHECKS_INSIDE

SOURCE = r"""
struct point { int x, y; unsigned flags : 3; const char *name; };
struct pair { long first, second; };
int counter = 5; enum shape { FLAT, ROUND = 3 } shape = ROUND;
struct point origin = { 1, -2, 5, "origin" };
int add(int a, int b) { return a + b; }
unsigned long wide(unsigned long a, unsigned char b) { return a + b; }
int sum(const unsigned char *bytes, int n) { int s = 0; for (int i = 0; i < n; i++) s += bytes[i]; return s; }
void fill(unsigned char *bytes, int n) { for (int i = 0; i < n; i++) bytes[i] = i + 1; }
unsigned long length(const char *text) { unsigned long n = 0; while (text[n]) n++; return n; }
int point_x(struct point *p) { return p->x; }
struct pair swap(struct pair p) { struct pair q = { p.second, p.first }; return q; }
int crash(int *p) { *p = 3; return 1; }
int outer(int *p) { return crash(p) + 1; }
int divide(int a, int b) { return a / b; }
int apply(int (*f)(int), int n) { return f(n) + 1; }
int spin(void) { for (;;) ; }
int deep(int n) { volatile char big[4000]; big[0] = n; return deep(n + 1) + big[0]; }
long seven(long a, long b, long c, long d, long e, long f, long g) { return a + b + c + d + e + f + 10 * g; }
double half(double x) { return x / 2; } int total(const int *v, int n) { int s = 0; for (int i = 0; i < n; i++) s += v[i]; return s; } void twice_all(double *v, int n) { for (int i = 0; i < n; i++) v[i] *= 2; } int *counter_at(void) { return &counter; }
int first_byte(const void *p) { return *(const unsigned char *)p; }
struct point *where(void) { return &origin; }
double sin(double); double sine(double x) { return sin(x); }
"""

PROGRAM = CHECKS_INSIDE + r"""
import array, ctypes, polyglot, threading
from polyglot import kernel, live

module = polyglot.link("/host/sample.o")
equal("names", sorted(module.defined)[:3], ["add", "apply", "counter"])
# Arguments
equal("add", live.add(2, -3), -1)
raises("range", OverflowError, "int a takes -2147483648 to 2147483647", lambda: live.add(2**31, 0))
raises("kind", TypeError, "int a must be an int, not str", lambda: live.add("2", 0))
raises("count", TypeError, "takes 2 arguments (int a, int b), not 1", lambda: live.add(2))
raises("negative", OverflowError, "unsigned char b", lambda: live.wide(1, -1))
equal("wide", live.wide(2**64 - 256, 255), 2**64 - 1)
for data in (b"abc", bytearray(b"abc"), memoryview(b"abc"), (ctypes.c_ubyte * 3)(97, 98, 99)): equal(f"sum {data}", live.sum(data, 3), 294)
buffer = bytearray(4); live.fill(buffer, 4); equal("fill", buffer, bytearray(b"\1\2\3\4"))
constant = b"\0\0"; live.fill(constant, 2); equal("bytes never change", constant, bytes([0, 0]))
# Items of buffers
def both(*values): return (bytes(array.array("i", values)), array.array("i", values), array.array("I", values), memoryview(array.array("i", values)), (ctypes.c_int * len(values))(*values),
                           memoryview(array.array("i", values)).cast("B"), bytearray(array.array("i", values)))
for data in both(5, 7): equal(f"int * of {data!r}", live.total(data, 2), 12)
for data in (array.array("d", [1.0]), array.array("f", [1.0]), array.array("q", [1]), array.array("h", [1, 2]), memoryview(array.array("d", [1.0]))):
    raises(f"int * of {data!r}", TypeError, "total(): const int *v cannot point to the items of this", lambda: live.total(data, 1))
for data in ((ctypes.c_double * 2)(1, 2), ctypes.c_double(1), ctypes.pointer(ctypes.c_double(1)), (ctypes.c_short * 4)()):
    raises(f"int * of {data!r}", TypeError, "total(): const int *v cannot point to c_", lambda: live.total(data, 1))
equal("one int", (live.total(ctypes.c_int(8), 1), live.total(ctypes.pointer(ctypes.c_int(9)), 1), live.total(live.counter_at(), 1)), (8, 9, live.counter))
raises("short", TypeError, "const int *v points to 4 bytes, the c_char_Array_2 has 2", lambda: live.total(ctypes.create_string_buffer(2), 1))
raises("a pointer to ints", TypeError, "takes a pointer to double, not to int", lambda: live.twice_all(live.counter_at(), 1))
doubles = array.array("d", [1.5, 2.5]); live.twice_all(doubles, 2); equal("double *", list(doubles), [3.0, 5.0])
raises("double * of floats", TypeError, "which are 'f' of 4 bytes", lambda: live.twice_all(array.array("f", [1, 2]), 2))
raises("read-only", TypeError, "double *v may be written, and this memoryview is read-only", lambda: live.twice_all(memoryview(doubles).toreadonly(), 2))
equal("read-only for const", live.total(memoryview(array.array("i", [4])).toreadonly(), 1), 4)
raises("strided", TypeError, "contiguous", lambda: live.total(memoryview(array.array("i", [1, 2, 3, 4]))[::2], 2))
for data in (b"\7", array.array("d", [3.5, 1.0]), array.array("i", [7]), ctypes.c_int(7)): equal(f"void * of {data!r}", live.first_byte(data), bytes(data)[0])
for data in (array.array("i", [1, 2]), (ctypes.c_int * 2)(1, 2)): equal(f"unsigned char * of {data!r}", live.sum(data, 8), 3)
raises("a buffer is no function", TypeError, "must be a function", lambda: live.apply(bytearray(8), 1))
raises("nor are bytes", TypeError, "must be a function", lambda: live.apply(b"12345678", 1))
raises("a structure of doubles", TypeError, "cannot point to the items", lambda: live.point_x(array.array("d", [1, 2, 3])))
raises("str for bytes *", TypeError, "must be", lambda: live.point_x("x"))
raises("short buffer", TypeError, "points to 24 bytes, the buffer has 3", lambda: live.point_x(bytearray(3)))
equal("text", live.length("hällo"), 6); equal("bytes with a NUL", live.length(b"abc"), 3)
equal("seven", live.seven(1, 2, 3, 4, 5, 6, 7), 91); equal("half", live.half(3), 1.5); equal("sine", live.sine(1.0), 0.8414709848078965)
equal("by value", (live.swap({"first": 1, "second": 2}).first, live.swap(live.swap({"first": 1, "second": 2})).second), (2, 2))
raises("wrong structure", TypeError, "takes a pointer to struct point", lambda: live.point_x(kernel.thread_current()))
# Variables and views
equal("counter", live.counter, 5); live.counter = 7; equal("counter", live.counter, 7)
origin = live.origin
equal("fields", (origin.x, origin.y, origin.flags, origin.name.text), (1, -2, 5, "origin"))
origin.x = 40; origin.flags = 2; equal("written", (live.point_x(origin), live.where().x, origin.flags), (40, 40, 2))
raises("bits", OverflowError, "3 bits", lambda: setattr(origin, "flags", 8))
raises("field", AttributeError, "did you mean", lambda: origin.nam)
equal("dir", dir(origin), ["flags", "name", "x", "y"])
equal("repr", "    flags = 2" in repr(origin), True)
# Callbacks
equal("apply", live.apply(lambda n: n * 2, 21), 43)
raises("raising callback", ZeroDivisionError, "", lambda: live.apply(lambda n: n // 0, 1))
@polyglot.export("int twice(int n)")
def twice(n): return 2 * n
# Faults
fault = raises("null", polyglot.KernelFault, "write to address 0x0 (a null pointer), in C function crash (sample.c:12)", lambda: live.outer(None))
equal("attributes", (fault.kind, fault.language, fault.function, fault.line, fault.address), ("write", "C", "crash", 12, 0))
equal("backtrace", ([frame.name for frame in fault.backtrace][:2], "outer" in str(fault)), (["crash", "outer"], False))
raises("divide", polyglot.KernelFault, "division", lambda: live.divide(1, 0))
raises("stack", polyglot.KernelFault, "stack", lambda: live.deep(0))
raises("jump", polyglot.KernelFault, "", lambda: kernel.cast("int (*)(int)", 64)(1))
live.spin.time_limit = 0.2; raises("limit", polyglot.KernelFault, "time limit", live.spin)
raises("wild", OSError, "Bad address", lambda: kernel.cast("int *", 0x123456789000).value)
found = []
thread = threading.Thread(target=lambda: found.append(live.add(1, 1))); thread.start(); thread.join()
equal("other threads", found, [2])
# The kernel
equal("thread", kernel.thread_current().name.text, "world")
equal("pointer to pointer", kernel.thread_current().process.id, 1)
names = [thread.name.text for thread in kernel.list("kernel/sched/thread_life.c:all_threads", "struct thread", "all_link")]
equal("list", "world" in names and len(names) > 2, True)
equal("constant", kernel.LIVE_FAULT_WRITE, 2); equal("constant of a module", kernel.ROUND, 3)
raises("no constants among code", AttributeError, "has no 'LIVE_FAULT_WRITE' (polyglot.kernel.LIVE_FAULT_WRITE is a constant", lambda: live.LIVE_FAULT_WRITE)
equal("help", "size_t klog_size(void);" in kernel.klog_size.__doc__, True)
equal("disassemble", "ret" in live.disassemble("add"), True)
# Replacement
before = kernel.klog_size()
polyglot.replace("klog_size", "size_t klog_size(void) { return 4242; }")
equal("replaced", (kernel.klog_size(), [row.version for row in polyglot.history("klog_size")]), (4242, [0, 1]))
polyglot.restore("klog_size"); equal("restored", kernel.klog_size() >= before, True)
raises("type", polyglot.ReplaceError, "old  size_t klog_size(void)", lambda: polyglot.replace("klog_size", "int klog_size(int a) { return a; }"))
polyglot.replace("klog_size", "size_t klog_size(void) { return *(size_t *)0; }", trial=30.0)
equal("rolled back", (kernel.klog_size(), kernel.klog_size() >= before), (2**64 - 14, True))
polyglot.replace("add", "int add(int a, int b) { return a * b; }"); equal("live replaced", live.add(6, 7), 42)
polyglot.replace("add", "int add(int a, int b) { return twice(a) + b; }"); equal("export", live.add(6, 7), 19)
raises("changed type", polyglot.ReplaceError, "would change", lambda: polyglot.replace("add", "long add(long a) { return a; }"))
# Links that fail
missing = raises("missing", polyglot.LinkError, "nosuch", lambda: polyglot.link("/host/missing.o"))
equal("near", "klog_size" in str(missing), True)
raises("unknown", AttributeError, "did you mean add", lambda: live.ad)
# Names are kept until something changes
kept = live.half; equal("kept", live.half is kept, True)
polyglot.replace("add", "long add(long a) { return a; }", force=True); equal("new type", live.add(2**40), 2**40)
live.counter = 8; equal("values are not kept", (live.counter, live.counter), (8, 8))
raises("keywords", TypeError, "takes no keyword arguments", lambda: live.half(x=1))
live.typed("int half(int x)"); raises("typed anew", TypeError, "int x must be an int", lambda: live.half(1.5))
module.unload(force=True); raises("unloaded", AttributeError, "has no 'seven'", lambda: live.seven(1, 2, 3, 4, 5, 6, 7))
for space in (live, kernel): raises("a name of Zig's enumerations", AttributeError, "has no 'divide'", lambda: space.divide(6, 3))
print(*failures, sep="\n")
print("done", len(failures))
"""


def test_live_layer_from_python(run_inside, tmp_path):
    folder = tmp_path / "objects"
    folder.mkdir()
    (tmp_path / "sample.c").write_text(SOURCE.lstrip("\n"))
    (tmp_path / "missing.c").write_text("int nosuch(int); int klog_sise(void); int f(int a) { return nosuch(a) + klog_sise(); }\n")
    for name in ("sample", "missing"):
        subprocess.run(["gcc", "-g", "-O0", "-fno-inline", "-fno-builtin", "-fno-optimize-sibling-calls", "-fno-omit-frame-pointer",
                        "-mcmodel=kernel", "-fno-pic", "-fcf-protection=none",
                        "-c", f"{name}.c", "-o", folder / f"{name}.o"], check=True, cwd=tmp_path)
    result = run_inside(PROGRAM, "--with", folder, timeout=200)
    output = result.stdout.decode("utf-8", "replace")
    assert result.status == 0, output + result.stderr
    assert output.splitlines()[-1:] == ["done 0"], output + result.stderr

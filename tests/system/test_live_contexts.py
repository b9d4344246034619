"""Live code that the kernel calls: floating point in timers, replaced functions and threads; operations of files; kernel threads
that are stopped; what is switched off after a fault. One boot with two CPUs."""

from conftest import vm

PROGRAM = r'''
import errno, fcntl, os, polyglot, subprocess, time

def refused(call, *arguments):
    try:
        call(*arguments)
    except (OSError, polyglot.LinkError) as error:
        return errno.errorcode[error.errno] if isinstance(error, OSError) and error.errno else str(error)

# Floating point: Python's and a ring-3 program's numbers are what they are without it.
polyglot.c(r"""
#include <kernel/time/time.h>
struct timer ticker;
double total;
volatile int ticks;
void tick(struct timer *timer)
{
    double x = ticks * 1.5;
    total = total * 0.5 + x / 3.0;
    ticks++;
    timer_arm(timer, clock_monotonic() + 200000);
}
void start_ticking(void) { timer_init(&ticker, tick); timer_arm(&ticker, clock_monotonic() + 200000); }
void stop_ticking(void) { timer_cancel(&ticker); }
void tick_later(void) { timer_arm(&ticker, clock_monotonic() + 3600000000000L); }
double wanted(int n) { double t = 0; for (int i = 0; i < n; i++) t = t * 0.5 + i * 1.5 / 3.0; return t; }
""")
ticking = polyglot.live.modules()[-1].id

def series(rounds):
    x = 1.0
    for i in range(1, rounds):
        x = (x * 1.000001 + 1.0 / i) * 0.999999
    return x

AWK = 'BEGIN { x = 1; for (i = 1; i < 100000; i++) x = (x * 1.000001 + 1 / i) * 0.999999; printf "%.12f", x }'
alone = series(50000), subprocess.check_output(["busybox", "awk", AWK])
polyglot.live.start_ticking()
beside = series(50000), subprocess.check_output(["busybox", "awk", AWK])
polyglot.live.stop_ticking()
ticks = polyglot.live.ticks
print("numbers", alone == beside, ticks > 10, polyglot.live.total == polyglot.live.wanted(ticks))

polyglot.live.tick_later()
print("timers", refused(polyglot.live.unload, ticking, True), len(polyglot.dmesg(search="1 armed timers")))

# A replaced kernel function that computes, and one whose access is not aligned.
polyglot.replace("sys_getppid", "int64_t sys_getppid(void) { volatile double x = 400; return (int64_t)(x * 2.5); }")
print("replaced", os.getppid(), alone[0] == series(50000))
polyglot.restore("sys_getppid")

# Operations of files.
polyglot.c(r"""
#include <fs/devfs.h>
#include <kernel/vfs/file.h>
isize_t live_read(struct file *file, struct io *io, file_off_t *position) { return *(volatile isize_t *)24; }
isize_t live_ioctl(struct file *file, uint32_t request, uint64_t argument) { return (isize_t)(request * 0.5); }
struct file_ops live_ops = { .name = "live", .read = live_read, .ioctl = live_ioctl };
int make_live(void) { return devfs_register("livetest", 0020600, (240 << 8) | 7, &live_ops, 0); }
""")
print("made", polyglot.live.make_live())
owner = polyglot.live.modules()[-1].id
file = os.open("/dev/livetest", os.O_RDONLY)
print("read", refused(os.read, file, 4), refused(os.read, file, 4), "ioctl", fcntl.ioctl(file, 90))
print("off", "switched off" in polyglot.live.live_read.__doc__, len(polyglot.dmesg(search="live_read faulted")))
polyglot.c("isize_t live_read(struct file *file, struct io *io, file_off_t *position) { return 0; }")
print("anew", os.read(file, 4), "switched off" in polyglot.live.live_read.__doc__)
print("held", "is held" in refused(polyglot.live.unload, owner, True))

# Tables that live code registers in: a port of the terminal, in a module's data and on its heap; writers of reports.
polyglot.c(r"""
#include <dev/tty/tty.h>
#include <kernel/report/report.h>
char caught[4096];
volatile unsigned long caught_size;
void port_write(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size && caught_size < sizeof caught; i++)
        caught[caught_size++] = bytes[i];
}
void port_turn(bool on) { *(volatile int *)16 = on; }
struct tty_port port = { .name = "live", .write = port_write }, *other;
int attach(void) { return tty_attach(&port); }
int detach(void) { return tty_detach(&port); }
int attach_other(void) { other = calloc(1, sizeof *other); other->write = port_write; return tty_attach(other); }
int detach_other(void) { return tty_detach(other); }
int has_caught(const char *text, unsigned long size) { return caught_size == size && memcmp(caught, text, size) == 0; }
void write_rows(const struct report_output *output) { report_print(output, "a row\nhalf a"); *(volatile int *)16 = 1; }
struct report_live_writers writers = { .modules = write_rows };
int take_report(void) { return report_set_live(&writers); }
int give_report(void) { return report_set_live(0); }
""")
owner = polyglot.live.modules()[-1].id
console = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)
print("port", polyglot.live.attach(), -polyglot.live.attach() == errno.EEXIST, os.write(console, b"one\n"), polyglot.live.has_caught(b"one\r\n", 5))
polyglot.c("void port_write(const unsigned char *bytes, size_t size) { *(volatile unsigned char *)size = *bytes; }")
print("faulty", os.write(console, b"two\n"), os.write(console, b"three\n"), len(polyglot.dmesg(search="port_write faulted")), "switched off" in polyglot.live.port_write.__doc__)
polyglot.live.caught_size = 0
polyglot.c("void port_write(const unsigned char *bytes, size_t size) { caught_size += size; }")
print("anew", os.write(console, b"four\n"), polyglot.live.caught_size)
print("held", "tty_detach()" in refused(polyglot.live.unload, owner, True), polyglot.live.detach(), -polyglot.live.detach() == errno.ENOENT)
print("heap", polyglot.live.attach_other(), "tty_detach()" in refused(polyglot.live.unload, owner, True), polyglot.live.detach_other())
print("report", polyglot.live.take_report())
print(open("/proc/polyglot/live").read().replace("system", "SYSTEM"), end="")
print("symbols", "\tport_write\n" in open("/proc/polyglot/symbols").read())
polyglot.c('void write_rows(const struct report_output *output) { report_print(output, "rows\\n"); }')
print(open("/proc/polyglot/live").read(), end="")
print("held", "report_set_live" in refused(polyglot.live.unload, owner, True), polyglot.live.give_report(), open("/proc/polyglot/live").read(7))
print("gone", refused(polyglot.live.unload, owner, True), os.write(console, b"five\n"))

# Kernel threads.
polyglot.c(r"""
#include <kernel/sched/thread.h>
volatile unsigned long turns;
void spin(void *unused) { for (;;) turns++; }
void sleepy(void *unused) { for (;;) { turns++; thread_sleep_until(clock_monotonic() + 3600000000000L, true); } }
void computes(void *unused) { double x = 1; for (;;) { x = x * 1.5; if (x > 1e9) x = x / 1e9; turns++; if (x < 0.5) *(volatile int *)8 = 1; } }
int begin(void (*function)(void *))
{
    struct thread *thread = thread_create("livespin", function, 0);
    int id = thread->id;
    thread_start(thread);
    thread_put(thread);
    return id;
}
""")
home = polyglot.live.modules()[-1].id
for name in ("spin", "sleepy", "computes"):
    polyglot.live.turns = 0
    number = polyglot.c(f"begin({name})")
    while polyglot.live.turns == 0:
        time.sleep(0.01)
    why = refused(polyglot.live.unload, home)
    polyglot.stop(number)
    print(name, f'thread {number} "livespin" runs in it: polyglot.stop({number}) ends it' in why, [t.id for t in polyglot.threads() if t.id == number])
print("again", refused(polyglot.stop, number))
number = polyglot.c("begin(spin)")
print("unloaded", refused(polyglot.live.unload, home, True))
while polyglot.threads().where(id=number): # it is out of the module; its own end may take a moment
    time.sleep(0.01)

print("patched", "replaced at the moment" in polyglot.kernel.sys_getppid.__doc__)
polyglot.replace("sys_getppid", "int64_t sys_getppid(void) { return 77; }")
print("patched", "replaced at the moment" in polyglot.kernel.sys_getppid.__doc__, os.getppid())
'''

EXPECTED = """\
numbers True True True
timers None 1
replaced 1000 True
made 0
read EFAULT EFAULT ioctl 45
off True 1
anew b'' False
held True
port 0 True 4 1
faulty 4 6 1 True
anew 5 6
held True 0 True
heap 0 True 0
report 0
a row
half a
the writer of this report faulted (see the log) and is switched off until it is defined anew; report_set_live(NULL) brings the SYSTEM's own back
symbols True
rows
held True 0 module	
gone None 5
spin True []
sleepy True []
computes True []
again ESRCH
unloaded None
patched False
patched True 77
"""


def test_live_code_where_the_kernel_calls_it(tmp_path):
    program = tmp_path / "contexts.py"
    program.write_text(PROGRAM)
    result = vm("exec", program, "--cpus", 2, "--timeout", 240)
    assert result.stdout.decode() == EXPECTED, result.stderr
    assert result.status == 0 and "PANIC" not in result.stderr

/*
 * Faulty live functions in the kernel's tables that live code may register in: ports of the terminal, the line discipline's operations, sinks of the log,
 * writers of reports. The kernel calls them with its locks held and interrupts off, and goes on. The functions are live_code.S's; each of them
 * is switched off by its first fault, so in a second run (after a leak) they are not entered again.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/watchdog.h>
#include <dev/tty/private.h>
#include <dev/tty/rescue.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/report/report.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/test/live_code.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/private.h>

/* The functions, by who has them. */
enum { PORT_WRITE, PORT_ROOM, PORT_PENDING, PORT_FLUSH, PORT_THROTTLE, LINE_EMIT, LINE_FLUSH, LOG_WRITE, REPORT_WRITE };

LOCAL uint64_t live_tables_function(unsigned number)
{
    return (uint64_t)(uintptr_t)live_code_faulty + number * LIVE_CODE_FAULTY_SIZE;
}
#define FAULTY(number, type) ((type)(uintptr_t)live_tables_function(number))

LOCAL void live_tables_begin(void)
{
    live_set_test_text((uint64_t)(uintptr_t)live_code_start, (uint64_t)(uintptr_t)live_code_end);
    watchdog_start();
}

/* It was entered, faulted, and nothing is left of it. */
LOCAL bool live_tables_was_ended(unsigned number)
{
    const struct thread *me = thread_current();
    return live_call_is_off(live_tables_function(number)) && me->held_count == 0 && me->preempt_count == 0 && irqs_are_enabled()
        && me->live_guard == NULL;
}

LOCAL struct tty_port live_tables_port(void)
{
    return (struct tty_port){
        .name = "ktest", .write = FAULTY(PORT_WRITE, void (*)(const uint8_t *, size_t)), .room = FAULTY(PORT_ROOM, size_t (*)(void)),
        .pending = FAULTY(PORT_PENDING, size_t (*)(void)), .flush = FAULTY(PORT_FLUSH, void (*)(void)),
        .throttle = FAULTY(PORT_THROTTLE, void (*)(bool)) };
}

/* Fills the input until the ports are to keep it back. */
LOCAL void live_tables_fill_input(struct tty *tty, const struct tty_port *port)
{
    static const uint8_t bytes[128] = { 0 };
    irq_flags_t flags = spin_lock_irq(&tty->lock);
    tty->line.termios.c_lflag = 0;
    spin_unlock_irq(&tty->lock, flags);
    for (size_t done = 0; done < TTY_INPUT_SIZE && !tty->throttled; done += sizeof bytes)
        (void)tty_receive(port, bytes, sizeof bytes);
}

KTEST(live_tables, a_faulty_port_of_the_terminal_harms_no_other)
{
    static struct tty_port port;
    struct fs_context *fs = fs_context_create();
    struct file *file;
    live_tables_begin();
    port = live_tables_port();
    KTEST_ASSERT(fs != NULL);
    KTEST_EQUAL(tty_attach(&port), 0);
    KTEST_EQUAL(tty_attach(&port), -EEXIST);
    KTEST_EQUAL(vfs_open(fs, NULL, "/dev/console", O_RDWR | O_NOCTTY, 0, &file), 0);
    rescue_write("\r", 1); /* ends: a port that is switched off has room */
    KTEST_ASSERT(live_tables_was_ended(PORT_WRITE) && live_tables_was_ended(PORT_ROOM));
    KTEST_EQUAL(file->ops->ioctl(file, TCFLSH, TCOFLUSH), 0);
    KTEST_ASSERT(live_tables_was_ended(PORT_FLUSH));
    KTEST_EQUAL(file->ops->ioctl(file, TCSBRK, 1), 0);
    KTEST_ASSERT(live_tables_was_ended(PORT_PENDING));
    live_tables_fill_input(tty_from_file(file), &port);
    KTEST_ASSERT(live_tables_was_ended(PORT_THROTTLE));
    file_put(file);
    tty_reset();
    KTEST_EQUAL(tty_detach(&port), 0);
    KTEST_EQUAL(tty_detach(&port), -ENOENT);
    fs_context_put(fs);
    dentry_cache_shrink(0);
}

KTEST(live_tables, a_port_of_the_terminal_that_does_not_return_is_ended)
{
    static struct tty_port port;
    live_tables_begin();
    port = (struct tty_port){ .name = "ktest", .write = (void (*)(const uint8_t *, size_t))(uintptr_t)live_code_loop };
    KTEST_EQUAL(tty_attach(&port), 0);
    rescue_write("\r", 1);
    KTEST_ASSERT(live_call_is_off((uint64_t)(uintptr_t)live_code_loop) && irqs_are_enabled() && thread_current()->held_count == 0);
    rescue_write("\r", 1);
    KTEST_EQUAL(tty_detach(&port), 0);
}

KTEST(live_tables, faulty_operations_of_a_line_discipline)
{
    static const size_t size = 2 * LINE_MAX_CANONICAL;
    static struct line_ops ops;
    static struct line line;
    uint8_t buffer[8], *ring = kmalloc(size);
    uint64_t *delimiters = kmalloc(size / 8);
    bool ends;
    live_tables_begin();
    ops.emit = FAULTY(LINE_EMIT, void (*)(void *, const uint8_t *, size_t));
    ops.flush_output = FAULTY(LINE_FLUSH, void (*)(void *));
    KTEST_ASSERT(ring != NULL && delimiters != NULL);
    line_init(&line, ring, delimiters, size, &ops, NULL);
    KTEST_EQUAL(line_receive(&line, 'a'), LINE_EVENT_NONE); /* echoed */
    KTEST_ASSERT(live_tables_was_ended(LINE_EMIT));
    KTEST_EQUAL(line_receive(&line, 3), LINE_EVENT_INTERRUPT);
    KTEST_ASSERT(live_tables_was_ended(LINE_FLUSH));
    (void)line_receive(&line, 'b');
    KTEST_EQUAL(line_receive(&line, '\n'), LINE_EVENT_READABLE);
    KTEST_EQUAL(line_read(&line, buffer, sizeof buffer, &ends), 2);
    KTEST_ASSERT(memcmp(buffer, "b\n", 2) == 0);
    kfree(ring);
    kfree(delimiters);
}

/* Its fault is reported in the log, whose lock is held. */
KTEST(live_tables, a_faulty_sink_of_the_log)
{
    static struct log_sink sink;
    live_tables_begin();
    sink = (struct log_sink){ .name = "ktest", .write = FAULTY(LOG_WRITE, void (*)(const char *, size_t)) };
    KTEST_EQUAL(klog_add_sink(&sink), 0);
    KTEST_EQUAL(klog_add_sink(&sink), -EEXIST);
    klog(LOG_NOTICE, "ktest", "a line for a sink that faults");
    KTEST_ASSERT(live_tables_was_ended(LOG_WRITE));
    klog(LOG_NOTICE, "ktest", "a line for a sink that is switched off");
    KTEST_EQUAL(klog_remove_sink(&sink), 0);
    KTEST_EQUAL(klog_remove_sink(&sink), -ENOENT);
}

struct live_tables_text {
    size_t size;
    char text[256];
};

LOCAL void live_tables_print(void *context, const char *text, size_t length)
{
    struct live_tables_text *all = context;
    size_t count = MIN(length, sizeof all->text - 1 - all->size);
    memcpy(all->text + all->size, text, count);
    all->size += count;
    all->text[all->size] = '\0';
}

LOCAL bool live_tables_report_has(const char *name, const char *wanted)
{
    static struct live_tables_text all;
    const struct report_output output = { live_tables_print, &all };
    all.size = 0;
    report_find(name)->write(&output);
    return strstr(all.text, wanted) != NULL;
}

KTEST(live_tables, a_faulty_writer_of_a_report)
{
    static struct report_live_writers writers;
    live_tables_begin();
    writers.modules = FAULTY(REPORT_WRITE, void (*)(const struct report_output *));
    KTEST_EQUAL(report_set_live(&writers), 0);
    KTEST_ASSERT(live_tables_report_has("live", "switched off") && live_tables_was_ended(REPORT_WRITE));
    KTEST_ASSERT(live_tables_report_has("symbols", "address\tsize")); /* not set: still the system's */
    KTEST_EQUAL(report_set_live(NULL), 0);
    KTEST_ASSERT(live_tables_report_has("live", "module\tname"));
}

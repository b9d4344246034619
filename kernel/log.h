/*
 * The kernel's log: a ring of records with level, time and text, in kernel
 * memory that outlives a restart of the world; also printed on the consoles up
 * to the console level (boot option loglevel=N, default 4: warnings and worse).
 *
 *     klog(LOG_INFO, "mm", "%zu pages free", free);
 *
 * Context: any, NMI excepted. Never sleeps, takes only the log's own spinlock.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>
#include <lib/types.h>

/* Levels as in syslog(3). */
enum log_level {
    LOG_EMERGENCY = 0, LOG_ALERT = 1, LOG_CRITICAL = 2, LOG_ERROR = 3,
    LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7
};

void klog(enum log_level level, const char *module, const char *format, ...) PRINTF_LIKE(3, 4);
void vklog(enum log_level level, const char *module, const char *format, va_list arguments);

/* Copies the newest whole lines ("<6>[    0.123456] mm: text\n") that fit into
 * `size` bytes of `buffer`; returns the number of bytes. Reads do not consume. */
size_t klog_read(char *buffer, size_t size);

/* Bytes that klog_read() would return for an unlimited buffer. */
size_t klog_size(void);

/* Higher number: more is shown on the consoles. */
void klog_set_console_level(int level);

/*
 * Where log lines go besides the ring. `write` is called with the log's lock held and interrupts off, in
 * any context, may not sleep or log. A live one is called under a guard (live/call.h); the report of its fault is in the ring only.
 */
struct log_sink {
    const char *name;
    void (*write)(const char *text, size_t length);
    struct log_sink *next; /* the log's, and */
    uint64_t module;       /* the live module that it holds */
};
/* A live module in whose memory the sink lies is held until klog_remove_sink(). 0; -EEXIST; -EBUSY: the module is not loaded yet, or on its way
 * out. Context: boot and threads. */
MUST_CHECK int klog_add_sink(struct log_sink *sink);
/* `write` does not run any more when this returns. 0 or -ENOENT. Context: threads. */
MUST_CHECK int klog_remove_sink(struct log_sink *sink);

/*
 * A broken invariant: stops all CPUs, prints the text, registers and a
 * backtrace by name on serial line and screen, and ends QEMU with status 125
 * (isa-debug-exit) where that device exists, else halts.
 */
NORETURN void panic(const char *format, ...) PRINTF_LIKE(1, 2);

#define KASSERT(condition)                                                            \
    do {                                                                              \
        if (UNLIKELY(!(condition)))                                                   \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition);     \
    } while (0)

#endif

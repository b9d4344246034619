/*
 * The log ring. Lines are kept as text in the form that klog_read() gives, so
 * that reading is copying; the oldest bytes are overwritten.
 */
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/live.h>

#define LOG_RING_SIZE (128 * 1024)
#define LOG_LINE_SIZE 512

static struct spinlock log_lock = SPINLOCK_INIT("log", LOCK_RANK_LOG);
/* log_lock */
static char ring[LOG_RING_SIZE];
static uint64_t written; /* bytes ever; the ring holds the last LOG_RING_SIZE */
static struct log_sink *sinks;
static const struct thread *in_live_sink; /* who calls one: what it logs meanwhile goes no further than the ring */
static int console_level = LOG_WARNING;

void klog_set_console_level(int level) { console_level = level; }

LOCAL void log_append(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring[written++ % LOG_RING_SIZE] = text[i];
}

LOCAL void log_give_sink_locked(struct log_sink *sink, const char *text, size_t length)
{
    if (!live_call_is_needed((uint64_t)(uintptr_t)sink->write)) {
        sink->write(text, length);
        return;
    }
    in_live_sink = thread_current();
    LIVE_CALL(sink->write, 0, text, length);
    in_live_sink = NULL;
}

void vklog(enum log_level level, const char *module, const char *format, va_list arguments)
{
    char line[LOG_LINE_SIZE];
    nanos_t now = clock_monotonic();
    int head = ksnprintf(line, sizeof line, "<%d>[%5lld.%06lld] ", (int)level, (long long)(now / NANOS_PER_SECOND),
                         (long long)(now % NANOS_PER_SECOND / NANOS_PER_MICROSECOND));
    int length = head + ksnprintf(line + head, sizeof line - (size_t)head, "%s: ", module);
    length += kvsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (level != LOG_EMERGENCY && __atomic_load_n(&in_live_sink, __ATOMIC_RELAXED) == thread_current()) {
        log_append(line, (size_t)length); /* it has the lock */
        return;
    }
    irq_flags_t flags = spin_lock_irq(&log_lock);
    log_append(line, (size_t)length);
    if ((int)level <= console_level)
        for (struct log_sink *sink = sinks; sink != NULL; sink = sink->next)
            log_give_sink_locked(sink, line + 3, (size_t)length - 3); /* without "<n>" */
    spin_unlock_irq(&log_lock, flags);
}

void klog(enum log_level level, const char *module, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vklog(level, module, format, arguments);
    va_end(arguments);
}

/* The link that leads to the sink, or the one at the end of the list. */
LOCAL struct log_sink **log_find_link_locked(const struct log_sink *sink)
{
    struct log_sink **link = &sinks;
    while (*link != NULL && *link != sink)
        link = &(*link)->next;
    return link;
}

int klog_add_sink(struct log_sink *sink)
{
    uint64_t module;
    int error = live_module_get_owner(sink, &module);
    if (error != 0)
        return error;
    irq_flags_t flags = spin_lock_irq(&log_lock);
    if (*log_find_link_locked(sink) != NULL) {
        error = -EEXIST;
    } else {
        sink->module = module;
        sink->next = sinks;
        sinks = sink;
    }
    spin_unlock_irq(&log_lock, flags);
    if (error != 0)
        live_module_put(module);
    return error;
}

int klog_remove_sink(struct log_sink *sink)
{
    uint64_t module = 0;
    irq_flags_t flags = spin_lock_irq(&log_lock);
    struct log_sink **link = log_find_link_locked(sink);
    int error = *link == NULL ? -ENOENT : 0;
    if (error == 0) {
        *link = sink->next;
        module = sink->module;
    }
    spin_unlock_irq(&log_lock, flags);
    live_module_put(module);
    return error;
}

/* Where the oldest whole line among the last `size` bytes starts. log_lock held. */
LOCAL uint64_t log_first_line(uint64_t size)
{
    uint64_t start = written > size ? written - size : 0;
    if (start == 0)
        return 0;
    while (start < written && ring[(start - 1) % LOG_RING_SIZE] != '\n')
        start++;
    return start;
}

size_t klog_read(char *buffer, size_t size)
{
    irq_flags_t flags = spin_lock_irq(&log_lock);
    uint64_t start = log_first_line(MIN(size, LOG_RING_SIZE - 1));
    size_t count = 0;
    while (start < written)
        buffer[count++] = ring[start++ % LOG_RING_SIZE];
    spin_unlock_irq(&log_lock, flags);
    return count;
}

size_t klog_size(void)
{
    irq_flags_t flags = spin_lock_irq(&log_lock);
    size_t size = (size_t)(written - log_first_line(LOG_RING_SIZE - 1));
    spin_unlock_irq(&log_lock, flags);
    return size;
}

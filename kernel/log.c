/*
 * The log ring. Lines are kept as text in the form that klog_read() gives, so
 * that reading is copying; the oldest bytes are overwritten.
 */
#include <kernel/log.h>
#include <kernel/sched/lock.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#define LOG_RING_SIZE (128 * 1024)
#define LOG_LINE_SIZE 512

static struct spinlock log_lock = SPINLOCK_INIT("log", LOCK_RANK_LOG);
/* log_lock */
static char ring[LOG_RING_SIZE];
static uint64_t written; /* bytes ever; the ring holds the last LOG_RING_SIZE */
static struct log_sink *sinks;
static int console_level = LOG_WARNING;

void klog_set_console_level(int level) { console_level = level; }

LOCAL void log_append(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring[written++ % LOG_RING_SIZE] = text[i];
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
    irq_flags_t flags = spin_lock_irq(&log_lock);
    log_append(line, (size_t)length);
    if ((int)level <= console_level)
        for (struct log_sink *sink = sinks; sink != NULL; sink = sink->next)
            sink->write(line + 3, (size_t)length - 3); /* without "<n>" */
    spin_unlock_irq(&log_lock, flags);
}

void klog(enum log_level level, const char *module, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vklog(level, module, format, arguments);
    va_end(arguments);
}

void klog_add_sink(struct log_sink *sink)
{
    irq_flags_t flags = spin_lock_irq(&log_lock);
    sink->next = sinks;
    sinks = sink;
    spin_unlock_irq(&log_lock, flags);
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

/* C's library for live code: output, ends, numbers (live/libc.h); strings are in libc_string.c. */
#include <stdarg.h>

#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <kernel/export.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/proc/process.h>
#include <kernel/sched/thread.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/file.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/guard.h>
#include <live/libc.h>

#define CHUNK  256
#define STDOUT 1
#define VECTORS_AT 48 /* in the area of saved registers */

/* --- output ------------------------------------------------------------------------------ */

/* Collects a few bytes: one write each is dear. */
struct libc_writer {
    struct live_sink sink;
    int fd;
    struct file *file; /* NULL: to the log */
    size_t used;
    char chunk[CHUNK];
    bool failed;
};

LOCAL bool libc_may_sleep(void)
{
    const struct thread *me = thread_current();
    return me->process != NULL && me->preempt_count == 0 && me->held_count == 0 && this_cpu()->interrupt_depth == 0
        && irqs_are_enabled();
}

LOCAL void libc_write_file(struct libc_writer *writer)
{
    for (size_t done = 0; done < writer->used && !writer->failed;) {
        struct io io = io_from_kernel(writer->chunk + done, writer->used - done);
        isize_t written = file_write(writer->file, &io);
        writer->failed = written <= 0;
        done += written > 0 ? (size_t)written : 0;
    }
}

LOCAL void libc_write_out(struct libc_writer *writer)
{
    if (writer->file != NULL)
        libc_write_file(writer);
    else if (writer->used != 0)
        klog(LOG_INFO, "live", "%.*s", (int)(writer->used - (writer->chunk[writer->used - 1] == '\n')), writer->chunk);
    writer->used = 0;
}

LOCAL void libc_put(struct live_sink *sink, const char *text, size_t size)
{
    struct libc_writer *writer = container_of(sink, struct libc_writer, sink);
    while (size > 0) {
        size_t part = MIN(size, CHUNK - writer->used);
        memcpy(writer->chunk + writer->used, text, part);
        writer->used += part;
        text += part;
        size -= part;
        if (writer->used == CHUNK)
            libc_write_out(writer);
    }
}

LOCAL void libc_open(struct libc_writer *writer, int fd)
{
    writer->sink = (struct live_sink){ .put = libc_put };
    writer->fd = fd;
    writer->used = 0;
    writer->failed = false;
    writer->file = libc_may_sleep() ? file_table_get(process_current()->files, fd) : NULL;
}

LOCAL int libc_close(struct libc_writer *writer)
{
    libc_write_out(writer);
    if (writer->file != NULL)
        file_put(writer->file);
    return writer->failed ? -1 : (int)writer->sink.total;
}

int vdprintf(int fd, const char *format, struct live_arguments *arguments)
{
    struct libc_writer writer;
    libc_open(&writer, fd);
    live_format(&writer.sink, format, arguments);
    return libc_close(&writer);
}

int vprintf(const char *format, struct live_arguments *arguments) { return vdprintf(STDOUT, format, arguments); }

int puts(const char *text)
{
    struct libc_writer writer;
    libc_open(&writer, STDOUT);
    libc_put(&writer.sink, text, strlen(text));
    libc_put(&writer.sink, "\n", 1);
    return libc_close(&writer);
}

LOCAL int libc_write(int fd, const char *text, size_t size)
{
    struct libc_writer writer;
    libc_open(&writer, fd);
    libc_put(&writer.sink, text, size);
    return libc_close(&writer);
}

LOCAL int libc_write_byte(int fd, int character)
{
    char byte = (char)character;
    return libc_write(fd, &byte, 1) < 0 ? -1 : (int)(uint8_t)byte;
}

int putchar(int character) { return libc_write_byte(STDOUT, character); }

static struct live_stream streams[3] = { { 0 }, { 1 }, { 2 } };
struct live_stream *stdin = &streams[0], *stdout = &streams[1], *stderr = &streams[2];

int vfprintf(struct live_stream *stream, const char *format, struct live_arguments *arguments)
{
    return vdprintf(stream->fd, format, arguments);
}

int fputs(const char *text, struct live_stream *stream) { return libc_write(stream->fd, text, strlen(text)); }
int fputc(int character, struct live_stream *stream) { return libc_write_byte(stream->fd, character); }
int putc(int character, struct live_stream *stream) { return libc_write_byte(stream->fd, character); }

size_t fwrite(const void *items, size_t size, size_t count, struct live_stream *stream)
{
    size_t whole;
    if (__builtin_mul_overflow(size, count, &whole) || libc_write(stream->fd, items, whole) < 0)
        return 0;
    return count;
}

int fflush(struct live_stream *stream)
{
    (void)stream;
    return 0;
}

struct libc_buffer {
    struct live_sink sink;
    char *text;
    size_t size;
};

LOCAL void libc_put_buffer(struct live_sink *sink, const char *text, size_t size)
{
    struct libc_buffer *buffer = container_of(sink, struct libc_buffer, sink);
    if (sink->total + 1 < buffer->size)
        memcpy(buffer->text + sink->total, text, MIN(size, buffer->size - 1 - sink->total));
}

int vsnprintf(char *text, size_t size, const char *format, struct live_arguments *arguments)
{
    struct libc_buffer buffer = { .sink = { .put = libc_put_buffer }, .text = text, .size = size };
    live_format(&buffer.sink, format, arguments);
    if (size > 0)
        text[MIN(buffer.sink.total, size - 1)] = '\0';
    return (int)buffer.sink.total;
}

int vsprintf(char *text, const char *format, struct live_arguments *arguments)
{
    return vsnprintf(text, SIZE_MAX / 2, format, arguments);
}

/*
 * Arguments after the last named one, doubles too: va_start() knows the general registers and the stack; the vector registers are as the
 * caller left them, for nothing in the kernel's C changes them. First thing in a function.
 */
struct libc_arguments {
    struct live_arguments arguments;
    uint8_t saved[VECTORS_AT + 128];
};

LOCAL struct live_arguments *libc_collect(struct libc_arguments *collected, const struct live_arguments *list)
{
    if (!thread_current()->fpu_trap) /* else the caller has put nothing there */
        live_save_vectors(collected->saved + VECTORS_AT);
    memcpy(collected->saved, list->saved, VECTORS_AT);
    collected->arguments = *list;
    collected->arguments.vector_offset = VECTORS_AT;
    collected->arguments.saved = collected->saved;
    return &collected->arguments;
}

/* A va_list is what struct live_arguments says, by the ABI. */
#define VARIADIC(last, call)                                                                         \
    va_list list;                                                                                    \
    va_start(list, last);                                                                            \
    struct libc_arguments collected;                                                                 \
    struct live_arguments *arguments = libc_collect(&collected, (const struct live_arguments *)list); \
    int result = (call);                                                                             \
    va_end(list);                                                                                    \
    return result

STATIC_ASSERT(sizeof(va_list) == sizeof(struct live_arguments), "the ABI's");

int printf(const char *format, ...) { VARIADIC(format, vprintf(format, arguments)); }
int sprintf(char *buffer, const char *format, ...) { VARIADIC(format, vsprintf(buffer, format, arguments)); }
int snprintf(char *buffer, size_t size, const char *format, ...) { VARIADIC(format, vsnprintf(buffer, size, format, arguments)); }
int dprintf(int fd, const char *format, ...) { VARIADIC(format, vdprintf(fd, format, arguments)); }

int fprintf(struct live_stream *stream, const char *format, ...) { VARIADIC(format, vdprintf(stream->fd, format, arguments)); }

/* --- ends -------------------------------------------------------------------------------- */

void exit(int status)
{
    live_fault_raise(LIVE_FAULT_EXIT, (uint64_t)(int64_t)status, "");
    panic("live code without a guard: exit(%d)", status);
}

void _exit(int status) { exit(status); }

void abort(void)
{
    live_fault_raise(LIVE_FAULT_ABORT, (uint64_t)(uintptr_t)__builtin_return_address(0), "");
    panic("live code without a guard: abort()");
}

void __assert_fail(const char *condition, const char *file, unsigned line, const char *function)
{
    char text[LIVE_FAULT_TEXT];
    ksnprintf(text, sizeof text, "%s:%u: %s: assertion \"%s\" failed", file, line, function != NULL ? function : "?", condition);
    live_fault_raise(LIVE_FAULT_ABORT, (uint64_t)(uintptr_t)__builtin_return_address(0), text);
    panic("live code without a guard: %s", text);
}

/* --- numbers ------------------------------------------------------------------------------ */

int abs(int value) { return value < 0 ? (int)-(unsigned)value : value; }
long labs(long value) { return value < 0 ? (long)-(unsigned long)value : value; }
long long llabs(long long value) { return value < 0 ? (long long)-(unsigned long long)value : value; }

LOCAL int libc_digit(char character)
{
    return character >= '0' && character <= '9'   ? character - '0'
         : character >= 'a' && character <= 'z' ? character - 'a' + 10
         : character >= 'A' && character <= 'Z' ? character - 'A' + 10
                                                : 36;
}

/* The magnitude, saturated; *negative its sign. */
LOCAL uint64_t libc_parse(const char *text, char **end, int base, bool *negative)
{
    const char *at = text, *after = text;
    while (*at == ' ' || (*at >= '\t' && *at <= '\r'))
        at++;
    *negative = *at == '-';
    at += *at == '-' || *at == '+';
    if ((base == 0 || base == 16) && at[0] == '0' && (at[1] | 32) == 'x' && libc_digit(at[2]) < 16) {
        base = 16;
        at += 2;
    } else if (base == 0) {
        base = *at == '0' ? 8 : 10;
    }
    uint64_t value = 0;
    for (; libc_digit(*at) < base; after = ++at)
        if (__builtin_mul_overflow(value, (uint64_t)base, &value)
            || __builtin_add_overflow(value, (uint64_t)libc_digit(*at), &value))
            value = UINT64_MAX;
    if (end != NULL)
        *end = (char *)(uintptr_t)after;
    return value;
}

long long strtoll(const char *text, char **end, int base)
{
    bool negative;
    uint64_t value = libc_parse(text, end, base, &negative);
    if (negative)
        return value > (uint64_t)INT64_MAX ? INT64_MIN : -(int64_t)value;
    return value > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)value;
}

unsigned long long strtoull(const char *text, char **end, int base)
{
    bool negative;
    uint64_t value = libc_parse(text, end, base, &negative);
    return negative ? -value : value;
}

long strtol(const char *text, char **end, int base) { return strtoll(text, end, base); }
unsigned long strtoul(const char *text, char **end, int base) { return strtoull(text, end, base); }
int atoi(const char *text) { return (int)strtoll(text, NULL, 10); }
long atol(const char *text) { return strtoll(text, NULL, 10); }
long long atoll(const char *text) { return strtoll(text, NULL, 10); }

static volatile uint64_t libc_seed = 1;

void srand(unsigned seed) { libc_seed = seed; }

/* Knuth's MMIX generator; the upper bits. */
int rand(void)
{
    uint64_t next = libc_seed * 6364136223846793005u + 1442695040888963407u;
    libc_seed = next;
    return (int)(next >> 33);
}

EXPORT(printf, ANY);
EXPORT(vprintf, ANY);
EXPORT(sprintf, ANY);
EXPORT(vsprintf, ANY);
EXPORT(snprintf, ANY);
EXPORT(vsnprintf, ANY);
EXPORT(dprintf, ANY);
EXPORT(vdprintf, ANY);
EXPORT(fprintf, ANY);
EXPORT(vfprintf, ANY);
EXPORT(fputs, ANY);
EXPORT(fputc, ANY);
EXPORT(putc, ANY);
EXPORT(fwrite, ANY);
EXPORT(fflush, ANY);
EXPORT(puts, ANY);
EXPORT(putchar, ANY);
EXPORT(exit, ANY);
EXPORT(_exit, ANY);
EXPORT(abort, ANY);
EXPORT(__assert_fail, ANY);
EXPORT(abs, ANY);
EXPORT(labs, ANY);
EXPORT(llabs, ANY);
EXPORT(atoi, ANY);
EXPORT(atol, ANY);
EXPORT(atoll, ANY);
EXPORT(strtol, ANY);
EXPORT(strtoul, ANY);
EXPORT(strtoll, ANY);
EXPORT(strtoull, ANY);
EXPORT(rand, ANY);
EXPORT(srand, ANY);

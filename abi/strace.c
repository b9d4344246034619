/*
 * strace: shows the system calls of programs and of the world, decoded by the generated table. HELP has the options.
 *
 * /dev/trace (kernel/proc/trace.h) gives records, abi/trace.h their layout. A call's line is printed when it
 * has returned. Status: the command's, 128 + signal; 1: it cannot be traced; 2: the options are wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "polyglot_syscall.h"
#include "polyglot_table.h"
#include "trace.h"

static const char HELP[] =
    "usage: strace [OPTION]... COMMAND [ARGUMENT]...    show the system calls that a command makes\n"
    "       strace [OPTION]... -p PID                   those of a process that runs, until it ends or Ctrl-C\n"
    "\n"
    "  -f             also of the processes that it makes\n"
    "  -c             only count calls, errors and time\n"
    "  -e trace=A,B   only these calls; -e trace=!A,B: all but these\n"
    "  -o FILE        write to FILE, not to standard error\n"
    "  -p PID         1 is Python, in ring 0; may be given several times\n"
    "  -s SIZE        show so many bytes of strings (32; at most 256 are kept)\n"
    "  -t, -T         the time since the first record before each line; time spent in each call behind it\n"
    "  --except TID   not the calls of this thread\n"
    "  --fields       for programs: pid, tid, name of the call, result, seconds and line, separated by tabs\n"
    "  --help         this\n"
    "\n"
    "Programs wait when strace is slower than they are; Python does not, and strace says how many records were lost.\n"
    "Only root may trace; a process has at most one tracer.\n";

enum { MOST_THREADS = 512, MOST_CALLS = 512, LINE = 16384, BATCH = 64 };

/* A call that has begun. */
struct call { int32_t thread; int used; struct trace_record enter; };
/* Of one call, for -c. */
struct sum { uint64_t calls, errors, time; };

static struct call calls[MOST_THREADS];
static struct sum sums[MOST_CALLS];
static char wanted[MOST_CALLS];
static int with_follow, with_count, with_time, with_duration, with_fields;
static size_t string_size = 32;
static FILE *output;
static int trace_fd;
static uint64_t first_time;
static volatile sig_atomic_t interrupted;

static void fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "strace: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(status);
}

/* ---- text of one line ---- */

static char text[LINE];
static size_t length;

static void put(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text + length, sizeof text - length, format, arguments);
    va_end(arguments);
    length = length + (size_t)count < sizeof text ? length + (size_t)count : sizeof text - 1;
}

static void put_bytes(const uint8_t *bytes, size_t size, int is_cut)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    if (size > string_size) {
        size = string_size;
        is_cut = 1;
    }
    put("\"");
    for (size_t i = 0; i < size; i++)
        if (bytes[i] == '"' || bytes[i] == '\\')
            put("\\%c", bytes[i]);
        else if (bytes[i] >= ' ' && bytes[i] < 127)
            put("%c", bytes[i]);
        else if (bytes[i] >= 7 && bytes[i] <= 13)
            put("\\%c", letters[bytes[i] - 7]);
        else if (i + 1 < size && bytes[i + 1] >= '0' && bytes[i + 1] <= '9')
            put("\\%03o", bytes[i]);
        else
            put("\\%o", bytes[i]);
    put(is_cut ? "\"..." : "\"");
}

/* ---- values by the table ---- */

static const struct polyglot_row *find_row(uint32_t number)
{
    for (size_t i = 0; i < sizeof polyglot_rows / sizeof *polyglot_rows; i++)
        if (polyglot_rows[i].number == (int)number)
            return &polyglot_rows[i];
    return NULL;
}

static const struct polyglot_struct *find_struct(const char *name)
{
    for (size_t i = 0; i < sizeof polyglot_structs / sizeof *polyglot_structs; i++)
        if (!strcmp(polyglot_structs[i].name, name))
            return &polyglot_structs[i];
    return NULL;
}

static const struct polyglot_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof polyglot_types / sizeof *polyglot_types; i++)
        if (!strcmp(polyglot_types[i].name, name))
            return &polyglot_types[i];
    return NULL;
}

static uint64_t load(const uint8_t *from, size_t size, int is_signed)
{
    uint64_t value = 0;
    memcpy(&value, from, size);
    unsigned unused = 64 - 8 * (unsigned)size;
    return is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

static const char *signal_name(uint64_t number)
{
    for (size_t i = 0; i < sizeof polyglot_constants / sizeof *polyglot_constants; i++)
        if (!strncmp(polyglot_constants[i].name, "SIG", 3) && polyglot_constants[i].name[3] != '_'
            && polyglot_constants[i].value == number && number > 2)
            return polyglot_constants[i].name;
    return number == 1 ? "SIGHUP" : number == 2 ? "SIGINT" : NULL;
}

static void put_set(const struct polyglot_set *set, uint64_t value)
{
    uint64_t rest = value & set->mask;
    int count = 0;
    for (int i = 0; i < set->count; i++) {
        uint64_t bits = set->constants[i].value;
        int fits = set->is_enum ? bits == rest : bits == 0 ? value == 0 : (rest & bits) == bits;
        if (!fits)
            continue;
        put("%s%s", count++ > 0 ? "|" : "", set->constants[i].name);
        rest = set->is_enum ? 0 : rest & ~bits;
        if (rest == 0)
            break;
    }
    rest |= value & ~set->mask;
    if (count == 0 || rest != 0)
        put(count > 0 ? "|%#llx" : "%#llx", (unsigned long long)rest);
}

/* An access mode of 0 is O_RDONLY, though it has no bit. */
static void put_open_flags(const struct polyglot_set *set, uint64_t value)
{
    if ((value & 3) != 0) {
        put((value & 3) == 1 ? "O_WRONLY" : (value & 3) == 2 ? "O_RDWR" : "O_ACCMODE");
    } else {
        put("O_RDONLY");
    }
    if ((value & ~(uint64_t)3) != 0) {
        put("|");
        put_set(set, value & ~(uint64_t)3);
    }
}

static void put_scalar(const struct polyglot_argument *argument, uint64_t value)
{
    const struct polyglot_type *type = NULL;
    static const char *const names[] = { "fd", "dirfd", "int", "pid", "signal", "clock", "uint", "uid", "flags", "mode",
                                         "size", "ulong", "flags64", "address", "any", "long", "offset" };
    if (argument->kind < sizeof names / sizeof *names)
        type = find_type(names[argument->kind]);
    if (type != NULL)
        value = load((const uint8_t *)&value, type->size, type->is_signed);
    if (argument->set != NULL) {
        if (!strcmp(argument->set->constants[0].name, "O_ACCMODE"))
            put_open_flags(argument->set, value);
        else
            put_set(argument->set, value);
    } else if (argument->kind == KIND_DIRFD && (int32_t)value == -100) {
        put("AT_FDCWD");
    } else if (argument->kind == KIND_SIGNAL && signal_name(value) != NULL) {
        put("%s", signal_name(value));
    } else if (argument->kind == KIND_MODE) {
        put("%#llo", (unsigned long long)value);
    } else if (argument->kind == KIND_ADDRESS || argument->kind >= KIND_PATH) {
        put(value != 0 ? "0x%llx" : "NULL", (unsigned long long)value);
    } else if (argument->kind == KIND_FLAGS || argument->kind == KIND_FLAGS64 || argument->kind == KIND_ANY) {
        put(value != 0 ? "0x%llx" : "0", (unsigned long long)value);
    } else {
        put(type != NULL && type->is_signed ? "%lld" : "%llu", (long long)value);
    }
}

static void put_value(const char *type, const uint8_t *data);

static void put_field(const struct polyglot_field *field, const uint8_t *data)
{
    put("%s=", field->name);
    data += field->offset;
    if (!strcmp(field->type, "char")) {
        put_bytes(data, strnlen((const char *)data, field->count), 0);
        return;
    }
    if (field->count == 0) {
        if (strstr(field->name, "mode") != NULL)
            put("%#llo", (unsigned long long)load(data, field->size, 0));
        else
            put_value(field->type, data);
        return;
    }
    put("[");
    for (int i = 0; i < field->count; i++) {
        put(i > 0 ? ", " : "");
        put_value(field->type, data + i * field->size);
    }
    put("]");
}

static void put_value(const char *name, const uint8_t *data)
{
    const struct polyglot_struct *structure = find_struct(name);
    const struct polyglot_type *type = find_type(name);
    if (structure != NULL) {
        put("{");
        for (int i = 0; i < structure->count; i++) {
            put(i > 0 ? ", " : "");
            put_field(&structure->fields[i], data);
        }
        put("}");
        return;
    }
    uint64_t value = load(data, type->size, type->is_signed);
    if (!strcmp(name, "ptr") || !strcmp(name, "address"))
        put(value != 0 ? "0x%llx" : "NULL", (unsigned long long)value);
    else
        put(type->is_signed ? "%lld" : "%llu", (long long)value);
}

/* ---- what arguments point to ---- */

/* The bytes of a chunk. NULL: the record has none of this argument and kind (0: any but content). */
static const uint8_t *find_chunk(const struct trace_record *record, unsigned argument, int kind, struct trace_chunk *chunk)
{
    for (size_t at = 0; record != NULL && at + sizeof *chunk <= record->data_size; at += sizeof *chunk + chunk->size) {
        memcpy(chunk, record->data + at, sizeof *chunk);
        if (chunk->argument == argument && (kind == 0 ? chunk->kind != TRACE_CONTENT : chunk->kind == kind))
            return record->data + at + sizeof *chunk;
    }
    return NULL;
}

static void put_strings(const uint8_t *data, const struct trace_chunk *chunk, uint64_t address)
{
    if (chunk->size == 0 && chunk->whole > 0) {
        put("0x%llx /* %u vars */", (unsigned long long)address, chunk->whole);
        return;
    }
    unsigned count = 0;
    put("[");
    for (size_t at = 0; at < chunk->size; at += strlen((const char *)data + at) + 1)
        put(count++ > 0 ? ", " : ""), put_bytes(data + at, strlen((const char *)data + at), 0);
    put(count < chunk->whole ? ", ...]" : "]");
}

/* struct iovec with what the buffers hold. */
static void put_vectors(const uint8_t *data, const struct trace_chunk *chunk, const uint8_t *content,
                        const struct trace_chunk *content_chunk)
{
    size_t done = 0, kept = content != NULL ? content_chunk->size : 0, moved = content != NULL ? content_chunk->whole : 0;
    put("[");
    for (size_t at = 0; at + 16 <= chunk->size; at += 16) {
        uint64_t base = load(data + at, 8, 0), size = load(data + at + 8, 8, 0);
        uint64_t here = size < moved - done ? size : moved - done;
        put("%s{iov_base=", at > 0 ? ", " : "");
        if (content != NULL && (here == 0 || done < kept))
            put_bytes(content + done, here < kept - done ? here : kept - done, here > kept - done);
        else
            put(base != 0 ? "0x%llx" : "NULL", (unsigned long long)base);
        put(", iov_len=%llu}", (unsigned long long)size);
        done += here < kept - done ? here : kept - done;
    }
    put("]");
}

static void put_argument(const struct polyglot_argument *argument, unsigned index, const struct trace_record *enter,
                         const struct trace_record *exit)
{
    struct trace_chunk chunk, content_chunk;
    const uint8_t *data = find_chunk(exit, index, 0, &chunk);
    if (data == NULL)
        data = find_chunk(enter, index, 0, &chunk);
    if (data == NULL) {
        put_scalar(argument, enter->arguments[index]);
    } else if (chunk.kind == TRACE_STRINGS) {
        put_strings(data, &chunk, enter->arguments[index]);
    } else if (chunk.kind == TRACE_STRING || !strcmp(argument->pointed, "bytes")) {
        size_t own = string_size; /* a path is shown in full */
        string_size = argument->kind == KIND_PATH ? sizeof enter->data : own;
        put_bytes(data, chunk.size, chunk.whole > chunk.size);
        string_size = own;
    } else if (!strcmp(argument->pointed, "iovec")) {
        const uint8_t *content = find_chunk(exit, index, TRACE_CONTENT, &content_chunk);
        put_vectors(data, &chunk, content, &content_chunk);
    } else {
        size_t element = argument->element > 0 ? argument->element : 1;
        int is_array = !argument->in_bytes && (argument->count_kind != COUNT_ONE || find_struct(argument->pointed) == NULL);
        put(is_array ? "[" : "");
        for (size_t at = 0; at + element <= chunk.size; at += element) {
            put(at > 0 ? ", " : "");
            put_value(argument->pointed, data + at);
        }
        if (chunk.size < element)
            put_bytes(data, chunk.size, 0); /* an address of a socket, shorter than the structure */
        put(is_array ? chunk.whole > chunk.size ? ", ...]" : "]" : "");
    }
}

static int is_error(int64_t result)
{
    return result < 0 && result > -4096;
}

static void put_call(const struct polyglot_row *row, const struct trace_record *enter, const struct trace_record *exit)
{
    if (row == NULL) {
        put("syscall_%u(", enter->number);
    } else {
        put("%s(", row->name);
    }
    int count = row == NULL || row->count < 0 ? 6 : row->count;
    /* The mode is no argument unless a file may be made. */
    if (row != NULL && (row->number == SYS_open || row->number == SYS_openat)
        && !(enter->arguments[count - 2] & (O_CREAT | 020000000)))
        count--;
    for (int i = 0; i < count; i++) {
        put(i > 0 ? ", " : "");
        if (row != NULL && row->count >= 0)
            put_argument(&row->arguments[i], (unsigned)i, enter, exit);
        else
            put("0x%llx", (unsigned long long)enter->arguments[i]);
    }
    put(")");
}

static void put_result(const struct polyglot_row *row, int64_t result)
{
    const char *name = is_error(result) ? polyglot_error_name(-result) : NULL;
    if (name != NULL)
        put(" = -1 %s (%s)", name, strerror((int)-result));
    else if (is_error(result))
        put(" = -1 error %lld", (long long)-result);
    else if (row != NULL && row->kind == KIND_ADDRESS)
        put(" = 0x%llx", (unsigned long long)result);
    else
        put(" = %lld", (long long)result);
}

/* ---- records ---- */

static struct call *find_call(int32_t thread, int make)
{
    struct call *unused = NULL;
    for (int i = 0; i < MOST_THREADS; i++)
        if (calls[i].used && calls[i].thread == thread)
            return &calls[i];
        else if (!calls[i].used)
            unused = &calls[i];
    if (!make || unused == NULL)
        return NULL;
    unused->used = 1;
    unused->thread = thread;
    return unused;
}

static int is_wanted(uint32_t number)
{
    return number >= MOST_CALLS || wanted[number];
}

/* Prints `text` as a line of its own: "pid name..." where there may be several processes. */
static void print_line(const struct trace_record *record)
{
    if (with_follow && !with_fields)
        fprintf(output, "[pid %d] ", record->thread);
    if (with_time && !with_fields)
        fprintf(output, "%llu.%06llu ", (unsigned long long)((record->time - first_time) / 1000000000),
                (unsigned long long)((record->time - first_time) / 1000 % 1000000));
    fprintf(output, "%s\n", text);
    length = 0;
    text[0] = '\0';
}

/* The fields before a line, for programs. */
static void put_fields(const struct trace_record *record, const char *name, const char *result)
{
    if (with_fields)
        put("%d\t%d\t%s\t%s\t%llu.%09llu\t", record->process, record->thread, name, result,
            (unsigned long long)(record->time / 1000000000), (unsigned long long)(record->time % 1000000000));
}

static void show_call(const struct trace_record *enter, const struct trace_record *exit)
{
    const struct polyglot_row *row = find_row(enter->number);
    if (!is_wanted(enter->number))
        return;
    if (with_count) {
        struct sum *sum = &sums[enter->number < MOST_CALLS ? enter->number : MOST_CALLS - 1];
        sum->calls++;
        sum->errors += exit != NULL && is_error(exit->result);
        sum->time += exit != NULL ? exit->time - enter->time : 0;
        return;
    }
    char result[32] = "";
    if (exit != NULL)
        snprintf(result, sizeof result, "%lld", (long long)exit->result);
    put_fields(exit != NULL ? exit : enter, row != NULL ? row->name : "", result);
    put_call(row, enter, exit);
    if (exit != NULL)
        put_result(row, exit->result);
    else
        put(" = ?");
    if (with_duration && exit != NULL)
        put(" <%llu.%06llu>", (unsigned long long)((exit->time - enter->time) / 1000000000),
            (unsigned long long)((exit->time - enter->time) / 1000 % 1000000));
    print_line(enter);
}

static void show_signal(const struct trace_record *record)
{
    const char *name = signal_name(record->number);
    put_fields(record, "signal", "");
    put("--- ");
    if (name != NULL)
        put("%s", name);
    else
        put("SIGRT_%u", record->number - 32);
    put(" {si_code=%d, si_pid=%d} ---", (int32_t)record->arguments[0], (int32_t)record->arguments[1]);
    print_line(record);
}

static void show_end(const struct trace_record *record)
{
    int status = (int)record->result;
    put_fields(record, "end", "");
    if (WIFEXITED(status))
        put("+++ exited with %d +++", WEXITSTATUS(status));
    else
        put("+++ killed by %s +++", signal_name(WTERMSIG(status)) != NULL ? signal_name(WTERMSIG(status)) : "a signal");
    print_line(record);
}

/* A call that has not returned: its thread is at its end, or goes on elsewhere. */
static void end_call(struct call *call)
{
    if (call == NULL)
        return;
    call->used = 0;
    show_call(&call->enter, NULL);
}

static void end_calls_of(int32_t process)
{
    for (int i = 0; i < MOST_THREADS; i++)
        if (calls[i].used && (process == 0 || calls[i].enter.process == process))
            end_call(&calls[i]);
}

static void take(const struct trace_record *record)
{
    struct call *call;
    if (first_time == 0)
        first_time = record->time;
    if (record->lost > 0) {
        put_fields(record, "lost", "");
        put("... %llu records are lost ...", (unsigned long long)record->lost);
        print_line(record);
    }
    switch (record->kind) {
    case TRACE_ENTER:
        end_call(find_call(record->thread, 0));
        call = find_call(record->thread, 1);
        if (call != NULL)
            call->enter = *record;
        break;
    case TRACE_EXIT:
        call = find_call(record->thread, 0);
        if (call != NULL && call->enter.number == record->number) {
            call->used = 0;
            show_call(&call->enter, record);
        }
        break;
    case TRACE_SIGNAL:
        if (!with_count)
            show_signal(record);
        break;
    case TRACE_END:
        end_calls_of(record->process);
        if (!with_count)
            show_end(record);
        break;
    default:
        break;
    }
}

static int by_time(const void *left, const void *right)
{
    const struct sum *a = &sums[*(const int *)left], *b = &sums[*(const int *)right];
    return a->time != b->time ? a->time < b->time ? 1 : -1 : a->calls < b->calls ? 1 : a->calls > b->calls ? -1 : 0;
}

static void print_counts(void)
{
    int order[MOST_CALLS], count = 0;
    struct sum total = { 0, 0, 0 };
    for (int i = 0; i < MOST_CALLS; i++) {
        if (sums[i].calls == 0)
            continue;
        order[count++] = i;
        total.calls += sums[i].calls;
        total.errors += sums[i].errors;
        total.time += sums[i].time;
    }
    qsort(order, (size_t)count, sizeof *order, by_time);
    fprintf(output, "%% time     seconds  usecs/call     calls    errors syscall\n"
                    "------ ----------- ----------- --------- --------- ----------------\n");
    for (int i = 0; i <= count; i++) {
        const struct polyglot_row *row = i < count ? find_row((uint32_t)order[i]) : NULL;
        const struct sum *sum = i < count ? &sums[order[i]] : &total;
        char errors[24] = "";
        if (sum->errors > 0)
            snprintf(errors, sizeof errors, "%llu", (unsigned long long)sum->errors);
        if (i == count)
            fprintf(output, "------ ----------- ----------- --------- --------- ----------------\n");
        fprintf(output, "%6.2f %11.6f %11llu %9llu %9s %s\n", total.time > 0 ? 100.0 * (double)sum->time / (double)total.time : 0,
                (double)sum->time / 1e9, (unsigned long long)(sum->calls > 0 ? sum->time / 1000 / sum->calls : 0),
                (unsigned long long)sum->calls, errors, i == count ? "total" : row != NULL ? row->name : "?");
    }
}

/* ---- sessions ---- */

static void tell(const char *format, int number)
{
    char line[32];
    int size = snprintf(line, sizeof line, format, number);
    if (write(trace_fd, line, (size_t)size) < 0)
        fail(1, "%s: %s", line, strerror(errno));
}

/* Until everything traced has ended, or a signal comes. `command`: its calls before execve(2) are ours. */
static void follow_records(int32_t command)
{
    static struct trace_record records[BATCH];
    int begun = command == 0;
    while (!interrupted) {
        ssize_t size = read(trace_fd, records, sizeof records);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            break;
        for (size_t i = 0; i < (size_t)size / sizeof *records; i++) {
            const struct trace_record *record = &records[i];
            begun |= record->kind == TRACE_END || (record->kind == TRACE_ENTER && record->number == SYS_execve);
            if (begun)
                take(record);
        }
        if (!with_count)
            fflush(output);
    }
    end_calls_of(0);
}

/* "trace=A,B": which calls are shown. */
static void choose(const char *expression)
{
    char names[1024], *rest = names, *name;
    if (!strncmp(expression, "trace=", 6))
        expression += 6;
    int is_not = *expression == '!';
    if (strlen(expression) >= sizeof names)
        fail(2, "too many names");
    strcpy(names, expression + is_not);
    memset(wanted, is_not, sizeof wanted);
    while ((name = strsep(&rest, ",")) != NULL) {
        size_t found = 0;
        for (size_t i = 0; i < sizeof polyglot_rows / sizeof *polyglot_rows; i++)
            if (!strcmp(polyglot_rows[i].name, name))
                wanted[polyglot_rows[i].number] = !is_not, found++;
        if (found == 0)
            fail(2, "no call is named '%s'", name);
    }
}

/* Where the program of this name lies. */
static const char *find_program(const char *name)
{
    static char path[4096];
    const char *places = getenv("PATH") != NULL ? getenv("PATH") : "/bin:/usr/bin";
    if (strchr(name, '/') != NULL)
        return name;
    for (size_t size; *places != '\0'; places += size + (places[size] == ':')) {
        size = strcspn(places, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)size, places, name);
        if (access(path, X_OK) == 0)
            return path;
    }
    fail(1, "%s: not found", name);
    return NULL;
}

/* The command, which begins once it is traced. */
static pid_t start(char **words)
{
    const char *program = find_program(words[0]);
    int go[2];
    char byte = 0;
    if (pipe2(go, O_CLOEXEC) != 0)
        fail(1, "pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        fail(1, "fork: %s", strerror(errno));
    if (child == 0) {
        close(go[1]);
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        execv(program, words);
        fprintf(stderr, "strace: %s: %s\n", program, strerror(errno));
        _exit(1);
    }
    tell("trace %d", child);
    close(go[0]);
    if (write(go[1], &byte, 1) != 1)
        fail(1, "the command has ended");
    close(go[1]);
    return child;
}

static void on_signal(int signal)
{
    interrupted = signal;
}

static int number_of(const char *word)
{
    char *end = NULL;
    long value = word != NULL ? strtol(word, &end, 10) : 0;
    if (word == NULL || *end != '\0' || value <= 0 || value > INT32_MAX)
        fail(2, "'%s' is no number; strace --help", word != NULL ? word : "");
    return (int)value;
}

int main(int count, char **words)
{
    int pids[64], pid_count = 0, except = 0;
    output = stderr;
    memset(wanted, 1, sizeof wanted);
    for (words++, count--; count > 0 && words[0][0] == '-'; words++, count--) {
        const char *option = words[0], *value = words[1];
        if (!strcmp(option, "--help"))
            return fputs(HELP, stdout) < 0;
        else if (!strcmp(option, "-f"))
            with_follow = 1;
        else if (!strcmp(option, "-c"))
            with_count = 1;
        else if (!strcmp(option, "-t"))
            with_time = 1;
        else if (!strcmp(option, "-T"))
            with_duration = 1;
        else if (!strcmp(option, "--fields"))
            with_fields = 1;
        else if (value == NULL)
            fail(2, "what is '%s'? strace --help", option);
        else {
            words++, count--;
            if (!strcmp(option, "-e"))
                choose(value);
            else if (!strcmp(option, "-s"))
                string_size = (size_t)number_of(value);
            else if (!strcmp(option, "-p") && pid_count < 64)
                pids[pid_count++] = number_of(value);
            else if (!strcmp(option, "--except"))
                except = number_of(value);
            else if (!strcmp(option, "-o")) {
                output = fopen(value, "we");
                if (output == NULL)
                    fail(1, "%s: %s", value, strerror(errno));
            } else
                fail(2, "what is '%s'? strace --help", option);
        }
    }
    if ((count == 0) == (pid_count == 0)) {
        fputs(HELP, stderr);
        return 2;
    }
    trace_fd = open("/dev/trace", O_RDWR | O_CLOEXEC);
    if (trace_fd < 0)
        fail(1, "/dev/trace: %s", strerror(errno));
    if (with_follow)
        tell("follow", 0);
    if (except > 0)
        tell("except %d", except);
    for (int i = 0; i < pid_count; i++) {
        tell("trace %d", pids[i]);
        fprintf(stderr, "strace: Process %d attached\n", pids[i]);
    }
    /* Ctrl-C is for the command; without one it ends the tracing. */
    struct sigaction action = { .sa_handler = pid_count > 0 ? on_signal : SIG_IGN };
    pid_t child = count > 0 ? start(words) : 0;
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    follow_records(child);
    close(trace_fd);
    if (with_count)
        print_counts();
    fclose(output);
    int status = 0;
    if (child == 0 || interrupted || waitpid(child, &status, 0) != child)
        return 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What a record of a system call holds. See trace.h. Memory that cannot be read leaves no chunk. */
#include <abi/errno.h>
#include <abi/structs.h>
#include <abi/syscalls.h>
#include <kernel/proc/trace.h>
#include <kernel/syscall/trace.h>
#include <kernel/syscall/usercopy.h>
#include <lib/string.h>

#define DATA_MOST    400  /* bytes kept of a structure or several */
#define BYTES_MOST   256  /* of a buffer */
#define STRINGS_MOST 4096 /* strings counted */
#define VECTORS_MOST 16   /* buffers of a vector whose contents are kept */

/* A chunk is written behind the others, and counts once trace_close_chunk() is called. */
LOCAL uint8_t *trace_open_chunk(struct trace_record *record, size_t *room)
{
    size_t used = record->data_size + sizeof(struct trace_chunk);
    if (used >= sizeof record->data)
        return NULL;
    *room = sizeof record->data - used;
    return record->data + used;
}

LOCAL void trace_close_chunk(struct trace_record *record, unsigned argument, enum trace_chunk_kind kind, size_t size,
                             uint64_t whole)
{
    struct trace_chunk chunk = { (uint8_t)argument, (uint8_t)kind, (uint16_t)size, (uint32_t)MIN(whole, UINT32_MAX) };
    memcpy(record->data + record->data_size, &chunk, sizeof chunk);
    record->data_size = (uint16_t)(record->data_size + sizeof chunk + size);
}

LOCAL void trace_add_data(struct trace_record *record, unsigned argument, struct user_ptr from, uint64_t size,
                          size_t most)
{
    size_t room;
    uint8_t *place = trace_open_chunk(record, &room);
    if (place == NULL)
        return;
    size_t kept = MIN(size, MIN(room, most));
    if (copy_from_user(place, from, kept) == 0)
        trace_close_chunk(record, argument, TRACE_DATA, kept, size);
}

LOCAL void trace_add_string(struct trace_record *record, unsigned argument, struct user_ptr from)
{
    size_t room;
    uint8_t *place = trace_open_chunk(record, &room);
    if (place == NULL)
        return;
    size_t most = MIN(room, (size_t)BYTES_MOST);
    isize_t length = copy_string_from_user((char *)place, from, most);
    if (length >= 0)
        trace_close_chunk(record, argument, TRACE_STRING, (size_t)length, (uint64_t)length);
    else if (length == -ENAMETOOLONG)
        trace_close_chunk(record, argument, TRACE_STRING, most, most + 1);
}

/* The strings of a vector, or just their number. */
LOCAL void trace_add_strings(struct trace_record *record, unsigned argument, struct user_ptr from, bool keep)
{
    size_t room, size = 0;
    uint8_t *place = trace_open_chunk(record, &room);
    uint64_t count = 0, string;
    if (place == NULL)
        return;
    room = MIN(room, (size_t)DATA_MOST);
    for (; count < STRINGS_MOST; count++) {
        if (get_user_u64(&string, user_ptr_offset(from, count * sizeof string)) != 0)
            return;
        if (string == 0)
            break;
        isize_t length = -1;
        if (keep && size < room)
            length = copy_string_from_user((char *)place + size, user_ptr_from(string), room - size);
        keep = length >= 0;
        if (keep)
            size += (size_t)length + 1;
    }
    trace_close_chunk(record, argument, TRACE_STRINGS, size, count);
}

/* What a vector of buffers has given or got: `size` bytes. */
LOCAL void trace_add_content(struct trace_record *record, unsigned argument, struct user_ptr from, uint64_t count,
                             uint64_t size)
{
    size_t room, done = 0;
    uint8_t *place = trace_open_chunk(record, &room);
    if (place == NULL)
        return;
    room = MIN(MIN(room, size), (size_t)BYTES_MOST);
    for (uint64_t i = 0; i < MIN(count, (uint64_t)VECTORS_MOST) && done < room; i++) {
        struct abi_iovec vector;
        if (copy_from_user(&vector, user_ptr_offset(from, i * sizeof vector), sizeof vector) != 0)
            return;
        size_t piece = MIN(vector.iov_len, room - done);
        if (copy_from_user(place + done, vector.iov_base, piece) != 0)
            return;
        done += piece;
    }
    trace_close_chunk(record, argument, TRACE_CONTENT, done, size);
}

/* How many elements the argument points to. */
LOCAL uint64_t trace_count(const struct syscall_entry *entry, const struct syscall_argument *argument,
                           const uint64_t *arguments)
{
    if (argument->count_kind == SYSCALL_COUNT_NUMBER)
        return argument->count;
    uint64_t value = arguments[argument->count];
    uint32_t pointed = 0;
    if (argument->count_kind == SYSCALL_COUNT_POINTED)
        return get_user_u32(&pointed, user_ptr_from(value)) == 0 ? pointed : 0;
    bool is_int = entry->arguments[argument->count].value == SYSCALL_VALUE_INT;
    bool is_narrow = is_int || entry->arguments[argument->count].value == SYSCALL_VALUE_UINT;
    return is_int && (int32_t)value < 0 ? 0 : is_narrow ? (uint32_t)value : value;
}

/* What argument `index` points to; `result` is the number of bytes that a buffer got. */
LOCAL void trace_add_pointed(struct trace_record *record, const struct syscall_entry *entry, unsigned index,
                             const uint64_t *arguments, uint64_t result)
{
    const struct syscall_argument *argument = &entry->arguments[index];
    struct user_ptr from = user_ptr_from(arguments[index]);
    if (argument->pointed == SYSCALL_POINTED_STRINGS) {
        trace_add_strings(record, index, from, index == 0 || entry->arguments[index - 1].pointed != SYSCALL_POINTED_STRINGS);
        return;
    }
    uint64_t count = trace_count(entry, argument, arguments);
    if (count > UINT32_MAX)
        return;
    uint64_t size = argument->in_bytes ? count : count * argument->element;
    bool is_buffer = argument->pointed == SYSCALL_POINTED_BYTES;
    trace_add_data(record, index, from, is_buffer ? MIN(size, result) : size, is_buffer ? BYTES_MOST : DATA_MOST);
}

LOCAL const struct syscall_entry *trace_prepare(struct trace_record *record, enum trace_kind kind, uint64_t number,
                                                const uint64_t *arguments)
{
    memset(record, 0, offsetof(struct trace_record, data));
    record->kind = (uint16_t)kind;
    record->number = (uint32_t)MIN(number, UINT32_MAX);
    memcpy(record->arguments, arguments, sizeof record->arguments);
    return number < SYSCALL_COUNT ? &syscall_table[number] : NULL;
}

void syscall_trace_enter(uint64_t number, const uint64_t arguments[6])
{
    struct trace_record record;
    const struct syscall_entry *entry = trace_prepare(&record, TRACE_ENTER, number, arguments);
    for (unsigned i = 0; entry != NULL && entry->arguments != NULL && i < entry->count; i++) {
        uint8_t value = entry->arguments[i].value;
        if (arguments[i] == 0)
            continue;
        if (value == SYSCALL_VALUE_PATH || value == SYSCALL_VALUE_STRING)
            trace_add_string(&record, i, user_ptr_from(arguments[i]));
        else if (value == SYSCALL_VALUE_IN || value == SYSCALL_VALUE_INOUT)
            trace_add_pointed(&record, entry, i, arguments, UINT64_MAX);
    }
    trace_push(&record);
}

void syscall_trace_exit(uint64_t number, const uint64_t arguments[6], int64_t result)
{
    struct trace_record record;
    const struct syscall_entry *entry = trace_prepare(&record, TRACE_EXIT, number, arguments);
    record.result = result;
    bool has_data = entry != NULL && entry->arguments != NULL && !result_is_error(result);
    for (unsigned i = 0; has_data && i < entry->count; i++) {
        const struct syscall_argument *argument = &entry->arguments[i];
        uint64_t moved = entry->result == SYSCALL_VALUE_SIZE ? (uint64_t)result : UINT64_MAX;
        if (arguments[i] == 0)
            continue;
        if (argument->pointed == SYSCALL_POINTED_VECTORS && entry->result == SYSCALL_VALUE_SIZE && result > 0)
            trace_add_content(&record, i, user_ptr_from(arguments[i]), trace_count(entry, argument, arguments), moved);
        else if (argument->value == SYSCALL_VALUE_OUT || argument->value == SYSCALL_VALUE_INOUT)
            trace_add_pointed(&record, entry, i, arguments, moved);
    }
    trace_push(&record);
}

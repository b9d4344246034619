/*
 * live_control(): the one table of the operations that the world asks the live layer for (control.h), and those on
 * modules and names. Structures and texts are copied in and out by usercopy; nothing is locked meanwhile.
 */
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/syscall/usercopy_primitives.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/control.h>
#include <live/control_parts.h>
#include <live/guard.h>
#include <live/linker.h>
#include <live/patch.h>

#define CONTROL_MAX_OBJECT (256ull << 20)
#define CONTROL_MAX_NAMES  (1ull << 20)
#define CONTROL_MAX_ARGUMENT 1024
#define CONTROL_MESSAGE_SIZE (16 * 1024)
#define CONTROL_PEEK_CHUNK 1024

/* --- texts of the caller -------------------------------------------------------------------------------- */

/* A copy with a NUL behind it; *copy is live_allocate(size + 1)'s. */
LOCAL int control_copy_bytes(struct live_text text, uint64_t limit, uint8_t **copy)
{
    *copy = NULL;
    if (text.size > limit)
        return -E2BIG;
    uint8_t *bytes = live_allocate(text.size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    if (copy_from_user(bytes, user_ptr_from(text.address), text.size) != 0) {
        live_release(bytes, text.size + 1);
        return -EFAULT;
    }
    *copy = bytes;
    return 0;
}

LOCAL void control_free_bytes(uint8_t *copy, uint64_t size)
{
    if (copy != NULL)
        live_release(copy, size + 1);
}

int live_control_copy_name(struct live_text text, char name[LIVE_NAME_SIZE])
{
    if (text.size >= LIVE_NAME_SIZE)
        return -ENAMETOOLONG;
    name[text.size] = 0;
    return copy_from_user(name, user_ptr_from(text.address), text.size);
}

/* Cut off where the caller's buffer ends, with its NUL. */
int live_control_say(struct live_text to, struct message *message)
{
    message_finish(message);
    if (to.size == 0)
        return 0;
    size_t length = MIN(strlen(message->text), to.size - 1);
    message->text[length] = 0;
    return copy_to_user(user_ptr_from(to.address), message->text, length + 1);
}

/* --- modules -------------------------------------------------------------------------------------------- */

struct control_load {
    struct live_load load;
    uint8_t *object, *archive, *sse;
    char name[LIVE_NAME_SIZE], bind_file[LIVE_NAME_SIZE], only[LIVE_NAME_SIZE];
};

LOCAL int control_load_copy(struct control_load *load, const struct live_load_request *request)
{
    int error = live_control_copy_name(request->name, load->name);
    if (error == 0)
        error = live_control_copy_name(request->bind_file, load->bind_file);
    if (error == 0)
        error = live_control_copy_name(request->only, load->only);
    if (error == 0)
        error = control_copy_bytes(request->object, CONTROL_MAX_OBJECT, &load->object);
    if (error == 0)
        error = control_copy_bytes(request->archive, CONTROL_MAX_OBJECT, &load->archive);
    if (error == 0)
        error = control_copy_bytes(request->sse, CONTROL_MAX_NAMES, &load->sse);
    load->load = (struct live_load){
        .object = load->object, .object_size = request->object.size,
        .archive = load->archive, .archive_size = request->archive.size,
        .name = load->name, .bind_file = load->bind_file, .only = load->only,
        .sse = (const char *)load->sse, .sse_size = request->sse.size,
        .flags = request->flags, .language = request->language,
    };
    return error;
}

LOCAL int64_t control_load(void *argument)
{
    struct live_load_request *request = argument;
    struct message message;
    struct control_load *load = kzalloc(sizeof *load);
    char *text = kmalloc(CONTROL_MESSAGE_SIZE);
    int64_t error = -ENOMEM;
    if (load == NULL || text == NULL)
        goto out;
    message_init(&message, text, CONTROL_MESSAGE_SIZE);
    error = control_load_copy(load, request);
    if (error != 0)
        goto out;
    error = live_load(&load->load, &message);
    request->module = load->load.module;
    request->only_address = load->load.only_address;
    if (live_control_say(request->message, &message) != 0 && error == 0)
        error = -EFAULT;
out:
    if (load != NULL) {
        control_free_bytes(load->object, request->object.size);
        control_free_bytes(load->archive, request->archive.size);
        control_free_bytes(load->sse, request->sse.size);
    }
    kfree(text);
    kfree(load);
    return error;
}

LOCAL int64_t control_unload(void *argument)
{
    const struct live_unload_request *request = argument;
    struct message message;
    char *text = kmalloc(CONTROL_MESSAGE_SIZE);
    if (text == NULL)
        return -ENOMEM;
    message_init(&message, text, CONTROL_MESSAGE_SIZE);
    int64_t error = request->force == LIVE_UNLOAD_ASK ? live_unload_ask(request->module, &message)
                                                      : live_unload(request->module, request->force != 0, &message);
    if (live_control_say(request->message, &message) != 0 && error == 0)
        error = -EFAULT;
    kfree(text);
    return error;
}

/* --- names ---------------------------------------------------------------------------------------------- */

/* What is so at the moment. */
LOCAL void control_add_flags(struct live_symbol_info *info)
{
    if (info->kind != LIVE_SYMBOL_FUNCTION)
        return;
    if (info->origin == LIVE_ORIGIN_KERNEL && live_patch_is_replaced(info->address))
        info->flags |= LIVE_FLAG_PATCHED;
    if (info->origin == LIVE_ORIGIN_LIVE && live_call_is_off(info->address))
        info->flags |= LIVE_FLAG_OFF;
}

LOCAL int64_t control_lookup(void *argument)
{
    struct live_lookup_request *request = argument;
    char name[LIVE_NAME_SIZE];
    int error = live_control_copy_name(request->name, name);
    error = error != 0 ? error : live_lookup(name, &request->info);
    control_add_flags(&request->info);
    return error;
}

LOCAL int64_t control_address(void *argument)
{
    struct live_lookup_request *request = argument;
    int error = live_lookup_address(request->info.address, &request->info);
    control_add_flags(&request->info);
    return error;
}

LOCAL int64_t control_list(void *argument)
{
    struct live_list_request *request = argument;
    char prefix[LIVE_NAME_SIZE];
    int error = live_control_copy_name(request->prefix, prefix);
    size_t room = MIN(request->buffer.size / sizeof(struct live_symbol_info), 256);
    if (error != 0 || room == 0)
        return error != 0 ? error : -EINVAL;
    struct live_symbol_info *rows = live_allocate(room * sizeof *rows);
    if (rows == NULL)
        return -ENOMEM;
    request->count = live_list(prefix, request->origins, &request->cursor, rows, room);
    for (uint64_t i = 0; i < request->count; i++)
        control_add_flags(&rows[i]);
    error = copy_to_user(user_ptr_from(request->buffer.address), rows, request->count * sizeof *rows);
    live_release(rows, room * sizeof *rows);
    return error;
}

LOCAL int control_world_export(const struct live_world_export *row, bool remove)
{
    char name[LIVE_NAME_SIZE];
    isize_t length = copy_string_from_user(name, user_ptr_from(row->name), sizeof name);
    if (length <= 0)
        return length < 0 ? (int)length : -EINVAL;
    return live_world_define(name, row->kind, remove ? 0 : row->address);
}

LOCAL int64_t control_world_exports(void *argument)
{
    const struct live_world_exports_request *request = argument;
    struct live_world_export row;
    int error = request->exports.size % sizeof row != 0 ? -EINVAL : 0;
    for (uint64_t at = 0; at < request->exports.size && error == 0; at += sizeof row) {
        error = copy_from_user(&row, user_ptr_from(request->exports.address + at), sizeof row);
        if (error == 0)
            error = control_world_export(&row, request->remove != 0);
    }
    return error;
}

/* --- memory --------------------------------------------------------------------------------------------- */

LOCAL int control_peek_chunk(uint64_t address, struct user_ptr buffer, size_t size, bool write)
{
    uint8_t bytes[CONTROL_PEEK_CHUNK];
    void *memory = (void *)(uintptr_t)address;
    if (!write)
        return usercopy_bytes(bytes, memory, size) != 0 ? -EFAULT : copy_to_user(buffer, bytes, size);
    int error = copy_from_user(bytes, buffer, size);
    return error != 0 ? error : usercopy_bytes(memory, bytes, size) != 0 ? -EFAULT : 0;
}

LOCAL int64_t control_peek(void *argument)
{
    const struct live_peek_request *request = argument;
    uint64_t address = request->address, size = request->buffer.size;
    /* Only ring 0's half: what lies below belongs to whichever program runs. */
    if (size != 0 && ((int64_t)address >= 0 || address + (size - 1) < address))
        return -EFAULT;
    int error = 0;
    for (uint64_t done = 0; done < size && error == 0;) {
        size_t count = MIN(size - done, CONTROL_PEEK_CHUNK);
        error = control_peek_chunk(address + done, user_ptr_from(request->buffer.address + done), count, request->write != 0);
        done += count;
    }
    return error;
}

/* --- of the guard --------------------------------------------------------------------------------------- */

LOCAL int64_t control_prepare(void *argument) { return (void)argument, live_prepare_thread(); }
LOCAL int64_t control_take_fault(void *argument) { return live_take_fault(argument); }
LOCAL int64_t control_stop(void *argument) { return live_stop_thread(((const struct live_stop_request *)argument)->thread); }

/* --- of replacements ------------------------------------------------------------------------------------ */

#define CONTROL_REASON_SIZE 256

LOCAL int64_t control_answer(struct live_text to, const char *reason, int error)
{
    char text[CONTROL_REASON_SIZE];
    struct message message;
    message_init(&message, text, sizeof text);
    message_add(&message, "%s", reason);
    return live_control_say(to, &message) != 0 && error == 0 ? -EFAULT : error;
}

LOCAL struct live_replacement control_replacement(const struct live_replace_request *request, const char *name)
{
    return (struct live_replacement){
        .name = name, .target = request->target, .module = request->module, .trial = (nanos_t)request->trial,
        .failure_value = request->failure_value, .stack_bytes = request->stack_bytes, .flags = request->flags };
}

LOCAL int64_t control_replace(void *argument)
{
    const struct live_replace_request *request = argument;
    char name[LIVE_NAME_SIZE], reason[CONTROL_REASON_SIZE] = "";
    int error = live_control_copy_name(request->name, name);
    if (error != 0)
        return error;
    const struct live_replacement replacement = control_replacement(request, name);
    error = live_replace(&replacement, reason, sizeof reason);
    return control_answer(request->message, reason, error);
}

struct control_set_row {
    struct live_replace_request request;
    char name[LIVE_NAME_SIZE];
};

/* Copies what the caller gave to rows and replacements. */
LOCAL int control_copy_set(const struct live_replace_set_request *request, struct control_set_row *rows,
                           struct live_replacement *replacements, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct live_replace_request *row = &rows[i].request;
        int error = copy_from_user(row, user_ptr_from(request->replacements.address + i * sizeof *row), sizeof *row);
        error = error != 0 ? error : live_control_copy_name(row->name, rows[i].name);
        if (error != 0)
            return error;
        replacements[i] = control_replacement(row, rows[i].name);
    }
    return 0;
}

LOCAL int64_t control_replace_set(void *argument)
{
    const struct live_replace_set_request *request = argument;
    uint64_t count = request->replacements.size / sizeof(struct live_replace_request);
    char reason[CONTROL_REASON_SIZE] = "";
    if (count == 0 || count > LIVE_REPLACE_SET_MAX || request->replacements.size % sizeof(struct live_replace_request) != 0)
        return -EINVAL;
    struct control_set_row *rows = live_allocate(count * sizeof *rows);
    struct live_replacement *replacements = live_allocate(count * sizeof *replacements);
    int error = rows == NULL || replacements == NULL ? -ENOMEM : control_copy_set(request, rows, replacements, (uint32_t)count);
    if (error == 0)
        error = live_replace_set(replacements, (uint32_t)count, reason, sizeof reason);
    live_release(replacements, count * sizeof *replacements);
    live_release(rows, count * sizeof *rows);
    return control_answer(request->message, reason, error);
}

LOCAL int64_t control_restore(void *argument)
{
    const struct live_restore_request *request = argument;
    char name[LIVE_NAME_SIZE], reason[CONTROL_REASON_SIZE] = "";
    int error = live_control_copy_name(request->name, name);
    if (error != 0)
        return error;
    error = live_restore(name, reason, sizeof reason);
    return control_answer(request->message, reason, error);
}

/* --- the table ------------------------------------------------------------------------------------------ */

struct live_operation_row {
    uint32_t number;                  /* enum live_operation */
    uint32_t size;                    /* of the argument */
    int64_t (*run)(void *argument);   /* on a copy of it, which is copied back whatever the result */
};

static const struct live_operation_row live_operations[] = {
    { LIVE_LOAD, sizeof(struct live_load_request), control_load },
    { LIVE_UNLOAD, sizeof(struct live_unload_request), control_unload },
    { LIVE_LOOKUP, sizeof(struct live_lookup_request), control_lookup },
    { LIVE_LIST, sizeof(struct live_list_request), control_list },
    { LIVE_PREPARE, 0, control_prepare },
    { LIVE_TAKE_FAULT, sizeof(struct live_fault), control_take_fault },
    { LIVE_PEEK, sizeof(struct live_peek_request), control_peek },
    { LIVE_WORLD_EXPORTS, sizeof(struct live_world_exports_request), control_world_exports },
    { LIVE_REPLACE, sizeof(struct live_replace_request), control_replace },
    { LIVE_REPLACE_SET, sizeof(struct live_replace_set_request), control_replace_set },
    { LIVE_RESTORE, sizeof(struct live_restore_request), control_restore },
    { LIVE_ADDRESS, sizeof(struct live_lookup_request), control_address },
    { LIVE_STOP, sizeof(struct live_stop_request), control_stop },
};

/* What the caller gave beyond what this kernel knows must be zero. */
LOCAL int control_check_rest(uint64_t argument, uint64_t from, uint64_t size)
{
    for (uint64_t at = from; at < size; at++) {
        uint8_t byte;
        if (copy_from_user(&byte, user_ptr_from(argument + at), 1) != 0)
            return -EFAULT;
        if (byte != 0)
            return -E2BIG;
    }
    return 0;
}

LOCAL int64_t control_run(const struct live_operation_row *row, uint64_t argument, uint64_t size)
{
    uint64_t copied = MIN(size, row->size);
    if (size > CONTROL_MAX_ARGUMENT)
        return -E2BIG;
    uint8_t *copy = kzalloc(MAX(row->size, 1));
    if (copy == NULL)
        return -ENOMEM;
    int64_t result = copy_from_user(copy, user_ptr_from(argument), copied);
    if (result == 0)
        result = control_check_rest(argument, copied, size);
    if (result == 0) {
        result = row->run(copy);
        if (copy_to_user(user_ptr_from(argument), copy, copied) != 0 && result >= 0)
            result = -EFAULT;
    }
    kfree(copy);
    return result;
}

int64_t live_control(uint32_t operation, uint64_t argument, uint64_t size)
{
    for (size_t i = 0; i < ARRAY_COUNT(live_operations); i++)
        if (live_operations[i].number == operation)
            return control_run(&live_operations[i], argument, size);
    return -ENOSYS;
}

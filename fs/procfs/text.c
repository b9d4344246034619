/* See text.h. */
#include <fs/procfs/text.h>

#include <kernel/mm/slab.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TEXT_FIRST_CAPACITY 1024

void text_init(struct text *text)
{
    memset(text, 0, sizeof(*text));
}

void text_free(struct text *text)
{
    kfree(text->data);
    text_init(text);
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
}

/* Room for `more` bytes and a NUL. */
LOCAL bool text_reserve(struct text *text, size_t more)
{
    if (text->failed)
        return false;
    if (text->length + more < text->capacity)
        return true;
    size_t capacity = MAX(text->capacity * 2, TEXT_FIRST_CAPACITY);
    while (capacity <= text->length + more)
        capacity *= 2;
    char *data = kmalloc(capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    if (text->length > 0)
        memcpy(data, text->data, text->length);
    kfree(text->data);
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_append(struct text *text, const void *bytes, size_t length)
{
    if (text_reserve(text, length)) {
        memcpy(text->data + text->length, bytes, length);
        text->length += length;
    }
}

void text_print(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = kvsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0 && text_reserve(text, (size_t)length))
        text->length += (size_t)kvsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    va_end(again);
}

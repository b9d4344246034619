/*
 * A text that grows while it is printed to.
 *
 *     struct text text; text_init(&text);
 *     text_print(&text, "MemTotal: %8llu kB\n", ...);
 *     if (text.failed) -ENOMEM; else use text.data, text.length
 *     text_free(&text);
 *
 * Running out of memory is remembered and checked once at the end.
 */
#ifndef FS_PROCFS_TEXT_H
#define FS_PROCFS_TEXT_H

#include <lib/types.h>

struct text {
    char *data;
    size_t length, capacity;
    bool failed;
};

void text_init(struct text *text);
void text_free(struct text *text);
void text_clear(struct text *text); /* empty, memory kept */
void text_print(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_append(struct text *text, const void *bytes, size_t length);

#endif

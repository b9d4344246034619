/*
 * Text for people that grows by lines: what went wrong with a load, or what it did.
 * When it is full the rest is counted, not lost silently.
 */
#ifndef LIVE_MESSAGE_H
#define LIVE_MESSAGE_H

#include <lib/types.h>

struct message {
    char *text;       /* always ends with NUL */
    size_t size;
    size_t length;
    uint32_t omitted; /* lines that found no room */
};

void message_init(struct message *message, char *buffer, size_t size);
/* Appends a line, without its newline in `format`; all of it or none. */
void message_add(struct message *message, const char *format, ...) PRINTF_LIKE(2, 3);
/* Forgets what was said. */
void message_clear(struct message *message);
/* The last line: how many were left out. Once, at the end. */
void message_finish(struct message *message);

#endif

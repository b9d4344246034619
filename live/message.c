/* Messages of the live linker: message.h. */
#include <lib/printf.h>
#include <lib/string.h>
#include <live/message.h>

#define MESSAGE_RESERVE 40 /* for "... and N more lines" */

void message_init(struct message *message, char *buffer, size_t size)
{
    *message = (struct message){ .text = buffer, .size = size };
    buffer[0] = 0;
}

void message_clear(struct message *message) { message_init(message, message->text, message->size); }

void message_add(struct message *message, const char *format, ...)
{
    size_t room = message->size - message->length;
    if (room <= MESSAGE_RESERVE) {
        message->omitted++;
        return;
    }
    room -= MESSAGE_RESERVE;
    va_list arguments;
    va_start(arguments, format);
    int length = kvsnprintf(message->text + message->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length + 1 >= room) {
        message->text[message->length] = 0;
        message->omitted++;
        return;
    }
    message->length += (size_t)length;
    message->text[message->length++] = '\n';
    message->text[message->length] = 0;
}

void message_finish(struct message *message)
{
    if (message->omitted != 0)
        ksnprintf(message->text + message->length, message->size - message->length, "... and %u more lines\n", message->omitted);
}

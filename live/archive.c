/* ar archives, GNU and BSD names (ar(5)): object.h. */
#include <abi/errno.h>
#include <lib/string.h>
#include <live/object.h>

#define ARCHIVE_MAGIC      "!<arch>\n"
#define ARCHIVE_THIN_MAGIC "!<thin>\n"
#define ARCHIVE_MAGIC_SIZE 8

struct archive_header {
    char name[16], date[12], owner[6], group[6], mode[8], size[10], end[2];
};
STATIC_ASSERT(sizeof(struct archive_header) == 60, "ar(5)");

bool archive_is(const uint8_t *data, size_t size)
{
    return size >= ARCHIVE_MAGIC_SIZE
           && (memcmp(data, ARCHIVE_MAGIC, ARCHIVE_MAGIC_SIZE) == 0 || memcmp(data, ARCHIVE_THIN_MAGIC, ARCHIVE_MAGIC_SIZE) == 0);
}

LOCAL int archive_refuse(struct message *message, const char *reason)
{
    message_add(message, "%s", reason);
    return -ENOEXEC;
}

/* Decimal digits with blanks after them. */
LOCAL bool archive_read_number(const char *text, size_t length, uint64_t *value)
{
    size_t digits = 0;
    *value = 0;
    for (; digits < length && text[digits] >= '0' && text[digits] <= '9'; digits++)
        *value = *value * 10 + (uint64_t)(text[digits] - '0');
    for (size_t i = digits; i < length; i++)
        if (text[i] != ' ')
            return false;
    return digits > 0 && digits <= 15;
}

int archive_open(struct archive *archive, const uint8_t *data, size_t size, struct message *message)
{
    *archive = (struct archive){ .data = data, .size = size, .next = ARCHIVE_MAGIC_SIZE };
    if (memcmp(data, ARCHIVE_THIN_MAGIC, ARCHIVE_MAGIC_SIZE) == 0)
        return archive_refuse(message, "a thin archive holds no objects: make it without ar's T");
    return 0;
}

/* "name/", "/123" into the table of long names, "#1/20" before the data. */
LOCAL bool archive_find_name(const struct archive *archive, const char *text, struct archive_member *member)
{
    uint64_t number;
    if (text[0] == '/' && archive_read_number(text + 1, 15, &number)) {
        if (number >= archive->long_names_size)
            return false;
        member->name = archive->long_names + number;
        size_t length = 0, limit = archive->long_names_size - number;
        while (length < limit && member->name[length] != '/' && member->name[length] != '\n')
            length++;
        member->name_length = length;
        return true;
    }
    if (memcmp(text, "#1/", 3) == 0 && archive_read_number(text + 3, 13, &number)) {
        if (number > member->size)
            return false;
        member->name = (const char *)member->data;
        member->name_length = strnlen(member->name, number);
        member->data += number;
        member->size -= number;
        return true;
    }
    member->name = text;
    for (member->name_length = 0; member->name_length < 16 && text[member->name_length] != '/'; member->name_length++)
        ;
    return true;
}

int archive_next(struct archive *archive, struct archive_member *member, struct message *message)
{
    while (archive->next < archive->size) {
        struct archive_header header;
        uint64_t size;
        if (archive->size - archive->next < sizeof header)
            return archive_refuse(message, "damaged archive: a member's header is cut off");
        const char *name = (const char *)archive->data + archive->next;
        memcpy(&header, name, sizeof header);
        size_t start = archive->next + sizeof header;
        if (memcmp(header.end, "`\n", 2) != 0 || !archive_read_number(header.size, sizeof header.size, &size)
            || size > archive->size - start)
            return archive_refuse(message, "damaged archive: a member's size");
        archive->next = start + size + (size & 1);
        *member = (struct archive_member){ .data = archive->data + start, .size = size };
        if (memcmp(name, "// ", 3) == 0) {
            archive->long_names = (const char *)member->data;
            archive->long_names_size = size;
            continue;
        }
        if (memcmp(name, "/ ", 2) == 0 || memcmp(name, "/SYM64/", 7) == 0)
            continue;
        if (!archive_find_name(archive, name, member))
            return archive_refuse(message, "damaged archive: a member's name");
        if (member->name_length >= 9 && memcmp(member->name, "__.SYMDEF", 9) == 0)
            continue;
        return 1;
    }
    return 0;
}

/*
 * cpio newc: a header of 6 + 13 * 8 characters (magic "070701", then hexadecimal
 * fields), the name, the data; name and data are padded to 4 bytes. See cpio(5).
 */
#include <lib/cpio.h>

#include <abi/errno.h>
#include <lib/string.h>

#define CPIO_HEADER_SIZE 110
#define CPIO_FIELDS      13
#define CPIO_ALIGNMENT   4

enum cpio_field {
    CPIO_INODE, CPIO_MODE, CPIO_UID, CPIO_GID, CPIO_LINKS, CPIO_MODIFY_TIME, CPIO_FILE_SIZE, CPIO_MAJOR, CPIO_MINOR,
    CPIO_DEVICE_MAJOR, CPIO_DEVICE_MINOR, CPIO_NAME_SIZE, CPIO_CHECKSUM
};

void cpio_open(struct cpio_reader *reader, const void *data, size_t size)
{
    reader->data = data;
    reader->size = size;
    reader->offset = 0;
}

LOCAL bool cpio_parse_field(const uint8_t *text, uint32_t *value)
{
    uint32_t result = 0;
    for (int i = 0; i < 8; i++) {
        uint8_t c = text[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10U;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10U;
        else
            return false;
        result = result << 4 | digit;
    }
    *value = result;
    return true;
}

int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry)
{
    uint32_t fields[CPIO_FIELDS];
    size_t left = reader->size - reader->offset;
    const uint8_t *header = reader->data + reader->offset;
    if (left < CPIO_HEADER_SIZE || memcmp(header, "070701", 6) != 0)
        return -EINVAL;
    for (int i = 0; i < CPIO_FIELDS; i++)
        if (!cpio_parse_field(header + 6 + 8 * i, &fields[i]))
            return -EINVAL;

    /* All sums below stay far from overflow: fields have 32 bits, offsets 64. */
    uint64_t name_size = fields[CPIO_NAME_SIZE];
    uint64_t data_offset = ALIGN_UP(reader->offset + CPIO_HEADER_SIZE + name_size, CPIO_ALIGNMENT);
    uint64_t data_end = data_offset + fields[CPIO_FILE_SIZE];
    if (name_size < 2 || CPIO_HEADER_SIZE + name_size > left || header[CPIO_HEADER_SIZE + name_size - 1] != 0)
        return -EINVAL;
    if (fields[CPIO_FILE_SIZE] != 0 && data_end > reader->size)
        return -EINVAL;

    memset(entry, 0, sizeof(*entry));
    entry->name = (const char *)header + CPIO_HEADER_SIZE;
    entry->name_length = strlen(entry->name); /* ends inside: the last byte is NUL */
    if (entry->name_length == 0)
        return -EINVAL;
    if (strcmp(entry->name, "TRAILER!!!") == 0)
        return 0;
    entry->data = reader->data + MIN(data_offset, reader->size);
    entry->size = fields[CPIO_FILE_SIZE];
    entry->inode = fields[CPIO_INODE];
    entry->mode = fields[CPIO_MODE];
    entry->uid = fields[CPIO_UID];
    entry->gid = fields[CPIO_GID];
    entry->links = fields[CPIO_LINKS];
    entry->modify_time = fields[CPIO_MODIFY_TIME];
    entry->device_major = fields[CPIO_DEVICE_MAJOR];
    entry->device_minor = fields[CPIO_DEVICE_MINOR];
    reader->offset = (size_t)MIN(ALIGN_UP(data_end, CPIO_ALIGNMENT), reader->size);
    return 1;
}

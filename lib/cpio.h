/*
 * Reader of cpio archives, format "newc" (cpio(5); Linux initramfs). Works in
 * place, copies nothing, and believes nothing: any bytes may be given to it.
 *
 *     struct cpio_reader reader; struct cpio_entry entry; int result;
 *     cpio_open(&reader, data, size);
 *     while ((result = cpio_next(&reader, &entry)) > 0) { ... }
 *     // 0: the trailer was reached; < 0: damaged at reader.offset
 *
 * A name may be padded with NULs behind its end so that the data starts at a
 * page boundary; readers of the format stop at the first NUL.
 *
 * Left out: the formats odc and crc, several archives in a row.
 */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include <lib/types.h>

struct cpio_reader {
    const uint8_t *data;
    size_t size;
    size_t offset; /* of the next header */
};

struct cpio_entry {
    const char *name; /* NUL terminated, not empty, in the archive */
    size_t name_length;
    const uint8_t *data;
    uint64_t size;    /* bytes of data */
    uint32_t inode, mode, uid, gid, links, modify_time, device_major, device_minor;
};

void cpio_open(struct cpio_reader *reader, const void *data, size_t size);

/* 1: *entry is filled; 0: end; -EINVAL: not a header, or it points outside of the archive. */
MUST_CHECK int cpio_next(struct cpio_reader *reader, struct cpio_entry *entry);

#endif

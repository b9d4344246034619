/*
 * Byte-range locks (fcntl(2): F_SETLK and F_OFD_SETLK). The owner of a POSIX lock
 * is a process (its descriptor table), that of an OFD lock an open file.
 */
#ifndef KERNEL_VFS_RECORD_LOCK_H
#define KERNEL_VFS_RECORD_LOCK_H

#include <kernel/vfs/inode.h>

enum record_lock_type { RECORD_UNLOCKED, RECORD_SHARED, RECORD_EXCLUSIVE };

struct record_range {
    enum record_lock_type type;
    uint64_t first, last; /* bytes, both included */
    const void *owner;
    int32_t pid;          /* for F_GETLK; -1: an open file's */
};

/* Sets or clears what the range says for its owner. -EAGAIN: another's lock conflicts and `wait` is false; -EINTR, -ENOLCK. */
MUST_CHECK int record_lock_set(struct inode *inode, const struct record_range *range, bool wait);
/* The first lock of another owner that conflicts with *range, else type RECORD_UNLOCKED. */
void record_lock_find(struct inode *inode, struct record_range *range);
/* Drops all of `owner`'s: a process closed a descriptor of the file, or the last one of an open file. */
void record_lock_release(struct inode *inode, const void *owner);

#endif

/*
 * File descriptors of a process: small numbers for open files.
 *
 *     int fd = file_table_add(table, file, 0, O_CLOEXEC);   // takes a reference of its own
 *     struct file *file = file_table_get(table, fd);        // NULL: -EBADF; file_put() when done
 *
 * Shared by threads; every function may be called by several at a time.
 */
#ifndef KERNEL_VFS_FDTABLE_H
#define KERNEL_VFS_FDTABLE_H

#include <kernel/vfs/file.h>

#define FILE_TABLE_LIMIT 1024 /* RLIMIT_NOFILE */

struct file_table;

MUST_CHECK struct file_table *file_table_create(void);                       /* NULL: no memory */
MUST_CHECK struct file_table *file_table_copy(struct file_table *table);     /* fork: the same files */
void file_table_get_reference(struct file_table *table);                     /* clone(CLONE_FILES) */
void file_table_put_reference(struct file_table *table);                     /* the last one closes all */
void file_table_close_on_exec(struct file_table *table);

/* The lowest free descriptor >= minimum. `flags`: O_CLOEXEC or 0. -EMFILE, -ENOMEM, -EINVAL (minimum too big). */
MUST_CHECK int file_table_add(struct file_table *table, struct file *file, int minimum, uint32_t flags);
/* The same for numbers below `limit`: -EMFILE if none is free. */
MUST_CHECK int file_table_add_below(struct file_table *table, struct file *file, int minimum, int limit, uint32_t flags);
/* dup2/dup3 without their special case of equal numbers: what was open at `fd` is closed. -EBADF: out of range. */
MUST_CHECK int file_table_set(struct file_table *table, struct file *file, int fd, uint32_t flags);
MUST_CHECK struct file *file_table_get(struct file_table *table, int fd);    /* with a reference; NULL: not open */
/* 0 or -EBADF. */
int file_table_close(struct file_table *table, int fd);
/* Every open descriptor in [first, last]; or only sets close-on-exec. */
void file_table_close_range(struct file_table *table, uint32_t first, uint32_t last, bool only_mark);
/* O_CLOEXEC, 0, or -EBADF. */
int file_table_get_flags(struct file_table *table, int fd);
int file_table_set_flags(struct file_table *table, int fd, uint32_t flags);
/* The lowest open descriptor >= from, -1: none. For /proc/PID/fd. */
int file_table_next(struct file_table *table, int from);

#endif

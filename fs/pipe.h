/*
 * Pipes and FIFOs (pipe(7)): a ring of bytes with readers and writers.
 *
 * Writes of up to PIPE_BUF bytes are atomic. A write without readers fails with
 * EPIPE and sends SIGPIPE; a read without writers returns 0 at the end.
 */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include <kernel/vfs/file.h>

/* What open() of a FIFO gives. */
extern const struct file_ops fifo_ops;

/* pipe2(2): two files with one reference each. `flags`: O_NONBLOCK, O_DIRECT is refused by the caller. */
MUST_CHECK int pipe_create(uint32_t flags, struct file **reader, struct file **writer);

/* fcntl(2) F_GETPIPE_SZ, F_SETPIPE_SZ: bytes, or -EBADF for what is no pipe. */
isize_t pipe_get_capacity(struct file *file);
isize_t pipe_set_capacity(struct file *file, uint64_t size);

#endif

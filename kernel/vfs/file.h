/*
 * Open files: what a file descriptor refers to, and the operations that every
 * kind of file (tmpfs file, device, pipe, socket, tty, /proc entry) implements.
 *
 * Buffers are a `struct io`: caller memory or kernel memory alike, so an
 * operation is written once and used by syscalls and by the kernel itself.
 */
#ifndef KERNEL_VFS_FILE_H
#define KERNEL_VFS_FILE_H

#include <kernel/sched/wait.h>
#include <kernel/syscall/usercopy.h>

struct dentry;
struct inode;
struct mount;
struct path;

/* A transfer in progress. `done` counts bytes moved so far. */
struct io {
    bool from_kernel;      /* `kernel` is valid, else `user` */
    char *kernel;
    struct user_ptr user;
    size_t size;           /* bytes in the whole buffer */
    size_t done;
    uint64_t limit;        /* a writer's RLIMIT_FSIZE: no byte of a regular file at or beyond it. UINT64_MAX: none */
};

static inline size_t io_remaining(const struct io *io) { return io->size - io->done; }
struct io io_from_kernel(void *buffer, size_t size);
struct io io_from_user(struct user_ptr buffer, size_t size);
/* Move up to `size` bytes (the whole amount must fit: size <= io_remaining). 0 or -EFAULT. */
MUST_CHECK int io_put(struct io *io, const void *data, size_t size); /* towards a reader */
MUST_CHECK int io_get(struct io *io, void *data, size_t size);       /* from a writer */
/* All that a writer gives, as a command: text with a NUL in place of the line feed at its end. -EINVAL: nothing, or more than
 * fits; -EFAULT. */
MUST_CHECK int io_get_line(struct io *io, char *line, size_t size);
MUST_CHECK int io_put_zeroes(struct io *io, size_t size);

/* poll(2) bits, values of the Linux ABI. */
#define POLL_IN   0x001
#define POLL_PRI  0x002
#define POLL_OUT  0x004
#define POLL_ERR  0x008
#define POLL_HUP  0x010
#define POLL_NVAL 0x020
#define POLL_RDNORM 0x040 /* added to IN and OUT by file_poll() */
#define POLL_WRNORM 0x100
#define POLL_RDHUP 0x2000

struct poll_table; /* kernel/vfs/poll.h */
struct file;

struct file_ops {
    const char *name;
    /* Read or write at *position and advance it; for streams position is ignored.
     * Return bytes moved (io->done) or -E...; -EAGAIN when O_NONBLOCK and nothing is there.
     * Called without the file's position lock for streams. */
    isize_t (*read)(struct file *file, struct io *io, file_off_t *position);
    isize_t (*write)(struct file *file, struct io *io, file_off_t *position);
    /* Negative errno or >= 0. NULL: -ENOTTY. */
    isize_t (*ioctl)(struct file *file, uint32_t request, uint64_t argument);
    /* Ready bits now; calls poll_wait(table, queue) for each queue that may change them. NULL: always in and out. */
    uint32_t (*poll)(struct file *file, struct poll_table *table);
    /* NULL: the generic seek over inode->size, and -ESPIPE for streams (file->is_stream). */
    isize_t (*seek)(struct file *file, file_off_t offset, int whence);
    /* Directory entries from *position on. `emit` returns false when its buffer is full. NULL: -ENOTDIR. */
    isize_t (*read_directory)(struct file *file, file_off_t *position,
                              bool (*emit)(void *context, const char *name, size_t length, uint64_t inode_number,
                                           uint8_t type, file_off_t next),
                              void *context);
    /* Called at open, after `file` was filled; may refuse. NULL: nothing to do. */
    int (*open)(struct file *file);
    /* The last reference went away. */
    void (*release)(struct file *file);
    /* Flush to the device; NULL: nothing to do. */
    int (*sync)(struct file *file);
};

/* flock(2) */
enum file_lock_kind { FILE_LOCK_NONE, FILE_LOCK_SHARED, FILE_LOCK_EXCLUSIVE };

struct file {
    uint32_t references;       /* atomic */
    uint32_t flags;            /* O_..., changed by fcntl under `lock` */
    bool is_stream;            /* no position: -ESPIPE on seek */
    const struct file_ops *ops;
    struct inode *inode;       /* referenced; never NULL */
    struct dentry *dentry;     /* referenced; NULL for pipes, sockets, epoll */
    struct mount *mount;       /* referenced; through which it was opened; NULL with dentry */
    void *private_data;        /* the kind's own */
    uint32_t lock_held;        /* enum file_lock_kind; guarded by lock.c */
    struct mutex lock;
    /* lock */
    file_off_t position;
    /* epoll's lock */
    struct list epoll_links;   /* watches of epoll sets (fs/epoll.c) */
};

struct file *file_get(struct file *file);
void file_put(struct file *file);

isize_t file_read(struct file *file, struct io *io);                       /* at its position */
isize_t file_write(struct file *file, struct io *io);
isize_t file_read_at(struct file *file, struct io *io, file_off_t position);
isize_t file_write_at(struct file *file, struct io *io, file_off_t position);
/* lseek(2): the new position, -ESPIPE, -EINVAL, -ENXIO. */
isize_t file_seek(struct file *file, file_off_t offset, int whence);
/* What file_seek() does without an operation of the file's own; for those, with file->lock held. */
isize_t file_seek_generic(struct file *file, file_off_t offset, int whence);
/* For streams on which lseek(2) does nothing and says 0: eventfd and its kin. */
isize_t file_seek_nowhere(struct file *file, file_off_t offset, int whence);
/* Does file->flags allow it? */
bool file_is_readable(const struct file *file);
bool file_is_writable(const struct file *file);

#endif

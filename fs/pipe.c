/*
 * Pipes and FIFOs. See pipe.h.
 *
 * The pipe's mutex is held while bytes are copied from and to the caller: a
 * page fault there takes only locks of higher rank. It is never held while
 * waiting.
 */
#include <fs/pipe.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/signal.h>
#include <kernel/sched/thread.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>

#define PIPE_CAPACITY     65536
#define PIPE_CAPACITY_MAX 1048576

struct pipe {
    struct mutex lock;
    /* lock */
    uint32_t users;              /* open files */
    bool has_no_name;            /* made by pipe(2): opened again by /proc/PID/fd, it waits for nobody */
    uint32_t readers, writers;   /* open files by direction */
    uint32_t reader_opens, writer_opens; /* ever: an open() of a FIFO waits for a change */
    char *buffer;                /* NULL until the first write */
    size_t capacity;
    size_t start, used;          /* bytes [start, start + used) modulo capacity are waiting */
    struct wait_queue readable;  /* data came, or the last writer went */
    struct wait_queue writable;  /* room came, or the last reader went */
    struct wait_queue opened;
};

LOCAL struct pipe *pipe_allocate(void)
{
    struct pipe *pipe = kzalloc(sizeof(*pipe));
    if (pipe != NULL) {
        mutex_init(&pipe->lock, "pipe", LOCK_RANK_PIPE);
        wait_queue_init(&pipe->readable, "pipe readable");
        wait_queue_init(&pipe->writable, "pipe writable");
        wait_queue_init(&pipe->opened, "fifo opened");
        pipe->capacity = PIPE_CAPACITY;
    }
    return pipe;
}

LOCAL void pipe_free(struct pipe *pipe)
{
    kfree(pipe->buffer);
    kfree(pipe);
}

LOCAL void pipe_count(struct pipe *pipe, const struct file *file, uint32_t change)
{
    if (file_is_readable(file))
        pipe->readers += change;
    if (file_is_writable(file))
        pipe->writers += change;
    pipe->users += change;
}

/* --- reading ----------------------------------------------------------------------------- */

LOCAL int pipe_copy_out(struct pipe *pipe, struct io *io)
{
    bool moved = false;
    int error = 0;
    while (pipe->used > 0 && io_remaining(io) > 0 && error == 0) {
        size_t piece = MIN(MIN(pipe->used, pipe->capacity - pipe->start), io_remaining(io));
        error = io_put(io, pipe->buffer + pipe->start, piece);
        if (error == 0) {
            pipe->start = (pipe->start + piece) % pipe->capacity;
            pipe->used -= piece;
            moved = true;
        }
    }
    if (moved)
        wait_queue_wake_all(&pipe->writable);
    return error;
}

LOCAL bool pipe_can_read(const struct pipe *pipe)
{
    return __atomic_load_n(&pipe->used, __ATOMIC_RELAXED) > 0 ||
           __atomic_load_n(&pipe->writers, __ATOMIC_RELAXED) == 0;
}

LOCAL isize_t pipe_read(struct file *file, struct io *io, file_off_t *position)
{
    struct pipe *pipe = file->private_data;
    int error = 0;
    if (io_remaining(io) == 0)
        return 0;
    mutex_lock(&pipe->lock);
    while (pipe->used == 0 && pipe->writers > 0 && error == 0) {
        if (file->flags & O_NONBLOCK) {
            error = -EAGAIN;
        } else {
            mutex_unlock(&pipe->lock);
            error = WAIT_EVENT(&pipe->readable, pipe_can_read(pipe));
            mutex_lock(&pipe->lock);
        }
    }
    if (error == 0)
        error = pipe_copy_out(pipe, io);
    mutex_unlock(&pipe->lock);
    return io->done > 0 ? (isize_t)io->done : error;
}

/* --- writing ----------------------------------------------------------------------------- */

/* Room that a write of `size` bytes waits for: all of it when it must be atomic, else any. */
LOCAL size_t pipe_room_needed(size_t size)
{
    return size <= PIPE_BUF ? size : 1;
}

LOCAL bool pipe_can_write(const struct pipe *pipe, size_t needed)
{
    return pipe->capacity - __atomic_load_n(&pipe->used, __ATOMIC_RELAXED) >= needed ||
           __atomic_load_n(&pipe->readers, __ATOMIC_RELAXED) == 0;
}

LOCAL int pipe_copy_in(struct pipe *pipe, struct io *io)
{
    bool moved = false;
    int error = 0;
    while (pipe->used < pipe->capacity && io_remaining(io) > 0 && error == 0) {
        size_t end = (pipe->start + pipe->used) % pipe->capacity;
        size_t room = end < pipe->start ? pipe->start - end : pipe->capacity - end;
        size_t piece = MIN(MIN(room, pipe->capacity - pipe->used), io_remaining(io));
        error = io_get(io, pipe->buffer + end, piece);
        if (error == 0) {
            pipe->used += piece;
            moved = true;
        }
    }
    if (moved)
        wait_queue_wake_all(&pipe->readable);
    return error;
}

/* With the lock, which is given up while waiting. */
LOCAL int pipe_write_all(struct pipe *pipe, struct file *file, struct io *io, size_t needed)
{
    int error = 0;
    if (pipe->buffer == NULL) {
        pipe->buffer = kmalloc(pipe->capacity);
        if (pipe->buffer == NULL)
            return -ENOMEM;
    }
    while (io_remaining(io) > 0 && error == 0) {
        if (pipe->readers == 0) {
            error = -EPIPE;
        } else if (pipe->capacity - pipe->used >= needed) {
            error = pipe_copy_in(pipe, io);
        } else if (file->flags & O_NONBLOCK) {
            error = -EAGAIN;
        } else {
            mutex_unlock(&pipe->lock);
            error = WAIT_EVENT(&pipe->writable, pipe_can_write(pipe, needed));
            mutex_lock(&pipe->lock);
        }
    }
    return error;
}

LOCAL isize_t pipe_write(struct file *file, struct io *io, file_off_t *position)
{
    struct pipe *pipe = file->private_data;
    if (io_remaining(io) == 0)
        return 0;
    mutex_lock(&pipe->lock);
    int error = pipe_write_all(pipe, file, io, pipe_room_needed(io_remaining(io)));
    mutex_unlock(&pipe->lock);
    if (error == -EPIPE)
        signal_send_thread(thread_current(), SIGPIPE);
    return io->done > 0 ? (isize_t)io->done : error;
}

/* --- the rest ---------------------------------------------------------------------------- */

LOCAL uint32_t pipe_poll(struct file *file, struct poll_table *table)
{
    struct pipe *pipe = file->private_data;
    uint32_t ready = 0;
    poll_wait(table, &pipe->readable);
    poll_wait(table, &pipe->writable);
    mutex_lock(&pipe->lock);
    if (file_is_readable(file)) {
        if (pipe->used > 0)
            ready |= POLL_IN;
        /* A FIFO that no writer has opened yet is not hung up. */
        if (pipe->writers == 0 && pipe->writer_opens > 0)
            ready |= POLL_HUP;
    }
    if (file_is_writable(file)) {
        if (pipe->capacity - pipe->used >= PIPE_BUF)
            ready |= POLL_OUT;
        if (pipe->readers == 0)
            ready |= POLL_ERR;
    }
    mutex_unlock(&pipe->lock);
    return ready;
}

LOCAL isize_t pipe_ioctl(struct file *file, uint32_t request, uint64_t argument)
{
    struct pipe *pipe = file->private_data;
    if (request != FIONREAD)
        return -ENOTTY;
    return put_user_u32(user_ptr_from(argument), (uint32_t)pipe->used);
}

LOCAL void pipe_release(struct file *file)
{
    struct pipe *pipe = file->private_data;
    struct inode *inode = file->inode;
    mutex_lock(&inode->lock); /* an open() of the FIFO must find the pipe or make a new one */
    mutex_lock(&pipe->lock);
    pipe_count(pipe, file, (uint32_t)-1);
    bool last = pipe->users == 0;
    mutex_unlock(&pipe->lock);
    if (last)
        inode->fifo = NULL;
    mutex_unlock(&inode->lock);
    if (last) {
        pipe_free(pipe);
    } else {
        wait_queue_wake_all(&pipe->readable);
        wait_queue_wake_all(&pipe->writable);
    }
}

static const struct file_ops pipe_ops = {
    .name = "pipe", .read = pipe_read, .write = pipe_write, .ioctl = pipe_ioctl, .poll = pipe_poll,
    .release = pipe_release,
};

int pipe_create(uint32_t flags, struct file **reader, struct file **writer)
{
    struct inode *inode = vfs_create_anonymous_inode(S_IFIFO | 0600);
    struct pipe *pipe = pipe_allocate();
    if (inode == NULL || pipe == NULL) {
        inode_put(inode);
        kfree(pipe);
        return -ENOMEM;
    }
    inode->fifo = pipe;
    inode_get(inode); /* one for each file */
    int error = vfs_open_inode(inode, &pipe_ops, O_RDONLY | flags, pipe, reader);
    if (error != 0) {
        inode_put(inode);
        pipe_free(pipe);
        return error;
    }
    pipe->has_no_name = true;
    pipe->writer_opens = pipe->reader_opens = 1;
    pipe_count(pipe, *reader, 1);
    error = vfs_open_inode(inode, &pipe_ops, O_WRONLY | flags, pipe, writer);
    if (error != 0) {
        file_put(*reader);
        return error;
    }
    pipe_count(pipe, *writer, 1);
    return 0;
}

isize_t pipe_get_capacity(struct file *file)
{
    if (file->ops->read != pipe_read)
        return -EBADF;
    return (isize_t)((struct pipe *)file->private_data)->capacity;
}

isize_t pipe_set_capacity(struct file *file, uint64_t size)
{
    if (file->ops->read != pipe_read)
        return -EBADF;
    if (size > PIPE_CAPACITY_MAX)
        return -EPERM;
    size_t capacity = PAGE_SIZE;
    while (capacity < size)
        capacity *= 2;
    struct pipe *pipe = file->private_data;
    char *buffer = kmalloc(capacity);
    if (buffer == NULL)
        return -ENOMEM;
    mutex_lock(&pipe->lock);
    if (pipe->used > capacity) {
        mutex_unlock(&pipe->lock);
        kfree(buffer);
        return -EBUSY;
    }
    struct io io = io_from_kernel(buffer, capacity);
    size_t used = pipe->used;
    int error = pipe_copy_out(pipe, &io); /* kernel memory: cannot fail */
    char *old = pipe->buffer;
    pipe->buffer = buffer;
    pipe->capacity = capacity;
    pipe->start = 0;
    pipe->used = used;
    mutex_unlock(&pipe->lock);
    kfree(old);
    return error != 0 ? error : (isize_t)capacity;
}

/* --- FIFOs ------------------------------------------------------------------------------- */

LOCAL bool fifo_has_other_side(const struct pipe *pipe, const struct file *file, uint32_t opens_before)
{
    const uint32_t *opens = file_is_readable(file) ? &pipe->writer_opens : &pipe->reader_opens;
    const uint32_t *open_now = file_is_readable(file) ? &pipe->writers : &pipe->readers;
    return __atomic_load_n(open_now, __ATOMIC_RELAXED) > 0 ||
           __atomic_load_n(opens, __ATOMIC_RELAXED) != opens_before;
}

/* fifo(7): waits for the other side, unless for O_RDWR or O_NONBLOCK. The file counts as open already. */
LOCAL int fifo_wait(struct pipe *pipe, struct file *file, uint32_t opens_before)
{
    if ((file->flags & O_ACCMODE) == O_RDWR || pipe->has_no_name || fifo_has_other_side(pipe, file, opens_before))
        return 0;
    if (file->flags & O_NONBLOCK)
        return file_is_writable(file) ? -ENXIO : 0;
    return WAIT_EVENT(&pipe->opened, fifo_has_other_side(pipe, file, opens_before));
}

LOCAL int fifo_open(struct file *file)
{
    struct inode *inode = file->inode;
    mutex_lock(&inode->lock);
    struct pipe *pipe = inode->fifo;
    if (pipe == NULL)
        pipe = inode->fifo = pipe_allocate();
    if (pipe == NULL) {
        mutex_unlock(&inode->lock);
        return -ENOMEM;
    }
    file->private_data = pipe;
    mutex_lock(&pipe->lock);
    uint32_t opens_before = file_is_readable(file) ? pipe->writer_opens : pipe->reader_opens;
    pipe_count(pipe, file, 1);
    if (file_is_readable(file))
        pipe->reader_opens++;
    if (file_is_writable(file))
        pipe->writer_opens++;
    mutex_unlock(&pipe->lock);
    mutex_unlock(&inode->lock);
    wait_queue_wake_all(&pipe->opened);
    int error = fifo_wait(pipe, file, opens_before);
    if (error != 0)
        pipe_release(file);
    return error;
}

const struct file_ops fifo_ops = {
    .name = "fifo", .read = pipe_read, .write = pipe_write, .ioctl = pipe_ioctl, .poll = pipe_poll,
    .open = fifo_open, .release = pipe_release,
};

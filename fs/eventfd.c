/* eventfd(2). See eventfd.h. */
#include <fs/eventfd.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/vfs.h>

struct eventfd {
    struct spinlock lock;
    uint64_t value;           /* lock */
    bool is_semaphore;
    struct wait_queue changed;
};

/* Takes the value, or one of it. False: it is zero. */
LOCAL bool eventfd_take(struct eventfd *event, uint64_t *taken)
{
    spin_lock(&event->lock);
    *taken = event->is_semaphore && event->value > 0 ? 1 : event->value;
    event->value -= *taken;
    spin_unlock(&event->lock);
    return *taken > 0;
}

/* False: the sum would not fit. */
LOCAL bool eventfd_add(struct eventfd *event, uint64_t value)
{
    spin_lock(&event->lock);
    bool fits = value <= UINT64_MAX - 1 - event->value;
    if (fits)
        event->value += value;
    spin_unlock(&event->lock);
    return fits;
}

LOCAL isize_t eventfd_read(struct file *file, struct io *io, file_off_t *position)
{
    struct eventfd *event = file->private_data;
    uint64_t value;
    int error = 0;
    if (io_remaining(io) < sizeof(value))
        return -EINVAL;
    if (!eventfd_take(event, &value))
        error = (file->flags & O_NONBLOCK) ? -EAGAIN : WAIT_EVENT(&event->changed, eventfd_take(event, &value));
    if (error != 0)
        return error;
    wait_queue_wake_all(&event->changed);
    error = io_put(io, &value, sizeof(value));
    return error != 0 ? error : (isize_t)sizeof(value);
}

LOCAL isize_t eventfd_write(struct file *file, struct io *io, file_off_t *position)
{
    struct eventfd *event = file->private_data;
    uint64_t value;
    if (io_remaining(io) < sizeof(value))
        return -EINVAL;
    int error = io_get(io, &value, sizeof(value));
    if (error != 0)
        return error;
    if (value == UINT64_MAX)
        return -EINVAL;
    if (!eventfd_add(event, value))
        error = (file->flags & O_NONBLOCK) ? -EAGAIN : WAIT_EVENT(&event->changed, eventfd_add(event, value));
    if (error != 0)
        return error;
    wait_queue_wake_all(&event->changed);
    return sizeof(value);
}

LOCAL uint32_t eventfd_poll(struct file *file, struct poll_table *table)
{
    struct eventfd *event = file->private_data;
    poll_wait(table, &event->changed);
    uint64_t value = __atomic_load_n(&event->value, __ATOMIC_RELAXED);
    return (value > 0 ? POLL_IN : 0) | (value < UINT64_MAX - 1 ? POLL_OUT : 0);
}

LOCAL void eventfd_release(struct file *file)
{
    kfree(file->private_data);
}

static const struct file_ops eventfd_ops = {
    .name = "[eventfd]", .read = eventfd_read, .write = eventfd_write, .poll = eventfd_poll,
    .seek = file_seek_nowhere, .release = eventfd_release,
};

int eventfd_create(uint64_t value, uint32_t flags, struct file **file)
{
    struct eventfd *event = kzalloc(sizeof(*event));
    if (event == NULL)
        return -ENOMEM;
    spin_init(&event->lock, "eventfd", LOCK_RANK_LEAF);
    wait_queue_init(&event->changed, "eventfd");
    event->value = value;
    event->is_semaphore = (flags & EFD_SEMAPHORE) != 0;
    int error = vfs_open_inode(vfs_create_anonymous_inode(0600), &eventfd_ops, O_RDWR | (flags & EFD_NONBLOCK), event,
                               file);
    if (error != 0)
        kfree(event);
    return error;
}

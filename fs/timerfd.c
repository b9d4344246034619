/*
 * timerfd_create(2). See timerfd.h.
 *
 * Left out: TFD_TIMER_CANCEL_ON_SET; an absolute time of the wall clock is
 * converted once, when it is set.
 */
#include <fs/timerfd.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/time/time.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/vfs.h>

struct timerfd {
    struct timer timer;
    bool realtime;
    struct wait_queue expired;
    struct spinlock lock;   /* taken by the timer's interrupt */
    /* lock */
    nanos_t deadline;       /* monotonic; 0: disarmed */
    nanos_t interval;
    uint64_t expirations;   /* not read yet */
};

/* Counts what has expired by now, also what was missed; the next deadline, if any, is to be armed. */
LOCAL void timerfd_count_locked(struct timerfd *timerfd)
{
    nanos_t now = clock_monotonic();
    if (timerfd->deadline == 0 || timerfd->deadline > now)
        return;
    nanos_t next = 0;
    timerfd->expirations++;
    if (timerfd->interval > 0) {
        uint64_t missed = (uint64_t)((now - timerfd->deadline) / timerfd->interval);
        timerfd->expirations += missed;
        next = timerfd->deadline + (nanos_t)(missed + 1) * timerfd->interval;
    }
    timerfd->deadline = next;
}

/* Interrupt context. */
LOCAL void timerfd_expire(struct timer *timer)
{
    struct timerfd *timerfd = container_of(timer, struct timerfd, timer);
    irq_flags_t flags = spin_lock_irq(&timerfd->lock);
    timerfd_count_locked(timerfd);
    if (timerfd->deadline != 0)
        timer_arm(timer, timerfd->deadline);
    spin_unlock_irq(&timerfd->lock, flags);
    wait_queue_wake_all(&timerfd->expired);
}

LOCAL bool timerfd_take(struct timerfd *timerfd, uint64_t *count)
{
    irq_flags_t flags = spin_lock_irq(&timerfd->lock);
    *count = timerfd->expirations;
    timerfd->expirations = 0;
    spin_unlock_irq(&timerfd->lock, flags);
    return *count > 0;
}

LOCAL isize_t timerfd_read(struct file *file, struct io *io, file_off_t *position)
{
    struct timerfd *timerfd = file->private_data;
    uint64_t count;
    int error = 0;
    if (io_remaining(io) < sizeof(count))
        return -EINVAL;
    if (!timerfd_take(timerfd, &count))
        error = (file->flags & O_NONBLOCK) ? -EAGAIN : WAIT_EVENT(&timerfd->expired, timerfd_take(timerfd, &count));
    if (error == 0)
        error = io_put(io, &count, sizeof(count));
    return error != 0 ? error : (isize_t)sizeof(count);
}

LOCAL uint32_t timerfd_poll(struct file *file, struct poll_table *table)
{
    struct timerfd *timerfd = file->private_data;
    poll_wait(table, &timerfd->expired);
    return __atomic_load_n(&timerfd->expirations, __ATOMIC_RELAXED) > 0 ? POLL_IN : 0;
}

LOCAL void timerfd_release(struct file *file)
{
    struct timerfd *timerfd = file->private_data;
    irq_flags_t flags = spin_lock_irq(&timerfd->lock);
    timerfd->deadline = timerfd->interval = 0; /* a running timerfd_expire() arms it no more */
    spin_unlock_irq(&timerfd->lock, flags);
    timer_cancel(&timerfd->timer);
    kfree(timerfd);
}

static const struct file_ops timerfd_ops = {
    .name = "[timerfd]", .read = timerfd_read, .poll = timerfd_poll, .seek = file_seek_nowhere, .release = timerfd_release
};

int timerfd_create(bool realtime, uint32_t flags, struct file **file)
{
    struct timerfd *timerfd = kzalloc(sizeof(*timerfd));
    if (timerfd == NULL)
        return -ENOMEM;
    timer_init(&timerfd->timer, timerfd_expire);
    spin_init(&timerfd->lock, "timerfd", LOCK_RANK_DEVICE); /* before TIMER: it is armed under the lock */
    wait_queue_init(&timerfd->expired, "timerfd");
    timerfd->realtime = realtime;
    int error = vfs_open_inode(vfs_create_anonymous_inode(0600), &timerfd_ops, O_RDWR | (flags & TFD_NONBLOCK),
                               timerfd, file);
    if (error != 0)
        kfree(timerfd);
    return error;
}

int timerfd_get(struct file *file, struct timerfd_setting *current)
{
    struct timerfd *timerfd = file->private_data;
    if (file->ops != &timerfd_ops)
        return -EINVAL;
    irq_flags_t flags = spin_lock_irq(&timerfd->lock);
    current->interval = timerfd->interval;
    current->value = timerfd->deadline == 0 ? 0 : MAX(timerfd->deadline - clock_monotonic(), 1);
    spin_unlock_irq(&timerfd->lock, flags);
    return 0;
}

int timerfd_set(struct file *file, bool absolute, const struct timerfd_setting *new, struct timerfd_setting *old)
{
    struct timerfd *timerfd = file->private_data;
    if (file->ops != &timerfd_ops)
        return -EINVAL;
    if (old != NULL)
        timerfd_get(file, old);
    nanos_t now = clock_monotonic(), deadline = 0;
    if (new->value != 0) {
        deadline = new->value;
        if (absolute && timerfd->realtime)
            deadline = MAX(deadline - clock_realtime(), 0) + now;
        else if (!absolute && __builtin_add_overflow(now, new->value, &deadline))
            deadline = INT64_MAX;
    }
    timer_cancel(&timerfd->timer);
    irq_flags_t flags = spin_lock_irq(&timerfd->lock);
    timerfd->deadline = deadline;
    timerfd->interval = new->interval;
    timerfd->expirations = 0;
    timerfd_count_locked(timerfd); /* a time in the past has expired when this call returns */
    if (timerfd->deadline != 0)
        timer_arm(&timerfd->timer, timerfd->deadline);
    bool expired = timerfd->expirations > 0;
    spin_unlock_irq(&timerfd->lock, flags);
    if (expired)
        wait_queue_wake_all(&timerfd->expired);
    return 0;
}

/* poll, ppoll, select, pselect6. The waiting itself is in kernel/vfs/poll.c. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <abi/syscalls.h>
#include <kernel/mm/slab.h>
#include <kernel/syscall/file_common.h>
#include <kernel/syscall/temporary_mask.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/poll.h>
#include <lib/string.h>

/* --- time-outs --------------------------------------------------------------------------- */

LOCAL nanos_t poll_deadline_milliseconds(int32_t timeout)
{
    return timeout < 0 ? WAIT_FOREVER : deadline_after((nanos_t)timeout * NANOS_PER_MILLISECOND);
}

/* An optional struct timespec; none: for ever. */
LOCAL int poll_take_timespec(struct user_ptr pointer, nanos_t *deadline)
{
    struct abi_timespec time;
    nanos_t timeout;
    *deadline = WAIT_FOREVER;
    if (user_ptr_is_null(pointer))
        return 0;
    if (copy_from_user(&time, pointer, sizeof(time)) != 0)
        return -EFAULT;
    int error = nanos_from_timespec(&time, &timeout);
    if (error == 0)
        *deadline = deadline_after(timeout);
    return error;
}

LOCAL nanos_t poll_time_left(nanos_t deadline)
{
    return MAX(deadline - clock_monotonic(), 0);
}

/* Linux stores what is left of the time-out; a pointer that cannot be written is no error. */
LOCAL void poll_store_time_left(struct user_ptr pointer, nanos_t deadline)
{
    if (user_ptr_is_null(pointer) || deadline == WAIT_FOREVER)
        return;
    struct abi_timespec left = nanos_to_timespec(poll_time_left(deadline));
    int ignored = copy_to_user(pointer, &left, sizeof(left));
    (void)ignored;
}

/* --- poll -------------------------------------------------------------------------------- */

LOCAL void poll_release_items(struct poll_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].file != NULL)
            file_put(items[i].file);
}

/* fds[].revents from the items; the number of those that are not zero. */
LOCAL int64_t poll_report(struct abi_pollfd *fds, const struct poll_item *items, size_t count)
{
    int64_t ready = 0;
    for (size_t i = 0; i < count; i++) {
        fds[i].revents = (int16_t)items[i].ready;
        ready += items[i].ready != 0;
    }
    return ready;
}

LOCAL int64_t poll_fds(struct user_ptr pointer, uint32_t count, nanos_t deadline)
{
    if (count > (uint32_t)syscall_descriptor_limit())
        return -EINVAL;
    struct abi_pollfd *fds = kmalloc(MAX(count, 1U) * sizeof(*fds));
    struct poll_item *items = kzalloc(MAX(count, 1U) * sizeof(*items));
    int64_t result = fds == NULL || items == NULL ? -ENOMEM : copy_from_user(fds, pointer, count * sizeof(*fds));
    if (result == 0) {
        for (uint32_t i = 0; i < count; i++) {
            if (fds[i].fd < 0)
                continue; /* to be ignored */
            items[i].file = syscall_file(fds[i].fd);
            items[i].events = (uint16_t)fds[i].events;
            if (items[i].file == NULL)
                items[i].ready = POLL_NVAL;
        }
        result = poll_items(items, count, deadline);
        poll_release_items(items, count);
    }
    if (result >= 0) {
        result = poll_report(fds, items, count);
        if (copy_to_user(pointer, fds, count * sizeof(*fds)) != 0)
            result = -EFAULT;
    }
    kfree(fds);
    kfree(items);
    return result;
}

int64_t sys_poll(struct user_ptr fds, uint32_t count, int32_t timeout)
{
    return poll_fds(fds, count, poll_deadline_milliseconds(timeout));
}

int64_t sys_ppoll(struct user_ptr fds, uint32_t count, struct user_ptr timeout, struct user_ptr mask,
                  uint64_t mask_size)
{
    nanos_t deadline;
    int error = poll_take_timespec(timeout, &deadline);
    if (error == 0)
        error = temporary_mask_set(mask, mask_size);
    if (error != 0)
        return error;
    int64_t result = poll_fds(fds, count, deadline);
    temporary_mask_end(mask, result);
    poll_store_time_left(timeout, deadline);
    return result;
}

/* --- select ------------------------------------------------------------------------------ */

#define SELECT_SETS 3

/* What select(2) means by its three sets, in terms of poll (as Linux defines POLLIN_SET etc.). */
static const uint32_t select_events[SELECT_SETS] = { POLL_IN, POLL_OUT, POLL_PRI };
static const uint32_t select_ready[SELECT_SETS] = { POLL_IN | POLL_HUP | POLL_ERR, POLL_OUT | POLL_ERR, POLL_PRI };

struct select {
    int32_t count;
    size_t words;                         /* 64 descriptors each */
    struct abi_fd_set sets[SELECT_SETS];  /* wanted, then ready */
    struct poll_item items[FILE_TABLE_LIMIT];
};

LOCAL bool select_has(const struct abi_fd_set *set, int32_t fd)
{
    return (set->fds_bits[fd / 64] >> (fd % 64)) & 1;
}

LOCAL int select_take(struct select *select, const struct user_ptr pointers[SELECT_SETS])
{
    for (int set = 0; set < SELECT_SETS; set++)
        if (!user_ptr_is_null(pointers[set]) &&
            copy_from_user(&select->sets[set], pointers[set], select->words * 8) != 0)
            return -EFAULT;
    for (int32_t fd = 0; fd < select->count; fd++) {
        uint32_t events = 0;
        for (int set = 0; set < SELECT_SETS; set++)
            if (select_has(&select->sets[set], fd))
                events |= select_events[set];
        if (events == 0)
            continue;
        select->items[fd].events = events;
        select->items[fd].file = syscall_file(fd);
        if (select->items[fd].file == NULL)
            return -EBADF;
    }
    return 0;
}

/* Turns wanted sets into ready ones; the number of bits set. */
LOCAL int64_t select_report(struct select *select)
{
    int64_t bits = 0;
    for (int32_t fd = 0; fd < select->count; fd++)
        for (int set = 0; set < SELECT_SETS; set++) {
            if (!select_has(&select->sets[set], fd))
                continue;
            if (select->items[fd].ready & select_ready[set])
                bits++;
            else
                select->sets[set].fds_bits[fd / 64] &= ~(1ULL << (fd % 64));
        }
    return bits;
}

LOCAL int64_t select_fds(int32_t count, const struct user_ptr pointers[SELECT_SETS], nanos_t deadline)
{
    if (count < 0)
        return -EINVAL;
    struct select *select = kzalloc(sizeof(*select));
    if (select == NULL)
        return -ENOMEM;
    select->count = MIN(count, FILE_TABLE_LIMIT);
    select->words = ((size_t)select->count + 63) / 64;
    int64_t result = select_take(select, pointers);
    if (result == 0)
        result = poll_items(select->items, (size_t)select->count, deadline);
    poll_release_items(select->items, (size_t)select->count);
    if (result >= 0) {
        result = select_report(select);
        for (int set = 0; set < SELECT_SETS; set++)
            if (!user_ptr_is_null(pointers[set]) &&
                copy_to_user(pointers[set], &select->sets[set], select->words * 8) != 0)
                result = -EFAULT;
    }
    kfree(select);
    return result;
}

int64_t sys_select(int32_t count, struct user_ptr read, struct user_ptr write, struct user_ptr except,
                   struct user_ptr timeout)
{
    const struct user_ptr pointers[SELECT_SETS] = { read, write, except };
    struct abi_timeval time;
    nanos_t deadline = WAIT_FOREVER;
    if (!user_ptr_is_null(timeout)) {
        nanos_t duration;
        if (copy_from_user(&time, timeout, sizeof(time)) != 0)
            return -EFAULT;
        if (time.tv_sec < 0 || time.tv_usec < 0)
            return -EINVAL;
        /* More than a second of microseconds is allowed here. */
        if (__builtin_mul_overflow(time.tv_sec + time.tv_usec / 1000000, NANOS_PER_SECOND, &duration) ||
            __builtin_add_overflow(duration, time.tv_usec % 1000000 * NANOS_PER_MICROSECOND, &duration))
            duration = INT64_MAX;
        deadline = deadline_after(duration);
    }
    int64_t result = select_fds(count, pointers, deadline);
    if (!user_ptr_is_null(timeout) && deadline != WAIT_FOREVER) {
        nanos_t left = poll_time_left(deadline);
        time.tv_sec = left / NANOS_PER_SECOND;
        time.tv_usec = left % NANOS_PER_SECOND / NANOS_PER_MICROSECOND;
        int ignored = copy_to_user(timeout, &time, sizeof(time));
        (void)ignored;
    }
    return result;
}

int64_t sys_pselect6(int32_t count, struct user_ptr read, struct user_ptr write, struct user_ptr except,
                     struct user_ptr timeout, struct user_ptr mask_pointer)
{
    const struct user_ptr pointers[SELECT_SETS] = { read, write, except };
    struct abi_sigset_and_size mask = { user_ptr_from(0), 0 };
    nanos_t deadline;
    if (!user_ptr_is_null(mask_pointer) && copy_from_user(&mask, mask_pointer, sizeof(mask)) != 0)
        return -EFAULT;
    int error = poll_take_timespec(timeout, &deadline);
    if (error == 0)
        error = temporary_mask_set(mask.mask, mask.mask_size);
    if (error != 0)
        return error;
    int64_t result = select_fds(count, pointers, deadline);
    temporary_mask_end(mask.mask, result);
    poll_store_time_left(timeout, deadline);
    return result;
}

/* epoll, eventfd and timerfd calls. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/structs.h>
#include <abi/syscalls.h>
#include <fs/epoll.h>
#include <fs/eventfd.h>
#include <fs/timerfd.h>
#include <kernel/mm/slab.h>
#include <kernel/syscall/file_common.h>
#include <kernel/syscall/temporary_mask.h>

#define EPOLL_EVENTS_MAX 1024 /* reported by one call; more wait for the next */

/* --- epoll ------------------------------------------------------------------------------- */

int64_t sys_epoll_create1(uint32_t flags)
{
    struct file *file;
    if ((flags & ~(uint32_t)EPOLL_CLOEXEC) != 0)
        return -EINVAL;
    int error = epoll_create(&file);
    return error != 0 ? error : syscall_install(file, (flags & EPOLL_CLOEXEC) ? O_CLOEXEC : 0);
}

int64_t sys_epoll_create(int32_t size)
{
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

int64_t sys_epoll_ctl(int32_t epoll_fd, int32_t operation, int32_t fd, struct user_ptr pointer)
{
    struct abi_epoll_event event = { 0, 0 };
    if (operation != EPOLL_CTL_DEL && copy_from_user(&event, pointer, sizeof(event)) != 0)
        return -EFAULT;
    struct file *epoll = syscall_file(epoll_fd);
    struct file *file = syscall_file(fd);
    int error = -EBADF;
    if (epoll != NULL && file != NULL)
        error = epoll_control(epoll, operation, fd, file, &event);
    if (epoll != NULL)
        file_put(epoll);
    if (file != NULL)
        file_put(file);
    return error;
}

LOCAL int64_t event_wait(int32_t epoll_fd, struct user_ptr pointer, int32_t count, int32_t timeout)
{
    if (count <= 0)
        return -EINVAL;
    size_t room = (size_t)MIN(count, EPOLL_EVENTS_MAX);
    nanos_t deadline = timeout < 0 ? WAIT_FOREVER : deadline_after((nanos_t)timeout * NANOS_PER_MILLISECOND);
    struct file *epoll = syscall_file(epoll_fd);
    if (epoll == NULL)
        return -EBADF;
    struct abi_epoll_event *events = kmalloc(room * sizeof(*events));
    int64_t result = events == NULL ? -ENOMEM : epoll_wait(epoll, events, room, deadline);
    if (result > 0 && copy_to_user(pointer, events, (size_t)result * sizeof(*events)) != 0)
        result = -EFAULT;
    kfree(events);
    file_put(epoll);
    return result;
}

int64_t sys_epoll_wait(int32_t epoll, struct user_ptr events, int32_t count, int32_t timeout)
{
    return event_wait(epoll, events, count, timeout);
}

int64_t sys_epoll_pwait(int32_t epoll, struct user_ptr events, int32_t count, int32_t timeout, struct user_ptr mask,
                        uint64_t mask_size)
{
    int error = temporary_mask_set(mask, mask_size);
    if (error != 0)
        return error;
    int64_t result = event_wait(epoll, events, count, timeout);
    temporary_mask_end(mask, result);
    return result;
}

/* --- eventfd ----------------------------------------------------------------------------- */

int64_t sys_eventfd2(uint32_t value, uint32_t flags)
{
    struct file *file;
    if ((flags & ~(uint32_t)(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC)) != 0)
        return -EINVAL;
    int error = eventfd_create(value, flags, &file);
    return error != 0 ? error : syscall_install(file, (flags & EFD_CLOEXEC) ? O_CLOEXEC : 0);
}

int64_t sys_eventfd(uint32_t value)
{
    return sys_eventfd2(value, 0);
}

/* --- timerfd ----------------------------------------------------------------------------- */

int64_t sys_timerfd_create(int32_t clock, uint32_t flags)
{
    struct file *file;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    if ((flags & ~(uint32_t)(TFD_NONBLOCK | TFD_CLOEXEC)) != 0)
        return -EINVAL;
    int error = timerfd_create(clock == CLOCK_REALTIME, flags, &file);
    return error != 0 ? error : syscall_install(file, (flags & TFD_CLOEXEC) ? O_CLOEXEC : 0);
}

LOCAL int event_put_itimerspec(struct user_ptr pointer, const struct timerfd_setting *setting)
{
    struct abi_itimerspec out = { nanos_to_timespec(setting->interval), nanos_to_timespec(setting->value) };
    return copy_to_user(pointer, &out, sizeof(out));
}

int64_t sys_timerfd_settime(int32_t fd, uint32_t flags, struct user_ptr new_pointer, struct user_ptr old_pointer)
{
    struct abi_itimerspec spec;
    struct timerfd_setting new, old;
    if ((flags & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0)
        return -EINVAL;
    if (copy_from_user(&spec, new_pointer, sizeof(spec)) != 0)
        return -EFAULT;
    int error = nanos_from_timespec(&spec.it_interval, &new.interval);
    if (error == 0)
        error = nanos_from_timespec(&spec.it_value, &new.value);
    if (error != 0)
        return error;
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    error = timerfd_set(file, (flags & TFD_TIMER_ABSTIME) != 0, &new, &old);
    file_put(file);
    if (error == 0 && !user_ptr_is_null(old_pointer))
        error = event_put_itimerspec(old_pointer, &old);
    return error;
}

int64_t sys_timerfd_gettime(int32_t fd, struct user_ptr pointer)
{
    struct timerfd_setting current;
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int error = timerfd_get(file, &current);
    file_put(file);
    return error != 0 ? error : event_put_itimerspec(pointer, &current);
}

/* Syscalls on time. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/file_common.h>
#include <kernel/syscall/timespec.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>

#define LONGEST ((nanos_t)1 << 61) /* 73 years: additions cannot overflow */

int timespec_read(struct user_ptr source, nanos_t *out)
{
    struct abi_timespec value;
    int error = copy_from_user(&value, source, sizeof value);
    if (error != 0)
        return error;
    if (value.tv_sec < 0 || value.tv_nsec < 0 || value.tv_nsec >= NANOS_PER_SECOND)
        return -EINVAL;
    *out = value.tv_sec >= LONGEST / NANOS_PER_SECOND ? LONGEST : value.tv_sec * NANOS_PER_SECOND + value.tv_nsec;
    return 0;
}

int timespec_to_deadline(struct user_ptr source, nanos_t *deadline)
{
    nanos_t duration;
    int error = timespec_read(source, &duration);
    if (error == 0)
        *deadline = deadline_after(duration);
    return error;
}

int timespec_write(struct user_ptr target, nanos_t time)
{
    struct abi_timespec value = { time / NANOS_PER_SECOND, time % NANOS_PER_SECOND };
    return copy_to_user(target, &value, sizeof value);
}

int timeval_to_nanos(const struct abi_timeval *value, nanos_t *out)
{
    const int64_t micros_per_second = 1000000;
    if (value->tv_sec < 0 || value->tv_usec < 0 || value->tv_usec >= micros_per_second)
        return -EINVAL;
    *out = value->tv_sec >= LONGEST / NANOS_PER_SECOND
        ? LONGEST : value->tv_sec * NANOS_PER_SECOND + value->tv_usec * NANOS_PER_MICROSECOND;
    return 0;
}

struct abi_timeval timeval_from_nanos(nanos_t time)
{
    return (struct abi_timeval){ time / NANOS_PER_SECOND, time % NANOS_PER_SECOND / NANOS_PER_MICROSECOND };
}

LOCAL void clock_add_thread_time(struct thread *thread, void *context)
{
    struct { const struct process *process; nanos_t total; } *sum = context;
    if (thread->process != sum->process)
        return;
    sum->total += thread->cpu_time;
    if (thread->state == THREAD_RUNNING)
        sum->total += clock_monotonic() - thread->last_started;
}

LOCAL nanos_t clock_process_time(void)
{
    struct { const struct process *process; nanos_t total; } sum = { process_current(), process_current()->ended_time };
    thread_for_each(clock_add_thread_time, &sum);
    return sum.total;
}

LOCAL int clock_read(int32_t clock, nanos_t *now)
{
    switch (clock) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_TAI: *now = clock_realtime(); return 0;
    case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE: case CLOCK_BOOTTIME:
        *now = clock_monotonic();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID: *now = clock_process_time(); return 0;
    case CLOCK_THREAD_CPUTIME_ID: *now = thread_cpu_time(); return 0;
    default: return -EINVAL;
    }
}

int64_t sys_clock_gettime(int32_t clock, struct user_ptr result)
{
    nanos_t now;
    int error = clock_read(clock, &now);
    return error != 0 ? error : timespec_write(result, now);
}

int64_t sys_clock_getres(int32_t clock, struct user_ptr result)
{
    nanos_t now;
    int error = clock_read(clock, &now);
    if (error != 0 || user_ptr_is_null(result))
        return error;
    return timespec_write(result, 1);
}

int64_t sys_clock_settime(int32_t clock, struct user_ptr new)
{
    nanos_t time;
    if (clock != CLOCK_REALTIME)
        return -EINVAL;
    int error = timespec_read(new, &time);
    if (error == 0 && !credentials_is_superuser())
        error = -EPERM;
    if (error == 0)
        clock_set_realtime(time);
    return error;
}

int64_t sys_gettimeofday(struct user_ptr result, struct user_ptr timezone)
{
    if (!user_ptr_is_null(timezone) && clear_user(timezone, sizeof(struct abi_timezone)) != 0)
        return -EFAULT; /* UTC */
    if (user_ptr_is_null(result))
        return 0;
    struct abi_timeval now = timeval_from_nanos(clock_realtime());
    return copy_to_user(result, &now, sizeof now);
}

int64_t sys_time(struct user_ptr result)
{
    int64_t seconds = clock_realtime() / NANOS_PER_SECOND;
    if (!user_ptr_is_null(result) && put_user_u64(result, (uint64_t)seconds) != 0)
        return -EFAULT;
    return seconds;
}

int64_t sys_clock_nanosleep(int32_t clock, uint32_t flags, struct user_ptr time, struct user_ptr remaining)
{
    nanos_t wanted, now;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return clock >= 0 && clock <= CLOCK_TAI ? -EOPNOTSUPP : -EINVAL;
    int error = timespec_read(time, &wanted);
    if (error == 0)
        error = clock_read(clock, &now);
    if (error != 0)
        return error;
    nanos_t duration = flags & TIMER_ABSTIME ? wanted - now : wanted;
    nanos_t deadline = flags & TIMER_ABSTIME ? clock_monotonic() + MAX(duration, 0) : deadline_after(duration);
    error = duration <= 0 ? 0 : thread_sleep_until(deadline, true);
    if (error == -EINTR && !(flags & TIMER_ABSTIME) && !user_ptr_is_null(remaining)) {
        nanos_t left = deadline - clock_monotonic();
        if (timespec_write(remaining, MAX(left, 0)) != 0)
            return -EFAULT;
    }
    return error;
}

int64_t sys_nanosleep(struct user_ptr duration, struct user_ptr remaining)
{
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, duration, remaining);
}

int64_t sys_times(struct user_ptr result)
{
    const nanos_t tick = NANOS_PER_SECOND / 100; /* AT_CLKTCK */
    if (!user_ptr_is_null(result)) {
        struct abi_tms times = { .tms_utime = clock_process_time() / tick,
                                 .tms_cutime = process_current()->children_time / tick };
        int error = copy_to_user(result, &times, sizeof times);
        if (error != 0)
            return error;
    }
    return clock_monotonic() / tick;
}

int64_t sys_getrusage(int32_t who, struct user_ptr result)
{
    struct process *process = process_current();
    struct abi_rusage usage = { 0 };
    if (who == RUSAGE_SELF || who == RUSAGE_THREAD) {
        usage.ru_utime = timeval_from_nanos(who == RUSAGE_SELF ? clock_process_time() : thread_cpu_time());
        usage.ru_maxrss = (int64_t)(process->space->resident_peak * (PAGE_SIZE / 1024));
        usage.ru_minflt = (int64_t)process->space->faults;
    } else if (who == RUSAGE_CHILDREN) {
        usage.ru_utime = timeval_from_nanos(process->children_time);
    } else {
        return -EINVAL;
    }
    return copy_to_user(result, &usage, sizeof usage);
}

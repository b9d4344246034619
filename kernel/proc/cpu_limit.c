/*
 * RLIMIT_CPU (setrlimit(2)): a process that has used its CPU time gets SIGXCPU at
 * the soft limit and once a second after it, and SIGKILL at the hard one.
 *
 * A timer looks at the time that was used when the limit may be reached, at the
 * latest after a second: threads that start meanwhile make it come earlier. Only
 * processes with a limit have one armed.
 */
#include <abi/constants.h>
#include <abi/signal.h>
#include <arch/x86_64/smp.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal.h>

#define CHECK_EVERY_MIN (10 * NANOS_PER_MILLISECOND)
#define CHECK_EVERY_MAX NANOS_PER_SECOND

/* Seconds of a limit as time; 0 counts as one second, as on Linux. */
LOCAL nanos_t cpu_limit_time(uint64_t seconds)
{
    const uint64_t most = INT64_MAX / NANOS_PER_SECOND;
    return (nanos_t)MIN(MAX(seconds, 1), most) * NANOS_PER_SECOND;
}

/* When the first limit may be reached, if all CPUs run threads of the process. */
LOCAL nanos_t cpu_limit_next_check(const struct process *process, nanos_t used)
{
    const struct abi_rlimit *limit = &process->limits[RLIMIT_CPU];
    nanos_t left = cpu_limit_time(MIN(limit->rlim_cur, limit->rlim_max)) - used;
    left /= (nanos_t)smp_online_count();
    return clock_monotonic() + MIN(MAX(left, CHECK_EVERY_MIN), CHECK_EVERY_MAX);
}

/* The limits are changed by prlimit(2) under a mutex, and read here without it: a word at a time is enough. */
LOCAL void cpu_limit_check(struct timer *timer)
{
    struct process *process = container_of(timer, struct process_timer, timer)->process;
    struct abi_rlimit *limit = &process->limits[RLIMIT_CPU];
    nanos_t used = process_cpu_time(process);
    if (limit->rlim_max != RLIM64_INFINITY && used >= cpu_limit_time(limit->rlim_max)) {
        (void)!signal_send_process(process, SIGKILL);
        return;
    }
    if (limit->rlim_cur != RLIM64_INFINITY && used >= cpu_limit_time(limit->rlim_cur)) {
        (void)!signal_send_process(process, SIGXCPU);
        limit->rlim_cur = MAX(limit->rlim_cur, 1) + 1; /* the next one in a second */
    }
    timer_arm(timer, cpu_limit_next_check(process, used));
}

void process_watch_cpu_time(struct process *process)
{
    const struct abi_rlimit *limit = &process->limits[RLIMIT_CPU];
    struct timer *timer = &process->cpu_timer->timer;
    timer_cancel(timer);
    if (limit->rlim_cur == RLIM64_INFINITY && limit->rlim_max == RLIM64_INFINITY)
        return;
    timer_init(timer, cpu_limit_check);
    timer_arm(timer, cpu_limit_next_check(process, process_cpu_time(process)));
}

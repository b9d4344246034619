/* Syscalls on signals. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <arch/x86_64/trap.h>
#include <kernel/proc/process.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/syscall/timespec.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <lib/string.h>

#define MASK_SIZE 8 /* bytes; the only size there is */

int64_t sys_rt_sigaction(int32_t signal, struct user_ptr new, struct user_ptr old, uint64_t mask_size)
{
    struct signal_state *state = process_current()->signals;
    struct abi_sigaction action;
    if (mask_size != MASK_SIZE || signal < 1 || signal > SIGNAL_COUNT)
        return -EINVAL;
    if (!user_ptr_is_null(new)) {
        if (signal == SIGKILL || signal == SIGSTOP)
            return -EINVAL;
        int error = copy_from_user(&action, new, sizeof action);
        if (error != 0)
            return error;
    }
    irq_flags_t flags = spin_lock_irq(&state->lock);
    struct abi_sigaction previous = state->actions[signal - 1];
    if (!user_ptr_is_null(new))
        state->actions[signal - 1] = action;
    spin_unlock_irq(&state->lock, flags);
    return user_ptr_is_null(old) ? 0 : copy_to_user(old, &previous, sizeof previous);
}

int64_t sys_rt_sigprocmask(int32_t how, struct user_ptr new, struct user_ptr old, uint64_t mask_size)
{
    struct thread *me = thread_current();
    uint64_t previous = me->signal_mask, mask;
    if (mask_size != MASK_SIZE)
        return -EINVAL;
    if (!user_ptr_is_null(new)) {
        int error = get_user_u64(&mask, new);
        if (error != 0)
            return error;
        switch (how) {
        case SIG_BLOCK: mask |= previous; break;
        case SIG_UNBLOCK: mask = previous & ~mask; break;
        case SIG_SETMASK: break;
        default: return -EINVAL;
        }
        signal_set_mask(mask);
    }
    return user_ptr_is_null(old) ? 0 : put_user_u64(old, previous);
}

int64_t sys_rt_sigreturn(void)
{
    struct trap_frame *frame = thread_current()->user_frame;
    if (signal_return(frame) != 0) {
        signal_force(frame, SIGSEGV, SI_KERNEL, 0);
        return 0;
    }
    return (int64_t)frame->rax;
}

int64_t sys_sigaltstack(struct user_ptr new, struct user_ptr old)
{
    struct thread *me = thread_current();
    uint64_t rsp = me->user_frame->rsp;
    bool active = rsp > me->signal_stack_base && rsp - me->signal_stack_base <= me->signal_stack_size;
    struct abi_stack previous = {
        .ss_sp = user_ptr_from(me->signal_stack_base), .ss_size = me->signal_stack_size,
        .ss_flags = me->signal_stack_size == 0 ? SS_DISABLE : active ? SS_ONSTACK : 0,
    };
    if (!user_ptr_is_null(new)) {
        struct abi_stack stack;
        int error = copy_from_user(&stack, new, sizeof stack);
        if (error != 0)
            return error;
        if (active)
            return -EPERM;
        if (stack.ss_flags & ~(SS_DISABLE | SS_ONSTACK))
            return -EINVAL;
        bool off = stack.ss_flags & SS_DISABLE;
        if (!off && stack.ss_size < MINSIGSTKSZ)
            return -ENOMEM;
        me->signal_stack_base = off ? 0 : stack.ss_sp.address;
        me->signal_stack_size = off ? 0 : stack.ss_size;
    }
    return user_ptr_is_null(old) ? 0 : copy_to_user(old, &previous, sizeof previous);
}

int64_t sys_rt_sigpending(struct user_ptr result, uint64_t mask_size)
{
    if (mask_size > MASK_SIZE)
        return -EINVAL;
    uint64_t pending = signal_pending_set() & thread_current()->signal_mask;
    return copy_to_user(result, &pending, mask_size);
}

int64_t sys_rt_sigtimedwait(struct user_ptr mask, struct user_ptr info, struct user_ptr timeout, uint64_t mask_size)
{
    uint64_t wanted;
    nanos_t deadline = WAIT_FOREVER;
    if (mask_size != MASK_SIZE)
        return -EINVAL;
    int error = get_user_u64(&wanted, mask);
    if (error == 0 && !user_ptr_is_null(timeout))
        error = timespec_to_deadline(timeout, &deadline);
    if (error != 0)
        return error;
    struct abi_siginfo found;
    int signal = signal_wait(wanted & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)), &found, deadline);
    if (signal > 0 && !user_ptr_is_null(info) && copy_to_user(info, &found, sizeof found) != 0)
        return -EFAULT;
    return signal;
}

LOCAL int64_t signal_suspend(uint64_t mask)
{
    struct thread *me = thread_current();
    me->signal_saved_mask = me->signal_mask;
    me->signal_restore_mask = true;
    signal_set_mask(mask);
    me->signal_check = true; /* the mask is put back by signal_deliver() in any case */
    while (!signal_is_pending()) {
        thread_forget_wakes();
        if (signal_is_pending())
            break;
        (void)!wait_sleep(WAIT_FOREVER, true);
    }
    return -EINTR;
}

int64_t sys_rt_sigsuspend(struct user_ptr mask, uint64_t mask_size)
{
    uint64_t wanted;
    if (mask_size != MASK_SIZE)
        return -EINVAL;
    int error = get_user_u64(&wanted, mask);
    return error != 0 ? error : signal_suspend(wanted);
}

int64_t sys_pause(void) { return signal_suspend(thread_current()->signal_mask); }

LOCAL struct abi_siginfo signal_info_of_sender(int signal, int code)
{
    struct abi_siginfo info = { .signo = signal, .code = code };
    info.pid = process_current()->id;
    info.uid = process_current()->credentials.uid;
    return info;
}

/* kill(2): the superuser, the same user, or SIGCONT within the session. */
LOCAL bool signal_may_send(const struct process *target, int signal)
{
    const struct process *me = process_current();
    const struct credentials *mine = &me->credentials, *theirs = &target->credentials;
    return mine->euid == 0 || mine->euid == theirs->uid || mine->euid == theirs->suid || mine->uid == theirs->uid
        || mine->uid == theirs->suid || (signal == SIGCONT && me->session_id == target->session_id);
}

struct kill_request {
    int signal;
    bool everyone;       /* kill(-1): but process 1 and the caller */
    unsigned count;      /* processes that were found */
    int error;
};

LOCAL void signal_kill_one(struct process *process, void *context)
{
    struct kill_request *request = context;
    struct abi_siginfo info = signal_info_of_sender(request->signal, SI_USER);
    if (request->everyone && (process->id == WORLD_PID || process == process_current()))
        return;
    request->count++;
    int error = signal_may_send(process, request->signal) ? signal_send_process_info(process, request->signal, &info)
                                                         : -EPERM;
    if (error != 0)
        request->error = error;
}

int64_t sys_kill(int32_t pid, int32_t signal)
{
    struct kill_request request = { .signal = signal };
    if (pid > 0) {
        struct process *process = process_find(pid);
        if (process == NULL)
            return -ESRCH;
        signal_kill_one(process, &request);
        process_put(process);
        return request.error;
    }
    if (pid == INT32_MIN)
        return -ESRCH;
    request.everyone = pid == -1;
    int32_t group = pid == 0 ? process_current()->group_id : pid == -1 ? PROCESS_GROUP_ANY : -pid;
    (void)process_for_each_in_group(group, signal_kill_one, &request);
    return request.count == 0 ? -ESRCH : request.error;
}

struct thread_search {
    int32_t id;
    struct thread *found; /* with a reference */
    struct process *process; /* its, with a reference */
};

LOCAL void signal_find_thread(struct thread *thread, void *context)
{
    struct thread_search *search = context;
    if (thread->id == search->id && thread->process != NULL && thread->state != THREAD_DEAD && search->found == NULL) {
        thread_get(thread);
        process_get(thread->process);
        search->found = thread;
        search->process = thread->process;
    }
}

/* pid < 0: of any process. */
LOCAL int64_t signal_send_to_thread(int32_t pid, int32_t id, int32_t signal)
{
    if (id <= 0 || signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    struct thread_search search = { .id = id };
    thread_for_each(signal_find_thread, &search);
    if (search.found == NULL)
        return -ESRCH;
    int64_t result = -ESRCH;
    struct process *process = search.process;
    if (pid < 0 || process->id == pid) {
        result = signal_may_send(process, signal) ? 0 : -EPERM;
        struct abi_siginfo info = signal_info_of_sender(signal, SI_TKILL);
        if (signal != 0 && result == 0)
            signal_send_thread_info(search.found, signal, &info);
    }
    process_put(process);
    thread_put(search.found);
    return result;
}

int64_t sys_tgkill(int32_t pid, int32_t id, int32_t signal)
{
    return pid <= 0 ? -EINVAL : signal_send_to_thread(pid, id, signal);
}

int64_t sys_tkill(int32_t id, int32_t signal) { return signal_send_to_thread(-1, id, signal); }

int64_t sys_rt_sigqueueinfo(int32_t pid, int32_t signal, struct user_ptr info)
{
    struct abi_siginfo copy;
    int error = copy_from_user(&copy, info, sizeof copy);
    if (error != 0)
        return error;
    if ((copy.code >= 0 || copy.code == SI_TKILL) && pid != process_current()->id)
        return -EPERM;
    struct process *process = process_find(pid);
    if (process == NULL)
        return -ESRCH;
    copy.signo = signal;
    error = signal_may_send(process, signal) ? signal_send_process_info(process, signal, &copy) : -EPERM;
    process_put(process);
    return error;
}

/* --- ITIMER_REAL ------------------------------------------------------------- */

#define ALARM_GAP (100 * NANOS_PER_MICROSECOND)

LOCAL void signal_alarm_fired(struct timer *timer)
{
    struct process *process = container_of(timer, struct process_timer, timer)->process;
    (void)!signal_send_process(process, SIGALRM);
    /* Alarms that came too late to be told apart are one, so that a tiny interval leaves time for others. */
    if (process->real_interval > 0)
        timer_arm(timer, MAX(timer->deadline + process->real_interval, clock_monotonic() + ALARM_GAP));
}

LOCAL nanos_t signal_alarm_remaining(struct process *process)
{
    nanos_t left = process->real_timer->timer.deadline - clock_monotonic();
    return process->real_armed ? MAX(left, 0) : 0;
}

LOCAL void signal_alarm_set(struct process *process, nanos_t value, nanos_t interval)
{
    timer_cancel(&process->real_timer->timer);
    timer_init(&process->real_timer->timer, signal_alarm_fired);
    process->real_interval = interval;
    process->real_armed = value > 0;
    if (value > 0)
        timer_arm(&process->real_timer->timer, clock_monotonic() + value);
}

int64_t sys_alarm(uint32_t seconds)
{
    struct process *process = process_current();
    nanos_t left = signal_alarm_remaining(process);
    signal_alarm_set(process, (nanos_t)seconds * NANOS_PER_SECOND, 0);
    return (left + NANOS_PER_SECOND - 1) / NANOS_PER_SECOND;
}

LOCAL struct abi_itimerval signal_alarm_read(struct process *process)
{
    nanos_t left = signal_alarm_remaining(process);
    return (struct abi_itimerval){ .it_interval = timeval_from_nanos(process->real_interval),
                                   .it_value = timeval_from_nanos(left) };
}

int64_t sys_getitimer(int32_t which, struct user_ptr current)
{
    if (which != ITIMER_REAL && which != ITIMER_VIRTUAL && which != ITIMER_PROF)
        return -EINVAL;
    /* CPU-time timers cannot be set, so they are off. */
    struct abi_itimerval value = { 0 };
    if (which == ITIMER_REAL)
        value = signal_alarm_read(process_current());
    return copy_to_user(current, &value, sizeof value);
}

int64_t sys_setitimer(int32_t which, struct user_ptr new, struct user_ptr old)
{
    struct process *process = process_current();
    struct abi_itimerval wanted, before = signal_alarm_read(process);
    if (which != ITIMER_REAL)
        return -EINVAL;
    int error = copy_from_user(&wanted, new, sizeof wanted);
    nanos_t value, interval;
    if (error == 0)
        error = timeval_to_nanos(&wanted.it_value, &value);
    if (error == 0)
        error = timeval_to_nanos(&wanted.it_interval, &interval);
    if (error != 0)
        return error;
    signal_alarm_set(process, value, interval);
    return user_ptr_is_null(old) ? 0 : copy_to_user(old, &before, sizeof before);
}

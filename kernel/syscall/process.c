/* Syscalls on processes, threads, futexes, scheduling and identities. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <abi/syscalls.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/smp.h>
#include <kernel/log.h>
#include <kernel/proc/futex.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/syscall/file_common.h>
#include <kernel/syscall/timespec.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <lib/string.h>

/* The thread with this id (0: the caller), with a reference; NULL: none of a process. */
LOCAL struct thread *process_find_thread(int32_t id)
{
    struct thread *thread = id == 0 ? thread_current() : thread_find(id);
    if (id == 0)
        thread_get(thread);
    if (thread != NULL && thread->process == NULL) {
        thread_put(thread);
        thread = NULL;
    }
    return thread;
}

int64_t sys_clone(uint64_t flags, uint64_t stack, struct user_ptr parent_tid, struct user_ptr child_tid, uint64_t tls)
{
    const uint64_t exit_signal = 0xff;
    struct clone_request request = { flags & ~exit_signal, stack, tls, parent_tid, child_tid,
                                     (int32_t)(flags & exit_signal) };
    return process_clone(&request);
}

int64_t sys_clone3(struct user_ptr arguments, uint64_t size)
{
    struct abi_clone_args a = { 0 };
    const uint64_t first_version = 64;
    if (size < first_version)
        return -EINVAL;
    if (size > sizeof a)
        return -E2BIG; /* fields that this kernel does not know */
    int error = copy_from_user(&a, arguments, size);
    if (error != 0)
        return error;
    if (a.set_tid_size != 0 || (a.flags & CLONE_INTO_CGROUP) || (a.flags & 0xff) || a.exit_signal > 64
        || (a.stack == 0) != (a.stack_size == 0))
        return -EINVAL;
    struct clone_request request = { a.flags, a.stack + a.stack_size, a.tls, user_ptr_from(a.parent_tid),
                                     user_ptr_from(a.child_tid), (int32_t)a.exit_signal };
    return process_clone(&request);
}

int64_t sys_fork(void)
{
    struct clone_request request = { .exit_signal = SIGCHLD };
    return process_clone(&request);
}

int64_t sys_vfork(void)
{
    struct clone_request request = { .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };
    return process_clone(&request);
}

LOCAL int64_t execute(int32_t directory, struct user_ptr path, struct user_ptr arguments, struct user_ptr environment)
{
    struct syscall_name name;
    int error = name_take(&name, directory, path);
    if (error != 0)
        return error;
    error = process_execute(name.start, name.text, arguments, environment);
    name_release(&name);
    return error;
}

int64_t sys_execve(struct user_ptr path, struct user_ptr arguments, struct user_ptr environment)
{
    return execute(AT_FDCWD, path, arguments, environment);
}

int64_t sys_execveat(int32_t directory, struct user_ptr path, struct user_ptr arguments, struct user_ptr environment,
                     uint32_t flags)
{
    if (flags != 0)
        return -EINVAL; /* AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW: docs/limits.md */
    return execute(directory, path, arguments, environment);
}

int64_t sys_exit(int32_t status) { process_exit_thread((status & 0xff) << 8); }
int64_t sys_exit_group(int32_t status) { process_exit_group((status & 0xff) << 8); }

int64_t sys_set_tid_address(struct user_ptr address)
{
    thread_current()->clear_child_tid = address.address;
    return thread_current()->id;
}

/* A list of held locks, walked when the thread dies. */
int64_t sys_set_robust_list(struct user_ptr head, uint64_t size)
{
    if (size != sizeof(struct abi_robust_list_head))
        return -EINVAL;
    thread_current()->robust_list = head.address;
    return 0;
}

int64_t sys_get_robust_list(int32_t thread, struct user_ptr head, struct user_ptr size)
{
    struct thread *found = process_find_thread(thread);
    if (found == NULL)
        return -ESRCH;
    uint64_t list = found->robust_list;
    bool allowed = found->process == process_current();
    thread_put(found);
    if (!allowed)
        return -EPERM;
    int error = put_user_u64(size, sizeof(struct abi_robust_list_head));
    return error != 0 ? error : put_user_u64(head, list);
}

LOCAL int64_t futex_wait_call(struct user_ptr address, uint32_t operation, uint32_t value, struct user_ptr timeout,
                              uint32_t bits)
{
    nanos_t deadline = WAIT_FOREVER;
    if (bits == 0)
        return -EINVAL;
    if (!user_ptr_is_null(timeout)) {
        nanos_t time;
        int error = timespec_read(timeout, &time);
        if (error != 0)
            return error;
        bool absolute = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
        if (!absolute)
            deadline = deadline_after(time);
        else if (operation & FUTEX_CLOCK_REALTIME)
            deadline = clock_monotonic() + (time - clock_realtime());
        else
            deadline = time;
        deadline = MAX(deadline, 0);
    }
    return futex_wait(address, (operation & FUTEX_PRIVATE_FLAG) != 0, value, bits, deadline);
}

int64_t sys_futex(struct user_ptr address, uint32_t operation, uint32_t value, struct user_ptr timeout,
                  struct user_ptr address2, uint32_t value3)
{
    if (address.address % sizeof(uint32_t) != 0)
        return -EINVAL;
    uint32_t count2 = (uint32_t)timeout.address; /* requeue passes a number there */
    bool is_private = operation & FUTEX_PRIVATE_FLAG;
    switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT: return futex_wait_call(address, operation, value, timeout, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET: return futex_wait_call(address, operation, value, timeout, value3);
    case FUTEX_WAKE: return futex_wake(address, is_private, value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET: return value3 == 0 ? -EINVAL : futex_wake(address, is_private, value, value3);
    case FUTEX_REQUEUE: return futex_requeue(address, address2, is_private, value, count2, false, 0);
    case FUTEX_CMP_REQUEUE: return futex_requeue(address, address2, is_private, value, count2, true, value3);
    case FUTEX_WAKE_OP: return futex_wake_and_change(address, address2, is_private, value, count2, value3);
    default: return -ENOSYS; /* priority inheritance: docs/limits.md */
    }
}

int64_t sys_gettid(void) { return thread_current()->id; }
int64_t sys_getpid(void) { return process_current()->id; }
int64_t sys_getppid(void) { return process_current()->parent_id; }
int64_t sys_getpgrp(void) { return process_current()->group_id; }

/* A field of the process `pid` (0: the caller), or -ESRCH. */
LOCAL int64_t process_read_field(int32_t pid, size_t offset)
{
    if (pid == 0)
        pid = process_current()->id;
    struct process *process = process_find(pid);
    if (process == NULL)
        return -ESRCH;
    int32_t value;
    memcpy(&value, (const char *)process + offset, sizeof value);
    process_put(process);
    return value;
}

int64_t sys_getpgid(int32_t pid) { return process_read_field(pid, offsetof(struct process, group_id)); }
int64_t sys_getsid(int32_t pid) { return process_read_field(pid, offsetof(struct process, session_id)); }
int64_t sys_setpgid(int32_t pid, int32_t group) { return process_set_group(pid, group); }
int64_t sys_setsid(void) { return process_new_session(); }

/* --- children ------------------------------------------------------------------- */

LOCAL int wait_put_usage(struct user_ptr usage, const struct wait_result *result)
{
    struct abi_rusage value = { .ru_utime = timeval_from_nanos(result->cpu_time) };
    return user_ptr_is_null(usage) ? 0 : copy_to_user(usage, &value, sizeof value);
}

int64_t sys_wait4(int32_t pid, struct user_ptr status, uint32_t options, struct user_ptr usage)
{
    if (options & ~(uint32_t)(WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    struct wait_request request = {
        .type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID,
        .id = pid > 0 ? pid : pid == 0 ? process_current()->group_id : -pid,
        .options = options | WEXITED,
    };
    struct wait_result result;
    int error = process_wait(&request, &result);
    if (error != 0)
        return error;
    if (result.pid != 0 && !user_ptr_is_null(status))
        error = put_user_u32(status, (uint32_t)result.status);
    if (result.pid != 0 && error == 0)
        error = wait_put_usage(usage, &result);
    return error != 0 ? error : result.pid;
}

/* What waitid(2) tells, up to the status: the rest of the caller's structure stays as it is. Nothing is told of nobody. */
LOCAL int wait_put_info(struct user_ptr info, const struct wait_result *result)
{
    struct abi_siginfo found = { .signo = result->pid != 0 ? SIGCHLD : 0, .code = result->code };
    if (user_ptr_is_null(info))
        return 0;
    if (result->pid != 0) {
        found.pid = result->pid;
        found.uid = result->uid;
        found.status = result->code == CLD_EXITED ? result->status >> 8 & 0xff
            : result->code == CLD_STOPPED ? result->status >> 8 & 0xff
            : result->code == CLD_CONTINUED ? SIGCONT : result->status & 0x7f;
    }
    return copy_to_user(info, &found, offsetof(struct abi_siginfo, status) + sizeof found.status);
}

LOCAL int wait_by_id(int32_t type, int32_t id, uint32_t options, struct wait_result *result)
{
    if ((options & ~(uint32_t)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD))
        || !(options & (WEXITED | WSTOPPED | WCONTINUED)) || (type != P_ALL && type != P_PID && type != P_PGID)
        || (type == P_PID && id <= 0) || (type == P_PGID && id < 0))
        return -EINVAL;
    struct wait_request request = { type, type == P_PGID && id == 0 ? process_current()->group_id : id, options };
    return process_wait(&request, result);
}

int64_t sys_waitid(int32_t type, int32_t id, struct user_ptr info, uint32_t options, struct user_ptr usage)
{
    struct wait_result result = { 0 };
    int error = wait_by_id(type, id, options, &result);
    if (error != 0)
        result = (struct wait_result){ 0 };
    if (error == 0 && result.pid != 0)
        error = wait_put_usage(usage, &result);
    return wait_put_info(info, &result) != 0 ? -EFAULT : error; /* written, as Linux does, after an error, too */
}

int64_t sys_arch_prctl(uint32_t option, uint64_t address)
{
    struct thread *me = thread_current();
    switch (option) {
    case ARCH_SET_FS:
        if (address >= USER_SPACE_END && (address < DIRECT_MAP_BASE || !me->process->is_world))
            return -EPERM; /* not canonical: WRMSR would fault */
        preempt_disable();
        me->fs_base = address;
        msr_write(MSR_FS_BASE, address);
        this_cpu()->fs_base_loaded = address;
        preempt_enable();
        return 0;
    case ARCH_GET_FS: return put_user_u64(user_ptr_from(address), me->fs_base);
    case ARCH_SET_GS:
        if (me->process->is_world || address >= USER_SPACE_END)
            return -EPERM; /* GS is the kernel's at CPL 0 */
        preempt_disable();
        me->gs_base = address;
        msr_write(MSR_KERNEL_GS_BASE, address);
        this_cpu()->gs_base_loaded = address;
        preempt_enable();
        return 0;
    case ARCH_GET_GS: return put_user_u64(user_ptr_from(address), me->gs_base);
    default: return -EINVAL;
    }
}

int64_t sys_prctl(int32_t option, uint64_t argument2, uint64_t argument3, uint64_t argument4, uint64_t argument5)
{
    struct thread *me = thread_current();
    char name[THREAD_NAME_SIZE] = { 0 };
    switch (option) {
    case PR_SET_NAME: {
        isize_t length = copy_string_from_user(name, user_ptr_from(argument2), sizeof name);
        if (length < 0 && length != -ENAMETOOLONG)
            return length;
        name[THREAD_NAME_SIZE - 1] = 0;
        memcpy(me->name, name, sizeof me->name);
        if (me->id == me->process->id)
            memcpy(me->process->name, name, sizeof name);
        return 0;
    }
    case PR_GET_NAME:
        memcpy(name, me->name, sizeof name);
        return copy_to_user(user_ptr_from(argument2), name, sizeof name);
    case PR_GET_DUMPABLE: return 1;
    case PR_SET_DUMPABLE: return argument2 <= 1 ? 0 : -EINVAL;
    case PR_SET_PDEATHSIG:
        if (argument2 > SIGNAL_COUNT)
            return -EINVAL;
        me->process->death_signal = (int32_t)argument2;
        return 0;
    case PR_GET_PDEATHSIG: return put_user_u32(user_ptr_from(argument2), (uint32_t)me->process->death_signal);
    case PR_SET_NO_NEW_PRIVS:
        if (argument2 != 1 || argument3 != 0 || argument4 != 0 || argument5 != 0)
            return -EINVAL;
        me->process->no_new_privileges = true; /* of the whole process, not of the thread alone */
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return argument2 != 0 || argument3 != 0 || argument4 != 0 || argument5 != 0 ? -EINVAL
                                                                                   : me->process->no_new_privileges;
    case PR_SET_VMA: return 0; /* names are for reports */
    default: return -EINVAL;
    }
}

int64_t sys_sched_yield(void)
{
    thread_yield();
    return 0;
}

int64_t sys_sched_getaffinity(int32_t thread_id, uint32_t size, struct user_ptr mask)
{
    uint64_t set;
    if (size < sizeof set || size % sizeof set != 0)
        return -EINVAL;
    struct thread *thread = process_find_thread(thread_id);
    if (thread == NULL)
        return -ESRCH;
    set = thread->affinity & smp_online();
    thread_put(thread);
    return copy_to_user(mask, &set, sizeof set) != 0 ? -EFAULT : (int64_t)sizeof set;
}

struct affinity_check {
    const struct thread *thread;
    bool allowed;
};

/* Threads of one's own user, and for the superuser all. Its process stays while it is among the threads. */
LOCAL void process_check_affinity(struct thread *thread, void *context)
{
    struct affinity_check *check = context;
    const struct process *me = process_current(), *other = thread->process;
    if (thread == check->thread && other != NULL)
        check->allowed = credentials_is_superuser() || other == me
            || (!other->is_world && (me->credentials.euid == other->credentials.euid || me->credentials.euid == other->credentials.uid));
}

int64_t sys_sched_setaffinity(int32_t thread_id, uint32_t size, struct user_ptr mask)
{
    uint64_t set = 0;
    int error = copy_from_user(&set, mask, MIN(size, sizeof set));
    if (error != 0)
        return error;
    struct thread *thread = process_find_thread(thread_id);
    if (thread == NULL)
        return -ESRCH;
    struct affinity_check check = { thread, false };
    thread_for_each(process_check_affinity, &check);
    error = check.allowed ? thread_set_affinity(thread, set) : -EPERM;
    thread_put(thread);
    return error;
}

/* 0, or -ESRCH. */
LOCAL int process_check_thread(int32_t id)
{
    struct thread *thread = process_find_thread(id);
    if (thread == NULL)
        return -ESRCH;
    thread_put(thread);
    return 0;
}

/* There is one policy: SCHED_NORMAL, whose parameter is 0. */
int64_t sys_sched_getscheduler(int32_t thread)
{
    int error = thread < 0 ? -EINVAL : process_check_thread(thread);
    return error != 0 ? error : SCHED_NORMAL;
}

int64_t sys_sched_getparam(int32_t thread, struct user_ptr result)
{
    struct abi_sched_param param = { 0 };
    if (thread < 0 || user_ptr_is_null(result))
        return -EINVAL;
    int error = process_check_thread(thread);
    return error != 0 ? error : copy_to_user(result, &param, sizeof param);
}

/* `real_time` for the policies that have priorities: those exist and cannot be asked for. */
LOCAL int64_t sched_priority_limit(int32_t policy, int64_t real_time)
{
    switch (policy) {
    case SCHED_FIFO: case SCHED_RR: return real_time;
    case SCHED_NORMAL: case SCHED_BATCH: case SCHED_IDLE: case SCHED_DEADLINE: return 0;
    default: return -EINVAL;
    }
}

int64_t sys_sched_get_priority_max(int32_t policy) { return sched_priority_limit(policy, 99); }
int64_t sys_sched_get_priority_min(int32_t policy) { return sched_priority_limit(policy, 1); }

int64_t sys_getpriority(int32_t which, int32_t who)
{
    (void)who;
    return which >= PRIO_PROCESS && which <= PRIO_USER ? 20 : -EINVAL; /* 20 - nice, as the ABI wants it */
}

int64_t sys_getcpu(struct user_ptr cpu, struct user_ptr node, struct user_ptr unused)
{
    (void)unused;
    if (!user_ptr_is_null(cpu) && put_user_u32(cpu, (uint32_t)thread_current()->cpu) != 0)
        return -EFAULT;
    return user_ptr_is_null(node) ? 0 : put_user_u32(node, 0);
}

LOCAL void process_memory_barrier(void *unused)
{
    (void)unused;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int64_t sys_membarrier(int32_t command, uint32_t flags, int32_t cpu)
{
    (void)cpu;
    if (flags != 0)
        return -EINVAL;
    if (command == MEMBARRIER_CMD_QUERY)
        return MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    if (command != MEMBARRIER_CMD_GLOBAL && command != MEMBARRIER_CMD_PRIVATE_EXPEDITED
        && command != MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
        return -EINVAL;
    if (command != MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
        smp_call_others(process_memory_barrier, NULL);
    return 0;
}

/*
 * The end of threads and processes, zombies, and waiting for children.
 *
 * A thread leaves its process in process_exit_thread(): it clears
 * clear_child_tid, wakes its joiner, and the last one releases what the process
 * holds and makes it a zombie, until its parent has waited for it. Processes
 * whose parent is gone are nobody's: they leave the table at once.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/space.h>
#include <kernel/proc/futex.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/proc/trace.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/vfs.h>
#include <dev/tty/tty.h>

#define ROBUST_LIST_MAX 2048 /* entries; a longer list is a loop */

/* --- threads --------------------------------------------------------------------- */

/* Marks one robust futex that the thread holds as left behind, and wakes a waiter (set_robust_list(2)). */
LOCAL void exit_release_futex(const struct thread *thread, uint64_t address)
{
    uint32_t value, found;
    struct user_ptr word = user_ptr_from(address);
    if (address % sizeof value != 0 || get_user_u32(&value, word) != 0)
        return;
    while ((value & FUTEX_TID_MASK) == (uint32_t)thread->id) {
        if (user_compare_exchange_u32(word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &found) != 0)
            return;
        if (found == value) {
            if (value & FUTEX_WAITERS)
                (void)futex_wake(word, false, 1, FUTEX_BITSET_MATCH_ANY);
            return;
        }
        value = found;
    }
}

LOCAL void exit_walk_robust_list(struct thread *thread)
{
    struct abi_robust_list_head head;
    struct user_ptr start = user_ptr_from(thread->robust_list);
    thread->robust_list = 0;
    if (copy_from_user(&head, start, sizeof head) != 0)
        return;
    uint64_t pending = head.list_op_pending.address & ~1ULL;
    uint64_t entry = head.list.address;
    for (unsigned i = 0; i < ROBUST_LIST_MAX && (entry & ~1ULL) != start.address; i++) {
        uint64_t next;
        if (get_user_u64(&next, user_ptr_from(entry & ~1ULL)) != 0)
            return;
        if ((entry & ~1ULL) != pending && !(entry & 1)) /* bit 0: priority inheritance, refused */
            exit_release_futex(thread, (entry & ~1ULL) + (uint64_t)head.futex_offset);
        entry = next;
    }
    if (pending != 0)
        exit_release_futex(thread, pending + (uint64_t)head.futex_offset);
}

void process_release_thread_memory(struct thread *thread)
{
    if (thread->robust_list != 0)
        exit_walk_robust_list(thread);
    if (thread->clear_child_tid != 0) {
        struct user_ptr address = user_ptr_from(thread->clear_child_tid);
        thread->clear_child_tid = 0;
        if (put_user_u32(address, 0) == 0) /* a bad address is the program's loss */
            (void)futex_wake(address, false, 1, FUTEX_BITSET_MATCH_ANY);
    }
}

LOCAL bool exit_remove_thread(struct process *process, struct thread *thread)
{
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    list_remove(&thread->process_link);
    process->ended_time += thread_cpu_time();
    bool last = list_is_empty(&process->threads);
    spin_unlock_irq(&process->signals->lock, flags);
    wait_queue_wake_all(&process->events); /* execve(2) waits until it is alone */
    return last;
}

/* --- processes ------------------------------------------------------------------- */

nanos_t process_cpu_time(struct process *process)
{
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    nanos_t sum = process->ended_time;
    list_for_each(node, &process->threads) {
        sum += thread_cpu_time_of(container_of(node, struct thread, process_link));
    }
    spin_unlock_irq(&process->signals->lock, flags);
    return sum;
}

/* Takes what the process holds from it, and waits until no visitor looks at it any more. */
LOCAL void exit_close_files(struct process *process)
{
    irq_flags_t flags = process_table_lock();
    struct file_table *files = process->files;
    struct fs_context *fs = process->fs;
    process->files = NULL;
    process->fs = NULL;
    process_table_unlock(flags);
    process_wait_for_visitors(process);
    file_table_put_reference(files);
    fs_context_put(fs);
}

/* The caller has left the process: its CPU does not use the memory any more. */
LOCAL void exit_release_memory(struct process *process)
{
    timer_cancel(&process->real_timer->timer);
    timer_cancel(&process->cpu_timer->timer);
    irq_flags_t flags = process_table_lock();
    struct address_space *space = process->space;
    process->space = NULL;
    process_table_unlock(flags);
    process_wait_for_visitors(process);
    space_put(space);
}

void process_release_vfork(struct process *process)
{
    irq_flags_t flags = process_table_lock();
    if (!process->vfork_released) {
        __atomic_store_n(&process->vfork_released, true, __ATOMIC_RELEASE);
        if (process->parent != NULL)
            wait_queue_wake_all(&process->parent->events);
    }
    process_table_unlock(flags);
}

LOCAL int exit_code_of(int status)
{
    if ((status & 0x7f) == 0)
        return CLD_EXITED;
    return status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

void process_notify_parent(struct process *process, int code, int status)
{
    struct process *parent = process->parent;
    if (parent == NULL)
        return;
    int signal = code == CLD_EXITED || code == CLD_KILLED || code == CLD_DUMPED ? process->exit_signal : SIGCHLD;
    struct abi_siginfo info = { .signo = signal, .code = code };
    info.pid = process->id;
    info.uid = process->credentials.uid;
    info.status = status;
    bool unwanted = (code == CLD_STOPPED || code == CLD_CONTINUED) && signal_child_stops_are_unwanted(parent->signals);
    if (signal != 0 && !unwanted)
        (void)!signal_send_process_info(parent, signal, &info);
    wait_queue_wake_all(&parent->events);
}

/* Zombies without a parent to be collected once the table's lock is free. */
LOCAL void exit_collect(struct process *process, struct list *reaped)
{
    process_unlink(process);
    list_append(reaped, &process->sibling_link);
}

LOCAL void exit_hang_up(struct process *process, void *context)
{
    if (process->group_id != *(const int32_t *)context || process->is_zombie)
        return;
    (void)!signal_send_process(process, SIGHUP);
    (void)!signal_send_process(process, SIGCONT);
}

/* The group may just have become orphaned: if it has stopped members, nobody would let them go on (POSIX, _exit()).
 * The table's lock held. */
LOCAL void exit_check_group(int32_t group)
{
    if (process_group_is_stopped_orphan(group))
        process_for_each_locked(exit_hang_up, &group);
}

/* The children become nobody's. The table's lock held. */
LOCAL void exit_leave_children(struct process *process, struct list *reaped)
{
    struct list *node;
    while ((node = list_pop_first(&process->children)) != NULL) {
        struct process *child = container_of(node, struct process, sibling_link);
        child->parent = NULL;
        child->parent_id = WORLD_PID;
        if (child->death_signal != 0 && !child->is_zombie)
            (void)!signal_send_process(child, child->death_signal);
        if (child->group_id != process->group_id && child->session_id == process->session_id)
            exit_check_group(child->group_id);
        if (child->is_zombie)
            exit_collect(child, reaped);
    }
}

/* From now on it is a zombie, or gone when nobody wants to know. */
LOCAL void exit_become_zombie(struct process *process)
{
    struct list reaped = LIST_INIT(reaped);
    irq_flags_t flags = process_table_lock();
    exit_leave_children(process, &reaped);
    process->is_zombie = true;
    if (process->parent != NULL && process->parent->group_id != process->group_id
        && process->parent->session_id == process->session_id)
        exit_check_group(process->group_id);
    bool unwanted = process->parent == NULL
        || (process->exit_signal == SIGCHLD && signal_children_are_unwanted(process->parent->signals));
    int code = exit_code_of(process->exit_status);
    process_notify_parent(process, code,
                          code == CLD_EXITED ? process->exit_status >> 8 & 0xff : process->exit_status & 0x7f);
    if (unwanted)
        exit_collect(process, &reaped);
    process_table_unlock(flags);
    struct list *node;
    while ((node = list_pop_first(&reaped)) != NULL)
        process_put(container_of(node, struct process, sibling_link));
}

/* By the last thread, with a reference that is given back. */
LOCAL NORETURN void exit_process(struct process *process)
{
    const int status = process->exit_status;
    const bool is_first = process->id == WORLD_PID;
    trace_end(status);
    tty_leave(process);
    exit_close_files(process); /* as long as it has a process: closing may sleep, and ask for signals */
    thread_leave_process();
    exit_release_memory(process);
    process_release_vfork(process);
    exit_become_zombie(process);
    process_put(process);
    if (is_first)
        world_ended(status);
    thread_exit();
}

void process_exit_thread(int status)
{
    struct thread *me = thread_current();
    struct process *process = me->process;
    process_release_thread_memory(me);
    signal_forget_thread(me);
    if (!process->exiting)
        process->exit_status = status;
    me->signal_check = false;
    process_get(process); /* once this thread is off the list, another one may be the last */
    if (exit_remove_thread(process, me))
        exit_process(process);
    thread_leave_process();
    process_put(process);
    thread_exit();
}

void process_exit_group(int status)
{
    struct process *process = process_current();
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    if (!process->exiting) {
        process->exit_status = status;
        process->exiting = true;
    }
    list_for_each(node, &process->threads) {
        struct thread *thread = container_of(node, struct thread, process_link);
        thread->signal_check = true;
        thread_wake(thread);
    }
    spin_unlock_irq(&process->signals->lock, flags);
    process_exit_thread(process->exit_status);
}

/* --- wait ------------------------------------------------------------------------ */

LOCAL bool wait_matches(const struct wait_request *request, const struct process *child)
{
    switch (request->type) {
    case P_PID: return child->id == request->id;
    case P_PGID: return child->group_id == request->id;
    default: return true;
    }
}

/* What the child has to tell, if it was asked for: CLD_..., else 0. The table's lock held. */
LOCAL int wait_look(struct process *child, const struct wait_request *request, int *status)
{
    if (child->is_zombie) {
        *status = child->exit_status;
        return request->options & WEXITED ? exit_code_of(*status) : 0;
    }
    int code = 0;
    spin_lock(&child->signals->lock);
    int report = child->stop_report;
    if (report == SIGCONT && (request->options & WCONTINUED)) {
        code = CLD_CONTINUED;
        *status = 0xffff;
    } else if (report != 0 && report != SIGCONT && (request->options & WSTOPPED)) {
        code = CLD_STOPPED;
        *status = report << 8 | 0x7f;
    }
    if (code != 0 && !(request->options & WNOWAIT))
        child->stop_report = 0;
    spin_unlock(&child->signals->lock);
    return code;
}

/* Looks at all children once. A child's id, 0: nothing to tell yet, -ECHILD: there is none to wait for. A zombie that
 * was waited for is *reaped: the caller drops the table's reference. */
LOCAL int32_t wait_scan(const struct wait_request *request, struct wait_result *result, struct process **reaped)
{
    struct process *me = process_current();
    int32_t found = -ECHILD;
    irq_flags_t flags = process_table_lock();
    list_for_each_safe(node, &me->children) {
        struct process *child = container_of(node, struct process, sibling_link);
        if (!wait_matches(request, child))
            continue;
        result->code = wait_look(child, request, &result->status);
        found = 0;
        if (result->code == 0)
            continue;
        found = result->pid = child->id;
        result->uid = child->credentials.uid;
        result->cpu_time = child->ended_time + child->children_time;
        if (child->is_zombie && !(request->options & WNOWAIT)) {
            me->children_time += result->cpu_time;
            process_unlink(child);
            *reaped = child;
        }
        break;
    }
    process_table_unlock(flags);
    return found;
}

int process_wait(const struct wait_request *request, struct wait_result *result)
{
    struct process *me = process_current(), *reaped = NULL;
    int32_t found = 0;
    *result = (struct wait_result){ 0 };
    int error = 0;
    if (request->options & WNOHANG)
        found = wait_scan(request, result, &reaped);
    else
        error = WAIT_EVENT(&me->events, (found = wait_scan(request, result, &reaped)) != 0);
    if (reaped != NULL)
        process_put(reaped);
    return error != 0 ? error : MIN(found, 0);
}

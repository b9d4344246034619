/*
 * The process table, threads of a process, and their end.
 *
 * A thread leaves its process in process_exit_thread(): it clears
 * clear_child_tid, wakes its joiner, and the last one releases what the process
 * holds. When process 1 is gone, the machine has nothing left to do.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/proc/futex.h>
#include <kernel/proc/process.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>

#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

static struct spinlock table_lock = SPINLOCK_INIT("process table", LOCK_RANK_PROCESS_TREE);
static struct list table = LIST_INIT(table); /* table_lock; struct process.table_link */

struct process *process_current(void) { return thread_current()->process; }

struct process *process_find(int32_t pid)
{
    struct process *found = NULL;
    irq_flags_t flags = spin_lock_irq(&table_lock);
    list_for_each(node, &table) {
        struct process *process = container_of(node, struct process, table_link);
        if (process->id == pid)
            found = process;
    }
    spin_unlock_irq(&table_lock, flags);
    return found;
}

int process_for_each_in_group(int32_t group, void (*visit)(struct process *process, void *context), void *context)
{
    int count = 0;
    irq_flags_t flags = spin_lock_irq(&table_lock);
    list_for_each(node, &table) {
        struct process *process = container_of(node, struct process, table_link);
        if (group != PROCESS_GROUP_ANY && process->group_id != group)
            continue;
        visit(process, context);
        count++;
    }
    spin_unlock_irq(&table_lock, flags);
    return count;
}

struct process *process_create(int32_t pid, const char *name)
{
    struct process *process = kzalloc(sizeof *process);
    if (process == NULL)
        return NULL;
    process->id = process->group_id = process->session_id = pid;
    strlcpy(process->name, name, sizeof process->name);
    list_init(&process->threads);
    mutex_init(&process->lock, "process", LOCK_RANK_PROCESS);
    process->files = file_table_create();
    process->fs = fs_context_create();
    process->signals = signal_state_create();
    process->real_timer = kzalloc(sizeof *process->real_timer);
    if (process->real_timer != NULL)
        timer_init(process->real_timer, NULL);
    if (process->files == NULL || process->fs == NULL || process->signals == NULL || process->real_timer == NULL)
        panic("process: no memory for pid %d", pid); /* only process 1 as yet */
    irq_flags_t flags = spin_lock_irq(&table_lock);
    list_append(&table, &process->table_link);
    spin_unlock_irq(&table_lock, flags);
    return process;
}

void process_add_thread(struct process *process, struct thread *thread)
{
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    list_append(&process->threads, &thread->process_link);
    spin_unlock_irq(&process->signals->lock, flags);
}

int64_t process_clone_thread(const struct clone_request *request)
{
    struct thread *me = thread_current();
    struct process *process = me->process;
    if ((request->flags & THREAD_FLAGS) != THREAD_FLAGS)
        return -ENOSYS; /* processes: fork, vfork (docs/limits.md) */
    struct trap_frame frame = *me->user_frame;
    frame.rax = 0;
    frame.vector = VECTOR_SYSCALL_SLOW;
    if (request->stack != 0)
        frame.rsp = request->stack;
    struct thread *thread = thread_create_with_frame(me->name, process, &frame);
    if (thread == NULL)
        return -EAGAIN;
    uint64_t flags = irqs_disable();
    fpu_save(me->fpu);
    fpu_copy(thread->fpu, me->fpu);
    irqs_restore(flags);
    thread->fault_info = kzalloc(sizeof *thread->fault_info);
    thread->role = (uint32_t)frame.role;
    thread->fs_base = request->flags & CLONE_SETTLS ? request->tls : me->fs_base;
    thread->signal_mask = me->signal_mask;
    int32_t id = thread->id;
    int error = thread->fault_info == NULL ? -EAGAIN : 0;
    if (error == 0 && (request->flags & CLONE_PARENT_SETTID))
        error = put_user_u32(request->parent_tid, (uint32_t)id);
    if (error == 0 && (request->flags & CLONE_CHILD_SETTID))
        error = put_user_u32(request->child_tid, (uint32_t)id);
    if (error != 0) {
        thread->process = NULL;
        thread->state = THREAD_DEAD;
        thread_put(thread);
        thread_put(thread);
        return error;
    }
    if (request->flags & CLONE_CHILD_CLEARTID)
        thread->clear_child_tid = request->child_tid.address;
    /* Until it runs, its kernel stack holds the frame: the role of a running thread in the kernel. */
    thread->role = THREAD_IN_KERNEL;
    process_add_thread(process, thread);
    thread_start(thread);
    thread_put(thread);
    return id;
}

/* The last thread is leaving: gives back everything. */
LOCAL void process_release(struct process *process)
{
    timer_cancel(process->real_timer);
    file_table_put_reference(process->files);
    process->files = NULL;
    irq_flags_t flags = spin_lock_irq(&table_lock);
    list_remove(&process->table_link);
    spin_unlock_irq(&table_lock, flags);
    fs_context_put(process->fs);
    struct address_space *space = process->space;
    thread_current()->process = NULL;
    space_put(space);
    signal_state_destroy(process->signals);
    kfree(process->real_timer);
    kfree(process->arguments);
    kfree(process->executable);
    kfree(process);
}

LOCAL bool process_remove_thread(struct process *process, struct thread *thread)
{
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    list_remove(&thread->process_link);
    process->ended_time += thread_cpu_time();
    bool last = list_is_empty(&process->threads);
    spin_unlock_irq(&process->signals->lock, flags);
    return last;
}

void process_exit_thread(int status)
{
    struct thread *me = thread_current();
    struct process *process = me->process;
    if (me->clear_child_tid != 0) {
        struct user_ptr address = user_ptr_from(me->clear_child_tid);
        if (put_user_u32(address, 0) == 0) /* a bad address is the program's loss */
            futex_wake(address, 1, FUTEX_BITSET_MATCH_ANY);
    }
    if (!process->exiting)
        process->exit_status = status;
    bool last = process_remove_thread(process, me);
    me->signal_check = false;
    if (last) {
        int final = process->exit_status;
        bool world = process->is_world;
        process_release(process);
        if (world)
            world_ended(final);
    } else {
        me->process = NULL;
    }
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
    process_exit_thread(status);
}

/*
 * clone(2), fork(2), vfork(2): threads of the current process, and processes.
 *
 * The world cannot be copied: its code and data have one address in one space.
 * Its children share its memory until execve(2) (CLONE_VM | CLONE_VFORK), while
 * the thread that made them waits.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/proc/trace.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>

#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define PROCESS_FLAGS                                                                                              \
    (CLONE_VM | CLONE_VFORK | CLONE_FS | CLONE_FILES | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID       \
     | CLONE_CHILD_CLEARTID | CLONE_SYSVSEM | CLONE_UNTRACED | CLONE_DETACHED | CLONE_CLEAR_SIGHAND)

/* Ring 3 gets at most this part of memory's pages as threads, so that a fork bomb leaves the world room. */
#define PAGES_PER_THREAD 128
#define THREADS_MAX      8192

struct thread_count { uint64_t user; };

LOCAL void clone_count_thread(struct thread *thread, void *context)
{
    struct thread_count *count = context;
    count->user += thread->process != NULL && !thread->process->is_world;
}

/* May one more ring-3 thread be made? */
LOCAL bool clone_is_within_limits(void)
{
    struct page_statistics pages;
    struct thread_count count = { 0 };
    thread_for_each(clone_count_thread, &count);
    page_get_statistics(&pages);
    uint64_t limit = MIN(pages.total / PAGES_PER_THREAD, THREADS_MAX);
    return count.user < MIN(limit, process_limit(RLIMIT_NPROC)) && pages.free > pages.total / 32;
}

/* A thread for `process` that continues after the current syscall with result 0. NULL: no memory. */
LOCAL struct thread *clone_create_thread(const struct clone_request *request, struct process *process)
{
    struct thread *me = thread_current();
    struct trap_frame frame = *me->user_frame;
    frame.rax = 0;
    frame.vector = VECTOR_SYSCALL_SLOW;
    if (request->stack != 0)
        frame.rsp = request->stack;
    struct thread *thread = thread_create_with_frame(me->name, process, &frame);
    if (thread == NULL)
        return NULL;
    uint64_t flags = irqs_disable();
    fpu_copy(thread->fpu, fpu_fetch_own());
    irqs_restore(flags);
    thread->fault_info = kzalloc(sizeof *thread->fault_info);
    thread->fs_base = request->flags & CLONE_SETTLS ? request->tls : me->fs_base;
    thread->gs_base = me->gs_base;
    thread->root = me->root;
    thread->signal_mask = me->signal_mask;
    if (request->flags & CLONE_CHILD_CLEARTID)
        thread->clear_child_tid = request->child_tid.address;
    return thread;
}

/* A thread that never ran. */
LOCAL void clone_discard_thread(struct thread *thread)
{
    thread->process = NULL;
    thread->state = THREAD_DEAD;
    thread_put(thread);
    thread_put(thread);
}

LOCAL int clone_store_ids(const struct clone_request *request, int32_t id, struct address_space *space)
{
    int error = 0;
    if (request->flags & CLONE_PARENT_SETTID)
        error = put_user_u32(request->parent_tid, (uint32_t)id);
    if (error == 0 && (request->flags & CLONE_CHILD_SETTID)) {
        if (request->flags & CLONE_VM)
            error = put_user_u32(request->child_tid, (uint32_t)id);
        else
            (void)!space_write(space, request->child_tid.address, &id, sizeof id); /* as Linux: the child's loss */
    }
    return error;
}

LOCAL int64_t clone_thread(const struct clone_request *request)
{
    struct process *process = process_current();
    struct thread *thread = clone_create_thread(request, process);
    if (thread == NULL)
        return -EAGAIN;
    int32_t id = thread->id;
    int error = thread->fault_info == NULL ? -EAGAIN : clone_store_ids(request, id, process->space);
    if (error != 0) {
        clone_discard_thread(thread);
        return error;
    }
    process_add_thread(process, thread);
    thread_start(thread);
    thread_put(thread);
    return id;
}

/* --- processes ------------------------------------------------------------------- */

LOCAL char *clone_copy(const char *bytes, size_t size)
{
    char *copy = bytes == NULL ? NULL : kmalloc(size);
    if (copy != NULL)
        memcpy(copy, bytes, size);
    return copy;
}

LOCAL void clone_copy_description(struct process *child, struct process *parent)
{
    mutex_lock(&parent->lock);
    memcpy(child->limits, parent->limits, sizeof child->limits);
    child->arguments = clone_copy(parent->arguments, parent->arguments_size);
    child->arguments_size = child->arguments != NULL ? parent->arguments_size : 0;
    child->executable = parent->executable == NULL ? NULL : clone_copy(parent->executable, strlen(parent->executable) + 1);
    mutex_unlock(&parent->lock);
    memcpy(child->auxiliary, parent->auxiliary, sizeof child->auxiliary);
    child->auxiliary_size = parent->auxiliary_size;
}

/* Gives the child what it shares with its parent or has a copy of. 0 or -ENOMEM. */
LOCAL int clone_fill_process(struct process *child, struct process *parent, const struct clone_request *request)
{
    uint64_t flags = request->flags;
    int error = 0;
    child->is_world = parent->is_world;
    child->credentials = parent->credentials;
    child->exit_signal = request->exit_signal;
    child->no_new_privileges = parent->no_new_privileges;
    clone_copy_description(child, parent);
    signal_state_copy(child->signals, parent->signals, (flags & CLONE_CLEAR_SIGHAND) != 0);
    if (flags & CLONE_VM) {
        child->space = parent->space;
        space_get(child->space);
    } else {
        error = space_fork(parent->space, &child->space);
    }
    if (error == 0 && (flags & CLONE_FILES)) {
        child->files = parent->files;
        file_table_get_reference(child->files);
    } else if (error == 0) {
        child->files = file_table_copy(parent->files);
    }
    if (error == 0 && (flags & CLONE_FS)) {
        child->fs = parent->fs;
        fs_context_get(child->fs);
    } else if (error == 0) {
        child->fs = fs_context_copy(parent->fs);
    }
    return error == 0 && (child->files == NULL || child->fs == NULL) ? -ENOMEM : error;
}

/* A process that never ran. */
LOCAL void clone_discard_process(struct process *child)
{
    if (child->space != NULL)
        space_put(child->space);
    if (child->files != NULL)
        file_table_put_reference(child->files);
    if (child->fs != NULL)
        fs_context_put(child->fs);
    process_put(child);
}

LOCAL int64_t clone_process(const struct clone_request *request)
{
    struct process *parent = process_current();
    struct thread *me = thread_current();
    struct process *child = process_create(parent->name);
    if (child == NULL)
        return -ENOMEM;
    int error = clone_fill_process(child, parent, request);
    struct thread *thread = error == 0 ? clone_create_thread(request, child) : NULL;
    if (thread == NULL) {
        clone_discard_process(child);
        return error != 0 ? error : -EAGAIN;
    }
    thread->root = child->is_world ? 0 : child->space->root;
    if (!(request->flags & CLONE_VM) || (request->flags & CLONE_VFORK)) {
        thread->signal_stack_base = me->signal_stack_base;
        thread->signal_stack_size = me->signal_stack_size;
    }
    int32_t id = child->id = thread->id;
    error = thread->fault_info == NULL ? -EAGAIN : clone_store_ids(request, id, child->space);
    if (error != 0) {
        clone_discard_thread(thread);
        clone_discard_process(child);
        return error;
    }
    process_get(child);
    trace_inherit(child, parent);
    process_publish(child, parent);
    process_add_thread(child, thread);
    process_watch_cpu_time(child);
    thread_start(thread);
    thread_put(thread);
    if (request->flags & CLONE_VFORK)
        WAIT_EVENT_UNINTERRUPTIBLE(&parent->events, __atomic_load_n(&child->vfork_released, __ATOMIC_ACQUIRE));
    process_put(child);
    return id;
}

LOCAL int clone_check(const struct clone_request *request)
{
    uint64_t flags = request->flags;
    bool is_world = process_current()->is_world;
    if ((flags & CLONE_NEWNS) && (flags & CLONE_FS))
        return -EINVAL;
    if (request->exit_signal < 0 || request->exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if (flags & CLONE_THREAD)
        return (flags & THREAD_FLAGS) == THREAD_FLAGS ? 0 : -EINVAL;
    if (flags & ~(uint64_t)PROCESS_FLAGS)
        return (flags & CLONE_SIGHAND) && !(flags & CLONE_VM) ? -EINVAL : -ENOSYS; /* docs/limits.md */
    if (is_world && (flags & (CLONE_VM | CLONE_VFORK)) != (CLONE_VM | CLONE_VFORK))
        return -ENOSYS; /* fork at ring 0 */
    return 0;
}

int64_t process_clone(const struct clone_request *request)
{
    int error = clone_check(request);
    if (error != 0)
        return error;
    if (!process_current()->is_world && !clone_is_within_limits())
        return -EAGAIN;
    return request->flags & CLONE_THREAD ? clone_thread(request) : clone_process(request);
}

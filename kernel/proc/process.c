/*
 * The process table: finding processes, the tree of parents and children,
 * groups and sessions.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/proc/trace.h>
#include <lib/string.h>

static struct spinlock table_lock = SPINLOCK_INIT("process table", LOCK_RANK_PROCESS_TREE);
static struct list table = LIST_INIT(table); /* table_lock; struct process.table_link */

struct process *process_current(void) { return thread_current()->process; }

irq_flags_t process_table_lock(void) { return spin_lock_irq(&table_lock); }
void process_table_unlock(irq_flags_t flags) { spin_unlock_irq(&table_lock, flags); }

/* The lock held. */
LOCAL struct process *process_find_locked(int32_t pid)
{
    list_for_each(node, &table) {
        struct process *process = container_of(node, struct process, table_link);
        if (process->id == pid)
            return process;
    }
    return NULL;
}

void process_get(struct process *process) { __atomic_add_fetch(&process->references, 1, __ATOMIC_RELAXED); }

struct process *process_find(int32_t pid)
{
    irq_flags_t flags = spin_lock_irq(&table_lock);
    struct process *found = process_find_locked(pid);
    if (found != NULL)
        process_get(found);
    spin_unlock_irq(&table_lock, flags);
    return found;
}

void process_put(struct process *process)
{
    if (__atomic_sub_fetch(&process->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    trace_forget(process);
    if (process->cpu_timer != NULL && process->cpu_timer->process != NULL)
        timer_cancel(&process->cpu_timer->timer); /* prlimit(2) of another may have armed it after the end */
    if (process->signals != NULL)
        signal_state_destroy(process->signals);
    kfree(process->real_timer);
    kfree(process->cpu_timer);
    kfree(process->arguments);
    kfree(process->executable);
    kfree(process);
}

struct process *process_create(const char *name)
{
    struct process *process = kzalloc(sizeof *process);
    if (process == NULL)
        return NULL;
    process->references = 1;
    process->exit_signal = SIGCHLD;
    strlcpy(process->name, name, sizeof process->name);
    list_init(&process->threads);
    list_init(&process->children);
    list_init(&process->sibling_link);
    list_init(&process->table_link);
    wait_queue_init(&process->events, "process events");
    mutex_init(&process->lock, "process", LOCK_RANK_PROCESS);
    process->signals = signal_state_create();
    process->real_timer = kzalloc(sizeof *process->real_timer);
    process->cpu_timer = kzalloc(sizeof *process->cpu_timer);
    if (process->signals == NULL || process->real_timer == NULL || process->cpu_timer == NULL) {
        process_put(process);
        return NULL;
    }
    timer_init(&process->real_timer->timer, NULL);
    timer_init(&process->cpu_timer->timer, NULL);
    process->real_timer->process = process->cpu_timer->process = process;
    process->start_time = clock_monotonic();
    for (unsigned i = 0; i < PROCESS_LIMIT_COUNT; i++)
        process->limits[i] = (struct abi_rlimit){ RLIM64_INFINITY, RLIM64_INFINITY };
    return process;
}

void process_publish(struct process *process, struct process *parent)
{
    irq_flags_t flags = spin_lock_irq(&table_lock);
    process->parent = parent;
    process->parent_id = parent != NULL ? parent->id : process->id == WORLD_PID ? 0 : WORLD_PID;
    if (parent != NULL) {
        process->group_id = parent->group_id;
        process->session_id = parent->session_id;
        process->tty = parent->tty;
        list_append(&parent->children, &process->sibling_link);
    } else {
        process->group_id = process->session_id = process->id;
    }
    list_append(&table, &process->table_link);
    spin_unlock_irq(&table_lock, flags);
}

void process_unlink(struct process *process)
{
    KASSERT(spin_is_held_by_me(&table_lock) && process->is_zombie);
    list_remove(&process->table_link);
    list_remove(&process->sibling_link);
}

void process_add_thread(struct process *process, struct thread *thread)
{
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    list_append(&process->threads, &thread->process_link);
    thread->signal_check = true; /* what came before could not tell it */
    spin_unlock_irq(&process->signals->lock, flags);
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

void process_for_each_locked(void (*visit)(struct process *process, void *context), void *context)
{
    KASSERT(spin_is_held_by_me(&table_lock));
    list_for_each(node, &table)
        visit(container_of(node, struct process, table_link), context);
}

/* The table's lock held. *stopped: one of its processes is stopped. */
LOCAL bool process_group_is_orphaned_locked(int32_t group, bool *stopped)
{
    bool orphaned = true;
    *stopped = false;
    list_for_each(node, &table) {
        const struct process *process = container_of(node, struct process, table_link);
        const struct process *parent = process->parent;
        if (process->group_id != group || process->is_zombie)
            continue;
        *stopped = *stopped || process->stop_signal != 0;
        if (parent != NULL && parent->group_id != group && parent->session_id == process->session_id)
            orphaned = false;
    }
    return orphaned;
}

bool process_group_is_orphaned(int32_t group)
{
    bool stopped;
    irq_flags_t flags = spin_lock_irq(&table_lock);
    bool orphaned = process_group_is_orphaned_locked(group, &stopped);
    spin_unlock_irq(&table_lock, flags);
    return orphaned;
}

bool process_group_is_stopped_orphan(int32_t group)
{
    bool stopped;
    return process_group_is_orphaned_locked(group, &stopped) && stopped;
}

/* --- what a process holds ------------------------------------------------------ */

bool process_visit_begin(struct process *process)
{
    irq_flags_t flags = spin_lock_irq(&table_lock);
    bool alive = process->space != NULL;
    process->visitors += alive;
    spin_unlock_irq(&table_lock, flags);
    return alive;
}

void process_visit_end(struct process *process)
{
    irq_flags_t flags = spin_lock_irq(&table_lock);
    if (--process->visitors == 0)
        wait_queue_wake_all(&process->events);
    spin_unlock_irq(&table_lock, flags);
}

LOCAL bool process_has_visitors(struct process *process)
{
    irq_flags_t flags = spin_lock_irq(&table_lock);
    bool any = process->visitors > 0;
    spin_unlock_irq(&table_lock, flags);
    return any;
}

void process_wait_for_visitors(struct process *process)
{
    WAIT_EVENT_UNINTERRUPTIBLE(&process->events, !process_has_visitors(process));
}

uint64_t process_limit(unsigned resource) { return process_current()->limits[resource].rlim_cur; }

/* --- groups and sessions ------------------------------------------------------- */

/* The table's lock held. Is there a process of `group` in this session? */
LOCAL bool process_group_exists(int32_t group, int32_t session)
{
    list_for_each(node, &table) {
        const struct process *process = container_of(node, struct process, table_link);
        if (process->group_id == group && process->session_id == session)
            return true;
    }
    return false;
}

LOCAL int process_check_group(const struct process *me, const struct process *target, int32_t group)
{
    if (target == NULL || (target != me && target->parent != me))
        return -ESRCH;
    if (target != me && target->has_executed)
        return -EACCES;
    if (target->session_id != me->session_id || target->session_id == target->id)
        return -EPERM;
    return group == target->id || process_group_exists(group, me->session_id) ? 0 : -EPERM;
}

int process_set_group(int32_t pid, int32_t group)
{
    struct process *me = process_current();
    if (group < 0)
        return -EINVAL;
    irq_flags_t flags = spin_lock_irq(&table_lock);
    struct process *target = pid == 0 ? me : process_find_locked(pid);
    if (group == 0 && target != NULL)
        group = target->id;
    int error = process_check_group(me, target, group);
    if (error == 0)
        target->group_id = group;
    spin_unlock_irq(&table_lock, flags);
    return error;
}

int32_t process_new_session(void)
{
    struct process *me = process_current();
    int32_t result = me->id;
    irq_flags_t flags = spin_lock_irq(&table_lock);
    list_for_each(node, &table)
        if (container_of(node, struct process, table_link)->group_id == me->id)
            result = -EPERM; /* it leads a group already */
    if (result > 0) {
        me->session_id = me->group_id = me->id;
        me->tty = NULL;
    }
    spin_unlock_irq(&table_lock, flags);
    return result;
}

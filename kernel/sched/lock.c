/*
 * Ticket spinlocks and mutexes with the checks that lock.h names.
 *
 * The order check keeps the ranks that a thread holds in struct thread. An
 * interrupt handler starts with an empty list of its own (held_floor).
 */
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <kernel/log.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/lock_steps.h>
#include <kernel/sched/preempt.h>
#include <kernel/sched/thread.h>

#define MUTEX_SPINS 500

static bool lock_checks = true;
static volatile bool locks_broken; /* panic: other holders will never release */

void lock_set_checks(bool on) { lock_checks = on; }
void lock_break_all(void) { locks_broken = true; }

void lock_check_order(const struct thread *me, uint32_t rank, const char *name, bool nested)
{
    uint32_t highest = me->held[me->held_count - 1].highest;
    if (!lock_checks || locks_broken || (highest == rank && (nested || rank == LOCK_RANK_LEAF)))
        return;
    uint32_t top = me->held_floor;
    while (me->held[top].rank != highest)
        top++;
    panic("lock order: %s (rank %u) taken by %s while it holds %s (rank %u)", name, rank, me->name, me->held[top].name, highest);
}

void lock_too_many(const struct thread *me)
{
    if (!locks_broken)
        panic("%s holds more than %d locks", me->name, THREAD_MAX_LOCKS);
}

void lock_forget(struct thread *me, const void *lock, const char *name)
{
    for (uint32_t i = me->held_count; i-- > 0;) {
        if (me->held[i].lock != lock)
            continue;
        for (; i + 1 < me->held_count; i++) {
            uint32_t below = i > me->held_floor ? me->held[i - 1].highest : LOCK_RANK_NONE;
            me->held[i] = me->held[i + 1];
            me->held[i].highest = (uint16_t)MAX(below, me->held[i].rank);
        }
        __asm__ volatile("" : : : "memory");
        me->held_count--; /* last, as in lock_note_released() */
        return;
    }
    if (!locks_broken)
        panic("lock %s released by %s, which does not hold it", name, me->name);
}

void lock_check_may_sleep(void)
{
    const struct thread *me = this_thread();
    if (!lock_checks || locks_broken)
        return;
    if (!irqs_are_enabled() && this_cpu()->interrupt_depth > 0)
        panic("%s sleeps in an interrupt", me->name);
    if (me->preempt_count == 0)
        return;
    for (uint32_t i = 0; i < me->held_count; i++)
        if (me->held[i].rank >= LOCK_RANK_TIMER)
            panic("%s sleeps while it holds a spinlock of rank %u", me->name, me->held[i].rank);
    panic("%s sleeps with preemption off (count %u)", me->name, me->preempt_count);
}

/* --- spinlocks ----------------------------------------------------------- */

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank)
{
    *lock = (struct spinlock)SPINLOCK_INIT(name, (uint32_t)rank);
}

bool spin_is_held_by_me(const struct spinlock *lock) { return lock->holder == this_thread() && lock->holder_cpu >= 0; }

void spin_wait(const struct spinlock *lock, uint32_t ticket)
{
    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket && !locks_broken)
        cpu_relax();
}

void spin_refuse(const struct spinlock *lock)
{
    if (!locks_broken)
        panic("spinlock %s: taken again on the CPU that holds it (by %s)", lock->name, lock->holder != NULL ? lock->holder->name : "?");
}

void spin_acquire(struct spinlock *lock) { spin_take(lock); }
void spin_release(struct spinlock *lock) { spin_give(lock); }

void spin_lock(struct spinlock *lock)
{
    preempt_count_up();
    lock_note_held(lock, lock->rank, lock->name, false, false);
    spin_take(lock);
}

void spin_unlock(struct spinlock *lock)
{
    lock_note_released(lock, lock->name);
    spin_give(lock);
    preempt_count_down();
}

irq_flags_t spin_lock_irq(struct spinlock *lock)
{
    irq_flags_t flags = cpu_disable_interrupts();
    preempt_count_up();
    lock_note_held(lock, lock->rank, lock->name, false, false);
    spin_take(lock);
    return flags;
}

void spin_unlock_irq(struct spinlock *lock, irq_flags_t flags)
{
    lock_note_released(lock, lock->name);
    spin_give(lock);
    irqs_restore(flags);
    preempt_count_down();
}

/* --- mutexes ------------------------------------------------------------- */

void mutex_init(struct mutex *mutex, const char *name, enum lock_rank rank)
{
    spin_init(&mutex->guard, name, LOCK_RANK_WAIT_QUEUE);
    mutex->holder = NULL;
    list_init(&mutex->waiters);
    mutex->rank = rank;
    mutex->name = name;
}

bool mutex_is_held_by_me(const struct mutex *mutex) { return mutex->holder == this_thread(); }

/* One that was woken and found the mutex taken again gets it next: nobody waits for ever. */
struct mutex_waiter {
    struct wait_entry entry;
    bool passed_over;
};

/*
 * Other CPUs hold a mutex for microseconds, mostly: less than a sleep costs. Waits while the holder runs, but not for
 * long. The holder is looked at without a lock: should it end meanwhile, its memory stays readable.
 */
LOCAL void mutex_spin(const struct mutex *mutex)
{
    if (smp_online_count() == 1)
        return;
    preempt_disable();
    for (int i = 0; i < MUTEX_SPINS; i++) {
        const struct thread *holder = __atomic_load_n(&mutex->holder, __ATOMIC_ACQUIRE);
        if (holder == NULL || holder->state != THREAD_RUNNING || this_cpu()->reschedule)
            break;
        cpu_relax();
    }
    preempt_enable();
}

LOCAL void mutex_acquire(struct mutex *mutex)
{
    struct thread *me = this_thread();
    struct mutex_waiter waiter = { .entry = { .thread = me, .wake = NULL }, .passed_over = false };
    lock_check_may_sleep();
    mutex_spin(mutex);
    irq_flags_t flags = spin_lock_irq(&mutex->guard);
    if (mutex->holder == me)
        panic("mutex %s: taken twice by %s", mutex->name, me->name);
    if (mutex->holder == NULL) {
        mutex->holder = me;
        spin_unlock_irq(&mutex->guard, flags);
        return;
    }
    list_append(&mutex->waiters, &waiter.entry.link);
    for (;;) {
        thread_forget_wakes();
        spin_unlock_irq(&mutex->guard, flags);
        (void)!wait_sleep(WAIT_FOREVER, false);
        flags = spin_lock_irq(&mutex->guard);
        if (mutex->holder == NULL)
            mutex->holder = me;
        if (mutex->holder == me)
            break;
        waiter.passed_over = true;
    }
    list_remove(&waiter.entry.link);
    spin_unlock_irq(&mutex->guard, flags);
}

void mutex_lock(struct mutex *mutex)
{
    lock_note_held(mutex, mutex->rank, mutex->name, false, true); /* first: a deadlock is reported, not entered */
    mutex_acquire(mutex);
}

void mutex_lock_nested(struct mutex *mutex)
{
    lock_note_held(mutex, mutex->rank, mutex->name, true, true);
    mutex_acquire(mutex);
}

bool mutex_try_lock(struct mutex *mutex)
{
    irq_flags_t flags = spin_lock_irq(&mutex->guard);
    bool taken = mutex->holder == NULL;
    if (taken)
        mutex->holder = this_thread();
    spin_unlock_irq(&mutex->guard, flags);
    if (taken) /* a try cannot deadlock: any order is fine */
        lock_note_held(mutex, LOCK_RANK_NONE, mutex->name, true, true);
    return taken;
}

void mutex_unlock(struct mutex *mutex)
{
    lock_note_released(mutex, mutex->name);
    irq_flags_t flags = spin_lock_irq(&mutex->guard);
    if (mutex->holder != this_thread())
        panic("mutex %s: released by %s, held by %s", mutex->name, this_thread()->name,
              mutex->holder != NULL ? mutex->holder->name : "nobody");
    mutex->holder = NULL;
    if (!list_is_empty(&mutex->waiters)) {
        struct mutex_waiter *first = container_of(mutex->waiters.next, struct mutex_waiter, entry.link);
        if (first->passed_over) {
            mutex->holder = first->entry.thread;
            list_remove(&first->entry.link); /* the next unlock finds another */
        }
        thread_wake(first->entry.thread);
    }
    spin_unlock_irq(&mutex->guard, flags);
}

/* --- after a fault ---------------------------------------------------------- */

void lock_abandon(uint32_t slot)
{
    struct thread *me = this_thread();
    void *lock = (void *)(uintptr_t)me->held[slot].lock;
    if (me->held[slot].sleeping && mutex_is_held_by_me(lock)) {
        mutex_unlock(lock);
    } else if (!me->held[slot].sleeping && spin_is_held_by_me(lock)) {
        lock_note_released(lock, me->held[slot].name);
        spin_release(lock);
    } else { /* noted, but not taken yet, or given back already */
        lock_note_released(lock, me->held[slot].name);
    }
}

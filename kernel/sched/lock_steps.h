/*
 * The steps of which lock.c makes its functions. What a lock costs is paid everywhere, so they are inlined, and what is rare is a
 * function of lock.c. A header, so that they can be replaced while the kernel runs (inline functions of a .c file cannot).
 */
#ifndef KERNEL_SCHED_LOCK_STEPS_H
#define KERNEL_SCHED_LOCK_STEPS_H

#include <arch/x86_64/cpu.h>
#include <kernel/sched/lock.h>

/* Panics if the order is wrong; the lock's rank is not above all that are held. */
void lock_check_order(const struct thread *me, uint32_t rank, const char *name, bool nested);
/* Panics, unless a panic is under way. */
void lock_too_many(const struct thread *me);
/* Takes a lock off the list that is not its last one; panics if it is not there. */
void lock_forget(struct thread *me, const void *lock, const char *name);
/* Waits for the ticket's turn, or for lock_break_all(). */
void spin_wait(const struct spinlock *lock, uint32_t ticket);
/* Panics: this CPU holds it. */
void spin_refuse(const struct spinlock *lock);

/* The lock is about to be taken: checks the order and puts it on the thread's list. */
static inline void lock_note_held(const void *lock, uint32_t rank, const char *name, bool nested, bool sleeping)
{
    struct thread *me = this_thread();
    uint32_t slot = me->held_count;
    uint32_t highest = slot > me->held_floor ? me->held[slot - 1].highest : LOCK_RANK_NONE;
    if (UNLIKELY(highest >= rank && rank != LOCK_RANK_NONE))
        lock_check_order(me, rank, name, nested);
    if (UNLIKELY(slot == THREAD_MAX_LOCKS)) {
        lock_too_many(me);
        return;
    }
    me->held_count = slot + 1; /* first: an interrupt handler uses the slots from held_count on */
    __asm__ volatile("" : : : "memory");
    me->held[slot].lock = lock;
    me->held[slot].name = name;
    me->held[slot].rank = rank;
    me->held[slot].highest = (uint16_t)MAX(highest, rank);
    me->held[slot].sleeping = sleeping;
}

/* The lock is about to be given back. */
static inline void lock_note_released(const void *lock, const char *name)
{
    struct thread *me = this_thread();
    uint32_t count = me->held_count;
    if (UNLIKELY(count == 0 || me->held[count - 1].lock != lock)) {
        lock_forget(me, lock, name);
        return;
    }
    __asm__ volatile("" : : : "memory");
    me->held_count = count - 1; /* last, for the same reason */
}

/* Preemption is off. */
static inline void spin_take(struct spinlock *lock)
{
    int32_t cpu = this_cpu()->id;
    if (UNLIKELY(lock->holder_cpu == cpu)) /* before the ticket: a guard may end this call */
        spin_refuse(lock);
    uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
    if (UNLIKELY(__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket))
        spin_wait(lock, ticket);
    lock->holder = this_thread();
    lock->holder_cpu = cpu;
    lock->frame = __builtin_frame_address(0);
}

static inline void spin_give(struct spinlock *lock)
{
    lock->holder = NULL;
    lock->holder_cpu = -1;
    __atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}

#endif

/* The lock checks' switches, and the spinlock primitives without bookkeeping for the scheduler itself. */
#ifndef KERNEL_SCHED_LOCK_DEBUG_H
#define KERNEL_SCHED_LOCK_DEBUG_H

#include <kernel/sched/lock.h>

void lock_set_checks(bool on);
/* For panic: from now on no lock is waited for. */
void lock_break_all(void);
/* Panics when the current thread holds a spinlock or has preemption off. */
void lock_check_may_sleep(void);

/* Interrupts off; no rank check, no preempt count: the scheduler hands its lock from thread to thread. */
void spin_acquire(struct spinlock *lock);
void spin_release(struct spinlock *lock);

/* A fault ended the call that took the lock in slot `slot` of the current thread's list: lets it go, without a switch of threads.
 * Interrupts off; preempt_count is the caller's affair. */
void lock_abandon(uint32_t slot);

#endif

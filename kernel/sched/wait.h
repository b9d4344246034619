/*
 * Wait queues: sleep until a condition holds.
 *
 *     waiter:                                   waker (any context):
 *       int error = WAIT_EVENT(&q, cond);         cond = true;
 *                                                 wait_queue_wake_all(&q);
 *
 * The condition is evaluated without the queue's lock; the entry is queued
 * before it is evaluated, so a wake-up between the two is not lost. A wake may
 * be spurious: WAIT_EVENT loops. Entries with a `wake` function of their own
 * (poll, epoll) are called instead of waking a thread; they run in the waker's
 * context with the queue's lock held and may only take locks of higher rank.
 */
#ifndef KERNEL_SCHED_WAIT_H
#define KERNEL_SCHED_WAIT_H

#include <kernel/sched/lock.h>

struct wait_queue {
    struct spinlock lock;
    struct list entries; /* struct wait_entry.link */
};

struct wait_entry {
    struct list link;
    struct thread *thread;
    void (*wake)(struct wait_entry *entry); /* NULL: wake `thread` */
};

#define WAIT_QUEUE_INIT(variable, queue_name) \
    { SPINLOCK_INIT(queue_name, LOCK_RANK_WAIT_QUEUE), LIST_INIT((variable).entries) }

void wait_queue_init(struct wait_queue *queue, const char *name);
void wait_queue_add(struct wait_queue *queue, struct wait_entry *entry);
void wait_queue_remove(struct wait_queue *queue, struct wait_entry *entry);
/* Context: any. */
void wait_queue_wake_all(struct wait_queue *queue);
void wait_queue_wake_one(struct wait_queue *queue);
bool wait_queue_has_waiters(struct wait_queue *queue);

#define WAIT_FOREVER ((nanos_t)-1)

/*
 * The two halves of WAIT_EVENT. wait_prepare() queues the current thread and
 * marks it sleeping; wait_sleep() sleeps unless it was woken since, until
 * `deadline` (monotonic clock, WAIT_FOREVER: none). Returns 0 when woken,
 * -ETIMEDOUT, or -EINTR when `interruptible` and a signal is pending.
 */
void wait_prepare(struct wait_queue *queue, struct wait_entry *entry);
MUST_CHECK int wait_sleep(nanos_t deadline, bool interruptible);
void wait_finish(struct wait_queue *queue, struct wait_entry *entry);

#define WAIT_EVENT_(queue, condition, deadline, interruptible)            \
    ({                                                                    \
        struct wait_entry wait_entry_;                                    \
        int wait_error_ = 0;                                              \
        for (;;) {                                                        \
            wait_prepare((queue), &wait_entry_);                          \
            if (condition) { wait_error_ = 0; break; }                    \
            if (wait_error_ != 0) break;                                  \
            wait_error_ = wait_sleep((deadline), (interruptible));        \
            wait_finish((queue), &wait_entry_);                           \
        }                                                                 \
        wait_finish((queue), &wait_entry_);                               \
        wait_error_;                                                      \
    })

/* 0, or -EINTR when a signal came first. */
#define WAIT_EVENT(queue, condition) WAIT_EVENT_(queue, condition, WAIT_FOREVER, true)
/* 0, -EINTR or -ETIMEDOUT; `deadline` on the monotonic clock. */
#define WAIT_EVENT_UNTIL(queue, condition, deadline) WAIT_EVENT_(queue, condition, deadline, true)
/* Not ended by signals: for short, certain waits. */
#define WAIT_EVENT_UNINTERRUPTIBLE(queue, condition) \
    ((void)WAIT_EVENT_(queue, condition, WAIT_FOREVER, false))

#endif

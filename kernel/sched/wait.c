/* Wait queues; the contract is in wait.h. */
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <kernel/proc/signal.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <live/call.h>

void wait_queue_init(struct wait_queue *queue, const char *name)
{
    spin_init(&queue->lock, name, LOCK_RANK_WAIT_QUEUE);
    list_init(&queue->entries);
}

void wait_queue_add(struct wait_queue *queue, struct wait_entry *entry)
{
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    list_append(&queue->entries, &entry->link);
    spin_unlock_irq(&queue->lock, flags);
}

void wait_queue_remove(struct wait_queue *queue, struct wait_entry *entry)
{
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    list_remove(&entry->link);
    spin_unlock_irq(&queue->lock, flags);
}

LOCAL void wait_entry_wake(struct wait_entry *entry)
{
    if (entry->wake != NULL)
        LIVE_CALL(entry->wake, 0, entry);
    else
        thread_wake(entry->thread);
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    list_for_each_safe(node, &queue->entries)
        wait_entry_wake(container_of(node, struct wait_entry, link));
    spin_unlock_irq(&queue->lock, flags);
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    list_for_each_safe(node, &queue->entries) {
        struct wait_entry *entry = container_of(node, struct wait_entry, link);
        bool thread = entry->wake == NULL;
        wait_entry_wake(entry);
        if (thread) {
            list_remove(node); /* the next wake_one finds another */
            break;
        }
    }
    spin_unlock_irq(&queue->lock, flags);
}

bool wait_queue_has_waiters(struct wait_queue *queue)
{
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    bool any = !list_is_empty(&queue->entries);
    spin_unlock_irq(&queue->lock, flags);
    return any;
}

void wait_prepare(struct wait_queue *queue, struct wait_entry *entry)
{
    thread_forget_wakes();
    entry->thread = thread_current();
    entry->wake = NULL;
    wait_queue_add(queue, entry);
}

void wait_finish(struct wait_queue *queue, struct wait_entry *entry) { wait_queue_remove(queue, entry); }

struct wait_timeout {
    struct timer timer;
    struct thread *thread;
};

LOCAL void wait_timed_out(struct timer *timer)
{
    thread_wake(container_of(timer, struct wait_timeout, timer)->thread);
}

int wait_sleep(nanos_t deadline, bool interruptible)
{
    struct wait_timeout timeout;
    struct thread *me = thread_current();
    lock_check_may_sleep();
    if (interruptible && signal_is_pending())
        return -EINTR;
    if (deadline != WAIT_FOREVER) {
        if (clock_monotonic() >= deadline)
            return -ETIMEDOUT;
        timer_init(&timeout.timer, wait_timed_out);
        timeout.thread = me;
        timer_arm(&timeout.timer, deadline);
    }
    thread_block();
    if (deadline != WAIT_FOREVER)
        timer_cancel(&timeout.timer);
    if (interruptible && signal_is_pending())
        return -EINTR;
    if (deadline != WAIT_FOREVER && clock_monotonic() >= deadline)
        return -ETIMEDOUT;
    return 0;
}

int thread_sleep_until(nanos_t deadline, bool interruptible)
{
    for (;;) {
        thread_forget_wakes();
        int error = wait_sleep(deadline, interruptible);
        if (error == -ETIMEDOUT)
            return 0;
        if (error != 0)
            return error;
    }
}

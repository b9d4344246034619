/*
 * Futex buckets. A waiter is on its bucket's list from before the word is read;
 * a waker takes it off and sets `woken`. The word is read without the bucket's
 * lock (it may fault); a wake-up in between takes the entry off the list, which
 * the waiter sees.
 *
 * Left out: keys of memory shared between processes, priority inheritance
 * (refused by the syscall).
 */
#include <abi/errno.h>
#include <kernel/proc/futex.h>
#include <kernel/proc/process.h>
#include <kernel/sched/thread.h>
#include <kernel/syscall/usercopy.h>

#define BUCKETS 64

struct futex_waiter {
    struct list link;
    const struct process *process;
    uint64_t address;
    uint32_t bits;
    struct thread *thread;
    bool woken;
};

struct futex_bucket {
    struct spinlock lock;
    struct list waiters;
};

static struct futex_bucket buckets[BUCKETS];

LOCAL uint32_t futex_bucket_of(uint64_t address) { return (uint32_t)((address >> 2) * 0x9e3779b1u >> 8) % BUCKETS; }

void futex_init(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        spin_init(&buckets[i].lock, "futex", LOCK_RANK_FUTEX);
        list_init(&buckets[i].waiters);
    }
}

/* Off the list; true when a waker had done that. */
LOCAL bool futex_leave(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_remove(&waiter->link);
    bool woken = waiter->woken;
    spin_unlock_irq(&bucket->lock, flags);
    return woken;
}

int futex_wait(struct user_ptr address, uint32_t expected, uint32_t bits, nanos_t deadline)
{
    struct futex_waiter waiter = {
        .process = process_current(), .address = address.address, .bits = bits, .thread = thread_current(),
    };
    struct futex_bucket *bucket = &buckets[futex_bucket_of(address.address)];
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_append(&bucket->waiters, &waiter.link);
    spin_unlock_irq(&bucket->lock, flags);

    uint32_t value;
    int error = get_user_u32(&value, address);
    if (error == 0 && value != expected)
        error = -EAGAIN;
    while (error == 0) {
        waiter.thread->wake_pending = false;
        if (__atomic_load_n(&waiter.woken, __ATOMIC_ACQUIRE))
            break;
        error = wait_sleep(deadline, true);
    }
    return futex_leave(bucket, &waiter) ? 0 : error;
}

LOCAL bool futex_matches(const struct futex_waiter *waiter, uint64_t address, uint32_t bits)
{
    return waiter->address == address && waiter->process == process_current() && (waiter->bits & bits);
}

/* The bucket's lock held. */
LOCAL void futex_wake_waiter(struct futex_waiter *waiter)
{
    struct thread *thread = waiter->thread;
    list_remove(&waiter->link);
    __atomic_store_n(&waiter->woken, true, __ATOMIC_RELEASE);
    thread_wake(thread);
}

int futex_wake(struct user_ptr address, uint32_t count, uint32_t bits)
{
    struct futex_bucket *bucket = &buckets[futex_bucket_of(address.address)];
    int woken = 0;
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_for_each_safe(node, &bucket->waiters) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if ((uint32_t)woken >= count)
            break;
        if (!futex_matches(waiter, address.address, bits))
            continue;
        futex_wake_waiter(waiter);
        woken++;
    }
    spin_unlock_irq(&bucket->lock, flags);
    return woken;
}

int futex_requeue(struct user_ptr address, struct user_ptr target, uint32_t wake, uint32_t move, bool compare,
                  uint32_t expected)
{
    uint32_t value;
    int error = get_user_u32(&value, address);
    if (error != 0)
        return error;
    if (compare && value != expected)
        return -EAGAIN;
    int woken = futex_wake(address, wake, UINT32_MAX);
    /* Waiters stay in their bucket. Those that would have to change it are woken instead: a spurious wake-up, which
     * futex(2) allows. */
    struct futex_bucket *bucket = &buckets[futex_bucket_of(address.address)];
    bool same = bucket == &buckets[futex_bucket_of(target.address)];
    int moved = 0;
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_for_each_safe(node, &bucket->waiters) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if ((uint32_t)moved >= move)
            break;
        if (!futex_matches(waiter, address.address, UINT32_MAX))
            continue;
        if (same)
            waiter->address = target.address;
        else
            futex_wake_waiter(waiter);
        moved++;
    }
    spin_unlock_irq(&bucket->lock, flags);
    return woken + moved;
}

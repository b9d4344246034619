/*
 * Futex buckets. A waiter is on its bucket's list from before the word is read;
 * a waker takes it off and sets `woken`. The word is read without the bucket's
 * lock (it may fault); a wake-up in between takes the entry off the list, which
 * the waiter sees.
 *
 * Shared memory is known by its file, so that processes meet there whatever
 * their addresses.
 *
 * FUTEX_WAKE_OP changes its second word by one atomic instruction before anybody
 * is woken; no lock is held over it, since it may fault.
 *
 * Left out: priority inheritance (refused by the syscall).
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/space.h>
#include <kernel/proc/futex.h>
#include <kernel/proc/process.h>
#include <kernel/sched/thread.h>
#include <kernel/syscall/usercopy.h>

#define BUCKETS 64

struct futex_waiter {
    struct list link;
    struct space_key key;
    uint32_t bits;
    struct thread *thread;
    bool woken;
};

struct futex_bucket {
    struct spinlock lock;
    struct list waiters;
};

static struct futex_bucket buckets[BUCKETS];

LOCAL struct futex_bucket *futex_bucket_of(const struct space_key *key)
{
    return &buckets[(uint32_t)((key->offset >> 2) * 0x9e3779b1u >> 8) % BUCKETS];
}

/* 0 or -EFAULT. A private futex needs no look at what is mapped. */
LOCAL int futex_key_of(struct user_ptr address, bool is_private, struct space_key *key)
{
    const struct process *process = process_current();
    *key = (struct space_key){ process->space, address.address };
    return is_private || space_key_of(process->space, address.address, key) ? 0 : -EFAULT;
}

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

int futex_wait(struct user_ptr address, bool is_private, uint32_t expected, uint32_t bits, nanos_t deadline)
{
    struct futex_waiter waiter = { .bits = bits, .thread = thread_current() };
    int error = futex_key_of(address, is_private, &waiter.key);
    if (error != 0)
        return error;
    struct futex_bucket *bucket = futex_bucket_of(&waiter.key);
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_append(&bucket->waiters, &waiter.link);
    spin_unlock_irq(&bucket->lock, flags);

    uint32_t value;
    error = get_user_u32(&value, address);
    if (error == 0 && value != expected)
        error = -EAGAIN;
    while (error == 0) {
        thread_forget_wakes();
        if (__atomic_load_n(&waiter.woken, __ATOMIC_ACQUIRE))
            break;
        error = wait_sleep(deadline, true);
    }
    return futex_leave(bucket, &waiter) ? 0 : error;
}

LOCAL bool futex_matches(const struct futex_waiter *waiter, const struct space_key *key, uint32_t bits)
{
    return waiter->key.object == key->object && waiter->key.offset == key->offset && (waiter->bits & bits);
}

/* The bucket's lock held. */
LOCAL void futex_wake_waiter(struct futex_waiter *waiter)
{
    struct thread *thread = waiter->thread;
    list_remove(&waiter->link);
    __atomic_store_n(&waiter->woken, true, __ATOMIC_RELEASE);
    thread_wake(thread);
}

LOCAL int futex_wake_key(const struct space_key *key, uint32_t count, uint32_t bits)
{
    struct futex_bucket *bucket = futex_bucket_of(key);
    int woken = 0;
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_for_each_safe(node, &bucket->waiters) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if ((uint32_t)woken >= count)
            break;
        if (!futex_matches(waiter, key, bits))
            continue;
        futex_wake_waiter(waiter);
        woken++;
    }
    spin_unlock_irq(&bucket->lock, flags);
    return woken;
}

int futex_wake(struct user_ptr address, bool is_private, uint32_t count, uint32_t bits)
{
    struct space_key key;
    int error = futex_key_of(address, is_private, &key);
    return error != 0 ? error : futex_wake_key(&key, count, bits);
}

int futex_requeue(struct user_ptr address, struct user_ptr target, bool is_private, uint32_t wake, uint32_t move,
                  bool compare, uint32_t expected)
{
    struct space_key key, target_key;
    uint32_t value;
    int error = futex_key_of(address, is_private, &key);
    if (error == 0)
        error = futex_key_of(target, is_private, &target_key);
    if (error == 0)
        error = get_user_u32(&value, address);
    if (error != 0)
        return error;
    if (compare && value != expected)
        return -EAGAIN;
    int woken = futex_wake_key(&key, wake, UINT32_MAX);
    /* Waiters stay in their bucket. Those that would have to change it are woken instead: a spurious wake-up, which
     * futex(2) allows. */
    struct futex_bucket *bucket = futex_bucket_of(&key);
    bool same = bucket == futex_bucket_of(&target_key);
    int moved = 0;
    irq_flags_t flags = spin_lock_irq(&bucket->lock);
    list_for_each_safe(node, &bucket->waiters) {
        struct futex_waiter *waiter = container_of(node, struct futex_waiter, link);
        if ((uint32_t)moved >= move)
            break;
        if (!futex_matches(waiter, &key, UINT32_MAX))
            continue;
        if (same)
            waiter->key = target_key;
        else
            futex_wake_waiter(waiter);
        moved++;
    }
    spin_unlock_irq(&bucket->lock, flags);
    return woken + moved;
}

/* The word that the operation makes of `old`. */
LOCAL uint32_t futex_operate(uint32_t operation, uint32_t old, uint32_t argument)
{
    switch (operation) {
    case FUTEX_OP_SET: return argument;
    case FUTEX_OP_ADD: return old + argument;
    case FUTEX_OP_OR: return old | argument;
    case FUTEX_OP_ANDN: return old & ~argument;
    default: return old ^ argument;
    }
}

LOCAL bool futex_compare(uint32_t comparison, int32_t old, int32_t argument)
{
    switch (comparison) {
    case FUTEX_OP_CMP_EQ: return old == argument;
    case FUTEX_OP_CMP_NE: return old != argument;
    case FUTEX_OP_CMP_LT: return old < argument;
    case FUTEX_OP_CMP_LE: return old <= argument;
    case FUTEX_OP_CMP_GT: return old > argument;
    default: return old >= argument;
    }
}

/* Bits 28..30 operation, 31 "argument is a shift", 24..27 comparison, 12..23 and 0..11 signed arguments. */
int futex_wake_and_change(struct user_ptr address, struct user_ptr target, bool is_private, uint32_t wake,
                          uint32_t wake_target, uint32_t encoded)
{
    struct space_key key, target_key;
    uint32_t operation = encoded >> 28 & 7, comparison = encoded >> 24 & 15, old, found;
    uint32_t argument = (uint32_t)((int32_t)(encoded << 8) >> 20);
    int32_t compared = (int32_t)(encoded << 20) >> 20;
    if (encoded >> 31)
        argument = 1U << (argument & 31);
    if (operation > FUTEX_OP_XOR || comparison > FUTEX_OP_CMP_GE)
        return -ENOSYS; /* as Linux */
    int error = futex_key_of(address, is_private, &key);
    if (error == 0)
        error = futex_key_of(target, is_private, &target_key);
    if (error == 0)
        error = get_user_u32(&old, target);
    while (error == 0) {
        error = user_compare_exchange_u32(target, old, futex_operate(operation, old, argument), &found);
        if (error != 0 || found == old)
            break;
        old = found;
    }
    if (error != 0)
        return error;
    int woken = futex_wake_key(&key, wake, UINT32_MAX);
    if (futex_compare(comparison, (int32_t)old, compared))
        woken += futex_wake_key(&target_key, wake_target, UINT32_MAX);
    return woken;
}

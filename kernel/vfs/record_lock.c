/*
 * Record locks: a list of ranges per inode, those of one owner never overlap.
 * Nodes are allocated before the guard is taken: setting a range needs at most
 * two (the range itself, and the upper part of a range that it splits).
 *
 * Left out: detection of deadlocks (EDEADLK).
 */
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/wait.h>
#include <kernel/vfs/record_lock.h>

#define NODES_NEEDED 2

struct record_lock {
    struct list link;
    struct record_range range;
};

static struct spinlock record_guard = SPINLOCK_INIT("record locks", LOCK_RANK_LEAF);
static struct wait_queue record_waiters = WAIT_QUEUE_INIT(record_waiters, "record locks");

LOCAL struct record_lock *record_of(struct list *link) { return container_of(link, struct record_lock, link); }

LOCAL bool ranges_overlap(const struct record_range *a, const struct record_range *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The guard held. */
LOCAL const struct record_range *record_find_conflict(struct inode *inode, const struct record_range *wanted)
{
    list_for_each(link, &inode->record_locks) {
        const struct record_range *range = &record_of(link)->range;
        if (range->owner != wanted->owner && ranges_overlap(range, wanted)
            && (range->type == RECORD_EXCLUSIVE || wanted->type == RECORD_EXCLUSIVE))
            return range;
    }
    return NULL;
}

LOCAL void record_insert(struct inode *inode, struct list *spare, const struct record_range *range)
{
    struct list *link = list_pop_first(spare);
    KASSERT(link != NULL);
    record_of(link)->range = *range;
    list_append(&inode->record_locks, link);
}

/* Cuts the owner's ranges out of `cut`; nodes that are left over go to `spare`. The guard held. */
LOCAL void record_cut(struct inode *inode, const struct record_range *cut, struct list *spare)
{
    list_for_each_safe(link, &inode->record_locks) {
        struct record_range *range = &record_of(link)->range;
        if (range->owner != cut->owner || !ranges_overlap(range, cut))
            continue;
        bool below = range->first < cut->first, above = range->last > cut->last;
        if (below && above) {
            struct record_range upper = *range;
            upper.first = cut->last + 1;
            range->last = cut->first - 1;
            record_insert(inode, spare, &upper);
        } else if (below) {
            range->last = cut->first - 1;
        } else if (above) {
            range->first = cut->last + 1;
        } else {
            list_remove(link);
            list_append(spare, link);
        }
    }
}

LOCAL void record_free_all(struct list *spare)
{
    struct list *link;
    while ((link = list_pop_first(spare)) != NULL)
        kfree(record_of(link));
}

/* True: done. False: another's lock conflicts. */
LOCAL bool record_try(struct inode *inode, const struct record_range *range, struct list *spare)
{
    spin_lock(&record_guard);
    bool possible = range->type == RECORD_UNLOCKED || record_find_conflict(inode, range) == NULL;
    if (possible) {
        record_cut(inode, range, spare);
        if (range->type != RECORD_UNLOCKED)
            record_insert(inode, spare, range);
    }
    spin_unlock(&record_guard);
    return possible;
}

int record_lock_set(struct inode *inode, const struct record_range *range, bool wait)
{
    struct list spare = LIST_INIT(spare);
    for (unsigned i = 0; i < NODES_NEEDED; i++) {
        struct record_lock *node = kmalloc(sizeof *node);
        if (node == NULL) {
            record_free_all(&spare);
            return -ENOLCK;
        }
        list_append(&spare, &node->link);
    }
    int error = 0;
    if (!record_try(inode, range, &spare))
        error = wait ? WAIT_EVENT(&record_waiters, record_try(inode, range, &spare)) : -EAGAIN;
    record_free_all(&spare);
    if (error == 0)
        wait_queue_wake_all(&record_waiters); /* less may be locked than before */
    return error;
}

void record_lock_find(struct inode *inode, struct record_range *range)
{
    spin_lock(&record_guard);
    const struct record_range *found = record_find_conflict(inode, range);
    if (found != NULL)
        *range = *found;
    else
        range->type = RECORD_UNLOCKED;
    spin_unlock(&record_guard);
}

void record_lock_release(struct inode *inode, const void *owner)
{
    struct list spare = LIST_INIT(spare);
    const struct record_range all = { .type = RECORD_UNLOCKED, .first = 0, .last = UINT64_MAX, .owner = owner };
    if (list_is_empty(&inode->record_locks))
        return;
    (void)record_try(inode, &all, &spare);
    if (list_is_empty(&spare))
        return;
    record_free_all(&spare);
    wait_queue_wake_all(&record_waiters);
}

/*
 * What a fault means for the locks that are held: one table by rank. A lock that a faulting call took is let go when it ends;
 * what the lock guards must be usable then by the next thread. "Release": the code below it changes what it guards such that it is
 * consistent between any two accesses to memory of a caller (the only ones that fault for a wild argument). Run queues
 * are put in order first (thread_release_queues). "Fatal": it may be half changed, and nobody can tell; the machine stops with the reason.
 *
 * Locks of live code itself are released: what they guard is its own.
 */
#include <arch/x86_64/cpu.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/thread.h>
#include <live/private.h>

enum lock_fate { LOCK_RELEASE, LOCK_FATAL };

struct lock_class {
    uint32_t rank;
    enum lock_fate fate;
    const char *reason;
};

static const struct lock_class lock_classes[] = {
    { LOCK_RANK_NONE, LOCK_RELEASE, "taken by trying" },
    { LOCK_RANK_PROCESS, LOCK_RELEASE, "held over waits for children: links are changed under the spinlock of the tree" },
    { LOCK_RANK_RENAME, LOCK_RELEASE, "paths are copied before it is taken" },
    { LOCK_RANK_FILE, LOCK_RELEASE, "a position is set after the transfer" },
    { LOCK_RANK_EPOLL, LOCK_RELEASE, "events are copied out between changes" },
    { LOCK_RANK_DIRECTORY, LOCK_RELEASE, "an entry is linked when it is complete" },
    { LOCK_RANK_INODE, LOCK_RELEASE, "size and pages are set after the copy" },
    { LOCK_RANK_PIPE, LOCK_RELEASE, "a position moves after the copy" },
    { LOCK_RANK_TTY, LOCK_RELEASE, "a line is taken after the copy" },
    { LOCK_RANK_DEVICE_FILE, LOCK_RELEASE, "a position moves after the copy" },
    { LOCK_RANK_FILE_TABLE, LOCK_RELEASE, "a slot is set by one store" },
    { LOCK_RANK_ADDRESS_SPACE, LOCK_FATAL, "areas and page tables may differ" },
    { LOCK_RANK_LIVE_PATCH, LOCK_FATAL, "a function's versions may be half linked" },
    { LOCK_RANK_DEVICE, LOCK_RELEASE, "a device's own state, which its driver resets" },
    { LOCK_RANK_TIMER, LOCK_RELEASE, "of drivers and tests" },
    { LOCK_RANK_PROCESS_TREE, LOCK_FATAL, "lists of processes may be half linked" },
    { LOCK_RANK_SIGNAL, LOCK_RELEASE, "a signal is pending by one store" },
    { LOCK_RANK_FUTEX, LOCK_RELEASE, "a waiter is linked by its own thread, which did not get to wait" },
    { LOCK_RANK_INPUT, LOCK_RELEASE, "a ring whose position moves after the byte" },
    { LOCK_RANK_WAIT_QUEUE, LOCK_RELEASE, "a waiter is linked by four stores to its own memory and the list" },
    { LOCK_RANK_EPOLL_READY, LOCK_RELEASE, "as a wait queue" },
    { LOCK_RANK_PAGE_CACHE, LOCK_RELEASE, "a page is put in by one store" },
    { LOCK_RANK_VMALLOC, LOCK_FATAL, "the tree of blocks may be half turned" },
    { LOCK_RANK_SLAB, LOCK_FATAL, "a free list may be half linked" },
    { LOCK_RANK_MAGAZINE, LOCK_FATAL, "its pages and its counts may not agree" },
    { LOCK_RANK_PAGE_ALLOCATOR, LOCK_FATAL, "free lists may be half linked" },
    { LOCK_RANK_CONSOLE, LOCK_RELEASE, "what is on the screen is drawn again" },
    { LOCK_RANK_LOG, LOCK_RELEASE, "a record counts when it is complete" },
    { LOCK_RANK_LEAF, LOCK_RELEASE, "of drivers and tests" },
};

LOCAL const struct lock_class *live_lock_class(uint32_t rank)
{
    for (size_t i = 0; i < ARRAY_COUNT(lock_classes); i++)
        if (lock_classes[i].rank == rank)
            return &lock_classes[i];
    return NULL;
}

uint64_t live_locks_release(struct thread *me, const struct live_guard *guard, struct live_fault *fault)
{
    uint64_t count = thread_release_queues(guard);
    while (me->held_count > guard->held_count) {
        const uint32_t i = me->held_count - 1;
        const struct lock_class *class = live_lock_class(me->held[i].rank);
        if (class != NULL && class->fate == LOCK_FATAL) {
            me->live_guard = NULL; /* nothing ends this call any more */
            panic("live code faulted (%s) in the kernel while it held %s, which cannot be let go: %s",
                  live_fault_name(fault->kind), me->held[i].name, class->reason);
        }
        me->preempt_count++; /* one more than can be undone: releasing must not switch threads; the guard's count comes back after */
        lock_abandon(i);
        count++;
    }
    return count;
}

/*
 * Old code is freed when nobody can be in it any more: replaced versions, unloaded modules.
 *
 *     nobody can enter it any more (the slot that led there is changed)
 *     live_reclaim_retire(&item)     hands it over
 *     item->free(item)               later, from the reclaim thread
 *
 * The reclaim thread looks for addresses of the item's ranges, conservatively, on the stack of each thread from its
 * stack pointer upwards: saved registers and interrupted frames lie there, too. Threads that run on other CPUs are not stopped for it: after
 * one empty interrupt to every CPU it is enough to see each of them outside of the kernel once; one that stays in the kernel for
 * fifty milliseconds, or always, looks at its own stack. Whoever has left the code cannot come back, so the threads are looked at one after the other. What is still in use is tried again after RECLAIM_INTERVAL.
 * Unless somebody waits, a few items are freed at a time, so that freeing many holds up nobody.
 *
 * Left out: pointers in memory. Code that stores its own address somewhere (a timer, a table of methods) must take it
 * back before it is retired; live functions and replaced kernel functions have permanent addresses for that.
 */
#ifndef LIVE_RECLAIM_H
#define LIVE_RECLAIM_H

#include <lib/list.h>
#include <lib/types.h>

#define LIVE_RETIRED_RANGES 4
#define RECLAIM_INTERVAL (250 * NANOS_PER_MILLISECOND)

struct live_span { uint64_t start, end; };

struct live_retired {
    struct live_span ranges[LIVE_RETIRED_RANGES]; /* set by the owner: text, and records that the code's callers point to */
    uint32_t range_count;
    void (*free)(struct live_retired *item); /* in the reclaim thread, no lock held; the item is the owner's again */
    /* reclaim.c */
    struct list link;
    volatile bool busy;
};

/* Takes the item over. Context: threads, also with mutexes held. */
void live_reclaim_retire(struct live_retired *item);
/* A complete look, now: returns how many items of those retired before are still in use. Context: a thread that holds
 * no lock and is not itself in retired code. */
uint32_t live_reclaim_now(void);
/* Boot step: modules that are old or unloaded (live.h) are retired from here on. */
void live_reclaim_init(void);
/* The ranges of a module, for an item's; how many there are. Context: sleepable. */
uint32_t live_reclaim_module_ranges(uint64_t module, struct live_span *ranges);
/* The reclaim thread looks at the versions' trials again (live/patch.c). Context: threads. */
void live_reclaim_wake(void);

#endif

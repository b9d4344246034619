/* Frees retired code when no stack leads to it; the contract is in reclaim.h. */
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <live/guard.h>
#include <live/live.h>
#include <live/patch.h>
#include <live/reclaim.h>

#define ITEMS_PER_SCAN 128
#define ITEMS_WANTED   32 /* so many are not waited with until RECLAIM_INTERVAL is over: their pages are still in caches */
#define ITEMS_AT_ONCE  4 /* are freed before others have their turn, for ROUND_PAUSE */
#define SCAN_ROUNDS    1000 /* a thread may be on its way between CPUs each time one looks */
#define INSIST_ROUNDS  50   /* so often a running thread may be found in the kernel before its CPU must look at its stack */
#define ROUND_PAUSE    NANOS_PER_MILLISECOND

static struct spinlock retired_lock = SPINLOCK_INIT("retired code", LOCK_RANK_LEAF);
static struct list retired = LIST_INIT(retired); /* retired_lock; struct live_retired.link */
static uint32_t retired_count;                   /* retired_lock */
static struct wait_queue reclaim_wanted, reclaim_done;
static volatile uint64_t scans_wanted, scans_done; /* atomic */
static volatile bool nudged;                       /* the thread computes anew when it has something to do */
static volatile uint32_t thread_state;             /* atomic; 0: no thread, 1: being made, 2: there */

/* The scan that runs; the reclaim thread's, others only set `busy`. */
static struct {
    struct live_retired *items[ITEMS_PER_SCAN];
    uint32_t count;
    struct live_span code, records; /* around the ranges in the top 2 GiB, and around the others */
    uint64_t number;    /* struct thread.stack_scan of threads that were seen */
} scan;

/* --- looking at stacks ---------------------------------------------------------------- */

LOCAL void reclaim_check_word(uint64_t word)
{
    for (uint32_t i = 0; i < scan.count; i++) {
        struct live_retired *item = scan.items[i];
        for (uint32_t r = 0; r < item->range_count; r++)
            if (word >= item->ranges[r].start && word < item->ranges[r].end)
                item->busy = true;
    }
}

LOCAL void reclaim_scan_words(uint64_t from, uint64_t to)
{
    for (uint64_t at = ALIGN_UP(from, 8); at + 8 <= to; at += 8) {
        uint64_t word = *(const volatile uint64_t *)(uintptr_t)at;
        if (word - scan.code.start < scan.code.end - scan.code.start
            || word - scan.records.start < scan.records.end - scan.records.start)
            reclaim_check_word(word);
    }
}

/* What `thread`, whose stack pointer is `rsp`, has on its kernel stack and its live stack. While it runs on the one nothing is on the
 * other below thread->live_rsp, or below the kernel stack's top. */
LOCAL void reclaim_scan_stacks(const struct thread *thread, uint64_t rsp)
{
    const struct live_thread *live = thread->live;
    uint64_t top = thread->kernel_stack_top + 8;
    if (live != NULL && rsp >= live->base && rsp < live->top) {
        reclaim_scan_words(rsp, live->top);
        return;
    }
    reclaim_scan_words(rsp >= thread->kernel_stack_base && rsp < top ? rsp : thread->kernel_stack_base, top);
    if (live != NULL)
        reclaim_scan_words(MAX(thread->live_rsp, live->base), live->top);
}

LOCAL void reclaim_scan_saved(struct thread *thread, void *unused)
{
    (void)unused;
    if (thread->state != THREAD_DEAD)
        reclaim_scan_stacks(thread, thread->saved_rsp);
}

/*
 * Is the thread in world code or ring 3, with no call of live code under way, at some moment of this look? Then its kernel stack and its
 * live stack were empty at that moment: what it had there before is gone, and what it enters from the interrupt of this scan on is not retired. The guard first:
 * a thread that has none and is outside later is not in a callback of an old call. An interrupt hides the guard: then `live_hidden`
 * is odd, or another number afterwards.
 */
LOCAL bool reclaim_is_outside(const struct thread *thread)
{
    uint32_t hidden = __atomic_load_n(&thread->live_hidden, __ATOMIC_ACQUIRE);
    return hidden % 2 == 0
        && __atomic_load_n(&thread->live_guard, __ATOMIC_ACQUIRE) == NULL
        && __atomic_load_n(&thread->role, __ATOMIC_ACQUIRE) != THREAD_IN_KERNEL
        && __atomic_load_n(&thread->live_hidden, __ATOMIC_ACQUIRE) == hidden;
}

/*
 * On each other CPU, in interrupt context. Other CPUs are to lose as little time as can be: a stack is looked at here only
 * if the thread never leaves the kernel, or, with `insist`, because it did not leave it in time. Else
 * the interrupt orders what this CPU does, and the reclaim thread sees by itself when the thread is outside or switched out.
 */
LOCAL void reclaim_look_here(void *insist)
{
    struct thread *me = thread_current();
    const struct trap_frame *frame = this_cpu()->interrupted;
    if (frame->role == THREAD_IN_KERNEL || me->live_guard != NULL) {
        if (!*(const bool *)insist && me->process != NULL)
            return;
        reclaim_scan_stacks(me, (uint64_t)(uintptr_t)frame);
    }
    __atomic_store_n(&me->stack_scan, scan.number, __ATOMIC_RELEASE);
}

struct reclaim_round {
    bool interrupted; /* every CPU has had the interrupt of this scan */
    bool again;       /* something was left to see when the round began */
    bool unseen;      /* something still is */
};

/*
 * A new thread is looked at each time, because its creator may not have written its first frame yet; a round in
 * which nothing else was left to see is the last one, and its creator has left the retired code, or was seen in it.
 */
LOCAL void reclaim_visit_thread(struct thread *thread, void *context)
{
    struct reclaim_round *round = context;
    if (__atomic_load_n(&thread->stack_scan, __ATOMIC_ACQUIRE) == scan.number || thread == thread_current())
        return;
    if (thread_is_idle(thread) && !(smp_online() & CPU_BIT(thread->cpu)))
        return; /* of a CPU that was left out: it never ran */
    bool is_new = thread->state == THREAD_NEW;
    bool seen = thread_visit_saved(thread, reclaim_scan_saved, NULL);
    if (is_new && seen)
        return;
    round->again = true;
    if (seen || (round->interrupted && reclaim_is_outside(thread)))
        __atomic_store_n(&thread->stack_scan, scan.number, __ATOMIC_RELEASE);
    else
        round->unseen = true;
}

/* False: some thread was never seen. */
LOCAL bool reclaim_look_everywhere(void)
{
    for (int number = 0; number < SCAN_ROUNDS; number++) {
        struct reclaim_round round = { .interrupted = number > 0 };
        thread_for_each(reclaim_visit_thread, &round);
        if (!round.again)
            return true;
        bool insist = number > 0;
        if (round.unseen && number % INSIST_ROUNDS == 0)
            smp_call_others(reclaim_look_here, &insist);
        else if (round.unseen)
            (void)!thread_sleep_until(clock_monotonic() + ROUND_PAUSE, false);
    }
    return false;
}

/* --- one scan --------------------------------------------------------------------------- */

LOCAL void reclaim_widen(struct live_span *around, struct live_span range)
{
    if (around->start == around->end)
        *around = range;
    around->start = MIN(around->start, range.start);
    around->end = MAX(around->end, range.end);
}

LOCAL void reclaim_take_items(void)
{
    scan.count = 0;
    scan.code = scan.records = (struct live_span){ 0, 0 };
    scan.number++;
    irq_flags_t flags = spin_lock_irq(&retired_lock);
    while (scan.count < ITEMS_PER_SCAN && !list_is_empty(&retired)) {
        struct live_retired *item = container_of(retired.next, struct live_retired, link);
        list_remove(&item->link);
        item->busy = false;
        scan.items[scan.count++] = item;
    }
    spin_unlock_irq(&retired_lock, flags);
    for (uint32_t i = 0; i < scan.count; i++)
        for (uint32_t r = 0; r < scan.items[i]->range_count; r++) {
            struct live_span range = scan.items[i]->ranges[r];
            reclaim_widen(range.start >= KERNEL_IMAGE_BASE ? &scan.code : &scan.records, range);
        }
}

/* Frees what nobody is in, puts the rest back at the list's end. How many were freed. */
LOCAL uint32_t reclaim_settle_items(bool complete)
{
    uint32_t freed = 0;
    for (uint32_t i = 0; i < scan.count; i++) {
        struct live_retired *item = scan.items[i];
        if (complete && !item->busy) {
            if (freed % ITEMS_AT_ONCE == 0 && scans_wanted == scans_done)
                (void)!thread_sleep_until(clock_monotonic() + ROUND_PAUSE, false);
            item->free(item);
            freed++;
            continue;
        }
        irq_flags_t flags = spin_lock_irq(&retired_lock);
        list_append(&retired, &item->link);
        spin_unlock_irq(&retired_lock, flags);
    }
    irq_flags_t flags = spin_lock_irq(&retired_lock);
    retired_count -= freed;
    spin_unlock_irq(&retired_lock, flags);
    return freed;
}

/* Everything that is retired at the start is looked at once. */
LOCAL void reclaim_scan_all(void)
{
    uint32_t left = __atomic_load_n(&retired_count, __ATOMIC_ACQUIRE);
    while (left > 0) {
        reclaim_take_items();
        if (scan.count == 0)
            break;
        reclaim_settle_items(reclaim_look_everywhere());
        left -= MIN(left, scan.count);
    }
}

/* --- the thread --------------------------------------------------------------------------- */

#define NEVER INT64_MAX

LOCAL bool reclaim_is_wanted(void) { return scans_wanted != scans_done || nudged; }

/* Nothing on this thread's stack below here when a scan begins: it need not look at itself. */
LOCAL void reclaim_main(void *unused)
{
    (void)unused;
    nanos_t next_scan = 0;
    for (;;) {
        uint64_t wanted = __atomic_load_n(&scans_wanted, __ATOMIC_ACQUIRE);
        nudged = false;
        nanos_t deadline = live_patch_settle();
        uint32_t waiting = __atomic_load_n(&retired_count, __ATOMIC_ACQUIRE);
        if (wanted != scans_done || waiting >= ITEMS_WANTED || (waiting != 0 && clock_monotonic() >= next_scan)) {
            reclaim_scan_all();
            __atomic_store_n(&scans_done, wanted, __ATOMIC_RELEASE);
            wait_queue_wake_all(&reclaim_done);
            next_scan = clock_monotonic() + RECLAIM_INTERVAL;
            waiting = __atomic_load_n(&retired_count, __ATOMIC_ACQUIRE);
        }
        if (waiting >= ITEMS_WANTED)
            next_scan = MIN(next_scan, clock_monotonic() + RECLAIM_INTERVAL / 10);
        if (waiting != 0)
            deadline = MIN(deadline, next_scan);
        (void)!WAIT_EVENT_(&reclaim_wanted, reclaim_is_wanted(), deadline == NEVER ? WAIT_FOREVER : deadline, false);
    }
}

/* False: no memory for the thread; the next caller tries again. */
LOCAL bool reclaim_start_thread(void)
{
    uint32_t none = 0;
    if (!__atomic_compare_exchange_n(&thread_state, &none, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        while (__atomic_load_n(&thread_state, __ATOMIC_ACQUIRE) == 1)
            thread_yield();
        return thread_state == 2;
    }
    wait_queue_init(&reclaim_wanted, "reclaim");
    wait_queue_init(&reclaim_done, "reclaim done");
    struct thread *thread = thread_create("reclaim", reclaim_main, NULL);
    if (thread != NULL) {
        thread_start(thread);
        thread_put(thread);
    }
    __atomic_store_n(&thread_state, thread != NULL ? 2 : 0, __ATOMIC_RELEASE);
    return thread != NULL;
}

void live_reclaim_wake(void)
{
    if (!reclaim_start_thread())
        return;
    nudged = true;
    wait_queue_wake_all(&reclaim_wanted);
}

void live_reclaim_retire(struct live_retired *item)
{
    irq_flags_t flags = spin_lock_irq(&retired_lock);
    list_append(&retired, &item->link);
    uint32_t count = ++retired_count;
    spin_unlock_irq(&retired_lock, flags);
    if (count == 1 || count == ITEMS_WANTED || thread_state != 2)
        live_reclaim_wake(); /* else it looks at the list soon, anyway */
}

/* --- modules ------------------------------------------------------------------------------------ */

struct retired_module {
    struct live_retired retired;
    uint64_t module;
};

LOCAL void reclaim_free_module(struct live_retired *item)
{
    struct retired_module *old = container_of(item, struct retired_module, retired);
    (void)!live_module_free(old->module); /* -EBUSY: it is in use again; -ENOENT: it was retired twice */
    kfree(old);
}

uint32_t live_reclaim_module_ranges(uint64_t module, struct live_span *ranges)
{
    uint64_t pairs[3][2];
    uint32_t count = 0;
    if (module == 0 || live_module_ranges(module, pairs) != 0)
        return 0;
    for (int i = 0; i < 3; i++)
        if (pairs[i][0] != pairs[i][1])
            ranges[count++] = (struct live_span){ pairs[i][0], pairs[i][1] };
    return count;
}

/* Nothing leads to the module any more. */
LOCAL void reclaim_module_is_old(uint64_t module)
{
    struct retired_module *old = kzalloc(sizeof *old);
    if (old == NULL)
        return; /* it stays */
    old->module = module;
    old->retired.range_count = live_reclaim_module_ranges(module, old->retired.ranges);
    old->retired.free = reclaim_free_module;
    live_reclaim_retire(&old->retired);
}

void live_reclaim_init(void) { live_module_on_old(reclaim_module_is_old); }

uint32_t live_reclaim_now(void)
{
    if (!reclaim_start_thread())
        return __atomic_load_n(&retired_count, __ATOMIC_ACQUIRE);
    uint64_t wanted = __atomic_add_fetch(&scans_wanted, 1, __ATOMIC_SEQ_CST);
    wait_queue_wake_all(&reclaim_wanted);
    WAIT_EVENT_UNINTERRUPTIBLE(&reclaim_done, __atomic_load_n(&scans_done, __ATOMIC_ACQUIRE) >= wanted);
    return __atomic_load_n(&retired_count, __ATOMIC_ACQUIRE);
}

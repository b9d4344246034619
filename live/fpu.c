/*
 * Floating point in live code that the kernel calls: timers, interrupt handlers, drivers' methods, replaced functions, kernel
 * threads. The registers hold some program's values then. A guard of the kernel sets thread->fpu_trap and CR0.TS, which costs a few
 * instructions; the first use of the registers traps, and live_fpu_taken() puts what they hold where it belongs and gives the
 * guard's call a clean state and an area for it. Calls that use none pay no more. docs/live.md, "Floating point".
 *
 * Areas come from a pool, because the trap may hit where nothing can be allocated. A call that finds it empty ends with
 * LIVE_FAULT_CONTEXT.
 */
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/trap.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/thread.h>
#include <lib/string.h>
#include <live/private.h>

#define POOL_PER_CPU 4
#define AREA_LINK_WORD 58 /* in the area: the software-reserved bytes 464..511 of the legacy region (SDM vol. 1, 10.5.1) */

/* Taken without bookkeeping, interrupts off: live code may hold any lock when it traps. */
static struct spinlock pool_lock = SPINLOCK_INIT("FPU areas", LOCK_RANK_SCHEDULER);
static void *pool;             /* pool_lock; areas that are free */

/* In an area: the next free one, or what was the live home of the registers before this one. */
LOCAL void **live_fpu_outer(void *area) { return (void **)area + AREA_LINK_WORD; }

LOCAL void live_fpu_put(void *area)
{
    uint64_t flags = irqs_disable();
    spin_acquire(&pool_lock);
    *live_fpu_outer(area) = pool;
    pool = area;
    spin_release(&pool_lock);
    irqs_restore(flags);
}

LOCAL void *live_fpu_take(void)
{
    spin_acquire(&pool_lock);
    void *area = pool;
    if (area != NULL)
        pool = *live_fpu_outer(area);
    spin_release(&pool_lock);
    if (area != NULL)
        fpu_copy(area, fpu_clean_state());
    else if (thread_current()->held_count == 0) /* not inside of the allocators */
        area = fpu_alloc();
    return area;
}

int live_fpu_add_cpu(void)
{
    for (unsigned i = 0; i < POOL_PER_CPU; i++) {
        void *area = fpu_alloc();
        if (area == NULL)
            return -ENOMEM;
        live_fpu_put(area);
    }
    return 0;
}

/* --- at the guard: called with interrupts on or off ------------------------------------------- */

void live_fpu_enter(struct live_guard *guard)
{
    struct thread *me = thread_current();
    guard->fpu_area = NULL;
    guard->fpu_set = !me->fpu_trap;
    if (!guard->fpu_set)
        return; /* an outer guard's call has not used them either */
    me->fpu_trap = 1;
    fpu_set_trap(true);
}

void live_fpu_leave(struct live_guard *guard)
{
    struct thread *me = thread_current();
    void *area = guard->fpu_area;
    if (area == NULL && !guard->fpu_set)
        return;
    uint64_t flags = irqs_disable();
    if (area != NULL) {
        me->fpu_live = *live_fpu_outer(area);
        const void *home = fpu_home(me);
        if (home != NULL)
            fpu_restore(home);
        else
            this_cpu()->fpu_owner = NULL;
    }
    me->fpu_trap = !guard->fpu_set;
    fpu_set_trap(me->fpu_trap);
    guard->fpu_area = NULL;
    guard->fpu_set = 0;
    irqs_restore(flags);
    if (area != NULL)
        live_fpu_put(area);
}

/* --- at the first use: interrupts off ------------------------------------------------------------ */

/* Is it the first use in a call that the kernel made? */
LOCAL bool live_fpu_is_wanted(const struct thread *me)
{
    const struct live_guard *guard = me->live_guard;
    return me->fpu_trap && guard != NULL && guard->kind != LIVE_GUARD_WORLD
        && guard->kind != LIVE_GUARD_BARRIER;
}

LOCAL void live_fpu_give(struct thread *me, void *area)
{
    fpu_set_trap(false);
    void *home = fpu_home(me);
    if (home != NULL)
        fpu_save(home);
    else
        this_cpu()->fpu_owner = NULL; /* that one's state is in memory, and no longer here */
    fpu_reset();
    *live_fpu_outer(area) = me->fpu_live;
    me->fpu_live = area;
    me->fpu_trap = 0;
    me->live_guard->fpu_area = area;
}

bool live_fpu_trapped(struct trap_frame *frame)
{
    struct thread *me = thread_current();
    if (!live_fpu_is_wanted(me))
        return false;
    void *area = live_fpu_take();
    if (area != NULL) {
        live_fpu_give(me, area);
        return true;
    }
    struct live_fault *fault = me->live_guard->fault;
    (void)live_fault_caught(frame, LIVE_FAULT_CONTEXT, frame->rip);
    strlcpy(fault->text, "too many calls of live code use the FPU at once", sizeof fault->text);
    return true;
}

void live_fpu_end_thread(struct thread *thread)
{
    while (thread->fpu_live != NULL) {
        void *area = thread->fpu_live;
        thread->fpu_live = *live_fpu_outer(area);
        live_fpu_put(area);
    }
}

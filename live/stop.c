/*
 * Ctrl-C, LIVE_STOP and time limits: calls of live code that are ended from outside. Guards are told in guard.c.
 *
 * What asks sets thread->live_stop, or sends a SIGINT, and interrupts the CPU that runs the thread. The interrupt's way back
 * (trap.c) comes to live_stop_here(): live code is sent to its guard's exit; in a kernel function that live code called, the
 * return address into live code is exchanged for live_stop_at_return. Where neither is possible (a function that was just
 * entered) it is tried again some milliseconds later. While a callback runs in the world nothing happens; the gate looks when it returns.
 */
#include <abi/errno.h>
#include <abi/signal.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <arch/x86_64/watchdog.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/sched/thread.h>
#include <live/private.h>

#define RED_ZONE   128
#define TICKS_WITH_INTERRUPTS_OFF WATCHDOG_HZ     /* 1 s */
#define TICKS_OF_A_PATCH          (2 * WATCHDOG_HZ) /* of CPU time in one call */
#define STOP_RETRY (10 * NANOS_PER_MILLISECOND)

/* --- threads --------------------------------------------------------------------------- */

LOCAL void live_interrupt_thread(struct thread *thread)
{
    if (thread->state == THREAD_RUNNING && thread->cpu != this_cpu()->id)
        smp_send_reschedule(thread->cpu);
}

/* The timer's CPU need not be the thread's: a thread that is switched to looks itself (thread_finish_switch). */
LOCAL void live_limit_passed(struct timer *timer)
{
    struct thread *thread = container_of(timer, struct live_thread, timer)->thread;
    if (thread->live_stop == LIVE_FAULT_NONE)
        thread->live_stop = LIVE_FAULT_TIME_LIMIT;
    live_interrupt_thread(thread);
}

void live_thread_init(struct live_thread *live, struct thread *thread)
{
    live->thread = thread;
    timer_init(&live->timer, live_limit_passed);
}

int live_prepare_thread(void)
{
    struct thread *me = thread_current();
    if (me->live != NULL)
        return 0;
    watchdog_start();
    struct live_thread *live = kzalloc(sizeof *live);
    char *stack = vmalloc(LIVE_STACK_SIZE, PAGE_USE_STACK);
    if (live == NULL || stack == NULL) {
        kfree(live);
        if (stack != NULL)
            vfree(stack);
        return -ENOMEM;
    }
    live->base = (uint64_t)(uintptr_t)stack;
    live->top = live->base + LIVE_STACK_SIZE;
    live_thread_init(live, me);
    me->live_rsp = live->top;
    me->live = live;
    return 0;
}

void live_free_thread(struct live_thread *live)
{
    timer_cancel(&live->timer);
    if (live->base != 0)
        vfree((void *)(uintptr_t)live->base);
    kfree(live);
}

int live_take_fault(struct live_fault *fault)
{
    struct live_thread *live = thread_current()->live;
    if (live == NULL || !live->fault_is_new)
        return -ENOENT;
    *fault = live->fault;
    live->fault_is_new = false;
    return 0;
}

void live_ask_to_stop(struct thread *thread)
{
    thread->live_stop = LIVE_FAULT_INTERRUPTED;
    thread_wake(thread);
    preempt_disable();
    live_interrupt_thread(thread);
    preempt_enable();
}

int live_stop_thread(int32_t id)
{
    struct thread *thread = thread_find(id);
    if (thread == NULL)
        return -ESRCH;
    bool ours = thread->process != NULL && thread->process == process_current() && thread->live_guard != NULL;
    int error = ours ? 0 : -ESRCH;
    if (ours)
        live_ask_to_stop(thread);
    else if (live_is_kernel_thread(thread) && thread != thread_current())
        error = live_stop_kernel_thread(thread);
    thread_put(thread);
    return error;
}

/* --- limits ------------------------------------------------------------------------------ */

/* The earliest deadline of the calls from `guard` outwards; 0: none has one. */
LOCAL nanos_t live_first_deadline(const struct live_guard *guard)
{
    nanos_t first = 0;
    for (; guard != NULL; guard = guard->outer)
        if (guard->kind == LIVE_GUARD_WORLD && guard->deadline != 0 && (first == 0 || guard->deadline < first))
            first = guard->deadline;
    return first;
}

void live_limits_restart(struct thread *me, const struct live_guard *guard)
{
    if (me->live->timer.cpu >= 0 || me->live->timer.deadline != 0)
        timer_cancel(&me->live->timer);
    me->live->timer.deadline = 0;
    nanos_t first = live_first_deadline(guard);
    if (first != 0)
        timer_arm(&me->live->timer, first);
}

void live_limit_call(struct live_guard *guard, nanos_t limit)
{
    uint64_t irqs = irqs_disable();
    guard->deadline = clock_monotonic() + limit;
    live_limits_restart(thread_current(), guard);
    irqs_restore(irqs);
}

/* --- stopping ----------------------------------------------------------------------------- */

uint32_t live_stop_reason(struct thread *me)
{
    uint32_t reason = me->live_stop;
    if (reason == LIVE_FAULT_TIME_LIMIT) {
        nanos_t first = live_first_deadline(me->live_guard);
        if (first == 0 || first > clock_monotonic()) {
            me->live_stop = reason = LIVE_FAULT_NONE; /* the call that it was for has ended */
            live_limits_restart(me, me->live_guard);
        }
    }
    if (reason == LIVE_FAULT_NONE && me->signal_check && (signal_is_waiting(SIGINT) || signal_is_waiting(SIGKILL)))
        reason = LIVE_FAULT_INTERRUPTED;
    return reason;
}

/* Ends the innermost call. The Ctrl-C has had its effect then, and does not raise again in the world. */
LOCAL NORETURN void live_stop_call(uint32_t kind, uint64_t rip, uint64_t rsp, uint64_t rbp)
{
    (void)irqs_disable();
    struct live_guard *guard = live_guard_in_force(thread_current());
    if (kind == LIVE_FAULT_INTERRUPTED && thread_current()->process != NULL && signal_is_waiting(SIGINT))
        signal_forget(SIGINT);
    live_end_call(guard, kind, rip, "", rip, rsp, rbp);
    live_resume(guard);
}

void live_stop_landed(uint32_t kind, uint64_t rip, uint64_t rsp, uint64_t rbp) { live_stop_call(kind, rip, rsp, rbp); }

void live_stop_returned(uint64_t rsp, uint64_t rbp)
{
    struct thread *me = thread_current();
    uint32_t kind = live_stop_reason(me);
    live_stop_call(kind != LIVE_FAULT_NONE ? kind : LIVE_FAULT_INTERRUPTED, me->live->stopped_return, rsp, rbp);
}

/* Exchanges the first return address into live code that the chain of frame pointers shows. */
LOCAL void live_stop_at_next_return(struct thread *me, const struct live_guard *guard, uint64_t rbp)
{
    while (live_in_call(me, guard, rbp)) {
        uint64_t *link = (uint64_t *)(uintptr_t)rbp; /* saved RBP, return address */
        if (link[1] == (uint64_t)(uintptr_t)live_stop_at_return)
            return;
        if (live_is_code(link[1])) {
            me->live->stopped_return = link[1];
            link[1] = (uint64_t)(uintptr_t)live_stop_at_return;
            return;
        }
        if (link[0] <= rbp)
            return;
        rbp = link[0];
    }
}

/* What the frame interrupted is sent to the guard's exit, by way of code that runs where it ran. */
LOCAL void live_stop_frame(struct trap_frame *frame, uint32_t kind)
{
    frame->rdi = kind;
    frame->rsi = frame->rip;
    frame->rdx = frame->rsp;
    frame->rip = (uint64_t)(uintptr_t)live_stop_landing;
    frame->rsp = ALIGN_DOWN(frame->rsp - RED_ZONE, 16);
    frame->rflags &= ~(uint64_t)(RFLAGS_DF | RFLAGS_TF | RFLAGS_AC);
}

void live_stop_here(struct trap_frame *frame)
{
    struct thread *me = thread_current();
    struct live_guard *guard = live_guard_in_force(me);
    if (guard == NULL || me->live == NULL)
        return; /* none, or a callback runs: the gate will look */
    uint32_t kind = live_stop_reason(me);
    if (kind == LIVE_FAULT_NONE)
        return;
    bool ends_call = guard->kind == LIVE_GUARD_WORLD || guard->kind == LIVE_GUARD_THREAD; /* others are short, or the watchdog's */
    if (ends_call && live_is_code(frame->rip)) {
        live_stop_frame(frame, kind);
        return;
    }
    if (ends_call)
        live_stop_at_next_return(me, guard, frame->rbp);
    timer_arm(&me->live->timer, clock_monotonic() + STOP_RETRY);
}

/* --- the watchdog ---------------------------------------------------------------------------- */

/*
 * Two things nobody can press Ctrl-C for: interrupts are off, or the kernel itself waits for a function of its own that was
 * replaced. Only what runs in live code is ended.
 */
void live_watchdog_tick(struct trap_frame *frame)
{
    struct cpu *cpu = this_cpu();
    const struct thread *me = cpu->current;
    struct live_guard *guard = me->role == THREAD_IN_KERNEL ? live_guard_in_force(me) : NULL;
    bool off = !(frame->rflags & RFLAGS_IF);
    if (guard == NULL || !off || guard != cpu->watched_guard || cpu->interrupts != cpu->watched_interrupts) {
        cpu->watched_guard = off ? guard : NULL;
        cpu->watched_interrupts = cpu->interrupts;
        cpu->watched_ticks = 0;
    }
    if (guard == NULL)
        return;
    cpu->watched_ticks++;
    if (!live_is_code(frame->rip))
        return;
    guard->ticks++;
    if (cpu->watched_ticks > TICKS_WITH_INTERRUPTS_OFF) {
        cpu->watched_guard = NULL;
        live_stop_frame(frame, LIVE_FAULT_IRQS_OFF);
    } else if (guard->kind == LIVE_GUARD_PATCH && guard->ticks > TICKS_OF_A_PATCH) {
        guard->ticks = 0;
        live_stop_frame(frame, LIVE_FAULT_TIME_LIMIT);
    }
}

/* Preemption inlined, for where it is part of a few instructions; preempt_disable() and preempt_enable() (thread.h) are the same. */
#ifndef KERNEL_SCHED_PREEMPT_H
#define KERNEL_SCHED_PREEMPT_H

#include <arch/x86_64/cpu.h>
#include <kernel/log.h>

static inline void preempt_count_up(void)
{
    this_thread()->preempt_count++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Switches threads, as is due, unless interrupts are off. */
void preempt_catch_up(void);

static inline void preempt_count_down(void)
{
    struct thread *me = this_thread();
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    KASSERT(me->preempt_count > 0);
    if (--me->preempt_count == 0 && this_cpu()->reschedule)
        preempt_catch_up();
}

#endif

/*
 * Several CPUs: which are running, what they can ask each other.
 *
 * CPU 0 is the boot CPU. smp_init() starts the others (trampoline.S), which enter
 * the scheduler by their idle threads. After that three interrupts connect them:
 *
 *   reschedule   look at your run queue, or at the signals of the thread you run
 *   TLB          forget translations (paging_flush_range(), tlb.c)
 *   call         run a function (smp_call_others())
 *
 * and the NMI, which also reaches a CPU that has interrupts off: it stops the others
 * for a panic and makes them tell where they are.
 *
 * Left out: taking a CPU offline; x2APIC.
 */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include <arch/x86_64/cpu.h>

#define CPU_BIT(id) (1ULL << (id))
#define CPU_ALL     UINT64_MAX

/* Bit per running CPU; bits are only ever set. */
uint64_t smp_online(void);
uint32_t smp_online_count(void);

/* Boot step, in a thread: starts every CPU of the MADT (boot option cpus=N: at most N). One that does not answer is
 * reported and left out. */
void smp_init(void);
/* Starts one more CPU by its APIC ID. 0, -ENOMEM, -ETIMEDOUT: it did not answer, -EIO: its time-stamp counter differs from
 * the boot CPU's, so the clock would go back when a thread moves. Context: thread; one call at a time. */
MUST_CHECK int smp_start_cpu(uint32_t apic_id);

/* Interrupts CPU `id`, which is not this one, so that it looks at its `reschedule` flag. Context: any. */
void smp_send_reschedule(int32_t id);

/*
 * Runs `function(argument)` on every other CPU, in interrupt context, and returns when all have. Context: interrupts on,
 * no spinlock held (the others may wait for it with interrupts off).
 */
void smp_call_others(void (*function)(void *argument), void *argument);

/* In spin loops, preemption off: a pause, and the TLB requests of CPUs that may be waiting for this one. */
void cpu_relax(void);

/* The interrupts above. Called by the vector's dispatch, before the end of interrupt. */
void smp_call_interrupt(void);
void tlb_service(void);

/* For panic and power-off: every other CPU stops for good, by an NMI. One that comes second stops itself. */
void smp_stop_others(void);

/* Where a CPU was when the NMI hit it. */
struct smp_snapshot {
    bool taken;
    uint32_t role;          /* enum thread_role */
    bool interrupts_on;
    int32_t thread_id;
    char thread_name[THREAD_NAME_SIZE];
    uint32_t frame_count;
    uint64_t frames[16];    /* RIP first */
};
/* Asks CPU `id` by NMI (itself: directly). False: no answer within 100 ms. Context: thread; one call at a time. */
bool smp_take_snapshot(int32_t id, struct smp_snapshot *snapshot);

#endif

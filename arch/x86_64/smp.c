/* What running CPUs ask each other; the contract is in smp.h. Translations: tlb.c; starting: smp_start.c. */
#include <arch/x86_64/apic.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/smp_private.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/time/time.h>
#include <lib/string.h>
#include <live/call.h>

#define SNAPSHOT_PATIENCE (100 * NANOS_PER_MILLISECOND)

struct call_request {
    void (*function)(void *argument);
    void *argument;
    volatile uint64_t waiting; /* CPUs that have yet to run it */
};

static volatile uint64_t online = CPU_BIT(0);
static struct call_request call_requests[MAX_CPUS]; /* by initiator: preemption is off while it waits */

#define NOBODY (-1)
static volatile int32_t stopper = NOBODY;         /* the CPU that stopped the others */
static volatile int32_t snapshot_wanted = NOBODY; /* the CPU that is to tell where it is */
static struct smp_snapshot snapshot_taken;

uint64_t smp_online(void) { return __atomic_load_n(&online, __ATOMIC_ACQUIRE); }
uint32_t smp_online_count(void) { return (uint32_t)__builtin_popcountll(smp_online()); }
void smp_set_online(int32_t id) { __atomic_fetch_or(&online, CPU_BIT(id), __ATOMIC_SEQ_CST); }

void smp_send_reschedule(int32_t id) { apic_send(cpus[id].apic_id, VECTOR_RESCHEDULE); }

void smp_call_interrupt(void)
{
    struct cpu *me = this_cpu();
    uint64_t initiators = __atomic_exchange_n(&me->call_requests, 0, __ATOMIC_SEQ_CST);
    for (; initiators != 0; initiators &= initiators - 1) {
        struct call_request *request = &call_requests[__builtin_ctzll(initiators)];
        LIVE_CALL(request->function, 0, request->argument);
        __atomic_fetch_and(&request->waiting, ~CPU_BIT(me->id), __ATOMIC_SEQ_CST);
    }
}

void smp_call_others(void (*function)(void *argument), void *argument)
{
    KASSERT(irqs_are_enabled());
    preempt_disable();
    struct cpu *me = this_cpu();
    uint64_t targets = smp_online() & ~CPU_BIT(me->id);
    struct call_request *request = &call_requests[me->id];
    request->function = function;
    request->argument = argument;
    __atomic_store_n(&request->waiting, targets, __ATOMIC_SEQ_CST);
    for (uint64_t left = targets; left != 0; left &= left - 1) {
        struct cpu *target = &cpus[__builtin_ctzll(left)];
        if (__atomic_fetch_or(&target->call_requests, CPU_BIT(me->id), __ATOMIC_SEQ_CST) == 0)
            apic_send(target->apic_id, VECTOR_CALL);
    }
    while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0)
        cpu_relax();
    preempt_enable();
}

LOCAL NORETURN void smp_halt(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

void smp_stop_others(void)
{
    int32_t first = NOBODY, me = this_cpu()->id;
    if (!__atomic_compare_exchange_n(&stopper, &first, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && first != me)
        smp_halt(); /* another CPU ends the system already */
    uint64_t targets = smp_online() & ~CPU_BIT(this_cpu()->id);
    for (; targets != 0; targets &= targets - 1)
        apic_send_nmi(cpus[__builtin_ctzll(targets)].apic_id);
}

/* --- snapshots ------------------------------------------------------------------- */

/* In an NMI: nothing here may fault or wait. Only addresses of the thread's own kernel stack are read. */
void smp_note_nmi(const struct trap_frame *frame)
{
    if (stopper != NOBODY && stopper != this_cpu()->id)
        smp_halt();
    if (snapshot_wanted != this_cpu()->id)
        return;
    const struct thread *me = thread_current();
    struct smp_snapshot *snapshot = &snapshot_taken;
    snapshot->role = me->role;
    snapshot->interrupts_on = frame->rflags & RFLAGS_IF;
    snapshot->thread_id = me->id;
    memcpy(snapshot->thread_name, me->name, sizeof snapshot->thread_name);
    snapshot->frame_count = trap_collect_frames(frame->rip, me->role == THREAD_IN_KERNEL ? frame->rbp : 0,
                                                snapshot->frames, ARRAY_COUNT(snapshot->frames));
    __atomic_store_n(&snapshot->taken, true, __ATOMIC_RELEASE);
    snapshot_wanted = NOBODY;
}

bool smp_take_snapshot(int32_t id, struct smp_snapshot *snapshot)
{
    memset(&snapshot_taken, 0, sizeof snapshot_taken);
    __atomic_store_n(&snapshot_wanted, id, __ATOMIC_SEQ_CST);
    apic_send_nmi(cpus[id].apic_id); /* to itself, too */
    nanos_t deadline = clock_monotonic() + SNAPSHOT_PATIENCE;
    while (!__atomic_load_n(&snapshot_taken.taken, __ATOMIC_ACQUIRE) && clock_monotonic() < deadline)
        __asm__ volatile("pause");
    *snapshot = snapshot_taken;
    snapshot_wanted = NOBODY;
    return snapshot->taken;
}

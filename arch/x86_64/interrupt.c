/*
 * The table of interrupt vectors. ISA line n arrives on vector
 * VECTOR_IRQ_BASE + (its I/O APIC input); lines are never shared as yet.
 */
#include <abi/errno.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/interrupt.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <arch/x86_64/cpu.h>
#include <kernel/sched/lock.h>
#include <kernel/time/time.h>

#define IRQ_VECTORS (VECTOR_TIMER - VECTOR_IRQ_BASE)

struct irq_action {
    irq_handler_t handler;
    void *argument;
    const char *name;
    uint64_t count;
    uint64_t unhandled;
};

static struct irq_action actions[IRQ_VECTORS];
static uint64_t timer_count, spurious_count;
static struct spinlock irq_lock = SPINLOCK_INIT("irq table", LOCK_RANK_LEAF);
uint64_t interrupt_nmi_count;

/* What CPUs send each other, from VECTOR_RESCHEDULE on (smp.h). */
static struct { const char *name; void (*handler)(void); uint64_t count; } ipis[] = {
    [VECTOR_RESCHEDULE - VECTOR_RESCHEDULE] = { "reschedule", thread_reschedule_interrupt, 0 },
    [VECTOR_TLB - VECTOR_RESCHEDULE] = { "TLB shoot-down", tlb_service, 0 },
    [VECTOR_CALL - VECTOR_RESCHEDULE] = { "function call", smp_call_interrupt, 0 },
};

int irq_register_isa(unsigned line, const char *name, irq_handler_t handler, void *argument)
{
    if (line >= 16)
        return -EINVAL;
    struct acpi_isa_route route = acpi_isa_route(line);
    if (route.gsi >= IRQ_VECTORS)
        return -EINVAL;
    struct irq_action *action = &actions[route.gsi];
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    int error = action->handler == NULL ? 0 : -EBUSY;
    if (error == 0) {
        action->argument = argument;
        action->name = name;
        action->handler = handler;
    }
    spin_unlock_irq(&irq_lock, flags);
    if (error == 0)
        error = ioapic_route(route.gsi, VECTOR_IRQ_BASE + route.gsi, route.active_low, route.level);
    if (error == 0)
        klog(LOG_DEBUG, "irq", "ISA line %u (%s): input %u, vector %u", line, name, route.gsi,
             VECTOR_IRQ_BASE + route.gsi);
    return error;
}

void interrupt_dispatch(unsigned vector)
{
    random_add_interrupt(tsc_read());
    if (vector == VECTOR_TIMER) {
        __atomic_add_fetch(&timer_count, 1, __ATOMIC_RELAXED);
        apic_acknowledge();
        time_interrupt();
        return;
    }
    if (vector == VECTOR_SPURIOUS) {
        __atomic_add_fetch(&spurious_count, 1, __ATOMIC_RELAXED); /* not acknowledged: SDM vol. 3, 11.9 */
        return;
    }
    if (vector >= VECTOR_RESCHEDULE && vector < VECTOR_RESCHEDULE + ARRAY_COUNT(ipis)) {
        __atomic_add_fetch(&ipis[vector - VECTOR_RESCHEDULE].count, 1, __ATOMIC_RELAXED);
        apic_acknowledge();
        ipis[vector - VECTOR_RESCHEDULE].handler();
        return;
    }
    if (vector - VECTOR_IRQ_BASE < IRQ_VECTORS) {
        struct irq_action *action = &actions[vector - VECTOR_IRQ_BASE];
        action->count++;
        if (action->handler == NULL || !action->handler(action->argument))
            action->unhandled++;
    }
    apic_acknowledge();
}

void interrupt_for_each(void (*visit)(const struct interrupt_statistics *statistics, void *context), void *context)
{
    for (unsigned i = 0; i < IRQ_VECTORS; i++) {
        if (actions[i].handler == NULL)
            continue;
        struct interrupt_statistics statistics = { VECTOR_IRQ_BASE + i, actions[i].name, actions[i].count };
        visit(&statistics, context);
    }
    struct interrupt_statistics timer = { VECTOR_TIMER, "timer", timer_count };
    struct interrupt_statistics nmi = { VECTOR_NMI, "nmi", interrupt_nmi_count };
    struct interrupt_statistics spurious = { VECTOR_SPURIOUS, "spurious", spurious_count };
    visit(&timer, context);
    for (unsigned i = 0; i < ARRAY_COUNT(ipis); i++) {
        struct interrupt_statistics ipi = { VECTOR_RESCHEDULE + i, ipis[i].name, ipis[i].count };
        visit(&ipi, context);
    }
    visit(&nmi, context);
    visit(&spurious, context);
}

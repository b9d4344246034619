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
#include <live/guard.h>

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

/* A handler may be live code: a fault masks its line. */
LOCAL void interrupt_call_handler(uint32_t gsi)
{
    struct irq_action *action = &actions[gsi];
    irq_handler_t handler = action->handler;
    uint64_t handled = 0;
    action->count++;
    if (handler != NULL
        && live_guarded_call((uint64_t (*)(uint64_t, uint64_t))(uintptr_t)handler, (uint64_t)(uintptr_t)action->argument, 0,
                             &handled, action->name) != 0) {
        ioapic_mask(gsi);
        action->handler = NULL;
        klog(LOG_ERROR, "irq", "%s: its handler faulted; interrupt input %u is masked", action->name, gsi);
    }
    if ((uint8_t)handled == 0)
        action->unhandled++;
}

int irq_unregister_isa(unsigned line, irq_handler_t handler)
{
    if (line >= 16)
        return -EINVAL;
    uint32_t gsi = acpi_isa_route(line).gsi;
    if (gsi >= IRQ_VECTORS)
        return -EINVAL;
    struct irq_action *action = &actions[gsi];
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    int error = action->handler == handler ? 0 : -ENOENT;
    if (error == 0)
        action->handler = NULL;
    spin_unlock_irq(&irq_lock, flags);
    if (error == 0)
        ioapic_mask(gsi);
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
        interrupt_call_handler(vector - VECTOR_IRQ_BASE);
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

/*
 * The table of interrupt vectors. Input n of the I/O APIC arrives on vector
 * VECTOR_IRQ_BASE + n; the vectors from the top of the device range downwards
 * are given out for messages.
 *
 * A vector's handlers are a list that only grows in front or loses members while
 * irq_lock is held. The dispatcher walks it without the lock; irq_free() waits for a
 * walk that may still see what it took out.
 */
#include <abi/errno.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/interrupt.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/random.h>
#include <kernel/sched/lock.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/guard.h>

#define IRQ_VECTORS (VECTOR_TIMER - VECTOR_IRQ_BASE)
#define IRQ_NAME_SIZE 16
#define IRQ_UNCLAIMED_LIMIT 1000 /* interrupts in a row that no handler wanted: the line is stuck */
#define MESSAGE_ADDRESS 0xfee00000ULL

struct irq_action {
    struct irq_action *next;
    irq_handler_t handler;
    void *argument;
    char name[IRQ_NAME_SIZE];
    bool disabled; /* it faulted */
};

struct irq_line {
    struct irq_action *actions;
    uint64_t count;
    uint64_t unclaimed;
    uint32_t unclaimed_row;
    bool is_input, active_low, level, is_message;
    bool masked;                 /* because nobody wants it */
    volatile uint32_t walkers;   /* dispatchers that look at `actions` */
    volatile uint32_t walks;     /* that ended */
    char names[48];
};

static struct irq_line lines[IRQ_VECTORS];
static uint64_t timer_count, spurious_count;
static struct spinlock irq_lock = SPINLOCK_INIT("irq table", LOCK_RANK_LEAF);
uint64_t interrupt_nmi_count;

/* What CPUs send each other, from VECTOR_RESCHEDULE on (smp.h). */
static struct { const char *name; void (*handler)(void); uint64_t count; } ipis[] = {
    [VECTOR_RESCHEDULE - VECTOR_RESCHEDULE] = { "reschedule", thread_reschedule_interrupt, 0 },
    [VECTOR_TLB - VECTOR_RESCHEDULE] = { "TLB shoot-down", tlb_service, 0 },
    [VECTOR_CALL - VECTOR_RESCHEDULE] = { "function call", smp_call_interrupt, 0 },
};

/* --- vectors --------------------------------------------------------------------- */

LOCAL struct irq_line *irq_line_of(unsigned vector)
{
    return vector - VECTOR_IRQ_BASE < IRQ_VECTORS ? &lines[vector - VECTOR_IRQ_BASE] : NULL;
}

int irq_vector_of_input(uint32_t gsi, bool active_low, bool level)
{
    if (gsi >= ioapic_input_count() || gsi >= IRQ_VECTORS)
        return -EINVAL;
    struct irq_line *line = &lines[gsi];
    int result = VECTOR_IRQ_BASE + (int)gsi;
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    if (line->actions != NULL && (line->active_low != active_low || line->level != level)) {
        result = -EBUSY;
    } else {
        line->is_input = true;
        line->active_low = active_low;
        line->level = level;
    }
    spin_unlock_irq(&irq_lock, flags);
    return result;
}

int irq_allocate_vector(void)
{
    int result = -ENOSPC;
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    for (unsigned i = IRQ_VECTORS; i-- > ioapic_input_count();)
        if (!lines[i].is_message) {
            lines[i].is_message = true;
            result = (int)(VECTOR_IRQ_BASE + i);
            break;
        }
    spin_unlock_irq(&irq_lock, flags);
    return result;
}

void irq_release_vector(unsigned vector)
{
    struct irq_line *line = irq_line_of(vector);
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    if (line == NULL || !line->is_message || line->actions != NULL)
        panic("irq: vector %u is released while it is in use, or was not allocated", vector);
    line->is_message = false;
    spin_unlock_irq(&irq_lock, flags);
}

void irq_message(unsigned vector, uint64_t *address, uint32_t *data)
{
    *address = MESSAGE_ADDRESS | (uint64_t)cpus[0].apic_id << 12;
    *data = vector; /* fixed delivery, edge */
}

/* --- handlers ---------------------------------------------------------------------- */

/* irq_lock held. What reports call the vector. */
LOCAL void irq_name_line(struct irq_line *line)
{
    size_t length = 0;
    line->names[0] = 0;
    for (struct irq_action *action = line->actions; action != NULL && length < sizeof line->names; action = action->next)
        length += (size_t)ksnprintf(line->names + length, sizeof line->names - length, "%s%s", length > 0 ? ", " : "",
                                    action->name);
}

/* irq_lock held. Inputs follow whether somebody listens. */
LOCAL int irq_update_input(struct irq_line *line)
{
    if (!line->is_input)
        return 0;
    uint32_t gsi = (uint32_t)(line - lines);
    if (line->actions == NULL || line->masked) {
        ioapic_mask(gsi);
        return 0;
    }
    return ioapic_route(gsi, VECTOR_IRQ_BASE + gsi, line->active_low, line->level);
}

int irq_request(unsigned vector, const char *name, irq_handler_t handler, void *argument)
{
    struct irq_line *line = irq_line_of(vector);
    if (line == NULL || handler == NULL)
        return -EINVAL;
    struct irq_action *action = kzalloc(sizeof *action);
    if (action == NULL)
        return -ENOMEM;
    action->handler = handler;
    action->argument = argument;
    strlcpy(action->name, name, sizeof action->name);

    irq_flags_t flags = spin_lock_irq(&irq_lock);
    int error = line->is_input || line->is_message ? 0 : -EINVAL;
    for (struct irq_action *other = line->actions; other != NULL; other = other->next)
        if (other->handler == handler && other->argument == argument)
            error = -EEXIST;
    if (error == 0) {
        action->next = line->actions;
        __atomic_store_n(&line->actions, action, __ATOMIC_RELEASE);
        line->masked = false;
        line->unclaimed_row = 0;
        irq_name_line(line);
        error = irq_update_input(line);
        if (error != 0)
            line->actions = action->next; /* an input that is not there: no interrupt can have come */
    }
    spin_unlock_irq(&irq_lock, flags);
    if (error != 0)
        kfree(action);
    return error;
}

void irq_free(unsigned vector, irq_handler_t handler, void *argument)
{
    struct irq_line *line = irq_line_of(vector);
    if (line == NULL)
        return;
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    struct irq_action **place = &line->actions;
    while (*place != NULL && ((*place)->handler != handler || (*place)->argument != argument))
        place = &(*place)->next;
    struct irq_action *action = *place;
    if (action != NULL) {
        __atomic_store_n(place, action->next, __ATOMIC_SEQ_CST);
        line->masked = false; /* who is left may have the line */
        line->unclaimed_row = 0;
        irq_name_line(line);
        (void)!irq_update_input(line);
    }
    spin_unlock_irq(&irq_lock, flags);
    if (action == NULL)
        return;
    uint32_t seen = __atomic_load_n(&line->walks, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&line->walkers, __ATOMIC_SEQ_CST) != 0 && line->walks == seen)
        cpu_relax();
    kfree(action);
}

int irq_register_isa(unsigned isa_line, const char *name, irq_handler_t handler, void *argument)
{
    if (isa_line >= 16)
        return -EINVAL;
    struct acpi_isa_route route = acpi_isa_route(isa_line);
    int vector = irq_vector_of_input(route.gsi, route.active_low, route.level);
    int error = vector < 0 ? vector : irq_request((unsigned)vector, name, handler, argument);
    if (error == 0)
        klog(LOG_DEBUG, "irq", "ISA line %u (%s): input %u, vector %d", isa_line, name, route.gsi, vector);
    return error;
}

int irq_unregister_isa(unsigned isa_line, irq_handler_t handler)
{
    if (isa_line >= 16 || acpi_isa_route(isa_line).gsi >= IRQ_VECTORS)
        return -EINVAL;
    unsigned vector = VECTOR_IRQ_BASE + acpi_isa_route(isa_line).gsi;
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    const struct irq_action *action = irq_line_of(vector)->actions;
    while (action != NULL && action->handler != handler)
        action = action->next;
    void *argument = action != NULL ? action->argument : NULL;
    spin_unlock_irq(&irq_lock, flags);
    if (action == NULL)
        return -ENOENT;
    irq_free(vector, handler, argument);
    return 0;
}

/* --- dispatch ------------------------------------------------------------------------ */

/* irq_free() and irq_request() unmask it again. */
LOCAL void irq_mask_line(struct irq_line *line)
{
    irq_flags_t flags = spin_lock_irq(&irq_lock);
    line->masked = true;
    line->unclaimed_row = 0;
    (void)!irq_update_input(line);
    spin_unlock_irq(&irq_lock, flags);
}

LOCAL bool irq_has_handler(const struct irq_line *line)
{
    const struct irq_action *action = line->actions;
    while (action != NULL && action->disabled)
        action = action->next;
    return action != NULL;
}

/* Did the device raise it? A handler that faults (live code: docs/live.md) is not called again. */
LOCAL bool irq_call(struct irq_line *line, struct irq_action *action)
{
    uint64_t result = 0;
    uint32_t fault = live_guarded_call((uint64_t (*)(uint64_t, uint64_t))(uintptr_t)action->handler,
                                       (uint64_t)(uintptr_t)action->argument, 0, &result, action->name);
    if (fault == 0)
        return (uint8_t)result != 0; /* a bool: the rest of the register says nothing */
    action->disabled = true;
    klog(LOG_ERROR, "irq", "vector %u: the handler of %s is switched off", (unsigned)(line - lines) + VECTOR_IRQ_BASE,
         action->name);
    if (line->is_input && !irq_has_handler(line))
        irq_mask_line(line);
    return true;
}

/* A level input that nobody acknowledges interrupts for ever. */
LOCAL void irq_note_unclaimed(struct irq_line *line)
{
    line->unclaimed++;
    if (!line->is_input || !line->level || ++line->unclaimed_row < IRQ_UNCLAIMED_LIMIT)
        return;
    irq_mask_line(line);
    klog(LOG_ERROR, "irq", "input %u (%s): %d interrupts that no handler wanted; masked", (unsigned)(line - lines),
         line->names, IRQ_UNCLAIMED_LIMIT);
}

LOCAL void irq_dispatch(struct irq_line *line)
{
    bool claimed = false;
    __atomic_add_fetch(&line->walkers, 1, __ATOMIC_SEQ_CST);
    line->count++;
    struct irq_action *action = __atomic_load_n(&line->actions, __ATOMIC_SEQ_CST);
    for (; action != NULL; action = __atomic_load_n(&action->next, __ATOMIC_ACQUIRE))
        if (!action->disabled)
            claimed |= irq_call(line, action);
    if (claimed)
        line->unclaimed_row = 0;
    else
        irq_note_unclaimed(line);
    __atomic_add_fetch(&line->walks, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&line->walkers, 1, __ATOMIC_SEQ_CST);
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
    struct irq_line *line = irq_line_of(vector);
    if (line != NULL)
        irq_dispatch(line);
    apic_acknowledge();
}

void interrupt_for_each(void (*visit)(const struct interrupt_statistics *statistics, void *context), void *context)
{
    for (unsigned i = 0; i < IRQ_VECTORS; i++) {
        if (lines[i].actions == NULL)
            continue;
        struct interrupt_statistics statistics = { VECTOR_IRQ_BASE + i, lines[i].names, lines[i].count };
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

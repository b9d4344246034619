/*
 * Device interrupts: legacy ISA lines 0..15 (mapped to the I/O APIC by the MADT's
 * overrides) and I/O APIC global interrupt numbers.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include <lib/types.h>

/* Runs with interrupts off, on the interrupted thread's kernel stack; may not
 * sleep. Returns true when the device had raised it. */
typedef bool (*irq_handler_t)(void *argument);

/* Routes ISA line `line` to this CPU and unmasks it. 0, -EINVAL, -EBUSY, -ENOMEM. `name` stays valid. */
MUST_CHECK int irq_register_isa(unsigned line, const char *name, irq_handler_t handler, void *argument);

/* Masks the line again. Its handler may be running on the boot CPU still. 0, -EINVAL, -ENOENT: another handler, or none. */
MUST_CHECK int irq_unregister_isa(unsigned line, irq_handler_t handler);

bool irqs_are_enabled(void);
uint64_t irqs_disable(void);        /* returns RFLAGS */
void irqs_restore(uint64_t flags);

#endif

/*
 * Device interrupts: legacy ISA lines 0..15 (mapped to the I/O APIC by the MADT's
 * overrides), inputs of the I/O APIC, and messages (MSI, MSI-X).
 *
 *     int vector = irq_vector_of_input(gsi, true, true);   or irq_allocate_vector()
 *     error = irq_request(vector, "edu", edu_interrupt, edu);
 *     ...
 *     irq_free(vector, edu_interrupt, edu);
 *
 * A line is shared: each interrupt calls all handlers of its vector. All go to the boot CPU. Drivers use
 * device_request_irq() (dev/driver/device.h), which chooses the vector.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include <lib/types.h>

/* Runs with interrupts off, on the interrupted thread's kernel stack; may not
 * sleep. Returns true when the device had raised it. */
typedef bool (*irq_handler_t)(void *argument);

/* Routes ISA line `line` to this CPU and unmasks it. 0, -EINVAL, -EBUSY, -ENOMEM. */
MUST_CHECK int irq_register_isa(unsigned line, const char *name, irq_handler_t handler, void *argument);

/* Takes a handler away, as irq_free(). 0, -EINVAL, -ENOENT: it is not there. Context: threads. */
MUST_CHECK int irq_unregister_isa(unsigned line, irq_handler_t handler);

/* The vector of I/O APIC input `gsi`, which is set up as told, and unmasked by its first handler. -EINVAL: no such
 * input; -EBUSY: it is in use with another trigger or polarity. Context: any. */
MUST_CHECK int irq_vector_of_input(uint32_t gsi, bool active_low, bool level);
/* A vector for messages, nobody else's. -ENOSPC. Context: any. */
MUST_CHECK int irq_allocate_vector(void);
void irq_release_vector(unsigned vector);
/* What a device writes to raise `vector` (SDM vol. 3, 11.11). */
void irq_message(unsigned vector, uint64_t *address, uint32_t *data);

/* Adds a handler. `name` is copied. 0, -EINVAL, -ENOMEM, -EEXIST (the same handler and argument). Context: any. */
MUST_CHECK int irq_request(unsigned vector, const char *name, irq_handler_t handler, void *argument);
/* Takes it away; when this returns it runs nowhere. Nothing happens when it is not there. Context: threads. */
void irq_free(unsigned vector, irq_handler_t handler, void *argument);

bool irqs_are_enabled(void);
uint64_t irqs_disable(void);        /* returns RFLAGS */
void irqs_restore(uint64_t flags);

#endif

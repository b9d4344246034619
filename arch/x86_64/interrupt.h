/* Vectors of device interrupts, and what the trap code calls for each. */
#ifndef ARCH_INTERRUPT_H
#define ARCH_INTERRUPT_H

#include <arch/x86_64/irq.h>

/* Runs the handler of `vector` and acknowledges it. Interrupts off. */
void interrupt_dispatch(unsigned vector);

/* NMIs that were neither a panic's nor anybody else's. */
extern uint64_t interrupt_nmi_count;

struct interrupt_statistics {
    unsigned vector;
    const char *name;
    uint64_t count;
};
/* Calls `visit` for each vector in use, without locks: counts may move. */
void interrupt_for_each(void (*visit)(const struct interrupt_statistics *statistics, void *context), void *context);

#endif

/*
 * Clocks and timers. The clock device (dev/clock, Zig) gives the counter and
 * the one-shot interrupt; everything here is in nanoseconds.
 */
#ifndef KERNEL_TIME_TIME_H
#define KERNEL_TIME_TIME_H

#include <lib/list.h>
#include <lib/tree.h>

nanos_t clock_monotonic(void);   /* since power-on as the TSC counts; any context; 0 before time_init() */
nanos_t clock_realtime(void);    /* since 1970-01-01 UTC */
void clock_set_realtime(nanos_t now);

/* Boot step: measures the clocks and reads the date. After acpi_init() and
 * apic_init(), on the boot CPU. Panics when the machine has no clock. */
void time_init(void);
/* On each further CPU, interrupts off. */
void time_init_cpu(void);
/* The local APIC's timer vector: runs what is due on this CPU, arms the next
 * deadline. Context: interrupt, before or after the end of interrupt. */
void time_interrupt(void);

/*
 * A one-shot timer. `function` runs in interrupt context on the CPU that armed
 * it, without the timer lock held; it may re-arm the timer. The memory is the
 * caller's and must live until the timer fired or timer_cancel() returned.
 * Calls for one timer are not made by two CPUs at once (the caller's lock).
 */
struct timer {
    struct tree_node node;
    nanos_t deadline;             /* monotonic */
    void (*function)(struct timer *timer);
    int32_t cpu;                  /* where it is armed; -1: not armed */
    int32_t last_cpu;             /* where it was armed last; -1: never */
};

void timer_init(struct timer *timer, void (*function)(struct timer *timer));
void timer_arm(struct timer *timer, nanos_t deadline);   /* re-arms an armed one */
/* True when it was armed and will not fire; waits for a running function to end
 * (unless called from it). */
bool timer_cancel(struct timer *timer);
/* Cancels the armed timers for which `matches` is true; how many. It is called with interrupts off and a lock held, and takes none but
 * by disabling interrupts. Does not wait for functions that run. */
unsigned timer_cancel_matching(bool (*matches)(const struct timer *timer, uint64_t context), uint64_t context);

#endif

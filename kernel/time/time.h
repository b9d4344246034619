/*
 * Clocks and timers. The clock device (dev/clock, Zig) gives the counter and
 * the one-shot interrupt; everything here is in nanoseconds.
 */
#ifndef KERNEL_TIME_TIME_H
#define KERNEL_TIME_TIME_H

#include <lib/list.h>
#include <lib/tree.h>

nanos_t clock_monotonic(void);   /* since power-on as the TSC counts; any context */
nanos_t clock_realtime(void);    /* since 1970-01-01 UTC */
void clock_set_realtime(nanos_t now);

/*
 * A one-shot timer. `function` runs in interrupt context on the CPU that armed
 * it, without the timer lock held; it may re-arm the timer. The memory is the
 * caller's and must live until the timer fired or timer_cancel() returned.
 */
struct timer {
    struct tree_node node;
    nanos_t deadline;             /* monotonic */
    void (*function)(struct timer *timer);
    int32_t cpu;                  /* where it is armed; -1: not armed */
};

void timer_init(struct timer *timer, void (*function)(struct timer *timer));
void timer_arm(struct timer *timer, nanos_t deadline);   /* re-arms an armed one */
/* True when it was armed and will not fire; waits for a running function to end
 * (unless called from it). */
bool timer_cancel(struct timer *timer);

#endif

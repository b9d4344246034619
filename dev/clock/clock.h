/*
 * The clock device: time-stamp counter, local APIC timer, CMOS clock. Written
 * in Zig (clock.zig); kernel/time is its only user besides the boot code.
 *
 *     clock_device_init(hpet, lapic, century);   once, after the local APIC is on
 *     clock_device_now();                        from then on, in any context
 *     clock_device_arm(tsc);                     the timer vector fires once, at or after `tsc`
 *
 * Left out: a TSC that stops in deep sleep states or differs between CPUs
 * (CPUID.80000007H:EDX[8] is not demanded, because emulators leave it clear).
 */
#ifndef DEV_CLOCK_CLOCK_H
#define DEV_CLOCK_CLOCK_H

#include <lib/types.h>

enum clock_reference { CLOCK_REFERENCE_HPET, CLOCK_REFERENCE_PIT, CLOCK_REFERENCE_CPUID };

/*
 * Measures the TSC and the local APIC timer against HPET (PIT when
 * hpet_registers is NULL); takes about 3 ms. `lapic_registers` is the mapped
 * xAPIC window; it is not used in x2APIC mode. The vector in the timer's LVT
 * entry is kept. `cmos_century_register` is the FADT's CENTURY index, 0: none.
 * 0, or -EIO when nothing counts.
 */
MUST_CHECK int clock_device_init(void *hpet_registers, void *lapic_registers, uint32_t cmos_century_register);

/* Sets up the timer of a further CPU, on that CPU. */
void clock_device_init_cpu(void);

uint64_t clock_device_tsc_hz(void);
uint64_t clock_device_timer_hz(void);   /* counts of the local APIC timer; 0: it takes TSC deadlines */
enum clock_reference clock_device_reference(void);

uint64_t clock_device_ticks(void);      /* the TSC */
nanos_t clock_device_now(void);         /* nanoseconds since the TSC was 0; 0 before init */
/* The same conversions, both exact to 1e-9 and good for 292 years. */
nanos_t clock_device_nanos(uint64_t ticks);
uint64_t clock_device_ticks_for(nanos_t duration);

/* One shot on this CPU, replacing an earlier one. A time that has passed fires
 * at once; a distant one may fire early (the counter is finite): look at the
 * time and arm again. Context: interrupts off. */
void clock_device_arm(uint64_t tsc_deadline);
void clock_device_disarm(void);

/* Seconds since 1970-01-01 by the battery-backed clock, which is taken to run
 * in UTC; -EIO when it shows no valid date. Takes up to some milliseconds. */
int64_t rtc_read_unix(void);

#endif

/*
 * Boot option timerhz=N: N extra timer interrupts a second that do nothing, on
 * the boot CPU. Emulators take interrupts rarely and so hide races; tests of the
 * red zone, of preemption and of signal delivery run under such a storm.
 */
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/time/storm.h>
#include <kernel/time/time.h>
#include <lib/parse.h>

#define STORM_MAX_HZ 50000

static struct timer storm_timer;
static nanos_t storm_period;

LOCAL void storm_fires(struct timer *timer)
{
    /* Counted from now, not from the deadline: a machine that cannot keep up still gets on. */
    timer_arm(timer, clock_monotonic() + storm_period);
}

void storm_init(void)
{
    char text[16];
    uint64_t hz;
    if (!boot_option("timerhz", text, sizeof(text)))
        return;
    if (parse_u64(text, NULL, 10, &hz) != 0 || hz == 0 || hz > STORM_MAX_HZ) {
        klog(LOG_WARNING, "time", "timerhz=%s: not a number from 1 to %d", text, STORM_MAX_HZ);
        return;
    }
    storm_period = NANOS_PER_SECOND / (nanos_t)hz;
    timer_init(&storm_timer, storm_fires);
    timer_arm(&storm_timer, clock_monotonic() + storm_period);
}

/* Clocks and timers. */
#include <dev/clock/clock.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>

KTEST(time, monotonic_does_not_go_back)
{
    nanos_t last = clock_monotonic();
    for (int i = 0; i < 10000; i++) {
        nanos_t now = clock_monotonic();
        KTEST_ASSERT(now >= last);
        last = now;
    }
}

KTEST(time, conversions_are_exact)
{
    uint64_t hz = clock_device_tsc_hz();
    KTEST_ASSERT(hz > 100000000);
    for (uint64_t seconds = 1; seconds < 100000000; seconds = seconds * 3 + 1) {
        nanos_t nanos = clock_device_nanos(hz * seconds);
        nanos_t wanted = (nanos_t)seconds * NANOS_PER_SECOND;
        KTEST_ASSERT(nanos - wanted <= 1 && wanted - nanos <= 1);
        uint64_t ticks = clock_device_ticks_for(wanted);
        KTEST_ASSERT(ticks <= hz * seconds && hz * seconds - ticks <= 1);
    }
    KTEST_EQUAL(clock_device_ticks_for(-5), 0);
}

KTEST(time, date_is_plausible_and_can_be_set)
{
    const nanos_t in_2024 = 1704067200 * NANOS_PER_SECOND;
    nanos_t now = clock_realtime();
    KTEST_ASSERT(now > in_2024);
    clock_set_realtime(in_2024);
    nanos_t set = clock_realtime();
    clock_set_realtime(now);
    KTEST_ASSERT(set >= in_2024 && set < in_2024 + NANOS_PER_SECOND);
}

KTEST(time, sleeps_long_enough)
{
    for (int i = 1; i <= 3; i++) {
        nanos_t wanted = i * NANOS_PER_MILLISECOND, start = clock_monotonic();
        KTEST_EQUAL(thread_sleep_until(start + wanted, false), 0);
        nanos_t slept = clock_monotonic() - start;
        KTEST_ASSERT(slept >= wanted);
        KTEST_ASSERT(slept < wanted + 500 * NANOS_PER_MILLISECOND); /* the host may be busy */
    }
}

#define TIMERS 20

struct test_timer {
    struct timer timer;
    nanos_t deadline;
    volatile bool fired;
    volatile bool early;
    volatile int order; /* 1: the first that fired */
};

static volatile int test_timers_fired;

LOCAL void test_timer_fires(struct timer *timer)
{
    struct test_timer *test = container_of(timer, struct test_timer, timer);
    test->early = clock_monotonic() < test->deadline;
    test->fired = true;
    test_timers_fired = test_timers_fired + 1;
    test->order = test_timers_fired;
}

/* Until `*value` is `wanted`. This thread may have gone to another CPU, and the host may let the one of the timers wait. */
LOCAL void test_await(const volatile int *value, int wanted)
{
    nanos_t end = clock_monotonic() + 10 * NANOS_PER_SECOND;
    while (*value != wanted && clock_monotonic() < end)
        thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false);
}

KTEST(time, timers_fire_in_order)
{
    static struct test_timer timers[TIMERS];
    test_timers_fired = 0;
    nanos_t base = clock_monotonic() + 3 * NANOS_PER_MILLISECOND;
    for (int i = 0; i < TIMERS; i++) { /* 7 is prime to TIMERS: armed in a mixed order */
        int rank = i * 7 % TIMERS;
        timers[i].fired = timers[i].early = false;
        timers[i].deadline = base + rank * 100 * NANOS_PER_MICROSECOND;
        timer_init(&timers[i].timer, test_timer_fires);
        timer_arm(&timers[i].timer, timers[i].deadline);
    }
    test_await(&test_timers_fired, TIMERS);
    KTEST_EQUAL(test_timers_fired, TIMERS);
    for (int i = 0; i < TIMERS; i++) {
        KTEST_ASSERT(timers[i].fired && !timers[i].early);
        KTEST_EQUAL(timers[i].order, i * 7 % TIMERS + 1);
        KTEST_ASSERT(!timer_cancel(&timers[i].timer));
    }
}

KTEST(time, cancelled_timers_stay_quiet)
{
    static struct test_timer timer;
    timer_init(&timer.timer, test_timer_fires);
    timer.fired = false;
    timer_arm(&timer.timer, clock_monotonic() + 2 * NANOS_PER_MILLISECOND);
    KTEST_ASSERT(timer_cancel(&timer.timer));
    KTEST_ASSERT(!timer_cancel(&timer.timer));
    thread_sleep_until(clock_monotonic() + 5 * NANOS_PER_MILLISECOND, false);
    KTEST_ASSERT(!timer.fired);

    /* Armed twice, it fires once, at the later time. */
    timer.deadline = clock_monotonic() + 4 * NANOS_PER_MILLISECOND;
    timer_arm(&timer.timer, timer.deadline - 3 * NANOS_PER_MILLISECOND);
    timer_arm(&timer.timer, timer.deadline);
    test_timers_fired = 0;
    test_await(&test_timers_fired, 1);
    thread_sleep_until(timer.deadline + 3 * NANOS_PER_MILLISECOND, false);
    KTEST_ASSERT(timer.fired && !timer.early);
    KTEST_EQUAL(test_timers_fired, 1);
}

struct test_periodic { struct timer timer; volatile int left; };

LOCAL void test_periodic_fires(struct timer *timer)
{
    struct test_periodic *periodic = container_of(timer, struct test_periodic, timer);
    periodic->left = periodic->left - 1;
    if (periodic->left > 0)
        timer_arm(timer, timer->deadline + 200 * NANOS_PER_MICROSECOND);
}

KTEST(time, a_timer_may_rearm_itself)
{
    static struct test_periodic periodic;
    periodic.left = 25;
    timer_init(&periodic.timer, test_periodic_fires);
    nanos_t start = clock_monotonic();
    timer_arm(&periodic.timer, start);
    test_await(&periodic.left, 0);
    KTEST_EQUAL(periodic.left, 0);
}

/*
 * Live code that uses the FPU where the kernel calls it: what it is called from keeps its registers, and its own survive switches
 * of threads, interrupts and nested calls. The live code is live_code.S.
 */
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/test/live_code.h>
#include <kernel/time/time.h>
#include <live/private.h>

#define PATIENCE (20 * NANOS_PER_SECOND)
#define SEED     0x12345
#define THREADS  4
#define ROUNDS   20000

LOCAL void live_fpu_test_begin(void)
{
    live_set_test_text((uint64_t)(uintptr_t)live_code_start, (uint64_t)(uintptr_t)live_code_end);
}

/* As after any call, for a thread of the kernel. */
LOCAL bool live_fpu_test_is_clean(void)
{
    const struct thread *me = thread_current();
    return me->fpu_live == NULL && me->fpu_trap == 0 && me->live_guard == NULL;
}

LOCAL uint32_t live_fpu_test_run(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result)
{
    return live_guarded_call(function, a, b, result, "ktest fpu");
}

struct live_fpu_test_timer {
    struct timer timer;
    volatile uint32_t fired;
    uint32_t wanted;
};

LOCAL void live_fpu_test_tick(struct timer *timer)
{
    struct live_fpu_test_timer *ours = container_of(timer, struct live_fpu_test_timer, timer);
    (void)live_fpu_test_run(live_code_vectors, 0, 0, NULL);
    if (++ours->fired < ours->wanted)
        timer_arm(timer, clock_monotonic() + NANOS_PER_MILLISECOND / 2);
}

LOCAL void live_fpu_test_start_timer(struct live_fpu_test_timer *timer, uint32_t wanted)
{
    *timer = (struct live_fpu_test_timer){ .wanted = wanted };
    timer_init(&timer->timer, live_fpu_test_tick);
    timer_arm(&timer->timer, clock_monotonic() + NANOS_PER_MILLISECOND / 2);
}

LOCAL bool live_fpu_test_await_timer(struct live_fpu_test_timer *timer)
{
    nanos_t end = clock_monotonic() + PATIENCE;
    while (timer->fired < timer->wanted && clock_monotonic() < end)
        thread_yield();
    timer_cancel(&timer->timer);
    return timer->fired >= timer->wanted;
}

/* A thread that owns FPU state, as a program's does: nothing that is called on it changes its registers. */
LOCAL void live_fpu_test_keep_registers(void)
{
    struct live_fpu_test_timer timer;
    struct live_patch_call patch = { .target = (uint64_t)(uintptr_t)live_code_vectors, .failure_value = 5, .name = "ktest fpu" };
    uint64_t result = 0;
    live_test_fill_vectors(SEED);
    KTEST_EQUAL(live_fpu_test_run(live_code_vectors, 0, 0, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 7);
    KTEST_EQUAL(live_test_check_vectors(SEED), 0);
    live_test_fill_vectors(SEED + 1);
    KTEST_EQUAL(live_test_patched(&patch, 0, 0), 7);
    KTEST_EQUAL(live_test_check_vectors(SEED + 1), 0);
    live_test_fill_vectors(SEED + 2);
    live_fpu_test_start_timer(&timer, 5);
    KTEST_ASSERT(live_fpu_test_await_timer(&timer));
    KTEST_EQUAL(live_test_check_vectors(SEED + 2), 0);
    live_test_fill_vectors(SEED + 3);
    KTEST_EQUAL(live_fpu_test_run(live_code_misaligned, 0, 0, NULL), LIVE_FAULT_GENERAL_PROTECTION);
    patch.target = (uint64_t)(uintptr_t)live_code_misaligned;
    KTEST_EQUAL(live_test_patched(&patch, 0, 0), 5);
    KTEST_EQUAL(live_fpu_test_run(live_code_read, 0, 0, NULL), LIVE_FAULT_READ);
    KTEST_EQUAL(live_test_check_vectors(SEED + 3), 0);
    KTEST_ASSERT(live_fpu_test_is_clean());
}

KTEST(live_fpu, the_interrupted_and_the_caller_keep_their_registers)
{
    struct thread *me = thread_current();
    live_fpu_test_begin();
    me->fpu = fpu_alloc();
    KTEST_ASSERT(me->fpu != NULL);
    thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false); /* switched: the registers are ours from now on */
    live_fpu_test_keep_registers();
    uint64_t flags = irqs_disable();
    void *area = me->fpu;
    me->fpu = NULL;
    irqs_restore(flags);
    fpu_free(area);
}

/* --- nested ---------------------------------------------------------------------------------- */

LOCAL uint64_t live_fpu_test_sleep_and_call(uint64_t rounds)
{
    struct live_patch_call patch = { .target = (uint64_t)(uintptr_t)live_code_vectors, .name = "ktest fpu" };
    for (uint64_t i = 0; i < rounds; i++) {
        (void)live_fpu_test_run(live_code_vectors, 0, 0, NULL);
        (void)live_test_patched(&patch, 0, 0);
        thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND / 4, false);
        (void)live_fpu_test_run(live_code_misaligned, 0, 0, NULL);
    }
    return 0;
}

KTEST(live_fpu, nested_calls_have_registers_of_their_own)
{
    live_fpu_test_begin();
    uint64_t result = 1;
    KTEST_EQUAL(live_fpu_test_run(live_code_numbers_over_call, (uint64_t)(uintptr_t)live_fpu_test_sleep_and_call, 3, &result),
                LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 0);
    KTEST_ASSERT(live_fpu_test_is_clean());
}

/* A kernel function whose own call of live code used no FPU: what the outer call has stays, and traps still. */
LOCAL uint64_t live_fpu_test_inner_without(uint64_t unused)
{
    (void)unused;
    (void)live_fpu_test_run(live_code_turn_direction, 0, 0, NULL);
    return thread_current()->fpu_trap;
}

KTEST(live_fpu, calls_without_numbers_leave_the_trap_set)
{
    live_fpu_test_begin();
    uint64_t result = 0;
    KTEST_EQUAL(live_fpu_test_run(live_code_call, (uint64_t)(uintptr_t)live_fpu_test_inner_without, 0, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 2); /* live_code_call adds one */
    KTEST_ASSERT(live_fpu_test_is_clean());
}

/* --- threads ----------------------------------------------------------------------------------- */

static struct live_fpu_test_work { uint64_t rounds, result; } live_fpu_test_works[THREADS];

/* The result of each thread is that of one alone. Timers change all registers meanwhile. */
KTEST(live_fpu, threads_of_live_code_compute_beside_each_other)
{
    live_fpu_test_begin();
    struct thread *threads[THREADS];
    struct live_fpu_test_timer timer;
    struct live_fpu_test_work alone = { .rounds = ROUNDS };
    uint64_t result = 0;
    KTEST_EQUAL(live_fpu_test_run(live_code_numbers, (uint64_t)(uintptr_t)&alone, 0, &result), LIVE_FAULT_NONE);
    KTEST_ASSERT(result == alone.result && result != 0);
    live_fpu_test_start_timer(&timer, 10);
    for (int i = 0; i < THREADS; i++) {
        live_fpu_test_works[i] = (struct live_fpu_test_work){ .rounds = ROUNDS };
        threads[i] = thread_create("ktest fpu", (void (*)(void *))(uintptr_t)live_code_numbers, &live_fpu_test_works[i]);
        KTEST_ASSERT(threads[i] != NULL);
        thread_start(threads[i]);
    }
    nanos_t end = clock_monotonic() + PATIENCE;
    for (int i = 0; i < THREADS; i++) {
        while (threads[i]->state != THREAD_DEAD && clock_monotonic() < end)
            thread_yield();
        KTEST_EQUAL(threads[i]->state, THREAD_DEAD);
        thread_put(threads[i]);
    }
    KTEST_ASSERT(live_fpu_test_await_timer(&timer));
    for (int i = 0; i < THREADS; i++)
        KTEST_EQUAL(live_fpu_test_works[i].result, alone.result);
}

/* It ends inside of its guard. */
LOCAL uint64_t live_fpu_test_exit(uint64_t unused)
{
    (void)unused;
    thread_exit();
}

KTEST(live_fpu, a_thread_that_exits_in_a_call_gives_its_area_back)
{
    live_fpu_test_begin();
    for (int i = 0; i < 40; i++) { /* more than the pool has */
        struct thread *thread = thread_create("ktest fpu", (void (*)(void *))(uintptr_t)live_code_numbers_over_call,
                                              (void *)(uintptr_t)live_fpu_test_exit);
        KTEST_ASSERT(thread != NULL);
        thread_start(thread);
        nanos_t end = clock_monotonic() + PATIENCE;
        while (thread->state != THREAD_DEAD && clock_monotonic() < end)
            thread_yield();
        KTEST_EQUAL(thread->state, THREAD_DEAD);
        thread_put(thread);
    }
}

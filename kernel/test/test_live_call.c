/*
 * Live functions in the kernel's tables (live/call.h), and kernel threads of live code: faults, what is switched off, stopping. The live code is
 * live_code.S; it counts as live between live_code_start and live_code_end.
 */
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <kernel/sched/thread.h>
#include <kernel/sched/wait.h>
#include <kernel/test/ktest.h>
#include <kernel/test/live_code.h>
#include <kernel/time/time.h>
#include <live/call.h>
#include <live/linker.h>
#include <live/private.h>

#define PATIENCE (20 * NANOS_PER_SECOND)

LOCAL void live_call_test_begin(void)
{
    live_set_test_text((uint64_t)(uintptr_t)live_code_start, (uint64_t)(uintptr_t)live_code_end);
}

LOCAL bool live_call_test_is_clean(void)
{
    const struct thread *me = thread_current();
    return me->held_count == 0 && me->preempt_count == 0 && irqs_are_enabled() && me->live_guard == NULL && me->fpu_trap == 0;
}

static struct spinlock live_call_test_lock = SPINLOCK_INIT("ktest live call", LOCK_RANK_TIMER);
static struct live_call_test_table {
    uint64_t (*method)(uint64_t a, uint64_t b);
    uint64_t (*big)(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h);
    int (*small)(uint64_t a, uint64_t b);
    void (*nothing)(uint64_t a, uint64_t b);
} live_call_test_table;

LOCAL uint64_t live_call_test_kernel(uint64_t a, uint64_t b) { return a + b; }
LOCAL uint64_t live_call_test_take_lock(uint64_t unused) { return (void)unused, spin_lock(&live_call_test_lock), 0; }

KTEST(live_call, functions_of_the_kernel_and_live_ones_get_their_arguments)
{
    struct live_call_test_table *table = &live_call_test_table;
    live_call_test_begin();
    table->method = live_call_test_kernel;
    KTEST_EQUAL(LIVE_CALL(table->method, -EFAULT, 20, 22), 42);
    table->big = (uint64_t (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))(uintptr_t)live_code_sum;
    KTEST_EQUAL(LIVE_CALL(table->big, -EFAULT, 1, 2, 3, 4, 5, 6, 7, 8),
                1 + 2 * 2 + 3 * 3 + 4 * 4 + 5 * 5 + 6 * 6 + 7 * 7 + 8 * 8);
    KTEST_ASSERT(live_call_test_is_clean());
}

KTEST(live_call, a_fault_is_the_failure_value_and_switches_off)
{
    struct live_call_test_table *table = &live_call_test_table;
    live_call_test_begin();
    table->small = (int (*)(uint64_t, uint64_t))(uintptr_t)live_code_write;
    uint64_t word = 7;
    KTEST_EQUAL(LIVE_CALL(table->small, -EFAULT, 16, 0), -EFAULT);
    KTEST_ASSERT(live_call_test_is_clean());
    KTEST_ASSERT(live_call_is_off((uint64_t)(uintptr_t)live_code_write));
    KTEST_EQUAL(LIVE_CALL(table->small, -EFAULT, (uint64_t)(uintptr_t)&word, 0), -EFAULT); /* not entered again */
    KTEST_EQUAL(word, 7);
    table->nothing = (void (*)(uint64_t, uint64_t))(uintptr_t)live_code_divide;
    uint64_t irqs = irqs_disable();
    spin_lock(&live_call_test_lock);
    LIVE_CALL(table->nothing, 0, 1, 2);
    bool as_before = spin_is_held_by_me(&live_call_test_lock) && !irqs_are_enabled();
    spin_unlock(&live_call_test_lock);
    irqs_restore(irqs);
    KTEST_ASSERT(as_before && live_call_test_is_clean());
}

KTEST(live_call, what_is_left_behind_is_a_fault)
{
    struct live_call_test_table *table = &live_call_test_table;
    live_call_test_begin();
    table->method = live_code_call;
    KTEST_EQUAL(LIVE_CALL(table->method, -EFAULT, (uint64_t)(uintptr_t)live_call_test_take_lock, 0), -EFAULT);
    KTEST_ASSERT(live_call_test_is_clean() && !spin_is_held_by_me(&live_call_test_lock));
    table->method = live_code_leave_interrupts_off;
    KTEST_EQUAL(LIVE_CALL(table->method, -EFAULT, 0, 0), -EFAULT);
    KTEST_ASSERT(live_call_test_is_clean());
}

KTEST(live_call, wild_pointers_are_refused)
{
    static const uint64_t wild[] = { 0x1234, 0x00007fff00000000, 0xffffa00000001000, 0xffffffff90001000, 0xffffffffa0000000, UINT64_MAX };
    struct live_call_test_table *table = &live_call_test_table;
    live_call_test_begin();
    for (size_t i = 0; i < ARRAY_COUNT(wild); i++) {
        uint64_t result = 1;
        table->method = (uint64_t (*)(uint64_t, uint64_t))(uintptr_t)wild[i];
        KTEST_EQUAL(LIVE_CALL(table->method, -EFAULT, 0, 0), -EFAULT);
        KTEST_EQUAL(live_guarded_call(table->method, 0, 0, &result, "ktest: a wild pointer"), LIVE_FAULT_EXECUTE);
        KTEST_ASSERT(result == 0 && live_call_test_is_clean());
    }
}

/* --- threads --------------------------------------------------------------------------------- */

LOCAL struct thread *live_call_test_start(uint64_t (*function)(uint64_t, uint64_t), uint64_t argument)
{
    struct thread *thread = thread_create("ktest live", (void (*)(void *))(uintptr_t)function, (void *)(uintptr_t)argument);
    if (thread != NULL)
        thread_start(thread);
    nanos_t end = clock_monotonic() + PATIENCE;
    while (thread != NULL && thread->live_guard == NULL && clock_monotonic() < end)
        thread_yield();
    return thread;
}

LOCAL uint64_t live_call_test_sleep(uint64_t nanos) { return thread_sleep_until(clock_monotonic() + (nanos_t)nanos, true), 0; }

/* live_code_call_for_ever takes two words; a thread's function gets one. */
LOCAL uint64_t live_call_test_sleep_an_hour(uint64_t unused) { return (void)unused, live_call_test_sleep(3600 * NANOS_PER_SECOND); }
LOCAL uint64_t live_call_test_spin(uint64_t unused)
{
    (void)unused;
    for (volatile unsigned i = 0; i < 1000; i++)
        continue;
    return 0;
}

/* As an interrupt does to the thread that it interrupted: its guard is out of sight until the timer comes. */
struct live_call_test_hidden {
    struct timer timer;
    struct thread *thread;
    struct live_guard *guard;
};

LOCAL void live_call_test_show(struct timer *timer)
{
    struct live_call_test_hidden *hidden = container_of(timer, struct live_call_test_hidden, timer);
    __atomic_store_n(&hidden->thread->live_guard, hidden->guard, __ATOMIC_RELEASE);
    __atomic_store_n(&hidden->thread->live_hidden, hidden->thread->live_hidden + 1, __ATOMIC_RELEASE);
}

LOCAL void live_call_test_hide(struct live_call_test_hidden *hidden, struct thread *thread)
{
    *hidden = (struct live_call_test_hidden){ .thread = thread, .guard = thread->live_guard };
    __atomic_store_n(&thread->live_hidden, thread->live_hidden + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&thread->live_guard, NULL, __ATOMIC_RELEASE);
    timer_init(&hidden->timer, live_call_test_show);
    timer_arm(&hidden->timer, clock_monotonic() + 5 * NANOS_PER_MILLISECOND);
}

KTEST(live_call, a_thread_is_found_in_its_module_behind_an_interrupt)
{
    static struct live_call_test_hidden hidden;
    char text[128];
    struct message message;
    live_call_test_begin();
    struct thread *thread = live_call_test_start(live_code_call_for_ever, (uint64_t)(uintptr_t)live_call_test_sleep_an_hour);
    KTEST_ASSERT(thread != NULL && thread->live_guard != NULL);
    for (nanos_t end = clock_monotonic() + PATIENCE; thread->state != THREAD_SLEEPING && clock_monotonic() < end;)
        thread_yield();
    message_init(&message, text, sizeof text);
    live_call_test_hide(&hidden, thread);
    bool found = live_module_is_entered(0, &message); /* the code of the tests is in none */
    timer_cancel(&hidden.timer);
    KTEST_ASSERT(found && thread->live_guard == hidden.guard);
    KTEST_EQUAL(live_stop_thread(thread->id), 0);
    thread_put(thread);
}

KTEST(live_call, threads_of_live_code_can_be_stopped)
{
    live_call_test_begin();
    static const struct { uint64_t (*function)(uint64_t, uint64_t); uint64_t (*argument)(uint64_t); } loops[] = {
        { live_code_loop, NULL },                                        /* in live code */
        { live_code_call_for_ever, live_call_test_spin },                /* mostly in the kernel */
        { live_code_call_for_ever, live_call_test_sleep_an_hour },       /* asleep */
    };
    for (size_t i = 0; i < ARRAY_COUNT(loops); i++) {
        struct thread *thread = live_call_test_start(loops[i].function, (uint64_t)(uintptr_t)loops[i].argument);
        KTEST_ASSERT(thread != NULL && thread->live_guard != NULL);
        KTEST_EQUAL(live_stop_thread(thread->id), 0);
        KTEST_EQUAL(thread->state, THREAD_DEAD);
        thread_put(thread);
    }
    KTEST_EQUAL(live_stop_thread(thread_current()->id), -ESRCH);
    KTEST_EQUAL(live_stop_thread(1 << 30), -ESRCH);
}

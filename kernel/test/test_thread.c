/* Threads, mutexes and wait queues working together. */
#include <abi/errno.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>
#include <lib/atomic.h>

#define WORKERS 4
#define ROUNDS  500

/* What the workers of one test share. */
struct test_shared {
    struct mutex mutex;
    struct wait_queue finished;
    volatile uint32_t running;
    volatile uint64_t counter; /* mutex, but for its test without one */
};

LOCAL void test_shared_init(struct test_shared *shared)
{
    mutex_init(&shared->mutex, "ktest", LOCK_RANK_DEVICE);
    wait_queue_init(&shared->finished, "ktest finished");
    shared->running = 0;
    shared->counter = 0;
}

/* The last thing a worker does with `shared`, which is static: the waiter may go on before the wake is through. */
LOCAL void test_worker_ends(struct test_shared *shared)
{
    atomic_fetch_sub_u32(&shared->running, 1);
    wait_queue_wake_all(&shared->finished);
}

LOCAL bool test_start_workers(struct test_shared *shared, void (*function)(void *), int count)
{
    for (int i = 0; i < count; i++) {
        struct thread *thread = thread_create("ktest worker", function, shared);
        if (thread == NULL)
            return false;
        atomic_fetch_add_u32(&shared->running, 1);
        thread_start(thread);
        thread_put(thread);
    }
    return true;
}

LOCAL void test_wait_for_workers(struct test_shared *shared)
{
    WAIT_EVENT_UNINTERRUPTIBLE(&shared->finished, atomic_load_acquire_u32(&shared->running) == 0);
}

LOCAL void test_count_under_mutex(void *argument)
{
    struct test_shared *shared = argument;
    for (int i = 0; i < ROUNDS; i++) {
        mutex_lock(&shared->mutex);
        uint64_t seen = shared->counter;
        if (i % 16 == 0)
            thread_yield(); /* others run here, and must not get in */
        shared->counter = seen + 1;
        mutex_unlock(&shared->mutex);
    }
    test_worker_ends(shared);
}

KTEST(thread, mutex_excludes)
{
    static struct test_shared shared;
    test_shared_init(&shared);
    KTEST_ASSERT(test_start_workers(&shared, test_count_under_mutex, WORKERS));
    test_wait_for_workers(&shared);
    KTEST_EQUAL(shared.counter, WORKERS * ROUNDS);
}

LOCAL void test_spin_for_ten_milliseconds(void *argument)
{
    struct test_shared *shared = argument;
    nanos_t end = clock_monotonic() + 10 * NANOS_PER_MILLISECOND;
    while (clock_monotonic() < end)
        shared->counter = shared->counter + 1;
    test_worker_ends(shared);
}

KTEST(thread, busy_threads_are_preempted)
{
    static struct test_shared shared;
    test_shared_init(&shared);
    KTEST_ASSERT(test_start_workers(&shared, test_spin_for_ten_milliseconds, WORKERS));
    /* Without preemption this thread would sleep at least until the first worker's end. */
    test_wait_for_workers(&shared);
    KTEST_ASSERT(shared.counter > WORKERS);
}

LOCAL void test_count_down(void *argument)
{
    struct test_shared *shared = argument;
    for (int i = 0; i < ROUNDS; i++) {
        WAIT_EVENT_UNINTERRUPTIBLE(&shared->finished, shared->counter % 2 == 1);
        shared->counter = shared->counter + 1;
        wait_queue_wake_all(&shared->finished);
    }
    test_worker_ends(shared);
}

KTEST(thread, wait_queue_hands_over)
{
    static struct test_shared shared;
    test_shared_init(&shared);
    KTEST_ASSERT(test_start_workers(&shared, test_count_down, 1));
    for (int i = 0; i < ROUNDS; i++) {
        shared.counter = shared.counter + 1;
        wait_queue_wake_all(&shared.finished);
        WAIT_EVENT_UNINTERRUPTIBLE(&shared.finished, shared.counter % 2 == 0);
    }
    test_wait_for_workers(&shared);
    KTEST_EQUAL(shared.counter, 2 * ROUNDS);
}

KTEST(thread, wait_times_out)
{
    static struct test_shared shared;
    test_shared_init(&shared);
    nanos_t deadline = clock_monotonic() + 5 * NANOS_PER_MILLISECOND;
    KTEST_EQUAL(WAIT_EVENT_UNTIL(&shared.finished, false, deadline), -ETIMEDOUT);
    KTEST_ASSERT(clock_monotonic() >= deadline);
    KTEST_EQUAL(WAIT_EVENT_UNTIL(&shared.finished, true, deadline), 0);
    KTEST_ASSERT(!wait_queue_has_waiters(&shared.finished));
}

LOCAL void test_end_at_once(void *argument) { test_worker_ends(argument); }

KTEST(thread, many_come_and_go)
{
    static struct test_shared shared;
    test_shared_init(&shared);
    for (int i = 0; i < 50; i++) {
        KTEST_ASSERT(test_start_workers(&shared, test_end_at_once, WORKERS));
        test_wait_for_workers(&shared);
    }
}

KTEST(thread, try_lock_with_another_lock_held)
{
    struct mutex outer, inner;
    mutex_init(&outer, "ktest outer", LOCK_RANK_FILE);
    mutex_init(&inner, "ktest inner", LOCK_RANK_DEVICE);
    mutex_lock(&outer);
    KTEST_ASSERT(mutex_try_lock(&inner));
    KTEST_ASSERT(mutex_is_held_by_me(&inner) && mutex_is_held_by_me(&outer));
    mutex_unlock(&inner);
    mutex_unlock(&outer);
}

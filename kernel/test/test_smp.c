/*
 * Several CPUs. With one CPU the same tests run, and show that nothing waits for a
 * second one. Threads that run are seen by counters, never by times.
 */
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <kernel/mm/page.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>
#include <lib/atomic.h>

#define ABSENT_APIC_ID   200
#define CALL_ROUNDS      100
#define REMAP_ROUNDS     100
#define TIMER_ROUNDS     100
#define STRESS_STEPS     200
#define STRESS_PER_CPU   3
#define PATIENCE         (60 * NANOS_PER_SECOND) /* a busy host: a failure, not a measure */

/* What the threads of one test share. */
static struct {
    struct wait_queue ended;
    struct mutex mutex;
    volatile uint32_t running, stop, errors;
    volatile uint32_t next;          /* number of the next thread */
    volatile uint64_t ran_on;        /* CPUs */
    volatile uint64_t counter;       /* mutex */
    volatile uint32_t calls, additions;
} shared;

LOCAL void smp_test_begin(void)
{
    wait_queue_init(&shared.ended, "ktest smp");
    mutex_init(&shared.mutex, "ktest smp", LOCK_RANK_DEVICE);
    shared.running = shared.stop = shared.errors = shared.next = shared.calls = shared.additions = 0;
    shared.ran_on = shared.counter = 0;
}

LOCAL void smp_test_thread_ends(void)
{
    atomic_fetch_sub_u32(&shared.running, 1);
    wait_queue_wake_all(&shared.ended);
}

LOCAL bool smp_test_start(void (*function)(void *), void *argument, uint64_t affinity)
{
    struct thread *thread = thread_create("ktest smp", function, argument);
    if (thread == NULL)
        return false;
    bool ok = thread_set_affinity(thread, affinity) == 0;
    atomic_fetch_add_u32(&shared.running, 1);
    thread_start(thread);
    thread_put(thread);
    return ok;
}

/* A thread on each CPU. */
LOCAL bool smp_test_start_on_all(void (*function)(void *))
{
    bool ok = true;
    for (uint64_t left = smp_online(); left != 0; left &= left - 1)
        ok = smp_test_start(function, (void *)(uintptr_t)__builtin_ctzll(left), left & -left) && ok;
    return ok;
}

LOCAL bool smp_test_wait(void)
{
    return WAIT_EVENT_UNTIL(&shared.ended, atomic_load_acquire_u32(&shared.running) == 0, clock_monotonic() + PATIENCE) == 0;
}

LOCAL int32_t smp_test_here(void)
{
    preempt_disable();
    int32_t id = this_cpu()->id;
    preempt_enable();
    return id;
}

/* --- affinity ------------------------------------------------------------------------ */

LOCAL void smp_test_stay(void *argument)
{
    for (int i = 0; i < 200; i++) {
        if (smp_test_here() != (int32_t)(uintptr_t)argument)
            atomic_fetch_add_u32(&shared.errors, 1);
        thread_yield();
    }
    atomic_fetch_or_u64(&shared.ran_on, CPU_BIT(smp_test_here()));
    smp_test_thread_ends();
}

KTEST(smp, threads_stay_where_they_must)
{
    smp_test_begin();
    KTEST_ASSERT(smp_test_start_on_all(smp_test_stay) && smp_test_start_on_all(smp_test_stay));
    KTEST_ASSERT(smp_test_wait());
    KTEST_EQUAL(shared.errors, 0);
    KTEST_EQUAL(shared.ran_on, smp_online());
}

LOCAL void smp_test_roam(void *unused)
{
    (void)unused;
    for (int round = 0; round < 50; round++) {
        for (uint64_t left = smp_online(); left != 0; left &= left - 1) {
            if (thread_set_affinity(thread_current(), left & -left) != 0 || smp_test_here() != __builtin_ctzll(left))
                atomic_fetch_add_u32(&shared.errors, 1);
        }
    }
    smp_test_thread_ends();
}

KTEST(smp, a_thread_moves_itself)
{
    smp_test_begin();
    for (int i = 0; i < 4; i++)
        KTEST_ASSERT(smp_test_start(smp_test_roam, NULL, CPU_ALL));
    KTEST_ASSERT(smp_test_wait());
    KTEST_EQUAL(shared.errors, 0);
    KTEST_EQUAL(thread_set_affinity(thread_current(), ~smp_online()), -EINVAL);
}

LOCAL void smp_test_spin(void *unused)
{
    (void)unused;
    while (!shared.stop)
        atomic_fetch_or_u64(&shared.ran_on, CPU_BIT(smp_test_here()));
    smp_test_thread_ends();
}

/* A spinning thread is seen on the CPU it is sent to, one after the other. */
KTEST(smp, a_running_thread_is_moved)
{
    smp_test_begin();
    struct thread *thread = thread_create("ktest smp", smp_test_spin, NULL);
    KTEST_ASSERT(thread != NULL);
    shared.running = 1;
    thread_start(thread);
    bool seen = true;
    for (uint64_t left = smp_online(); left != 0 && seen; left &= left - 1) {
        seen = thread_set_affinity(thread, left & -left) == 0;
        shared.ran_on = 0;
        nanos_t deadline = clock_monotonic() + PATIENCE;
        while (!(shared.ran_on & left & -left) && clock_monotonic() < deadline)
            thread_yield();
        seen = seen && (shared.ran_on & left & -left);
    }
    shared.stop = 1;
    thread_put(thread);
    KTEST_ASSERT(smp_test_wait());
    KTEST_ASSERT(seen);
}

/* More spinning threads than CPUs: every CPU gets some, by its own run-time counter. */
KTEST(smp, every_cpu_gets_work)
{
    nanos_t before[MAX_CPUS], busy, idle;
    smp_test_begin();
    for (uint64_t left = smp_online(); left != 0; left &= left - 1)
        thread_get_cpu_times(__builtin_ctzll(left), &before[__builtin_ctzll(left)], &idle);
    for (uint32_t i = 0; i < 2 * smp_online_count(); i++)
        KTEST_ASSERT(smp_test_start(smp_test_spin, NULL, CPU_ALL));
    uint64_t lazy = smp_online();
    nanos_t deadline = clock_monotonic() + PATIENCE;
    while (lazy != 0 && clock_monotonic() < deadline) {
        thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false);
        for (uint64_t left = lazy; left != 0; left &= left - 1) {
            int32_t id = __builtin_ctzll(left);
            thread_get_cpu_times(id, &busy, &idle);
            if (busy - before[id] > 5 * NANOS_PER_MILLISECOND && (shared.ran_on & CPU_BIT(id)))
                lazy &= ~CPU_BIT(id);
        }
    }
    shared.stop = 1;
    KTEST_ASSERT(smp_test_wait());
    KTEST_EQUAL(lazy, 0);
}

/* --- interrupts between CPUs ------------------------------------------------------------- */

LOCAL void smp_test_called(void *argument)
{
    (void)argument;
    atomic_fetch_add_u32(&shared.calls, 1);
}

LOCAL void smp_test_call(void *unused)
{
    (void)unused;
    for (int i = 0; i < CALL_ROUNDS; i++)
        smp_call_others(smp_test_called, NULL);
    smp_test_thread_ends();
}

/* All call all at the same time. */
KTEST(smp, calls_reach_every_other_cpu)
{
    smp_test_begin();
    KTEST_ASSERT(smp_test_start_on_all(smp_test_call));
    KTEST_ASSERT(smp_test_wait());
    uint32_t count = smp_online_count();
    KTEST_EQUAL(shared.calls, count * (count - 1) * CALL_ROUNDS);
}

KTEST(smp, every_cpu_tells_where_it_is)
{
    for (uint64_t left = smp_online(); left != 0; left &= left - 1) {
        struct smp_snapshot snapshot;
        bool answered = false;
        for (int attempt = 0; attempt < 50 && !answered; attempt++) /* a busy host may not run that CPU for a while */
            answered = smp_take_snapshot(__builtin_ctzll(left), &snapshot);
        KTEST_ASSERT(answered);
        KTEST_ASSERT(snapshot.frame_count >= 1 && snapshot.frames[0] != 0);
    }
}

KTEST(smp, a_cpu_that_does_not_answer_is_left_out)
{
    uint64_t before = smp_online();
    KTEST_EQUAL(smp_start_cpu(ABSENT_APIC_ID), -ETIMEDOUT);
    KTEST_EQUAL(smp_online(), before);
}

/* --- translations ---------------------------------------------------------------------------- */

static const volatile uint64_t *remap_window;
static volatile uint64_t remap_generation;

/* Once a generation is published, the page behind the window holds its number or a later one. */
LOCAL void smp_test_read_window(void *unused)
{
    (void)unused;
    while (!shared.stop) {
        uint64_t generation = atomic_load_acquire_u64(&remap_generation);
        if (*remap_window < generation)
            atomic_fetch_add_u32(&shared.errors, 1); /* through a stale translation */
        atomic_fetch_or_u64(&shared.ran_on, CPU_BIT(smp_test_here()));
    }
    smp_test_thread_ends();
}

/* The window moves to another page again and again; pages that were left are poisoned. */
KTEST(smp, no_cpu_reads_through_a_stale_translation)
{
    smp_test_begin();
    struct page *spare = page_alloc(0, PAGE_USE_KERNEL, PAGE_ZERO);
    uint64_t *window = vmalloc(PAGE_SIZE, PAGE_USE_KERNEL);
    KTEST_ASSERT(spare != NULL && window != NULL);
    pte_t *entry = paging_entry(paging_kernel_root(), (vaddr_t)(uintptr_t)window, false);
    const pte_t home = *entry;
    uint64_t *pages[2] = { phys_to_virt(home & PTE_ADDRESS), page_to_virt(spare) };
    remap_window = window;
    remap_generation = 0;
    bool started = smp_test_start_on_all(smp_test_read_window);
    for (uint64_t round = 1; round <= REMAP_ROUNDS; round++) {
        atomic_store_release_u64(pages[round % 2], round);
        *entry = virt_to_phys(pages[round % 2]) | PAGING_KERNEL_DATA;
        paging_flush_range(0, (vaddr_t)(uintptr_t)window, (vaddr_t)(uintptr_t)window + PAGE_SIZE);
        atomic_store_release_u64(&remap_generation, round);
        atomic_store_release_u64(pages[(round + 1) % 2], 0);
        if (round % 8 == 0)
            thread_yield();
    }
    shared.stop = 1;
    bool ended = smp_test_wait();
    *entry = home;
    paging_flush_range(0, (vaddr_t)(uintptr_t)window, (vaddr_t)(uintptr_t)window + PAGE_SIZE);
    vfree(window);
    page_put(spare);
    KTEST_ASSERT(started && ended);
    KTEST_EQUAL(shared.ran_on, smp_online());
    KTEST_EQUAL(shared.errors, 0);
}

/* --- timers ------------------------------------------------------------------------------ */

/* It runs most of the time, and arms itself again each time. */
LOCAL void smp_test_timer_again(struct timer *timer)
{
    nanos_t end = clock_monotonic() + 50 * NANOS_PER_MICROSECOND;
    while (clock_monotonic() < end)
        cpu_relax();
    atomic_fetch_add_u32(&shared.calls, 1);
    timer_arm(timer, clock_monotonic() + 20 * NANOS_PER_MICROSECOND);
}

/* Cancelled from another CPU, also in the middle of its function, it is not armed any more. */
KTEST(smp, a_timer_that_arms_itself_is_cancelled)
{
    struct timer timer;
    smp_test_begin();
    timer_init(&timer, smp_test_timer_again);
    bool armed_after = false;
    for (int round = 0; round < TIMER_ROUNDS; round++) {
        uint32_t calls = shared.calls;
        KTEST_EQUAL(thread_set_affinity(thread_current(), CPU_BIT(smp_online_count() - 1)), 0);
        timer_arm(&timer, clock_monotonic());
        KTEST_EQUAL(thread_set_affinity(thread_current(), CPU_BIT(0)), 0);
        while (atomic_load_acquire_u32(&shared.calls) == calls)
            thread_yield();
        timer_cancel(&timer);
        armed_after = armed_after || timer.cpu >= 0;
        timer_cancel(&timer);
    }
    KTEST_EQUAL(thread_set_affinity(thread_current(), CPU_ALL), 0);
    KTEST_ASSERT(!armed_after);
}

/* --- everything at once ----------------------------------------------------------------------- */

LOCAL void smp_test_timer_fires(struct timer *timer)
{
    (void)timer;
    atomic_fetch_add_u32(&shared.calls, 1);
}

/* Memory of its own page, written and read back. */
LOCAL bool smp_test_use_memory(uint64_t value)
{
    volatile uint64_t *memory = vmalloc(2 * PAGE_SIZE, PAGE_USE_KERNEL);
    if (memory == NULL)
        return true;
    bool clean = memory[0] == 0 && memory[PAGE_SIZE / 8] == 0;
    memory[0] = memory[PAGE_SIZE / 8] = value;
    thread_yield();
    clean = clean && memory[0] == value && memory[PAGE_SIZE / 8] == value;
    vfree((void *)(uintptr_t)memory);
    return clean;
}

/* A timer armed on one CPU, cancelled on another. It lies on this stack: a late firing would be seen. */
LOCAL void smp_test_cancel_elsewhere(uint64_t cpu)
{
    struct timer timer;
    timer_init(&timer, smp_test_timer_fires);
    timer_arm(&timer, clock_monotonic() + 50 * NANOS_PER_MICROSECOND);
    (void)!thread_set_affinity(thread_current(), cpu);
    timer_cancel(&timer);
}

LOCAL void smp_test_stress(void *unused)
{
    (void)unused;
    struct thread *me = thread_current();
    uint64_t seed = atomic_fetch_add_u32(&shared.next, 1) * 2654435761u + 12345;
    for (int step = 0; step < STRESS_STEPS; step++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t cpu = CPU_BIT(seed >> 40 & (MAX_CPUS - 1)) & smp_online();
        switch (seed >> 60) {
        case 0: case 1:
            if (cpu != 0)
                (void)!thread_set_affinity(me, cpu);
            break;
        case 2: (void)!thread_set_affinity(me, CPU_ALL); break;
        case 3: thread_sleep_until(clock_monotonic() + 100 * NANOS_PER_MICROSECOND, false); break;
        case 4: case 5:
            if (!smp_test_use_memory(seed))
                atomic_fetch_add_u32(&shared.errors, 1);
            break;
        case 6: smp_test_cancel_elsewhere(cpu != 0 ? cpu : CPU_ALL); break;
        case 7: smp_call_others(smp_test_called, NULL); break;
        default: {
            mutex_lock(&shared.mutex);
            uint64_t seen = shared.counter;
            if (step % 16 == 0)
                thread_yield();
            shared.counter = seen + 1;
            mutex_unlock(&shared.mutex);
            atomic_fetch_add_u32(&shared.additions, 1);
            break;
        }
        }
    }
    smp_test_thread_ends();
}

KTEST(smp, threads_migrate_while_others_unmap_wait_and_end)
{
    smp_test_begin();
    uint32_t count = STRESS_PER_CPU * smp_online_count();
    for (uint32_t i = 0; i < count; i++)
        KTEST_ASSERT(smp_test_start(smp_test_stress, NULL, CPU_ALL));
    KTEST_ASSERT(smp_test_wait());
    KTEST_EQUAL(shared.errors, 0);
    KTEST_EQUAL(shared.counter, shared.additions);
}

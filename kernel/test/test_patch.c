/*
 * Replacement of kernel functions (live/patch.c) and the freeing of old code (live/reclaim.c). The victims and their new
 * versions are ordinary functions of this file: every function of the kernel has an entry that can be patched.
 */
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/text_patch.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <kernel/test/ktest.h>
#include <kernel/time/time.h>
#include <lib/atomic.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/patch.h>

#define REPLACEMENTS 10000
#define TEXT_ROUNDS  100
#define CALLERS      4
#define PATIENCE     (120 * NANOS_PER_SECOND)

/* Versions of the victim: each returns what tells it apart, and counts its calls. */
static volatile uint64_t version_calls[3];

uint64_t patch_test_victim(uint64_t value);
uint64_t patch_test_second(uint64_t value);
uint64_t patch_test_third(uint64_t value);

uint64_t patch_test_victim(uint64_t value)
{
    atomic_fetch_add_u64(&version_calls[0], 1);
    return 4 * value;
}

uint64_t patch_test_second(uint64_t value)
{
    atomic_fetch_add_u64(&version_calls[1], 1);
    return 4 * value + 1;
}

uint64_t patch_test_third(uint64_t value)
{
    atomic_fetch_add_u64(&version_calls[2], 1);
    return 4 * value + 2;
}

static struct {
    struct wait_queue ended;
    volatile uint32_t running, stop, errors, inside, leave;
    volatile uint64_t calls; /* that callers made */
    struct timer timer;
} shared;

LOCAL void patch_test_begin(void)
{
    wait_queue_init(&shared.ended, "ktest patch");
    shared.running = shared.stop = shared.errors = shared.inside = shared.leave = 0;
    shared.calls = 0;
    memset((void *)(uintptr_t)version_calls, 0, sizeof version_calls);
}

LOCAL bool patch_test_start(void (*function)(void *))
{
    struct thread *thread = thread_create("ktest patch", function, NULL);
    if (thread == NULL)
        return false;
    atomic_fetch_add_u32(&shared.running, 1);
    thread_start(thread);
    thread_put(thread);
    return true;
}

LOCAL void patch_test_thread_ends(void)
{
    atomic_fetch_sub_u32(&shared.running, 1);
    wait_queue_wake_all(&shared.ended);
}

LOCAL bool patch_test_wait(void)
{
    return WAIT_EVENT_UNTIL(&shared.ended, atomic_load_acquire_u32(&shared.running) == 0, clock_monotonic() + PATIENCE) == 0;
}

LOCAL void patch_test_call(void)
{
    uint64_t calls = atomic_fetch_add_u64(&shared.calls, 1);
    uint64_t result = patch_test_victim(calls);
    if (result / 4 != calls || result % 4 > 2)
        atomic_fetch_add_u32(&shared.errors, 1);
}

LOCAL void patch_test_caller(void *unused)
{
    (void)unused;
    while (!shared.stop) {
        patch_test_call();
        uint64_t flags = irqs_disable(); /* a breakpoint here, too */
        patch_test_call();
        irqs_restore(flags);
    }
    patch_test_thread_ends();
}

/* In interrupt context. */
LOCAL void patch_test_timer(struct timer *timer)
{
    patch_test_call();
    timer_arm(timer, clock_monotonic() + 200 * NANOS_PER_MICROSECOND);
}

LOCAL bool patch_test_start_callers(void)
{
    bool started = true;
    for (int i = 0; i < CALLERS; i++)
        started = patch_test_start(patch_test_caller) && started;
    timer_init(&shared.timer, patch_test_timer);
    timer_arm(&shared.timer, clock_monotonic());
    return started;
}

LOCAL bool patch_test_stop_callers(void)
{
    timer_cancel(&shared.timer);
    shared.stop = 1;
    return patch_test_wait();
}

LOCAL int patch_test_replace(uint64_t (*function)(uint64_t), nanos_t trial)
{
    char message[160];
    const struct live_replacement replacement = { .name = "kernel/test/test_patch.c:patch_test_victim",
        .target = (uint64_t)(uintptr_t)function, .trial = trial, .failure_value = (uint64_t)-EFAULT };
    return live_replace(&replacement, message, sizeof message);
}

LOCAL int patch_test_restore(void)
{
    char message[160];
    return live_restore("patch_test_victim", message, sizeof message);
}

/* Soon: what is left over on a thread's stack may look like an address until that ends. */
LOCAL bool patch_test_all_freed(void)
{
    nanos_t deadline = clock_monotonic() + PATIENCE;
    while (live_reclaim_now() != 0 && clock_monotonic() < deadline)
        thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false);
    return live_reclaim_now() == 0;
}

KTEST(patch, a_function_is_replaced_for_all_callers_and_restored)
{
    uint64_t (*volatile pointer)(uint64_t) = patch_test_victim;
    patch_test_begin();
    KTEST_EQUAL(patch_test_victim(5), 20);
    KTEST_EQUAL(patch_test_replace(patch_test_second, 0), 0);
    KTEST_ASSERT(live_patch_is_replaced((vaddr_t)(uintptr_t)pointer));
    KTEST_EQUAL(patch_test_victim(5), 21);
    KTEST_EQUAL(pointer(5), 21);
    KTEST_EQUAL(patch_test_replace(patch_test_third, 0), 0);
    KTEST_EQUAL(pointer(5), 22);
    KTEST_EQUAL(patch_test_restore(), 0);
    KTEST_EQUAL(pointer(5), 20);
    KTEST_ASSERT(!live_patch_is_replaced((vaddr_t)(uintptr_t)pointer));
    KTEST_EQUAL(*(const uint8_t *)(uintptr_t)pointer, 0x0f); /* the nop is back */
    KTEST_EQUAL(patch_test_restore(), -ENOENT);
    KTEST_ASSERT(patch_test_all_freed());
}

/* One store each: no CPU is interrupted but for the first and for freeing. */
KTEST(patch, ten_thousand_replacements_lose_no_call)
{
    patch_test_begin();
    KTEST_ASSERT(patch_test_start_callers());
    int error = 0;
    for (int i = 0; i < REPLACEMENTS && error == 0; i++) {
        error = patch_test_replace(i % 2 ? patch_test_second : patch_test_third, i % 3 == 0 ? NANOS_PER_MILLISECOND : 0);
        if (i % 1000 == 999 && error == 0)
            error = patch_test_restore();
        if (i % 500 == 499)
            thread_yield();
    }
    KTEST_ASSERT(patch_test_stop_callers());
    KTEST_EQUAL(error, 0);
    KTEST_EQUAL(shared.errors, 0);
    KTEST_EQUAL(version_calls[0] + version_calls[1] + version_calls[2], shared.calls);
    KTEST_ASSERT(version_calls[1] > 0 && version_calls[2] > 0);
    KTEST_ASSERT(patch_test_all_freed());
}

/* The entry changes each time; callers meet the breakpoint, with interrupts on and off, and in interrupts. */
KTEST(patch, entries_change_under_running_callers)
{
    patch_test_begin();
    KTEST_ASSERT(patch_test_start_callers());
    uint64_t breakpoints = text_patch_breakpoints();
    int error = 0;
    for (int i = 0; i < TEXT_ROUNDS && error == 0; i++) {
        error = patch_test_replace(patch_test_second, 0);
        if (error == 0)
            error = patch_test_restore();
        if (i % 10 == 9)
            thread_yield();
    }
    KTEST_ASSERT(patch_test_stop_callers());
    KTEST_EQUAL(error, 0);
    KTEST_EQUAL(shared.errors, 0);
    KTEST_EQUAL(version_calls[0] + version_calls[1], shared.calls);
    KTEST_ASSERT(smp_online_count() == 1 || text_patch_breakpoints() > breakpoints);
    KTEST_ASSERT(patch_test_all_freed());
}

/* --- faults -------------------------------------------------------------------------------------- */

#define TEST_TRIAL (100 * NANOS_PER_SECOND)

/* Reads what is not there. */
uint64_t patch_test_faulty(uint64_t value);
uint64_t patch_test_faulty(uint64_t value)
{
    atomic_fetch_add_u64(&version_calls[1], 1);
    return *(const volatile uint64_t *)(uintptr_t)(value & 7);
}

LOCAL int patch_test_replace_by_faulty(nanos_t trial, uint32_t flags)
{
    char message[160];
    const struct live_replacement replacement = { .name = "patch_test_victim", .trial = trial, .flags = flags,
        .target = (uint64_t)(uintptr_t)patch_test_faulty, .failure_value = (uint64_t)-EFAULT };
    return live_replace(&replacement, message, sizeof message);
}

KTEST(patch, a_fault_in_the_trial_rolls_back)
{
    patch_test_begin();
    KTEST_EQUAL(patch_test_replace(patch_test_third, 0), 0);
    KTEST_EQUAL(patch_test_replace_by_faulty(TEST_TRIAL, 0), 0);
    KTEST_EQUAL(patch_test_replace_by_faulty(TEST_TRIAL, 0), 0); /* goes back to the third, not to the other one in its trial */
    uint64_t flags = irqs_disable();
    uint64_t result = patch_test_victim(8);
    bool irqs_off = !irqs_are_enabled();
    irqs_restore(flags);
    KTEST_EQUAL(result, -EFAULT);
    KTEST_ASSERT(irqs_off);
    KTEST_EQUAL(patch_test_victim(8), 34);
    KTEST_EQUAL(version_calls[1], 1);
    KTEST_EQUAL(patch_test_restore(), 0);
    KTEST_ASSERT(patch_test_all_freed());
}

KTEST(patch, an_idempotent_function_is_run_again)
{
    patch_test_begin();
    KTEST_EQUAL(patch_test_replace_by_faulty(TEST_TRIAL, LIVE_REPLACE_IDEMPOTENT), 0);
    KTEST_EQUAL(patch_test_victim(8), 32);
    KTEST_EQUAL(version_calls[1], 1);
    KTEST_EQUAL(version_calls[0], 1);
    KTEST_ASSERT(patch_test_all_freed());
    KTEST_EQUAL(patch_test_restore(), -ENOENT); /* the rollback did it */
}

uint64_t patch_test_companion(uint64_t value);
uint64_t patch_test_companion(uint64_t value) { return value + 100; }

/* The victim by a faulty version and its companion by the third one, and `more`, if any: at once. */
LOCAL int patch_test_replace_set(nanos_t trial, const char *more)
{
    char message[160];
    const struct live_replacement set[] = {
        { .name = "patch_test_companion", .trial = trial, .target = (uint64_t)(uintptr_t)patch_test_third },
        { .name = "patch_test_victim", .trial = trial, .target = (uint64_t)(uintptr_t)patch_test_faulty, .failure_value = (uint64_t)-EFAULT },
        { .name = more, .trial = trial, .target = (uint64_t)(uintptr_t)patch_test_third },
    };
    return live_replace_set(set, more != NULL ? 3 : 2, message, sizeof message);
}

KTEST(patch, a_set_comes_and_goes_as_one)
{
    char message[160];
    patch_test_begin();
    KTEST_EQUAL(patch_test_replace_set(0, "syscall_dispatch"), -EOPNOTSUPP);
    KTEST_EQUAL(patch_test_replace_set(0, "patch_test_nobody"), -ENOENT);
    KTEST_EQUAL(patch_test_companion(1), 101); /* none of them */
    KTEST_ASSERT(!live_patch_is_replaced((vaddr_t)(uintptr_t)patch_test_companion));
    KTEST_EQUAL(patch_test_replace_set(TEST_TRIAL, NULL), 0);
    KTEST_EQUAL(patch_test_companion(1), 6);
    KTEST_EQUAL(patch_test_victim(8), -EFAULT);
    KTEST_EQUAL(patch_test_companion(1), 101); /* went with the victim */
    KTEST_EQUAL(patch_test_victim(8), 32);
    KTEST_ASSERT(patch_test_all_freed());
    KTEST_EQUAL(patch_test_replace_set(0, NULL), 0);
    KTEST_EQUAL(patch_test_victim(8), -EFAULT);
    KTEST_EQUAL(patch_test_companion(1), 6); /* no trial: both stay */
    KTEST_EQUAL(patch_test_restore(), 0);
    KTEST_EQUAL(live_restore("patch_test_companion", message, sizeof message), 0);
    KTEST_EQUAL(patch_test_companion(1), 101);
    KTEST_ASSERT(patch_test_all_freed());
}

KTEST(patch, after_the_trial_a_fault_is_caught_and_the_version_stays)
{
    patch_test_begin();
    KTEST_EQUAL(patch_test_replace_by_faulty(0, LIVE_REPLACE_IDEMPOTENT), 0);
    KTEST_EQUAL(patch_test_victim(8), -EFAULT);
    KTEST_EQUAL(patch_test_victim(8), -EFAULT);
    KTEST_EQUAL(version_calls[0], 0);
    KTEST_EQUAL(patch_test_restore(), 0);
    KTEST_EQUAL(patch_test_victim(8), 32);
    KTEST_ASSERT(patch_test_all_freed());
}

/* Four callers on all CPUs run into the fault at the same time, in interrupts, too. */
LOCAL void patch_test_meets_faults(void *unused)
{
    (void)unused;
    while (!shared.stop) {
        uint64_t result = patch_test_victim(8);
        if (result != 32 && result != (uint64_t)-EFAULT)
            atomic_fetch_add_u32(&shared.errors, 1);
    }
    patch_test_thread_ends();
}

KTEST(patch, faults_on_all_cpus_roll_back_once)
{
    patch_test_begin();
    for (int i = 0; i < CALLERS; i++)
        KTEST_ASSERT(patch_test_start(patch_test_meets_faults));
    int error = 0;
    for (int i = 0; i < 10 && error == 0; i++) {
        uint64_t before = version_calls[1];
        error = patch_test_replace_by_faulty(TEST_TRIAL, i % 2 ? LIVE_REPLACE_IDEMPOTENT : 0);
        while (error == 0 && version_calls[1] == before)
            thread_yield();
    }
    shared.stop = 1;
    KTEST_ASSERT(patch_test_wait());
    KTEST_EQUAL(error, 0);
    KTEST_EQUAL(shared.errors, 0);
    KTEST_EQUAL(patch_test_victim(8), 32);
    KTEST_ASSERT(patch_test_all_freed());
}

/* Every argument on the stack arrives. */
uint64_t patch_test_many(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h);
uint64_t patch_test_many(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    return a + b + c + d + e + f + 10 * g + 100 * h;
}
uint64_t patch_test_many_new(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h);
uint64_t patch_test_many_new(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    return a + b + c + d + e + f + 1000 * g + 10000 * h;
}

KTEST(patch, arguments_on_the_stack_are_copied)
{
    char message[160];
    const struct live_replacement replacement = { .name = "patch_test_many", .stack_bytes = 16,
        .target = (uint64_t)(uintptr_t)patch_test_many_new };
    KTEST_EQUAL(patch_test_many(1, 2, 3, 4, 5, 6, 7, 8), 891);
    KTEST_EQUAL(live_replace(&replacement, message, sizeof message), 0);
    KTEST_EQUAL(patch_test_many(1, 2, 3, 4, 5, 6, 7, 8), 87021);
    KTEST_EQUAL(live_restore("patch_test_many", message, sizeof message), 0);
    KTEST_ASSERT(patch_test_all_freed());
}

/* --- what cannot be replaced ------------------------------------------------------------------- */

LOCAL int patch_test_try(const char *name, char *message, size_t size)
{
    const struct live_replacement replacement = { .name = name, .target = (uint64_t)(uintptr_t)patch_test_second };
    return live_replace(&replacement, message, size);
}

KTEST(patch, refusals_give_their_reason)
{
    char message[200];
    KTEST_EQUAL(patch_test_try("no_such_function", message, sizeof message), -ENOENT);
    KTEST_ASSERT(strstr(message, "no_such_function") != NULL);
    KTEST_EQUAL(patch_test_try("trap_dispatch", message, sizeof message), -EOPNOTSUPP);
    KTEST_ASSERT(strstr(message, "breakpoint") != NULL);
    KTEST_EQUAL(patch_test_try("context_switch", message, sizeof message), -EOPNOTSUPP);
    KTEST_ASSERT(strstr(message, "assembly") != NULL);
    const struct live_replacement nowhere = { .name = "patch_test_victim", .target = 0x1000 };
    KTEST_EQUAL(live_replace(&nowhere, message, sizeof message), -EINVAL);
}

KTEST(patch, every_refused_name_exists)
{
    for (size_t i = 0; i < live_nopatch_row_count; i++)
        if (symbol_address(live_nopatch_rows[i].name) == 0)
            ktest_fail(__FILE__, __LINE__, live_nopatch_rows[i].name);
}

/* --- reclaim ----------------------------------------------------------------------------------------- */

static volatile uint32_t items_freed;

LOCAL void patch_test_item_freed(struct live_retired *item)
{
    (void)item;
    atomic_fetch_add_u32(&items_freed, 1);
}

/* "Old code": stays inside until it is told to leave, asleep or running. */
LOCAL void patch_test_old_code(bool asleep)
{
    atomic_fetch_add_u32(&shared.inside, 1);
    while (!shared.leave) {
        if (asleep)
            thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false);
        else
            thread_yield();
    }
}

LOCAL void patch_test_sleep_inside(void *unused)
{
    (void)unused;
    patch_test_old_code(true);
    patch_test_thread_ends();
}

LOCAL void patch_test_run_inside(void *unused)
{
    (void)unused;
    patch_test_old_code(false);
    patch_test_thread_ends();
}

/* In a function of its own, so that no register of the test keeps an address in the range. */
LOCAL void patch_test_retire_old_code(void)
{
    static struct live_retired item;
    uint64_t start = (uint64_t)(uintptr_t)patch_test_old_code;
    item = (struct live_retired){ .ranges = { { start, (uint64_t)(uintptr_t)patch_test_sleep_inside } }, .range_count = 1,
                                  .free = patch_test_item_freed };
    live_reclaim_retire(&item);
}

LOCAL void patch_test_reclaim(void (*function)(void *))
{
    patch_test_begin();
    items_freed = 0;
    KTEST_ASSERT(patch_test_start(function));
    while (!shared.inside)
        thread_yield();
    patch_test_retire_old_code();
    for (int i = 0; i < 20; i++) {
        KTEST_EQUAL(live_reclaim_now(), 1);
        KTEST_EQUAL(items_freed, 0);
    }
    shared.leave = 1;
    KTEST_ASSERT(patch_test_wait());
    KTEST_ASSERT(patch_test_all_freed());
    KTEST_EQUAL(items_freed, 1);
}

KTEST(patch, code_that_a_thread_sleeps_in_is_not_freed) { patch_test_reclaim(patch_test_sleep_inside); }
KTEST(patch, code_that_a_thread_runs_in_is_not_freed) { patch_test_reclaim(patch_test_run_inside); }

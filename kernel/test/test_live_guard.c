/*
 * Guards of live code: every kind of fault, from the world's role, from kernel threads, timers and patches; locks, interrupts,
 * limits. The live code is live_code.S.
 */
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/test/live_code.h>
#include <kernel/time/time.h>
#include <lib/string.h>
#include <live/private.h>

#define WORLD_STACK_SIZE (512 * 1024)
#define PATIENCE (10 * NANOS_PER_SECOND)

typedef uint64_t (*live_test_function)(uint64_t, uint64_t);

LOCAL void live_test_begin(void)
{
    live_set_test_text((uint64_t)(uintptr_t)live_code_start, (uint64_t)(uintptr_t)live_code_end);
}

/* --- a thread that plays the world --------------------------------------------------------- */

struct live_world_call {
    struct live_call call;
    uint64_t a, b, result;
};

LOCAL uint64_t live_test_world_side(uint64_t argument)
{
    struct live_world_call *world = (struct live_world_call *)(uintptr_t)argument;
    world->result = live_test_call(&world->call, world->a, world->b);
    return 0;
}

/* function(a, b) as the world calls it: its fault's kind; *result what it returned. */
LOCAL uint32_t live_test_from_world(live_test_function function, uint64_t a, uint64_t b, nanos_t limit, uint64_t *result)
{
    struct live_world_call world = { .call = { .target = (uint64_t)(uintptr_t)function, .stack_bytes = 16,
                                               .time_limit = (uint64_t)limit, .status = 77 }, .a = a, .b = b };
    char *stack = vmalloc(WORLD_STACK_SIZE, PAGE_USE_STACK);
    if (stack == NULL || live_prepare_thread() != 0)
        return 78;
    live_test_as_world((uint64_t)(uintptr_t)stack + WORLD_STACK_SIZE - 64, live_test_world_side, (uint64_t)(uintptr_t)&world);
    vfree(stack);
    if (result != NULL)
        *result = world.result;
    return (uint32_t)world.call.status;
}

/* As after any call: no lock, preemption and interrupts on, no guard, the live stack empty. */
LOCAL bool live_test_is_clean(void)
{
    const struct thread *me = thread_current();
    return me->held_count == 0 && me->preempt_count == 0 && irqs_are_enabled() && me->live_guard == NULL
        && me->role == THREAD_IN_KERNEL && me->live_stop == 0
        && (me->live == NULL || me->live_rsp == me->live->top);
}

static const struct { live_test_function function; uint64_t argument; uint32_t kind; uint64_t address; } faulty[] = {
    { live_code_read, 0, LIVE_FAULT_READ, 0 },
    { live_code_read, 0xffffc07fffff0000, LIVE_FAULT_READ, 0xffffc07fffff0000 },
    { live_code_read, WORLD_SPACE_START + 4096, LIVE_FAULT_READ, WORLD_SPACE_START + 4096 },
    { live_code_write, 8, LIVE_FAULT_WRITE, 8 },
    { live_code_write, (uint64_t)(uintptr_t)live_code_start, LIVE_FAULT_WRITE, (uint64_t)(uintptr_t)live_code_start },
    { live_code_jump, 0, LIVE_FAULT_EXECUTE, 0 },
    { live_code_jump, (uint64_t)(uintptr_t)&live_code_gate_slot, LIVE_FAULT_EXECUTE, (uint64_t)(uintptr_t)&live_code_gate_slot },
    { live_code_divide, 0, LIVE_FAULT_DIVIDE, UINT64_MAX },
    { live_code_invalid, 0, LIVE_FAULT_INVALID_OPCODE, UINT64_MAX },
    { live_code_protection, 0, LIVE_FAULT_GENERAL_PROTECTION, UINT64_MAX },
    { live_code_breakpoint, 0, LIVE_FAULT_BREAKPOINT, UINT64_MAX },
    { live_code_recurse, 0, LIVE_FAULT_STACK_OVERFLOW, UINT64_MAX },
    { live_code_wild_stack, 4096, LIVE_FAULT_WRITE, UINT64_MAX },
    { live_code_wild_stack, 0x8000000000001000, LIVE_FAULT_GENERAL_PROTECTION, UINT64_MAX },
    { live_code_fault_with_interrupts_off, 0, LIVE_FAULT_INVALID_OPCODE, UINT64_MAX },
};

KTEST(live_guard, every_kind_of_fault_ends_a_call_from_the_world)
{
    live_test_begin();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(faulty); i++) {
            struct live_fault fault;
            uint64_t result = 1;
            KTEST_EQUAL(live_test_from_world(faulty[i].function, faulty[i].argument, 0, 0, &result), faulty[i].kind);
            KTEST_EQUAL(result, 0);
            KTEST_EQUAL(live_take_fault(&fault), 0);
            KTEST_EQUAL(fault.kind, faulty[i].kind);
            if (faulty[i].address != UINT64_MAX)
                KTEST_EQUAL(fault.address, faulty[i].address);
            KTEST_ASSERT(fault.frame_count >= 1 && fault.thread == thread_current()->id);
            if (faulty[i].kind == LIVE_FAULT_EXECUTE)
                KTEST_ASSERT(fault.frames[0] == faulty[i].argument && live_is_code(fault.frames[1]));
            else
                KTEST_ASSERT(live_is_code(fault.frames[0]));
            KTEST_ASSERT(live_take_fault(&fault) != 0);
            KTEST_ASSERT(live_test_is_clean());
        }
    }
}

KTEST(live_guard, arguments_and_results_pass)
{
    live_test_begin();
    uint64_t result = 0;
    KTEST_EQUAL(live_test_from_world(live_code_sum, 1, 2, 0, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 1 + 2 * 2 + 3 * 3 + 4 * 4 + 5 * 5 + 6 * 6 + 7 * 7 + 8 * 8);
    KTEST_EQUAL(live_test_from_world(live_code_turn_direction, 42, 0, 0, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 42);
    KTEST_EQUAL(live_test_from_world(live_code_sum, 1, 2, NANOS_PER_SECOND, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 1 + 2 * 2 + 3 * 3 + 4 * 4 + 5 * 5 + 6 * 6 + 7 * 7 + 8 * 8);
    KTEST_ASSERT(live_test_is_clean());
}

KTEST(live_guard, interrupts_spare_the_red_zone)
{
    live_test_begin();
    uint64_t result = 7;
    KTEST_EQUAL(live_test_from_world(live_code_red_zone, 1000000, 0, 0, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 0);
}

/* --- locks and interrupts --------------------------------------------------------------------- */

static struct spinlock live_test_spinlock = SPINLOCK_INIT("ktest live spinlock", LOCK_RANK_TIMER);
static struct mutex live_test_mutex = MUTEX_INIT(live_test_mutex, "ktest live mutex", LOCK_RANK_DEVICE);
static volatile uint32_t live_test_mutex_taken;

LOCAL uint64_t live_test_take_locks(uint64_t what)
{
    if (what & 1)
        mutex_lock(&live_test_mutex);
    if (what & 2)
        spin_lock(&live_test_spinlock);
    if (what & 4)
        (void)irqs_disable();
    return what;
}

LOCAL void live_test_take_mutex(void *unused)
{
    (void)unused;
    mutex_lock(&live_test_mutex);
    mutex_unlock(&live_test_mutex);
    __atomic_add_fetch(&live_test_mutex_taken, 1, __ATOMIC_SEQ_CST);
}

/* Another thread waits for the mutex meanwhile. */
LOCAL uint64_t live_test_take_locks_with_waiter(uint64_t what)
{
    mutex_lock(&live_test_mutex);
    struct thread *thread = thread_create("ktest live", live_test_take_mutex, NULL);
    if (thread != NULL) {
        thread_start(thread);
        thread_put(thread);
        thread_sleep_until(clock_monotonic() + 5 * NANOS_PER_MILLISECOND, false);
    }
    return live_test_take_locks(what & ~1ull);
}

LOCAL bool live_test_locks_are_free(void)
{
    if (!mutex_try_lock(&live_test_mutex))
        return false;
    mutex_unlock(&live_test_mutex);
    spin_lock(&live_test_spinlock);
    spin_unlock(&live_test_spinlock);
    return true;
}

KTEST(live_guard, locks_held_at_a_fault_are_released)
{
    live_test_begin();
    for (uint64_t what = 0; what < 8; what++) {
        struct live_fault fault;
        KTEST_EQUAL(live_test_from_world(live_code_call_and_fault, (uint64_t)(uintptr_t)live_test_take_locks, what, 0, NULL),
                    LIVE_FAULT_READ);
        KTEST_EQUAL(live_take_fault(&fault), 0);
        KTEST_EQUAL(fault.locks_released, (what & 1) + (what >> 1 & 1));
        KTEST_ASSERT(live_test_is_clean() && live_test_locks_are_free());
    }
    live_test_mutex_taken = 0;
    KTEST_EQUAL(live_test_from_world(live_code_call_and_fault, (uint64_t)(uintptr_t)live_test_take_locks_with_waiter, 2, 0, NULL),
                LIVE_FAULT_READ);
    nanos_t end = clock_monotonic() + PATIENCE;
    while (live_test_mutex_taken == 0 && clock_monotonic() < end)
        thread_yield();
    KTEST_EQUAL(live_test_mutex_taken, 1);
    KTEST_ASSERT(live_test_is_clean() && live_test_locks_are_free());
}

KTEST(live_guard, returning_with_locks_or_interrupts_off_is_a_fault)
{
    live_test_begin();
    for (uint64_t what = 1; what < 8; what++) {
        struct live_fault fault;
        uint32_t kind = what & 3 ? LIVE_FAULT_LOCK_HELD : LIVE_FAULT_IRQS_OFF;
        KTEST_EQUAL(live_test_from_world(live_code_call, (uint64_t)(uintptr_t)live_test_take_locks, what, 0, NULL), kind);
        KTEST_EQUAL(live_take_fault(&fault), 0);
        KTEST_ASSERT(fault.text[0] != '\0' && live_test_is_clean() && live_test_locks_are_free());
    }
    KTEST_EQUAL(live_test_from_world(live_code_leave_interrupts_off, 0, 0, 0, NULL), LIVE_FAULT_IRQS_OFF);
    KTEST_ASSERT(live_test_is_clean());
}

/* What the kernel would stop for ends the call: it was asked for by live code, and nothing has changed yet. */
LOCAL uint64_t live_test_misuse(uint64_t what)
{
    switch (what) {
    case 0: mutex_lock(&live_test_mutex); mutex_lock(&live_test_mutex); break;
    case 1: spin_lock(&live_test_spinlock); spin_lock(&live_test_spinlock); break;
    case 2: mutex_unlock(&live_test_mutex); break;
    case 3: spin_lock(&live_test_spinlock); mutex_lock(&live_test_mutex); break;
    case 4: spin_lock(&live_test_spinlock); thread_sleep_until(clock_monotonic() + 1000, false); break;
    default: preempt_enable(); break;
    }
    return 0;
}

KTEST(live_guard, misuse_of_locks_ends_the_call)
{
    live_test_begin();
    for (uint64_t what = 0; what < 6; what++) {
        struct live_fault fault;
        KTEST_EQUAL(live_test_from_world(live_code_call, (uint64_t)(uintptr_t)live_test_misuse, what, 0, NULL), LIVE_FAULT_ABORT);
        KTEST_ASSERT(live_take_fault(&fault) == 0 && fault.text[0] != '\0' && live_is_code(fault.frames[0]));
        KTEST_ASSERT(live_test_is_clean() && live_test_locks_are_free());
    }
}

/* --- the gate ------------------------------------------------------------------------------------ */

static volatile uint32_t live_test_role, live_test_depth;

LOCAL uint64_t live_test_callback(uint64_t argument)
{
    live_test_role = thread_current()->role;
    return argument * 2;
}

LOCAL uint64_t live_test_callback_nests(uint64_t depth)
{
    struct live_call call = { .target = (uint64_t)(uintptr_t)live_code_gate, .stack_bytes = 16 };
    if (depth == 0) {
        call.target = (uint64_t)(uintptr_t)live_code_read;
        live_test_call(&call, 24, 0);
        return call.status;
    }
    return live_test_call(&call, depth - 1, 0);
}

LOCAL uint64_t live_test_callback_raises(uint64_t argument)
{
    live_fail_on_return(LIVE_FAULT_CALLBACK);
    return argument;
}

LOCAL uint64_t live_test_gate_with_lock(uint64_t what)
{
    live_test_take_locks(what);
    return live_code_gate(1, 0);
}

KTEST(live_guard, the_gate_leads_to_the_world_and_back)
{
    live_test_begin();
    uint64_t result = 0;
    live_code_gate_slot = (uint64_t)(uintptr_t)live_test_callback;
    KTEST_EQUAL(live_test_from_world(live_code_gate, 21, 0, 0, &result), LIVE_FAULT_NONE);
    KTEST_ASSERT(result == 42 && live_test_role == THREAD_IN_WORLD);
    live_code_gate_slot = (uint64_t)(uintptr_t)live_test_callback_nests;
    KTEST_EQUAL(live_test_from_world(live_code_gate, 5, 0, 0, &result), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, LIVE_FAULT_READ);
    KTEST_ASSERT(live_test_is_clean());
    live_code_gate_slot = (uint64_t)(uintptr_t)live_test_callback_raises;
    KTEST_EQUAL(live_test_from_world(live_code_gate, 5, 0, 0, &result), LIVE_FAULT_CALLBACK);
    KTEST_ASSERT(live_test_is_clean());
}

KTEST(live_guard, the_gate_refuses_the_wrong_context)
{
    live_test_begin();
    struct live_fault fault;
    live_code_gate_slot = (uint64_t)(uintptr_t)live_test_callback;
    for (uint64_t what = 1; what < 8; what++) {
        KTEST_EQUAL(live_test_from_world(live_code_call, (uint64_t)(uintptr_t)live_test_gate_with_lock, what, 0, NULL),
                    LIVE_FAULT_CONTEXT);
        KTEST_ASSERT(live_take_fault(&fault) == 0 && fault.text[0] != '\0');
        KTEST_ASSERT(live_test_is_clean() && live_test_locks_are_free());
    }
    KTEST_EQUAL(live_guarded_call(live_code_gate, 1, 0, NULL, "ktest: a gate without a world"), LIVE_FAULT_CONTEXT);
    live_code_gate_slot = 0;
    KTEST_EQUAL(live_test_from_world(live_code_gate, 1, 0, 0, NULL), LIVE_FAULT_CONTEXT);
    KTEST_ASSERT(live_test_is_clean());
}

/* Callbacks within callbacks until the live stack is used up. */
LOCAL uint64_t live_test_callback_for_ever(uint64_t unused)
{
    struct live_call call = { .target = (uint64_t)(uintptr_t)live_code_gate, .stack_bytes = 16 };
    live_test_depth++;
    live_test_call(&call, unused, 0);
    return call.status != LIVE_FAULT_NONE ? call.status : unused;
}

KTEST(live_guard, callbacks_nested_too_deeply_are_refused)
{
    live_test_begin();
    live_test_depth = 0;
    live_code_gate_slot = (uint64_t)(uintptr_t)live_test_callback_for_ever;
    struct live_fault fault;
    uint32_t kind = live_test_from_world(live_code_gate, 0, 0, 0, NULL);
    KTEST_EQUAL(kind, LIVE_FAULT_NONE); /* the innermost one was told */
    KTEST_ASSERT(live_test_depth > 20 && live_take_fault(&fault) == 0 && live_test_is_clean());
}

/* --- limits ---------------------------------------------------------------------------------------- */

LOCAL uint64_t live_test_sleep(uint64_t nanos)
{
    thread_sleep_until(clock_monotonic() + (nanos_t)nanos, false);
    return 0;
}

LOCAL uint64_t live_test_spin(uint64_t rounds)
{
    for (volatile uint64_t i = 0; i < rounds; i++)
        continue;
    return rounds;
}

KTEST(live_guard, a_time_limit_ends_loops_and_calls_of_the_kernel)
{
    live_test_begin();
    nanos_t limit = 20 * NANOS_PER_MILLISECOND;
    KTEST_EQUAL(live_test_from_world(live_code_loop, 0, 0, limit, NULL), LIVE_FAULT_TIME_LIMIT);
    KTEST_ASSERT(live_test_is_clean());
    KTEST_EQUAL(live_test_from_world(live_code_call_for_ever, (uint64_t)(uintptr_t)live_test_sleep, 1000000, limit, NULL),
                LIVE_FAULT_TIME_LIMIT);
    KTEST_EQUAL(live_test_from_world(live_code_call_for_ever, (uint64_t)(uintptr_t)live_test_spin, 100000, limit, NULL),
                LIVE_FAULT_TIME_LIMIT);
    struct live_fault fault;
    KTEST_ASSERT(live_take_fault(&fault) == 0 && live_is_code(fault.frames[0]));
    KTEST_EQUAL(live_test_from_world(live_code_call, (uint64_t)(uintptr_t)live_test_sleep, 1000, limit, NULL), LIVE_FAULT_NONE);
    KTEST_ASSERT(live_test_is_clean());
}

/* --- kernel threads, timers, patches ------------------------------------------------------------------ */

KTEST(live_guard, a_guarded_call_of_the_kernel_survives_every_fault)
{
    live_test_begin();
    for (size_t i = 0; i < ARRAY_COUNT(faulty); i++) {
        uint64_t result = 1;
        KTEST_EQUAL(live_guarded_call(faulty[i].function, faulty[i].argument, 0, &result, "ktest"), faulty[i].kind);
        KTEST_ASSERT(result == 0 && live_test_is_clean());
        uint64_t irqs = irqs_disable();
        uint32_t kind = live_guarded_call(faulty[i].function, faulty[i].argument, 0, &result, "ktest, interrupts off");
        bool off = !irqs_are_enabled();
        irqs_restore(irqs);
        KTEST_ASSERT(off && kind == faulty[i].kind && live_test_is_clean());
        spin_lock(&live_test_spinlock);
        kind = live_guarded_call(faulty[i].function, faulty[i].argument, 0, &result, "ktest, lock held");
        bool held = spin_is_held_by_me(&live_test_spinlock);
        spin_unlock(&live_test_spinlock);
        KTEST_ASSERT(held && kind == faulty[i].kind && live_test_is_clean());
    }
    uint64_t result = 0;
    KTEST_EQUAL(live_guarded_call(live_code_turn_direction, 5, 0, &result, "ktest"), LIVE_FAULT_NONE);
    KTEST_EQUAL(result, 5);
    KTEST_EQUAL(live_guarded_call(live_code_call, (uint64_t)(uintptr_t)live_test_take_locks, 2, &result, "ktest"), LIVE_FAULT_LOCK_HELD);
    KTEST_ASSERT(live_test_is_clean() && live_test_locks_are_free());
}

/* --- patches ------------------------------------------------------------------------------------------- */

static uint64_t live_test_faults_seen;

LOCAL uint64_t live_test_patch_faulted(struct live_patch_call *call, const struct live_fault *fault)
{
    (void)call;
    live_test_faults_seen += fault->kind != LIVE_FAULT_NONE;
    return 0;
}

LOCAL uint64_t live_test_run_instead(struct live_patch_call *call, const struct live_fault *fault)
{
    (void)call, (void)fault;
    return (uint64_t)(uintptr_t)live_code_sum;
}

KTEST(live_guard, a_patch_gives_its_failure_value_to_the_direct_caller)
{
    live_test_begin();
    struct live_patch_call patch = { .failure_value = (uint64_t)-14, .stack_bytes = 16, .faulted = live_test_patch_faulted,
                                     .name = "ktest: a patch" };
    live_test_faults_seen = 0;
    for (size_t i = 0; i < ARRAY_COUNT(faulty); i++) {
        patch.target = (uint64_t)(uintptr_t)faulty[i].function;
        KTEST_EQUAL(live_test_patched(&patch, faulty[i].argument, 0), -14);
        KTEST_ASSERT(live_test_is_clean());
        spin_lock(&live_test_spinlock);
        uint64_t irqs = irqs_disable();
        uint64_t result = live_test_patched(&patch, faulty[i].argument, 0);
        bool as_before = !irqs_are_enabled() && spin_is_held_by_me(&live_test_spinlock);
        irqs_restore(irqs);
        spin_unlock(&live_test_spinlock);
        KTEST_ASSERT(as_before && result == (uint64_t)-14 && live_test_is_clean());
    }
    KTEST_EQUAL(live_test_faults_seen, 2 * ARRAY_COUNT(faulty));
}

KTEST(live_guard, a_patch_passes_arguments_and_may_be_run_in_another_version)
{
    live_test_begin();
    const int64_t sum = 1 + 2 * 2 + 3 * 3 + 4 * 4 + 5 * 5 + 6 * 6 + 7 * 7 + 8 * 8;
    struct live_patch_call patch = { .target = (uint64_t)(uintptr_t)live_code_sum, .stack_bytes = 16, .name = "ktest: a patch" };
    KTEST_EQUAL(live_test_patched(&patch, 1, 2), sum);
    patch.target = (uint64_t)(uintptr_t)live_code_read;
    patch.faulted = live_test_run_instead;
    KTEST_EQUAL(live_test_patched(&patch, 1, 2), sum);
    KTEST_ASSERT(live_test_is_clean());
}

/* --- interrupt context, the watchdog ------------------------------------------------------------------------ */

struct live_test_timer {
    struct timer timer;
    volatile uint32_t fired;
};

LOCAL bool live_test_fire(void (*function)(struct timer *), struct live_test_timer *timer)
{
    timer_init(&timer->timer, function);
    timer_arm(&timer->timer, clock_monotonic() + NANOS_PER_MILLISECOND);
    nanos_t end = clock_monotonic() + PATIENCE;
    while (timer->timer.cpu >= 0 && clock_monotonic() < end)
        thread_yield();
    bool fired = timer->timer.cpu < 0;
    timer_cancel(&timer->timer);
    return fired;
}

KTEST(live_guard, timers_survive_their_functions)
{
    live_test_begin();
    struct live_test_timer timer;
    KTEST_ASSERT(live_test_fire((void (*)(struct timer *))(uintptr_t)live_code_invalid, &timer));
    KTEST_ASSERT(live_test_fire((void (*)(struct timer *))(uintptr_t)live_code_recurse, &timer));
    KTEST_ASSERT(live_test_fire((void (*)(struct timer *))(uintptr_t)live_code_divide, &timer));
    KTEST_ASSERT(live_test_is_clean());
}

KTEST(live_guard, a_thread_of_live_code_ends_alone)
{
    live_test_begin();
    for (size_t i = 0; i < ARRAY_COUNT(faulty); i++) {
        struct thread *thread = thread_create("ktest live", (void (*)(void *))(uintptr_t)faulty[i].function,
                                              (void *)(uintptr_t)faulty[i].argument);
        KTEST_ASSERT(thread != NULL);
        thread_start(thread);
        nanos_t end = clock_monotonic() + PATIENCE;
        while (thread->state != THREAD_DEAD && clock_monotonic() < end)
            thread_yield();
        bool dead = thread->state == THREAD_DEAD;
        thread_put(thread);
        KTEST_ASSERT(dead);
    }
}

KTEST(live_guard, the_watchdog_ends_loops_with_interrupts_off)
{
    live_test_begin();
    struct live_test_timer timer;
    KTEST_EQUAL(live_test_from_world(live_code_loop_with_interrupts_off, 0, 0, 0, NULL), LIVE_FAULT_IRQS_OFF);
    KTEST_ASSERT(live_test_is_clean());
    KTEST_ASSERT(live_test_fire((void (*)(struct timer *))(uintptr_t)live_code_loop, &timer));
    struct live_patch_call patch = { .target = (uint64_t)(uintptr_t)live_code_loop, .failure_value = 5, .name = "ktest: a loop" };
    KTEST_EQUAL(live_test_patched(&patch, 1, 2), 5);
    KTEST_ASSERT(live_test_is_clean());
}

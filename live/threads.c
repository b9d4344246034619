/*
 * Kernel threads of live code: they run under a guard of their own kind, can be ended from outside (LIVE_STOP, polyglot.stop), and keep
 * their module from being unloaded. And what else a module that leaves must not leave behind: who is inside of its code, armed timers.
 *
 * The thread's struct live_thread has no live stack; its timer and return address serve stop.c as they do for calls from the world.
 */
#include <abi/errno.h>
#include <arch/x86_64/watchdog.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <kernel/sched/thread.h>
#include <live/call.h>
#include <live/linker.h>
#include <live/private.h>

#define MAX_GUARDS    256 /* of one thread: its stacks have no room for more */
#define STOP_PATIENCE (2 * NANOS_PER_SECOND)
#define STOP_LOOK     (2 * NANOS_PER_MILLISECOND)

void live_run_thread(void (*function)(void *), void *argument)
{
    struct thread *me = thread_current();
    uint64_t address = (uint64_t)(uintptr_t)function;
    if (!live_call_is_needed(address)) {
        function(argument);
        return;
    }
    struct live_thread *live = kzalloc(sizeof *live);
    if (live == NULL) {
        klog(LOG_ERROR, "live", "thread %d %s does not begin: no memory", me->id, me->name);
        return;
    }
    watchdog_start();
    live_thread_init(live, me);
    me->live = live;
    (void)live_guarded_call_of(LIVE_GUARD_THREAD, (uint64_t (*)(uint64_t, uint64_t))(uintptr_t)function,
                               (uint64_t)(uintptr_t)argument, 0, NULL, "a kernel thread, which ends");
}

/* --- ending one ---------------------------------------------------------------------------- */

bool live_is_kernel_thread(const struct thread *thread) { return thread->process == NULL && thread->live != NULL; }

int live_stop_kernel_thread(struct thread *thread)
{
    nanos_t end = clock_monotonic() + STOP_PATIENCE;
    while (thread->state != THREAD_DEAD) {
        live_ask_to_stop(thread);
        if (clock_monotonic() >= end)
            return -EBUSY;
        int error = thread_sleep_until(clock_monotonic() + STOP_LOOK, true);
        if (error != 0)
            return error;
    }
    return 0;
}

/* --- timers ------------------------------------------------------------------------------------- */

LOCAL bool live_timer_is_of(const struct timer *timer, uint64_t module)
{
    return live_module_of((uint64_t)(uintptr_t)timer) == module
        || live_module_of(live_function_code((uint64_t)(uintptr_t)timer->function)) == module;
}

void live_cancel_timers(uint64_t module)
{
    unsigned count = timer_cancel_matching(live_timer_is_of, module);
    if (count != 0)
        klog(LOG_WARNING, "live", "module %llu leaves with %u armed timers, which are cancelled", (unsigned long long)module, count);
}

/* --- who is in a module ----------------------------------------------------------------------- */

struct live_inside {
    uint64_t module;
    int32_t thread;      /* 0: nobody */
    char name[THREAD_NAME_SIZE];
    bool is_kernel_thread;
    bool again;          /* an interrupt hid a thread's guards from this look */
};

/* Is it one of the thread's guards, whole and on a stack of its? What another CPU changes meanwhile can make it wrong, never wild. */
LOCAL bool live_guard_is_readable(const struct thread *thread, uint64_t guard)
{
    const struct live_thread *live = thread->live;
    uint64_t end = guard + sizeof(struct live_guard);
    return IS_ALIGNED(guard, 8)
        && ((guard >= thread->kernel_stack_base && end <= thread->kernel_stack_top)
            || (live != NULL && guard >= live->base && end <= live->top));
}

LOCAL void live_look_inside(struct thread *thread, void *context)
{
    struct live_inside *inside = context;
    if (inside->thread != 0 || thread->state == THREAD_DEAD || thread->state == THREAD_NEW)
        return;
    const uint32_t hidden = __atomic_load_n(&thread->live_hidden, __ATOMIC_ACQUIRE);
    const struct live_guard *guard = __atomic_load_n(&thread->live_guard, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < MAX_GUARDS && live_guard_is_readable(thread, (uint64_t)(uintptr_t)guard); i++, guard = guard->outer) {
        if (guard->function == 0 || live_module_of(live_function_code(guard->function)) != inside->module)
            continue;
        inside->thread = thread->id;
        inside->is_kernel_thread = live_is_kernel_thread(thread);
        __builtin_memcpy(inside->name, thread->name, sizeof inside->name);
        return;
    }
    if (hidden % 2 != 0 || __atomic_load_n(&thread->live_hidden, __ATOMIC_ACQUIRE) != hidden)
        inside->again = true;
}

/* Who is in the module: looks until no interrupt is in the way. (One that lasts is live code's, and ended by the watchdog.) */
LOCAL struct live_inside live_find_inside(uint64_t module)
{
    for (;;) {
        struct live_inside inside = { .module = module };
        thread_for_each(live_look_inside, &inside);
        if (inside.thread != 0 || !inside.again)
            return inside;
        thread_yield();
    }
}

bool live_module_is_entered(uint64_t module, struct message *message)
{
    const struct live_inside inside = live_find_inside(module);
    if (inside.thread == 0)
        return false;
    if (inside.is_kernel_thread)
        message_add(message, "thread %d \"%s\" runs in it: polyglot.stop(%d) ends it", inside.thread, inside.name, inside.thread);
    else
        message_add(message, "thread %d \"%s\" is in a call of it that has not returned", inside.thread, inside.name);
    return true;
}

/* The first kernel thread that runs in the module, with a reference; NULL: none. */
LOCAL struct thread *live_find_kernel_thread(uint64_t module)
{
    const struct live_inside inside = live_find_inside(module);
    return inside.thread != 0 && inside.is_kernel_thread ? thread_find(inside.thread) : NULL;
}

int live_stop_threads_of(uint64_t module, struct message *message)
{
    struct thread *thread;
    int error = 0;
    while (error == 0 && (thread = live_find_kernel_thread(module)) != NULL) {
        error = live_stop_kernel_thread(thread);
        if (error != 0)
            message_add(message, "thread %d \"%s\" waits in the kernel and has not ended yet", thread->id, thread->name);
        thread_put(thread);
    }
    return error;
}

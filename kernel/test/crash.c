/* Fatal errors on request; tests/system/test_kernel.py reads the reports. */
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/thread.h>
#include <kernel/test/crash.h>
#include <kernel/time/time.h>
#include <lib/string.h>

struct crash_kind {
    const char *name;
    void (*run)(void);
};

LOCAL void crash_panic(void) { panic("asked for by the boot option panic=test"); }

LOCAL void crash_null_read(void)
{
    const volatile int *null = NULL;
    klog(LOG_ERROR, "crash", "read %d", *null);
}

LOCAL void crash_write_text(void)
{
    /* The text is read-only by its mapping and by CR0.WP. */
    *(volatile char *)(uintptr_t)crash_null_read = 0;
}

LOCAL void crash_run_data(void)
{
    static uint8_t code[] = { 0xc3 }; /* RET in .data, which is NX */
    ((void (*)(void))(uintptr_t)code)();
}

/* Deep enough for any stack; the volatile array keeps the compiler from making a loop of it. */
LOCAL uint64_t crash_recurse(uint64_t depth)
{
    volatile uint64_t room[16] = { depth };
    return depth == UINT64_MAX ? 0 : crash_recurse(depth + 1) + room[0];
}

LOCAL void crash_stack(void) { klog(LOG_ERROR, "crash", "depth %llu", (unsigned long long)crash_recurse(0)); }

LOCAL void crash_lock_order(void)
{
    struct mutex high, low;
    mutex_init(&high, "crash high", LOCK_RANK_TTY);
    mutex_init(&low, "crash low", LOCK_RANK_PROCESS);
    mutex_lock(&high);
    mutex_lock(&low);
}

LOCAL void crash_sleep(void)
{
    struct spinlock lock;
    spin_init(&lock, "crash", LOCK_RANK_LEAF);
    spin_lock(&lock);
    (void)thread_sleep_until(clock_monotonic() + NANOS_PER_MILLISECOND, false);
}

LOCAL void crash_recursive_lock(void)
{
    struct mutex mutex;
    mutex_init(&mutex, "crash", LOCK_RANK_TTY);
    mutex_lock(&mutex);
    mutex_lock(&mutex);
}

LOCAL void crash_double_free(void)
{
    void *object = kmalloc(64), *other = kmalloc(64);
    kfree(object);
    kfree(object);
    kfree(other);
}

LOCAL void crash_guard_page(void)
{
    volatile char *block = vmalloc(PAGE_SIZE, PAGE_USE_KERNEL);
    if (block != NULL)
        block[PAGE_SIZE] = 1;
}

static const struct crash_kind crash_kinds[] = {
    { "test", crash_panic },
    { "null-read", crash_null_read },
    { "write-text", crash_write_text },
    { "run-data", crash_run_data },
    { "stack", crash_stack },
    { "lock-order", crash_lock_order },
    { "recursive-lock", crash_recursive_lock },
    { "sleep", crash_sleep },
    { "double-free", crash_double_free },
    { "guard-page", crash_guard_page },
};

void crash_if_asked(void)
{
    char value[32];
    if (!boot_option("panic", value, sizeof value))
        return;
    for (size_t i = 0; i < ARRAY_COUNT(crash_kinds); i++)
        if (strcmp(value, crash_kinds[i].name) == 0)
            crash_kinds[i].run();
    panic("boot option panic=%s: no such kind of crash, or it did not happen", value);
}

/* Runs the in-kernel tests; ktest.h tells how to write one. */
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/test/ktest_table.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/reclaim.h>

#define KTEST_AGAIN 3 /* times that a suite runs again which lost pages */

struct ktest_state {
    const char *filter;
    int passed, failed;
    bool test_failed; /* the running test */
    bool quiet;       /* later runs of a suite: only failures are counted and printed */
};

static struct ktest_state ktest_state; /* one run at a time */

LOCAL void ktest_report_failure(const char *file, int line, const char *text)
{
    ktest_state.test_failed = true;
    klog(LOG_NOTICE, "ktest", "# %s:%d: %s", file, line, text);
}

void ktest_fail(const char *file, int line, const char *text) { ktest_report_failure(file, line, text); }

void ktest_fail_equal(const char *file, int line, const char *text, int64_t got, int64_t wanted)
{
    char message[160];
    ksnprintf(message, sizeof(message), "%s is %lld (%#llx), not %lld (%#llx)", text, (long long)got,
              (unsigned long long)got, (long long)wanted, (unsigned long long)wanted);
    ktest_report_failure(file, line, message);
}

LOCAL bool ktest_is_wanted(const struct ktest *test)
{
    char name[96];
    ksnprintf(name, sizeof(name), "%s.%s", test->suite, test->name);
    return strstr(name, ktest_state.filter) != NULL;
}

LOCAL void ktest_count(bool passed, const char *suite, const char *name, nanos_t duration)
{
    if (ktest_state.quiet && passed)
        return;
    if (passed)
        ktest_state.passed++;
    else
        ktest_state.failed++;
    klog(LOG_NOTICE, "ktest", "%s %d - %s.%s (%lld us)", passed ? "ok" : "not ok",
         ktest_state.passed + ktest_state.failed, suite, name, (long long)(duration / NANOS_PER_MICROSECOND));
}

LOCAL void ktest_run_one(const struct ktest *test)
{
    nanos_t start = clock_monotonic();
    ktest_state.test_failed = false;
    test->function();
    ktest_count(!ktest_state.test_failed, test->suite, test->name, clock_monotonic() - start);
}

/* A thread that ended is in the list until another one has run where it did. */
LOCAL void ktest_count_dead(struct thread *thread, void *context)
{
    if (thread->state == THREAD_DEAD)
        ++*(unsigned *)context;
}

LOCAL void ktest_await_dead_threads(void)
{
    nanos_t end = clock_monotonic() + 5 * NANOS_PER_SECOND;
    for (unsigned dead = 1; dead != 0 && clock_monotonic() < end;) {
        dead = 0;
        thread_sleep_until(clock_monotonic() + 2 * NANOS_PER_MILLISECOND, false);
        thread_for_each(ktest_count_dead, &dead);
    }
}

/* Free pages once threads that ended were freed by the scheduler, and old code by the live layer. Stacks that are kept for new threads are
 * free: how many there are depends on how many threads happened to live at once. */
LOCAL uint64_t ktest_free_pages(void)
{
    struct page_statistics statistics;
    ktest_await_dead_threads();
    (void)live_reclaim_now();
    thread_free_kept_stacks();
    page_get_statistics(&statistics);
    return statistics.free;
}

/* The wanted tests of [first, end), which are one suite. */
LOCAL int ktest_run_tests(const struct ktest *const *first, const struct ktest *const *end)
{
    int count = 0;
    for (; first < end; first++) {
        if (!ktest_is_wanted(*first))
            continue;
        ktest_run_one(*first);
        count++;
    }
    return count;
}

LOCAL void ktest_run_suite(const struct ktest *const *first, const struct ktest *const *end)
{
    uint64_t before = ktest_free_pages();
    if (ktest_run_tests(first, end) == 0)
        return;
    uint64_t after = ktest_free_pages();
    /* What stays from the first time on (a page table, a slab) is no leak: that one loses pages each time. */
    ktest_state.quiet = true;
    for (unsigned again = 0; after < before && again < KTEST_AGAIN; again++) {
        before = after;
        ktest_run_tests(first, end);
        after = ktest_free_pages();
    }
    ktest_state.quiet = false;
    if (after < before) {
        klog(LOG_NOTICE, "ktest", "# %s: %llu pages are lost", (*first)->suite, (unsigned long long)(before - after));
        ktest_count(false, (*first)->suite, "no_leak", 0);
    }
}

int ktest_run(const char *filter)
{
    ktest_state = (struct ktest_state){ .filter = filter };
    klog_set_console_level(LOG_NOTICE + 1);
    for (const struct ktest *const *first = __ktest_start; first < __ktest_end;) {
        const struct ktest *const *end = first + 1;
        while (end < __ktest_end && strcmp((*end)->suite, (*first)->suite) == 0)
            end++;
        ktest_run_suite(first, end);
        first = end;
    }
    if (ktest_state.passed + ktest_state.failed == 0) {
        klog(LOG_NOTICE, "ktest", "# no test is called %s", filter);
        ktest_state.failed = 1;
    }
    klog(LOG_NOTICE, "ktest", "%d passed, %d failed", ktest_state.passed, ktest_state.failed);
    return ktest_state.failed;
}

/*
 * Tests that run inside the kernel.
 *
 *     KTEST(page, alloc_gives_zeroes)
 *     {
 *         struct page *page = page_alloc(0, PAGE_USE_KERNEL, PAGE_ZERO);
 *         KTEST_ASSERT(page != NULL);
 *         KTEST_EQUAL(*(uint64_t *)page_to_virt(page), 0);
 *         page_put(page);
 *     }
 *
 * A test runs in a kernel thread, interrupts on, no lock held, and may sleep.
 * It ends at its first failed check, with a leak of what it held. The linker
 * collects the tests (section .ktest); a suite is what one file defines.
 * Boot option `ktest` or `ktest=part-of-a-name` runs them instead of process 1.
 */
#ifndef KERNEL_TEST_KTEST_H
#define KERNEL_TEST_KTEST_H

#include <lib/types.h>

struct ktest {
    const char *suite;
    const char *name;
    void (*function)(void);
};

/*
 * Runs the tests whose "suite.name" contains `filter` ("": all), printing
 * TAP-like lines and "N passed, N failed" to the log and the consoles. After
 * each suite there must be as many free pages as before; otherwise it is run
 * again, up to three times (object caches and page tables keep some), and one
 * of these runs must not lose any. Returns the number of failures; no test at all is one.
 */
int ktest_run(const char *filter);

void ktest_fail(const char *file, int line, const char *text);
void ktest_fail_equal(const char *file, int line, const char *text, int64_t got, int64_t wanted);

#define KTEST(test_suite, test_name)                                                                      \
    LOCAL void ktest_##test_suite##_##test_name(void);                                                    \
    static const struct ktest ktest_row_##test_suite##_##test_name = {                                    \
        #test_suite, #test_name, ktest_##test_suite##_##test_name                                         \
    };                                                                                                    \
    static const struct ktest *const ktest_entry_##test_suite##_##test_name KEEP SECTION(".ktest") =      \
        &ktest_row_##test_suite##_##test_name;                                                            \
    LOCAL void ktest_##test_suite##_##test_name(void)

#define KTEST_ASSERT(condition)                          \
    do {                                                 \
        if (!(condition)) {                              \
            ktest_fail(__FILE__, __LINE__, #condition);  \
            return;                                      \
        }                                                \
    } while (0)

#define KTEST_EQUAL(got, wanted)                                                            \
    do {                                                                                    \
        int64_t got_ = (int64_t)(got), wanted_ = (int64_t)(wanted);                         \
        if (got_ != wanted_) {                                                              \
            ktest_fail_equal(__FILE__, __LINE__, #got, got_, wanted_);                      \
            return;                                                                         \
        }                                                                                   \
    } while (0)

#endif

/* The page allocator: sizes, alignment, splitting and merging, references, commit accounting. */
#include <kernel/mm/page.h>
#include <kernel/test/ktest.h>
#include <lib/string.h>

LOCAL uint64_t test_page_free_count(void)
{
    struct page_statistics statistics;
    page_get_statistics(&statistics);
    return statistics.free;
}

KTEST(page, blocks_are_aligned_and_counted)
{
    uint64_t before = test_page_free_count();
    for (unsigned order = 0; order < PAGE_MAX_ORDER; order++) {
        struct page *page = page_alloc(order, PAGE_USE_KERNEL, PAGE_NORMAL);
        KTEST_ASSERT(page != NULL);
        KTEST_ASSERT(IS_ALIGNED(page_to_phys(page), PAGE_SIZE << order));
        KTEST_EQUAL(before - test_page_free_count(), 1ULL << order);
        KTEST_ASSERT(page_from_phys(page_to_phys(page)) == page && page_from_virt(page_to_virt(page)) == page);
        page_free(page, order);
        KTEST_EQUAL(test_page_free_count(), before);
    }
}

KTEST(page, zeroed_on_request)
{
    struct page *page = page_alloc(1, PAGE_USE_KERNEL, PAGE_NORMAL);
    KTEST_ASSERT(page != NULL);
    memset(page_to_virt(page), 0xff, 2 * PAGE_SIZE);
    page_free(page, 1);
    page = page_alloc(1, PAGE_USE_KERNEL, PAGE_ZERO);
    KTEST_ASSERT(page != NULL);
    const uint8_t *bytes = page_to_virt(page);
    size_t at = 0;
    while (at < 2 * PAGE_SIZE && bytes[at] == 0)
        at++;
    page_free(page, 1);
    KTEST_EQUAL(at, 2 * PAGE_SIZE);
}

KTEST(page, split_blocks_merge_again)
{
    enum { COUNT = 64 };
    static struct page *pages[COUNT];
    uint64_t before = test_page_free_count();
    for (int i = 0; i < COUNT; i++) {
        pages[i] = page_alloc(0, PAGE_USE_KERNEL, PAGE_NORMAL);
        KTEST_ASSERT(pages[i] != NULL);
        for (int j = 0; j < i; j++)
            KTEST_ASSERT(pages[j] != pages[i]);
    }
    for (int i = 0; i < COUNT; i += 2) /* even ones first: no buddy is free yet */
        page_free(pages[i], 0);
    for (int i = 1; i < COUNT; i += 2)
        page_free(pages[i], 0);
    KTEST_EQUAL(test_page_free_count(), before);
    struct page *large = page_alloc(PAGE_MAX_ORDER - 1, PAGE_USE_KERNEL, PAGE_NORMAL);
    KTEST_ASSERT(large != NULL);
    page_free(large, PAGE_MAX_ORDER - 1);
}

KTEST(page, lives_until_the_last_reference)
{
    uint64_t before = test_page_free_count();
    struct page *page = page_alloc(0, PAGE_USE_KERNEL, PAGE_NORMAL);
    KTEST_ASSERT(page != NULL);
    page_get(page);
    page_put(page);
    KTEST_EQUAL(test_page_free_count(), before - 1);
    page_put(page);
    KTEST_EQUAL(test_page_free_count(), before);
}

KTEST(page, commit_stops_at_the_limit)
{
    struct page_statistics before, statistics;
    page_get_statistics(&before);
    uint64_t room = before.commit_limit - before.committed;
    KTEST_ASSERT(page_commit(room + before.total) != 0);
    KTEST_EQUAL(page_commit(room / 2), 0);
    page_get_statistics(&statistics);
    KTEST_EQUAL(statistics.committed, before.committed + room / 2);
    page_uncommit(room / 2);
    page_get_statistics(&statistics);
    KTEST_EQUAL(statistics.committed, before.committed);
}

/* vmalloc: zeroed, writable, and pages come back. */
#include <kernel/mm/vmalloc.h>
#include <kernel/test/ktest.h>
#include <lib/string.h>

KTEST(vmalloc, blocks_are_apart_and_zero)
{
    enum { COUNT = 8 };
    uint64_t *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t words = (i + 1) * PAGE_SIZE / sizeof(uint64_t);
        blocks[i] = vmalloc((i + 1) * PAGE_SIZE, PAGE_USE_KERNEL);
        KTEST_ASSERT(blocks[i] != NULL);
        for (size_t at = 0; at < words; at++) {
            KTEST_EQUAL(blocks[i][at], 0);
            blocks[i][at] = i * 1000000 + at;
        }
        for (size_t j = 0; j < i; j++) /* a guard page lies between */
            KTEST_ASSERT((uintptr_t)blocks[j] + (j + 2) * PAGE_SIZE <= (uintptr_t)blocks[i] ||
                         (uintptr_t)blocks[i] + (i + 2) * PAGE_SIZE <= (uintptr_t)blocks[j]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        KTEST_EQUAL(blocks[i][512 * i + 511], i * 1000000 + 512 * i + 511);
        vfree(blocks[i]);
    }
    vfree(NULL);
}

KTEST(vmalloc, fails_without_loss)
{
    struct page_statistics before, after;
    page_get_statistics(&before);
    KTEST_ASSERT(vmalloc((before.total + 1) * PAGE_SIZE, PAGE_USE_KERNEL) == NULL);
    page_get_statistics(&after);
    /* Page tables for the range may stay. */
    KTEST_ASSERT(before.free - after.free <= before.total / 512 + 3);
}

KTEST(vmalloc, device_window_shows_memory)
{
    struct page *page = page_alloc(0, PAGE_USE_KERNEL, PAGE_ZERO);
    KTEST_ASSERT(page != NULL);
    volatile uint8_t *window = device_map(page_to_phys(page) + 100, 200, CACHE_UNCACHED);
    KTEST_ASSERT(window != NULL && ((uintptr_t)window & ~PAGE_MASK) == 100);
    window[0] = 0x5a;
    KTEST_EQUAL(((volatile uint8_t *)page_to_virt(page))[100], 0x5a);
    device_unmap((void *)(uintptr_t)window);
    page_put(page);
}

/*
 * Address spaces: mapping, demand faults, protection, moving, and the accounts
 * of pages and promises. The world's space is used, so this runs before process
 * 1 starts.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/space.h>
#include <kernel/test/ktest.h>
#include <lib/string.h>

#define ANONYMOUS   (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE  (AREA_READ | AREA_WRITE)
#define WINDOW      48 /* pages */

LOCAL uint64_t *test_space_word(vaddr_t address) { return (uint64_t *)(uintptr_t)address; }

LOCAL uint64_t test_space_committed(void)
{
    struct page_statistics statistics;
    page_get_statistics(&statistics);
    return statistics.committed;
}

/* Faults the page in and stores `value`; false when the fault was refused. */
LOCAL bool test_space_store(struct address_space *space, vaddr_t address, uint64_t value)
{
    if (space_fault(space, address, true, false) != 0)
        return false;
    *test_space_word(address) = value;
    return true;
}

KTEST(space, anonymous_memory_is_zero_and_goes_away)
{
    struct address_space *space;
    uint64_t committed = test_space_committed();
    KTEST_EQUAL(space_create_world(&space), 0);
    int64_t base = space_map(space, 0, 8 * PAGE_SIZE, READ_WRITE, ANONYMOUS, NULL, 0, NULL);
    KTEST_ASSERT(base < -4096); /* an upper-half address, no errno */
    KTEST_EQUAL(test_space_committed(), committed + 8);
    for (vaddr_t address = (vaddr_t)base; address < (vaddr_t)base + 8 * PAGE_SIZE; address += PAGE_SIZE) {
        KTEST_EQUAL(space_fault(space, address, false, false), 0);
        KTEST_EQUAL(*test_space_word(address), 0);
        KTEST_ASSERT(test_space_store(space, address, address));
    }
    KTEST_EQUAL(space_fault(space, (vaddr_t)base, false, true), -EACCES); /* not executable */
    KTEST_EQUAL(space_unmap(space, (vaddr_t)base, 8 * PAGE_SIZE), 0);
    KTEST_EQUAL(space_fault(space, (vaddr_t)base, false, false), -EFAULT);
    KTEST_EQUAL(test_space_committed(), committed);
    space_put(space);
}

KTEST(space, remap_moves_contents)
{
    struct address_space *space;
    KTEST_EQUAL(space_create_world(&space), 0);
    int64_t base = space_map(space, 0, 4 * PAGE_SIZE, READ_WRITE, ANONYMOUS, NULL, 0, NULL);
    KTEST_ASSERT(base < -4096);
    for (uint64_t i = 0; i < 4; i++)
        KTEST_ASSERT(test_space_store(space, (vaddr_t)base + i * PAGE_SIZE, i + 100));
    int64_t moved = space_remap(space, (vaddr_t)base, 4 * PAGE_SIZE, 64 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
    KTEST_ASSERT(moved < -4096);
    for (uint64_t i = 0; i < 64; i++) {
        vaddr_t address = (vaddr_t)moved + i * PAGE_SIZE;
        KTEST_EQUAL(space_fault(space, address, false, false), 0);
        KTEST_EQUAL(*test_space_word(address), i < 4 ? i + 100 : 0);
    }
    moved = space_remap(space, (vaddr_t)moved, 64 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
    KTEST_ASSERT(moved < -4096);
    KTEST_EQUAL(space_fault(space, (vaddr_t)moved + 2 * PAGE_SIZE, false, false), -EFAULT);
    space_put(space);
}

KTEST(space, heap_grows_and_shrinks)
{
    struct address_space *space;
    KTEST_EQUAL(space_create_world(&space), 0);
    vaddr_t start = space_set_heap_end(space, 0); /* asks */
    KTEST_EQUAL(space_set_heap_end(space, start + 5 * PAGE_SIZE + 10), start + 5 * PAGE_SIZE + 10);
    KTEST_ASSERT(test_space_store(space, start + 5 * PAGE_SIZE, 1));
    KTEST_EQUAL(space_set_heap_end(space, start + PAGE_SIZE), start + PAGE_SIZE);
    KTEST_EQUAL(space_fault(space, start + 5 * PAGE_SIZE, false, false), -EFAULT);
    KTEST_EQUAL(space_set_heap_end(space, start - PAGE_SIZE), start + PAGE_SIZE); /* refused */
    space_put(space);
}

KTEST(space, ranges_are_checked)
{
    struct address_space *space;
    KTEST_EQUAL(space_create_world(&space), 0);
    int64_t base = space_map(space, 0, 4 * PAGE_SIZE, READ_WRITE, ANONYMOUS, NULL, 0, NULL);
    KTEST_ASSERT(base < -4096);
    KTEST_ASSERT(space_contains_range(space, (vaddr_t)base, 4 * PAGE_SIZE));
    KTEST_ASSERT(!space_contains_range(space, (vaddr_t)(uintptr_t)&space, 8)); /* this stack */
    KTEST_ASSERT(!space_contains_range(space, 0, 1));
    KTEST_ASSERT(!space_contains_range(space, UINT64_MAX - 3, 8));
    KTEST_ASSERT(space_map(space, (vaddr_t)(uintptr_t)ktest_run, PAGE_SIZE, READ_WRITE, ANONYMOUS | MAP_FIXED, NULL, 0,
                           NULL) > -4096); /* over the kernel */
    KTEST_ASSERT(space_map(space, 0, 1ULL << 46, READ_WRITE, ANONYMOUS, NULL, 0, NULL) > -4096);
    KTEST_ASSERT(space_map(space, 0, 0, READ_WRITE, ANONYMOUS, NULL, 0, NULL) > -4096);
    space_put(space);
}

/* --- random operations, compared with a model of the window's pages ------------ */

struct test_model_page { bool mapped; uint32_t protection; uint64_t value; };

static struct test_model_page test_model[WINDOW];

LOCAL uint32_t test_space_random(void)
{
    static uint64_t state = 88172645463325252ULL; /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

LOCAL bool test_model_all_mapped(uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++)
        if (!test_model[i].mapped)
            return false;
    return true;
}

LOCAL void test_model_set(uint32_t first, uint32_t count, bool mapped, uint32_t protection)
{
    for (uint32_t i = first; i < first + count; i++)
        test_model[i] = (struct test_model_page){ mapped, protection, 0 };
}

/* Maps, unmaps, protects or discards a random range; false when the space disagrees with the model. */
LOCAL bool test_space_change(struct address_space *space, vaddr_t base)
{
    static const uint32_t protections[] = { 0, AREA_READ, READ_WRITE, READ_WRITE };
    uint32_t first = test_space_random() % WINDOW, count = 1 + test_space_random() % (WINDOW - first);
    uint32_t protection = protections[test_space_random() % ARRAY_COUNT(protections)];
    vaddr_t start = base + first * PAGE_SIZE;
    count = MIN(count, 12);
    switch (test_space_random() % 4) {
    case 0:
        if (space_map(space, start, count * PAGE_SIZE, protection, ANONYMOUS | MAP_FIXED, NULL, 0, NULL) != (int64_t)start)
            return false;
        test_model_set(first, count, true, protection);
        return true;
    case 1:
        test_model_set(first, count, false, 0);
        return space_unmap(space, start, count * PAGE_SIZE) == 0;
    case 2:
        if (!test_model_all_mapped(first, count))
            return true;
        for (uint32_t i = first; i < first + count; i++)
            test_model[i].protection = protection;
        return space_protect(space, start, count * PAGE_SIZE, protection) == 0;
    default:
        if (!test_model_all_mapped(first, count))
            return true;
        for (uint32_t i = first; i < first + count; i++)
            test_model[i].value = 0;
        return space_discard(space, start, count * PAGE_SIZE) == 0;
    }
}

/* Reads or writes one page; false when it is not as the model says. */
LOCAL bool test_space_access(struct address_space *space, vaddr_t base)
{
    uint32_t index = test_space_random() % WINDOW;
    bool write = test_space_random() % 2;
    struct test_model_page *page = &test_model[index];
    vaddr_t address = base + index * PAGE_SIZE;
    bool allowed = page->mapped && (page->protection & (write ? AREA_WRITE : AREA_READ)) != 0;
    if ((space_fault(space, address, write, false) == 0) != allowed)
        return false;
    if (!allowed)
        return true;
    if (*test_space_word(address) != page->value)
        return false;
    if (write)
        *test_space_word(address) = page->value = test_space_random();
    return true;
}

KTEST(space, random_operations_match_a_model)
{
    struct address_space *space;
    uint64_t committed = test_space_committed();
    KTEST_EQUAL(space_create_world(&space), 0);
    int64_t base = space_map(space, 0, WINDOW * PAGE_SIZE, READ_WRITE, ANONYMOUS, NULL, 0, NULL);
    KTEST_ASSERT(base < -4096);
    test_model_set(0, WINDOW, true, READ_WRITE);
    for (int round = 0; round < 4000; round++) {
        KTEST_ASSERT(test_space_change(space, (vaddr_t)base));
        for (int i = 0; i < 4; i++)
            KTEST_ASSERT(test_space_access(space, (vaddr_t)base));
    }
    space_put(space);
    KTEST_EQUAL(test_space_committed(), committed);
}

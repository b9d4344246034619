/*
 * The buddy allocator under the sanitizers: random use against a map of owners, exhaustion, commit accounting.
 * Flags: -Itests/host/mm/layout
 */
#include <abi/errno.h>
#include <tests/host/mm/machine.h>

#define FRAMES (MACHINE_MEMORY >> PAGE_SHIFT)

struct block { struct page *page; unsigned order; };

static struct block blocks[FRAMES];
static size_t block_count;
static uint8_t owned[FRAMES]; /* 1: some block has the frame */

static void change_cpu(void)
{
    if (random_u64() % 40 == 0)
        machine_cpu = &machine_cpus[random_u64() % MACHINE_CPUS];
}

/* Allocates and checks that nobody has these frames; false: none left. */
static bool take(unsigned order, enum page_flags flags)
{
    change_cpu();
    struct page *page = page_alloc(order, PAGE_USE_KERNEL, flags);
    if (page == NULL)
        return false;
    paddr_t phys = page_to_phys(page);
    CHECK(IS_ALIGNED(phys, PAGE_SIZE << order));
    CHECK(machine_is_usable(phys, PAGE_SIZE << order));
    CHECK_EQUAL(page->order, order);
    for (uint64_t frame = phys >> PAGE_SHIFT; frame < (phys >> PAGE_SHIFT) + (1ULL << order); frame++) {
        CHECK_EQUAL(owned[frame], 0);
        owned[frame] = 1;
    }
    blocks[block_count++] = (struct block){ page, order };
    return true;
}

static void give_back(size_t index)
{
    struct block block = blocks[index];
    blocks[index] = blocks[--block_count];
    change_cpu();
    memset(&owned[page_to_phys(block.page) >> PAGE_SHIFT], 0, 1ULL << block.order);
    page_free(block.page, block.order);
}

static void give_all_back(void)
{
    while (block_count > 0)
        give_back(random_u64() % block_count);
}

TEST(memory_map_is_taken_over)
{
    machine_start();
    uint64_t usable = 0;
    for (uint32_t i = 0; i < boot_info.memory_count; i++)
        if (boot_info.memory[i].type == BOOT_MEMORY_USABLE)
            usable += boot_info.memory[i].length >> PAGE_SHIFT;
    CHECK_EQUAL(machine_statistics().total, usable);
    CHECK_EQUAL(machine_statistics().free, usable);
    CHECK_EQUAL(page_from_phys(40 * MIB + 0x3000)->references, 1); /* the file's pages are held */
}

TEST(random_use)
{
    machine_start();
    uint64_t before = machine_statistics().free, taken = 0;
    for (int round = 0; round < 200000; round++) {
        if (random_u64() % 100 < 52) {
            unsigned order = (unsigned)(random_u64() % 64 == 0 ? random_u64() % PAGE_MAX_ORDER : random_u64() % 4);
            if (take(order, PAGE_NORMAL))
                taken += 1ULL << order;
        } else if (block_count > 0) {
            size_t index = random_u64() % block_count;
            taken -= 1ULL << blocks[index].order;
            give_back(index);
        }
        if (round % 64 == 0)
            CHECK_EQUAL(machine_statistics().free, before - taken);
        if (round % 50000 == 49999) {
            give_all_back();
            taken = 0;
        }
    }
    give_all_back();
    CHECK_EQUAL(machine_statistics().free, before);
}

static size_t count_largest_blocks(void)
{
    while (take(PAGE_MAX_ORDER - 1, PAGE_NORMAL))
        ;
    size_t count = block_count;
    give_all_back();
    return count;
}

TEST(exhaustion_and_merging)
{
    machine_start();
    uint64_t before = machine_statistics().free;
    size_t largest = count_largest_blocks();
    CHECK(largest >= 12);
    while (take(0, PAGE_NORMAL))
        ;
    CHECK_EQUAL(block_count, before);
    CHECK_EQUAL(machine_statistics().free, 0);
    CHECK(page_alloc(0, PAGE_USE_KERNEL, PAGE_NORMAL) == NULL);
    give_all_back(); /* in random order */
    CHECK_EQUAL(count_largest_blocks(), largest);
}

TEST(promised_pages_are_there)
{
    machine_start();
    struct page_statistics before = machine_statistics();
    uint64_t promised = (before.commit_limit - before.committed) / 2;
    CHECK_EQUAL(page_commit(promised), 0);
    while (take(0, PAGE_NORMAL))
        ;
    CHECK_EQUAL(machine_statistics().free, promised);
    CHECK_EQUAL(page_commit(1), -ENOMEM);
    size_t ordinary = block_count;
    for (uint64_t i = 0; i < promised; i++)
        CHECK(take(0, PAGE_ACCOUNTED));
    CHECK_EQUAL(machine_statistics().free, 0);
    /* A page that goes back is promised again, so the promise can be taken back as a whole. */
    while (block_count > ordinary)
        give_back(block_count - 1);
    page_uncommit(promised);
    give_all_back();
    CHECK_EQUAL(machine_statistics().free, before.free);
    CHECK_EQUAL(machine_statistics().committed, before.committed);
}

TEST(promised_pages_in_a_magazine_are_not_for_others)
{
    enum { PROMISED = 2 * MAGAZINE_SIZE };
    static struct page *pages[PROMISED];
    machine_start();
    for (int given_back = 1; given_back <= PROMISED; given_back++) {
        CHECK_EQUAL(page_commit(PROMISED), 0);
        while (take(0, PAGE_NORMAL))
            ;
        for (int i = 0; i < given_back; i++)
            pages[i] = page_alloc(0, PAGE_USE_ANONYMOUS, PAGE_ACCOUNTED);
        machine_cpu = &machine_cpus[1];
        for (int i = 0; i < given_back; i++)
            page_put(pages[i]);
        CHECK(page_alloc(0, PAGE_USE_KERNEL, PAGE_NORMAL) == NULL);
        machine_cpu = &machine_cpus[2];
        for (int i = 0; i < PROMISED; i++)
            CHECK((pages[i] = page_alloc(0, PAGE_USE_ANONYMOUS, PAGE_ACCOUNTED)) != NULL);
        for (int i = 0; i < PROMISED; i++)
            page_put_committed(pages[i]);
        for (int i = 0; i < 1000; i++)
            give_back(random_u64() % block_count);
    }
    give_all_back();
}

/* Promises kept, given back and taken again on any CPU, with ordinary users beside them who would like to have all. */
TEST(promises_beside_ordinary_users)
{
    static struct page *kept[FRAMES];
    machine_start();
    struct page_statistics before = machine_statistics();
    uint64_t promised = 0, count = 0, choice = 0;
    for (int round = 0; round < 600000; round++) {
        if (random_u64() % 40 == 0) { /* runs that fill and empty magazines */
            machine_cpu = &machine_cpus[random_u64() % MACHINE_CPUS];
            choice = random_u64() % 16;
        }
        if (choice < 5 && count < promised) {
            kept[count] = page_alloc(0, PAGE_USE_ANONYMOUS, PAGE_ACCOUNTED);
            CHECK(kept[count++] != NULL);
        } else if (choice < 8 && count > 0) {
            page_put(kept[--count]);
        } else if (choice == 8 && count > 0) {
            page_put_committed(kept[--count]);
            promised--;
        } else if (choice == 9) {
            uint64_t more = random_u64() % 300;
            promised += page_commit(more) == 0 ? more : 0;
        } else if (choice == 10 && promised > count) {
            uint64_t less = random_u64() % (MIN(promised - count, 100) + 1);
            page_uncommit(less);
            promised -= less;
        } else if (choice < 14 && round % 50000 < 30000) { /* up to all that is left */
            (void)take(0, PAGE_NORMAL);
        } else if (block_count > 0) {
            give_back(random_u64() % block_count);
        }
        struct page_statistics now = machine_statistics();
        CHECK(now.free >= promised - count);
        CHECK_EQUAL(now.free, before.free - count - block_count);
        CHECK_EQUAL(now.committed, before.committed + promised);
        CHECK_EQUAL(now.used[PAGE_USE_ANONYMOUS], count);
    }
    while (count > 0)
        page_put(kept[--count]);
    page_uncommit(promised);
    give_all_back();
    CHECK_EQUAL(machine_statistics().free, before.free);
    CHECK_EQUAL(machine_statistics().committed, before.committed);
    CHECK_EQUAL(machine_statistics().commit_limit, before.commit_limit);
}

TEST(references)
{
    machine_start();
    uint64_t before = machine_statistics().free;
    struct page *page = page_alloc(0, PAGE_USE_FILE, PAGE_ZERO);
    page_get(page);
    page_get(page);
    page_put(page);
    page_put(page);
    CHECK_EQUAL(machine_statistics().free, before - 1);
    CHECK_EQUAL(machine_statistics().used[PAGE_USE_FILE], 1);
    page_set_use(page, PAGE_USE_ANONYMOUS);
    CHECK_EQUAL(machine_statistics().used[PAGE_USE_ANONYMOUS], 1);
    page_put(page);
    CHECK_EQUAL(machine_statistics().free, before);
    CHECK_EQUAL(machine_statistics().used[PAGE_USE_ANONYMOUS], 0);
}

TEST(wrong_frees_panic)
{
    machine_start();
    struct page *page = page_alloc(0, PAGE_USE_KERNEL, PAGE_NORMAL);
    page_free(page, 0);
    CHECK(PANICS(page_free(page, 0)));
    CHECK(PANICS(page_free(page_from_phys(0x9f000), 0))); /* firmware's */
    CHECK(PANICS(page_put(page)));
}

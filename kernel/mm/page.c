/*
 * The buddy allocator and commit accounting.
 *
 * A free block of 2^n pages is on free_lists[n], headed by its first page
 * (FLAG_FREE_HEAD, order n). The struct page array lies at PAGE_ARRAY_BASE and
 * is mapped only where there is RAM, rounded to the largest block, so that a
 * buddy's struct page can always be looked at.
 *
 * Commit: address spaces promise pages before they are touched. `outstanding`
 * counts promises not yet turned into pages; ordinary allocations may not eat
 * into them, so a demand fault (PAGE_ACCOUNTED) always finds a page.
 *
 * Magazines: single pages come from and go to a magazine of the CPU, which is
 * filled and emptied in batches, so that CPUs seldom meet at page_lock. What a
 * magazine holds is not in the common counts, and neither is what changed by
 * its pages; the sums are the truth. In each set of counts free >= outstanding
 * holds (if outstanding is positive), so a promise always has its page in one of them. An allocation
 * that fails looks again after all magazines were emptied.
 *
 * Left out: reclaim, NUMA.
 */
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/early.h>
#include <kernel/mm/page.h>
#include <kernel/sched/lock.h>
#include <lib/string.h>

#define FLAG_FREE_HEAD 1
#define FLAG_ACCOUNTED 2
#define FLAG_MANAGED   4 /* RAM that belongs to the allocator */
#define FLAG_UNCOMMIT  8 /* its commit ends with it: page_put_committed() */

#define BLOCK_BYTES (PAGE_SIZE << (PAGE_MAX_ORDER - 1))

static struct page *const page_array = (struct page *)PAGE_ARRAY_BASE;
static struct spinlock page_lock = SPINLOCK_INIT("pages", LOCK_RANK_PAGE_ALLOCATOR);
static bool ready;

/* In pages. Only the sums over all sets are numbers of something. */
struct page_counts {
    int64_t free, outstanding, committed;
    int64_t used[PAGE_USE_COUNT];
};

/* page_lock */
static struct list free_lists[PAGE_MAX_ORDER];
static struct page_counts common;

static int64_t total_pages, reserve; /* constant after boot */

#define MAGAZINE_SIZE 64
#define MAGAZINE_BATCH 16

struct magazine {
    struct spinlock lock; /* taken by its CPU, and by others to empty it */
    /* lock */
    struct list pages;
    struct page_counts counts;
    bool used; /* by its CPU, ever */
} __attribute__((aligned(64)));

static struct magazine magazines[MAX_CPUS];

STATIC_ASSERT(sizeof(struct page) == 32, "8 MiB of struct page per GiB");

bool page_allocator_ready(void) { return ready; }

paddr_t page_to_phys(const struct page *page) { return (paddr_t)(page - page_array) << PAGE_SHIFT; }
struct page *page_from_phys(paddr_t phys) { return &page_array[phys >> PAGE_SHIFT]; }
void *phys_to_virt(paddr_t phys) { return (void *)(uintptr_t)(DIRECT_MAP_BASE + phys); }
void *page_to_virt(const struct page *page) { return phys_to_virt(page_to_phys(page)); }
struct page *page_from_virt(const void *address) { return page_from_phys(virt_to_phys(address)); }

paddr_t virt_to_phys(const void *address)
{
    vaddr_t virt = (vaddr_t)(uintptr_t)address;
    if (virt >= KERNEL_IMAGE_BASE)
        return virt - KERNEL_IMAGE_BASE + boot_info.kernel_phys;
    return virt - DIRECT_MAP_BASE;
}

LOCAL void page_push_free(struct page *page, unsigned order)
{
    page->order = (uint8_t)order;
    page->flags |= FLAG_FREE_HEAD;
    page->use = PAGE_USE_FREE;
    list_prepend(&free_lists[order], &page->link);
}

/* Joins the block with its buddies. The caller counts. */
LOCAL void page_give_locked(struct page *page, unsigned order)
{
    while (order + 1 < PAGE_MAX_ORDER) {
        uint64_t frame = (uint64_t)(page - page_array);
        struct page *buddy = &page_array[frame ^ (1ULL << order)];
        if (!(buddy->flags & FLAG_FREE_HEAD) || buddy->order != order)
            break;
        list_remove(&buddy->link);
        buddy->flags &= (uint16_t)~FLAG_FREE_HEAD;
        if (buddy < page)
            page = buddy;
        order++;
    }
    page_push_free(page, order);
}

/* A block of that order, split off a larger one if need be, or NULL. The caller counts. */
LOCAL struct page *page_take_locked(unsigned order)
{
    unsigned from = order;
    while (from < PAGE_MAX_ORDER && list_is_empty(&free_lists[from]))
        from++;
    if (from == PAGE_MAX_ORDER)
        return NULL;
    struct page *page = container_of(list_pop_first(&free_lists[from]), struct page, link);
    page->flags &= (uint16_t)~FLAG_FREE_HEAD;
    while (from > order) {
        from--;
        page_push_free(page + (1ULL << from), from);
    }
    return page;
}

/* --- magazines ------------------------------------------------------------------------- */

LOCAL struct magazine *magazine_lock(irq_flags_t *irq)
{
    *irq = irqs_disable(); /* so that this stays the CPU's own */
    struct magazine *magazine = &magazines[this_cpu()->id];
    (void)spin_lock_irq(&magazine->lock);
    magazine->used = true;
    return magazine;
}

LOCAL void magazine_unlock(struct magazine *magazine, irq_flags_t irq) { spin_unlock_irq(&magazine->lock, irq); }

LOCAL void magazine_push(struct magazine *magazine, struct page *page)
{
    page->order = 0;
    page->use = PAGE_USE_FREE;
    list_prepend(&magazine->pages, &page->link);
    magazine->counts.free++;
}

LOCAL struct page *magazine_pop(struct magazine *magazine)
{
    magazine->counts.free--;
    return container_of(list_pop_first(&magazine->pages), struct page, link);
}

LOCAL void page_add_counts(struct page_counts *sum, const struct page_counts *counts)
{
    sum->free += counts->free;
    sum->outstanding += counts->outstanding;
    sum->committed += counts->committed;
    for (unsigned use = 0; use < PAGE_USE_COUNT; use++)
        sum->used[use] += counts->used[use];
}

/*
 * All counts go to the common ones, and all pages but `keep`; more of them if not enough would go with the promises.
 * page_lock and the magazine's are held.
 */
LOCAL void magazine_empty_locked(struct magazine *magazine, int64_t keep)
{
    struct page_counts *mine = &magazine->counts;
    int64_t given = MAX(mine->free - keep, MAX(mine->outstanding, 0));
    for (int64_t i = 0; i < given; i++)
        page_give_locked(magazine_pop(magazine), 0);
    page_add_counts(&common, mine);
    common.free += given - mine->free;
    *mine = (struct page_counts){ .free = mine->free };
}

LOCAL void magazine_empty(struct magazine *magazine, int64_t keep)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    magazine_empty_locked(magazine, keep);
    spin_unlock_irq(&page_lock, irq);
}

/* Has it a page for such an allocation? Ordinary ones leave those that are promised. */
LOCAL bool magazine_serves(const struct magazine *magazine, bool promised)
{
    return magazine->counts.free > (promised ? 0 : MAX(magazine->counts.outstanding, 0));
}

/* Takes up to MAGAZINE_BATCH pages that nobody was promised; with `promised`, one that the caller was, first. */
LOCAL void magazine_fill(struct magazine *magazine, bool promised)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    magazine_empty_locked(magazine, 0);
    if (promised && common.free > 0) {
        magazine_push(magazine, page_take_locked(0));
        magazine->counts.outstanding++;
        common.free--;
        common.outstanding--;
    }
    int64_t spare = MIN(common.free, common.free - common.outstanding);
    for (int64_t i = 0; i < MIN(spare, MAGAZINE_BATCH); i++) {
        magazine_push(magazine, page_take_locked(0));
        common.free--;
    }
    spin_unlock_irq(&page_lock, irq);
}

LOCAL void magazine_empty_all(void)
{
    for (unsigned id = 0; id < MAX_CPUS; id++) {
        if (!magazines[id].used)
            continue;
        irq_flags_t irq = spin_lock_irq(&magazines[id].lock);
        magazine_empty(&magazines[id], 0);
        spin_unlock_irq(&magazines[id].lock, irq);
    }
}

/* --- allocation ------------------------------------------------------------------------ */

LOCAL void page_count_taken(struct page *page, unsigned order, enum page_use use, bool accounted, struct page_counts *counts)
{
    counts->used[use] += 1LL << order;
    if (accounted) {
        counts->outstanding -= 1LL << order;
        page->flags |= FLAG_ACCOUNTED;
    }
    page->order = (uint8_t)order;
    page->use = (uint8_t)use;
    page->references = 1;
    page->owner = NULL;
}

LOCAL void page_count_given(struct page *page, unsigned order, struct page_counts *counts)
{
    if (page->references != 1 || page->use == PAGE_USE_FREE || !(page->flags & FLAG_MANAGED))
        panic("page_free: frame %#llx has %u references, use %u, flags %u", (unsigned long long)page_to_phys(page),
              page->references, page->use, page->flags);
    page->references = 0;
    counts->used[page->use] -= 1LL << order;
    if (page->flags & FLAG_UNCOMMIT)
        counts->committed -= 1LL << order;
    else if (page->flags & FLAG_ACCOUNTED)
        counts->outstanding += 1LL << order;
    page->flags &= (uint16_t)~(FLAG_ACCOUNTED | FLAG_UNCOMMIT);
}

LOCAL struct page *page_try_single(enum page_use use, bool accounted)
{
    irq_flags_t irq;
    struct magazine *magazine = magazine_lock(&irq);
    struct page *page = NULL;
    if (!magazine_serves(magazine, accounted))
        magazine_fill(magazine, accounted);
    if (magazine_serves(magazine, accounted)) {
        page = magazine_pop(magazine);
        page_count_taken(page, 0, use, accounted, &magazine->counts);
    }
    magazine_unlock(magazine, irq);
    return page;
}

LOCAL struct page *page_try_block(unsigned order, enum page_use use, bool accounted)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    int64_t count = 1LL << order;
    struct page *page = NULL;
    if (accounted || common.free - common.outstanding >= count)
        page = page_take_locked(order);
    if (page != NULL) {
        common.free -= count;
        page_count_taken(page, order, use, accounted, &common);
    }
    spin_unlock_irq(&page_lock, irq);
    return page;
}

LOCAL struct page *page_try(unsigned order, enum page_use use, bool accounted)
{
    return order == 0 ? page_try_single(use, accounted) : page_try_block(order, use, accounted);
}

struct page *page_alloc(unsigned order, enum page_use use, enum page_flags flags)
{
    KASSERT(order < PAGE_MAX_ORDER);
    bool accounted = flags & PAGE_ACCOUNTED;
    struct page *page = page_try(order, use, accounted);
    /* A page that was promised is somewhere; another CPU may get hold of the one found here, but that is then progress. */
    for (unsigned tries = 0; page == NULL && (tries == 0 || (accounted && order == 0)); tries++) {
        magazine_empty_all();
        page = page_try(order, use, accounted);
    }
    if (page != NULL && (flags & PAGE_ZERO))
        memset(page_to_virt(page), 0, PAGE_SIZE << order);
    return page;
}

void page_free(struct page *page, unsigned order)
{
    irq_flags_t irq;
    if (order > 0) {
        irq = spin_lock_irq(&page_lock);
        page_count_given(page, order, &common);
        common.free += 1LL << order;
        page_give_locked(page, order);
        spin_unlock_irq(&page_lock, irq);
        return;
    }
    struct magazine *magazine = magazine_lock(&irq);
    page_count_given(page, 0, &magazine->counts);
    magazine_push(magazine, page);
    if (magazine->counts.free > MAGAZINE_SIZE)
        magazine_empty(magazine, MAGAZINE_SIZE - MAGAZINE_BATCH);
    magazine_unlock(magazine, irq);
}

void page_get(struct page *page) { __atomic_add_fetch(&page->references, 1, __ATOMIC_RELAXED); }

void page_put(struct page *page)
{
    uint32_t old = __atomic_load_n(&page->references, __ATOMIC_ACQUIRE);
    while (old > 1)
        if (__atomic_compare_exchange_n(&page->references, &old, old - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return;
    page_free(page, 0);
}

void page_put_committed(struct page *page)
{
    KASSERT(page->flags & FLAG_ACCOUNTED);
    __atomic_or_fetch(&page->flags, FLAG_UNCOMMIT, __ATOMIC_RELAXED);
    page_put(page);
}

void page_set_use(struct page *page, enum page_use use)
{
    irq_flags_t irq;
    struct magazine *magazine = magazine_lock(&irq);
    magazine->counts.used[page->use] -= 1LL << page->order;
    page->use = (uint8_t)use;
    magazine->counts.used[use] += 1LL << page->order;
    magazine_unlock(magazine, irq);
}

LOCAL int page_try_commit(int64_t pages)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    int error = -ENOMEM;
    if (pages <= common.free && common.free - pages >= common.outstanding + reserve) {
        common.committed += pages;
        common.outstanding += pages;
        error = 0;
    }
    spin_unlock_irq(&page_lock, irq);
    return error;
}

int page_commit(uint64_t pages)
{
    if (pages > (uint64_t)total_pages)
        return -ENOMEM;
    int error = page_try_commit((int64_t)pages);
    if (error != 0) {
        magazine_empty_all();
        error = page_try_commit((int64_t)pages);
    }
    return error;
}

void page_uncommit(uint64_t pages)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    KASSERT(common.committed >= (int64_t)pages);
    common.committed -= (int64_t)pages;
    common.outstanding -= (int64_t)pages; /* may go below 0: magazines count some of them */
    spin_unlock_irq(&page_lock, irq);
}

void page_get_statistics(struct page_statistics *out)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    struct page_counts sum = common;
    for (unsigned id = 0; id < MAX_CPUS; id++)
        if (magazines[id].used)
            page_add_counts(&sum, &magazines[id].counts);
    spin_unlock_irq(&page_lock, irq);
    out->total = (uint64_t)total_pages;
    out->free = (uint64_t)sum.free;
    for (unsigned use = 0; use < PAGE_USE_COUNT; use++)
        out->used[use] = (uint64_t)sum.used[use];
    out->used[PAGE_USE_FREE] = out->free;
    out->committed = (uint64_t)sum.committed;
    out->commit_limit = (uint64_t)(sum.committed + MAX(sum.free - sum.outstanding - reserve, 0));
}

/* Maps the array's pages for the blocks that cover [start, end). */
LOCAL void page_map_array(paddr_t start, paddr_t end)
{
    uint64_t first = ALIGN_DOWN(start, BLOCK_BYTES) >> PAGE_SHIFT;
    uint64_t last = ALIGN_UP(end, BLOCK_BYTES) >> PAGE_SHIFT;
    vaddr_t from = ALIGN_DOWN((vaddr_t)(uintptr_t)&page_array[first], PAGE_SIZE);
    vaddr_t to = ALIGN_UP((vaddr_t)(uintptr_t)&page_array[last], PAGE_SIZE);
    for (vaddr_t address = from; address < to; address += PAGE_SIZE) {
        pte_t *entry = paging_entry(paging_kernel_root(), address, true);
        if (entry != NULL && !(*entry & PTE_PRESENT))
            *entry = early_alloc_page() | PAGING_KERNEL_DATA;
    }
}

/* Hands [start, end) to the allocator in the largest aligned blocks. */
LOCAL void page_add_range(paddr_t start, paddr_t end)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    while (start < end) {
        unsigned order = PAGE_MAX_ORDER - 1;
        while (!IS_ALIGNED(start, PAGE_SIZE << order) || start + (PAGE_SIZE << order) > end)
            order--;
        struct page *page = page_from_phys(start);
        for (uint64_t i = 0; i < 1ULL << order; i++) {
            page[i].flags = FLAG_MANAGED;
            page[i].references = 0;
        }
        total_pages += 1LL << order;
        common.free += 1LL << order;
        page_give_locked(page, order);
        start += PAGE_SIZE << order;
    }
    spin_unlock_irq(&page_lock, irq);
}

LOCAL bool page_range_is_ram(const struct boot_memory *range)
{
    return range->type == BOOT_MEMORY_USABLE || range->type == BOOT_MEMORY_LOADER
        || range->type == BOOT_MEMORY_KERNEL || range->type == BOOT_MEMORY_FILE
        || range->type == BOOT_MEMORY_ACPI_RECLAIM;
}

/* Pages of boot files have one reference for ever, so that tmpfs can share them. */
LOCAL void page_hold_files(void)
{
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *range = &boot_info.memory[i];
        if (range->type != BOOT_MEMORY_FILE)
            continue;
        for (paddr_t phys = range->base; phys < range->base + range->length; phys += PAGE_SIZE) {
            struct page *page = page_from_phys(phys);
            page->references = 1;
            page->use = PAGE_USE_RESERVED;
        }
    }
}

void page_allocator_init(void)
{
    for (unsigned order = 0; order < PAGE_MAX_ORDER; order++)
        list_init(&free_lists[order]);
    for (unsigned id = 0; id < MAX_CPUS; id++) {
        spin_init(&magazines[id].lock, "pages of a CPU", LOCK_RANK_MAGAZINE);
        list_init(&magazines[id].pages);
    }
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        /* A copy: early_alloc_page() may shorten the entry meanwhile. */
        struct boot_memory range = boot_info.memory[i];
        if (page_range_is_ram(&range))
            page_map_array(range.base, range.base + range.length);
    }
    int64_t reserved = 0;
    ready = true;
    page_hold_files();
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *range = &boot_info.memory[i];
        if (range->type == BOOT_MEMORY_USABLE)
            page_add_range(range->base, range->base + range->length);
        else if (page_range_is_ram(range))
            reserved += (int64_t)(range->length >> PAGE_SHIFT);
    }
    common.used[PAGE_USE_RESERVED] = reserved;
    reserve = MAX(total_pages / 32, 512);
    klog(LOG_INFO, "mm", "%llu MiB free, %llu MiB in kernel, files and firmware",
         (unsigned long long)(common.free >> 8), (unsigned long long)(reserved >> 8));
}

void page_free_loader_memory(void)
{
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        struct boot_memory *range = &boot_info.memory[i];
        if (range->type != BOOT_MEMORY_LOADER || range->base < (1 << 20))
            continue;
        paddr_t end = ALIGN_DOWN(range->base + range->length, PAGE_SIZE);
        range->base = ALIGN_UP(range->base, PAGE_SIZE);
        if (end > range->base)
            page_add_range(range->base, end);
        range->type = BOOT_MEMORY_RESERVED;
    }
}

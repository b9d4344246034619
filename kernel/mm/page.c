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
 * Left out: reclaim, NUMA, per-CPU caches (with the second CPU).
 */
#include <abi/errno.h>
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

/* page_lock */
static struct list free_lists[PAGE_MAX_ORDER];
static uint64_t total_pages, free_pages;
static uint64_t used_pages[PAGE_USE_COUNT];
static uint64_t committed, outstanding, reserve;

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

LOCAL void page_free_locked(struct page *page, unsigned order)
{
    free_pages += 1ULL << order;
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

struct page *page_alloc(unsigned order, enum page_use use, enum page_flags flags)
{
    KASSERT(order < PAGE_MAX_ORDER);
    irq_flags_t irq = spin_lock_irq(&page_lock);
    uint64_t count = 1ULL << order;
    bool accounted = flags & PAGE_ACCOUNTED;
    struct page *page = NULL;
    if (!accounted && free_pages < outstanding + count)
        goto out;
    unsigned from = order;
    while (from < PAGE_MAX_ORDER && list_is_empty(&free_lists[from]))
        from++;
    if (from == PAGE_MAX_ORDER)
        goto out;
    page = container_of(list_pop_first(&free_lists[from]), struct page, link);
    page->flags &= (uint16_t)~FLAG_FREE_HEAD;
    while (from > order) {
        from--;
        page_push_free(page + (1ULL << from), from);
    }
    free_pages -= count;
    used_pages[use] += count;
    if (accounted) {
        KASSERT(outstanding >= count);
        outstanding -= count;
        page->flags |= FLAG_ACCOUNTED;
    }
    page->order = (uint8_t)order;
    page->use = (uint8_t)use;
    page->references = 1;
    page->owner = NULL;
out:
    spin_unlock_irq(&page_lock, irq);
    if (page != NULL && (flags & PAGE_ZERO))
        memset(page_to_virt(page), 0, PAGE_SIZE << order);
    return page;
}

void page_free(struct page *page, unsigned order)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    if (page->references != 1 || page->use == PAGE_USE_FREE || !(page->flags & FLAG_MANAGED))
        panic("page_free: frame %#llx has %u references, use %u, flags %u", (unsigned long long)page_to_phys(page),
              page->references, page->use, page->flags);
    page->references = 0;
    used_pages[page->use] -= 1ULL << order;
    if (page->flags & FLAG_ACCOUNTED) {
        page->flags &= (uint16_t)~FLAG_ACCOUNTED;
        if (page->flags & FLAG_UNCOMMIT)
            committed -= 1ULL << order;
        else
            outstanding += 1ULL << order;
        page->flags &= (uint16_t)~FLAG_UNCOMMIT;
    }
    page_free_locked(page, order);
    spin_unlock_irq(&page_lock, irq);
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
    irq_flags_t irq = spin_lock_irq(&page_lock);
    KASSERT(page->flags & FLAG_ACCOUNTED);
    page->flags |= FLAG_UNCOMMIT;
    spin_unlock_irq(&page_lock, irq);
    page_put(page);
}

void page_set_use(struct page *page, enum page_use use)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    used_pages[page->use] -= 1ULL << page->order;
    page->use = (uint8_t)use;
    used_pages[use] += 1ULL << page->order;
    spin_unlock_irq(&page_lock, irq);
}

int page_commit(uint64_t pages)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    int error = -ENOMEM;
    if (pages <= free_pages && free_pages - pages >= outstanding + reserve) {
        committed += pages;
        outstanding += pages;
        error = 0;
    }
    spin_unlock_irq(&page_lock, irq);
    return error;
}

void page_uncommit(uint64_t pages)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    KASSERT(committed >= pages && outstanding >= pages);
    committed -= pages;
    outstanding -= pages;
    spin_unlock_irq(&page_lock, irq);
}

void page_get_statistics(struct page_statistics *out)
{
    irq_flags_t irq = spin_lock_irq(&page_lock);
    out->total = total_pages;
    out->free = free_pages;
    memcpy(out->used, used_pages, sizeof used_pages);
    out->used[PAGE_USE_FREE] = free_pages;
    out->committed = committed;
    out->commit_limit = committed + (free_pages > outstanding + reserve ? free_pages - outstanding - reserve : 0);
    spin_unlock_irq(&page_lock, irq);
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
        total_pages += 1ULL << order;
        page_free_locked(page, order);
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
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        /* A copy: early_alloc_page() may shorten the entry meanwhile. */
        struct boot_memory range = boot_info.memory[i];
        if (page_range_is_ram(&range))
            page_map_array(range.base, range.base + range.length);
    }
    uint64_t reserved = 0;
    ready = true;
    page_hold_files();
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *range = &boot_info.memory[i];
        if (range->type == BOOT_MEMORY_USABLE)
            page_add_range(range->base, range->base + range->length);
        else if (page_range_is_ram(range))
            reserved += range->length >> PAGE_SHIFT;
    }
    used_pages[PAGE_USE_RESERVED] = reserved;
    reserve = MAX(total_pages / 32, 512);
    klog(LOG_INFO, "mm", "%llu MiB free, %llu MiB in kernel, files and firmware",
         (unsigned long long)(free_pages >> 8), (unsigned long long)(reserved >> 8));
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

/*
 * The live area: address space (a bitmap, next fit, so that an address comes back late), pages, protection.
 *
 * Memory is written through its alias in the direct map; a mapping is never both writable and executable. A page
 * of the area is found by a table of two levels whose leaves are never freed. Freeing: the range is taken out of
 * the table, the pages are unmapped with an interrupt to every CPU (paging_unmap_kernel), and only then are range and
 * pages given back: who disabled interrupts before it looked into the table still has what it found.
 */
#include <abi/errno.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <lib/atomic.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <live/linker.h>

#define AREA_PAGES ((LIVE_AREA_END - LIVE_AREA_BASE) >> PAGE_SHIFT)
#define LEAF_PAGES (PAGE_SIZE / sizeof(void *))
#define ALLOCATE_SLAB_MAX (64 * 1024)

static uint64_t area_used[BITMAP_WORDS(AREA_PAGES)]; /* live_mutex */
static size_t area_hint;                             /* live_mutex */
static void *volatile *volatile area_leaves[AREA_PAGES / LEAF_PAGES + 1];

vaddr_t live_area_reserve(uint64_t pages)
{
    size_t want = pages + 1, from = area_hint;
    for (unsigned round = 0; round < 2; round++, from = 0) {
        while (from + want <= AREA_PAGES) {
            size_t first = bitmap_find_clear(area_used, AREA_PAGES, from);
            size_t end = bitmap_find_set(area_used, MIN(first + want, AREA_PAGES), first);
            if (end - first >= want) {
                for (size_t i = 0; i < want; i++)
                    bitmap_set(area_used, first + i);
                area_hint = first + want;
                return LIVE_AREA_BASE + first * PAGE_SIZE;
            }
            from = MAX(end, first + 1);
        }
    }
    return 0;
}

void live_area_unreserve(vaddr_t start, uint64_t pages)
{
    for (size_t i = 0; i < pages + 1; i++)
        bitmap_clear(area_used, (start - LIVE_AREA_BASE) / PAGE_SIZE + i);
}

const struct live_range *live_area_find(vaddr_t address)
{
    if (address < LIVE_AREA_BASE || address >= LIVE_AREA_END)
        return NULL;
    size_t page = (address - LIVE_AREA_BASE) >> PAGE_SHIFT;
    void *volatile *leaf = area_leaves[page / LEAF_PAGES];
    return leaf == NULL ? NULL : atomic_load_acquire_pointer(&leaf[page % LEAF_PAGES]);
}

uint64_t live_area_read_begin(void) { return irqs_disable(); }
void live_area_read_end(uint64_t state) { irqs_restore(state); }

LOCAL int live_area_publish(struct live_range *range, void *value)
{
    size_t first = (range->start - LIVE_AREA_BASE) >> PAGE_SHIFT;
    for (size_t page = first; page < first + range->pages; page++) {
        if (area_leaves[page / LEAF_PAGES] == NULL) {
            struct page *leaf = page_alloc(0, PAGE_USE_KERNEL, PAGE_ZERO);
            if (leaf == NULL)
                return -ENOMEM;
            area_leaves[page / LEAF_PAGES] = page_to_virt(leaf);
        }
        atomic_store_release_pointer(&area_leaves[page / LEAF_PAGES][page % LEAF_PAGES], value);
    }
    return 0;
}

LOCAL void live_area_unpublish(struct live_range *range)
{
    size_t first = (range->start - LIVE_AREA_BASE) >> PAGE_SHIFT;
    for (size_t page = first; page < first + range->pages; page++)
        if (area_leaves[page / LEAF_PAGES] != NULL)
            atomic_store_release_pointer(&area_leaves[page / LEAF_PAGES][page % LEAF_PAGES], NULL);
}

LOCAL int live_area_map_page(vaddr_t address, const uint8_t *bytes, size_t size, pte_t flags)
{
    struct page *page = page_alloc(0, PAGE_USE_KERNEL, PAGE_ZERO);
    if (page == NULL)
        return -ENOMEM;
    if (size > 0)
        memcpy(page_to_virt(page), bytes, size);
    int error = paging_map_kernel(address, page_to_phys(page), flags);
    if (error != 0)
        page_put(page);
    return error;
}

int live_area_map(struct live_range *range, const void *image, size_t size)
{
    static const pte_t protection[] = {
        [LIVE_RANGE_TEXT] = PAGING_KERNEL_DATA & ~(PTE_NX | PTE_WRITE), [LIVE_RANGE_RODATA] = PAGING_KERNEL_DATA & ~PTE_WRITE,
        [LIVE_RANGE_DATA] = PAGING_KERNEL_DATA, [LIVE_RANGE_STUBS] = PAGING_KERNEL_DATA & ~(PTE_NX | PTE_WRITE),
    };
    int error = 0;
    for (uint64_t i = 0; i < range->pages && error == 0; i++) {
        size_t offset = i * PAGE_SIZE;
        size_t count = offset < size ? MIN(size - offset, PAGE_SIZE) : 0;
        error = live_area_map_page(range->start + offset, size == 0 ? NULL : (const uint8_t *)image + offset, count,
                                   protection[range->kind]);
    }
    if (error == 0)
        error = live_area_publish(range, range);
    if (error != 0)
        live_area_unmap(range, 1);
    return error;
}

LOCAL void live_area_nothing(void *unused) { (void)unused; }

void live_area_unmap(struct live_range *ranges, unsigned count)
{
    vaddr_t start = 0, end = 0;
    for (unsigned i = 0; i < count; i++) {
        if (ranges[i].start == 0)
            continue;
        live_area_unpublish(&ranges[i]);
        start = start == 0 ? ranges[i].start : start;
        end = ranges[i].start + ranges[i].pages * PAGE_SIZE;
    }
    if (start == 0) {
        smp_call_others(live_area_nothing, NULL);
        return;
    }
    paging_unmap_kernel(start, (end - start) >> PAGE_SHIFT);
    for (vaddr_t address = start; address < end; address += PAGE_SIZE) {
        pte_t old = paging_clear_kernel(address);
        if (old != 0)
            page_put(page_from_phys(old & PTE_ADDRESS));
    }
}

void live_area_write(vaddr_t address, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        const pte_t *entry = paging_entry(paging_kernel_root(), address, false);
        KASSERT(entry != NULL && (*entry & PTE_PRESENT));
        size_t offset = address & (PAGE_SIZE - 1), count = MIN(size, PAGE_SIZE - offset);
        memcpy((uint8_t *)phys_to_virt(*entry & PTE_ADDRESS) + offset, from, count);
        address += count;
        from += count;
        size -= count;
    }
}

void *live_allocate(size_t size)
{
    return size <= ALLOCATE_SLAB_MAX ? kzalloc(MAX(size, 1)) : vmalloc(size, PAGE_USE_KERNEL);
}

void live_release(void *memory, size_t size)
{
    if (size <= ALLOCATE_SLAB_MAX)
        kfree(memory);
    else
        vfree(memory);
}

/*
 * The vmalloc area: blocks sorted by address in a tree, first fit from a
 * moving hint. Each block has an unmapped page before and after it.
 */
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock.h>
#include <lib/tree.h>

struct vmalloc_block {
    struct tree_node node;
    vaddr_t start;      /* first mapped byte, page aligned */
    uint64_t pages;
    bool device;        /* frames are not ours to free */
};

static struct spinlock vmalloc_lock = SPINLOCK_INIT("vmalloc", LOCK_RANK_VMALLOC);
static struct tree blocks; /* vmalloc_lock */

LOCAL bool vmalloc_less(const struct tree_node *a, const struct tree_node *b)
{
    return container_of(a, struct vmalloc_block, node)->start < container_of(b, struct vmalloc_block, node)->start;
}

/* First gap with room for `pages` and a guard page on both sides. 0: none. */
LOCAL vaddr_t vmalloc_find_gap(uint64_t pages)
{
    vaddr_t candidate = VMALLOC_START + PAGE_SIZE;
    uint64_t need = (pages + 1) * PAGE_SIZE;
    for (struct tree_node *node = tree_first(&blocks); node != NULL; node = tree_next(node)) {
        const struct vmalloc_block *block = container_of(node, struct vmalloc_block, node);
        if (block->start - candidate >= need)
            return candidate;
        candidate = block->start + (block->pages + 1) * PAGE_SIZE;
    }
    return VMALLOC_END - candidate >= need ? candidate : 0;
}

LOCAL struct vmalloc_block *vmalloc_reserve(uint64_t pages, bool device)
{
    struct vmalloc_block *block = kmalloc(sizeof *block);
    if (block == NULL)
        return NULL;
    irq_flags_t irq = spin_lock_irq(&vmalloc_lock);
    block->start = vmalloc_find_gap(pages);
    block->pages = pages;
    block->device = device;
    if (block->start != 0)
        tree_insert(&blocks, &block->node, vmalloc_less);
    spin_unlock_irq(&vmalloc_lock, irq);
    if (block->start == 0) {
        kfree(block);
        return NULL;
    }
    return block;
}

/* Unmaps and frees what is mapped, then gives the range back. The pages are free only when no CPU translates to them. */
LOCAL void vmalloc_release(struct vmalloc_block *block)
{
    paging_unmap_kernel(block->start, block->pages);
    for (uint64_t i = 0; i < block->pages; i++) {
        pte_t old = paging_clear_kernel(block->start + i * PAGE_SIZE);
        if (old != 0 && !block->device)
            page_put(page_from_phys(old & PTE_ADDRESS));
    }
    irq_flags_t irq = spin_lock_irq(&vmalloc_lock);
    tree_remove(&blocks, &block->node);
    spin_unlock_irq(&vmalloc_lock, irq);
    kfree(block);
}

LOCAL struct vmalloc_block *vmalloc_find(vaddr_t start)
{
    irq_flags_t irq = spin_lock_irq(&vmalloc_lock);
    struct tree_node *node = blocks.root;
    struct vmalloc_block *found = NULL;
    while (node != NULL && found == NULL) {
        struct vmalloc_block *block = container_of(node, struct vmalloc_block, node);
        if (start < block->start)
            node = node->child[0];
        else if (start >= block->start + block->pages * PAGE_SIZE)
            node = node->child[1];
        else
            found = block;
    }
    spin_unlock_irq(&vmalloc_lock, irq);
    return found;
}

void *vmalloc(size_t size, enum page_use use)
{
    uint64_t pages = ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT;
    if (pages == 0)
        return NULL;
    struct vmalloc_block *block = vmalloc_reserve(pages, false);
    if (block == NULL)
        return NULL;
    for (uint64_t i = 0; i < pages; i++) {
        struct page *page = page_alloc(0, use, PAGE_ZERO);
        if (page == NULL || paging_map_kernel(block->start + i * PAGE_SIZE, page_to_phys(page), PAGING_KERNEL_DATA) != 0) {
            if (page != NULL)
                page_put(page);
            vmalloc_release(block);
            return NULL;
        }
    }
    return (void *)(uintptr_t)block->start;
}

void vfree(void *pointer)
{
    if (pointer == NULL)
        return;
    struct vmalloc_block *block = vmalloc_find((vaddr_t)(uintptr_t)pointer);
    if (block == NULL || block->start != (vaddr_t)(uintptr_t)pointer || block->device)
        panic("vfree: %p was not given by vmalloc", pointer);
    vmalloc_release(block);
}

void *device_map(paddr_t phys, size_t size, enum cache_mode mode)
{
    static const pte_t cache_bits[] = {
        [CACHE_UNCACHED] = PTE_PCD | PTE_PWT, [CACHE_WRITE_COMBINING] = PTE_PWT, [CACHE_WRITE_BACK] = 0
    };
    paddr_t first = ALIGN_DOWN(phys, PAGE_SIZE);
    uint64_t pages = (ALIGN_UP(phys + size, PAGE_SIZE) - first) >> PAGE_SHIFT;
    if (pages == 0)
        return NULL;
    struct vmalloc_block *block = vmalloc_reserve(pages, true);
    if (block == NULL)
        return NULL;
    for (uint64_t i = 0; i < pages; i++) {
        if (paging_map_kernel(block->start + i * PAGE_SIZE, first + i * PAGE_SIZE,
                              PAGING_KERNEL_DATA | cache_bits[mode]) != 0) {
            vmalloc_release(block);
            return NULL;
        }
    }
    return (void *)(uintptr_t)(block->start + (phys - first));
}

void device_unmap(void *pointer)
{
    if (pointer == NULL)
        return;
    struct vmalloc_block *block = vmalloc_find((vaddr_t)(uintptr_t)pointer);
    if (block == NULL || !block->device)
        panic("device_unmap: %p was not given by device_map", pointer);
    vmalloc_release(block);
}

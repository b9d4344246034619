/* Kernel page tables. See paging.h for the contract and layout.h for the map; flushing is in tlb.c. */
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/sections.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/early.h>
#include <kernel/mm/page.h>
#include <lib/string.h>

#define MSR_PAT 0x277
/* Entries 0..3: WB, WC, UC-, UC; 4..7 the same (SDM vol. 3, 12.12.2). */
#define PAT_VALUE 0x0007010600070106ULL

#define ENTRIES_PER_TABLE 512
#define SIZE_2M (1ULL << 21)
#define SIZE_1G (1ULL << 30)
#define SIZE_512G (1ULL << 39)

static paddr_t kernel_root;

paddr_t paging_kernel_root(void) { return kernel_root; }

LOCAL unsigned paging_index(vaddr_t address, unsigned level) { return address >> (12 + 9 * level) & 511; }

/* A zeroed table page; 0 when memory is out. */
LOCAL paddr_t paging_new_table(void)
{
    if (!page_allocator_ready())
        return early_alloc_page();
    struct page *page = page_alloc(0, PAGE_USE_PAGE_TABLE, PAGE_ZERO);
    return page == NULL ? 0 : page_to_phys(page);
}

LOCAL pte_t *paging_next_level(pte_t *entry, bool create)
{
    if (!(*entry & PTE_PRESENT)) {
        paddr_t table;
        if (!create || (table = paging_new_table()) == 0)
            return NULL;
        /* Two CPUs may need the same table at once: the first one's counts. */
        pte_t empty = 0;
        if (!__atomic_compare_exchange_n(entry, &empty, table | PTE_PRESENT | PTE_WRITE | PTE_USER, false,
                                         __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            page_put(page_from_phys(table));
    } else if (*entry & PTE_LARGE) {
        return NULL;
    }
    return phys_to_virt(*entry & PTE_ADDRESS);
}

pte_t *paging_entry(paddr_t root, vaddr_t address, bool create)
{
    pte_t *table = phys_to_virt(root);
    for (unsigned level = 3; level > 0; level--) {
        table = paging_next_level(&table[paging_index(address, level)], create);
        if (table == NULL)
            return NULL;
    }
    return &table[paging_index(address, 0)];
}

vaddr_t paging_next_table(paddr_t root, vaddr_t address, vaddr_t end)
{
    while (address < end) {
        pte_t *table = phys_to_virt(root);
        unsigned level = 3;
        for (; level > 0; level--) {
            pte_t entry = table[paging_index(address, level)];
            if (!(entry & PTE_PRESENT))
                break;
            table = phys_to_virt(entry & PTE_ADDRESS);
        }
        if (level == 0)
            return address;
        vaddr_t span = 1ULL << (12 + 9 * level);
        vaddr_t next = ALIGN_DOWN(address, span) + span;
        if (next <= address)
            break;
        address = next;
    }
    return end;
}

int paging_map_kernel(vaddr_t address, paddr_t phys, pte_t flags)
{
    pte_t *entry = paging_entry(kernel_root, address, true);
    if (entry == NULL)
        return -ENOMEM;
    *entry = phys | flags;
    return 0;
}

void paging_unmap_kernel(vaddr_t address, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        pte_t *entry = paging_entry(kernel_root, address + i * PAGE_SIZE, false);
        if (entry != NULL)
            *entry &= ~PTE_PRESENT;
    }
    paging_flush_range(0, address, address + pages * PAGE_SIZE);
}

pte_t paging_clear_kernel(vaddr_t address)
{
    pte_t *entry = paging_entry(kernel_root, address, false);
    pte_t old = entry == NULL ? 0 : *entry;
    if (entry != NULL)
        *entry = 0;
    return old;
}

paddr_t paging_create_root(void)
{
    paddr_t root = paging_new_table();
    if (root == 0)
        return 0;
    const size_t half = PAGE_SIZE / 2;
    memcpy((char *)phys_to_virt(root) + half, (const char *)phys_to_virt(kernel_root) + half, half);
    return root;
}

/* Frees the tables below one at `level` (3: the root), whose first `count` entries are looked at. */
LOCAL void paging_free_tables(paddr_t table, unsigned level, unsigned count)
{
    const pte_t *entries = phys_to_virt(table);
    for (unsigned i = 0; level > 0 && i < count; i++)
        if (entries[i] & PTE_PRESENT)
            paging_free_tables(entries[i] & PTE_ADDRESS, level - 1, ENTRIES_PER_TABLE);
    page_put(page_from_phys(table));
}

void paging_destroy_root(paddr_t root)
{
    KASSERT(root != kernel_root);
    paging_free_tables(root, 3, ENTRIES_PER_TABLE / 2);
}

void paging_use_root(paddr_t root)
{
    __atomic_store_n(&this_cpu()->root_loaded, root, __ATOMIC_SEQ_CST); /* first: tlb.c */
    __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
}

void paging_tune_emulator(void)
{
    const unsigned faults_per_flush = 32;
    static unsigned faults; /* a lost count is harmless */
    if (!cpu_features.emulated || ++faults % faults_per_flush != 0)
        return;
    __asm__ volatile("mov %%cr3, %%rax\n\tmov %%rax, %%cr3" : : : "rax", "memory");
}

LOCAL void paging_map_image(vaddr_t start, vaddr_t end, pte_t flags)
{
    for (vaddr_t address = start; address < end; address += PAGE_SIZE)
        if (paging_map_kernel(address, boot_info.kernel_phys + (address - KERNEL_IMAGE_BASE), flags) != 0)
            panic("paging: no memory for the kernel image's tables");
}

/* One range of RAM (or firmware tables) in the direct map, with the largest pages that fit. */
LOCAL void paging_map_direct(paddr_t start, paddr_t end)
{
    start = ALIGN_DOWN(start, SIZE_2M);
    end = ALIGN_UP(end, SIZE_2M);
    pte_t *pml4 = phys_to_virt(kernel_root);
    while (start < end) {
        vaddr_t address = DIRECT_MAP_BASE + start;
        pte_t *pdpt = paging_next_level(&pml4[paging_index(address, 3)], true);
        pte_t *pdpt_entry = &pdpt[paging_index(address, 2)];
        if (cpu_features.gigabyte_pages && IS_ALIGNED(start, SIZE_1G) && end - start >= SIZE_1G
            && !(*pdpt_entry & PTE_PRESENT)) {
            *pdpt_entry = start | PAGING_KERNEL_DATA | PTE_LARGE;
            start += SIZE_1G;
            continue;
        }
        if (!(*pdpt_entry & PTE_LARGE)) {
            pte_t *directory = paging_next_level(pdpt_entry, true);
            directory[paging_index(address, 1)] = start | PAGING_KERNEL_DATA | PTE_LARGE;
        }
        start += SIZE_2M;
    }
}

LOCAL void paging_fill_upper_half(vaddr_t start, vaddr_t end)
{
    pte_t *pml4 = phys_to_virt(kernel_root);
    unsigned last = paging_index(end - 1, 3);
    for (unsigned i = paging_index(start, 3); i <= last; i++)
        if (paging_next_level(&pml4[i], true) == NULL)
            panic("paging: no memory for the upper half");
}

void paging_init_cpu(void)
{
    msr_write(MSR_PAT, PAT_VALUE);
    paging_use_root(kernel_root);
}

void paging_init(void)
{
    kernel_root = early_alloc_page();

    /* Holes between ranges stay unmapped: devices get their own windows. The
     * first MiB holds firmware data that ACPI discovery may read. */
    paging_map_direct(0, 1 << 20);
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *range = &boot_info.memory[i];
        if (range->type != BOOT_MEMORY_BAD && range->type != BOOT_MEMORY_RESERVED)
            paging_map_direct(range->base, range->base + range->length);
    }
    const pte_t base = PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY;
    paging_map_image(section_address(__kernel_start), section_address(__text_end), base);
    paging_map_image(ALIGN_UP(section_address(__text_end), PAGE_SIZE), section_address(__rodata_end), base | PTE_NX);
    paging_map_image(ALIGN_UP(section_address(__rodata_end), PAGE_SIZE), section_address(__boot_stack_guard),
                     base | PTE_NX | PTE_WRITE);
    paging_map_image(section_address(__boot_stack_base), section_address(__kernel_end), base | PTE_NX | PTE_WRITE);

    paging_fill_upper_half(WORLD_SPACE_START, WORLD_SPACE_END);
    paging_fill_upper_half(VMALLOC_START, VMALLOC_END);
    paging_fill_upper_half(PAGE_ARRAY_BASE, PAGE_ARRAY_BASE + SIZE_512G);
    paging_init_cpu();
}

/*
 * Page tables: 4 levels, 4 KiB leaves; the direct map uses 2 MiB or 1 GiB ones
 * (SDM vol. 3, 4.5).
 *
 * The upper half's PML4 entries are filled once by paging_init() and shared by
 * every address space, so a mapping made there shows everywhere at once.
 * Callers serialise changes to one range (the address space's mutex, the
 * vmalloc lock); table pages are never freed in the upper half.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <lib/types.h>

typedef uint64_t pte_t;

#define PTE_PRESENT  (1ULL << 0)
#define PTE_WRITE    (1ULL << 1)
#define PTE_USER     (1ULL << 2)
#define PTE_PWT      (1ULL << 3)  /* alone: write combining, by the PAT that paging_init() sets */
#define PTE_PCD      (1ULL << 4)  /* with PWT: uncached */
#define PTE_ACCESSED (1ULL << 5)
#define PTE_DIRTY    (1ULL << 6)
#define PTE_LARGE    (1ULL << 7)
#define PTE_GLOBAL   (1ULL << 8)
#define PTE_BORROWED (1ULL << 9)  /* ours: the frame is not reference counted (a boot file's) */
#define PTE_NX       (1ULL << 63)
#define PTE_ADDRESS  0x000ffffffffff000ULL

#define PAGING_KERNEL_DATA (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)

/* Builds the kernel's page tables from boot_info and switches to them. Memory
 * comes from early_alloc_page(). */
void paging_init(void);
paddr_t paging_kernel_root(void);
/* On each further CPU: the memory types, and the kernel's tables. */
void paging_init_cpu(void);

/* The leaf entry of `address`; makes missing tables when `create`. NULL: none, or no memory. */
pte_t *paging_entry(paddr_t root, vaddr_t address, bool create);

/* Maps one page in the kernel's tables. 0 or -ENOMEM. */
MUST_CHECK int paging_map_kernel(vaddr_t address, paddr_t phys, pte_t flags);
/* From now on no CPU reaches the pages; their entries wait for paging_clear_kernel(). */
void paging_unmap_kernel(vaddr_t address, uint64_t pages);
/* Clears an unmapped page's entry and returns what it was; 0: nothing was mapped. */
pte_t paging_clear_kernel(vaddr_t address);

/* Flushes the translation of one page of the upper half on every CPU. */
void paging_flush_page(vaddr_t address);
/*
 * Flushes [start, end) on every CPU that may hold translations of `root`; 0: the upper half, which all hold. When it
 * returns none of them reaches the old pages any more. Context: any, also with spinlocks held (tlb.c).
 */
void paging_flush_range(paddr_t root, vaddr_t start, vaddr_t end);

/* Tables for a ring-3 address space: the upper half is the kernel's, the lower one empty. 0: no memory. */
MUST_CHECK paddr_t paging_create_root(void);
/* Frees the tables of the lower half and the root. No CPU uses it, and no page is mapped any more. */
void paging_destroy_root(paddr_t root);
/* This CPU translates by `root` from now on. Interrupts off. */
void paging_use_root(paddr_t root);

/*
 * QEMU's TCG grows its software TLB only when the guest flushes it, and this kernel, with one address space, would
 * never flush: Python ran 1.2x slower in the small TLB of the start (docs/decisions.md). Called for each page fault;
 * flushes now and then, on that emulator only.
 */
void paging_tune_emulator(void);

/* The next address >= `address` whose leaf table exists, else `end`: to skip holes when walking. */
vaddr_t paging_next_table(paddr_t root, vaddr_t address, vaddr_t end);

#endif

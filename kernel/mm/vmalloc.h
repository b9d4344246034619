/*
 * Virtually contiguous kernel memory in the vmalloc area, each block with an
 * unmapped guard page on both sides: big tables, kernel stacks, device windows.
 * Context: threads and boot. Never sleeps.
 */
#ifndef KERNEL_MM_VMALLOC_H
#define KERNEL_MM_VMALLOC_H

#include <kernel/mm/page.h>

MUST_CHECK void *vmalloc(size_t size, enum page_use use); /* zeroed, RW+NX; NULL: no memory */
void vfree(void *pointer);

enum cache_mode { CACHE_UNCACHED, CACHE_WRITE_COMBINING, CACHE_WRITE_BACK };
/* Maps device memory; any byte range. NULL: no address space or page tables left. */
MUST_CHECK void *device_map(paddr_t phys, size_t size, enum cache_mode mode);
void device_unmap(void *pointer);

#endif

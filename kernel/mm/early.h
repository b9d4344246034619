/*
 * Memory before the page allocator: whole pages taken from the end of the
 * largest free range below 4 GiB, which the loader's tables map. Never freed.
 */
#ifndef KERNEL_MM_EARLY_H
#define KERNEL_MM_EARLY_H

#include <lib/types.h>

void early_init(void);
/* A zeroed page; panics when there is none. */
paddr_t early_alloc_page(void);
/* `size` bytes, page aligned, contents undefined; 0 when no range is large enough. Any memory below 4 GiB. */
paddr_t early_alloc(uint64_t size);
/* The same for a file that stays for ever and whose pages may be shared (tmpfs_set_content). */
paddr_t early_alloc_file(uint64_t size);
/* From here on page_alloc() serves. */
bool page_allocator_ready(void);
/* Takes over what early_alloc left. */
void page_allocator_init(void);
/* Gives the loader's own memory (page tables, boot_info) to the allocator. */
void page_free_loader_memory(void);

#endif

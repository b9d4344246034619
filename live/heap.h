/*
 * malloc for live code. Blocks belong to the module that took them and are freed with it. What is known of a block is kept apart from it, so
 * that no wild write damages the heap itself; marks before and behind a block, and the contents of blocks that were freed lately,
 * show what was written where nothing was the writer's. A double free, a free of what is no block and a damaged block raise
 * LIVE_FAULT_HEAP. Blocks are aligned to 16 bytes. Context: any; more than 4 MiB: threads.
 */
#ifndef LIVE_HEAP_H
#define LIVE_HEAP_H

#include <lib/types.h>

/* As in C; NULL when memory is out. `caller`: an address in the code that asks, which tells the module. */
MUST_CHECK void *live_heap_take(size_t size, uint64_t caller);
MUST_CHECK void *live_heap_resize(void *pointer, size_t size, uint64_t caller);
void live_heap_give(void *pointer);
/* Frees what a module took. From live_module_on_free(). */
void live_heap_free_module(uint64_t module);
/* The module whose block `address` lies in; 0: no module's. Context: any. */
uint64_t live_heap_owner(uint64_t address);
/* Blocks and bytes in use: all modules' if `module` is UINT64_MAX. */
void live_heap_count(uint64_t module, uint64_t *blocks, uint64_t *bytes);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);

#endif

/*
 * Object caches and kmalloc. Objects of one size share slabs of pages; a free
 * object is checked for double free. Context: any but NMI; never sleeps.
 * Returned memory is aligned to 16 bytes at least (the cache's alignment).
 */
#ifndef KERNEL_MM_SLAB_H
#define KERNEL_MM_SLAB_H

#include <lib/types.h>

struct object_cache;

/* `name` must stay valid. NULL when memory is out. */
MUST_CHECK struct object_cache *object_cache_create(const char *name, size_t size, size_t alignment);
MUST_CHECK void *object_alloc(struct object_cache *cache);        /* NULL: no memory */
MUST_CHECK void *object_alloc_zeroed(struct object_cache *cache);
void object_free(struct object_cache *cache, void *object);       /* NULL is allowed */

/* Sizes up to 4 MiB; NULL when memory is out. */
MUST_CHECK void *kmalloc(size_t size);
MUST_CHECK void *kzalloc(size_t size);
void kfree(void *pointer); /* NULL is allowed */

#endif

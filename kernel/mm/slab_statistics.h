/* What each object cache holds, for /proc/slabinfo and polyglot.memory(). */
#ifndef KERNEL_MM_SLAB_STATISTICS_H
#define KERNEL_MM_SLAB_STATISTICS_H

#include <lib/types.h>

struct slab_statistics {
    const char *name;
    size_t object_size;
    uint64_t objects;  /* allocated now */
    uint64_t capacity; /* room in the slabs that exist */
    uint64_t pages;
};

/* Calls `visit` for each cache, under a spinlock: it may not sleep or allocate. */
void slab_for_each_cache(void (*visit)(const struct slab_statistics *statistics, void *context), void *context);

#endif

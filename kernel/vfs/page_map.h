/*
 * The pages of one file by index: a radix tree of 64-way nodes. A file of one
 * page needs no node. Locking is the caller's; context: any.
 */
#ifndef KERNEL_VFS_PAGE_MAP_H
#define KERNEL_VFS_PAGE_MAP_H

#include <lib/types.h>

struct page;

struct page_map {
    void *root;      /* a page when height == 0, else a node */
    uint32_t height; /* levels of nodes */
    uint64_t count;  /* pages held */
};

#define PAGE_MAP_NONE UINT64_MAX

static inline void page_map_init(struct page_map *map) { map->root = NULL; map->height = 0; map->count = 0; }

struct page *page_map_get(const struct page_map *map, uint64_t index); /* NULL: none */
/* There must be none at `index`. 0 or -ENOMEM. */
MUST_CHECK int page_map_set(struct page_map *map, uint64_t index, struct page *page);
/* The lowest index >= `from` that has a page; PAGE_MAP_NONE: none. */
uint64_t page_map_next(const struct page_map *map, uint64_t from);
/*
 * Takes up to `room` pages of [first, last] out, lowest first; returns how many.
 * Nodes are freed when the map becomes empty.
 */
size_t page_map_take(struct page_map *map, uint64_t first, uint64_t last, struct page **pages, size_t room);

#endif

/* Radix tree of a file's pages. See page_map.h. */
#include <kernel/vfs/page_map.h>

#include <abi/errno.h>
#include <kernel/mm/slab.h>

#define PAGE_MAP_BITS 6
#define PAGE_MAP_WAYS (1U << PAGE_MAP_BITS)

struct page_map_node {
    void *slots[PAGE_MAP_WAYS];
};

/* Indices that a tree of this height can hold: 0 .. result. */
LOCAL uint64_t page_map_last_index(uint32_t height)
{
    unsigned bits = height * PAGE_MAP_BITS;
    return bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

LOCAL unsigned page_map_slot(uint64_t index, uint32_t level)
{
    return (unsigned)(index >> ((level - 1) * PAGE_MAP_BITS)) & (PAGE_MAP_WAYS - 1);
}

struct page *page_map_get(const struct page_map *map, uint64_t index)
{
    if (index > page_map_last_index(map->height))
        return NULL;
    void *at = map->root;
    for (uint32_t level = map->height; level > 0 && at != NULL; level--)
        at = ((struct page_map_node *)at)->slots[page_map_slot(index, level)];
    return at;
}

int page_map_set(struct page_map *map, uint64_t index, struct page *page)
{
    while (index > page_map_last_index(map->height)) {
        if (map->root != NULL) {
            struct page_map_node *node = kzalloc(sizeof(*node));
            if (node == NULL)
                return -ENOMEM;
            node->slots[0] = map->root;
            map->root = node;
        }
        map->height++;
    }
    void **at = &map->root;
    for (uint32_t level = map->height; level > 0; level--) {
        if (*at == NULL) {
            *at = kzalloc(sizeof(struct page_map_node));
            if (*at == NULL)
                return -ENOMEM; /* empty nodes on the way stay; they are found again */
        }
        at = &((struct page_map_node *)*at)->slots[page_map_slot(index, level)];
    }
    *at = page;
    map->count++;
    return 0;
}

LOCAL uint64_t page_map_next_below(void *at, uint32_t level, uint64_t base, uint64_t from)
{
    if (at == NULL)
        return PAGE_MAP_NONE;
    if (level == 0)
        return base;
    struct page_map_node *node = at;
    unsigned shift = (level - 1) * PAGE_MAP_BITS;
    unsigned start = from > base ? (unsigned)((from - base) >> shift) : 0;
    for (unsigned slot = start; slot < PAGE_MAP_WAYS; slot++) {
        uint64_t found = page_map_next_below(node->slots[slot], level - 1, base + ((uint64_t)slot << shift), from);
        if (found != PAGE_MAP_NONE)
            return found;
    }
    return PAGE_MAP_NONE;
}

uint64_t page_map_next(const struct page_map *map, uint64_t from)
{
    return from > page_map_last_index(map->height) ? PAGE_MAP_NONE
                                                   : page_map_next_below(map->root, map->height, 0, from);
}

LOCAL void page_map_free_nodes(void *at, uint32_t level)
{
    if (at == NULL || level == 0)
        return;
    struct page_map_node *node = at;
    for (unsigned slot = 0; slot < PAGE_MAP_WAYS; slot++)
        page_map_free_nodes(node->slots[slot], level - 1);
    kfree(node);
}

size_t page_map_take(struct page_map *map, uint64_t first, uint64_t last, struct page **pages, size_t room)
{
    size_t taken = 0;
    while (taken < room) {
        uint64_t index = page_map_next(map, first);
        if (index == PAGE_MAP_NONE || index > last)
            break;
        void **at = &map->root;
        for (uint32_t level = map->height; level > 0; level--)
            at = &((struct page_map_node *)*at)->slots[page_map_slot(index, level)];
        pages[taken++] = *at;
        *at = NULL;
        map->count--;
        first = index + 1;
    }
    if (map->count == 0) {
        page_map_free_nodes(map->root, map->height);
        page_map_init(map);
    }
    return taken;
}

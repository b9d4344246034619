/* What the files of address spaces share. The space's lock is held for all of it. */
#ifndef KERNEL_MM_PRIVATE_H
#define KERNEL_MM_PRIVATE_H

#include <kernel/mm/space.h>

static inline struct area *area_of(struct tree_node *node)
{
    return node == NULL ? NULL : container_of(node, struct area, node);
}

static inline struct area *area_next(struct area *area) { return area_of(tree_next(&area->node)); }

/* The area that contains `address`; NULL: none. */
struct area *space_find(struct address_space *space, vaddr_t address);
/* A copy of *model in the tree, with a reference of its inode and its pages promised. 0, -ENOMEM, or -EPERM: the file
 * is sealed against writing. */
MUST_CHECK int space_add_area(struct address_space *space, const struct area *model, struct area **out);
/* Promises room for every page of the area. Ring 3 leaves the world a part of what is there. 0 or -ENOMEM. */
MUST_CHECK int space_commit_area(const struct address_space *space, struct area *area);
void space_count_resident(struct address_space *space, int64_t pages);
/* Every CPU that may hold translations of the space forgets those of [start, end). */
void space_flush(const struct address_space *space, vaddr_t start, vaddr_t end);

#endif

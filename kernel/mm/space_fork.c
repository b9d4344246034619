/* Copying an address space for fork(2): areas now, pages when one of the two writes. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <kernel/log.h>
#include <kernel/mm/private.h>

/* Gives `child` the pages of `area`, read-only on both sides where a write must copy. */
LOCAL int space_fork_pages(struct address_space *parent, struct address_space *child, const struct area *area)
{
    bool shared = area->flags & MAP_SHARED;
    for (vaddr_t address = paging_next_table(parent->root, area->start, area->end); address < area->end;
         address = paging_next_table(parent->root, address + PAGE_SIZE, area->end)) {
        pte_t *source = paging_entry(parent->root, address, false);
        if (*source == 0)
            continue;
        pte_t *target = paging_entry(child->root, address, true);
        if (target == NULL)
            return -ENOMEM;
        if (!shared)
            *source &= ~PTE_WRITE;
        if (!(*source & PTE_BORROWED))
            page_get(page_from_phys(*source & PTE_ADDRESS));
        *target = *source;
        space_count_resident(child, 1);
    }
    return 0;
}

int space_fork(struct address_space *parent, struct address_space **out)
{
    struct address_space *child;
    KASSERT(!parent->is_world);
    int error = space_create_user(&child);
    if (error != 0)
        return error;
    mutex_lock(&parent->lock);
    mutex_lock_nested(&child->lock);
    child->heap_start = parent->heap_start;
    child->heap_end = parent->heap_end;
    child->mmap_hint = parent->mmap_hint;
    child->environment_start = parent->environment_start;
    child->environment_end = parent->environment_end;
    for (struct area *area = area_of(tree_first(&parent->areas)); area != NULL && error == 0; area = area_next(area)) {
        struct area *copy;
        error = space_add_area(child, area, &copy);
        if (error == 0 && area->committed != 0 && copy->committed == 0)
            error = space_commit_area(child, copy); /* read-only by now, with accounted pages */
        if (error == 0)
            error = space_fork_pages(parent, child, area);
    }
    space_flush(parent, USER_SPACE_START, USER_SPACE_END);
    mutex_unlock(&child->lock);
    mutex_unlock(&parent->lock);
    if (error != 0) {
        space_put(child);
        return error;
    }
    *out = child;
    return 0;
}

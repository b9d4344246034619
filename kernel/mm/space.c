/*
 * Areas and demand paging. Terms: an area is *accounted* when its pages were
 * promised by page_commit(); then every fault in it finds a page. Private
 * writable memory is accounted when it is mapped (or made writable), except
 * with MAP_NORESERVE.
 *
 * After a fork both spaces promise room for every private page, and share the
 * pages read-only; a write to one with several references copies it, the last
 * owner takes it over.
 *
 * Left out: reclaim to a backing store, huge pages.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/private.h>
#include <kernel/vfs/inode.h>
#include <lib/string.h>

#define WORLD_HEAP_OFFSET (1ULL << 36)
#define WORLD_MMAP_OFFSET (1ULL << 40)
#define HEAP_MAX          (1ULL << 38)
#define USER_MMAP_START   0x00007f0000000000ULL /* mmap(2) without an address looks from here on */
#define DROP_BATCH        64 /* pages that are unmapped between two flushes */

static struct object_cache *area_cache;
static struct page *zero_page; /* what unaccounted anonymous memory reads */

LOCAL uint64_t area_pages(const struct area *area) { return (area->end - area->start) >> PAGE_SHIFT; }

LOCAL bool area_less(const struct tree_node *a, const struct tree_node *b)
{
    return container_of(a, struct area, node)->start < container_of(b, struct area, node)->start;
}

/* The area that contains `address`, or else the first one above it. */
LOCAL struct area *space_find_from(struct address_space *space, vaddr_t address)
{
    struct tree_node *node = space->areas.root;
    struct area *best = NULL;
    while (node != NULL) {
        struct area *area = area_of(node);
        if (address < area->end) {
            best = area;
            node = node->child[0];
        } else {
            node = node->child[1];
        }
    }
    return best;
}

struct area *space_find(struct address_space *space, vaddr_t address)
{
    struct area *area = space_find_from(space, address);
    return area != NULL && area->start <= address ? area : NULL;
}

LOCAL struct address_space *space_create(vaddr_t start, vaddr_t end)
{
    struct address_space *space = kzalloc(sizeof *space);
    if (space == NULL)
        return NULL;
    space->references = 1;
    space->start = space->mmap_hint = start;
    space->end = end;
    mutex_init(&space->lock, "address space", LOCK_RANK_ADDRESS_SPACE);
    return space;
}

int space_create_world(struct address_space **out)
{
    if (area_cache == NULL) {
        area_cache = object_cache_create("area", sizeof(struct area), 16);
        zero_page = page_alloc(0, PAGE_USE_KERNEL, PAGE_ZERO);
        if (area_cache == NULL || zero_page == NULL)
            return -ENOMEM;
    }
    struct address_space *space = space_create(WORLD_SPACE_START + WORLD_MMAP_OFFSET, WORLD_SPACE_END);
    if (space == NULL)
        return -ENOMEM;
    space->root = paging_kernel_root();
    space->heap_start = space->heap_end = WORLD_SPACE_START + WORLD_HEAP_OFFSET;
    space->is_world = true;
    *out = space;
    return 0;
}

int space_create_user(struct address_space **out)
{
    struct address_space *space = space_create(USER_MMAP_START, USER_SPACE_END);
    if (space == NULL)
        return -ENOMEM;
    space->root = paging_create_root();
    if (space->root == 0) {
        kfree(space);
        return -ENOMEM;
    }
    *out = space;
    return 0;
}

void space_get(struct address_space *space) { __atomic_add_fetch(&space->references, 1, __ATOMIC_RELAXED); }

void space_set_heap_start(struct address_space *space, vaddr_t start)
{
    mutex_lock(&space->lock);
    space->heap_start = space->heap_end = start;
    mutex_unlock(&space->lock);
}

/* --- page tables of an area ------------------------------------------------ */

LOCAL pte_t space_pte_flags(const struct address_space *space, uint32_t protection)
{
    pte_t flags = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | (space->is_world ? PTE_GLOBAL : PTE_USER);
    if (protection & AREA_WRITE)
        flags |= PTE_WRITE;
    if (!(protection & AREA_EXECUTE))
        flags |= PTE_NX;
    return flags;
}

void space_count_resident(struct address_space *space, int64_t pages)
{
    space->resident += (uint64_t)pages;
    space->resident_peak = MAX(space->resident_peak, space->resident);
}

void space_flush(const struct address_space *space, vaddr_t start, vaddr_t end)
{
    paging_flush_range(space->is_world ? 0 : space->root, start, end);
}

/* Pages whose entries are gone, but which another CPU may still reach until the flush. */
struct drop_batch {
    vaddr_t start, end; /* addresses of the entries */
    unsigned count;
    struct page *pages[DROP_BATCH];
};

LOCAL void space_finish_drop(const struct address_space *space, struct drop_batch *batch)
{
    if (batch->end > batch->start)
        space_flush(space, batch->start, batch->end);
    for (unsigned i = 0; i < batch->count; i++)
        page_put(batch->pages[i]);
    batch->count = 0;
    batch->start = batch->end = 0;
}

/* Drops the pages of [start, end). */
LOCAL void space_drop_pages(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct drop_batch batch = { .count = 0 };
    for (vaddr_t address = paging_next_table(space->root, start, end); address < end;
         address = paging_next_table(space->root, address + PAGE_SIZE, end)) {
        pte_t *entry = paging_entry(space->root, address, false);
        pte_t old = *entry;
        if (old == 0)
            continue;
        *entry = 0;
        if (batch.end == 0)
            batch.start = address;
        batch.end = address + PAGE_SIZE;
        if (!(old & PTE_BORROWED))
            batch.pages[batch.count++] = page_from_phys(old & PTE_ADDRESS);
        if (batch.count == DROP_BATCH)
            space_finish_drop(space, &batch);
        space_count_resident(space, -1);
    }
    space_finish_drop(space, &batch);
}

/* --- the tree ---------------------------------------------------------------- */

/* Can the file be written through the area, now or after mprotect(2)? Such areas hold a seal against writing off. */
LOCAL bool area_may_write_file(const struct area *area)
{
    return area->inode != NULL && (area->flags & MAP_SHARED) && !(area->flags & SPACE_MAP_READ_ONLY);
}

LOCAL void area_release(struct area *area)
{
    if (area->committed != 0)
        page_uncommit(area->committed);
    if (area_may_write_file(area))
        inode_remove_writer(area->inode);
    if (area->inode != NULL)
        inode_put(area->inode);
    object_free(area_cache, area);
}

/* Splits so that an area starts at `address` if one contains it. 0 or -ENOMEM. */
LOCAL int space_split_at(struct address_space *space, vaddr_t address)
{
    struct area *area = space_find(space, address);
    if (area == NULL || area->start == address)
        return 0;
    struct area *upper = object_alloc(area_cache);
    if (upper == NULL)
        return -ENOMEM;
    *upper = *area;
    upper->start = address;
    if (upper->inode != NULL)
        upper->offset += (file_off_t)(address - area->start);
    area->end = address;
    if (area->committed != 0) {
        area->committed = area_pages(area);
        upper->committed = area_pages(upper);
    }
    if (area_may_write_file(upper))
        (void)!inode_add_writer(upper->inode); /* `area` is one already */
    if (upper->inode != NULL)
        inode_get(upper->inode);
    tree_insert(&space->areas, &upper->node, area_less);
    return 0;
}

LOCAL bool area_can_join(const struct area *a, const struct area *b)
{
    return a->end == b->start && a->protection == b->protection && a->flags == b->flags && a->name == b->name
        && a->inode == NULL && b->inode == NULL && !a->borrowed && !b->borrowed
        && (a->committed != 0) == (b->committed != 0);
}

/* Joins `area` with its upper neighbour when they are alike. */
LOCAL void space_join_with_next(struct address_space *space, struct area *area)
{
    struct area *next = area_next(area);
    if (next == NULL || !area_can_join(area, next))
        return;
    area->end = next->end;
    area->committed += next->committed;
    next->committed = 0;
    tree_remove(&space->areas, &next->node);
    area_release(next);
}

LOCAL void space_join_around(struct address_space *space, vaddr_t start, vaddr_t end)
{
    struct area *area = start == 0 ? NULL : space_find(space, start - 1);
    if (area == NULL)
        area = space_find_from(space, start);
    while (area != NULL && area->start <= end) {
        vaddr_t before = area->end;
        space_join_with_next(space, area);
        if (area->end == before)
            area = area_next(area);
    }
}

LOCAL int space_unmap_locked(struct address_space *space, vaddr_t start, vaddr_t end)
{
    int error = space_split_at(space, start);
    if (error == 0)
        error = space_split_at(space, end);
    if (error != 0)
        return error;
    struct area *area = space_find_from(space, start);
    while (area != NULL && area->start < end) {
        struct area *next = area_next(area);
        space_drop_pages(space, area->start, area->end);
        tree_remove(&space->areas, &area->node);
        area_release(area);
        area = next;
    }
    if (start >= space->start)
        space->mmap_hint = MIN(space->mmap_hint, start);
    return 0;
}

/* The lowest gap of `size` bytes from the hint on; nothing below the hint is free. 0: none. */
LOCAL vaddr_t space_find_gap(struct address_space *space, uint64_t size)
{
    vaddr_t candidate = space->mmap_hint;
    for (struct area *area = space_find_from(space, candidate); area != NULL; area = area_next(area)) {
        if (area->start > candidate && area->start - candidate >= size)
            break;
        candidate = MAX(candidate, area->end);
    }
    return candidate < space->end && space->end - candidate >= size ? candidate : 0;
}

LOCAL bool space_range_is_valid(const struct address_space *space, vaddr_t start, uint64_t size)
{
    if (!IS_ALIGNED(start, PAGE_SIZE) || size == 0 || start + size < start)
        return false;
    if (space->is_world)
        return (start >= WORLD_SPACE_START && start + size <= WORLD_SPACE_END)
            || (start >= WORLD_IMAGE_BASE && start + size <= WORLD_IMAGE_END);
    return start >= USER_SPACE_START && start + size <= USER_SPACE_END;
}

/* W^X at ring 0. Ring-3 programs are Linux programs: some (tcc -run) write code where they run it. */
LOCAL bool space_is_too_open(const struct address_space *space, uint32_t protection)
{
    return space->is_world && (protection & AREA_WRITE) && (protection & AREA_EXECUTE);
}

LOCAL bool space_wants_commit(uint32_t protection, uint32_t flags)
{
    return (protection & AREA_WRITE) && !(flags & (MAP_SHARED | MAP_NORESERVE));
}

/* Can a mapping be where the caller of mmap(2) would like to have it? */
LOCAL bool space_range_is_free(struct address_space *space, vaddr_t start, uint64_t size)
{
    if (start == 0 || !space_range_is_valid(space, start, size))
        return false;
    const struct area *taken = space_find_from(space, start);
    return taken == NULL || taken->start >= start + size;
}

int space_commit_area(const struct address_space *space, struct area *area)
{
    const uint64_t world_part = 8;
    struct page_statistics statistics;
    page_get_statistics(&statistics);
    if (!space->is_world
        && area_pages(area) + statistics.total / world_part > statistics.commit_limit - statistics.committed)
        return -ENOMEM;
    int error = page_commit(area_pages(area));
    if (error == 0)
        area->committed = area_pages(area);
    return error;
}

int space_add_area(struct address_space *space, const struct area *model, struct area **out)
{
    struct area *area = object_alloc(area_cache);
    if (area == NULL)
        return -ENOMEM;
    *area = *model;
    area->committed = 0;
    int error = 0;
    if (!area->borrowed && space_wants_commit(area->protection, area->flags))
        error = space_commit_area(space, area);
    else if (area_may_write_file(area)) /* shared: nothing to promise */
        error = inode_add_writer(area->inode);
    if (error != 0) {
        object_free(area_cache, area);
        return error;
    }
    if (area->inode != NULL)
        inode_get(area->inode);
    tree_insert(&space->areas, &area->node, area_less);
    *out = area;
    return 0;
}

int64_t space_map(struct address_space *space, vaddr_t address, uint64_t size, uint32_t protection, uint32_t flags,
                  struct inode *inode, file_off_t offset, const char *name)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    if (size == 0 || size > space->end - space->start)
        return size == 0 ? -EINVAL : -ENOMEM;
    if (space_is_too_open(space, protection))
        return -EACCES;
    bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    mutex_lock(&space->lock);
    int64_t result = -ENOMEM;
    if (fixed) {
        result = -EINVAL;
        if (!IS_ALIGNED(address, PAGE_SIZE))
            goto out;
        result = -ENOMEM;
        if (!space_range_is_valid(space, address, size))
            goto out;
        const struct area *taken = space_find_from(space, address);
        if (flags & MAP_FIXED_NOREPLACE) {
            result = -EEXIST;
            if (taken != NULL && taken->start < address + size)
                goto out;
        }
        result = space_unmap_locked(space, address, address + size);
        if (result != 0)
            goto out;
    } else if (!space_range_is_free(space, address, size)) {
        address = space_find_gap(space, size);
        if (address == 0)
            goto out;
    }
    struct area model = {
        .start = address, .end = address + size, .protection = protection,
        .flags = flags & (MAP_SHARED | MAP_PRIVATE | MAP_NORESERVE | SPACE_MAP_READ_ONLY), .inode = inode, .offset = offset, .name = name,
    };
    struct area *area;
    result = space_add_area(space, &model, &area);
    if (result != 0)
        goto out;
    if (address == space->mmap_hint)
        space->mmap_hint = address + size;
    space_join_around(space, address, address + size);
    result = (int64_t)address;
out:
    mutex_unlock(&space->lock);
    return result;
}

int space_map_borrowed(struct address_space *space, vaddr_t address, paddr_t phys, uint64_t size, uint32_t protection,
                       const char *name)
{
    KASSERT(!(protection & AREA_WRITE) && space_range_is_valid(space, address, size) && IS_ALIGNED(size, PAGE_SIZE));
    struct area model = {
        .start = address, .end = address + size, .protection = protection, .flags = MAP_PRIVATE, .name = name,
        .borrowed = true,
    };
    mutex_lock(&space->lock);
    struct area *area;
    int error = space_unmap_locked(space, address, address + size);
    if (error == 0)
        error = space_add_area(space, &model, &area);
    pte_t flags = space_pte_flags(space, protection) | PTE_BORROWED;
    for (uint64_t done = 0; done < size && error == 0; done += PAGE_SIZE) {
        pte_t *entry = paging_entry(space->root, address + done, true);
        if (entry == NULL) {
            error = -ENOMEM;
            break;
        }
        *entry = (phys + done) | flags;
        space_count_resident(space, 1);
    }
    mutex_unlock(&space->lock);
    return error;
}

int space_unmap(struct address_space *space, vaddr_t address, uint64_t size)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    if (!space_range_is_valid(space, address, size))
        return -EINVAL;
    mutex_lock(&space->lock);
    int error = space_unmap_locked(space, address, address + size);
    mutex_unlock(&space->lock);
    return error;
}

/* Does somebody else see a private area's page: the file that it is from, or a forked space? */
LOCAL bool space_page_is_shared(pte_t entry)
{
    const struct page *page = page_from_phys(entry & PTE_ADDRESS);
    return page->use != PAGE_USE_ANONYMOUS || __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) > 1;
}

/* One area, already split to the range. */
LOCAL int space_protect_area(struct address_space *space, struct area *area, uint32_t protection)
{
    if ((area->borrowed || (area->flags & SPACE_MAP_READ_ONLY)) && (protection & AREA_WRITE))
        return -EACCES;
    if (area->committed == 0 && !area->borrowed && space_wants_commit(protection, area->flags)
        && space_commit_area(space, area) != 0)
        return -ENOMEM;
    area->protection = protection;
    pte_t flags = space_pte_flags(space, protection);
    for (vaddr_t address = paging_next_table(space->root, area->start, area->end); address < area->end;
         address = paging_next_table(space->root, address + PAGE_SIZE, area->end)) {
        pte_t *entry = paging_entry(space->root, address, false);
        if (*entry == 0)
            continue;
        pte_t old = *entry & (PTE_ADDRESS | PTE_BORROWED);
        pte_t next = old | flags;
        /* Pages that others see stay read-only until a write copies them. */
        if ((old & PTE_BORROWED) || (!(area->flags & MAP_SHARED) && space_page_is_shared(old)))
            next &= ~PTE_WRITE;
        if (!(protection & (AREA_READ | AREA_WRITE | AREA_EXECUTE)))
            next &= ~PTE_PRESENT;
        *entry = next;
    }
    space_flush(space, area->start, area->end);
    return 0;
}

int space_protect(struct address_space *space, vaddr_t address, uint64_t size, uint32_t protection)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    if (!IS_ALIGNED(address, PAGE_SIZE))
        return -EINVAL;
    if (size == 0)
        return 0;
    if (!space_range_is_valid(space, address, size))
        return -ENOMEM;
    if (space_is_too_open(space, protection))
        return -EACCES;
    vaddr_t end = address + size;
    mutex_lock(&space->lock);
    int error = space_split_at(space, address);
    if (error == 0)
        error = space_split_at(space, end);
    vaddr_t expected = address;
    for (struct area *area = space_find_from(space, address); error == 0 && expected < end; area = area_next(area)) {
        if (area == NULL || area->start != expected)
            error = -ENOMEM; /* a hole */
        else
            error = space_protect_area(space, area, protection);
        if (error == 0)
            expected = area->end;
    }
    space_join_around(space, address, end);
    mutex_unlock(&space->lock);
    return error;
}

/* Moves the page-table entries of [from, from + size) to `to`. */
LOCAL int space_move_pages(struct address_space *space, vaddr_t from, vaddr_t to, uint64_t size)
{
    for (vaddr_t done = 0; done < size; done += PAGE_SIZE) {
        pte_t *source = paging_entry(space->root, from + done, false);
        if (source == NULL || *source == 0)
            continue;
        pte_t *target = paging_entry(space->root, to + done, true);
        if (target == NULL)
            return -ENOMEM;
        *target = *source;
        *source = 0;
    }
    space_flush(space, from, from + size);
    return 0;
}

int64_t space_remap(struct address_space *space, vaddr_t address, uint64_t old_size, uint64_t new_size, uint32_t flags,
                    vaddr_t new_address)
{
    old_size = ALIGN_UP(old_size, PAGE_SIZE);
    new_size = ALIGN_UP(new_size, PAGE_SIZE);
    if (!IS_ALIGNED(address, PAGE_SIZE) || new_size == 0 || (flags & MREMAP_FIXED))
        return -EINVAL; /* MREMAP_FIXED: docs/limits.md */
    if (!space_range_is_valid(space, address, old_size))
        return old_size == 0 ? -EINVAL : -EFAULT;
    (void)new_address;
    if (new_size <= old_size) {
        int error = new_size == old_size ? 0 : space_unmap(space, address + new_size, old_size - new_size);
        return error != 0 ? error : (int64_t)address;
    }
    mutex_lock(&space->lock);
    int64_t result = -EFAULT;
    struct area *area = space_find(space, address);
    if (area == NULL || address + old_size > area->end)
        goto out;
    struct area *next = area_next(area);
    struct area model = *area;
    model.start = address + old_size;
    model.end = address + new_size;
    if (area->inode != NULL)
        model.offset = area->offset + (file_off_t)(model.start - area->start);
    result = -ENOMEM;
    if (area->end == address + old_size && space_range_is_valid(space, address, new_size)
        && (next == NULL || next->start >= model.end)) {
        result = space_add_area(space, &model, &area);
        if (result == 0) {
            space_join_around(space, address, address + new_size);
            result = (int64_t)address;
        }
        goto out;
    }
    if (!(flags & MREMAP_MAYMOVE))
        goto out;
    vaddr_t target = space_find_gap(space, new_size);
    if (target == 0)
        goto out;
    model.start = target;
    model.end = target + new_size;
    if (area->inode != NULL)
        model.offset = area->offset + (file_off_t)(address - area->start);
    struct area *moved;
    result = space_add_area(space, &model, &moved);
    if (result == 0)
        result = space_move_pages(space, address, target, old_size);
    if (result == 0)
        result = space_unmap_locked(space, address, address + old_size);
    if (result == 0)
        result = (int64_t)target;
out:
    mutex_unlock(&space->lock);
    return result;
}

vaddr_t space_set_heap_end(struct address_space *space, vaddr_t end)
{
    vaddr_t old = ALIGN_UP(space->heap_end, PAGE_SIZE), wanted = ALIGN_UP(end, PAGE_SIZE);
    if (end < space->heap_start || end > space->heap_start + HEAP_MAX)
        return space->heap_end;
    int64_t result = 0;
    if (wanted > old)
        result = space_map(space, old, wanted - old, AREA_READ | AREA_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, NULL, 0,
                           "[heap]");
    else if (wanted < old)
        result = space_unmap(space, wanted, old - wanted);
    if (!result_is_error(result))
        space->heap_end = end;
    return space->heap_end;
}

int space_discard(struct address_space *space, vaddr_t address, uint64_t size)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    if (size == 0)
        return 0;
    if (!space_range_is_valid(space, address, size))
        return -EINVAL;
    mutex_lock(&space->lock);
    for (struct area *area = space_find_from(space, address); area != NULL && area->start < address + size;
         area = area_next(area))
        if (!area->borrowed)
            space_drop_pages(space, MAX(area->start, address), MIN(area->end, address + size));
    mutex_unlock(&space->lock);
    return 0;
}

/* --- faults -------------------------------------------------------------------- */

LOCAL struct page *space_new_page(const struct area *area, const void *content)
{
    struct page *page = page_alloc(0, PAGE_USE_ANONYMOUS,
                                   (content == NULL ? PAGE_ZERO : 0) | (area->committed != 0 ? PAGE_ACCOUNTED : 0));
    if (page != NULL && content != NULL)
        memcpy(page_to_virt(page), content, PAGE_SIZE);
    return page;
}

/* A write to a page that others may see (zero page, private file page, page of a forked space): give the area its own
 * copy, unless nobody else has it any more. `address` is flushed before the old page can be used for something else. */
LOCAL int space_copy_page(struct address_space *space, const struct area *area, vaddr_t address, pte_t *entry)
{
    pte_t old = *entry;
    pte_t flags = space_pte_flags(space, area->protection);
    if (!(old & PTE_BORROWED) && !space_page_is_shared(old)) {
        *entry = (old & PTE_ADDRESS) | flags;
        space_flush(space, address, address + PAGE_SIZE);
        return 0;
    }
    struct page *page = space_new_page(area, phys_to_virt(old & PTE_ADDRESS));
    if (page == NULL)
        return -ENOMEM;
    *entry = page_to_phys(page) | flags;
    space_flush(space, address, address + PAGE_SIZE);
    if (!(old & PTE_BORROWED))
        page_put(page_from_phys(old & PTE_ADDRESS));
    return 0;
}

LOCAL int space_fill_file_page(struct address_space *space, const struct area *area, vaddr_t address, pte_t *entry,
                               bool write)
{
    struct page *page;
    uint64_t index = ((uint64_t)area->offset + (address - area->start)) >> PAGE_SHIFT;
    bool shared = area->flags & MAP_SHARED;
    int error = inode_get_page(area->inode, index, shared, &page);
    if (error != 0)
        return error;
    *entry = page_to_phys(page) | space_pte_flags(space, shared ? area->protection : area->protection & ~AREA_WRITE);
    return write && !shared ? space_copy_page(space, area, address, entry) : 0;
}

LOCAL int space_fill_page(struct address_space *space, const struct area *area, vaddr_t address, pte_t *entry, bool write)
{
    if (area->inode != NULL)
        return space_fill_file_page(space, area, address, entry, write);
    if (area->committed == 0 && !write) {
        *entry = page_to_phys(zero_page) | PTE_BORROWED | space_pte_flags(space, area->protection & ~AREA_WRITE);
        return 0;
    }
    struct page *page = space_new_page(area, NULL);
    if (page == NULL)
        return -ENOMEM;
    *entry = page_to_phys(page) | space_pte_flags(space, area->protection);
    return 0;
}

LOCAL bool area_allows(const struct area *area, bool write, bool execute)
{
    if (write)
        return area->protection & AREA_WRITE;
    if (execute)
        return area->protection & AREA_EXECUTE;
    return area->protection & (AREA_READ | AREA_WRITE | AREA_EXECUTE);
}

int space_fault(struct address_space *space, vaddr_t address, bool write, bool execute)
{
    address = ALIGN_DOWN(address, PAGE_SIZE);
    mutex_lock(&space->lock);
    space->faults++;
    int error = -EFAULT;
    struct area *area = space_find(space, address);
    if (area == NULL)
        goto out;
    error = -EACCES;
    if (!area_allows(area, write, execute))
        goto out;
    error = -ENOMEM;
    pte_t *entry = paging_entry(space->root, address, true);
    if (entry == NULL)
        goto out;
    if (*entry == 0) {
        error = space_fill_page(space, area, address, entry, write);
        if (error == 0)
            space_count_resident(space, 1);
    } else {
        error = 0; /* another thread was faster, or a copy is due */
        if (write && !(*entry & PTE_WRITE) && (area->flags & MAP_SHARED))
            *entry |= PTE_WRITE;
        else if (write && !(*entry & PTE_WRITE))
            error = space_copy_page(space, area, address, entry);
    }
out:
    mutex_unlock(&space->lock);
    return error;
}

bool space_contains_range(const struct address_space *space, vaddr_t address, uint64_t size)
{
    vaddr_t end = address + size;
    if (end < address)
        return false;
    if (space->is_world)
        return (address >= WORLD_SPACE_START && end <= WORLD_SPACE_END)
            || (address >= WORLD_IMAGE_BASE && end <= WORLD_IMAGE_END);
    return address >= USER_SPACE_START && end <= USER_SPACE_END;
}

void address_space_for_each_area(struct address_space *space, void (*visit)(const struct area *area, void *context),
                                 void *context)
{
    mutex_lock(&space->lock);
    for (struct area *area = area_of(tree_first(&space->areas)); area != NULL; area = area_next(area))
        visit(area, context);
    mutex_unlock(&space->lock);
}

LOCAL void area_add_size(const struct area *area, void *context) { *(uint64_t *)context += area->end - area->start; }

uint64_t space_mapped_bytes(struct address_space *space)
{
    uint64_t bytes = 0;
    address_space_for_each_area(space, area_add_size, &bytes);
    return bytes;
}

LOCAL void space_destroy(struct address_space *space)
{
    mutex_lock(&space->lock);
    struct area *area;
    while ((area = area_of(tree_first(&space->areas))) != NULL) {
        space_drop_pages(space, area->start, area->end);
        tree_remove(&space->areas, &area->node);
        area_release(area);
    }
    mutex_unlock(&space->lock);
    if (!space->is_world)
        paging_destroy_root(space->root);
    kfree(space);
}

void space_put(struct address_space *space)
{
    if (__atomic_sub_fetch(&space->references, 1, __ATOMIC_ACQ_REL) == 0)
        space_destroy(space);
}

/* Reading and writing memory of a space that need not be the current one, and what a word there is shared with. Pages
 * are brought in as a fault would bring them. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <kernel/mm/private.h>
#include <lib/string.h>

int space_write(struct address_space *space, vaddr_t address, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        size_t chunk = MIN(size, PAGE_SIZE - address % PAGE_SIZE);
        int error = space_fault(space, address, true, false);
        if (error != 0)
            return error;
        pte_t entry = *paging_entry(space->root, ALIGN_DOWN(address, PAGE_SIZE), false);
        memcpy((char *)phys_to_virt(entry & PTE_ADDRESS) + address % PAGE_SIZE, bytes, chunk);
        address += chunk;
        bytes += chunk;
        size -= chunk;
    }
    return 0;
}

int space_read(struct address_space *space, vaddr_t address, void *data, size_t size)
{
    char *bytes = data;
    while (size > 0) {
        size_t chunk = MIN(size, PAGE_SIZE - address % PAGE_SIZE);
        int error = space_fault(space, address, false, false);
        if (error != 0)
            return error;
        mutex_lock(&space->lock); /* it may be unmapped by now */
        const pte_t *entry = paging_entry(space->root, ALIGN_DOWN(address, PAGE_SIZE), false);
        if (entry != NULL && (*entry & PTE_PRESENT))
            memcpy(bytes, (const char *)phys_to_virt(*entry & PTE_ADDRESS) + address % PAGE_SIZE, chunk);
        else
            error = -EFAULT;
        mutex_unlock(&space->lock);
        if (error != 0)
            return error;
        address += chunk;
        bytes += chunk;
        size -= chunk;
    }
    return 0;
}

bool space_key_of(struct address_space *space, vaddr_t address, struct space_key *key)
{
    mutex_lock(&space->lock);
    const struct area *area = space_find(space, address);
    *key = (struct space_key){ space, address };
    if (area != NULL && (area->flags & MAP_SHARED) && area->inode != NULL)
        *key = (struct space_key){ area->inode, (uint64_t)area->offset + (address - area->start) };
    mutex_unlock(&space->lock);
    return area != NULL;
}

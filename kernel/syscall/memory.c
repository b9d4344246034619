/* Syscalls on memory: mmap(2) and its family over kernel/mm/space.c. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <fs/tmpfs.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/inode.h>

#define PROTECTION_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
#define MAP_KNOWN                                                                                                    \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED \
     | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_FIXED_NOREPLACE)

/* May the file be mapped like this? A shared mapping that must never be writable gets SPACE_MAP_READ_ONLY. */
LOCAL int memory_check_file(const struct file *file, uint32_t protection, uint32_t *flags)
{
    uint32_t access = file->flags & O_ACCMODE;
    bool sealed = inode_is_sealed(file->inode, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    bool writes = (*flags & MAP_SHARED) && (protection & PROT_WRITE);
    if ((file->inode->mode & S_IFMT) != S_IFREG)
        return -ENODEV;
    if (access == O_WRONLY || (writes && access != O_RDWR))
        return -EACCES;
    if (writes && sealed)
        return -EPERM;
    if ((*flags & MAP_SHARED) && (access != O_RDWR || sealed))
        *flags |= SPACE_MAP_READ_ONLY;
    return 0;
}

/* Shared anonymous memory: a file without a name, so that the processes of a fork meet in it. */
LOCAL int64_t memory_map_shared(struct address_space *space, uint64_t address, uint64_t size, uint32_t protection,
                                uint32_t flags)
{
    struct inode *inode;
    int64_t result = tmpfs_create_unnamed(0600, &inode);
    if (result != 0)
        return result == -ENOSPC ? -ENOMEM : result;
    result = inode_truncate(inode, ALIGN_UP(size, PAGE_SIZE));
    if (result == 0)
        result = space_map(space, address, size, protection, flags, inode, 0, "/dev/zero (deleted)");
    inode_put(inode);
    return result;
}

struct memory_range { vaddr_t start, end; uint64_t covered; };

LOCAL void memory_add_covered(const struct area *area, void *context)
{
    struct memory_range *range = context;
    vaddr_t start = MAX(area->start, range->start), end = MIN(area->end, range->end);
    range->covered += start < end ? end - start : 0;
}

/* Whether every page of the range is mapped; an empty range is. */
LOCAL bool memory_is_mapped(uint64_t address, uint64_t size)
{
    struct memory_range range = { .start = address, .end = ALIGN_UP(address + size, PAGE_SIZE) };
    struct address_space *space = process_current()->space;
    if (!space_contains_range(space, address, size))
        return size == 0;
    address_space_for_each_area(space, memory_add_covered, &range);
    return range.covered == range.end - range.start;
}

/* RLIMIT_AS */
LOCAL bool memory_is_within_limit(struct process *process, uint64_t more)
{
    uint64_t limit = process_limit(RLIMIT_AS);
    return limit == RLIM64_INFINITY || (more <= limit && space_mapped_bytes(process->space) <= limit - more);
}

int64_t sys_mmap(uint64_t address, uint64_t size, uint32_t protection, uint32_t flags, int32_t fd, int64_t offset)
{
    struct process *process = process_current();
    if (protection & ~(uint32_t)PROTECTION_ALL)
        return -EINVAL;
    if (((flags & MAP_SHARED) != 0) == ((flags & MAP_PRIVATE) != 0) && (flags & MAP_SHARED_VALIDATE) != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if ((flags & ~(uint32_t)MAP_KNOWN) || (flags & MAP_HUGETLB))
        return -EINVAL;
    if (size == 0)
        return -EINVAL;
    if (ALIGN_UP(size, PAGE_SIZE) == 0)
        return -ENOMEM;
    if (!memory_is_within_limit(process, ALIGN_UP(size, PAGE_SIZE)))
        return -ENOMEM;
    if ((flags & MAP_ANONYMOUS) && (flags & MAP_SHARED) && !process->is_world)
        return memory_map_shared(process->space, address, size, protection, flags);
    if (flags & MAP_ANONYMOUS) {
        /* The world has no children that it could share memory with. */
        uint32_t kept = (flags & ~(uint32_t)MAP_SHARED) | MAP_PRIVATE;
        return space_map(process->space, address, size, protection, kept, NULL, 0, NULL);
    }
    if (offset < 0 || !IS_ALIGNED((uint64_t)offset, PAGE_SIZE))
        return -EINVAL;
    struct file *file = file_table_get(process->files, fd);
    if (file == NULL)
        return -EBADF;
    int64_t result = memory_check_file(file, protection, &flags);
    if (result == 0)
        result = space_map(process->space, address, size, protection, flags, file->inode, offset, NULL);
    file_put(file);
    return result;
}

int64_t sys_munmap(uint64_t address, uint64_t size)
{
    struct process *process = process_current();
    uint64_t end = address + ALIGN_UP(size, PAGE_SIZE);
    /* Nothing can be mapped below USER_SPACE_START, and Linux lets one say so. */
    if (!process->is_world && IS_ALIGNED(address, PAGE_SIZE) && address < USER_SPACE_START && size != 0 && end > address) {
        if (end <= USER_SPACE_START)
            return 0;
        address = USER_SPACE_START;
        size = end - address;
    }
    return space_unmap(process->space, address, size);
}

int64_t sys_mprotect(uint64_t address, uint64_t size, uint32_t protection)
{
    if (protection & ~(uint32_t)PROTECTION_ALL)
        return -EINVAL;
    return space_protect(process_current()->space, address, size, protection);
}

int64_t sys_brk(uint64_t end)
{
    struct process *process = process_current();
    if (end > process->space->heap_end && !memory_is_within_limit(process, end - process->space->heap_end))
        return (int64_t)process->space->heap_end;
    return (int64_t)space_set_heap_end(process->space, end);
}

int64_t sys_mremap(uint64_t address, uint64_t old_size, uint64_t new_size, uint32_t flags, uint64_t new_address)
{
    if (flags & ~(uint32_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    return space_remap(process_current()->space, address, old_size, new_size, flags, new_address);
}

int64_t sys_madvise(uint64_t address, uint64_t size, int32_t advice)
{
    if (!IS_ALIGNED(address, PAGE_SIZE))
        return -EINVAL;
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE: return space_discard(process_current()->space, address, size);
    case MADV_NORMAL: case MADV_RANDOM: case MADV_SEQUENTIAL: case MADV_WILLNEED: case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE: case MADV_DONTDUMP: case MADV_DODUMP: case MADV_DONTFORK: case MADV_DOFORK:
    case MADV_COLD:
        return memory_is_mapped(address, ALIGN_UP(size, PAGE_SIZE)) ? 0 : -ENOMEM; /* hints */
    default: return -EINVAL;
    }
}

int64_t sys_mincore(uint64_t address, uint64_t size, struct user_ptr result)
{
    struct address_space *space = process_current()->space;
    if (!IS_ALIGNED(address, PAGE_SIZE))
        return -EINVAL;
    if (size == 0)
        return 0;
    if (!user_range_is_possible(result, ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE))
        return -EFAULT;
    if (!memory_is_mapped(address, size))
        return -ENOMEM;
    for (uint64_t page = 0; page < ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE; page++) {
        const pte_t *entry = paging_entry(space->root, address + page * PAGE_SIZE, false);
        uint8_t resident = entry != NULL && (*entry & PTE_PRESENT);
        int error = copy_to_user(user_ptr_offset(result, page), &resident, 1);
        if (error != 0)
            return error;
    }
    return 0;
}

/* File mappings are the page cache itself: there is nothing to write back. */
int64_t sys_msync(uint64_t address, uint64_t size, uint32_t flags)
{
    if (!IS_ALIGNED(address, PAGE_SIZE) || ((flags & MS_ASYNC) && (flags & MS_SYNC))
        || (flags & ~(uint32_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)))
        return -EINVAL;
    return memory_is_mapped(address, size) ? 0 : -ENOMEM;
}

/* Memory is never paged out: every page is locked. */
int64_t sys_mlock(uint64_t address, uint64_t size)
{
    vaddr_t start = ALIGN_DOWN(address, PAGE_SIZE);
    return memory_is_mapped(start, size + (address - start)) ? 0 : -ENOMEM;
}
int64_t sys_munlock(uint64_t address, uint64_t size) { return sys_mlock(address, size); }

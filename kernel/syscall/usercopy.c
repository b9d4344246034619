/*
 * Usercopy: range checks here, the faulting instructions in entry.S. Kernel
 * threads have no caller memory: every pointer is bad for them.
 */
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/layout.h>
#include <kernel/log.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/syscall/usercopy_primitives.h>

/* Checks the range and opens ring-3 memory for supervisor access (SMAP). False: -EFAULT. */
LOCAL bool usercopy_begin(struct user_ptr pointer, uint64_t size)
{
    const struct process *process = process_current();
    if (process == NULL || !space_contains_range(process->space, pointer.address, size))
        return false;
    lock_check_may_sleep(); /* a page may have to be brought in */
    if (cpu_features.smap && !process->is_world)
        __asm__ volatile("stac" : : : "memory");
    return true;
}

bool user_range_is_possible(struct user_ptr pointer, size_t size)
{
    uint64_t end = pointer.address + size;
    return (end >= pointer.address && end <= USER_SPACE_END)
        || space_contains_range(process_current()->space, pointer.address, size);
}

LOCAL void usercopy_end(void)
{
    if (cpu_features.smap)
        __asm__ volatile("clac" : : : "memory");
}

LOCAL void *usercopy_address(struct user_ptr pointer) { return (void *)(uintptr_t)pointer.address; }

int copy_from_user(void *destination, struct user_ptr source, size_t size)
{
    if (size == 0)
        return 0;
    if (!usercopy_begin(source, size))
        return -EFAULT;
    uint64_t left = usercopy_bytes(destination, usercopy_address(source), size);
    usercopy_end();
    return left == 0 ? 0 : -EFAULT;
}

int copy_to_user(struct user_ptr destination, const void *source, size_t size)
{
    if (size == 0)
        return 0;
    if (!usercopy_begin(destination, size))
        return -EFAULT;
    uint64_t left = usercopy_bytes(usercopy_address(destination), source, size);
    usercopy_end();
    return left == 0 ? 0 : -EFAULT;
}

int clear_user(struct user_ptr destination, size_t size)
{
    if (size == 0)
        return 0;
    if (!usercopy_begin(destination, size))
        return -EFAULT;
    uint64_t left = usercopy_clear(usercopy_address(destination), size);
    usercopy_end();
    return left == 0 ? 0 : -EFAULT;
}

isize_t copy_string_from_user(char *destination, struct user_ptr source, size_t size)
{
    KASSERT(size > 0);
    /* The string may end right before the caller's memory does. */
    size_t limit = 0;
    const struct process *process = process_current();
    if (process == NULL)
        return -EFAULT;
    for (size_t left = size; left > 0; left = limit + left <= size ? left : size - limit)
        if (space_contains_range(process->space, source.address, limit + left))
            limit += left;
        else
            left /= 2;
    if (limit == 0 || !usercopy_begin(source, limit))
        return -EFAULT;
    int64_t length = usercopy_string(destination, usercopy_address(source), limit);
    usercopy_end();
    if (length < 0)
        return -EFAULT;
    if ((size_t)length == limit)
        return limit == size ? -ENAMETOOLONG : -EFAULT;
    return length;
}

int get_user_u32(uint32_t *value, struct user_ptr source)
{
    if (!usercopy_begin(source, sizeof *value))
        return -EFAULT;
    int error = usercopy_load32(value, usercopy_address(source));
    usercopy_end();
    return error == 0 ? 0 : -EFAULT;
}

int get_user_u64(uint64_t *value, struct user_ptr source) { return copy_from_user(value, source, sizeof *value); }
int put_user_u32(struct user_ptr destination, uint32_t value) { return copy_to_user(destination, &value, sizeof value); }
int put_user_u64(struct user_ptr destination, uint64_t value) { return copy_to_user(destination, &value, sizeof value); }

int user_compare_exchange_u32(struct user_ptr target, uint32_t expected, uint32_t desired, uint32_t *found)
{
    if (!usercopy_begin(target, sizeof expected))
        return -EFAULT;
    int error = usercopy_cmpxchg32(usercopy_address(target), expected, desired, found);
    usercopy_end();
    return error == 0 ? 0 : -EFAULT;
}

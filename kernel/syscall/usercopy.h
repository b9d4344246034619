/*
 * Access to the memory of a syscall's caller: a ring-3 program or the world.
 *
 * A pointer that came from a caller is a `struct user_ptr`, and only the
 * functions below dereference it. They check that the whole range belongs to
 * the caller (for the world: its own areas in the upper half, never the
 * kernel's) and recover from faults by the exception table, so any bad pointer
 * gives -EFAULT. Context: threads, no spinlock held (they may fault in pages).
 */
#ifndef KERNEL_SYSCALL_USERCOPY_H
#define KERNEL_SYSCALL_USERCOPY_H

#include <lib/user_ptr.h>

/* Can the range be the caller's, whatever is mapped? Linux refuses other ones before it looks at anything else. */
bool user_range_is_possible(struct user_ptr pointer, size_t size);

/* 0 or -EFAULT. On -EFAULT a part may have been copied. */
MUST_CHECK int copy_from_user(void *destination, struct user_ptr source, size_t size);
MUST_CHECK int copy_to_user(struct user_ptr destination, const void *source, size_t size);
MUST_CHECK int clear_user(struct user_ptr destination, size_t size);

/* Copies a NUL-terminated string of less than `size` bytes. Returns its length,
 * -EFAULT, or -ENAMETOOLONG when there is no NUL within `size` bytes. */
MUST_CHECK isize_t copy_string_from_user(char *destination, struct user_ptr source, size_t size);

MUST_CHECK int get_user_u32(uint32_t *value, struct user_ptr source);
MUST_CHECK int get_user_u64(uint64_t *value, struct user_ptr source);
MUST_CHECK int put_user_u32(struct user_ptr destination, uint32_t value);
MUST_CHECK int put_user_u64(struct user_ptr destination, uint64_t value);

/* Atomic: if *target == expected, store desired. *found gets the old value. 0 or -EFAULT. */
MUST_CHECK int user_compare_exchange_u32(struct user_ptr target, uint32_t expected, uint32_t desired, uint32_t *found);

#endif

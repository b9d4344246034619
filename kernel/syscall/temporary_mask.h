/*
 * The signal mask that ppoll, pselect6 and epoll_pwait have while they wait.
 *
 *     error = temporary_mask_set(mask, mask_size);     // a null mask: nothing to do
 *     result = ... wait ...;
 *     temporary_mask_end(mask, result);
 *
 * When a signal ended the wait, its handler still runs under the temporary
 * mask; delivery then restores the old one.
 */
#ifndef KERNEL_SYSCALL_TEMPORARY_MASK_H
#define KERNEL_SYSCALL_TEMPORARY_MASK_H

#include <lib/user_ptr.h>

/* 0, -EINVAL (size is not that of the kernel's mask), -EFAULT. */
MUST_CHECK int temporary_mask_set(struct user_ptr mask, uint64_t mask_size);
void temporary_mask_end(struct user_ptr mask, int64_t result);

#endif

/*
 * Futexes (futex(2)). Private ones (FUTEX_PRIVATE_FLAG) are known by address
 * space and address; others by the file when the memory is shared.
 */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include <lib/types.h>
#include <lib/user_ptr.h>

void futex_init(void);

/* Sleeps while *address == expected. `deadline` monotonic or WAIT_FOREVER.
 * 0 woken, -EAGAIN other value, -EINTR, -ETIMEDOUT, -EFAULT. */
MUST_CHECK int futex_wait(struct user_ptr address, bool is_private, uint32_t expected, uint32_t bits, nanos_t deadline);
/* Wakes up to `count` waiters whose bits overlap; how many, or -EFAULT. */
int futex_wake(struct user_ptr address, bool is_private, uint32_t count, uint32_t bits);
/* FUTEX_CMP_REQUEUE: wakes `wake`, moves up to `move` waiters to `target`. How many were woken or moved, or -E... */
int futex_requeue(struct user_ptr address, struct user_ptr target, bool is_private, uint32_t wake, uint32_t move,
                  bool compare, uint32_t expected);
/* FUTEX_WAKE_OP: changes *target as `encoded` says, wakes up to `wake` waiters at `address` and, if the old value
 * compares, up to `wake_target` at `target`. How many were woken, -EFAULT, or -ENOSYS for an unknown operation. */
MUST_CHECK int futex_wake_and_change(struct user_ptr address, struct user_ptr target, bool is_private, uint32_t wake,
                                     uint32_t wake_target, uint32_t encoded);

#endif

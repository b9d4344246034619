/* Conversions between the ABI's times and nanos_t. */
#ifndef KERNEL_SYSCALL_TIMESPEC_H
#define KERNEL_SYSCALL_TIMESPEC_H

#include <abi/structs.h>
#include <lib/types.h>
#include <lib/user_ptr.h>

/* Reads a struct timespec. -EFAULT, or -EINVAL for a negative or denormal one. Huge values are clamped. */
MUST_CHECK int timespec_read(struct user_ptr source, nanos_t *out);
/* The same as a point of the monotonic clock, that long from now. */
MUST_CHECK int timespec_to_deadline(struct user_ptr source, nanos_t *deadline);
MUST_CHECK int timespec_write(struct user_ptr target, nanos_t time);
/* -EINVAL for a negative or denormal one. */
MUST_CHECK int timeval_to_nanos(const struct abi_timeval *value, nanos_t *out);
struct abi_timeval timeval_from_nanos(nanos_t time);

#endif

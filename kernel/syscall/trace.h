/*
 * Records of system calls for a traced process (kernel/proc/trace.h): number, arguments, result, and what the
 * arguments point to by the table's types. Context: the calling thread, interrupts on, no lock held.
 */
#ifndef KERNEL_SYSCALL_TRACE_H
#define KERNEL_SYSCALL_TRACE_H

#include <lib/types.h>

void syscall_trace_enter(uint64_t number, const uint64_t arguments[6]);
void syscall_trace_exit(uint64_t number, const uint64_t arguments[6], int64_t result);

#endif

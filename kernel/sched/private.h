/* What thread.c and thread_life.c share. */
#ifndef KERNEL_SCHED_PRIVATE_H
#define KERNEL_SCHED_PRIVATE_H

#include <kernel/sched/thread.h>

/* A new thread with a stack, a number and two references (the caller's, and its own while it lives), in the list of all, without
 * anything to run. NULL: no memory. */
MUST_CHECK struct thread *thread_allocate(const char *name);
/* What context_switch() pops from its stack: r15 r14 r13 r12 rbx rbp rip. */
void thread_push_context(struct thread *thread, void (*entry)(void), uint64_t rbx, uint64_t r12);
/* The first thread: before any lock can be taken. */
void thread_list_begin(struct thread *boot);

#endif

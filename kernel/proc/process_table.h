/* What process.c offers to the other files of kernel/proc. */
#ifndef KERNEL_PROC_PROCESS_TABLE_H
#define KERNEL_PROC_PROCESS_TABLE_H

#include <lib/compiler.h>
#include <stdint.h>

struct process;
struct thread;

#define PROCESS_GROUP_ANY (-1) /* process_for_each_in_group(): every process */

/* A process without threads or address space, in the table. */
struct process *process_create(int32_t pid, const char *name);
void process_add_thread(struct process *process, struct thread *thread);

/* Process 1 has ended with this wait status (wait(2)); called by its last thread. */
void world_ended(int status);

#endif

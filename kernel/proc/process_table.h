/* What the files of kernel/proc offer to each other. */
#ifndef KERNEL_PROC_PROCESS_TABLE_H
#define KERNEL_PROC_PROCESS_TABLE_H

#include <kernel/proc/process.h>
#include <kernel/time/time.h>

/* A timer of a process knows whose it is. */
struct process_timer {
    struct timer timer;
    struct process *process; /* no reference: the timer is cancelled before the process goes */
};

/* The lock of the table, the tree, groups and sessions. */
MUST_CHECK irq_flags_t process_table_lock(void);
void process_table_unlock(irq_flags_t flags);

/* The table's lock held: calls `visit` for every process; is this group orphaned, and one of it stopped? */
void process_for_each_locked(void (*visit)(struct process *process, void *context), void *context);
bool process_group_is_stopped_orphan(int32_t group);

/* A process without pid, threads, files or address space, not in the table; one reference. NULL: no memory. */
MUST_CHECK struct process *process_create(const char *name);
/* Puts it in the table, as a child of `parent` (NULL: nobody's). */
void process_publish(struct process *process, struct process *parent);
void process_add_thread(struct process *process, struct thread *thread);
/* Takes a zombie out of the table. The table's lock held; the caller drops the table's reference afterwards. */
void process_unlink(struct process *process);

/* A child stopped, went on or ended: tells the parent by SIGCHLD and wakes it. The table's lock held. */
void process_notify_parent(struct process *process, int code, int status);
/* It does not use its parent's memory any more: execve(2) or the end. */
void process_release_vfork(struct process *process);

/* cpu_limit.c: RLIMIT_CPU was set, or inherited. The process is the caller's, or does not run yet, or its lock is held. */
void process_watch_cpu_time(struct process *process);

/* Waits until nobody looks at what was the process's and is taken from it. */
void process_wait_for_visitors(struct process *process);

/* Process 1 has ended with this wait status (wait(2)); called by its last thread. */
void world_ended(int status);

/* exec.c: writes 0 to clear_child_tid and wakes who waits there; deals with the list of robust futexes. */
void process_release_thread_memory(struct thread *thread);

#endif

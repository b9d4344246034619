/*
 * Signals. Numbers are the Linux ABI's (generated <abi/signal.h>). Delivery
 * happens when a thread returns to its own code (world or ring 3).
 */
#ifndef KERNEL_PROC_SIGNAL_H
#define KERNEL_PROC_SIGNAL_H

#include <lib/types.h>

struct process;
struct thread;

/* To every process of the group; 0 or -ESRCH. Context: any (interrupt handlers included). */
int signal_send_group(int32_t process_group, int signal);
/* To one process (any of its threads takes it). */
int signal_send_process(struct process *process, int signal);
/* To one thread; the caller holds a reference of it and, unless it is the current one, of its process. */
void signal_send_thread(struct thread *thread, int signal); /* as if it had sent it itself */ /* as if it had sent it itself */

/* Is an unblocked signal waiting for the current thread? */
bool signal_is_pending(void);
/* Is `signal` the one that waits, or one of them, and not blocked? */
bool signal_is_waiting(int signal);
/* `signal` was acted upon in another way: it waits no longer. Not for real-time signals, which queue. */
void signal_forget(int signal);

#endif

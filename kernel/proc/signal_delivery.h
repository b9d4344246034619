/*
 * Signal actions, queues and delivery frames.
 *
 * Sending marks the signal pending (for a thread or its process), sets
 * signal_check of a thread that may take it, and wakes it. trap_prepare_return()
 * calls signal_deliver() while signal_check is set; that either ends the process
 * or writes a frame as Linux does (below the red zone) and points the trap
 * frame at the handler.
 */
#ifndef KERNEL_PROC_SIGNAL_DELIVERY_H
#define KERNEL_PROC_SIGNAL_DELIVERY_H

#include <abi/signal.h>
#include <abi/structs.h>
#include <kernel/sched/thread.h>
#include <lib/list.h>

struct trap_frame;

#define SIGNAL_COUNT 64
#define SIGNAL_FIRST_REAL_TIME 32
#define SIGNAL_QUEUE_MAX 1024 /* real-time signals that wait behind another of their number, in one process */

struct signal_state {
    struct spinlock lock;
    /* lock */
    struct abi_sigaction actions[SIGNAL_COUNT];
    uint64_t pending;                         /* for the process as a whole */
    struct abi_siginfo info[SIGNAL_COUNT];    /* of the pending ones; the first sender's */
    struct list queue;                        /* struct signal_entry: further real-time signals, in the order of sending */
    unsigned queued;
};

MUST_CHECK struct signal_state *signal_state_create(void);
void signal_state_destroy(struct signal_state *state);
/* The actions of `from` for a new process, nothing pending; `clear`: handlers become the default (CLONE_CLEAR_SIGHAND). */
void signal_state_copy(struct signal_state *to, struct signal_state *from, bool clear);
/* execve(2): handlers become the default, what is ignored stays so. */
void signal_state_reset(struct signal_state *state);
/* Does the parent with these actions not want to wait for its children (SIGCHLD ignored, SA_NOCLDWAIT), or not to
 * hear of their stops (SA_NOCLDSTOP)? */
bool signal_children_are_unwanted(struct signal_state *state);
bool signal_child_stops_are_unwanted(struct signal_state *state);
/* Would the process ignore `signal`, or does the current thread block it? For the tty's job control. */
bool signal_is_ignored_or_blocked(int signal);

/* A fault of the current thread: the signal cannot be ignored or blocked. `frame` is where it happened. */
void signal_force(struct trap_frame *frame, int signal, int code, uint64_t address);

/* Acts on one pending signal of the current thread. Interrupts on. */
void signal_deliver(struct trap_frame *frame);

/* Remembers that the syscall that is returning was interrupted, so that SA_RESTART can restart it. */
void signal_note_syscall_result(struct trap_frame *frame, uint64_t number, int64_t result);

/* Restores the frame that a handler returns from. 0 or -EFAULT. */
MUST_CHECK int signal_return(struct trap_frame *frame);

/* Changes the mask of the current thread and looks whether something became deliverable. */
void signal_set_mask(uint64_t mask);
/* Waits until one of `mask` is pending for the current thread, takes it into *info; `deadline` monotonic.
 * The signal, -EAGAIN at the deadline, -EINTR for another signal. */
int signal_wait(uint64_t mask, struct abi_siginfo *info, nanos_t deadline);
uint64_t signal_pending_set(void);

/* Sends with full siginfo. 0, -EINVAL; -EAGAIN: too many real-time signals wait already. */
int signal_send_process_info(struct process *process, int signal, const struct abi_siginfo *info);
/* To one thread; the information is the first sender's. */
void signal_send_thread_info(struct thread *thread, int signal, const struct abi_siginfo *info);
/* Drops what waits for `thread` alone, which is leaving. */
void signal_forget_thread(struct thread *thread);

#define SIGNAL_BIT(signal) (1ULL << ((signal) - 1))

#endif

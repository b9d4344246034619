/*
 * Tracing of system calls: /dev/trace.
 *
 * An open file of it is a session. Lines written to it say what is traced:
 *     trace PID     that process (EBUSY: another session has it, ESRCH: there is none)
 *     follow        processes that traced ones make are traced, too
 *     except TID    that thread is not: for whoever would see himself show the trace
 * read(2) gives struct trace_record (abi/trace.h), waits for the first, and is at the end when all processes that were
 * traced have ended. Closing ends the tracing; the processes go on. Only root may open it.
 *
 * A program waits while the session has no room; the world never waits: its records are dropped, and their number
 * is in the next one. The cost without tracing is one look at process->trace per call.
 *
 * Context: threads, no spinlock held, unless told otherwise.
 */
#ifndef KERNEL_PROC_TRACE_H
#define KERNEL_PROC_TRACE_H

#include <abi/trace.h>
#include <kernel/proc/process.h>

struct abi_siginfo;

/* Boot step: registers /dev/trace. */
void trace_init(void);

static inline bool trace_is_on(const struct process *process)
{
    return __atomic_load_n(&process->trace, __ATOMIC_RELAXED) != NULL;
}

/* Gives the record to the session of the current process; fills in time, who, and what was lost. */
void trace_push(struct trace_record *record);

/* The current thread takes a signal; the current process ends with this status (wait(2)). */
void trace_signal(const struct abi_siginfo *info);
void trace_end(int status);

/* `child` is new, and not yet known to anybody. */
void trace_inherit(struct process *child, const struct process *parent);
/* A process is freed. Context: any. */
void trace_forget(struct process *process);

#endif

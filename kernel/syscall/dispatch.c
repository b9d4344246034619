/*
 * The syscall entry in C: looks the number up in the generated table, calls,
 * and stores the result. A number without an implementation gives ENOSYS, is
 * counted, and logged once for each program's name.
 */
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/proc/trace.h>
#include <kernel/syscall/trace.h>

/* Pairs of a program's name and a call's number that were logged, as hashes; 0: free. */
static uint64_t missing_logged[512];

/* Is it the first time that a program of this name makes this call? A full table: no more, so that nobody floods the log. */
LOCAL bool syscall_is_news(const char *program, uint64_t number)
{
    uint64_t hash = 0xcbf29ce484222325ULL ^ number;
    for (; *program != 0; program++)
        hash = (hash ^ (uint8_t)*program) * 0x100000001b3ULL; /* FNV-1a */
    hash |= 1;
    for (unsigned i = 0; i < ARRAY_COUNT(missing_logged); i++) {
        uint64_t *slot = &missing_logged[(hash / 2 + i) % ARRAY_COUNT(missing_logged)], seen = 0;
        if (__atomic_compare_exchange_n(slot, &seen, hash, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
        if (seen == hash)
            return false;
    }
    return false;
}

LOCAL void syscall_note_missing(uint64_t number)
{
    struct process *process = process_current();
    bool exists = number < SYSCALL_COUNT;
    if (exists) {
        uint64_t bit = 1ULL << number % 64;
        uint64_t old = __atomic_fetch_or(&process->missing_logged[number / 64], bit, __ATOMIC_RELAXED);
        __atomic_add_fetch(&process->missing_calls, 1, __ATOMIC_RELAXED);
        if (old & bit)
            return;
    }
    if (!syscall_is_news(process->name, number))
        return;
    if (!exists)
        klog(LOG_NOTICE, "syscall", "%s calls number %llu, which does not exist", process->name,
             (unsigned long long)number);
    else
        klog(LOG_NOTICE, "syscall", "%s calls %s (%llu), which is missing: ENOSYS", process->name,
             syscall_table[number].name != NULL ? syscall_table[number].name : "?", (unsigned long long)number);
}

/* From entry.S, interrupts off, on the thread's kernel stack. */
void syscall_dispatch(struct trap_frame *frame)
{
    struct thread *me = thread_current();
    me->role = THREAD_IN_KERNEL;
    me->user_frame = frame;
    me->restarted = me->restart_begins;
    me->restart_begins = false;
    __asm__ volatile("sti" : : : "memory");
    uint64_t number = frame->error;
    const uint64_t arguments[6] = { frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9 };
    int64_t result = -ENOSYS;
    if (trace_is_on(me->process))
        syscall_trace_enter(number, arguments);
    if (number < SYSCALL_COUNT && syscall_table[number].function != NULL)
        result = syscall_table[number].function(arguments);
    else
        syscall_note_missing(number);
    if (trace_is_on(me->process))
        syscall_trace_exit(number, arguments, result);
    if (frame->vector == VECTOR_SYSCALL)
        frame->rax = (uint64_t)result; /* rt_sigreturn has put a whole frame there */
    if (me->signal_check)
        signal_note_syscall_result(frame, number, result);
    me->user_frame = NULL;
}

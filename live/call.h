/*
 * Calls through tables of functions that may hold live ones: file_ops, inode_ops, a driver's methods, callbacks.
 *
 *     result = LIVE_CALL(file->ops->read, -EFAULT, file, io, &position);
 *
 * A function of the kernel is called as if the macro was not there, a pointer to what is no code is refused. A live one is called under a guard: when it faults, or returns with a
 * lock held, or preemption or interrupts changed, the caller gets the failure value, the fault is in the log, and that version of the function is
 * switched off: it is not entered again, its callers get the failure value. Defining it anew switches the new version on.
 *
 * At most eight words of arguments, integers and pointers, evaluated once; none of them makes a LIVE_CALL. Results of at most one word.
 * Context: that of the function. Costs a comparison for functions of the kernel, and about 600 bytes of stack for live ones.
 */
#ifndef LIVE_CALL_H
#define LIVE_CALL_H

#include <arch/x86_64/layout.h>
#include <live/guard.h>

/* A call that is under way. Lies on the stack of the caller. */
struct live_table_call {
    struct live_patch_call call; /* first */
    uint64_t function;           /* what the table holds */
    uint64_t code;               /* its version */
    uint32_t held_count, preempt_count, irqs;
};

#ifdef POLYGLOT_KERNEL
#define LIVE_CALL(function, failure, ...)                                                                     \
    ({                                                                                                        \
        uint64_t live_address_ = (uint64_t)(uintptr_t)(function);                                             \
        struct live_table_call live_call_;                                                                    \
        if (UNLIKELY(live_call_is_needed(live_address_)))                                                     \
            live_address_ = live_call_prepare(&live_call_, live_address_, (uint64_t)(failure));               \
        ((__typeof__(function))(uintptr_t)live_address_)(__VA_ARGS__);                                        \
    })
#else /* tests on the host, and live code itself, which has a guard already */
#define LIVE_CALL(function, failure, ...) ((function)(__VA_ARGS__))
#endif

/* For who calls by other means: is that version switched off; switch it off. `function`: address of the function. Context: any. */
bool live_call_is_off(uint64_t function);
void live_call_switch_off(uint64_t function);

/* --- the macro's ------------------------------------------------------------------------------- */

extern uint64_t live_test_text_start, live_test_text_size; /* code of tests that counts as live */

/* Is it anything but a function of the kernel? */
static inline bool live_call_is_needed(uint64_t function)
{
    return function - KERNEL_IMAGE_BASE >= KERNEL_IMAGE_END - KERNEL_IMAGE_BASE
        || function - live_test_text_start < live_test_text_size;
}

/* Where to jump with the arguments: a way through the guard, or to what returns the failure value. */
uint64_t live_call_prepare(struct live_table_call *call, uint64_t function, uint64_t failure);

#endif

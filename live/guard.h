/*
 * Guarded calls into live code. See docs/live.md, "Guards".
 *
 *   world:   live_enter (guard.S), reached with R10 = struct live_call; all argument registers and
 *            `stack_bytes` of stack arguments as for the target
 *   kernel:  live_guarded_call(), or a patch's trampoline
 */
#ifndef LIVE_GUARD_H
#define LIVE_GUARD_H

#include <lib/types.h>

struct trap_frame;
struct thread;

enum live_fault_kind {
    LIVE_FAULT_NONE = 0,
    LIVE_FAULT_READ = 1,          /* page fault; `address` is the one that was read */
    LIVE_FAULT_WRITE = 2,
    LIVE_FAULT_EXECUTE = 3,       /* a jump to what is no code */
    LIVE_FAULT_DIVIDE = 4,
    LIVE_FAULT_INVALID_OPCODE = 5,
    LIVE_FAULT_GENERAL_PROTECTION = 6, /* misaligned SSE access, non-canonical address, privileged misuse */
    LIVE_FAULT_STACK_OVERFLOW = 7,
    LIVE_FAULT_FLOATING_POINT = 8,
    LIVE_FAULT_BREAKPOINT = 9,
    LIVE_FAULT_HEAP = 10,         /* double free, damaged block: found by the live heap */
    LIVE_FAULT_ABORT = 11,        /* abort(), a Rust or Zig panic; `text` says more */
    LIVE_FAULT_EXIT = 12,         /* exit(); `address` is the status */
    LIVE_FAULT_INTERRUPTED = 13,  /* Ctrl-C */
    LIVE_FAULT_TIME_LIMIT = 14,
    LIVE_FAULT_LOCK_HELD = 15,    /* it returned with a lock held; `text` names it */
    LIVE_FAULT_IRQS_OFF = 16,     /* it kept, or left, interrupts off too long */
    LIVE_FAULT_CONTEXT = 17,      /* a function was called where it must not be; `text` names it */
    LIVE_FAULT_CALLBACK = 18,     /* a world function that was called raised: the world knows the exception */
};

#define LIVE_FAULT_FRAMES 24
#define LIVE_FAULT_TEXT 160

struct live_fault {
    uint32_t kind;            /* enum live_fault_kind */
    uint32_t frame_count;
    uint64_t address;
    uint64_t frames[LIVE_FAULT_FRAMES]; /* where it happened, then return addresses outwards up to the guard */
    uint64_t locks_released;  /* how many locks it held */
    uint64_t module;          /* of the innermost live frame; 0: none */
    int32_t thread;
    uint32_t cpu;
    char text[LIVE_FAULT_TEXT];
};

/* What live_enter is given in R10. Lies in the world's memory. */
struct live_call {
    uint64_t target;          /* address of the function (stub or code) */
    uint64_t stack_bytes;     /* of stack arguments, a multiple of 8 */
    uint64_t time_limit;      /* nanoseconds; 0: none */
    uint64_t status;          /* out: enum live_fault_kind; NONE: it returned */
};

/* For kernel code that calls a function pointer which may be live: timers, interrupt handlers, threads, drivers.
 * Calls function(a, b) under a guard when it is live (live_is_text), else plainly. 0, or the fault's kind: it was logged; the caller
 * disables the offender. *result (may be NULL): what it returned. Context: that of the caller. */
uint32_t live_guarded_call(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result,
                           const char *what);

/* From trap.c, for a fault in the kernel role: true when a guard caught it; the frame then resumes at its exit. */
bool live_fault_caught(struct trap_frame *frame, uint32_t kind, uint64_t address);
/* From live code's library: abort(), heap checks, exit(): ends the innermost guarded call. False: there is none. */
bool live_fault_raise(uint32_t kind, uint64_t address, const char *text);

#endif

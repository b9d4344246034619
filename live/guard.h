/*
 * Guarded calls into live code. See docs/live.md, "Guards".
 *
 *   world:   live_enter (guard.S), reached with R10 = struct live_call; all argument registers and
 *            `stack_bytes` of stack arguments as for the target
 *   kernel:  live_guarded_call(), or a patch's trampoline by live_patch_enter
 *   live:    live_world_gate, back to the world
 */
#ifndef LIVE_GUARD_H
#define LIVE_GUARD_H

#include <kernel/time/time.h>
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

enum live_guard_kind {
    LIVE_GUARD_WORLD = 1,   /* live_enter: called by the world, on the live stack */
    LIVE_GUARD_KERNEL = 2,  /* live_guarded_call */
    LIVE_GUARD_PATCH = 3,   /* live_patch_enter */
    LIVE_GUARD_BARRIER = 4, /* live_world_gate: code of the world runs, its faults are its own */
    LIVE_GUARD_THREAD = 5,  /* live_run_thread: a kernel thread of live code */
};

/* A border into live code: what is in force again when the call ends by a fault. Lies on the stack of the call; all of the
 * fault's work has ended when it is left. Offsets known to arch/x86_64/live.S. */
struct live_guard {
    struct live_guard *outer;
    uint64_t resume;          /* where a fault goes on, with RSP = this guard and interrupts off */
    uint64_t rsp;             /* of the caller */
    uint64_t rbp, rbx, r12, r13, r14, r15;
    struct live_fault *fault; /* where the fault is noted */
    uint64_t call;            /* struct live_call or struct live_patch_call; a barrier: the world function */
    uint64_t live_rsp;        /* thread->live_rsp as it was */
    nanos_t deadline;         /* monotonic; 0: none */
    uint32_t kind;            /* enum live_guard_kind */
    uint32_t mxcsr;
    uint32_t x87_control;
    uint32_t held_count;
    uint32_t held_floor;
    uint32_t preempt_count;
    uint32_t irqs;            /* RFLAGS_IF, or 0 */
    uint32_t ticks;           /* of the watchdog, that found its live code running */
    uint64_t arguments[7];    /* a patch: RDI RSI RDX RCX R8 R9 RAX */
    void *fpu_area;           /* of the kernel's guards: where the call's FPU state is kept; NULL: it has used none */
    uint32_t fpu_set;         /* this guard has set thread->fpu_trap */
    uint64_t function;        /* what was called (stub or code); 0: see `call` */
    uint64_t reserved;        /* the size is a multiple of 16 */
};

/* What a thread has that calls live code from the world, or a kernel thread that is live code. */
struct live_thread {
    uint64_t base, top;       /* the live stack: lowest mapped byte, first one above; 0: a kernel thread, which has none */
    struct live_fault fault;  /* the last one */
    bool fault_is_new;        /* not taken yet */
    struct timer timer;       /* the next deadline, or the next look at a pending stop; armed by the thread itself */
    struct thread *thread;
    uint64_t stopped_return;  /* the return address that live_stop_at_return replaced */
};

#define LIVE_STACK_SIZE (256 * 1024)

/*
 * For kernel code that calls a function pointer which may be live: timers, interrupt handlers, threads, drivers.
 * Calls function(a, b) under a guard when it is live (live_is_text), else plainly. 0, or the fault's kind: it was logged; the caller
 * disables the offender. *result (may be NULL): what it returned. Context: that of the caller.
 */
uint32_t live_guarded_call(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result,
                           const char *what);

/*
 * A guard for trampolines of replaced kernel functions and of drivers' methods: jump to live_patch_enter with R11 = a struct
 * live_patch_call and everything else as the caller left it (arguments in registers, `stack_bytes` of them on the stack, the return
 * address at RSP). It calls `target` and returns what that returned (RAX and RDX). Context: any. Costs about 500 bytes of stack.
 */
struct live_patch_call {
    uint64_t target;          /* the code to call; read once per call */
    uint64_t failure_value;   /* what the direct caller gets after a fault */
    uint64_t stack_bytes;     /* of arguments on the stack, a multiple of 8 */
    /* After a fault, in the context of the call (interrupts off if they were), before the fault is logged; NULL: nothing to do. Returns the
     * address of code that is run instead with the same arguments, or 0: the failure value is returned. */
    uint64_t (*faulted)(struct live_patch_call *call, const struct live_fault *fault);
    const char *name;         /* for the log */
};
void live_patch_enter(void);

/*
 * live_world_gate (live/live.h) is live code's way to the functions of the world: back to the world's stack and role for
 * the call. Faults with LIVE_FAULT_CONTEXT where that must not be: no call from the world is the innermost, a lock is
 * held, preemption or interrupts are off. At most 128 bytes of arguments on the stack.
 */

/* From thread_run(): the whole of a kernel thread. */
void live_run_thread(void (*function)(void *), void *argument);

/* arch/x86_64/live.S; the world's way in, see above. */
void live_enter(void);

/* From trap.c, for a fault in the kernel role: true when a guard caught it; the frame then resumes at its exit. Interrupts off. */
bool live_fault_caught(struct trap_frame *frame, uint32_t kind, uint64_t address);
/* The same with the kind that the frame's vector says; `overflow`: the frame had no room on its stack. */
bool live_trap_caught(struct trap_frame *frame, uint64_t address, bool overflow);
/* From trap.c, for "no FPU" in the kernel role: true when live code used the FPU for the first time in this call, and may now. Interrupts off. */
bool live_fpu_trapped(struct trap_frame *frame);
/* At boot, for each CPU: room for what its live code may have in the FPU. 0 or -ENOMEM. */
MUST_CHECK int live_fpu_add_cpu(void);
/* From thread_put(): it ended inside of live code that had used the FPU. */
void live_fpu_end_thread(struct thread *thread);
/* A page fault of live code, or of kernel code that it called, on an address of the world: may it be resolved as the world's own? */
bool live_may_fault_in(const struct trap_frame *frame, uint64_t address);
/* From trap.c, on the way back to the kernel role, interrupts off: thread->live_stop is set. */
void live_stop_here(struct trap_frame *frame);
/* From trap.c, in an NMI: does live code run for too long where nothing else can end it? Never faults, takes no lock. */
void live_watchdog_tick(struct trap_frame *frame);
/* From live code's library: abort(), heap checks, exit(): ends the innermost guarded call. False: there is none. */
bool live_fault_raise(uint32_t kind, uint64_t address, const char *text);
/* Is `address` live code, for the guard? live_is_text(), or the text of a test. */
bool live_is_code(uint64_t address);

/* LIVE_PREPARE: the current thread gets a live stack. 0 or -ENOMEM. Context: thread. */
MUST_CHECK int live_prepare_thread(void);
/* From thread_put(). */
void live_free_thread(struct live_thread *live);
/* LIVE_TAKE_FAULT: the last fault of this thread, once. 0 or -ENOENT. */
MUST_CHECK int live_take_fault(struct live_fault *fault);
/* LIVE_STOP: the live call of that thread of the caller's process ends with LIVE_FAULT_INTERRUPTED. Or that kernel thread of live code ends: waits
 * for it, two seconds at most (-EBUSY: it is in a function of the kernel, and ends when that returns; -EINTR). 0 or -ESRCH. */
MUST_CHECK int live_stop_thread(int32_t id);
/* The world's callback raised: the gate that called it ends the live call with this kind (LIVE_FAULT_CALLBACK). */
void live_fail_on_return(uint32_t kind);

#endif

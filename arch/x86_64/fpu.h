/*
 * FPU state: x87, SSE and AVX registers.
 *
 * Threads of the world and of ring 3 own such state (thread->fpu), which is saved whenever they stop running and loaded lazily. The
 * kernel's own code never touches these registers. Live code may, in any context: docs/live.md, "Floating point". While a call of
 * live code by the kernel has not used them yet, thread->fpu_trap is set and so is CR0.TS: the first use traps
 * (live_fpu_taken, live/fpu.c), and the registers get a home of their own, thread->fpu_live, until that call ends.
 *
 * Whatever the registers hold for the running thread goes to fpu_home() when it is switched. What its program owns is
 * reached by fpu_fetch_own() and fpu_set_own() only: it may be in the registers or in memory.
 */
#ifndef ARCH_FPU_H
#define ARCH_FPU_H

#include <lib/types.h>

struct thread;

void fpu_init(void);                 /* captures the clean state */
MUST_CHECK void *fpu_alloc(void);    /* a clean area, 64-byte aligned; NULL: no memory. Context: as object_alloc() */
void fpu_free(void *area);
void fpu_copy(void *destination, const void *source);
const void *fpu_clean_state(void);

/* The registers <-> an area. CR0.TS is clear. */
void fpu_save(void *area);
void fpu_restore(const void *area);
/* What a program begins with: x87 empty, all exceptions masked. XMM registers stay. */
void fpu_reset(void);
/* CR0.TS, on this CPU. */
void fpu_set_trap(bool trap);

/* Where the thread's registers are kept while it does not run; NULL: nowhere, it has none. */
void *fpu_home(const struct thread *thread);
/* The area of the current thread's program (thread->fpu), up to date. Until the thread is switched: interrupts off. */
void *fpu_fetch_own(void);
/* The current thread's program has this state from now on. Interrupts off. */
void fpu_set_own(const void *state);
/* In the scheduler: the registers and CR0.TS become `next`'s. Interrupts off. */
void fpu_switch(struct thread *previous, struct thread *next);

#endif

/* What the files of the guard share: guard.c, stop.c, locks.c, arch/x86_64/live.S. */
#ifndef LIVE_PRIVATE_H
#define LIVE_PRIVATE_H

#include <live/guard.h>

/* arch/x86_64/live.S */
uint64_t live_guard_run(struct live_guard *guard, uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b,
                        uint64_t *result);
NORETURN void live_resume(struct live_guard *guard); /* leaves the guard's call as a fault does */
void live_stop_landing(void);
void live_stop_at_return(void);

/* guard.c, for live.S */
struct live_patch_outcome { uint64_t instead, value; }; /* RAX, RDX */
uint64_t live_refuse_call(struct live_call *call);
void live_check_return(struct live_guard *guard);
NORETURN void live_refuse_gate(const uint64_t *slot);
void live_check_callback(uint64_t function);
struct live_patch_outcome live_patch_ended(struct live_guard *guard);
/* stop.c, for live.S */
void live_limit_call(struct live_guard *guard, nanos_t limit);
NORETURN void live_stop_landed(uint32_t kind, uint64_t rip, uint64_t rsp, uint64_t rbp);
NORETURN void live_stop_returned(uint64_t rsp, uint64_t rbp);

/* fpu.c: the two ends of a guard of the kernel; live.S does the same for a patch whose call used no FPU. */
void live_fpu_enter(struct live_guard *guard);
void live_fpu_leave(struct live_guard *guard);

/* guard.c */
const char *live_fault_name(uint32_t kind);
struct live_guard *live_guard_in_force(const struct thread *thread);
void live_end_call(struct live_guard *guard, uint32_t kind, uint64_t address, const char *text, uint64_t rip, uint64_t rsp,
                   uint64_t rbp);
void live_set_test_text(uint64_t start, uint64_t end); /* tests: code there counts as live */

/* stop.c: time limits of the calls from `guard` outwards are watched, others no more. */
void live_limits_restart(struct thread *me, const struct live_guard *guard);
/* Why the current call of this thread is to end, NONE: it is not. Takes the reason: a SIGINT is pending no longer. */
uint32_t live_stop_reason(struct thread *me);

/* locks.c: releases what was locked since the guard, as its class declares; panics where that is fatal. How many there were. */
uint64_t live_locks_release(struct thread *me, const struct live_guard *guard, struct live_fault *fault);

#endif

/* What the files of the guard share: guard.c, stop.c, locks.c, arch/x86_64/live.S. */
#ifndef LIVE_PRIVATE_H
#define LIVE_PRIVATE_H

#include <live/guard.h>

/* arch/x86_64/live.S */
uint64_t live_guard_run(struct live_guard *guard, uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b,
                        uint64_t *result);
NORETURN void live_resume(struct live_guard *guard); /* leaves the guard's call as a fault does */
struct live_table_call;
void live_call_gate(void);    /* where a call that live_call_prepare() allowed goes, and one that it refused */
void live_call_refused(void);
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

/* call.c, for live.S */
uint64_t live_call_returned(struct live_table_call *call, uint64_t value);
uint64_t live_call_refuse(const struct live_table_call *call);

/* guard.c */
void live_log_fault(const struct live_fault *fault, const char *what);
/* What a call left behind that it should not have; NONE: nothing. Kinds, with a text. */
uint32_t live_find_leftovers(const struct live_guard *guard, bool irqs_on, char *text, size_t size);
const char *live_fault_name(uint32_t kind);
struct live_guard *live_guard_in_force(const struct thread *thread);
void live_end_call(struct live_guard *guard, uint32_t kind, uint64_t address, const char *text, uint64_t rip, uint64_t rsp,
                   uint64_t rbp);
void live_set_test_text(uint64_t start, uint64_t end); /* tests: code there counts as live */

/* The same as live_guarded_call() with a guard of that kind. */
uint32_t live_guarded_call_of(enum live_guard_kind kind, uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b,
                              uint64_t *result, const char *what);
/* Can the word at `address` be read as part of the guarded call's stack? Below the guard, above the stack's end. */
bool live_in_call(const struct thread *me, const struct live_guard *guard, uint64_t address);

/* threads.c */
bool live_is_kernel_thread(const struct thread *thread);
int live_stop_kernel_thread(struct thread *thread);
/* stop.c */
void live_thread_init(struct live_thread *live, struct thread *thread);
/* Its live call is to end as soon as live code is what runs. */
void live_ask_to_stop(struct thread *thread);

/* stop.c: time limits of the calls from `guard` outwards are watched, others no more. */
void live_limits_restart(struct thread *me, const struct live_guard *guard);
/* Why the current call of this thread is to end, NONE: it is not. Takes the reason: a SIGINT is pending no longer. */
uint32_t live_stop_reason(struct thread *me);

/* locks.c: releases what was locked since the guard, as its class declares; panics where that is fatal. How many there were. */
uint64_t live_locks_release(struct thread *me, const struct live_guard *guard, struct live_fault *fault);

#endif

/*
 * Guards: how a fault, a Ctrl-C or a time limit ends a call of live code. docs/live.md, "Guards", tells the course of
 * it; the borders themselves are arch/x86_64/live.S.
 *
 *     trap.c -> live_trap_caught()   a fault in the kernel role: notes it, lets locks go, sends the frame to the guard's exit
 *     trap.c -> live_stop_here()     thread->live_stop or a SIGINT: the same, when live code is what was interrupted
 *     live code's library -> live_fault_raise()
 *
 * Everything here runs on the faulting thread, with interrupts off, perhaps on the emergency stack.
 *
 * Left out: wait queues and timers that a kernel function had linked on the stack when a wild argument made it fault
 * (docs/limits.md).
 */
#include <abi/errno.h>
#include <abi/signal.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <kernel/syscall/usercopy.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/call.h>
#include <live/faults.h>
#include <live/linker.h>
#include <live/live.h>
#include <live/private.h>

#define STACK_NEAR (1024 * 1024)             /* how far below its stack an RSP counts as an overflow */
#define RFLAGS_FIXED 2

STATIC_ASSERT(offsetof(struct live_guard, rsp) == 16 && offsetof(struct live_guard, r15) == 64, "live.S");
STATIC_ASSERT(offsetof(struct live_guard, fault) == 72 && offsetof(struct live_guard, deadline) == 96, "live.S");
STATIC_ASSERT(offsetof(struct live_guard, kind) == 104 && offsetof(struct live_guard, irqs) == 128, "live.S");
STATIC_ASSERT(offsetof(struct live_guard, arguments) == 136 && sizeof(struct live_guard) == 224, "live.S");
STATIC_ASSERT(offsetof(struct live_guard, fpu_area) == 192 && offsetof(struct live_guard, fpu_set) == 200, "live.S");
STATIC_ASSERT(offsetof(struct live_guard, function) == 208, "live.S");
STATIC_ASSERT(sizeof(struct live_fault) <= 400 && offsetof(struct live_fault, kind) == 0, "live.S");
STATIC_ASSERT(offsetof(struct live_call, status) == 24 && offsetof(struct live_patch_call, stack_bytes) == 16, "live.S");
STATIC_ASSERT(offsetof(struct live_thread, base) == 0 && offsetof(struct live_thread, fault) == 16, "live.S");
STATIC_ASSERT(offsetof(struct thread, live_guard) == 64 && offsetof(struct thread, live_stop) == 88, "live.S");
STATIC_ASSERT(offsetof(struct thread, live_callback_failed) == 92 && offsetof(struct thread, live) == 80, "live.S");
STATIC_ASSERT(offsetof(struct thread, live_gate) == 96 && offsetof(struct thread, fpu_trap) == 112, "live.S");
STATIC_ASSERT(offsetof(struct thread, held_count) == 648 && offsetof(struct thread, held_floor) == 652, "live.S");
STATIC_ASSERT(offsetof(struct thread, signal_check) == 705, "live.S");

uint64_t live_test_text_start, live_test_text_size; /* tests only */

void live_set_test_text(uint64_t start, uint64_t end)
{
    live_test_text_start = start;
    live_test_text_size = end - start;
}

bool live_is_code(uint64_t address)
{
    return live_is_text(address) || address - live_test_text_start < live_test_text_size;
}

/* The guard that takes a fault of `thread`; NULL: none, or the world's own code runs. */
LOCAL struct live_guard *live_guard_in_force(const struct thread *thread)
{
    struct live_guard *guard = thread->live_guard;
    return guard != NULL && guard->kind != LIVE_GUARD_BARRIER ? guard : NULL;
}

/* --- what happened ------------------------------------------------------------------- */

LOCAL bool live_on_live_stack(const struct thread *me, uint64_t address)
{
    return me->live != NULL && address >= me->live->base && address < me->live->top;
}

bool live_in_call(const struct thread *me, const struct live_guard *guard, uint64_t address)
{
    uint64_t end = (uint64_t)(uintptr_t)guard;
    uint64_t base = live_on_live_stack(me, end) ? me->live->base : me->kernel_stack_base;
    return IS_ALIGNED(address, 8) && address >= base && address + 16 <= end;
}

LOCAL void live_add_frame(struct live_fault *fault, uint64_t address)
{
    if (fault->frame_count < LIVE_FAULT_FRAMES)
        fault->frames[fault->frame_count++] = address;
}

/* RIP, then the return addresses by the chain of frame pointers up to the guard. A function that was just entered, or that
 * was jumped to where no code is, has its return address at RSP. */
LOCAL void live_note_frames(struct live_fault *fault, const struct live_guard *guard, uint64_t rip, uint64_t rsp,
                            uint64_t rbp)
{
    const struct thread *me = thread_current();
    live_add_frame(fault, rip);
    if (fault->kind == LIVE_FAULT_EXECUTE && live_in_call(me, guard, rsp))
        live_add_frame(fault, *(const uint64_t *)(uintptr_t)rsp);
    while (fault->frame_count < LIVE_FAULT_FRAMES && live_in_call(me, guard, rbp)) {
        const uint64_t *link = (const uint64_t *)(uintptr_t)rbp; /* saved RBP, return address */
        if (link[1] == (uint64_t)(uintptr_t)live_stop_at_return)
            live_add_frame(fault, me->live->stopped_return);
        else
            live_add_frame(fault, link[1]);
        if (link[0] <= rbp)
            break;
        rbp = link[0];
    }
}

/* The innermost frame in live code; 0: none. */
LOCAL uint64_t live_innermost(const struct live_fault *fault)
{
    for (uint32_t i = 0; i < fault->frame_count; i++)
        if (live_is_code(fault->frames[i]))
            return fault->frames[i];
    return 0;
}

/* Notes the fault in the guard's record, and lets go what was taken since. Interrupts off. */
LOCAL void live_end_call(struct live_guard *guard, uint32_t kind, uint64_t address, const char *text, uint64_t rip,
                         uint64_t rsp, uint64_t rbp)
{
    struct thread *me = thread_current();
    struct live_fault *fault = guard->fault;
    fault->kind = kind;
    fault->frame_count = 0;
    fault->address = address;
    fault->thread = me->id;
    fault->cpu = (uint32_t)this_cpu()->id;
    strlcpy(fault->text, text, sizeof fault->text);
    live_note_frames(fault, guard, rip, rsp, rbp);
    fault->module = live_module_of(live_innermost(fault));
    fault->locks_released = live_locks_release(me, guard, fault);
    me->held_floor = guard->held_floor;
    me->preempt_count = guard->preempt_count;
    me->live_stop = 0;
    me->live_callback_failed = 0;
    if (guard->kind == LIVE_GUARD_WORLD) {
        me->live->fault_is_new = true;
        live_limits_restart(me, guard->outer);
    }
}

/* --- faults -------------------------------------------------------------------------- */

bool live_fault_caught(struct trap_frame *frame, uint32_t kind, uint64_t address)
{
    struct live_guard *guard = live_guard_in_force(thread_current());
    if (guard == NULL)
        return false;
    live_end_call(guard, kind, address, "", frame->rip, frame->rsp, frame->rbp);
    frame->rip = guard->resume;
    frame->rsp = (uint64_t)(uintptr_t)guard;
    frame->rflags = RFLAGS_FIXED;
    return true;
}

/* Is RSP near the lower end of the stack that the call runs on? */
LOCAL bool live_stack_is_used_up(const struct thread *me, uint64_t rsp)
{
    const struct live_guard *guard = me->live_guard;
    uint64_t base = guard != NULL && live_on_live_stack(me, (uint64_t)(uintptr_t)guard) ? me->live->base
                                                                                       : me->kernel_stack_base;
    return rsp < base + PAGE_SIZE && rsp + STACK_NEAR > base;
}

bool live_trap_caught(struct trap_frame *frame, uint64_t address, bool overflow)
{
    uint32_t kind;
    if (overflow && live_stack_is_used_up(thread_current(), frame->rsp))
        return live_fault_caught(frame, LIVE_FAULT_STACK_OVERFLOW, frame->rsp);
    switch (frame->vector) {
    case VECTOR_PAGE_FAULT:
        kind = frame->error & FAULT_INSTRUCTION ? LIVE_FAULT_EXECUTE
             : frame->error & FAULT_WRITE       ? LIVE_FAULT_WRITE
                                                : LIVE_FAULT_READ;
        return live_fault_caught(frame, kind, address);
    case VECTOR_DIVIDE_ERROR: kind = LIVE_FAULT_DIVIDE; break;
    case VECTOR_BREAKPOINT: kind = LIVE_FAULT_BREAKPOINT; break;
    case VECTOR_INVALID_OPCODE: kind = LIVE_FAULT_INVALID_OPCODE; break;
    case VECTOR_FPU_ERROR:
    case VECTOR_SIMD_ERROR: kind = LIVE_FAULT_FLOATING_POINT; break;
    default: kind = LIVE_FAULT_GENERAL_PROTECTION; break;
    }
    return live_fault_caught(frame, kind, frame->rip);
}

bool live_may_fault_in(const struct trap_frame *frame, uint64_t address)
{
    const struct thread *me = thread_current();
    if (live_guard_in_force(me) == NULL || me->process == NULL || me->preempt_count != 0 || !(frame->rflags & RFLAGS_IF))
        return false;
    for (uint32_t i = 0; i < me->held_count; i++)
        if (me->held[i].rank >= LOCK_RANK_ADDRESS_SPACE)
            return false; /* its lock could not be taken */
    return (address >= WORLD_SPACE_START && address < WORLD_SPACE_END)
        || (address >= WORLD_IMAGE_BASE && address < WORLD_IMAGE_END);
}

/* A fault that a function of ours found is the live code's that called it: it comes first. */
LOCAL void live_begin_at_live_code(struct live_fault *fault)
{
    uint32_t first = 0;
    while (first < fault->frame_count && !live_is_code(fault->frames[first]))
        first++;
    if (first == fault->frame_count)
        return;
    fault->frame_count -= first;
    memmove(fault->frames, fault->frames + first, fault->frame_count * sizeof fault->frames[0]);
}

bool live_fault_raise(uint32_t kind, uint64_t address, const char *text)
{
    struct live_guard *guard = live_guard_in_force(thread_current());
    if (guard == NULL)
        return false;
    (void)irqs_disable();
    const uint64_t *link = __builtin_frame_address(0);
    live_end_call(guard, kind, address, text, link[1], (uint64_t)(uintptr_t)link, link[0]);
    live_begin_at_live_code(guard->fault);
    live_resume(guard);
}

/* --- borders: called by live.S --------------------------------------------------------- */

/* live_enter cannot begin: the thread was not prepared, its live stack is used up, or too many arguments. On the kernel stack. */
uint64_t live_refuse_call(struct live_call *call)
{
    struct thread *me = thread_current();
    struct live_fault fault = { .kind = LIVE_FAULT_CONTEXT, .thread = me->id };
    const char *text = "the thread has no live stack: LIVE_PREPARE comes first";
    if (me->live_rsp != 0) {
        bool deep = me->live_rsp < me->live->base + LIVE_STACK_SIZE / 8;
        fault.kind = deep ? LIVE_FAULT_STACK_OVERFLOW : LIVE_FAULT_CONTEXT;
        text = deep ? "calls and callbacks are nested too deeply" : "too many bytes of arguments on the stack";
    }
    strlcpy(fault.text, text, sizeof fault.text);
    if (me->live != NULL) {
        me->live->fault = fault;
        me->live->fault_is_new = true;
    }
    uint64_t status = fault.kind;
    (void)!copy_to_user(user_ptr_from((uint64_t)(uintptr_t)&call->status), &status, sizeof status);
    return 0;
}

uint32_t live_find_leftovers(const struct live_guard *guard, bool irqs_on, char *text, size_t size)
{
    const struct thread *me = thread_current();
    if (me->held_count > guard->held_count) {
        ksnprintf(text, size, "it returned with the lock \"%s\" held", me->held[me->held_count - 1].name);
        return LIVE_FAULT_LOCK_HELD;
    }
    if (thread_holds_queue(guard)) {
        strlcpy(text, "it returned with the lock \"run queue\" held", size);
        return LIVE_FAULT_LOCK_HELD;
    }
    if (me->preempt_count != guard->preempt_count) {
        ksnprintf(text, size, "it returned with preemption %s (count %u)",
                  me->preempt_count > guard->preempt_count ? "off" : "on", me->preempt_count);
        return LIVE_FAULT_LOCK_HELD;
    }
    if (irqs_on != (guard->irqs != 0)) {
        ksnprintf(text, size, "it returned with interrupts %s", irqs_on ? "on" : "off");
        return LIVE_FAULT_IRQS_OFF;
    }
    return LIVE_FAULT_NONE;
}

/* A call from the world returned, and something is not as it was. Returns with interrupts off when that is repaired. */
void live_check_return(struct live_guard *guard)
{
    struct thread *me = thread_current();
    char text[LIVE_FAULT_TEXT];
    bool irqs_on = irqs_are_enabled();
    __asm__ volatile("pushq $2\n\tpopfq" : : : "memory", "cc"); /* AC, TF and IF off */
    uint32_t kind = live_find_leftovers(guard, irqs_on, text, sizeof text);
    if (kind != LIVE_FAULT_NONE) {
        const struct live_call *call = (const struct live_call *)(uintptr_t)guard->call;
        live_end_call(guard, kind, 0, text, live_function_code(call->target), 0, 0);
        live_resume(guard);
    }
    me->live_stop = 0; /* too late */
    me->live_callback_failed = 0;
    live_limits_restart(me, guard->outer);
}

/* A world function was called where it must not be. */
NORETURN void live_refuse_gate(const uint64_t *slot)
{
    const struct thread *me = thread_current();
    char text[LIVE_FAULT_TEXT];
    uint64_t offset;
    const char *name = live_symbol_find((uint64_t)(uintptr_t)slot, &offset);
    const char *why = *slot == 0 ? "it is gone"
                    : me->live_guard == NULL || me->live_guard->kind != LIVE_GUARD_WORLD ? "this call did not come from the world"
                    : me->held_count != 0                                                ? "a lock is held"
                    : me->preempt_count != 0                                             ? "preemption is off"
                                                                                         : "interrupts are off";
    ksnprintf(text, sizeof text, "%s belongs to the world and cannot be called here: %s", name != NULL ? name : "the function", why);
    live_fault_raise(LIVE_FAULT_CONTEXT, *slot, text);
    panic("live code without a guard: %s", text);
}

/* A world function that live code called has returned, and something is to be done. */
void live_check_callback(uint64_t function)
{
    struct thread *me = thread_current();
    uint32_t kind = me->live_callback_failed;
    me->live_callback_failed = 0;
    if (kind != LIVE_FAULT_NONE) {
        live_fault_raise(kind, function, "the function of the world that it called has raised");
        return;
    }
    kind = live_stop_reason(me);
    if (kind != LIVE_FAULT_NONE)
        live_fault_raise(kind, function, "");
}

void live_fail_on_return(uint32_t kind)
{
    struct thread *me = thread_current();
    if (me->live_guard != NULL && me->live_guard->kind == LIVE_GUARD_BARRIER)
        me->live_callback_failed = kind != 0 ? kind : LIVE_FAULT_CALLBACK;
}

/* --- guards of the kernel ------------------------------------------------------------------ */

static const char *const fault_names[] = {
    [LIVE_FAULT_READ] = "wild read", [LIVE_FAULT_WRITE] = "wild write", [LIVE_FAULT_EXECUTE] = "wild jump",
    [LIVE_FAULT_DIVIDE] = "division by zero", [LIVE_FAULT_INVALID_OPCODE] = "invalid instruction",
    [LIVE_FAULT_GENERAL_PROTECTION] = "general protection fault", [LIVE_FAULT_STACK_OVERFLOW] = "stack overflow",
    [LIVE_FAULT_FLOATING_POINT] = "floating-point exception", [LIVE_FAULT_BREAKPOINT] = "breakpoint",
    [LIVE_FAULT_HEAP] = "heap damage", [LIVE_FAULT_ABORT] = "abort", [LIVE_FAULT_EXIT] = "exit",
    [LIVE_FAULT_INTERRUPTED] = "interrupted", [LIVE_FAULT_TIME_LIMIT] = "time limit",
    [LIVE_FAULT_LOCK_HELD] = "lock held", [LIVE_FAULT_IRQS_OFF] = "interrupts off",
    [LIVE_FAULT_CONTEXT] = "wrong context", [LIVE_FAULT_CALLBACK] = "callback failed"
};

const char *live_fault_name(uint32_t kind)
{
    return kind < ARRAY_COUNT(fault_names) && fault_names[kind] != NULL ? fault_names[kind] : "fault";
}

/* For faults that nobody is told of otherwise. */
void live_log_fault(const struct live_fault *fault, const char *what)
{
    char name[96];
    thread_current()->live_reporting++;
    live_fault_record(fault, what);
    klog(fault->kind == LIVE_FAULT_INTERRUPTED ? LOG_NOTICE : LOG_ERROR, "live", "%s: %s at %#llx%s%s", what, live_fault_name(fault->kind), (unsigned long long)fault->address,
         fault->text[0] != '\0' ? ": " : "", fault->text);
    for (uint32_t i = 0; i < fault->frame_count; i++)
        klog(LOG_ERROR, "live", "  #%u %#llx %s", i, (unsigned long long)fault->frames[i],
             symbol_format(fault->frames[i] - (i != 0), name, sizeof name));
    if (fault->locks_released != 0)
        klog(LOG_ERROR, "live", "  %llu locks that it held were released", (unsigned long long)fault->locks_released);
    thread_current()->live_reporting--;
}

LOCAL void live_guard_prepare(struct live_guard *guard, enum live_guard_kind kind, uint64_t function, struct live_fault *fault)
{
    const struct thread *me = thread_current();
    memset(guard, 0, sizeof *guard);
    guard->outer = me->live_guard;
    guard->fault = fault;
    guard->kind = kind;
    guard->function = function;
    guard->live_rsp = me->live_rsp;
    guard->held_count = me->held_count;
    guard->held_floor = me->held_floor;
    guard->preempt_count = me->preempt_count;
    guard->irqs = irqs_are_enabled() ? RFLAGS_IF : 0;
}

/* A timer, a handler, ... whose function is neither the kernel's nor live. */
LOCAL uint32_t live_refuse_function(uint64_t function, const char *what)
{
    struct live_fault fault = { .kind = LIVE_FAULT_EXECUTE, .address = function, .text = "it is no code of the kernel or of a live module" };
    live_log_fault(&fault, what);
    return fault.kind;
}

uint32_t live_guarded_call(uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result,
                           const char *what)
{
    return live_guarded_call_of(LIVE_GUARD_KERNEL, function, a, b, result, what);
}

uint32_t live_guarded_call_of(enum live_guard_kind guard_kind, uint64_t (*function)(uint64_t, uint64_t), uint64_t a, uint64_t b,
                              uint64_t *result, const char *what)
{
    struct live_fault fault;
    struct live_guard guard;
    uint64_t value = 0;
    uint32_t kind = LIVE_FAULT_NONE;
    if (!live_call_is_needed((uint64_t)(uintptr_t)function)) {
        value = function(a, b);
    } else if (!live_is_code((uint64_t)(uintptr_t)function)) {
        kind = live_refuse_function((uint64_t)(uintptr_t)function, what);
    } else {
        live_guard_prepare(&guard, guard_kind, (uint64_t)(uintptr_t)function, &fault);
        live_fpu_enter(&guard);
        if (live_guard_run(&guard, function, a, b, &value) == 0) {
            char text[LIVE_FAULT_TEXT];
            bool irqs_on = irqs_are_enabled();
            (void)irqs_disable();
            kind = live_find_leftovers(&guard, irqs_on, text, sizeof text);
            if (kind != LIVE_FAULT_NONE)
                live_end_call(&guard, kind, 0, text, live_function_code((uint64_t)(uintptr_t)function), 0, 0);
        } else {
            kind = fault.kind;
        }
        live_fpu_leave(&guard);
        thread_current()->live_guard = guard.outer;
        irqs_restore(guard.irqs);
        if (kind != LIVE_FAULT_NONE)
            live_log_fault(&fault, what);
    }
    if (result != NULL)
        *result = kind == LIVE_FAULT_NONE ? value : 0;
    return kind;
}

/* A patch's call ended by a fault. On the guard, interrupts off; they are as at the call on return. */
struct live_patch_outcome live_patch_ended(struct live_guard *guard)
{
    struct live_patch_call *call = (struct live_patch_call *)(uintptr_t)guard->call;
    live_fpu_leave(guard);
    thread_current()->live_guard = guard->outer;
    irqs_restore(guard->irqs);
    uint64_t instead = call->faulted != NULL ? call->faulted(call, guard->fault) : 0; /* first: the log may need the function */
    live_log_fault(guard->fault, call->name != NULL ? call->name : "a replaced function");
    return (struct live_patch_outcome){ instead, call->failure_value };
}

/* Calls of live functions that stand in the kernel's tables; call.h has the contract, live.S the gate. */
#include <live/call.h>

#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <kernel/log.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <lib/printf.h>
#include <live/linker.h>
#include <live/private.h>

#define MAX_OFF 256
#define CALL_STACK_BYTES 16 /* words seven and eight */

STATIC_ASSERT(offsetof(struct live_table_call, call) == 0, "live.S");

/* Versions of functions that faulted; 0: free. Atomic. When all are taken the oldest ones are forgotten. */
static uint64_t switched_off[MAX_OFF];
static uint32_t switched_off_next;

/* --- what is switched off ------------------------------------------------------------------- */

bool live_call_is_off(uint64_t function)
{
    uint64_t code = live_function_code(function);
    if (__atomic_load_n(&switched_off_next, __ATOMIC_RELAXED) == 0)
        return false;
    for (size_t i = 0; i < MAX_OFF; i++)
        if (__atomic_load_n(&switched_off[i], __ATOMIC_RELAXED) == code)
            return true;
    return false;
}

void live_call_switch_off(uint64_t function)
{
    uint64_t code = live_function_code(function);
    if (live_call_is_off(code))
        return;
    uint32_t slot = __atomic_fetch_add(&switched_off_next, 1, __ATOMIC_RELAXED) % MAX_OFF;
    __atomic_store_n(&switched_off[slot], code, __ATOMIC_RELAXED);
}

/* Its memory will be another function's. */
void live_call_free_module(uint64_t module)
{
    if (__atomic_load_n(&switched_off_next, __ATOMIC_RELAXED) == 0)
        return;
    for (size_t i = 0; i < MAX_OFF; i++) {
        uint64_t code = __atomic_load_n(&switched_off[i], __ATOMIC_RELAXED);
        if (code != 0 && live_module_of(code) == module)
            __atomic_store_n(&switched_off[i], 0, __ATOMIC_RELAXED);
    }
}

/* --- one call ---------------------------------------------------------------------------------- */

LOCAL const char *live_call_name(uint64_t function)
{
    uint64_t offset;
    const char *name = symbol_find(function, &offset);
    return name != NULL ? name : "a live function";
}

/* struct live_patch_call.faulted */
LOCAL uint64_t live_call_faulted(struct live_patch_call *patch, const struct live_fault *fault)
{
    const struct live_table_call *call = (const struct live_table_call *)patch;
    live_call_switch_off(call->code);
    klog(LOG_ERROR, "live", "%s faulted (%s) and is switched off until it is defined anew: its callers get %lld", patch->name,
         live_fault_name(fault->kind), (long long)patch->failure_value);
    return 0;
}

uint64_t live_call_prepare(struct live_table_call *call, uint64_t function, uint64_t failure)
{
    struct thread *me = thread_current();
    *call = (struct live_table_call){
        .call = { .target = function, .failure_value = failure, .stack_bytes = CALL_STACK_BYTES, .faulted = live_call_faulted,
                  .name = live_call_name(function) },
        .function = function, .code = live_function_code(function), .held_count = me->held_count,
        .preempt_count = me->preempt_count, .irqs = irqs_are_enabled() ? RFLAGS_IF : 0 };
    me->live_gate = call;
    if (!live_is_code(function) && !live_call_is_off(function)) {
        live_call_switch_off(function);
        klog(LOG_ERROR, "live", "a table of functions leads to %#llx, which is no code: its callers get %lld", (unsigned long long)function,
             (long long)(int64_t)failure);
    }
    return (uint64_t)(uintptr_t)(live_call_is_off(function) ? live_call_refused : live_call_gate);
}

uint64_t live_call_refuse(const struct live_table_call *call) { return call->call.failure_value; }

/* From the gate: it returned, or faulted. What it left behind ends as a fault does. */
uint64_t live_call_returned(struct live_table_call *call, uint64_t value)
{
    struct thread *me = thread_current();
    const struct live_guard before = { .held_count = call->held_count, .preempt_count = call->preempt_count,
                                       .irqs = call->irqs, .kind = LIVE_GUARD_KERNEL };
    struct live_fault fault = { .thread = me->id };
    bool irqs_on = irqs_are_enabled();
    fault.kind = live_find_leftovers(&before, irqs_on, fault.text, sizeof fault.text);
    if (fault.kind == LIVE_FAULT_NONE)
        return value;
    (void)irqs_disable();
    fault.frames[fault.frame_count++] = call->function;
    fault.locks_released = live_locks_release(me, &before, &fault);
    me->preempt_count = call->preempt_count;
    irqs_restore(before.irqs);
    live_call_faulted(&call->call, &fault);
    live_log_fault(&fault, call->call.name);
    return call->call.failure_value;
}

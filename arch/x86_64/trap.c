/*
 * What happens after entry.S saved a frame: choice of the stack, dispatch, and
 * the work before a return (signals, preemption).
 */
#include <abi/errno.h>
#include <abi/signal.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/interrupt.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/sections.h>
#include <arch/x86_64/smp_private.h>
#include <arch/x86_64/text_patch.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/space.h>
#include <kernel/panic.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/sched/thread.h>
#include <kernel/symbols.h>
#include <lib/string.h>
#include <live/guard.h>

#define STACK_MARGIN 512 /* bytes that must remain below a copied frame */
#define RED_ZONE     128 /* below RSP: live code of any compiler uses it */

static const char *const trap_names[] = {
    "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "no FPU",
    "double fault", "coprocessor overrun", "invalid TSS", "segment not present", "stack fault",
    "general protection", "page fault", "reserved", "x87 error", "alignment check", "machine check",
    "SIMD error", "virtualization", "control protection"
};

const char *trap_name(uint64_t vector)
{
    if (vector < ARRAY_COUNT(trap_names))
        return trap_names[vector];
    return vector >= VECTOR_SYSCALL ? "syscall" : "interrupt";
}

bool irqs_are_enabled(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags));
    return flags & RFLAGS_IF;
}

uint64_t irqs_disable(void) { return cpu_disable_interrupts(); }

void irqs_restore(uint64_t flags)
{
    if (flags & RFLAGS_IF)
        __asm__ volatile("sti" : : : "memory");
    else
        __asm__ volatile("cli" : : : "memory");
}

LOCAL uint64_t trap_read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

LOCAL bool trap_has_room(uint64_t base, uint64_t top, uint64_t rsp)
{
    return rsp > base + STACK_MARGIN + RED_ZONE + sizeof(struct trap_frame) && rsp <= top;
}

/* Is there room for a frame on the stack that the kernel role uses, its kernel stack or its live stack? */
LOCAL bool trap_stack_is_usable(const struct thread *me, uint64_t rsp)
{
    return trap_has_room(me->kernel_stack_base, me->kernel_stack_top, rsp)
        || (me->live != NULL && trap_has_room(me->live->base, me->live->top, rsp));
}

LOCAL bool trap_is_on_emergency_stack(const struct trap_frame *frame)
{
    uint64_t top = this_cpu()->emergency_stack_top;
    return (uint64_t)(uintptr_t)frame > top - IST_STACK_SIZE && (uint64_t)(uintptr_t)frame < top;
}

/*
 * Where the handler of `frame` (on an IST stack) shall run: returns the frame's
 * copy there. Interrupts are off; touches only memory that is always mapped.
 */
struct trap_frame *trap_select_stack(struct trap_frame *frame)
{
    struct thread *me = thread_current();
    uint64_t target;
    frame->role = me->role;
    if (me->role != THREAD_IN_KERNEL) {
        target = me->kernel_stack_top - sizeof *frame; /* its kernel stack is empty */
        me->role = THREAD_IN_KERNEL;
    } else if (trap_stack_is_usable(me, frame->rsp)) {
        target = ALIGN_DOWN(frame->rsp - RED_ZONE - sizeof *frame, 16);
    } else {
        /* The stack is used up, or RSP is wild: report from a stack of its own. */
        struct trap_frame *copy = (struct trap_frame *)(uintptr_t)(this_cpu()->emergency_stack_top - sizeof *frame - 8);
        __builtin_memcpy_inline(copy, frame, sizeof *copy); /* no call: memcpy() may be in the middle of a replacement */
        return copy;
    }
    struct trap_frame *copy = (struct trap_frame *)(uintptr_t)target;
    __builtin_memcpy_inline(copy, frame, sizeof *copy);
    return copy;
}

/* The fix-up of the usercopy instruction at `rip`; 0: it is none. */
LOCAL uint64_t trap_find_fixup(uint64_t rip)
{
    for (const struct exception_entry *entry = __extable_start; entry < __extable_end; entry++)
        if (entry->fault == rip)
            return entry->fixup;
    return 0;
}

LOCAL NORETURN void trap_panic(const struct trap_frame *frame, uint64_t address)
{
    const struct thread *me = thread_current();
    if (frame->role == THREAD_IN_KERNEL && !trap_stack_is_usable(me, frame->rsp))
        panic_with_frame(frame, "kernel stack overflow in thread %s (stack %#llx..%#llx, RSP %#llx)", me->name,
                         (unsigned long long)me->kernel_stack_base, (unsigned long long)me->kernel_stack_top,
                         (unsigned long long)frame->rsp);
    if (frame->vector == VECTOR_PAGE_FAULT)
        panic_with_frame(frame, "page fault in the kernel: %s of %#llx",
                         frame->error & FAULT_INSTRUCTION ? "execution" : frame->error & FAULT_WRITE ? "write" : "read",
                         (unsigned long long)address);
    panic_with_frame(frame, "%s in the kernel (error code %#llx)", trap_name(frame->vector),
                     (unsigned long long)frame->error);
}

/* A fault in the kernel role: ends the call of live code that it happened in, or the machine. Interrupts off. */
LOCAL void trap_kernel_fault(struct trap_frame *frame, uint64_t address)
{
    if (!live_trap_caught(frame, address, trap_is_on_emergency_stack(frame)))
        trap_panic(frame, address);
}

LOCAL void trap_page_fault(struct trap_frame *frame, uint64_t address)
{
    struct process *process = process_current();
    uint64_t fixup = 0;
    if (frame->role == THREAD_IN_KERNEL) {
        fixup = trap_find_fixup(frame->rip);
        if ((fixup == 0 || thread_current()->preempt_count != 0) && !live_may_fault_in(frame, address)) {
            trap_kernel_fault(frame, address);
            return;
        }
    }
    paging_tune_emulator();
    irqs_restore(frame->rflags);
    int error = -EFAULT;
    if (process != NULL && !(frame->error & FAULT_RESERVED))
        error = space_fault(process->space, address, (frame->error & FAULT_WRITE) != 0,
                            (frame->error & FAULT_INSTRUCTION) != 0);
    if (error != 0 && fixup != 0) {
        frame->rip = fixup;
    } else if (error != 0 && frame->role == THREAD_IN_KERNEL) {
        (void)irqs_disable();
        trap_kernel_fault(frame, address);
    } else if (error == -ENOMEM && frame->role == THREAD_IN_USER) {
        process_relieve_memory(); /* the access is tried again, unless it was this process that had to go */
    } else if (error == -ENXIO || error == -ENOMEM) {
        signal_force(frame, SIGBUS, BUS_ADRERR, address);
    } else if (error != 0) {
        signal_force(frame, SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, address);
    }
    (void)irqs_disable();
}

LOCAL void trap_exception(struct trap_frame *frame, uint64_t address)
{
    if (frame->vector == VECTOR_PAGE_FAULT) {
        trap_page_fault(frame, address);
        return;
    }
    if (frame->role == THREAD_IN_KERNEL) {
        trap_kernel_fault(frame, address);
        return;
    }
    switch (frame->vector) {
    case VECTOR_DEBUG: signal_force(frame, SIGTRAP, TRAP_TRACE, frame->rip); break;
    case VECTOR_DIVIDE_ERROR: signal_force(frame, SIGFPE, FPE_INTDIV, frame->rip); break;
    case VECTOR_FPU_ERROR:
    case VECTOR_SIMD_ERROR: signal_force(frame, SIGFPE, FPE_FLTINV, frame->rip); break;
    case VECTOR_BREAKPOINT: signal_force(frame, SIGTRAP, SI_KERNEL, 0); break;
    case VECTOR_INVALID_OPCODE: signal_force(frame, SIGILL, ILL_ILLOPN, frame->rip); break;
    case VECTOR_ALIGNMENT_CHECK: signal_force(frame, SIGBUS, BUS_ADRALN, 0); break;
    case VECTOR_STACK_SEGMENT: signal_force(frame, SIGBUS, SI_KERNEL, 0); break; /* an address that is not canonical */
    default: signal_force(frame, SIGSEGV, SI_KERNEL, 0); break; /* as Linux reports #GP */
    }
}

LOCAL void trap_interrupt(struct trap_frame *frame)
{
    struct cpu *cpu = this_cpu();
    struct thread *me = cpu->current;
    uint32_t floor = me->held_floor;
    struct live_guard *guard = me->live_guard;
    void *gate = me->live_gate;
    me->held_floor = me->held_count;
    if (guard != NULL) { /* what is interrupted does not answer for the handler's faults */
        __atomic_store_n(&me->live_hidden, me->live_hidden + 1, __ATOMIC_RELEASE);
        __atomic_store_n(&me->live_guard, NULL, __ATOMIC_RELEASE);
    }
    const struct trap_frame *outer = cpu->interrupted;
    cpu->interrupted = frame;
    cpu->interrupt_depth++;
    cpu->interrupts++;
    interrupt_dispatch((unsigned)frame->vector);
    cpu->interrupt_depth--;
    cpu->interrupted = outer;
    me->held_floor = floor;
    if (guard != NULL) {
        __atomic_store_n(&me->live_guard, guard, __ATOMIC_RELEASE);
        __atomic_store_n(&me->live_hidden, me->live_hidden + 1, __ATOMIC_RELEASE);
    }
    me->live_gate = gate;
}

/* From entry.S, on the thread's kernel stack, interrupts off. */
void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_BREAKPOINT && frame->role == THREAD_IN_KERNEL && text_patch_breakpoint(frame))
        return; /* before anything that could be patched itself */
    if (frame->vector == VECTOR_NO_FPU && frame->role == THREAD_IN_KERNEL && live_fpu_trapped(frame))
        return;
    if (frame->vector < VECTOR_IRQ_BASE) {
        uint64_t address = trap_read_cr2();
        if (frame->role == THREAD_IN_KERNEL && trap_is_on_emergency_stack(frame))
            trap_kernel_fault(frame, address);
        else
            trap_exception(frame, address);
    } else {
        trap_interrupt(frame);
    }
}

/*
 * From entry.S with interrupts off or on; leaves with them off and the role set
 * to what is returned to. Frames of interrupted kernel code only get preemption.
 */
void trap_prepare_return(struct trap_frame *frame)
{
    (void)irqs_disable();
    struct thread *me = thread_current();
    if (frame->role == THREAD_IN_KERNEL) {
        if (!(frame->rflags & RFLAGS_IF) || trap_is_on_emergency_stack(frame))
            return; /* that stack is the CPU's: no switch from it */
        if (me->preempt_count == 0 && this_cpu()->reschedule)
            thread_schedule();
        if (UNLIKELY(me->live_guard != NULL) && (me->live_stop != 0 || me->signal_check))
            live_stop_here(frame);
        return;
    }
    for (;;) {
        if (this_cpu()->reschedule)
            thread_schedule();
        /* IRETQ to an address that is not canonical would fault at CPL 0. */
        if (frame->role == THREAD_IN_USER && frame->rip >= USER_SPACE_END && !me->signal_check)
            signal_force(frame, SIGSEGV, SEGV_MAPERR, frame->rip);
        if (!me->signal_check)
            break;
        irqs_restore(RFLAGS_IF);
        signal_deliver(frame);
        (void)irqs_disable();
    }
    me->role = (uint32_t)frame->role;
}

/*
 * #DB, NMI, #DF, #MC: on their IST stacks, GS is the kernel's. NMI code never faults and never sleeps. Returns where to
 * go on like any other trap: a copy of the frame on the thread's kernel stack; NULL: to what was interrupted.
 * `gs_was_users`: the kernel's entry or exit code was hit, at a place where it runs on the program's GS.
 */
struct trap_frame *trap_dispatch_paranoid(struct trap_frame *frame, bool gs_was_users)
{
    struct thread *me = thread_current();
    frame->role = me->role;
    switch (frame->vector) {
    case VECTOR_NMI:
        panic_stop_if_panicking();
        smp_note_nmi(frame);
        live_watchdog_tick(frame);
        __atomic_add_fetch(&interrupt_nmi_count, 1, __ATOMIC_RELAXED);
        return NULL;
    case VECTOR_DEBUG:
        if (me->role == THREAD_IN_KERNEL || (gs_was_users && (frame->cs & 3) == 0))
            return NULL; /* a single step that SYSCALL or an interrupt cut short: TF is masked from here on */
        return trap_select_stack(frame);
    case VECTOR_MACHINE_CHECK:
        panic_with_frame(frame, "machine check");
    default:
        panic_with_frame(frame, "double fault");
    }
}

/* --- reports -------------------------------------------------------------- */

LOCAL bool trap_is_kernel_stack(uint64_t address)
{
    const struct thread *me = thread_current();
    if (!IS_ALIGNED(address, 8))
        return false;
    if (address >= me->kernel_stack_base && address + 16 <= me->kernel_stack_top)
        return true;
    if (me->live != NULL && address >= me->live->base && address + 16 <= me->live->top)
        return true;
    uint64_t top = this_cpu()->emergency_stack_top;
    return address >= top - IST_STACK_SIZE && address + 16 <= top;
}

uint32_t trap_collect_frames(uint64_t rip, uint64_t rbp, uint64_t *frames, uint32_t most)
{
    uint32_t count = 0;
    frames[count++] = rip;
    while (count < most && trap_is_kernel_stack(rbp)) {
        const uint64_t *link = (const uint64_t *)(uintptr_t)rbp; /* saved RBP, return address */
        if (link[1] == 0)
            break;
        frames[count++] = link[1];
        if (link[0] <= rbp)
            break;
        rbp = link[0];
    }
    return count;
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
    char name[96];
    uint64_t frames[32];
    uint32_t count = trap_collect_frames(rip, rbp, frames, ARRAY_COUNT(frames));
    for (uint32_t i = 0; i < count; i++)
        klog(LOG_EMERGENCY, "trace", "#%u %#llx %s", i, (unsigned long long)frames[i],
             symbol_format(frames[i] - (i != 0), name, sizeof name));
}

void trap_print(const struct trap_frame *f)
{
    static const char *const roles[] = { "kernel", "world", "user" };
    const struct thread *me = thread_current();
    klog(LOG_EMERGENCY, "trap", "%s, error %#llx, in the %s, thread %d %s", trap_name(f->vector),
         (unsigned long long)f->error, f->role < 3 ? roles[f->role] : "?", me->id, me->name);
#define ROW(a, b, c, d)                                                                                             \
    klog(LOG_EMERGENCY, "trap", #a " %016llx " #b " %016llx " #c " %016llx " #d " %016llx", (unsigned long long)f->a, \
         (unsigned long long)f->b, (unsigned long long)f->c, (unsigned long long)f->d)
    ROW(rip, rsp, rflags, rbp);
    ROW(rax, rbx, rcx, rdx);
    ROW(rsi, rdi, r8, r9);
    ROW(r10, r11, r12, r13);
    ROW(r14, r15, cs, ss);
#undef ROW
}

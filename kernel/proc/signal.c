/*
 * Signals: sending, choosing, and the frames of handlers (Linux ABI: struct
 * rt_sigframe; SDM vol. 1, 13.4 for the XSAVE area's layout).
 *
 * Locks: process->signals->lock guards actions and everything pending, of the
 * process and of its threads. A thread is woken with it held.
 *
 * Stopping: the default action of a stop signal sets process->stop_signal; every
 * thread of the process then waits in signal_wait_while_stopped() on its way out,
 * until SIGCONT or SIGKILL is sent.
 *
 * Queues: the first pending signal of each number lies in info[] (the process's) or fault_info (a thread's); further
 * real-time signals wait as entries of state->queue until it was taken.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal.h>
#include <kernel/proc/signal_delivery.h>
#include <kernel/proc/trace.h>
#include <kernel/symbols.h>
#include <kernel/syscall/usercopy.h>
#include <kernel/time/time.h>
#include <lib/string.h>

#define RED_ZONE 128
#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define STOP_SIGNALS (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define FAULT_SIGNALS (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGTRAP) \
    | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGSYS))
#define HANDLER_DEFAULT 0
#define HANDLER_IGNORE 1
#define XSAVE_HEADER_OFFSET 512
#define FXSAVE_SOFTWARE_OFFSET 464
#define FXSAVE_MXCSR_OFFSET 24
#define RFLAGS_CALLER_MAY_SET 0x254dd5 /* CF PF AF ZF SF TF DF OF NT AC ID, and always IF */

static const uint8_t signal_defaults[SIGNAL_COUNT + 1] = ABI_SIGNAL_DEFAULTS;

struct signal_entry {
    struct list link;
    struct thread *thread; /* NULL: for any thread of the process. Not a reference: signal_forget_thread() */
    struct abi_siginfo info;
};

struct signal_state *signal_state_create(void)
{
    struct signal_state *state = kzalloc(sizeof *state);
    if (state == NULL)
        return NULL;
    spin_init(&state->lock, "signals", LOCK_RANK_SIGNAL);
    list_init(&state->queue);
    return state;
}

void signal_state_destroy(struct signal_state *state)
{
    struct list *node;
    while (state != NULL && (node = list_pop_first(&state->queue)) != NULL)
        kfree(container_of(node, struct signal_entry, link));
    kfree(state);
}

LOCAL bool signal_has_handler(const struct abi_sigaction *action) { return action->handler.address > HANDLER_IGNORE; }

void signal_state_copy(struct signal_state *to, struct signal_state *from, bool clear)
{
    irq_flags_t flags = spin_lock_irq(&from->lock);
    memcpy(to->actions, from->actions, sizeof to->actions);
    spin_unlock_irq(&from->lock, flags);
    if (clear)
        signal_state_reset(to);
}

void signal_state_reset(struct signal_state *state)
{
    irq_flags_t flags = spin_lock_irq(&state->lock);
    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        struct abi_sigaction *action = &state->actions[i];
        *action = (struct abi_sigaction){
            .handler = user_ptr_from(signal_has_handler(action) ? HANDLER_DEFAULT : action->handler.address),
        };
    }
    spin_unlock_irq(&state->lock, flags);
}

bool signal_children_are_unwanted(struct signal_state *state)
{
    irq_flags_t flags = spin_lock_irq(&state->lock);
    const struct abi_sigaction *action = &state->actions[SIGCHLD - 1];
    bool unwanted = action->handler.address == HANDLER_IGNORE || (action->flags & SA_NOCLDWAIT);
    spin_unlock_irq(&state->lock, flags);
    return unwanted;
}

bool signal_child_stops_are_unwanted(struct signal_state *state)
{
    irq_flags_t flags = spin_lock_irq(&state->lock);
    bool unwanted = state->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP;
    spin_unlock_irq(&state->lock, flags);
    return unwanted;
}

LOCAL bool signal_is_ignored(const struct signal_state *state, int signal)
{
    uint64_t handler = state->actions[signal - 1].handler.address;
    return handler == HANDLER_IGNORE || (handler == HANDLER_DEFAULT && signal_defaults[signal] == SIGNAL_IGNORE);
}

bool signal_is_ignored_or_blocked(int signal)
{
    struct thread *me = thread_current();
    struct signal_state *state = me->process->signals;
    irq_flags_t flags = spin_lock_irq(&state->lock);
    bool result = (me->signal_mask & SIGNAL_BIT(signal)) || state->actions[signal - 1].handler.address == HANDLER_IGNORE;
    spin_unlock_irq(&state->lock, flags);
    return result;
}

/* --- sending --------------------------------------------------------------- */

/* Ring 3 can send process 1 only what it has a handler for, as Linux protects its init; and never what the world's
 * handler takes for a fault of its own, and ends it. */
LOCAL bool signal_is_refused(const struct process *process, int signal)
{
    const struct process *sender = process_current();
    return process->id == WORLD_PID && sender != NULL && !sender->is_world
        && ((SIGNAL_BIT(signal) & FAULT_SIGNALS) || !signal_has_handler(&process->signals->actions[signal - 1]));
}

/* The lock held. Ignored signals are dropped when they are sent, but not while they are blocked: sigtimedwait(2) may
 * wait for them. `thread`: the receiver; NULL: the process's first thread decides, as Linux has it. */
LOCAL bool signal_is_dropped(struct process *process, const struct thread *thread, int signal)
{
    if (!signal_is_ignored(process->signals, signal))
        return false;
    if (thread == NULL && !list_is_empty(&process->threads))
        thread = container_of(process->threads.next, struct thread, process_link);
    return thread == NULL || !(thread->signal_mask & SIGNAL_BIT(signal));
}

/* An entry for a real-time signal that may have to wait; *entry stays NULL for others. 0 or -EAGAIN. */
LOCAL int signal_prepare_entry(struct process *process, int signal, struct signal_entry **entry)
{
    *entry = NULL;
    if (signal < SIGNAL_FIRST_REAL_TIME)
        return 0;
    if (process->signals->queued < SIGNAL_QUEUE_MAX)
        *entry = kmalloc(sizeof **entry);
    return *entry != NULL ? 0 : -EAGAIN;
}

/* The lock held. Another of its number is pending already: *entry, unless it is NULL, is taken for this one. */
LOCAL void signal_queue(struct signal_state *state, struct thread *thread, const struct abi_siginfo *info,
                        struct signal_entry **entry)
{
    if (*entry == NULL)
        return;
    (*entry)->thread = thread;
    (*entry)->info = *info;
    list_append(&state->queue, &(*entry)->link);
    state->queued++;
    *entry = NULL;
}

/* The lock held. The first entry of this number for `thread` (NULL: for the process), off the queue; NULL: none. */
LOCAL struct signal_entry *signal_take_entry(struct signal_state *state, const struct thread *thread, int signal)
{
    list_for_each(node, &state->queue) {
        struct signal_entry *entry = container_of(node, struct signal_entry, link);
        if (entry->thread != thread || entry->info.signo != signal)
            continue;
        list_remove(&entry->link);
        state->queued--;
        return entry;
    }
    return NULL;
}

void signal_forget_thread(struct thread *thread)
{
    struct signal_state *state = thread->process->signals;
    irq_flags_t flags = spin_lock_irq(&state->lock);
    list_for_each_safe(node, &state->queue) {
        struct signal_entry *entry = container_of(node, struct signal_entry, link);
        if (entry->thread != thread)
            continue;
        list_remove(&entry->link);
        state->queued--;
        kfree(entry);
    }
    spin_unlock_irq(&state->lock, flags);
}

/* The lock held. A thread that could take `signal`: notices it at its next return. */
LOCAL void signal_notify_thread(struct thread *thread)
{
    thread->signal_check = true;
    thread_wake(thread);
}

/* The thread list is read under the signal lock too: threads join and leave with it held. */
LOCAL void signal_notify_process(struct process *process, int signal)
{
    list_for_each(node, &process->threads) {
        struct thread *thread = container_of(node, struct thread, process_link);
        if (!(thread->signal_mask & SIGNAL_BIT(signal))) {
            signal_notify_thread(thread);
            return;
        }
    }
    /* All block it: it stays pending; a sigtimedwait() may wait for it. */
    list_for_each(node, &process->threads)
        thread_wake(container_of(node, struct thread, process_link));
}

/* Drops pending signals of `set`. The lock held. */
LOCAL void signal_drop_pending(struct process *process, uint64_t set)
{
    process->signals->pending &= ~set;
    list_for_each(node, &process->threads)
        container_of(node, struct thread, process_link)->signal_pending &= ~set;
}

/* What sending does at once, whatever the action: SIGCONT and SIGKILL let a stopped process run, and continuing and
 * stopping cancel each other. The lock held. */
LOCAL void signal_prepare_job_control(struct process *process, int signal)
{
    if (SIGNAL_BIT(signal) & STOP_SIGNALS) {
        signal_drop_pending(process, SIGNAL_BIT(SIGCONT));
        return;
    }
    if (signal != SIGCONT && signal != SIGKILL)
        return;
    signal_drop_pending(process, STOP_SIGNALS);
    if (process->stop_signal == 0)
        return;
    process->stop_signal = 0;
    process->stop_report = signal == SIGCONT ? SIGCONT : 0; /* the first thread that goes on tells the parent */
    process->tell_continued = signal == SIGCONT;
    list_for_each(node, &process->threads)
        thread_wake(container_of(node, struct thread, process_link));
}

int signal_send_process_info(struct process *process, int signal, const struct abi_siginfo *info)
{
    if (signal < 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    if (signal == 0)
        return 0;
    struct signal_state *state = process->signals;
    struct signal_entry *entry;
    int error = signal_prepare_entry(process, signal, &entry);
    if (error != 0 && info->code < 0)
        return error; /* kill(2) goes on without a place in the queue */
    irq_flags_t flags = spin_lock_irq(&state->lock);
    signal_prepare_job_control(process, signal);
    if (!signal_is_dropped(process, NULL, signal) && !signal_is_refused(process, signal)) {
        if (!(state->pending & SIGNAL_BIT(signal)))
            state->info[signal - 1] = *info;
        else
            signal_queue(state, NULL, info, &entry);
        state->pending |= SIGNAL_BIT(signal);
        signal_notify_process(process, signal);
    }
    spin_unlock_irq(&state->lock, flags);
    kfree(entry);
    return 0;
}

int signal_send_process(struct process *process, int signal)
{
    struct abi_siginfo info = { .signo = signal, .code = SI_KERNEL };
    return signal_send_process_info(process, signal, &info);
}

LOCAL void signal_send_group_member(struct process *process, void *context)
{
    (void)!signal_send_process(process, *(const int *)context);
}

int signal_send_group(int32_t group, int signal)
{
    return process_for_each_in_group(group, signal_send_group_member, &signal) > 0 ? 0 : -ESRCH;
}

void signal_send_thread(struct thread *thread, int signal)
{
    const struct process *process = thread->process;
    struct abi_siginfo info = { .signo = signal, .code = SI_USER };
    info.pid = process != NULL ? process->id : 0;
    info.uid = process != NULL ? process->credentials.uid : 0;
    signal_send_thread_info(thread, signal, &info);
}

void signal_send_thread_info(struct thread *thread, int signal, const struct abi_siginfo *info)
{
    struct process *process = thread->process;
    if (process == NULL)
        return; /* it has left */
    struct signal_state *state = process->signals;
    struct signal_entry *entry;
    (void)!signal_prepare_entry(process, signal, &entry);
    irq_flags_t flags = spin_lock_irq(&state->lock);
    signal_prepare_job_control(process, signal);
    if (!signal_is_dropped(process, thread, signal) && !signal_is_refused(process, signal)) {
        if (thread->signal_pending & SIGNAL_BIT(signal))
            signal_queue(state, thread, info, &entry);
        else if (thread->fault_info != NULL && thread->fault_info->signo == 0)
            *thread->fault_info = *info;
        thread->signal_pending |= SIGNAL_BIT(signal);
        if (!(thread->signal_mask & SIGNAL_BIT(signal)))
            signal_notify_thread(thread);
        else
            thread_wake(thread);
    }
    spin_unlock_irq(&state->lock, flags);
    kfree(entry);
}

void signal_force(struct trap_frame *frame, int signal, int code, uint64_t address)
{
    struct thread *me = thread_current();
    if (me->process == NULL)
        panic("fault in kernel thread %s: signal %d, address %#llx, RIP %#llx", me->name, signal,
              (unsigned long long)address, (unsigned long long)frame->rip);
    struct signal_state *state = me->process->signals;
    irq_flags_t flags = spin_lock_irq(&state->lock);
    struct abi_sigaction *action = &state->actions[signal - 1];
    if ((me->signal_mask & SIGNAL_BIT(signal)) || action->handler.address == HANDLER_IGNORE) {
        action->handler = user_ptr_from(HANDLER_DEFAULT); /* as Linux: it must not be lost */
        me->signal_mask &= ~SIGNAL_BIT(signal);
    }
    if (me->fault_info != NULL) {
        memset(me->fault_info, 0, sizeof *me->fault_info);
        me->fault_info->signo = signal;
        me->fault_info->code = code;
        me->fault_info->address = address;
    }
    me->signal_pending |= SIGNAL_BIT(signal);
    me->signal_check = true;
    spin_unlock_irq(&state->lock, flags);
}

/* --- what is pending --------------------------------------------------------- */

LOCAL uint64_t signal_deliverable(const struct thread *thread)
{
    return (thread->signal_pending | thread->process->signals->pending) & ~thread->signal_mask;
}

/* Must the thread leave its process: its end, or another thread's execve(2)? */
LOCAL bool signal_must_leave(const struct thread *thread)
{
    const struct process *process = thread->process;
    return process->exiting || (process->executing != NULL && process->executing != thread);
}

bool signal_is_pending(void)
{
    const struct thread *me = thread_current();
    if (me->process == NULL)
        return me->live_stop != 0; /* a kernel thread of live code that is to end */
    return (signal_must_leave(me)
            || (me->signal_check && (signal_deliverable(me) != 0 || me->process->stop_signal != 0)));
}

bool signal_is_waiting(int signal)
{
    const struct thread *me = thread_current();
    return me->process != NULL && me->signal_check && (signal_deliverable(me) & SIGNAL_BIT(signal));
}

void signal_forget(int signal)
{
    struct thread *me = thread_current();
    struct signal_state *state = me->process->signals;
    irq_flags_t flags = spin_lock_irq(&state->lock);
    me->signal_pending &= ~SIGNAL_BIT(signal);
    state->pending &= ~SIGNAL_BIT(signal);
    spin_unlock_irq(&state->lock, flags);
}

uint64_t signal_pending_set(void)
{
    const struct thread *me = thread_current();
    return me->signal_pending | me->process->signals->pending;
}

void signal_set_mask(uint64_t mask)
{
    struct thread *me = thread_current();
    struct signal_state *state = me->process->signals;
    irq_flags_t flags = spin_lock_irq(&state->lock);
    me->signal_mask = mask & ~UNBLOCKABLE;
    me->signal_check = me->signal_check || signal_deliverable(me) != 0;
    spin_unlock_irq(&state->lock, flags);
}

/* What was pending of this number is taken: the next one of the queue follows, or none is pending. The lock held. */
LOCAL void signal_take_next(struct thread *me, int signal, bool own)
{
    struct signal_state *state = me->process->signals;
    struct signal_entry *entry = signal_take_entry(state, own ? me : NULL, signal);
    if (entry == NULL) {
        *(own ? &me->signal_pending : &state->pending) &= ~SIGNAL_BIT(signal);
        return;
    }
    if (!own)
        state->info[signal - 1] = entry->info;
    else if (me->fault_info != NULL && me->fault_info->signo == 0)
        *me->fault_info = entry->info;
    kfree(entry);
}

/* Takes the first of `candidates` off the queues. The lock held. */
LOCAL int signal_take(struct thread *me, uint64_t candidates, struct abi_siginfo *info)
{
    struct signal_state *state = me->process->signals;
    uint64_t own = me->signal_pending & candidates;
    uint64_t ready = own | (state->pending & candidates);
    if (ready == 0)
        return 0;
    /* Faults first: a handler must see them before anything else moved RIP. */
    uint64_t faults = own & (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGTRAP));
    int signal = __builtin_ctzll(faults != 0 ? faults : ready) + 1;
    uint64_t bit = SIGNAL_BIT(signal);
    if (own & bit) {
        *info = (struct abi_siginfo){ .signo = signal, .code = SI_TKILL, };
        info->pid = me->process->id;
        info->uid = me->process->credentials.uid;
        if (me->fault_info != NULL && me->fault_info->signo == signal) {
            *info = *me->fault_info;
            me->fault_info->signo = 0;
        }
    } else {
        *info = state->info[signal - 1];
    }
    signal_take_next(me, signal, (own & bit) != 0);
    return signal;
}

int signal_wait(uint64_t mask, struct abi_siginfo *info, nanos_t deadline)
{
    struct thread *me = thread_current();
    struct signal_state *state = me->process->signals;
    for (;;) {
        thread_forget_wakes();
        irq_flags_t flags = spin_lock_irq(&state->lock);
        int signal = signal_take(me, mask, info);
        spin_unlock_irq(&state->lock, flags);
        if (signal != 0)
            return signal;
        int error = wait_sleep(deadline, true);
        if (error == -ETIMEDOUT)
            return -EAGAIN;
        if (error != 0)
            return error;
    }
}

/* --- handlers ------------------------------------------------------------------ */

LOCAL bool signal_is_on_alternate_stack(const struct thread *me, uint64_t rsp)
{
    return rsp > me->signal_stack_base && rsp - me->signal_stack_base <= me->signal_stack_size;
}

/* The XSAVE area as the ABI wants it at `target`: state, software bytes, closing magic. */
LOCAL int signal_store_fpu(struct user_ptr target)
{
    uint64_t flags = irqs_disable();
    const void *state = fpu_fetch_own();
    irqs_restore(flags);
    uint32_t size = cpu_features.xsave_size;
    struct abi_fpx_sw_bytes software = { 0 };
    if (cpu_features.xsave) {
        software.magic1 = FP_XSTATE_MAGIC1;
        software.extended_size = size + 4;
        software.xfeatures = cpu_features.xcr0;
        software.xstate_size = size;
    }
    int error = copy_to_user(target, state, size);
    if (error == 0)
        error = copy_to_user(user_ptr_offset(target, FXSAVE_SOFTWARE_OFFSET), &software, sizeof software);
    if (error == 0 && cpu_features.xsave)
        error = put_user_u32(user_ptr_offset(target, size), FP_XSTATE_MAGIC2);
    return error;
}

/* What a handler may have done to the saved state must not fault in XRSTOR. */
LOCAL int signal_load_fpu(struct user_ptr source)
{
    uint8_t *area = kmalloc(cpu_features.xsave_size);
    if (area == NULL)
        return -ENOMEM;
    int error = copy_from_user(area, source, cpu_features.xsave_size);
    if (error == 0) {
        uint32_t mxcsr;
        memcpy(&mxcsr, area + FXSAVE_MXCSR_OFFSET, sizeof mxcsr);
        mxcsr &= 0xffff;
        memcpy(area + FXSAVE_MXCSR_OFFSET, &mxcsr, sizeof mxcsr);
        if (cpu_features.xsave) {
            uint64_t components;
            memcpy(&components, area + XSAVE_HEADER_OFFSET, sizeof components);
            components &= cpu_features.xcr0;
            memset(area + XSAVE_HEADER_OFFSET, 0, 64);
            memcpy(area + XSAVE_HEADER_OFFSET, &components, sizeof components);
        }
        uint64_t flags = irqs_disable();
        fpu_set_own(area);
        irqs_restore(flags);
    }
    kfree(area);
    return error;
}

LOCAL void signal_fill_context(struct abi_sigcontext *to, const struct trap_frame *f)
{
    *to = (struct abi_sigcontext){
        .r8 = f->r8, .r9 = f->r9, .r10 = f->r10, .r11 = f->r11, .r12 = f->r12, .r13 = f->r13, .r14 = f->r14,
        .r15 = f->r15, .rdi = f->rdi, .rsi = f->rsi, .rbp = f->rbp, .rbx = f->rbx, .rdx = f->rdx, .rax = f->rax,
        .rcx = f->rcx, .rsp = f->rsp, .rip = f->rip, .rflags = f->rflags, .cs = (uint16_t)f->cs,
        .ss = (uint16_t)f->ss, .err = f->error, .trapno = f->vector < 32 ? f->vector : 0,
    };
}

LOCAL int signal_push_frame(struct trap_frame *frame, const struct abi_sigaction *action, const struct abi_siginfo *info,
                            uint64_t old_mask)
{
    struct thread *me = thread_current();
    uint64_t top = frame->rsp - RED_ZONE;
    if ((action->flags & SA_ONSTACK) && me->signal_stack_size != 0 && !signal_is_on_alternate_stack(me, frame->rsp))
        top = me->signal_stack_base + me->signal_stack_size;
    struct user_ptr fpu = user_ptr_from(ALIGN_DOWN(top - cpu_features.xsave_size - 4, 64));
    struct abi_sigframe model;
    uint64_t address = ALIGN_DOWN(fpu.address - sizeof model, 16) - 8; /* as after a call */

    if (!me->process->is_world && action->handler.address >= USER_SPACE_END)
        return -EFAULT; /* IRETQ to an address that is not canonical would fault at CPL 0 */
    int error = signal_store_fpu(fpu);
    if (error != 0)
        return error;
    memset(&model, 0, sizeof model);
    model.return_address = action->restorer.address;
    model.context.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (cpu_features.xsave ? UC_FP_XSTATE : 0);
    model.context.uc_stack.ss_sp = user_ptr_from(me->signal_stack_base);
    model.context.uc_stack.ss_size = me->signal_stack_size;
    model.context.uc_stack.ss_flags = me->signal_stack_size == 0 ? SS_DISABLE
        : signal_is_on_alternate_stack(me, frame->rsp) ? SS_ONSTACK : 0;
    signal_fill_context(&model.context.uc_mcontext, frame);
    model.context.uc_mcontext.oldmask = old_mask;
    if (info->signo == SIGSEGV || info->signo == SIGBUS)
        model.context.uc_mcontext.cr2 = info->address;
    model.context.uc_mcontext.fpstate = fpu;
    model.context.uc_sigmask = old_mask;
    model.info = *info;
    error = copy_to_user(user_ptr_from(address), &model, sizeof model);
    if (error != 0)
        return error;
    me->restart_begins = false; /* the handler's own calls come first */
    frame->rdi = (uint64_t)info->signo;
    frame->rsi = address + offsetof(struct abi_sigframe, info);
    frame->rdx = address + offsetof(struct abi_sigframe, context);
    frame->rax = 0;
    frame->rsp = address;
    frame->rip = action->handler.address;
    frame->rflags &= ~(uint64_t)(RFLAGS_DF | RFLAGS_TF | RFLAGS_AC);
    return 0;
}

LOCAL bool signal_syscall_restarts(int64_t number)
{
    switch (number) { /* signal(7): these end with EINTR even under SA_RESTART */
    case SYS_nanosleep: case SYS_clock_nanosleep: case SYS_poll: case SYS_ppoll: case SYS_select: case SYS_pselect6:
    case SYS_epoll_wait: case SYS_epoll_pwait: case SYS_epoll_pwait2: case SYS_pause: case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait: case SYS_io_getevents: case SYS_semop: case SYS_semtimedop:
        return false;
    default:
        return true;
    }
}

void signal_note_syscall_result(struct trap_frame *frame, uint64_t number, int64_t result)
{
    (void)frame;
    thread_current()->restart_number = result == -EINTR ? (int64_t)number : -1;
}

/* Runs the interrupted syscall again when the handler (or no handler) asks for it. */
LOCAL void signal_restart_syscall(struct trap_frame *frame, bool wanted)
{
    struct thread *me = thread_current();
    const unsigned syscall_instruction_size = 2;
    if (me->restart_number >= 0 && wanted) {
        me->restart_begins = true;
        frame->rax = (uint64_t)me->restart_number;
        frame->rip -= syscall_instruction_size;
    }
    me->restart_number = -1;
}

LOCAL NORETURN void signal_end_process(struct trap_frame *frame, const struct abi_siginfo *info)
{
    struct process *process = process_current();
    int signal = info->signo;
    if (signal_defaults[signal] == SIGNAL_CORE && frame->role == THREAD_IN_USER) {
        klog(LOG_INFO, "signal", "%s (pid %d) is ended by signal %d (code %d) at RIP %#llx, RSP %#llx, address %#llx",
             process->name, process->id, signal, info->code, (unsigned long long)frame->rip,
             (unsigned long long)frame->rsp, (unsigned long long)info->address);
    } else if (signal_defaults[signal] == SIGNAL_CORE) {
        klog(LOG_ERROR, "signal", "%s (pid %d) is ended by signal %d (code %d) at RIP %#llx, address %#llx",
             process->name, process->id, signal, info->code, (unsigned long long)frame->rip,
             (unsigned long long)info->address);
        trap_print(frame);
    }
    process_exit_group(signal); /* no core is ever dumped */
}

/* --- stopping -------------------------------------------------------------------- */

/* The parent learns that the process stopped, or that it goes on. */
LOCAL void signal_tell_parent(struct process *process, int code, int status)
{
    irq_flags_t flags = process_table_lock();
    process_notify_parent(process, code, status);
    process_table_unlock(flags);
}

/* The default action of a stop signal. */
LOCAL void signal_stop(struct process *process, int signal)
{
    if (process->id == WORLD_PID || (signal != SIGSTOP && process_group_is_orphaned(process->group_id)))
        return; /* nobody could let it go on */
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    bool stops = process->stop_signal == 0 && !process->exiting
        && !((process->signals->pending | thread_current()->signal_pending) & (SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGKILL)));
    if (stops) {
        process->stop_signal = process->stop_report = signal;
        list_for_each(node, &process->threads)
            signal_notify_thread(container_of(node, struct thread, process_link));
    }
    spin_unlock_irq(&process->signals->lock, flags);
    if (stops)
        signal_tell_parent(process, CLD_STOPPED, signal);
}

LOCAL void signal_wait_while_stopped(struct process *process)
{
    while (process->stop_signal != 0 && !signal_must_leave(thread_current())) {
        thread_forget_wakes();
        if (process->stop_signal != 0 && !signal_must_leave(thread_current()))
            (void)!wait_sleep(WAIT_FOREVER, false);
    }
    irq_flags_t flags = spin_lock_irq(&process->signals->lock);
    bool tell = process->tell_continued;
    process->tell_continued = false;
    spin_unlock_irq(&process->signals->lock, flags);
    if (tell)
        signal_tell_parent(process, CLD_CONTINUED, SIGCONT);
}

void signal_deliver(struct trap_frame *frame)
{
    struct thread *me = thread_current();
    struct process *process = me->process;
    struct signal_state *state = process->signals;
    signal_wait_while_stopped(process);
    if (signal_must_leave(me))
        process_exit_thread(process->exit_status);
    struct abi_siginfo info;
    irq_flags_t flags = spin_lock_irq(&state->lock);
    int signal = signal_take(me, ~me->signal_mask, &info);
    struct abi_sigaction action = { 0 };
    uint64_t old_mask = me->signal_restore_mask ? me->signal_saved_mask : me->signal_mask;
    if (signal == 0) {
        me->signal_check = false;
        if (me->signal_restore_mask) {
            me->signal_mask = me->signal_saved_mask;
            me->signal_restore_mask = false;
            me->signal_check = signal_deliverable(me) != 0;
        }
    } else {
        action = state->actions[signal - 1];
        if (action.handler.address > HANDLER_IGNORE) {
            me->signal_restore_mask = false;
            me->signal_mask |= action.mask | ((action.flags & SA_NODEFER) ? 0 : SIGNAL_BIT(signal));
            me->signal_mask &= ~UNBLOCKABLE;
            if (action.flags & SA_RESETHAND)
                state->actions[signal - 1].handler = user_ptr_from(HANDLER_DEFAULT);
        }
    }
    spin_unlock_irq(&state->lock, flags);
    if (signal == 0) {
        if (!me->signal_check) /* nothing was delivered */
            signal_restart_syscall(frame, true);
        return;
    }
    if (trace_is_on(process))
        trace_signal(&info);
    if (action.handler.address == HANDLER_IGNORE)
        return;
    if (action.handler.address == HANDLER_DEFAULT) {
        if (signal_defaults[signal] == SIGNAL_TERMINATE || signal_defaults[signal] == SIGNAL_CORE)
            signal_end_process(frame, &info);
        if (signal_defaults[signal] == SIGNAL_STOP)
            signal_stop(process, signal);
        return;
    }
    signal_restart_syscall(frame, (action.flags & SA_RESTART) && signal_syscall_restarts(me->restart_number));
    if (signal_push_frame(frame, &action, &info, old_mask) != 0) {
        klog(LOG_ERROR, "signal", "%s: no room for the frame of signal %d at RSP %#llx", process->name, signal,
             (unsigned long long)frame->rsp);
        struct abi_siginfo fatal = { .signo = SIGSEGV, .code = SI_KERNEL };
        signal_end_process(frame, &fatal);
    }
}

int signal_return(struct trap_frame *frame)
{
    struct thread *me = thread_current();
    struct abi_ucontext context;
    /* The handler returned through the restorer: its return address is off the stack. */
    uint64_t address = frame->rsp - sizeof(uint64_t) + offsetof(struct abi_sigframe, context);
    int error = copy_from_user(&context, user_ptr_from(address), sizeof context);
    if (error != 0)
        return error;
    const struct abi_sigcontext *c = &context.uc_mcontext;
    bool world = me->process->is_world;
    if (world ? c->rip < DIRECT_MAP_BASE : c->rip >= USER_SPACE_END)
        return -EFAULT;
    if (!user_ptr_is_null(c->fpstate)) {
        error = signal_load_fpu(c->fpstate);
        if (error != 0)
            return error;
    }
    frame->r8 = c->r8; frame->r9 = c->r9; frame->r10 = c->r10; frame->r11 = c->r11;
    frame->r12 = c->r12; frame->r13 = c->r13; frame->r14 = c->r14; frame->r15 = c->r15;
    frame->rdi = c->rdi; frame->rsi = c->rsi; frame->rbp = c->rbp; frame->rbx = c->rbx;
    frame->rdx = c->rdx; frame->rax = c->rax; frame->rcx = c->rcx; frame->rsp = c->rsp; frame->rip = c->rip;
    frame->rflags = (c->rflags & RFLAGS_CALLER_MAY_SET) | RFLAGS_IF | 2;
    frame->vector = VECTOR_SYSCALL_SLOW; /* RCX and R11 matter: iretq */
    signal_set_mask(context.uc_sigmask);
    return 0;
}

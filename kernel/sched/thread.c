/*
 * The scheduler: one run queue per CPU, round robin with a time
 * slice; a thread that an interrupt wakes goes first, so that input is seen at
 * once.
 *
 * The run queue's lock is held from the moment when the running thread's state
 * changes across context_switch(), and released by the thread that comes out of
 * it (thread_finish_switch). So whoever has the lock of a thread's CPU finds it
 * either running there or wholly saved: another CPU never takes a thread whose
 * stack is still in use. The lock is taken by the primitives without bookkeeping.
 * No CPU ever holds two of these locks: a thread that moves is READY and on no
 * queue in between.
 *
 * Threads move when they are woken or started (to an idle CPU, else they stay),
 * when a CPU has nothing to do (it takes one from the longest queue), and at the
 * end of a time slice (to a CPU with at least two threads fewer).
 */
#include <abi/errno.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/sections.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/preempt.h>
#include <kernel/sched/private.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <live/guard.h>

#define TIME_SLICE (10 * NANOS_PER_MILLISECOND)

struct run_queue {
    struct spinlock lock;
    /* lock */
    struct list ready; /* struct thread.run_link */
    volatile uint32_t count;     /* of `ready`; others look at it without the lock */
    /* atomic */
    bool slice_armed;            /* a time slice runs, or its CPU was asked to start one */
    bool slice_wanted;           /* asked by another CPU */
    struct timer slice;          /* its CPU's */
};

static struct run_queue run_queues[MAX_CPUS];
static struct thread boot_thread;

struct thread *thread_current(void)
{
    return this_thread();
}

LOCAL struct run_queue *thread_queue_of(int32_t cpu) { return &run_queues[cpu]; }

void preempt_disable(void) { preempt_count_up(); }

void preempt_enable(void) { preempt_count_down(); }

void preempt_catch_up(void)
{
    if (irqs_are_enabled()) {
        uint64_t flags = irqs_disable();
        thread_schedule();
        irqs_restore(flags);
    }
}

LOCAL void thread_push_away(struct cpu *cpu);

LOCAL void thread_slice_ended(struct timer *timer)
{
    struct run_queue *queue = container_of(timer, struct run_queue, slice);
    __atomic_store_n(&queue->slice_armed, false, __ATOMIC_SEQ_CST);
    this_cpu()->reschedule = true;
    thread_push_away(this_cpu());
}

void thread_init_boot(void)
{
    struct thread *idle = &boot_thread;
    idle->kernel_stack_base = section_address(__boot_stack_base);
    idle->kernel_stack_top = section_address(__boot_stack_top);
    idle->references = 1;
    idle->state = THREAD_RUNNING;
    idle->affinity = CPU_BIT(0);
    strlcpy(idle->name, "idle/0", sizeof idle->name);
    list_init(&idle->run_link);
    list_init(&idle->process_link);
    thread_list_begin(idle);
    cpus[0].current = idle;
    cpus[0].idle = idle;
    for (int32_t cpu = 0; cpu < MAX_CPUS; cpu++) {
        spin_init(&run_queues[cpu].lock, "run queue", LOCK_RANK_SCHEDULER);
        list_init(&run_queues[cpu].ready);
        timer_init(&run_queues[cpu].slice, thread_slice_ended);
    }
}

/* --- run queues ------------------------------------------------------------------- */

/* Locks the queue of the thread's CPU. Interrupts off. */
LOCAL struct run_queue *thread_lock_queue(struct thread *thread)
{
    for (;;) {
        int32_t cpu = thread->cpu;
        struct run_queue *queue = thread_queue_of(cpu);
        spin_acquire(&queue->lock);
        if (thread->cpu == cpu)
            return queue;
        spin_release(&queue->lock); /* it moved meanwhile */
    }
}

/* Queue lock held. */
LOCAL void thread_enqueue(struct run_queue *queue, struct thread *thread, bool first)
{
    thread->state = THREAD_READY;
    if (first)
        list_prepend(&queue->ready, &thread->run_link);
    else
        list_append(&queue->ready, &thread->run_link);
    queue->count++;
}

/* Queue lock held; the thread is on it. */
LOCAL void thread_dequeue(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->run_link);
    queue->count--;
}

LOCAL bool thread_may_run_on(const struct thread *thread, int32_t cpu) { return thread->affinity & CPU_BIT(cpu); }

LOCAL void thread_start_slice(struct run_queue *queue) { timer_arm(&queue->slice, clock_monotonic() + TIME_SLICE); }

/* A thread became ready on CPU `id`: that looks at its queue now (`urgent`, or it idles) or at the end of a slice.
 * Interrupts off, no queue locked. */
LOCAL void thread_note_ready(int32_t id, bool urgent)
{
    struct cpu *cpu = &cpus[id];
    struct run_queue *queue = thread_queue_of(id);
    bool here = cpu == this_cpu();
    if (urgent || cpu->current == cpu->idle) {
        cpu->reschedule = true;
    } else {
        if (__atomic_exchange_n(&queue->slice_armed, true, __ATOMIC_SEQ_CST))
            return;
        if (here)
            thread_start_slice(queue);
        else
            __atomic_store_n(&queue->slice_wanted, true, __ATOMIC_SEQ_CST);
    }
    if (!here)
        smp_send_reschedule(id);
}

void thread_reschedule_interrupt(void)
{
    struct run_queue *queue = thread_queue_of(this_cpu()->id);
    if (__atomic_exchange_n(&queue->slice_wanted, false, __ATOMIC_SEQ_CST))
        thread_start_slice(queue);
}

/* --- which CPU -------------------------------------------------------------------- */

/* How many threads want the CPU. Without its lock: a hint. */
LOCAL uint32_t thread_load_of(int32_t id) { return thread_queue_of(id)->count + (cpus[id].current != cpus[id].idle); }

/*
 * Where `thread` shall run. Woken by a thread that has its CPU for itself: there, because the waker mostly sleeps soon
 * (a fork and its wait, a pipe), and waking another CPU costs more than that takes; at the end of a slice it is pushed
 * to an idle CPU. Else where it ran last if that CPU idles, else on an idle one, else where it ran last, or on the least
 * loaded one if it may not run there.
 */
LOCAL int32_t thread_choose_cpu(const struct thread *thread)
{
    const int32_t last = thread->cpu;
    const uint64_t online = smp_online();
    if (online == CPU_BIT(0))
        return 0;
    uint64_t allowed = thread->affinity & online;
    const struct cpu *here = this_cpu();
    if (here->interrupt_depth == 0 && (allowed & CPU_BIT(here->id)) && thread_load_of(here->id) <= 1)
        return here->id;
    if ((allowed & CPU_BIT(last)) && thread_load_of(last) == 0)
        return last;
    int32_t best = allowed & CPU_BIT(last) ? last : -1;
    uint32_t best_load = best < 0 ? UINT32_MAX : 1; /* an idle one only */
    for (; allowed != 0; allowed &= allowed - 1) {
        int32_t id = (int32_t)__builtin_ctzll(allowed);
        uint32_t load = thread_load_of(id);
        if (load < best_load) {
            best = id;
            best_load = load;
        }
    }
    return best < 0 ? 0 : best;
}

/* Puts a thread that is READY and on no queue on that of a CPU. `queue` is its CPU's, locked; unlocked on return. */
LOCAL void thread_place(struct run_queue *queue, struct thread *thread, bool urgent)
{
    for (;;) {
        int32_t id = thread_choose_cpu(thread);
        if (id == thread->cpu)
            break;
        thread->cpu = id;
        thread->migrations++;
        spin_release(&queue->lock);
        queue = thread_queue_of(id);
        spin_acquire(&queue->lock);
        if (thread_may_run_on(thread, id)) /* else its affinity changed meanwhile */
            break;
    }
    int32_t id = thread->cpu;
    thread_enqueue(queue, thread, urgent);
    spin_release(&queue->lock);
    thread_note_ready(id, urgent);
}

/* Takes a thread that may run on `target` from the queue of `source` to that of `target`. Interrupts off. */
LOCAL bool thread_move_one(int32_t source, int32_t target)
{
    struct run_queue *queue = thread_queue_of(source);
    struct thread *moved = NULL;
    spin_acquire(&queue->lock);
    list_for_each(node, &queue->ready) {
        struct thread *thread = container_of(node, struct thread, run_link);
        if (!thread_may_run_on(thread, target))
            continue;
        thread_dequeue(queue, thread);
        thread->cpu = target;
        thread->migrations++;
        moved = thread;
        break;
    }
    spin_release(&queue->lock);
    if (moved == NULL)
        return false;
    queue = thread_queue_of(target);
    spin_acquire(&queue->lock);
    if (thread_may_run_on(moved, target)) {
        thread_enqueue(queue, moved, false);
        spin_release(&queue->lock);
        thread_note_ready(target, false);
    } else {
        thread_place(queue, moved, false); /* its affinity changed meanwhile */
    }
    return true;
}

/* `cpu` idles: takes a thread that waits on another one. Interrupts off. */
LOCAL bool thread_steal(struct cpu *cpu)
{
    uint64_t others = smp_online() & ~CPU_BIT(cpu->id);
    while (others != 0) {
        int32_t busiest = -1;
        for (uint64_t left = others; left != 0; left &= left - 1) {
            int32_t id = (int32_t)__builtin_ctzll(left);
            if (thread_queue_of(id)->count > (busiest < 0 ? 0 : thread_queue_of(busiest)->count))
                busiest = id;
        }
        if (busiest < 0)
            return false;
        if (thread_move_one(busiest, cpu->id)) {
            cpu->steals++;
            return true;
        }
        others &= ~CPU_BIT(busiest); /* nothing there may run here */
    }
    return false;
}

/* The end of a slice: a thread goes from this CPU to one that has at least two fewer. Interrupts off. */
LOCAL void thread_push_away(struct cpu *cpu)
{
    uint64_t others = smp_online() & ~CPU_BIT(cpu->id);
    uint32_t load = thread_load_of(cpu->id);
    for (; others != 0; others &= others - 1) {
        int32_t id = (int32_t)__builtin_ctzll(others);
        if (thread_load_of(id) + 2 <= load && thread_move_one(cpu->id, id))
            return;
    }
}

int thread_set_affinity(struct thread *thread, uint64_t wanted)
{
    if ((wanted & smp_online()) == 0)
        return -EINVAL;
    uint64_t flags = irqs_disable();
    struct run_queue *queue = thread_lock_queue(thread);
    thread->affinity = wanted;
    int32_t id = thread->cpu;
    bool wrong = !thread_may_run_on(thread, id);
    if (wrong && list_is_linked(&thread->run_link)) {
        thread_dequeue(queue, thread);
        thread_place(queue, thread, false);
    } else {
        bool running = thread->state == THREAD_RUNNING;
        spin_release(&queue->lock);
        if (wrong && thread == thread_current())
            thread_schedule();
        else if (wrong && running)
            thread_note_ready(id, true); /* it finds that it has to go */
    }
    irqs_restore(flags);
    return 0;
}

/* --- starting, waking --------------------------------------------------------------- */

void thread_start(struct thread *thread)
{
    uint64_t flags = irqs_disable();
    struct run_queue *queue = thread_lock_queue(thread);
    KASSERT(thread->state == THREAD_NEW);
    thread->state = THREAD_READY;
    thread_place(queue, thread, false);
    irqs_restore(flags);
}

void thread_wake(struct thread *thread)
{
    uint64_t flags = irqs_disable();
    struct run_queue *queue = thread_lock_queue(thread);
    if (thread->state == THREAD_SLEEPING) {
        thread->state = THREAD_READY;
        thread_place(queue, thread, this_cpu()->interrupt_depth > 0);
    } else {
        thread->wake_pending = true;
        int32_t id = thread->cpu;
        bool interrupt = thread->state == THREAD_RUNNING && thread->signal_check && id != this_cpu()->id;
        spin_release(&queue->lock);
        if (interrupt) /* it looks at its signals on the way back */
            smp_send_reschedule(id);
    }
    irqs_restore(flags);
}

void thread_forget_wakes(void) { __atomic_exchange_n(&thread_current()->wake_pending, false, __ATOMIC_SEQ_CST); }

/* --- switching ------------------------------------------------------------------------ */

/* Runs first in every thread after a switch, interrupts off, the queue of this CPU locked. */
LOCAL void thread_finish_switch(void)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = thread_queue_of(cpu->id);
    struct thread *dead = cpu->dead, *leaving = cpu->leaving;
    cpu->dead = cpu->leaving = NULL;
    bool more = queue->count > 0;
    if (leaving != NULL)
        thread_place(queue, leaving, false);
    else
        spin_release(&queue->lock);
    if (more)
        thread_note_ready(cpu->id, false);
    if (dead != NULL)
        thread_put(dead);
    /* It may go on in live code without a trap on the way: the interrupt brings one. */
    const struct thread *me = cpu->current;
    if (UNLIKELY(me->live_guard != NULL) && (me->live_stop != 0 || me->signal_check))
        apic_send(cpu->apic_id, VECTOR_RESCHEDULE);
}

/* entry.S: a new thread's first call. */
void thread_started(void)
{
    thread_finish_switch();
    __asm__ volatile("sti");
}

/* entry.S: what a kernel thread does; a fault in live code ends the thread and not the machine. */
void thread_run(void (*function)(void *argument), void *argument)
{
    live_run_thread(function, argument);
}

/* FS and GS of world and user threads. A ring-3 program can change the bases by loading the selectors: what it
 * leaves behind is not trusted to be what was loaded. */
LOCAL void thread_load_bases(struct cpu *cpu, const struct thread *previous, const struct thread *next)
{
    if (previous->root != 0)
        cpu->fs_base_loaded = cpu->gs_base_loaded = UINT64_MAX; /* no canonical address */
    if (next->process == NULL)
        return;
    if (next->fs_base != cpu->fs_base_loaded) {
        msr_write(MSR_FS_BASE, next->fs_base);
        cpu->fs_base_loaded = next->fs_base;
    }
    if (next->root != 0 && next->gs_base != cpu->gs_base_loaded) {
        msr_write(MSR_KERNEL_GS_BASE, next->gs_base);
        cpu->gs_base_loaded = next->gs_base;
    }
}

LOCAL void thread_switch_to(struct cpu *cpu, struct thread *previous, struct thread *next)
{
    nanos_t now = clock_monotonic(), used = now - previous->last_started;
    previous->cpu_time += used;
    *(previous == cpu->idle ? &cpu->idle_time : &cpu->busy_time) += used;
    cpu->switches++;
    next->last_started = now;
    next->switches++;
    next->state = THREAD_RUNNING;
    fpu_switch(previous, next);
    thread_load_bases(cpu, previous, next);
    paddr_t root = next->root != 0 ? next->root : paging_kernel_root();
    if (root != cpu->root_loaded)
        paging_use_root(root);
    cpu->tss.rsp[0] = next->kernel_stack_top;
    cpu->current = next;
    context_switch(&previous->saved_rsp, next->saved_rsp);
    thread_finish_switch();
}

/* Chooses the next thread and switches to it; returns when the current one runs again, maybe on another CPU. The queue
 * of this CPU is locked, and unlocked on return. */
LOCAL void thread_schedule_locked(struct run_queue *queue)
{
    struct cpu *cpu = this_cpu();
    struct thread *me = cpu->current;
    KASSERT(cpu->interrupt_depth == 0);
    cpu->reschedule = false;
    if (me->state == THREAD_RUNNING && me != cpu->idle) {
        if (thread_may_run_on(me, cpu->id)) {
            thread_enqueue(queue, me, false);
        } else {
            me->state = THREAD_READY;
            cpu->leaving = me;
        }
    }
    struct list *first = list_pop_first(&queue->ready);
    struct thread *next = cpu->idle;
    if (first != NULL) {
        next = container_of(first, struct thread, run_link);
        queue->count--;
    }
    if (next == me) {
        me->state = THREAD_RUNNING;
        spin_release(&queue->lock);
        return;
    }
    if (me == cpu->idle)
        me->state = THREAD_READY;
    if (me->state == THREAD_DEAD) {
        cpu->dead = me;
        if (cpu->fpu_owner == me)
            cpu->fpu_owner = NULL;
    }
    thread_switch_to(cpu, me, next);
}

void thread_schedule(void)
{
    struct run_queue *queue = thread_queue_of(this_cpu()->id);
    spin_acquire(&queue->lock);
    thread_schedule_locked(queue);
}

void thread_block(void)
{
    uint64_t flags = irqs_disable();
    struct thread *me = thread_current();
    struct run_queue *queue = thread_queue_of(this_cpu()->id);
    spin_acquire(&queue->lock);
    if (me->wake_pending) {
        spin_release(&queue->lock);
    } else {
        me->state = THREAD_SLEEPING;
        thread_schedule_locked(queue);
    }
    irqs_restore(flags);
}

void thread_yield(void)
{
    uint64_t flags = irqs_disable();
    thread_schedule();
    irqs_restore(flags);
}

void thread_exit(void)
{
    struct thread *me = thread_current();
    if (me->held_count != 0)
        panic("%s ends while it holds %u locks", me->name, me->held_count);
    (void)irqs_disable();
    struct run_queue *queue = thread_queue_of(this_cpu()->id);
    spin_acquire(&queue->lock);
    me->state = THREAD_DEAD;
    thread_schedule_locked(queue);
    panic("%s ran after its end", me->name);
}

/* --- idle threads ---------------------------------------------------------------------- */

struct thread *thread_create_idle(int32_t cpu)
{
    char name[THREAD_NAME_SIZE];
    ksnprintf(name, sizeof name, "idle/%d", cpu);
    struct thread *thread = thread_allocate(name);
    if (thread == NULL)
        return NULL;
    thread->id = 0; /* as every idle thread */
    thread->cpu = cpu;
    thread->affinity = CPU_BIT(cpu);
    thread->state = THREAD_RUNNING;
    thread->last_started = clock_monotonic();
    return thread;
}

void thread_discard_idle(struct thread *thread)
{
    thread->state = THREAD_DEAD;
    thread_put(thread);
    thread_put(thread);
}

void thread_idle_loop(void)
{
    for (;;) {
        (void)irqs_disable();
        if (this_cpu()->reschedule || thread_steal(this_cpu()))
            thread_schedule();
        else /* STI's shadow covers HLT: a wake-up between the two is not lost. */
            __asm__ volatile("sti\n\thlt" : : : "memory");
    }
}

/* Did the call below `outer` on this stack lock it? */
LOCAL bool thread_locked_below(const struct run_queue *queue, const void *outer)
{
    return spin_is_held_by_me(&queue->lock) && (uintptr_t)queue->lock.frame < (uintptr_t)outer;
}

bool thread_holds_queue(const void *outer)
{
    for (uint64_t cpus_left = smp_online(); cpus_left != 0; cpus_left &= cpus_left - 1)
        if (thread_locked_below(thread_queue_of(__builtin_ctzll(cpus_left)), outer))
            return true;
    return false;
}

uint32_t thread_release_queues(const void *outer)
{
    uint32_t released = 0;
    for (int32_t cpu = 0; cpu < MAX_CPUS; cpu++) {
        struct run_queue *queue = thread_queue_of(cpu);
        if (!thread_locked_below(queue, outer))
            continue;
        uint32_t count = 0;
        list_for_each(node, &queue->ready)
            count++;
        queue->count = count;
        spin_release(&queue->lock);
        released++;
    }
    return released;
}

nanos_t thread_cpu_time(void)
{
    const struct thread *me = thread_current();
    uint64_t flags = irqs_disable();
    nanos_t time = me->cpu_time + clock_monotonic() - me->last_started;
    irqs_restore(flags);
    return time;
}

nanos_t thread_cpu_time_of(struct thread *thread)
{
    uint64_t flags = irqs_disable();
    struct run_queue *queue = thread_lock_queue(thread); /* no switch meanwhile */
    nanos_t time = thread->cpu_time;
    if (thread->state == THREAD_RUNNING)
        time += clock_monotonic() - thread->last_started;
    spin_release(&queue->lock);
    irqs_restore(flags);
    return time;
}

bool thread_is_idle(const struct thread *thread) { return thread == cpus[thread->cpu].idle; }

void thread_get_cpu_times(int32_t id, nanos_t *busy, nanos_t *idle)
{
    const struct cpu *cpu = &cpus[id];
    uint64_t flags = irqs_disable();
    spin_acquire(&thread_queue_of(id)->lock); /* no switch meanwhile */
    nanos_t since = clock_monotonic() - cpu->current->last_started;
    *busy = cpu->busy_time + (cpu->current == cpu->idle ? 0 : since);
    *idle = cpu->idle_time + (cpu->current == cpu->idle ? since : 0);
    spin_release(&thread_queue_of(id)->lock);
    irqs_restore(flags);
}

void thread_get_running_name(int32_t id, char name[THREAD_NAME_SIZE])
{
    uint64_t flags = irqs_disable();
    spin_acquire(&thread_queue_of(id)->lock);
    memcpy(name, cpus[id].current->name, THREAD_NAME_SIZE);
    spin_release(&thread_queue_of(id)->lock);
    irqs_restore(flags);
}

bool thread_visit_saved(struct thread *thread, void (*visit)(struct thread *thread, void *context), void *context)
{
    struct run_queue *queue = thread_lock_queue(thread);
    bool saved = thread->state != THREAD_RUNNING;
    if (saved)
        visit(thread, context);
    spin_release(&queue->lock);
    return saved;
}

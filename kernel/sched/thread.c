/*
 * Threads and the scheduler: one run queue per CPU, round robin with a time
 * slice; a thread that an interrupt wakes goes first, so that input is seen at
 * once.
 *
 * The run queue's lock is held across context_switch() and released by the
 * thread that comes out of it (thread_finish_switch), so it is taken by the
 * primitives without bookkeeping.
 */
#include <abi/errno.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/sections.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock_debug.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TIME_SLICE (10 * NANOS_PER_MILLISECOND)

struct run_queue {
    struct spinlock lock;
    /* lock */
    struct list ready; /* struct thread.run_link */
    uint32_t count;
    struct timer slice;
    bool slice_armed;
};

static struct run_queue run_queues[MAX_CPUS];
static struct thread boot_thread;

static struct spinlock threads_lock = SPINLOCK_INIT("threads", LOCK_RANK_LEAF);
static struct list all_threads = LIST_INIT(all_threads); /* threads_lock; struct thread.all_link */
static int32_t next_thread_id = 2;                       /* atomic; 1 is the world's first thread */

void thread_entry_frame(void); /* entry.S */

struct thread *thread_current(void)
{
    struct thread *thread;
    __asm__ volatile("mov %%gs:8, %0" : "=r"(thread)); /* one instruction: right on any CPU */
    return thread;
}

LOCAL struct run_queue *thread_queue_of(int32_t cpu) { return &run_queues[cpu]; }

void preempt_disable(void)
{
    thread_current()->preempt_count++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void preempt_enable(void)
{
    struct thread *me = thread_current();
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    KASSERT(me->preempt_count > 0);
    if (--me->preempt_count == 0 && this_cpu()->reschedule && irqs_are_enabled()) {
        uint64_t flags = irqs_disable();
        thread_schedule();
        irqs_restore(flags);
    }
}

LOCAL void thread_slice_ended(struct timer *timer)
{
    struct run_queue *queue = container_of(timer, struct run_queue, slice);
    queue->slice_armed = false;
    this_cpu()->reschedule = true;
}

void thread_init_boot(void)
{
    struct thread *idle = &boot_thread;
    idle->kernel_stack_base = section_address(__boot_stack_base);
    idle->kernel_stack_top = section_address(__boot_stack_top);
    idle->references = 1;
    idle->state = THREAD_RUNNING;
    strlcpy(idle->name, "idle/0", sizeof idle->name);
    list_init(&idle->run_link);
    list_init(&idle->process_link);
    list_append(&all_threads, &idle->all_link);
    cpus[0].current = idle;
    cpus[0].idle = idle;
    for (int32_t cpu = 0; cpu < MAX_CPUS; cpu++) {
        spin_init(&run_queues[cpu].lock, "run queue", LOCK_RANK_SCHEDULER);
        list_init(&run_queues[cpu].ready);
        timer_init(&run_queues[cpu].slice, thread_slice_ended);
    }
}

/* Room for `bytes` at the top of the kernel stack. */
LOCAL void *thread_stack_push(struct thread *thread, size_t bytes)
{
    thread->saved_rsp -= bytes;
    return (void *)(uintptr_t)thread->saved_rsp;
}

/* Everything but what the thread will run. */
LOCAL struct thread *thread_allocate(const char *name)
{
    struct thread *thread = kzalloc(sizeof *thread);
    if (thread == NULL)
        return NULL;
    void *stack = vmalloc(KERNEL_STACK_SIZE, PAGE_USE_STACK);
    if (stack == NULL) {
        kfree(thread);
        return NULL;
    }
    thread->kernel_stack_base = (uint64_t)(uintptr_t)stack;
    thread->kernel_stack_top = thread->kernel_stack_base + KERNEL_STACK_SIZE - 8; /* entry.S: frames 16-aligned */
    thread->saved_rsp = thread->kernel_stack_top;
    thread->references = 2; /* the caller's, and its own while it lives */
    thread->id = __atomic_fetch_add(&next_thread_id, 1, __ATOMIC_RELAXED);
    thread->state = THREAD_NEW;
    strlcpy(thread->name, name, sizeof thread->name);
    list_init(&thread->run_link);
    list_init(&thread->process_link);
    thread->restart_number = -1;
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    list_append(&all_threads, &thread->all_link);
    spin_unlock_irq(&threads_lock, flags);
    return thread;
}

/* What context_switch pops: r15 r14 r13 r12 rbx rbp rip. */
LOCAL void thread_push_context(struct thread *thread, void (*entry)(void), uint64_t rbx, uint64_t r12)
{
    uint64_t *context = thread_stack_push(thread, 7 * sizeof(uint64_t));
    memset(context, 0, 7 * sizeof(uint64_t));
    context[3] = r12;
    context[4] = rbx;
    context[6] = (uint64_t)(uintptr_t)entry;
}

struct thread *thread_create(const char *name, void (*function)(void *), void *argument)
{
    struct thread *thread = thread_allocate(name);
    if (thread != NULL) {
        thread->saved_rsp -= 8; /* function is entered as after a call */
        thread_push_context(thread, thread_entry_kernel, (uint64_t)(uintptr_t)function, (uint64_t)(uintptr_t)argument);
    }
    return thread;
}

struct thread *thread_create_with_frame(const char *name, struct process *process, const struct trap_frame *frame)
{
    struct thread *thread = thread_allocate(name);
    if (thread == NULL)
        return NULL;
    thread->fpu = fpu_alloc();
    if (thread->fpu == NULL) {
        thread->state = THREAD_DEAD;
        thread_put(thread);
        thread_put(thread);
        return NULL;
    }
    thread->process = process;
    memcpy(thread_stack_push(thread, sizeof *frame), frame, sizeof *frame);
    thread_push_context(thread, thread_entry_frame, 0, 0);
    return thread;
}

void thread_get(struct thread *thread) { __atomic_add_fetch(&thread->references, 1, __ATOMIC_RELAXED); }

void thread_put(struct thread *thread)
{
    if (__atomic_sub_fetch(&thread->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    KASSERT(thread->state == THREAD_DEAD);
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    list_remove(&thread->all_link);
    spin_unlock_irq(&threads_lock, flags);
    if (thread->fpu != NULL)
        fpu_free(thread->fpu);
    kfree(thread->fault_info);
    vfree((void *)(uintptr_t)thread->kernel_stack_base);
    kfree(thread);
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

/* A thread became ready on this CPU: interrupt the running one now (`urgent`, or the CPU idles) or at the end of a slice. */
LOCAL void thread_note_ready(struct run_queue *queue, bool urgent)
{
    struct cpu *cpu = this_cpu();
    if (urgent || cpu->current == cpu->idle) {
        cpu->reschedule = true;
    } else if (!queue->slice_armed) {
        queue->slice_armed = true;
        timer_arm(&queue->slice, clock_monotonic() + TIME_SLICE);
    }
}

void thread_start(struct thread *thread)
{
    uint64_t flags = irqs_disable();
    thread->cpu = this_cpu()->id;
    struct run_queue *queue = thread_queue_of(thread->cpu);
    spin_acquire(&queue->lock);
    KASSERT(thread->state == THREAD_NEW);
    thread_enqueue(queue, thread, false);
    spin_release(&queue->lock);
    thread_note_ready(queue, false);
    irqs_restore(flags);
}

void thread_wake(struct thread *thread)
{
    uint64_t flags = irqs_disable();
    struct run_queue *queue = thread_queue_of(thread->cpu);
    spin_acquire(&queue->lock);
    bool woken = thread->state == THREAD_SLEEPING;
    bool urgent = this_cpu()->interrupt_depth > 0;
    if (woken)
        thread_enqueue(queue, thread, urgent);
    else
        thread->wake_pending = true;
    spin_release(&queue->lock);
    if (woken)
        thread_note_ready(queue, urgent);
    irqs_restore(flags);
}

/* Runs first in every thread after a switch, interrupts off. */
LOCAL void thread_finish_switch(void)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *queue = thread_queue_of(cpu->id);
    struct thread *dead = cpu->dead;
    cpu->dead = NULL;
    bool more = queue->count > 0;
    spin_release(&queue->lock);
    if (more)
        thread_note_ready(queue, false);
    if (dead != NULL)
        thread_put(dead);
}

/* entry.S: a new thread's first call. */
void thread_started(void)
{
    thread_finish_switch();
    __asm__ volatile("sti");
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
    nanos_t now = clock_monotonic();
    previous->cpu_time += now - previous->last_started;
    next->last_started = now;
    next->switches++;
    next->state = THREAD_RUNNING;
    next->cpu = cpu->id;
    /* A thread's registers stay loaded while only threads without FPU state run. */
    if (previous->fpu != NULL && previous->state != THREAD_DEAD)
        fpu_save(previous->fpu);
    if (next->fpu != NULL && cpu->fpu_owner != next) {
        fpu_restore(next->fpu);
        cpu->fpu_owner = next;
    }
    thread_load_bases(cpu, previous, next);
    paddr_t root = next->root != 0 ? next->root : paging_kernel_root();
    if (root != cpu->root_loaded)
        paging_use_root(root);
    cpu->tss.rsp[0] = next->kernel_stack_top;
    cpu->current = next;
    context_switch(&previous->saved_rsp, next->saved_rsp);
    thread_finish_switch();
}

void thread_schedule(void)
{
    struct cpu *cpu = this_cpu();
    struct thread *me = cpu->current;
    struct run_queue *queue = thread_queue_of(cpu->id);
    KASSERT(cpu->interrupt_depth == 0);
    spin_acquire(&queue->lock);
    cpu->reschedule = false;
    if (me->state == THREAD_RUNNING && me != cpu->idle)
        thread_enqueue(queue, me, false);
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

void thread_block(void)
{
    uint64_t flags = irqs_disable();
    struct thread *me = thread_current();
    struct run_queue *queue = thread_queue_of(me->cpu);
    spin_acquire(&queue->lock);
    bool woken = me->wake_pending;
    if (!woken)
        me->state = THREAD_SLEEPING;
    spin_release(&queue->lock);
    if (!woken)
        thread_schedule();
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
    me->state = THREAD_DEAD;
    thread_schedule();
    panic("%s ran after its end", me->name);
}

void thread_idle_loop(void)
{
    for (;;) {
        (void)irqs_disable();
        if (this_cpu()->reschedule)
            thread_schedule();
        /* STI's shadow covers HLT: a wake-up between the two is not lost. */
        __asm__ volatile("sti\n\thlt" : : : "memory");
    }
}

nanos_t thread_cpu_time(void)
{
    const struct thread *me = thread_current();
    return me->cpu_time + clock_monotonic() - me->last_started;
}

void thread_for_each(void (*visit)(struct thread *thread, void *context), void *context)
{
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    list_for_each(node, &all_threads)
        visit(container_of(node, struct thread, all_link), context);
    spin_unlock_irq(&threads_lock, flags);
}

/*
 * Threads come and go: kernel stacks, numbers, references, the list of all. What runs when is thread.c's.
 */
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/fpu.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock.h>
#include <kernel/sched/private.h>
#include <kernel/sched/thread.h>
#include <lib/string.h>
#include <live/guard.h>

static struct spinlock threads_lock = SPINLOCK_INIT("threads", LOCK_RANK_LEAF);
static struct list all_threads = LIST_INIT(all_threads); /* threads_lock; struct thread.all_link */
static int32_t next_thread_id = 2;                       /* atomic; 1 is the world's first thread */

void thread_entry_frame(void); /* entry.S */

/* Room for `bytes` at the top of the kernel stack. */
LOCAL void *thread_stack_push(struct thread *thread, size_t bytes)
{
    thread->saved_rsp -= bytes;
    return (void *)(uintptr_t)thread->saved_rsp;
}

/*
 * Stacks of dead threads are kept for new ones: unmapping one is a TLB shoot-down on every CPU. A free stack's first
 * word links to the next.
 */
#define STACKS_KEPT 32
static struct spinlock stacks_lock = SPINLOCK_INIT("kernel stacks", LOCK_RANK_LEAF);
static void *free_stacks;       /* stacks_lock */
static unsigned free_stack_count; /* stacks_lock */

LOCAL void *thread_take_stack(void)
{
    irq_flags_t flags = spin_lock_irq(&stacks_lock);
    void **stack = free_stacks;
    if (stack != NULL) {
        free_stacks = *stack;
        free_stack_count--;
    }
    spin_unlock_irq(&stacks_lock, flags);
    return stack != NULL ? stack : vmalloc(KERNEL_STACK_SIZE, PAGE_USE_STACK);
}

LOCAL void thread_give_stack(void *stack)
{
    irq_flags_t flags = spin_lock_irq(&stacks_lock);
    bool kept = free_stack_count < STACKS_KEPT;
    if (kept) {
        *(void **)stack = free_stacks;
        free_stacks = stack;
        free_stack_count++;
    }
    spin_unlock_irq(&stacks_lock, flags);
    if (!kept)
        vfree(stack);
}

void thread_free_kept_stacks(void)
{
    irq_flags_t flags = spin_lock_irq(&stacks_lock);
    void **stack = free_stacks;
    free_stacks = NULL;
    free_stack_count = 0;
    spin_unlock_irq(&stacks_lock, flags);
    while (stack != NULL) {
        void *next = *stack;
        vfree(stack);
        stack = next;
    }
}

void thread_list_begin(struct thread *boot) { list_append(&all_threads, &boot->all_link); }

struct thread *thread_allocate(const char *name)
{
    struct thread *thread = kzalloc(sizeof *thread);
    if (thread == NULL)
        return NULL;
    void *stack = thread_take_stack();
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
    thread->cpu = thread_current()->cpu;
    thread->affinity = CPU_ALL;
    thread->fpu_cpu = -1;
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    list_append(&all_threads, &thread->all_link);
    spin_unlock_irq(&threads_lock, flags);
    return thread;
}

void thread_push_context(struct thread *thread, void (*entry)(void), uint64_t rbx, uint64_t r12)
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
    thread->affinity = thread_current()->affinity; /* as clone(2) */
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
    live_fpu_end_thread(thread);
    if (thread->fpu != NULL)
        fpu_free(thread->fpu);
    if (thread->live != NULL)
        live_free_thread(thread->live);
    kfree(thread->fault_info);
    thread_give_stack((void *)(uintptr_t)thread->kernel_stack_base);
    kfree(thread);
}

void thread_leave_process(void)
{
    struct thread *me = thread_current();
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    me->process = NULL;
    me->root = 0;
    paging_use_root(paging_kernel_root());
    spin_unlock_irq(&threads_lock, flags);
}

struct thread *thread_find(int32_t id)
{
    struct thread *found = NULL;
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    list_for_each(node, &all_threads) {
        struct thread *thread = container_of(node, struct thread, all_link);
        if (thread->id != id || id == 0)
            continue;
        /* One whose last reference is gone waits for our lock to leave the list. */
        uint32_t references = __atomic_load_n(&thread->references, __ATOMIC_ACQUIRE);
        while (references != 0 && found == NULL)
            if (__atomic_compare_exchange_n(&thread->references, &references, references + 1, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
                found = thread;
    }
    spin_unlock_irq(&threads_lock, flags);
    return found;
}

void thread_for_each(void (*visit)(struct thread *thread, void *context), void *context)
{
    irq_flags_t flags = spin_lock_irq(&threads_lock);
    list_for_each(node, &all_threads)
        visit(container_of(node, struct thread, all_link), context);
    spin_unlock_irq(&threads_lock, flags);
}

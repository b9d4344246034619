/*
 * Clocks and timers on the clock device (dev/clock/clock.h).
 *
 * Each CPU has a tree of its armed timers, sorted by deadline, and programs its
 * own one-shot interrupt for the first. Cancelling leaves the hardware armed:
 * an interrupt that finds nothing due costs less than programming the device on
 * each cancelled wait. Wall time is monotonic time plus an offset.
 *
 * Left out: slewing (the wall clock jumps when it is set), and sub-second
 * precision of the date read at boot.
 */
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/smp.h>
#include <dev/clock/clock.h>
#include <kernel/log.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock.h>
#include <kernel/time/storm.h>
#include <kernel/time/time.h>
#include <lib/atomic.h>
#include <live/guard.h>

#define HPET_WINDOW 1024
#define NOT_ARMED   INT64_MAX

struct timer_queue {
    struct spinlock lock;            /* a leaf: wakers arm timers under locks of their own */
    /* lock */
    struct tree timers;              /* struct timer.node by deadline */
    nanos_t device_deadline;         /* what this CPU's interrupt is set to */
    struct timer *volatile running;  /* whose function runs now */
};

static struct timer_queue timer_queues[MAX_CPUS];
static volatile uint64_t used_queues; /* atomic; CPU_BIT() of those that have ever had a timer */
static volatile uint64_t realtime_offset; /* nanos_t: realtime - monotonic */

nanos_t clock_monotonic(void) { return clock_device_now(); }
nanos_t clock_realtime(void) { return clock_device_now() + (nanos_t)atomic_load_relaxed_u64(&realtime_offset); }
void clock_set_realtime(nanos_t now) { atomic_store_relaxed_u64(&realtime_offset, (uint64_t)(now - clock_device_now())); }

LOCAL struct timer *timer_of(struct tree_node *node) { return container_of(node, struct timer, node); }

LOCAL bool timer_before(const struct tree_node *a, const struct tree_node *b)
{
    return container_of(a, struct timer, node)->deadline < container_of(b, struct timer, node)->deadline;
}

/* Sets this CPU's interrupt to its first timer, unless it comes soon enough already. Queue locked. */
LOCAL void timer_program_locked(struct timer_queue *queue)
{
    struct tree_node *first = tree_first(&queue->timers);
    if (first == NULL || timer_of(first)->deadline >= queue->device_deadline)
        return;
    queue->device_deadline = timer_of(first)->deadline;
    nanos_t wait = queue->device_deadline - clock_device_now();
    clock_device_arm(clock_device_ticks() + clock_device_ticks_for(wait));
}

void timer_init(struct timer *timer, void (*function)(struct timer *timer))
{
    timer->function = function;
    timer->deadline = 0;
    timer->cpu = timer->last_cpu = -1;
}

/* Takes the timer off that CPU's queue; false: it was not there. Queue locked. */
LOCAL bool timer_remove_locked(struct timer *timer, int32_t cpu)
{
    if (timer->cpu != cpu)
        return false;
    tree_remove(&timer_queues[cpu].timers, &timer->node);
    timer->cpu = -1;
    return true;
}

LOCAL void timer_remove(struct timer *timer)
{
    int32_t cpu = __atomic_load_n(&timer->cpu, __ATOMIC_ACQUIRE);
    if (cpu < 0)
        return;
    irq_flags_t flags = spin_lock_irq(&timer_queues[cpu].lock);
    (void)timer_remove_locked(timer, cpu); /* else it fired meanwhile */
    spin_unlock_irq(&timer_queues[cpu].lock, flags);
}

void timer_arm(struct timer *timer, nanos_t deadline)
{
    timer_remove(timer);
    uint64_t irqs = irqs_disable(); /* stays on this CPU, whose interrupt is programmed */
    struct timer_queue *queue = &timer_queues[this_cpu()->id];
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    timer->deadline = deadline;
    timer->cpu = timer->last_cpu = this_cpu()->id;
    tree_insert(&queue->timers, &timer->node, timer_before);
    if (!(used_queues & CPU_BIT(timer->cpu)))
        __atomic_fetch_or(&used_queues, CPU_BIT(timer->cpu), __ATOMIC_SEQ_CST);
    timer_program_locked(queue);
    spin_unlock_irq(&queue->lock, flags);
    irqs_restore(irqs);
}

LOCAL void timer_pause(void)
{
    uint64_t irqs = irqs_disable();
    cpu_relax();
    irqs_restore(irqs);
}

/* On this CPU it is one that called us: it runs with interrupts off. */
LOCAL bool timer_runs_on_another_cpu(const struct timer *timer)
{
    for (int32_t cpu = 0; cpu < MAX_CPUS; cpu++)
        if (timer_queues[cpu].running == timer && cpu != this_cpu()->id)
            return true;
    return false;
}

/*
 * A function that runs may arm its timer anew, and end before one looks for it: so whether it runs is asked together
 * with whether it is armed, under the lock of the queue where it was armed last, and again if that was not the last.
 */
bool timer_cancel(struct timer *timer)
{
    for (bool armed = false;; timer_pause()) {
        int32_t cpu = __atomic_load_n(&timer->last_cpu, __ATOMIC_ACQUIRE);
        bool running = false;
        if (cpu >= 0) {
            irq_flags_t flags = spin_lock_irq(&timer_queues[cpu].lock);
            armed = timer_remove_locked(timer, cpu) || armed;
            running = timer_queues[cpu].running == timer && cpu != this_cpu()->id;
            spin_unlock_irq(&timer_queues[cpu].lock, flags);
        }
        if (!running && !timer_runs_on_another_cpu(timer) && __atomic_load_n(&timer->last_cpu, __ATOMIC_ACQUIRE) == cpu)
            return armed;
    }
}

unsigned timer_cancel_matching(bool (*matches)(const struct timer *timer, uint64_t context), uint64_t context)
{
    unsigned count = 0;
    for (uint64_t left = used_queues; left != 0; left &= left - 1) {
        struct timer_queue *queue = &timer_queues[__builtin_ctzll(left)];
        irq_flags_t flags = spin_lock_irq(&queue->lock);
        for (struct tree_node *node = tree_first(&queue->timers), *next; node != NULL; node = next) {
            next = tree_next(node);
            if (!matches(timer_of(node), context))
                continue;
            tree_remove(&queue->timers, node);
            timer_of(node)->cpu = -1;
            count++;
        }
        spin_unlock_irq(&queue->lock, flags);
    }
    return count;
}

/* Takes the first timer that is due at `now` off the queue; NULL: none. */
LOCAL struct timer *timer_take_due_locked(struct timer_queue *queue, nanos_t now)
{
    struct tree_node *first = tree_first(&queue->timers);
    if (first == NULL || timer_of(first)->deadline > now)
        return NULL;
    struct timer *timer = timer_of(first);
    tree_remove(&queue->timers, first);
    queue->running = timer;
    __atomic_store_n(&timer->cpu, -1, __ATOMIC_RELEASE); /* last: who sees it sees `running` */
    return timer;
}

/* The function of a live timer faulted: it is not to fire again. The timer may have been freed: only looked for by address. */
LOCAL void timer_disable(struct timer_queue *queue, const struct timer *timer)
{
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    for (struct tree_node *node = tree_first(&queue->timers); node != NULL; node = tree_next(node)) {
        if (timer_of(node) != timer)
            continue;
        tree_remove(&queue->timers, node);
        timer_of(node)->cpu = -1;
        break;
    }
    spin_unlock_irq(&queue->lock, flags);
}

/* What a timer calls may be live code: a fault disables it. */
LOCAL void timer_run(struct timer_queue *queue, struct timer *timer)
{
    void (*function)(struct timer *timer) = timer->function;
    if (live_guarded_call((uint64_t (*)(uint64_t, uint64_t))(uintptr_t)function, (uint64_t)(uintptr_t)timer, 0, NULL,
                          "a timer, which is disabled now") != 0)
        timer_disable(queue, timer);
}

void time_interrupt(void)
{
    struct timer_queue *queue = &timer_queues[this_cpu()->id];
    irq_flags_t flags = spin_lock_irq(&queue->lock);
    queue->device_deadline = NOT_ARMED;
    struct timer *timer;
    while ((timer = timer_take_due_locked(queue, clock_device_now())) != NULL) {
        spin_unlock_irq(&queue->lock, flags);
        timer_run(queue, timer); /* may free the timer */
        flags = spin_lock_irq(&queue->lock);
        queue->running = NULL;
    }
    timer_program_locked(queue);
    spin_unlock_irq(&queue->lock, flags);
}

void time_init_cpu(void) { clock_device_init_cpu(); }

void time_init(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(timer_queues); i++) {
        spin_init(&timer_queues[i].lock, "timers", LOCK_RANK_LEAF);
        tree_init(&timer_queues[i].timers);
        timer_queues[i].device_deadline = NOT_ARMED;
    }
    void *hpet = NULL;
    if (acpi_info.hpet_address != 0)
        hpet = device_map(acpi_info.hpet_address, HPET_WINDOW, CACHE_UNCACHED); /* NULL: the PIT will do */
    if (clock_device_init(hpet, apic_registers(), acpi_info.century_register) != 0)
        panic("time: neither HPET nor PIT counts");
    if (hpet != NULL)
        device_unmap(hpet);

    int64_t date = rtc_read_unix();
    if (date < 0)
        klog(LOG_WARNING, "time", "the CMOS clock shows no valid date; it is 1970");
    else
        clock_set_realtime(date * NANOS_PER_SECOND);
    static const char *const references[] = { "HPET", "PIT", "CPUID" };
    klog(LOG_INFO, "time", "TSC %llu kHz by %s; timer %llu kHz", (unsigned long long)clock_device_tsc_hz() / 1000,
         references[clock_device_reference()], (unsigned long long)clock_device_timer_hz() / 1000);
    storm_init();
}

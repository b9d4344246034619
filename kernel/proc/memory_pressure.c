/*
 * When memory is out although it was never promised (stacks, page tables, the
 * kernel's own): the ring-3 process with the most resident pages is killed.
 */
#include <abi/signal.h>
#include <kernel/log.h>
#include <kernel/mm/space.h>
#include <kernel/proc/process_table.h>
#include <kernel/proc/signal.h>
#include <kernel/proc/signal_delivery.h>

struct victim {
    struct process *process; /* with a reference; NULL: none yet */
    uint64_t pages;
    bool is_dying;           /* one was killed already and holds its memory still */
};

/* The table's lock is held. */
LOCAL void pressure_consider(struct process *process, void *context)
{
    struct victim *victim = context;
    if (process->is_world || process->is_zombie || process->space == NULL)
        return;
    if (process->exiting || (process->signals->pending & SIGNAL_BIT(SIGKILL)))
        victim->is_dying = true;
    if (victim->process != NULL && process->space->resident <= victim->pages)
        return;
    if (victim->process != NULL)
        __atomic_sub_fetch(&victim->process->references, 1, __ATOMIC_ACQ_REL); /* the table has another one */
    process_get(process);
    victim->process = process;
    victim->pages = process->space->resident;
}

void process_relieve_memory(void)
{
    struct victim victim = { .process = NULL };
    (void)process_for_each_in_group(PROCESS_GROUP_ANY, pressure_consider, &victim);
    if (victim.process != NULL && !victim.is_dying) {
        klog(LOG_ERROR, "memory", "out of memory: %s (pid %d) with %llu resident pages is killed", victim.process->name,
             victim.process->id, (unsigned long long)victim.pages);
        (void)!signal_send_process(victim.process, SIGKILL);
    }
    if (victim.process != NULL)
        process_put(victim.process);
    thread_yield();
}

/*
 * TLB shoot-down. A CPU that changed page tables writes what is to be forgotten into
 * its own request, sets its bit in each target's `tlb_requests` and interrupts the
 * targets that had none set; each target flushes and takes its bit out of the
 * request. The initiator waits for all of them with interrupts off and serves the
 * requests of others meanwhile, as every spin loop of the kernel does (cpu_relax()):
 * so no two CPUs wait for each other, whatever locks they hold.
 *
 * With one CPU, and for a space that no other CPU has loaded, nothing is sent.
 */
#include <arch/x86_64/apic.h>
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/trap.h>

#define PAGES_WORTH_A_LOOP 64 /* beyond, everything is flushed */
#define CR4_PGE (1ull << 7)

struct tlb_request {
    paddr_t root;
    vaddr_t start, end;
    volatile uint64_t waiting; /* CPUs that have yet to flush */
};

static struct tlb_request tlb_requests[MAX_CPUS]; /* by initiator: it has one at a time */

LOCAL void tlb_flush_page(vaddr_t address) { __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory"); }

/* Global pages, too: SDM vol. 3, 4.10.4.1. */
LOCAL void tlb_flush_all(void)
{
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4\n\tmov %1, %%cr4" : : "r"(cr4 & ~CR4_PGE), "r"(cr4) : "memory");
    if (!(cr4 & CR4_PGE))
        __asm__ volatile("mov %0, %%cr3" : : "r"(cpu_read_cr3()) : "memory");
}

/* On this CPU. */
LOCAL void tlb_flush(paddr_t root, vaddr_t start, vaddr_t end)
{
    if (root != 0 && root != this_cpu()->root_loaded)
        return; /* its CR3 was loaded anew since the entries changed */
    if ((end - start) >> PAGE_SHIFT <= PAGES_WORTH_A_LOOP) {
        for (vaddr_t address = start; address < end; address += PAGE_SIZE)
            tlb_flush_page(address);
    } else if (root != 0 && root != paging_kernel_root()) {
        __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory"); /* no page of the lower half is global */
    } else {
        tlb_flush_all();
    }
}

void tlb_service(void)
{
    struct cpu *me = this_cpu();
    uint64_t initiators = __atomic_exchange_n(&me->tlb_requests, 0, __ATOMIC_SEQ_CST);
    while (initiators != 0) {
        struct tlb_request *request = &tlb_requests[__builtin_ctzll(initiators)];
        initiators &= initiators - 1;
        tlb_flush(request->root, request->start, request->end);
        __atomic_fetch_and(&request->waiting, ~CPU_BIT(me->id), __ATOMIC_SEQ_CST);
    }
}

void cpu_relax(void)
{
    __asm__ volatile("pause");
    if (this_cpu()->tlb_requests != 0)
        tlb_service();
}

/* The other CPUs that may hold translations of `root`. */
LOCAL uint64_t tlb_targets(paddr_t root)
{
    uint64_t targets = smp_online() & ~CPU_BIT(this_cpu()->id);
    if (root == 0)
        return targets;
    for (uint64_t left = targets; left != 0; left &= left - 1) {
        unsigned id = (unsigned)__builtin_ctzll(left);
        /* Whoever loads the root after this look finds the changed entries. */
        if (__atomic_load_n(&cpus[id].root_loaded, __ATOMIC_SEQ_CST) != root)
            targets &= ~CPU_BIT(id);
    }
    return targets;
}

LOCAL void tlb_shoot_down(uint64_t targets, paddr_t root, vaddr_t start, vaddr_t end)
{
    struct cpu *me = this_cpu();
    struct tlb_request *request = &tlb_requests[me->id];
    request->root = root;
    request->start = start;
    request->end = end;
    __atomic_store_n(&request->waiting, targets, __ATOMIC_SEQ_CST);
    me->shoot_downs++;
    for (uint64_t left = targets; left != 0; left &= left - 1) {
        struct cpu *target = &cpus[__builtin_ctzll(left)];
        if (__atomic_fetch_or(&target->tlb_requests, CPU_BIT(me->id), __ATOMIC_SEQ_CST) == 0)
            apic_send(target->apic_id, VECTOR_TLB);
    }
    while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0)
        cpu_relax();
}

void paging_flush_range(paddr_t root, vaddr_t start, vaddr_t end)
{
    uint64_t flags = irqs_disable();
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the entries change before root_loaded is looked at */
    tlb_flush(root, start, end);
    uint64_t targets = smp_online_count() == 1 ? 0 : tlb_targets(root);
    if (targets != 0)
        tlb_shoot_down(targets, root, start, end);
    irqs_restore(flags);
}

void paging_flush_page(vaddr_t address) { paging_flush_range(0, address, address + PAGE_SIZE); }

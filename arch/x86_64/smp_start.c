/*
 * Starting the application processors: INIT, start-up IPI (SDM vol. 3, 9.4.4), then
 * trampoline.S, then smp_cpu_main() on the CPU's idle thread.
 *
 * Low memory: five pages below 1 MiB that the loaders left: the trampoline and three
 * page tables, whose lower half maps the first 2 MiB where they are. They stay mapped
 * only there; a CPU leaves them for the kernel's tables at once.
 */
#include <abi/errno.h>
#include <arch/x86_64/acpi.h>
#include <arch/x86_64/apic.h>
#include <arch/x86_64/irq.h>
#include <arch/x86_64/layout.h>
#include <arch/x86_64/paging.h>
#include <arch/x86_64/smp.h>
#include <arch/x86_64/smp_private.h>
#include <dev/clock/clock.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <lib/parse.h>
#include <lib/string.h>
#include <live/guard.h>

#define LOW_PAGES         4
#define LOW_MEMORY_END    0xa0000
#define INIT_WAIT         (10 * NANOS_PER_MILLISECOND) /* SDM vol. 3, 9.4.4.1 */
#define SECOND_START_WAIT (200 * NANOS_PER_MICROSECOND)
#define START_PATIENCE    (1 * NANOS_PER_SECOND)
#define ONLINE_PATIENCE   (10 * NANOS_PER_SECOND)
#define CLAIMED           0xffffffffu
#define TSC_ROUNDS        2000

static paddr_t low_memory; /* 0: none was found */
static int32_t cpu_count = 1; /* entries of cpus[] in use; smp_start_cpu() only */

/* --- the TSCs of two CPUs ------------------------------------------------------------- */

/* Two CPUs read their counters in turn; each must see the other's last value in its past. */
static struct {
    volatile uint32_t turn;     /* rounds done: the boot CPU's are even */
    volatile uint64_t last;
    volatile uint64_t worst;    /* ticks that one was behind */
} tsc_check;

enum tsc_verdict { TSC_UNKNOWN, TSC_EQUAL, TSC_DIFFERS };
static volatile uint32_t tsc_verdicts[MAX_CPUS]; /* by CPU, which waits for its own */

LOCAL void smp_compare_tsc(uint32_t parity)
{
    for (uint32_t round = parity; round < TSC_ROUNDS; round += 2) {
        while (__atomic_load_n(&tsc_check.turn, __ATOMIC_ACQUIRE) != round)
            __asm__ volatile("pause");
        uint64_t now = tsc_read();
        if (now < tsc_check.last && tsc_check.last - now > tsc_check.worst)
            tsc_check.worst = tsc_check.last - now;
        tsc_check.last = now;
        __atomic_store_n(&tsc_check.turn, round + 1, __ATOMIC_RELEASE);
    }
}

/* --- the new CPU ------------------------------------------------------------------------ */

/* Its first C function, on its idle thread's stack, interrupts off. */
LOCAL NORETURN void smp_cpu_main(struct cpu *cpu)
{
    cpu_init_tables(cpu, cpu->id);
    cpu_enable_features();
    paging_init_cpu();
    apic_init_cpu();
    time_init_cpu();
    smp_compare_tsc(1);
    uint32_t verdict;
    while ((verdict = __atomic_load_n(&tsc_verdicts[cpu->id], __ATOMIC_ACQUIRE)) == TSC_UNKNOWN)
        __asm__ volatile("pause");
    while (verdict == TSC_DIFFERS)
        __asm__ volatile("cli\n\thlt");
    smp_set_online(cpu->id);
    thread_idle_loop();
}

/* --- on the CPU that starts it ------------------------------------------------------------ */

LOCAL paddr_t smp_find_low_memory(void)
{
    const uint64_t size = LOW_PAGES * PAGE_SIZE;
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *range = &boot_info.memory[i];
        paddr_t start = MAX(ALIGN_UP(range->base, PAGE_SIZE), PAGE_SIZE); /* not the interrupt table of real mode */
        paddr_t end = ALIGN_DOWN(MIN(range->base + range->length, LOW_MEMORY_END), PAGE_SIZE);
        if (range->type == BOOT_MEMORY_LOADER && end > start && end - start >= size)
            return end - size;
    }
    return 0;
}

LOCAL void *smp_low_word(const char *symbol) { return (char *)phys_to_virt(low_memory) + (symbol - trampoline_start); }

LOCAL void smp_add_to_word(const char *symbol, size_t offset, uint32_t value)
{
    uint32_t word;
    memcpy(&word, (char *)smp_low_word(symbol) + offset, sizeof word);
    word += value;
    memcpy((char *)smp_low_word(symbol) + offset, &word, sizeof word);
}

LOCAL void smp_set_word(const char *symbol, uint64_t value) { memcpy(smp_low_word(symbol), &value, sizeof value); }

LOCAL void smp_fill_low_memory(void)
{
    paddr_t root = low_memory + PAGE_SIZE;
    memcpy(phys_to_virt(low_memory), trampoline_start, (size_t)(trampoline_end - trampoline_start));
    smp_add_to_word(trampoline_gdtr, 2, (uint32_t)low_memory);
    smp_add_to_word(trampoline_far, 0, (uint32_t)low_memory);
    memcpy(smp_low_word(trampoline_root), &(uint32_t){ (uint32_t)root }, 4);

    memset(phys_to_virt(root), 0, 3 * PAGE_SIZE);
    pte_t *tables[3] = { phys_to_virt(root), phys_to_virt(root + PAGE_SIZE), phys_to_virt(root + 2 * PAGE_SIZE) };
    memcpy(tables[0] + 256, (pte_t *)phys_to_virt(paging_kernel_root()) + 256, PAGE_SIZE / 2);
    tables[0][0] = (root + PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
    tables[1][0] = (root + 2 * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
    tables[2][0] = PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

LOCAL bool smp_wait_for_word(const volatile uint32_t *word, uint32_t value, nanos_t patience)
{
    nanos_t deadline = clock_monotonic() + patience;
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
        if (clock_monotonic() >= deadline)
            return false;
        __asm__ volatile("pause");
    }
    return true;
}

/* False: it did not answer, and will not go on should it do so later. */
LOCAL bool smp_wake(uint32_t apic_id)
{
    uint32_t *expected = smp_low_word(trampoline_expected);
    const uint8_t page = (uint8_t)(low_memory >> PAGE_SHIFT);
    __atomic_store_n(expected, apic_id, __ATOMIC_SEQ_CST);
    apic_send_init(apic_id);
    thread_sleep_until(clock_monotonic() + INIT_WAIT, false);
    apic_send_startup(apic_id, page);
    if (smp_wait_for_word(expected, CLAIMED, SECOND_START_WAIT))
        return true;
    apic_send_startup(apic_id, page);
    if (smp_wait_for_word(expected, CLAIMED, START_PATIENCE))
        return true;
    uint32_t still = apic_id;
    return !__atomic_compare_exchange_n(expected, &still, CLAIMED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* What a CPU needs before it runs: stacks and an idle thread. */
LOCAL int smp_prepare_cpu(struct cpu *cpu, int32_t id, uint32_t apic_id)
{
    cpu->id = id;
    cpu->apic_id = apic_id;
    for (unsigned slot = 0; slot < CPU_STACKS; slot++) {
        char *stack = vmalloc(IST_STACK_SIZE, PAGE_USE_STACK);
        if (stack == NULL)
            return -ENOMEM;
        cpu->stack_tops[slot] = (uint64_t)(uintptr_t)stack + IST_STACK_SIZE;
    }
    cpu->idle = thread_create_idle(id);
    cpu->current = cpu->idle;
    return cpu->idle == NULL ? -ENOMEM : live_fpu_add_cpu();
}

LOCAL void smp_discard_cpu(struct cpu *cpu)
{
    for (unsigned slot = 0; slot < CPU_STACKS; slot++)
        if (cpu->stack_tops[slot] != 0)
            vfree((void *)(uintptr_t)(cpu->stack_tops[slot] - IST_STACK_SIZE));
    if (cpu->idle != NULL)
        thread_discard_idle(cpu->idle);
    memset(cpu, 0, sizeof *cpu);
}

int smp_start_cpu(uint32_t apic_id)
{
    int32_t id = cpu_count;
    if (low_memory == 0) {
        low_memory = smp_find_low_memory();
        if (low_memory == 0)
            return -ENOMEM;
        smp_fill_low_memory();
    }
    struct cpu *cpu = &cpus[id];
    int error = id == MAX_CPUS ? -ENOMEM : smp_prepare_cpu(cpu, id, apic_id);
    if (error != 0) {
        smp_discard_cpu(cpu);
        return error;
    }
    smp_set_word(trampoline_stack, cpu->idle->kernel_stack_top);
    smp_set_word(trampoline_argument, (uint64_t)(uintptr_t)cpu);
    smp_set_word(trampoline_entry, (uint64_t)(uintptr_t)smp_cpu_main);
    tsc_check.turn = 0;
    tsc_check.last = tsc_check.worst = 0;
    if (!smp_wake(apic_id)) {
        smp_discard_cpu(cpu);
        return -ETIMEDOUT;
    }
    cpu_count++; /* it runs on its stacks: they stay, come what may */
    uint64_t flags = irqs_disable();
    smp_compare_tsc(0);
    irqs_restore(flags);
    __atomic_store_n(&tsc_verdicts[id], tsc_check.worst == 0 ? TSC_EQUAL : TSC_DIFFERS, __ATOMIC_RELEASE);
    if (tsc_check.worst != 0) {
        klog(LOG_ERROR, "smp", "the clock of the CPU with APIC ID %u is %llu ticks off", apic_id,
             (unsigned long long)tsc_check.worst);
        return -EIO;
    }
    nanos_t deadline = clock_monotonic() + ONLINE_PATIENCE;
    while (!(smp_online() & CPU_BIT(id)))
        if (clock_monotonic() >= deadline)
            return -ETIMEDOUT;
    return 0;
}

void smp_init(void)
{
    char text[16];
    uint64_t limit = MAX_CPUS;
    if (boot_option("cpus", text, sizeof text) && parse_u64(text, NULL, 10, &limit) != 0)
        klog(LOG_WARNING, "smp", "cpus=%s: not a number", text);
    for (unsigned i = 0; i < acpi_info.cpu_count && smp_online_count() < limit; i++) {
        uint32_t apic_id = acpi_info.cpu_apic_ids[i];
        if (apic_id == cpus[0].apic_id)
            continue;
        int error = smp_start_cpu(apic_id);
        if (error == -EIO)
            klog(LOG_ERROR, "smp", "the CPU with APIC ID %u is left out", apic_id);
        else if (error == -ETIMEDOUT)
            klog(LOG_ERROR, "smp", "the CPU with APIC ID %u does not answer; it is left out", apic_id);
        else if (error != 0)
            klog(LOG_ERROR, "smp", "no memory for the CPU with APIC ID %u", apic_id);
    }
    klog(LOG_INFO, "smp", "%u of %u CPUs run", smp_online_count(), acpi_info.cpu_count);
}

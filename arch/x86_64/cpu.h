/*
 * Per-CPU data, CPU features, descriptor tables and model-specific registers.
 *
 * GS base points to the CPU's struct cpu whenever the CPU is at CPL 0, except
 * between a ring-3 SYSCALL and its swapgs (SDM vol. 3, 5.8.8). The vectors that
 * can hit that window (#DB, NMI, #MC) use the paranoid entry of entry.S.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <kernel/sched/thread.h>

#define MAX_CPUS 64

/* Selectors. SYSRET wants user data below user code (SDM vol. 2B, SYSRET). */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA   0x1b
#define SELECTOR_USER_CODE   0x23
#define SELECTOR_TSS         0x28

/* IST slots: one stack per class, so that no class can hit another one's stack. */
enum ist_slot {
    IST_IRQ = 1, IST_PAGE_FAULT = 2, IST_FAULT = 3, IST_DEBUG = 4, IST_NMI = 5,
    IST_DOUBLE_FAULT = 6, IST_MACHINE_CHECK = 7
};
#define IST_STACK_SIZE 8192
#define CPU_STACKS     8 /* 7 IST slots and the emergency stack */

/* SDM vol. 3, 8.7: 64-bit TSS. */
struct task_state_segment {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base;
} PACKED;

struct cpu {
    /* Offsets known to entry.S. */
    struct cpu *self;             /* gs:0 */
    struct thread *current;       /* gs:8 */
    uint64_t syscall_rsp;         /* gs:16: the caller's RSP during SYSCALL entry */

    int32_t id;                   /* index into cpus[] */
    uint32_t apic_id;
    struct thread *idle;
    struct thread *fpu_owner;     /* whose state is in the registers */
    struct thread *dead;          /* to be freed by the next thread that runs here */
    struct thread *leaving;       /* may not run here any more: the next thread puts it on another CPU's queue */
    uint64_t fs_base_loaded;      /* what MSR_FS_BASE holds */
    uint64_t gs_base_loaded;      /* what MSR_KERNEL_GS_BASE holds: GS of ring 3 */
    paddr_t root_loaded;          /* page tables in CR3 */
    uint32_t interrupt_depth;
    const struct trap_frame *interrupted; /* what the interrupt found whose handler runs; NULL: none runs */
    volatile bool reschedule;
    uint64_t stack_tops[CPU_STACKS]; /* by IST slot - 1; the last: the emergency stack */
    uint64_t emergency_stack_top; /* for reports when the kernel stack is gone */

    /* atomic: bit n: CPU n waits for an answer (smp.c, tlb.c) */
    volatile uint64_t tlb_requests, call_requests;

    /* the watchdog's (live/stop.c) */
    const void *watched_guard;    /* runs with interrupts off since `watched_interrupts` */
    uint64_t watched_interrupts;
    uint32_t watched_ticks;

    /* counters, written by the CPU itself */
    uint64_t interrupts, switches, steals, shoot_downs;
    nanos_t busy_time, idle_time; /* up to the last switch */

    uint64_t gdt[7];
    struct task_state_segment tss;
};

/* The CPU that runs this; stable only while preemption is off. */
static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* The thread that runs this, in one instruction: right on any CPU. thread_current() is the same as a function. */
static inline struct thread *this_thread(void)
{
    struct thread *thread;
    __asm__ volatile("mov %%gs:8, %0" : "=r"(thread));
    return thread;
}

extern struct cpu cpus[MAX_CPUS];

/* What CPUID said, once for all CPUs. */
struct cpu_features {
    char brand[49];
    char vendor[13];
    uint32_t family, model, stepping;
    bool nx, gigabyte_pages, xsave, xsaveopt, smep, smap, umip, rdrand, rdseed, x2apic, pge, pcid, fsgsbase,
        invariant_tsc, rdtscp, erms, avx, hypervisor;
    bool emulated;         /* QEMU's TCG: CPUID leaf 0x40000000 names it */
    uint64_t xcr0;         /* state components enabled */
    uint32_t xsave_size;   /* bytes of an XSAVE (or FXSAVE) area */
    uint32_t hwcap;        /* CPUID.1:EDX, AT_HWCAP */
};
extern struct cpu_features cpu_features;

/* Loads GDT, TSS, IDT and GS of CPU `id`, on that CPU. Its stack_tops are set (the boot CPU's are set here). */
void cpu_init_tables(struct cpu *cpu, int32_t id);
/* Reads CPUID into cpu_features; false and *missing when a needed feature lacks. */
bool cpu_detect_features(const char **missing);
/* Turns on what design wants: NX, WP, SMEP, SMAP, UMIP, SSE, XSAVE, SYSCALL. */
void cpu_enable_features(void);

void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx, uint32_t *edx);

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* Physical address of the page tables in use, with PCID and flags. */
static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline uint64_t tsc_read(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#define MSR_APIC_BASE     0x1b
#define MSR_EFER          0xc0000080
#define MSR_STAR          0xc0000081
#define MSR_LSTAR         0xc0000082
#define MSR_SFMASK        0xc0000084
#define MSR_FS_BASE       0xc0000100
#define MSR_GS_BASE       0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define RFLAGS_IF 0x200
#define RFLAGS_TF 0x100
#define RFLAGS_DF 0x400
#define RFLAGS_AC 0x40000

/* irqs_disable() (irq.h), inlined: RFLAGS before. */
static inline uint64_t cpu_disable_interrupts(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}

#endif

/*
 * CPU set-up: features, control registers, GDT, TSS, IDT. FPU state: fpu.c.
 *
 * Calling sequence per CPU: cpu_detect_features() (once), cpu_init_tables(),
 * cpu_enable_features(). Leaves out: microcode, performance counters.
 */
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/trap.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <lib/string.h>

struct cpu cpus[MAX_CPUS];
struct cpu_features cpu_features;

STATIC_ASSERT(offsetof(struct cpu, self) == 0, "entry.S");
STATIC_ASSERT(offsetof(struct cpu, current) == 8, "entry.S");
STATIC_ASSERT(offsetof(struct cpu, syscall_rsp) == 16, "entry.S");
STATIC_ASSERT(offsetof(struct thread, kernel_stack_top) == 0, "entry.S");
STATIC_ASSERT(offsetof(struct thread, role) == 24, "entry.S");
STATIC_ASSERT(sizeof(struct task_state_segment) == 104, "SDM vol. 3, 8.7");
STATIC_ASSERT(sizeof(struct trap_frame) == 23 * 8, "entry.S");
STATIC_ASSERT(offsetof(struct trap_frame, role) == 15 * 8, "entry.S");
STATIC_ASSERT(offsetof(struct trap_frame, rip) == 18 * 8, "entry.S");

/* SDM vol. 3, 6.14.1 */
struct idt_gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
} PACKED;
STATIC_ASSERT(sizeof(struct idt_gate) == 16, "SDM vol. 3, 6.14.1");

struct table_register {
    uint16_t limit;
    uint64_t base;
} PACKED;

static struct idt_gate idt[256] ALIGNED(16);
static uint8_t boot_cpu_stacks[CPU_STACKS][IST_STACK_SIZE] ALIGNED(16);

#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate: IF is cleared */
#define GATE_INTERRUPT_USER 0xee

#define CPUID1_ECX_XSAVE  (1u << 26)
#define CPUID1_ECX_AVX    (1u << 28)
#define CPUID1_ECX_RDRAND (1u << 30)
#define CPUID1_ECX_X2APIC (1u << 21)
#define CPUID1_ECX_PCID   (1u << 17)
#define CPUID1_ECX_HYPERVISOR (1u << 31)
#define CPUID1_EDX_FXSR   (1u << 24)
#define CPUID1_EDX_SSE2   (1u << 26)
#define CPUID1_EDX_PGE    (1u << 13)
#define CPUID1_EDX_APIC   (1u << 9)
#define CPUID1_EDX_TSC    (1u << 4)

#define CR0_WP (1ull << 16)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_NE (1ull << 5)
#define CR0_TS (1ull << 3)
#define CR4_PGE (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_SCE (1ull << 0)
#define EFER_NXE (1ull << 11)

#define FXSAVE_SIZE 512

void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx, uint32_t *edx)
{
    __asm__ volatile("cpuid" : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(*edx) : "a"(leaf), "c"(subleaf));
}

LOCAL void cpu_read_brand(void)
{
    uint32_t words[13] = { 0 };
    uint32_t max, b, c, d;
    cpuid(0x80000000u, 0, &max, &b, &c, &d);
    if (max >= 0x80000004u)
        for (uint32_t i = 0; i < 3; i++)
            cpuid(0x80000002u + i, 0, &words[i * 4], &words[i * 4 + 1], &words[i * 4 + 2], &words[i * 4 + 3]);
    memcpy(cpu_features.brand, words, 48);
    cpuid(0, 0, &max, &b, &c, &d);
    memcpy(cpu_features.vendor, &b, 4);
    memcpy(cpu_features.vendor + 4, &d, 4);
    memcpy(cpu_features.vendor + 8, &c, 4);
}

bool cpu_detect_features(const char **missing)
{
    struct cpu_features *f = &cpu_features;
    uint32_t max_leaf, max_extended, a, b, c, d;
    cpuid(0, 0, &max_leaf, &b, &c, &d);
    cpuid(0x80000000u, 0, &max_extended, &b, &c, &d);
    cpu_read_brand();

    cpuid(1, 0, &a, &b, &c, &d);
    f->stepping = a & 15;
    f->model = (a >> 4 & 15) | (a >> 12 & 0xf0);
    f->family = (a >> 8 & 15) + (a >> 20 & 0xff);
    f->hwcap = d;
    f->xsave = c & CPUID1_ECX_XSAVE;
    f->avx = c & CPUID1_ECX_AVX;
    f->rdrand = c & CPUID1_ECX_RDRAND;
    f->x2apic = c & CPUID1_ECX_X2APIC;
    f->pcid = c & CPUID1_ECX_PCID;
    f->pge = d & CPUID1_EDX_PGE;
    f->hypervisor = c & CPUID1_ECX_HYPERVISOR;
    *missing = NULL;
    if (!(d & CPUID1_EDX_TSC))
        *missing = "tsc";
    else if (!(d & CPUID1_EDX_APIC))
        *missing = "apic";
    else if (!(d & CPUID1_EDX_FXSR))
        *missing = "fxsr";
    else if (!(d & CPUID1_EDX_SSE2))
        *missing = "sse2";

    if (f->hypervisor) {
        char name[12];
        cpuid(0x40000000u, 0, &a, &b, &c, &d);
        memcpy(name, &b, 4);
        memcpy(name + 4, &c, 4);
        memcpy(name + 8, &d, 4);
        f->emulated = memcmp(name, "TCGTCGTCGTCG", sizeof name) == 0;
    }
    if (max_leaf >= 7) {
        cpuid(7, 0, &a, &b, &c, &d);
        f->fsgsbase = b & 1;
        f->smep = b & (1u << 7);
        f->erms = b & (1u << 9);
        f->rdseed = b & (1u << 18);
        f->smap = b & (1u << 20);
        f->umip = c & (1u << 2);
    }
    if (max_extended >= 0x80000001u) {
        cpuid(0x80000001u, 0, &a, &b, &c, &d);
        f->nx = d & (1u << 20);
        f->gigabyte_pages = d & (1u << 26);
        f->rdtscp = d & (1u << 27);
        if (!(d & (1u << 11)))
            *missing = "syscall";
    }
    if (max_extended >= 0x80000007u) {
        cpuid(0x80000007u, 0, &a, &b, &c, &d);
        f->invariant_tsc = d & (1u << 8);
    }
    if (!f->nx)
        *missing = "nx";

    f->xsave_size = FXSAVE_SIZE;
    if (f->xsave && max_leaf >= 0xd) {
        cpuid(0xd, 0, &a, &b, &c, &d);
        f->xcr0 = a & (f->avx ? 7u : 3u);           /* x87, SSE, AVX */
        if ((a & 0xe0u) == 0xe0u && f->avx)
            f->xcr0 |= 0xe0u;                       /* AVX-512: all three or none */
        cpuid(0xd, 1, &a, &b, &c, &d);
        f->xsaveopt = a & 1;
    } else {
        f->xsave = false;
    }
    return *missing == NULL;
}

LOCAL uint64_t cpu_read_cr0(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

LOCAL uint64_t cpu_read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

void cpu_enable_features(void)
{
    struct cpu_features *f = &cpu_features;
    uint64_t cr0 = cpu_read_cr0();
    cr0 = (cr0 | CR0_WP | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS);
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");

    /* CR4.FSGSBASE stays off: with it a ring-3 program could make GS base look
     * like the kernel's to the paranoid entry. */
    uint64_t cr4 = cpu_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (f->pge)
        cr4 |= CR4_PGE;
    if (f->umip)
        cr4 |= CR4_UMIP;
    if (f->smep)
        cr4 |= CR4_SMEP;
    if (f->smap)
        cr4 |= CR4_SMAP;
    if (f->xsave)
        cr4 |= CR4_OSXSAVE;
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
    __asm__ volatile("fninit");
    if (f->xsave) {
        __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)f->xcr0), "d"((uint32_t)(f->xcr0 >> 32)));
        uint32_t a, b, c, d;
        cpuid(0xd, 0, &a, &b, &c, &d);
        if (this_cpu()->id == 0)
            f->xsave_size = b; /* for what XCR0 enables now */
    }

    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | EFER_NXE);
    msr_write(MSR_STAR, (uint64_t)(SELECTOR_USER_DATA - 8) << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry);
    msr_write(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | 0x4000 /* NT */);
}

LOCAL enum ist_slot cpu_ist_of_vector(unsigned vector)
{
    switch (vector) {
    case VECTOR_DEBUG:
    case VECTOR_BREAKPOINT: return IST_DEBUG;
    case VECTOR_NMI: return IST_NMI;
    case VECTOR_DOUBLE_FAULT: return IST_DOUBLE_FAULT;
    case VECTOR_MACHINE_CHECK: return IST_MACHINE_CHECK;
    case VECTOR_PAGE_FAULT: return IST_PAGE_FAULT;
    default: return vector < VECTOR_IRQ_BASE ? IST_FAULT : IST_IRQ;
    }
}

LOCAL void cpu_fill_idt(void)
{
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t stub = (uint64_t)(uintptr_t)trap_stubs + vector * TRAP_STUB_SIZE;
        idt[vector] = (struct idt_gate){
            .offset_low = (uint16_t)stub,
            .selector = SELECTOR_KERNEL_CODE,
            .ist = (uint8_t)cpu_ist_of_vector(vector),
            .type = vector == VECTOR_BREAKPOINT ? GATE_INTERRUPT_USER : GATE_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
}

void cpu_init_tables(struct cpu *cpu, int32_t id)
{
    cpu->self = cpu;
    cpu->id = id;
    for (unsigned slot = 0; slot < CPU_STACKS && id == 0; slot++)
        cpu->stack_tops[slot] = (uint64_t)(uintptr_t)boot_cpu_stacks[slot] + IST_STACK_SIZE;
    for (unsigned slot = 0; slot < ARRAY_COUNT(cpu->tss.ist); slot++) /* ist[0] is IST slot 1 */
        cpu->tss.ist[slot] = cpu->stack_tops[slot];
    cpu->emergency_stack_top = cpu->stack_tops[CPU_STACKS - 1];
    cpu->tss.io_map_base = sizeof cpu->tss;

    uint64_t tss = (uint64_t)(uintptr_t)&cpu->tss;
    cpu->gdt[0] = 0;
    cpu->gdt[1] = 0x00af9b000000ffffULL; /* kernel code, 64-bit */
    cpu->gdt[2] = 0x00cf93000000ffffULL; /* kernel data */
    cpu->gdt[3] = 0x00cff3000000ffffULL; /* user data */
    cpu->gdt[4] = 0x00affb000000ffffULL; /* user code, 64-bit */
    cpu->gdt[5] = (sizeof cpu->tss - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[6] = tss >> 32;

    struct table_register gdtr = { sizeof cpu->gdt - 1, (uint64_t)(uintptr_t)cpu->gdt };
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %2, %%eax\n\t"
                     "mov %%eax, %%ss\n\t"
                     "mov %%eax, %%ds\n\t"
                     "mov %%eax, %%es\n\t"
                     "xor %%eax, %%eax\n\t"
                     "mov %%eax, %%fs\n\t"
                     "mov %%eax, %%gs\n\t"
                     : : "m"(gdtr), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA) : "rax", "memory");
    msr_write(MSR_GS_BASE, (uint64_t)(uintptr_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    msr_write(MSR_FS_BASE, 0);

    if (id == 0)
        cpu_fill_idt(); /* one for all */
    struct table_register idtr = { sizeof idt - 1, (uint64_t)(uintptr_t)idt };
    __asm__ volatile("lidt %0\n\tltr %w1" : : "m"(idtr), "r"(SELECTOR_TSS) : "memory");
}

/*
 * A machine for the allocators' tests: 64 MiB of "physical" memory with holes, and what page.c and slab.c need
 * besides. It includes both, so a test program includes this file alone.
 *
 * Memory that no page_alloc() has given out is poisoned for AddressSanitizer: an allocator (or a test) that
 * touches a free page is caught. A panic jumps back to PANICS().
 */
#ifndef TESTS_HOST_MM_MACHINE_H
#define TESTS_HOST_MM_MACHINE_H

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

#include <arch/x86_64/cpu.h>
#include <arch/x86_64/irq.h>
#include <kernel/mm/page.h>

/* The CPU that a test says it runs on. */
#define MACHINE_CPUS 4
static struct cpu machine_cpus[MACHINE_CPUS] = { { .id = 0 }, { .id = 1 }, { .id = 2 }, { .id = 3 } };
static struct cpu *machine_cpu = machine_cpus;
#define this_cpu() machine_cpu

/* page.c under other names; the wrappers below poison and unpoison. */
#define page_alloc page_alloc_unpoisoned
#define page_free page_free_unpoisoned
#define ready page_ready
#include <kernel/mm/page.c>
#undef page_alloc
#undef page_free
#undef ready

struct page *page_alloc(unsigned order, enum page_use use, enum page_flags flags);
void page_free(struct page *page, unsigned order);
#include <kernel/mm/slab.c>

#define MIB (1ULL << 20)
#define MACHINE_MEMORY (64 * MIB)

/* Odd starts and ends, holes inside of what would be one block, a file and the loader's pages. */
struct boot_info boot_info = {
    .memory_count = 7,
    .memory = {
        { .base = 0x1000, .length = 0x9f000 - 0x1000, .type = BOOT_MEMORY_USABLE },
        { .base = 0x9f000, .length = 0x61000, .type = BOOT_MEMORY_RESERVED },
        { .base = 1 * MIB, .length = 39 * MIB + 0x3000, .type = BOOT_MEMORY_USABLE },
        { .base = 40 * MIB + 0x3000, .length = 0x5000, .type = BOOT_MEMORY_FILE },
        { .base = 40 * MIB + 0x8000, .length = 0x8000, .type = BOOT_MEMORY_LOADER },
        { .base = 41 * MIB, .length = 7 * MIB - 0x7000, .type = BOOT_MEMORY_USABLE },
        { .base = 50 * MIB, .length = 14 * MIB, .type = BOOT_MEMORY_USABLE },
    },
};

static jmp_buf machine_panic_jump;
static bool machine_panic_expected;
static char machine_panic_text[300];

/* True when `statement` panics; every lock is free afterwards. */
#define PANICS(statement)                                              \
    ({                                                                 \
        volatile bool panicked_ = true;                                \
        machine_panic_expected = true;                                 \
        if (setjmp(machine_panic_jump) == 0) {                         \
            statement;                                                 \
            panicked_ = false;                                         \
        }                                                              \
        machine_panic_expected = false;                                \
        panicked_;                                                     \
    })

static struct spinlock *machine_locks[8];
static unsigned machine_lock_depth;

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(machine_panic_text, sizeof(machine_panic_text), format, arguments);
    va_end(arguments);
    if (!machine_panic_expected) {
        fprintf(stderr, "panic: %s\n", machine_panic_text);
        abort();
    }
    machine_lock_depth = 0;
    longjmp(machine_panic_jump, 1);
}

void klog(enum log_level level, const char *module, const char *format, ...) { }

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank)
{
    *lock = (struct spinlock)SPINLOCK_INIT(name, (uint32_t)rank);
}

uint64_t irqs_disable(void) { return 0; }

/* One thread: locks only check their order and pairs. */
irq_flags_t spin_lock_irq(struct spinlock *lock)
{
    for (unsigned i = 0; i < machine_lock_depth; i++)
        if (machine_locks[i] == lock || machine_locks[i]->rank > lock->rank)
            panic("lock %s is taken under %s", lock->name, machine_locks[i]->name);
    machine_locks[machine_lock_depth++] = lock;
    return 0;
}

void spin_unlock_irq(struct spinlock *lock, irq_flags_t flags)
{
    if (machine_lock_depth == 0 || machine_locks[--machine_lock_depth] != lock)
        panic("lock %s is not the last taken", lock->name);
}

paddr_t paging_kernel_root(void) { return 0; }

/* The page array is there already. */
pte_t *paging_entry(paddr_t root, vaddr_t address, bool create)
{
    static pte_t present = PTE_PRESENT;
    return &present;
}

paddr_t early_alloc_page(void) { panic("early_alloc_page"); }

struct page *page_alloc(unsigned order, enum page_use use, enum page_flags flags)
{
    struct page *page = page_alloc_unpoisoned(order, use, flags & ~(unsigned)PAGE_ZERO);
    if (page == NULL)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(page_to_virt(page), PAGE_SIZE << order);
    memset(page_to_virt(page), (flags & PAGE_ZERO) ? 0 : 0xa5, PAGE_SIZE << order);
    return page;
}

void page_free(struct page *page, unsigned order)
{
    page_free_unpoisoned(page, order);
    ASAN_POISON_MEMORY_REGION(page_to_virt(page), PAGE_SIZE << order);
}

/* Once: maps the memory and starts the page allocator. */
static void machine_start(void)
{
    static bool started;
    if (started)
        return;
    started = true;
    size_t array = (MACHINE_MEMORY >> PAGE_SHIFT) * sizeof(struct page);
    void *memory = mmap((void *)DIRECT_MAP_BASE, MACHINE_MEMORY, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    void *pages = mmap((void *)PAGE_ARRAY_BASE, array, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || pages == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    ASAN_POISON_MEMORY_REGION(memory, MACHINE_MEMORY);
    page_allocator_init();
}

static struct page_statistics machine_statistics(void)
{
    struct page_statistics statistics;
    page_get_statistics(&statistics);
    return statistics;
}

/* Does [phys, phys + size) lie in one usable range? */
static bool machine_is_usable(paddr_t phys, uint64_t size)
{
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        const struct boot_memory *range = &boot_info.memory[i];
        if (range->type == BOOT_MEMORY_USABLE && phys >= range->base && phys + size <= range->base + range->length)
            return true;
    }
    return false;
}

#endif

/* The allocator of the first milliseconds. See early.h. */
#include <arch/x86_64/layout.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/mm/early.h>
#include <lib/string.h>

#define EARLY_LIMIT   (4ULL << 30)
#define LOW_MEMORY    (1ULL << 20) /* left alone: firmware data, later the start-up code of other CPUs */
#define EARLY_CHUNK   (64ULL * PAGE_SIZE)

/* Single pages come from chunks, so that they stay together. */
static paddr_t chunk_next, chunk_end;

void early_init(void)
{
    /* The allocator shortens boot_info.memory in place; whole pages only. */
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        struct boot_memory *range = &boot_info.memory[i];
        if (range->type != BOOT_MEMORY_USABLE)
            continue;
        paddr_t start = ALIGN_UP(MAX(range->base, LOW_MEMORY), PAGE_SIZE);
        paddr_t end = ALIGN_DOWN(range->base + range->length, PAGE_SIZE);
        if (end <= start) {
            range->type = BOOT_MEMORY_LOADER; /* low memory: kept, but not counted as usable */
            if (range->base >= LOW_MEMORY)
                range->type = BOOT_MEMORY_RESERVED;
            continue;
        }
        range->base = start;
        range->length = end - start;
    }
}

paddr_t early_alloc(uint64_t size)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    struct boot_memory *best = NULL;
    uint64_t best_room = 0;
    for (uint32_t i = 0; i < boot_info.memory_count; i++) {
        struct boot_memory *range = &boot_info.memory[i];
        if (range->type != BOOT_MEMORY_USABLE || range->base + range->length > EARLY_LIMIT)
            continue;
        if (range->length >= size && range->length > best_room) {
            best = range;
            best_room = range->length;
        }
    }
    if (best == NULL)
        return 0;
    best->length -= size;
    return best->base + best->length;
}

paddr_t early_alloc_file(uint64_t size)
{
    if (boot_info.memory_count == BOOT_MAX_MEMORY)
        return 0;
    paddr_t phys = early_alloc(size);
    if (phys != 0)
        boot_info.memory[boot_info.memory_count++] =
            (struct boot_memory){ .base = phys, .length = ALIGN_UP(size, PAGE_SIZE), .type = BOOT_MEMORY_FILE };
    return phys;
}

paddr_t early_alloc_page(void)
{
    KASSERT(!page_allocator_ready());
    if (chunk_next == chunk_end) {
        chunk_next = early_alloc(EARLY_CHUNK);
        if (chunk_next == 0)
            panic("not enough memory: no room for the first page tables");
        chunk_end = chunk_next + EARLY_CHUNK;
    }
    paddr_t page = chunk_next;
    chunk_next += PAGE_SIZE;
    memset((void *)(uintptr_t)(DIRECT_MAP_BASE + page), 0, PAGE_SIZE);
    return page;
}

/*
 * Stubs: what a live function's address is, for ever. Sixteen bytes each, in blocks of two pages of stubs (RX) and one
 * page of slots (RW):
 *     function:  jmp *slot(%rip); call live_stub_missing; ret
 *     world:     lea slot(%rip), %r11; jmp live_world_gate
 * A function that is undefined at present has a slot that points to its own call (stub + 6). Changing a slot is one
 * aligned store, which callers on other CPUs see at once or a moment later, never in between.
 */
#include <lib/atomic.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <live/guard.h>
#include <live/linker.h>
#include <live/stub.h>

#define STUB_SIZE    16
#define STUB_PAGES   2
#define STUB_COUNT   (STUB_PAGES * PAGE_SIZE / STUB_SIZE)
#define STUB_MISSING 6  /* offset of the call */
#define STUB_RETURN  11 /* the call's return address */
STATIC_ASSERT(STUB_COUNT * sizeof(uint64_t) == PAGE_SIZE, "one page of slots");

struct live_stubs {
    struct live_range code, slots;
    size_t used;
    struct live_symbol *volatile symbols[STUB_COUNT];
};

static struct live_stubs *stubs_last; /* live_mutex: the block with room */

LOCAL struct live_stubs *live_stubs_create(void)
{
    struct live_stubs *stubs = kzalloc(sizeof *stubs);
    if (stubs == NULL)
        return NULL;
    vaddr_t start = live_area_reserve(STUB_PAGES + 1);
    if (start == 0)
        goto no_space;
    stubs->code = (struct live_range){ .start = start, .pages = STUB_PAGES, .kind = LIVE_RANGE_STUBS, .stubs = stubs };
    stubs->slots = (struct live_range){ .start = start + STUB_PAGES * PAGE_SIZE, .pages = 1, .kind = LIVE_RANGE_DATA,
                                        .stubs = stubs };
    uint8_t filler[STUB_SIZE];
    memset(filler, 0xcc, sizeof filler); /* int3 */
    if (live_area_map(&stubs->code, NULL, 0) != 0)
        goto no_code;
    for (size_t i = 0; i < STUB_COUNT; i++)
        live_area_write(start + i * STUB_SIZE, filler, STUB_SIZE);
    if (live_area_map(&stubs->slots, NULL, 0) == 0)
        return stubs;
    live_area_unmap(&stubs->code, 1);
no_code:
    live_area_unreserve(start, STUB_PAGES + 1);
no_space:
    kfree(stubs);
    return NULL;
}

LOCAL uint64_t live_stub_slot(uint64_t stub)
{
    const struct live_range *range = live_area_find(stub);
    return range->stubs->slots.start + (stub - range->start) / STUB_SIZE * sizeof(uint64_t);
}

/* The four bytes of a rel32 whose instruction ends at `end`. */
LOCAL void live_stub_put_rel32(uint8_t *at, uint64_t target, uint64_t end)
{
    int32_t distance = (int32_t)(target - end);
    memcpy(at, &distance, sizeof distance);
}

LOCAL void live_stub_write(uint64_t stub, bool is_gate)
{
    uint8_t code[STUB_SIZE];
    memset(code, 0xcc, sizeof code);
    if (is_gate) {
        memcpy(code, "\x4c\x8d\x1d", 3);
        live_stub_put_rel32(code + 3, live_stub_slot(stub), stub + 7);
        code[7] = 0xe9;
        live_stub_put_rel32(code + 8, (uint64_t)(uintptr_t)live_world_gate, stub + 12);
    } else {
        memcpy(code, "\xff\x25", 2);
        live_stub_put_rel32(code + 2, live_stub_slot(stub), stub + STUB_MISSING);
        code[STUB_MISSING] = 0xe8;
        live_stub_put_rel32(code + 7, (uint64_t)(uintptr_t)live_stub_missing, stub + STUB_RETURN);
        code[STUB_RETURN] = 0xc3;
    }
    live_area_write(stub, code, sizeof code);
}

uint64_t live_stub_create(struct live_symbol *symbol, bool is_gate)
{
    if (stubs_last == NULL || stubs_last->used == STUB_COUNT) {
        struct live_stubs *stubs = live_stubs_create();
        if (stubs == NULL)
            return 0;
        stubs_last = stubs;
    }
    size_t index = stubs_last->used++;
    uint64_t stub = stubs_last->code.start + index * STUB_SIZE;
    stubs_last->symbols[index] = symbol;
    live_stub_set(stub, is_gate ? 0 : stub + STUB_MISSING);
    live_stub_write(stub, is_gate);
    return stub;
}

void live_stub_discard(uint64_t stub)
{
    struct live_stubs *stubs = live_area_find(stub)->stubs;
    size_t index = (stub - stubs->code.start) / STUB_SIZE;
    stubs->symbols[index] = NULL;
    if (stubs == stubs_last && index + 1 == stubs->used)
        stubs->used--; /* nobody has seen it; others stay unused */
}

uint64_t live_stub_undefined(uint64_t stub) { return stub + STUB_MISSING; }

void live_stub_set(uint64_t stub, uint64_t target)
{
    atomic_store_release_u64((uint64_t *)(uintptr_t)live_stub_slot(stub), target);
}

uint64_t live_function_code(uint64_t address)
{
    uint64_t state = live_area_read_begin();
    const struct live_range *range = live_area_find(address);
    bool is_stub = range != NULL && range->stubs != NULL && range != &range->stubs->slots;
    uint64_t code = is_stub ? atomic_load_acquire_u64((uint64_t *)(uintptr_t)live_stub_slot(address)) : address;
    live_area_read_end(state);
    return code;
}

struct live_symbol *live_stub_symbol(const struct live_range *range, uint64_t address, uint64_t *offset)
{
    const struct live_stubs *stubs = range->stubs;
    if (stubs == NULL)
        return NULL;
    bool is_slot = range == &stubs->slots;
    size_t index = (address - range->start) / (is_slot ? sizeof(uint64_t) : STUB_SIZE);
    *offset = is_slot ? 0 : (address - range->start) % STUB_SIZE;
    return stubs->symbols[index];
}

uint64_t live_stub_missing(void)
{
    uint64_t stub = (uint64_t)(uintptr_t)__builtin_return_address(0) - STUB_RETURN, offset;
    char text[LIVE_FAULT_TEXT];
    const char *name = live_symbol_find(stub, &offset);
    ksnprintf(text, sizeof text, "%s is not defined any more", name == NULL ? "the function" : name);
    if (!live_fault_raise(LIVE_FAULT_EXECUTE, stub, text))
        klog(LOG_ERROR, "live", "%s; its call returns 0", text);
    return 0;
}

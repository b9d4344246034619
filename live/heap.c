/* The heap of live code; the contract is in heap.h. */
#include <kernel/export.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/vmalloc.h>
#include <kernel/sched/lock.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/tree.h>
#include <live/guard.h>
#include <live/heap.h>
#include <live/live.h>

#define HEAP_MARK      16      /* bytes before a block */
#define HEAP_MARK_BYTE 0xb5
#define HEAP_TAIL      16      /* bytes behind it */
#define HEAP_FREED     0xdd    /* contents of a block that was freed lately */
#define HEAP_LATELY    64      /* how many of them are kept from use */
#define HEAP_LATELY_MAX 65536  /* bytes: bigger ones are not kept */
#define HEAP_SLAB_MAX  (4u << 20)

struct heap_block {
    struct tree_node node;     /* by address; not while it is one of `lately` */
    uint64_t address;          /* what the caller got */
    size_t size;
    uint64_t module;
    uint64_t freed_at;         /* code that freed it */
};

static struct spinlock heap_lock = SPINLOCK_INIT("live heap", LOCK_RANK_VMALLOC - 1);
/* heap_lock */
static struct tree heap_blocks;
static struct heap_block *heap_lately[HEAP_LATELY]; /* a ring of those that were freed last */
static unsigned heap_next;

LOCAL bool heap_less(const struct tree_node *a, const struct tree_node *b)
{
    return container_of(a, struct heap_block, node)->address < container_of(b, struct heap_block, node)->address;
}

LOCAL int heap_compare(const void *key, const struct tree_node *node)
{
    uint64_t wanted = *(const uint64_t *)key, address = container_of(node, struct heap_block, node)->address;
    return wanted < address ? -1 : wanted > address;
}

/* --- marks ------------------------------------------------------------------------------ */

LOCAL bool heap_is_filled(const uint8_t *bytes, size_t size, uint8_t with)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

/* What is wrong with the block, NULL: nothing. */
LOCAL const char *heap_find_damage(const struct heap_block *block)
{
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)block->address;
    if (!heap_is_filled(bytes - HEAP_MARK, HEAP_MARK, HEAP_MARK_BYTE))
        return "written before its begin";
    if (!heap_is_filled(bytes + block->size, HEAP_TAIL, HEAP_MARK_BYTE))
        return "written behind its end";
    return NULL;
}

LOCAL void heap_release_memory(struct heap_block *block)
{
    void *memory = (void *)(uintptr_t)(block->address - HEAP_MARK);
    if (block->size + HEAP_MARK + HEAP_TAIL > HEAP_SLAB_MAX)
        vfree(memory);
    else
        kfree(memory);
    kfree(block);
}

/* A block leaves the ring of those that were freed lately: was it written to meanwhile? */
LOCAL void heap_forget(struct heap_block *block)
{
    if (!heap_is_filled((const uint8_t *)(uintptr_t)block->address, block->size, HEAP_FREED))
        klog(LOG_ERROR, "live", "heap: a block of %zu bytes at %#llx was written to after it was freed at %#llx", block->size,
             (unsigned long long)block->address, (unsigned long long)block->freed_at);
    heap_release_memory(block);
}

/* --- taking and giving -------------------------------------------------------------------- */

void *live_heap_take(size_t size, uint64_t caller)
{
    size_t whole = size + HEAP_MARK + HEAP_TAIL;
    if (whole < size)
        return NULL;
    struct heap_block *block = kmalloc(sizeof *block);
    uint8_t *memory = whole > HEAP_SLAB_MAX ? vmalloc(whole, PAGE_USE_KERNEL) : kmalloc(whole);
    if (block == NULL || memory == NULL) {
        kfree(block);
        if (memory != NULL && whole > HEAP_SLAB_MAX)
            vfree(memory);
        else
            kfree(memory);
        return NULL;
    }
    memset(memory, HEAP_MARK_BYTE, HEAP_MARK);
    memset(memory + HEAP_MARK + size, HEAP_MARK_BYTE, HEAP_TAIL);
    *block = (struct heap_block){ .address = (uint64_t)(uintptr_t)memory + HEAP_MARK, .size = size,
                                  .module = live_module_owner(caller) };
    irq_flags_t flags = spin_lock_irq(&heap_lock);
    tree_insert(&heap_blocks, &block->node, heap_less);
    spin_unlock_irq(&heap_lock, flags);
    if (block->module != 0)
        live_module_account(block->module, (int64_t)size);
    return memory + HEAP_MARK;
}

/* Why a pointer is none that can be freed, as a fault. Does not return under a guard. */
LOCAL void heap_complain(uint64_t address, const struct heap_block *freed)
{
    char text[LIVE_FAULT_TEXT];
    if (freed != NULL)
        ksnprintf(text, sizeof text, "double free of a block of %zu bytes, freed before at %#llx", freed->size,
                  (unsigned long long)freed->freed_at);
    else
        ksnprintf(text, sizeof text, "free of an address that is no block's");
    if (!live_fault_raise(LIVE_FAULT_HEAP, address, text))
        klog(LOG_ERROR, "live", "heap: %s (%#llx)", text, (unsigned long long)address);
}

LOCAL struct heap_block *heap_find_freed_locked(uint64_t address)
{
    for (unsigned i = 0; i < HEAP_LATELY; i++)
        if (heap_lately[i] != NULL && heap_lately[i]->address == address)
            return heap_lately[i];
    return NULL;
}

/* The block at `address`, off the tree; NULL: complained about. */
LOCAL struct heap_block *heap_remove(uint64_t address)
{
    struct heap_block copy, *freed = NULL;
    irq_flags_t flags = spin_lock_irq(&heap_lock);
    struct tree_node *node = tree_find(&heap_blocks, &address, heap_compare);
    if (node != NULL)
        tree_remove(&heap_blocks, node);
    else if ((freed = heap_find_freed_locked(address)) != NULL)
        copy = *freed;
    spin_unlock_irq(&heap_lock, flags);
    if (node != NULL)
        return container_of(node, struct heap_block, node);
    heap_complain(address, freed != NULL ? &copy : NULL);
    return NULL;
}

LOCAL void heap_give(void *pointer, uint64_t caller)
{
    if (pointer == NULL)
        return;
    struct heap_block *block = heap_remove((uint64_t)(uintptr_t)pointer), *oldest = block;
    if (block == NULL)
        return;
    if (block->module != 0)
        live_module_account(block->module, -(int64_t)block->size);
    const char *damage = heap_find_damage(block);
    char text[LIVE_FAULT_TEXT];
    if (damage != NULL)
        ksnprintf(text, sizeof text, "a block of %zu bytes was %s", block->size, damage);
    block->freed_at = caller;
    if (block->size <= HEAP_LATELY_MAX) {
        memset(pointer, HEAP_FREED, block->size);
        irq_flags_t flags = spin_lock_irq(&heap_lock);
        oldest = heap_lately[heap_next];
        heap_lately[heap_next] = block;
        heap_next = (heap_next + 1) % HEAP_LATELY;
        spin_unlock_irq(&heap_lock, flags);
        if (oldest != NULL)
            heap_forget(oldest);
    } else {
        heap_release_memory(block);
    }
    if (damage != NULL && !live_fault_raise(LIVE_FAULT_HEAP, (uint64_t)(uintptr_t)pointer, text))
        klog(LOG_ERROR, "live", "heap: %s", text);
}

void live_heap_give(void *pointer) { heap_give(pointer, (uint64_t)(uintptr_t)__builtin_return_address(0)); }

void *live_heap_resize(void *pointer, size_t size, uint64_t caller)
{
    if (pointer == NULL)
        return live_heap_take(size, caller);
    uint64_t address = (uint64_t)(uintptr_t)pointer;
    irq_flags_t flags = spin_lock_irq(&heap_lock);
    struct tree_node *node = tree_find(&heap_blocks, &address, heap_compare);
    size_t old = node != NULL ? container_of(node, struct heap_block, node)->size : 0;
    spin_unlock_irq(&heap_lock, flags);
    void *moved = node != NULL ? live_heap_take(size, caller) : NULL;
    if (moved != NULL)
        memcpy(moved, pointer, MIN(old, size));
    if (moved != NULL || node == NULL)
        heap_give(pointer, caller); /* complains when it is no block */
    return moved;
}

/* --- modules -------------------------------------------------------------------------------- */

/* One block of the module, off the tree or the ring; NULL: none left. */
LOCAL struct heap_block *heap_take_from_module(uint64_t module)
{
    struct heap_block *found = NULL;
    irq_flags_t flags = spin_lock_irq(&heap_lock);
    for (struct tree_node *node = tree_first(&heap_blocks); node != NULL && found == NULL; node = tree_next(node))
        if (container_of(node, struct heap_block, node)->module == module)
            found = container_of(node, struct heap_block, node);
    if (found != NULL)
        tree_remove(&heap_blocks, &found->node);
    for (unsigned i = 0; i < HEAP_LATELY && found == NULL; i++) {
        if (heap_lately[i] == NULL || heap_lately[i]->module != module)
            continue;
        found = heap_lately[i];
        heap_lately[i] = NULL;
    }
    spin_unlock_irq(&heap_lock, flags);
    return found;
}

void live_heap_free_module(uint64_t module)
{
    struct heap_block *block;
    while ((block = heap_take_from_module(module)) != NULL)
        heap_release_memory(block);
}

LOCAL int heap_compare_inside(const void *key, const struct tree_node *node)
{
    uint64_t wanted = *(const uint64_t *)key;
    const struct heap_block *block = container_of(node, struct heap_block, node);
    return wanted < block->address ? -1 : wanted - block->address >= block->size;
}

uint64_t live_heap_owner(uint64_t address)
{
    irq_flags_t flags = spin_lock_irq(&heap_lock);
    struct tree_node *node = tree_find(&heap_blocks, &address, heap_compare_inside);
    uint64_t module = node == NULL ? 0 : container_of(node, struct heap_block, node)->module;
    spin_unlock_irq(&heap_lock, flags);
    return module;
}

void live_heap_count(uint64_t module, uint64_t *blocks, uint64_t *bytes)
{
    *blocks = *bytes = 0;
    irq_flags_t flags = spin_lock_irq(&heap_lock);
    for (struct tree_node *node = tree_first(&heap_blocks); node != NULL; node = tree_next(node)) {
        const struct heap_block *block = container_of(node, struct heap_block, node);
        if (module != UINT64_MAX && block->module != module)
            continue;
        ++*blocks;
        *bytes += block->size;
    }
    spin_unlock_irq(&heap_lock, flags);
}

/* --- under their names in C ------------------------------------------------------------------- */

void *malloc(size_t size) { return live_heap_take(size, (uint64_t)(uintptr_t)__builtin_return_address(0)); }

void *calloc(size_t count, size_t size)
{
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole))
        return NULL;
    void *block = live_heap_take(whole, (uint64_t)(uintptr_t)__builtin_return_address(0));
    if (block != NULL)
        memset(block, 0, whole);
    return block;
}

void *realloc(void *pointer, size_t size)
{
    return live_heap_resize(pointer, size, (uint64_t)(uintptr_t)__builtin_return_address(0));
}

void free(void *pointer) { heap_give(pointer, (uint64_t)(uintptr_t)__builtin_return_address(0)); }

EXPORT(malloc, ANY);
EXPORT(calloc, ANY);
EXPORT(realloc, ANY);
EXPORT(free, ANY);

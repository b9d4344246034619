/* Object caches and kmalloc. */
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/test/ktest.h>
#include <lib/string.h>

KTEST(slab, sizes_do_not_overlap)
{
    enum { COUNT = 40 };
    static uint8_t *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = 1 + i * i * 5;
        blocks[i] = kmalloc(size);
        KTEST_ASSERT(blocks[i] != NULL && IS_ALIGNED((uintptr_t)blocks[i], 16));
        memset(blocks[i], (int)i, size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = 1 + i * i * 5;
        for (size_t at = 0; at < size; at++)
            KTEST_EQUAL(blocks[i][at], i);
        kfree(blocks[i]);
    }
}

KTEST(slab, kzalloc_is_zero)
{
    for (size_t size = 8; size <= 16384; size *= 2) {
        uint8_t *block = kmalloc(size);
        KTEST_ASSERT(block != NULL);
        memset(block, 0xee, size);
        kfree(block);
        block = kzalloc(size);
        KTEST_ASSERT(block != NULL);
        for (size_t at = 0; at < size; at++)
            KTEST_EQUAL(block[at], 0);
        kfree(block);
    }
}

KTEST(slab, limits)
{
    KTEST_ASSERT(kmalloc(64u << 20) == NULL);
    kfree(NULL);
    void *largest = kmalloc(4u << 20);
    KTEST_ASSERT(largest != NULL);
    kfree(largest);
}

KTEST(slab, cache_fills_and_empties)
{
    /* More objects than one slab holds, freed in another order than they came. */
    enum { COUNT = 1000 };
    static struct object_cache *cache; /* caches live for ever */
    static void *objects[COUNT];
    if (cache == NULL)
        cache = object_cache_create("ktest", 200, 64);
    KTEST_ASSERT(cache != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = object_alloc_zeroed(cache);
        KTEST_ASSERT(objects[i] != NULL && IS_ALIGNED((uintptr_t)objects[i], 64));
        memset(objects[i], (int)i, 200);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t at = (i * 37) % COUNT;
        KTEST_EQUAL(((uint8_t *)objects[at])[199], at & 0xff);
        object_free(cache, objects[at]);
    }
}

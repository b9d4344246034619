/*
 * Object caches and kmalloc under the sanitizers, on the real page allocator.
 * Flags: -Itests/host/mm/layout
 */
#include <tests/host/mm/machine.h>

#define OBJECTS 4000

struct object { uint8_t *memory; size_t size; uint8_t fill; };

static struct object objects[OBJECTS];

static void check_fill(const struct object *object)
{
    for (size_t at = 0; at < object->size; at++)
        if (object->memory[at] != object->fill) {
            CHECK_EQUAL(object->memory[at], object->fill);
            return;
        }
}

static void drop(struct object *object)
{
    if (object->memory == NULL)
        return;
    check_fill(object);
    kfree(object->memory);
    object->memory = NULL;
}

/* Mostly small sizes, now and then pages. */
static size_t random_size(void)
{
    uint64_t kind = random_u64() % 100;
    return 1 + random_u64() % (kind < 80 ? 300 : kind < 98 ? 2500 : 40000);
}

TEST(kmalloc_random_use)
{
    machine_start();
    for (int round = 0; round < 300000; round++) {
        struct object *object = &objects[random_u64() % OBJECTS];
        drop(object);
        if (random_u64() % 3 == 0)
            continue;
        object->size = random_size();
        object->fill = (uint8_t)random_u64();
        object->memory = kmalloc(object->size);
        if (object->memory == NULL)
            continue; /* memory is out: the others must be whole all the same */
        CHECK(IS_ALIGNED((uintptr_t)object->memory, 16));
        memset(object->memory, object->fill, object->size);
    }
    for (size_t i = 0; i < OBJECTS; i++)
        drop(&objects[i]);
    /* At most one empty slab of up to eight pages stays in each size class. */
    struct page_statistics statistics = machine_statistics();
    CHECK(statistics.used[PAGE_USE_SLAB] <= 8 * ARRAY_COUNT(class_sizes));
    CHECK_EQUAL(statistics.used[PAGE_USE_KERNEL], 0);
}

TEST(kzalloc_is_zero)
{
    machine_start();
    for (int round = 0; round < 5000; round++) {
        size_t size = random_size();
        uint8_t *memory = kmalloc(size);
        memset(memory, 0xff, size);
        kfree(memory);
        memory = kzalloc(size);
        for (size_t at = 0; at < size; at++)
            CHECK_EQUAL(memory[at], 0);
        kfree(memory);
    }
}

TEST(memory_runs_out_and_comes_back)
{
    machine_start();
    static void *large[MACHINE_MEMORY / 2048];
    uint64_t before = machine_statistics().free;
    size_t count = 0;
    while ((large[count] = kmalloc(2000)) != NULL)
        count++;
    CHECK(count > 20000);
    CHECK(kmalloc(64 * 1024) == NULL);
    while (count > 0)
        kfree(large[--count]);
    CHECK(machine_statistics().free >= before - 8);
}

TEST(cache_alignment_and_counts)
{
    machine_start();
    struct object_cache *cache = object_cache_create("test", 100, 128);
    void *taken[200];
    for (int i = 0; i < 200; i++) {
        taken[i] = object_alloc_zeroed(cache);
        CHECK(IS_ALIGNED((uintptr_t)taken[i], 128));
    }
    CHECK_EQUAL(cache->objects, 200);
    for (int i = 0; i < 200; i++)
        object_free(cache, taken[(i * 77) % 200]);
    CHECK_EQUAL(cache->objects, 0);
    CHECK_EQUAL(cache->slabs, 1);
    object_free(cache, NULL);
}

TEST(wrong_frees_panic)
{
    machine_start();
    struct object_cache *one = object_cache_create("one", 64, 16), *two = object_cache_create("two", 64, 16);
    char *object = object_alloc(one), *keep = object_alloc(one);
    CHECK(PANICS(object_free(two, object)));
    CHECK(strstr(machine_panic_text, "belongs to one") != NULL);
    CHECK(PANICS(object_free(one, object + 8)));
    object_free(one, object);
    CHECK(PANICS(object_free(one, object)));
    CHECK(strstr(machine_panic_text, "double free") != NULL);
    object_free(one, keep);
    char *pages = kmalloc(3 * PAGE_SIZE);
    CHECK(PANICS(kfree(pages + 16)));
    kfree(pages);
}

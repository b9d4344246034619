/*
 * Object caches. A slab is one block of pages with its header at the start; the
 * pages' `owner` points to the header, so that any object finds its slab. A bit
 * per object says whether it is allocated: freeing twice panics at the second
 * free, with the cache's name.
 *
 * Left out: per-CPU magazines, returning constructors, shrinking on demand (an
 * empty slab is given back at once, except the last one of its cache).
 */
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/mm/slab_statistics.h>
#include <kernel/sched/lock.h>
#include <lib/string.h>

#define SLAB_MAX_OBJECTS 512
#define SLAB_MAGIC 0x5ab5ab5a

struct slab {
    struct list link;            /* cache->partial or cache->full */
    struct object_cache *cache;
    uint32_t magic;
    uint16_t used, capacity;
    char *objects;
    void *free;                  /* singly linked through the objects' first word */
    uint64_t allocated[SLAB_MAX_OBJECTS / 64];
};

struct object_cache {
    const char *name;
    size_t size;                 /* bytes per object, a multiple of the alignment */
    size_t alignment;
    unsigned order;              /* pages per slab: 2^order */
    uint16_t capacity;
    struct list link;            /* all_caches */
    struct spinlock lock;
    /* lock */
    struct list partial, full;
    uint64_t slabs, objects;
};

static struct spinlock caches_lock = SPINLOCK_INIT("slab caches", LOCK_RANK_LEAF);
static struct list all_caches = LIST_INIT(all_caches);

/* kmalloc's size classes. Larger requests take whole blocks of pages. */
static const uint16_t class_sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048 };
static const char *const class_names[] = { "kmalloc-16", "kmalloc-32", "kmalloc-48", "kmalloc-64", "kmalloc-96",
    "kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-384", "kmalloc-512", "kmalloc-768", "kmalloc-1024",
    "kmalloc-1536", "kmalloc-2048" };
static struct object_cache class_caches[ARRAY_COUNT(class_sizes)];
static bool classes_ready;

LOCAL uint16_t slab_capacity(size_t size, size_t alignment, unsigned order)
{
    size_t header = ALIGN_UP(sizeof(struct slab), alignment);
    size_t count = ((PAGE_SIZE << order) - header) / size;
    return (uint16_t)MIN(count, SLAB_MAX_OBJECTS);
}

LOCAL void object_cache_setup(struct object_cache *cache, const char *name, size_t size, size_t alignment)
{
    memset(cache, 0, sizeof *cache);
    cache->name = name;
    cache->alignment = MAX(alignment, 16);
    cache->size = ALIGN_UP(MAX(size, sizeof(void *)), cache->alignment);
    while (cache->order < 3 && slab_capacity(cache->size, cache->alignment, cache->order) < 8)
        cache->order++;
    cache->capacity = slab_capacity(cache->size, cache->alignment, cache->order);
    KASSERT(cache->capacity > 0);
    spin_init(&cache->lock, name, LOCK_RANK_SLAB);
    list_init(&cache->partial);
    list_init(&cache->full);
    irq_flags_t irq = spin_lock_irq(&caches_lock);
    list_append(&all_caches, &cache->link);
    spin_unlock_irq(&caches_lock, irq);
}

struct object_cache *object_cache_create(const char *name, size_t size, size_t alignment)
{
    struct object_cache *cache = kmalloc(sizeof *cache);
    if (cache != NULL)
        object_cache_setup(cache, name, size, alignment);
    return cache;
}

LOCAL struct slab *slab_create(struct object_cache *cache)
{
    struct page *page = page_alloc(cache->order, PAGE_USE_SLAB, PAGE_NORMAL);
    if (page == NULL)
        return NULL;
    struct slab *slab = page_to_virt(page);
    for (unsigned i = 0; i < 1u << cache->order; i++) {
        page[i].owner = slab;
        page[i].use = PAGE_USE_SLAB; /* kfree looks at the object's own page, not at the first */
    }
    memset(slab, 0, sizeof *slab);
    slab->cache = cache;
    slab->magic = SLAB_MAGIC;
    slab->capacity = cache->capacity;
    slab->objects = (char *)slab + ALIGN_UP(sizeof *slab, cache->alignment);
    for (unsigned i = cache->capacity; i-- > 0;) {
        void **object = (void **)(void *)(slab->objects + i * cache->size);
        *object = slab->free;
        slab->free = object;
    }
    cache->slabs++;
    list_append(&cache->partial, &slab->link);
    return slab;
}

void *object_alloc(struct object_cache *cache)
{
    irq_flags_t irq = spin_lock_irq(&cache->lock);
    struct slab *slab;
    void **object = NULL;
    if (!list_is_empty(&cache->partial))
        slab = container_of(cache->partial.next, struct slab, link);
    else
        slab = slab_create(cache);
    if (slab == NULL)
        goto out;
    object = slab->free;
    slab->free = *object;
    unsigned index = (unsigned)(((char *)(void *)object - slab->objects) / cache->size);
    slab->allocated[index / 64] |= 1ULL << index % 64;
    cache->objects++;
    if (++slab->used == slab->capacity) {
        list_remove(&slab->link);
        list_append(&cache->full, &slab->link);
    }
out:
    spin_unlock_irq(&cache->lock, irq);
    return object;
}

void *object_alloc_zeroed(struct object_cache *cache)
{
    void *object = object_alloc(cache);
    if (object != NULL)
        memset(object, 0, cache->size);
    return object;
}

/* `object` was found in `slab`. */
LOCAL void slab_free_object(struct slab *slab, void *object)
{
    struct object_cache *cache = slab->cache;
    irq_flags_t irq = spin_lock_irq(&cache->lock);
    size_t offset = (size_t)((char *)object - slab->objects);
    size_t index = offset / cache->size;
    if ((char *)object < slab->objects || offset % cache->size != 0 || index >= slab->capacity)
        panic("%s: free of %p, which is no object of it", cache->name, object);
    if (!(slab->allocated[index / 64] >> index % 64 & 1))
        panic("%s: double free of %p", cache->name, object);
    slab->allocated[index / 64] &= ~(1ULL << index % 64);
    *(void **)object = slab->free;
    slab->free = object;
    cache->objects--;
    if (slab->used-- == slab->capacity) {
        list_remove(&slab->link);
        list_append(&cache->partial, &slab->link);
    }
    if (slab->used == 0 && slab->link.next != slab->link.previous) { /* not the only partial one */
        list_remove(&slab->link);
        cache->slabs--;
        struct page *page = page_from_virt(slab);
        for (unsigned i = 0; i < 1u << cache->order; i++)
            page[i].owner = NULL;
        slab->magic = 0;
        page_free(page, cache->order);
    }
    spin_unlock_irq(&cache->lock, irq);
}

void object_free(struct object_cache *cache, void *object)
{
    if (object == NULL)
        return;
    struct slab *slab = page_from_virt(object)->owner;
    if (slab == NULL || slab->magic != SLAB_MAGIC || slab->cache != cache)
        panic("%s: free of %p, which belongs to %s", cache->name, object,
              slab != NULL && slab->magic == SLAB_MAGIC ? slab->cache->name : "no cache");
    slab_free_object(slab, object);
}

LOCAL void kmalloc_init(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(class_sizes); i++)
        object_cache_setup(&class_caches[i], class_names[i], class_sizes[i], 16);
    classes_ready = true;
}

LOCAL unsigned kmalloc_order(size_t size)
{
    unsigned order = 0;
    while ((PAGE_SIZE << order) < size)
        order++;
    return order;
}

void *kmalloc(size_t size)
{
    if (!classes_ready)
        kmalloc_init(); /* the first call, at boot, on one CPU */
    for (size_t i = 0; i < ARRAY_COUNT(class_sizes); i++)
        if (size <= class_sizes[i])
            return object_alloc(&class_caches[i]);
    if (size > PAGE_SIZE << (PAGE_MAX_ORDER - 1))
        return NULL;
    struct page *page = page_alloc(kmalloc_order(size), PAGE_USE_KERNEL, PAGE_NORMAL);
    return page == NULL ? NULL : page_to_virt(page);
}

void *kzalloc(size_t size)
{
    void *pointer = kmalloc(size);
    if (pointer != NULL)
        memset(pointer, 0, size);
    return pointer;
}

void kfree(void *pointer)
{
    if (pointer == NULL)
        return;
    struct page *page = page_from_virt(pointer);
    struct slab *slab = page->owner;
    if (page->use == PAGE_USE_SLAB && slab != NULL && slab->magic == SLAB_MAGIC) {
        slab_free_object(slab, pointer);
        return;
    }
    if (page->use != PAGE_USE_KERNEL || !IS_ALIGNED((uintptr_t)pointer, PAGE_SIZE))
        panic("kfree: %p was not given by kmalloc", pointer);
    page_free(page, page->order);
}

void slab_for_each_cache(void (*visit)(const struct slab_statistics *statistics, void *context), void *context)
{
    irq_flags_t irq = spin_lock_irq(&caches_lock);
    list_for_each(node, &all_caches) {
        const struct object_cache *cache = container_of(node, struct object_cache, link);
        struct slab_statistics statistics = {
            .name = cache->name,
            .object_size = cache->size,
            .objects = cache->objects,
            .capacity = cache->slabs * cache->capacity,
            .pages = cache->slabs << cache->order,
        };
        visit(&statistics, context);
    }
    spin_unlock_irq(&caches_lock, irq);
}

/*
 * Names: those that live modules define and those of the world, each kind in a hash table and in a tree by name; the
 * kernel's are in kernel_symbols.c. Look-up goes live, kernel, world.
 */
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <lib/string.h>
#include <live/linker.h>

struct symbol_table {
    struct live_symbol **buckets;
    size_t bucket_count, count;
    struct tree by_name;
};

struct mutex live_mutex = MUTEX_INIT(live_mutex, "live", LOCK_RANK_LIVE);
static struct symbol_table tables[2]; /* live_mutex: live, world */

uint32_t live_hash(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name != 0; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash ^ hash >> 15;
}

LOCAL struct symbol_table *symbol_table_of(uint32_t origin) { return &tables[origin == LIVE_ORIGIN_WORLD]; }

LOCAL struct live_symbol *symbol_from_node(const struct tree_node *node)
{
    return node == NULL ? NULL : container_of(node, struct live_symbol, node);
}

LOCAL bool symbol_less(const struct tree_node *a, const struct tree_node *b)
{
    return strcmp(symbol_from_node(a)->name, symbol_from_node(b)->name) < 0;
}

LOCAL int symbol_compare(const void *key, const struct tree_node *node) { return strcmp(key, symbol_from_node(node)->name); }

/* Doubles the buckets when they are full. Without memory the chains grow. */
LOCAL bool symbol_table_grow(struct symbol_table *table)
{
    size_t count = MAX(table->bucket_count * 2, 64);
    struct live_symbol **buckets = live_allocate(count * sizeof *buckets);
    if (buckets == NULL)
        return table->bucket_count != 0;
    for (size_t i = 0; i < table->bucket_count; i++)
        for (struct live_symbol *symbol = table->buckets[i], *next; symbol != NULL; symbol = next) {
            next = symbol->hash_next;
            symbol->hash_next = buckets[symbol->hash & (count - 1)];
            buckets[symbol->hash & (count - 1)] = symbol;
        }
    if (table->buckets != NULL)
        live_release(table->buckets, table->bucket_count * sizeof *buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    return true;
}

struct live_symbol *live_symbol_by_name(const char *name, uint32_t origin)
{
    const struct symbol_table *table = symbol_table_of(origin);
    if (table->bucket_count == 0)
        return NULL;
    uint32_t hash = live_hash(name);
    struct live_symbol *symbol = table->buckets[hash & (table->bucket_count - 1)];
    while (symbol != NULL && (symbol->hash != hash || strcmp(symbol->name, name) != 0))
        symbol = symbol->hash_next;
    return symbol;
}

struct live_symbol *live_symbol_create(const char *name, uint32_t kind, uint32_t origin)
{
    struct symbol_table *table = symbol_table_of(origin);
    if (table->count >= table->bucket_count && !symbol_table_grow(table))
        return NULL;
    size_t size = strlen(name) + 1;
    struct live_symbol *symbol = kzalloc(sizeof *symbol + size);
    if (symbol == NULL)
        return NULL;
    symbol->name = memcpy(symbol + 1, name, size);
    symbol->hash = live_hash(name);
    symbol->kind = kind;
    symbol->origin = origin;
    symbol->context = origin == LIVE_ORIGIN_WORLD ? LIVE_CONTEXT_WORLD : LIVE_CONTEXT_SLEEPABLE;
    list_init(&symbol->users);
    list_init(&symbol->module_link);
    list_init(&symbol->storage_link);
    if (kind == LIVE_SYMBOL_FUNCTION) {
        symbol->stub = live_stub_create(symbol, origin == LIVE_ORIGIN_WORLD);
        if (symbol->stub == 0) {
            kfree(symbol);
            return NULL;
        }
    }
    live_symbol_reinstate(symbol);
    return symbol;
}

void live_symbol_reinstate(struct live_symbol *symbol)
{
    struct symbol_table *table = symbol_table_of(symbol->origin);
    struct live_symbol **bucket = &table->buckets[symbol->hash & (table->bucket_count - 1)];
    symbol->hash_next = *bucket;
    *bucket = symbol;
    table->count++;
    symbol->is_retired = false;
    tree_insert(&table->by_name, &symbol->node, symbol_less);
}

void live_symbol_retire(struct live_symbol *symbol)
{
    struct symbol_table *table = symbol_table_of(symbol->origin);
    struct live_symbol **link = &table->buckets[symbol->hash & (table->bucket_count - 1)];
    while (*link != symbol)
        link = &(*link)->hash_next;
    *link = symbol->hash_next;
    table->count--;
    tree_remove(&table->by_name, &symbol->node);
    symbol->is_retired = true;
}

void live_symbol_forget_retired(struct live_symbol *symbol)
{
    if (!symbol->is_retired || symbol->stub != 0 || symbol->user_count != 0)
        return;
    live_symbol_define(symbol, NULL, NULL, 0);
    kfree(symbol);
}

void live_symbol_discard(struct live_symbol *symbol)
{
    live_symbol_retire(symbol);
    if (symbol->stub != 0)
        live_stub_discard(symbol->stub);
    kfree(symbol);
}

uint64_t live_symbol_address(const struct live_symbol *symbol) { return symbol->stub != 0 ? symbol->stub : symbol->target; }

void live_symbol_set_slot(const struct live_symbol *symbol)
{
    if (symbol->stub == 0)
        return;
    bool is_gate = symbol->origin == LIVE_ORIGIN_WORLD;
    live_stub_set(symbol->stub, symbol->target != 0 || is_gate ? symbol->target : live_stub_undefined(symbol->stub));
}

void live_symbol_define(struct live_symbol *symbol, struct live_module *module, struct live_module *storage, uint64_t target)
{
    list_remove(&symbol->module_link);
    list_remove(&symbol->storage_link);
    symbol->module = module;
    symbol->storage = storage;
    symbol->target = target;
    if (module != NULL)
        list_append(&module->defined, &symbol->module_link);
    if (storage != NULL)
        list_append(&storage->stored, &symbol->storage_link);
    live_symbol_set_slot(symbol);
}

LOCAL const struct live_symbol *live_symbol_defined(struct tree_node *node)
{
    while (node != NULL && symbol_from_node(node)->target == 0)
        node = tree_next(node);
    return symbol_from_node(node);
}

const struct live_symbol *live_symbol_first(uint32_t origin, const char *prefix)
{
    return live_symbol_defined(tree_find_at_or_after(&symbol_table_of(origin)->by_name, prefix, symbol_compare));
}

const struct live_symbol *live_symbol_next(const struct live_symbol *symbol)
{
    return live_symbol_defined(tree_next(&symbol->node));
}

void live_symbol_describe(const struct live_symbol *symbol, struct live_symbol_info *info)
{
    memset(info, 0, sizeof *info);
    strlcpy(info->name, symbol->name, sizeof info->name);
    info->address = live_symbol_address(symbol);
    info->target = symbol->target;
    info->size = symbol->size;
    info->kind = symbol->kind;
    info->origin = symbol->origin;
    info->context = symbol->context;
    info->flags = symbol->flags;
    info->module = symbol->module == NULL ? 0 : symbol->module->id;
    info->users = symbol->user_count;
    info->generation = symbol->generation;
}

bool live_lookup_locked(const char *name, struct live_symbol_info *info)
{
    const struct live_symbol *symbol = live_symbol_by_name(name, LIVE_ORIGIN_LIVE);
    if (symbol != NULL && symbol->target != 0) {
        live_symbol_describe(symbol, info);
        return true;
    }
    const struct kernel_symbol *kernel = kernel_symbol_parse(name);
    if (kernel != NULL) {
        kernel_symbol_describe(kernel, info);
        return true;
    }
    symbol = live_symbol_by_name(name, LIVE_ORIGIN_WORLD);
    if (symbol == NULL || symbol->target == 0)
        return false;
    live_symbol_describe(symbol, info);
    return true;
}

int live_lookup(const char *name, struct live_symbol_info *info)
{
    mutex_lock(&live_mutex);
    bool found = live_lookup_locked(name, info);
    mutex_unlock(&live_mutex);
    return found ? 0 : -ENOENT;
}

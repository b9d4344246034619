/*
 * Live modules: what was loaded in one transaction. A module stays while a symbol's current version or storage lies in
 * it, while somebody holds it, and, after that, until whoever scans the stacks (live/reclaim.c) says that no thread is in it.
 */
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <lib/atomic.h>
#include <lib/string.h>
#include <live/guard.h>
#include <live/heap.h>
#include <live/linker.h>

#define MODULE_BUCKETS 1024
#define MAX_FREE_HOOKS 8
#define MAX_OLD_MODULES 256 /* looked at in one go */

static struct list modules = LIST_INIT(modules);           /* live_mutex */
static struct live_module *module_buckets[MODULE_BUCKETS]; /* live_mutex to change; ids are read with interrupts off */
static uint64_t last_id;                                   /* live_mutex */
static void (*free_hooks[MAX_FREE_HOOKS])(uint64_t module);
static unsigned free_hook_count;
static void (*old_hook)(uint64_t module);

struct live_module *live_module_create(const char *name, uint32_t language)
{
    struct live_module *module = kzalloc(sizeof(*module));
    if (module == NULL)
        return NULL;
    strlcpy(module->name, name, sizeof(module->name));
    module->language = language;
    list_init(&module->uses);
    list_init(&module->defined);
    list_init(&module->stored);
    module->id = ++last_id;
    struct live_module **bucket = &module_buckets[module->id % MODULE_BUCKETS];
    module->hash_next = *bucket;
    *bucket = module;
    list_append(&modules, &module->link);
    return module;
}

struct live_module *live_module_by_id(uint64_t id)
{
    struct live_module *module = module_buckets[id % MODULE_BUCKETS];
    while (module != NULL && module->id != id)
        module = module->hash_next;
    return module;
}

struct live_module *live_module_next(const struct live_module *module)
{
    struct list *next = module == NULL ? modules.next : module->link.next;
    return next == &modules ? NULL : container_of(next, struct live_module, link);
}

int live_module_use(struct live_module *module, struct live_symbol *symbol)
{
    struct live_use *use = kmalloc(sizeof(*use));
    if (use == NULL)
        return -ENOMEM;
    use->symbol = symbol;
    use->module = module;
    list_append(&module->uses, &use->module_link);
    list_append(&symbol->users, &use->symbol_link);
    symbol->user_count++;
    return 0;
}

void live_module_drop_uses(struct live_module *module)
{
    struct list *node;
    while ((node = list_pop_first(&module->uses)) != NULL) {
        struct live_use *use = container_of(node, struct live_use, module_link);
        list_remove(&use->symbol_link);
        use->symbol->user_count--;
        live_symbol_forget_retired(use->symbol);
        kfree(use);
    }
}

void live_module_destroy(struct live_module *module)
{
    for (unsigned i = 0; i < free_hook_count; i++)
        free_hooks[i](module->id);
    mutex_lock(&live_mutex);
    live_module_drop_uses(module);
    list_remove(&module->link);
    struct live_module **link = &module_buckets[module->id % MODULE_BUCKETS];
    while (*link != module)
        link = &(*link)->hash_next;
    *link = module->hash_next;
    live_area_unmap(module->ranges, LIVE_RANGE_COUNT);
    if (module->reserved != 0)
        live_area_unreserve(module->reserved, module->reserved_pages);
    mutex_unlock(&live_mutex);
    if (module->places != NULL)
        live_release(module->places, module->places_size);
    kfree(module->fini);
    kfree(module);
}

int live_module_run(const uint64_t *functions, size_t count, const char *what, struct message *message)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t kind = live_guarded_call((uint64_t (*)(uint64_t, uint64_t))(uintptr_t)functions[i], 0, 0, NULL, what);
        if (kind == LIVE_FAULT_NONE)
            continue;
        message_add(message, "the module's %s function at %#llx faulted", what, (unsigned long long)functions[i]);
        return -EFAULT;
    }
    return 0;
}

/* --- by address ------------------------------------------------------------------------------------- */

const struct live_place *live_module_place(const struct live_module *module, uint64_t address)
{
    size_t low = 0, high = module->place_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (module->places[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &module->places[low - 1];
}

const char *live_symbol_find(uint64_t address, uint64_t *offset)
{
    const char *name = NULL;
    uint64_t state = live_area_read_begin();
    const struct live_range *range = live_area_find(address);
    if (range != NULL && range->module != NULL) {
        const struct live_place *place = live_module_place(range->module, address);
        /* The place before may lie in another segment. */
        if (place != NULL && place->address >= range->start) {
            name = place->name;
            *offset = address - place->address;
        }
    } else if (range != NULL) {
        const struct live_symbol *symbol = live_stub_symbol(range, address, offset);
        name = symbol == NULL ? NULL : symbol->name;
    }
    live_area_read_end(state);
    return name;
}

bool live_is_text(uint64_t address)
{
    uint64_t state = live_area_read_begin();
    const struct live_range *range = live_area_find(address);
    bool is_text = range != NULL && (range->kind == LIVE_RANGE_TEXT || range->kind == LIVE_RANGE_STUBS);
    live_area_read_end(state);
    return is_text;
}

uint64_t live_module_of(uint64_t address)
{
    uint64_t state = live_area_read_begin();
    const struct live_range *range = live_area_find(address);
    uint64_t id = range != NULL && range->module != NULL ? range->module->id : 0;
    live_area_read_end(state);
    return id;
}

uint64_t live_module_owner(uint64_t address)
{
    uint64_t state = live_area_read_begin();
    const struct live_range *range = live_area_find(address);
    uint64_t id = range != NULL && range->module != NULL && !range->module->is_passing ? range->module->id : 0;
    live_area_read_end(state);
    return id;
}

uint32_t live_symbol_flags(uint64_t address)
{
    uint64_t offset, state = live_area_read_begin();
    const struct live_range *range = live_area_find(address);
    uint32_t flags = 0;
    if (range != NULL && range->module != NULL) {
        const struct live_place *place = live_module_place(range->module, address);
        flags = place != NULL && place->address >= range->start ? place->flags : 0;
    } else if (range != NULL) {
        const struct live_symbol *symbol = live_stub_symbol(range, address, &offset);
        flags = symbol == NULL ? 0 : symbol->flags;
    }
    live_area_read_end(state);
    return flags;
}

/* --- for the other parts ----------------------------------------------------------------------------- */

void live_module_account(uint64_t id, int64_t bytes)
{
    uint64_t state = live_area_read_begin();
    struct live_module *module = live_module_by_id(id);
    if (module != NULL)
        atomic_fetch_add_u64(&module->heap_bytes, (uint64_t)bytes);
    live_area_read_end(state);
}

void live_module_on_free(void (*hook)(uint64_t module))
{
    KASSERT(free_hook_count < MAX_FREE_HOOKS);
    free_hooks[free_hook_count++] = hook;
}

void live_module_on_old(void (*hook)(uint64_t module)) { old_hook = hook; }

bool live_module_is_current(const struct live_module *module)
{
    return !list_is_empty(&module->defined) || !list_is_empty(&module->stored) || module->holders != 0;
}

/* Nothing leads to it, and not because it never published anything. */
LOCAL bool live_module_is_old(const struct live_module *module)
{
    return !live_module_is_current(module)
           && (module->state == LIVE_MODULE_UNLOADED || (module->state == LIVE_MODULE_LOADED && module->published != 0));
}

void live_module_check_old(uint64_t id)
{
    mutex_lock(&live_mutex);
    const struct live_module *module = live_module_by_id(id);
    bool is_old = module != NULL && live_module_is_old(module);
    bool is_unloaded = is_old && module->state == LIVE_MODULE_UNLOADED;
    mutex_unlock(&live_mutex);
    if (is_old && old_hook != NULL)
        old_hook(id);
    else if (is_unloaded)
        (void)!live_module_free(id);
}

bool live_module_is_referenced(uint64_t id)
{
    mutex_lock(&live_mutex);
    const struct live_module *module = live_module_by_id(id);
    bool is_referenced = module != NULL && live_module_is_current(module);
    mutex_unlock(&live_mutex);
    return is_referenced;
}

int live_module_free(uint64_t id)
{
    mutex_lock(&live_mutex);
    struct live_module *module = live_module_by_id(id);
    int error = module == NULL ? -ENOENT : 0;
    if (error == 0 && !live_module_is_old(module))
        error = -EBUSY;
    if (error == 0)
        module->state = LIVE_MODULE_LEAVING;
    mutex_unlock(&live_mutex);
    if (error == 0)
        live_module_destroy(module);
    return error;
}

void live_module_for_each_old(void (*visit)(uint64_t module, void *context), void *context)
{
    uint64_t *ids = kmalloc(MAX_OLD_MODULES * sizeof(*ids));
    size_t count = 0;
    if (ids == NULL)
        return;
    mutex_lock(&live_mutex);
    list_for_each(node, &modules) {
        const struct live_module *module = container_of(node, struct live_module, link);
        if (count < MAX_OLD_MODULES && live_module_is_old(module))
            ids[count++] = module->id;
    }
    mutex_unlock(&live_mutex);
    for (size_t i = 0; i < count; i++)
        visit(ids[i], context);
    kfree(ids);
}

int live_module_ranges(uint64_t id, uint64_t ranges[3][2])
{
    mutex_lock(&live_mutex);
    const struct live_module *module = live_module_by_id(id);
    for (unsigned i = 0; i < LIVE_RANGE_COUNT && module != NULL; i++) {
        ranges[i][0] = module->ranges[i].start;
        ranges[i][1] = module->ranges[i].start + module->ranges[i].pages * PAGE_SIZE;
    }
    mutex_unlock(&live_mutex);
    return module == NULL ? -ENOENT : 0;
}

static const struct live_driver_hooks *driver_hooks; /* set at boot */

void live_set_driver_hooks(const struct live_driver_hooks *hooks) { driver_hooks = hooks; }
const struct live_driver_hooks *live_driver_hooks(void) { return driver_hooks; }

int live_module_get(uint64_t id)
{
    mutex_lock(&live_mutex);
    struct live_module *module = live_module_by_id(id);
    if (module != NULL && module->state != LIVE_MODULE_LOADED)
        module = NULL;
    if (module != NULL)
        module->holders++;
    mutex_unlock(&live_mutex);
    return module == NULL ? -ENOENT : 0;
}

int live_module_get_owner(const void *table, uint64_t *module)
{
    uint64_t address = (uint64_t)(uintptr_t)table;
    *module = live_module_of(address);
    if (*module == 0)
        *module = live_heap_owner(address);
    return *module != 0 && live_module_get(*module) != 0 ? -EBUSY : 0;
}

void live_module_put(uint64_t id)
{
    if (id == 0)
        return;
    mutex_lock(&live_mutex);
    struct live_module *module = live_module_by_id(id);
    if (module != NULL && module->holders > 0)
        module->holders--;
    mutex_unlock(&live_mutex);
    live_module_check_old(id);
}

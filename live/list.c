/* The world's exports, lists of names with a prefix, names of addresses. */
#include <abi/errno.h>
#include <kernel/symbols.h>
#include <lib/string.h>
#include <live/linker.h>

int live_world_define(const char *name, uint32_t kind, uint64_t address)
{
    if (kind != LIVE_SYMBOL_FUNCTION && kind != LIVE_SYMBOL_OBJECT)
        return -EINVAL;
    int error = 0;
    mutex_lock(&live_mutex);
    struct live_symbol *symbol = live_symbol_by_name(name, LIVE_ORIGIN_WORLD);
    if (symbol != NULL && symbol->kind != kind)
        error = -EEXIST;
    else if (symbol == NULL && address != 0 && (symbol = live_symbol_create(name, kind, LIVE_ORIGIN_WORLD)) == NULL)
        error = -ENOMEM;
    if (error == 0 && symbol != NULL) {
        live_symbol_define(symbol, NULL, NULL, address);
        symbol->generation += address != 0;
    }
    mutex_unlock(&live_mutex);
    return error;
}

void live_world_forget(void)
{
    mutex_lock(&live_mutex);
    for (struct live_symbol *symbol = (struct live_symbol *)live_symbol_first(LIVE_ORIGIN_WORLD, ""), *next; symbol != NULL; symbol = next) {
        next = (struct live_symbol *)live_symbol_next(symbol);
        live_symbol_define(symbol, NULL, NULL, 0);
    }
    mutex_unlock(&live_mutex);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* A cursor is origin << 56 | how many of that origin were given. */
#define CURSOR_SHIFT 56
#define CURSOR_COUNT ((1ull << CURSOR_SHIFT) - 1)

LOCAL bool live_begins(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

LOCAL size_t live_list_kernel(const char *prefix, uint64_t skip, struct live_symbol_info *rows, size_t room)
{
    size_t count = 0, first = kernel_symbol_lower_bound(prefix);
    for (uint64_t i = first + skip; i >= first && i < kernel_symbol_count() && count < room; i++) {
        const struct kernel_symbol *symbol = kernel_symbol_at(i);
        if (!live_begins(symbol->name, prefix))
            break;
        kernel_symbol_describe(symbol, &rows[count++]);
    }
    return count;
}

LOCAL size_t live_list_symbols(uint32_t origin, const char *prefix, uint64_t skip, struct live_symbol_info *rows, size_t room)
{
    size_t count = 0;
    const struct live_symbol *symbol = live_symbol_first(origin, prefix);
    for (; symbol != NULL && count < room && live_begins(symbol->name, prefix); symbol = live_symbol_next(symbol)) {
        if (skip > 0)
            skip--;
        else
            live_symbol_describe(symbol, &rows[count++]);
    }
    return count;
}

size_t live_list(const char *prefix, uint32_t origins, uint64_t *cursor, struct live_symbol_info *rows, size_t room)
{
    size_t count = 0;
    uint64_t origin = MAX(*cursor >> CURSOR_SHIFT, 1), skip = *cursor & CURSOR_COUNT;
    mutex_lock(&live_mutex);
    for (; origin <= LIVE_ORIGIN_WORLD && count < room; origin++, skip = 0) {
        if (!(origins >> origin & 1))
            continue;
        size_t more = origin == LIVE_ORIGIN_KERNEL ? live_list_kernel(prefix, skip, rows + count, room - count)
                                                   : live_list_symbols((uint32_t)origin, prefix, skip, rows + count, room - count);
        count += more;
        if (count == room) {
            skip += more;
            break;
        }
    }
    mutex_unlock(&live_mutex);
    *cursor = origin > LIVE_ORIGIN_WORLD ? UINT64_MAX : origin << CURSOR_SHIFT | (skip & CURSOR_COUNT);
    return count;
}

/* --- addresses ------------------------------------------------------------------------------------------ */

LOCAL void live_describe_place(const struct live_module *module, const struct live_place *place, struct live_symbol_info *info)
{
    const struct live_symbol *symbol = live_symbol_by_name(place->name, LIVE_ORIGIN_LIVE);
    memset(info, 0, sizeof(*info));
    if (symbol != NULL && symbol->target == place->address) {
        live_symbol_describe(symbol, info);
        return;
    }
    strlcpy(info->name, place->name, sizeof(info->name));
    info->address = info->target = place->address;
    info->size = place->size;
    info->kind = live_is_text(place->address) ? LIVE_SYMBOL_FUNCTION : LIVE_SYMBOL_OBJECT;
    info->origin = LIVE_ORIGIN_LIVE;
    info->context = LIVE_CONTEXT_SLEEPABLE;
    info->flags = place->flags;
    info->module = module->id;
}

int live_lookup_address(uint64_t address, struct live_symbol_info *info)
{
    int error = -ENOENT;
    uint64_t offset;
    mutex_lock(&live_mutex);
    /* Under the mutex ranges do not go. */
    const struct live_range *range = live_area_find(address);
    if (range != NULL && range->module != NULL) {
        const struct live_place *place = live_module_place(range->module, address);
        if (place != NULL && place->address >= range->start) {
            live_describe_place(range->module, place, info);
            error = 0;
        }
    } else if (range != NULL) {
        const struct live_symbol *symbol = live_stub_symbol(range, address, &offset);
        if (symbol != NULL) {
            live_symbol_describe(symbol, info);
            error = 0;
        }
    } else if (kernel_symbol_by_address(address, info)) {
        error = 0;
    }
    mutex_unlock(&live_mutex);
    return error;
}

/*
 * Loading is one transaction. Until load_publish() nothing of it can be seen; what that changes is noted (struct load_undo),
 * and undone when a page is missing or an init function faults. live_mutex is held but for the init functions: those
 * are live code and may do anything, so what is undone after them is only what still is as this load left it.
 */
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/time/time.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/link.h>

/* What a symbol was before. */
struct load_undo {
    struct live_symbol *symbol;
    struct live_module *module, *storage;
    uint64_t target, size;
    uint32_t flags, generation;
    uint64_t old_module; /* its id; 0: none */
    uint8_t *bytes; /* of a variable that keeps its storage; owned */
};

struct load {
    struct link link;
    struct load_undo *undo;
    size_t undo_count;
    bool published;
};

/* --- init and exit functions ------------------------------------------------------------------------- */

/* Appends the function addresses that a relocated array section holds. */
LOCAL int load_add_functions(const struct link *link, const struct link_object *object, uint32_t number, bool backwards,
                             uint64_t **functions, size_t *count)
{
    const struct link_section *section = &object->sections[number];
    size_t more = object->object.sections[number].size / sizeof(uint64_t);
    if (!section->wanted || more == 0)
        return 0;
    uint64_t *grown = kmalloc((*count + more) * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    if (*count > 0)
        memcpy(grown, *functions, *count * sizeof(*grown));
    const uint8_t *bytes = link->images[section->segment] + section->offset;
    for (size_t i = 0; i < more; i++)
        memcpy(&grown[*count + (backwards ? more - 1 - i : i)], bytes + i * sizeof(uint64_t), sizeof(uint64_t));
    *count += more;
    kfree(*functions);
    *functions = grown;
    return 0;
}

/* By section name, as a linker script's SORT_BY_INIT_PRIORITY: those with a number first, smaller numbers first. */
LOCAL unsigned load_priority(const char *name, const char *base)
{
    size_t length = strlen(base);
    if (strncmp(name, base, length) != 0 || (name[length] != 0 && name[length] != '.'))
        return 0;
    unsigned number = 0;
    if (name[length] == 0)
        return 65536 + 1;
    for (const char *at = name + length + 1; *at >= '0' && *at <= '9' && number < 65536; at++)
        number = number * 10 + (unsigned)(*at - '0');
    return number + 1;
}

/* All sections called `base` or base.N: in order of priority, later ones of the same priority after earlier ones. */
LOCAL int load_collect(const struct link *link, const char *base, bool backwards, uint64_t **functions, size_t *count)
{
    for (unsigned done = 0, next; done <= 65536; done = next) {
        next = UINT32_MAX;
        for (size_t i = 0; i < link->object_count; i++)
            for (uint32_t number = 1; number < link->objects[i]->object.section_count; number++) {
                unsigned priority = load_priority(object_section_name(&link->objects[i]->object, number), base);
                if (priority > done)
                    next = MIN(next, priority);
            }
        if (next == UINT32_MAX)
            return 0;
        for (size_t i = 0; i < link->object_count; i++)
            for (uint32_t number = 1; number < link->objects[i]->object.section_count; number++) {
                if (load_priority(object_section_name(&link->objects[i]->object, number), base) != next
                    || link->objects[i]->sections[number].segment != LIVE_RANGE_RODATA)
                    continue;
                int error = load_add_functions(link, link->objects[i], number, backwards, functions, count);
                if (error != 0)
                    return error;
            }
    }
    return 0;
}

/* Sections of functions that are called, and where they are collected. */
struct load_kind {
    const char *base;
    bool backwards;
    uint64_t **functions;
    size_t *count;
};

/* Most modules have none: they are not searched for each kind. */
LOCAL bool load_has_functions(const struct link *link, const struct load_kind *kinds, size_t count)
{
    for (size_t i = 0; i < link->object_count; i++)
        for (uint32_t number = 1; number < link->objects[i]->object.section_count; number++) {
            const char *name = object_section_name(&link->objects[i]->object, number);
            for (size_t kind = 0; kind < count; kind++)
                if (name[0] == '.' && name[1] == kinds[kind].base[1] && load_priority(name, kinds[kind].base) != 0)
                    return true;
        }
    return false;
}

LOCAL int load_collect_functions(struct link *link)
{
    const struct load_kind kinds[] = {
        { ".preinit_array", false, &link->init, &link->init_count },
        { ".init_array", false, &link->init, &link->init_count },
        { ".ctors", true, &link->init, &link->init_count },
        { ".fini_array", true, &link->fini, &link->fini_count },
        { ".dtors", false, &link->fini, &link->fini_count },
        { ".drivers", false, &link->drivers, &link->driver_count },
    };
    int error = 0;
    if (!load_has_functions(link, kinds, ARRAY_COUNT(kinds)))
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && error == 0; i++)
        error = load_collect(link, kinds[i].base, kinds[i].backwards, kinds[i].functions, kinds[i].count);
    return error;
}

/* --- names for backtraces ----------------------------------------------------------------------------- */

LOCAL bool load_symbol_has_place(const struct link_object *object, const struct elf64_symbol *symbol)
{
    return symbol_is_in_section(symbol) && symbol_type(symbol) <= SYMBOL_TYPE_FUNCTION
           && object->sections[symbol->section].wanted && object->sections[symbol->section].offset != LINK_NO_OFFSET
           && object_symbol_name(&object->object, symbol)[0] != 0;
}

LOCAL bool load_place_is_before(const void *a, const void *b, const void *unused)
{
    (void)unused;
    const struct live_place *x = a, *y = b;
    /* The last one of an address is its name: a global, which a symbol table has behind the locals (names lie in its order). */
    return x->address != y->address ? x->address < y->address : x->name < y->name;
}

/* Is `name` one of the texts that follow each other in `names`? */
LOCAL bool load_is_listed(const char *name, const char *names, size_t size)
{
    for (size_t at = 0; at < size; at += strlen(names + at) + 1)
        if (strcmp(names + at, name) == 0)
            return true;
    return false;
}

LOCAL int load_make_places(struct link *link)
{
    struct live_module *module = link->module;
    size_t count = 0, bytes = 0;
    for (size_t i = 0; i < link->object_count; i++)
        for (uint32_t index = 1; index < link->objects[i]->object.symbol_count; index++) {
            struct elf64_symbol symbol = object_symbol(&link->objects[i]->object, index);
            if (!load_symbol_has_place(link->objects[i], &symbol))
                continue;
            count++;
            bytes += strlen(object_symbol_name(&link->objects[i]->object, &symbol)) + 1;
        }
    module->places_size = count * sizeof(*module->places) + bytes;
    module->places = live_allocate(module->places_size);
    if (module->places == NULL)
        return -ENOMEM;
    char *names = (char *)(module->places + count);
    for (size_t i = 0; i < link->object_count; i++) {
        struct link_object *object = link->objects[i];
        for (uint32_t index = 1; index < object->object.symbol_count; index++) {
            struct elf64_symbol symbol = object_symbol(&object->object, index);
            if (!load_symbol_has_place(object, &symbol))
                continue;
            const struct link_section *section = &object->sections[symbol.section];
            struct live_place *place = &module->places[module->place_count++];
            size_t length = strlen(object_symbol_name(&object->object, &symbol)) + 1;
            place->name = memcpy(names, object_symbol_name(&object->object, &symbol), length);
            place->address = link->bases[section->segment] + section->offset + symbol.value;
            place->size = symbol.size;
            if (load_is_listed(place->name, link->load->sse, link->load->sse_size))
                place->flags = LIVE_FLAG_SSE;
            names += length;
        }
    }
    sort_items(module->places, module->place_count, sizeof *module->places, load_place_is_before, NULL);
    return 0;
}

/* --- users -------------------------------------------------------------------------------------------- */

LOCAL int load_note_users(struct link *link)
{
    for (struct link_name *name = link->names; name != NULL; name = name->next) {
        if (!name->is_referenced || name->live == NULL || (name->is_published && name->kind == LIVE_SYMBOL_FUNCTION))
            continue; /* its own functions are no reason to keep it */
        int error = live_module_use(link->module, name->live);
        if (error != 0)
            return error;
    }
    return 0;
}

/* --- publishing --------------------------------------------------------------------------------------- */

LOCAL int load_prepare_undo(struct load *load)
{
    size_t count = 0;
    for (const struct link_name *name = load->link.names; name != NULL; name = name->next)
        count += name->is_published;
    load->undo = live_allocate(count * sizeof(*load->undo));
    if (load->undo == NULL)
        return -ENOMEM;
    for (const struct link_name *name = load->link.names; name != NULL; name = name->next) {
        if (!name->is_published)
            continue;
        struct live_symbol *symbol = name->live;
        struct load_undo *undo = &load->undo[load->undo_count++];
        *undo = (struct load_undo){ symbol, symbol->module, symbol->storage, symbol->target, symbol->size, symbol->flags,
                                    symbol->generation,
                                    symbol->module == NULL ? 0 : symbol->module->id, NULL };
        if (!name->keeps_storage || symbol->size == 0)
            continue;
        undo->bytes = live_allocate(symbol->size);
        if (undo->bytes == NULL)
            return -ENOMEM;
        memcpy(undo->bytes, (const void *)(uintptr_t)symbol->target, symbol->size);
    }
    return 0;
}

LOCAL void load_free_undo(struct load *load)
{
    size_t count = 0;
    for (const struct link_name *name = load->link.names; name != NULL; name = name->next)
        count += name->is_published;
    for (size_t i = 0; i < load->undo_count; i++)
        if (load->undo[i].bytes != NULL)
            live_release(load->undo[i].bytes, load->undo[i].size);
    if (load->undo != NULL)
        live_release(load->undo, count * sizeof(*load->undo));
}

LOCAL int load_map(struct link *link)
{
    for (unsigned i = 0; i < LIVE_RANGE_COUNT; i++) {
        if (link->module->ranges[i].start == 0)
            continue;
        int error = live_area_map(&link->module->ranges[i], link->images[i], link->image_sizes[i]);
        if (error != 0) {
            message_add(link->message, "not enough memory for %llu KiB of code and data",
                        (unsigned long long)link->module->size / 1024 + 1);
            for (unsigned k = i; k < LIVE_RANGE_COUNT; k++)
                link->module->ranges[k].start = 0; /* were never there */
            return error;
        }
    }
    return 0;
}

LOCAL void load_publish_name(struct link *link, struct link_name *name)
{
    struct live_symbol *symbol = name->live;
    uint64_t definition = link_definition_address(link, name);
    if (name->keeps_storage) {
        live_area_write(symbol->target, (const void *)(uintptr_t)definition, symbol->size);
        live_symbol_define(symbol, link->module, symbol->storage, symbol->target);
    } else {
        symbol->size = name->size;
        live_symbol_define(symbol, link->module, link->module, definition);
    }
    symbol->generation++;
    symbol->flags = name->is_weak ? LIVE_FLAG_WEAK : 0;
    if (load_is_listed(name->text, link->load->sse, link->load->sse_size))
        symbol->flags |= LIVE_FLAG_SSE;
    link->module->published++;
}

LOCAL void load_publish(struct load *load)
{
    for (struct link_name *name = load->link.names; name != NULL; name = name->next)
        if (name->is_published)
            load_publish_name(&load->link, name);
    load->published = true;
}

/* Only what is still as this load left it. */
LOCAL void load_unpublish(struct load *load)
{
    for (size_t i = load->undo_count; i-- > 0;) {
        const struct load_undo *undo = &load->undo[i];
        struct live_symbol *symbol = undo->symbol;
        if (symbol->module != load->link.module)
            continue;
        if (undo->bytes != NULL && symbol->target == undo->target)
            live_area_write(undo->target, undo->bytes, undo->size);
        bool module_is_gone = undo->module != NULL && undo->module->state > LIVE_MODULE_LOADED;
        symbol->size = undo->size;
        symbol->flags = undo->flags;
        symbol->generation = undo->generation;
        if (module_is_gone)
            live_symbol_define(symbol, NULL, NULL, 0);
        else
            live_symbol_define(symbol, undo->module, undo->storage, undo->target);
    }
}

/* --- the whole ------------------------------------------------------------------------------------------ */

LOCAL int load_prepare(struct load *load)
{
    struct link *link = &load->link;
    int error = link_select_members(link);
    if (error == 0)
        error = link_mark_sections(link);
    if (error == 0)
        error = link_bind_names(link);
    if (error == 0) {
        link->module = live_module_create(link->load->name, link->load->language);
        if (link->module != NULL)
            link->module->is_passing = (link->load->flags & LIVE_LOAD_PASSING) != 0;
        error = link->module == NULL ? -ENOMEM : link_lay_out(link);
    }
    if (error != 0)
        return error;
    link_set_addresses(link);
    error = link_relocate(link);
    if (error == 0)
        error = load_collect_functions(link);
    if (error == 0)
        error = load_make_places(link);
    if (error == 0)
        error = load_note_users(link);
    if (error == 0)
        error = load_prepare_undo(load);
    return error == 0 ? load_map(link) : error;
}

/* After a failure; `seen`: code ran, so addresses may be known. live_mutex is held. */
LOCAL void load_forget_names(struct link *link, bool seen)
{
    for (struct link_name *name = link->names; name != NULL; name = name->next) {
        if (name->is_created && !seen && name->live->user_count == 0)
            live_symbol_discard(name->live);
        if (name->retired == NULL)
            continue;
        name->retired->user_count--;
        if (live_symbol_by_name(name->text, LIVE_ORIGIN_LIVE) == NULL)
            live_symbol_reinstate(name->retired);
        else
            live_symbol_forget_retired(name->retired);
    }
}

LOCAL void load_say_what_is_new(const struct load *load)
{
    message_clear(load->link.message);
    for (size_t i = 0; i < load->undo_count; i++)
        message_add(load->link.message, load->undo[i].target != 0 ? "%s replaced" : "%s", load->undo[i].symbol->name);
}

/* Modules that this load's definitions took the last name from. */
LOCAL void load_check_old(const struct load *load)
{
    for (size_t i = 0; i < load->undo_count; i++)
        if (load->undo[i].target != 0 && load->undo[i].old_module != 0)
            live_module_check_old(load->undo[i].old_module);
}

LOCAL void load_fail(struct load *load, bool seen)
{
    struct live_module *module = load->link.module;
    mutex_lock(&live_mutex);
    if (load->published)
        load_unpublish(load);
    if (module != NULL) {
        module->state = LIVE_MODULE_UNLOADED;
        live_module_drop_uses(module);
    }
    load_forget_names(&load->link, seen);
    mutex_unlock(&live_mutex);
    if (module == NULL)
        return;
    if (seen)
        live_module_check_old(module->id); /* a callback may be on its way into it */
    else
        live_module_destroy(module);
}

LOCAL void load_finish(struct load *load, struct live_load *request)
{
    struct live_module *module = load->link.module;
    module->fini = load->link.fini;
    module->fini_count = load->link.fini_count;
    load->link.fini = NULL;
    module->loaded = clock_monotonic();
    request->module = module->id;
    if (load->link.only_object != NULL) {
        struct elf64_symbol symbol = object_symbol(&load->link.only_object->object, load->link.only_symbol);
        const struct link_section *section = &load->link.only_object->sections[symbol.section];
        request->only_address = load->link.bases[section->segment] + section->offset + symbol.value;
    }
    module->state = LIVE_MODULE_LOADED;
    load_say_what_is_new(load);
    for (struct link_name *name = load->link.names; name != NULL; name = name->next)
        if (name->retired != NULL) {
            name->retired->user_count--;
            live_symbol_define(name->retired, NULL, NULL, 0);
            live_symbol_forget_retired(name->retired);
        }
}

/* The module is loaded. A driver that cannot be registered takes it away again. */
LOCAL int load_add_drivers(struct link *link, struct live_load *request, struct message *message)
{
    const struct live_driver_hooks *hooks = live_driver_hooks();
    if (link->driver_count == 0)
        return 0;
    int error = hooks == NULL ? -ENODEV : hooks->add(link->drivers, link->driver_count, request->module);
    if (error == 0)
        return 0;
    message_clear(message);
    (void)!live_unload(request->module, true, message);
    message_clear(message);
    message_add(message, "a driver of this module was not accepted (error %d): the kernel's log says why", error);
    request->module = 0;
    return error;
}

int live_load(struct live_load *request, struct message *message)
{
    struct load *load = kzalloc(sizeof(*load));
    if (load == NULL) {
        message_add(message, "not enough memory to link");
        return -ENOMEM;
    }
    struct link *link = &load->link;
    *link = (struct link){ .load = request, .message = message };
    link->names_end = &link->names;
    mutex_lock(&live_mutex);
    int error = load_prepare(load);
    if (error == 0)
        load_publish(load);
    mutex_unlock(&live_mutex);
    bool seen = false;
    if (error == 0 && link->init_count > 0 && !(request->flags & LIVE_LOAD_QUIET_INIT)) {
        seen = true;
        error = live_module_run(link->init, link->init_count, "init", message);
    }
    if (error == 0) {
        mutex_lock(&live_mutex);
        load_finish(load, request);
        mutex_unlock(&live_mutex);
        error = load_add_drivers(link, request, message);
        load_check_old(load);
    } else {
        load_fail(load, seen);
        if (error == -ENOMEM && message->length == 0)
            message_add(message, "not enough memory to link");
    }
    load_free_undo(load);
    link_free(link);
    kfree(load);
    return error;
}

/*
 * What each name of a load stands for. A definition of the load: published as a live symbol, unless it is hidden or weak
 * with a better one elsewhere. Else: live symbols, the kernel's, the world's. All that is undefined is told at once.
 */
#include <abi/errno.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/link.h>

#define SUGGESTED_NAMES 16 /* further ones are told without suggestions */
#define SUGGESTION_SIZE 200

bool link_name_is_here(const struct link_name *name)
{
    if (name->object == NULL)
        return false;
    struct elf64_symbol symbol = object_symbol(&name->object->object, name->index);
    return !symbol_is_in_section(&symbol) || name->object->sections[symbol.section].wanted;
}

/* Counts GOT entries and notes which names are used. */
LOCAL int link_note_reference(struct link *link, struct link_object *object, uint32_t section, const struct elf64_rela *rela)
{
    struct link_symbol *symbol = &object->symbols[relocation_symbol(rela)];
    if (symbol->name != NULL)
        symbol->name->is_referenced = true;
    if (!relocation_uses_got(relocation_type(rela)))
        return 0;
    uint32_t *got = symbol->name != NULL ? &symbol->name->got : &symbol->got;
    if (*got == 0)
        *got = ++link->got_count;
    return 0;
}

/* --- definitions ------------------------------------------------------------------------------------ */

LOCAL uint32_t link_name_alignment(const struct link_name *name)
{
    if (name->common_alignment != 0)
        return (uint32_t)name->common_alignment;
    struct elf64_symbol symbol = object_symbol(&name->object->object, name->index);
    /* Its own is not told: what its section has, as far as its offset keeps it. */
    uint64_t section = symbol_is_in_section(&symbol) ? name->object->object.sections[symbol.section].alignment : 1;
    uint64_t offset = symbol.value == 0 ? section : symbol.value & -symbol.value;
    return (uint32_t)MIN(MIN(section, offset), 16);
}

LOCAL bool link_name_is_writable(const struct link_name *name)
{
    struct elf64_symbol symbol = object_symbol(&name->object->object, name->index);
    return name->common_alignment != 0
           || (symbol_is_in_section(&symbol) && name->object->sections[symbol.section].segment == LIVE_RANGE_DATA);
}

/* Can the variable stay where it is? */
LOCAL bool link_storage_fits(const struct link_name *name, const struct live_symbol *old)
{
    if (old->size != name->size || old->storage == NULL || !IS_ALIGNED(old->target, (uint64_t)link_name_alignment(name)))
        return false;
    const struct live_range *range = &old->storage->ranges[LIVE_RANGE_DATA];
    bool is_writable = range->start != 0 && old->target - range->start < range->pages * PAGE_SIZE;
    return is_writable || !link_name_is_writable(name);
}

LOCAL void link_tell_users(struct link *link, const struct live_symbol *symbol)
{
    list_for_each(node, &symbol->users) {
        const struct live_use *use = container_of(node, struct live_use, symbol_link);
        message_add(link->message, "  %s (module %llu) uses it", use->module->name, (unsigned long long)use->module->id);
    }
}

/* A use by the module that defines it counts if that defines something else, too. */
LOCAL bool link_is_used(const struct live_symbol *symbol)
{
    list_for_each(node, &symbol->users) {
        const struct live_use *use = container_of(node, struct live_use, symbol_link);
        if (use->module != symbol->module || use->module->defined.next != use->module->defined.previous)
            return true;
    }
    return false;
}

LOCAL void link_check_variable(struct link *link, struct link_name *name, const struct live_symbol *old)
{
    name->keeps_storage = link_storage_fits(name, old);
    if (name->keeps_storage || !link_is_used(old) || (link->load->flags & LIVE_LOAD_FORCE))
        return;
    message_add(link->message, "%s has %llu bytes and cannot become one of %llu bytes while it is used:", name->text,
                (unsigned long long)old->size, (unsigned long long)name->size);
    link_tell_users(link, old);
    link->failed = true;
}

/* A name that was a function becomes a variable, or the reverse. */
LOCAL void link_check_kind(struct link *link, struct link_name *name, struct live_symbol *old)
{
    if (link_is_used(old) && old->target != 0 && !(link->load->flags & LIVE_LOAD_FORCE)) {
        message_add(link->message, "%s is a %s and cannot become a %s while it is used:", name->text,
                    old->kind == LIVE_SYMBOL_FUNCTION ? "function" : "variable",
                    name->kind == LIVE_SYMBOL_FUNCTION ? "function" : "variable");
        link_tell_users(link, old);
        link->failed = true;
        return;
    }
    name->retired = old;
    old->user_count++; /* this load */
    live_symbol_retire(old);
}

LOCAL int link_publish_name(struct link *link, struct link_name *name)
{
    struct live_symbol *old = live_symbol_by_name(name->text, LIVE_ORIGIN_LIVE);
    bool is_current = old != NULL && old->target != 0;
    const struct kernel_symbol *kernel = kernel_symbol_find(name->text, NULL);
    if (name->is_weak && ((is_current && !(old->flags & LIVE_FLAG_WEAK)) || kernel != NULL)) {
        name->object = NULL; /* another one counts */
        return 0;
    }
    if (kernel != NULL) {
        message_add(link->message, "%s is the kernel's own: polyglot.replace(\"%s\", ...) replaces it; otherwise choose another name",
                    name->text, name->text);
        link->failed = true;
        return 0;
    }
    if (old != NULL && old->kind != name->kind) {
        link_check_kind(link, name, old);
        old = NULL;
    } else if (is_current && name->kind == LIVE_SYMBOL_OBJECT) {
        link_check_variable(link, name, old);
    }
    if (link->failed)
        return 0;
    name->is_published = true;
    if (old == NULL) {
        old = live_symbol_create(name->text, name->kind, LIVE_ORIGIN_LIVE);
        if (old == NULL)
            return -ENOMEM;
        name->is_created = true;
    }
    name->live = old;
    return 0;
}

/* --- references ------------------------------------------------------------------------------------- */

LOCAL bool link_is_special(const char *text)
{
    return strcmp(text, "_GLOBAL_OFFSET_TABLE_") == 0 || strcmp(text, "__dso_handle") == 0;
}

/* Routines that read exception tables. Nothing here unwinds by these tables, so they are never called; objects name them only in their tables
 * (Rust's prebuilt core, C++), and find 0. */
LOCAL bool link_is_personality(const char *text)
{
    static const char *const routines[] = { "rust_eh_personality", "__gxx_personality_v0", "__gcc_personality_v0" };
    for (size_t i = 0; i < ARRAY_COUNT(routines); i++)
        if (strcmp(text, routines[i]) == 0)
            return true;
    return false;
}

LOCAL bool link_find_elsewhere(struct link_name *name)
{
    struct live_symbol *live = live_symbol_by_name(name->text, LIVE_ORIGIN_LIVE);
    if (live != NULL && live->target != 0) {
        name->live = live;
        return true;
    }
    name->kernel = kernel_symbol_find(name->text, NULL);
    if (name->kernel != NULL)
        return true;
    live = live_symbol_by_name(name->text, LIVE_ORIGIN_WORLD);
    if (live == NULL || live->target == 0)
        return false;
    name->live = live;
    return true;
}

LOCAL void link_tell_undefined(struct link *link, const struct link_name *name, unsigned number)
{
    char near[SUGGESTION_SIZE] = "";
    if (number < SUGGESTED_NAMES)
        live_suggest(name->text, near, sizeof(near));
    if (strcmp(name->text, "__tls_get_addr") == 0)
        message_add(link->message, "__tls_get_addr: live code has no thread-local storage: use an ordinary variable");
    else if (near[0] != 0)
        message_add(link->message, "%s is not defined; there is %s", name->text, near);
    else
        message_add(link->message, "%s is not defined", name->text);
}

LOCAL int link_bind_name(struct link *link, struct link_name *name)
{
    bool publish = !(link->load->flags & LIVE_LOAD_HIDDEN) && link->load->only[0] == 0 && !name->is_hidden;
    if (name->kernel != NULL)
        return 0;
    if (publish && link_name_is_here(name)) {
        int error = link_publish_name(link, name);
        if (error != 0 || name->is_published)
            return error;
    }
    return 0;
}

int link_bind_names(struct link *link)
{
    unsigned undefined = 0;
    int error = link_for_each_relocation(link, link_note_reference);
    for (struct link_name *name = link->names; name != NULL && error == 0; name = name->next)
        error = link_bind_name(link, name);
    if (error == 0 && link->failed)
        error = -EBUSY;
    for (struct link_name *name = link->names; name != NULL && error == 0; name = name->next) {
        if (name->kernel != NULL || name->is_published || link_name_is_here(name) || !name->is_referenced
            || link_is_special(name->text) || link_find_elsewhere(name) || link_is_personality(name->text)
            || !name->is_strongly_referenced)
            continue;
        link_tell_undefined(link, name, undefined++);
    }
    return undefined != 0 ? -ENOENT : error;
}

/* --- addresses -------------------------------------------------------------------------------------- */

uint64_t link_definition_address(const struct link *link, const struct link_name *name)
{
    if (name->common_alignment != 0)
        return link->bases[LIVE_RANGE_DATA] + name->common_offset;
    struct elf64_symbol symbol = object_symbol(&name->object->object, name->index);
    if (!symbol_is_in_section(&symbol))
        return symbol.value;
    const struct link_section *section = &name->object->sections[symbol.section];
    return link->bases[section->segment] + section->offset + symbol.value;
}

void link_set_addresses(struct link *link)
{
    for (struct link_name *name = link->names; name != NULL; name = name->next) {
        if (name->kernel != NULL)
            name->address = name->kernel->address;
        else if (name->is_published && name->live->stub != 0)
            name->address = name->live->stub;
        else if (name->keeps_storage)
            name->address = name->live->target;
        else if (link_name_is_here(name))
            name->address = link_definition_address(link, name);
        else if (name->live != NULL)
            name->address = live_symbol_address(name->live);
        else if (link_is_special(name->text))
            name->address = link->bases[LIVE_RANGE_RODATA] + link->got_offset;
    }
}

/*
 * What of the objects is loaded: all sections that a program would have in memory, or, with `only`, those that this one
 * function reaches. With `bind_file` (a replacement of a function of that kernel file, built from the whole file) every
 * function and writable variable that the kernel has is the kernel's own, so the new version shares all state with
 * what runs; only the rest of what it reaches is loaded.
 */
#include <abi/errno.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/link.h>

/* --- kinds of sections ----------------------------------------------------------------------------- */

LOCAL bool link_name_begins(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

LOCAL bool link_section_is_array(const struct elf64_section *header, const char *name)
{
    return header->type == SECTION_INIT_ARRAY || header->type == SECTION_FINI_ARRAY || header->type == SECTION_PREINIT_ARRAY
           || strcmp(name, ".ctors") == 0 || strcmp(name, ".dtors") == 0 || link_name_begins(name, ".ctors.")
           || link_name_begins(name, ".dtors.") || strcmp(name, ".drivers") == 0;
}

/* The segment that a section belongs to; LINK_SEGMENT_NONE: it is for tools. */
LOCAL uint8_t link_section_segment(const struct object *object, uint32_t section)
{
    const struct elf64_section *header = &object->sections[section];
    const char *name = object_section_name(object, section);
    if (!(header->flags & SECTION_FLAG_ALLOC) || (header->flags & SECTION_FLAG_EXCLUDE) || header->type == SECTION_NOTE
        || header->type == SECTION_UNWIND || header->type == SECTION_RELA || header->type == SECTION_GROUP
        || strcmp(name, ".eh_frame") == 0 || strcmp(name, "__patchable_function_entries") == 0)
        return LINK_SEGMENT_NONE;
    if (header->flags & SECTION_FLAG_EXECUTE)
        return LIVE_RANGE_TEXT;
    bool is_constant = !(header->flags & SECTION_FLAG_WRITE) || link_section_is_array(header, name)
                       || link_name_begins(name, ".data.rel.ro");
    return is_constant && header->type != SECTION_NOBITS ? LIVE_RANGE_RODATA : LIVE_RANGE_DATA;
}

LOCAL int link_refuse_section(struct link *link, const struct link_object *object, uint32_t section, const char *reason)
{
    message_add(link->message, "section %s %s", object_section_name(&object->object, section), reason);
    return -ENOEXEC;
}

LOCAL int link_classify_section(struct link *link, struct link_object *object, uint32_t section)
{
    const struct elf64_section *header = &object->object.sections[section];
    struct link_section *entry = &object->sections[section];
    entry->segment = link_section_segment(&object->object, section);
    entry->offset = LINK_NO_OFFSET;
    if (header->type == SECTION_RELA && link_section_segment(&object->object, header->info) != LINK_SEGMENT_NONE) {
        if (object->sections[header->info].relocations != 0 || header->link != object->object.symbol_section
            || object->object.symbol_section == 0)
            return link_refuse_section(link, object, section, "is a damaged relocation table");
        if (object->object.sections[header->info].type == SECTION_NOBITS)
            return link_refuse_section(link, object, section, "relocates a section without content");
        object->sections[header->info].relocations = section;
    }
    if (entry->segment == LINK_SEGMENT_NONE || header->size == 0)
        return 0;
    if (header->flags & SECTION_FLAG_TLS)
        return link_refuse_section(link, object, section, "is thread-local; live code has no thread-local storage");
    if ((header->flags & (SECTION_FLAG_WRITE | SECTION_FLAG_EXECUTE)) == (SECTION_FLAG_WRITE | SECTION_FLAG_EXECUTE))
        return link_refuse_section(link, object, section, "is writable and executable, which no memory here is");
    if ((header->flags & SECTION_FLAG_EXECUTE) && header->type == SECTION_NOBITS)
        return link_refuse_section(link, object, section, "is code without content");
    if (header->size > LINK_SEGMENT_MAX)
        return link_refuse_section(link, object, section, "is larger than the 256 MiB that a module may have");
    return 0;
}

/* --- bind_file -------------------------------------------------------------------------------------- */

/* The kernel's symbol for one that the object defines; NULL: the object's own counts. */
LOCAL const struct kernel_symbol *link_find_bound(struct link *link, const struct link_object *object,
                                                  const struct elf64_symbol *symbol, const char *name)
{
    if (!symbol_is_in_section(symbol) || name[0] == 0 || symbol_type(symbol) == SYMBOL_TYPE_SECTION)
        return NULL;
    uint8_t segment = object->sections[symbol->section].segment;
    bool is_local = symbol_bind(symbol) == SYMBOL_BIND_LOCAL;
    if (segment == LINK_SEGMENT_NONE || (is_local && segment == LIVE_RANGE_RODATA))
        return NULL; /* a static constant: the new version's own */
    const struct kernel_symbol *kernel = kernel_symbol_find(name, link->load->bind_file);
    if (kernel == NULL || (kernel->kind == LIVE_SYMBOL_FUNCTION) != (segment == LIVE_RANGE_TEXT)) {
        if (segment == LIVE_RANGE_DATA && kernel_symbol_was_split(name, link->load->bind_file)) {
            message_add(link->message, "the compiler took the kernel's %s:%s apart: a new version cannot share it",
                        link->load->bind_file, name);
            link->failed = true;
        }
        return NULL;
    }
    if (segment != LIVE_RANGE_TEXT && kernel->size != 0 && symbol->size != 0 && kernel->size != symbol->size) {
        message_add(link->message, "%s has %llu bytes here and %llu in the kernel: it cannot change with a function", name,
                    (unsigned long long)symbol->size, (unsigned long long)kernel->size);
        link->failed = true;
    }
    return kernel;
}

/* References to a static often name its section and an offset (object code of gcc and clang): such a section is the
 * kernel's when all that is in it moved by the same distance. */
LOCAL void link_note_section(struct link_object *object, const struct elf64_symbol *symbol, const struct kernel_symbol *kernel,
                             bool *seen)
{
    struct link_section *section = &object->sections[symbol->section];
    uint64_t base = kernel == NULL ? 0 : kernel->address - symbol->value;
    if (seen[symbol->section] && section->bound != base)
        section->mixed = true;
    section->bound = base;
    seen[symbol->section] = true;
}

LOCAL int link_bind_object(struct link *link, struct link_object *object)
{
    bool *seen = live_allocate(object->object.section_count);
    if (seen == NULL)
        return -ENOMEM;
    for (uint32_t i = 1; i < object->object.symbol_count; i++) {
        struct elf64_symbol symbol = object_symbol(&object->object, i);
        if (!symbol_is_in_section(&symbol) || symbol_type(&symbol) == SYMBOL_TYPE_SECTION
            || object_symbol_name(&object->object, &symbol)[0] == 0)
            continue;
        const struct kernel_symbol *kernel = link_find_bound(link, object, &symbol, object_symbol_name(&object->object, &symbol));
        struct link_symbol *entry = &object->symbols[i];
        if (entry->name != NULL && entry->name->object == object && entry->name->index == i)
            entry->name->kernel = kernel;
        else if (entry->name == NULL)
            entry->bound = kernel;
        bool is_only = object == link->only_object && i == link->only_symbol; /* its section is the new code */
        if (object->sections[symbol.section].segment != LIVE_RANGE_RODATA)
            link_note_section(object, &symbol, is_only ? NULL : kernel, seen);
    }
    for (uint32_t i = 1; i < object->object.section_count; i++)
        if (object->sections[i].mixed)
            object->sections[i].bound = 0;
    live_release(seen, object->object.section_count);
    return link->failed ? -EINVAL : 0;
}

/* --- what is reached -------------------------------------------------------------------------------- */

int link_read_relocation(struct link *link, const struct link_object *object, uint32_t section, uint64_t index,
                         struct elf64_rela *rela)
{
    *rela = object_relocation(&object->object, section, index);
    if (relocation_symbol(rela) < object->object.symbol_count)
        return 0;
    return link_refuse_section(link, object, section, "is damaged: a relocation names no symbol");
}

struct reach {
    struct { struct link_object *object; uint32_t section; } *stack;
    size_t depth;
};

LOCAL void link_want_section(struct reach *reach, struct link_object *object, uint32_t section)
{
    struct link_section *entry = &object->sections[section];
    if (entry->wanted || entry->discarded || entry->segment == LINK_SEGMENT_NONE)
        return;
    entry->wanted = true;
    reach->stack[reach->depth].object = object;
    reach->stack[reach->depth++].section = section;
}

LOCAL void link_reach_symbol(struct reach *reach, struct link_object *object, uint32_t index)
{
    const struct link_symbol *entry = &object->symbols[index];
    if (entry->name != NULL) {
        if (entry->name->kernel != NULL || entry->name->object == NULL)
            return;
        object = entry->name->object;
        index = entry->name->index;
    } else if (entry->bound != NULL) {
        return;
    }
    struct elf64_symbol symbol = object_symbol(&object->object, index);
    if (!symbol_is_in_section(&symbol))
        return;
    if (symbol_type(&symbol) != SYMBOL_TYPE_SECTION || object->sections[symbol.section].bound == 0)
        link_want_section(reach, object, symbol.section);
}

LOCAL int link_reach(struct link *link, struct reach *reach)
{
    while (reach->depth > 0) {
        struct link_object *object = reach->stack[--reach->depth].object;
        uint32_t relocations = object->sections[reach->stack[reach->depth].section].relocations;
        if (relocations == 0)
            continue;
        for (uint64_t i = 0; i < object_relocation_count(&object->object, relocations); i++) {
            struct elf64_rela rela;
            int error = link_read_relocation(link, object, relocations, i, &rela);
            if (error != 0)
                return error;
            if (relocation_symbol(&rela) != 0)
                link_reach_symbol(reach, object, relocation_symbol(&rela));
        }
    }
    return 0;
}

/* `only` may be written "file.c:name"; it is a global of the objects, or a static. */
LOCAL int link_find_only(struct link *link)
{
    const char *colon = strrchr(link->load->only, ':'), *wanted = colon == NULL ? link->load->only : colon + 1;
    for (size_t i = 0; i < link->object_count; i++) {
        struct link_object *object = link->objects[i];
        for (uint32_t index = 1; index < object->object.symbol_count; index++) {
            struct elf64_symbol symbol = object_symbol(&object->object, index);
            if (!symbol_is_in_section(&symbol) || symbol_type(&symbol) == SYMBOL_TYPE_SECTION
                || strcmp(object_symbol_name(&object->object, &symbol), wanted) != 0
                || object->sections[symbol.section].discarded || object->sections[symbol.section].segment == LINK_SEGMENT_NONE)
                continue;
            link->only_object = object;
            link->only_symbol = index;
            return 0;
        }
    }
    message_add(link->message, "the object does not define %s", wanted);
    return -ENOENT;
}

LOCAL int link_mark_reached(struct link *link, size_t section_total)
{
    struct reach reach = { .stack = live_allocate(section_total * sizeof(*reach.stack)) };
    if (reach.stack == NULL)
        return -ENOMEM;
    struct elf64_symbol symbol = object_symbol(&link->only_object->object, link->only_symbol);
    link_want_section(&reach, link->only_object, symbol.section);
    int error = link_reach(link, &reach);
    live_release(reach.stack, section_total * sizeof(*reach.stack));
    return error;
}

int link_mark_sections(struct link *link)
{
    size_t total = 0;
    int error = 0;
    for (size_t i = 0; i < link->object_count && error == 0; i++) {
        struct link_object *object = link->objects[i];
        total += object->object.section_count;
        for (uint32_t section = 1; section < object->object.section_count && error == 0; section++) {
            error = link_classify_section(link, object, section);
            object->sections[section].wanted =
                object->sections[section].segment != LINK_SEGMENT_NONE && !object->sections[section].discarded;
        }
    }
    if (error == 0 && link->load->only[0] != 0)
        error = link_find_only(link);
    for (size_t i = 0; i < link->object_count && error == 0 && link->load->bind_file[0] != 0; i++)
        error = link_bind_object(link, link->objects[i]);
    if (error != 0 || link->only_object == NULL)
        return error;
    for (size_t i = 0; i < link->object_count; i++)
        for (uint32_t section = 1; section < link->objects[i]->object.section_count; section++)
            link->objects[i]->sections[section].wanted = false;
    return link_mark_reached(link, total);
}

int link_for_each_relocation(struct link *link, link_visit_t visit)
{
    for (size_t i = 0; i < link->object_count; i++) {
        struct link_object *object = link->objects[i];
        for (uint32_t section = 1; section < object->object.section_count; section++) {
            uint32_t table = object->sections[section].relocations;
            if (!object->sections[section].wanted || table == 0)
                continue;
            for (uint64_t index = 0; index < object_relocation_count(&object->object, table); index++) {
                struct elf64_rela rela;
                int error = link_read_relocation(link, object, table, index, &rela);
                if (error == 0)
                    error = visit(link, object, section, &rela);
                if (error != 0)
                    return error;
            }
        }
    }
    return 0;
}

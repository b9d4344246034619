/* The objects of a load and the global names they share: strong before weak, weak before common, the first of equal
 * ones; groups (COMDAT): the first of a signature. Members of archives. */
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/link.h>

#define LINK_BUCKETS_MIN 64
#define LINK_MAX_OBJECTS 4096
#define GROUP_COMDAT 1

struct link_name *link_find_name(const struct link *link, const char *text)
{
    if (link->bucket_count == 0)
        return NULL;
    uint32_t hash = live_hash(text);
    struct link_name *name = link->buckets[hash & (link->bucket_count - 1)];
    while (name != NULL && (name->hash != hash || strcmp(name->text, text) != 0))
        name = name->hash_next;
    return name;
}

LOCAL bool link_names_grow(struct link *link)
{
    size_t count = MAX(link->bucket_count * 2, LINK_BUCKETS_MIN);
    struct link_name **buckets = live_allocate(count * sizeof(*buckets));
    if (buckets == NULL)
        return false;
    for (struct link_name *name = link->names; name != NULL; name = name->next) {
        name->hash_next = buckets[name->hash & (count - 1)];
        buckets[name->hash & (count - 1)] = name;
    }
    if (link->buckets != NULL)
        live_release(link->buckets, link->bucket_count * sizeof(*buckets));
    link->buckets = buckets;
    link->bucket_count = count;
    return true;
}

LOCAL struct link_name *link_get_name(struct link *link, const char *text)
{
    struct link_name *name = link_find_name(link, text);
    if (name != NULL)
        return name;
    if (link->name_count >= link->bucket_count && !link_names_grow(link))
        return NULL;
    name = kzalloc(sizeof(*name));
    if (name == NULL)
        return NULL;
    name->text = text;
    name->hash = live_hash(text);
    struct link_name **bucket = &link->buckets[name->hash & (link->bucket_count - 1)];
    name->hash_next = *bucket;
    *bucket = name;
    *link->names_end = name;
    link->names_end = &name->next;
    link->name_count++;
    return name;
}

/* --- groups ---------------------------------------------------------------------------------------- */

/* A group whose signature an earlier object has: its sections are not loaded. */
LOCAL void link_check_group(struct link *link, struct link_object *object, uint32_t section)
{
    const struct elf64_section *header = &object->object.sections[section];
    if (header->info == 0 || header->info >= object->object.symbol_count || header->size < 8)
        return;
    struct elf64_symbol signature = object_symbol(&object->object, header->info);
    const char *text = object_symbol_name(&object->object, &signature);
    const uint8_t *bytes = object_section_bytes(&object->object, section);
    uint32_t flags, member;
    memcpy(&flags, bytes, sizeof(flags));
    const struct link_name *name = link_find_name(link, text);
    if (!(flags & GROUP_COMDAT) || name == NULL || name->object == NULL)
        return;
    for (uint64_t at = 4; at + 4 <= header->size; at += 4) {
        memcpy(&member, bytes + at, sizeof(member));
        if (member < object->object.section_count)
            object->sections[member].discarded = true;
    }
}

/* --- symbols --------------------------------------------------------------------------------------- */

LOCAL bool link_symbol_is_defined(const struct link_object *object, const struct elf64_symbol *symbol)
{
    if (symbol->section == SYMBOL_INDEX_UNDEFINED)
        return false;
    return !symbol_is_in_section(symbol) || !object->sections[symbol->section].discarded;
}

/* A type of its own says what it is; assembly has none: then its section does. */
LOCAL uint32_t link_symbol_kind(const struct link_object *object, const struct elf64_symbol *symbol)
{
    if (symbol_type(symbol) == SYMBOL_TYPE_FUNCTION)
        return LIVE_SYMBOL_FUNCTION;
    if (symbol_type(symbol) == SYMBOL_TYPE_NONE && symbol_is_in_section(symbol)
        && (object->object.sections[symbol->section].flags & SECTION_FLAG_EXECUTE))
        return LIVE_SYMBOL_FUNCTION;
    return LIVE_SYMBOL_OBJECT;
}

/* 3: strong, 2: weak, 1: common, 0: none. */
LOCAL unsigned link_name_strength(const struct link_name *name)
{
    if (name->object == NULL)
        return 0;
    return name->common_alignment != 0 ? 1 : name->is_weak ? 2 : 3;
}

LOCAL void link_define_name(struct link *link, struct link_name *name, struct link_object *object, uint32_t index,
                            const struct elf64_symbol *symbol)
{
    bool is_common = symbol->section == SYMBOL_INDEX_COMMON;
    bool is_weak = symbol_bind(symbol) == SYMBOL_BIND_WEAK;
    unsigned old = link_name_strength(name), strength = is_common ? 1 : is_weak ? 2 : 3;
    if (old == 3 && strength == 3) {
        message_add(link->message, "%s is defined twice in this archive", name->text);
        link->failed = true;
        return;
    }
    if (is_common && old == 1) { /* the larger of both */
        name->size = MAX(name->size, symbol->size);
        name->common_alignment = MAX(name->common_alignment, symbol->value);
    }
    if (strength <= old)
        return;
    name->object = object;
    name->index = index;
    name->size = is_common ? MAX(symbol->size, name->common_alignment != 0 ? name->size : 0) : symbol->size;
    name->common_alignment = is_common ? MAX(symbol->value, 1) : 0;
    name->is_weak = is_weak;
    name->kind = is_common ? LIVE_SYMBOL_OBJECT : link_symbol_kind(object, symbol);
    name->is_hidden = symbol_visibility(symbol) == SYMBOL_VISIBILITY_HIDDEN
                      || symbol_visibility(symbol) == SYMBOL_VISIBILITY_INTERNAL;
}

LOCAL int link_check_symbol(struct link *link, const struct elf64_symbol *symbol, const char *text)
{
    const char *reason = NULL;
    if (symbol_type(symbol) == SYMBOL_TYPE_TLS)
        reason = "is thread-local; live code has no thread-local storage: use an ordinary variable";
    else if (symbol_type(symbol) == SYMBOL_TYPE_IFUNC)
        reason = "is chosen at load time (ifunc), which live code cannot be";
    else if (symbol->section >= SYMBOL_INDEX_RESERVED && symbol->section != SYMBOL_INDEX_ABSOLUTE
             && symbol->section != SYMBOL_INDEX_COMMON)
        reason = "lies in a section of an unknown kind";
    else if (symbol->section == SYMBOL_INDEX_COMMON
             && (symbol->value > PAGE_SIZE || (symbol->value & (symbol->value - 1)) != 0 || symbol->size > LINK_SEGMENT_MAX))
        reason = "is a common symbol with a wrong size or alignment";
    if (reason == NULL)
        return 0;
    message_add(link->message, "%s %s", text, reason);
    return -ENOEXEC;
}

int link_collect_names(struct link *link, struct link_object *object)
{
    for (uint32_t i = 1; i < object->object.section_count; i++)
        if (object->object.sections[i].type == SECTION_GROUP)
            link_check_group(link, object, i);
    for (uint32_t i = 1; i < object->object.symbol_count; i++) {
        struct elf64_symbol symbol = object_symbol(&object->object, i);
        const char *text = object_symbol_name(&object->object, &symbol);
        int error = link_check_symbol(link, &symbol, text);
        if (error != 0)
            return error;
        if (symbol_bind(&symbol) == SYMBOL_BIND_LOCAL || text[0] == 0)
            continue;
        if (strlen(text) >= LIVE_NAME_SIZE) {
            message_add(link->message, "%.60s...: a name of more than %d bytes", text, LIVE_NAME_SIZE - 1);
            return -ENOEXEC;
        }
        struct link_name *name = link_get_name(link, text);
        if (name == NULL)
            return -ENOMEM;
        object->symbols[i].name = name;
        if (link_symbol_is_defined(object, &symbol))
            link_define_name(link, name, object, i, &symbol);
        else if (symbol_bind(&symbol) != SYMBOL_BIND_WEAK)
            name->is_strongly_referenced = true;
    }
    return link->failed ? -EEXIST : 0;
}

/* --- objects --------------------------------------------------------------------------------------- */

LOCAL void link_close_object(struct link_object *object)
{
    if (object->sections != NULL)
        live_release(object->sections, object->object.section_count * sizeof(*object->sections));
    if (object->symbols != NULL)
        live_release(object->symbols, object->object.symbol_count * sizeof(*object->symbols));
    object_close(&object->object);
    kfree(object);
}

LOCAL int link_keep_object(struct link *link, struct link_object *object)
{
    if (link->object_count == link->object_room) {
        size_t room = MAX(link->object_room * 2, 4);
        struct link_object **objects = room > LINK_MAX_OBJECTS ? NULL : kmalloc(room * sizeof(*objects));
        if (objects == NULL)
            return -ENOMEM;
        if (link->object_count > 0)
            memcpy(objects, link->objects, link->object_count * sizeof(*objects));
        kfree(link->objects);
        link->objects = objects;
        link->object_room = room;
    }
    link->objects[link->object_count++] = object;
    return 0;
}

int link_add_object(struct link *link, const uint8_t *data, size_t size, const struct archive_member *member)
{
    struct link_object *object = kzalloc(sizeof(*object));
    if (object == NULL)
        return -ENOMEM;
    if (member != NULL) {
        object->object.member = member->name;
        object->object.member_length = member->name_length;
    }
    int error = object_open(&object->object, data, size, link->message);
    if (error != 0) {
        kfree(object);
        return error;
    }
    error = -ENOMEM;
    object->sections = live_allocate(object->object.section_count * sizeof(*object->sections));
    object->symbols = live_allocate(object->object.symbol_count * sizeof(*object->symbols));
    if (object->sections == NULL || object->symbols == NULL || (error = link_keep_object(link, object)) != 0) {
        link_close_object(object);
        return error;
    }
    return link_collect_names(link, object);
}

void link_free(struct link *link)
{
    for (struct link_name *name = link->names, *next; name != NULL; name = next) {
        next = name->next;
        kfree(name);
    }
    if (link->buckets != NULL)
        live_release(link->buckets, link->bucket_count * sizeof(*link->buckets));
    for (size_t i = 0; i < link->object_count; i++)
        link_close_object(link->objects[i]);
    kfree(link->objects);
    for (unsigned i = 0; i < LIVE_RANGE_COUNT; i++)
        if (link->images[i] != NULL)
            live_release(link->images[i], link->image_sizes[i]);
    kfree(link->init);
    kfree(link->fini);
    kfree(link->drivers);
}

/* --- archives -------------------------------------------------------------------------------------- */

/* Would the member define something that is referenced and that nobody has? */
LOCAL int link_member_is_needed(struct link *link, const struct archive_member *member, bool *needed)
{
    struct object object = { .member = member->name, .member_length = member->name_length };
    int error = object_open(&object, member->data, member->size, link->message);
    if (error != 0)
        return error;
    *needed = false;
    for (uint32_t i = 1; i < object.symbol_count && !*needed; i++) {
        struct elf64_symbol symbol = object_symbol(&object, i);
        if (symbol_bind(&symbol) == SYMBOL_BIND_LOCAL || symbol.section == SYMBOL_INDEX_UNDEFINED)
            continue;
        const struct link_name *name = link_find_name(link, object_symbol_name(&object, &symbol));
        struct live_symbol_info info;
        *needed = name != NULL && name->object == NULL && name->is_strongly_referenced
                  && !live_lookup_locked(name->text, &info);
    }
    object_close(&object);
    return 0;
}

/* One pass over the members that are not taken yet (bit per member); *taken counts those that were. */
LOCAL int link_scan_archive(struct link *link, const uint8_t *data, size_t size, bool all, uint64_t *have, size_t *taken)
{
    struct archive archive;
    struct archive_member member;
    int error = archive_open(&archive, data, size, link->message);
    if (error != 0)
        return error;
    *taken = 0;
    int more;
    for (size_t i = 0; (more = archive_next(&archive, &member, link->message)) > 0; i++) {
        if (i >= LINK_MAX_OBJECTS) {
            message_add(link->message, "an archive of more than %d members", LINK_MAX_OBJECTS);
            return -ENOEXEC;
        }
        if (have[i / 64] >> (i % 64) & 1)
            continue;
        bool needed = true;
        if (!all && link->object_count > 0)
            error = link_member_is_needed(link, &member, &needed);
        if (error == 0 && needed)
            error = link_add_object(link, member.data, member.size, &member);
        if (error != 0)
            return error;
        if (needed) {
            have[i / 64] |= 1ull << (i % 64);
            (*taken)++;
        }
    }
    return more;
}

LOCAL int link_add_archive(struct link *link, const uint8_t *data, size_t size, bool all)
{
    uint64_t *have = kzalloc(LINK_MAX_OBJECTS / 8);
    if (have == NULL)
        return -ENOMEM;
    size_t taken;
    int error;
    do
        error = link_scan_archive(link, data, size, all, have, &taken);
    while (error == 0 && taken > 0);
    kfree(have);
    return error;
}

int link_select_members(struct link *link)
{
    const struct live_load *load = link->load;
    int error;
    if (archive_is(load->object, load->object_size))
        error = link_add_archive(link, load->object, load->object_size, load->flags & LIVE_LOAD_ARCHIVE_ALL);
    else
        error = link_add_object(link, load->object, load->object_size, NULL);
    if (error == 0 && load->archive_size > 0) {
        if (!archive_is(load->archive, load->archive_size)) {
            message_add(link->message, "what is to be searched is no archive");
            error = -ENOEXEC;
        } else {
            error = link_add_archive(link, load->archive, load->archive_size, false);
        }
    }
    if (error == 0 && link->object_count == 0) {
        message_add(link->message, "the archive is empty");
        error = -ENOEXEC;
    }
    return error;
}

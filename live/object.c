/* Relocatable ELF objects: object.h. gABI 4.1 chapter 4; x86-64 psABI. */
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <lib/string.h>
#include <live/object.h>

#define OBJECT_MAX_SYMBOLS  (1u << 20)
#define OBJECT_MAX_ALIGNMENT 4096

LOCAL int object_refuse(const struct object *object, struct message *message, const char *reason)
{
    if (object->member != NULL)
        message_add(message, "%.*s: %s", (int)MIN(object->member_length, 100), object->member, reason);
    else
        message_add(message, "%s", reason);
    return -ENOEXEC;
}

LOCAL int object_check_header(const struct object *object, struct elf64_header *header, struct message *message)
{
    static const uint8_t identification[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
    if (object->size < sizeof *header || memcmp(object->data, identification, 4) != 0)
        return object_refuse(object, message, "this is no ELF object");
    memcpy(header, object->data, sizeof *header);
    if (memcmp(object->data, identification, sizeof identification) != 0 || header->machine != ELF_MACHINE_X86_64)
        return object_refuse(object, message, "the object is not for this machine (64-bit little-endian x86-64 is needed)");
    if (header->type != OBJECT_TYPE_RELOCATABLE)
        return object_refuse(object, message,
                             "this is a linked program or shared library; a relocatable object (.o, -c) is needed");
    if (header->section_count == 0 && header->section_offset != 0)
        return object_refuse(object, message, "more than 65,000 sections: build without -ffunction-sections");
    if (header->section_size != sizeof(struct elf64_section) || header->section_count == 0
        || !elf_range_is_inside(header->section_offset, (uint64_t)header->section_count * sizeof(struct elf64_section),
                                object->size)
        || header->section_names >= header->section_count)
        return object_refuse(object, message, "damaged: the section table is not in the file");
    return 0;
}

/* Strings of a section of type STRTAB, which must end with a NUL. */
LOCAL bool object_find_strings(const struct object *object, uint32_t section, const char **strings, size_t *size)
{
    if (section >= object->section_count || object->sections[section].type != SECTION_STRTAB
        || object->sections[section].size == 0)
        return false;
    const char *start = (const char *)object->data + object->sections[section].offset;
    if (start[object->sections[section].size - 1] != 0)
        return false;
    *strings = start;
    *size = object->sections[section].size;
    return true;
}

LOCAL int object_check_section(const struct object *object, uint32_t number, struct message *message)
{
    struct elf64_section *section = &object->sections[number];
    if (section->type == 0) { /* an unused entry, whatever else it says */
        *section = (struct elf64_section){ .alignment = 1 };
        return 0;
    }
    if (section->type != SECTION_NOBITS && !elf_range_is_inside(section->offset, section->size, object->size))
        return object_refuse(object, message, "damaged: a section is not in the file");
    if (section->alignment == 0)
        section->alignment = 1;
    if ((section->alignment & (section->alignment - 1)) != 0)
        return object_refuse(object, message, "damaged: an alignment is no power of two");
    if ((section->flags & SECTION_FLAG_ALLOC) && section->alignment > OBJECT_MAX_ALIGNMENT)
        return object_refuse(object, message, "a section wants more alignment than a page's 4096 bytes");
    if (section->type == SECTION_SYMTAB_SHNDX)
        return object_refuse(object, message, "more than 65,000 sections: build without -ffunction-sections");
    if (section->type == SECTION_RELA
        && (section->entry_size != sizeof(struct elf64_rela) || section->size % sizeof(struct elf64_rela) != 0
            || section->info >= object->section_count))
        return object_refuse(object, message, "damaged: a relocation table");
    if (section->type == SECTION_REL && section->info < object->section_count
        && (object->sections[section->info].flags & SECTION_FLAG_ALLOC))
        return object_refuse(object, message, "relocations without addends (SHT_REL) are not used on x86-64");
    if ((section->flags & SECTION_FLAG_ALLOC) && (section->flags & SECTION_FLAG_COMPRESSED))
        return object_refuse(object, message, "a loaded section is compressed");
    if (section->name >= object->section_strings_size)
        return object_refuse(object, message, "damaged: a section's name");
    return 0;
}

LOCAL int object_find_symbols(struct object *object, struct message *message)
{
    for (uint32_t i = 1; i < object->section_count; i++) {
        const struct elf64_section *section = &object->sections[i];
        if (section->type != ELF_SECTION_SYMTAB)
            continue;
        if (object->symbol_section != 0)
            return object_refuse(object, message, "damaged: two symbol tables");
        if (section->entry_size != sizeof(struct elf64_symbol) || section->size % sizeof(struct elf64_symbol) != 0
            || section->size / sizeof(struct elf64_symbol) > OBJECT_MAX_SYMBOLS
            || !object_find_strings(object, section->link, &object->strings, &object->strings_size))
            return object_refuse(object, message, "damaged: the symbol table");
        object->symbol_section = i;
        object->symbol_count = (uint32_t)(section->size / sizeof(struct elf64_symbol));
    }
    return 0;
}

LOCAL int object_check_symbols(const struct object *object, struct message *message)
{
    for (uint32_t i = 0; i < object->symbol_count; i++) {
        struct elf64_symbol symbol = object_symbol(object, i);
        if (symbol.name >= object->strings_size)
            return object_refuse(object, message, "damaged: a symbol's name");
        if (!symbol_is_in_section(&symbol))
            continue;
        if (symbol.section >= object->section_count)
            return object_refuse(object, message, "damaged: a symbol lies in no section");
        if (!elf_range_is_inside(symbol.value, 0, object->sections[symbol.section].size))
            return object_refuse(object, message, "damaged: a symbol lies outside of its section");
    }
    return 0;
}

int object_open(struct object *object, const uint8_t *data, size_t size, struct message *message)
{
    struct elf64_header header;
    object->data = data;
    object->size = size;
    int error = object_check_header(object, &header, message);
    if (error != 0)
        return error;
    object->sections = kmalloc(header.section_count * sizeof(struct elf64_section));
    if (object->sections == NULL)
        return -ENOMEM;
    object->section_count = header.section_count;
    memcpy(object->sections, data + header.section_offset, header.section_count * sizeof(struct elf64_section));
    /* Section 0 is empty; what a hostile file says there is not looked at. */
    memset(&object->sections[0], 0, sizeof object->sections[0]);
    object->sections[0].alignment = 1;
    const struct elf64_section *names = &object->sections[header.section_names];
    if (!elf_range_is_inside(names->offset, names->size, size)
        || !object_find_strings(object, header.section_names, &object->section_strings, &object->section_strings_size))
        error = object_refuse(object, message, "damaged: the sections' names");
    for (uint32_t i = 1; i < object->section_count && error == 0; i++)
        error = object_check_section(object, i, message);
    if (error == 0)
        error = object_find_symbols(object, message);
    if (error == 0)
        error = object_check_symbols(object, message);
    if (error != 0)
        object_close(object);
    return error;
}

void object_close(struct object *object)
{
    kfree(object->sections);
    object->sections = NULL;
}

struct elf64_symbol object_symbol(const struct object *object, uint32_t index)
{
    struct elf64_symbol symbol; /* members of archives lie at odd addresses */
    memcpy(&symbol, object->data + object->sections[object->symbol_section].offset + (uint64_t)index * sizeof symbol, sizeof symbol);
    return symbol;
}

const char *object_symbol_name(const struct object *object, const struct elf64_symbol *symbol)
{
    return object->strings + symbol->name;
}

const char *object_section_name(const struct object *object, uint32_t section)
{
    return object->section_strings + object->sections[section].name;
}

const uint8_t *object_section_bytes(const struct object *object, uint32_t section)
{
    return object->data + object->sections[section].offset;
}

uint64_t object_relocation_count(const struct object *object, uint32_t section)
{
    return object->sections[section].size / sizeof(struct elf64_rela);
}

struct elf64_rela object_relocation(const struct object *object, uint32_t section, uint64_t index)
{
    struct elf64_rela relocation;
    memcpy(&relocation, object_section_bytes(object, section) + index * sizeof relocation, sizeof relocation);
    return relocation;
}

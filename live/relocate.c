/*
 * Content of the segments: sections are copied, then each relocation is applied (x86-64 psABI 4.4.1, with S, A, P, G, GOT,
 * Z as there). The code model is "kernel": a value that does not fit is an error that says how to build instead.
 * Thread-local storage does not exist here, and is refused by name.
 */
#include <abi/errno.h>
#include <lib/string.h>
#include <live/control.h>
#include <live/link.h>

enum relocation_value {
    VALUE_ABSOLUTE,   /* S + A */
    VALUE_RELATIVE,   /* S + A - P */
    VALUE_GOT,        /* G + A */
    VALUE_GOT_ENTRY,  /* G + GOT + A - P */
    VALUE_GOT_OFFSET, /* S + A - GOT */
    VALUE_GOT_BASE,   /* GOT + A - P */
    VALUE_SIZE,       /* Z + A */
    VALUE_NOTHING,
    VALUE_TLS
};

struct relocation_kind {
    uint8_t value;  /* enum relocation_value */
    uint8_t width;  /* bytes; 0: not known */
    bool is_signed; /* a narrow one is sign-extended by the CPU */
};

#define TLS { VALUE_TLS, 8, false }
/* By R_X86_64_ number. */
static const struct relocation_kind relocation_kinds[] = {
    [0] = { VALUE_NOTHING, 8, false },      /* NONE */
    [1] = { VALUE_ABSOLUTE, 8, false },     /* 64 */
    [2] = { VALUE_RELATIVE, 4, true },      /* PC32 */
    [3] = { VALUE_GOT, 4, true },           /* GOT32 */
    [4] = { VALUE_RELATIVE, 4, true },      /* PLT32: stubs do what a PLT does */
    [9] = { VALUE_GOT_ENTRY, 4, true },     /* GOTPCREL */
    [10] = { VALUE_ABSOLUTE, 4, false },    /* 32 */
    [11] = { VALUE_ABSOLUTE, 4, true },     /* 32S */
    [12] = { VALUE_ABSOLUTE, 2, false },    /* 16 */
    [13] = { VALUE_RELATIVE, 2, true },     /* PC16 */
    [14] = { VALUE_ABSOLUTE, 1, false },    /* 8 */
    [15] = { VALUE_RELATIVE, 1, true },     /* PC8 */
    [16] = TLS, [17] = TLS, [18] = TLS, [19] = TLS, [20] = TLS, [21] = TLS, [22] = TLS, [23] = TLS,
    [24] = { VALUE_RELATIVE, 8, true },     /* PC64 */
    [25] = { VALUE_GOT_OFFSET, 8, true },   /* GOTOFF64 */
    [26] = { VALUE_GOT_BASE, 4, true },     /* GOTPC32 */
    [27] = { VALUE_GOT, 8, true },          /* GOT64 */
    [28] = { VALUE_GOT_ENTRY, 8, true },    /* GOTPCREL64 */
    [29] = { VALUE_GOT_BASE, 8, true },     /* GOTPC64 */
    [30] = { VALUE_GOT, 8, true },          /* GOTPLT64 */
    [31] = { VALUE_GOT_OFFSET, 8, true },   /* PLTOFF64 */
    [32] = { VALUE_SIZE, 4, false },        /* SIZE32 */
    [33] = { VALUE_SIZE, 8, false },        /* SIZE64 */
    [34] = TLS, [35] = TLS, [36] = TLS,
    [41] = { VALUE_GOT_ENTRY, 4, true },    /* GOTPCRELX */
    [42] = { VALUE_GOT_ENTRY, 4, true },    /* REX_GOTPCRELX */
};

bool relocation_uses_got(uint32_t type)
{
    return type < ARRAY_COUNT(relocation_kinds) && relocation_kinds[type].width != 0
           && (relocation_kinds[type].value == VALUE_GOT || relocation_kinds[type].value == VALUE_GOT_ENTRY);
}

LOCAL const char *link_relocation_name(const struct link_object *object, const struct elf64_rela *rela)
{
    struct elf64_symbol symbol = object_symbol(&object->object, relocation_symbol(rela));
    const char *name = object_symbol_name(&object->object, &symbol);
    if (symbol_type(&symbol) == SYMBOL_TYPE_SECTION && symbol_is_in_section(&symbol))
        name = object_section_name(&object->object, symbol.section);
    return name[0] == 0 ? "(no name)" : name;
}

LOCAL int link_refuse_relocation(struct link *link, const struct link_object *object, uint32_t section,
                                 const struct elf64_rela *rela, const char *reason)
{
    message_add(link->message, "%s+%#llx refers to %s: %s", object_section_name(&object->object, section),
                (unsigned long long)rela->offset, link_relocation_name(object, rela), reason);
    return -ENOEXEC;
}

/* --- what symbols are ------------------------------------------------------------------------------- */

/* bind_file: a function's section holds kernel functions and the new one; the reference says section and offset. The
 * kernel's function that begins there; NULL: what is meant lies within the new code. */
LOCAL const struct kernel_symbol *link_bound_function(const struct link_object *object, uint32_t section, uint64_t offset)
{
    for (uint32_t i = 1; i < object->object.symbol_count; i++) {
        struct elf64_symbol symbol = object_symbol(&object->object, i);
        const struct link_symbol *entry = &object->symbols[i];
        if (symbol.section != section || symbol.value != offset || symbol_type(&symbol) != SYMBOL_TYPE_FUNCTION)
            continue;
        return entry->name != NULL ? entry->name->kernel : entry->bound;
    }
    return NULL;
}

/* S of a section symbol. */
LOCAL int link_section_value(struct link *link, const struct link_object *object, uint32_t section,
                             const struct elf64_rela *rela, uint32_t target, uint64_t *value)
{
    const struct link_section *entry = &object->sections[target];
    if (entry->bound != 0) {
        *value = entry->bound;
        return 0;
    }
    if (entry->segment == LINK_SEGMENT_NONE || entry->offset == LINK_NO_OFFSET)
        return link_refuse_relocation(link, object, section, rela, "which is not loaded");
    *value = link->bases[entry->segment] + entry->offset;
    if (!entry->mixed)
        return 0;
    if (entry->segment != LIVE_RANGE_TEXT)
        return link_refuse_relocation(link, object, section, rela,
                                      "which has variables of the kernel's and others: build with -fdata-sections");
    bool from_code = object->sections[section].segment == LIVE_RANGE_TEXT;
    bool is_relative = relocation_kinds[relocation_type(rela)].value == VALUE_RELATIVE;
    if (is_relative && !from_code)
        return 0; /* a jump table of the new code */
    uint64_t offset = (uint64_t)rela->addend + (is_relative ? relocation_kinds[relocation_type(rela)].width : 0);
    const struct kernel_symbol *kernel = link_bound_function(object, target, offset);
    if (kernel != NULL)
        *value = kernel->address - offset;
    return 0;
}

/* S and Z of a relocation, and its GOT entry's number + 1. */
LOCAL int link_symbol_value(struct link *link, const struct link_object *object, uint32_t section,
                            const struct elf64_rela *rela, uint64_t *value, uint64_t *size, uint32_t *got)
{
    const struct link_symbol *entry = &object->symbols[relocation_symbol(rela)];
    struct elf64_symbol symbol = object_symbol(&object->object, relocation_symbol(rela));
    *size = symbol.size;
    *got = entry->got;
    if (entry->name != NULL) {
        *value = entry->name->address;
        *got = entry->name->got;
        if (entry->name->object != NULL)
            *size = entry->name->size;
        return 0;
    }
    if (entry->bound != NULL) {
        *value = entry->bound->address;
        return 0;
    }
    if (!symbol_is_in_section(&symbol)) {
        *value = symbol.section == SYMBOL_INDEX_ABSOLUTE ? symbol.value : 0;
        return 0;
    }
    if (symbol_type(&symbol) == SYMBOL_TYPE_SECTION)
        return link_section_value(link, object, section, rela, symbol.section, value);
    const struct link_section *target = &object->sections[symbol.section];
    if (target->segment == LINK_SEGMENT_NONE || target->offset == LINK_NO_OFFSET)
        return link_refuse_relocation(link, object, section, rela, "which is not loaded");
    *value = link->bases[target->segment] + target->offset + symbol.value;
    return 0;
}

/* --- applying --------------------------------------------------------------------------------------- */

LOCAL bool link_value_fits(uint64_t value, const struct relocation_kind *kind)
{
    unsigned bits = kind->width * 8u;
    if (bits == 64)
        return true;
    if (!kind->is_signed)
        return value >> bits == 0;
    int64_t top = (int64_t)value >> (bits - 1);
    return top == 0 || top == -1;
}

LOCAL const char *link_misfit_reason(const struct relocation_kind *kind)
{
    if (kind->value == VALUE_ABSOLUTE && kind->width == 4)
        return "its address does not fit into 32 bits: build with -mcmodel=kernel (or -fPIC)";
    if (kind->value == VALUE_RELATIVE && kind->width == 4)
        return "it is out of reach of a relative address: build with -mcmodel=large";
    return "its value does not fit";
}

LOCAL int link_apply(struct link *link, struct link_object *object, uint32_t section, const struct elf64_rela *rela)
{
    uint32_t type = relocation_type(rela);
    if (type >= ARRAY_COUNT(relocation_kinds) || relocation_kinds[type].width == 0) {
        message_add(link->message, "relocation type %u in %s: not known to this linker", type,
                    object_section_name(&object->object, section));
        return -ENOEXEC;
    }
    const struct relocation_kind *kind = &relocation_kinds[type];
    if (kind->value == VALUE_NOTHING)
        return 0;
    if (kind->value == VALUE_TLS)
        return link_refuse_relocation(link, object, section, rela,
                                      "thread-local, and live code has no thread-local storage: use an ordinary variable");
    if (!elf_range_is_inside(rela->offset, kind->width, object->object.sections[section].size))
        return link_refuse_relocation(link, object, section, rela, "damaged: outside of its section");
    uint64_t symbol, size, addend = (uint64_t)rela->addend;
    uint32_t got;
    int error = link_symbol_value(link, object, section, rela, &symbol, &size, &got);
    if (error != 0)
        return error;
    const struct link_section *place = &object->sections[section];
    uint64_t at = place->offset + rela->offset, address = link->bases[place->segment] + at;
    uint64_t table = link->bases[LIVE_RANGE_RODATA] + link->got_offset, value = 0;
    uint64_t entry = got == 0 ? 0 : (got - 1) * sizeof(uint64_t);
    switch ((enum relocation_value)kind->value) {
    case VALUE_ABSOLUTE: value = symbol + addend; break;
    case VALUE_RELATIVE: value = symbol + addend - address; break;
    case VALUE_GOT: value = entry + addend; break;
    case VALUE_GOT_ENTRY: value = table + entry + addend - address; break;
    case VALUE_GOT_OFFSET: value = symbol + addend - table; break;
    case VALUE_GOT_BASE: value = table + addend - address; break;
    case VALUE_SIZE: value = size + addend; break;
    case VALUE_NOTHING:
    case VALUE_TLS: break;
    }
    if (!link_value_fits(value, kind))
        return link_refuse_relocation(link, object, section, rela, link_misfit_reason(kind));
    if (got != 0 && relocation_uses_got(type))
        memcpy(link->images[LIVE_RANGE_RODATA] + link->got_offset + entry, &symbol, sizeof(symbol));
    memcpy(link->images[place->segment] + at, &value, kind->width);
    return 0;
}

int link_relocate(struct link *link)
{
    for (size_t i = 0; i < link->object_count; i++) {
        const struct link_object *object = link->objects[i];
        for (uint32_t number = 1; number < object->object.section_count; number++) {
            const struct elf64_section *header = &object->object.sections[number];
            const struct link_section *section = &object->sections[number];
            if (section->wanted && header->type != SECTION_NOBITS && header->size > 0)
                memcpy(link->images[section->segment] + section->offset, object_section_bytes(&object->object, number), header->size);
        }
    }
    return link_for_each_relocation(link, link_apply);
}

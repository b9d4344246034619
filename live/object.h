/*
 * Relocatable ELF objects and ar archives, as far as the live linker reads them. The
 * bytes come from anybody: object_open() checks every header, table and name once, so
 * that the accessors below cannot leave the file. What it reads in place stays where
 * it is until the caller frees the file.
 *
 *     struct object object;
 *     error = object_open(&object, data, size, &message);
 *     ... object.sections[i], object_symbol(&object, i), object_symbol_name(...) ...
 *     object_close(&object);
 *
 * Left out: SHT_REL, SHT_SYMTAB_SHNDX (more than 65,000 sections), compressed sections that are
 * loaded, thin archives: each is refused with its reason.
 */
#ifndef LIVE_OBJECT_H
#define LIVE_OBJECT_H

#include <kernel/elf.h>
#include <live/message.h>

#define OBJECT_TYPE_RELOCATABLE 1

#define SECTION_PROGBITS  1
#define SECTION_STRTAB    3
#define SECTION_RELA      4
#define SECTION_NOTE      7
#define SECTION_NOBITS    8
#define SECTION_REL       9
#define SECTION_INIT_ARRAY 14
#define SECTION_FINI_ARRAY 15
#define SECTION_PREINIT_ARRAY 16
#define SECTION_GROUP     17
#define SECTION_SYMTAB_SHNDX 18
#define SECTION_UNWIND    0x70000001

#define SECTION_FLAG_WRITE   0x1
#define SECTION_FLAG_ALLOC   0x2
#define SECTION_FLAG_EXECUTE 0x4
#define SECTION_FLAG_TLS     0x400
#define SECTION_FLAG_COMPRESSED 0x800
#define SECTION_FLAG_EXCLUDE 0x80000000

#define SYMBOL_INDEX_UNDEFINED 0
#define SYMBOL_INDEX_RESERVED  0xff00
#define SYMBOL_INDEX_ABSOLUTE  0xfff1
#define SYMBOL_INDEX_COMMON    0xfff2

#define SYMBOL_TYPE_NONE    0
#define SYMBOL_TYPE_OBJECT  1
#define SYMBOL_TYPE_FUNCTION 2
#define SYMBOL_TYPE_SECTION 3
#define SYMBOL_TYPE_FILE    4
#define SYMBOL_TYPE_COMMON  5
#define SYMBOL_TYPE_TLS     6
#define SYMBOL_TYPE_IFUNC   10

#define SYMBOL_BIND_LOCAL  0
#define SYMBOL_BIND_GLOBAL 1
#define SYMBOL_BIND_WEAK   2
#define SYMBOL_BIND_UNIQUE 10

#define SYMBOL_VISIBILITY_INTERNAL 1
#define SYMBOL_VISIBILITY_HIDDEN   2

struct elf64_rela {
    uint64_t offset, info;
    int64_t addend;
};
STATIC_ASSERT(sizeof(struct elf64_rela) == 24, "gABI");

struct object {
    const uint8_t *data;
    size_t size;
    const char *member;             /* archive member's name, for messages; not NUL-terminated */
    size_t member_length;
    struct elf64_section *sections; /* a checked copy; owned */
    uint32_t section_count;
    uint32_t symbol_section;        /* 0: no symbols */
    uint32_t symbol_count;
    const char *strings;            /* of the symbols; ends with NUL */
    size_t strings_size;
    const char *section_strings;
    size_t section_strings_size;
};

/* 0, -ENOEXEC with a message, -ENOMEM. */
MUST_CHECK int object_open(struct object *object, const uint8_t *data, size_t size, struct message *message);
void object_close(struct object *object);

/* `index` < symbol_count. The value of a symbol in a section lies within it, or at its end. */
struct elf64_symbol object_symbol(const struct object *object, uint32_t index);
const char *object_symbol_name(const struct object *object, const struct elf64_symbol *symbol);
const char *object_section_name(const struct object *object, uint32_t section);
/* The bytes of a section that has some. */
const uint8_t *object_section_bytes(const struct object *object, uint32_t section);

/* Relocations in the section of type SECTION_RELA with this number. */
uint64_t object_relocation_count(const struct object *object, uint32_t section);
struct elf64_rela object_relocation(const struct object *object, uint32_t section, uint64_t index);

static inline unsigned symbol_bind(const struct elf64_symbol *symbol) { return symbol->info >> 4; }
static inline unsigned symbol_type(const struct elf64_symbol *symbol) { return symbol->info & 15; }
static inline unsigned symbol_visibility(const struct elf64_symbol *symbol) { return symbol->other & 3; }
static inline bool symbol_is_in_section(const struct elf64_symbol *symbol)
{
    return symbol->section != SYMBOL_INDEX_UNDEFINED && symbol->section < SYMBOL_INDEX_RESERVED;
}

/* --- archives ------------------------------------------------------------------------------------ */

struct archive {
    const uint8_t *data;
    size_t size;
    size_t next;             /* offset of the next member's header */
    const char *long_names;
    size_t long_names_size;
};
struct archive_member {
    const uint8_t *data;
    size_t size;
    const char *name;
    size_t name_length;
};

bool archive_is(const uint8_t *data, size_t size);
/* 0 or -ENOEXEC with a message. */
MUST_CHECK int archive_open(struct archive *archive, const uint8_t *data, size_t size, struct message *message);
/* The next member that is no table of the archive itself. 1, 0 at the end, -ENOEXEC with a message. */
MUST_CHECK int archive_next(struct archive *archive, struct archive_member *member, struct message *message);

#endif

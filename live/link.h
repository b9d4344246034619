/*
 * One load in progress: objects, their sections and symbols, the names they have in common, and where all of it will
 * lie. The steps in order, each in its file:
 *
 *     link_add_object()       parse (load.c)
 *     link_collect_names()    which object defines a global name; groups (names.c)
 *     link_select_members()   what else is needed of an archive (names.c)
 *     link_mark_sections()    what is loaded: everything, or what `only` reaches (select.c)
 *     link_bind_names()       to live, kernel, world symbols; all that are undefined are told (bind.c)
 *     link_lay_out()          sections, common symbols and the GOT in three segments; address space (layout.c)
 *     link_relocate()         the segments' bytes (relocate.c)
 *     load_publish()          pages, symbols, init functions; undone on any error (load.c)
 */
#ifndef LIVE_LINK_H
#define LIVE_LINK_H

#include <live/object.h>
#include <live/linker.h>

#define LINK_NO_OFFSET  UINT64_MAX
#define LINK_SEGMENT_NONE LIVE_RANGE_COUNT
#define LINK_SEGMENT_MAX (256ull << 20)

struct link_section {
    uint64_t offset;      /* in its segment */
    uint64_t bound;       /* bind_file: what to add to offsets in it, because all of it is the kernel's; 0: no */
    uint32_t relocations; /* the RELA section for it; 0: none */
    uint8_t segment;      /* enum live_range_kind; LINK_SEGMENT_NONE: never loaded */
    bool discarded;       /* of a group that another object has */
    bool wanted;
    bool mixed;           /* bind_file: holds symbols of the kernel's and of its own */
};

struct link_name;

struct link_symbol {
    struct link_name *name;            /* of a global; NULL */
    const struct kernel_symbol *bound; /* of a local that is the kernel's (bind_file); NULL */
    uint32_t got;                      /* number of its GOT entry + 1; 0: none. Globals: in `name` */
};

struct link_object {
    struct object object;
    struct link_section *sections;
    struct link_symbol *symbols;
};

/* A global name in this load. */
struct link_name {
    struct link_name *hash_next, *next; /* next: in the order of appearance */
    const char *text;                   /* in an object's bytes */
    uint32_t hash;
    struct link_object *object;         /* that defines it; NULL: none */
    uint32_t index;                     /* its symbol's number there */
    uint64_t size, common_alignment;    /* common_alignment != 0: a common symbol */
    uint64_t common_offset;             /* in the data segment */
    uint32_t kind;                      /* enum live_symbol_kind */
    uint32_t got;                       /* as in struct link_symbol */
    bool is_weak;                       /* the definition */
    bool is_hidden;
    bool is_referenced, is_strongly_referenced;
    bool is_published;                  /* becomes a live symbol */
    bool is_created;                    /* `live` is new */
    bool keeps_storage;                 /* a variable that was there before, with this size */
    struct live_symbol *live;           /* of a module or the world; NULL */
    struct live_symbol *retired;        /* of another kind, that it takes the name from; NULL */
    const struct kernel_symbol *kernel; /* bound to; NULL */
    uint64_t address;                   /* what references get */
};

struct link_object_list;

struct link {
    const struct live_load *load;
    struct message *message;
    struct link_object **objects;
    size_t object_count, object_room;
    struct link_name **buckets;
    size_t bucket_count, name_count;
    struct link_name *names, **names_end;
    struct link_object *only_object;    /* where `only` is defined; NULL: everything is wanted */
    uint32_t only_symbol;
    struct live_module *module;

    uint64_t sizes[LIVE_RANGE_COUNT];        /* bytes of each segment */
    uint64_t image_sizes[LIVE_RANGE_COUNT];  /* of it with content; zeroes follow */
    uint8_t *images[LIVE_RANGE_COUNT];
    vaddr_t bases[LIVE_RANGE_COUNT];
    uint64_t got_offset;                /* in RODATA */
    uint32_t got_count;
    uint64_t *init, *fini;              /* addresses of functions */
    size_t init_count, fini_count;
    uint64_t *drivers;                  /* section .drivers: addresses of struct driver */
    size_t driver_count;
    bool failed;                        /* something was told; go on and tell the rest */
};

/* names.c */
MUST_CHECK int link_collect_names(struct link *link, struct link_object *object);
MUST_CHECK int link_select_members(struct link *link);
MUST_CHECK int link_add_object(struct link *link, const uint8_t *data, size_t size, const struct archive_member *member);
struct link_name *link_find_name(const struct link *link, const char *text);
void link_free(struct link *link);

/* select.c */
MUST_CHECK int link_mark_sections(struct link *link);
/* A relocation of `section`, checked: its symbol exists. 0 or -ENOEXEC with a message. */
MUST_CHECK int link_read_relocation(struct link *link, const struct link_object *object, uint32_t section, uint64_t index,
                                    struct elf64_rela *rela);

/* bind.c */
MUST_CHECK int link_bind_names(struct link *link);
/* After link_lay_out(): gives each name the address that references get. */
void link_set_addresses(struct link *link);
/* Where a name's definition of this load lies. */
uint64_t link_definition_address(const struct link *link, const struct link_name *name);
/* Is there a definition in what is loaded? */
bool link_name_is_here(const struct link_name *name);

/* layout.c */
MUST_CHECK int link_lay_out(struct link *link);

/* relocate.c */
MUST_CHECK int link_relocate(struct link *link);
/* Calls for each relocation of the sections that are wanted: stops at the first error. */
typedef int (*link_visit_t)(struct link *link, struct link_object *object, uint32_t section, const struct elf64_rela *rela);
MUST_CHECK int link_for_each_relocation(struct link *link, link_visit_t visit); /* select.c */
/* Does this type need an entry of the GOT? */
bool relocation_uses_got(uint32_t type);

static inline uint32_t relocation_type(const struct elf64_rela *rela) { return (uint32_t)rela->info; }
static inline uint32_t relocation_symbol(const struct elf64_rela *rela) { return (uint32_t)(rela->info >> 32); }

#endif

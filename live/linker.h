/*
 * What the linker's files share. All of it is guarded by live_mutex, but for what the look-ups by address
 * read (they disable interrupts; whatever they can reach is taken off, and all CPUs have taken an interrupt since,
 * before it is freed).
 *
 * A name, once it was defined and code may have seen its address, has its struct live_symbol and its stub for ever.
 */
#ifndef LIVE_LINKER_H
#define LIVE_LINKER_H

#include <kernel/sched/lock.h>
#include <lib/tree.h>
#include <live/live.h>
#include <live/message.h>

extern struct mutex live_mutex;

/* --- area.c: address space and pages ------------------------------------------------------------- */

enum live_range_kind { LIVE_RANGE_TEXT, LIVE_RANGE_RODATA, LIVE_RANGE_DATA, LIVE_RANGE_STUBS };
#define LIVE_RANGE_COUNT 3 /* of a module: the first three kinds */

struct live_module;
struct live_stubs;

struct live_range {
    vaddr_t start;              /* 0: nothing */
    uint64_t pages;
    uint32_t kind;              /* enum live_range_kind */
    struct live_module *module; /* of TEXT, RODATA, DATA */
    struct live_stubs *stubs;   /* of STUBS */
};

/* Address space of `pages` pages with an unmapped page behind. 0: none is left. */
MUST_CHECK vaddr_t live_area_reserve(uint64_t pages);
void live_area_unreserve(vaddr_t start, uint64_t pages);
/* Pages for a range whose start, pages and kind are set: the first `size` bytes from `image`, then zeroes. The range is
 * found by address from now on. 0 or -ENOMEM. */
MUST_CHECK int live_area_map(struct live_range *range, const void *image, size_t size);
/* Takes neighbouring ranges off (those with start 0 are none): unmapped on all CPUs, pages freed. When it returns nobody
 * finds them, and every look-up by address that had begun before has ended. */
void live_area_unmap(struct live_range *ranges, unsigned count);
/* Writes mapped memory of the area whatever its protection; `size` bytes lie in one range. */
void live_area_write(vaddr_t address, const void *bytes, size_t size);
/* The range of an address. Between live_area_read_begin() and _end() it stays. NULL: none. Context: any. */
const struct live_range *live_area_find(vaddr_t address);
uint64_t live_area_read_begin(void);
void live_area_read_end(uint64_t state);
/* Memory of any size for the linker's own use, zeroed; NULL: none. */
MUST_CHECK void *live_allocate(size_t size);
void live_release(void *memory, size_t size);

/* --- names --------------------------------------------------------------------------------------- */

uint32_t live_hash(const char *name);

struct live_symbol {
    struct live_symbol *hash_next;
    struct tree_node node;        /* by name, for lists */
    const char *name;             /* owned */
    uint32_t hash;
    uint32_t origin;              /* LIVE or WORLD */
    uint32_t kind;                /* enum live_symbol_kind */
    uint32_t context;             /* enum live_context */
    uint32_t flags;
    uint32_t generation;          /* 0: never defined yet */
    uint64_t stub;                /* of a function: its address */
    uint64_t target;              /* code or data; 0: undefined at present */
    uint64_t size;
    struct live_module *module;   /* that defines it; NULL */
    struct live_module *storage;  /* in which `target` lies; another one than `module` for a variable that was kept */
    struct list module_link, storage_link; /* in the lists of both */
    struct list users;            /* struct live_use.symbol_link */
    uint32_t user_count;
    bool is_retired;              /* in no look-up: its name means something of another kind */
};

struct live_use {
    struct list symbol_link, module_link;
    struct live_symbol *symbol;
    struct live_module *module;
};

struct live_symbol *live_symbol_by_name(const char *name, uint32_t origin);
/* A new one that is undefined, with a stub if it is a function. NULL: no memory. */
struct live_symbol *live_symbol_create(const char *name, uint32_t kind, uint32_t origin);
/* Of one that nobody has seen. */
void live_symbol_discard(struct live_symbol *symbol);
/* Takes one whose name now means something of another kind out of the look-ups, or puts it back. */
void live_symbol_retire(struct live_symbol *symbol);
void live_symbol_reinstate(struct live_symbol *symbol);
/* Frees a retired variable that nobody uses any more. (A function's stub keeps its symbol.) */
void live_symbol_forget_retired(struct live_symbol *symbol);
/* Where it is for its users. */
uint64_t live_symbol_address(const struct live_symbol *symbol);
/* Points its stub to the target, or to what reports that it is undefined. */
void live_symbol_set_slot(const struct live_symbol *symbol);
/* The first defined symbol whose name is not smaller than `prefix`, and the next one. NULL: none. */
const struct live_symbol *live_symbol_first(uint32_t origin, const char *prefix);
const struct live_symbol *live_symbol_next(const struct live_symbol *symbol);
void live_symbol_describe(const struct live_symbol *symbol, struct live_symbol_info *info);
bool live_lookup_locked(const char *name, struct live_symbol_info *info);

/* --- stub.c --------------------------------------------------------------------------------------- */

/* A stub for the symbol; 0: no memory. Its slot is set by live_stub_set(). */
MUST_CHECK uint64_t live_stub_create(struct live_symbol *symbol, bool is_gate);
void live_stub_discard(uint64_t stub);
void live_stub_set(uint64_t stub, uint64_t target);
/* What the slot of a function without a definition holds. */
uint64_t live_stub_undefined(uint64_t stub);
/* Where the function at `address` has its code: what a stub leads to now, else the address itself. Context: any. */
uint64_t live_function_code(uint64_t address);
/* The symbol of a stub, or of a slot (*offset: in the stub). Between read_begin and read_end. NULL: none. */
struct live_symbol *live_stub_symbol(const struct live_range *range, uint64_t address, uint64_t *offset);

/* --- kernel_symbols.c ----------------------------------------------------------------------------- */

struct kernel_symbol {
    uint64_t address, size;
    const char *name;
    const char *file;  /* of a static: basename of its source; "": global */
    uint32_t kind;     /* enum live_symbol_kind */
    uint32_t context;
    uint32_t flags;
    uint32_t hash_next; /* index + 1 */
};

/* Reads the symbol table of the kernel's ELF file, which stays. */
void kernel_symbols_init(const uint8_t *file, size_t size);
/* `file` NULL: a global one; else a static of that file (basename, or path), or a global one. NULL: none. */
const struct kernel_symbol *kernel_symbol_find(const char *name, const char *file);
/* "name" or "file.c:name". */
const struct kernel_symbol *kernel_symbol_parse(const char *name);
/* Globals only; sorted by name from the first kernel_symbol_lower_bound() on. */
size_t kernel_symbol_count(void);
const struct kernel_symbol *kernel_symbol_at(size_t index);
/* The index of the first whose name is not smaller. live_mutex is held. */
size_t kernel_symbol_lower_bound(const char *name);
/* Any whose file has a static called `name`.N: the compiler took it apart. */
bool kernel_symbol_was_split(const char *name, const char *file);
/* The one that contains the address. */
bool kernel_symbol_by_address(uint64_t address, struct live_symbol_info *info);
void kernel_symbol_describe(const struct kernel_symbol *symbol, struct live_symbol_info *info);

/* --- module.c ------------------------------------------------------------------------------------- */

struct live_place { /* a symbol of a module, static ones too, for backtraces */
    uint64_t address, size;
    const char *name;
    uint32_t flags;
};

struct live_module {
    struct list link;             /* all modules, oldest first */
    struct live_module *hash_next;
    uint64_t id;
    char name[64];
    uint32_t language;
    uint32_t state;               /* enum live_module_state */
    vaddr_t reserved;             /* its address space */
    uint64_t reserved_pages;
    struct live_range ranges[LIVE_RANGE_COUNT];
    struct list uses;             /* struct live_use.module_link */
    struct list defined;          /* symbols whose `module` it is */
    struct list stored;           /* symbols whose `storage` it is */
    uint32_t holders;             /* live_module_get() */
    uint32_t published;           /* names that it defined when it was loaded */
    volatile uint64_t heap_bytes; /* atomic */
    bool is_passing;              /* LIVE_LOAD_PASSING */
    struct live_place *places;    /* sorted; one block with the names */
    size_t place_count, places_size;
    uint64_t *fini;               /* functions to run before it goes, in order; owned */
    size_t fini_count;
    uint64_t size;                /* bytes of code and data */
    int64_t loaded;               /* clock_monotonic() */
};

enum live_module_state {
    LIVE_MODULE_LOADING,
    LIVE_MODULE_LOADED,
    LIVE_MODULE_UNLOADED, /* no name leads to it; a thread may still be in it */
    LIVE_MODULE_LEAVING   /* being freed */
};

struct live_module *live_module_create(const char *name, uint32_t language); /* NULL: no memory */
struct live_module *live_module_by_id(uint64_t id);
struct live_module *live_module_next(const struct live_module *module); /* NULL: the first */
/* The place that contains the address; NULL: none. */
const struct live_place *live_module_place(const struct live_module *module, uint64_t address);
/* Frees everything; no symbol names it any more. live_mutex is not held. */
void live_module_destroy(struct live_module *module);
MUST_CHECK int live_module_use(struct live_module *module, struct live_symbol *symbol);
void live_module_drop_uses(struct live_module *module);
/* Runs its functions one after the other under a guard. 0, or -EFAULT with a message. live_mutex is not held. */
MUST_CHECK int live_module_run(const uint64_t *functions, size_t count, const char *what, struct message *message);
/* Is it reached by name, or held? */
bool live_module_is_current(const struct live_module *module);
/* It may be that no name leads to it any more: tells whoever frees old modules. live_mutex is not held. */
void live_module_check_old(uint64_t id);
/* Gives a symbol its definition: module, the module in whose memory it lies, where. NULL and 0: none. */
void live_symbol_define(struct live_symbol *symbol, struct live_module *module, struct live_module *storage, uint64_t target);

/* NULL: none were set. */
const struct live_driver_hooks *live_driver_hooks(void);

/* --- unload.c ------------------------------------------------------------------------------------- */

MUST_CHECK int live_unload(uint64_t id, bool force, struct message *message);
/* Only says who uses what it defines. 0 or -ENOENT. Sleepable. */
MUST_CHECK int live_unload_ask(uint64_t id, struct message *message);

/* --- load.c --------------------------------------------------------------------------------------- */

struct live_load {
    const uint8_t *object, *archive;
    size_t object_size, archive_size;
    const char *name, *bind_file, *only; /* "": none */
    const char *sse;                     /* names, each with its NUL */
    size_t sse_size;
    uint32_t flags, language;
    uint64_t module, only_address;       /* out */
};
/* 0 or -E... with a message. live_mutex is not held. */
MUST_CHECK int live_load(struct live_load *load, struct message *message);

/* --- list.c --------------------------------------------------------------------------------------- */

/* An export of the world; address 0: it is removed. 0, -EINVAL, -EEXIST (of another kind), -ENOMEM. */
MUST_CHECK int live_world_define(const char *name, uint32_t kind, uint64_t address);
/* Up to `room` names that begin with `prefix`, of the origins in the bit set; *cursor: 0 first, UINT64_MAX at the end. */
size_t live_list(const char *prefix, uint32_t origins, uint64_t *cursor, struct live_symbol_info *rows, size_t room);
/* The symbol that contains the address. 0 or -ENOENT. */
MUST_CHECK int live_lookup_address(uint64_t address, struct live_symbol_info *info);

/* --- reports.c ------------------------------------------------------------------------------------ */

struct report_output;
void live_report_modules(const struct report_output *output);
void live_report_symbols(const struct report_output *output);

/* --- threads.c ------------------------------------------------------------------------------------ */

/* Is a thread in a call of the module's code? Then with a message who. */
bool live_module_is_entered(uint64_t module, struct message *message);
/* Cancels armed timers that lie in the module's memory or whose function it defines. Also a hook of live_module_on_free(). Context: threads. */
void live_cancel_timers(uint64_t module);
/* Ends the kernel threads that run in it. 0, or -EBUSY, -EINTR with a message. Sleeps. */
MUST_CHECK int live_stop_threads_of(uint64_t module, struct message *message);

/* --- call.c --------------------------------------------------------------------------------------- */

/* A hook of live_module_on_free(). */
void live_call_free_module(uint64_t module);

/* --- suggest.c ------------------------------------------------------------------------------------ */

/* Writes the known names that are nearest to `name`, ", " between them; "" when none is near. */
void live_suggest(const char *name, char *buffer, size_t size);

#endif

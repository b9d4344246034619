/*
 * The live layer: code that is linked into the running kernel. docs/live.md tells the
 * life of a definition; this header is the interface of the parts to each other and
 * to the kernel below.
 *
 * Symbols of one name space come from three places: the kernel, live modules, the
 * world. A live module is one relocatable object (or archive) loaded in one
 * transaction. A live function's address is that of its stub, for ever.
 *
 * Locks: live_mutex (LOCK_RANK_LIVE) guards modules and symbols; look-ups by address
 * for backtraces and the guard take none (they read published, never freed tables).
 */
#ifndef LIVE_LIVE_H
#define LIVE_LIVE_H

#include <lib/list.h>
#include <lib/types.h>

#define LIVE_NAME_SIZE 256

/* Where a function may be called. */
enum live_context {
    LIVE_CONTEXT_ANY = 1,       /* interrupts and spinlocks, too */
    LIVE_CONTEXT_SLEEPABLE = 2, /* any thread that may sleep */
    LIVE_CONTEXT_WORLD = 3      /* threads of the world, outside of locks */
};

enum live_symbol_kind { LIVE_SYMBOL_FUNCTION = 1, LIVE_SYMBOL_OBJECT = 2 };
enum live_origin { LIVE_ORIGIN_KERNEL = 1, LIVE_ORIGIN_LIVE = 2, LIVE_ORIGIN_WORLD = 3 };

#define LIVE_FLAG_EXPORTED 1   /* kernel: marked EXPORT */
#define LIVE_FLAG_SSE      2   /* its code uses SSE */
#define LIVE_FLAG_WEAK     4
#define LIVE_FLAG_PATCHED  8   /* kernel: replaced at the moment */
#define LIVE_FLAG_OFF      16  /* live: it faulted where the kernel called it, and is not called there until it is defined anew */

/* What a name means at this moment. */
struct live_symbol_info {
    char name[LIVE_NAME_SIZE];
    uint64_t address;      /* what callers and pointers use: a live function's stub */
    uint64_t target;       /* where its code or data lies now */
    uint64_t size;         /* bytes; 0: unknown */
    uint32_t kind;         /* enum live_symbol_kind */
    uint32_t origin;       /* enum live_origin */
    uint32_t context;      /* enum live_context */
    uint32_t flags;        /* LIVE_FLAG_... */
    uint64_t module;       /* live: id of the module that defines it; 0 */
    uint32_t users;        /* live: how many modules refer to it */
    uint32_t generation;   /* live: 1, and one more with each replacement */
};

/* 0 or -ENOENT. Context: sleepable. */
MUST_CHECK int live_lookup(const char *name, struct live_symbol_info *info);
/* The function or object of a live module that contains `address` (text: also of old versions that are not freed yet): its
 * name, valid as long as the module, and the offset. NULL: none. Context: any. symbol_find() asks it for the live area. */
const char *live_symbol_find(uint64_t address, uint64_t *offset);
/* Does `address` lie in the live area's text (modules, stubs, gates)? Context: any. */
bool live_is_text(uint64_t address);
/* The world ended: its names mean nothing until the next one exports them again; calls of them fault. Sleepable. */
void live_world_forget(void);
/* The symbol whose stub, code or data contains `address`: its LIVE_FLAG_...; 0: none. Context: any. */
uint32_t live_symbol_flags(uint64_t address);

/*
 * A world function that live code calls is reached by a stub that lies at the function's address for live code:
 *     lea slot(%rip), %r11; jmp live_world_gate
 * *R11 is the function's address in the world; 0: the name was removed. All other registers are the call's
 * (R10 and AL, too). live_symbol_find() of R11 gives the name. Defined in guard.S.
 */
void live_world_gate(void);

/* --- modules, for the parts that keep something for them ------------------------------------------------- */

/* The module that `address` (code or data, not stubs) belongs to, old versions too: its id; 0: none. Context: any. */
uint64_t live_module_of(uint64_t address);
/* The same, but 0 for statements that run once (LIVE_LOAD_PASSING): what they take outlives them. Context: any. */
uint64_t live_module_owner(uint64_t address);
/* Heap bytes that a module took (negative: gave back), shown in the report of modules. Context: any. */
void live_module_account(uint64_t module, int64_t bytes);
/* `hook(module)` is called, in a thread, before a module's memory is freed; it gives back what it keeps for the
 * module (heap blocks, timers, patches). At boot, at most 8. */
void live_module_on_free(void (*hook)(uint64_t module));
/* May the module's code and data still be reached by name: does a symbol's current version or storage lie in it? What
 * threads execute is not looked at. Context: sleepable. */
bool live_module_is_referenced(uint64_t module);
/* Frees a module that is not referenced, without asking whether a thread is in it. 0, -ENOENT, -EBUSY. Sleepable. */
MUST_CHECK int live_module_free(uint64_t module);
/* `hook(module)` is called, in a thread, whenever a module may have become free of names: it was unloaded or wholly
 * replaced. Who sets it frees the module by live_module_free() once no thread is in it. Without a hook modules that are
 * unloaded are freed at once and those that were replaced stay. At boot. */
void live_module_on_old(void (*hook)(uint64_t module));
/* Calls `visit` for the ids of modules all of whose definitions were replaced, as of now. Context: sleepable; nothing is
 * locked meanwhile. */
void live_module_for_each_old(void (*visit)(uint64_t module, void *context), void *context);
/* The ranges of a module, as [start, end) pairs of text, read-only data, data (0, 0: none). 0 or -ENOENT. */
MUST_CHECK int live_module_ranges(uint64_t module, uint64_t ranges[3][2]);
/* What the table of drivers (dev/driver) does for a module with a section .drivers: registers them, all or none, after its init
 * functions; counts those that are in force; unregisters them before it is unloaded. No lock of the linker is held. */
struct live_driver_hooks {
    int (*add)(const uint64_t *drivers, size_t count, uint64_t module);
    unsigned (*count)(uint64_t module);
    void (*remove)(uint64_t module);
};
void live_set_driver_hooks(const struct live_driver_hooks *hooks);
/* An additional holder (a patch, a driver's table): the module is referenced until it is put. 0 or -ENOENT. */
MUST_CHECK int live_module_get(uint64_t module);
/* For who keeps a pointer to a table of functions: holds the module in whose code, data or heap the table lies, *module; 0: it lies in none's,
 * nothing is held. 0, or -EBUSY: that module is not loaded yet, or on its way out. Sleepable. */
MUST_CHECK int live_module_get_owner(const void *table, uint64_t *module);
void live_module_put(uint64_t module); /* 0: nothing was held */

#endif

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
#define LIVE_FLAG_SSE      2   /* its code uses SSE: world threads only */
#define LIVE_FLAG_WEAK     4
#define LIVE_FLAG_PATCHED  8   /* kernel: replaced at the moment */

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

#endif

/*
 * Operations of the live layer for the world: native live_control(op, argument, size) (kernel/natives.h).
 * `argument` points to the operation's structure in the caller's memory, `size` is its size (as in bpf(2): a
 * shorter one reads as zero beyond, a longer one must be zero beyond, -E2BIG).
 * Returns 0 or a result >= 0, or -E...; where the structure has `message`, the text says what is wrong, and
 * what can be done, ready to be shown.
 * One table: live_operations[] in live/control.c. Numbers are never reused. The world's copy is world/src/live/control.rs.
 */
#ifndef LIVE_CONTROL_H
#define LIVE_CONTROL_H

#include <live/live.h>

enum live_operation {
    LIVE_LOAD = 1,        /* struct live_load_request: link an object or archive */
    LIVE_UNLOAD = 2,      /* struct live_unload_request */
    LIVE_LOOKUP = 3,      /* struct live_lookup_request */
    LIVE_LIST = 4,        /* struct live_list_request: symbols, for completion */
    LIVE_PREPARE = 5,     /* no argument: this thread gets its live stack; before its first live_enter */
    LIVE_TAKE_FAULT = 6,  /* struct live_fault (live/guard.h): the last fault of this thread; -ENOENT: none */
    LIVE_PEEK = 7,        /* struct live_peek_request: read or write memory, wild pointers are -EFAULT */
    LIVE_WORLD_EXPORTS = 8, /* struct live_world_exports_request: names of the world that live code may call */
    LIVE_REPLACE = 9,     /* struct live_replace_request */
    LIVE_RESTORE = 10,    /* struct live_restore_request */
    LIVE_ADDRESS = 11,    /* struct live_lookup_request by `info.address`: which symbol contains it */
    LIVE_STOP = 12,       /* struct live_stop_request: end the live call of a thread (Ctrl-C) */
    LIVE_REPLACE_SET = 13, /* struct live_replace_set_request */
};

struct live_text { uint64_t address; uint64_t size; }; /* of the caller's memory */

#define LIVE_LOAD_ARCHIVE_ALL 1 /* every member; otherwise the first one and those that define what is undefined */
#define LIVE_LOAD_QUIET_INIT  2 /* do not run init arrays */
#define LIVE_LOAD_FORCE       4 /* a variable may change its size although it has users */
#define LIVE_LOAD_HIDDEN      8 /* publish no symbols: for replacements */
#define LIVE_LOAD_PASSING    16 /* statements that run once: what they allocate is not the module's and stays when it is unloaded */

struct live_load_request {
    struct live_text object;     /* ELF relocatable or ar archive */
    struct live_text name;       /* of the module, for people: "c:17", a path */
    struct live_text sse;        /* names of functions whose code uses SSE, each with its NUL (the world disassembles) */
    struct live_text bind_file;  /* replacement: names that this kernel source file has, statics too, are the kernel's. Empty: none */
    struct live_text only;       /* replacement: the one function that is wanted; what it does not reach is left out. Empty: all */
    struct live_text message;    /* out: text with its NUL; on success the names that were defined, replaced ones marked, a line each */
    uint32_t flags;              /* LIVE_LOAD_... */
    uint32_t language;           /* enum live_language */
    uint64_t module;             /* out: id */
    uint64_t only_address;       /* out: where `only` lies */
    struct live_text archive;    /* ar archive that is searched for what the object leaves undefined; empty: none */
};

enum live_language { LIVE_LANGUAGE_OTHER = 0, LIVE_LANGUAGE_C = 1, LIVE_LANGUAGE_ZIG = 2, LIVE_LANGUAGE_RUST = 3, LIVE_LANGUAGE_PYTHON = 4 };

#define LIVE_UNLOAD_ASK 2

struct live_unload_request {
    uint64_t module;
    uint32_t force;              /* 1: even though others use it: their calls fault from then on; LIVE_UNLOAD_ASK: only say who does */
    uint32_t reserved;
    struct live_text message;    /* out: who uses it */
};

struct live_lookup_request {
    struct live_text name;
    struct live_symbol_info info; /* out */
};

struct live_list_request {
    struct live_text prefix;     /* names that begin so; empty: all */
    uint32_t origins;            /* bit per enum live_origin */
    uint32_t reserved;
    uint64_t cursor;             /* in, out: 0 first; as returned after that; UINT64_MAX: the end */
    struct live_text buffer;     /* out: array of struct live_symbol_info */
    uint64_t count;              /* out: how many were written */
};

struct live_peek_request {
    uint64_t address;
    struct live_text buffer;
    uint32_t write;              /* 1: buffer -> address, 0: address -> buffer */
    uint32_t reserved;
};

struct live_world_export { uint64_t name; uint64_t address; uint32_t kind; uint32_t context; }; /* name: address of a string */
struct live_world_exports_request {
    struct live_text exports;    /* array of struct live_world_export; adds to those before */
    uint32_t remove;             /* 1: these names go: calls of them fault with LIVE_FAULT_CONTEXT */
    uint32_t reserved;
};

#define LIVE_REPLACE_IDEMPOTENT 1 /* after a fault in its trial the old version is run instead */
#define LIVE_REPLACE_FORCE      2

struct live_replace_request {
    struct live_text name;       /* a kernel function, "name" or "file.c:name" */
    uint64_t target;             /* the new version's code: only_address of its load. 0: only asks: -EINVAL when it could be replaced */
    uint64_t module;             /* which it belongs to; unloaded when the version is reclaimed */
    uint64_t trial;              /* nanoseconds */
    uint64_t failure_value;      /* what a faulting call returns: -EFAULT, 0 for pointers */
    uint32_t stack_bytes;        /* of arguments on the stack */
    uint32_t flags;              /* LIVE_REPLACE_... */
    struct live_text message;    /* out */
};

#define LIVE_REPLACE_SET_MAX 512

/* All or none: live_replace_set() of live/patch.h. */
struct live_replace_set_request {
    struct live_text replacements; /* array of struct live_replace_request, whose messages are not used */
    struct live_text message;      /* out */
};

struct live_restore_request {
    struct live_text name;
    struct live_text message;    /* out */
};

struct live_stop_request { int32_t thread; uint32_t reserved; };

/* The native. `caller` memory is checked as a system call's. Context: a world thread. */
int64_t live_control(uint32_t operation, uint64_t argument, uint64_t size);

#endif

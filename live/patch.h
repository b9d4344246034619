/*
 * Replacement of kernel functions while the system runs.
 *
 * A function's entry is patched once (arch/x86_64/text_patch.h) to jump to its trampoline (patch.S), which goes where
 * the version in force says:
 *
 *    caller -> entry: jmp -> trampoline -> *version->enter: live_patch_enter (guard.h), which calls version->call.target
 *                                             or, for the original, entry + 5
 *
 * Replacing is one store to the trampoline's slot, so all callers on all CPUs change over at once, and a fault handler can
 * do it. When the original is in force again the entry gets its nop back.
 *
 * A version's life: live_replace() -> TRIAL -> ACTIVE (its trial is over, live_patch_settle()) -> SUPERSEDED or RESTORED.
 * A fault in TRIAL -> ROLLED_BACK: the last version that passed its trial, or the original, is in force again; the guard returns the
 * failure value, or runs the function again if it was declared idempotent. So does a fault while a fault is being reported,
 * also after the trial, because the report may need that very function. A version that is out of force is retired (reclaim.h) and its module unloaded when nobody is in it; its row in the history stays.
 *
 * Locks: patch_mutex (LOCK_RANK_LIVE_PATCH) for everything but the slots, which are changed by compare-and-exchange.
 */
#ifndef LIVE_PATCH_H
#define LIVE_PATCH_H

#include <live/guard.h>
#include <live/reclaim.h>

struct live_patch;
struct patch_set;
struct report_output;

enum live_version_state {
    LIVE_VERSION_ORIGINAL = 0, LIVE_VERSION_TRIAL = 1, LIVE_VERSION_ACTIVE = 2,
    LIVE_VERSION_SUPERSEDED = 3, LIVE_VERSION_RESTORED = 4, LIVE_VERSION_ROLLED_BACK = 5
};

/* What a trampoline's slot points to. */
struct live_version {
    struct live_patch_call call; /* first: R11 points to it */
    /* Offsets known to patch.S; tied by static_assert in patch.c. */
    uint64_t enter;          /* where the trampoline jumps: live_patch_enter; of the original: its body */
    uint64_t calls;          /* counted by the trampoline */

    struct live_patch *patch;
    uint32_t number;         /* 0: the original; counted per function */
    uint32_t flags;          /* LIVE_REPLACE_... (control.h) */
    volatile uint32_t state; /* atomic; enum live_version_state */
    volatile uint64_t faults; /* atomic */
    uint64_t module;         /* id; 0: none */
    nanos_t installed, trial_end; /* monotonic clock */
    struct live_version *previous; /* in TRIAL: what a fault goes back to */
    struct patch_set *set;   /* what it came into force with, whose trials end with its own; NULL: alone */
    struct list link;        /* of the patch's versions; patch_mutex */
    struct live_retired retired;
};

struct live_replacement {
    const char *name;        /* "function" or "file.c:function" */
    uint64_t target;         /* code with the function's signature */
    uint64_t module;         /* unloaded when the version is reclaimed; 0: none */
    nanos_t trial;           /* 0: none */
    uint64_t failure_value;
    uint32_t stack_bytes;    /* a multiple of 8 */
    uint32_t flags;          /* LIVE_REPLACE_... */
};

/*
 * 0, or with the reason in `message`: -ENOENT: no such function, -EOPNOTSUPP: it cannot be replaced, -EINVAL: `target` is no code,
 * -ENOMEM. On an error the module stays the caller's. Context: a thread, interrupts on, that holds no lock.
 */
MUST_CHECK int live_replace(const struct live_replacement *replacement, char *message, size_t size);
/*
 * The same for `count` (at least 1) different functions: all or none. They come into force one after the other within some microseconds, and
 * who is in one of the old ones ends there. A fault in the trial of one brings back what was before all of them.
 */
MUST_CHECK int live_replace_set(const struct live_replacement *replacements, uint32_t count, char *message, size_t size);
/* The original is in force again. 0, -ENOENT: no such function or it is not replaced. Context: as above. */
MUST_CHECK int live_restore(const char *name, char *message, size_t size);

/*
 * Why the kernel function at `entry` cannot be replaced; NULL: it can. `name` without a file. live/nopatch.c has the table.
 * Context: any.
 */
const char *live_patch_refusal(const char *name, vaddr_t entry);
/* Is the function at `entry` replaced at the moment? Context: any. */
bool live_patch_is_replaced(vaddr_t entry);

/* Ends trials that are over, retires what is out of force. Returns when it wants to be called next (INT64_MAX: not before
 * something changes). Context: the reclaim thread. */
nanos_t live_patch_settle(void);
/* /proc/polyglot/replacements. Context: threads. */
void live_patch_report(const struct report_output *output);

/* patch.S */
#define LIVE_TRAMPOLINE_SIZE 16
#define LIVE_TRAMPOLINES 4096
extern char live_trampolines[];
extern struct live_version *volatile live_trampoline_slots[LIVE_TRAMPOLINES];

/* nopatch.c: names and reasons; for its test. */
struct live_nopatch_row { const char *name, *reason; };
extern const struct live_nopatch_row live_nopatch_rows[];
extern const size_t live_nopatch_row_count;

#endif

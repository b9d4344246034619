/*
 * Natives: kernel functions that the world calls directly, without SYSCALL. The
 * table's address is in the auxiliary vector under AT_POLYGLOT_NATIVES; where
 * that entry is missing, the program runs on another kernel (hosted).
 *
 * Each entry is a stub of natives.S that switches to the thread's kernel stack,
 * because kernel code never runs on a demand-paged one. Natives take up to six
 * integer arguments, and check pointers like syscalls do. Entries are only ever
 * added at the end; `size` tells how many there are.
 */
#ifndef KERNEL_NATIVES_H
#define KERNEL_NATIVES_H

#include <stdint.h>

#define AT_POLYGLOT_NATIVES 0x504f4c59 /* "POLY" */
#define POLYGLOT_NATIVES_VERSION 1

struct polyglot_natives {
    uint32_t version;                 /* POLYGLOT_NATIVES_VERSION */
    uint32_t size;                    /* bytes of this structure */
    int64_t (*clock_monotonic)(void); /* nanoseconds since power-on */
    uint64_t (*log_size)(void);       /* bytes of the kernel's log */
    /* The function of kernel or world that contains an address: its name, which stays where it is and is only
     * read (NULL: unknown), and its first address (0). Also for signal handlers. */
    const char *(*symbol_name)(uint64_t address);
    uint64_t (*symbol_start)(uint64_t address);
    /* Operations of the live layer: live/control.h. */
    int64_t (*live_control)(uint32_t operation, uint64_t argument, uint64_t size);
    void (*live_enter)(void); /* guarded calls of live code: live/guard.h */
    void (*live_fail_on_return)(uint32_t kind); /* of a callback that raised: its live call ends; live/guard.h */
};

extern const struct polyglot_natives polyglot_natives;

#endif

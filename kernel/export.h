/*
 * EXPORT marks a kernel function or object as part of the documented interface for live code, and says
 * where a function may be called. The linker collects the rows (section .exports); live/exports.c has most
 * of them, a module may have rows of its own.
 *
 *     EXPORT(kmalloc, ANY);
 *     EXPORT(mutex_lock, SLEEPABLE);
 *
 * Live code can link to every other global of the kernel, too; those may change with any version.
 */
#ifndef KERNEL_EXPORT_H
#define KERNEL_EXPORT_H

#include <lib/types.h>

/* enum live_context of live/live.h */
#define EXPORT_CONTEXT_ANY       1 /* interrupts and spinlocks, too */
#define EXPORT_CONTEXT_SLEEPABLE 2 /* any thread that may sleep: no spinlock held, interrupts on */

struct kernel_export {
    const char *name;
    const void *address;
    uint64_t context;
};

extern const struct kernel_export __exports_start[], __exports_end[];

#define EXPORT(symbol, where)                                                              \
    static const struct kernel_export export_##symbol KEEP SECTION(".exports") ALIGNED(8) = \
        { #symbol, (const void *)&symbol, EXPORT_CONTEXT_##where }

#endif

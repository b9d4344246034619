/* Symbols that arch/x86_64/kernel.ld defines. */
#ifndef ARCH_SECTIONS_H
#define ARCH_SECTIONS_H

#include <lib/types.h>

extern char __kernel_start[], __text_end[], __rodata_end[], __kernel_end[];
extern char __boot_stack_guard[], __boot_stack_base[], __boot_stack_top[];

/* One pair of addresses: a usercopy instruction that may fault, and where to go on then. */
struct exception_entry {
    uint64_t fault;
    uint64_t fixup;
};
extern const struct exception_entry __extable_start[], __extable_end[];
/* Addresses of the functions that begin with the nop of -fpatchable-function-entry. */
extern const uint64_t __patchable_start[], __patchable_end[];

static inline vaddr_t section_address(const char *symbol) { return (vaddr_t)(uintptr_t)symbol; }

#endif

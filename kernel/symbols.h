/*
 * Names of functions: the kernel's, from the symbol table of its own ELF file, and the
 * world's, from the file "symbols". Callable from every context; nothing is locked.
 */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <lib/types.h>

/* Reads boot_info's files "kernel" and "symbols". Without them addresses have no names. */
void symbols_init(void);

/* The function that contains `address`: its name (valid forever) and the offset in it. NULL: unknown. */
const char *symbol_find(uint64_t address, uint64_t *offset);
/* The same for the world (kernel/natives.h), without a pointer to be checked: name (NULL), first address (0). */
const char *symbol_name(uint64_t address);
uint64_t symbol_start(uint64_t address);
/* The address of a function or object of the kernel; 0: unknown. */
uint64_t symbol_address(const char *name);

/* "name+0x12" or "?", written to `buffer`, which is returned. */
const char *symbol_format(uint64_t address, char *buffer, size_t size);

#endif

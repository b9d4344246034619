/* Names of kernel functions, from the symbol table of the kernel's own ELF file. */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <lib/types.h>

/* Reads boot_info's "kernel" file. Without it addresses have no names. */
void symbols_init(void);

/* The function that contains `address`: its name (valid forever) and the offset in it. NULL: unknown. */
const char *symbol_find(uint64_t address, uint64_t *offset);
/* The address of a function or object; 0: unknown. */
uint64_t symbol_address(const char *name);

/* "name+0x12" or "?", written to `buffer`, which is returned. */
const char *symbol_format(uint64_t address, char *buffer, size_t size);

#endif

/* Files that the loader brought: "kernel", "world", "symbols", "initramfs". */
#ifndef KERNEL_BOOT_FILE_H
#define KERNEL_BOOT_FILE_H

#include <lib/types.h>

/* The file's bytes in the direct map, page aligned and padded with zeroes to a whole page. NULL: not there. */
const void *boot_file_find(const char *name, size_t *size);

#endif

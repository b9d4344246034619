/* The boot steps and their times. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include <boot/boot_info.h>
#include <lib/types.h>

/* Copy of the loader's boot_info in kernel memory; valid from the first step on. */
extern struct boot_info boot_info;

/* Value of `name=value` on the boot command line, NUL terminated in `value`;
 * `name` alone gives "". False: not there (value untouched). */
bool boot_option(const char *name, char *value, size_t size);

struct boot_step_time { const char *name; nanos_t start; nanos_t duration; };
/* Steps so far, firmware and loader first; the array lives forever. */
const struct boot_step_time *boot_steps(size_t *count);

#endif

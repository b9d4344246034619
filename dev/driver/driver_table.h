/* The kernel's own drivers, as arch/x86_64/kernel.ld collects them. */
#ifndef DEV_DRIVER_DRIVER_TABLE_H
#define DEV_DRIVER_DRIVER_TABLE_H

#include <dev/driver/driver.h>

extern const struct driver *const __drivers_start[];
extern const struct driver *const __drivers_end[];

#endif

/* /dev/null, zero, full, random and urandom (null(4), full(4), random(4)). */
#ifndef FS_MEMORY_DEVICES_H
#define FS_MEMORY_DEVICES_H

#include <lib/compiler.h>

/* 0 or an error of devfs_register(). */
MUST_CHECK int memory_devices_register(void);

#endif

/* eventfd(2): a counter as a file. */
#ifndef FS_EVENTFD_H
#define FS_EVENTFD_H

#include <kernel/vfs/file.h>

/* `flags`: EFD_SEMAPHORE, EFD_NONBLOCK. *file gets one reference. */
MUST_CHECK int eventfd_create(uint64_t value, uint32_t flags, struct file **file);

#endif

/* flock(2): locks on whole files that belong to open files. See lock.c. */
#ifndef KERNEL_VFS_LOCK_H
#define KERNEL_VFS_LOCK_H

#include <kernel/vfs/file.h>

/* Takes the lock, or gives it up (FILE_LOCK_NONE). -EAGAIN without `wait`, -EINTR. */
MUST_CHECK int file_lock(struct file *file, enum file_lock_kind wanted, bool wait);

#endif

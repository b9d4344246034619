/* Permission bits of inodes (inode(7), path_resolution(7)) against the credentials of the current process. */
#ifndef KERNEL_VFS_PERMISSION_H
#define KERNEL_VFS_PERMISSION_H

#include <lib/types.h>

struct inode;

/* Values of access(2). */
enum permission { PERMISSION_EXECUTE = 1, PERMISSION_WRITE = 2, PERMISSION_READ = 4 };

/* 0 or -EACCES. The superuser and the world may all but execute a file that nobody may execute. */
MUST_CHECK int permission_check(const struct inode *inode, unsigned wanted);
/* The same with the real ids: access(2). */
MUST_CHECK int permission_check_real(const struct inode *inode, unsigned wanted);
/* May the current process change the entry `child` of `directory` (unlink, rename)? Sticky directories protect what is
 * another's. 0, -EACCES or -EPERM. */
MUST_CHECK int permission_check_removal(const struct inode *directory, const struct inode *child);
/* Does the current process own the inode, or may it act as its owner? */
bool permission_is_owner(const struct inode *inode);

#endif

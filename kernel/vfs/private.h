/* What the files of kernel/vfs share among themselves. */
#ifndef KERNEL_VFS_PRIVATE_H
#define KERNEL_VFS_PRIVATE_H

#include <kernel/vfs/path.h>

void dentry_init(void);
void file_init(void);

/* With a reference. */
struct dentry *dentry_get_parent(struct dentry *dentry);
/* Counts mounts on the dentry; false: it was removed meanwhile. */
bool dentry_change_mounts(struct dentry *dentry, int change);
/* Writes "/name" so that it ends before `end`, if `room` bytes are enough; returns the length wanted. */
size_t dentry_prepend_name(struct dentry *dentry, char *end, size_t room, bool *is_removed);

/* An open file without dentry, before ops->open; NULL: no memory. */
MUST_CHECK struct file *file_create(struct inode *inode, const struct file_ops *ops, uint32_t flags);
/* Frees one that was never handed out: without ops->release. */
void file_discard(struct file *file);

/* A new entry in a directory whose lock is held; the name is free. *child gets a reference. */
MUST_CHECK int vfs_create_locked(const struct path *directory, const struct name *name, uint32_t mode,
                                 uint32_t device, struct dentry **child);

/* May entries of this directory be changed? Its lock is held. 0, -EROFS, or -ENOENT: it was removed meanwhile. */
MUST_CHECK int tree_check_directory(const struct path *directory);
/* One name of `inode` is gone: counts. Locks of the directory and, for a directory, of the inode are held. */
void tree_drop_name(struct inode *parent, struct inode *inode);

/* Drops the flock(2) lock that was taken through this file. */
void file_lock_release(struct file *file);

extern const struct file_ops vfs_path_only_ops; /* O_PATH */

#endif

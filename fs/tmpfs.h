/*
 * tmpfs: files in memory. The root file system, /dev, /dev/shm and memfd files.
 *
 * File data is in pages that are charged to commit accounting one by one as they
 * are written (holes cost nothing). Whole pages can instead be *borrowed* from
 * memory that never goes away, such as the boot archive: they are read and
 * mapped in place and copied when they are first written.
 *
 * Limits per mount: half of the memory for data (option size=BYTES[KMG]) and as
 * many files as pages; both end in -ENOSPC, and so does memory that runs out.
 */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include <kernel/vfs/inode.h>

/* Makes the type known to mount(2); before vfs_init(). */
void tmpfs_init(void);

/* A new, empty file system with one reference. `name` for /proc/mounts; page_limit 0: half of the memory. */
MUST_CHECK int tmpfs_create_super(const struct super_ops *ops, uint64_t page_limit, struct super **super);
extern const struct super_ops tmpfs_super_ops;
/* For super_ops of file systems that are made this way under another name. */
void tmpfs_super_status(struct super *super, struct super_status *out);
void tmpfs_super_free(struct super *super);

/* A regular file without a name (memfd_create). *inode gets a reference. */
MUST_CHECK int tmpfs_create_unnamed(uint32_t mode, struct inode **inode);

/*
 * Gives an empty regular file its content from memory that stays for ever and is
 * not changed. Whole pages are borrowed when `data` is page aligned and lies in
 * pages with a reference of their own; the rest is copied. 0, -EINVAL (not an
 * empty tmpfs file) or -ENOSPC.
 */
MUST_CHECK int tmpfs_set_content(struct inode *inode, const void *data, uint64_t size);

#endif

/*
 * Files by name: what syscalls, the loader of programs and drivers use.
 *
 *     struct file *file;
 *     error = vfs_open(fs, NULL, "/etc/hostname", O_RDONLY, 0, &file);
 *     ... file_read(file, &io) ...
 *     file_put(file);
 *
 * `start` is where a relative path begins; NULL: the working directory. All
 * functions return 0 or -E... and may sleep. Context: threads, no locks held
 * beyond LOCK_RANK_PROCESS.
 */
#ifndef KERNEL_VFS_VFS_H
#define KERNEL_VFS_VFS_H

#include <kernel/vfs/file.h>
#include <kernel/vfs/inode.h>
#include <kernel/vfs/path.h>

/* Where a process is: shared by its threads, or by processes with CLONE_FS. */
struct fs_context {
    uint32_t references; /* atomic */
    struct spinlock lock;
    /* lock */
    struct path root;    /* references */
    struct path cwd;     /* references */
    uint32_t umask;
};

/* Boot step, after tmpfs_init(): caches, and a tmpfs as the root. Panics when memory is out. */
void vfs_init(void);

/* At the root of everything, umask 022. NULL: no memory. */
MUST_CHECK struct fs_context *fs_context_create(void);
MUST_CHECK struct fs_context *fs_context_copy(struct fs_context *fs); /* fork without CLONE_FS */
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
void fs_context_get_root(struct fs_context *fs, struct path *root);   /* with references */
void fs_context_get_cwd(struct fs_context *fs, struct path *cwd);
int fs_context_set_cwd(struct fs_context *fs, const struct path *cwd); /* -ENOTDIR */
int fs_context_set_root(struct fs_context *fs, const struct path *root);

/* open(2); `flags` and `mode` as there (the umask is applied here). *file gets one reference. */
MUST_CHECK int vfs_open(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags,
                        uint32_t mode, struct file **file);
/* Opens what was found already; its permission bits are looked at. */
MUST_CHECK int vfs_open_path(const struct path *path, uint32_t flags, struct file **file);
/* The same for a file that the caller just created: its mode may forbid what open(2) asks for. */
MUST_CHECK int vfs_open_created(const struct path *path, uint32_t flags, struct file **file);

/* mknod(2) and mkdir(2) by the type in `mode`. */
int vfs_create(struct fs_context *fs, const struct path *start, const char *name, uint32_t mode, uint32_t device);
int vfs_symlink(struct fs_context *fs, const char *target, const struct path *start, const char *name);
int vfs_link(struct fs_context *fs, const struct path *object, const struct path *start, const char *name);
/* unlink(2), or rmdir(2) when `directory`. */
int vfs_remove(struct fs_context *fs, const struct path *start, const char *name, bool directory);
/* `flags`: RENAME_NOREPLACE or RENAME_EXCHANGE. */
int vfs_rename(struct fs_context *fs, const struct path *from_start, const char *from, const struct path *to_start,
               const char *to, uint32_t flags);
/* Text of a symbolic link into a kernel buffer; its length. -EINVAL: not a link. */
isize_t vfs_read_link(const struct path *path, char *buffer, size_t size);

/* Makes every directory of an absolute path (not its last component), as `mkdir -p $(dirname name)`. */
int vfs_make_parents(struct fs_context *fs, const char *name, uint32_t mode);

/* An unnamed file for pipes, sockets, epoll, memfd: `inode` is taken over, also on failure. */
MUST_CHECK int vfs_open_inode(struct inode *inode, const struct file_ops *ops, uint32_t flags, void *private_data,
                              struct file **file);
/* An inode without a file system of its own for these (st_mode's type in `mode`). NULL: no memory. */
MUST_CHECK struct inode *vfs_create_anonymous_inode(uint32_t mode);

/* A place outside of the tree for an inode without a name, so that it can be opened again (/proc/PID/fd/N of a
 * pipe). 0 or -ENOMEM. */
MUST_CHECK int vfs_anonymous_path(struct inode *inode, struct path *path);

/* What open() uses for device nodes: set by fs/devfs, fs/pipe. NULL from `find`: -ENXIO. */
typedef const struct file_ops *(*device_find_t)(uint32_t device, bool is_block, void **private_data);
void vfs_set_device_finder(device_find_t find);
void vfs_set_fifo_ops(const struct file_ops *ops);

#endif

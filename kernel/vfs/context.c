/*
 * Where a process is in the tree (struct fs_context), and the boot step that
 * makes the tree.
 */
#include <kernel/vfs/vfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/private.h>

void vfs_init(void)
{
    struct super *super;
    dentry_init();
    file_init();
    struct file_system *type = file_system_find("tmpfs");
    if (type == NULL || type->create("none", "", &super) != 0 || mount_add(super, NULL, "tmpfs", 0) != 0)
        panic("vfs: cannot make the root file system");
}

LOCAL struct fs_context *fs_context_allocate(void)
{
    struct fs_context *fs = kzalloc(sizeof(*fs));
    if (fs != NULL) {
        fs->references = 1;
        spin_init(&fs->lock, "fs context", LOCK_RANK_WAIT_QUEUE);
    }
    return fs;
}

struct fs_context *fs_context_create(void)
{
    struct fs_context *fs = fs_context_allocate();
    if (fs != NULL) {
        mount_get_root(&fs->root);
        mount_get_root(&fs->cwd);
        fs->umask = 022;
    }
    return fs;
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
    struct fs_context *fs = fs_context_allocate();
    if (fs != NULL) {
        fs_context_get_root(from, &fs->root);
        fs_context_get_cwd(from, &fs->cwd);
        fs->umask = from->umask;
    }
    return fs;
}

void fs_context_get(struct fs_context *fs)
{
    __atomic_add_fetch(&fs->references, 1, __ATOMIC_RELAXED);
}

void fs_context_put(struct fs_context *fs)
{
    if (fs == NULL || __atomic_sub_fetch(&fs->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    kfree(fs);
}

void fs_context_get_root(struct fs_context *fs, struct path *root)
{
    spin_lock(&fs->lock);
    *root = fs->root;
    path_get(root);
    spin_unlock(&fs->lock);
}

void fs_context_get_cwd(struct fs_context *fs, struct path *cwd)
{
    spin_lock(&fs->lock);
    *cwd = fs->cwd;
    path_get(cwd);
    spin_unlock(&fs->lock);
}

LOCAL int fs_context_exchange(struct fs_context *fs, struct path *place, const struct path *path)
{
    if (!inode_is_directory(path_inode(path)))
        return -ENOTDIR;
    path_get(path);
    spin_lock(&fs->lock);
    struct path old = *place;
    *place = *path;
    spin_unlock(&fs->lock);
    path_put(&old);
    return 0;
}

int fs_context_set_cwd(struct fs_context *fs, const struct path *cwd)
{
    return fs_context_exchange(fs, &fs->cwd, cwd);
}

int fs_context_set_root(struct fs_context *fs, const struct path *root)
{
    return fs_context_exchange(fs, &fs->root, root);
}

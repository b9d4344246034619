/*
 * Changes of the tree: create, remove, link. See vfs.h; renames are in rename.c.
 *
 * The pattern is the same everywhere: walk to the parent, lock it, look the name
 * up again under the lock, ask the file system, then bring counts, times and the
 * dentry cache up to date.
 */
#include <kernel/vfs/vfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/credentials.h>
#include <kernel/vfs/permission.h>
#include <kernel/vfs/private.h>
#include <lib/string.h>
#include <live/call.h>

int tree_check_directory(const struct path *directory)
{
    if (directory->mount->flags & MS_RDONLY)
        return -EROFS;
    if (path_inode(directory)->links == 0)
        return -ENOENT; /* removed while we waited for the lock */
    return permission_check(path_inode(directory), PERMISSION_WRITE | PERMISSION_EXECUTE);
}

/* Is the name free? 0 or -EEXIST. */
LOCAL int tree_check_free(const struct path *directory, const struct name *name)
{
    struct dentry *existing;
    int error = dentry_lookup_locked(directory->dentry, name, &existing);
    if (error == 0) {
        dentry_put(existing);
        return -EEXIST;
    }
    return error == -ENOENT ? 0 : error;
}

/* A new inode takes over what its directory prescribes (inode(7), set-group-ID). */
LOCAL void tree_inherit(struct inode *directory, struct inode *child)
{
    const struct credentials *c = credentials_current();
    if (c != NULL) {
        child->uid = c->fsuid;
        child->gid = c->fsgid;
    }
    if (directory->mode & S_ISGID) {
        child->gid = directory->gid;
        if (inode_is_directory(child))
            child->mode |= S_ISGID;
    }
    if (inode_is_directory(child))
        directory->links++; /* its ".." */
    inode_touch(directory, INODE_MODIFIED);
}

int vfs_create_locked(const struct path *directory, const struct name *name, uint32_t mode, uint32_t device,
                      struct dentry **out)
{
    struct inode *parent = path_inode(directory);
    struct inode *child;
    int error = tree_check_directory(directory);
    if (error != 0)
        return error;
    if (parent->ops->create == NULL)
        return -EPERM;
    error = LIVE_CALL(parent->ops->create, -EFAULT, parent, name, mode, device, &child);
    if (error != 0)
        return error;
    tree_inherit(parent, child);
    return dentry_add_locked(directory->dentry, name, child, out);
}

/* Parent and last component of a name that is to be created. `slash_allowed`: "name/" is (mkdir). */
LOCAL int tree_walk_new(struct fs_context *fs, const struct path *start, const char *name, bool slash_allowed,
                        struct walk_last *last)
{
    int error = path_walk_parent(fs, start, name, last);
    if (error != 0)
        return error;
    struct inode *parent = path_inode(&last->parent);
    mutex_lock(&parent->lock);
    if (last->is_special)
        error = -EEXIST;
    else
        error = tree_check_free(&last->parent, &last->name);
    if (error == 0 && last->has_slash && !slash_allowed)
        error = -ENOENT;
    if (error == 0)
        error = tree_check_directory(&last->parent);
    if (error != 0) {
        mutex_unlock(&parent->lock);
        walk_last_release(last);
    }
    return error; /* 0: the parent's lock is held */
}

LOCAL void tree_walk_done(struct walk_last *last)
{
    mutex_unlock(&path_inode(&last->parent)->lock);
    walk_last_release(last);
}

int vfs_create(struct fs_context *fs, const struct path *start, const char *name, uint32_t mode, uint32_t device)
{
    struct walk_last last;
    struct dentry *child;
    mode = (mode & S_IFMT) | (mode & 07777 & ~fs->umask);
    int error = tree_walk_new(fs, start, name, (mode & S_IFMT) == S_IFDIR, &last);
    if (error != 0)
        return error;
    error = vfs_create_locked(&last.parent, &last.name, mode, device, &child);
    if (error == 0)
        dentry_put(child);
    tree_walk_done(&last);
    return error;
}

int vfs_symlink(struct fs_context *fs, const char *target, const struct path *start, const char *name)
{
    struct walk_last last;
    struct inode *inode;
    struct dentry *child;
    if (target[0] == 0)
        return -ENOENT;
    int error = tree_walk_new(fs, start, name, false, &last);
    if (error != 0)
        return error;
    struct inode *parent = path_inode(&last.parent);
    error = parent->ops->symlink == NULL ? -EPERM : LIVE_CALL(parent->ops->symlink, -EFAULT, parent, &last.name,
                                                              target, &inode);
    if (error == 0) {
        tree_inherit(parent, inode);
        error = dentry_add_locked(last.parent.dentry, &last.name, inode, &child);
    }
    if (error == 0)
        dentry_put(child);
    tree_walk_done(&last);
    return error;
}

int vfs_link(struct fs_context *fs, const struct path *object, const struct path *start, const char *name)
{
    struct walk_last last;
    struct dentry *child;
    struct inode *inode = path_inode(object);
    int error = tree_walk_new(fs, start, name, false, &last);
    if (error != 0)
        return error;
    struct inode *parent = path_inode(&last.parent);
    if (last.parent.mount != object->mount) {
        error = -EXDEV;
    } else if (inode_is_directory(inode) || parent->ops->link == NULL) {
        error = -EPERM;
    } else {
        mutex_lock(&inode->lock);
        if (inode->links == 0 && !inode->is_linkable)
            error = -ENOENT;
        else
            error = LIVE_CALL(parent->ops->link, -EFAULT, parent, &last.name, inode);
        if (error == 0) {
            inode->links++;
            inode->is_linkable = false;
            inode_touch(inode, INODE_CHANGED);
        }
        mutex_unlock(&inode->lock);
    }
    if (error == 0) {
        inode_touch(parent, INODE_MODIFIED);
        error = dentry_add_locked(last.parent.dentry, &last.name, inode_get(inode), &child);
    }
    if (error == 0)
        dentry_put(child);
    tree_walk_done(&last);
    return error;
}

isize_t vfs_read_link(const struct path *path, char *buffer, size_t size)
{
    struct inode *inode = path_inode(path);
    if (!inode_is_symlink(inode) || inode->ops->read_link == NULL)
        return -EINVAL;
    inode_accessed(inode);
    return LIVE_CALL(inode->ops->read_link, -EFAULT, inode, buffer, size);
}

int vfs_make_parents(struct fs_context *fs, const char *name, uint32_t mode)
{
    char *copy = kmalloc(PATH_SIZE_MAX);
    if (copy == NULL)
        return -ENOMEM;
    int error = strlcpy(copy, name, PATH_SIZE_MAX) >= PATH_SIZE_MAX ? -ENAMETOOLONG : 0;
    for (char *slash = strchr(copy, '/'); slash != NULL && error == 0; slash = strchr(slash + 1, '/')) {
        if (slash == copy)
            continue;
        *slash = 0;
        error = vfs_create(fs, NULL, copy, S_IFDIR | mode, 0);
        if (error == -EEXIST)
            error = 0; /* if it is no directory, the next step says so */
        *slash = '/';
    }
    kfree(copy);
    return error;
}

/* --- removing ---------------------------------------------------------------------------- */

void tree_drop_name(struct inode *parent, struct inode *inode)
{
    if (inode_is_directory(inode)) {
        inode->links = 0;
        parent->links--;
        inode_touch(inode, INODE_CHANGED);
    } else {
        mutex_lock(&inode->lock);
        inode->links--;
        inode_touch(inode, INODE_CHANGED);
        mutex_unlock(&inode->lock);
    }
}

LOCAL int tree_check_remove(const struct inode *child, bool directory, bool has_slash)
{
    if (directory)
        return inode_is_directory(child) ? 0 : -ENOTDIR;
    if (inode_is_directory(child))
        return -EISDIR;
    return has_slash ? -ENOTDIR : 0;
}

LOCAL int tree_remove_locked(const struct path *directory, const struct name *name, bool is_directory, bool has_slash)
{
    struct inode *parent = path_inode(directory);
    struct dentry *dentry;
    int error = dentry_lookup_locked(directory->dentry, name, &dentry);
    if (error != 0)
        return error;
    struct inode *child = dentry->inode;
    error = tree_check_remove(child, is_directory, has_slash);
    if (error == 0)
        error = tree_check_directory(directory);
    if (error == 0)
        error = permission_check_removal(parent, child);
    if (error == 0 && dentry->mounts != 0)
        error = -EBUSY;
    if (error == 0 && parent->ops->remove == NULL)
        error = -EPERM;
    if (error == 0) {
        if (is_directory)
            mutex_lock_nested(&child->lock); /* nothing may be created in it meanwhile */
        error = LIVE_CALL(parent->ops->remove, -EFAULT, parent, name, child);
        if (error == 0) {
            tree_drop_name(parent, child);
            inode_touch(parent, INODE_MODIFIED);
            dentry_remove(dentry);
        }
        if (is_directory)
            mutex_unlock(&child->lock);
    }
    dentry_put(dentry);
    return error;
}

/* unlink(2) and rmdir(2) on "/", "." and "..". */
LOCAL int tree_special_error(const struct walk_last *last, bool directory)
{
    if (!directory)
        return -EISDIR;
    switch (last->name.length) {
    case 0: return -EBUSY;
    case 1: return -EINVAL;
    default: return -ENOTEMPTY;
    }
}

int vfs_remove(struct fs_context *fs, const struct path *start, const char *name, bool directory)
{
    struct walk_last last;
    int error = path_walk_parent(fs, start, name, &last);
    if (error != 0)
        return error;
    if (last.is_special) {
        error = tree_special_error(&last, directory);
    } else {
        struct inode *parent = path_inode(&last.parent);
        mutex_lock(&parent->lock);
        error = tree_remove_locked(&last.parent, &last.name, directory, last.has_slash);
        mutex_unlock(&parent->lock);
    }
    walk_last_release(&last);
    return error;
}

/*
 * Changes of the tree: create, remove, link, rename. See vfs.h.
 *
 * The pattern is the same everywhere: walk to the parent, lock it, look the name
 * up again under the lock, ask the file system, then bring counts, times and the
 * dentry cache up to date.
 */
#include <kernel/vfs/vfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/private.h>
#include <lib/string.h>

/* Only one rename at a time: the shape of the tree stands still while it is checked. */
static struct mutex tree_rename_lock = MUTEX_INIT(tree_rename_lock, "rename", LOCK_RANK_RENAME);

/* May entries of this directory be changed? Its lock is held. */
LOCAL int tree_check_directory(const struct path *directory)
{
    if (directory->mount->flags & MS_RDONLY)
        return -EROFS;
    return path_inode(directory)->links == 0 ? -ENOENT : 0; /* removed while we waited for the lock */
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
    error = parent->ops->create(parent, name, mode, device, &child);
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
    error = parent->ops->symlink == NULL ? -EPERM : parent->ops->symlink(parent, &last.name, target, &inode);
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
            error = parent->ops->link(parent, &last.name, inode);
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
    return inode->ops->read_link(inode, buffer, size);
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

/* One name of `inode` is gone: counts. Locks of the directory and, for a directory, of the inode are held. */
LOCAL void tree_drop_name(struct inode *parent, struct inode *inode)
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
    if (error == 0 && dentry->mounts != 0)
        error = -EBUSY;
    if (error == 0 && parent->ops->remove == NULL)
        error = -EPERM;
    if (error == 0) {
        if (is_directory)
            mutex_lock_nested(&child->lock); /* nothing may be created in it meanwhile */
        error = parent->ops->remove(parent, name, child);
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

/* --- renaming ---------------------------------------------------------------------------- */

struct rename {
    struct walk_last from, to;
    struct dentry *source;
    struct dentry *target;   /* NULL: the new name is free */
    bool exchange, no_replace;
};

LOCAL void rename_lock_parents(struct inode *a, struct inode *b)
{
    if (a == b) {
        mutex_lock(&a->lock);
    } else {
        mutex_lock(a < b ? &a->lock : &b->lock);
        mutex_lock_nested(a < b ? &b->lock : &a->lock);
    }
}

LOCAL void rename_unlock_parents(struct inode *a, struct inode *b)
{
    mutex_unlock(&a->lock);
    if (a != b)
        mutex_unlock(&b->lock);
}

/* Both names, under the parents' locks. */
LOCAL int rename_lookup(struct rename *rename)
{
    int error = dentry_lookup_locked(rename->from.parent.dentry, &rename->from.name, &rename->source);
    if (error != 0)
        return error;
    error = dentry_lookup_locked(rename->to.parent.dentry, &rename->to.name, &rename->target);
    if (error == -ENOENT) {
        rename->target = NULL;
        return rename->exchange ? -ENOENT : 0;
    }
    if (error == 0 && rename->no_replace)
        return -EEXIST;
    return error;
}

/* All reasons of rename(2) to refuse, before anything is changed. */
LOCAL int rename_check(const struct rename *rename)
{
    struct inode *source = rename->source->inode;
    struct inode *target = rename->target == NULL ? NULL : rename->target->inode;
    bool directory = inode_is_directory(source);
    int error = tree_check_directory(&rename->from.parent);
    if (error == 0)
        error = tree_check_directory(&rename->to.parent);
    if (error != 0)
        return error;
    if (rename->from.has_slash && !directory)
        return -ENOTDIR;
    if (rename->to.has_slash && !(rename->exchange ? inode_is_directory(target) : directory))
        return -ENOTDIR;
    if (directory && dentry_is_below(rename->to.parent.dentry, rename->source))
        return -EINVAL; /* a directory into itself */
    if (target != NULL && dentry_is_below(rename->from.parent.dentry, rename->target))
        return rename->exchange ? -EINVAL : -ENOTEMPTY;
    if (target != NULL && !rename->exchange) {
        if (directory && !inode_is_directory(target))
            return -ENOTDIR;
        if (!directory && inode_is_directory(target))
            return -EISDIR;
    }
    if (rename->source->mounts != 0 || (target != NULL && rename->target->mounts != 0))
        return -EBUSY;
    return path_inode(&rename->from.parent)->ops->rename == NULL ? -EPERM : 0;
}

/* Counts and times after a rename that succeeded. */
LOCAL void rename_account(const struct rename *rename)
{
    struct inode *from = path_inode(&rename->from.parent);
    struct inode *to = path_inode(&rename->to.parent);
    struct inode *source = rename->source->inode;
    struct inode *target = rename->target == NULL ? NULL : rename->target->inode;

    if (target != NULL && !rename->exchange)
        tree_drop_name(to, target);
    if (from != to && inode_is_directory(source)) {
        from->links--;
        to->links++;
    }
    if (from != to && rename->exchange && inode_is_directory(target)) {
        to->links--;
        from->links++;
    }
    inode_touch(from, INODE_MODIFIED);
    inode_touch(to, INODE_MODIFIED);
    inode_touch(source, INODE_CHANGED);
    if (rename->exchange)
        inode_touch(target, INODE_CHANGED);
}

/* With both parents locked and both names looked up. */
LOCAL int rename_perform(struct rename *rename)
{
    struct inode *from = path_inode(&rename->from.parent);
    struct inode *to = path_inode(&rename->to.parent);
    struct inode *target = rename->target == NULL ? NULL : rename->target->inode;
    bool lock_target = target != NULL && inode_is_directory(target) && !rename->exchange;

    char *new_name = name_copy(&rename->to.name);
    char *old_name = name_copy(&rename->from.name);
    int error = new_name == NULL || old_name == NULL ? -ENOMEM : 0;
    if (error == 0) {
        if (lock_target)
            mutex_lock_nested(&target->lock);
        error = from->ops->rename(from, &rename->from.name, rename->source->inode, to, &rename->to.name, target,
                                  rename->exchange);
        if (error == 0)
            rename_account(rename);
        if (lock_target)
            mutex_unlock(&target->lock);
    }
    if (error == 0) {
        if (rename->target != NULL && rename->exchange) {
            dentry_move(rename->target, rename->from.parent.dentry, old_name);
            old_name = NULL;
        } else if (rename->target != NULL) {
            dentry_remove(rename->target);
        }
        dentry_move(rename->source, rename->to.parent.dentry, new_name);
        new_name = NULL;
    }
    kfree(new_name);
    kfree(old_name);
    return error;
}

LOCAL int rename_between(struct rename *rename)
{
    struct inode *from = path_inode(&rename->from.parent);
    struct inode *to = path_inode(&rename->to.parent);
    if (rename->from.parent.mount != rename->to.parent.mount)
        return -EXDEV;
    if (rename->from.is_special || rename->to.is_special)
        return -EBUSY;

    mutex_lock(&tree_rename_lock);
    rename_lock_parents(from, to);
    int error = rename_lookup(rename);
    /* rename(2): two names of one file: nothing happens. */
    bool same = error == 0 && rename->target != NULL && rename->target->inode == rename->source->inode;
    if (error == 0)
        error = rename_check(rename);
    if (error == 0 && !same)
        error = rename_perform(rename);
    rename_unlock_parents(from, to);
    mutex_unlock(&tree_rename_lock);
    dentry_put(rename->source);
    dentry_put(rename->target);
    return error;
}

int vfs_rename(struct fs_context *fs, const struct path *from_start, const char *from, const struct path *to_start,
               const char *to, uint32_t flags)
{
    struct rename rename;
    if ((flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    memset(&rename, 0, sizeof(rename));
    rename.exchange = (flags & RENAME_EXCHANGE) != 0;
    rename.no_replace = (flags & RENAME_NOREPLACE) != 0;
    int error = path_walk_parent(fs, from_start, from, &rename.from);
    if (error != 0)
        return error;
    error = path_walk_parent(fs, to_start, to, &rename.to);
    if (error == 0) {
        error = rename_between(&rename);
        walk_last_release(&rename.to);
    }
    walk_last_release(&rename.from);
    return error;
}

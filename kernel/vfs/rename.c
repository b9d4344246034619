/*
 * rename(2) and renameat2(2). See vfs.h.
 *
 * Both parents are locked, by address; the one rename lock before that keeps the
 * shape of the tree still, so that "is the target below the source?" stays true.
 */
#include <kernel/vfs/vfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/permission.h>
#include <kernel/vfs/private.h>
#include <lib/string.h>
#include <live/call.h>

static struct mutex rename_lock = MUTEX_INIT(rename_lock, "rename", LOCK_RANK_RENAME);

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
    if (error == 0)
        error = permission_check_removal(path_inode(&rename->from.parent), source);
    if (error == 0 && target != NULL)
        error = permission_check_removal(path_inode(&rename->to.parent), target);
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
        error = LIVE_CALL(from->ops->rename, -EFAULT, from, &rename->from.name, rename->source->inode, to,
                          &rename->to.name, target, rename->exchange);
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

    mutex_lock(&rename_lock);
    rename_lock_parents(from, to);
    int error = rename_lookup(rename);
    /* rename(2): two names of one file: nothing happens. */
    bool same = error == 0 && rename->target != NULL && rename->target->inode == rename->source->inode;
    if (error == 0)
        error = rename_check(rename);
    if (error == 0 && !same)
        error = rename_perform(rename);
    rename_unlock_parents(from, to);
    mutex_unlock(&rename_lock);
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

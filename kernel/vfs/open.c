/*
 * open(2). See vfs.h.
 */
#include <kernel/vfs/vfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/permission.h>
#include <kernel/vfs/private.h>
#include <lib/string.h>
#include <live/call.h>

#define OPEN_LINKS_MAX 40

static device_find_t open_find_device;
static const struct file_ops *open_fifo_ops;

void vfs_set_device_finder(device_find_t find) { open_find_device = find; }
void vfs_set_fifo_ops(const struct file_ops *ops) { open_fifo_ops = ops; }

/* The operations that go with the type of the file. */
LOCAL int open_set_ops(struct file *file)
{
    struct inode *inode = file->inode;
    uint32_t type = inode->mode & S_IFMT;
    if (file->flags & O_PATH) {
        file->ops = &vfs_path_only_ops;
    } else if (inode->file_ops != NULL) {
        file->ops = inode->file_ops;
    } else if (type == S_IFCHR || type == S_IFBLK) {
        file->is_stream = type == S_IFCHR; /* a device that has positions says so in its open operation */
        file->ops = open_find_device == NULL
                        ? NULL
                        : LIVE_CALL(open_find_device, NULL, inode->special_device, type == S_IFBLK, &file->private_data);
    } else if (type == S_IFIFO) {
        file->is_stream = true;
        file->ops = open_fifo_ops;
    }
    return file->ops == NULL ? -ENXIO : 0;
}

LOCAL int open_check(const struct inode *inode, const struct mount *mount, uint32_t flags)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
    if ((flags & O_DIRECTORY) && !inode_is_directory(inode))
        return -ENOTDIR;
    if (flags & O_PATH)
        return 0;
    if (inode_is_symlink(inode))
        return -ELOOP;
    if (inode_is_directory(inode) && (writes || (flags & O_CREAT)))
        return -EISDIR;
    if (writes && mount != NULL && (mount->flags & MS_RDONLY) &&
        (inode_is_regular(inode) || inode_is_directory(inode)))
        return -EROFS;
    return 0;
}

/* What the permission bits must allow for an open(2) with these flags. */
LOCAL unsigned open_wanted(uint32_t flags)
{
    uint32_t access = flags & O_ACCMODE;
    unsigned wanted = access == O_WRONLY ? PERMISSION_WRITE
        : access == O_RDWR               ? PERMISSION_READ | PERMISSION_WRITE
                                         : PERMISSION_READ;
    return flags & O_PATH ? 0 : wanted | (flags & O_TRUNC ? PERMISSION_WRITE : 0);
}

int vfs_open_path(const struct path *path, uint32_t flags, struct file **out)
{
    int error = permission_check(path_inode(path), open_wanted(flags));
    return error != 0 ? error : vfs_open_created(path, flags, out);
}

int vfs_open_created(const struct path *path, uint32_t flags, struct file **out)
{
    struct inode *inode = path_inode(path);
    int error = open_check(inode, path->mount, flags);
    if (error != 0)
        return error;
    /* What is asked once is not a state of the open file (fcntl F_GETFL). */
    uint32_t kept = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    struct file *file = file_create(inode, NULL, kept);
    if (file == NULL)
        return -ENOMEM;
    file->dentry = path->dentry;
    file->mount = path->mount;
    path_get(path);
    error = open_set_ops(file);
    if (error == 0 && (flags & O_TRUNC) && !(flags & O_PATH) && inode_is_regular(inode))
        error = inode_truncate(inode, 0);
    if (error == 0 && file->ops->open != NULL)
        error = LIVE_CALL(file->ops->open, -EFAULT, file);
    if (error != 0) {
        file_discard(file);
        return error;
    }
    *out = file;
    return 0;
}

/* A file without a name in the directory `name` (O_TMPFILE). */
LOCAL int open_unnamed(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags,
                       uint32_t mode, struct file **out)
{
    struct path directory;
    struct inode *inode;
    struct name label = { "(unnamed)", 9 };
    if ((flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL;
    int error = path_walk(fs, start, name, WALK_FOLLOW | WALK_DIRECTORY, &directory);
    if (error != 0)
        return error;
    struct inode *parent = path_inode(&directory);
    error = permission_check(parent, PERMISSION_WRITE | PERMISSION_EXECUTE);
    if (error == 0 && parent->ops->create_unnamed == NULL)
        error = -EOPNOTSUPP;
    else if (error == 0)
        error = LIVE_CALL(parent->ops->create_unnamed, -EFAULT, parent, S_IFREG | mode, &inode);
    if (error == 0) {
        struct path path = { directory.mount, NULL };
        inode->is_linkable = !(flags & O_EXCL);
        mutex_lock(&parent->lock);
        error = dentry_add_locked(directory.dentry, &label, inode, &path.dentry);
        if (error == 0)
            dentry_remove(path.dentry);
        mutex_unlock(&parent->lock);
        if (error == 0) {
            error = vfs_open_created(&path, flags & ~(uint32_t)(O_TMPFILE | O_EXCL), out);
            dentry_put(path.dentry);
        }
    }
    path_put(&directory);
    return error;
}

/*
 * One round of O_CREAT: the last component is opened or created. When it is a
 * link that leads nowhere yet, -EAGAIN says to go on with its text (*text, from
 * kmalloc) from its directory (*from, references).
 */
LOCAL int open_or_create(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags,
                         uint32_t mode, struct file **out, struct path *from, char **text)
{
    struct walk_last last;
    struct path path = { NULL, NULL };
    bool created = false;
    int error = path_walk_parent(fs, start, name, &last);
    if (error != 0)
        return error;
    if (last.is_special || last.has_slash) {
        error = last.is_special && (flags & O_EXCL) ? -EEXIST : -EISDIR;
        goto out;
    }
    struct inode *parent = path_inode(&last.parent);
    mutex_lock(&parent->lock);
    error = dentry_lookup_locked(last.parent.dentry, &last.name, &path.dentry);
    if (error == -ENOENT) {
        error = vfs_create_locked(&last.parent, &last.name, S_IFREG | mode, 0, &path.dentry);
        created = error == 0;
    }
    mutex_unlock(&parent->lock);
    if (error != 0)
        goto out;
    path.mount = last.parent.mount;
    mount_get(path.mount);
    path_enter_mounts(&path);

    if (!created && (flags & O_EXCL)) {
        error = -EEXIST;
    } else if (!created && inode_is_symlink(path_inode(&path)) && !(flags & O_NOFOLLOW)) {
        struct path object;
        error = path_walk(fs, start, name, WALK_FOLLOW, &object);
        if (error == 0) {
            error = vfs_open_path(&object, flags, out);
            path_put(&object);
        } else if (error == -ENOENT && path_inode(&path)->ops->follow == NULL) {
            *text = kmalloc(PATH_SIZE_MAX);
            isize_t length = *text == NULL ? -ENOMEM : vfs_read_link(&path, *text, PATH_SIZE_MAX - 1);
            if (length >= 0) {
                (*text)[length] = 0;
                *from = last.parent;
                path_get(from);
                error = -EAGAIN;
            } else {
                kfree(*text);
                *text = NULL;
                error = (int)length;
            }
        }
    } else {
        error = created ? vfs_open_created(&path, flags & ~(uint32_t)O_TRUNC, out) : vfs_open_path(&path, flags, out);
    }
out:
    path_put(&path);
    walk_last_release(&last);
    return error;
}

LOCAL int open_create(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags,
                      uint32_t mode, struct file **out)
{
    struct path from = { NULL, NULL };
    char *text = NULL;
    int error = -ELOOP;
    for (int links = 0; links <= OPEN_LINKS_MAX; links++) {
        struct path next_from = { NULL, NULL };
        char *next_text = NULL;
        error = open_or_create(fs, text == NULL ? start : &from, text == NULL ? name : text, flags, mode, out,
                               &next_from, &next_text);
        path_put(&from);
        kfree(text);
        from = next_from;
        text = next_text;
        if (text == NULL)
            return error;
        error = -ELOOP;
    }
    path_put(&from);
    kfree(text);
    return error;
}

int vfs_open(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags, uint32_t mode,
             struct file **file)
{
    mode = mode & 07777 & ~fs->umask;
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return open_unnamed(fs, start, name, flags, mode, file);
    if (flags & O_CREAT)
        return (flags & O_DIRECTORY) ? -EINVAL : open_create(fs, start, name, flags, mode, file);

    struct path path;
    uint32_t walk_flags = ((flags & O_NOFOLLOW) ? 0 : WALK_FOLLOW) | ((flags & O_DIRECTORY) ? WALK_DIRECTORY : 0);
    int error = path_walk(fs, start, name, walk_flags, &path);
    if (error != 0)
        return error;
    error = vfs_open_path(&path, flags, file);
    path_put(&path);
    return error;
}

/* --- files without a name ---------------------------------------------------------------- */

LOCAL void anonymous_super_free(struct super *super)
{
    panic("vfs: the super of unnamed files lost its last reference");
}

LOCAL void anonymous_inode_free(struct inode *inode)
{
    kfree(inode);
}

static const struct super_ops anonymous_super_ops = { .name = "anon_inodefs", .free = anonymous_super_free };
static const struct inode_ops anonymous_inode_ops = { .free = anonymous_inode_free };
static struct super anonymous_super = { .references = 1, .ops = &anonymous_super_ops, .next_inode = 1 };

struct inode *vfs_create_anonymous_inode(uint32_t mode)
{
    struct inode *inode = kmalloc(sizeof(*inode));
    if (inode != NULL) {
        inode_init(inode, &anonymous_super, mode);
        inode->ops = &anonymous_inode_ops;
    }
    return inode;
}

/* Never unmounted: nobody can reach it by name. */
static struct mount anonymous_mount = {
    .references = 1, .super = &anonymous_super, .link = LIST_INIT(anonymous_mount.link)
};

int vfs_anonymous_path(struct inode *inode, struct path *path)
{
    path->dentry = dentry_create_root(inode);
    if (path->dentry == NULL)
        return -ENOMEM;
    inode_get(inode);
    path->mount = &anonymous_mount;
    mount_get(path->mount);
    return 0;
}

int vfs_open_inode(struct inode *inode, const struct file_ops *ops, uint32_t flags, void *private_data,
                   struct file **out)
{
    if (inode == NULL)
        return -ENOMEM;
    struct file *file = file_create(inode, ops, flags);
    inode_put(inode);
    if (file == NULL)
        return -ENOMEM;
    file->is_stream = true;
    file->private_data = private_data;
    *out = file;
    return 0;
}

/*
 * cpio archive -> tree. See initramfs.h.
 *
 * Hard links: newc gives every name of a file an entry with the same inode
 * number and link count > 1, and the data with the last one (GNU cpio) or the
 * first (others). So a file with several names is kept until the end.
 */
#include <fs/initramfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <fs/tmpfs.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/vfs.h>
#include <lib/cpio.h>
#include <lib/string.h>

struct initramfs_link {
    struct initramfs_link *next;
    uint32_t inode, device_major, device_minor;
    struct path path; /* references */
};

struct initramfs {
    struct fs_context *fs;        /* its working directory is the target */
    struct initramfs_link *links; /* files with several names */
    char name[PATH_SIZE_MAX];
};

/* The entry's name relative to the target into initramfs->name. 0, -EINVAL; 1: the target itself. */
LOCAL int initramfs_take_name(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    const char *text = entry->name;
    while (*text == '/' || (text[0] == '.' && (text[1] == '/' || text[1] == 0)))
        text++;
    if (*text == 0)
        return 1;
    for (const char *part = text; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == 0))
            return -EINVAL;
    }
    return strlcpy(initramfs->name, text, sizeof(initramfs->name)) < sizeof(initramfs->name) ? 0 : -ENAMETOOLONG;
}

LOCAL void initramfs_set_attributes(struct inode *inode, const struct cpio_entry *entry)
{
    struct inode_attributes attributes = {
        .set = SET_MODE | SET_UID | SET_GID | SET_ACCESS_TIME | SET_MODIFY_TIME,
        .mode = entry->mode & 07777,
        .uid = entry->uid,
        .gid = entry->gid,
        .access_time = (nanos_t)entry->modify_time * NANOS_PER_SECOND,
        .modify_time = (nanos_t)entry->modify_time * NANOS_PER_SECOND,
    };
    inode_set_attributes(inode, &attributes);
    if (attributes.mode & (S_ISUID | S_ISGID)) { /* setting the owner took them away */
        attributes.set = SET_MODE;
        inode_set_attributes(inode, &attributes);
    }
}

LOCAL struct initramfs_link *initramfs_find_link(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    for (struct initramfs_link *link = initramfs->links; link != NULL; link = link->next)
        if (link->inode == entry->inode && link->device_major == entry->device_major &&
            link->device_minor == entry->device_minor)
            return link;
    return NULL;
}

/* A file with several names: the first one makes it, the others link to it. 0: `path` is the file. */
LOCAL int initramfs_make_linked(struct initramfs *initramfs, const struct cpio_entry *entry, struct path *path)
{
    struct initramfs_link *link = initramfs_find_link(initramfs, entry);
    int error;
    if (link != NULL) {
        error = vfs_link(initramfs->fs, &link->path, NULL, initramfs->name);
        if (error == 0) {
            *path = link->path;
            path_get(path);
        }
        return error;
    }
    link = kzalloc(sizeof(*link));
    if (link == NULL)
        return -ENOMEM;
    error = vfs_create(initramfs->fs, NULL, initramfs->name, S_IFREG | 0600, 0);
    if (error == 0)
        error = path_walk(initramfs->fs, NULL, initramfs->name, 0, path);
    if (error != 0) {
        kfree(link);
        return error;
    }
    link->inode = entry->inode;
    link->device_major = entry->device_major;
    link->device_minor = entry->device_minor;
    link->path = *path;
    path_get(path);
    link->next = initramfs->links;
    initramfs->links = link;
    return 0;
}

LOCAL int initramfs_make_file(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    struct path path;
    int error;
    if (entry->links > 1) {
        error = initramfs_make_linked(initramfs, entry, &path);
    } else {
        error = vfs_create(initramfs->fs, NULL, initramfs->name, S_IFREG | 0600, 0);
        if (error == 0)
            error = path_walk(initramfs->fs, NULL, initramfs->name, 0, &path);
    }
    if (error != 0)
        return error;
    if (entry->size > 0)
        error = tmpfs_set_content(path_inode(&path), entry->data, entry->size);
    if (error == 0)
        initramfs_set_attributes(path_inode(&path), entry);
    path_put(&path);
    return error;
}

LOCAL int initramfs_make_symlink(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    if (entry->size == 0 || entry->size >= PATH_SIZE_MAX)
        return -EINVAL;
    char *target = kmalloc(entry->size + 1);
    if (target == NULL)
        return -ENOMEM;
    memcpy(target, entry->data, entry->size);
    target[entry->size] = 0;
    int error = vfs_symlink(initramfs->fs, target, NULL, initramfs->name);
    kfree(target);
    return error;
}

/* Directories, devices, FIFOs, sockets. */
LOCAL int initramfs_make_special(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    struct path path;
    uint32_t type = entry->mode & S_IFMT;
    if (type != S_IFDIR && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
        return -EINVAL;
    int error = vfs_create(initramfs->fs, NULL, initramfs->name, type | 0700,
                           DEVICE_NUMBER(entry->device_major, entry->device_minor));
    if (error == -EEXIST && type == S_IFDIR)
        error = 0;
    if (error == 0)
        error = path_walk(initramfs->fs, NULL, initramfs->name, type == S_IFDIR ? WALK_DIRECTORY : 0, &path);
    if (error == 0) {
        initramfs_set_attributes(path_inode(&path), entry);
        path_put(&path);
    }
    return error;
}

LOCAL int initramfs_make_once(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    switch (entry->mode & S_IFMT) {
    case S_IFREG: return initramfs_make_file(initramfs, entry);
    case S_IFLNK: return initramfs_make_symlink(initramfs, entry);
    default: return initramfs_make_special(initramfs, entry);
    }
}

LOCAL int initramfs_make(struct initramfs *initramfs, const struct cpio_entry *entry)
{
    int error = initramfs_take_name(initramfs, entry);
    if (error != 0)
        return error < 0 ? error : 0;
    error = initramfs_make_once(initramfs, entry);
    if (error == -ENOENT) { /* archives need not name directories first */
        error = vfs_make_parents(initramfs->fs, initramfs->name, 0755);
        if (error == 0)
            error = initramfs_make_once(initramfs, entry);
    }
    if (error == -EEXIST) {
        error = vfs_remove(initramfs->fs, NULL, initramfs->name, false);
        if (error == 0)
            error = initramfs_make_once(initramfs, entry);
    }
    return error;
}

/* A context whose working directory is `below`, made if need be. */
LOCAL int initramfs_enter(struct initramfs *initramfs, const char *below)
{
    struct path path;
    initramfs->fs = fs_context_create();
    if (initramfs->fs == NULL)
        return -ENOMEM;
    initramfs->fs->umask = 0;
    int error = vfs_make_parents(initramfs->fs, below, 0755);
    if (error == 0)
        error = vfs_create(initramfs->fs, NULL, below, S_IFDIR | 0755, 0);
    if (error == 0 || error == -EEXIST)
        error = path_walk(initramfs->fs, NULL, below, WALK_FOLLOW | WALK_DIRECTORY, &path);
    if (error == 0) {
        error = fs_context_set_cwd(initramfs->fs, &path);
        path_put(&path);
    }
    return error;
}

int initramfs_unpack(const void *archive, size_t size, const char *below)
{
    struct cpio_reader reader;
    struct cpio_entry entry = { .name = "" };
    struct initramfs *initramfs = kzalloc(sizeof(*initramfs));
    if (initramfs == NULL)
        return -ENOMEM;
    int error = initramfs_enter(initramfs, below);
    cpio_open(&reader, archive, size);
    while (error == 0) {
        int found = cpio_next(&reader, &entry);
        if (found <= 0) {
            error = found;
            break;
        }
        error = initramfs_make(initramfs, &entry);
    }
    if (error != 0)
        klog(LOG_ERROR, "initramfs", "unpacking below %s stopped at offset %zu, after '%.64s': error %d", below,
             reader.offset, entry.name, error);
    while (initramfs->links != NULL) {
        struct initramfs_link *link = initramfs->links;
        initramfs->links = link->next;
        path_put(&link->path);
        kfree(link);
    }
    fs_context_put(initramfs->fs);
    kfree(initramfs);
    return error;
}

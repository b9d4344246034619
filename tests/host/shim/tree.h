/*
 * A file tree for tests: boots the file systems on the shim once, and short
 * names for what tests do all the time. Paths are absolute or relative to the
 * working directory of shim_process.
 *
 *     TEST(x) { tree_start(); ... CHECK_EQUAL(tree_mkdir("/a"), 0); ... tree_end(); }
 *
 * tree_start() mounts a fresh tmpfs at /t, the working directory; tree_end()
 * unmounts it and checks that no page and no commit is left.
 */
#ifndef TESTS_HOST_SHIM_TREE_H
#define TESTS_HOST_SHIM_TREE_H

#include <abi/constants.h>
#include <abi/errno.h>
#include <fs/devfs.h>
#include <fs/tmpfs.h>
#include <kernel/log.h>
#include <kernel/vfs/vfs.h>
#include <tests/host/shim/shim.h>

#include <tests/host/check.h>

static uint64_t tree_pages_before, tree_committed_before;

static inline struct fs_context *tree_fs(void) { return shim_process.fs; }

static inline int tree_mkdir(const char *name) { return vfs_create(tree_fs(), NULL, name, S_IFDIR | 0755, 0); }
static inline int tree_touch(const char *name) { return vfs_create(tree_fs(), NULL, name, S_IFREG | 0644, 0); }
static inline int tree_unlink(const char *name) { return vfs_remove(tree_fs(), NULL, name, false); }
static inline int tree_rmdir(const char *name) { return vfs_remove(tree_fs(), NULL, name, true); }
static inline int tree_symlink(const char *target, const char *name) { return vfs_symlink(tree_fs(), target, NULL, name); }
static inline int tree_rename(const char *from, const char *to, uint32_t flags)
{
    return vfs_rename(tree_fs(), NULL, from, NULL, to, flags);
}

static inline int tree_link(const char *from, const char *to)
{
    struct path path;
    int error = path_walk(tree_fs(), NULL, from, 0, &path);
    if (error == 0) {
        error = vfs_link(tree_fs(), &path, NULL, to);
        path_put(&path);
    }
    return error;
}

/* 0 and the status, or the error of the walk. */
static inline int tree_stat(const char *name, bool follow, struct file_status *status)
{
    struct path path;
    int error = path_walk(tree_fs(), NULL, name, follow ? WALK_FOLLOW : 0, &path);
    if (error == 0) {
        inode_get_status(path_inode(&path), status);
        path_put(&path);
    }
    return error;
}

static inline int tree_error(const char *name)
{
    struct file_status status;
    return tree_stat(name, true, &status);
}

static inline long tree_links(const char *name)
{
    struct file_status status;
    int error = tree_stat(name, false, &status);
    return error != 0 ? error : (long)status.links;
}

static inline uint64_t tree_number(const char *name)
{
    struct file_status status;
    return tree_stat(name, false, &status) != 0 ? 0 : status.inode_number;
}

static inline int tree_open(const char *name, uint32_t flags, struct file **file)
{
    return vfs_open(tree_fs(), NULL, name, flags, 0644, file);
}

/* Only whether it can be opened. */
static inline int tree_open_error(const char *name, uint32_t flags)
{
    struct file *file;
    int error = tree_open(name, flags, &file);
    if (error == 0)
        file_put(file);
    return error;
}

static inline isize_t tree_write_at(struct file *file, const void *data, size_t size, file_off_t position)
{
    struct io io = io_from_kernel((void *)data, size);
    return file_write_at(file, &io, position);
}

static inline isize_t tree_read_at(struct file *file, void *data, size_t size, file_off_t position)
{
    struct io io = io_from_kernel(data, size);
    return file_read_at(file, &io, position);
}

static inline isize_t tree_write(struct file *file, const void *data, size_t size)
{
    struct io io = io_from_kernel((void *)data, size);
    return file_write(file, &io);
}

static inline isize_t tree_read(struct file *file, void *data, size_t size)
{
    struct io io = io_from_kernel(data, size);
    return file_read(file, &io);
}

/* Path of the working directory. */
static inline const char *tree_cwd(void)
{
    static char buffer[PATH_SIZE_MAX];
    struct path cwd, root;
    char *text = "";
    fs_context_get_cwd(tree_fs(), &cwd);
    fs_context_get_root(tree_fs(), &root);
    isize_t length = path_to_text(&cwd, &root, buffer, sizeof(buffer), &text, NULL);
    path_put(&cwd);
    path_put(&root);
    return length < 0 ? "?" : text;
}

static inline int tree_chdir(const char *name)
{
    struct path path;
    int error = path_walk(tree_fs(), NULL, name, WALK_FOLLOW, &path);
    if (error == 0) {
        error = fs_context_set_cwd(tree_fs(), &path);
        path_put(&path);
    }
    return error;
}

static inline void tree_boot(void)
{
    static bool booted;
    if (booted)
        return;
    booted = true;
    tmpfs_init();
    vfs_init();
    devfs_init();
    shim_process.fs = fs_context_create();
    if (tree_mkdir("/t") != 0)
        panic("test: no tree");
}

static inline void tree_start(void)
{
    struct path point;
    struct super *super;
    tree_boot();
    dentry_cache_shrink(0);
    tree_pages_before = shim_pages_used();
    tree_committed_before = shim_pages_committed();
    if (path_walk(tree_fs(), NULL, "/t", WALK_DIRECTORY, &point) != 0 ||
        tmpfs_create_super(&tmpfs_super_ops, 0, &super) != 0 || mount_add(super, &point, "test", 0) != 0)
        panic("test: cannot mount");
    path_put(&point);
    if (tree_chdir("/t") != 0)
        panic("test: cannot enter");
}

static inline void tree_end(void)
{
    struct path top;
    CHECK_EQUAL(tree_chdir("/"), 0);
    dentry_cache_shrink(0);
    CHECK_EQUAL(path_walk(tree_fs(), NULL, "/t", WALK_DIRECTORY, &top), 0);
    CHECK_EQUAL(mount_remove(&top, false), 0);
    path_put(&top);
    CHECK_EQUAL(shim_pages_used(), tree_pages_before);
    CHECK_EQUAL(shim_pages_committed(), tree_committed_before);
}

#endif

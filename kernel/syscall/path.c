/* Syscalls on names: create, remove, link, rename, read links, working directory, mounts. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/file_common.h>
#include <kernel/vfs/permission.h>
#include <lib/string.h>
#include <live/call.h>

/* --- creating and removing --------------------------------------------------------------- */

LOCAL int64_t path_create(int32_t directory, struct user_ptr path, uint32_t mode, uint32_t device)
{
    struct syscall_name name;
    int error = name_take(&name, directory, path);
    if (error != 0)
        return error;
    error = vfs_create(syscall_fs(), name.start, name.text, mode, device);
    name_release(&name);
    return error;
}

int64_t sys_mkdirat(int32_t directory, struct user_ptr path, uint32_t mode)
{
    return path_create(directory, path, S_IFDIR | (mode & 07777), 0);
}

int64_t sys_mkdir(struct user_ptr path, uint32_t mode)
{
    return sys_mkdirat(AT_FDCWD, path, mode);
}

int64_t sys_mknodat(int32_t directory, struct user_ptr path, uint32_t mode, uint32_t device)
{
    switch (mode & S_IFMT) {
    case 0: mode |= S_IFREG; break;
    case S_IFREG: case S_IFIFO: case S_IFSOCK: break;
    case S_IFCHR: case S_IFBLK:
        if (!credentials_is_superuser())
            return -EPERM;
        break;
    case S_IFDIR: return -EPERM;
    default: return -EINVAL;
    }
    return path_create(directory, path, mode, device);
}

int64_t sys_mknod(struct user_ptr path, uint32_t mode, uint32_t device)
{
    return sys_mknodat(AT_FDCWD, path, mode, device);
}

LOCAL int64_t path_remove(int32_t directory_fd, struct user_ptr path, bool directory)
{
    struct syscall_name name;
    int error = name_take(&name, directory_fd, path);
    if (error != 0)
        return error;
    error = vfs_remove(syscall_fs(), name.start, name.text, directory);
    name_release(&name);
    return error;
}

int64_t sys_unlink(struct user_ptr path) { return path_remove(AT_FDCWD, path, false); }
int64_t sys_rmdir(struct user_ptr path) { return path_remove(AT_FDCWD, path, true); }

int64_t sys_unlinkat(int32_t directory, struct user_ptr path, uint32_t flags)
{
    if ((flags & ~(uint32_t)AT_REMOVEDIR) != 0)
        return -EINVAL;
    return path_remove(directory, path, (flags & AT_REMOVEDIR) != 0);
}

/* --- links ------------------------------------------------------------------------------- */

int64_t sys_symlinkat(struct user_ptr target, int32_t directory, struct user_ptr path)
{
    struct syscall_name text, name;
    int error = name_take(&text, AT_FDCWD, target);
    if (error != 0)
        return error;
    error = name_take(&name, directory, path);
    if (error == 0) {
        error = vfs_symlink(syscall_fs(), text.text, name.start, name.text);
        name_release(&name);
    }
    name_release(&text);
    return error;
}

int64_t sys_symlink(struct user_ptr target, struct user_ptr path)
{
    return sys_symlinkat(target, AT_FDCWD, path);
}

int64_t sys_linkat(int32_t old_directory, struct user_ptr old, int32_t new_directory, struct user_ptr new,
                   uint32_t flags)
{
    struct syscall_object object;
    struct syscall_name name;
    if ((flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    uint32_t at_flags = (flags & AT_EMPTY_PATH) | ((flags & AT_SYMLINK_FOLLOW) ? 0 : AT_SYMLINK_NOFOLLOW);
    int error = object_find(&object, old_directory, old, at_flags);
    if (error != 0)
        return error;
    error = object.path.dentry == NULL ? -EXDEV : name_take(&name, new_directory, new);
    if (error == 0) {
        error = vfs_link(syscall_fs(), &object.path, name.start, name.text);
        name_release(&name);
    }
    object_release(&object);
    return error;
}

int64_t sys_link(struct user_ptr old, struct user_ptr new)
{
    return sys_linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

int64_t sys_readlinkat(int32_t directory, struct user_ptr path, struct user_ptr buffer, uint64_t size)
{
    struct syscall_object object;
    if (size == 0 || size > INT32_MAX)
        return -EINVAL;
    int error = object_find(&object, directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    if (error != 0)
        return error;
    char *text = kmalloc(PATH_SIZE_MAX);
    isize_t length = -ENOMEM;
    if (object.path.dentry == NULL)
        length = -EINVAL;
    else if (text != NULL)
        length = vfs_read_link(&object.path, text, MIN(size, PATH_SIZE_MAX));
    if (length == -EINVAL && name_is_empty(path))
        length = -ENOENT; /* "" means the descriptor only when that is a link */
    if (length > 0 && copy_to_user(buffer, text, (size_t)length) != 0)
        length = -EFAULT;
    kfree(text);
    object_release(&object);
    return length;
}

int64_t sys_readlink(struct user_ptr path, struct user_ptr buffer, uint64_t size)
{
    return sys_readlinkat(AT_FDCWD, path, buffer, size);
}

/* --- rename ------------------------------------------------------------------------------ */

int64_t sys_renameat2(int32_t old_directory, struct user_ptr old, int32_t new_directory, struct user_ptr new,
                      uint32_t flags)
{
    struct syscall_name from, to;
    int error = name_take(&from, old_directory, old);
    if (error != 0)
        return error;
    error = name_take(&to, new_directory, new);
    if (error == 0) {
        error = vfs_rename(syscall_fs(), from.start, from.text, to.start, to.text, flags);
        name_release(&to);
    }
    name_release(&from);
    return error;
}

int64_t sys_renameat(int32_t old_directory, struct user_ptr old, int32_t new_directory, struct user_ptr new)
{
    return sys_renameat2(old_directory, old, new_directory, new, 0);
}

int64_t sys_rename(struct user_ptr old, struct user_ptr new)
{
    return sys_renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}

/* --- working directory and root ---------------------------------------------------------- */

int64_t sys_getcwd(struct user_ptr buffer, uint64_t size)
{
    struct path cwd, root;
    char *text;
    bool removed = false;
    char *storage = kmalloc(PATH_SIZE_MAX);
    if (storage == NULL)
        return -ENOMEM;
    fs_context_get_cwd(syscall_fs(), &cwd);
    fs_context_get_root(syscall_fs(), &root);
    isize_t length = path_to_text(&cwd, &root, storage, PATH_SIZE_MAX, &text, &removed);
    path_put(&cwd);
    path_put(&root);
    if (length == -ERANGE)
        length = -ENAMETOOLONG;
    else if (length >= 0 && removed)
        length = -ENOENT;
    else if (length >= 0 && (uint64_t)length + 1 > size)
        length = -ERANGE;
    if (length >= 0)
        length = copy_to_user(buffer, text, (size_t)length + 1) != 0 ? -EFAULT : length + 1;
    kfree(storage);
    return length;
}

LOCAL int64_t path_set_place(struct syscall_object *object, int (*set)(struct fs_context *, const struct path *))
{
    int error = object->path.dentry == NULL ? -ENOTDIR : 0;
    if (error == 0 && inode_is_directory(object->inode))
        error = permission_check(object->inode, PERMISSION_EXECUTE);
    if (error == 0)
        error = set(syscall_fs(), &object->path);
    object_release(object);
    return error;
}

int64_t sys_chdir(struct user_ptr path)
{
    struct syscall_object object;
    int error = object_find(&object, AT_FDCWD, path, 0);
    return error != 0 ? error : path_set_place(&object, fs_context_set_cwd);
}

int64_t sys_fchdir(int32_t fd)
{
    struct syscall_object object;
    int error = object_of_fd(&object, fd);
    return error != 0 ? error : path_set_place(&object, fs_context_set_cwd);
}

int64_t sys_chroot(struct user_ptr path)
{
    struct syscall_object object;
    int error = object_find(&object, AT_FDCWD, path, 0);
    if (error == 0 && !credentials_is_superuser()) {
        object_release(&object);
        return -EPERM;
    }
    return error != 0 ? error : path_set_place(&object, fs_context_set_root);
}

int64_t sys_umask(uint32_t mask)
{
    return __atomic_exchange_n(&syscall_fs()->umask, mask & 0777, __ATOMIC_RELAXED);
}

/* --- mounts ------------------------------------------------------------------------------ */

#define MOUNT_KEPT_FLAGS ((uint32_t)(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME))

/* An optional string argument. */
LOCAL int mount_take_text(struct syscall_name *name, struct user_ptr pointer)
{
    if (!user_ptr_is_null(pointer))
        return name_take(name, AT_FDCWD, pointer);
    name->start = NULL;
    name->text = name->inline_text;
    name->text[0] = 0;
    return 0;
}

LOCAL int mount_new(const struct path *point, const char *source, const char *type_name, const char *options,
                    uint32_t flags)
{
    struct super *super;
    struct file_system *type = file_system_find(type_name);
    if (type == NULL)
        return -ENODEV;
    int error = LIVE_CALL(type->create, -EFAULT, source, options, &super);
    return error != 0 ? error : mount_add(super, point, source[0] == 0 ? "none" : source, flags & MOUNT_KEPT_FLAGS);
}

LOCAL int mount_change(const struct path *point, uint32_t flags)
{
    if (point->dentry != point->mount->root)
        return -EINVAL;
    __atomic_store_n(&point->mount->flags, flags & MOUNT_KEPT_FLAGS, __ATOMIC_RELAXED);
    return 0;
}

int64_t sys_mount(struct user_ptr source, struct user_ptr target, struct user_ptr type, uint64_t flags,
                  struct user_ptr data)
{
    struct syscall_name source_name, type_name, options;
    struct syscall_object point;
    if (flags & (MS_BIND | MS_MOVE | MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE))
        return -EINVAL;
    int error = object_find(&point, AT_FDCWD, target, 0);
    if (error != 0)
        return error;
    error = credentials_is_superuser() ? mount_take_text(&source_name, source) : -EPERM;
    if (error != 0)
        goto release_point;
    error = mount_take_text(&type_name, type);
    if (error != 0)
        goto release_source;
    error = mount_take_text(&options, data);
    if (error != 0)
        goto release_type;
    if (flags & MS_REMOUNT)
        error = mount_change(&point.path, (uint32_t)flags);
    else
        error = mount_new(&point.path, source_name.text, type_name.text, options.text, (uint32_t)flags);
    name_release(&options);
release_type:
    name_release(&type_name);
release_source:
    name_release(&source_name);
release_point:
    object_release(&point);
    return error;
}

int64_t sys_umount2(struct user_ptr target, uint32_t flags)
{
    struct syscall_object point;
    if ((flags & ~(uint32_t)(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW)) != 0)
        return -EINVAL;
    int error = object_find(&point, AT_FDCWD, target, (flags & UMOUNT_NOFOLLOW) ? AT_SYMLINK_NOFOLLOW : 0);
    if (error != 0)
        return error;
    error = credentials_is_superuser() ? mount_remove(&point.path, (flags & MNT_DETACH) != 0) : -EPERM;
    object_release(&point);
    return error;
}

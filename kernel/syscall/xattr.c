/*
 * Extended attributes (xattr(7)): no file system here has them. The calls check
 * that the file exists and say -EOPNOTSUPP, which programs that copy attributes
 * take as "nothing to copy"; -ENOSYS would end them.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/syscall/file_common.h>

/* The file must exist; attributes of it cannot. */
LOCAL int64_t xattr_refuse(struct syscall_object *object, int error)
{
    if (error != 0)
        return error;
    object_release(object);
    return -EOPNOTSUPP;
}

LOCAL int64_t xattr_refuse_at(struct user_ptr path, uint32_t flags)
{
    struct syscall_object object;
    return xattr_refuse(&object, object_find(&object, AT_FDCWD, path, flags));
}

LOCAL int64_t xattr_refuse_fd(int32_t fd)
{
    struct syscall_object object;
    return xattr_refuse(&object, object_of_fd(&object, fd));
}

int64_t sys_setxattr(struct user_ptr path, struct user_ptr name, struct user_ptr value, uint64_t size, uint32_t flags)
{
    return xattr_refuse_at(path, 0);
}

int64_t sys_lsetxattr(struct user_ptr path, struct user_ptr name, struct user_ptr value, uint64_t size,
                      uint32_t flags)
{
    return xattr_refuse_at(path, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fsetxattr(int32_t fd, struct user_ptr name, struct user_ptr value, uint64_t size, uint32_t flags)
{
    return xattr_refuse_fd(fd);
}

int64_t sys_getxattr(struct user_ptr path, struct user_ptr name, struct user_ptr value, uint64_t size)
{
    return xattr_refuse_at(path, 0);
}

int64_t sys_lgetxattr(struct user_ptr path, struct user_ptr name, struct user_ptr value, uint64_t size)
{
    return xattr_refuse_at(path, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fgetxattr(int32_t fd, struct user_ptr name, struct user_ptr value, uint64_t size)
{
    return xattr_refuse_fd(fd);
}

int64_t sys_listxattr(struct user_ptr path, struct user_ptr list, uint64_t size)
{
    return xattr_refuse_at(path, 0);
}

int64_t sys_llistxattr(struct user_ptr path, struct user_ptr list, uint64_t size)
{
    return xattr_refuse_at(path, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_flistxattr(int32_t fd, struct user_ptr list, uint64_t size)
{
    return xattr_refuse_fd(fd);
}

int64_t sys_removexattr(struct user_ptr path, struct user_ptr name)
{
    return xattr_refuse_at(path, 0);
}

int64_t sys_lremovexattr(struct user_ptr path, struct user_ptr name)
{
    return xattr_refuse_at(path, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fremovexattr(int32_t fd, struct user_ptr name)
{
    return xattr_refuse_fd(fd);
}

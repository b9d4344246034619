/*
 * Syscalls on attributes: stat and its kin, modes, owners, times, sizes by name,
 * access checks.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/file_common.h>
#include <kernel/time/time.h>
#include <kernel/vfs/permission.h>
#include <lib/string.h>
#include <live/call.h>

/* --- stat -------------------------------------------------------------------------------- */

LOCAL int attribute_put_stat(struct inode *inode, struct user_ptr result)
{
    struct file_status status;
    struct abi_stat out;
    inode_get_status(inode, &status);
    memset(&out, 0, sizeof(out));
    out.st_dev = status.device;
    out.st_ino = status.inode_number;
    out.st_nlink = status.links;
    out.st_mode = status.mode;
    out.st_uid = status.uid;
    out.st_gid = status.gid;
    out.st_rdev = status.special_device;
    out.st_size = (int64_t)status.size;
    out.st_blksize = status.block_size;
    out.st_blocks = (int64_t)status.blocks;
    out.st_atim = nanos_to_timespec(status.access_time);
    out.st_mtim = nanos_to_timespec(status.modify_time);
    out.st_ctim = nanos_to_timespec(status.change_time);
    return copy_to_user(result, &out, sizeof(out));
}

LOCAL int64_t attribute_stat_at(int32_t directory, struct user_ptr path, struct user_ptr result, uint32_t flags)
{
    struct syscall_object object;
    int error = object_find(&object, directory, path, flags);
    if (error != 0)
        return error;
    error = attribute_put_stat(object.inode, result);
    object_release(&object);
    return error;
}

int64_t sys_stat(struct user_ptr path, struct user_ptr result)
{
    return attribute_stat_at(AT_FDCWD, path, result, 0);
}

int64_t sys_lstat(struct user_ptr path, struct user_ptr result)
{
    return attribute_stat_at(AT_FDCWD, path, result, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_newfstatat(int32_t directory, struct user_ptr path, struct user_ptr result, uint32_t flags)
{
    if ((flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) != 0)
        return -EINVAL;
    return attribute_stat_at(directory, path, result, flags);
}

int64_t sys_fstat(int32_t fd, struct user_ptr result)
{
    struct syscall_object object;
    int error = object_of_fd(&object, fd);
    if (error != 0)
        return error;
    error = attribute_put_stat(object.inode, result);
    object_release(&object);
    return error;
}

LOCAL struct abi_statx_timestamp attribute_statx_time(nanos_t time)
{
    struct abi_timespec parts = nanos_to_timespec(time);
    struct abi_statx_timestamp result = { .tv_sec = parts.tv_sec, .tv_nsec = (uint32_t)parts.tv_nsec };
    return result;
}

LOCAL void attribute_fill_statx(const struct syscall_object *object, struct abi_statx *out)
{
    struct file_status status;
    inode_get_status(object->inode, &status);
    memset(out, 0, sizeof(*out));
    out->stx_mask = STATX_BASIC_STATS | STATX_BTIME;
    out->stx_blksize = status.block_size;
    out->stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
    if (object->path.dentry != NULL && object->path.dentry == object->path.mount->root)
        out->stx_attributes = STATX_ATTR_MOUNT_ROOT;
    out->stx_nlink = status.links;
    out->stx_uid = status.uid;
    out->stx_gid = status.gid;
    out->stx_mode = (uint16_t)status.mode;
    out->stx_ino = status.inode_number;
    out->stx_size = status.size;
    out->stx_blocks = status.blocks;
    out->stx_atime = attribute_statx_time(status.access_time);
    out->stx_btime = attribute_statx_time(status.birth_time);
    out->stx_ctime = attribute_statx_time(status.change_time);
    out->stx_mtime = attribute_statx_time(status.modify_time);
    out->stx_rdev_major = DEVICE_MAJOR(status.special_device);
    out->stx_rdev_minor = DEVICE_MINOR(status.special_device);
    out->stx_dev_major = DEVICE_MAJOR((uint32_t)status.device);
    out->stx_dev_minor = DEVICE_MINOR((uint32_t)status.device);
}

int64_t sys_statx(int32_t directory, struct user_ptr path, uint32_t flags, uint32_t mask, struct user_ptr result)
{
    struct syscall_object object;
    struct abi_statx out;
    if ((mask & STATX__RESERVED) != 0 || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
        (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) != 0)
        return -EINVAL;
    int error = object_find(&object, directory, path, flags);
    if (error != 0)
        return error;
    attribute_fill_statx(&object, &out);
    object_release(&object);
    return copy_to_user(result, &out, sizeof(out));
}

/* --- statfs ------------------------------------------------------------------------------ */

LOCAL int attribute_put_statfs(const struct syscall_object *object, struct user_ptr result)
{
    struct super *super = object->inode->super;
    struct super_status status;
    struct abi_statfs out;
    memset(&status, 0, sizeof(status));
    status.block_size = 4096;
    if (super->ops->status != NULL)
        LIVE_CALL(super->ops->status, 0, super, &status);
    memset(&out, 0, sizeof(out));
    out.f_type = (int64_t)status.magic;
    out.f_bsize = out.f_frsize = (int64_t)status.block_size;
    out.f_blocks = (int64_t)status.blocks;
    out.f_bfree = out.f_bavail = (int64_t)status.blocks_free;
    out.f_files = (int64_t)status.files;
    out.f_ffree = (int64_t)status.files_free;
    out.f_fsid[0] = (int32_t)super->device;
    out.f_namelen = NAME_LENGTH_MAX;
    out.f_flags = object->path.dentry == NULL ? 0 : object->path.mount->flags;
    return copy_to_user(result, &out, sizeof(out));
}

int64_t sys_statfs(struct user_ptr path, struct user_ptr result)
{
    struct syscall_object object;
    int error = object_find(&object, AT_FDCWD, path, 0);
    if (error != 0)
        return error;
    error = attribute_put_statfs(&object, result);
    object_release(&object);
    return error;
}

int64_t sys_fstatfs(int32_t fd, struct user_ptr result)
{
    struct syscall_object object;
    int error = object_of_fd(&object, fd);
    if (error != 0)
        return error;
    error = attribute_put_statfs(&object, result);
    object_release(&object);
    return error;
}

/* --- access ------------------------------------------------------------------------------ */

LOCAL int64_t attribute_access(int32_t directory, struct user_ptr path, uint32_t mode, uint32_t flags)
{
    struct syscall_object object;
    if ((mode & ~7U) != 0 || (flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    int error = object_find(&object, directory, path, flags);
    if (error != 0)
        return error;
    error = flags & AT_EACCESS ? permission_check(object.inode, mode) : permission_check_real(object.inode, mode);
    if (error == 0 && (mode & W_OK) && (inode_is_regular(object.inode) || inode_is_directory(object.inode)))
        error = object_check_writable(&object);
    object_release(&object);
    return error;
}

int64_t sys_access(struct user_ptr path, uint32_t mode)
{
    return attribute_access(AT_FDCWD, path, mode, 0);
}

int64_t sys_faccessat(int32_t directory, struct user_ptr path, uint32_t mode)
{
    return attribute_access(directory, path, mode, 0);
}

int64_t sys_faccessat2(int32_t directory, struct user_ptr path, uint32_t mode, uint32_t flags)
{
    return attribute_access(directory, path, mode, flags);
}

/* --- changing attributes ----------------------------------------------------------------- */

/* chmod(2), chown(2), utimensat(2): what the owner may, and what only the superuser may. 0, -EPERM or -EACCES. */
LOCAL int attribute_check_rights(const struct inode *inode, const struct inode_attributes *attributes)
{
    const struct credentials *c = credentials_current();
    if (permission_is_owner(inode)) {
        if (credentials_is_superuser())
            return 0;
        if ((attributes->set & SET_UID) && attributes->uid != inode->uid)
            return -EPERM;
        return (attributes->set & SET_GID) && !credentials_has_group(c, attributes->gid) ? -EPERM : 0;
    }
    if ((attributes->set & ~(SET_ACCESS_TIME | SET_MODIFY_TIME)) != 0 || !attributes->times_are_now)
        return -EPERM;
    return permission_check(inode, PERMISSION_WRITE);
}

/* Applies and releases the object; `error` is that of finding it. */
LOCAL int64_t attribute_apply(struct syscall_object *object, int error, const struct inode_attributes *attributes)
{
    if (error != 0)
        return error;
    error = object_check_writable(object);
    if (error == 0 && object->file != NULL && (object->file->flags & O_PATH))
        error = -EBADF;
    if (error == 0 && (attributes->set & SET_MODE) && inode_is_symlink(object->inode))
        error = -EOPNOTSUPP;
    if (error == 0)
        error = attribute_check_rights(object->inode, attributes);
    if (error == 0)
        error = inode_set_attributes(object->inode, attributes);
    object_release(object);
    return error;
}

int64_t sys_fchmodat(int32_t directory, struct user_ptr path, uint32_t mode)
{
    struct syscall_object object;
    struct inode_attributes attributes = { .set = SET_MODE, .mode = mode };
    return attribute_apply(&object, object_find(&object, directory, path, 0), &attributes);
}

int64_t sys_chmod(struct user_ptr path, uint32_t mode)
{
    return sys_fchmodat(AT_FDCWD, path, mode);
}

int64_t sys_fchmod(int32_t fd, uint32_t mode)
{
    struct syscall_object object;
    struct inode_attributes attributes = { .set = SET_MODE, .mode = mode };
    return attribute_apply(&object, object_of_fd(&object, fd), &attributes);
}

/* An id of -1 stays as it is. */
LOCAL struct inode_attributes attribute_owner(uint32_t user, uint32_t group)
{
    struct inode_attributes attributes = { .uid = user, .gid = group };
    attributes.set = (user == UINT32_MAX ? 0 : SET_UID) | (group == UINT32_MAX ? 0 : SET_GID);
    return attributes;
}

int64_t sys_fchownat(int32_t directory, struct user_ptr path, uint32_t user, uint32_t group, uint32_t flags)
{
    struct syscall_object object;
    struct inode_attributes attributes = attribute_owner(user, group);
    if ((flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    return attribute_apply(&object, object_find(&object, directory, path, flags), &attributes);
}

int64_t sys_chown(struct user_ptr path, uint32_t user, uint32_t group)
{
    return sys_fchownat(AT_FDCWD, path, user, group, 0);
}

int64_t sys_lchown(struct user_ptr path, uint32_t user, uint32_t group)
{
    return sys_fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchown(int32_t fd, uint32_t user, uint32_t group)
{
    struct syscall_object object;
    struct inode_attributes attributes = attribute_owner(user, group);
    return attribute_apply(&object, object_of_fd(&object, fd), &attributes);
}

/* --- times ------------------------------------------------------------------------------- */

/* One of the two times of utimensat(2) into *value; *set gets `bit` unless it is to stay. */
LOCAL int attribute_take_time(const struct abi_timespec *time, uint32_t bit, uint32_t *set, nanos_t *value)
{
    if (time->tv_nsec == UTIME_OMIT)
        return 0;
    *set |= bit;
    if (time->tv_nsec == UTIME_NOW) {
        *value = clock_realtime();
        return 0;
    }
    if (time->tv_nsec < 0 || time->tv_nsec >= NANOS_PER_SECOND)
        return -EINVAL;
    if (__builtin_mul_overflow(time->tv_sec, NANOS_PER_SECOND, value) ||
        __builtin_add_overflow(*value, time->tv_nsec, value))
        *value = time->tv_sec < 0 ? INT64_MIN : INT64_MAX; /* nanos_t ends in the years 1677 and 2262 */
    return 0;
}

LOCAL int attribute_take_times(const struct abi_timespec times[2], struct inode_attributes *attributes)
{
    memset(attributes, 0, sizeof(*attributes));
    int error = attribute_take_time(&times[0], SET_ACCESS_TIME, &attributes->set, &attributes->access_time);
    if (error == 0)
        error = attribute_take_time(&times[1], SET_MODIFY_TIME, &attributes->set, &attributes->modify_time);
    attributes->times_are_now = times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW;
    return error;
}

int64_t sys_utimensat(int32_t directory, struct user_ptr path, struct user_ptr pointer, uint32_t flags)
{
    struct syscall_object object;
    struct inode_attributes attributes;
    struct abi_timespec times[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
    if ((flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
        return -EINVAL;
    if (!user_ptr_is_null(pointer) && copy_from_user(times, pointer, sizeof(times)) != 0)
        return -EFAULT;
    int error = attribute_take_times(times, &attributes);
    if (error != 0)
        return error;
    if (attributes.set == 0)
        return 0;
    /* futimens(3): without a path it is the descriptor's file. */
    if (user_ptr_is_null(path))
        error = directory == AT_FDCWD ? -EFAULT : object_of_fd(&object, directory);
    else
        error = object_find(&object, directory, path, flags);
    return attribute_apply(&object, error, &attributes);
}

/* struct timeval[2] as two timespecs; NULL: now. */
LOCAL int attribute_take_timevals(struct user_ptr pointer, struct abi_timespec times[2])
{
    struct abi_timeval values[2];
    times[0].tv_nsec = times[1].tv_nsec = UTIME_NOW;
    if (user_ptr_is_null(pointer))
        return 0;
    if (copy_from_user(values, pointer, sizeof(values)) != 0)
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (values[i].tv_usec < 0 || values[i].tv_usec >= 1000000)
            return -EINVAL;
        times[i].tv_sec = values[i].tv_sec;
        times[i].tv_nsec = values[i].tv_usec * NANOS_PER_MICROSECOND;
    }
    return 0;
}

int64_t sys_futimesat(int32_t directory, struct user_ptr path, struct user_ptr pointer)
{
    struct syscall_object object;
    struct inode_attributes attributes;
    struct abi_timespec times[2];
    int error = attribute_take_timevals(pointer, times);
    if (error == 0)
        error = attribute_take_times(times, &attributes);
    if (error != 0)
        return error;
    if (user_ptr_is_null(path) && directory != AT_FDCWD)
        return attribute_apply(&object, object_of_fd(&object, directory), &attributes);
    return attribute_apply(&object, object_find(&object, directory, path, 0), &attributes);
}

int64_t sys_utimes(struct user_ptr path, struct user_ptr times)
{
    return sys_futimesat(AT_FDCWD, path, times);
}

int64_t sys_utime(struct user_ptr path, struct user_ptr pointer)
{
    struct syscall_object object;
    struct inode_attributes attributes;
    struct abi_timespec times[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
    struct abi_utimbuf values;
    if (!user_ptr_is_null(pointer)) {
        if (copy_from_user(&values, pointer, sizeof(values)) != 0)
            return -EFAULT;
        times[0] = (struct abi_timespec){ values.actime, 0 };
        times[1] = (struct abi_timespec){ values.modtime, 0 };
    }
    int error = attribute_take_times(times, &attributes);
    return error != 0 ? error : attribute_apply(&object, object_find(&object, AT_FDCWD, path, 0), &attributes);
}

int64_t sys_truncate(struct user_ptr path, int64_t size)
{
    struct syscall_object object;
    if (size < 0)
        return -EINVAL;
    int error = object_find(&object, AT_FDCWD, path, 0);
    if (error != 0)
        return error;
    error = object_check_writable(&object);
    if (error == 0)
        error = permission_check(object.inode, PERMISSION_WRITE);
    if (error == 0)
        error = size_limit_check(object.inode, (uint64_t)size);
    if (error == 0)
        error = inode_truncate(object.inode, (uint64_t)size);
    object_release(&object);
    return error;
}

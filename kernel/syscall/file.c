/*
 * Syscalls that make, duplicate and control descriptors. What moves bytes is in
 * transfer.c, names in path.c, attributes in attribute.c, waiting in poll.c.
 *
 * Left out: leases, O_ASYNC.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <fs/pipe.h>
#include <fs/tmpfs.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/file_common.h>
#include <kernel/vfs/fdtable.h>
#include <kernel/vfs/lock.h>
#include <kernel/vfs/record_lock.h>
#include <live/call.h>

/* --- open and close ---------------------------------------------------------------------- */

LOCAL int64_t file_open_at(int32_t directory, struct user_ptr path, uint32_t flags, uint32_t mode)
{
    struct syscall_name name;
    struct file *file;
    int error = name_take(&name, directory, path);
    if (error != 0)
        return error;
    error = vfs_open(syscall_fs(), name.start, name.text, flags & ~(uint32_t)O_LARGEFILE, mode, &file);
    name_release(&name);
    if (error != 0)
        return error;
    file->flags |= (flags & O_PATH) ? 0 : O_LARGEFILE; /* what F_GETFL shows of files that were opened by name */
    return syscall_install(file, flags);
}

int64_t sys_open(struct user_ptr path, uint32_t flags, uint32_t mode)
{
    return file_open_at(AT_FDCWD, path, flags, mode);
}

int64_t sys_openat(int32_t directory, struct user_ptr path, uint32_t flags, uint32_t mode)
{
    return file_open_at(directory, path, flags, mode);
}

int64_t sys_creat(struct user_ptr path, uint32_t mode)
{
    return file_open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* Without the restrictions of `resolve`: a caller that asks for one must not think that it has it. */
int64_t sys_openat2(int32_t directory, struct user_ptr path, struct user_ptr how_pointer, uint64_t size)
{
    struct abi_open_how how;
    if (size < sizeof(how))
        return -EINVAL;
    if (size > sizeof(how))
        return -E2BIG;
    if (copy_from_user(&how, how_pointer, sizeof(how)) != 0)
        return -EFAULT;
    if (how.resolve != 0)
        return -EOPNOTSUPP;
    bool creates = (how.flags & O_CREAT) || (how.flags & O_TMPFILE) == O_TMPFILE;
    if (how.flags > UINT32_MAX || (how.mode & ~07777ULL) != 0 || (how.mode != 0 && !creates))
        return -EINVAL;
    return file_open_at(directory, path, (uint32_t)how.flags, (uint32_t)how.mode);
}

int64_t sys_close(int32_t fd)
{
    return file_table_close(process_current()->files, fd);
}

int64_t sys_close_range(uint32_t first, uint32_t last, uint32_t flags)
{
    if (first > last || (flags & ~(uint32_t)CLOSE_RANGE_CLOEXEC) != 0)
        return -EINVAL;
    file_table_close_range(process_current()->files, first, last, (flags & CLOSE_RANGE_CLOEXEC) != 0);
    return 0;
}

int64_t sys_memfd_create(struct user_ptr name, uint32_t flags)
{
    char text[NAME_LENGTH_MAX];
    struct inode *inode;
    struct file *file;
    isize_t length = copy_string_from_user(text, name, sizeof(text));
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    if ((flags & ~(uint32_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING)) != 0)
        return -EINVAL;
    int error = tmpfs_create_unnamed(0777, &inode);
    if (error != 0)
        return error == -ENOSPC ? -ENOMEM : error;
    if (flags & MFD_ALLOW_SEALING)
        inode->seals = 0;
    error = vfs_open_inode(inode, inode->file_ops, O_RDWR, NULL, &file);
    if (error != 0)
        return error;
    file->is_stream = false;
    return syscall_install(file, (flags & MFD_CLOEXEC) ? O_CLOEXEC : 0);
}

/* --- duplicates and flags ---------------------------------------------------------------- */

LOCAL int64_t file_duplicate(int32_t old, int minimum, uint32_t flags)
{
    struct file *file = syscall_file(old);
    if (file == NULL)
        return -EBADF;
    int limit = syscall_descriptor_limit();
    int fd = limit > 0 ? file_table_add_below(process_current()->files, file, minimum, limit, flags) : -EMFILE;
    file_put(file);
    return fd;
}

LOCAL int64_t file_duplicate_to(int32_t old, int32_t new, uint32_t flags)
{
    struct file *file = syscall_file(old);
    if (file == NULL)
        return -EBADF;
    int fd = new < syscall_descriptor_limit() ? file_table_set(process_current()->files, file, new, flags) : -EBADF;
    file_put(file);
    return fd;
}

int64_t sys_dup(int32_t fd)
{
    return file_duplicate(fd, 0, 0);
}

int64_t sys_dup2(int32_t old, int32_t new)
{
    if (old == new)
        return file_table_get_flags(process_current()->files, old) < 0 ? -EBADF : new;
    return file_duplicate_to(old, new, 0);
}

int64_t sys_dup3(int32_t old, int32_t new, uint32_t flags)
{
    if (old == new || (flags & ~(uint32_t)O_CLOEXEC) != 0)
        return -EINVAL;
    return file_duplicate_to(old, new, flags);
}

/* Of the status flags only these can be changed (fcntl(2)). */
#define FLAGS_CHANGEABLE ((uint32_t)(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC))

LOCAL void file_change_flags(struct file *file, uint32_t mask, uint32_t flags)
{
    mutex_lock(&file->lock);
    file->flags = (file->flags & ~mask) | (flags & mask);
    mutex_unlock(&file->lock);
}

/* The range of bytes that l_whence, l_start and l_len mean. 0, -EINVAL or -EOVERFLOW. */
LOCAL int file_lock_range(struct file *file, const struct abi_flock *lock, struct record_range *range)
{
    int64_t base = lock->l_whence == SEEK_CUR ? file->position : lock->l_whence == SEEK_END ? (int64_t)file->inode->size : 0;
    int64_t first, last;
    if (lock->l_whence != SEEK_SET && lock->l_whence != SEEK_CUR && lock->l_whence != SEEK_END)
        return -EINVAL;
    if (__builtin_add_overflow(base, lock->l_start, &first))
        return -EOVERFLOW;
    if (lock->l_len > 0 && __builtin_add_overflow(first, lock->l_len - 1, &last))
        return -EOVERFLOW;
    if (lock->l_len == 0)
        last = INT64_MAX;
    if (lock->l_len < 0) { /* the bytes before l_start */
        last = first - 1;
        first += lock->l_len;
    }
    if (first < 0)
        return -EINVAL;
    range->first = (uint64_t)first;
    range->last = (uint64_t)last;
    return 0;
}

LOCAL int64_t file_record_lock(struct file *file, int32_t command, struct user_ptr pointer)
{
    struct process *process = process_current();
    struct abi_flock lock;
    if (copy_from_user(&lock, pointer, sizeof(lock)) != 0)
        return -EFAULT;
    bool by_file = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool asks = command == F_GETLK || command == F_OFD_GETLK;
    if (by_file && lock.l_pid != 0)
        return -EINVAL;
    struct record_range range = { .owner = by_file ? (const void *)file : process->files, .pid = by_file ? -1 : process->id };
    switch (lock.l_type) {
    case F_RDLCK: range.type = RECORD_SHARED; break;
    case F_WRLCK: range.type = RECORD_EXCLUSIVE; break;
    case F_UNLCK: range.type = RECORD_UNLOCKED; break;
    default: return -EINVAL;
    }
    int error = asks && range.type == RECORD_UNLOCKED ? -EINVAL : file_lock_range(file, &lock, &range);
    if (error != 0)
        return error;
    if (!asks) {
        if ((range.type == RECORD_SHARED && !file_is_readable(file))
            || (range.type == RECORD_EXCLUSIVE && !file_is_writable(file)))
            return -EBADF;
        return record_lock_set(file->inode, &range, command == F_SETLKW || command == F_OFD_SETLKW);
    }
    record_lock_find(file->inode, &range);
    if (range.type == RECORD_UNLOCKED) {
        lock.l_type = F_UNLCK;
    } else {
        lock.l_type = range.type == RECORD_SHARED ? F_RDLCK : F_WRLCK;
        lock.l_whence = SEEK_SET;
        lock.l_start = (int64_t)range.first;
        lock.l_len = range.last == INT64_MAX ? 0 : (int64_t)(range.last - range.first + 1);
        lock.l_pid = range.pid;
    }
    return copy_to_user(pointer, &lock, sizeof(lock));
}

LOCAL int64_t file_control(int32_t fd, struct file *file, int32_t command, uint64_t argument)
{
    struct file_table *table = process_current()->files;
    switch (command) {
    case F_GETFD: {
        int flags = file_table_get_flags(table, fd);
        return flags < 0 ? flags : (flags & O_CLOEXEC) ? FD_CLOEXEC : 0;
    }
    case F_SETFD: return file_table_set_flags(table, fd, (argument & FD_CLOEXEC) ? O_CLOEXEC : 0);
    case F_GETFL: return file->flags;
    case F_SETFL: file_change_flags(file, FLAGS_CHANGEABLE, (uint32_t)argument); return 0;
    case F_GETLK:
    case F_OFD_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: return file_record_lock(file, command, user_ptr_from(argument));
    case F_GETOWN: return 0;
    case F_GET_SEALS: return file->inode->seals == INODE_CANNOT_BE_SEALED ? -EINVAL : (int64_t)file->inode->seals;
    case F_ADD_SEALS:
        if (file->inode->seals != INODE_CANNOT_BE_SEALED && !file_is_writable(file))
            return -EPERM;
        return argument > UINT32_MAX ? -EINVAL : inode_add_seals(file->inode, (uint32_t)argument);
    case F_GETPIPE_SZ: return pipe_get_capacity(file);
    case F_SETPIPE_SZ: return pipe_set_capacity(file, argument);
    default: return -EINVAL;
    }
}

int64_t sys_fcntl(int32_t fd, int32_t command, uint64_t argument)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result;
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        result = argument >= (uint64_t)syscall_descriptor_limit()
                     ? -EINVAL
                     : file_duplicate(fd, (int)argument, command == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0);
    else if ((file->flags & O_PATH) && command != F_GETFD && command != F_SETFD && command != F_GETFL)
        result = -EBADF;
    else
        result = file_control(fd, file, command, argument);
    file_put(file);
    return result;
}

int64_t sys_flock(int32_t fd, int32_t operation)
{
    enum file_lock_kind kind;
    if (operation & LOCK_MAND)
        return 0; /* accepted and without effect, as in Linux since 5.15 */
    switch (operation & ~LOCK_NB) {
    case LOCK_SH: kind = FILE_LOCK_SHARED; break;
    case LOCK_EX: kind = FILE_LOCK_EXCLUSIVE; break;
    case LOCK_UN: kind = FILE_LOCK_NONE; break;
    default: return -EINVAL;
    }
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int error = file_lock(file, kind, !(operation & LOCK_NB));
    file_put(file);
    return error;
}

/* --- ioctl ------------------------------------------------------------------------------- */

/* FIONBIO and FIOASYNC take a pointer to an int. */
LOCAL int64_t file_ioctl_set_flag(struct file *file, uint32_t flag, uint64_t argument)
{
    uint32_t on;
    if (get_user_u32(&on, user_ptr_from(argument)) != 0)
        return -EFAULT;
    file_change_flags(file, flag, on ? flag : 0);
    return 0;
}

LOCAL int64_t file_ioctl_readable(struct file *file, uint64_t argument)
{
    int64_t left = MAX((int64_t)file->inode->size - file->position, 0);
    return put_user_u32(user_ptr_from(argument), (uint32_t)MIN(left, INT32_MAX));
}

int64_t sys_ioctl(int32_t fd, uint32_t request, uint64_t argument)
{
    struct file_table *table = process_current()->files;
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (request == FIOCLEX || request == FIONCLEX)
        result = file_table_set_flags(table, fd, request == FIOCLEX ? O_CLOEXEC : 0);
    else if (request == FIONBIO)
        result = file_ioctl_set_flag(file, O_NONBLOCK, argument);
    else if (request == FIOASYNC)
        result = file_ioctl_set_flag(file, FASYNC, argument);
    else if (file->ops->ioctl != NULL)
        result = LIVE_CALL(file->ops->ioctl, -EFAULT, file, request, argument);
    else if (request == FIONREAD && inode_is_regular(file->inode))
        result = file_ioctl_readable(file, argument);
    else
        result = -ENOTTY;
    file_put(file);
    return result;
}

/* --- pipes ------------------------------------------------------------------------------- */

int64_t sys_pipe2(struct user_ptr fds, uint32_t flags)
{
    struct file_table *table = process_current()->files;
    struct file *reader, *writer;
    int32_t numbers[2];
    if ((flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)) != 0)
        return -EINVAL;
    int error = pipe_create(flags & O_NONBLOCK, &reader, &writer);
    if (error != 0)
        return error;
    numbers[0] = (int32_t)syscall_install(reader, flags);
    numbers[1] = (int32_t)syscall_install(writer, flags);
    error = numbers[0] < 0 ? numbers[0] : numbers[1] < 0 ? numbers[1] : copy_to_user(fds, numbers, sizeof(numbers));
    if (error != 0)
        for (int i = 0; i < 2; i++)
            if (numbers[i] >= 0)
                file_table_close(table, numbers[i]);
    return error;
}

int64_t sys_pipe(struct user_ptr fds)
{
    return sys_pipe2(fds, 0);
}

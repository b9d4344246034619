/* Help for the file syscalls. See file_common.h. */
#include <kernel/syscall/file_common.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <kernel/proc/signal.h>
#include <kernel/time/time.h>
#include <kernel/vfs/fdtable.h>

struct file *syscall_file(int32_t fd)
{
    return file_table_get(process_current()->files, fd);
}

struct fs_context *syscall_fs(void)
{
    return process_current()->fs;
}

int syscall_descriptor_limit(void)
{
    return (int)MIN(process_limit(RLIMIT_NOFILE), (uint64_t)FILE_TABLE_LIMIT);
}

int64_t syscall_install(struct file *file, uint32_t flags)
{
    int limit = syscall_descriptor_limit();
    int fd = limit > 0 ? file_table_add_below(process_current()->files, file, 0, limit, flags) : -EMFILE;
    file_put(file);
    return fd;
}

/* --- RLIMIT_FSIZE ------------------------------------------------------------------------ */

void size_limit_write(struct io *io)
{
    io->limit = process_limit(RLIMIT_FSIZE);
}

int64_t size_limit_result(int64_t result)
{
    if (result == -EFBIG && process_limit(RLIMIT_FSIZE) != RLIM64_INFINITY)
        signal_send_thread(thread_current(), SIGXFSZ);
    return result;
}

int size_limit_check(const struct inode *inode, uint64_t size)
{
    if (size <= inode->size || size <= process_limit(RLIMIT_FSIZE) || !inode_is_regular(inode))
        return 0;
    return (int)size_limit_result(-EFBIG);
}

/* --- names ------------------------------------------------------------------------------- */

LOCAL int name_take_text(struct syscall_name *name, struct user_ptr path)
{
    name->text = name->inline_text;
    isize_t length = copy_string_from_user(name->inline_text, path, sizeof(name->inline_text));
    if (length != -ENAMETOOLONG)
        return length < 0 ? (int)length : 0;
    name->text = kmalloc(PATH_SIZE_MAX);
    if (name->text == NULL)
        return -ENOMEM;
    length = copy_string_from_user(name->text, path, PATH_SIZE_MAX);
    if (length >= 0)
        return 0;
    kfree(name->text);
    return (int)length;
}

int name_take(struct syscall_name *name, int32_t directory, struct user_ptr path)
{
    name->start = NULL;
    int error = name_take_text(name, path);
    if (error != 0)
        return error;
    if (directory == AT_FDCWD || name->text[0] == '/')
        return 0;
    struct file *file = syscall_file(directory);
    if (file == NULL) {
        error = -EBADF;
    } else if (file->dentry == NULL || (!inode_is_directory(file->inode) && name->text[0] != 0)) {
        error = -ENOTDIR;
    } else {
        name->start_storage.mount = file->mount;
        name->start_storage.dentry = file->dentry;
        path_get(&name->start_storage);
        name->start = &name->start_storage;
    }
    if (file != NULL)
        file_put(file);
    if (error != 0)
        name_release(name);
    return error;
}

void name_release(struct syscall_name *name)
{
    if (name->start != NULL)
        path_put(name->start);
    if (name->text != name->inline_text)
        kfree(name->text);
}

bool name_is_empty(struct user_ptr path)
{
    char first;
    return copy_from_user(&first, path, 1) == 0 && first == 0;
}

int object_of_fd(struct syscall_object *object, int32_t fd)
{
    object->file = syscall_file(fd);
    if (object->file == NULL)
        return -EBADF;
    object->inode = object->file->inode;
    object->path.mount = object->file->mount;
    object->path.dentry = object->file->dentry;
    path_get(&object->path);
    return 0;
}

/* "" with AT_EMPTY_PATH: the descriptor itself, or the working directory. */
LOCAL int object_find_empty(struct syscall_object *object, int32_t directory)
{
    if (directory != AT_FDCWD)
        return object_of_fd(object, directory);
    object->file = NULL;
    fs_context_get_cwd(syscall_fs(), &object->path);
    object->inode = path_inode(&object->path);
    return 0;
}

int object_find(struct syscall_object *object, int32_t directory, struct user_ptr path, uint32_t at_flags)
{
    struct syscall_name name;
    if ((at_flags & AT_EMPTY_PATH) && name_is_empty(path))
        return object_find_empty(object, directory);
    int error = name_take(&name, directory, path);
    if (error != 0)
        return error;
    object->file = NULL;
    error = path_walk(syscall_fs(), name.start, name.text, (at_flags & AT_SYMLINK_NOFOLLOW) ? 0 : WALK_FOLLOW,
                      &object->path);
    if (error == 0)
        object->inode = path_inode(&object->path);
    name_release(&name);
    return error;
}

void object_release(struct syscall_object *object)
{
    path_put(&object->path);
    if (object->file != NULL)
        file_put(object->file);
}

int object_check_writable(const struct syscall_object *object)
{
    return object->path.dentry != NULL && (object->path.mount->flags & MS_RDONLY) ? -EROFS : 0;
}

/* --- vectors ----------------------------------------------------------------------------- */

int vector_take(struct syscall_vector *vector, struct user_ptr parts, uint64_t count)
{
    if (count > UIO_MAXIOV)
        return -EINVAL;
    vector->count = (uint32_t)count;
    vector->total = 0;
    vector->parts = vector->inline_parts;
    if (count > VECTOR_INLINE) {
        vector->parts = kmalloc(count * sizeof(*vector->parts));
        if (vector->parts == NULL)
            return -ENOMEM;
    }
    int error = copy_from_user(vector->parts, parts, count * sizeof(*vector->parts));
    for (uint32_t i = 0; i < vector->count && error == 0; i++) {
        if (vector->parts[i].iov_len > INT64_MAX)
            error = -EINVAL;
        else /* what exceeds the most that one call moves is cut off */
            vector->parts[i].iov_len = MIN(vector->parts[i].iov_len, TRANSFER_MAX - vector->total);
        vector->total += vector->parts[i].iov_len;
    }
    if (error != 0)
        vector_release(vector);
    return error;
}

void vector_release(struct syscall_vector *vector)
{
    if (vector->parts != vector->inline_parts)
        kfree(vector->parts);
}

int vector_copy_in(const struct syscall_vector *vector, void *buffer, size_t size)
{
    size_t done = 0;
    for (uint32_t i = 0; i < vector->count && done < size; i++) {
        size_t piece = MIN(vector->parts[i].iov_len, size - done);
        if (copy_from_user((char *)buffer + done, vector->parts[i].iov_base, piece) != 0)
            return -EFAULT;
        done += piece;
    }
    return 0;
}

int vector_copy_out(const struct syscall_vector *vector, const void *buffer, size_t size)
{
    size_t done = 0;
    for (uint32_t i = 0; i < vector->count && done < size; i++) {
        size_t piece = MIN(vector->parts[i].iov_len, size - done);
        if (copy_to_user(vector->parts[i].iov_base, (const char *)buffer + done, piece) != 0)
            return -EFAULT;
        done += piece;
    }
    return 0;
}

/* --- times ------------------------------------------------------------------------------- */

int nanos_from_timespec(const struct abi_timespec *time, nanos_t *out)
{
    if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= NANOS_PER_SECOND)
        return -EINVAL;
    if (__builtin_mul_overflow(time->tv_sec, NANOS_PER_SECOND, out) ||
        __builtin_add_overflow(*out, time->tv_nsec, out))
        *out = INT64_MAX;
    return 0;
}

struct abi_timespec nanos_to_timespec(nanos_t time)
{
    struct abi_timespec result = { time / NANOS_PER_SECOND, time % NANOS_PER_SECOND };
    if (result.tv_nsec < 0) { /* before 1970 */
        result.tv_nsec += NANOS_PER_SECOND;
        result.tv_sec--;
    }
    return result;
}

nanos_t deadline_after(nanos_t timeout)
{
    nanos_t deadline;
    struct thread *me = thread_current();
    if (timeout < 0)
        return WAIT_FOREVER;
    if (me->restarted) /* a call that was interrupted without a handler, by a stop for instance, goes on */
        return me->restart_deadline;
    if (__builtin_add_overflow(clock_monotonic(), timeout, &deadline))
        return WAIT_FOREVER;
    me->restart_deadline = deadline;
    return deadline;
}

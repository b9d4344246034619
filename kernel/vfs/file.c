/*
 * Open files and transfers. See file.h.
 */
#include <kernel/vfs/file.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/directory.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/private.h>
#include <kernel/vfs/record_lock.h>
#include <lib/string.h>
#include <live/call.h>

static struct object_cache *file_objects;

void file_init(void)
{
    file_objects = object_cache_create("file", sizeof(struct file), _Alignof(struct file));
    if (file_objects == NULL)
        panic("vfs: no memory for open files");
}

/* --- transfers --------------------------------------------------------------------------- */

struct io io_from_kernel(void *buffer, size_t size)
{
    struct io io = { .from_kernel = true, .kernel = buffer, .size = size, .limit = UINT64_MAX };
    return io;
}

struct io io_from_user(struct user_ptr buffer, size_t size)
{
    struct io io = { .from_kernel = false, .user = buffer, .size = size, .limit = UINT64_MAX };
    return io;
}

int io_put(struct io *io, const void *data, size_t size)
{
    KASSERT(size <= io_remaining(io));
    if (io->from_kernel)
        memcpy(io->kernel + io->done, data, size);
    else if (copy_to_user(user_ptr_offset(io->user, io->done), data, size) != 0)
        return -EFAULT;
    io->done += size;
    return 0;
}

int io_get(struct io *io, void *data, size_t size)
{
    KASSERT(size <= io_remaining(io));
    if (io->from_kernel)
        memcpy(data, io->kernel + io->done, size);
    else if (copy_from_user(data, user_ptr_offset(io->user, io->done), size) != 0)
        return -EFAULT;
    io->done += size;
    return 0;
}

int io_get_line(struct io *io, char *line, size_t size)
{
    size_t length = io_remaining(io);
    if (length == 0 || length >= size)
        return -EINVAL;
    int error = io_get(io, line, length);
    if (error == 0)
        line[line[length - 1] == '\n' ? length - 1 : length] = '\0';
    return error;
}

int io_put_zeroes(struct io *io, size_t size)
{
    KASSERT(size <= io_remaining(io));
    if (io->from_kernel)
        memset(io->kernel + io->done, 0, size);
    else if (clear_user(user_ptr_offset(io->user, io->done), size) != 0)
        return -EFAULT;
    io->done += size;
    return 0;
}

/* --- files ------------------------------------------------------------------------------- */

struct file *file_create(struct inode *inode, const struct file_ops *ops, uint32_t flags)
{
    struct file *file = object_alloc_zeroed(file_objects);
    if (file == NULL)
        return NULL;
    file->references = 1;
    file->flags = flags;
    file->ops = ops;
    file->inode = inode_get(inode);
    mutex_init(&file->lock, "file", LOCK_RANK_FILE);
    list_init(&file->epoll_links);
    return file;
}

void file_discard(struct file *file)
{
    struct path path = { file->mount, file->dentry };
    struct inode *inode = file->inode;
    object_free(file_objects, file);
    path_put(&path);
    inode_put(inode);
}

struct file *file_get(struct file *file)
{
    __atomic_add_fetch(&file->references, 1, __ATOMIC_RELAXED);
    return file;
}

void file_put(struct file *file)
{
    uint32_t left = __atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL);
    KASSERT(left != UINT32_MAX);
    if (left != 0)
        return;
    poll_release(file);
    file_lock_release(file);
    record_lock_release(file->inode, file);
    if (file->ops->release != NULL)
        LIVE_CALL(file->ops->release, 0, file);
    file_discard(file);
}

bool file_is_readable(const struct file *file)
{
    return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != O_WRONLY;
}

bool file_is_writable(const struct file *file)
{
    return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != O_RDONLY;
}

LOCAL int file_check_read(const struct file *file)
{
    if (!file_is_readable(file))
        return -EBADF;
    if (file->ops->read == NULL)
        return inode_is_directory(file->inode) ? -EISDIR : -EINVAL;
    return 0;
}

LOCAL int file_check_write(const struct file *file)
{
    if (!file_is_writable(file))
        return -EBADF;
    return file->ops->write == NULL ? -EINVAL : 0;
}

isize_t file_read(struct file *file, struct io *io)
{
    isize_t result = file_check_read(file);
    if (result != 0)
        return result;
    if (file->is_stream) {
        file_off_t ignored = 0;
        return LIVE_CALL(file->ops->read, -EFAULT, file, io, &ignored);
    }
    mutex_lock(&file->lock);
    result = LIVE_CALL(file->ops->read, -EFAULT, file, io, &file->position);
    mutex_unlock(&file->lock);
    return result;
}

isize_t file_write(struct file *file, struct io *io)
{
    isize_t result = file_check_write(file);
    if (result != 0)
        return result;
    if (file->is_stream) {
        file_off_t ignored = 0;
        return LIVE_CALL(file->ops->write, -EFAULT, file, io, &ignored);
    }
    mutex_lock(&file->lock);
    result = LIVE_CALL(file->ops->write, -EFAULT, file, io, &file->position);
    mutex_unlock(&file->lock);
    return result;
}

isize_t file_read_at(struct file *file, struct io *io, file_off_t position)
{
    if (position < 0)
        return -EINVAL;
    if (file->is_stream)
        return -ESPIPE;
    int error = file_check_read(file);
    return error != 0 ? error : LIVE_CALL(file->ops->read, -EFAULT, file, io, &position);
}

isize_t file_write_at(struct file *file, struct io *io, file_off_t position)
{
    if (position < 0)
        return -EINVAL;
    if (file->is_stream)
        return -ESPIPE;
    int error = file_check_write(file);
    return error != 0 ? error : LIVE_CALL(file->ops->write, -EFAULT, file, io, &position);
}

isize_t file_seek_generic(struct file *file, file_off_t offset, int whence)
{
    file_off_t base;
    if (inode_is_directory(file->inode) && whence != SEEK_SET && whence != SEEK_CUR)
        return -EINVAL; /* positions in it are the file system's own */
    switch (whence) {
    case SEEK_SET: base = 0; break;
    case SEEK_CUR: base = file->position; break;
    case SEEK_END:
        if (file->inode->ops->refresh != NULL)
            LIVE_CALL(file->inode->ops->refresh, 0, file->inode);
        base = (file_off_t)file->inode->size;
        break;
    case SEEK_DATA: /* no holes known: all is data up to the end */
    case SEEK_HOLE:
        if (offset < 0 || (uint64_t)offset >= file->inode->size)
            return -ENXIO;
        base = whence == SEEK_HOLE ? (file_off_t)file->inode->size - offset : 0;
        break;
    default: return -EINVAL;
    }
    file_off_t position;
    if (__builtin_add_overflow(base, offset, &position) || position < 0)
        return -EINVAL;
    file->position = position;
    return position;
}

isize_t file_seek_nowhere(struct file *file, file_off_t offset, int whence)
{
    (void)file;
    (void)offset;
    (void)whence;
    return 0;
}

isize_t file_seek(struct file *file, file_off_t offset, int whence)
{
    if (file->flags & O_PATH)
        return -EBADF;
    if (file->is_stream && file->ops->seek == NULL)
        return -ESPIPE;
    mutex_lock(&file->lock);
    isize_t result = file->ops->seek != NULL ? LIVE_CALL(file->ops->seek, -EFAULT, file, offset, whence)
                                             : file_seek_generic(file, offset, whence);
    mutex_unlock(&file->lock);
    return result;
}

/* A descriptor for a place only (O_PATH): every transfer is refused by the flag already. */
const struct file_ops vfs_path_only_ops = { .name = "path" };

bool directory_emit_dots(struct file *file, file_off_t *position, directory_emit_t emit, void *context)
{
    if (*position <= 0) {
        if (!emit(context, ".", 1, file->inode->number, DT_DIR, 1))
            return false;
        *position = 1;
    }
    if (*position == 1) {
        struct path parent = { file->mount, file->dentry };
        struct path root;
        mount_get_root(&root);
        path_get(&parent);
        path_ascend(&parent, &root);
        uint64_t number = path_inode(&parent)->number;
        path_put(&parent);
        path_put(&root);
        if (!emit(context, "..", 2, number, DT_DIR, DIRECTORY_FIRST))
            return false;
        *position = DIRECTORY_FIRST;
    }
    return true;
}

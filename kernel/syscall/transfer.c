/*
 * Syscalls that move bytes through descriptors: read, write and their kin, seek,
 * copies between files, directory entries, size and storage.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/signal.h>
#include <kernel/syscall/file_common.h>
#include <lib/string.h>
#include <live/call.h>

#define BOUNCE_SIZE 65536 /* kernel buffer for copies between files, and for vectors to streams */

/* --- read and write ---------------------------------------------------------------------- */

/* Bytes at the file's own position or at a given one. */
LOCAL int64_t file_transfer_part(struct file *file, struct io *io, bool write, bool positioned, int64_t position)
{
    if (!write)
        return positioned ? file_read_at(file, io, position) : file_read(file, io);
    size_limit_write(io);
    return size_limit_result(positioned ? file_write_at(file, io, position) : file_write(file, io));
}

/* One buffer, at the file's own position or at a given one. */
LOCAL int64_t file_transfer(int32_t fd, struct user_ptr buffer, uint64_t size, bool write, bool positioned,
                            int64_t position)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    bool usable = write ? file_is_writable(file) : file_is_readable(file);
    if (usable && (!positioned || (position >= 0 && !file->is_stream)) && !user_range_is_possible(buffer, size)) {
        file_put(file);
        return -EFAULT;
    }
    struct io io = io_from_user(buffer, MIN(size, TRANSFER_MAX));
    int64_t result = file_transfer_part(file, &io, write, positioned, position);
    file_put(file);
    return result;
}

int64_t sys_read(int32_t fd, struct user_ptr buffer, uint64_t size)
{
    return file_transfer(fd, buffer, size, false, false, 0);
}

int64_t sys_write(int32_t fd, struct user_ptr buffer, uint64_t size)
{
    return file_transfer(fd, buffer, size, true, false, 0);
}

int64_t sys_pread64(int32_t fd, struct user_ptr buffer, uint64_t size, int64_t position)
{
    return file_transfer(fd, buffer, size, false, true, position);
}

int64_t sys_pwrite64(int32_t fd, struct user_ptr buffer, uint64_t size, int64_t position)
{
    return file_transfer(fd, buffer, size, true, true, position);
}

/* All parts of a vector in one operation on a stream: a message stays one message, a line one line. */
LOCAL int64_t file_transfer_gathered(struct file *file, const struct syscall_vector *vector, bool write)
{
    void *buffer = kmalloc(MAX(vector->total, 1));
    if (buffer == NULL)
        return -ENOMEM;
    struct io io = io_from_kernel(buffer, vector->total);
    int64_t result = write ? vector_copy_in(vector, buffer, vector->total) : 0;
    if (result == 0)
        result = write ? file_write(file, &io) : file_read(file, &io);
    if (!write && result > 0 && vector_copy_out(vector, buffer, (size_t)result) != 0)
        result = -EFAULT;
    kfree(buffer);
    return result;
}

LOCAL int64_t file_transfer_parts(struct file *file, const struct syscall_vector *vector, bool write, bool positioned,
                                  int64_t position)
{
    int64_t done = 0;
    for (uint32_t i = 0; i < vector->count; i++) {
        struct io io = io_from_user(vector->parts[i].iov_base, vector->parts[i].iov_len);
        int64_t result = file_transfer_part(file, &io, write, positioned, position + done);
        if (result < 0)
            return done > 0 ? done : result;
        done += result;
        if ((uint64_t)result < vector->parts[i].iov_len)
            break;
    }
    return done;
}

LOCAL int64_t file_transfer_vector(int32_t fd, struct user_ptr parts, int32_t count, bool write, bool positioned,
                                   int64_t position)
{
    struct syscall_vector vector;
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result = count < 0 ? -EINVAL : vector_take(&vector, parts, (uint64_t)count);
    if (result == 0) {
        if (file->is_stream && !positioned && vector.total <= BOUNCE_SIZE)
            result = file_transfer_gathered(file, &vector, write);
        else
            result = file_transfer_parts(file, &vector, write, positioned, position);
        vector_release(&vector);
    }
    file_put(file);
    return result;
}

int64_t sys_readv(int32_t fd, struct user_ptr vector, int32_t count)
{
    return file_transfer_vector(fd, vector, count, false, false, 0);
}

int64_t sys_writev(int32_t fd, struct user_ptr vector, int32_t count)
{
    return file_transfer_vector(fd, vector, count, true, false, 0);
}

/* The position's upper half is for 32-bit callers: unused. */
int64_t sys_preadv(int32_t fd, struct user_ptr vector, int32_t count, int64_t position, uint64_t position_high)
{
    return file_transfer_vector(fd, vector, count, false, true, position);
}

int64_t sys_pwritev(int32_t fd, struct user_ptr vector, int32_t count, int64_t position, uint64_t position_high)
{
    return file_transfer_vector(fd, vector, count, true, true, position);
}

int64_t sys_lseek(int32_t fd, int64_t offset, int32_t whence)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result = file_seek(file, offset, whence);
    file_put(file);
    return result;
}

/* --- copies between files ---------------------------------------------------------------- */

/* One side of a copy: at a position of the caller's, or at the file's own. */
struct copy_side {
    struct file *file;
    struct user_ptr position_pointer; /* null: the file's own */
    int64_t position;
};

LOCAL int copy_side_take(struct copy_side *side, int32_t fd, struct user_ptr position)
{
    side->position_pointer = position;
    side->position = 0;
    if (!user_ptr_is_null(position) && copy_from_user(&side->position, position, sizeof(side->position)) != 0)
        return -EFAULT;
    side->file = syscall_file(fd);
    return side->file == NULL ? -EBADF : 0;
}

LOCAL int copy_side_release(struct copy_side *side, bool store)
{
    int error = 0;
    if (store && !user_ptr_is_null(side->position_pointer))
        error = copy_to_user(side->position_pointer, &side->position, sizeof(side->position));
    file_put(side->file);
    return error;
}

LOCAL int64_t copy_side_transfer(struct copy_side *side, void *buffer, size_t size, bool write)
{
    struct io io = io_from_kernel(buffer, size);
    bool positioned = !user_ptr_is_null(side->position_pointer);
    int64_t result = file_transfer_part(side->file, &io, write, positioned, side->position);
    if (result > 0)
        side->position += result;
    return result;
}

/* What was read but not taken goes back, so that nothing is lost when a signal or a full pipe ends the copy. */
LOCAL void copy_side_step_back(struct copy_side *side, int64_t count)
{
    if (!user_ptr_is_null(side->position_pointer))
        side->position -= count;
    else if (!side->file->is_stream)
        file_seek(side->file, -count, SEEK_CUR);
}

LOCAL int64_t copy_between(struct copy_side *input, struct copy_side *output, uint64_t size)
{
    int64_t done = 0, result = 0;
    void *buffer = kmalloc(BOUNCE_SIZE);
    if (buffer == NULL)
        return -ENOMEM;
    while ((uint64_t)done < size) {
        int64_t got = copy_side_transfer(input, buffer, MIN(size - (uint64_t)done, BOUNCE_SIZE), false);
        result = got;
        if (got <= 0)
            break;
        result = copy_side_transfer(output, buffer, (size_t)got, true);
        int64_t written = MAX(result, 0);
        done += written;
        if (written < got) {
            copy_side_step_back(input, got - written);
            break;
        }
        if (signal_is_pending())
            break;
    }
    kfree(buffer);
    return done > 0 ? done : result;
}

/* copy_file_range(2) refuses ranges of one file that overlap. */
LOCAL bool copy_overlaps(const struct copy_side *input, const struct copy_side *output, uint64_t size)
{
    int64_t from = user_ptr_is_null(input->position_pointer) ? input->file->position : input->position;
    int64_t to = user_ptr_is_null(output->position_pointer) ? output->file->position : output->position;
    int64_t count = (int64_t)MIN(size, (uint64_t)MAX((int64_t)input->file->inode->size - from, 0));
    return input->file->inode == output->file->inode && to - from < count && from - to < count;
}

LOCAL int64_t file_copy(int32_t input_fd, struct user_ptr input_position, int32_t output_fd,
                        struct user_ptr output_position, uint64_t size, bool may_overlap)
{
    struct copy_side input, output;
    int64_t result = copy_side_take(&input, input_fd, input_position);
    if (result != 0)
        return result;
    result = copy_side_take(&output, output_fd, output_position);
    if (result != 0) {
        file_put(input.file);
        return result;
    }
    size = MIN(size, TRANSFER_MAX);
    result = !may_overlap && copy_overlaps(&input, &output, size) ? -EINVAL : copy_between(&input, &output, size);
    int error = copy_side_release(&input, result >= 0);
    int error2 = copy_side_release(&output, result >= 0);
    return error != 0 ? error : error2 != 0 ? error2 : result;
}

int64_t sys_sendfile(int32_t output, int32_t input, struct user_ptr position, uint64_t size)
{
    struct syscall_object object;
    int error = object_of_fd(&object, input);
    if (error != 0)
        return error;
    uint32_t type = object.inode->mode & S_IFMT;
    bool streams = type == S_IFIFO || type == S_IFSOCK; /* sendfile(2): only what can be mapped */
    object_release(&object);
    if (streams)
        return -EINVAL;
    return file_copy(input, position, output, user_ptr_from(0), size, true);
}

int64_t sys_copy_file_range(int32_t input, struct user_ptr input_position, int32_t output,
                            struct user_ptr output_position, uint64_t size, uint32_t flags)
{
    struct syscall_object object;
    if (flags != 0)
        return -EINVAL;
    for (int side = 0; side < 2; side++) {
        int error = object_of_fd(&object, side == 0 ? input : output);
        if (error != 0)
            return error;
        bool usable = inode_is_regular(object.inode), directory = inode_is_directory(object.inode);
        bool appends = side == 1 && (object.file->flags & O_APPEND);
        object_release(&object);
        if (!usable || appends)
            return directory ? -EISDIR : appends ? -EBADF : -EINVAL;
    }
    return file_copy(input, input_position, output, output_position, size, false);
}

/* --- directories ------------------------------------------------------------------------- */

struct directory_reader {
    struct user_ptr buffer;
    size_t size, done;
    int error;
};

/* Appends one struct abi_dirent64. */
LOCAL bool directory_reader_emit(void *context, const char *text, size_t length, uint64_t inode_number, uint8_t type,
                                 file_off_t next)
{
    struct directory_reader *reader = context;
    union {
        struct abi_dirent64 entry;
        char bytes[sizeof(struct abi_dirent64) + NAME_LENGTH_MAX + 1 + 8];
    } record;
    size_t size = ALIGN_UP(offsetof(struct abi_dirent64, d_name) + length + 1, 8);
    if (size > reader->size - reader->done) {
        if (reader->done == 0)
            reader->error = -EINVAL; /* not even one fits */
        return false;
    }
    memset(&record, 0, size);
    record.entry.d_ino = inode_number;
    record.entry.d_off = next;
    record.entry.d_reclen = (uint16_t)size;
    record.entry.d_type = type;
    memcpy(record.entry.d_name, text, length);
    reader->error = copy_to_user(user_ptr_offset(reader->buffer, reader->done), &record, size);
    if (reader->error != 0)
        return false;
    reader->done += size;
    return true;
}

int64_t sys_getdents64(int32_t fd, struct user_ptr buffer, uint32_t size)
{
    struct directory_reader reader = { .buffer = buffer, .size = size };
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result = -ENOTDIR;
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else if (file->ops->read_directory != NULL) {
        mutex_lock(&file->lock);
        result = file->inode->links == 0 ? -ENOENT
                                         : LIVE_CALL(file->ops->read_directory, -EFAULT, file, &file->position,
                                                     directory_reader_emit, &reader);
        mutex_unlock(&file->lock);
        if (result >= 0)
            result = reader.done > 0 ? (int64_t)reader.done : reader.error;
    }
    file_put(file);
    return result;
}

/* --- size and storage -------------------------------------------------------------------- */

int64_t sys_ftruncate(int32_t fd, int64_t size)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result;
    if (size < 0)
        result = -EINVAL;
    else if (!file_is_writable(file))
        result = (file->flags & O_PATH) ? -EBADF : -EINVAL;
    else
        result = size_limit_check(file->inode, (uint64_t)size);
    if (result == 0)
        result = inode_truncate(file->inode, (uint64_t)size);
    file_put(file);
    return result;
}

int64_t sys_fallocate(int32_t fd, uint32_t mode, int64_t offset, int64_t size)
{
    struct file *file = syscall_file(fd);
    struct inode *inode;
    int64_t end;
    if (file == NULL)
        return -EBADF;
    inode = file->inode;
    int64_t result;
    if (!file_is_writable(file))
        result = -EBADF;
    else if (offset < 0 || size <= 0)
        result = -EINVAL;
    else if (__builtin_add_overflow(offset, size, &end))
        result = -EFBIG;
    else if (inode->ops->allocate == NULL)
        result = file->is_stream ? -ESPIPE : -ENODEV;
    else if ((mode & FALLOC_FL_KEEP_SIZE) || (result = size_limit_check(inode, (uint64_t)end)) == 0) {
        mutex_lock(&inode->lock);
        result = LIVE_CALL(inode->ops->allocate, -EFAULT, inode, (uint64_t)offset, (uint64_t)size, mode);
        mutex_unlock(&inode->lock);
    }
    file_put(file);
    return result;
}

LOCAL int64_t file_sync(int32_t fd)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result = 0;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (file->ops->sync != NULL)
        result = LIVE_CALL(file->ops->sync, -EFAULT, file);
    else if (file->is_stream)
        result = -EINVAL;
    file_put(file);
    return result;
}

int64_t sys_fsync(int32_t fd) { return file_sync(fd); }
int64_t sys_fdatasync(int32_t fd) { return file_sync(fd); }
int64_t sys_syncfs(int32_t fd) { return file_sync(fd); }
/* Every file system is in memory. */
int64_t sys_sync(void) { return 0; }

int64_t sys_sync_file_range(int32_t fd, int64_t offset, int64_t size, uint32_t flags)
{
    if (offset < 0 || size < 0 || (flags & ~7U) != 0) /* SYNC_FILE_RANGE_WAIT_BEFORE, WRITE, WAIT_AFTER */
        return -EINVAL;
    return file_sync(fd);
}

/* Advice on access patterns: nothing to fetch ahead of time. */
int64_t sys_fadvise64(int32_t fd, int64_t offset, int64_t size, int32_t advice)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    int64_t result = file->is_stream ? -ESPIPE : advice < 0 || advice > 5 || size < 0 ? -EINVAL : 0; /* 5: NOREUSE */
    file_put(file);
    return result;
}

int64_t sys_readahead(int32_t fd, int64_t offset, uint64_t size)
{
    int64_t result = sys_fadvise64(fd, offset, 0, 0);
    return result == -ESPIPE ? -EINVAL : result;
}

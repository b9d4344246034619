/*
 * What the file syscalls share: descriptors to files, names from the caller,
 * vectors of buffers.
 */
#ifndef KERNEL_SYSCALL_FILE_COMMON_H
#define KERNEL_SYSCALL_FILE_COMMON_H

#include <abi/structs.h>
#include <kernel/vfs/vfs.h>

#define TRANSFER_MAX 0x7ffff000 /* bytes that one read or write moves at most, as Linux */

/* The open file of the current process with a reference; NULL: -EBADF. */
MUST_CHECK struct file *syscall_file(int32_t fd);
/* Gives a new file its lowest descriptor; the reference is taken over, also on failure. */
MUST_CHECK int64_t syscall_install(struct file *file, uint32_t flags);
/* RLIMIT_NOFILE: descriptors are below it. */
int syscall_descriptor_limit(void);
struct fs_context *syscall_fs(void);

/* RLIMIT_FSIZE. For a write: the limit goes into *io before it, and its result through the second, which sends SIGXFSZ
 * when nothing could be written. For a new size of a file: 0, or -EFBIG and SIGXFSZ. */
void size_limit_write(struct io *io);
int64_t size_limit_result(int64_t result);
MUST_CHECK int size_limit_check(const struct inode *inode, uint64_t size);

/* --- names ------------------------------------------------------------------------------- */

#define SYSCALL_NAME_INLINE 128

/* A path argument and where it starts. name_take() ... name_release(). */
struct syscall_name {
    char *text;                /* NUL terminated */
    struct path *start;        /* NULL: the working directory */
    struct path start_storage; /* references */
    char inline_text[SYSCALL_NAME_INLINE];
};

/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM, -EBADF, -ENOTDIR. Nothing to release on failure. */
MUST_CHECK int name_take(struct syscall_name *name, int32_t directory, struct user_ptr path);
void name_release(struct syscall_name *name);
bool name_is_empty(struct user_ptr path);

/* What a name or, with AT_EMPTY_PATH and "", a descriptor refers to. */
struct syscall_object {
    struct inode *inode; /* borrowed from one of the two below */
    struct path path;    /* references; no dentry for pipes and sockets */
    struct file *file;   /* reference; NULL when found by name */
};

/* `at_flags`: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW; others are ignored. */
MUST_CHECK int object_find(struct syscall_object *object, int32_t directory, struct user_ptr path, uint32_t at_flags);
MUST_CHECK int object_of_fd(struct syscall_object *object, int32_t fd);
void object_release(struct syscall_object *object);
/* -EROFS when the object's mount is read-only. */
MUST_CHECK int object_check_writable(const struct syscall_object *object);

/* --- vectors ----------------------------------------------------------------------------- */

#define VECTOR_INLINE 8

/* The iovecs of readv(2) and the like. vector_take() ... vector_release(). */
struct syscall_vector {
    struct abi_iovec *parts;
    uint32_t count;
    uint64_t total; /* bytes, at most TRANSFER_MAX */
    struct abi_iovec inline_parts[VECTOR_INLINE];
};

/* 0, -EINVAL, -EFAULT, -ENOMEM. */
MUST_CHECK int vector_take(struct syscall_vector *vector, struct user_ptr parts, uint64_t count);
void vector_release(struct syscall_vector *vector);
/* Copies between a kernel buffer and the parts in order. */
MUST_CHECK int vector_copy_in(const struct syscall_vector *vector, void *buffer, size_t size);
MUST_CHECK int vector_copy_out(const struct syscall_vector *vector, const void *buffer, size_t size);

/* --- times ------------------------------------------------------------------------------- */

/* *value < 0 or a part out of range: -EINVAL. Saturates at the largest nanos_t. */
MUST_CHECK int nanos_from_timespec(const struct abi_timespec *time, nanos_t *out);
struct abi_timespec nanos_to_timespec(nanos_t time);
/* A relative time-out to a deadline on the monotonic clock; negative: for ever. At most once in a syscall: when that is
 * restarted after a signal, the deadline is the first call's. */
nanos_t deadline_after(nanos_t timeout);

#endif

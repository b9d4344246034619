/*
 * Socket calls. Only connected AF_UNIX pairs exist (fs/socket.h): other families
 * give EAFNOSUPPORT, and connecting, naming and accepting what a connected socket
 * gives on Linux.
 */
#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/syscalls.h>
#include <fs/socket.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <kernel/syscall/file_common.h>
#include <kernel/vfs/fdtable.h>
#include <lib/string.h>

#define SOCKET_GATHER_MAX 262144 /* bytes of a vector that are moved through a kernel buffer */

/* The socket behind a descriptor with a reference. 0, -EBADF, -ENOTSOCK. */
LOCAL int syscall_socket(int32_t fd, struct file **out)
{
    struct file *file = syscall_file(fd);
    if (file == NULL)
        return -EBADF;
    if (!file_is_socket(file)) {
        file_put(file);
        return -ENOTSOCK;
    }
    *out = file;
    return 0;
}

/* --- making ------------------------------------------------------------------------------ */

int64_t sys_socketpair(int32_t family, int32_t type, int32_t protocol, struct user_ptr fds)
{
    struct file *files[2];
    int32_t numbers[2];
    int kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    uint32_t descriptor_flags = (type & SOCK_CLOEXEC) ? O_CLOEXEC : 0;
    if (family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (kind & ~15)
        return -EINVAL; /* flags that do not exist */
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    if (protocol != 0 && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    int error = socket_create_pair(kind, (type & SOCK_NONBLOCK) ? O_NONBLOCK : 0, files);
    if (error != 0)
        return error;
    numbers[0] = (int32_t)syscall_install(files[0], descriptor_flags);
    numbers[1] = (int32_t)syscall_install(files[1], descriptor_flags);
    error = numbers[0] < 0 ? numbers[0] : numbers[1] < 0 ? numbers[1] : copy_to_user(fds, numbers, sizeof(numbers));
    for (int i = 0; i < 2 && error != 0; i++)
        if (numbers[i] >= 0)
            file_table_close(process_current()->files, numbers[i]);
    return error;
}

int64_t sys_socket(int32_t family, int32_t type, int32_t protocol)
{
    return -EAFNOSUPPORT;
}

/* For calls that a connected socket refuses. */
LOCAL int64_t socket_refuse(int32_t fd, int refusal)
{
    struct file *file;
    int error = syscall_socket(fd, &file);
    if (error != 0)
        return error;
    file_put(file);
    return refusal;
}

int64_t sys_connect(int32_t fd, struct user_ptr address, int32_t size) { return socket_refuse(fd, -EISCONN); }
int64_t sys_bind(int32_t fd, struct user_ptr address, int32_t size) { return socket_refuse(fd, -EINVAL); }
int64_t sys_listen(int32_t fd, int32_t backlog) { return socket_refuse(fd, -EINVAL); }

int64_t sys_accept4(int32_t fd, struct user_ptr address, struct user_ptr size, uint32_t flags)
{
    return socket_refuse(fd, -EINVAL);
}

int64_t sys_accept(int32_t fd, struct user_ptr address, struct user_ptr size)
{
    return sys_accept4(fd, address, size, 0);
}

/* --- names: a pair has none, only its family ---------------------------------------------- */

LOCAL int socket_put_name(struct user_ptr address, struct user_ptr size_pointer)
{
    uint32_t room;
    uint16_t family = AF_UNIX;
    if (get_user_u32(&room, size_pointer) != 0)
        return -EFAULT;
    if ((int32_t)room < 0)
        return -EINVAL;
    if (copy_to_user(address, &family, MIN(room, sizeof(family))) != 0)
        return -EFAULT;
    return put_user_u32(size_pointer, sizeof(family));
}

LOCAL int64_t socket_get_name(int32_t fd, struct user_ptr address, struct user_ptr size)
{
    int64_t error = socket_refuse(fd, 0);
    return error != 0 ? error : socket_put_name(address, size);
}

int64_t sys_getsockname(int32_t fd, struct user_ptr address, struct user_ptr size)
{
    return socket_get_name(fd, address, size);
}

int64_t sys_getpeername(int32_t fd, struct user_ptr address, struct user_ptr size)
{
    return socket_get_name(fd, address, size);
}

/* --- transfers --------------------------------------------------------------------------- */

int64_t sys_sendto(int32_t fd, struct user_ptr buffer, uint64_t size, uint32_t flags, struct user_ptr address,
                   int32_t address_size)
{
    struct file *file;
    int error = syscall_socket(fd, &file);
    if (error != 0)
        return error;
    struct io io = io_from_user(buffer, MIN(size, TRANSFER_MAX));
    int64_t result = user_ptr_is_null(address) ? socket_send(file, &io, flags) : -EISCONN;
    file_put(file);
    return result;
}

int64_t sys_recvfrom(int32_t fd, struct user_ptr buffer, uint64_t size, uint32_t flags, struct user_ptr address,
                     struct user_ptr address_size)
{
    struct file *file;
    uint32_t result_flags;
    int error = syscall_socket(fd, &file);
    if (error != 0)
        return error;
    struct io io = io_from_user(buffer, MIN(size, TRANSFER_MAX));
    int64_t result = socket_receive(file, &io, flags, &result_flags);
    /* The sender has no name. */
    if (result >= 0 && !user_ptr_is_null(address) && put_user_u32(address_size, 0) != 0)
        result = -EFAULT;
    file_put(file);
    return result;
}

/* A message header and its vector. 0: vector_release() when done. */
LOCAL int socket_take_header(struct user_ptr pointer, struct abi_msghdr *header, struct syscall_vector *vector)
{
    if (copy_from_user(header, pointer, sizeof(*header)) != 0)
        return -EFAULT;
    int error = vector_take(vector, header->msg_iov, header->msg_iovlen);
    if (error == -EINVAL || (error == 0 && vector->total > SOCKET_GATHER_MAX)) {
        if (error == 0)
            vector_release(vector);
        error = -EMSGSIZE;
    }
    return error;
}

int64_t sys_sendmsg(int32_t fd, struct user_ptr message, uint32_t flags)
{
    struct abi_msghdr header;
    struct syscall_vector vector;
    struct file *file;
    int64_t result = syscall_socket(fd, &file);
    if (result != 0)
        return result;
    result = socket_take_header(message, &header, &vector);
    if (result == 0) {
        char *buffer = kmalloc(MAX(vector.total, 1));
        if (buffer == NULL)
            result = -ENOBUFS;
        else if (header.msg_controllen > 0)
            result = -EOPNOTSUPP; /* descriptors and credentials are not passed */
        else if (!user_ptr_is_null(header.msg_name))
            result = -EISCONN;
        else
            result = vector_copy_in(&vector, buffer, vector.total);
        if (result == 0) {
            struct io io = io_from_kernel(buffer, vector.total);
            result = socket_send(file, &io, flags);
        }
        kfree(buffer);
        vector_release(&vector);
    }
    file_put(file);
    return result;
}

/* What recvmsg(2) changes in the caller's header: no name, no control data, flags. */
LOCAL int socket_put_header(struct user_ptr message, uint32_t flags)
{
    int error = put_user_u32(user_ptr_offset(message, offsetof(struct abi_msghdr, msg_namelen)), 0);
    if (error == 0)
        error = put_user_u64(user_ptr_offset(message, offsetof(struct abi_msghdr, msg_controllen)), 0);
    if (error == 0)
        error = put_user_u32(user_ptr_offset(message, offsetof(struct abi_msghdr, msg_flags)), flags);
    return error;
}

int64_t sys_recvmsg(int32_t fd, struct user_ptr message, uint32_t flags)
{
    struct abi_msghdr header;
    struct syscall_vector vector;
    struct file *file;
    uint32_t result_flags;
    int64_t result = syscall_socket(fd, &file);
    if (result != 0)
        return result;
    result = socket_take_header(message, &header, &vector);
    if (result == 0) {
        char *buffer = kmalloc(MAX(vector.total, 1));
        struct io io = io_from_kernel(buffer, vector.total);
        result = buffer == NULL ? -ENOBUFS : socket_receive(file, &io, flags & ~(uint32_t)MSG_CMSG_CLOEXEC,
                                                            &result_flags);
        if (result >= 0 && vector_copy_out(&vector, buffer, io.done) != 0)
            result = -EFAULT;
        if (result >= 0 && socket_put_header(message, result_flags) != 0)
            result = -EFAULT;
        kfree(buffer);
        vector_release(&vector);
    }
    file_put(file);
    return result;
}

int64_t sys_shutdown(int32_t fd, int32_t how)
{
    struct file *file;
    int error = syscall_socket(fd, &file);
    if (error != 0)
        return error;
    error = socket_shutdown(file, how);
    file_put(file);
    return error;
}

/* --- options ----------------------------------------------------------------------------- */

/* Copies an option's value, cut at the caller's room, and stores its size. */
LOCAL int socket_put_option(struct user_ptr value, struct user_ptr size_pointer, const void *data, size_t size)
{
    uint32_t room;
    if (get_user_u32(&room, size_pointer) != 0)
        return -EFAULT;
    if ((int32_t)room < 0)
        return -EINVAL;
    size = MIN(size, room);
    if (copy_to_user(value, data, size) != 0)
        return -EFAULT;
    return put_user_u32(size_pointer, (uint32_t)size);
}

LOCAL int socket_get_option_of(struct file *file, int32_t option, struct user_ptr value, struct user_ptr size)
{
    if (option == SO_RCVTIMEO || option == SO_SNDTIMEO) {
        nanos_t timeout = socket_get_timeout(file, option == SO_SNDTIMEO);
        struct abi_timeval out = { timeout / NANOS_PER_SECOND, timeout % NANOS_PER_SECOND / NANOS_PER_MICROSECOND };
        return socket_put_option(value, size, &out, sizeof(out));
    }
    if (option == SO_PEERCRED) { /* both ends were made by the process that has them */
        const struct process *process = process_current();
        struct abi_ucred out = { process->id, process->credentials.euid, process->credentials.egid };
        return socket_put_option(value, size, &out, sizeof(out));
    }
    int32_t number;
    int error = socket_get_option(file, option, &number);
    return error != 0 ? error : socket_put_option(value, size, &number, sizeof(number));
}

int64_t sys_getsockopt(int32_t fd, int32_t level, int32_t option, struct user_ptr value, struct user_ptr size)
{
    struct file *file;
    int error = syscall_socket(fd, &file);
    if (error != 0)
        return error;
    error = level == SOL_SOCKET ? socket_get_option_of(file, option, value, size) : -EOPNOTSUPP;
    file_put(file);
    return error;
}

LOCAL int socket_set_timeout_option(struct file *file, bool send, struct user_ptr value, int32_t size)
{
    struct abi_timeval time;
    nanos_t timeout;
    if (size < (int32_t)sizeof(time))
        return -EINVAL;
    if (copy_from_user(&time, value, sizeof(time)) != 0)
        return -EFAULT;
    if (time.tv_usec < 0 || time.tv_usec >= 1000000)
        return -EDOM;
    if (time.tv_sec < 0)
        time.tv_sec = time.tv_usec = 0;
    if (__builtin_mul_overflow(time.tv_sec, NANOS_PER_SECOND, &timeout) || timeout > INT64_MAX / 2)
        timeout = 0; /* centuries: for ever */
    socket_set_timeout(file, send, timeout + time.tv_usec * NANOS_PER_MICROSECOND);
    return 0;
}

int64_t sys_setsockopt(int32_t fd, int32_t level, int32_t option, struct user_ptr value, int32_t size)
{
    struct file *file;
    uint32_t number;
    int error = syscall_socket(fd, &file);
    if (error != 0)
        return error;
    if (level != SOL_SOCKET)
        error = -EOPNOTSUPP;
    else if (option == SO_RCVTIMEO || option == SO_SNDTIMEO)
        error = socket_set_timeout_option(file, option == SO_SNDTIMEO, value, size);
    else if (size < (int32_t)sizeof(number))
        error = -EINVAL;
    else if (get_user_u32(&number, value) != 0)
        error = -EFAULT;
    else
        error = socket_set_option(file, option, (int32_t)number);
    file_put(file);
    return error;
}

/*
 * Sockets: connected pairs of AF_UNIX (unix(7)), of the types stream, datagram
 * and sequenced packets.
 *
 * Left out: names (bind, connect, listen, accept), other families, passing of
 * descriptors. Calls for those give the errno that a socket without the ability
 * gives, never a success that does nothing.
 */
#ifndef FS_SOCKET_H
#define FS_SOCKET_H

#include <kernel/vfs/file.h>

/* socketpair(2): two files with one reference each. `type` is SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET;
 * `flags`: O_NONBLOCK or 0. */
MUST_CHECK int socket_create_pair(int type, uint32_t flags, struct file *files[2]);

bool file_is_socket(const struct file *file);

/*
 * The transfers below want file_is_socket(). `flags`: MSG_...; bytes moved, or
 * -EAGAIN, -EPIPE (and SIGPIPE, unless MSG_NOSIGNAL), -EMSGSIZE, -ECONNRESET, -EINTR.
 */
isize_t socket_send(struct file *file, struct io *io, uint32_t flags);
/* *result_flags gets MSG_TRUNC when a message was longer than the buffer. */
isize_t socket_receive(struct file *file, struct io *io, uint32_t flags, uint32_t *result_flags);

/* shutdown(2); `how` is SHUT_... */
int socket_shutdown(struct file *file, int how);

/* Options of level SOL_SOCKET whose value is a number. -ENOPROTOOPT. */
int socket_get_option(struct file *file, int option, int32_t *value);
int socket_set_option(struct file *file, int option, int32_t value);
/* SO_RCVTIMEO, SO_SNDTIMEO: 0 is for ever. */
nanos_t socket_get_timeout(struct file *file, bool send);
void socket_set_timeout(struct file *file, bool send, nanos_t timeout);

#endif

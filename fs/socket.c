/*
 * Connected socket pairs. See socket.h.
 *
 * Each end has a queue of what was sent to it, as messages. A stream is the same
 * queue read without regard to the messages' borders.
 */
#include <fs/socket.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <abi/signal.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/signal.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/vfs.h>

#define SOCKET_BUFFER_SIZE 212992 /* bytes in one queue, headers included; Linux's default */
#define SOCKET_PIECE       16384  /* a stream's writes are cut into messages of this size */

struct socket_message {
    struct list link;
    size_t size, taken; /* bytes; those read already (streams) */
    char data[];
};

struct socket_end {
    struct socket_pair *pair;
    /* pair->lock */
    struct list messages;
    size_t queued;            /* bytes with headers */
    bool is_closed;           /* its file is gone */
    bool no_receive, no_send; /* shutdown(2) */
    int pending_error;        /* for the next receive */
    nanos_t receive_timeout, send_timeout;
    struct wait_queue changed; /* data or room for the user of this end */
};

struct socket_pair {
    struct mutex lock;
    int type;
    uint32_t users; /* open ends */
    struct socket_end ends[2];
};

LOCAL struct socket_end *socket_of(struct file *file)
{
    return file->private_data;
}

LOCAL struct socket_end *socket_peer(struct socket_end *end)
{
    return &end->pair->ends[end == &end->pair->ends[0]];
}

LOCAL size_t socket_cost(size_t size)
{
    return sizeof(struct socket_message) + size;
}

LOCAL nanos_t socket_deadline(nanos_t timeout)
{
    return timeout == 0 ? WAIT_FOREVER : clock_monotonic() + timeout;
}

/* Waits for a change at `end` with the pair's lock given up. */
#define SOCKET_WAIT(end, condition, deadline)                                     \
    ({                                                                            \
        mutex_unlock(&(end)->pair->lock);                                         \
        int socket_error_ = WAIT_EVENT_UNTIL(&(end)->changed, condition, deadline); \
        mutex_lock(&(end)->pair->lock);                                           \
        socket_error_ == -ETIMEDOUT ? -EAGAIN : socket_error_;                    \
    })

/* --- sending ----------------------------------------------------------------------------- */

LOCAL bool socket_has_room(const struct socket_end *peer, size_t cost)
{
    return __atomic_load_n(&peer->queued, __ATOMIC_RELAXED) + cost <= SOCKET_BUFFER_SIZE || peer->is_closed ||
           peer->no_receive;
}

/* Why nothing can be sent (any more); 0: it can. */
LOCAL int socket_send_error(const struct socket_end *end, const struct socket_end *peer)
{
    if (end->no_send)
        return -EPIPE;
    if (peer->is_closed)
        return end->pair->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    return peer->no_receive ? -EPIPE : 0;
}

/* One message to the peer's queue; waits for room. With the lock. */
LOCAL int socket_send_message(struct socket_end *end, struct io *io, size_t size, bool wait, nanos_t deadline)
{
    struct socket_end *peer = socket_peer(end);
    size_t cost = socket_cost(size);
    int error = socket_send_error(end, peer);
    while (error == 0 && !socket_has_room(peer, cost)) {
        error = wait ? SOCKET_WAIT(end, socket_has_room(peer, cost) || end->no_send, deadline) : -EAGAIN;
        if (error == 0)
            error = socket_send_error(end, peer);
    }
    if (error != 0)
        return error;
    struct socket_message *message = kmalloc(cost);
    if (message == NULL)
        return -ENOBUFS;
    message->size = size;
    message->taken = 0;
    error = io_get(io, message->data, size);
    if (error != 0) {
        kfree(message);
        return error;
    }
    list_append(&peer->messages, &message->link);
    peer->queued += cost;
    wait_queue_wake_all(&peer->changed);
    return 0;
}

isize_t socket_send(struct file *file, struct io *io, uint32_t flags)
{
    struct socket_end *end = socket_of(file);
    bool stream = end->pair->type == SOCK_STREAM;
    bool wait = !(file->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
    int error = 0;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (!stream && socket_cost(io_remaining(io)) > SOCKET_BUFFER_SIZE)
        return -EMSGSIZE;
    if (stream && io_remaining(io) == 0)
        return 0;
    mutex_lock(&end->pair->lock);
    nanos_t deadline = socket_deadline(end->send_timeout);
    do {
        size_t size = stream ? MIN(io_remaining(io), SOCKET_PIECE) : io_remaining(io);
        error = socket_send_message(end, io, size, wait, deadline);
    } while (error == 0 && io_remaining(io) > 0);
    mutex_unlock(&end->pair->lock);
    if (error == -EPIPE && io->done == 0 && !(flags & MSG_NOSIGNAL))
        signal_send_thread(thread_current(), SIGPIPE);
    return error != 0 && (io->done == 0 || !stream) ? error : (isize_t)io->done;
}

/* --- receiving --------------------------------------------------------------------------- */

/* Nothing will come any more. */
LOCAL bool socket_at_end(struct socket_end *end)
{
    struct socket_end *peer = socket_peer(end);
    return end->no_receive || peer->no_send || (peer->is_closed && end->pair->type != SOCK_DGRAM);
}

LOCAL bool socket_can_receive(struct socket_end *end)
{
    return __atomic_load_n(&end->queued, __ATOMIC_RELAXED) > 0 || socket_at_end(end) || end->pending_error != 0;
}

/* 1: there is a message; 0: the end; or an error. With the lock. */
LOCAL int socket_await_message(struct socket_end *end, bool wait, nanos_t deadline)
{
    int error = 0;
    while (list_is_empty(&end->messages)) {
        if (end->pending_error != 0) {
            error = end->pending_error;
            end->pending_error = 0;
            return error;
        }
        if (socket_at_end(end))
            return 0;
        error = wait ? SOCKET_WAIT(end, socket_can_receive(end), deadline) : -EAGAIN;
        if (error != 0)
            return error;
    }
    return 1;
}

LOCAL void socket_free_message(struct socket_end *end, struct socket_message *message)
{
    list_remove(&message->link);
    end->queued -= socket_cost(message->size);
    kfree(message);
    wait_queue_wake_all(&socket_peer(end)->changed);
}

LOCAL struct socket_message *socket_first(struct socket_end *end)
{
    return container_of(end->messages.next, struct socket_message, link);
}

/* A stream: what is there, across messages. */
LOCAL int socket_take_bytes(struct socket_end *end, struct io *io, bool peek)
{
    int error = 0;
    list_for_each_safe(node, &end->messages) {
        struct socket_message *message = container_of(node, struct socket_message, link);
        size_t size = MIN(message->size - message->taken, io_remaining(io));
        if (io_remaining(io) == 0)
            break;
        error = io_put(io, message->data + message->taken, size);
        if (error != 0)
            break;
        if (!peek) {
            message->taken += size;
            if (message->taken == message->size)
                socket_free_message(end, message);
        }
    }
    return error;
}

/* One whole message; what does not fit is lost. Its full size, or an error. */
LOCAL isize_t socket_take_message(struct socket_end *end, struct io *io, bool peek, uint32_t *result_flags)
{
    struct socket_message *message = socket_first(end);
    size_t size = message->size;
    int error = io_put(io, message->data, MIN(size, io_remaining(io)));
    if (error != 0)
        return error;
    if (io->done < size)
        *result_flags |= MSG_TRUNC;
    if (!peek)
        socket_free_message(end, message);
    return (isize_t)size;
}

isize_t socket_receive(struct file *file, struct io *io, uint32_t flags, uint32_t *result_flags)
{
    struct socket_end *end = socket_of(file);
    bool wait = !(file->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT), peek = (flags & MSG_PEEK) != 0;
    isize_t result;
    *result_flags = 0;
    if (flags & MSG_OOB)
        return -EOPNOTSUPP;
    mutex_lock(&end->pair->lock);
    nanos_t deadline = socket_deadline(end->receive_timeout);
    if (end->pair->type != SOCK_STREAM) {
        result = socket_await_message(end, wait, deadline);
        if (result > 0) {
            result = socket_take_message(end, io, peek, result_flags);
            if (result >= 0 && !(flags & MSG_TRUNC))
                result = (isize_t)io->done;
        }
    } else {
        do {
            result = socket_await_message(end, wait, deadline);
            if (result <= 0)
                break;
            result = socket_take_bytes(end, io, peek);
        } while (result == 0 && (flags & MSG_WAITALL) && !peek && io_remaining(io) > 0);
        if (io->done > 0)
            result = (isize_t)io->done;
    }
    mutex_unlock(&end->pair->lock);
    return result;
}

/* --- state ------------------------------------------------------------------------------- */

int socket_shutdown(struct file *file, int how)
{
    struct socket_end *end = socket_of(file);
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    mutex_lock(&end->pair->lock);
    if (how != SHUT_WR)
        end->no_receive = true;
    if (how != SHUT_RD)
        end->no_send = true;
    mutex_unlock(&end->pair->lock);
    wait_queue_wake_all(&end->changed);
    wait_queue_wake_all(&socket_peer(end)->changed);
    return 0;
}

int socket_get_option(struct file *file, int option, int32_t *value)
{
    struct socket_end *end = socket_of(file);
    switch (option) {
    case SO_TYPE: *value = end->pair->type; return 0;
    case SO_DOMAIN: *value = AF_UNIX; return 0;
    case SO_PROTOCOL:
    case SO_ACCEPTCONN:
    case SO_REUSEADDR:
    case SO_REUSEPORT:
    case SO_KEEPALIVE:
    case SO_BROADCAST:
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_PASSCRED: *value = 0; return 0;
    case SO_RCVLOWAT:
    case SO_SNDLOWAT: *value = 1; return 0;
    case SO_SNDBUF:
    case SO_RCVBUF: *value = SOCKET_BUFFER_SIZE; return 0;
    case SO_ERROR:
        mutex_lock(&end->pair->lock);
        *value = -end->pending_error;
        end->pending_error = 0;
        mutex_unlock(&end->pair->lock);
        return 0;
    default: return -ENOPROTOOPT;
    }
}

int socket_set_option(struct file *file, int option, int32_t value)
{
    switch (option) {
    /* Hints that mean nothing between two ends in one machine, or sizes that stay as they are. */
    case SO_SNDBUF:
    case SO_RCVBUF:
    case SO_REUSEADDR:
    case SO_REUSEPORT:
    case SO_KEEPALIVE:
    case SO_BROADCAST:
    case SO_DONTROUTE: return 0;
    default: return -ENOPROTOOPT;
    }
}

nanos_t socket_get_timeout(struct file *file, bool send)
{
    struct socket_end *end = socket_of(file);
    return send ? end->send_timeout : end->receive_timeout;
}

void socket_set_timeout(struct file *file, bool send, nanos_t timeout)
{
    struct socket_end *end = socket_of(file);
    mutex_lock(&end->pair->lock);
    if (send)
        end->send_timeout = timeout;
    else
        end->receive_timeout = timeout;
    mutex_unlock(&end->pair->lock);
}

/* --- the file ---------------------------------------------------------------------------- */

LOCAL isize_t socket_read(struct file *file, struct io *io, file_off_t *position)
{
    uint32_t result_flags;
    return socket_receive(file, io, 0, &result_flags);
}

LOCAL isize_t socket_write(struct file *file, struct io *io, file_off_t *position)
{
    return socket_send(file, io, 0);
}

LOCAL uint32_t socket_poll(struct file *file, struct poll_table *table)
{
    struct socket_end *end = socket_of(file);
    uint32_t ready = 0;
    poll_wait(table, &end->changed);
    mutex_lock(&end->pair->lock);
    struct socket_end *peer = socket_peer(end);
    if (socket_can_receive(end))
        ready |= POLL_IN;
    if (end->pending_error != 0)
        ready |= POLL_ERR;
    if (socket_at_end(end))
        ready |= POLL_RDHUP;
    if ((peer->is_closed && end->pair->type != SOCK_DGRAM) || (socket_at_end(end) && end->no_send))
        ready |= POLL_HUP;
    if (socket_has_room(peer, socket_cost(SOCKET_PIECE)))
        ready |= POLL_OUT;
    mutex_unlock(&end->pair->lock);
    return ready;
}

LOCAL isize_t socket_ioctl(struct file *file, uint32_t request, uint64_t argument)
{
    struct socket_end *end = socket_of(file);
    size_t bytes = 0;
    if (request != FIONREAD)
        return -ENOTTY;
    mutex_lock(&end->pair->lock);
    list_for_each(node, &end->messages) {
        struct socket_message *message = container_of(node, struct socket_message, link);
        bytes += message->size - message->taken;
        if (end->pair->type != SOCK_STREAM)
            break; /* the next message only */
    }
    mutex_unlock(&end->pair->lock);
    return put_user_u32(user_ptr_from(argument), (uint32_t)bytes);
}

LOCAL void socket_release(struct file *file)
{
    struct socket_end *end = socket_of(file);
    struct socket_pair *pair = end->pair;
    mutex_lock(&pair->lock);
    end->is_closed = true;
    if (!list_is_empty(&end->messages) && pair->type == SOCK_STREAM)
        socket_peer(end)->pending_error = -ECONNRESET; /* what the peer sent was never read */
    while (!list_is_empty(&end->messages))
        socket_free_message(end, socket_first(end));
    bool last = --pair->users == 0;
    mutex_unlock(&pair->lock);
    if (last)
        kfree(pair);
    else
        wait_queue_wake_all(&socket_peer(end)->changed);
}

static const struct file_ops socket_ops = {
    .name = "socket", .read = socket_read, .write = socket_write, .ioctl = socket_ioctl, .poll = socket_poll,
    .release = socket_release,
};

bool file_is_socket(const struct file *file)
{
    return file->ops == &socket_ops;
}

int socket_create_pair(int type, uint32_t flags, struct file *files[2])
{
    struct socket_pair *pair = kzalloc(sizeof(*pair));
    if (pair == NULL)
        return -ENOMEM;
    mutex_init(&pair->lock, "socket", LOCK_RANK_PIPE);
    pair->type = type;
    for (int i = 0; i < 2; i++) {
        pair->ends[i].pair = pair;
        list_init(&pair->ends[i].messages);
        wait_queue_init(&pair->ends[i].changed, "socket");
    }
    for (int i = 0; i < 2; i++) {
        int error = vfs_open_inode(vfs_create_anonymous_inode(S_IFSOCK | 0777), &socket_ops, O_RDWR | flags,
                                   &pair->ends[i], &files[i]);
        if (error != 0) {
            if (i == 0)
                kfree(pair);
            else
                file_put(files[0]);
            return error;
        }
        pair->users++;
    }
    return 0;
}

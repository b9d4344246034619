/* epoll(7): sets of watched files. */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H

#include <abi/structs.h>
#include <kernel/vfs/file.h>

/* A new set as an open file with one reference. */
MUST_CHECK int epoll_create(struct file **file);
/* epoll_ctl(2); `event` is not used by EPOLL_CTL_DEL. -EINVAL when `epoll` is no set, or `file` is one. */
int epoll_control(struct file *epoll, int operation, int fd, struct file *file, const struct abi_epoll_event *event);
/* Up to `count` events into kernel memory; waits until `deadline` (monotonic) for the first one.
 * Their number, 0 on time-out, -EINTR, -EINVAL. */
isize_t epoll_wait(struct file *epoll, struct abi_epoll_event *events, size_t count, nanos_t deadline);

#endif

/* timerfd_create(2): a timer as a file. */
#ifndef FS_TIMERFD_H
#define FS_TIMERFD_H

#include <kernel/vfs/file.h>

struct timerfd_setting {
    nanos_t interval; /* 0: once */
    nanos_t value;    /* until the next expiration, or the time of it; 0: disarmed */
};

/* `realtime`: absolute times are of the wall clock. `flags`: TFD_NONBLOCK. */
MUST_CHECK int timerfd_create(bool realtime, uint32_t flags, struct file **file);
/* The value that is left goes to *old (may be NULL). -EINVAL: not a timerfd. */
int timerfd_set(struct file *file, bool absolute, const struct timerfd_setting *new, struct timerfd_setting *old);
int timerfd_get(struct file *file, struct timerfd_setting *current);

#endif

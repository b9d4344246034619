/*
 * Waiting for several files at a time: poll, select and epoll.
 *
 * A file's poll operation returns its ready bits and, when it is given a table,
 * names the wait queues whose wake-up may change them:
 *
 *     uint32_t tty_poll(struct file *file, struct poll_table *table)
 *     {
 *         poll_wait(table, &tty->readers);
 *         return tty_has_input(tty) ? POLL_IN | POLL_OUT : POLL_OUT;
 *     }
 *
 * The queue is named before the state is read, so no wake-up is lost. The table
 * decides what a wake-up does; drivers need not know.
 */
#ifndef KERNEL_VFS_POLL_H
#define KERNEL_VFS_POLL_H

#include <kernel/vfs/file.h>

struct poll_table {
    void (*queue)(struct poll_table *table, struct wait_queue *queue);
};

/* `table` NULL: only the bits are wanted. */
static inline void poll_wait(struct poll_table *table, struct wait_queue *queue)
{
    if (table != NULL)
        table->queue(table, queue);
}

/* Ready bits of any file; files without a poll operation are always readable and writable. */
uint32_t file_poll(struct file *file, struct poll_table *table);

/* poll(2) on files. `file` NULL: entry is skipped (its `ready` stays). */
struct poll_item {
    struct file *file; /* borrowed */
    uint32_t events;
    uint32_t ready;    /* out; POLL_ERR, POLL_HUP and POLL_NVAL always count */
};

/*
 * Waits until an item is ready or `deadline` (monotonic; WAIT_FOREVER; a past
 * one only looks). Returns the number of ready items, 0 on time-out, -EINTR or
 * -ENOMEM.
 */
MUST_CHECK isize_t poll_items(struct poll_item *items, size_t count, nanos_t deadline);

/* Called by file_put() for the last reference: epoll sets forget the file. Set by fs/epoll.c. */
void poll_set_release_hook(void (*hook)(struct file *file));
void poll_release(struct file *file);

#endif

/*
 * poll(2) on files. See poll.h.
 *
 * The first look registers with every queue that the files name; a wake-up sets
 * `triggered`. A poll operation may itself sleep on a lock, which would swallow
 * a plain thread wake-up: the flag does not get lost.
 */
#include <kernel/vfs/poll.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/sched/thread.h>
#include <kernel/time/time.h>
#include <live/call.h>

#define POLL_CHUNK 8

struct poll_waiter;

struct poll_registration {
    struct wait_entry entry;
    struct wait_queue *queue;
    struct poll_waiter *waiter;
};

struct poll_chunk {
    struct poll_chunk *next;
    unsigned used;
    struct poll_registration registrations[POLL_CHUNK];
};

struct poll_waiter {
    struct poll_table table;
    struct thread *thread;
    volatile bool triggered;
    bool out_of_memory;
    struct poll_chunk *newest;
    struct poll_chunk first;
};

static void (*poll_release_hook)(struct file *file);

void poll_set_release_hook(void (*hook)(struct file *file))
{
    poll_release_hook = hook;
}

void poll_release(struct file *file)
{
    if (!list_is_empty(&file->epoll_links) && poll_release_hook != NULL)
        LIVE_CALL(poll_release_hook, 0, file);
}

uint32_t file_poll(struct file *file, struct poll_table *table)
{
    if (file->flags & O_PATH)
        return POLL_NVAL;
    uint32_t ready = file->ops->poll == NULL ? POLL_IN | POLL_OUT : LIVE_CALL(file->ops->poll, POLL_ERR, file, table);
    /* The older names for normal data (poll(2)). */
    return ready | ((ready & POLL_IN) ? POLL_RDNORM : 0) | ((ready & POLL_OUT) ? POLL_WRNORM : 0);
}

/* In the waker's context, with the queue's lock held. */
LOCAL void poll_wake(struct wait_entry *entry)
{
    struct poll_waiter *waiter = container_of(entry, struct poll_registration, entry)->waiter;
    waiter->triggered = true;
    thread_wake(waiter->thread);
}

LOCAL void poll_register(struct poll_table *table, struct wait_queue *queue)
{
    struct poll_waiter *waiter = container_of(table, struct poll_waiter, table);
    struct poll_chunk *chunk = waiter->newest;
    if (chunk->used == POLL_CHUNK) {
        chunk = kmalloc(sizeof(*chunk));
        if (chunk == NULL) {
            waiter->out_of_memory = true;
            return;
        }
        chunk->used = 0;
        chunk->next = waiter->newest;
        waiter->newest = chunk;
    }
    struct poll_registration *registration = &chunk->registrations[chunk->used++];
    registration->waiter = waiter;
    registration->queue = queue;
    registration->entry.thread = waiter->thread;
    registration->entry.wake = poll_wake;
    wait_queue_add(queue, &registration->entry);
}

LOCAL void poll_unregister_all(struct poll_waiter *waiter)
{
    struct poll_chunk *next;
    for (struct poll_chunk *chunk = waiter->newest; chunk != NULL; chunk = next) {
        next = chunk->next;
        for (unsigned i = 0; i < chunk->used; i++)
            wait_queue_remove(chunk->registrations[i].queue, &chunk->registrations[i].entry);
        if (chunk != &waiter->first)
            kfree(chunk);
    }
}

/* Looks at every item; the number of ready ones. */
LOCAL isize_t poll_look(struct poll_item *items, size_t count, struct poll_table *table)
{
    isize_t ready = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].file != NULL)
            items[i].ready = file_poll(items[i].file, table) & (items[i].events | POLL_ERR | POLL_HUP | POLL_NVAL);
        if (items[i].ready != 0) {
            ready++;
            table = NULL; /* it will not be waited: the rest is only looked at */
        }
    }
    return ready;
}

isize_t poll_items(struct poll_item *items, size_t count, nanos_t deadline)
{
    struct wait_queue own = WAIT_QUEUE_INIT(own, "poll");
    struct poll_waiter waiter = { .table = { poll_register }, .thread = thread_current() };
    waiter.newest = &waiter.first;
    bool only_look = deadline != WAIT_FOREVER && deadline <= clock_monotonic();

    isize_t ready = poll_look(items, count, only_look ? NULL : &waiter.table);
    if (ready == 0 && waiter.out_of_memory)
        ready = -ENOMEM;
    while (ready == 0 && !only_look) {
        int error = WAIT_EVENT_UNTIL(&own, waiter.triggered, deadline);
        waiter.triggered = false;
        ready = poll_look(items, count, NULL);
        if (ready == 0 && error != 0) {
            ready = error == -ETIMEDOUT ? 0 : error;
            break;
        }
    }
    poll_unregister_all(&waiter);
    return ready;
}

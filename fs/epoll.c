/*
 * epoll(7). See epoll.h.
 *
 * A watch registers with the wait queues of its file once, when it is added. A
 * wake-up of such a queue puts the watch on the set's ready list; epoll_wait()
 * asks the files on that list again and reports those that are really ready.
 *
 * Locks: one mutex for the structure of all sets (watches come and go, the ready
 * list is harvested). A file that goes away removes its watches under it before
 * anything of the file is torn down, so a watch's file needs no reference. The
 * ready list has a spinlock of its own, because wake-ups come from interrupts.
 *
 * Left out: a set that watches another set (-EINVAL); poll and select of a set
 * work. EPOLLEXCLUSIVE and EPOLLWAKEUP are accepted and change nothing.
 */
#include <fs/epoll.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/time/time.h>
#include <kernel/vfs/poll.h>
#include <kernel/vfs/vfs.h>
#include <lib/tree.h>

struct epoll {
    struct tree watches;       /* by file and descriptor; epoll_mutex */
    struct spinlock ready_lock;
    /* ready_lock */
    struct list ready;         /* struct epoll_watch.ready_link */
    struct wait_queue waiters; /* its lock has the rank EPOLL_READY: it is woken from wake-ups */
};

/* One queue of a watched file. */
struct epoll_hook {
    struct wait_entry entry;
    struct wait_queue *queue;
    struct epoll_watch *watch;
    struct epoll_hook *next;
};

struct epoll_watch {
    struct tree_node node;
    struct epoll *epoll;
    struct file *file;
    int fd;
    uint32_t events;        /* wanted, with EPOLLET and EPOLLONESHOT */
    bool is_disabled;       /* EPOLLONESHOT has reported; until it is modified */
    uint64_t data;
    struct list file_link;  /* file->epoll_links */
    struct list ready_link; /* ready_lock */
    struct epoll_hook *hooks;
};

/* What EPOLL_CTL_ADD hands to poll operations. */
struct epoll_table {
    struct poll_table table;
    struct epoll_watch *watch;
    bool out_of_memory;
};

static struct mutex epoll_mutex = MUTEX_INIT(epoll_mutex, "epoll", LOCK_RANK_EPOLL);

/* --- the ready list ---------------------------------------------------------------------- */

LOCAL void epoll_make_ready(struct epoll_watch *watch)
{
    struct epoll *epoll = watch->epoll;
    irq_flags_t flags = spin_lock_irq(&epoll->ready_lock);
    if (!list_is_linked(&watch->ready_link))
        list_append(&epoll->ready, &watch->ready_link);
    spin_unlock_irq(&epoll->ready_lock, flags);
    wait_queue_wake_all(&epoll->waiters);
}

LOCAL bool epoll_has_ready(struct epoll *epoll)
{
    irq_flags_t flags = spin_lock_irq(&epoll->ready_lock);
    bool ready = !list_is_empty(&epoll->ready);
    spin_unlock_irq(&epoll->ready_lock, flags);
    return ready;
}

/* From a wake-up of a watched file's queue: any context, the queue's lock is held. */
LOCAL void epoll_wake(struct wait_entry *entry)
{
    epoll_make_ready(container_of(entry, struct epoll_hook, entry)->watch);
}

/* --- watches ----------------------------------------------------------------------------- */

LOCAL int epoll_compare_key(const struct file *file, int fd, const struct epoll_watch *watch)
{
    if (file != watch->file)
        return (uintptr_t)file < (uintptr_t)watch->file ? -1 : 1;
    return fd == watch->fd ? 0 : fd < watch->fd ? -1 : 1;
}

LOCAL bool epoll_less(const struct tree_node *a, const struct tree_node *b)
{
    const struct epoll_watch *left = container_of(a, struct epoll_watch, node);
    return epoll_compare_key(left->file, left->fd, container_of(b, struct epoll_watch, node)) < 0;
}

LOCAL int epoll_compare(const void *key, const struct tree_node *node)
{
    const struct epoll_watch *wanted = key;
    return epoll_compare_key(wanted->file, wanted->fd, container_of(node, struct epoll_watch, node));
}

LOCAL void epoll_hook_queue(struct poll_table *table, struct wait_queue *queue)
{
    struct epoll_table *epoll_table = container_of(table, struct epoll_table, table);
    struct epoll_hook *hook = kmalloc(sizeof(*hook));
    if (hook == NULL) {
        epoll_table->out_of_memory = true;
        return;
    }
    hook->watch = epoll_table->watch;
    hook->queue = queue;
    hook->entry.thread = NULL;
    hook->entry.wake = epoll_wake;
    hook->next = hook->watch->hooks;
    hook->watch->hooks = hook;
    wait_queue_add(queue, &hook->entry);
}

/* With epoll_mutex held. */
LOCAL void epoll_remove(struct epoll_watch *watch)
{
    struct epoll_hook *next;
    for (struct epoll_hook *hook = watch->hooks; hook != NULL; hook = next) {
        next = hook->next;
        wait_queue_remove(hook->queue, &hook->entry); /* no wake-up of ours runs after this */
        kfree(hook);
    }
    irq_flags_t flags = spin_lock_irq(&watch->epoll->ready_lock);
    list_remove(&watch->ready_link);
    spin_unlock_irq(&watch->epoll->ready_lock, flags);
    list_remove(&watch->file_link);
    tree_remove(&watch->epoll->watches, &watch->node);
    kfree(watch);
}

/* The last reference to a watched file went away. */
LOCAL void epoll_forget_file(struct file *file)
{
    mutex_lock(&epoll_mutex);
    while (!list_is_empty(&file->epoll_links))
        epoll_remove(container_of(file->epoll_links.next, struct epoll_watch, file_link));
    mutex_unlock(&epoll_mutex);
}

/* What is asked for at least; errors and hang-ups are always reported. */
LOCAL uint32_t epoll_interest(const struct epoll_watch *watch)
{
    return watch->is_disabled ? 0 : watch->events | EPOLLERR | EPOLLHUP;
}

LOCAL int epoll_add(struct epoll *epoll, int fd, struct file *file, const struct abi_epoll_event *event)
{
    struct epoll_watch *watch = kzalloc(sizeof(*watch));
    if (watch == NULL)
        return -ENOMEM;
    watch->epoll = epoll;
    watch->file = file;
    watch->fd = fd;
    watch->events = event->events;
    watch->data = event->data;
    list_init(&watch->ready_link);
    list_append(&file->epoll_links, &watch->file_link);
    tree_insert(&epoll->watches, &watch->node, epoll_less);
    struct epoll_table table = { .table = { epoll_hook_queue }, .watch = watch };
    uint32_t ready = file_poll(file, &table.table);
    if (table.out_of_memory) {
        epoll_remove(watch);
        return -ENOMEM;
    }
    if (ready & epoll_interest(watch))
        epoll_make_ready(watch);
    return 0;
}

LOCAL int epoll_modify(struct epoll_watch *watch, const struct abi_epoll_event *event)
{
    watch->events = event->events;
    watch->is_disabled = false;
    watch->data = event->data;
    if (file_poll(watch->file, NULL) & epoll_interest(watch))
        epoll_make_ready(watch);
    return 0;
}

/* --- the set as a file ------------------------------------------------------------------- */

LOCAL void epoll_release(struct file *file)
{
    struct epoll *epoll = file->private_data;
    struct tree_node *node;
    mutex_lock(&epoll_mutex);
    while ((node = tree_first(&epoll->watches)) != NULL)
        epoll_remove(container_of(node, struct epoll_watch, node));
    mutex_unlock(&epoll_mutex);
    kfree(epoll);
}

LOCAL uint32_t epoll_poll(struct file *file, struct poll_table *table)
{
    struct epoll *epoll = file->private_data;
    poll_wait(table, &epoll->waiters);
    return epoll_has_ready(epoll) ? POLL_IN : 0;
}

static const struct file_ops epoll_ops = { .name = "[eventpoll]", .poll = epoll_poll, .seek = file_seek_nowhere, .release = epoll_release };

int epoll_create(struct file **file)
{
    struct epoll *epoll = kzalloc(sizeof(*epoll));
    if (epoll == NULL)
        return -ENOMEM;
    poll_set_release_hook(epoll_forget_file); /* with the first set; again is harmless */
    tree_init(&epoll->watches);
    spin_init(&epoll->ready_lock, "epoll ready", LOCK_RANK_EPOLL_READY);
    list_init(&epoll->ready);
    wait_queue_init(&epoll->waiters, "epoll waiters");
    spin_init(&epoll->waiters.lock, "epoll waiters", LOCK_RANK_EPOLL_READY);
    int error = vfs_open_inode(vfs_create_anonymous_inode(0600), &epoll_ops, O_RDWR, epoll, file);
    if (error != 0)
        kfree(epoll);
    return error;
}

int epoll_control(struct file *set, int operation, int fd, struct file *file, const struct abi_epoll_event *event)
{
    struct epoll *epoll = set->private_data;
    if (set->ops != &epoll_ops || file->ops == &epoll_ops)
        return -EINVAL;
    if (file->ops->poll == NULL) /* always ready: a file of a disk; epoll_ctl(2) */
        return -EPERM;
    struct epoll_watch key = { .file = file, .fd = fd };
    int error;
    mutex_lock(&epoll_mutex);
    struct tree_node *node = tree_find(&epoll->watches, &key, epoll_compare);
    struct epoll_watch *watch = node == NULL ? NULL : container_of(node, struct epoll_watch, node);
    switch (operation) {
    case EPOLL_CTL_ADD:
        error = watch != NULL ? -EEXIST : epoll_add(epoll, fd, file, event);
        break;
    case EPOLL_CTL_MOD:
        error = watch == NULL ? -ENOENT : epoll_modify(watch, event);
        break;
    case EPOLL_CTL_DEL:
        error = watch == NULL ? -ENOENT : 0;
        if (watch != NULL)
            epoll_remove(watch);
        break;
    default:
        error = -EINVAL;
    }
    mutex_unlock(&epoll_mutex);
    return error;
}

/* Asks the watches on the ready list again. With epoll_mutex held. */
LOCAL size_t epoll_harvest(struct epoll *epoll, struct abi_epoll_event *events, size_t count)
{
    struct list pending = LIST_INIT(pending);
    size_t found = 0;
    while (found < count) {
        irq_flags_t flags = spin_lock_irq(&epoll->ready_lock);
        struct list *node = list_pop_first(&epoll->ready);
        spin_unlock_irq(&epoll->ready_lock, flags);
        if (node == NULL)
            break;
        struct epoll_watch *watch = container_of(node, struct epoll_watch, ready_link);
        uint32_t ready = file_poll(watch->file, NULL) & epoll_interest(watch);
        if (ready == 0)
            continue;
        events[found].events = ready;
        events[found].data = watch->data;
        found++;
        if (watch->events & EPOLLONESHOT)
            watch->is_disabled = true;
        else if (!(watch->events & EPOLLET)) {
            /* Level-triggered: to be asked again next time, behind the others. A wake-up may have queued it already. */
            flags = spin_lock_irq(&epoll->ready_lock);
            list_remove(&watch->ready_link);
            list_append(&pending, &watch->ready_link);
            spin_unlock_irq(&epoll->ready_lock, flags);
        }
    }
    irq_flags_t flags = spin_lock_irq(&epoll->ready_lock);
    struct list *node;
    while ((node = list_pop_first(&pending)) != NULL)
        list_append(&epoll->ready, node);
    spin_unlock_irq(&epoll->ready_lock, flags);
    return found;
}

isize_t epoll_wait(struct file *file, struct abi_epoll_event *events, size_t count, nanos_t deadline)
{
    struct epoll *epoll = file->private_data;
    if (file->ops != &epoll_ops)
        return -EINVAL;
    for (;;) {
        mutex_lock(&epoll_mutex);
        size_t found = epoll_harvest(epoll, events, count);
        mutex_unlock(&epoll_mutex);
        if (found > 0)
            return (isize_t)found;
        int error = WAIT_EVENT_UNTIL(&epoll->waiters, epoll_has_ready(epoll), deadline);
        if (error != 0)
            return error == -ETIMEDOUT ? 0 : error;
    }
}

/*
 * Spinlocks and mutexes. Every lock knows its holder, its name and its rank.
 *
 * Order: a thread may take a lock only if its rank is higher than the rank of
 * every lock that it holds (enum lock_rank is the one table of the order).
 * Debug builds (boot option lockcheck=1, default on) panic on a wrong order,
 * on sleeping with a spinlock held, on unlocking by another thread, and on a
 * recursive lock.
 *
 * A spinlock that an interrupt handler also takes must be taken by
 * spin_lock_irq(); others by spin_lock(), which only disables preemption.
 */
#ifndef KERNEL_SCHED_LOCK_H
#define KERNEL_SCHED_LOCK_H

#include <lib/list.h>

struct thread;

/* Taken from top to bottom: a thread that holds one may take those below it. */
enum lock_rank {
    LOCK_RANK_NONE = 0,
    /* mutexes */
    LOCK_RANK_DRIVER = 8,     /* drivers and their devices: probe() and remove() run under it */
    LOCK_RANK_PROCESS = 10,   /* process tree */
    LOCK_RANK_RENAME = 20,    /* renames of directories */
    LOCK_RANK_FILE = 30,      /* a file's position */
    LOCK_RANK_EPOLL = 40,
    LOCK_RANK_DIRECTORY = 50, /* inode of a directory; parent before child by address */
    LOCK_RANK_INODE = 60,     /* inode of a file */
    LOCK_RANK_PIPE = 70,
    LOCK_RANK_TTY = 80,
    LOCK_RANK_DEVICE_FILE = 85, /* a device's file: held while it copies to and from its callers */
    LOCK_RANK_FILE_TABLE = 90,
    LOCK_RANK_ADDRESS_SPACE = 100, /* a page fault takes it: nothing above may be held over usercopy below it */
    LOCK_RANK_LIVE_PATCH = 104, /* which versions of kernel functions there are */
    LOCK_RANK_LIVE = 105,     /* modules and symbols of the live layer */
    LOCK_RANK_DEVICE = 110,   /* of a driver's own; not over copies to and from callers: those fault */
    /* spinlocks */
    LOCK_RANK_TIMER = 200,
    LOCK_RANK_PROCESS_TREE = 205, /* which processes there are, their groups and sessions */
    LOCK_RANK_SIGNAL = 210,
    LOCK_RANK_FUTEX = 220,
    LOCK_RANK_INPUT = 225,    /* tty input ring, filled by interrupts */
    LOCK_RANK_WAIT_QUEUE = 230,
    LOCK_RANK_EPOLL_READY = 232, /* taken by wake-ups of watched files */
    LOCK_RANK_PAGE_CACHE = 235, /* pages of one file: taken by page faults */
    LOCK_RANK_VMALLOC = 240,
    LOCK_RANK_SLAB = 250,
    LOCK_RANK_MAGAZINE = 255, /* free pages of one CPU */
    LOCK_RANK_PAGE_ALLOCATOR = 260,
    LOCK_RANK_SCHEDULER = 270,
    LOCK_RANK_CONSOLE = 280,
    LOCK_RANK_LOG = 290,
    LOCK_RANK_LEAF = 300      /* takes nothing while held */
};

struct spinlock {
    volatile uint32_t next;    /* ticket handed out next */
    volatile uint32_t serving; /* ticket that holds the lock */
    uint32_t rank;             /* enum lock_rank */
    int32_t holder_cpu;        /* -1: free */
    struct thread *holder;
    const char *name;
    const void *frame;         /* of the call that took it: was it before or after a guard? */
};

#define SPINLOCK_INIT(lock_name, lock_rank) { 0, 0, (lock_rank), -1, 0, (lock_name), 0 }

typedef uint64_t irq_flags_t; /* RFLAGS before interrupts were disabled */

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank);
void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);
MUST_CHECK irq_flags_t spin_lock_irq(struct spinlock *lock);
void spin_unlock_irq(struct spinlock *lock, irq_flags_t flags);
bool spin_is_held_by_me(const struct spinlock *lock);

/* Sleeping lock. Context: threads only. Not recursive. */
struct mutex {
    struct spinlock guard;
    /* guard */
    struct thread *holder; /* NULL: free */
    struct list waiters;   /* struct wait_entry.link, first come first served */
    uint32_t rank;
    const char *name;
};

#define MUTEX_INIT(variable, mutex_name, mutex_rank)                                     \
    { SPINLOCK_INIT(mutex_name, LOCK_RANK_WAIT_QUEUE), 0, LIST_INIT((variable).waiters), \
      (mutex_rank), (mutex_name) }

void mutex_init(struct mutex *mutex, const char *name, enum lock_rank rank);
void mutex_lock(struct mutex *mutex);
bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
bool mutex_is_held_by_me(const struct mutex *mutex);

/* A second lock of the same rank (two directories); the caller has an order of its own, by address. */
void mutex_lock_nested(struct mutex *mutex);

#endif

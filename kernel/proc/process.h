/*
 * Processes. Process 1 is the world (ring 0); ring-3 processes come later and
 * use the same structure.
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include <kernel/sched/thread.h>
#include <lib/user_ptr.h>

struct address_space;
struct file_table;  /* kernel/vfs/fdtable.h */
struct fs_context;  /* kernel/vfs/vfs.h: root, working directory, umask */
struct timer;
struct tty;

struct credentials { uint32_t uid, gid, euid, egid; };

#define PROCESS_MAX_AUXILIARY 24 /* entries of the auxiliary vector, AT_NULL included */

struct process {
    int32_t id;                  /* pid */
    int32_t parent_id;
    bool is_world;
    struct address_space *space; /* never NULL while it runs */
    struct file_table *files;
    struct fs_context *fs;
    struct credentials credentials;
    uint64_t auxiliary[2 * PROCESS_MAX_AUXILIARY]; /* the vector on its start stack, for /proc/PID/auxv */
    size_t auxiliary_size;       /* bytes */

    struct mutex lock;
    /* lock */
    struct list threads;         /* struct thread.process_link */
    char name[THREAD_NAME_SIZE]; /* comm */
    char *arguments;             /* argv, NUL-separated; arguments_size bytes */
    size_t arguments_size;
    char *executable;            /* path */

    /* under the process table's lock */
    struct list table_link;
    int32_t group_id;
    int32_t session_id;
    struct tty *tty;             /* controlling terminal; NULL: none */

    struct signal_state *signals; /* kernel/proc/signal_delivery.h */
    volatile bool exiting;       /* exit_group or a fatal signal: every thread leaves at its next return */
    int exit_status;             /* as wait(2) shows it */
    /* ITIMER_REAL; changed by the process's own threads only */
    struct timer *real_timer;
    nanos_t real_interval;       /* 0: fires once */
    bool real_armed;

    nanos_t ended_time;          /* CPU time of threads that are gone; under signals->lock */

    /* atomic */
    uint64_t missing_calls;      /* syscalls answered with ENOSYS */
    uint64_t missing_logged[16]; /* which numbers were logged */
};

struct process *process_current(void);            /* NULL in kernel threads */
struct process *process_find(int32_t pid);        /* NULL: none; a borrowed pointer, valid while pid 1 lives */
/* Calls `visit` for each process of `group`, under a spinlock. Returns how many there were. */
int process_for_each_in_group(int32_t group, void (*visit)(struct process *process, void *context), void *context);

/* Starts process 1 from the boot file "world". Panics when that is no usable ELF file. */
void world_start(void);

/* A new thread of the current process. The tid, or -E... */
struct clone_request {
    uint64_t flags, stack, tls;
    struct user_ptr parent_tid, child_tid;
};
MUST_CHECK int64_t process_clone_thread(const struct clone_request *request);

/* Ends the calling thread (exit(2)); the last one ends the process. `status` is the wait status. */
NORETURN void process_exit_thread(int status);
/* Ends the process: every thread leaves (exit_group(2)). */
NORETURN void process_exit_group(int status);

#endif

/*
 * Processes. Process 1 is the world (ring 0); every other one is a Linux program
 * in ring 3 with an address space of its own.
 *
 * Life cycle: process_create() -> process_publish() (in the table, its first
 * thread starts) -> the last thread leaves: what it holds is released, it is a
 * zombie -> its parent waits for it, or nobody will: it leaves the table ->
 * freed with the last reference.
 *
 * The tree of parents and children, groups and sessions are under the process
 * table's lock (rank PROCESS_TREE).
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include <abi/structs.h>
#include <kernel/proc/credentials.h>
#include <kernel/sched/thread.h>
#include <lib/user_ptr.h>

struct address_space;
struct file_table;  /* kernel/vfs/fdtable.h */
struct fs_context;  /* kernel/vfs/vfs.h: root, working directory, umask */
struct tty;

#define WORLD_PID 1

#define PROCESS_MAX_AUXILIARY 24 /* entries of the auxiliary vector, AT_NULL included */
#define PROCESS_LIMIT_COUNT   16 /* RLIMIT_... */

struct process {
    uint32_t references;         /* atomic: the table's, and of whoever found it there */
    int32_t id;                  /* pid */
    bool is_world;               /* its threads run at CPL 0 in the world's space: process 1, and its children until execve(2) */
    /* NULL once it is a zombie; other processes' threads look at them as visitors (process_visit_begin()) */
    struct address_space *space;
    struct file_table *files;
    struct fs_context *fs;
    struct credentials credentials; /* changed by the process's own threads only */
    uint64_t auxiliary[2 * PROCESS_MAX_AUXILIARY]; /* the vector on its start stack, for /proc/PID/auxv */
    size_t auxiliary_size;       /* bytes */

    struct mutex lock;
    /* lock */
    struct abi_rlimit limits[PROCESS_LIMIT_COUNT];
    char name[THREAD_NAME_SIZE]; /* comm */
    char *arguments;             /* argv, NUL-separated; arguments_size bytes */
    size_t arguments_size;
    char *executable;            /* path */

    /* under the process table's lock */
    struct list table_link;      /* unlinked: reaped */
    struct process *parent;      /* no reference: a parent's end clears it. NULL: nobody waits for it */
    int32_t parent_id;           /* 1 when `parent` is NULL */
    struct list children;        /* struct process.sibling_link */
    struct list sibling_link;
    int32_t group_id;
    int32_t session_id;
    struct tty *tty;             /* controlling terminal; NULL: none */
    bool is_zombie;
    bool has_executed;           /* setpgid(2) by the parent is refused from then on */
    int exit_status;             /* as wait(2) shows it */
    int32_t exit_signal;         /* to the parent; 0: none */
    nanos_t children_time;       /* CPU time of children that were waited for */

    uint32_t visitors;           /* process_visit_begin() */
    struct wait_queue events;    /* the last visitor left; a child changed its state; a thread of its own left; a vfork child went its own way */
    bool vfork_released;         /* atomic: it no longer uses its parent's memory */

    struct signal_state *signals; /* kernel/proc/signal_delivery.h */
    /* under signals->lock */
    struct list threads;         /* struct thread.process_link */
    nanos_t ended_time;          /* CPU time of threads that are gone */
    int stop_signal;             /* its threads are stopped by this signal; 0: they run */
    int stop_report;             /* what wait(2) has not been told: a stop signal, SIGCONT, 0 */
    bool tell_continued;         /* SIGCONT came: the first thread that goes on tells the parent */
    volatile bool exiting;       /* exit_group or a fatal signal: every thread leaves at its next return */
    struct thread *executing;    /* execve(2) under way: every other thread leaves */
    int32_t death_signal;        /* PR_SET_PDEATHSIG */
    struct trace_session *trace; /* who looks at its syscalls, NULL: nobody; kernel/proc/trace.c's lock */

    /* ITIMER_REAL; changed by the process's own threads only */
    struct process_timer *real_timer;
    nanos_t real_interval;       /* 0: fires once */
    bool real_armed;

    struct process_timer *cpu_timer; /* RLIMIT_CPU; armed while there is a limit */
    nanos_t start_time;          /* monotonic */
    bool no_new_privileges;      /* PR_SET_NO_NEW_PRIVS: execve(2) gives no rights by a file's mode */

    /* atomic */
    uint64_t missing_calls;      /* syscalls answered with ENOSYS */
    uint64_t missing_logged[16]; /* which numbers were logged */
};

struct process *process_current(void);            /* NULL in kernel threads */
/* The process with this pid, zombies included, with a reference. NULL: none. */
MUST_CHECK struct process *process_find(int32_t pid);
void process_get(struct process *process);
void process_put(struct process *process);

#define PROCESS_GROUP_ANY (-1) /* process_for_each_in_group(): every process */
/* Calls `visit` for each process of `group`, under a spinlock. Returns how many there were. */
int process_for_each_in_group(int32_t group, void (*visit)(struct process *process, void *context), void *context);
/* Of ring 3; no process outside of the group but in its session has a child in it (POSIX: orphaned process group). */
bool process_group_is_orphaned(int32_t group);

/*
 * Between the two, what another process holds (space, files, fs) stays as it is: its end and its execve(2) wait. False:
 * it holds nothing any more, and there is nothing to end. The caller has a reference and does not wait for the process.
 */
MUST_CHECK bool process_visit_begin(struct process *process);
void process_visit_end(struct process *process);

/* setpgid(2), setsid(2), with their errors. */
MUST_CHECK int process_set_group(int32_t pid, int32_t group);
MUST_CHECK int32_t process_new_session(void);

/* The current process's soft limit RLIMIT_... */
uint64_t process_limit(unsigned resource);

/* Starts process 1 from the boot file "world". Panics when that is no usable ELF file. */
void world_start(void);

/* A new thread of the current process, or a new process: clone(2). The id, or -E... */
struct clone_request {
    uint64_t flags, stack, tls;
    struct user_ptr parent_tid, child_tid;
    int32_t exit_signal;
};
MUST_CHECK int64_t process_clone(const struct clone_request *request);

/* execve(2): on success the current thread's frame is the new program's. `arguments` and `environment` are the caller's
 * vectors of strings; `name` is a kernel string. 0 or -E...; after the point of no return it ends the process. */
struct path;
MUST_CHECK int process_execute(const struct path *start, const char *name, struct user_ptr arguments,
                               struct user_ptr environment);

/* Ends the calling thread (exit(2)); the last one ends the process. `status` is the wait status. */
NORETURN void process_exit_thread(int status);
/* Ends the process: every thread leaves (exit_group(2)). */
NORETURN void process_exit_group(int status);

/* wait4(2), waitid(2) for children of the current process. */
struct wait_request {
    int type;            /* P_ALL, P_PID, P_PGID */
    int32_t id;
    uint32_t options;    /* WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT */
};
struct wait_result {
    int32_t pid;         /* 0: WNOHANG, and nothing is to be told */
    int code;            /* CLD_... */
    int status;          /* as wait(2) shows it */
    uint32_t uid;
    nanos_t cpu_time;    /* of the child and its children */
};
MUST_CHECK int process_wait(const struct wait_request *request, struct wait_result *result);

/* A ring-3 thread found no page: ends the ring-3 process that has the most (never the world), and gives it time to go. */
void process_relieve_memory(void);

/* CPU time of all threads, the dead ones included. */
nanos_t process_cpu_time(struct process *process);

#endif

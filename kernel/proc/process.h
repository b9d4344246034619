/*
 * Processes. Process 1 is the world (ring 0); ring-3 processes come later and
 * use the same structure.
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include <kernel/sched/thread.h>

struct address_space;
struct file_table;  /* kernel/vfs/fdtable.h */
struct fs_context;  /* kernel/vfs/vfs.h: root, working directory, umask */
struct tty;

struct credentials { uint32_t uid, gid, euid, egid; };

struct process {
    int32_t id;                  /* pid */
    int32_t parent_id;
    bool is_world;
    struct address_space *space; /* never NULL while it runs */
    struct file_table *files;
    struct fs_context *fs;
    struct credentials credentials;

    struct mutex lock;
    /* lock */
    struct list threads;         /* struct thread.process_link */
    char name[THREAD_NAME_SIZE]; /* comm */
    char *arguments;             /* argv, NUL-separated; arguments_size bytes */
    size_t arguments_size;
    char *executable;            /* path */

    /* under the process-tree lock */
    int32_t group_id;
    int32_t session_id;
    struct tty *tty;             /* controlling terminal; NULL: none */

    struct signal_state *signals;
    bool exiting;
    int exit_status;             /* wait status */
};

struct process *process_current(void);            /* NULL in kernel threads */
struct process *process_find(int32_t pid);        /* NULL: none; a borrowed pointer, valid while pid 1 lives */

#endif

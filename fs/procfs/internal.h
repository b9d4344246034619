/*
 * procfs: the tables. A directory is a table of entries; each says what kind of
 * file it is by the function that it has.
 */
#ifndef FS_PROCFS_INTERNAL_H
#define FS_PROCFS_INTERNAL_H

#include <fs/procfs/text.h>
#include <kernel/vfs/directory.h>
#include <kernel/vfs/vfs.h>

struct process;
struct thread;

/* What an inode of /proc is about. */
struct procfs_subject {
    struct process *process; /* NULL outside of /proc/PID; the inode has a reference. May be a zombie */
    int32_t number;          /* thread id below task/, descriptor below fd/ */
};

struct procfs_entry {
    const char *name;
    uint32_t mode;           /* type and permissions */

    /* regular file: its whole text. May take locks above LOCK_RANK_INODE only. */
    void (*generate)(const struct procfs_subject *subject, struct text *text);

    /* symbolic link: its text (as read_link of inode_ops), and where it leads when that is no name */
    isize_t (*read_link)(const struct procfs_subject *subject, char *buffer, size_t size);
    int (*follow)(const struct procfs_subject *subject, struct path *target);

    /* directory: a table (`children`), and entries that come and go (the other two; NULL: none) */
    const struct procfs_entry *children;
    size_t child_count;
    /* The entry for a name like "17"; *subject is the directory's and becomes the child's. NULL: no such. */
    const struct procfs_entry *(*find)(struct procfs_subject *subject, int32_t number);
    /* The smallest number >= `from` that exists; -1: none. */
    int32_t (*next)(const struct procfs_subject *subject, int32_t from);
    uint8_t number_type;     /* DT_... of those */
};

extern const struct procfs_entry procfs_root;      /* reports.c: /proc/polyglot */
#define PROCFS_REPORT_COUNT 13
extern const struct procfs_entry procfs_reports[PROCFS_REPORT_COUNT];

/* system.c */
extern const struct procfs_entry procfs_process;   /* process.c: /proc/PID */

/* system.c */
void procfs_make_boot_id(void);
void procfs_generate_mounts(const struct procfs_subject *subject, struct text *text);

/* process.c: for the root directory */
const struct procfs_entry *procfs_find_process(struct procfs_subject *subject, int32_t number);
int32_t procfs_next_process(const struct procfs_subject *subject, int32_t from);
isize_t procfs_read_self(const struct procfs_subject *subject, char *buffer, size_t size);
isize_t procfs_read_thread_self(const struct procfs_subject *subject, char *buffer, size_t size);

/* Writes "text" of ksnprintf to a link buffer, cut at `size`; its length. */
isize_t procfs_link_text(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

#endif

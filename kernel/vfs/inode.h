/*
 * Inodes and file systems: what a file is, apart from its names.
 *
 * A file system fills a `struct super` when it is mounted and hands out inodes
 * through lookup() and the creating operations. The generic code (path.c,
 * tree.c) calls them with the locks named below and keeps the counts and times
 * that every file system shares.
 *
 * Life cycle of an inode: made by the file system with one reference ->
 * inode_get()/inode_put() -> ops->free() when the last reference goes. An
 * unlinked file that is still open lives until then.
 *
 * Permission bits are looked at by the callers: permission.h.
 */
#ifndef KERNEL_VFS_INODE_H
#define KERNEL_VFS_INODE_H

#include <kernel/sched/lock.h>
#include <kernel/vfs/file.h>

struct inode;
struct page;
struct path;
struct super;

#define NAME_LENGTH_MAX 255  /* bytes of one component */
#define PATH_SIZE_MAX   4096 /* bytes of a path with its NUL */
#define FILE_SIZE_MAX   ((uint64_t)INT64_MAX)
#define INODE_CANNOT_BE_SEALED UINT32_MAX /* in struct inode.seals: F_GET_SEALS is refused */

/* One component of a path; not NUL terminated. */
struct name {
    const char *text;
    size_t length;
};

struct name name_from(const char *text); /* of a whole string */
bool name_equals(const struct name *a, const struct name *b);
char *name_copy(const struct name *name); /* as a string from kmalloc; NULL: no memory */

/* stat(2) and statx(2), before the ABI's layouts. */
struct file_status {
    uint64_t device, inode_number, size, blocks; /* blocks of 512 bytes */
    uint32_t mode, links, uid, gid, special_device, block_size;
    nanos_t access_time, modify_time, change_time, birth_time; /* since 1970 */
};

/* statfs(2), before the ABI's layout. */
struct super_status {
    uint64_t magic, block_size, blocks, blocks_free, files, files_free;
};

/*
 * Operations on inodes. NULL where the type of file has none. Those that get a
 * directory and a name are called with the directory's lock held (of both
 * directories for rename) and with a name that was checked: not empty, "." or
 * "..", no slash, at most NAME_LENGTH_MAX bytes.
 */
struct inode_ops {
    /* *child gets a reference. -ENOENT when there is no such name. */
    int (*lookup)(struct inode *directory, const struct name *name, struct inode **child);
    /* A new entry of the type in `mode`: file, directory, device (`device` is its number), FIFO or socket.
     * The name is known not to exist. *child gets a reference. */
    int (*create)(struct inode *directory, const struct name *name, uint32_t mode, uint32_t device,
                  struct inode **child);
    int (*symlink)(struct inode *directory, const struct name *name, const char *target, struct inode **child);
    /* A further name for `inode`. Counts and times are the caller's. */
    int (*link)(struct inode *directory, const struct name *name, struct inode *inode);
    /* Takes the name away; a directory must be empty, else -ENOTEMPTY. */
    int (*remove)(struct inode *directory, const struct name *name, struct inode *child);
    /* Moves a name; one that exists at the target is replaced (`target`, else NULL: an empty directory, or no
     * directory), or swapped when `exchange`. The caller has checked the types. */
    int (*rename)(struct inode *from, const struct name *from_name, struct inode *source, struct inode *to,
                  const struct name *to_name, struct inode *target, bool exchange);
    /* A file without a name (O_TMPFILE). *child gets a reference. */
    int (*create_unnamed)(struct inode *directory, uint32_t mode, struct inode **child);

    /* Text of a symbolic link, without a NUL, cut at `size`; its length. */
    isize_t (*read_link)(struct inode *inode, char *buffer, size_t size);
    /* A link that leads to an object instead of a text (/proc/PID/fd/N). *target gets references. */
    int (*follow)(struct inode *inode, struct path *target);

    /* With the inode's lock held. Sets inode->size. */
    int (*truncate)(struct inode *inode, uint64_t size);
    int (*allocate)(struct inode *inode, uint64_t offset, uint64_t length, uint32_t mode);

    /* The page of file content for a mapping, see inode_get_page(). Called without the inode's lock. */
    int (*get_page)(struct inode *inode, uint64_t index, bool shared, struct page **page);
    /* Last chance to bring size and times up to date before they are shown. */
    void (*refresh)(struct inode *inode);
    /* Drops what the inode holds, and the inode. */
    void (*free)(struct inode *inode);
};

struct inode {
    uint32_t references;             /* atomic */
    uint32_t mode;                   /* S_IF... and permissions; type constant, permissions under `lock` */
    uint64_t number;
    uint32_t special_device;         /* of a device node: DEVICE_NUMBER(major, minor) */
    struct super *super;             /* never NULL; referenced */
    const struct inode_ops *ops;     /* never NULL */
    const struct file_ops *file_ops; /* what open() gives; NULL: by type (directories, devices, FIFOs) */
    void *private_data;              /* the file system's */
    struct mutex lock;               /* rank DIRECTORY for a directory, else INODE */
    /* lock */
    uint64_t size;                   /* bytes */
    uint64_t pages;                  /* that the file occupies */
    uint32_t links;                  /* names; 0: deleted */
    uint32_t uid, gid;
    nanos_t access_time, modify_time, change_time, birth_time;
    bool is_linkable;                /* made by O_TMPFILE: may get its first name although links == 0 */
    void *fifo;                      /* state of an open FIFO; fs/pipe.c */
    uint32_t seals;                  /* F_SEAL_... of fcntl(2); INODE_CANNOT_BE_SEALED where they do not exist */
    /* atomic: shared mappings that may write the file; negative: there will be none, it is sealed */
    int32_t writers;
    /* flock(2); guarded by lock.c */
    const struct file *lock_writer;  /* holds the exclusive lock */
    uint32_t lock_readers;           /* shared locks */
    struct list record_locks;        /* fcntl(2) locks; guarded by record_lock.c */
};

/* A mounted file system. */
struct super_ops {
    const char *name; /* as mount(2) and /proc/filesystems call it */
    void (*status)(struct super *super, struct super_status *out);
    void (*free)(struct super *super); /* last reference; the root inode is gone already */
};

struct super {
    uint32_t references; /* atomic: one per mount and inode */
    uint32_t mounts;     /* atomic */
    const struct super_ops *ops;
    uint64_t device;     /* st_dev */
    struct inode *root;  /* referenced until the last unmount */
    bool is_cached;      /* names may be kept in the dentry cache */
    uint64_t next_inode; /* atomic */
    void *private_data;
};

/* Numbers of devices, as Linux encodes them in st_rdev (new_encode_dev). */
/* Majors for local use, as Linux assigns them: ours. */
enum { DEVICE_MAJOR_HOST = 240, DEVICE_MAJOR_TRACE = 241, DEVICE_MAJOR_CHARACTER = 242, DEVICE_MAJOR_PROFILE = 243 };
#define DEVICE_NUMBER(major, minor) \
    ((((uint32_t)(minor)) & 0xff) | (((uint32_t)(major)) << 8) | ((((uint32_t)(minor)) & ~0xffU) << 12))
#define DEVICE_MAJOR(device) (((device) >> 8) & 0xfff)
#define DEVICE_MINOR(device) (((device) & 0xff) | (((device) >> 12) & 0xfff00))

/* Fills everything but ops and file_ops: one reference, times now, a fresh number; takes a reference to `super`. */
void inode_init(struct inode *inode, struct super *super, uint32_t mode);
struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode); /* NULL is allowed */

bool inode_is_directory(const struct inode *inode);
bool inode_is_symlink(const struct inode *inode);
bool inode_is_regular(const struct inode *inode);

void inode_get_status(struct inode *inode, struct file_status *out);

/* Times. `touch` notes now, with the inode's lock held; `accessed` is the relatime rule and takes no lock. */
enum { INODE_MODIFIED = 1, INODE_CHANGED = 2 };
void inode_touch(struct inode *inode, int what);
void inode_accessed(struct inode *inode);

enum { SET_MODE = 1, SET_UID = 2, SET_GID = 4, SET_ACCESS_TIME = 8, SET_MODIFY_TIME = 16 };
struct inode_attributes {
    uint32_t set; /* SET_... */
    uint32_t mode, uid, gid;
    nanos_t access_time, modify_time;
    bool times_are_now; /* whoever may write the file may set these */
};
int inode_set_attributes(struct inode *inode, const struct inode_attributes *attributes);

/* A shared mapping that may write the file begins, or ends. -EPERM: the file is sealed against writing. */
MUST_CHECK int inode_add_writer(struct inode *inode);
void inode_remove_writer(struct inode *inode);
/* Is it sealed against one of these? */
bool inode_is_sealed(const struct inode *inode, uint32_t seals);
/* F_ADD_SEALS: 0; -EINVAL: the file has no seals; -EPERM: sealed against that; -EBUSY: a mapping may write it. */
MUST_CHECK int inode_add_seals(struct inode *inode, uint32_t seals);

/* 0, -EISDIR, -EINVAL, -EFBIG, -ENOSPC, -EPERM (sealed), ... */
int inode_truncate(struct inode *inode, uint64_t size);

/*
 * The page that holds bytes [index * PAGE_SIZE, ...) of a regular file, with a
 * reference for the caller (page_put). For page faults: takes no mutex, never
 * sleeps. `shared`: for a MAP_SHARED mapping, which sees later writes and may
 * write; without it the caller only reads the page (a private mapping copies
 * before it writes), and gets borrowed archive pages as they are.
 * -ENXIO beyond the end (SIGBUS), -ENODEV when the file cannot be mapped,
 * -ENOMEM or -ENOSPC.
 */
MUST_CHECK int inode_get_page(struct inode *inode, uint64_t index, bool shared, struct page **page);

/* A super with one reference and a fresh device number; root is the file system's to set. */
void super_init(struct super *super, const struct super_ops *ops);
void super_get(struct super *super);
void super_put(struct super *super);
/* Drops the caller's reference and, when the file system is mounted nowhere (any more), its root. */
void super_discard(struct super *super);

#endif

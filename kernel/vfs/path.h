/*
 * Names: the dentry cache, mounts, and the walk from a path to a file.
 *
 * A dentry is one name in one directory (or the root of a file system) bound to
 * an inode; there are no negative ones. A `struct path` is a dentry as seen
 * through a mount; both are referenced.
 *
 * Life cycle of a dentry: dentry_lookup() makes it with one reference -> at zero
 * references it stays in the cache until it is the oldest of too many -> freed.
 * A removed name leaves the cache at once and lives while it is referenced. A
 * dentry holds its parent, so any dentry leads to its root.
 */
#ifndef KERNEL_VFS_PATH_H
#define KERNEL_VFS_PATH_H

#include <kernel/vfs/inode.h>

#define DENTRY_INLINE_NAME 32

struct dentry {
    struct inode *inode;  /* referenced; never NULL, never changes */
    /* dentry lock (dentry.c) */
    uint32_t references;
    uint32_t hash;
    uint32_t mounts;      /* file systems mounted here */
    bool is_removed;
    struct dentry *parent; /* referenced; itself for a root */
    char *name;           /* NUL terminated; inline_name or from kmalloc */
    size_t name_length;
    struct list hash_link;   /* linked: in the cache */
    struct list unused_link; /* linked: in the cache without references */
    char inline_name[DENTRY_INLINE_NAME];
};

struct mount {
    uint32_t references;   /* atomic; one for the mount table */
    struct super *super;   /* referenced */
    struct dentry *root;   /* referenced */
    struct mount *parent;  /* referenced; NULL for the root mount */
    struct dentry *point;  /* referenced; NULL for the root mount */
    uint32_t flags;        /* MS_... */
    struct list link;      /* mount table, under its lock */
    char source[32];
};

struct path {
    struct mount *mount;
    struct dentry *dentry;
};

/* A NULL dentry is allowed in both. */
void path_get(const struct path *path);
void path_put(struct path *path);
bool path_equals(const struct path *a, const struct path *b);
static inline struct inode *path_inode(const struct path *path) { return path->dentry->inode; }

/*
 * The absolute path of `path` below `root` into `buffer` (PATH_SIZE_MAX bytes are
 * always enough for what getcwd(2) may return). *text points into the buffer.
 * Returns the length without NUL, or -ERANGE / -ENAMETOOLONG. A removed name
 * gets " (deleted)" behind; *is_removed (may be NULL) tells.
 */
isize_t path_to_text(const struct path *path, const struct path *root, char *buffer, size_t size, char **text,
                     bool *is_removed);

/* --- dentries ---------------------------------------------------------------------------- */

/* A root: its own parent. NULL: no memory. Takes over the reference to `inode`. */
MUST_CHECK struct dentry *dentry_create_root(struct inode *inode);
struct dentry *dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry); /* NULL is allowed */

/* *child gets a reference. -ENOENT, -ENOTDIR, -ENOMEM, .... Takes the directory's lock on a miss. */
MUST_CHECK int dentry_lookup(struct dentry *directory, const struct name *name, struct dentry **child);
/* The same with the directory's lock held. */
MUST_CHECK int dentry_lookup_locked(struct dentry *directory, const struct name *name, struct dentry **child);
/* A name for an inode that was just created, lock held. Takes over the reference to `inode`, also on failure. */
MUST_CHECK int dentry_add_locked(struct dentry *directory, const struct name *name, struct inode *inode,
                                 struct dentry **child);
/* The name was removed or replaced. */
void dentry_remove(struct dentry *dentry);
/* After a rename: gives the dentry its new place. `name` was copied to `copy` by name_copy() before anything
 * was changed, so that this cannot fail. */
void dentry_move(struct dentry *dentry, struct dentry *new_parent, char *copy);
/* Is `ancestor` the dentry itself or above it? */
bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor);
/* Frees cached names without references (all of them: tests and leak checks). */
void dentry_cache_shrink(size_t keep);

/* --- mounts ------------------------------------------------------------------------------ */

void mount_get(struct mount *mount);
void mount_put(struct mount *mount);
/* Mounts `super` (takes over the reference) on `point`, a directory; NULL: as the root of everything.
 * 0, -ENOTDIR, -EBUSY, -ENOMEM. */
MUST_CHECK int mount_add(struct super *super, const struct path *point, const char *source, uint32_t flags);
/* Takes the mount away whose root `path` is. -EINVAL: not a mount point; -EBUSY: in use (unless `detach`). */
MUST_CHECK int mount_remove(const struct path *path, bool detach);
/* From a dentry with something mounted on it to the root of what is mounted; references follow. */
void path_enter_mounts(struct path *path);
/* To the parent directory, across mounts, not above `root`; references follow. */
void path_ascend(struct path *path, const struct path *root);
/* The root of everything, with references. */
void mount_get_root(struct path *path);
/* Calls `visit` for each mount in order of mounting, without a lock held. A non-zero result ends it and is returned. */
int mount_for_each(int (*visit)(struct mount *mount, void *context), void *context);

/* Types that mount(2) knows. `create` returns a new super with one reference. */
struct file_system {
    const char *name;
    bool needs_device;
    int (*create)(const char *source, const char *options, struct super **super);
    struct file_system *next;
};
void file_system_register(struct file_system *type); /* once, at boot; stays */
struct file_system *file_system_find(const char *name);
struct file_system *file_system_first(void);

/* --- the walk ---------------------------------------------------------------------------- */

struct fs_context;

enum walk_flags {
    WALK_FOLLOW = 1,    /* follow a symbolic link at the end */
    WALK_DIRECTORY = 2, /* -ENOTDIR for anything else */
};

/*
 * Resolves `name` from `start` (NULL: the working directory) as `fs` sees the
 * tree. *path gets references. -ENOENT (also for ""), -ENOTDIR, -ELOOP,
 * -ENAMETOOLONG, -ENOMEM.
 */
MUST_CHECK int path_walk(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags,
                         struct path *path);

/* What path_walk_parent() found at the end of the path. */
struct walk_last {
    struct path parent;   /* references */
    struct name name;     /* points into the walked string or `buffer` */
    bool is_special;      /* the end is "/", "." or "..": there is no entry to create or remove */
    bool has_slash;       /* "name/": only a directory will do */
    char *buffer;         /* owned */
};

/* All but the last component. Release with walk_last_release(). */
MUST_CHECK int path_walk_parent(struct fs_context *fs, const struct path *start, const char *name,
                                struct walk_last *last);
void walk_last_release(struct walk_last *last);

#endif

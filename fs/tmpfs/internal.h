/* What the files of tmpfs share. */
#ifndef FS_TMPFS_INTERNAL_H
#define FS_TMPFS_INTERNAL_H

#include <fs/tmpfs.h>
#include <kernel/vfs/page_map.h>

struct tmpfs_super {
    struct super super;
    uint64_t page_limit;
    uint64_t pages; /* atomic: charged */
    uint64_t files; /* atomic */
};

/* A directory's entries: hashed by name, and in the order of creation for readers. */
struct tmpfs_directory {
    struct list *buckets; /* NULL until the first entry */
    uint32_t bucket_count;
    uint32_t entry_count;
    struct list order;
    uint64_t next_cookie; /* position of the next new entry for getdents(2) */
};

struct tmpfs_file {
    struct spinlock lock; /* rank PAGE_CACHE: page faults take it */
    /* lock; inode.size is changed under it as well */
    struct page_map pages;
    const char *borrowed;    /* page aligned */
    uint64_t borrowed_pages; /* indices below it without a page of their own read from `borrowed` */
};

struct tmpfs_inode {
    struct inode inode;
    union { /* by the type of the inode */
        struct tmpfs_directory directory;
        struct tmpfs_file file;
        char *target; /* of a symbolic link */
    };
};

static inline struct tmpfs_inode *tmpfs_of(struct inode *inode) { return container_of(inode, struct tmpfs_inode, inode); }
static inline struct tmpfs_super *tmpfs_super_of(struct super *super) { return container_of(super, struct tmpfs_super, super); }

extern const struct file_ops tmpfs_file_ops, tmpfs_directory_file_ops;
extern const struct inode_ops tmpfs_file_inode_ops, tmpfs_directory_inode_ops, tmpfs_symlink_inode_ops, tmpfs_special_inode_ops;

/* inode.c: an inode of the type in `mode` with one reference and links as a first name gives. 0 or -ENOSPC. */
MUST_CHECK int tmpfs_create_inode(struct super *super, uint32_t mode, uint32_t device, struct inode **inode);
void tmpfs_free_inode(struct inode *inode);

/* directory.c */
void tmpfs_directory_init(struct tmpfs_directory *directory);
void tmpfs_directory_destroy(struct tmpfs_directory *directory);

/* data.c */
void tmpfs_file_init(struct tmpfs_file *file);
void tmpfs_file_destroy(struct inode *inode);

#endif

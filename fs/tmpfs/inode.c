/*
 * tmpfs: supers and inodes. See fs/tmpfs.h.
 */
#include <fs/tmpfs/internal.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/path.h>
#include <lib/parse.h>
#include <lib/string.h>

/* An inode with its name takes about a quarter of a page of the kernel's heap: charged like data. */
#define TMPFS_FILES_PER_PAGE 4

static struct object_cache *tmpfs_objects;
static struct super *tmpfs_unnamed_super; /* of memfd files */

LOCAL int tmpfs_charge_file(struct tmpfs_super *tmpfs)
{
    uint64_t count = __atomic_add_fetch(&tmpfs->files, 1, __ATOMIC_RELAXED);
    if (count <= tmpfs->page_limit && (count % TMPFS_FILES_PER_PAGE != 0 || page_commit(1) == 0))
        return 0;
    __atomic_sub_fetch(&tmpfs->files, 1, __ATOMIC_RELAXED);
    return -ENOSPC;
}

LOCAL void tmpfs_uncharge_file(struct tmpfs_super *tmpfs)
{
    uint64_t count = __atomic_fetch_sub(&tmpfs->files, 1, __ATOMIC_RELAXED);
    if (count % TMPFS_FILES_PER_PAGE == 0)
        page_uncommit(1);
}

int tmpfs_create_inode(struct super *super, uint32_t mode, uint32_t device, struct inode **out)
{
    struct tmpfs_super *tmpfs = tmpfs_super_of(super);
    if (tmpfs_charge_file(tmpfs) != 0)
        return -ENOSPC;
    struct tmpfs_inode *node = object_alloc_zeroed(tmpfs_objects);
    if (node == NULL) {
        tmpfs_uncharge_file(tmpfs);
        return -ENOSPC;
    }
    struct inode *inode = &node->inode;
    inode_init(inode, super, mode);
    switch (mode & S_IFMT) {
    case S_IFDIR:
        inode->ops = &tmpfs_directory_inode_ops;
        inode->file_ops = &tmpfs_directory_file_ops;
        inode->links = 2;
        tmpfs_directory_init(&node->directory);
        break;
    case S_IFREG:
        inode->ops = &tmpfs_file_inode_ops;
        inode->file_ops = &tmpfs_file_ops;
        inode->seals = F_SEAL_SEAL; /* memfd_create(2) may allow more */
        tmpfs_file_init(&node->file);
        break;
    case S_IFLNK:
        inode->ops = &tmpfs_symlink_inode_ops;
        break;
    default:
        inode->ops = &tmpfs_special_inode_ops;
        inode->special_device = device;
        break;
    }
    *out = inode;
    return 0;
}

void tmpfs_free_inode(struct inode *inode)
{
    struct tmpfs_inode *node = tmpfs_of(inode);
    if (inode_is_directory(inode))
        tmpfs_directory_destroy(&node->directory);
    else if (inode_is_regular(inode))
        tmpfs_file_destroy(inode);
    else if (inode_is_symlink(inode))
        kfree(node->target);
    tmpfs_uncharge_file(tmpfs_super_of(inode->super));
    object_free(tmpfs_objects, node);
}

LOCAL isize_t tmpfs_read_link(struct inode *inode, char *buffer, size_t size)
{
    size_t length = MIN(size, inode->size);
    memcpy(buffer, tmpfs_of(inode)->target, length);
    return (isize_t)length;
}

const struct inode_ops tmpfs_symlink_inode_ops = { .read_link = tmpfs_read_link, .free = tmpfs_free_inode };
const struct inode_ops tmpfs_special_inode_ops = { .free = tmpfs_free_inode };

/* --- supers ------------------------------------------------------------------------------ */

void tmpfs_super_status(struct super *super, struct super_status *out)
{
    struct tmpfs_super *tmpfs = tmpfs_super_of(super);
    out->magic = TMPFS_MAGIC;
    out->block_size = PAGE_SIZE;
    out->blocks = tmpfs->page_limit;
    out->blocks_free = tmpfs->page_limit - MIN(tmpfs->page_limit, tmpfs->pages);
    out->files = tmpfs->page_limit;
    out->files_free = tmpfs->page_limit - MIN(tmpfs->page_limit, tmpfs->files);
}

void tmpfs_super_free(struct super *super)
{
    kfree(tmpfs_super_of(super));
}

const struct super_ops tmpfs_super_ops = { .name = "tmpfs", .status = tmpfs_super_status, .free = tmpfs_super_free };

int tmpfs_create_super(const struct super_ops *ops, uint64_t page_limit, struct super **out)
{
    struct tmpfs_super *tmpfs = kzalloc(sizeof(*tmpfs));
    if (tmpfs == NULL)
        return -ENOMEM;
    super_init(&tmpfs->super, ops);
    if (page_limit == 0) {
        struct page_statistics memory;
        page_get_statistics(&memory);
        page_limit = memory.total / 2;
    }
    tmpfs->page_limit = page_limit;
    int error = tmpfs_create_inode(&tmpfs->super, S_IFDIR | 0755, 0, &tmpfs->super.root);
    if (error != 0) {
        kfree(tmpfs);
        return error;
    }
    *out = &tmpfs->super;
    return 0;
}

/* mount(2) options: a list of name=value with commas between. */
LOCAL int tmpfs_create_mount(const char *source, const char *options, struct super **out)
{
    uint64_t size = 0, mode = 01777;
    while (*options != 0) {
        const char *end = strchr(options, ',');
        size_t length = end == NULL ? strlen(options) : (size_t)(end - options);
        char value[32];
        if (length >= sizeof(value))
            return -EINVAL;
        memcpy(value, options, length);
        value[length] = 0;
        if (strncmp(value, "size=", 5) == 0) {
            if (parse_size(value + 5, &size) != 0 || size == 0)
                return -EINVAL;
        } else if (strncmp(value, "mode=", 5) == 0) {
            if (parse_u64(value + 5, NULL, 8, &mode) != 0)
                return -EINVAL;
        } else if (length > 0) {
            return -EINVAL;
        }
        options += length + (end != NULL);
    }
    int error = tmpfs_create_super(&tmpfs_super_ops, (size + PAGE_SIZE - 1) / PAGE_SIZE, out);
    if (error == 0)
        (*out)->root->mode = S_IFDIR | (uint32_t)(mode & 07777);
    return error;
}

static struct file_system tmpfs_type = { .name = "tmpfs", .create = tmpfs_create_mount };

void tmpfs_init(void)
{
    tmpfs_objects = object_cache_create("tmpfs inode", sizeof(struct tmpfs_inode), _Alignof(struct tmpfs_inode));
    if (tmpfs_objects != NULL && tmpfs_create_super(&tmpfs_super_ops, 0, &tmpfs_unnamed_super) == 0)
        file_system_register(&tmpfs_type); /* else vfs_init() misses it and panics */
}

int tmpfs_create_unnamed(uint32_t mode, struct inode **inode)
{
    int error = tmpfs_create_inode(tmpfs_unnamed_super, S_IFREG | mode, 0, inode);
    if (error == 0)
        (*inode)->links = 0;
    return error;
}

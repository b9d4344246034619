/*
 * Inodes and supers: reference counts, times, attributes. See inode.h.
 *
 * Left out: quotas, ACLs, extended attributes.
 */
#include <kernel/vfs/inode.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/page.h>
#include <kernel/mm/slab.h>
#include <kernel/time/time.h>
#include <lib/string.h>
#include <live/call.h>

/* Minor number of the next anonymous st_dev (major 0), as Linux gives to file systems without a disk. */
static uint32_t super_next_device = 1;

struct name name_from(const char *text)
{
    struct name name = { text, strlen(text) };
    return name;
}

bool name_equals(const struct name *a, const struct name *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

char *name_copy(const struct name *name)
{
    char *copy = kmalloc(name->length + 1);
    if (copy != NULL) {
        memcpy(copy, name->text, name->length);
        copy[name->length] = 0;
    }
    return copy;
}

void super_init(struct super *super, const struct super_ops *ops)
{
    memset(super, 0, sizeof(*super));
    super->references = 1;
    super->ops = ops;
    super->device = DEVICE_NUMBER(0, __atomic_fetch_add(&super_next_device, 1, __ATOMIC_RELAXED));
    super->next_inode = 1;
    super->is_cached = true;
}

void super_get(struct super *super)
{
    __atomic_add_fetch(&super->references, 1, __ATOMIC_RELAXED);
}

void super_put(struct super *super)
{
    uint32_t left = __atomic_sub_fetch(&super->references, 1, __ATOMIC_ACQ_REL);
    KASSERT(left != UINT32_MAX);
    if (left == 0)
        LIVE_CALL(super->ops->free, 0, super);
}

void super_discard(struct super *super)
{
    if (__atomic_load_n(&super->mounts, __ATOMIC_ACQUIRE) == 0) {
        struct inode *root = super->root;
        super->root = NULL;
        inode_put(root);
    }
    super_put(super);
}

void inode_init(struct inode *inode, struct super *super, uint32_t mode)
{
    memset(inode, 0, sizeof(*inode));
    inode->references = 1;
    inode->mode = mode;
    inode->number = __atomic_fetch_add(&super->next_inode, 1, __ATOMIC_RELAXED);
    inode->super = super;
    super_get(super);
    inode->links = 1;
    list_init(&inode->record_locks);
    inode->seals = INODE_CANNOT_BE_SEALED;
    inode->birth_time = clock_realtime();
    inode->access_time = inode->modify_time = inode->change_time = inode->birth_time;
    if ((mode & S_IFMT) == S_IFDIR)
        mutex_init(&inode->lock, "directory", LOCK_RANK_DIRECTORY);
    else
        mutex_init(&inode->lock, "inode", LOCK_RANK_INODE);
}

struct inode *inode_get(struct inode *inode)
{
    __atomic_add_fetch(&inode->references, 1, __ATOMIC_RELAXED);
    return inode;
}

void inode_put(struct inode *inode)
{
    if (inode == NULL)
        return;
    uint32_t left = __atomic_sub_fetch(&inode->references, 1, __ATOMIC_ACQ_REL);
    KASSERT(left != UINT32_MAX);
    if (left != 0)
        return;
    struct super *super = inode->super;
    LIVE_CALL(inode->ops->free, 0, inode);
    super_put(super);
}

bool inode_is_directory(const struct inode *inode) { return (inode->mode & S_IFMT) == S_IFDIR; }
bool inode_is_symlink(const struct inode *inode) { return (inode->mode & S_IFMT) == S_IFLNK; }
bool inode_is_regular(const struct inode *inode) { return (inode->mode & S_IFMT) == S_IFREG; }

void inode_get_status(struct inode *inode, struct file_status *out)
{
    memset(out, 0, sizeof(*out));
    if (inode->ops->refresh != NULL)
        LIVE_CALL(inode->ops->refresh, 0, inode);
    mutex_lock(&inode->lock);
    out->device = inode->super->device;
    out->inode_number = inode->number;
    out->mode = inode->mode;
    out->links = inode->links;
    out->uid = inode->uid;
    out->gid = inode->gid;
    out->special_device = inode->special_device;
    out->size = inode->size;
    out->blocks = inode->pages * (PAGE_SIZE / 512);
    out->block_size = PAGE_SIZE;
    out->access_time = inode->access_time;
    out->modify_time = inode->modify_time;
    out->change_time = inode->change_time;
    out->birth_time = inode->birth_time;
    mutex_unlock(&inode->lock);
}

void inode_touch(struct inode *inode, int what)
{
    nanos_t now = clock_realtime();
    if (what & INODE_MODIFIED)
        inode->modify_time = now;
    inode->change_time = now;
}

/* relatime (mount(8)): an access is noted once after each change, and once a day. A torn race between two
 * readers can only store one of two times that are both right. */
void inode_accessed(struct inode *inode)
{
    nanos_t now = clock_realtime();
    nanos_t seen = inode->access_time;
    if (seen <= inode->modify_time || seen <= inode->change_time || now - seen > 86400 * NANOS_PER_SECOND)
        inode->access_time = now;
}

int inode_set_attributes(struct inode *inode, const struct inode_attributes *attributes)
{
    mutex_lock(&inode->lock);
    if (attributes->set & SET_MODE)
        inode->mode = (inode->mode & S_IFMT) | (attributes->mode & 07777);
    if (attributes->set & SET_UID)
        inode->uid = attributes->uid;
    if (attributes->set & SET_GID)
        inode->gid = attributes->gid;
    /* chown(2): a changed owner loses set-uid and, where it means execution, set-gid. */
    if ((attributes->set & (SET_UID | SET_GID)) && !inode_is_directory(inode)) {
        inode->mode &= ~(uint32_t)S_ISUID;
        if (inode->mode & S_IXGRP)
            inode->mode &= ~(uint32_t)S_ISGID;
    }
    if (attributes->set & SET_ACCESS_TIME)
        inode->access_time = attributes->access_time;
    if (attributes->set & SET_MODIFY_TIME)
        inode->modify_time = attributes->modify_time;
    inode_touch(inode, INODE_CHANGED);
    mutex_unlock(&inode->lock);
    return 0;
}

/* --- seals -------------------------------------------------------------------------------- */

bool inode_is_sealed(const struct inode *inode, uint32_t seals)
{
    return inode->seals != INODE_CANNOT_BE_SEALED && (inode->seals & seals);
}

int inode_add_writer(struct inode *inode)
{
    int32_t seen = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);
    do {
        if (seen < 0)
            return -EPERM;
    } while (!__atomic_compare_exchange_n(&inode->writers, &seen, seen + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return 0;
}

void inode_remove_writer(struct inode *inode) { __atomic_sub_fetch(&inode->writers, 1, __ATOMIC_ACQ_REL); }

int inode_add_seals(struct inode *inode, uint32_t seals)
{
    const uint32_t known = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    int32_t none = 0;
    if (inode->seals == INODE_CANNOT_BE_SEALED || (seals & ~known))
        return -EINVAL;
    int error = 0;
    mutex_lock(&inode->lock);
    if (inode->seals & F_SEAL_SEAL)
        error = -EPERM;
    else if ((seals & ~inode->seals & F_SEAL_WRITE)
             && !__atomic_compare_exchange_n(&inode->writers, &none, -1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        error = -EBUSY;
    else
        inode->seals |= seals;
    mutex_unlock(&inode->lock);
    return error;
}

int inode_truncate(struct inode *inode, uint64_t size)
{
    if (inode_is_directory(inode))
        return -EISDIR;
    if (inode->ops->truncate == NULL)
        return -EINVAL;
    if (size > FILE_SIZE_MAX)
        return -EFBIG;
    mutex_lock(&inode->lock);
    int error = 0;
    if ((size < inode->size && inode_is_sealed(inode, F_SEAL_SHRINK))
        || (size > inode->size && inode_is_sealed(inode, F_SEAL_GROW)))
        error = -EPERM;
    else
        error = LIVE_CALL(inode->ops->truncate, -EFAULT, inode, size);
    if (error == 0)
        inode_touch(inode, INODE_MODIFIED);
    mutex_unlock(&inode->lock);
    return error;
}

int inode_get_page(struct inode *inode, uint64_t index, bool shared, struct page **page)
{
    if (inode->ops->get_page == NULL)
        return -ENODEV;
    return LIVE_CALL(inode->ops->get_page, -EFAULT, inode, index, shared, page);
}

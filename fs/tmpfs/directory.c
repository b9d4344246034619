/*
 * tmpfs: directories. All operations run under the directory inode's lock.
 */
#include <fs/tmpfs/internal.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/directory.h>
#include <lib/string.h>

#define TMPFS_BUCKETS_FIRST 8
#define TMPFS_ENTRY_SIZE    20 /* what an entry adds to st_size, as on Linux */

struct tmpfs_entry {
    struct list hash_link;
    struct list order_link;
    struct inode *inode; /* referenced */
    uint64_t cookie;     /* grows with each new entry */
    uint32_t hash;
    uint32_t length;
    char text[];         /* not NUL terminated */
};

void tmpfs_directory_init(struct tmpfs_directory *directory)
{
    list_init(&directory->order);
    directory->next_cookie = DIRECTORY_FIRST;
}

void tmpfs_directory_destroy(struct tmpfs_directory *directory)
{
    /* Of a removed directory it is empty; of an unmounted file system it is not. */
    struct list *node;
    while ((node = list_pop_first(&directory->order)) != NULL) {
        struct tmpfs_entry *entry = container_of(node, struct tmpfs_entry, order_link);
        inode_put(entry->inode);
        kfree(entry);
    }
    kfree(directory->buckets);
}

LOCAL uint32_t tmpfs_hash(const struct name *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name->length; i++)
        hash = (hash ^ (uint8_t)name->text[i]) * 16777619U;
    return hash;
}

LOCAL struct tmpfs_entry *tmpfs_find(struct tmpfs_directory *directory, const struct name *name)
{
    if (directory->buckets == NULL)
        return NULL;
    uint32_t hash = tmpfs_hash(name);
    list_for_each(node, &directory->buckets[hash & (directory->bucket_count - 1)]) {
        struct tmpfs_entry *entry = container_of(node, struct tmpfs_entry, hash_link);
        if (entry->hash == hash && entry->length == name->length && memcmp(entry->text, name->text, name->length) == 0)
            return entry;
    }
    return NULL;
}

/* Doubles the table when it is full; without memory the chains just get longer. */
LOCAL int tmpfs_directory_make_room(struct tmpfs_directory *directory)
{
    if (directory->buckets != NULL && directory->entry_count < directory->bucket_count)
        return 0;
    uint32_t count = directory->buckets == NULL ? TMPFS_BUCKETS_FIRST : directory->bucket_count * 2;
    struct list *buckets = kmalloc(count * sizeof(*buckets));
    if (buckets == NULL)
        return directory->buckets == NULL ? -ENOSPC : 0;
    for (uint32_t i = 0; i < count; i++)
        list_init(&buckets[i]);
    list_for_each(node, &directory->order) {
        struct tmpfs_entry *entry = container_of(node, struct tmpfs_entry, order_link);
        list_remove(&entry->hash_link);
        list_append(&buckets[entry->hash & (count - 1)], &entry->hash_link);
    }
    kfree(directory->buckets);
    directory->buckets = buckets;
    directory->bucket_count = count;
    return 0;
}

/* A new entry, which takes over the inode's reference on success. */
LOCAL int tmpfs_directory_add(struct inode *parent, const struct name *name, struct inode *inode)
{
    struct tmpfs_directory *directory = &tmpfs_of(parent)->directory;
    if (tmpfs_directory_make_room(directory) != 0)
        return -ENOSPC;
    struct tmpfs_entry *entry = kmalloc(sizeof(*entry) + name->length);
    if (entry == NULL)
        return -ENOSPC;
    entry->inode = inode;
    entry->cookie = directory->next_cookie++;
    entry->hash = tmpfs_hash(name);
    entry->length = (uint32_t)name->length;
    memcpy(entry->text, name->text, name->length);
    list_append(&directory->buckets[entry->hash & (directory->bucket_count - 1)], &entry->hash_link);
    list_append(&directory->order, &entry->order_link);
    directory->entry_count++;
    parent->size += TMPFS_ENTRY_SIZE;
    return 0;
}

/* Frees an entry; the reference to its inode is the caller's. */
LOCAL void tmpfs_directory_delete(struct inode *parent, struct tmpfs_entry *entry)
{
    list_remove(&entry->hash_link);
    list_remove(&entry->order_link);
    tmpfs_of(parent)->directory.entry_count--;
    parent->size -= TMPFS_ENTRY_SIZE;
    kfree(entry);
}

LOCAL int tmpfs_lookup(struct inode *parent, const struct name *name, struct inode **child)
{
    struct tmpfs_entry *entry = tmpfs_find(&tmpfs_of(parent)->directory, name);
    if (entry == NULL)
        return -ENOENT;
    *child = inode_get(entry->inode);
    return 0;
}

LOCAL int tmpfs_add_new(struct inode *parent, const struct name *name, struct inode *inode, struct inode **child)
{
    int error = tmpfs_directory_add(parent, name, inode);
    if (error != 0)
        inode_put(inode);
    else
        *child = inode_get(inode);
    return error;
}

LOCAL int tmpfs_create(struct inode *parent, const struct name *name, uint32_t mode, uint32_t device,
                       struct inode **child)
{
    struct inode *inode;
    int error = tmpfs_create_inode(parent->super, mode, device, &inode);
    return error != 0 ? error : tmpfs_add_new(parent, name, inode, child);
}

LOCAL int tmpfs_create_unnamed_in(struct inode *parent, uint32_t mode, struct inode **child)
{
    int error = tmpfs_create_inode(parent->super, mode, 0, child);
    if (error == 0)
        (*child)->links = 0;
    return error;
}

LOCAL int tmpfs_symlink(struct inode *parent, const struct name *name, const char *target, struct inode **child)
{
    struct inode *inode;
    int error = tmpfs_create_inode(parent->super, S_IFLNK | 0777, 0, &inode);
    if (error != 0)
        return error;
    struct name whole = name_from(target);
    tmpfs_of(inode)->target = name_copy(&whole);
    inode->size = whole.length;
    if (tmpfs_of(inode)->target == NULL) {
        inode_put(inode);
        return -ENOSPC;
    }
    return tmpfs_add_new(parent, name, inode, child);
}

LOCAL int tmpfs_link(struct inode *parent, const struct name *name, struct inode *inode)
{
    int error = tmpfs_directory_add(parent, name, inode);
    if (error == 0)
        inode_get(inode);
    return error;
}

LOCAL bool tmpfs_is_empty(struct inode *inode)
{
    return tmpfs_of(inode)->directory.entry_count == 0;
}

LOCAL int tmpfs_remove(struct inode *parent, const struct name *name, struct inode *child)
{
    if (inode_is_directory(child) && !tmpfs_is_empty(child))
        return -ENOTEMPTY;
    tmpfs_directory_delete(parent, tmpfs_find(&tmpfs_of(parent)->directory, name));
    inode_put(child);
    return 0;
}

LOCAL int tmpfs_rename(struct inode *from, const struct name *from_name, struct inode *source, struct inode *to,
                       const struct name *to_name, struct inode *target, bool exchange)
{
    struct tmpfs_entry *old = tmpfs_find(&tmpfs_of(from)->directory, from_name);
    struct tmpfs_entry *new = tmpfs_find(&tmpfs_of(to)->directory, to_name);
    if (target != NULL && !exchange && inode_is_directory(target) && !tmpfs_is_empty(target))
        return -ENOTEMPTY;
    if (target == NULL) {
        int error = tmpfs_directory_add(to, to_name, source);
        if (error != 0)
            return error;
    } else {
        new->inode = source;
        if (exchange) {
            old->inode = target;
            return 0;
        }
        inode_put(target);
    }
    tmpfs_directory_delete(from, old); /* its reference went to the new entry */
    return 0;
}

const struct inode_ops tmpfs_directory_inode_ops = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_create,
    .create_unnamed = tmpfs_create_unnamed_in,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .remove = tmpfs_remove,
    .rename = tmpfs_rename,
    .free = tmpfs_free_inode,
};

LOCAL isize_t tmpfs_read_directory(struct file *file, file_off_t *position, directory_emit_t emit, void *context)
{
    struct inode *inode = file->inode;
    if (!directory_emit_dots(file, position, emit, context))
        return 0;
    mutex_lock(&inode->lock);
    list_for_each(node, &tmpfs_of(inode)->directory.order) {
        struct tmpfs_entry *entry = container_of(node, struct tmpfs_entry, order_link);
        if (entry->cookie < (uint64_t)*position)
            continue;
        file_off_t next = (file_off_t)entry->cookie + 1;
        if (!emit(context, entry->text, entry->length, entry->inode->number, directory_type(entry->inode->mode), next))
            break;
        *position = next;
    }
    mutex_unlock(&inode->lock);
    inode_accessed(inode);
    return 0;
}

const struct file_ops tmpfs_directory_file_ops = { .name = "tmpfs directory", .read_directory = tmpfs_read_directory };

/*
 * The dentry cache. See path.h for the life cycle.
 *
 * One spinlock guards the table, the list of unreferenced names, all reference
 * counts and the places of dentries in the tree. Nothing is freed or allocated
 * under it. That a name has one dentry at most is kept by the directory's mutex,
 * under which names are looked up in the file system and added here.
 *
 * Left out: negative entries (the file systems so far answer from memory).
 */
#include <kernel/vfs/path.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/private.h>
#include <lib/string.h>
#include <live/call.h>

#define DENTRY_BUCKETS    2048 /* power of two */
#define DENTRY_UNUSED_MAX 4096

static struct spinlock dentry_lock = SPINLOCK_INIT("dentries", LOCK_RANK_LEAF);
static struct list dentry_buckets[DENTRY_BUCKETS];
static struct list dentry_unused = LIST_INIT(dentry_unused); /* oldest first */
static size_t dentry_unused_count;
static struct object_cache *dentry_objects;

void dentry_init(void)
{
    for (size_t i = 0; i < DENTRY_BUCKETS; i++)
        list_init(&dentry_buckets[i]);
    dentry_objects = object_cache_create("dentry", sizeof(struct dentry), _Alignof(struct dentry));
    if (dentry_objects == NULL)
        panic("vfs: no memory for the dentry cache");
}

/* FNV-1a over the name, started from the parent's address. */
LOCAL uint32_t dentry_hash(const struct dentry *parent, const struct name *name)
{
    uint32_t hash = 2166136261U ^ (uint32_t)((uintptr_t)parent >> 4);
    for (size_t i = 0; i < name->length; i++)
        hash = (hash ^ (uint8_t)name->text[i]) * 16777619U;
    return hash;
}

LOCAL struct list *dentry_bucket(uint32_t hash)
{
    return &dentry_buckets[hash & (DENTRY_BUCKETS - 1)];
}

/* A fresh dentry in no list; takes over the inode's reference on success. */
LOCAL struct dentry *dentry_create(struct inode *inode, const struct name *name)
{
    struct dentry *dentry = object_alloc_zeroed(dentry_objects);
    if (dentry == NULL)
        return NULL;
    dentry->name = dentry->inline_name;
    if (name->length >= DENTRY_INLINE_NAME) {
        dentry->name = kmalloc(name->length + 1);
        if (dentry->name == NULL) {
            object_free(dentry_objects, dentry);
            return NULL;
        }
    }
    memcpy(dentry->name, name->text, name->length);
    dentry->name[name->length] = 0;
    dentry->name_length = name->length;
    dentry->inode = inode;
    dentry->references = 1;
    dentry->parent = dentry;
    list_init(&dentry->hash_link);
    list_init(&dentry->unused_link);
    return dentry;
}

LOCAL void dentry_free(struct dentry *dentry)
{
    inode_put(dentry->inode);
    if (dentry->name != dentry->inline_name)
        kfree(dentry->name);
    object_free(dentry_objects, dentry);
}

struct dentry *dentry_create_root(struct inode *inode)
{
    struct name name = { "/", 1 };
    return dentry_create(inode, &name);
}

LOCAL void dentry_get_locked(struct dentry *dentry)
{
    dentry->references++;
    if (list_is_linked(&dentry->unused_link)) {
        list_remove(&dentry->unused_link);
        dentry_unused_count--;
    }
}

struct dentry *dentry_get(struct dentry *dentry)
{
    spin_lock(&dentry_lock);
    dentry_get_locked(dentry);
    spin_unlock(&dentry_lock);
    return dentry;
}

/* Takes the oldest unreferenced name out of the cache. */
LOCAL struct dentry *dentry_evict_locked(void)
{
    struct dentry *victim = container_of(list_pop_first(&dentry_unused), struct dentry, unused_link);
    dentry_unused_count--;
    list_remove(&victim->hash_link);
    return victim;
}

/* Frees a dentry that nobody can find any more; returns the parent, whose reference is now the caller's. */
LOCAL struct dentry *dentry_destroy(struct dentry *dentry)
{
    struct dentry *parent = dentry->parent == dentry ? NULL : dentry->parent;
    dentry_free(dentry);
    return parent;
}

void dentry_put(struct dentry *dentry)
{
    while (dentry != NULL) {
        struct dentry *victim = dentry;
        spin_lock(&dentry_lock);
        KASSERT(dentry->references > 0);
        bool done = --dentry->references > 0;
        if (!done && list_is_linked(&dentry->hash_link)) {
            list_append(&dentry_unused, &dentry->unused_link);
            done = ++dentry_unused_count <= DENTRY_UNUSED_MAX;
            if (!done)
                victim = dentry_evict_locked();
        }
        spin_unlock(&dentry_lock);
        if (done)
            return;
        dentry = dentry_destroy(victim);
    }
}

void dentry_cache_shrink(size_t keep)
{
    for (;;) {
        struct dentry *victim = NULL;
        spin_lock(&dentry_lock);
        if (dentry_unused_count > keep)
            victim = dentry_evict_locked();
        spin_unlock(&dentry_lock);
        if (victim == NULL)
            return;
        dentry_put(dentry_destroy(victim));
    }
}

LOCAL struct dentry *dentry_find_cached(struct dentry *directory, const struct name *name, uint32_t hash)
{
    struct dentry *found = NULL;
    spin_lock(&dentry_lock);
    list_for_each(node, dentry_bucket(hash)) {
        struct dentry *dentry = container_of(node, struct dentry, hash_link);
        if (dentry->hash == hash && dentry->parent == directory && dentry->name_length == name->length &&
            memcmp(dentry->name, name->text, name->length) == 0) {
            dentry_get_locked(dentry);
            found = dentry;
            break;
        }
    }
    spin_unlock(&dentry_lock);
    return found;
}

int dentry_add_locked(struct dentry *directory, const struct name *name, struct inode *inode, struct dentry **child)
{
    struct dentry *dentry = dentry_create(inode, name);
    if (dentry == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    dentry->hash = dentry_hash(directory, name);
    spin_lock(&dentry_lock);
    dentry_get_locked(directory);
    dentry->parent = directory;
    if (inode->super->is_cached)
        list_prepend(dentry_bucket(dentry->hash), &dentry->hash_link);
    spin_unlock(&dentry_lock);
    *child = dentry;
    return 0;
}

int dentry_lookup_locked(struct dentry *directory, const struct name *name, struct dentry **child)
{
    if (name->length > NAME_LENGTH_MAX)
        return -ENAMETOOLONG;
    struct inode *inode = directory->inode;
    *child = dentry_find_cached(directory, name, dentry_hash(directory, name));
    if (*child != NULL)
        return 0;
    if (inode->ops->lookup == NULL)
        return -ENOTDIR;
    struct inode *found;
    int error = LIVE_CALL(inode->ops->lookup, -EFAULT, inode, name, &found);
    if (error != 0)
        return error;
    return dentry_add_locked(directory, name, found, child);
}

int dentry_lookup(struct dentry *directory, const struct name *name, struct dentry **child)
{
    if (!inode_is_directory(directory->inode))
        return -ENOTDIR;
    if (name->length > NAME_LENGTH_MAX)
        return -ENAMETOOLONG;
    *child = dentry_find_cached(directory, name, dentry_hash(directory, name));
    if (*child != NULL)
        return 0;
    mutex_lock(&directory->inode->lock);
    int error = dentry_lookup_locked(directory, name, child);
    mutex_unlock(&directory->inode->lock);
    return error;
}

void dentry_remove(struct dentry *dentry)
{
    spin_lock(&dentry_lock);
    KASSERT(dentry->references > 0);
    list_remove(&dentry->hash_link);
    dentry->is_removed = true;
    spin_unlock(&dentry_lock);
}

void dentry_move(struct dentry *dentry, struct dentry *new_parent, char *copy)
{
    struct name name = name_from(copy);
    uint32_t hash = dentry_hash(new_parent, &name);
    char *old_name = dentry->name;

    spin_lock(&dentry_lock);
    struct dentry *old_parent = dentry->parent;
    dentry_get_locked(new_parent);
    dentry->parent = new_parent;
    dentry->name = copy;
    dentry->name_length = name.length;
    dentry->hash = hash;
    if (list_is_linked(&dentry->hash_link)) {
        list_remove(&dentry->hash_link);
        list_prepend(dentry_bucket(hash), &dentry->hash_link);
    }
    spin_unlock(&dentry_lock);

    if (old_name != dentry->inline_name)
        kfree(old_name);
    dentry_put(old_parent);
}

bool dentry_is_below(struct dentry *dentry, struct dentry *ancestor)
{
    bool below = false;
    spin_lock(&dentry_lock);
    for (;; dentry = dentry->parent) {
        below = dentry == ancestor;
        if (below || dentry->parent == dentry)
            break;
    }
    spin_unlock(&dentry_lock);
    return below;
}

struct dentry *dentry_get_parent(struct dentry *dentry)
{
    spin_lock(&dentry_lock);
    struct dentry *parent = dentry->parent;
    dentry_get_locked(parent);
    spin_unlock(&dentry_lock);
    return parent;
}

bool dentry_change_mounts(struct dentry *dentry, int change)
{
    spin_lock(&dentry_lock);
    bool allowed = change < 0 || !dentry->is_removed;
    if (allowed)
        dentry->mounts += (uint32_t)change;
    spin_unlock(&dentry_lock);
    return allowed;
}

size_t dentry_prepend_name(struct dentry *dentry, char *end, size_t room, bool *is_removed)
{
    spin_lock(&dentry_lock);
    size_t length = dentry->name_length;
    *is_removed = *is_removed || dentry->is_removed;
    if (length + 1 <= room) {
        memcpy(end - length, dentry->name, length);
        end[-(isize_t)length - 1] = '/';
    }
    spin_unlock(&dentry_lock);
    return length + 1;
}

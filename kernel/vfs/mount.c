/*
 * The table of mounts and the table of file system types. See path.h.
 *
 * Left out: bind mounts, moving mounts, mount namespaces, propagation.
 */
#include <kernel/vfs/path.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/private.h>
#include <lib/string.h>

static struct spinlock mount_lock = SPINLOCK_INIT("mounts", LOCK_RANK_LEAF);
static struct list mount_table = LIST_INIT(mount_table); /* in order of mounting */
static struct mount *mount_root;
static struct file_system *mount_types;

/* --- references -------------------------------------------------------------------------- */

void mount_get(struct mount *mount)
{
    __atomic_add_fetch(&mount->references, 1, __ATOMIC_RELAXED);
}

void mount_put(struct mount *mount)
{
    while (mount != NULL && __atomic_sub_fetch(&mount->references, 1, __ATOMIC_ACQ_REL) == 0) {
        struct mount *parent = mount->parent;
        dentry_put(mount->root);
        dentry_put(mount->point);
        dentry_cache_shrink(0); /* names of the file system that goes */
        __atomic_sub_fetch(&mount->super->mounts, 1, __ATOMIC_ACQ_REL);
        super_discard(mount->super);
        kfree(mount);
        mount = parent;
    }
}

void path_get(const struct path *path)
{
    if (path->dentry == NULL)
        return;
    dentry_get(path->dentry);
    mount_get(path->mount);
}

void path_put(struct path *path)
{
    if (path->dentry == NULL)
        return;
    dentry_put(path->dentry);
    mount_put(path->mount);
    path->dentry = NULL;
    path->mount = NULL;
}

bool path_equals(const struct path *a, const struct path *b)
{
    return a->dentry == b->dentry && a->mount == b->mount;
}

/* --- mounting ---------------------------------------------------------------------------- */

int mount_add(struct super *super, const struct path *point, const char *source, uint32_t flags)
{
    struct mount *mount = kzalloc(sizeof(*mount));
    if (mount == NULL)
        goto no_memory;
    mount->root = dentry_create_root(super->root);
    if (mount->root == NULL)
        goto no_memory;
    inode_get(super->root);
    __atomic_add_fetch(&super->mounts, 1, __ATOMIC_ACQ_REL);
    mount->references = 1;
    mount->super = super;
    mount->flags = flags;
    list_init(&mount->link);
    size_t length = MIN(strlen(source), sizeof(mount->source) - 1);
    memcpy(mount->source, source, length);
    if (point != NULL) {
        if (!inode_is_directory(path_inode(point))) {
            mount_put(mount);
            return -ENOTDIR;
        }
        if (!dentry_change_mounts(point->dentry, 1)) {
            mount_put(mount);
            return -ENOENT;
        }
        path_get(point);
        mount->parent = point->mount;
        mount->point = point->dentry;
    }

    spin_lock(&mount_lock);
    list_append(&mount_table, &mount->link);
    if (point == NULL)
        mount_root = mount;
    spin_unlock(&mount_lock);
    return 0;

no_memory:
    kfree(mount);
    super_discard(super);
    return -ENOMEM;
}

int mount_remove(const struct path *path, bool detach)
{
    struct mount *mount = path->mount;
    if (path->dentry != mount->root || mount->parent == NULL)
        return -EINVAL;
    spin_lock(&mount_lock);
    /* The table's reference and the caller's path; children hold one each as well. */
    bool busy = !list_is_linked(&mount->link) ||
                (!detach && __atomic_load_n(&mount->references, __ATOMIC_ACQUIRE) > 2);
    if (!busy)
        list_remove(&mount->link);
    spin_unlock(&mount_lock);
    if (busy)
        return -EBUSY;
    dentry_change_mounts(mount->point, -1);
    mount_put(mount);
    return 0;
}

int mount_for_each(int (*visit)(struct mount *mount, void *context), void *context)
{
    int result = 0;
    struct mount *held = NULL;
    spin_lock(&mount_lock);
    for (struct list *node = mount_table.next; node != &mount_table && result == 0;) {
        struct mount *mount = container_of(node, struct mount, link);
        mount_get(mount);
        spin_unlock(&mount_lock);
        mount_put(held);
        held = mount;
        result = visit(mount, context);
        spin_lock(&mount_lock);
        if (!list_is_linked(&mount->link))
            break; /* unmounted meanwhile: its successor is unknown */
        node = mount->link.next;
    }
    spin_unlock(&mount_lock);
    mount_put(held);
    return result;
}

/* --- crossing ---------------------------------------------------------------------------- */

/* The mount whose root hides `path`, with a reference: the last one made there. */
LOCAL struct mount *mount_find_on(const struct path *path)
{
    struct mount *found = NULL;
    spin_lock(&mount_lock);
    list_for_each(node, &mount_table) {
        struct mount *mount = container_of(node, struct mount, link);
        if (mount->parent == path->mount && mount->point == path->dentry)
            found = mount;
    }
    if (found != NULL)
        mount_get(found);
    spin_unlock(&mount_lock);
    return found;
}

void path_enter_mounts(struct path *path)
{
    while (__atomic_load_n(&path->dentry->mounts, __ATOMIC_RELAXED) != 0) {
        struct mount *mount = mount_find_on(path);
        if (mount == NULL)
            return;
        struct path inner = { mount, dentry_get(mount->root) };
        path_put(path);
        *path = inner;
    }
}

/* From the root of a mount to the directory that it covers, as often as needed. False: at the very top. */
LOCAL bool path_leave_mount(struct path *path)
{
    while (path->dentry == path->mount->root) {
        if (path->mount->parent == NULL)
            return false;
        struct path outer = { path->mount->parent, path->mount->point };
        path_get(&outer);
        path_put(path);
        *path = outer;
    }
    return true;
}

void path_ascend(struct path *path, const struct path *root)
{
    if (path_equals(path, root) || !path_leave_mount(path))
        return;
    /* A root that lies at the covered directory itself stops the ascent too. */
    if (!path_equals(path, root)) {
        struct dentry *parent = dentry_get_parent(path->dentry);
        dentry_put(path->dentry);
        path->dentry = parent;
    }
    path_enter_mounts(path);
}

void mount_get_root(struct path *path)
{
    path->mount = mount_root;
    path->dentry = mount_root->root;
    path_get(path);
    path_enter_mounts(path);
}

isize_t path_to_text(const struct path *path, const struct path *root, char *buffer, size_t size, char **text,
                     bool *is_removed)
{
    bool removed = false;
    char *end = buffer + size;
    struct path at = *path;
    isize_t result = 0;

    if (size < 2)
        return -ERANGE;
    *--end = 0;
    path_get(&at);
    char *start = end;
    while (!path_equals(&at, root) && path_leave_mount(&at) && !path_equals(&at, root)) {
        size_t length = dentry_prepend_name(at.dentry, start, (size_t)(start - buffer), &removed);
        if (length > (size_t)(start - buffer)) {
            result = -ERANGE;
            break;
        }
        start -= length;
        struct dentry *parent = dentry_get_parent(at.dentry);
        if (parent == at.dentry) { /* no name in any tree: vfs_anonymous_path() */
            dentry_put(parent);
            break;
        }
        dentry_put(at.dentry);
        at.dentry = parent;
    }
    path_put(&at);
    if (result == 0 && start == end) {
        if (start == buffer)
            return -ERANGE;
        *--start = '/';
    }
    static const char suffix[] = " (deleted)";
    if (result == 0 && removed) {
        if ((size_t)(start - buffer) < sizeof(suffix) - 1)
            return -ERANGE;
        size_t length = (size_t)(end - start);
        memmove(start - (sizeof(suffix) - 1), start, length);
        start -= sizeof(suffix) - 1;
        memcpy(start + length, suffix, sizeof(suffix) - 1);
    }
    if (is_removed != NULL)
        *is_removed = removed;
    *text = start;
    return result != 0 ? result : end - start;
}

/* --- types ------------------------------------------------------------------------------- */

void file_system_register(struct file_system *type)
{
    type->next = mount_types;
    mount_types = type;
}

struct file_system *file_system_find(const char *name)
{
    for (struct file_system *type = mount_types; type != NULL; type = type->next)
        if (strcmp(type->name, name) == 0)
            return type;
    return NULL;
}

struct file_system *file_system_first(void)
{
    return mount_types;
}

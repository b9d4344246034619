/*
 * From a path to a file. See path.h.
 *
 * The walk is a loop over components, not a recursion: a symbolic link is
 * spliced into the text that is left ("a/link/b" -> target + "/b"), so a chain
 * of links costs heap, never kernel stack.
 */
#include <kernel/vfs/path.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/permission.h>
#include <kernel/vfs/vfs.h>
#include <lib/string.h>
#include <live/call.h>

#define WALK_LINKS_MAX 40 /* as Linux: path_resolution(7) */

struct walk {
    struct path root;   /* references */
    struct path at;     /* references: how far we are */
    const char *rest;   /* text still to walk */
    char *buffer;       /* what `rest` points into after a link; owned */
    unsigned links;     /* followed so far */
};

LOCAL void walk_end(struct walk *walk)
{
    path_put(&walk->at);
    path_put(&walk->root);
    kfree(walk->buffer);
    walk->buffer = NULL;
}

LOCAL int walk_begin(struct walk *walk, struct fs_context *fs, const struct path *start, const char *name)
{
    memset(walk, 0, sizeof(*walk));
    if (name[0] == 0)
        return -ENOENT;
    if (strnlen(name, PATH_SIZE_MAX) == PATH_SIZE_MAX)
        return -ENAMETOOLONG;
    fs_context_get_root(fs, &walk->root);
    if (name[0] == '/') {
        walk->at = walk->root;
        path_get(&walk->at);
    } else if (start != NULL) {
        walk->at = *start;
        path_get(&walk->at);
    } else {
        fs_context_get_cwd(fs, &walk->at);
    }
    walk->rest = name;
    return 0;
}

/*
 * Cuts the next component off `rest`, which is then at the slashes behind it.
 * False: nothing but slashes was left.
 */
LOCAL bool walk_next(struct walk *walk, struct name *component)
{
    while (*walk->rest == '/')
        walk->rest++;
    component->text = walk->rest;
    while (*walk->rest != 0 && *walk->rest != '/')
        walk->rest++;
    component->length = (size_t)(walk->rest - component->text);
    return component->length > 0;
}

/* Is there another component behind `rest`? */
LOCAL bool walk_has_more(const struct walk *walk)
{
    const char *text = walk->rest;
    while (*text == '/')
        text++;
    return *text != 0;
}

LOCAL bool walk_is_dot(const struct name *component)
{
    return component->length == 1 && component->text[0] == '.';
}

LOCAL bool walk_is_dot_dot(const struct name *component)
{
    return component->length == 2 && component->text[0] == '.' && component->text[1] == '.';
}

/* The child of `at`, with references; what is mounted on it hides it. */
LOCAL int walk_child(struct walk *walk, const struct name *component, struct path *child)
{
    int error = dentry_lookup(walk->at.dentry, component, &child->dentry);
    if (error != 0)
        return error;
    child->mount = walk->at.mount;
    mount_get(child->mount);
    path_enter_mounts(child);
    return 0;
}

/* Puts the text of a link in front of `rest`. */
LOCAL int walk_splice(struct walk *walk, struct inode *link)
{
    size_t rest_length = strlen(walk->rest);
    char *buffer = kmalloc(PATH_SIZE_MAX);
    if (buffer == NULL)
        return -ENOMEM;
    isize_t length = LIVE_CALL(link->ops->read_link, -EFAULT, link, buffer, PATH_SIZE_MAX);
    if (length >= 0 && (size_t)length + rest_length >= PATH_SIZE_MAX)
        length = -ENAMETOOLONG;
    if (length == 0)
        length = -ENOENT;
    if (length < 0) {
        kfree(buffer);
        return (int)length;
    }
    memcpy(buffer + length, walk->rest, rest_length + 1);
    kfree(walk->buffer);
    walk->buffer = buffer;
    walk->rest = buffer;
    if (buffer[0] == '/') {
        path_put(&walk->at);
        walk->at = walk->root;
        path_get(&walk->at);
    }
    return 0;
}

/* Goes through the link `child`, a child of `at`; releases it. Afterwards `at` and `rest` say where to go on. */
LOCAL int walk_through_link(struct walk *walk, struct path *child)
{
    struct inode *link = path_inode(child);
    int error;
    if (++walk->links > WALK_LINKS_MAX) {
        error = -ELOOP;
    } else if (link->ops->follow != NULL) {
        struct path target;
        error = LIVE_CALL(link->ops->follow, -EFAULT, link, &target);
        if (error == 0) {
            path_put(&walk->at);
            walk->at = target;
        }
    } else {
        inode_accessed(link);
        error = walk_splice(walk, link);
    }
    path_put(child);
    return error;
}

/* One component: `at` moves there, or `rest` changes by a link. */
LOCAL int walk_step(struct walk *walk, const struct name *component, bool follow)
{
    if (!inode_is_directory(path_inode(&walk->at)))
        return -ENOTDIR;
    int error = permission_check(path_inode(&walk->at), PERMISSION_EXECUTE);
    if (error != 0 || walk_is_dot(component))
        return error;
    if (walk_is_dot_dot(component)) {
        path_ascend(&walk->at, &walk->root);
        return 0;
    }
    struct path child;
    error = walk_child(walk, component, &child);
    if (error != 0)
        return error;
    if (follow && inode_is_symlink(path_inode(&child)))
        return walk_through_link(walk, &child);
    path_put(&walk->at);
    walk->at = child;
    return 0;
}

int path_walk(struct fs_context *fs, const struct path *start, const char *name, uint32_t flags, struct path *path)
{
    struct walk walk;
    struct name component;
    int error = walk_begin(&walk, fs, start, name);
    if (error != 0)
        return error;
    while (error == 0 && walk_next(&walk, &component)) {
        /* A link at the very end is followed only when asked for, or when a slash stands behind it. */
        bool follow = (flags & WALK_FOLLOW) || *walk.rest != 0;
        error = walk_step(&walk, &component, follow);
        /* "file/": a slash behind it says that it is a directory. */
        if (error == 0 && *walk.rest == '/' && !walk_has_more(&walk) && !inode_is_directory(path_inode(&walk.at)))
            error = -ENOTDIR;
    }
    if (error == 0 && (flags & WALK_DIRECTORY) && !inode_is_directory(path_inode(&walk.at)))
        error = -ENOTDIR;
    if (error == 0) {
        *path = walk.at;
        path_get(path);
    }
    walk_end(&walk);
    return error;
}

int path_walk_parent(struct fs_context *fs, const struct path *start, const char *name, struct walk_last *last)
{
    struct walk walk;
    memset(last, 0, sizeof(*last));
    int error = walk_begin(&walk, fs, start, name);
    if (error != 0)
        return error;
    for (;;) {
        if (!walk_next(&walk, &last->name)) {
            last->is_special = true; /* "/" alone, or a link that led to "/" */
            break;
        }
        if (!walk_has_more(&walk)) {
            last->is_special = walk_is_dot(&last->name) || walk_is_dot_dot(&last->name);
            last->has_slash = *walk.rest == '/';
            if (last->name.length > NAME_LENGTH_MAX)
                error = -ENAMETOOLONG;
            else if (!inode_is_directory(path_inode(&walk.at)))
                error = -ENOTDIR;
            else
                error = permission_check(path_inode(&walk.at), PERMISSION_EXECUTE);
            break;
        }
        error = walk_step(&walk, &last->name, true);
        if (error != 0)
            break;
    }
    if (error == 0) {
        last->parent = walk.at;
        path_get(&last->parent);
        last->buffer = walk.buffer; /* the name may point into it */
        walk.buffer = NULL;
    }
    walk_end(&walk);
    return error;
}

void walk_last_release(struct walk_last *last)
{
    path_put(&last->parent);
    kfree(last->buffer);
    last->buffer = NULL;
}

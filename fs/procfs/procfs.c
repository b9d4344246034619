/*
 * procfs: the file system around the tables of internal.h.
 *
 * Inodes are made at each lookup and freed with the last reference; the dentry
 * cache does not keep them, because processes come and go. The text of a file is
 * made when it is read from the start, so that a program may seek back to read
 * the present state.
 */
#include <fs/procfs.h>
#include <fs/procfs/internal.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/proc/process.h>
#include <lib/parse.h>
#include <lib/printf.h>
#include <lib/string.h>

/* Positions in a directory: the table's entries, then numbers. */
#define PROCFS_FIRST_NUMBER ((file_off_t)1 << 20)

struct procfs_inode {
    struct inode inode;
    const struct procfs_entry *entry;
    struct procfs_subject subject;
};

LOCAL struct procfs_inode *procfs_of(struct inode *inode)
{
    return container_of(inode, struct procfs_inode, inode);
}

LOCAL struct inode *procfs_create_inode(struct super *super, const struct procfs_entry *entry,
                                        const struct procfs_subject *subject);

isize_t procfs_link_text(char *buffer, size_t size, const char *format, ...)
{
    char text[128];
    va_list arguments;
    va_start(arguments, format);
    int length = kvsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    size_t copied = MIN(MIN((size_t)length, sizeof(text) - 1), size);
    memcpy(buffer, text, copied);
    return (isize_t)copied;
}

/* --- directories ------------------------------------------------------------------------- */

/* A name that is a plain decimal number (no sign, no leading zero); -1: it is not. */
LOCAL int32_t procfs_parse_number(const struct name *name)
{
    char digits[12];
    uint64_t value;
    if (name->length == 0 || name->length >= sizeof(digits) || (name->text[0] == '0' && name->length > 1))
        return -1;
    memcpy(digits, name->text, name->length);
    digits[name->length] = 0;
    if (parse_u64(digits, NULL, 10, &value) != 0 || value > INT32_MAX)
        return -1;
    return (int32_t)value;
}

/* The process of a subject keeps what it has while its entry looks at it. */
LOCAL bool procfs_begin(const struct procfs_subject *subject)
{
    return subject->process != NULL && process_visit_begin(subject->process);
}

LOCAL void procfs_end(const struct procfs_subject *subject, bool begun)
{
    if (begun)
        process_visit_end(subject->process);
}

LOCAL const struct procfs_entry *procfs_find_number(const struct procfs_inode *parent, struct procfs_subject *subject,
                                                    int32_t number)
{
    bool begun = procfs_begin(&parent->subject);
    const struct procfs_entry *found = parent->entry->find(subject, number);
    procfs_end(&parent->subject, begun);
    return found;
}

LOCAL int32_t procfs_next_number(const struct procfs_inode *node, int32_t from)
{
    bool begun = procfs_begin(&node->subject);
    int32_t number = node->entry->next(&node->subject, from);
    procfs_end(&node->subject, begun);
    return number;
}

LOCAL int procfs_lookup(struct inode *directory, const struct name *name, struct inode **child)
{
    struct procfs_inode *parent = procfs_of(directory);
    struct procfs_subject subject = parent->subject;
    const struct procfs_entry *found = NULL;
    for (size_t i = 0; i < parent->entry->child_count && found == NULL; i++) {
        struct name candidate = name_from(parent->entry->children[i].name);
        if (name_equals(&candidate, name))
            found = &parent->entry->children[i];
    }
    int32_t number = found == NULL ? procfs_parse_number(name) : -1;
    if (number >= 0 && parent->entry->find != NULL)
        found = procfs_find_number(parent, &subject, number);
    if (found != NULL)
        *child = procfs_create_inode(directory->super, found, &subject);
    if (subject.process != parent->subject.process)
        process_put(subject.process); /* found here; the inode has its own reference */
    if (found == NULL)
        return -ENOENT;
    return *child == NULL ? -ENOMEM : 0;
}

LOCAL isize_t procfs_read_directory(struct file *file, file_off_t *position, directory_emit_t emit, void *context)
{
    struct procfs_inode *node = procfs_of(file->inode);
    const struct procfs_entry *entry = node->entry;
    if (!directory_emit_dots(file, position, emit, context))
        return 0;
    while (*position < PROCFS_FIRST_NUMBER) {
        size_t index = (size_t)(*position - DIRECTORY_FIRST);
        if (index >= entry->child_count) {
            *position = PROCFS_FIRST_NUMBER;
            break;
        }
        const struct procfs_entry *child = &entry->children[index];
        if (!emit(context, child->name, strlen(child->name), file->inode->number + 1 + index,
                  directory_type(child->mode), *position + 1))
            return 0;
        ++*position;
    }
    if (entry->next == NULL)
        return 0;
    int32_t number;
    while ((number = procfs_next_number(node, (int32_t)(*position - PROCFS_FIRST_NUMBER))) >= 0) {
        char digits[12];
        int length = ksnprintf(digits, sizeof(digits), "%d", number);
        file_off_t next = PROCFS_FIRST_NUMBER + number + 1;
        if (!emit(context, digits, (size_t)length, file->inode->number + 4096 + (uint64_t)number, entry->number_type,
                  next))
            return 0;
        *position = next;
    }
    return 0;
}

static const struct file_ops procfs_directory_ops = { .name = "procfs directory",
                                                      .read_directory = procfs_read_directory };

/* --- files ------------------------------------------------------------------------------- */

LOCAL int procfs_open(struct file *file)
{
    struct text *text = kmalloc(sizeof(*text));
    if (text == NULL)
        return -ENOMEM;
    text_init(text);
    file->private_data = text;
    return 0;
}

LOCAL void procfs_release(struct file *file)
{
    text_free(file->private_data);
    kfree(file->private_data);
}

LOCAL isize_t procfs_read(struct file *file, struct io *io, file_off_t *position)
{
    struct procfs_inode *node = procfs_of(file->inode);
    struct text *text = file->private_data;
    int error = 0;
    mutex_lock(&file->inode->lock);
    if (*position == 0 || text->data == NULL) {
        text_clear(text);
        bool begun = procfs_begin(&node->subject);
        node->entry->generate(&node->subject, text);
        procfs_end(&node->subject, begun);
        if (text->failed)
            error = -ENOMEM;
    }
    if (error == 0 && (uint64_t)*position < text->length) {
        size_t size = MIN(text->length - (size_t)*position, io_remaining(io));
        error = io_put(io, text->data + *position, size);
        if (error == 0)
            *position += (file_off_t)size;
    }
    mutex_unlock(&file->inode->lock);
    return error != 0 ? error : (isize_t)io->done;
}

static const struct file_ops procfs_file_ops = {
    .name = "procfs", .read = procfs_read, .open = procfs_open, .release = procfs_release
};

/* --- links ------------------------------------------------------------------------------- */

LOCAL isize_t procfs_read_link(struct inode *inode, char *buffer, size_t size)
{
    struct procfs_inode *node = procfs_of(inode);
    bool begun = procfs_begin(&node->subject);
    isize_t length = node->entry->read_link(&node->subject, buffer, size);
    procfs_end(&node->subject, begun);
    return length;
}

LOCAL int procfs_follow(struct inode *inode, struct path *target)
{
    struct procfs_inode *node = procfs_of(inode);
    bool begun = procfs_begin(&node->subject);
    int error = node->entry->follow(&node->subject, target);
    procfs_end(&node->subject, begun);
    return error;
}

/* --- inodes ------------------------------------------------------------------------------ */

LOCAL void procfs_free(struct inode *inode)
{
    if (procfs_of(inode)->subject.process != NULL)
        process_put(procfs_of(inode)->subject.process);
    kfree(procfs_of(inode));
}

static const struct inode_ops procfs_directory_inode_ops = { .lookup = procfs_lookup, .free = procfs_free };
static const struct inode_ops procfs_file_inode_ops = { .free = procfs_free };
static const struct inode_ops procfs_link_inode_ops = { .read_link = procfs_read_link, .free = procfs_free };
static const struct inode_ops procfs_follow_inode_ops = {
    .read_link = procfs_read_link, .follow = procfs_follow, .free = procfs_free
};

LOCAL struct inode *procfs_create_inode(struct super *super, const struct procfs_entry *entry,
                                        const struct procfs_subject *subject)
{
    struct procfs_inode *node = kzalloc(sizeof(*node));
    if (node == NULL)
        return NULL;
    inode_init(&node->inode, super, entry->mode);
    node->entry = entry;
    node->subject = *subject;
    if (subject->process != NULL) {
        process_get(subject->process);
        node->inode.uid = subject->process->credentials.euid;
        node->inode.gid = subject->process->credentials.egid;
    }
    switch (entry->mode & S_IFMT) {
    case S_IFDIR:
        node->inode.ops = &procfs_directory_inode_ops;
        node->inode.file_ops = &procfs_directory_ops;
        node->inode.links = 2;
        break;
    case S_IFLNK:
        node->inode.ops = entry->follow != NULL ? &procfs_follow_inode_ops : &procfs_link_inode_ops;
        break;
    default:
        node->inode.ops = &procfs_file_inode_ops;
        node->inode.file_ops = &procfs_file_ops;
    }
    return &node->inode;
}

/* --- mounting ---------------------------------------------------------------------------- */

LOCAL void procfs_super_status(struct super *super, struct super_status *out)
{
    out->magic = PROC_SUPER_MAGIC;
    out->block_size = PAGE_SIZE;
}

LOCAL void procfs_super_free(struct super *super)
{
    kfree(super);
}

static const struct super_ops procfs_super_ops = {
    .name = "proc", .status = procfs_super_status, .free = procfs_super_free
};

LOCAL int procfs_create(const char *source, const char *options, struct super **out)
{
    struct procfs_subject nobody = { NULL, 0 };
    struct super *super = kmalloc(sizeof(*super));
    if (super == NULL)
        return -ENOMEM;
    super_init(super, &procfs_super_ops);
    super->is_cached = false;
    super->root = procfs_create_inode(super, &procfs_root, &nobody);
    if (super->root == NULL) {
        kfree(super);
        return -ENOMEM;
    }
    *out = super;
    return 0;
}

static struct file_system procfs_type = { .name = "proc", .create = procfs_create };

void procfs_init(void)
{
    struct path point;
    struct super *super;
    procfs_make_boot_id();
    file_system_register(&procfs_type);
    struct fs_context *fs = fs_context_create();
    int error = fs == NULL ? -ENOMEM : vfs_create(fs, NULL, "/proc", S_IFDIR | 0555, 0);
    if (error == 0)
        error = path_walk(fs, NULL, "/proc", WALK_DIRECTORY, &point);
    if (error == 0) {
        error = procfs_create("proc", "", &super);
        if (error == 0)
            error = mount_add(super, &point, "proc", 0);
        path_put(&point);
    }
    fs_context_put(fs);
    if (error != 0)
        klog(LOG_ERROR, "procfs", "cannot mount /proc: error %d", error);
}

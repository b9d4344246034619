/*
 * File descriptor tables. See fdtable.h.
 *
 * An array that grows by doubling, guarded by a spinlock; files are released
 * outside of it, because their release operation may sleep.
 */
#include <kernel/vfs/fdtable.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/log.h>
#include <kernel/mm/slab.h>
#include <kernel/vfs/record_lock.h>
#include <lib/string.h>

#define FILE_TABLE_FIRST_SIZE 32

struct file_slot {
    struct file *file; /* NULL: free */
    uint32_t flags;    /* O_CLOEXEC */
};

struct file_table {
    uint32_t references; /* atomic */
    struct spinlock lock;
    /* lock */
    struct file_slot *slots;
    int size;
    int first_free;      /* no free slot below it */
};

LOCAL struct file_table *file_table_allocate(int size)
{
    struct file_table *table = kzalloc(sizeof(*table));
    if (table == NULL)
        return NULL;
    table->slots = kzalloc((size_t)size * sizeof(*table->slots));
    if (table->slots == NULL) {
        kfree(table);
        return NULL;
    }
    table->references = 1;
    table->size = size;
    spin_init(&table->lock, "file table", LOCK_RANK_LEAF);
    return table;
}

struct file_table *file_table_create(void)
{
    return file_table_allocate(FILE_TABLE_FIRST_SIZE);
}

struct file_table *file_table_copy(struct file_table *from)
{
    for (;;) {
        int size = __atomic_load_n(&from->size, __ATOMIC_RELAXED);
        struct file_table *table = file_table_allocate(size);
        if (table == NULL)
            return NULL;
        spin_lock(&from->lock);
        bool same = from->size == size; /* else it grew meanwhile */
        if (same) {
            memcpy(table->slots, from->slots, (size_t)size * sizeof(*table->slots));
            table->first_free = from->first_free;
            for (int fd = 0; fd < size; fd++)
                if (table->slots[fd].file != NULL)
                    file_get(table->slots[fd].file);
        }
        spin_unlock(&from->lock);
        if (same)
            return table;
        kfree(table->slots);
        kfree(table);
    }
}

void file_table_get_reference(struct file_table *table)
{
    __atomic_add_fetch(&table->references, 1, __ATOMIC_RELAXED);
}

void file_table_put_reference(struct file_table *table)
{
    if (table == NULL || __atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    file_table_close_range(table, 0, UINT32_MAX, false);
    kfree(table->slots);
    kfree(table);
}

/* A descriptor of the file is gone: with it all of the process's record locks on the file (fcntl(2)). */
LOCAL void file_table_release(struct file_table *table, struct file *file)
{
    record_lock_release(file->inode, table);
    file_put(file);
}

/* Makes room for descriptor `fd`; called and returns without the lock. */
LOCAL int file_table_grow(struct file_table *table, int fd)
{
    int size = table->size;
    while (size <= fd)
        size *= 2;
    struct file_slot *slots = kzalloc((size_t)size * sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    struct file_slot *old = slots;
    spin_lock(&table->lock);
    if (table->size < size) {
        memcpy(slots, table->slots, (size_t)table->size * sizeof(*slots));
        old = table->slots;
        table->slots = slots;
        table->size = size;
    }
    spin_unlock(&table->lock);
    kfree(old);
    return 0;
}

int file_table_add(struct file_table *table, struct file *file, int minimum, uint32_t flags)
{
    return file_table_add_below(table, file, minimum, FILE_TABLE_LIMIT, flags);
}

int file_table_add_below(struct file_table *table, struct file *file, int minimum, int limit, uint32_t flags)
{
    if (minimum < 0 || minimum >= limit)
        return -EINVAL;
    for (;;) {
        spin_lock(&table->lock);
        int fd = MAX(minimum, table->first_free);
        while (fd < table->size && table->slots[fd].file != NULL)
            fd++;
        bool fits = fd < table->size && fd < limit;
        if (fits) {
            table->slots[fd].file = file_get(file);
            table->slots[fd].flags = flags & O_CLOEXEC;
            if (minimum <= table->first_free)
                table->first_free = fd + 1;
        }
        spin_unlock(&table->lock);
        if (fits)
            return fd;
        if (fd >= limit)
            return -EMFILE;
        int error = file_table_grow(table, fd);
        if (error != 0)
            return error;
    }
}

int file_table_set(struct file_table *table, struct file *file, int fd, uint32_t flags)
{
    if (fd < 0 || fd >= FILE_TABLE_LIMIT)
        return -EBADF;
    if (fd >= table->size) {
        int error = file_table_grow(table, fd);
        if (error != 0)
            return error;
    }
    spin_lock(&table->lock);
    struct file *old = table->slots[fd].file;
    table->slots[fd].file = file_get(file);
    table->slots[fd].flags = flags & O_CLOEXEC;
    spin_unlock(&table->lock);
    if (old != NULL)
        file_table_release(table, old);
    return fd;
}

struct file *file_table_get(struct file_table *table, int fd)
{
    struct file *file = NULL;
    spin_lock(&table->lock);
    if (fd >= 0 && fd < table->size && table->slots[fd].file != NULL)
        file = file_get(table->slots[fd].file);
    spin_unlock(&table->lock);
    return file;
}

/* Empties a slot; the reference is the caller's. */
LOCAL struct file *file_table_take_locked(struct file_table *table, int fd)
{
    struct file *file = table->slots[fd].file;
    table->slots[fd].file = NULL;
    table->slots[fd].flags = 0;
    if (file != NULL && fd < table->first_free)
        table->first_free = fd;
    return file;
}

int file_table_close(struct file_table *table, int fd)
{
    struct file *file = NULL;
    spin_lock(&table->lock);
    if (fd >= 0 && fd < table->size)
        file = file_table_take_locked(table, fd);
    spin_unlock(&table->lock);
    if (file == NULL)
        return -EBADF;
    file_table_release(table, file);
    return 0;
}

void file_table_close_range(struct file_table *table, uint32_t first, uint32_t last, bool only_mark)
{
    for (uint32_t fd = first; fd <= last && fd < (uint32_t)table->size; fd++) {
        struct file *file = NULL;
        spin_lock(&table->lock);
        if (!only_mark)
            file = file_table_take_locked(table, (int)fd);
        else if (table->slots[fd].file != NULL)
            table->slots[fd].flags |= O_CLOEXEC;
        spin_unlock(&table->lock);
        if (file != NULL)
            file_table_release(table, file);
    }
}

void file_table_close_on_exec(struct file_table *table)
{
    for (int fd = 0; fd < table->size; fd++) {
        struct file *file = NULL;
        spin_lock(&table->lock);
        if (table->slots[fd].flags & O_CLOEXEC)
            file = file_table_take_locked(table, fd);
        spin_unlock(&table->lock);
        if (file != NULL)
            file_table_release(table, file);
    }
}

int file_table_get_flags(struct file_table *table, int fd)
{
    int flags = -EBADF;
    spin_lock(&table->lock);
    if (fd >= 0 && fd < table->size && table->slots[fd].file != NULL)
        flags = (int)table->slots[fd].flags;
    spin_unlock(&table->lock);
    return flags;
}

int file_table_set_flags(struct file_table *table, int fd, uint32_t flags)
{
    int error = -EBADF;
    spin_lock(&table->lock);
    if (fd >= 0 && fd < table->size && table->slots[fd].file != NULL) {
        table->slots[fd].flags = flags & O_CLOEXEC;
        error = 0;
    }
    spin_unlock(&table->lock);
    return error;
}

int file_table_next(struct file_table *table, int from)
{
    int found = -1;
    spin_lock(&table->lock);
    for (int fd = MAX(from, 0); fd < table->size && found < 0; fd++)
        if (table->slots[fd].file != NULL)
            found = fd;
    spin_unlock(&table->lock);
    return found;
}

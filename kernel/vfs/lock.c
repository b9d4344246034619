/*
 * flock(2): whole-file locks that belong to an open file. Byte ranges: record_lock.c.
 */
#include <kernel/vfs/vfs.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/vfs/lock.h>
#include <kernel/vfs/private.h>

static struct spinlock file_lock_guard = SPINLOCK_INIT("flock", LOCK_RANK_LEAF);
static struct wait_queue file_lock_waiters = WAIT_QUEUE_INIT(file_lock_waiters, "flock");

/* Drops what `file` holds; the guard is held. */
LOCAL void file_lock_drop_locked(struct file *file)
{
    if (file->lock_held == FILE_LOCK_EXCLUSIVE)
        file->inode->lock_writer = NULL;
    else if (file->lock_held == FILE_LOCK_SHARED)
        file->inode->lock_readers--;
    file->lock_held = FILE_LOCK_NONE;
}

/* Tries to get `wanted` for `file`, which may hold the other kind: that is given up, as flock(2) says. */
LOCAL bool file_lock_try(struct file *file, enum file_lock_kind wanted)
{
    struct inode *inode = file->inode;
    bool had_one, taken = false;
    spin_lock(&file_lock_guard);
    had_one = file->lock_held != FILE_LOCK_NONE;
    file_lock_drop_locked(file);
    if (inode->lock_writer == NULL && (wanted == FILE_LOCK_SHARED || inode->lock_readers == 0)) {
        if (wanted == FILE_LOCK_EXCLUSIVE)
            inode->lock_writer = file;
        else
            inode->lock_readers++;
        file->lock_held = wanted;
        taken = true;
    }
    spin_unlock(&file_lock_guard);
    if (had_one)
        wait_queue_wake_all(&file_lock_waiters);
    return taken;
}

int file_lock(struct file *file, enum file_lock_kind wanted, bool wait)
{
    if (wanted == FILE_LOCK_NONE) {
        file_lock_release(file);
        return 0;
    }
    if (file_lock_try(file, wanted))
        return 0;
    if (!wait)
        return -EAGAIN;
    return WAIT_EVENT(&file_lock_waiters, file_lock_try(file, wanted));
}

void file_lock_release(struct file *file)
{
    if (file->lock_held == FILE_LOCK_NONE)
        return;
    spin_lock(&file_lock_guard);
    file_lock_drop_locked(file);
    spin_unlock(&file_lock_guard);
    wait_queue_wake_all(&file_lock_waiters);
}

/*
 * tmpfs: the content of regular files.
 *
 * Writers and truncation run under the inode's lock; readers and page faults do
 * not: they take the file's spinlock for the moment in which they find a page
 * and get a reference to it. So a page fault in the middle of read(2) or
 * write(2), even of a mapping of the same file, finds its page.
 *
 * Left out: unmapping what was cut off. A mapping keeps the pages it has.
 */
#include <fs/tmpfs/internal.h>

#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/mm/page.h>
#include <lib/string.h>

#define TMPFS_BATCH 32 /* pages freed per hold of the spinlock */

void tmpfs_file_init(struct tmpfs_file *file)
{
    spin_init(&file->lock, "tmpfs file", LOCK_RANK_PAGE_CACHE);
    page_map_init(&file->pages);
}

/* --- accounting -------------------------------------------------------------------------- */

LOCAL int tmpfs_charge_page(struct super *super)
{
    struct tmpfs_super *tmpfs = tmpfs_super_of(super);
    if (__atomic_add_fetch(&tmpfs->pages, 1, __ATOMIC_RELAXED) <= tmpfs->page_limit && page_commit(1) == 0)
        return 0;
    __atomic_sub_fetch(&tmpfs->pages, 1, __ATOMIC_RELAXED);
    return -ENOSPC;
}

/* Gives a charged page up; a mapping may keep it, and its commit, for longer than the file does. */
LOCAL void tmpfs_release_page(struct super *super, struct page *page)
{
    __atomic_sub_fetch(&tmpfs_super_of(super)->pages, 1, __ATOMIC_RELAXED);
    page_put_committed(page);
}

/* --- pages ------------------------------------------------------------------------------- */

/* The borrowed page at `index`, or NULL. The lock is held. */
LOCAL const char *tmpfs_borrowed_locked(const struct tmpfs_file *file, uint64_t index)
{
    return index < file->borrowed_pages ? file->borrowed + index * PAGE_SIZE : NULL;
}

/* The file's own page at `index` with a reference, or NULL and (for a borrowed one) its memory. */
LOCAL struct page *tmpfs_find_page(struct tmpfs_file *file, uint64_t index, const char **borrowed)
{
    spin_lock(&file->lock);
    struct page *page = page_map_get(&file->pages, index);
    if (page != NULL)
        page_get(page);
    *borrowed = page != NULL ? NULL : tmpfs_borrowed_locked(file, index);
    spin_unlock(&file->lock);
    return page;
}

/*
 * The file's own page at `index`, made if need be: zeroed, or a copy of the
 * borrowed one. `within_size`: only below the end of the file, else -ENXIO (page
 * faults; a writer is about to move the end). *out gets a reference. -ENOSPC.
 */
LOCAL int tmpfs_own_page(struct inode *inode, uint64_t index, bool within_size, struct page **out)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    const char *borrowed;
    struct page *found = tmpfs_find_page(file, index, &borrowed);
    if (found != NULL) {
        *out = found;
        return 0;
    }
    if (tmpfs_charge_page(inode->super) != 0)
        return -ENOSPC;
    struct page *fresh = page_alloc(0, PAGE_USE_FILE, PAGE_ACCOUNTED | (borrowed == NULL ? PAGE_ZERO : PAGE_NORMAL));
    if (fresh == NULL) {
        __atomic_sub_fetch(&tmpfs_super_of(inode->super)->pages, 1, __ATOMIC_RELAXED);
        page_uncommit(1);
        return -ENOSPC;
    }
    if (borrowed != NULL)
        memcpy(page_to_virt(fresh), borrowed, PAGE_SIZE);

    int error = 0;
    spin_lock(&file->lock);
    found = page_map_get(&file->pages, index);
    if (found == NULL) {
        if (within_size && index >= (inode->size + PAGE_SIZE - 1) / PAGE_SIZE)
            error = -ENXIO;
        else
            error = page_map_set(&file->pages, index, fresh) == 0 ? 0 : -ENOSPC;
        if (error == 0) {
            inode->pages++;
            found = fresh;
        }
    }
    if (error == 0)
        page_get(found);
    spin_unlock(&file->lock);
    if (found != fresh)
        tmpfs_release_page(inode->super, fresh);
    *out = found;
    return error;
}

LOCAL int tmpfs_get_page(struct inode *inode, uint64_t index, bool shared, struct page **out)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    if (index >= (inode->size + PAGE_SIZE - 1) / PAGE_SIZE)
        return -ENXIO;
    if (!shared) {
        const char *borrowed;
        struct page *page = tmpfs_find_page(file, index, &borrowed);
        if (page == NULL && borrowed != NULL) {
            page = page_from_virt(borrowed);
            page_get(page);
        }
        if (page != NULL) {
            *out = page;
            return 0;
        }
    }
    return tmpfs_own_page(inode, index, true, out);
}

/* Frees the file's own pages of [first, last]. */
LOCAL void tmpfs_drop_pages(struct inode *inode, uint64_t first, uint64_t last)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    struct page *pages[TMPFS_BATCH];
    size_t count;
    do {
        spin_lock(&file->lock);
        count = page_map_take(&file->pages, first, last, pages, TMPFS_BATCH);
        inode->pages -= count;
        spin_unlock(&file->lock);
        for (size_t i = 0; i < count; i++)
            tmpfs_release_page(inode->super, pages[i]);
    } while (count == TMPFS_BATCH);
}

void tmpfs_file_destroy(struct inode *inode)
{
    tmpfs_drop_pages(inode, 0, UINT64_MAX);
}

/* --- reading and writing ----------------------------------------------------------------- */

/* One piece that lies in one page. */
LOCAL int tmpfs_read_piece(struct tmpfs_file *file, struct io *io, uint64_t position, size_t size)
{
    const char *borrowed;
    size_t offset = position % PAGE_SIZE;
    struct page *page = tmpfs_find_page(file, position / PAGE_SIZE, &borrowed);
    if (page != NULL) {
        int error = io_put(io, (const char *)page_to_virt(page) + offset, size);
        page_put(page);
        return error;
    }
    return borrowed != NULL ? io_put(io, borrowed + offset, size) : io_put_zeroes(io, size);
}

LOCAL isize_t tmpfs_read(struct file *open_file, struct io *io, file_off_t *position)
{
    struct inode *inode = open_file->inode;
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    int error = 0;
    while (io_remaining(io) > 0 && error == 0) {
        uint64_t at = (uint64_t)*position;
        uint64_t size = __atomic_load_n(&inode->size, __ATOMIC_RELAXED);
        if (at >= size)
            break;
        size_t piece = MIN(PAGE_SIZE - at % PAGE_SIZE, MIN(io_remaining(io), size - at));
        error = tmpfs_read_piece(file, io, at, piece);
        if (error == 0)
            *position += (file_off_t)piece;
    }
    if (!(open_file->flags & O_NOATIME))
        inode_accessed(inode);
    return io->done > 0 ? (isize_t)io->done : error;
}

LOCAL int tmpfs_write_piece(struct inode *inode, struct io *io, uint64_t position, size_t size)
{
    struct page *page;
    int error = tmpfs_own_page(inode, position / PAGE_SIZE, false, &page);
    if (error != 0)
        return error;
    error = io_get(io, (char *)page_to_virt(page) + position % PAGE_SIZE, size);
    page_put(page);
    return error;
}

LOCAL void tmpfs_set_size(struct inode *inode, uint64_t size)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    spin_lock(&file->lock);
    inode->size = size;
    spin_unlock(&file->lock);
}

LOCAL isize_t tmpfs_write(struct file *open_file, struct io *io, file_off_t *position)
{
    struct inode *inode = open_file->inode;
    int error = 0;
    if (io_remaining(io) == 0)
        return 0;
    mutex_lock(&inode->lock);
    if (open_file->flags & O_APPEND)
        *position = (file_off_t)inode->size;
    const uint64_t limit = MIN(io->limit, FILE_SIZE_MAX);
    if ((uint64_t)*position >= limit)
        error = -EFBIG;
    else if (inode_is_sealed(inode, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        error = -EPERM;
    while (io_remaining(io) > 0 && error == 0) {
        uint64_t at = (uint64_t)*position;
        size_t piece = MIN(PAGE_SIZE - at % PAGE_SIZE, MIN(io_remaining(io), limit - at));
        if (piece == 0)
            break;
        if (at + piece > inode->size && inode_is_sealed(inode, F_SEAL_GROW)) {
            error = -EPERM;
            break;
        }
        error = tmpfs_write_piece(inode, io, at, piece);
        if (error == 0) {
            *position += (file_off_t)piece;
            if ((uint64_t)*position > inode->size)
                tmpfs_set_size(inode, (uint64_t)*position);
        }
    }
    if (io->done > 0)
        inode_touch(inode, INODE_MODIFIED);
    mutex_unlock(&inode->lock);
    return io->done > 0 ? (isize_t)io->done : error;
}

/* --- size -------------------------------------------------------------------------------- */

/* Zeroes [from, to) of one page. */
LOCAL int tmpfs_zero_part(struct inode *inode, uint64_t index, size_t from, size_t to)
{
    const char *borrowed;
    struct page *page = tmpfs_find_page(&tmpfs_of(inode)->file, index, &borrowed);
    if (page == NULL && borrowed != NULL) {
        int error = tmpfs_own_page(inode, index, false, &page);
        if (error != 0)
            return error;
    }
    if (page != NULL) {
        memset((char *)page_to_virt(page) + from, 0, to - from);
        page_put(page);
    }
    return 0;
}

LOCAL int tmpfs_truncate(struct inode *inode, uint64_t size)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    if (size < inode->size) {
        /* What is behind the new end must read as zeroes when the file grows again. */
        if (size % PAGE_SIZE != 0) {
            int error = tmpfs_zero_part(inode, size / PAGE_SIZE, size % PAGE_SIZE, PAGE_SIZE);
            if (error != 0)
                return error;
        }
        spin_lock(&file->lock);
        inode->size = size;
        file->borrowed_pages = MIN(file->borrowed_pages, (size + PAGE_SIZE - 1) / PAGE_SIZE);
        spin_unlock(&file->lock);
        tmpfs_drop_pages(inode, (size + PAGE_SIZE - 1) / PAGE_SIZE, UINT64_MAX);
    } else {
        tmpfs_set_size(inode, size);
    }
    return 0;
}

LOCAL int tmpfs_punch(struct inode *inode, uint64_t offset, uint64_t end)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    uint64_t first = (offset + PAGE_SIZE - 1) / PAGE_SIZE, last = end / PAGE_SIZE; /* whole pages: first .. last - 1 */
    int error = 0;
    if (offset / PAGE_SIZE == end / PAGE_SIZE)
        return tmpfs_zero_part(inode, offset / PAGE_SIZE, offset % PAGE_SIZE, end % PAGE_SIZE);
    if (offset % PAGE_SIZE != 0)
        error = tmpfs_zero_part(inode, offset / PAGE_SIZE, offset % PAGE_SIZE, PAGE_SIZE);
    if (error == 0 && end % PAGE_SIZE != 0)
        error = tmpfs_zero_part(inode, last, 0, end % PAGE_SIZE);
    /* A borrowed page cannot become a hole: it gets a page of zeroes of its own. */
    for (uint64_t index = first; index < MIN(last, file->borrowed_pages) && error == 0; index++)
        error = tmpfs_zero_part(inode, index, 0, PAGE_SIZE);
    if (error == 0 && last > MAX(first, file->borrowed_pages))
        tmpfs_drop_pages(inode, MAX(first, file->borrowed_pages), last - 1);
    return error;
}

LOCAL int tmpfs_allocate(struct inode *inode, uint64_t offset, uint64_t length, uint32_t mode)
{
    uint64_t end = offset + length;
    int error = 0;
    if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
        if (inode_is_sealed(inode, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
            return -EPERM;
        error = tmpfs_punch(inode, offset, MIN(end, ALIGN_UP(inode->size, PAGE_SIZE)));
    } else if ((mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE) == 0) {
        if (end > inode->size && inode_is_sealed(inode, F_SEAL_GROW))
            return -EPERM;
        for (uint64_t index = offset / PAGE_SIZE; index <= (end - 1) / PAGE_SIZE && error == 0; index++) {
            struct page *page;
            error = tmpfs_own_page(inode, index, false, &page);
            if (error == 0)
                page_put(page);
        }
        if (error == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && end > inode->size)
            tmpfs_set_size(inode, end);
    } else {
        error = -EOPNOTSUPP;
    }
    if (error == 0)
        inode_touch(inode, INODE_MODIFIED);
    return error;
}

/* Is there data at the page, and where does this state end? */
LOCAL bool tmpfs_has_data(struct inode *inode, uint64_t index, uint64_t *next_data)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    spin_lock(&file->lock);
    *next_data = index < file->borrowed_pages ? index : page_map_next(&file->pages, index);
    spin_unlock(&file->lock);
    return *next_data == index;
}

/* lseek(2) with SEEK_DATA and SEEK_HOLE; the rest as every file. */
LOCAL isize_t tmpfs_seek(struct file *open_file, file_off_t offset, int whence)
{
    struct inode *inode = open_file->inode;
    uint64_t size = inode->size, next;
    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return file_seek_generic(open_file, offset, whence);
    if (offset < 0 || (uint64_t)offset >= size)
        return -ENXIO;
    uint64_t index = (uint64_t)offset / PAGE_SIZE;
    if (whence == SEEK_DATA) {
        if (!tmpfs_has_data(inode, index, &next)) {
            if (next == PAGE_MAP_NONE || next >= (size + PAGE_SIZE - 1) / PAGE_SIZE)
                return -ENXIO;
            offset = (file_off_t)(next * PAGE_SIZE);
        }
    } else {
        while (index * PAGE_SIZE < size && tmpfs_has_data(inode, index, &next)) {
            index++;
            offset = (file_off_t)MIN(index * PAGE_SIZE, size);
        }
    }
    open_file->position = offset;
    return offset;
}

/* --- content from memory ----------------------------------------------------------------- */

/* Can pages of this memory be shared by their reference counts? Inner pages of a big block have none. */
LOCAL bool tmpfs_can_borrow(const char *data, uint64_t size)
{
    if (!IS_ALIGNED((uintptr_t)data, PAGE_SIZE))
        return false;
    for (uint64_t offset = 0; offset + PAGE_SIZE <= size; offset += PAGE_SIZE)
        if (page_from_virt(data + offset)->references == 0)
            return false;
    return true;
}

int tmpfs_set_content(struct inode *inode, const void *data, uint64_t size)
{
    struct tmpfs_file *file = &tmpfs_of(inode)->file;
    if (inode->ops != &tmpfs_file_inode_ops || inode->size != 0)
        return -EINVAL;
    uint64_t copied_from = 0;
    int error = 0;
    mutex_lock(&inode->lock);
    if (size >= PAGE_SIZE && tmpfs_can_borrow(data, size)) {
        spin_lock(&file->lock);
        file->borrowed = data;
        file->borrowed_pages = size / PAGE_SIZE;
        spin_unlock(&file->lock);
        copied_from = ALIGN_DOWN(size, PAGE_SIZE);
    }
    /* The last, partial page is always copied: behind it the archive goes on, where zeroes must be seen. */
    struct io io = io_from_kernel((char *)data + copied_from, size - copied_from);
    while (io_remaining(&io) > 0 && error == 0) {
        uint64_t at = copied_from + io.done;
        error = tmpfs_write_piece(inode, &io, at, MIN(PAGE_SIZE - at % PAGE_SIZE, io_remaining(&io)));
    }
    if (error == 0)
        tmpfs_set_size(inode, size);
    mutex_unlock(&inode->lock);
    return error;
}

const struct file_ops tmpfs_file_ops = {
    .name = "tmpfs file",
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
};

const struct inode_ops tmpfs_file_inode_ops = {
    .truncate = tmpfs_truncate,
    .allocate = tmpfs_allocate,
    .get_page = tmpfs_get_page,
    .free = tmpfs_free_inode,
};

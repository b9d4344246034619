/* Byte-range locks: cutting, splitting, conflicts, waiting, release at close; and random ones against a map of bytes.
 * Links: tests/host/shim/shim.c kernel/vfs/inode.c kernel/vfs/dentry.c kernel/vfs/mount.c kernel/vfs/walk.c kernel/vfs/permission.c kernel/proc/credentials.c kernel/vfs/open.c kernel/vfs/tree.c kernel/vfs/rename.c kernel/vfs/context.c kernel/vfs/file.c kernel/vfs/lock.c kernel/vfs/record_lock.c kernel/vfs/poll.c kernel/vfs/page_map.c fs/tmpfs/inode.c fs/tmpfs/directory.c fs/tmpfs/data.c fs/devfs.c fs/memory_devices.c fs/pipe.c lib/parse.c lib/strlcpy.c
 * Flags: -pthread */
#include <kernel/vfs/record_lock.h>
#include <tests/host/shim/tree.h>
#include <tests/host/lib/random.h>

#define BYTES 64
#define OWNERS 3

static const char owners[OWNERS];

static unsigned random_below(unsigned limit) { return (unsigned)(random_u64() % limit); }

static int lock_range(struct inode *inode, unsigned owner, enum record_lock_type type, uint64_t first, uint64_t last)
{
    struct record_range range = { .type = type, .first = first, .last = last, .owner = &owners[owner], .pid = (int)owner };
    return record_lock_set(inode, &range, false);
}

static int holder_of(struct inode *inode, unsigned asking, uint64_t byte)
{
    struct record_range range = { .type = RECORD_EXCLUSIVE, .first = byte, .last = byte, .owner = &owners[asking] };
    record_lock_find(inode, &range);
    return range.type == RECORD_UNLOCKED ? -1 : range.pid;
}

TEST(ranges_conflict_split_and_end)
{
    struct file *file;
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    struct inode *inode = file->inode;
    CHECK_EQUAL(lock_range(inode, 0, RECORD_EXCLUSIVE, 10, 20), 0);
    CHECK_EQUAL(lock_range(inode, 1, RECORD_SHARED, 20, 30), -EAGAIN);
    CHECK_EQUAL(lock_range(inode, 1, RECORD_SHARED, 21, 30), 0);
    CHECK_EQUAL(lock_range(inode, 2, RECORD_SHARED, 25, 40), 0);
    CHECK_EQUAL(lock_range(inode, 2, RECORD_EXCLUSIVE, 25, 40), -EAGAIN);
    CHECK_EQUAL(lock_range(inode, 0, RECORD_UNLOCKED, 14, 16), 0);
    CHECK_EQUAL(holder_of(inode, 1, 13), 0);
    CHECK_EQUAL(holder_of(inode, 1, 15), -1);
    CHECK_EQUAL(holder_of(inode, 1, 17), 0);
    record_lock_release(inode, &owners[0]);
    CHECK_EQUAL(holder_of(inode, 1, 13), -1);
    CHECK_EQUAL(lock_range(inode, 0, RECORD_EXCLUSIVE, 0, INT64_MAX), -EAGAIN);
    record_lock_release(inode, &owners[1]);
    record_lock_release(inode, &owners[2]);
    CHECK_EQUAL(lock_range(inode, 0, RECORD_EXCLUSIVE, 0, INT64_MAX), 0);
    record_lock_release(inode, &owners[0]);
    file_put(file);
    tree_end();
}

/* What every byte's lock is, kept in the plainest way. */
static enum record_lock_type model[OWNERS][BYTES];

static bool model_allows(unsigned owner, enum record_lock_type type, unsigned first, unsigned last)
{
    for (unsigned other = 0; other < OWNERS; other++)
        for (unsigned byte = first; byte <= last && other != owner; byte++)
            if (model[other][byte] != RECORD_UNLOCKED
                && (type == RECORD_EXCLUSIVE || (type == RECORD_SHARED && model[other][byte] == RECORD_EXCLUSIVE)))
                return false;
    return true;
}

TEST(random_ranges_as_in_a_map_of_bytes)
{
    struct file *file;
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    for (int step = 0; step < 20000; step++) {
        unsigned owner = random_below(OWNERS), first = random_below(BYTES), last = first + random_below(BYTES - first);
        enum record_lock_type type = (enum record_lock_type)random_below(3);
        bool allowed = type == RECORD_UNLOCKED || model_allows(owner, type, first, last);
        CHECK_EQUAL(lock_range(file->inode, owner, type, first, last), allowed ? 0 : -EAGAIN);
        for (unsigned byte = first; byte <= last && allowed; byte++)
            model[owner][byte] = type;
        unsigned byte = random_below(BYTES), asking = random_below(OWNERS);
        bool held = !model_allows(asking, RECORD_EXCLUSIVE, byte, byte);
        CHECK_EQUAL(holder_of(file->inode, asking, byte) >= 0, held);
    }
    for (unsigned owner = 0; owner < OWNERS; owner++)
        record_lock_release(file->inode, &owners[owner]);
    CHECK(list_is_empty(&file->inode->record_locks));
    file_put(file);
    tree_end();
}

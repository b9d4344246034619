/* Files in the running kernel: content, and many threads in the same directories. */
#include <abi/constants.h>
#include <abi/errno.h>
#include <kernel/sched/thread.h>
#include <kernel/test/ktest.h>
#include <kernel/vfs/vfs.h>
#include <lib/atomic.h>
#include <lib/printf.h>
#include <lib/string.h>

#define TEST_ROOT    "/ktest"
#define TEST_WORKERS 4
#define TEST_ROUNDS  400
#define TEST_NAMES   6

LOCAL int test_vfs_mkdir(struct fs_context *fs, const char *name)
{
    return vfs_create(fs, NULL, name, S_IFDIR | 0755, 0);
}

LOCAL isize_t test_vfs_write(struct file *file, const void *data, size_t size, file_off_t position)
{
    struct io io = io_from_kernel((void *)(uintptr_t)data, size);
    return file_write_at(file, &io, position);
}

LOCAL isize_t test_vfs_read(struct file *file, void *data, size_t size, file_off_t position)
{
    struct io io = io_from_kernel(data, size);
    return file_read_at(file, &io, position);
}

KTEST(vfs, content_of_a_file)
{
    static char data[3 * 4096 + 5], back[3 * 4096 + 5];
    struct file *file;
    struct fs_context *fs = fs_context_create();
    KTEST_ASSERT(fs != NULL);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7);
    KTEST_EQUAL(vfs_open(fs, NULL, TEST_ROOT "-file", O_RDWR | O_CREAT | O_EXCL, 0600, &file), 0);
    KTEST_EQUAL(test_vfs_write(file, data, sizeof(data), 0), sizeof(data));
    KTEST_EQUAL(test_vfs_read(file, back, sizeof(back), 0), sizeof(back));
    KTEST_ASSERT(memcmp(data, back, sizeof(data)) == 0);
    KTEST_EQUAL(inode_truncate(file->inode, 4097), 0);
    KTEST_EQUAL(test_vfs_read(file, back, sizeof(back), 0), 4097);
    KTEST_EQUAL(vfs_remove(fs, NULL, TEST_ROOT "-file", false), 0);
    KTEST_EQUAL(vfs_open(fs, NULL, TEST_ROOT "-file", O_RDONLY, 0, &file), -ENOENT);
    file_put(file);
    fs_context_put(fs);
    dentry_cache_shrink(0);
}

/* --- many threads -------------------------------------------------------------------------- */

struct test_vfs_workers {
    struct wait_queue finished;
    volatile uint32_t running, next_seed, surprises;
};

/* xorshift32 */
LOCAL uint32_t test_vfs_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

LOCAL void test_vfs_name(char *name, uint32_t number)
{
    ksnprintf(name, 32, TEST_ROOT "/%c/%u", 'a' + (number & 1), number / 2 % TEST_NAMES);
}

/* One random change; only the errors that another thread's changes can cause are allowed. */
LOCAL bool test_vfs_step(struct fs_context *fs, uint32_t *random)
{
    char from[32], to[32];
    struct file *file;
    int error;
    test_vfs_name(from, test_vfs_random(random));
    test_vfs_name(to, test_vfs_random(random));
    switch (test_vfs_random(random) % 6) {
    case 0:
        error = vfs_open(fs, NULL, from, O_RDWR | O_CREAT, 0644, &file);
        if (error == 0) {
            error = test_vfs_write(file, from, sizeof(from), 0) == sizeof(from) ? 0 : -EIO;
            file_put(file);
        }
        return error == 0 || error == -EISDIR;
    case 1: error = test_vfs_mkdir(fs, from); return error == 0 || error == -EEXIST;
    case 2: error = vfs_remove(fs, NULL, from, false); return error == 0 || error == -ENOENT || error == -EISDIR;
    case 3: error = vfs_remove(fs, NULL, from, true); return error == 0 || error == -ENOENT || error == -ENOTDIR;
    case 4:
        error = vfs_rename(fs, NULL, from, NULL, to, RENAME_EXCHANGE);
        return error == 0 || error == -ENOENT;
    default:
        error = vfs_rename(fs, NULL, from, NULL, to, 0);
        return error == 0 || error == -ENOENT || error == -ENOTDIR || error == -EISDIR;
    }
}

LOCAL void test_vfs_worker(void *argument)
{
    struct test_vfs_workers *workers = argument;
    uint32_t random = 12345 + 6789 * atomic_fetch_add_u32(&workers->next_seed, 1);
    struct fs_context *fs = fs_context_create();
    for (int i = 0; i < TEST_ROUNDS && fs != NULL; i++) {
        if (!test_vfs_step(fs, &random))
            atomic_fetch_add_u32(&workers->surprises, 1);
        if (i % 8 == 0)
            thread_yield();
    }
    fs_context_put(fs);
    atomic_fetch_sub_u32(&workers->running, 1);
    wait_queue_wake_all(&workers->finished);
}

/* Removes every name that may be there; how many directories and files there were. */
LOCAL void test_vfs_clean(struct fs_context *fs)
{
    char name[32];
    for (uint32_t i = 0; i < 2 * TEST_NAMES; i++) {
        test_vfs_name(name, i);
        if (vfs_remove(fs, NULL, name, false) == -EISDIR)
            vfs_remove(fs, NULL, name, true);
    }
}

LOCAL uint32_t test_vfs_links(struct fs_context *fs, const char *name)
{
    struct path path;
    if (path_walk(fs, NULL, name, 0, &path) != 0)
        return 0;
    uint32_t links = path_inode(&path)->links;
    path_put(&path);
    return links;
}

KTEST(vfs, threads_change_the_same_directories)
{
    static struct test_vfs_workers workers;
    struct fs_context *fs = fs_context_create();
    KTEST_ASSERT(fs != NULL);
    KTEST_EQUAL(test_vfs_mkdir(fs, TEST_ROOT), 0);
    KTEST_EQUAL(test_vfs_mkdir(fs, TEST_ROOT "/a"), 0);
    KTEST_EQUAL(test_vfs_mkdir(fs, TEST_ROOT "/b"), 0);
    memset(&workers, 0, sizeof(workers));
    wait_queue_init(&workers.finished, "ktest finished");
    for (int i = 0; i < TEST_WORKERS; i++) {
        struct thread *thread = thread_create("ktest files", test_vfs_worker, &workers);
        KTEST_ASSERT(thread != NULL);
        atomic_fetch_add_u32(&workers.running, 1);
        thread_start(thread);
        thread_put(thread);
    }
    WAIT_EVENT_UNINTERRUPTIBLE(&workers.finished, atomic_load_acquire_u32(&workers.running) == 0);
    KTEST_EQUAL(workers.surprises, 0);
    test_vfs_clean(fs);
    KTEST_EQUAL(test_vfs_links(fs, TEST_ROOT "/a"), 2);
    KTEST_EQUAL(test_vfs_links(fs, TEST_ROOT "/b"), 2);
    KTEST_EQUAL(vfs_remove(fs, NULL, TEST_ROOT "/a", true), 0);
    KTEST_EQUAL(vfs_remove(fs, NULL, TEST_ROOT "/b", true), 0);
    KTEST_EQUAL(vfs_remove(fs, NULL, TEST_ROOT, true), 0);
    fs_context_put(fs);
    dentry_cache_shrink(0);
}

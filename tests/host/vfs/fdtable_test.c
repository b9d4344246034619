/* Descriptors.
 * Links: kernel/vfs/fdtable.c tests/host/shim/shim.c kernel/vfs/inode.c kernel/vfs/dentry.c kernel/vfs/mount.c kernel/vfs/walk.c kernel/vfs/permission.c kernel/proc/credentials.c kernel/vfs/open.c kernel/vfs/tree.c kernel/vfs/rename.c kernel/vfs/context.c kernel/vfs/file.c kernel/vfs/lock.c kernel/vfs/record_lock.c kernel/vfs/poll.c kernel/vfs/page_map.c fs/tmpfs/inode.c fs/tmpfs/directory.c fs/tmpfs/data.c fs/devfs.c fs/memory_devices.c fs/pipe.c lib/parse.c lib/strlcpy.c
 * Flags: -pthread */
#include <kernel/vfs/fdtable.h>
#include <tests/host/shim/tree.h>
#include <tests/host/lib/random.h>

static struct file *open_file(void)
{
    struct file *file;
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    return file;
}

TEST(lowest_number_first)
{
    tree_start();
    struct file_table *table = file_table_create();
    struct file *file = open_file();
    for (int i = 0; i < 100; i++)
        CHECK_EQUAL(file_table_add(table, file, 0, 0), i);
    CHECK_EQUAL(file_table_close(table, 7), 0);
    CHECK_EQUAL(file_table_close(table, 3), 0);
    CHECK_EQUAL(file_table_close(table, 3), -EBADF);
    CHECK_EQUAL(file_table_add(table, file, 5, 0), 7);
    CHECK_EQUAL(file_table_add(table, file, 0, 0), 3);
    CHECK_EQUAL(file_table_add(table, file, 0, 0), 100);
    CHECK_EQUAL(file_table_add(table, file, 500, 0), 500);
    CHECK_EQUAL(file_table_add(table, file, 0, 0), 101);
    CHECK_EQUAL(file_table_next(table, 102), 500);
    CHECK_EQUAL(file_table_next(table, 501), -1);
    CHECK_EQUAL(file_table_add(table, file, FILE_TABLE_LIMIT, 0), -EINVAL);
    CHECK_EQUAL(file_table_add(table, file, -1, 0), -EINVAL);
    CHECK(file_table_get(table, 400) == NULL);
    CHECK(file_table_get(table, -1) == NULL);
    CHECK(file_table_get(table, 100000) == NULL);
    file_put(file);
    file_table_put_reference(table);
    tree_end();
}

TEST(limit)
{
    tree_start();
    struct file_table *table = file_table_create();
    struct file *file = open_file();
    for (int i = 0; i < FILE_TABLE_LIMIT; i++)
        CHECK_EQUAL(file_table_add(table, file, 0, 0), i);
    CHECK_EQUAL(file_table_add(table, file, 0, 0), -EMFILE);
    CHECK_EQUAL(file_table_set(table, file, FILE_TABLE_LIMIT, 0), -EBADF);
    file_table_close_range(table, 10, UINT32_MAX, false);
    CHECK_EQUAL(file_table_add(table, file, 0, 0), 10);
    CHECK_EQUAL(file->references, 12);
    file_put(file);
    file_table_put_reference(table);
    tree_end();
}

TEST(replacing_and_flags)
{
    tree_start();
    struct file_table *table = file_table_create();
    struct file *a = open_file(), *b = open_file();
    CHECK_EQUAL(file_table_add(table, a, 0, O_CLOEXEC), 0);
    CHECK_EQUAL(file_table_get_flags(table, 0), O_CLOEXEC);
    CHECK_EQUAL(file_table_set(table, b, 0, 0), 0);
    CHECK_EQUAL(a->references, 1);
    CHECK_EQUAL(file_table_get_flags(table, 0), 0);
    CHECK_EQUAL(file_table_set_flags(table, 0, O_CLOEXEC), 0);
    CHECK_EQUAL(file_table_set_flags(table, 1, O_CLOEXEC), -EBADF);
    CHECK_EQUAL(file_table_set(table, a, 77, 0), 77);
    struct file_table *copy = file_table_copy(table);
    CHECK_EQUAL(b->references, 3);
    file_table_close_on_exec(copy);
    CHECK_EQUAL(file_table_next(copy, 0), 77);
    file_table_close_range(copy, 0, 100, true);
    CHECK_EQUAL(file_table_get_flags(copy, 77), O_CLOEXEC);
    file_table_put_reference(copy);
    CHECK_EQUAL(b->references, 2);
    file_put(a);
    file_put(b);
    file_table_put_reference(table);
    tree_end();
}

TEST(random_operations_match_a_model)
{
    bool model[64] = { false };
    tree_start();
    struct file_table *table = file_table_create();
    struct file *file = open_file();
    for (int round = 0; round < 20000; round++) {
        int fd = (int)(random_u64() % 64);
        if (random_u64() % 2) {
            int lowest = fd;
            while (lowest < 64 && model[lowest])
                lowest++;
            if (lowest == 64)
                continue;
            CHECK_EQUAL(file_table_add(table, file, fd, 0), lowest);
            model[lowest] = true;
        } else {
            CHECK_EQUAL(file_table_close(table, fd), model[fd] ? 0 : -EBADF);
            model[fd] = false;
        }
    }
    file_put(file);
    file_table_put_reference(table);
    tree_end();
}

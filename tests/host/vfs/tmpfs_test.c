/* The content of tmpfs files: holes, sizes, borrowed pages, limits, pages for mappings.
 * Links: tests/host/shim/shim.c kernel/vfs/inode.c kernel/vfs/dentry.c kernel/vfs/mount.c kernel/vfs/walk.c kernel/vfs/permission.c kernel/proc/credentials.c kernel/vfs/open.c kernel/vfs/tree.c kernel/vfs/rename.c kernel/vfs/context.c kernel/vfs/file.c kernel/vfs/lock.c kernel/vfs/record_lock.c kernel/vfs/poll.c kernel/vfs/page_map.c fs/tmpfs/inode.c fs/tmpfs/directory.c fs/tmpfs/data.c fs/devfs.c fs/memory_devices.c fs/pipe.c lib/parse.c lib/strlcpy.c
 * Flags: -pthread */
#include <tests/host/shim/tree.h>
#include <tests/host/lib/random.h>

#define P 4096

TEST(reads_what_was_written)
{
    struct file *file;
    char data[100];
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tree_write(file, "hello", 5), 5);
    CHECK_EQUAL(tree_write(file, " world", 6), 6);
    CHECK_EQUAL(file->position, 11);
    CHECK_EQUAL(tree_read(file, data, 100), 0);
    CHECK_EQUAL(file_seek(file, 0, SEEK_SET), 0);
    CHECK_EQUAL(tree_read(file, data, 100), 11);
    CHECK(memcmp(data, "hello world", 11) == 0);
    CHECK_EQUAL(file_seek(file, -5, SEEK_END), 6);
    CHECK_EQUAL(tree_read(file, data, 2), 2);
    CHECK_EQUAL(file_seek(file, -1, SEEK_SET), -EINVAL);
    CHECK_EQUAL(file_seek(file, 0, 99), -EINVAL);
    CHECK_EQUAL(file_seek(file, INT64_MAX, SEEK_CUR), -EINVAL); /* as Linux; lseek(2) says EOVERFLOW */
    CHECK_EQUAL(tree_read_at(file, data, 5, -1), -EINVAL);
    file_put(file);
    tree_end();
}

TEST(append_goes_to_the_end)
{
    struct file *file, *other;
    char data[8];
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT | O_APPEND, &file), 0);
    CHECK_EQUAL(tree_open("f", O_RDWR, &other), 0);
    CHECK_EQUAL(tree_write(file, "aa", 2), 2);
    CHECK_EQUAL(tree_write(other, "BBBB", 4), 4);
    CHECK_EQUAL(tree_write(file, "cc", 2), 2);
    CHECK_EQUAL(tree_write_at(file, "dd", 2, 0), 2);
    CHECK_EQUAL(tree_read_at(other, data, 8, 0), 8);
    CHECK(memcmp(data, "BBBBccdd", 8) == 0);
    file_put(file);
    file_put(other);
    tree_end();
}

TEST(holes_read_as_zeroes_and_cost_nothing)
{
    struct file *file;
    char data[3 * P];
    tree_start();
    uint64_t before = shim_pages_used();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tree_write_at(file, "x", 1, (file_off_t)1 << 40), 1);
    CHECK_EQUAL(file->inode->size, ((uint64_t)1 << 40) + 1);
    CHECK_EQUAL(shim_pages_used(), before + 1);
    CHECK_EQUAL(file->inode->pages, 1);
    memset(data, 1, sizeof(data));
    CHECK_EQUAL(tree_read_at(file, data, sizeof(data), 12345), (isize_t)sizeof(data));
    for (size_t i = 0; i < sizeof(data); i++)
        CHECK(data[i] == 0);
    CHECK_EQUAL(file_seek(file, 0, SEEK_DATA), (file_off_t)1 << 40);
    CHECK_EQUAL(file_seek(file, 0, SEEK_HOLE), 0);
    CHECK_EQUAL(file_seek(file, (file_off_t)1 << 40, SEEK_HOLE), ((file_off_t)1 << 40) + 1);
    CHECK_EQUAL(file_seek(file, ((file_off_t)1 << 40) + 1, SEEK_DATA), -ENXIO);
    CHECK_EQUAL(tree_write_at(file, "x", 1, INT64_MAX), -EFBIG);
    CHECK_EQUAL(tree_write_at(file, "xyz", 3, INT64_MAX - 1), 1);
    file_put(file);
    tree_end();
}

TEST(truncate_zeroes_what_comes_back)
{
    struct file *file;
    char data[2 * P];
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    memset(data, 7, sizeof(data));
    CHECK_EQUAL(tree_write(file, data, sizeof(data)), (isize_t)sizeof(data));
    CHECK_EQUAL(inode_truncate(file->inode, 100), 0);
    CHECK_EQUAL(file->inode->pages, 1);
    CHECK_EQUAL(inode_truncate(file->inode, sizeof(data)), 0);
    CHECK_EQUAL(tree_read_at(file, data, sizeof(data), 0), (isize_t)sizeof(data));
    for (size_t i = 0; i < sizeof(data); i++)
        CHECK(data[i] == (i < 100 ? 7 : 0));
    CHECK_EQUAL(inode_truncate(file->inode, (uint64_t)INT64_MAX + 1), -EFBIG);
    file_put(file);
    tree_end();
}

TEST(space_ends_with_an_error_and_comes_back)
{
    struct file *file;
    struct path point;
    struct super *super;
    static char data[64 * P];
    tree_start();
    CHECK_EQUAL(tree_mkdir("small"), 0);
    CHECK_EQUAL(path_walk(tree_fs(), NULL, "small", 0, &point), 0);
    CHECK_EQUAL(tmpfs_create_super(&tmpfs_super_ops, 20, &super), 0);
    CHECK_EQUAL(mount_add(super, &point, "small", 0), 0);
    path_put(&point);
    CHECK_EQUAL(tree_open("small/f", O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tree_write(file, data, sizeof(data)), 20 * P);
    CHECK_EQUAL(tree_write(file, data, 1), -ENOSPC);
    CHECK_EQUAL(inode_truncate(file->inode, 10 * P), 0);
    CHECK_EQUAL(tree_write_at(file, data, 20 * P, 10 * P), 10 * P);
    CHECK_EQUAL(inode_truncate(file->inode, 0), 0);
    /* Commit runs out before the mount's limit. */
    shim_set_commit_limit(shim_pages_committed() + 5);
    CHECK_EQUAL(tree_write_at(file, data, sizeof(data), 0), 5 * P);
    CHECK_EQUAL(tree_write_at(file, data, 1, 8 * P), -ENOSPC);
    shim_set_commit_limit(SHIM_PAGES);
    file_put(file);
    CHECK_EQUAL(tree_unlink("small/f"), 0);
    char name[24];
    int made = 0;
    do
        sprintf(name, "small/%d", made);
    while (tree_touch(name) == 0 && ++made < 100);
    CHECK_EQUAL(made, 19); /* 20 files with the root */
    CHECK_EQUAL(tree_touch(name), -ENOSPC);
    dentry_cache_shrink(0);
    CHECK_EQUAL(path_walk(tree_fs(), NULL, "small", 0, &point), 0);
    CHECK_EQUAL(mount_remove(&point, false), 0);
    path_put(&point);
    tree_end();
}

TEST(bad_user_pointers)
{
    struct file *file;
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tree_write(file, "abc", 3), 3);
    struct io io = io_from_user(user_ptr_from(0), 3);
    CHECK_EQUAL(file_read_at(file, &io, 0), -EFAULT);
    io = io_from_user(user_ptr_from(0), 3);
    CHECK_EQUAL(file_write_at(file, &io, 0), -EFAULT);
    file_put(file);
    tree_end();
}

/* --- borrowed pages ------------------------------------------------------------------------ */

static char *memory; /* made once: it stays for ever */

static struct file *borrow(const char *name, uint64_t size)
{
    struct file *file;
    if (memory == NULL)
        memory = shim_permanent_memory(16 * P);
    for (size_t i = 0; i < 16 * P; i++)
        memory[i] = (char)(1 + i / P);
    CHECK_EQUAL(tree_open(name, O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tmpfs_set_content(file->inode, memory, size), 0);
    return file;
}

TEST(borrowed_pages_cost_nothing_until_written)
{
    char data[10 * P];
    tree_start();
    uint64_t before = shim_pages_used();
    struct file *file = borrow("f", 5 * P + 10);
    CHECK_EQUAL(shim_pages_used(), before + 1); /* the partial page is copied */
    CHECK_EQUAL(file->inode->size, 5 * P + 10);
    CHECK_EQUAL(tree_read_at(file, data, sizeof(data), 0), 5 * P + 10);
    CHECK(memcmp(data, memory, 5 * P + 10) == 0);
    CHECK_EQUAL(tree_write_at(file, "W", 1, 2 * P + 5), 1);
    CHECK_EQUAL(shim_pages_used(), before + 2);
    CHECK_EQUAL(memory[2 * P + 5], 3);
    CHECK_EQUAL(tree_read_at(file, data, 10, 2 * P), 10);
    CHECK_EQUAL(data[4], 3);
    CHECK_EQUAL(data[5], 'W');
    CHECK_EQUAL(file_seek(file, 0, SEEK_HOLE), 5 * P + 10);
    CHECK_EQUAL(tmpfs_set_content(file->inode, memory, 5), -EINVAL);
    file_put(file);
    tree_end();
}

TEST(borrowed_pages_and_truncation)
{
    char data[10 * P];
    tree_start();
    struct file *file = borrow("f", 6 * P);
    CHECK_EQUAL(inode_truncate(file->inode, 2 * P + 100), 0);
    CHECK_EQUAL(inode_truncate(file->inode, 6 * P), 0);
    CHECK_EQUAL(tree_read_at(file, data, sizeof(data), 0), 6 * P);
    for (size_t i = 0; i < 6 * P; i++)
        CHECK(data[i] == (i < 2 * P + 100 ? memory[i] : 0));
    CHECK_EQUAL(memory[2 * P + 100], 3);
    file_put(file);
    tree_end();
}

TEST(unaligned_content_is_copied)
{
    char data[P];
    tree_start();
    struct file *first = borrow("first", P), *file;
    uint64_t before = shim_pages_used();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tmpfs_set_content(file->inode, memory + 1, 2 * P), 0);
    CHECK_EQUAL(shim_pages_used(), before + 2);
    CHECK_EQUAL(tree_read_at(file, data, P, P), P);
    CHECK(memcmp(data, memory + 1 + P, P) == 0);
    file_put(file);
    file_put(first);
    tree_end();
}

/* --- pages for mappings -------------------------------------------------------------------- */

TEST(pages_for_mappings)
{
    struct page *page, *same;
    tree_start();
    struct file *file = borrow("f", 3 * P + 1);
    struct inode *inode = file->inode;
    uint64_t before = shim_pages_used();
    CHECK_EQUAL(inode_get_page(inode, 1, false, &page), 0);
    CHECK(page_to_virt(page) == memory + P);
    page_put(page);
    CHECK_EQUAL(inode_get_page(inode, 4, false, &page), -ENXIO);
    CHECK_EQUAL(inode_get_page(inode, UINT64_MAX, true, &page), -ENXIO);
    /* A shared mapping gets the file's own page, which writes go to. */
    CHECK_EQUAL(inode_get_page(inode, 1, true, &page), 0);
    CHECK(page_to_virt(page) != memory + P);
    CHECK_EQUAL(shim_pages_used(), before + 1);
    CHECK_EQUAL(tree_write_at(file, "shared", 6, P), 6);
    CHECK(memcmp(page_to_virt(page), "shared", 6) == 0);
    CHECK_EQUAL(inode_get_page(inode, 1, false, &same), 0);
    CHECK(same == page);
    page_put(same);
    /* Behind the end of the last page there are zeroes. */
    struct page *last;
    CHECK_EQUAL(inode_get_page(inode, 3, false, &last), 0);
    CHECK_EQUAL(((char *)page_to_virt(last))[0], 4);
    CHECK_EQUAL(((char *)page_to_virt(last))[1], 0);
    page_put(last);
    /* A mapped page outlives the file, and so does its commit. */
    file_put(file);
    CHECK_EQUAL(tree_unlink("f"), 0);
    dentry_cache_shrink(0);
    CHECK(memcmp(page_to_virt(page), "shared", 6) == 0);
    uint64_t committed = shim_pages_committed();
    page_put(page);
    CHECK_EQUAL(shim_pages_committed(), committed - 1);
    tree_end();
}

TEST(devices_and_directories_have_no_pages)
{
    struct path path;
    struct page *page;
    tree_start();
    CHECK_EQUAL(path_walk(tree_fs(), NULL, "/dev/null", 0, &path), 0);
    CHECK_EQUAL(inode_get_page(path_inode(&path), 0, false, &page), -ENODEV);
    path_put(&path);
    CHECK_EQUAL(path_walk(tree_fs(), NULL, ".", 0, &path), 0);
    CHECK_EQUAL(inode_get_page(path_inode(&path), 0, false, &page), -ENODEV);
    CHECK_EQUAL(inode_truncate(path_inode(&path), 0), -EISDIR);
    path_put(&path);
    tree_end();
}

/* --- everything at random, against a plain buffer ------------------------------------------- */

#define MODEL_SIZE (40 * P)

TEST(random_operations_match_a_buffer)
{
    static char model[MODEL_SIZE], data[MODEL_SIZE];
    tree_start();
    for (int file_number = 0; file_number < 20; file_number++) {
        uint64_t size = random_u64() % (16 * P);
        struct file *file = borrow("f", size);
        memset(model, 0, sizeof(model));
        memcpy(model, memory, size);
        for (int round = 0; round < 400; round++) {
            uint64_t at = random_u64() % MODEL_SIZE, length = random_u64() % (random_u64() % 2 ? 100 : 5 * P) + 1;
            length = MIN(length, MODEL_SIZE - at);
            struct inode *inode = file->inode;
            switch (random_u64() % 6) {
            case 0:
                for (uint64_t i = 0; i < length; i++)
                    data[i] = (char)random_u64();
                CHECK_EQUAL(tree_write_at(file, data, length, (file_off_t)at), (isize_t)length);
                memcpy(model + at, data, length);
                size = MAX(size, at + length);
                break;
            case 1:
                if (random_u64() % 4 == 0) {
                    CHECK_EQUAL(inode_truncate(inode, at), 0);
                    if (at < size)
                        memset(model + at, 0, size - at);
                    size = at;
                }
                break;
            case 2:
                CHECK_EQUAL(inode->ops->allocate(inode, at, length, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), 0);
                if (at < size)
                    memset(model + at, 0, MIN(length, size - at));
                break;
            case 3:
                CHECK_EQUAL(inode->ops->allocate(inode, at, length, 0), 0);
                size = MAX(size, at + length);
                break;
            case 4: {
                struct page *page;
                int error = inode_get_page(inode, at / P, random_u64() % 2, &page);
                CHECK_EQUAL(error, at / P < (size + P - 1) / P ? 0 : -ENXIO);
                if (error == 0) {
                    CHECK(memcmp(page_to_virt(page), model + at / P * P, P) == 0);
                    page_put(page);
                }
                break;
            }
            default: {
                isize_t expected = at >= size ? 0 : (isize_t)MIN(length, size - at);
                CHECK_EQUAL(tree_read_at(file, data, length, (file_off_t)at), expected);
                CHECK(memcmp(data, model + at, (size_t)expected) == 0);
            }
            }
            CHECK_EQUAL(inode->size, size);
        }
        file_put(file);
        CHECK_EQUAL(tree_unlink("f"), 0);
    }
    tree_end();
}

TEST(memory_failures_lose_nothing)
{
    struct file *file;
    static char data[8 * P];
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT, &file), 0);
    for (int after = 0; after < 40; after++) {
        shim_fail_after = after;
        isize_t written = tree_write_at(file, data, sizeof(data), (file_off_t)after * 70 * P);
        shim_fail_after = -1;
        CHECK(written == -ENOSPC || (written >= 0 && written <= (isize_t)sizeof(data)));
        CHECK_EQUAL(inode_truncate(file->inode, 0), 0);
        CHECK_EQUAL(file->inode->pages, 0);
    }
    file_put(file);
    tree_end();
}

/* Archives unpacked into the tree: good ones, and hostile ones.
 * Links: fs/initramfs.c lib/cpio.c tests/host/shim/shim.c kernel/vfs/inode.c kernel/vfs/dentry.c kernel/vfs/mount.c kernel/vfs/walk.c kernel/vfs/permission.c kernel/proc/credentials.c kernel/vfs/open.c kernel/vfs/tree.c kernel/vfs/rename.c kernel/vfs/context.c kernel/vfs/file.c kernel/vfs/lock.c kernel/vfs/record_lock.c kernel/vfs/poll.c kernel/vfs/page_map.c fs/tmpfs/inode.c fs/tmpfs/directory.c fs/tmpfs/data.c fs/devfs.c fs/memory_devices.c fs/pipe.c lib/parse.c lib/strlcpy.c
 * Flags: -pthread */
#include <fs/initramfs.h>
#include <tests/host/shim/tree.h>
#include <tests/host/lib/random.h>

#define ARCHIVE_SIZE (32 * 4096)

static char *archive; /* permanent memory */
static size_t archive_size;

struct entry {
    const char *name;
    unsigned mode, inode, links;
    const char *data;
    size_t size;
    bool align; /* the data to a page */
};

static void add(struct entry entry)
{
    size_t name_size = strlen(entry.name) + 1;
    while (entry.align && (archive_size + 110 + name_size) % 4096 != 0)
        name_size++;
    char header[128];
    sprintf(header, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", entry.inode, entry.mode, 0, 0,
            entry.links, 1000, entry.size, 0, 0, 1, 3, name_size, 0);
    memcpy(archive + archive_size, header, 110);
    memset(archive + archive_size + 110, 0, name_size);
    memcpy(archive + archive_size + 110, entry.name, strlen(entry.name));
    archive_size = (archive_size + 110 + name_size + 3) & ~(size_t)3;
    memcpy(archive + archive_size, entry.data, entry.size);
    archive_size = (archive_size + entry.size + 3) & ~(size_t)3;
}

static char big[3 * 4096];

static void make_archive(void)
{
    if (archive == NULL)
        archive = shim_permanent_memory(ARCHIVE_SIZE);
    memset(archive, 0, ARCHIVE_SIZE);
    archive_size = 0;
    memset(big, 'B', sizeof(big));
    add((struct entry){ ".", 040700, 1, 2, "", 0, false });
    add((struct entry){ "etc", 040755, 2, 2, "", 0, false });
    add((struct entry){ "etc/name", 0100640, 3, 1, "polyglot", 8, false });
    add((struct entry){ "/big", 0100755, 4, 1, big, sizeof(big), true });
    add((struct entry){ "link", 0120777, 5, 1, "etc/name", 8, false });
    add((struct entry){ "deep/er/file", 0100600, 6, 1, "x", 1, false });
    add((struct entry){ "null", 020666, 7, 1, "", 0, false });
    add((struct entry){ "hard1", 0100644, 8, 2, "", 0, false });
    add((struct entry){ "hard2", 0100644, 8, 2, "linked", 6, false });
    add((struct entry){ "TRAILER!!!", 0, 0, 1, "", 0, false });
}

TEST(makes_what_the_archive_says)
{
    struct file_status status;
    struct file *file;
    char data[16];
    tree_start();
    make_archive();
    uint64_t before = shim_pages_used();
    CHECK_EQUAL(initramfs_unpack(archive, archive_size, "/t/new/place"), 0);
    CHECK(shim_pages_used() - before <= 3); /* the big file is not copied */
    CHECK_EQUAL(tree_stat("new/place/etc/name", true, &status), 0);
    CHECK_EQUAL(status.mode, 0100640);
    CHECK_EQUAL(status.size, 8);
    CHECK_EQUAL(status.modify_time, 1000 * NANOS_PER_SECOND);
    CHECK_EQUAL(tree_stat("new/place/big", true, &status), 0);
    CHECK_EQUAL(status.size, sizeof(big));
    CHECK_EQUAL(tree_number("new/place/hard1"), tree_number("new/place/hard2"));
    CHECK_EQUAL(tree_links("new/place/hard1"), 2);
    CHECK_EQUAL(tree_open("new/place/hard1", O_RDONLY, &file), 0);
    CHECK_EQUAL(tree_read(file, data, 16), 6);
    file_put(file);
    CHECK_EQUAL(tree_open("new/place/link", O_RDONLY, &file), 0);
    CHECK_EQUAL(tree_read(file, data, 16), 8);
    CHECK(memcmp(data, "polyglot", 8) == 0);
    file_put(file);
    CHECK_EQUAL(tree_error("new/place/deep/er/file"), 0);
    CHECK_EQUAL(tree_open("new/place/null", O_WRONLY, &file), 0);
    CHECK_EQUAL(tree_write(file, "x", 1), 1);
    file_put(file);
    /* A second time: files are replaced, directories stay. */
    CHECK_EQUAL(tree_touch("new/place/etc/mine"), 0);
    CHECK_EQUAL(initramfs_unpack(archive, archive_size, "/t/new/place"), 0);
    CHECK_EQUAL(tree_error("new/place/etc/mine"), 0);
    tree_end();
}

TEST(names_cannot_leave_the_target)
{
    tree_start();
    make_archive();
    CHECK_EQUAL(tree_mkdir("in"), 0);
    archive_size = 0;
    add((struct entry){ "../out", 0100644, 1, 1, "x", 1, false });
    CHECK_EQUAL(initramfs_unpack(archive, archive_size, "/t/in"), -EINVAL);
    CHECK_EQUAL(tree_error("out"), -ENOENT);
    archive_size = 0;
    add((struct entry){ "a/../../out", 0100644, 1, 1, "x", 1, false });
    CHECK_EQUAL(initramfs_unpack(archive, archive_size, "/t/in"), -EINVAL);
    tree_end();
}

TEST(damaged_archives_keep_what_came_before)
{
    tree_start();
    make_archive();
    CHECK_EQUAL(initramfs_unpack(archive, archive_size / 2, "/t/half"), -EINVAL);
    CHECK_EQUAL(tree_error("half/etc/name"), 0);
    CHECK_EQUAL(initramfs_unpack(archive, 0, "/t/none"), -EINVAL);
    CHECK_EQUAL(tree_touch("file"), 0);
    CHECK_EQUAL(initramfs_unpack(archive, archive_size, "/t/file"), -ENOTDIR);
    tree_end();
}

TEST(any_damage_is_survived)
{
    setenv("SHIM_QUIET", "1", 1);
    for (int round = 0; round < 1500; round++) {
        tree_start();
        make_archive();
        size_t used = archive_size;
        for (uint64_t changes = random_u64() % 12 + 1; changes > 0; changes--) {
            size_t at = random_u64() % used;
            archive[at] = random_u64() % 2 ? "0123456789ABCDEF\0/."[random_u64() % 19] : (char)random_u64();
        }
        (void)!initramfs_unpack(archive, used, "/t/damaged");
        tree_end();
    }
}

TEST(running_out_of_memory_is_survived)
{
    for (int after = 0; after < 120; after++) {
        tree_start();
        make_archive();
        shim_fail_after = after;
        int error = initramfs_unpack(archive, archive_size, "/t/poor");
        shim_fail_after = -1;
        CHECK(error == 0 || error == -ENOMEM || error == -ENOSPC);
        tree_end();
    }
}

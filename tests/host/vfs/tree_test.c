/* Names: path walk, creating, removing, links, renames.
 * Links: tests/host/shim/shim.c kernel/vfs/inode.c kernel/vfs/dentry.c kernel/vfs/mount.c kernel/vfs/walk.c kernel/vfs/permission.c kernel/proc/credentials.c kernel/vfs/open.c kernel/vfs/tree.c kernel/vfs/rename.c kernel/vfs/context.c kernel/vfs/file.c kernel/vfs/lock.c kernel/vfs/record_lock.c kernel/vfs/poll.c kernel/vfs/page_map.c fs/tmpfs/inode.c fs/tmpfs/directory.c fs/tmpfs/data.c fs/devfs.c fs/memory_devices.c fs/pipe.c lib/parse.c lib/strlcpy.c
 * Flags: -pthread */
#include <tests/host/shim/tree.h>
#include <tests/host/lib/random.h>

/* --- walk ---------------------------------------------------------------------------------- */

TEST(walk_finds_and_misses)
{
    tree_start();
    CHECK_EQUAL(tree_mkdir("a"), 0);
    CHECK_EQUAL(tree_mkdir("a/b"), 0);
    CHECK_EQUAL(tree_touch("a/b/f"), 0);
    CHECK_EQUAL(tree_error("a/b/f"), 0);
    CHECK_EQUAL(tree_error("/t/a/b/f"), 0);
    CHECK_EQUAL(tree_error("a//b///f"), 0);
    CHECK_EQUAL(tree_error("./a/./b/./f"), 0);
    CHECK_EQUAL(tree_error("a/b/../b/f"), 0);
    CHECK_EQUAL(tree_error("a/b/../../a/b/f"), 0);
    CHECK_EQUAL(tree_error("a/x"), -ENOENT);
    CHECK_EQUAL(tree_error("a/x/y"), -ENOENT);
    CHECK_EQUAL(tree_error("x/../a"), -ENOENT);
    CHECK_EQUAL(tree_error("a/b/f/x"), -ENOTDIR);
    CHECK_EQUAL(tree_error("a/b/f/."), -ENOTDIR);
    CHECK_EQUAL(tree_error("a/b/f/"), -ENOTDIR);
    CHECK_EQUAL(tree_error("a/b/"), 0);
    CHECK_EQUAL(tree_error("a/b/."), 0);
    CHECK_EQUAL(tree_error(""), -ENOENT);
    CHECK_EQUAL(tree_error("/"), 0);
    CHECK_EQUAL(tree_error("//.."), 0);
    CHECK_EQUAL(tree_error("/../../t/a"), 0);
    tree_end();
}

TEST(walk_crosses_mounts_both_ways)
{
    tree_start();
    uint64_t root = tree_number("/"), here = tree_number("/t");
    struct file_status outer, inner;
    CHECK_EQUAL(tree_stat("/", true, &outer), 0);
    CHECK_EQUAL(tree_stat("/t", true, &inner), 0);
    CHECK(outer.device != inner.device);
    CHECK_EQUAL(tree_number(".."), root);
    CHECK_EQUAL(tree_number("../t/."), here);
    CHECK_EQUAL(tree_number("/dev/../t"), here);
    CHECK_STRING(tree_cwd(), "/t");
    CHECK_EQUAL(tree_rename("/t", "/u", 0), -EBUSY);
    CHECK_EQUAL(tree_rmdir("/t"), -EBUSY);
    CHECK_EQUAL(tree_touch("f"), 0);
    CHECK_EQUAL(tree_rename("f", "/f", 0), -EXDEV);
    CHECK_EQUAL(tree_link("f", "/f"), -EXDEV);
    tree_end();
}

TEST(long_names_and_paths)
{
    char name[600], path[PATH_SIZE_MAX + 10];
    tree_start();
    memset(name, 'n', sizeof(name));
    name[255] = 0;
    CHECK_EQUAL(tree_touch(name), 0);
    CHECK_EQUAL(tree_error(name), 0);
    name[255] = 'n';
    name[256] = 0;
    CHECK_EQUAL(tree_touch(name), -ENAMETOOLONG);
    CHECK_EQUAL(tree_error(name), -ENAMETOOLONG);
    CHECK_EQUAL(tree_mkdir(name), -ENAMETOOLONG);
    memset(path, 'p', sizeof(path));
    for (size_t i = 1; i < sizeof(path); i += 2)
        path[i] = '/';
    path[PATH_SIZE_MAX] = 0;
    CHECK_EQUAL(tree_error(path), -ENAMETOOLONG);
    path[PATH_SIZE_MAX - 1] = 0;
    CHECK_EQUAL(tree_error(path), -ENOENT);
    tree_end();
}

TEST(deep_directories_and_cwd)
{
    tree_start();
    for (int i = 0; i < 500; i++) {
        CHECK_EQUAL(tree_mkdir("deeper"), 0);
        CHECK_EQUAL(tree_chdir("deeper"), 0);
    }
    CHECK_EQUAL(strlen(tree_cwd()), 2 + 500 * 7);
    for (int i = 0; i < 500; i++) {
        CHECK_EQUAL(tree_chdir(".."), 0);
        CHECK_EQUAL(tree_rmdir("deeper"), 0);
    }
    CHECK_STRING(tree_cwd(), "/t");
    tree_end();
}

/* --- symbolic links ------------------------------------------------------------------------ */

TEST(symlinks_are_followed)
{
    tree_start();
    CHECK_EQUAL(tree_mkdir("d"), 0);
    CHECK_EQUAL(tree_touch("d/f"), 0);
    CHECK_EQUAL(tree_symlink("d", "rel"), 0);
    CHECK_EQUAL(tree_symlink("/t/d", "abs"), 0);
    CHECK_EQUAL(tree_symlink("../t/d/f", "file"), 0);
    CHECK_EQUAL(tree_symlink("/", "root"), 0);
    CHECK_EQUAL(tree_symlink("nowhere", "dangling"), 0);
    CHECK_EQUAL(tree_number("rel/f"), tree_number("d/f"));
    CHECK_EQUAL(tree_error("abs/f"), 0);
    CHECK_EQUAL(tree_error("file"), 0);
    CHECK_EQUAL(tree_error("root/t/rel/f"), 0);
    CHECK_EQUAL(tree_error("dangling"), -ENOENT);
    CHECK_EQUAL(tree_error("file/"), -ENOTDIR);
    struct file_status status;
    CHECK_EQUAL(tree_stat("dangling", false, &status), 0);
    CHECK(S_IFLNK == (status.mode & S_IFMT));
    CHECK_EQUAL(status.size, 7);
    /* A slash behind a link means what it leads to. */
    CHECK_EQUAL(tree_stat("rel/", false, &status), 0);
    CHECK_EQUAL(status.inode_number, tree_number("d"));
    CHECK_EQUAL(tree_symlink("", "empty"), -ENOENT);
    CHECK_EQUAL(tree_symlink("x", "rel"), -EEXIST);
    CHECK_EQUAL(tree_mkdir("dangling"), -EEXIST);
    CHECK_EQUAL(tree_unlink("rel/"), -ENOTDIR);
    CHECK_EQUAL(tree_rmdir("rel"), -ENOTDIR);
    tree_end();
}

TEST(symlink_loops_end)
{
    char name[16], target[16];
    tree_start();
    CHECK_EQUAL(tree_symlink("loop", "loop"), 0);
    CHECK_EQUAL(tree_symlink("b", "a"), 0);
    CHECK_EQUAL(tree_symlink("a", "b"), 0);
    CHECK_EQUAL(tree_error("loop"), -ELOOP);
    CHECK_EQUAL(tree_error("a/x"), -ELOOP);
    CHECK_EQUAL(tree_open_error("a", O_RDWR | O_CREAT), -ELOOP);
    CHECK_EQUAL(tree_touch("c0"), 0);
    for (int i = 1; i <= 41; i++) {
        sprintf(name, "c%d", i);
        sprintf(target, "c%d", i - 1);
        CHECK_EQUAL(tree_symlink(target, name), 0);
    }
    CHECK_EQUAL(tree_error("c40"), 0);
    CHECK_EQUAL(tree_error("c41"), -ELOOP);
    tree_end();
}

/* --- create and remove --------------------------------------------------------------------- */

TEST(create_errors)
{
    tree_start();
    CHECK_EQUAL(tree_touch("f"), 0);
    CHECK_EQUAL(tree_touch("f"), -EEXIST);
    CHECK_EQUAL(tree_mkdir("f"), -EEXIST);
    CHECK_EQUAL(tree_touch("x/f"), -ENOENT);
    CHECK_EQUAL(tree_touch("f/x"), -ENOTDIR);
    CHECK_EQUAL(tree_touch("new/"), -ENOENT);
    CHECK_EQUAL(tree_mkdir("d/"), 0);
    CHECK_EQUAL(tree_mkdir("."), -EEXIST);
    CHECK_EQUAL(tree_mkdir(".."), -EEXIST);
    CHECK_EQUAL(tree_mkdir("/"), -EEXIST);
    CHECK_EQUAL(tree_unlink("d"), -EISDIR);
    CHECK_EQUAL(tree_unlink("f/"), -ENOTDIR);
    CHECK_EQUAL(tree_rmdir("f"), -ENOTDIR);
    CHECK_EQUAL(tree_rmdir("d/."), -EINVAL);
    CHECK_EQUAL(tree_rmdir("d/.."), -ENOTEMPTY);
    CHECK_EQUAL(tree_rmdir("/"), -EBUSY);
    CHECK_EQUAL(tree_unlink("none"), -ENOENT);
    CHECK_EQUAL(tree_touch("d/x"), 0);
    CHECK_EQUAL(tree_rmdir("d"), -ENOTEMPTY);
    CHECK_EQUAL(tree_unlink("d/x"), 0);
    CHECK_EQUAL(tree_rmdir("d/"), 0);
    CHECK_EQUAL(tree_error("d"), -ENOENT);
    tree_end();
}

TEST(link_counts)
{
    tree_start();
    CHECK_EQUAL(tree_links("."), 2);
    CHECK_EQUAL(tree_mkdir("d"), 0);
    CHECK_EQUAL(tree_links("."), 3);
    CHECK_EQUAL(tree_links("d"), 2);
    CHECK_EQUAL(tree_mkdir("d/e"), 0);
    CHECK_EQUAL(tree_links("d"), 3);
    CHECK_EQUAL(tree_touch("f"), 0);
    CHECK_EQUAL(tree_links("f"), 1);
    CHECK_EQUAL(tree_link("f", "d/g"), 0);
    CHECK_EQUAL(tree_links("f"), 2);
    CHECK_EQUAL(tree_number("f"), tree_number("d/g"));
    CHECK_EQUAL(tree_link("d", "h"), -EPERM);
    CHECK_EQUAL(tree_link("f", "d"), -EEXIST);
    CHECK_EQUAL(tree_unlink("f"), 0);
    CHECK_EQUAL(tree_links("d/g"), 1);
    CHECK_EQUAL(tree_rename("d/e", "e", 0), 0);
    CHECK_EQUAL(tree_links("d"), 2);
    CHECK_EQUAL(tree_links("."), 4);
    CHECK_EQUAL(tree_rmdir("e"), 0);
    CHECK_EQUAL(tree_links("."), 3);
    tree_end();
}

TEST(removed_but_open)
{
    struct file *file;
    char data[8];
    tree_start();
    CHECK_EQUAL(tree_open("f", O_RDWR | O_CREAT | O_EXCL, &file), 0);
    CHECK_EQUAL(tree_write(file, "content", 7), 7);
    CHECK_EQUAL(tree_unlink("f"), 0);
    CHECK_EQUAL(tree_error("f"), -ENOENT);
    CHECK_EQUAL(file->inode->links, 0);
    CHECK_EQUAL(tree_read_at(file, data, 8, 0), 7);
    struct path path = { file->mount, file->dentry };
    CHECK_EQUAL(vfs_link(tree_fs(), &path, NULL, "again"), -ENOENT);
    CHECK_EQUAL(tree_touch("f"), 0); /* the name is free */
    file_put(file);
    tree_end();
}

TEST(removed_working_directory)
{
    tree_start();
    CHECK_EQUAL(tree_mkdir("d"), 0);
    CHECK_EQUAL(tree_chdir("d"), 0);
    CHECK_EQUAL(tree_rmdir("../d"), 0);
    CHECK_EQUAL(tree_touch("f"), -ENOENT);
    CHECK_EQUAL(tree_mkdir("e"), -ENOENT);
    CHECK_EQUAL(tree_error("."), 0);
    CHECK(strstr(tree_cwd(), "(deleted)") != NULL);
    CHECK_EQUAL(tree_chdir("/t"), 0);
    tree_end();
}

TEST(unnamed_file_gets_a_name)
{
    struct file *file;
    tree_start();
    CHECK_EQUAL(tree_open(".", O_TMPFILE | O_RDONLY, &file), -EINVAL);
    CHECK_EQUAL(tree_open(".", O_TMPFILE | O_RDWR, &file), 0);
    CHECK_EQUAL(tree_write(file, "x", 1), 1);
    struct path path = { file->mount, file->dentry };
    CHECK_EQUAL(vfs_link(tree_fs(), &path, NULL, "named"), 0);
    CHECK_EQUAL(tree_links("named"), 1);
    file_put(file);
    CHECK_EQUAL(tree_open(".", O_TMPFILE | O_RDWR | O_EXCL, &file), 0);
    path = (struct path){ file->mount, file->dentry };
    CHECK_EQUAL(vfs_link(tree_fs(), &path, NULL, "never"), -ENOENT);
    file_put(file);
    tree_end();
}

/* --- open ---------------------------------------------------------------------------------- */

TEST(open_flags)
{
    struct file *file;
    tree_start();
    CHECK_EQUAL(tree_open_error("f", O_RDONLY), -ENOENT);
    CHECK_EQUAL(tree_open_error("f", O_RDONLY | O_CREAT), 0);
    CHECK_EQUAL(tree_open_error("f", O_RDONLY | O_CREAT | O_EXCL), -EEXIST);
    CHECK_EQUAL(tree_open_error("f", O_DIRECTORY), -ENOTDIR);
    CHECK_EQUAL(tree_open_error(".", O_DIRECTORY), 0);
    CHECK_EQUAL(tree_open_error(".", O_RDWR), -EISDIR);
    CHECK_EQUAL(tree_open_error(".", O_CREAT), -EISDIR);
    CHECK_EQUAL(tree_open_error(".", O_CREAT | O_EXCL), -EEXIST);
    CHECK_EQUAL(tree_open_error("x/", O_CREAT | O_RDWR), -EISDIR);
    CHECK_EQUAL(tree_open_error("f/", O_RDONLY), -ENOTDIR);
    CHECK_EQUAL(tree_symlink("f", "l"), 0);
    CHECK_EQUAL(tree_open_error("l", O_RDONLY | O_NOFOLLOW), -ELOOP);
    CHECK_EQUAL(tree_open_error("l", O_RDONLY | O_NOFOLLOW | O_CREAT), -ELOOP);
    CHECK_EQUAL(tree_open_error("l", O_PATH | O_NOFOLLOW), 0);
    CHECK_EQUAL(tree_open_error("l", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    CHECK_EQUAL(tree_open_error("l", O_RDWR | O_CREAT), 0);
    /* O_CREAT through a link that leads nowhere makes what it leads to. */
    CHECK_EQUAL(tree_mkdir("d"), 0);
    CHECK_EQUAL(tree_symlink("d/new", "to-new"), 0);
    CHECK_EQUAL(tree_open_error("to-new", O_RDWR | O_CREAT), 0);
    CHECK_EQUAL(tree_error("d/new"), 0);
    CHECK_EQUAL(tree_open("f", O_PATH, &file), 0);
    char byte;
    CHECK_EQUAL(tree_read(file, &byte, 1), -EBADF);
    CHECK_EQUAL(file_seek(file, 0, SEEK_SET), -EBADF);
    file_put(file);
    CHECK_EQUAL(tree_open("f", O_WRONLY, &file), 0);
    CHECK_EQUAL(tree_read(file, &byte, 1), -EBADF);
    CHECK_EQUAL(tree_write(file, "abc", 3), 3);
    file_put(file);
    CHECK_EQUAL(tree_open("f", O_RDONLY, &file), 0);
    CHECK_EQUAL(tree_write(file, "abc", 3), -EBADF);
    CHECK_EQUAL(file->inode->size, 3);
    file_put(file);
    CHECK_EQUAL(tree_open_error("f", O_WRONLY | O_TRUNC), 0);
    struct file_status status;
    CHECK_EQUAL(tree_stat("f", true, &status), 0);
    CHECK_EQUAL(status.size, 0);
    tree_end();
}

TEST(devices_open_by_number)
{
    struct file *file;
    char data[16];
    tree_start();
    CHECK_EQUAL(tree_open("/dev/zero", O_RDWR, &file), 0);
    memset(data, 1, sizeof(data));
    CHECK_EQUAL(tree_read(file, data, 16), 16);
    CHECK_EQUAL(data[15], 0);
    CHECK_EQUAL(file_seek(file, 5, SEEK_SET), 0);
    file_put(file);
    CHECK_EQUAL(vfs_create(tree_fs(), NULL, "mynull", S_IFCHR | 0666, DEVICE_NUMBER(1, 3)), 0);
    CHECK_EQUAL(tree_open("mynull", O_RDWR, &file), 0);
    CHECK_EQUAL(tree_write(file, data, 16), 16);
    CHECK_EQUAL(tree_read(file, data, 16), 0);
    file_put(file);
    CHECK_EQUAL(vfs_create(tree_fs(), NULL, "nobody", S_IFCHR | 0666, DEVICE_NUMBER(200, 3)), 0);
    CHECK_EQUAL(tree_open_error("nobody", O_RDONLY), -ENXIO);
    CHECK_EQUAL(tree_open("/dev/full", O_RDWR, &file), 0);
    CHECK_EQUAL(tree_write(file, data, 1), -ENOSPC);
    file_put(file);
    tree_end();
}

/* --- renames ------------------------------------------------------------------------------- */

/* What a name is made as before a rename; tests go through all pairs. */
enum kind { NOTHING, FILE_KIND, EMPTY_DIRECTORY, FULL_DIRECTORY, LINK_KIND, KINDS };

static void make(const char *name, enum kind kind)
{
    char inner[32];
    switch (kind) {
    case FILE_KIND: CHECK_EQUAL(tree_touch(name), 0); break;
    case LINK_KIND: CHECK_EQUAL(tree_symlink("nowhere", name), 0); break;
    case EMPTY_DIRECTORY: CHECK_EQUAL(tree_mkdir(name), 0); break;
    case FULL_DIRECTORY:
        CHECK_EQUAL(tree_mkdir(name), 0);
        sprintf(inner, "%s/inner", name);
        CHECK_EQUAL(tree_touch(inner), 0);
        break;
    default: break;
    }
}

static void unmake(const char *name)
{
    char inner[32];
    sprintf(inner, "%s/inner", name);
    tree_unlink(inner);
    if (tree_unlink(name) != 0)
        tree_rmdir(name);
}

static bool is_directory(enum kind kind) { return kind == EMPTY_DIRECTORY || kind == FULL_DIRECTORY; }

/* What rename(2) must say. */
static int expected(enum kind from, enum kind to, uint32_t flags)
{
    if (from == NOTHING)
        return -ENOENT;
    if (flags & RENAME_EXCHANGE)
        return to == NOTHING ? -ENOENT : 0;
    if (to == NOTHING)
        return 0;
    if (flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (is_directory(from) && !is_directory(to))
        return -ENOTDIR;
    if (!is_directory(from) && is_directory(to))
        return -EISDIR;
    return to == FULL_DIRECTORY ? -ENOTEMPTY : 0;
}

TEST(rename_matrix)
{
    static const char *const targets[] = { "to", "other/to" };
    static const uint32_t flags[] = { 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
    tree_start();
    CHECK_EQUAL(tree_mkdir("other"), 0);
    for (int from = NOTHING; from < KINDS; from++)
        for (int to = NOTHING; to < KINDS; to++)
            for (size_t place = 0; place < 2; place++)
                for (size_t flag = 0; flag < 3; flag++) {
                    const char *target = targets[place];
                    make("from", (enum kind)from);
                    make(target, (enum kind)to);
                    uint64_t from_number = tree_number("from"), to_number = tree_number(target);
                    int result = tree_rename("from", target, flags[flag]);
                    CHECK_EQUAL(result, expected((enum kind)from, (enum kind)to, flags[flag]));
                    bool swapped = result == 0 && flags[flag] == RENAME_EXCHANGE;
                    CHECK_EQUAL(tree_number("from"), swapped ? to_number : result == 0 ? 0 : from_number);
                    CHECK_EQUAL(tree_number(target), result == 0 ? from_number : to_number);
                    unmake("from");
                    unmake(target);
                    CHECK_EQUAL(tree_links("."), 3);
                    CHECK_EQUAL(tree_links("other"), 2);
                }
    tree_end();
}

TEST(rename_special_cases)
{
    tree_start();
    CHECK_EQUAL(tree_mkdir("d"), 0);
    CHECK_EQUAL(tree_mkdir("d/e"), 0);
    CHECK_EQUAL(tree_touch("f"), 0);
    CHECK_EQUAL(tree_rename("d", "d/e/x", 0), -EINVAL);
    CHECK_EQUAL(tree_rename("d", "d/x", 0), -EINVAL);
    CHECK_EQUAL(tree_rename("d", "d", 0), 0);
    CHECK_EQUAL(tree_rename("d/e", "d", 0), -ENOTEMPTY);
    CHECK_EQUAL(tree_rename("d/e", "d", RENAME_EXCHANGE), -EINVAL);
    CHECK_EQUAL(tree_rename("d/.", "x", 0), -EBUSY);
    CHECK_EQUAL(tree_rename("d/..", "x", 0), -EBUSY);
    CHECK_EQUAL(tree_rename("f", ".", 0), -EBUSY);
    CHECK_EQUAL(tree_rename("f/", "g", 0), -ENOTDIR);
    CHECK_EQUAL(tree_rename("f", "g/", 0), -ENOTDIR);
    CHECK_EQUAL(tree_rename("d/", "dd/", 0), 0);
    CHECK_EQUAL(tree_rename("f", "g", 8), -EINVAL);
    CHECK_EQUAL(tree_rename("f", "g", RENAME_NOREPLACE | RENAME_EXCHANGE), -EINVAL);
    /* Two names of one file: nothing happens, both stay. */
    CHECK_EQUAL(tree_link("f", "g"), 0);
    CHECK_EQUAL(tree_rename("f", "g", 0), 0);
    CHECK_EQUAL(tree_error("f"), 0);
    CHECK_EQUAL(tree_links("g"), 2);
    /* The working directory follows its directory. */
    CHECK_EQUAL(tree_chdir("dd/e"), 0);
    CHECK_EQUAL(tree_rename("/t/dd", "/t/a-name-that-does-not-fit-into-the-inline-buffer", 0), 0);
    CHECK_STRING(tree_cwd(), "/t/a-name-that-does-not-fit-into-the-inline-buffer/e");
    CHECK_EQUAL(tree_rename("/t/a-name-that-does-not-fit-into-the-inline-buffer", "/t/s", 0), 0);
    CHECK_STRING(tree_cwd(), "/t/s/e");
    CHECK_EQUAL(tree_chdir("/t"), 0);
    tree_end();
}

TEST(rename_replaces_an_open_file)
{
    struct file *file;
    char data[4];
    tree_start();
    CHECK_EQUAL(tree_open("old", O_RDWR | O_CREAT, &file), 0);
    CHECK_EQUAL(tree_write(file, "old", 3), 3);
    CHECK_EQUAL(tree_touch("new"), 0);
    CHECK_EQUAL(tree_rename("new", "old", 0), 0);
    CHECK_EQUAL(tree_read_at(file, data, 3, 0), 3);
    CHECK(memcmp(data, "old", 3) == 0);
    CHECK_EQUAL(file->inode->links, 0);
    file_put(file);
    tree_end();
}

/* --- directories --------------------------------------------------------------------------- */

struct seen {
    int count, room;
    bool names[1000];
    bool dots[2];
};

static bool note(void *context, const char *name, size_t length, uint64_t number, uint8_t type, file_off_t next)
{
    struct seen *seen = context;
    int index;
    if (seen->room-- == 0)
        return false;
    if (name[0] == '.') {
        CHECK(!seen->dots[length - 1]);
        seen->dots[length - 1] = true;
        CHECK_EQUAL(type, DT_DIR);
    } else if (sscanf(name, "n%d", &index) == 1 && index >= 0 && index < 1000) {
        CHECK(!seen->names[index]);
        seen->names[index] = true;
    }
    seen->count++;
    return true;
}

TEST(directories_are_read_in_parts_while_they_change)
{
    static struct seen seen;
    struct file *directory;
    char name[16];
    tree_start();
    for (int i = 0; i < 1000; i++) {
        sprintf(name, "n%d", i);
        CHECK_EQUAL(tree_touch(name), 0);
    }
    CHECK_EQUAL(tree_open(".", O_RDONLY | O_DIRECTORY, &directory), 0);
    memset(&seen, 0, sizeof(seen));
    int before = -1;
    while (seen.count != before) {
        before = seen.count;
        seen.room = 7;
        CHECK_EQUAL(directory->ops->read_directory(directory, &directory->position, note, &seen), 0);
        /* What was read already may go away. */
        sprintf(name, "n%d", before / 2);
        if (before > 20 && seen.names[before / 2])
            tree_unlink(name);
    }
    CHECK_EQUAL(seen.count, 1002);
    CHECK(seen.dots[0] && seen.dots[1]);
    file_put(directory);
    tree_end();
}

/* --- many operations at random, against a model -------------------------------------------- */

#define MODEL_NAMES 12

TEST(random_operations_match_a_model)
{
    /* Files only, in two directories: a name holds the number of its content, 0: nothing. */
    static const char *const directories[] = { "p", "q" };
    uint64_t model[2 * MODEL_NAMES] = { 0 };
    char names[2 * MODEL_NAMES][16];
    tree_start();
    CHECK_EQUAL(tree_mkdir("p"), 0);
    CHECK_EQUAL(tree_mkdir("q"), 0);
    for (int i = 0; i < 2 * MODEL_NAMES; i++)
        sprintf(names[i], "%s/%d", directories[i % 2], i);
    for (int round = 0; round < 20000; round++) {
        int a = (int)(random_u64() % (2 * MODEL_NAMES)), b = (int)(random_u64() % (2 * MODEL_NAMES));
        switch (random_u64() % 5) {
        case 0:
            CHECK_EQUAL(tree_touch(names[a]), model[a] ? -EEXIST : 0);
            if (!model[a])
                model[a] = tree_number(names[a]);
            break;
        case 1:
            CHECK_EQUAL(tree_unlink(names[a]), model[a] ? 0 : -ENOENT);
            model[a] = 0;
            break;
        case 2:
            CHECK_EQUAL(tree_rename(names[a], names[b], 0), model[a] ? 0 : -ENOENT);
            if (model[a] && a != b && model[a] != model[b]) {
                model[b] = model[a];
                model[a] = 0;
            }
            break;
        case 3:
            CHECK_EQUAL(tree_link(names[a], names[b]), !model[a] ? -ENOENT : model[b] ? -EEXIST : 0);
            if (model[a] && !model[b])
                model[b] = model[a];
            break;
        default:
            CHECK_EQUAL(tree_rename(names[a], names[b], RENAME_EXCHANGE), model[a] && model[b] ? 0 : -ENOENT);
            if (model[a] && model[b]) {
                uint64_t other = model[a];
                model[a] = model[b];
                model[b] = other;
            }
        }
        if (round % 100 == 0)
            dentry_cache_shrink(0);
        CHECK_EQUAL(tree_number(names[a]), model[a]);
        CHECK_EQUAL(tree_number(names[b]), model[b]);
        if (model[a]) {
            long links = 0;
            for (int i = 0; i < 2 * MODEL_NAMES; i++)
                links += model[i] == model[a];
            CHECK_EQUAL(tree_links(names[a]), links);
        }
    }
    tree_end();
}

TEST(out_of_memory_changes_nothing)
{
    tree_start();
    CHECK_EQUAL(tree_mkdir("d"), 0);
    CHECK_EQUAL(tree_touch("f"), 0);
    for (int after = 0; after < 12; after++) {
        dentry_cache_shrink(0);
        shim_fail_after = after;
        int renamed = tree_rename("f", "d/f", 0);
        shim_fail_after = -1;
        CHECK(renamed == 0 || renamed == -ENOMEM || renamed == -ENOSPC);
        CHECK_EQUAL(tree_error(renamed == 0 ? "d/f" : "f"), 0);
        if (renamed == 0)
            CHECK_EQUAL(tree_rename("d/f", "f", 0), 0);
        CHECK_EQUAL(tree_error("d/f"), -ENOENT);
        shim_fail_after = after;
        int created = tree_mkdir("g");
        shim_fail_after = -1;
        CHECK(created == 0 || created == -ENOMEM || created == -ENOSPC);
        tree_rmdir("g");
        CHECK_EQUAL(tree_links("."), 3);
    }
    tree_end();
}

/* Another user than the one that made everything, until the end of the test. */
static void become(uint32_t user, uint32_t group)
{
    shim_process.credentials = (struct credentials){ .uid = user, .euid = user, .suid = user, .fsuid = user,
                                                     .gid = group, .egid = group, .sgid = group, .fsgid = group };
}

static int set_mode(const char *name, uint32_t mode, uint32_t user, uint32_t group)
{
    struct path path;
    struct inode_attributes attributes = { .set = SET_MODE | SET_UID | SET_GID, .mode = mode, .uid = user, .gid = group };
    int error = path_walk(tree_fs(), NULL, name, 0, &path);
    if (error == 0) {
        error = inode_set_attributes(path_inode(&path), &attributes);
        path_put(&path);
    }
    return error;
}

static int try_open(const char *name, uint32_t flags)
{
    struct file *file;
    int error = tree_open(name, flags, &file);
    if (error == 0)
        file_put(file);
    return error;
}

TEST(permission_bits_hold_for_users)
{
    tree_start();
    CHECK_EQUAL(tree_mkdir("closed"), 0);
    CHECK_EQUAL(tree_mkdir("open"), 0);
    CHECK_EQUAL(tree_mkdir("sticky"), 0);
    CHECK_EQUAL(tree_touch("closed/f"), 0);
    CHECK_EQUAL(tree_touch("open/mine"), 0);
    CHECK_EQUAL(tree_touch("open/group"), 0);
    CHECK_EQUAL(tree_touch("open/other"), 0);
    CHECK_EQUAL(tree_touch("sticky/theirs"), 0);
    CHECK_EQUAL(set_mode("closed", 0700, 0, 0), 0);
    CHECK_EQUAL(set_mode("open", 0755, 0, 0), 0);
    CHECK_EQUAL(set_mode("sticky", 01777, 0, 0), 0);
    CHECK_EQUAL(set_mode("open/mine", 0400, 1000, 1000), 0);
    CHECK_EQUAL(set_mode("open/group", 0460, 0, 1000), 0);
    CHECK_EQUAL(set_mode("open/other", 0604, 0, 0), 0);

    become(1000, 1000);
    CHECK_EQUAL(tree_error("closed/f"), -EACCES);
    CHECK_EQUAL(try_open("open/mine", O_RDONLY), 0);
    CHECK_EQUAL(try_open("open/mine", O_WRONLY), -EACCES);
    CHECK_EQUAL(try_open("open/group", O_RDWR), 0);
    CHECK_EQUAL(try_open("open/other", O_RDONLY), 0);
    CHECK_EQUAL(try_open("open/other", O_RDONLY | O_TRUNC), -EACCES);
    CHECK_EQUAL(try_open("open/new", O_RDWR | O_CREAT), -EACCES);
    CHECK_EQUAL(tree_unlink("open/mine"), -EACCES);
    CHECK_EQUAL(tree_mkdir("open/d"), -EACCES);
    CHECK_EQUAL(tree_unlink("sticky/theirs"), -EPERM);
    CHECK_EQUAL(tree_rename("sticky/theirs", "sticky/x", 0), -EPERM);
    CHECK_EQUAL(try_open("sticky/own", O_RDWR | O_CREAT), 0);
    CHECK_EQUAL(tree_rename("sticky/own", "sticky/x", 0), 0);
    CHECK_EQUAL(tree_unlink("sticky/x"), 0);
    become(0, 0);
    CHECK_EQUAL(try_open("open/mine", O_RDWR), 0);
    CHECK_EQUAL(tree_error("closed/f"), 0);
    tree_end();
}

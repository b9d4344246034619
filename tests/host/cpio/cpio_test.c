/* The cpio reader: good archives, and any bytes at all.
 * Links: lib/cpio.c */
#include <abi/errno.h>
#include <lib/cpio.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

static char archive[65536];
static size_t archive_size;

static void add(const char *name, size_t name_padding, unsigned mode, const char *data, size_t size)
{
    size_t name_size = strlen(name) + 1 + name_padding;
    archive_size += (size_t)sprintf(archive + archive_size, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
                                    7, mode, 1, 2, 1, 1000, size, 3, 4, 5, 6, name_size, 0);
    memset(archive + archive_size, 0, name_size);
    memcpy(archive + archive_size, name, strlen(name));
    archive_size += name_size;
    while (archive_size % 4 != 0)
        archive[archive_size++] = 0;
    memcpy(archive + archive_size, data, size);
    archive_size += size;
    while (archive_size % 4 != 0)
        archive[archive_size++] = 0;
}

static void make_archive(void)
{
    archive_size = 0;
    add("dir", 0, 040755, "", 0);
    add("dir/file", 0, 0100644, "hello", 5);
    add("padded", 100, 0100600, "x", 1);
    add("link", 0, 0120777, "dir/file", 8);
    add("TRAILER!!!", 0, 0, "", 0);
}

TEST(reads_entries_in_order)
{
    struct cpio_reader reader;
    struct cpio_entry entry;
    make_archive();
    cpio_open(&reader, archive, archive_size);
    CHECK_EQUAL(cpio_next(&reader, &entry), 1);
    CHECK_STRING(entry.name, "dir");
    CHECK_EQUAL(entry.mode, 040755);
    CHECK_EQUAL(entry.size, 0);
    CHECK_EQUAL(cpio_next(&reader, &entry), 1);
    CHECK_STRING(entry.name, "dir/file");
    CHECK_EQUAL(entry.size, 5);
    CHECK(memcmp(entry.data, "hello", 5) == 0);
    CHECK_EQUAL(entry.uid, 1);
    CHECK_EQUAL(entry.gid, 2);
    CHECK_EQUAL(entry.modify_time, 1000);
    CHECK_EQUAL(entry.device_major, 5);
    CHECK_EQUAL(entry.device_minor, 6);
    CHECK_EQUAL(cpio_next(&reader, &entry), 1);
    CHECK_STRING(entry.name, "padded");
    CHECK_EQUAL(entry.name_length, 6);
    CHECK(memcmp(entry.data, "x", 1) == 0);
    CHECK_EQUAL(cpio_next(&reader, &entry), 1);
    CHECK(memcmp(entry.data, "dir/file", 8) == 0);
    CHECK_EQUAL(cpio_next(&reader, &entry), 0);
}

/* Touches all that an entry promises, so that the sanitizer sees what lies outside. */
static int walk(const void *data, size_t size)
{
    struct cpio_reader reader;
    struct cpio_entry entry;
    volatile unsigned sum = 0;
    int result, entries = 0;
    cpio_open(&reader, data, size);
    while ((result = cpio_next(&reader, &entry)) > 0) {
        CHECK(strlen(entry.name) == entry.name_length && entry.name_length > 0);
        for (uint64_t i = 0; i < entry.size; i++)
            sum += entry.data[i];
        CHECK(++entries < 10000);
    }
    CHECK(result == 0 || result == -EINVAL);
    return result;
}

/* In a block of exactly its size. */
static int walk_copy(const void *data, size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, data, size);
    int result = walk(copy, size);
    free(copy);
    return result;
}

TEST(every_truncation_is_noticed)
{
    make_archive();
    for (size_t size = 0; size < archive_size - 12; size++)
        CHECK_EQUAL(walk_copy(archive, size), -EINVAL);
    CHECK_EQUAL(walk_copy(archive, archive_size), 0);
}

TEST(huge_sizes_do_not_wrap)
{
    make_archive();
    memcpy(archive + 6 + 8 * 6, "FFFFFFFF", 8); /* size of the first entry's data */
    CHECK_EQUAL(walk_copy(archive, archive_size), -EINVAL);
    make_archive();
    memcpy(archive + 6 + 8 * 11, "FFFFFFFF", 8); /* of its name */
    CHECK_EQUAL(walk_copy(archive, archive_size), -EINVAL);
    make_archive();
    memcpy(archive + 6 + 8 * 11, "00000000", 8);
    CHECK_EQUAL(walk_copy(archive, archive_size), -EINVAL);
}

TEST(any_damage_is_survived)
{
    for (int round = 0; round < 30000; round++) {
        make_archive();
        for (uint64_t changes = random_u64() % 6; changes > 0; changes--) {
            size_t at = random_u64() % archive_size;
            archive[at] = random_u64() % 2 ? "0123456789abcdefF\0/."[random_u64() % 20] : (char)random_u64();
        }
        walk_copy(archive, random_u64() % 8 == 0 ? random_u64() % archive_size : archive_size);
    }
}

TEST(noise_is_survived)
{
    for (int round = 0; round < 5000; round++) {
        size_t size = random_u64() % 600;
        for (size_t i = 0; i < size; i++)
            archive[i] = (char)random_u64();
        if (size > 6)
            memcpy(archive, "070701", 6);
        walk_copy(archive, size);
    }
}

/*
 * Checksums, byte rings, bitmaps, numbers from text, byte order, lists, sorting.
 * Links: lib/xxhash64.c lib/ring.c lib/bitmap.c lib/parse.c lib/sort.c
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lib/atomic.h>
#include <lib/bitmap.h>
#include <lib/endian.h>
#include <lib/list.h>
#include <lib/parse.h>
#include <lib/ring.h>
#include <lib/sort.h>
#include <lib/xxhash64.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

TEST(xxhash64_vectors)
{
    /* From the reference implementation (xxhsum 0.8). */
    CHECK_EQUAL(xxhash64("", 0, 0), 0xef46db3751d8e999);
    CHECK_EQUAL(xxhash64("a", 1, 0), 0xd24ec4f1a98c6e5b);
    CHECK_EQUAL(xxhash64("abc", 3, 0), 0x44bc2cf5ad770999);
    CHECK_EQUAL(xxhash64("Nobody inspects the spammish repetition", 39, 0), 0xfbcea83c8a378bf1);
}

TEST(ring_random)
{
    uint8_t buffer[16], written = 0, wanted = 0;
    struct byte_ring ring;
    ring_init(&ring, buffer, sizeof(buffer));
    ring.head = ring.tail = UINT32_MAX - 40; /* positions wrap in the run */
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[24], byte;
        size_t size = random_u64() % sizeof(bytes), used = ring_used(&ring);
        switch (random_u64() % 4) {
        case 0:
            for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(written + i);
            CHECK_EQUAL(ring_write(&ring, bytes, size), size < 16 - used ? size : 16 - used);
            written = (uint8_t)(written + ring_used(&ring) - used);
            break;
        case 1:
            CHECK_EQUAL(ring_read(&ring, bytes, size), size < used ? size : used);
            for (size_t i = 0; i < used - ring_used(&ring); i++)
                CHECK_EQUAL(bytes[i], wanted++);
            break;
        case 2:
            CHECK_EQUAL(ring_put(&ring, written), used < 16);
            written = (uint8_t)(written + (used < 16));
            break;
        default:
            CHECK_EQUAL(ring_get(&ring, &byte), used > 0);
            if (used > 0)
                CHECK_EQUAL(byte, wanted++);
        }
        if (!ring_is_empty(&ring))
            CHECK_EQUAL(ring_peek(&ring, 0), wanted);
    }
    ring_clear(&ring);
    CHECK(!ring_unput(&ring) && ring_put(&ring, 1) && ring_unput(&ring) && ring_is_empty(&ring));
}

TEST(bitmap_random)
{
    uint64_t map[BITMAP_WORDS(200)] = { 0 };
    bool bits[200] = { false };
    for (int round = 0; round < 5000; round++) {
        size_t bit = random_u64() % 200, from = random_u64() % 201, set = 200, clear = 200, count = 0;
        bits[bit] = random_u64() % 3 == 0;
        bits[bit] ? bitmap_set(map, bit) : bitmap_clear(map, bit);
        for (size_t i = 200; i-- > 0;) {
            CHECK(bitmap_test(map, i) == bits[i]);
            count += bits[i];
            if (i >= from)
                *(bits[i] ? &set : &clear) = i;
        }
        CHECK_EQUAL(bitmap_find_set(map, 200, from), set);
        CHECK_EQUAL(bitmap_find_clear(map, 200, from), clear);
        CHECK_EQUAL(bitmap_count(map, 200), count);
    }
}

TEST(parse_numbers)
{
    static const struct { const char *text; unsigned base; int error; uint64_t value; } cases[] = {
        { "0", 10, 0, 0 }, { "18446744073709551615", 10, 0, UINT64_MAX }, { "18446744073709551616", 10, -ERANGE, 0 },
        { "99999999999999999999999", 10, -ERANGE, 0 }, { "", 10, -EINVAL, 0 }, { "12x", 10, -EINVAL, 0 },
        { "0x1F", 0, 0, 31 }, { "0o17", 0, 0, 15 }, { "0b101", 0, 0, 5 }, { "017", 0, 0, 17 }, { "0x", 0, -EINVAL, 0 },
        { "755", 8, 0, 0755 }, { "8", 8, -EINVAL, 0 }, { "zz", 36, 0, 1295 }, { "-1", 10, -EINVAL, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 77;
        CHECK_EQUAL(parse_u64(cases[i].text, NULL, cases[i].base, &value), cases[i].error);
        CHECK_EQUAL(value, cases[i].error ? 77 : cases[i].value);
    }
    const char *end;
    uint64_t value;
    int64_t number;
    CHECK(parse_u64("12,5", &end, 10, &value) == 0 && value == 12 && strcmp(end, ",5") == 0);
    CHECK(parse_i64("-9223372036854775808", NULL, 10, &number) == 0 && number == INT64_MIN);
    CHECK_EQUAL(parse_i64("9223372036854775808", NULL, 10, &number), -ERANGE);
    CHECK(parse_i64("+5", NULL, 10, &number) == 0 && number == 5);
    CHECK(parse_size("256M", &value) == 0 && value == 256u << 20);
    CHECK(parse_size("3", &value) == 0 && value == 3);
    CHECK_EQUAL(parse_size("16777216T", &value), -ERANGE);
    CHECK_EQUAL(parse_size("1Kb", &value), -EINVAL);
}

TEST(byte_order)
{
    uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 0xf8 }, copy[8];
    CHECK_EQUAL(load_le64(bytes), 0xf807060504030201);
    CHECK_EQUAL(load_be64(bytes), 0x01020304050607f8);
    store_le64(copy, load_le64(bytes));
    CHECK(memcmp(copy, bytes, 8) == 0);
    store_be32(copy, 0x01020304);
    CHECK(memcmp(copy, bytes, 4) == 0);
    store_be16(copy, load_be16(bytes + 6));
    CHECK_EQUAL(load_le16(copy), 0xf807);
}

TEST(list_operations)
{
    struct list head, a, b, *popped;
    list_init(&head), list_init(&a), list_init(&b);
    list_append(&head, &b);
    list_prepend(&head, &a);
    CHECK(head.next == &a && head.previous == &b && list_is_linked(&a));
    int count = 0;
    list_for_each_safe(node, &head) {
        list_remove(node);
        count++;
    }
    CHECK(count == 2 && list_is_empty(&head) && !list_is_linked(&a));
    list_remove(&a);
    list_append(&head, &a);
    popped = list_pop_first(&head);
    CHECK(popped == &a && list_pop_first(&head) == NULL);
}

TEST(atomics)
{
    volatile uint32_t word = 5;
    uint32_t expected = 4;
    CHECK(!atomic_compare_exchange_u32(&word, &expected, 9) && expected == 5);
    CHECK(atomic_compare_exchange_u32(&word, &expected, 9) && atomic_fetch_add_u32(&word, 2) == 9);
    CHECK(atomic_exchange_u32(&word, 1) == 11 && atomic_load_acquire_u32(&word) == 1);
}

struct sort_test_item { uint8_t key; uint32_t other; };

static bool sort_test_less(const void *a, const void *b, const void *context)
{
    CHECK(*(const int *)context == 7);
    return ((const struct sort_test_item *)a)->key < ((const struct sort_test_item *)b)->key;
}

TEST(sort_random)
{
    const int context = 7;
    for (size_t count = 0; count < 70; count++) {
        struct sort_test_item *items = calloc(count + 1, sizeof *items);
        uint32_t sum = 0, sorted_sum = 0;
        for (size_t i = 0; i < count; i++) {
            items[i] = (struct sort_test_item){ (uint8_t)(i * 37 + count * 11), (uint32_t)(i * i) };
            items[i].other += items[i].key * 1000u;
            sum += items[i].other;
        }
        sort_items(items, count, sizeof *items, sort_test_less, &context);
        for (size_t i = 0; i < count; i++) {
            CHECK(i == 0 || items[i - 1].key <= items[i].key);
            sorted_sum += items[i].other;
        }
        CHECK(sum == sorted_sum);
        free(items);
    }
}

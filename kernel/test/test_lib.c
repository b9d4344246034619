/* lib/ as it was compiled for the kernel; its host tests look closer. */
#include <kernel/test/ktest.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/tree.h>
#include <lib/xxhash64.h>

KTEST(lib, memory_moves_overlapping)
{
    char area[300], wanted[300];
    for (size_t shift = 0; shift < 100; shift++) {
        for (size_t i = 0; i < sizeof(area); i++)
            area[i] = wanted[i] = (char)(i * 7 + shift);
        for (size_t i = 200; i-- > 0;)
            wanted[shift + i] = wanted[i];
        memmove(area + shift, area, 200);
        KTEST_ASSERT(memcmp(area, wanted, sizeof(area)) == 0);
    }
}

KTEST(lib, printf_formats)
{
    char text[64];
    KTEST_EQUAL(ksnprintf(text, sizeof(text), "%5d|%-5s|%#llx|%zu", -42, "ab", 0xfeedULL, sizeof(text)), 21);
    KTEST_ASSERT(strcmp(text, "  -42|ab   |0xfeed|64") == 0);
}

KTEST(lib, checksum)
{
    KTEST_EQUAL(xxhash64("Nobody inspects the spammish repetition", 39, 0), 0xfbcea83c8a378bf1ULL);
}

struct test_tree_item { struct tree_node node; uint32_t key; };

LOCAL bool test_tree_less(const struct tree_node *a, const struct tree_node *b)
{
    return container_of(a, struct test_tree_item, node)->key < container_of(b, struct test_tree_item, node)->key;
}

KTEST(lib, tree_sorts)
{
    static struct test_tree_item items[500];
    struct tree tree;
    tree_init(&tree);
    for (uint32_t i = 0; i < ARRAY_COUNT(items); i++) {
        items[i].key = (i * 7919) % 503;
        tree_insert(&tree, &items[i].node, test_tree_less);
    }
    uint32_t count = 0, last = 0;
    for (struct tree_node *node = tree_first(&tree); node != NULL; node = tree_next(node), count++) {
        uint32_t key = container_of(node, struct test_tree_item, node)->key;
        KTEST_ASSERT(key >= last);
        last = key;
    }
    KTEST_EQUAL(count, ARRAY_COUNT(items));
}

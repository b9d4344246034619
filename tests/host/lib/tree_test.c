/*
 * lib/tree.c: order, balance and links after random insertions and removals, compared with a sorted array.
 * Links: lib/tree.c
 */
#include <stdlib.h>
#include <string.h>

#include <lib/tree.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

struct item { struct tree_node node; int key; int sequence; bool linked; };

static struct item *item_of(const struct tree_node *node) { return container_of(node, struct item, node); }
static bool item_less(const struct tree_node *a, const struct tree_node *b) { return item_of(a)->key < item_of(b)->key; }
static int key_compare(const void *key, const struct tree_node *node) { return *(const int *)key - item_of(node)->key; }

/* Checks a subtree's links and heights; returns its height. */
static int check_subtree(const struct tree_node *node, const struct tree_node *parent)
{
    if (node == NULL)
        return 0;
    CHECK(node->parent == parent);
    int a = check_subtree(node->child[0], node), b = check_subtree(node->child[1], node);
    CHECK(abs(a - b) <= 1);
    CHECK_EQUAL(node->height, MAX(a, b) + 1);
    return node->height;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    return x->key != y->key ? x->key - y->key : x->sequence - y->sequence;
}

static void check_tree(const struct tree *tree, struct item **items, int count)
{
    check_subtree(tree->root, NULL);
    qsort(items, (size_t)count, sizeof(*items), compare_items);
    struct tree_node *forward = tree_first(tree), *backward = tree_last(tree);
    for (int i = 0; i < count; i++) {
        CHECK(forward == &items[i]->node);
        CHECK(backward == &items[count - 1 - i]->node);
        forward = tree_next(forward);
        backward = tree_previous(backward);
    }
    CHECK(forward == NULL && backward == NULL);
    for (int key = -1; key <= 101; key += 3) {
        struct item *at_or_after = NULL, *at_or_before = NULL;
        for (int i = count - 1; i >= 0; i--)
            if (items[i]->key >= key)
                at_or_after = items[i];
        for (int i = 0; i < count; i++)
            if (items[i]->key <= key)
                at_or_before = items[i];
        CHECK(tree_find_at_or_after(tree, &key, key_compare) == (at_or_after ? &at_or_after->node : NULL));
        CHECK(tree_find_at_or_before(tree, &key, key_compare) == (at_or_before ? &at_or_before->node : NULL));
        struct tree_node *equal = at_or_after && at_or_after->key == key ? &at_or_after->node : NULL;
        CHECK(tree_find(tree, &key, key_compare) == equal);
    }
}

TEST(tree_random)
{
    enum { ITEMS = 120 };
    static struct item items[ITEMS];
    struct item *inside[ITEMS];
    struct tree tree;
    int sequence = 0;
    memset(items, 0xaa, sizeof(items));
    for (int i = 0; i < ITEMS; i++)
        items[i].linked = false;
    tree_init(&tree);
    for (int round = 0; round < 6000; round++) {
        struct item *item = &items[random_u64() % ITEMS];
        if (item->linked) {
            tree_remove(&tree, &item->node);
        } else {
            item->key = (int)(random_u64() % 100);
            item->sequence = sequence++;
            tree_insert(&tree, &item->node, item_less);
        }
        item->linked = !item->linked;
        int count = 0;
        for (int i = 0; i < ITEMS; i++)
            if (items[i].linked)
                inside[count++] = &items[i];
        check_tree(&tree, inside, count);
    }
}

TEST(tree_ascending_stays_low)
{
    enum { ITEMS = 4096 };
    static struct item items[ITEMS];
    struct tree tree;
    tree_init(&tree);
    CHECK(tree_first(&tree) == NULL && tree_is_empty(&tree));
    for (int i = 0; i < ITEMS; i++) {
        items[i].key = i;
        tree_insert(&tree, &items[i].node, item_less);
    }
    CHECK(tree.root->height <= 13);
    for (int i = 0; i < ITEMS; i++)
        tree_remove(&tree, tree_first(&tree));
    CHECK(tree_is_empty(&tree));
}

/*
 * Intrusive balanced binary tree (AVL): insertion, removal and search in
 * O(log n), the smallest and largest node, steps in order.
 *
 *     struct item { struct tree_node node; int key; };
 *     bool item_less(const struct tree_node *a, const struct tree_node *b) {...}
 *     tree_insert(&tree, &item->node, item_less);
 *     for (struct tree_node *n = tree_first(&tree); n != NULL; n = tree_next(n)) ...
 *
 * Equal nodes are kept in the order of their insertion. A tree is all zeroes
 * when empty; a node needs no initialisation. Locking is the caller's.
 */
#ifndef LIB_TREE_H
#define LIB_TREE_H

#include <lib/types.h>

struct tree_node {
    struct tree_node *parent;   /* NULL: the root */
    struct tree_node *child[2]; /* smaller, larger */
    int32_t height;             /* of the subtree that starts here; a leaf has 1 */
};

struct tree {
    struct tree_node *root;
};

typedef bool (*tree_less_t)(const struct tree_node *a, const struct tree_node *b);
/* < 0, 0, > 0: the key is smaller than, equal to, larger than the node. */
typedef int (*tree_compare_t)(const void *key, const struct tree_node *node);

static inline void tree_init(struct tree *tree) { tree->root = NULL; }
static inline bool tree_is_empty(const struct tree *tree) { return tree->root == NULL; }

void tree_insert(struct tree *tree, struct tree_node *node, tree_less_t less);
void tree_remove(struct tree *tree, struct tree_node *node);

/* NULL when there is none. */
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_last(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_previous(const struct tree_node *node);

/* A node that equals the key (the first of equal ones); NULL: none. */
struct tree_node *tree_find(const struct tree *tree, const void *key, tree_compare_t compare);
/* The first node that is not smaller than the key; NULL: all are. */
struct tree_node *tree_find_at_or_after(const struct tree *tree, const void *key, tree_compare_t compare);
/* The last node that is not larger than the key; NULL: all are. */
struct tree_node *tree_find_at_or_before(const struct tree *tree, const void *key, tree_compare_t compare);

#endif

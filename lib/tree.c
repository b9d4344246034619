/*
 * AVL tree: the heights of a node's two subtrees differ by at most one. After
 * an insertion or removal the path to the root is walked once; a node that is
 * out of balance is rotated (twice when its heavy child leans the other way).
 */
#include <lib/tree.h>

enum { SMALLER = 0, LARGER = 1 };

static inline int32_t tree_height(const struct tree_node *node) { return node ? node->height : 0; }

LOCAL void tree_update_height(struct tree_node *node)
{
    int32_t smaller = tree_height(node->child[SMALLER]), larger = tree_height(node->child[LARGER]);
    node->height = MAX(smaller, larger) + 1;
}

/* Puts `node` (may be NULL) where `old` hangs below `parent` (NULL: at the root). */
LOCAL void tree_replace_child(struct tree *tree, struct tree_node *parent, struct tree_node *old, struct tree_node *node)
{
    if (parent == NULL)
        tree->root = node;
    else
        parent->child[parent->child[LARGER] == old] = node;
    if (node != NULL)
        node->parent = parent;
}

/* Moves `node` down to `side`; its child of the other side takes its place and is returned. */
LOCAL struct tree_node *tree_rotate(struct tree *tree, struct tree_node *node, int side)
{
    struct tree_node *up = node->child[!side];
    struct tree_node *moved = up->child[side];
    tree_replace_child(tree, node->parent, node, up);
    node->child[!side] = moved;
    if (moved != NULL)
        moved->parent = node;
    up->child[side] = node;
    node->parent = up;
    tree_update_height(node);
    tree_update_height(up);
    return up;
}

/* Restores heights and balance from `node` up; stops where nothing changes any more. */
LOCAL void tree_rebalance(struct tree *tree, struct tree_node *node)
{
    for (; node != NULL; node = node->parent) {
        int32_t height = node->height;
        int32_t lean = tree_height(node->child[LARGER]) - tree_height(node->child[SMALLER]);
        if (lean < -1 || lean > 1) {
            int heavy = lean > 0 ? LARGER : SMALLER;
            struct tree_node *child = node->child[heavy];
            if (tree_height(child->child[!heavy]) > tree_height(child->child[heavy]))
                tree_rotate(tree, child, heavy);
            node = tree_rotate(tree, node, !heavy);
        } else {
            tree_update_height(node);
        }
        if (node->height == height)
            return;
    }
}

void tree_insert(struct tree *tree, struct tree_node *node, tree_less_t less)
{
    struct tree_node *parent = NULL;
    struct tree_node **link = &tree->root;
    while (*link != NULL) {
        parent = *link;
        link = &parent->child[!less(node, parent)];
    }
    node->parent = parent;
    node->child[SMALLER] = node->child[LARGER] = NULL;
    node->height = 1;
    *link = node;
    tree_rebalance(tree, parent);
}

/* Removes a node with two children: its successor, which has no smaller child, takes its place. */
LOCAL struct tree_node *tree_remove_inner(struct tree *tree, struct tree_node *node)
{
    struct tree_node *next = tree_next(node);
    struct tree_node *changed = next->parent == node ? next : next->parent;
    tree_replace_child(tree, next->parent, next, next->child[LARGER]);
    for (int side = SMALLER; side <= LARGER; side++) {
        next->child[side] = node->child[side];
        if (next->child[side] != NULL)
            next->child[side]->parent = next;
    }
    next->height = node->height;
    tree_replace_child(tree, node->parent, node, next);
    return changed;
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    struct tree_node *changed = node->parent;
    if (node->child[SMALLER] == NULL)
        tree_replace_child(tree, node->parent, node, node->child[LARGER]);
    else if (node->child[LARGER] == NULL)
        tree_replace_child(tree, node->parent, node, node->child[SMALLER]);
    else
        changed = tree_remove_inner(tree, node);
    tree_rebalance(tree, changed);
    node->parent = node->child[SMALLER] = node->child[LARGER] = NULL;
    node->height = 0;
}

/* The outermost node on `side` below `node`. */
LOCAL struct tree_node *tree_outermost(struct tree_node *node, int side)
{
    while (node != NULL && node->child[side] != NULL)
        node = node->child[side];
    return node;
}

/* The neighbour of `node` on `side`, in order. */
LOCAL struct tree_node *tree_step(const struct tree_node *node, int side)
{
    if (node->child[side] != NULL)
        return tree_outermost(node->child[side], !side);
    while (node->parent != NULL && node->parent->child[side] == node)
        node = node->parent;
    return node->parent;
}

struct tree_node *tree_first(const struct tree *tree) { return tree_outermost(tree->root, SMALLER); }
struct tree_node *tree_last(const struct tree *tree) { return tree_outermost(tree->root, LARGER); }
struct tree_node *tree_next(const struct tree_node *node) { return tree_step(node, LARGER); }
struct tree_node *tree_previous(const struct tree_node *node) { return tree_step(node, SMALLER); }

struct tree_node *tree_find_at_or_after(const struct tree *tree, const void *key, tree_compare_t compare)
{
    struct tree_node *found = NULL;
    for (struct tree_node *node = tree->root; node != NULL;) {
        bool larger = compare(key, node) > 0;
        if (!larger)
            found = node;
        node = node->child[larger];
    }
    return found;
}

struct tree_node *tree_find_at_or_before(const struct tree *tree, const void *key, tree_compare_t compare)
{
    struct tree_node *found = NULL;
    for (struct tree_node *node = tree->root; node != NULL;) {
        bool smaller = compare(key, node) < 0;
        if (!smaller)
            found = node;
        node = node->child[!smaller];
    }
    return found;
}

struct tree_node *tree_find(const struct tree *tree, const void *key, tree_compare_t compare)
{
    struct tree_node *node = tree_find_at_or_after(tree, key, compare);
    return node != NULL && compare(key, node) == 0 ? node : NULL;
}

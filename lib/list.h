/*
 * Intrusive doubly linked circular list.
 *
 *     struct list head; list_init(&head);
 *     list_append(&head, &item->link);
 *     list_for_each(node, &head) { struct item *i = container_of(node, struct item, link); ... }
 *
 * A node that is on no list points to itself, so list_remove() may be called
 * twice and list_is_linked() tells. Locking is the caller's.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <lib/types.h>

struct list {
    struct list *next;
    struct list *previous;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *list) { list->next = list->previous = list; }
static inline bool list_is_empty(const struct list *head) { return head->next == head; }
static inline bool list_is_linked(const struct list *node) { return node->next != node; }

static inline void list_insert_after(struct list *position, struct list *node)
{
    node->next = position->next;
    node->previous = position;
    position->next->previous = node;
    position->next = node;
}

static inline void list_prepend(struct list *head, struct list *node) { list_insert_after(head, node); }
static inline void list_append(struct list *head, struct list *node) { list_insert_after(head->previous, node); }

static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* Takes the first node off; NULL when the list is empty. */
static inline struct list *list_pop_first(struct list *head)
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

#define list_for_each(node, head) \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* The body may remove `node` (but no other). */
#define list_for_each_safe(node, head)                                        \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
         node = node##_next, node##_next = node->next)

#endif

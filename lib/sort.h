/*
 * Heap sort: in place, no recursion, O(n log n) always. Equal items may change their order.
 *
 *     sort_items(table, count, sizeof table[0], item_less, NULL);
 */
#ifndef LIB_SORT_H
#define LIB_SORT_H

#include <lib/types.h>

#define SORT_ITEM_MAX 64 /* bytes */

/* `less(a, b, context)`: does *a belong before *b? `size` at most SORT_ITEM_MAX. */
void sort_items(void *items, size_t count, size_t size, bool (*less)(const void *a, const void *b, const void *context),
                const void *context);

#endif

/* Heap sort; the contract is in sort.h. */
#include <lib/sort.h>
#include <lib/string.h>

struct sort {
    uint8_t *items;
    size_t size;
    bool (*less)(const void *a, const void *b, const void *context);
    const void *context;
};

LOCAL uint8_t *sort_item(const struct sort *sort, size_t index) { return sort->items + index * sort->size; }

LOCAL bool sort_is_less(const struct sort *sort, size_t a, size_t b)
{
    return sort->less(sort_item(sort, a), sort_item(sort, b), sort->context);
}

LOCAL void sort_swap(const struct sort *sort, size_t a, size_t b)
{
    uint8_t keep[SORT_ITEM_MAX];
    memcpy(keep, sort_item(sort, a), sort->size);
    memcpy(sort_item(sort, a), sort_item(sort, b), sort->size);
    memcpy(sort_item(sort, b), keep, sort->size);
}

/* Below `root` all is a heap but for root itself. */
LOCAL void sort_sift(const struct sort *sort, size_t root, size_t end)
{
    for (size_t child; (child = 2 * root + 1) < end; root = child) {
        if (child + 1 < end && sort_is_less(sort, child, child + 1))
            child++;
        if (!sort_is_less(sort, root, child))
            return;
        sort_swap(sort, root, child);
    }
}

void sort_items(void *items, size_t count, size_t size, bool (*less)(const void *a, const void *b, const void *context),
                const void *context)
{
    const struct sort sort = { items, size, less, context };
    for (size_t root = count / 2; root-- > 0;)
        sort_sift(&sort, root, count);
    for (size_t end = count; end-- > 1;) {
        sort_swap(&sort, 0, end);
        sort_sift(&sort, 0, end);
    }
}

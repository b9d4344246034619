/*
 * Names near to one that was not found: at most a third of its letters differ (Levenshtein distance with
 * transpositions as one step).
 */
#include <lib/printf.h>
#include <lib/string.h>
#include <live/linker.h>

#define SUGGEST_COUNT 3
#define SUGGEST_LENGTH 64 /* longer names are not compared */

struct suggestions {
    const char *wanted;
    size_t length;
    unsigned limit;
    unsigned count;
    struct { const char *name; unsigned distance; } found[SUGGEST_COUNT];
};

/* Rows of the usual table, three of them; more than `limit` counts as limit + 1. */
LOCAL unsigned suggest_distance(const char *a, size_t a_length, const char *b, size_t b_length, unsigned limit)
{
    uint8_t rows[3][SUGGEST_LENGTH + 1];
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a_length; i++) {
        uint8_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3], best = (uint8_t)i;
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned cost = MIN(MIN(row[j - 1] + 1u, above[j] + 1u), above[j - 1] + (a[i - 1] != b[j - 1] ? 1u : 0u));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost = MIN(cost, twice[j - 2] + 1u);
            row[j] = (uint8_t)cost;
            best = MIN(best, row[j]);
        }
        if (best > limit)
            return limit + 1;
    }
    return rows[a_length % 3][b_length];
}

LOCAL void suggest_consider(struct suggestions *all, const char *name)
{
    size_t length = strlen(name);
    if (length > SUGGEST_LENGTH || length + all->limit < all->length || length > all->length + all->limit)
        return;
    unsigned distance = suggest_distance(all->wanted, all->length, name, length, all->limit);
    if (distance > all->limit)
        return;
    unsigned at = all->count;
    while (at > 0 && all->found[at - 1].distance > distance)
        at--;
    if (at == SUGGEST_COUNT)
        return;
    for (unsigned i = MIN(all->count, SUGGEST_COUNT - 1); i > at; i--)
        all->found[i] = all->found[i - 1];
    all->found[at].name = name;
    all->found[at].distance = distance;
    all->count = MIN(all->count + 1, SUGGEST_COUNT);
}

void live_suggest(const char *name, char *buffer, size_t size)
{
    struct suggestions all = { .wanted = name, .length = strlen(name) };
    all.limit = (unsigned)MIN(MAX(all.length / 3, 1), 5);
    buffer[0] = 0;
    if (all.length > SUGGEST_LENGTH || all.length < 2)
        return;
    for (size_t i = 0; i < kernel_symbol_count(); i++)
        suggest_consider(&all, kernel_symbol_at(i)->name);
    for (uint32_t origin = LIVE_ORIGIN_LIVE; origin <= LIVE_ORIGIN_WORLD; origin++)
        for (const struct live_symbol *symbol = live_symbol_first(origin, ""); symbol != NULL; symbol = live_symbol_next(symbol))
            suggest_consider(&all, symbol->name);
    size_t used = 0;
    for (unsigned i = 0; i < all.count && used < size; i++)
        used += (size_t)ksnprintf(buffer + used, size - used, "%s%s", i == 0 ? "" : ", ", all.found[i].name);
}

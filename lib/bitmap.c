/* Searches in bitmaps, a word at a time. */
#include <lib/bitmap.h>

/* The first set bit of the map XOR `flip`. */
LOCAL size_t bitmap_find(const uint64_t *map, size_t bits, size_t from, uint64_t flip)
{
    if (from >= bits)
        return bits;
    size_t index = from / 64;
    uint64_t word = (map[index] ^ flip) & ~0ULL << (from % 64);
    while (word == 0) {
        if (++index >= BITMAP_WORDS(bits))
            return bits;
        word = map[index] ^ flip;
    }
    return MIN(index * 64 + (size_t)__builtin_ctzll(word), bits);
}

size_t bitmap_find_set(const uint64_t *map, size_t bits, size_t from) { return bitmap_find(map, bits, from, 0); }
size_t bitmap_find_clear(const uint64_t *map, size_t bits, size_t from) { return bitmap_find(map, bits, from, ~0ULL); }

size_t bitmap_count(const uint64_t *map, size_t bits)
{
    size_t count = 0;
    for (size_t bit = bitmap_find_set(map, bits, 0); bit < bits; bit = bitmap_find_set(map, bits, bit + 1))
        count++;
    return count;
}

/* Bits in an array of 64-bit words, numbered from bit 0 of word 0. Not atomic. */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include <lib/types.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *map, size_t bit) { return map[bit / 64] >> (bit % 64) & 1; }
static inline void bitmap_set(uint64_t *map, size_t bit) { map[bit / 64] |= 1ULL << (bit % 64); }
static inline void bitmap_clear(uint64_t *map, size_t bit) { map[bit / 64] &= ~(1ULL << (bit % 64)); }

/* The first bit at or after `from` that is set (clear); `bits` when there is none below `bits`. */
size_t bitmap_find_set(const uint64_t *map, size_t bits, size_t from);
size_t bitmap_find_clear(const uint64_t *map, size_t bits, size_t from);
size_t bitmap_count(const uint64_t *map, size_t bits);

#endif

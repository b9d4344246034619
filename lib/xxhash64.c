/*
 * XXH64 as its specification describes it (xxhash_spec.md, version 0.2.0):
 * four lanes over 32-byte stripes, merged, then the tail, then an avalanche.
 */
#include <lib/endian.h>
#include <lib/xxhash64.h>

#define PRIME_1 0x9e3779b185ebca87ULL
#define PRIME_2 0xc2b2ae3d27d4eb4fULL
#define PRIME_3 0x165667b19e3779f9ULL
#define PRIME_4 0x85ebca77c2b2ae63ULL
#define PRIME_5 0x27d4eb2f165667c5ULL

static inline uint64_t xxhash64_rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }
static inline uint64_t xxhash64_round(uint64_t lane, uint64_t word) { return xxhash64_rotate(lane + word * PRIME_2, 31) * PRIME_1; }
static inline uint64_t xxhash64_merge(uint64_t hash, uint64_t lane) { return (hash ^ xxhash64_round(0, lane)) * PRIME_1 + PRIME_4; }

/* All whole stripes; advances *at. */
LOCAL uint64_t xxhash64_stripes(const uint8_t **at, size_t size, uint64_t seed)
{
    const uint8_t *p = *at;
    uint64_t a = seed + PRIME_1 + PRIME_2, b = seed + PRIME_2, c = seed, d = seed - PRIME_1;
    for (; size >= 32; size -= 32, p += 32) {
        a = xxhash64_round(a, load_le64(p));
        b = xxhash64_round(b, load_le64(p + 8));
        c = xxhash64_round(c, load_le64(p + 16));
        d = xxhash64_round(d, load_le64(p + 24));
    }
    *at = p;
    uint64_t hash = xxhash64_rotate(a, 1) + xxhash64_rotate(b, 7) + xxhash64_rotate(c, 12) + xxhash64_rotate(d, 18);
    hash = xxhash64_merge(hash, a);
    hash = xxhash64_merge(hash, b);
    hash = xxhash64_merge(hash, c);
    return xxhash64_merge(hash, d);
}

uint64_t xxhash64(const void *data, size_t size, uint64_t seed)
{
    const uint8_t *at = data;
    uint64_t hash = size >= 32 ? xxhash64_stripes(&at, size, seed) : seed + PRIME_5;
    hash += size;
    size_t left = size % 32;
    for (; left >= 8; left -= 8, at += 8)
        hash = xxhash64_rotate(hash ^ xxhash64_round(0, load_le64(at)), 27) * PRIME_1 + PRIME_4;
    for (; left >= 4; left -= 4, at += 4)
        hash = xxhash64_rotate(hash ^ load_le32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    for (; left > 0; left--, at++)
        hash = xxhash64_rotate(hash ^ *at * PRIME_5, 11) * PRIME_1;
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

/* BLAKE2s-256 as RFC 7693 describes it (sections 2 and 3). */
#include <lib/blake2s.h>
#include <lib/endian.h>
#include <lib/string.h>

static const uint32_t blake2s_iv[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint8_t blake2s_sigma[10][16] = {
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
    { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
    { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
    { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
    { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
    { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
    { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
    { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
    { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
    { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static inline uint32_t blake2s_rotate(uint32_t value, int bits) { return value >> bits | value << (32 - bits); }

#define MIX(a, b, c, d, x, y)                         \
    do {                                              \
        a += b + (x), d = blake2s_rotate(d ^ a, 16);  \
        c += d, b = blake2s_rotate(b ^ c, 12);        \
        a += b + (y), d = blake2s_rotate(d ^ a, 8);   \
        c += d, b = blake2s_rotate(b ^ c, 7);         \
    } while (0)

LOCAL void blake2s_compress(struct blake2s *hash, bool last)
{
    uint32_t v[16], m[16];
    for (int i = 0; i < 8; i++) {
        v[i] = hash->state[i];
        v[8 + i] = blake2s_iv[i];
    }
    v[12] ^= (uint32_t)hash->length;
    v[13] ^= (uint32_t)(hash->length >> 32);
    if (last)
        v[14] = ~v[14];
    for (int i = 0; i < 16; i++)
        m[i] = load_le32(hash->block + 4 * i);
    for (int round = 0; round < 10; round++) {
        const uint8_t *s = blake2s_sigma[round];
        MIX(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
        MIX(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
        MIX(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
        MIX(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
        MIX(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
        MIX(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
        MIX(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
        MIX(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] ^= v[i] ^ v[8 + i];
}

void blake2s_init(struct blake2s *hash)
{
    memset(hash, 0, sizeof(*hash));
    for (int i = 0; i < 8; i++)
        hash->state[i] = blake2s_iv[i];
    hash->state[0] ^= 0x01010000 ^ BLAKE2S_SIZE; /* parameter block: no key, fan-out 1, depth 1 */
}

void blake2s_update(struct blake2s *hash, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size > 0) {
        /* A full block is hashed only when more follows: the last one is marked. */
        if (hash->used == BLAKE2S_BLOCK_SIZE) {
            hash->length += BLAKE2S_BLOCK_SIZE;
            blake2s_compress(hash, false);
            hash->used = 0;
        }
        size_t part = MIN(size, (size_t)(BLAKE2S_BLOCK_SIZE - hash->used));
        memcpy(hash->block + hash->used, from, part);
        hash->used += (uint32_t)part;
        from += part;
        size -= part;
    }
}

void blake2s_final(struct blake2s *hash, uint8_t digest[BLAKE2S_SIZE])
{
    hash->length += hash->used;
    memset(hash->block + hash->used, 0, BLAKE2S_BLOCK_SIZE - hash->used);
    blake2s_compress(hash, true);
    for (int i = 0; i < 8; i++)
        store_le32(digest + 4 * i, hash->state[i]);
}

/*
 * BLAKE2s-256 without a key (RFC 7693).
 *
 *     struct blake2s hash; blake2s_init(&hash);
 *     blake2s_update(&hash, data, size); ...     any number of times
 *     blake2s_final(&hash, digest);              32 bytes; the hash is used up
 */
#ifndef LIB_BLAKE2S_H
#define LIB_BLAKE2S_H

#include <lib/types.h>

#define BLAKE2S_SIZE       32
#define BLAKE2S_BLOCK_SIZE 64

struct blake2s {
    uint32_t state[8];
    uint64_t length;                    /* bytes hashed into `state` */
    uint8_t block[BLAKE2S_BLOCK_SIZE];  /* not yet hashed */
    uint32_t used;                      /* bytes in `block` */
};

void blake2s_init(struct blake2s *hash);
void blake2s_update(struct blake2s *hash, const void *data, size_t size);
void blake2s_final(struct blake2s *hash, uint8_t digest[BLAKE2S_SIZE]);

#endif

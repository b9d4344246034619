/* ChaCha20 as RFC 8439 describes it: sixteen words, ten double rounds, and the input added. */
#include <lib/chacha20.h>
#include <lib/endian.h>

static inline uint32_t chacha20_rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

/* A macro, because an interposable function would be called eighty times a block. */
#define QUARTER_ROUND(a, b, c, d)                  \
    do {                                           \
        a += b, d = chacha20_rotate(d ^ a, 16);    \
        c += d, b = chacha20_rotate(b ^ c, 12);    \
        a += b, d = chacha20_rotate(d ^ a, 8);     \
        c += d, b = chacha20_rotate(b ^ c, 7);     \
    } while (0)

void chacha20_block(uint8_t out[CHACHA20_BLOCK_SIZE], const uint8_t key[CHACHA20_KEY_SIZE], uint32_t counter,
                    const uint8_t nonce[CHACHA20_NONCE_SIZE])
{
    uint32_t input[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }; /* "expand 32-byte k" */
    uint32_t x[16];
    for (int i = 0; i < 8; i++)
        input[4 + i] = load_le32(key + 4 * i);
    input[12] = counter;
    for (int i = 0; i < 3; i++)
        input[13 + i] = load_le32(nonce + 4 * i);
    for (int i = 0; i < 16; i++)
        x[i] = input[i];
    for (int round = 0; round < 20; round += 2) {
        QUARTER_ROUND(x[0], x[4], x[8], x[12]);
        QUARTER_ROUND(x[1], x[5], x[9], x[13]);
        QUARTER_ROUND(x[2], x[6], x[10], x[14]);
        QUARTER_ROUND(x[3], x[7], x[11], x[15]);
        QUARTER_ROUND(x[0], x[5], x[10], x[15]);
        QUARTER_ROUND(x[1], x[6], x[11], x[12]);
        QUARTER_ROUND(x[2], x[7], x[8], x[13]);
        QUARTER_ROUND(x[3], x[4], x[9], x[14]);
    }
    for (int i = 0; i < 16; i++)
        store_le32(out + 4 * i, x[i] + input[i]);
}

/*
 * lib/chacha20.c and lib/blake2s.c against the vectors of RFC 8439 and RFC 7693, and of Python's hashlib for
 * lengths around the block size.
 * Links: lib/chacha20.c lib/blake2s.c
 */
#include <tests/host/check.h>

#include <lib/blake2s.h>
#include <lib/chacha20.h>

static const char *hex(const uint8_t *bytes, size_t size)
{
    static char text[2 * 64 + 1];
    for (size_t i = 0; i < size; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
    return text;
}

TEST(chacha20_block_of_rfc8439_section_2_3_2)
{
    uint8_t key[32], block[64];
    const uint8_t nonce[12] = { 0, 0, 0, 9, 0, 0, 0, 0x4a };
    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    chacha20_block(block, key, 1, nonce);
    CHECK_STRING(hex(block, 64), "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
                                 "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

TEST(chacha20_block_of_rfc8439_appendix_a_1)
{
    uint8_t block[64];
    const uint8_t key[32] = { 0 }, nonce[12] = { 0 };
    chacha20_block(block, key, 0, nonce); /* test vector #1 */
    CHECK_STRING(hex(block, 64), "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                                 "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
    chacha20_block(block, key, 1, nonce); /* test vector #2 */
    CHECK_STRING(hex(block, 64), "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
                                 "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
}

/* Digest of bytes i % 251, given to the hash in pieces of `piece`. */
static const char *blake2s_of(size_t size, size_t piece)
{
    static uint8_t data[1000];
    uint8_t digest[BLAKE2S_SIZE];
    struct blake2s hash;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i % 251);
    blake2s_init(&hash);
    for (size_t at = 0; at < size; at += piece)
        blake2s_update(&hash, data + at, size - at < piece ? size - at : piece);
    blake2s_final(&hash, digest);
    return hex(digest, sizeof(digest));
}

TEST(blake2s_vectors)
{
    uint8_t digest[BLAKE2S_SIZE];
    struct blake2s hash;
    blake2s_init(&hash);
    blake2s_update(&hash, "abc", 3); /* RFC 7693, appendix B */
    blake2s_final(&hash, digest);
    CHECK_STRING(hex(digest, 32), "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
    for (size_t piece = 1; piece < 140; piece += 23) {
        CHECK_STRING(blake2s_of(0, piece), "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
        CHECK_STRING(blake2s_of(64, piece), "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e");
        CHECK_STRING(blake2s_of(65, piece), "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472");
        CHECK_STRING(blake2s_of(1000, piece), "1c067a5e746fb0f6734efac9a8cdb0e11061f0077f255184365c690115392501");
    }
}

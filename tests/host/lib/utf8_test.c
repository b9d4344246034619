/*
 * lib/utf8.c: every code point, and the substitution examples of the Unicode Standard 15.0, section 3.9.
 * Links: lib/utf8.c
 */
#include <string.h>

#include <lib/utf8.h>

#include <tests/host/check.h>
#include <tests/host/lib/random.h>

/* Decodes by both interfaces, which must agree; returns the number of code points. */
static int decode(const char *text, size_t size, uint32_t *points)
{
    struct utf8_decoder decoder;
    uint32_t stream[64];
    int streamed = 0, count = 0;
    utf8_decoder_init(&decoder);
    for (size_t i = 0; i < size; i++)
        streamed += (int)utf8_decoder_feed(&decoder, (uint8_t)text[i], stream + streamed);
    if (decoder.needed > 0)
        stream[streamed++] = UTF8_REPLACEMENT;
    for (size_t used = 0; used < size;)
        used += utf8_decode(text + used, size - used, &points[count++]);
    CHECK_EQUAL(count, streamed);
    CHECK(memcmp(points, stream, (size_t)count * sizeof(*points)) == 0);
    return count;
}

TEST(utf8_every_code_point)
{
    for (uint32_t point = 0; point < 0x110400; point++) {
        char bytes[UTF8_MAX_BYTES];
        uint32_t points[64];
        size_t size = utf8_encode(point, bytes);
        bool scalar = point < 0xd800 || (point > 0xdfff && point < 0x110000);
        CHECK_EQUAL(decode(bytes, size, points), 1);
        CHECK_EQUAL(points[0], scalar ? point : UTF8_REPLACEMENT);
    }
}

TEST(utf8_maximal_subparts)
{
    /* R: U+FFFD; other letters: themselves. */
    static const struct { const char *bytes, *wanted; } examples[] = {
        { "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", "RRRRRRRRA" },     /* Table 3-8: not shortest form */
        { "\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", "RRRRRRRRA" },     /* Table 3-9: surrogates */
        { "\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", "RRRRRARRB" },     /* Table 3-10: others */
        { "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "RRRRA" },         /* Table 3-11: truncated */
        { "a\xe2\x82", "aR" },
        { "\xf0\x9f\x98", "R" },
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        uint32_t points[64];
        char got[64] = "";
        int count = decode(examples[i].bytes, strlen(examples[i].bytes), points);
        for (int j = 0; j < count; j++)
            got[j] = points[j] == UTF8_REPLACEMENT ? 'R' : (char)points[j];
        got[count] = '\0';
        CHECK_STRING(got, examples[i].wanted);
    }
}

TEST(utf8_random_bytes_never_lose_ascii)
{
    for (int round = 0; round < 50000; round++) {
        char bytes[16];
        uint32_t points[64];
        int ascii = 0, found = 0;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (char)random_u64();
            ascii += (uint8_t)bytes[i] < 0x80;
        }
        int count = decode(bytes, sizeof(bytes), points);
        for (int j = 0; j < count; j++)
            found += points[j] < 0x80;
        CHECK_EQUAL(found, ascii);
    }
}

/* UTF-8 by Table 3-7 (Well-Formed UTF-8 Byte Sequences) of the Unicode Standard 15.0. */
#include <lib/utf8.h>

/* The first byte of a sequence; true: it is a whole or a broken character by itself, stored in *point. */
LOCAL bool utf8_begin(struct utf8_decoder *decoder, uint8_t byte, uint32_t *point)
{
    utf8_decoder_init(decoder);
    if (byte < 0x80) {
        *point = byte;
        return true;
    }
    if (byte >= 0xc2 && byte <= 0xdf) {
        decoder->needed = 1;
        decoder->point = byte & 0x1f;
        return false;
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        decoder->needed = 2;
        decoder->point = byte & 0x0f;
        decoder->lower = byte == 0xe0 ? 0xa0 : 0x80; /* no overlong form */
        decoder->upper = byte == 0xed ? 0x9f : 0xbf; /* no surrogate */
        return false;
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        decoder->needed = 3;
        decoder->point = byte & 0x07;
        decoder->lower = byte == 0xf0 ? 0x90 : 0x80; /* no overlong form */
        decoder->upper = byte == 0xf4 ? 0x8f : 0xbf; /* nothing above U+10FFFF */
        return false;
    }
    *point = UTF8_REPLACEMENT;
    return true;
}

unsigned utf8_decoder_feed(struct utf8_decoder *decoder, uint8_t byte, uint32_t points[2])
{
    if (decoder->needed == 0)
        return utf8_begin(decoder, byte, &points[0]);
    if (byte < decoder->lower || byte > decoder->upper) {
        points[0] = UTF8_REPLACEMENT;
        return 1u + utf8_begin(decoder, byte, &points[1]);
    }
    decoder->lower = 0x80;
    decoder->upper = 0xbf;
    decoder->point = decoder->point << 6 | (byte & 0x3f);
    if (--decoder->needed > 0)
        return 0;
    points[0] = decoder->point;
    return 1;
}

size_t utf8_decode(const char *text, size_t size, uint32_t *point)
{
    struct utf8_decoder decoder;
    uint32_t points[2];
    utf8_decoder_init(&decoder);
    for (size_t used = 0; used < size; used++) {
        if (decoder.needed > 0 && ((uint8_t)text[used] < decoder.lower || (uint8_t)text[used] > decoder.upper)) {
            *point = UTF8_REPLACEMENT;
            return used;
        }
        if (utf8_decoder_feed(&decoder, (uint8_t)text[used], points) > 0) {
            *point = points[0];
            return used + 1;
        }
    }
    *point = UTF8_REPLACEMENT;
    return size;
}

size_t utf8_encode(uint32_t point, char out[UTF8_MAX_BYTES])
{
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        point = UTF8_REPLACEMENT;
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/*
 * UTF-8. Broken input becomes U+FFFD, one for each maximal subpart of an
 * ill-formed sequence (The Unicode Standard 15.0, section 3.9, U+FFFD
 * Substitution of Maximal Subparts), so nothing well-formed is swallowed.
 *
 * Byte by byte:     struct utf8_decoder d; utf8_decoder_init(&d);
 *                   n = utf8_decoder_feed(&d, byte, points);   for each byte
 * From a buffer:    used = utf8_decode(text, size, &point);
 */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <lib/types.h>

#define UTF8_REPLACEMENT 0xfffdu
#define UTF8_MAX_BYTES   4

struct utf8_decoder {
    uint32_t point;  /* bits so far */
    uint8_t needed;  /* bytes still to come; 0: between characters */
    uint8_t lower;   /* range that the next byte must lie in */
    uint8_t upper;
};

static inline void utf8_decoder_init(struct utf8_decoder *d) { d->point = 0; d->needed = 0; d->lower = 0x80; d->upper = 0xbf; }

/* Takes one byte; stores the code points that it completes (0, 1, or 2: a
 * replacement for what was broken off, then the byte's own) and returns their number. */
unsigned utf8_decoder_feed(struct utf8_decoder *decoder, uint8_t byte, uint32_t points[2]);

/* The first code point of `size` > 0 bytes; returns the bytes it takes (>= 1).
 * A sequence that the end of the buffer cuts off is a replacement. */
size_t utf8_decode(const char *text, size_t size, uint32_t *point);

/* Stores 1 to 4 bytes, returns their number; what is not a Unicode scalar value becomes U+FFFD. */
size_t utf8_encode(uint32_t point, char out[UTF8_MAX_BYTES]);

#endif

/*
 * printf(3)'s formats for live code, with doubles: the kernel has no SSE, so arguments come as the System V ABI passes them
 * (registers saved by live_printf.S), and a double is formatted exactly by integers.
 */
#ifndef LIVE_FORMAT_H
#define LIVE_FORMAT_H

#include <lib/types.h>

/* A va_list of the ABI (System V x86-64, 3.5.7). */
struct live_arguments {
    uint32_t general_offset; /* of the next general register in `saved`; 48: none left */
    uint32_t vector_offset;  /* 48 .. 176 */
    uint64_t *overflow;      /* the next argument on the stack */
    uint8_t *saved;          /* rdi rsi rdx rcx r8 r9, xmm0 .. xmm7 */
};

/* Where the text goes, piece by piece. */
struct live_sink {
    void (*put)(struct live_sink *sink, const char *text, size_t size);
    size_t total;
};

/* flags of a conversion */
#define FORMAT_LEFT  1
#define FORMAT_PLUS  2
#define FORMAT_SPACE 4
#define FORMAT_ALT   8
#define FORMAT_ZERO  16
#define FORMAT_UPPER 32

#define FORMAT_DOUBLE_MAX 1500 /* bytes of the longest double, without width, with precision up to 330 */

/* All of printf(3) but %ls, %lc, %Lf and positional arguments; what it does not know is written as it stands. */
void live_format(struct live_sink *sink, const char *format, struct live_arguments *arguments);
/* A double by its bits: conversion 'e', 'f', 'g' or 'a' is not known; precision < 0: 6. The length; text is not terminated. */
size_t live_format_double(char text[FORMAT_DOUBLE_MAX], uint64_t bits, char conversion, int precision, unsigned flags);

#endif

/*
 * Memory and string functions of the C library's names and meaning, and
 * strlcpy/strlcat. No locale, no state; context: any. The mem* functions are
 * plain symbols, because compilers call them on their own.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <lib/types.h>

void *memcpy(void *destination, const void *source, size_t size);
void *memmove(void *destination, const void *source, size_t size);
void *memset(void *destination, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *area, int byte, size_t size);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t size);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *wanted);

/* Copy or append with truncation: at most size - 1 bytes and always a NUL
 * (size > 0). Return the length that was tried: >= size means truncated. */
size_t strlcpy(char *destination, const char *source, size_t size);
size_t strlcat(char *destination, const char *source, size_t size);

/* With a constant size these become a few moves, also in freestanding builds. */
#if defined(POLYGLOT_KERNEL) && !defined(__TINYC__) && !defined(LIB_STRING_PLAIN)
#define memcpy(destination, source, size)  __builtin_memcpy(destination, source, size)
#define memmove(destination, source, size) __builtin_memmove(destination, source, size)
#define memset(destination, byte, size)    __builtin_memset(destination, byte, size)
#define memcmp(a, b, size)                 __builtin_memcmp(a, b, size)
#endif

#endif

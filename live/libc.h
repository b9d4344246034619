/*
 * C's library for live code, under C's names: what it prints goes to standard output of the process whose thread runs it, from where
 * that cannot be (an interrupt, a lock is held, a kernel thread) to the kernel's log. exit() and abort() end the call, not the machine.
 * string.h: lib/string.h has the rest. What is missing here is the world's, by way of the gate: doubles as results (strtod, sin), FILEs.
 */
#ifndef LIVE_LIBC_H
#define LIVE_LIBC_H

#include <live/format.h>

int printf(const char *format, ...);
int sprintf(char *buffer, const char *format, ...);
int snprintf(char *buffer, size_t size, const char *format, ...);
int dprintf(int fd, const char *format, ...);
/* With a va_list, which the ABI passes by address. */
int vprintf(const char *format, struct live_arguments *arguments);
int vsprintf(char *buffer, const char *format, struct live_arguments *arguments);
int vsnprintf(char *buffer, size_t size, const char *format, struct live_arguments *arguments);
int vdprintf(int fd, const char *format, struct live_arguments *arguments);
void live_save_vectors(uint8_t saved[128]); /* arch/x86_64/live_printf.S */
int puts(const char *text);
int putchar(int character);
/* Streams are descriptors without a buffer: these three, for <stdio.h>'s FILE. Files are the world's (open, read, write, close). */
struct live_stream { int fd; };
extern struct live_stream *stdin, *stdout, *stderr;
int fprintf(struct live_stream *stream, const char *format, ...);
int vfprintf(struct live_stream *stream, const char *format, struct live_arguments *arguments);
int fputs(const char *text, struct live_stream *stream);
int fputc(int character, struct live_stream *stream);
int putc(int character, struct live_stream *stream);
size_t fwrite(const void *items, size_t size, size_t count, struct live_stream *stream);
int fflush(struct live_stream *stream); /* 0: nothing waits */

NORETURN void exit(int status);
NORETURN void _exit(int status);
NORETURN void abort(void);
NORETURN void __assert_fail(const char *condition, const char *file, unsigned line, const char *function);

int abs(int value);
long labs(long value);
long long llabs(long long value);
int atoi(const char *text);
long atol(const char *text);
long long atoll(const char *text);
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
long long strtoll(const char *text, char **end, int base);
unsigned long long strtoull(const char *text, char **end, int base);
int rand(void);
void srand(unsigned seed);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
void *bsearch(const void *key, const void *base, size_t count, size_t size, int (*compare)(const void *, const void *));

int bcmp(const void *a, const void *b, size_t size); /* what clang makes of memcmp() == 0 */
char *strcpy(char *destination, const char *source);
char *strncpy(char *destination, const char *source, size_t size);
char *strcat(char *destination, const char *source);
char *strncat(char *destination, const char *source, size_t size);
char *strdup(const char *text);
size_t strspn(const char *text, const char *accepted);
size_t strcspn(const char *text, const char *rejected);
char *strpbrk(const char *text, const char *wanted);
char *strtok_r(char *text, const char *separators, char **state);
int toupper(int character);
int tolower(int character);

#endif

/*
 * Formatted text in the kernel. Conversions: d i u x X o c s p %; flags
 * - + blank 0 #; width and precision, also as *; lengths hh h l ll z t j.
 * There is no floating point. Context: any.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>
#include <lib/types.h>

/* As snprintf(3): writes at most `size` bytes with the NUL, returns the length
 * of the whole text. buffer may be NULL when size is 0. */
int ksnprintf(char *buffer, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
int kvsnprintf(char *buffer, size_t size, const char *format, va_list arguments);

#endif

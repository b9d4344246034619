/*
 * Compiler attributes behind macros, so that every public header also parses
 * with tcc (0.9.27, C11), with which they are included at the live prompt.
 */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#if defined(__TINYC__)
/* glibc's headers define __attribute__ away for compilers that they do not know, and so PACKED with it.
 * Any of them brings sys/cdefs.h in; it comes only once. */
#include <stdint.h>
#undef __attribute__
#define MUST_CHECK
#define NORETURN
#define PRINTF_LIKE(format_index, first_argument)
#define ALIGNED(bytes) __attribute__((aligned(bytes)))
#define PACKED __attribute__((packed))
#define SECTION(name) __attribute__((section(name)))
#define KEEP
#define STATIC_ASSERT(condition, message)
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#else
#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))
#define ALIGNED(bytes) __attribute__((aligned(bytes)))
#define PACKED __attribute__((packed))
#define SECTION(name) __attribute__((section(name)))
#define KEEP __attribute__((used))
#define STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#endif

/*
 * LOCAL marks a function that belongs to its file. In the kernel it is an
 * ordinary global symbol, because only interposable symbols keep the compiler
 * from folding a function's body or unused arguments into its callers, and any
 * kernel function may be replaced while it runs. Names are therefore unique and
 * carry their module's prefix; the linker reports a clash.
 */
#ifdef POLYGLOT_KERNEL
#define LOCAL
#else
#define LOCAL static
#endif

#endif

/* Basic types and the handful of macros that every file uses. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lib/compiler.h>

typedef uint64_t paddr_t;   /* physical address, bytes */
typedef uint64_t vaddr_t;   /* virtual address, bytes */
typedef int64_t nanos_t;    /* time or duration, nanoseconds */
typedef int64_t file_off_t; /* offset in a file, bytes */
typedef int64_t isize_t;    /* a byte count, or -E... */

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((size_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define NANOS_PER_SECOND      ((nanos_t)1000000000)
#define NANOS_PER_MILLISECOND ((nanos_t)1000000)
#define NANOS_PER_MICROSECOND ((nanos_t)1000)

/* Powers of two only. */
#define ALIGN_UP(value, alignment)   (((value) + ((alignment) - 1)) & ~(uint64_t)((alignment) - 1))
#define ALIGN_DOWN(value, alignment) ((value) & ~(uint64_t)((alignment) - 1))
#define IS_ALIGNED(value, alignment) (((value) & ((alignment) - 1)) == 0)

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Is a result that may be an address an -E...? Addresses of the upper half are negative, too;
 * the last page is never one (Linux's convention for syscall results). */
static inline bool result_is_error(int64_t result) { return result < 0 && result >= -4095; }

#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

#endif

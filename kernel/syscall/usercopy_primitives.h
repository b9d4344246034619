/* The instructions of usercopy that may fault (arch/x86_64/entry.S); only usercopy.c calls them. */
#ifndef KERNEL_SYSCALL_USERCOPY_PRIMITIVES_H
#define KERNEL_SYSCALL_USERCOPY_PRIMITIVES_H

#include <lib/types.h>

/* Bytes not copied or not cleared: 0 is success. */
uint64_t usercopy_bytes(void *to, const void *from, uint64_t size);
uint64_t usercopy_clear(void *to, uint64_t size);
/* Length without the NUL; `limit` when there is none; -1 on a fault. */
int64_t usercopy_string(char *to, const char *from, uint64_t limit);
/* 0, or -1 on a fault. */
int usercopy_cmpxchg32(uint32_t *target, uint32_t expected, uint32_t desired, uint32_t *found);
int usercopy_load32(uint32_t *value, const uint32_t *source);

#endif

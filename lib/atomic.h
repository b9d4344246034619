/*
 * Atomic access to 32- and 64-bit numbers and pointers, with the C11 memory
 * order in the name. Fetch and exchange operations return the old value and are
 * full barriers on x86. Under tcc, which has no atomic builtins, the same names
 * are functions of lib/atomic.c.
 */
#ifndef LIB_ATOMIC_H
#define LIB_ATOMIC_H

#include <lib/types.h>

#if defined(ATOMIC_OUT_OF_LINE) /* lib/atomic.c */
#define ATOMIC_FUNCTION(signature, body) signature; signature { body; }
#elif defined(__TINYC__)
#define ATOMIC_FUNCTION(signature, body) signature;
#else
#define ATOMIC_FUNCTION(signature, body) static inline signature { body; }
#endif

ATOMIC_FUNCTION(uint32_t atomic_load_relaxed_u32(const volatile uint32_t *p), return __atomic_load_n(p, __ATOMIC_RELAXED))
ATOMIC_FUNCTION(uint64_t atomic_load_relaxed_u64(const volatile uint64_t *p), return __atomic_load_n(p, __ATOMIC_RELAXED))
ATOMIC_FUNCTION(uint32_t atomic_load_acquire_u32(const volatile uint32_t *p), return __atomic_load_n(p, __ATOMIC_ACQUIRE))
ATOMIC_FUNCTION(uint64_t atomic_load_acquire_u64(const volatile uint64_t *p), return __atomic_load_n(p, __ATOMIC_ACQUIRE))
ATOMIC_FUNCTION(void *atomic_load_acquire_pointer(void *const volatile *p), return __atomic_load_n(p, __ATOMIC_ACQUIRE))
ATOMIC_FUNCTION(void atomic_store_relaxed_u32(volatile uint32_t *p, uint32_t value), __atomic_store_n(p, value, __ATOMIC_RELAXED))
ATOMIC_FUNCTION(void atomic_store_relaxed_u64(volatile uint64_t *p, uint64_t value), __atomic_store_n(p, value, __ATOMIC_RELAXED))
ATOMIC_FUNCTION(void atomic_store_release_u32(volatile uint32_t *p, uint32_t value), __atomic_store_n(p, value, __ATOMIC_RELEASE))
ATOMIC_FUNCTION(void atomic_store_release_u64(volatile uint64_t *p, uint64_t value), __atomic_store_n(p, value, __ATOMIC_RELEASE))
ATOMIC_FUNCTION(void atomic_store_release_pointer(void *volatile *p, void *value), __atomic_store_n(p, value, __ATOMIC_RELEASE))
ATOMIC_FUNCTION(uint32_t atomic_fetch_add_u32(volatile uint32_t *p, uint32_t value), return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint64_t atomic_fetch_add_u64(volatile uint64_t *p, uint64_t value), return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint32_t atomic_fetch_sub_u32(volatile uint32_t *p, uint32_t value), return __atomic_fetch_sub(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint64_t atomic_fetch_sub_u64(volatile uint64_t *p, uint64_t value), return __atomic_fetch_sub(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint32_t atomic_fetch_or_u32(volatile uint32_t *p, uint32_t value), return __atomic_fetch_or(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint32_t atomic_fetch_and_u32(volatile uint32_t *p, uint32_t value), return __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint64_t atomic_fetch_or_u64(volatile uint64_t *p, uint64_t value), return __atomic_fetch_or(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint64_t atomic_fetch_and_u64(volatile uint64_t *p, uint64_t value), return __atomic_fetch_and(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint32_t atomic_exchange_u32(volatile uint32_t *p, uint32_t value), return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(uint64_t atomic_exchange_u64(volatile uint64_t *p, uint64_t value), return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST))
/* If *p == *expected stores `desired` and is true; else *expected gets what was found. */
ATOMIC_FUNCTION(bool atomic_compare_exchange_u32(volatile uint32_t *p, uint32_t *expected, uint32_t desired), return __atomic_compare_exchange_n(p, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(bool atomic_compare_exchange_u64(volatile uint64_t *p, uint64_t *expected, uint64_t desired), return __atomic_compare_exchange_n(p, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
ATOMIC_FUNCTION(void atomic_fence(void), __atomic_thread_fence(__ATOMIC_SEQ_CST))

#endif

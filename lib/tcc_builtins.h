/*
 * Builtins of gcc and clang that tcc 0.9.27 lacks, as macros: what kernel code needs of them, so that a kernel function
 * compiles inside from its own source (world/python/replacing.py puts this header first). Atomic operations are locked
 * instructions, full barriers, whatever the order asked for; objects of 1, 2, 4 and 8 bytes, pointers only for load, store and exchange.
 * Left out: __builtin_*_overflow.
 */
#ifndef LIB_TCC_BUILTINS_H
#define LIB_TCC_BUILTINS_H

#if defined(__TINYC__)
#define __ATOMIC_RELAXED 0
#define __ATOMIC_CONSUME 1
#define __ATOMIC_ACQUIRE 2
#define __ATOMIC_RELEASE 3
#define __ATOMIC_ACQ_REL 4
#define __ATOMIC_SEQ_CST 5

/* Aligned loads are single instructions, and tcc moves no access. */
#define __atomic_load_n(pointer, order) (*(const volatile __typeof__(*(pointer)) *)(pointer))
#define __atomic_thread_fence(order) __asm__ volatile("mfence" ::: "memory")
#define __atomic_signal_fence(order) __asm__ volatile("" ::: "memory")

/* found__: what was there. Tried again until nobody came between. */
#define TCC_ATOMIC_CHANGE(pointer, make, result) \
    ({ __typeof__(*(pointer)) *at__ = (__typeof__(*(pointer)) *)(pointer), found__ = *at__, was__, new__; \
       do { \
           was__ = found__; \
           new__ = (make); \
           __asm__ volatile("lock cmpxchg %2, %1" : "+a"(found__), "+m"(*at__) : "q"(new__) : "memory"); \
       } while (found__ != was__); \
       (result); })
#define __atomic_exchange_n(pointer, value, order)  TCC_ATOMIC_CHANGE(pointer, (value), found__)
#define __atomic_store_n(pointer, value, order)     ((void)__atomic_exchange_n(pointer, value, order))
#define __atomic_fetch_add(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ + (value), found__)
#define __atomic_fetch_sub(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ - (value), found__)
#define __atomic_fetch_or(pointer, value, order)    TCC_ATOMIC_CHANGE(pointer, was__ | (value), found__)
#define __atomic_fetch_and(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ & (value), found__)
#define __atomic_fetch_xor(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ ^ (value), found__)
#define __atomic_add_fetch(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ + (value), new__)
#define __atomic_sub_fetch(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ - (value), new__)
#define __atomic_or_fetch(pointer, value, order)    TCC_ATOMIC_CHANGE(pointer, was__ | (value), new__)
#define __atomic_and_fetch(pointer, value, order)   TCC_ATOMIC_CHANGE(pointer, was__ & (value), new__)
#define __atomic_compare_exchange_n(pointer, expected, desired, weak, success, failure) \
    ({ __typeof__(*(pointer)) *at__ = (__typeof__(*(pointer)) *)(pointer), *known__ = (__typeof__(*(pointer)) *)(expected), \
           found__ = *known__, was__ = found__, new__ = (desired); \
       __asm__ volatile("lock cmpxchg %2, %1" : "+a"(found__), "+m"(*at__) : "q"(new__) : "memory"); \
       *known__ = found__; \
       found__ == was__; })

#define __builtin_ctzll(value) \
    ({ unsigned long bits__ = (value), at__; __asm__("bsf %1, %0" : "=r"(at__) : "r"(bits__) : "cc"); (int)at__; })
#define __builtin_clzll(value) \
    ({ unsigned long bits__ = (value), at__; __asm__("bsr %1, %0" : "=r"(at__) : "r"(bits__) : "cc"); 63 - (int)at__; })
#define __builtin_popcountll(value) \
    ({ unsigned long bits__ = (value); int count__ = 0; while (bits__ != 0) { bits__ &= bits__ - 1; count__++; } count__; })
#define __builtin_bswap16(value) \
    ({ unsigned short bits__ = (value); (unsigned short)(bits__ << 8 | bits__ >> 8); })
#define __builtin_bswap32(value) \
    ({ unsigned int bits__ = (value); bits__ = (bits__ & 0xff00ff) << 8 | (bits__ >> 8 & 0xff00ff); bits__ << 16 | bits__ >> 16; })
#define __builtin_bswap64(value) \
    ({ unsigned long whole__ = (value); (unsigned long)__builtin_bswap32(whole__) << 32 | __builtin_bswap32(whole__ >> 32); })
#define __builtin_memcpy_inline(destination, source, size) memcpy(destination, source, size)
#endif

#endif

/* Random number instructions (SDM vol. 1, 7.3.17). Check cpu_features.rdrand and .rdseed first. */
#ifndef ARCH_ENTROPY_H
#define ARCH_ENTROPY_H

#include <lib/types.h>

/* False: the hardware had no number at this moment. */
static inline bool entropy_rdrand(uint64_t *value)
{
    uint8_t carry;
    __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=q"(carry) : : "cc");
    return carry != 0;
}

static inline bool entropy_rdseed(uint64_t *value)
{
    uint8_t carry;
    __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=q"(carry) : : "cc");
    return carry != 0;
}

#endif

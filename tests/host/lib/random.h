/* Random numbers for tests: the same sequence in every run. */
#ifndef TESTS_HOST_LIB_RANDOM_H
#define TESTS_HOST_LIB_RANDOM_H

#include <stdint.h>

/* splitmix64 */
static inline uint64_t random_u64(void)
{
    static uint64_t state = 1;
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

#endif

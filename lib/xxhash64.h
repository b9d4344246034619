/* XXH64, the checksum of boot files: fast, not cryptographic. */
#ifndef LIB_XXHASH64_H
#define LIB_XXHASH64_H

#include <lib/types.h>

uint64_t xxhash64(const void *data, size_t size, uint64_t seed);

#endif

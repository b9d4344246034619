/* Numbers of a given byte order at any address. */
#ifndef LIB_ENDIAN_H
#define LIB_ENDIAN_H

#include <lib/types.h>

static inline uint16_t load_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t load_le32(const uint8_t *p) { return load_le16(p) | (uint32_t)load_le16(p + 2) << 16; }
static inline uint64_t load_le64(const uint8_t *p) { return load_le32(p) | (uint64_t)load_le32(p + 4) << 32; }
static inline uint16_t load_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t load_be32(const uint8_t *p) { return (uint32_t)load_be16(p) << 16 | load_be16(p + 2); }
static inline uint64_t load_be64(const uint8_t *p) { return (uint64_t)load_be32(p) << 32 | load_be32(p + 4); }
static inline void store_le16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void store_le32(uint8_t *p, uint32_t v) { store_le16(p, (uint16_t)v); store_le16(p + 2, (uint16_t)(v >> 16)); }
static inline void store_le64(uint8_t *p, uint64_t v) { store_le32(p, (uint32_t)v); store_le32(p + 4, (uint32_t)(v >> 32)); }
static inline void store_be16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void store_be32(uint8_t *p, uint32_t v) { store_be16(p, (uint16_t)(v >> 16)); store_be16(p + 2, (uint16_t)v); }
static inline void store_be64(uint8_t *p, uint64_t v) { store_be32(p, (uint32_t)(v >> 32)); store_be32(p + 4, (uint32_t)v); }

#endif

/*
 * Ring of bytes, first in first out, over a buffer of the caller. Positions
 * count up without end and wrap as 32-bit numbers. Locking is the caller's;
 * with one producer and one consumer on the same CPU none is needed.
 */
#ifndef LIB_RING_H
#define LIB_RING_H

#include <lib/types.h>

struct byte_ring {
    uint8_t *buffer;
    uint32_t size;          /* a power of two */
    volatile uint32_t head; /* position written next */
    volatile uint32_t tail; /* position read next */
};

static inline void ring_init(struct byte_ring *r, void *buffer, uint32_t size) { r->buffer = (uint8_t *)buffer; r->size = size; r->head = r->tail = 0; }
static inline uint32_t ring_used(const struct byte_ring *r) { return r->head - r->tail; }
static inline uint32_t ring_free(const struct byte_ring *r) { return r->size - (r->head - r->tail); }
static inline bool ring_is_empty(const struct byte_ring *r) { return r->head == r->tail; }
static inline bool ring_is_full(const struct byte_ring *r) { return ring_free(r) == 0; }
static inline void ring_clear(struct byte_ring *r) { r->tail = r->head; }

/* False: full. */
bool ring_put(struct byte_ring *ring, uint8_t byte);
/* False: empty. */
bool ring_get(struct byte_ring *ring, uint8_t *byte);
/* The byte `index` places after the oldest; index < ring_used(). */
static inline uint8_t ring_peek(const struct byte_ring *r, uint32_t index) { return r->buffer[(r->tail + index) & (r->size - 1)]; }
/* Takes back the byte put last. False: empty. */
bool ring_unput(struct byte_ring *ring);
/* Move as many bytes as fit or are there; return their number. */
size_t ring_write(struct byte_ring *ring, const void *data, size_t size);
size_t ring_read(struct byte_ring *ring, void *data, size_t size);

#endif

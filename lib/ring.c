/* Ring of bytes; lib/ring.h is the contract. */
#include <lib/ring.h>
#include <lib/string.h>

bool ring_put(struct byte_ring *ring, uint8_t byte)
{
    if (ring_is_full(ring))
        return false;
    ring->buffer[ring->head & (ring->size - 1)] = byte;
    ring->head = ring->head + 1;
    return true;
}

bool ring_get(struct byte_ring *ring, uint8_t *byte)
{
    if (ring_is_empty(ring))
        return false;
    *byte = ring_peek(ring, 0);
    ring->tail = ring->tail + 1;
    return true;
}

bool ring_unput(struct byte_ring *ring)
{
    if (ring_is_empty(ring))
        return false;
    ring->head = ring->head - 1;
    return true;
}

size_t ring_write(struct byte_ring *ring, const void *data, size_t size)
{
    size = MIN(size, (size_t)ring_free(ring));
    size_t offset = ring->head & (ring->size - 1);
    size_t first = MIN(size, ring->size - offset);
    memcpy(ring->buffer + offset, data, first);
    memcpy(ring->buffer, (const uint8_t *)data + first, size - first);
    ring->head = ring->head + (uint32_t)size;
    return size;
}

size_t ring_read(struct byte_ring *ring, void *data, size_t size)
{
    size = MIN(size, (size_t)ring_used(ring));
    size_t offset = ring->tail & (ring->size - 1);
    size_t first = MIN(size, ring->size - offset);
    memcpy(data, ring->buffer + offset, first);
    memcpy((uint8_t *)data + first, ring->buffer, size - first);
    ring->tail = ring->tail + (uint32_t)size;
    return size;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.h -- bytes on the heap that grow on demand and hold nothing while they are empty.
 *
 * Door:     buffer_append(), buffer_release(). A zeroed struct buffer is an empty one.
 * Not here: a maximum. Whoever appends checks the limit that applies, and names it.
 */
#ifndef IO_BUFFER_H
#define IO_BUFFER_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    uint8_t *data; /* NULL: capacity 0 */
    uint32_t size, capacity;
};

/* Room for `size` more bytes. false: no memory; nothing has changed. */
static inline bool buffer_reserve(struct buffer *buffer, size_t size) {
    size_t capacity = buffer->capacity ? buffer->capacity : 256, needed = buffer->size + size;
    void *data;

    if (needed <= buffer->capacity) return true;
    if (needed > UINT32_MAX / 2) return false;
    while (capacity < needed) capacity *= 2;
    data = mem_resize(buffer->data, capacity);
    if (!data) return false;
    buffer->data = data;
    buffer->capacity = (uint32_t)capacity;
    return true;
}

static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t size) {
    if (size == 0) return true;
    if (!buffer_reserve(buffer, size)) return false;
    memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += (uint32_t)size;
    return true;
}

static inline void buffer_release(struct buffer *buffer) {
    if (!buffer->data) return;
    mem_free(buffer->data);
    *buffer = (struct buffer){0};
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.c -- see outgoing.h. */
#include "server/outgoing.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define RING_SIZE       16u   /* frames in a ring of the stock: 16 messages in flight fit */
#define FREE_FRAMES_MAX 1024u /* kept per class; more go back to malloc */
#define FREE_RINGS_MAX  4096u
#define CLASS_NONE      0xff

static const size_t class_sizes[] = {128, 1024}; /* whole frames, struct included */

/* ---- frames -------------------------------------------------------------------------------- */

static uint8_t class_of(size_t size) {
    for (uint8_t i = 0; i < sizeof(class_sizes) / sizeof(*class_sizes); i++)
        if (size <= class_sizes[i]) return i;
    return CLASS_NONE;
}

struct frame *frame_new(struct frame_stock *stock, size_t size) {
    size_t whole = sizeof(struct frame) + size;
    uint8_t class = class_of(whole);
    struct frame *frame;

    if (size > UINT32_MAX / 2) return NULL;
    if (class != CLASS_NONE && stock->free_frames[class]) {
        frame = stock->free_frames[class];
        stock->free_frames[class] = frame->next_free;
        stock->free_frame_count[class]--;
    } else {
        frame = mem_alloc(class == CLASS_NONE ? whole : class_sizes[class]);
        if (!frame) return NULL;
    }
    frame->refs = 1;
    frame->size = (uint32_t)size;
    frame->stock_class = class;
    frame->is_pong = false;
    stock->bytes += size + FRAME_OVERHEAD;
    return frame;
}

struct frame *frame_new_message(struct frame_stock *stock, enum ws_opcode opcode,
                                const void *payload, size_t size) {
    uint8_t head[WS_HEAD_MAX];
    size_t head_size = ws_encode_head(head, opcode, size);
    struct frame *frame = frame_new(stock, head_size + size);

    if (!frame) return NULL;
    memcpy(frame->bytes, head, head_size);
    if (size) memcpy(frame->bytes + head_size, payload, size);
    return frame;
}

void frame_unref(struct frame_stock *stock, struct frame *frame) {
    uint8_t class;

    if (!frame) return;
    assert(frame->refs > 0);
    if (--frame->refs > 0) return;
    stock->bytes -= frame->size + FRAME_OVERHEAD;
    class = frame->stock_class;
    if (class == CLASS_NONE || stock->free_frame_count[class] >= FREE_FRAMES_MAX) {
        mem_free(frame);
        return;
    }
    frame->next_free = stock->free_frames[class];
    stock->free_frames[class] = frame;
    stock->free_frame_count[class]++;
}

void frame_stock_done(struct frame_stock *stock) {
    for (size_t i = 0; i < sizeof(class_sizes) / sizeof(*class_sizes); i++) {
        struct frame *frame = stock->free_frames[i];
        while (frame) {
            struct frame *next = frame->next_free;
            mem_free(frame);
            frame = next;
        }
    }
    while (stock->free_rings) {
        void *next = *(void **)stock->free_rings;
        mem_free(stock->free_rings);
        stock->free_rings = next;
    }
    *stock = (struct frame_stock){0};
}

/* ---- rings --------------------------------------------------------------------------------- */

static void ring_release(struct outgoing *outgoing, struct frame_stock *stock) {
    if (outgoing->capacity == RING_SIZE && stock->free_ring_count < FREE_RINGS_MAX) {
        *(void **)(void *)outgoing->ring = stock->free_rings;
        stock->free_rings = outgoing->ring;
        stock->free_ring_count++;
    } else {
        mem_free(outgoing->ring);
    }
    outgoing->ring = NULL;
    outgoing->capacity = outgoing->first = 0;
}

static struct frame **ring_new(struct frame_stock *stock, size_t capacity) {
    void *ring = stock->free_rings;

    if (capacity != RING_SIZE || !ring) return mem_alloc(capacity * sizeof(struct frame *));
    stock->free_rings = *(void **)ring;
    stock->free_ring_count--;
    return ring;
}

static struct frame **ring_at(const struct outgoing *outgoing, uint32_t index) {
    return &outgoing->ring[(outgoing->first + index) & (outgoing->capacity - 1)];
}

static bool ring_grow(struct outgoing *outgoing, struct frame_stock *stock) {
    uint32_t count = outgoing->count,
             capacity = outgoing->capacity ? outgoing->capacity * 2 : RING_SIZE;
    struct frame **ring = ring_new(stock, capacity);

    if (!ring) return false;
    for (uint32_t i = 0; i < count; i++) ring[i] = *ring_at(outgoing, i);
    if (outgoing->ring) ring_release(outgoing, stock);
    outgoing->ring = ring;
    outgoing->capacity = capacity;
    outgoing->first = 0;
    return true;
}

/* ---- the queue ----------------------------------------------------------------------------- */

bool outgoing_push(struct outgoing *outgoing, struct frame_stock *stock, struct frame *frame) {
    if (outgoing->count == outgoing->capacity && !ring_grow(outgoing, stock)) return false;
    outgoing->count++;
    *ring_at(outgoing, outgoing->count - 1) = frame;
    frame->refs++;
    outgoing->bytes += frame->size + FRAME_OVERHEAD;
    outgoing->pong_count = (uint16_t)(outgoing->pong_count + frame->is_pong);
    return true;
}

static void outgoing_pop(struct outgoing *outgoing, struct frame_stock *stock) {
    struct frame *frame = *ring_at(outgoing, 0);

    outgoing->bytes -= frame->size - outgoing->offset + FRAME_OVERHEAD;
    outgoing->pong_count = (uint16_t)(outgoing->pong_count - frame->is_pong);
    outgoing->offset = 0;
    outgoing->first++;
    outgoing->count--;
    frame_unref(stock, frame);
    if (outgoing->count == 0) ring_release(outgoing, stock);
}

void outgoing_clear(struct outgoing *outgoing, struct frame_stock *stock) {
    while (outgoing->count) outgoing_pop(outgoing, stock);
}

int outgoing_gather(const struct outgoing *outgoing, uint8_t *scratch, size_t scratch_size,
                    struct iovec parts[GATHER_PARTS], size_t *ret_size) {
    size_t used = 0, total = 0, offset = outgoing->offset;
    bool joins = false; /* the next small frame continues the last part */
    int count = 0;

    for (uint32_t i = 0; i < outgoing->count; i++) {
        struct frame *frame = *ring_at(outgoing, i);
        uint8_t *bytes = frame->bytes + offset;
        size_t size = frame->size - offset;
        bool copy = size < FRAME_COPIED_MAX && outgoing->count > 1;
        offset = 0;

        if (copy && used + size > scratch_size) break;
        if (!(copy && joins) && count == GATHER_PARTS) break;
        if (copy) {
            memcpy(scratch + used, bytes, size);
            bytes = scratch + used;
            used += size;
        }
        if (copy && joins) {
            parts[count - 1].iov_len += size;
        } else {
            parts[count++] = (struct iovec){.iov_base = bytes, .iov_len = size};
        }
        joins = copy;
        total += size;
    }
    *ret_size = total;
    return count;
}

void outgoing_sent(struct outgoing *outgoing, struct frame_stock *stock, size_t size) {
    while (outgoing->count) {
        size_t left = (*ring_at(outgoing, 0))->size - outgoing->offset;
        if (size < left) {
            outgoing->offset += (uint32_t)size;
            outgoing->bytes -= (uint32_t)size;
            return;
        }
        size -= left;
        outgoing_pop(outgoing, stock);
    }
    assert(size == 0);
}

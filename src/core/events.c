/* SPDX-License-Identifier: Apache-2.0 */
/* events.c -- see events.h. */
#include "core/events.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

enum { BLOCK_SIZE = 16384 - 64, EVENTS_KEPT_MAX = 256 };

struct batch_block {
    struct batch_block *previous;
    size_t used, capacity;
    alignas(16) unsigned char bytes[];
};

void batch_init(struct batch *batch) {
    *batch = (struct batch){0};
}

static void batch_free_blocks(struct batch *batch, bool keep_first) {
    while (batch->block && (batch->block->previous || !keep_first)) {
        struct batch_block *block = batch->block;
        batch->block = block->previous;
        mem_free(block);
    }
}

void batch_done(struct batch *batch) {
    batch_free_blocks(batch, false);
    mem_free(batch->events);
    batch_init(batch);
}

void batch_reset(struct batch *batch) {
    if (batch->block) {
        if (batch->block->previous) batch_free_blocks(batch, true);
        if (batch->block->capacity > BLOCK_SIZE) batch_free_blocks(batch, false);
        else batch->block->used = 0;
    }
    if (batch->capacity > EVENTS_KEPT_MAX) {
        mem_free(batch->events);
        batch->events = NULL;
        batch->capacity = 0;
    }
    batch->count = batch->size = batch->db_size = batch->db_count = 0;
    batch->needs = 0;
}

ramp_event *batch_add(struct batch *batch, ramp_event_type type) {
    ramp_event *event;

    if (batch->count >= LIMIT_CALL_EVENTS) return NULL;
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? batch->capacity * 2 : 16;
        ramp_event *events = mem_resize(batch->events, capacity * sizeof(*events));
        if (!events) return NULL;
        batch->events = events;
        batch->capacity = capacity;
    }
    event = &batch->events[batch->count++];
    *event = (ramp_event){.type = type};
    return event;
}

void batch_drop_last(struct batch *batch) {
    assert(batch->count > 0);
    batch->count--;
}

void *batch_extra(struct batch *batch, size_t size) {
    size_t padded = (size + 15) & ~(size_t)15;
    struct batch_block *block = batch->block;
    void *room;

    if (!block || block->capacity - block->used < padded) {
        size_t capacity = padded > BLOCK_SIZE ? padded : BLOCK_SIZE;
        block = mem_alloc(sizeof(*block) + capacity);
        if (!block) return NULL;
        *block = (struct batch_block){.previous = batch->block, .capacity = capacity};
        batch->block = block;
    }
    room = block->bytes + block->used;
    block->used += padded;
    return room;
}

void *batch_room(struct batch *batch, size_t size) {
    void *room;

    if (batch->size + size > LIMIT_CALL_EVENT_BYTES) return NULL;
    room = batch_extra(batch, size);
    if (room) batch->size += size;
    return room;
}

bool batch_copy(struct batch *batch, const void *data, size_t size, ramp_bytes *ret_bytes) {
    void *copy;

    if (size == 0) {
        *ret_bytes = (ramp_bytes){.data = "", .size = 0};
        return true;
    }
    copy = batch_room(batch, size);
    if (!copy) return false;
    memcpy(copy, data, size);
    *ret_bytes = (ramp_bytes){.data = copy, .size = size};
    return true;
}

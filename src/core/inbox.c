/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.c -- see inbox.h. */
#include "core/inbox.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

enum {
    CHUNK_SIZE = 8192 - 64, /* fits an allocator's size class */
    CHUNKS_KEPT_MAX = 64
};

struct inbox_chunk {
    struct inbox_chunk *next;
    size_t head, tail, capacity;
    alignas(16) unsigned char bytes[];
};

static_assert(sizeof(struct inbox_spare) >= sizeof(struct inbox_chunk) + sizeof(struct inbox_entry),
              "a spare is a chunk with one entry");

static size_t entry_size(size_t payload_size) {
    return (sizeof(struct inbox_entry) + payload_size + 15) & ~(size_t)15;
}

static struct inbox_chunk *chunk_take(struct inbox_pool *pool, size_t size) {
    struct inbox_chunk *chunk = pool->free;
    size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;

    if (chunk && size <= CHUNK_SIZE) {
        pool->free = chunk->next;
        pool->free_count--;
    } else {
        chunk = mem_alloc(sizeof(*chunk) + capacity);
        if (!chunk) return NULL;
        chunk->capacity = capacity;
    }
    chunk->next = NULL;
    chunk->head = chunk->tail = 0;
    return chunk;
}

static void chunk_return(struct inbox_pool *pool, struct inbox_chunk *chunk) {
    if (chunk->capacity < CHUNK_SIZE) return; /* a spare: somebody else's */
    if (chunk->capacity != CHUNK_SIZE || pool->free_count >= CHUNKS_KEPT_MAX) {
        mem_free(chunk);
        return;
    }
    chunk->next = pool->free;
    pool->free = chunk;
    pool->free_count++;
}

void inbox_pool_done(struct inbox_pool *pool) {
    while (pool->free) {
        struct inbox_chunk *chunk = pool->free;
        pool->free = chunk->next;
        mem_free(chunk);
    }
    pool->free_count = 0;
}

static void inbox_append(struct inbox *inbox, struct inbox_chunk *chunk) {
    if (inbox->last) inbox->last->next = chunk;
    else inbox->first = chunk;
    inbox->last = chunk;
}

struct inbox_entry *inbox_push(struct inbox *inbox, struct inbox_pool *pool,
                               const struct inbox_entry *head, const ramp_bytes *parts,
                               size_t part_count) {
    struct inbox_chunk *chunk = inbox->last;
    struct inbox_entry *entry;
    size_t payload_size = 0, size, at = 0;

    for (size_t i = 0; i < part_count; i++) payload_size += parts[i].size;
    size = entry_size(payload_size);
    if (!chunk || chunk->capacity - chunk->tail < size) {
        chunk = chunk_take(pool, size);
        if (!chunk) return NULL;
        inbox_append(inbox, chunk);
    }
    entry = (struct inbox_entry *)(void *)(chunk->bytes + chunk->tail);
    *entry = *head;
    entry->size = (uint32_t)payload_size;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size) memcpy(entry->payload + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    chunk->tail += size;
    inbox->count++;
    inbox->size += payload_size;
    return entry;
}

void inbox_push_spare(struct inbox *inbox, struct inbox_spare *spare,
                      const struct inbox_entry *head) {
    struct inbox_chunk *chunk = (struct inbox_chunk *)(void *)spare->bytes;
    size_t size = sizeof(spare->bytes) - sizeof(*chunk);

    *chunk = (struct inbox_chunk){.tail = size, .capacity = size};
    memcpy(chunk->bytes, head, sizeof(*head));
    inbox_append(inbox, chunk);
    inbox->count++;
}

struct inbox_entry *inbox_front(const struct inbox *inbox) {
    const struct inbox_chunk *chunk = inbox->first;

    return inbox->count ? (struct inbox_entry *)(void *)(chunk->bytes + chunk->head) : NULL;
}

void inbox_pop(struct inbox *inbox, struct inbox_pool *pool) {
    struct inbox_entry *entry = inbox_front(inbox);
    struct inbox_chunk *chunk = inbox->first;

    assert(entry);
    inbox->count--;
    inbox->size -= entry->size;
    chunk->head += entry_size(entry->size);
    if (chunk->head < chunk->tail) return;
    inbox->first = chunk->next;
    if (!inbox->first) inbox->last = NULL;
    chunk_return(pool, chunk);
}

struct inbox_entry *inbox_after(const struct inbox *inbox, const struct inbox_entry *entry) {
    const unsigned char *at = (const unsigned char *)entry + entry_size(entry->size);

    for (const struct inbox_chunk *chunk = inbox->first; chunk; chunk = chunk->next) {
        if ((const unsigned char *)entry < chunk->bytes ||
            (const unsigned char *)entry >= chunk->bytes + chunk->tail)
            continue;
        if (at < chunk->bytes + chunk->tail) return (struct inbox_entry *)(uintptr_t)at;
        return chunk->next ? (struct inbox_entry *)(void *)(chunk->next->bytes + chunk->next->head)
                           : NULL;
    }
    return NULL;
}

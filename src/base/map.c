/* SPDX-License-Identifier: Apache-2.0 */
/* map.c -- see map.h. Removal shifts the following entries back, so there are no tombstones. */
#include "base/map.h"

#include <string.h>

#include "base/mem.h"

enum { MAP_CAPACITY_MIN = 8 };

static uint64_t rotate(uint64_t value, int bits) {
    return (value << bits) | (value >> (64 - bits));
}

/* One SipHash round (Aumasson and Bernstein, 2012). */
static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static uint64_t map_hash(const struct map *map, const void *key, size_t size) {
    const unsigned char *bytes = key;
    uint64_t v[4] = {0x736f6d6570736575u ^ map->seed[0], 0x646f72616e646f6du ^ map->seed[1],
                     0x6c7967656e657261u ^ map->seed[0], 0x7465646279746573u ^ map->seed[1]};
    uint64_t word;
    size_t left = size;

    for (; left >= 8; left -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)size << 56;
    for (size_t i = 0; i < left; i++) word |= (uint64_t)bytes[i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *map, uint64_t seed) {
    *map = (struct map){.seed = {seed, rotate(seed, 32) ^ 0x9e3779b97f4a7c15u}};
}

void map_done(struct map *map) {
    mem_free(map->entries);
    map->entries = NULL;
    map->capacity = map->count = 0;
}

static size_t map_find(const struct map *map, uint64_t hash, const void *key, size_t size) {
    size_t mask = map->capacity - 1, at = hash & mask;

    while (map->entries[at].value) {
        const struct map_entry *entry = &map->entries[at];
        if (entry->hash == hash && entry->key_size == size && memcmp(entry->key, key, size) == 0)
            break;
        at = (at + 1) & mask;
    }
    return at;
}

void *map_get(const struct map *map, const void *key, size_t key_size) {
    if (map->count == 0) return NULL;
    return map->entries[map_find(map, map_hash(map, key, key_size), key, key_size)].value;
}

static bool map_grow(struct map *map) {
    size_t capacity = map->capacity ? map->capacity * 2 : MAP_CAPACITY_MIN;
    struct map_entry *entries = mem_zalloc(capacity * sizeof(*entries));

    if (!entries) return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (!map->entries[i].value) continue;
        size_t at = map->entries[i].hash & (capacity - 1);
        while (entries[at].value) at = (at + 1) & (capacity - 1);
        entries[at] = map->entries[i];
    }
    mem_free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return true;
}

bool map_put(struct map *map, const void *key, size_t key_size, void *value) {
    uint64_t hash = map_hash(map, key, key_size);

    if ((map->count + 1) * 4 > map->capacity * 3 && !map_grow(map)) return false;
    map->entries[map_find(map, hash, key, key_size)] =
        (struct map_entry){.hash = hash, .key = key, .key_size = key_size, .value = value};
    map->count++;
    return true;
}

void *map_remove(struct map *map, const void *key, size_t key_size) {
    size_t mask = map->capacity - 1, hole, at;
    void *value;

    if (map->count == 0) return NULL;
    hole = map_find(map, map_hash(map, key, key_size), key, key_size);
    value = map->entries[hole].value;
    if (!value) return NULL;
    map->count--;
    for (at = (hole + 1) & mask; map->entries[at].value; at = (at + 1) & mask) {
        size_t home = map->entries[at].hash & mask;
        /* An entry may move back into the hole only if its home is not after it. */
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        map->entries[hole] = map->entries[at];
        hole = at;
    }
    map->entries[hole] = (struct map_entry){0};
    return value;
}

struct map_entry *map_next(const struct map *map, size_t *index) {
    while (*index < map->capacity) {
        struct map_entry *entry = &map->entries[(*index)++];
        if (entry->value) return entry;
    }
    return NULL;
}

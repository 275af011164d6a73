/* SPDX-License-Identifier: Apache-2.0 */
/* map.h -- byte strings to pointers: a hash map with open addressing and linear probing.
 *
 * Door:     map_get(), map_put(), map_remove(), map_each().
 * The map borrows its keys: a key lives in the object that it names, as long as it is in the map. The
 * hash is SipHash-1-3 under a key per map, since names come from outside.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
    uint64_t hash;
    const void *key;
    size_t key_size;
    void *value; /* NULL: free */
};

struct map {
    struct map_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed[2];
};

void map_init(struct map *map, uint64_t seed);
void map_done(struct map *map); /* frees the table, not the values */
void *map_get(const struct map *map, const void *key, size_t key_size); /* NULL: absent */
/* Adds a key that is absent; `value` is not NULL. false: no memory. */
bool map_put(struct map *map, const void *key, size_t key_size, void *value);
void *map_remove(struct map *map, const void *key, size_t key_size); /* its value, or NULL */
/* The next used entry at or after `*index`, which it moves past it; NULL: no more. The map must not
 * change in between. */
struct map_entry *map_next(const struct map *map, size_t *index);

#endif

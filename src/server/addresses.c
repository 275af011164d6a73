/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.c -- see addresses.h. */
#include "server/addresses.h"

#include "base/mem.h"

struct addresses *addresses_new(unsigned max, uint64_t seed) {
    struct addresses *addresses = mem_zalloc(sizeof(*addresses));

    if (!addresses) return NULL;
    addresses->max = max;
    addresses->seed = seed;
    return addresses;
}

void addresses_free(struct addresses *addresses) {
    mem_free(addresses);
}

/* An index into each row; never 0 in both. */
static address_place place_of(const struct addresses *addresses, uint64_t network) {
    uint64_t hash = network ^ addresses->seed;

    /* MurmurHash3's finalizer, twice with the seed in between: every bit of the network and of the seed
     * decides over every bit of the place. */
    for (int round = 0; round < 2; round++) {
        hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
        hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
        hash = (hash ^ hash >> 33) + addresses->seed;
    }
    return (address_place)(hash >> 32) ? (address_place)(hash >> 32) : 1;
}

bool addresses_enter(struct addresses *addresses, uint64_t network, address_place *ret_place) {
    address_place place = place_of(addresses, network);
    /* Counted first and looked at then, so that two workers cannot both take the last place. */
    bool one_is_full = atomic_fetch_add_explicit(&addresses->one[place & 0xffff], 1,
                                                 memory_order_relaxed) >= addresses->max;
    bool other_is_full = atomic_fetch_add_explicit(&addresses->other[place >> 16], 1,
                                                   memory_order_relaxed) >= addresses->max;

    if (one_is_full && other_is_full) {
        addresses_leave(addresses, place);
        return false;
    }
    *ret_place = place;
    return true;
}

void addresses_leave(struct addresses *addresses, address_place place) {
    if (!place) return;
    atomic_fetch_sub_explicit(&addresses->one[place & 0xffff], 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&addresses->other[place >> 16], 1, memory_order_relaxed);
}

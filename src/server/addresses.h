/* SPDX-License-Identifier: Apache-2.0 */
/* addresses.h -- how many connections each client's address has, so that one cannot take all.
 *
 * Door:     addresses_enter() at accept, addresses_leave() at the end; any thread.
 * Before:   listener.c, server.c.
 *
 *     network ──hash──▶ a, b      one[a] ▒▒▒░░      other[b] ▒▒▒▒▒▒░
 *                                    └─ too many only if both are ─┘
 *
 * A fixed table of counters, without locks and without keys: strangers who meet in one of them meet hardly
 * ever in the other, so a count may be too high (then both are crowded) and never too low. An address has
 * its IPv4 number or, since whoever has one of a /64 has all, the first half of its IPv6 number.
 * Not here: clients of loopback, which are not counted: a proxy in front, and this machine's own programs.
 */
#ifndef SERVER_ADDRESSES_H
#define SERVER_ADDRESSES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ADDRESSES_ROW 65536u

struct addresses {
    unsigned max;  /* connections of one address */
    uint64_t seed; /* nobody else's: who knows it could crowd somebody's counters */
    atomic_uint one[ADDRESSES_ROW], other[ADDRESSES_ROW];
};

/* Where a network is counted, for addresses_leave(); 0: it is not. */
typedef uint32_t address_place;

/* NULL: no memory. */
struct addresses *addresses_new(unsigned max, uint64_t seed);
void addresses_free(struct addresses *addresses); /* NULL is accepted */
/* One more connection of `network`. false: it has too many, and this one is not counted. */
bool addresses_enter(struct addresses *addresses, uint64_t network, address_place *ret_place);
void addresses_leave(struct addresses *addresses, address_place place);

#endif

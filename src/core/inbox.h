/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h -- a room's queue of what has happened and not yet been dispatched.
 *
 * Door:   inbox_push(), inbox_front(), inbox_pop().
 * Before: connection.c and room.c, which bound what is queued.
 * After:  room.c, which makes calls of the entries.
 *
 * Entries lie one after another, payload included, in chunks that the host lends out last-in first-out:
 * a quiet room has none, and busy rooms share a few that stay in the cache. An entry's payload stays
 * where it is until inbox_pop(), so a call reads it in place.
 */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include <stdalign.h>

#include <ramp/ramp.h>

struct inbox_chunk;

/* The host's stock of empty chunks. */
struct inbox_pool {
    struct inbox_chunk *free;
    size_t free_count;
};
void inbox_pool_done(struct inbox_pool *pool);

/* Room for one entry without payload, for what may not fail. Lives until its entry has been popped. */
struct inbox_spare {
    alignas(16) unsigned char bytes[64];
};

struct inbox_entry {
    uint8_t kind;  /* ramp_call_kind */
    bool binary;   /* message */
    uint16_t code; /* leave */
    uint32_t size; /* of the payload */
    ramp_connection *connection;
    void *tag;
    unsigned char payload[];
};

struct inbox {
    struct inbox_chunk *first, *last;
    uint32_t count;
    size_t size; /* bytes of payload */
};

/* Appends a copy of `head` with a payload of `size` bytes, made of the given parts. NULL: no memory. */
struct inbox_entry *inbox_push(struct inbox *inbox, struct inbox_pool *pool,
                               const struct inbox_entry *head, const ramp_bytes *parts,
                               size_t part_count);
/* The same without a payload and without failing. */
void inbox_push_spare(struct inbox *inbox, struct inbox_spare *spare,
                      const struct inbox_entry *head);
struct inbox_entry *inbox_front(const struct inbox *inbox); /* NULL: empty */
void inbox_pop(struct inbox *inbox, struct inbox_pool *pool);
/* The entry after `entry`; NULL: it is the last. */
struct inbox_entry *inbox_after(const struct inbox *inbox, const struct inbox_entry *entry);

#endif

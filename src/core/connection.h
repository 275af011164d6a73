/* SPDX-License-Identifier: Apache-2.0 */
/* connection.h -- one client in one room, and what the embedder tells of it.
 *
 * Door:   ramp_join(), ramp_message(), ramp_leave() of ramp/ramp.h; connection_field() for the guest.
 * After:  room.c.
 */
#ifndef CORE_CONNECTION_H
#define CORE_CONNECTION_H

#include <ramp/ramp.h>

#include "base/list.h"
#include "core/inbox.h"

struct room;

enum connection_state {
    CONNECTION_JOINING, /* its join is queued */
    CONNECTION_MEMBER,  /* its join has been dispatched */
    CONNECTION_LEAVING, /* its leave is queued */
    CONNECTION_LEAVES,  /* its leave is being dispatched */
    CONNECTION_GONE     /* it has left; events that wait behind the gate name it */
};

/* Parts of the text that a connection keeps, in the order in which they lie in `text`. */
enum connection_part {
    PART_ID,
    PART_USER,
    PART_QUERY,
    PART_IP,
    PART_HEADERS,
    PART_CLAIMS,
    PART_COUNT
};

struct ramp_connection {
    struct room *room;
    void *data; /* the embedder's */
    void *join_tag;
    uint64_t owner;
    uint32_t handle; /* 0: not a member */
    uint32_t queued_size;
    uint32_t holds; /* calls behind the gate, and their events, that name it */
    uint16_t queued_count;
    uint8_t state;
    bool was_busy;     /* the embedder waits for on_ready */
    bool is_slow;      /* on_backpressure is queued or was called, and it has not drained */
    bool replaced;     /* the host has closed it: on_close was called */
    bool never_joined; /* it left before its join was dispatched, or its room failed meanwhile: its
                            leave is not for the module */
    struct list in_full; /* room->full: it waits for the room's inbox, not for its own part of it */
    struct inbox_spare leave;  /* a leave cannot fail */
    uint32_t ends[PART_COUNT]; /* where each part ends in `text` */
    char text[];
};

/* A part: PART_QUERY and so on raw. */
ramp_bytes connection_part(const ramp_connection *connection, enum connection_part part);
ramp_connection *connection_new(struct room *room, const ramp_bytes parts[PART_COUNT]);
void connection_free(ramp_connection *connection);
void connection_hold(ramp_connection *connection);
void connection_release(ramp_connection *connection); /* frees it if it is GONE */
/* Value of the first line `name: value` of `lines`. false: absent. */
bool lines_value(ramp_bytes lines, ramp_bytes name, ramp_bytes *ret_value);
/* The connection has taken an entry out of its room's inbox. */
void connection_dequeued(ramp_connection *connection, uint32_t size);
/* Tells the embedder that the connection takes messages again, if it does and the embedder waits for it. */
void connection_tell_ready(ramp_connection *connection);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* events.h -- the batch: what one call has emitted, one ordered list, kept or dropped whole.
 *
 * Door:   batch_add(), batch_copy().
 * Before: hostcalls.c, which checks what the guest asks for.
 * After:  call.c, which carries out what concerns the room and hands the list to the embedder.
 *
 * Payloads are copied out of the guest at once, into an arena whose blocks never move: an event's
 * pointers are final when it is added.
 */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include <ramp/ramp.h>

struct batch_block;

/* What a batch needs before, or besides, its leaving; bits of struct batch.needs. */
enum {
    BATCH_DB = 1,    /* db_set, db_del */
    BATCH_ALARM = 2, /* alarm_set */
    BATCH_STATE = 4, /* state_save */
    BATCH_SYNC = 8   /* kv_sync */
};

struct batch {
    ramp_event *events;
    size_t count, capacity;
    size_t size;               /* bytes copied */
    size_t db_size;            /* of these, db keys and values */
    size_t db_count;           /* db writes */
    unsigned needs;            /* BATCH_* */
    struct batch_block *block; /* the one that is being filled; the first is kept over resets */
};

void batch_init(struct batch *batch);
void batch_done(struct batch *batch);
void batch_reset(struct batch *batch); /* empty again; keeps a little memory */
/* A zeroed event at the end of the list. NULL: no memory, or LIMIT_CALL_EVENTS reached. */
ramp_event *batch_add(struct batch *batch, ramp_event_type type);
/* Takes back the event that was added last. */
void batch_drop_last(struct batch *batch);
/* Room for `size` bytes (aligned for pointers), uninitialised. NULL: no memory or too much. */
void *batch_room(struct batch *batch, size_t size);
/* The same without LIMIT_CALL_EVENT_BYTES: for what the host itself adds. */
void *batch_extra(struct batch *batch, size_t size);
/* A copy of `size` bytes. false: as above; `*ret_bytes` is untouched. */
bool batch_copy(struct batch *batch, const void *data, size_t size, ramp_bytes *ret_bytes);

#endif

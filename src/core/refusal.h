/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.h -- what is queued in a room's inbox and never reaches the guest.
 *
 * Door:   room_settle_front(), room_refuse_front(), room_refuse_queued(), room_drop_dead_front().
 * Before: room.c, service.c (a module that does not come).
 * After:  the embedder's on_done, with an outcome for each.
 * Not here: calls; see room.c for what is dispatched.
 */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include <ramp/ramp.h>

struct room;

/* An entry has been taken out: those who found the inbox full may try again. */
void room_dequeued(struct room *room);
/* Reports the front entry's outcome without a call, and takes it out. */
void room_settle_front(struct room *room, ramp_status status, const char *message,
                       const char *where);
/* A join that will not happen: its connection goes with it. */
void room_refuse_join(struct room *room, ramp_status status, const char *message,
                      const char *where);
/* The front entry, failed. */
void room_refuse_front(struct room *room, ramp_status status, const char *message,
                       const char *where);
/* Fails all that is queued now, but for leaves of members: they wait for an instance. on_done may queue
 * more. */
void room_refuse_queued(struct room *room, ramp_status status, const char *message);
/* The front is an entry that needs no module, as its connection has gone, or left before its join was
 * dispatched: it has been taken out. */
bool room_drop_dead_front(struct room *room);

#endif

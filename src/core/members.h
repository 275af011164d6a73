/* SPDX-License-Identifier: Apache-2.0 */
/* members.h -- the connections of a room that have joined, and their handles.
 *
 * Door:   room_add_member(), room_remove_member(), room_member().
 * Before: room.c, when a join or a leave is dispatched; hostcalls.c, which has a handle.
 *
 * A handle is a slot (20 bits) and the slot's generation; the lowest free slot is taken first, and a slot
 * whose generations are used up is never taken again (CONTRACT 1).
 */
#ifndef CORE_MEMBERS_H
#define CORE_MEMBERS_H

#include "core/connection.h"

struct room;

/* The connection of a handle, if it may be sent to; NULL: GONE or invalid. */
ramp_connection *room_member(const struct room *room, uint32_t handle);
/* Where a handle's slot is, or would be, in the members. */
uint32_t room_member_index(const struct room *room, uint32_t handle);
/* Gives the connection the lowest free slot and a place among the members. false: there is none. */
bool room_add_member(struct room *room, ramp_connection *connection);
void room_remove_member(struct room *room, const ramp_connection *connection);
void room_free_slot(struct room *room, const ramp_connection *connection);
/* What is queued about a connection that is no more has lost its subject. */
void room_orphan_entries(struct room *room, const ramp_connection *connection);
/* Its last use by the room: freed now, or when nobody holds it any more. */
void room_forget_connection(ramp_connection *connection);
/* The host closes all members; the module hears nothing of it. */
void room_close_members(struct room *room, uint16_t code, const char *reason);
/* The host closes all members; their leaves are queued. */
void room_part_members(struct room *room, uint16_t code, const char *reason);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* members.c -- see members.h. */
#include "core/members.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "core/room.h"

enum { SLOT_BITS = 20, SLOTS_MAX = 1 << SLOT_BITS, GENERATION_MAX = (1 << (32 - SLOT_BITS)) - 1 };

static_assert(LIMIT_ROOM_CONNECTIONS < SLOTS_MAX, "a handle holds the slot in 20 bits");

void connection_hold(ramp_connection *connection) {
    connection->holds++;
}

void connection_release(ramp_connection *connection) {
    assert(connection->holds > 0);
    connection->holds--;
    if (connection->holds == 0 && connection->state == CONNECTION_GONE) connection_free(connection);
}

void room_forget_connection(ramp_connection *connection) {
    connection->room->service->host->connection_count--;
    connection->state = CONNECTION_GONE;
    list_remove(&connection->in_full);
    if (connection->holds == 0) connection_free(connection);
}

ramp_connection *room_member(const struct room *room, uint32_t handle) {
    uint32_t slot = handle & (SLOTS_MAX - 1);
    ramp_connection *connection;

    if (slot >= room->slot_count) return NULL;
    connection = room->slots[slot].connection;
    return connection && connection->handle == handle && connection->state != CONNECTION_LEAVES
               ? connection
               : NULL;
}

static bool room_reserve_member(struct room *room) {
    uint32_t capacity = room->slot_capacity ? room->slot_capacity * 2 : 4;
    struct slot *slots;
    ramp_connection **members;

    if (room->slot_count == room->slot_capacity) {
        slots = mem_resize(room->slots, capacity * sizeof(*slots));
        if (!slots) return false;
        room->slots = slots;
        room->slot_capacity = capacity;
    }
    if (room->member_count == room->member_capacity) {
        capacity = room->member_capacity ? room->member_capacity * 2 : 4;
        members = mem_resize(room->members, capacity * sizeof(ramp_connection *));
        if (!members) return false;
        room->members = members;
        room->member_capacity = capacity;
    }
    return true;
}

static uint32_t member_slot(const ramp_connection *connection) {
    return connection->handle & (SLOTS_MAX - 1);
}

uint32_t room_member_index(const struct room *room, uint32_t handle) {
    uint32_t low = 0, high = room->member_count, slot = handle & (SLOTS_MAX - 1);

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (member_slot(room->members[middle]) < slot) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Gives the connection the lowest free slot and a place among the members. */
bool room_add_member(struct room *room, ramp_connection *connection) {
    uint32_t slot = 0, at;

    if (!room_reserve_member(room)) return false;
    /* Slots below member_count are full if all members lie in them; search only if there is a hole. */
    if (room->member_count == room->slot_count ||
        (room->member_count > 0 &&
         member_slot(room->members[room->member_count - 1]) == room->member_count - 1))
        slot = room->member_count;
    while (slot < room->slot_count &&
           (room->slots[slot].connection || room->slots[slot].generation == GENERATION_MAX))
        slot++;
    if (slot >= SLOTS_MAX) return false;
    if (slot == room->slot_count) room->slots[room->slot_count++] = (struct slot){0};
    room->slots[slot].connection = connection;
    room->slots[slot].generation++;
    connection->handle = (uint32_t)room->slots[slot].generation << SLOT_BITS | slot;
    connection->state = CONNECTION_MEMBER;
    at = room_member_index(room, connection->handle);
    memmove(room->members + at + 1, room->members + at,
            (room->member_count - at) * sizeof(*room->members));
    room->members[at] = connection;
    room->member_count++;
    return true;
}

void room_remove_member(struct room *room, const ramp_connection *connection) {
    uint32_t at = room_member_index(room, connection->handle);

    assert(at < room->member_count && room->members[at] == connection);
    room->member_count--;
    memmove(room->members + at, room->members + at + 1,
            (room->member_count - at) * sizeof(*room->members));
}

void room_free_slot(struct room *room, const ramp_connection *connection) {
    room->slots[member_slot(connection)].connection = NULL;
}

/* What is queued about a connection that is no more has lost its subject. */
void room_orphan_entries(struct room *room, const ramp_connection *connection) {
    for (struct inbox_entry *entry = inbox_front(&room->inbox); entry;
         entry = inbox_after(&room->inbox, entry))
        if (entry->connection == connection) entry->connection = NULL;
}

/* ---- closing them all -------------------------------------------------------------------------- */

void room_close_members(struct room *room, uint16_t code, const char *reason) {
    ramp_host *host = room->service->host;

    while (room->member_count > 0) {
        ramp_connection *connection = room->members[room->member_count - 1];
        room_remove_member(room, connection);
        room_free_slot(room, connection);
        connection->handle = 0;
        if (connection->state != CONNECTION_MEMBER) { /* its leave is queued, and frees it */
            connection->never_joined = true;
            continue;
        }
        connection->state = CONNECTION_LEAVING;
        map_remove(&room->connections, connection->text, strlen(connection->text));
        host->options.on_close(host->options.context, connection, code, reason);
        room_orphan_entries(room, connection);
        room_forget_connection(connection);
    }
}

void room_part_members(struct room *room, uint16_t code, const char *reason) {
    ramp_host *host = room->service->host;

    for (uint32_t i = 0; i < room->member_count; i++) {
        ramp_connection *connection = room->members[i];
        struct inbox_entry leave = {
            .kind = RAMP_CALL_LEAVE, .code = code, .connection = connection};
        if (connection->state != CONNECTION_MEMBER) continue;
        connection->state = CONNECTION_LEAVING;
        map_remove(&room->connections, connection->text, strlen(connection->text));
        host->options.on_close(host->options.context, connection, code, reason);
        connection->data = NULL;
        if (!inbox_push(&room->inbox, &host->chunks, &leave, NULL, 0))
            inbox_push_spare(&room->inbox, &connection->leave, &leave);
    }
}

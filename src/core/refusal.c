/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.c -- see refusal.h. */
#include "core/refusal.h"

#include <string.h>

#include "base/limits.h"
#include "core/alarms.h"
#include "core/room.h"

void room_dequeued(struct room *room) {
    if (room->inbox.size > LIMIT_ROOM_INBOX_BYTES / 2) return;
    for (struct list *node; (node = list_pop_front(&room->full));)
        connection_tell_ready(list_item(node, ramp_connection, in_full));
}

void room_settle_front(struct room *room, ramp_status status, const char *message,
                       const char *where) {
    ramp_host *host = room->service->host;
    struct inbox_entry *entry = inbox_front(&room->inbox);
    ramp_connection *connection = entry->connection;
    uint8_t kind = entry->kind;
    ramp_outcome outcome = {.tag = entry->tag,
                            .call = (ramp_call_kind)kind,
                            .state = status ? RAMP_CALL_FAILED : RAMP_CALL_DONE,
                            .service = room->service->name,
                            .room = room->id,
                            .connection = kind == RAMP_CALL_REQUEST ? NULL : connection,
                            .joined = connection && connection->handle != 0,
                            .status = status,
                            .message = message,
                            .where = where};

    switch (kind) {
    case RAMP_CALL_JOIN:
    case RAMP_CALL_OPEN:
    case RAMP_CALL_REQUEST: room->request_count--; break;
    case RAMP_CALL_MESSAGE:
        if (connection) connection_dequeued(connection, entry->size);
        break;
    case RAMP_CALL_ALARM:
        room->alarm_queued = false;
        if (status) alarms_postpone(host, room->service->name, room->id);
        break;
    default: break;
    }
    if (kind != RAMP_CALL_TIMER && kind != RAMP_CALL_BACKPRESSURE && kind != RAMP_CALL_ALARM) {
        host->calls_failed += status != RAMP_OK;
        host->options.on_done(host->options.context, &outcome);
    }
    inbox_pop(&room->inbox, &host->chunks);
    if (kind == RAMP_CALL_REQUEST) connection_free(connection);
    room_dequeued(room);
}

void room_refuse_join(struct room *room, ramp_status status, const char *message,
                      const char *where) {
    ramp_connection *connection = inbox_front(&room->inbox)->connection;
    bool left = connection->state != CONNECTION_JOINING;

    if (!left) { /* before on_done, which may let the same id join again */
        connection->state = CONNECTION_LEAVING;
        map_remove(&room->connections, connection->text, strlen(connection->text));
    }
    room_settle_front(room, status, message, where);
    if (left) return; /* its leave is queued, and frees it */
    room_orphan_entries(room, connection);
    room_forget_connection(connection);
}

void room_refuse_front(struct room *room, ramp_status status, const char *message,
                       const char *where) {
    struct inbox_entry *entry = inbox_front(&room->inbox);

    if (entry->kind == RAMP_CALL_JOIN) {
        room_refuse_join(room, status, message, where);
    } else if (entry->kind == RAMP_CALL_LEAVE && entry->connection) {
        ramp_connection *connection = entry->connection;
        room_settle_front(room, RAMP_OK, "", "");
        if (connection->handle) {
            room_remove_member(room, connection);
            room_free_slot(room, connection);
        }
        room_forget_connection(connection);
    } else {
        room_settle_front(room, entry->kind == RAMP_CALL_LEAVE ? RAMP_OK : status, message, where);
    }
}

/* A leave that the module has to hear of stays in the queue, behind what is new. */
static void room_requeue_leave(struct room *room) {
    ramp_host *host = room->service->host;
    const struct inbox_entry leave = *inbox_front(&room->inbox);

    inbox_pop(&room->inbox, &host->chunks);
    if (!inbox_push(&room->inbox, &host->chunks, &leave, NULL, 0))
        inbox_push_spare(&room->inbox, &leave.connection->leave, &leave);
}

void room_refuse_queued(struct room *room, ramp_status status, const char *message) {
    for (uint32_t left = room->inbox.count; left > 0; left--) {
        const struct inbox_entry *entry = inbox_front(&room->inbox);
        if (entry->kind == RAMP_CALL_LEAVE && entry->connection && entry->connection->handle)
            room_requeue_leave(room);
        else room_refuse_front(room, status, message, "");
    }
}

static void room_try_again(ramp_host *host, struct deadline *deadline) {
    (void)host;
    room_make_ready(list_item(deadline, struct room, life_deadline));
}

void room_fail_queued(struct room *room, const ramp_error *error) {
    ramp_host *host = room->service->host;
    bool may_come = error->status == RAMP_UNAVAILABLE || error->status == RAMP_TIMEOUT ||
                    error->status == RAMP_IO || error->status == RAMP_NO_MEMORY;

    room_refuse_queued(room, error->status, error->message);
    /* What members have sent is lost: they are to come back. If the module never comes, nor do leaves. */
    if (may_come) room_part_members(room, 1013, "the service cannot be loaded now");
    else room_close_members(room, 1011, "the service cannot be loaded");
    room_update_pin(room);
    if (room->inbox.count == 0 && room->member_count == 0 && !room->instance) {
        room_free(room);
        return;
    }
    room->life_deadline.due = room_try_again;
    deadline_set(host, &room->life_deadline, host->now_ns + LIMIT_RETRY_MS * UINT64_C(1000000));
}

bool room_drop_dead_front(struct room *room) {
    struct inbox_entry *entry = inbox_front(&room->inbox);
    ramp_connection *connection = entry->connection;

    switch (entry->kind) {
    case RAMP_CALL_JOIN:
        if (!connection->never_joined) return false;
        room_refuse_join(room, RAMP_GONE, "the client left before its join was dispatched", "");
        return true;
    case RAMP_CALL_LEAVE:
        if (connection && !connection->never_joined) return false;
        room_refuse_front(room, RAMP_OK, "", "");
        return true;
    case RAMP_CALL_MESSAGE:
    case RAMP_CALL_BACKPRESSURE:
        if (connection && !connection->never_joined) return false;
        room_settle_front(room, RAMP_GONE, "the connection has gone", "");
        return true;
    case RAMP_CALL_TIMER:
        if (room->is_open) return false;
        room_settle_front(room, RAMP_OK, "", ""); /* timers ended with their instance */
        return true;
    default: return false;
    }
}

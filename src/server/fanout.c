/* SPDX-License-Identifier: Apache-2.0 */
/* fanout.c -- see fanout.h. */
#include "server/fanout.h"

#include "server/websocket.h"

/* The socket behind a connection, if it is one of ours and can still be sent to. */
static struct conn *socket_of(const ramp_connection *connection) {
    struct conn *conn;

    if (ramp_connection_owner(connection) != 0) return NULL;
    conn = ramp_connection_data(connection);
    return conn && conn->state == CONN_OPEN ? conn : NULL;
}

static void fanout_message(struct worker *worker, const ramp_event *event,
                           ramp_connection *const *to, size_t count) {
    struct frame *frame = NULL;
    uint64_t sent = 0;

    for (size_t i = 0; i < count; i++) {
        struct conn *conn = socket_of(to[i]);
        if (!conn) continue;
        if (!frame)
            frame =
                frame_new_message(&worker->stock, event->binary ? WS_OPCODE_BINARY : WS_OPCODE_TEXT,
                                  event->payload.data, event->payload.size);
        conn_push_limited(conn, frame);
        sent++;
    }
    frame_unref(&worker->stock, frame);
    METRIC_ADD(worker, messages_out, sent);
}

void fanout_outcome(struct worker *worker, const ramp_outcome *outcome) {
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        struct conn *conn;

        if (event->type == RAMP_EVENT_BROADCAST) {
            fanout_message(worker, event, event->to, event->to_count);
        } else if (event->type == RAMP_EVENT_SEND) {
            fanout_message(worker, event, &event->connection, 1);
        } else if (event->type == RAMP_EVENT_CLOSE) {
            conn = socket_of(event->connection);
            if (conn) websocket_close(conn, event->code, event->payload);
        }
    }
}

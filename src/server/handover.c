/* SPDX-License-Identifier: Apache-2.0 */
/* handover.c -- a connection moves to the worker that owns its room.
 *
 * Door:     handover_send() (worker.h).
 * Before:   websocket.c, when the head of an upgrade has been read and no byte of an answer written.
 * After:    conn_open() over there, with the bytes that were read here: the head is parsed once more, which
 *           costs a microsecond and saves a second way into a connection.
 */
#include "base/limits.h"
#include "io/sock.h"
#include "server/worker.h"

#include <string.h>

struct parcel {
    struct conn_socket socket;
    size_t size;
    uint8_t bytes[];
};

static void handover_receive(struct worker *worker, void *argument) {
    struct parcel *parcel = argument;

    if (worker->phase == WORKER_STOPPED) {
        sock_reset(parcel->socket.fd);
        server_client_closed(worker->server, parcel->socket.place);
    } else {
        conn_open(worker, &parcel->socket, parcel->bytes, parcel->size);
    }
    mem_free(parcel);
}

bool handover_send(struct conn *conn, struct worker *owner, const void *bytes, size_t size) {
    struct worker *worker = conn->worker;
    struct parcel *parcel = mem_alloc(sizeof(*parcel) + size);

    if (!parcel) return false;
    parcel->socket = (struct conn_socket){
        .fd = conn->source.fd, .place = conn->place, .is_control = conn->is_control};
    parcel->size = size;
    memcpy(parcel->bytes, bytes, size);
    /* Before the post: from then on the socket is the other's. */
    loop_unwatch(&worker->loop, &conn->source);
    if (worker_post(owner, handover_receive, parcel)) {
        METRIC_ADD(worker, handovers, 1);
        conn_forget(conn);
        return true;
    }
    METRIC_ADD(worker, mailbox_full, 1);
    mem_free(parcel);
    if (!loop_watch(&worker->loop, &conn->source, LOOP_READ)) conn_kill(conn, 1006, true);
    return false;
}

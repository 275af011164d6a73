/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.h -- a socket as a member of a room: from the upgrade to the last close frame.
 *
 * Door:     websocket_upgrade(); websocket_close().
 * Before:   exchange.c (a request that wants to be a WebSocket), fanout.c and worker.c (closes).
 * After:    ramp_join(), ramp_message(), ramp_leave().
 *
 * The answer to the upgrade waits until the join has been dispatched, so that a room that cannot be had is
 * an HTTP status; the frames of the join's events follow it. Browsers show no status, so a room that
 * fails to open is told by a close code.
 */
#ifndef SERVER_WEBSOCKET_H
#define SERVER_WEBSOCKET_H

#include "server/conn.h"
#include "server/server.h"
#include "wire/http.h"

/* A whole head that wants a WebSocket is at the front of `bytes`. Answers, joins, or moves it to the
 * worker that owns the room. Returns how many bytes are used; 0: call again when the connection's queue
 * is empty. */
size_t websocket_upgrade(struct conn *conn, const struct http_head *head, const uint8_t *bytes,
                         size_t size);

/* Before the events of a join's outcome are carried out: its socket becomes a member. */
void websocket_joined(const ramp_outcome *outcome);

/* Sends a close frame and lets the member leave its room. */
void websocket_close(struct conn *conn, uint16_t code, ramp_bytes reason);
/* libramp has closed the membership itself. */
void websocket_closed_by_host(struct conn *conn, uint16_t code, const char *reason);

#endif

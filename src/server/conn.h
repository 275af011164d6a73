/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h -- one client's socket, from accept to close.
 *
 *                 ┌─────────── next request ───────────┐
 *   accept ──▶ HEAD ──▶ BODY ──▶ ANSWERING ── reply ───┤
 *                 │                                    └──▶ ENDING ──▶ DEAD
 *                 └ upgrade ▶ JOINING ──▶ OPEN ──▶ CLOSING ──┘
 *
 * Door:     conn_open(); conn_push() what is to be sent; conn_end(), conn_kill().
 * Before:   worker.c (accept), handover.c (a connection from another worker), loop.h (readiness).
 * After:    exchange.c (HEAD, BODY, ANSWERING), websocket.c (JOINING, OPEN, CLOSING).
 *
 * An idle connection is this struct and nothing else: reading goes through the worker's buffer, and what
 * cannot be used up at once (half a head, half a frame, all of it while the room is busy) is kept on the
 * heap until it can. Nothing is sent before the end of the turn, when each connection that has something
 * gets one send. Nothing is freed before that either: a dead connection only moves to a list.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include <ramp/ramp.h>

#include "base/list.h"
#include "io/buffer.h"
#include "io/loop.h"
#include "server/addresses.h"
#include "server/outgoing.h"
#include "wire/ws.h"

struct exchange;
struct joining;
struct worker;

enum conn_state {
    CONN_HEAD,      /* waits for a request's head, or reads it */
    CONN_BODY,      /* reads a request's body */
    CONN_ANSWERING, /* a route or a room has the request */
    CONN_JOINING,   /* the join is queued in the room; 101 comes when it has been dispatched */
    CONN_OPEN,      /* a member of a room */
    CONN_CLOSING,   /* our close frame is on its way; waits for the client's */
    CONN_ENDING,    /* sends what is queued, shuts down, waits for the client to do so */
    CONN_DEAD       /* closed; freed at the end of the turn */
};

enum timeout_kind {
    TIMEOUT_HEAD,
    TIMEOUT_KEEP_ALIVE,
    TIMEOUT_BODY,
    TIMEOUT_ORIGINS, /* an upgrade that waits for its service's origins */
    TIMEOUT_CLOSE,
    TIMEOUT_COUNT
};

struct conn {
    struct source source;
    struct list in_worker;  /* worker->conns, later ->dead */
    struct list in_timeout; /* worker->timeouts[kind] */
    uint64_t timeout_ns;
    struct worker *worker;
    union {
        struct exchange *exchange; /* BODY, ANSWERING */
        struct joining *joining;   /* JOINING */
    };
    ramp_connection *member; /* JOINING, OPEN */
    struct conn *next_dirty, *next_resumed;
    struct outgoing out;
    struct buffer kept; /* read, not yet used up */
    struct buffer
        message; /* the WebSocket message under way, or one that the room has no place for */
    union {
        struct ws_decoder decoder; /* OPEN, CLOSING */
        uint32_t head_scanned;     /* HEAD: bytes that hold no whole head */
    };
    address_place place;    /* where it is counted */
    const char *last_words; /* with last_code: the reason that the client is told, or NULL */
    uint16_t last_code;     /* OPEN, CLOSING: it ends with this turn; 0: it does not */
    uint8_t state;
    bool is_control : 1;    /* came in on the control listener */
    bool is_dirty : 1;      /* in worker->dirty */
    bool is_resumed : 1;    /* in worker->resumed */
    bool is_blocked : 1;    /* the kernel's buffer is full: waits for LOOP_WRITE */
    bool is_slow : 1;       /* its room has been told so */
    bool is_busy : 1;       /* its room's inbox is full: not read until on_ready */
    bool message_waits : 1; /* ... and `message` holds a whole message */
    bool message_binary : 1;
    bool waits_origins : 1; /* HEAD, in TIMEOUT_ORIGINS: its head is whole */
    bool overflowed : 1;    /* too much queued: is killed at the end of the turn */
    bool input_ended : 1;   /* the client sends no more */
    bool is_shut : 1;       /* we send no more */
    bool served : 1;        /* has answered a request: an idle one is no slow one */
};

/* What a connection is before anything is read from it. */
struct conn_socket {
    int fd;
    address_place place;
    bool is_control;
};

/* A new connection of this worker. Takes the descriptor. `bytes` have been read from it already. */
void conn_open(struct worker *worker, const struct conn_socket *socket, const void *bytes,
               size_t size);

/* Queues bytes to be sent at the end of the turn. Borrows the reference. Without memory (`frame` is NULL)
 * the connection is lost: a gap in what it hears would be worse. */
void conn_push(struct conn *conn, struct frame *frame);
/* The same for what rooms send: a connection whose queue would pass LIMIT_OUTGOING_HARD is killed at the
 * end of the turn. An empty queue takes a frame of any size. */
void conn_push_limited(struct conn *conn, struct frame *frame);
/* Sends what the kernel takes, now. false: the connection has died of it. */
bool conn_send(struct conn *conn);
/* The same, and what follows from it; at the end of the turn. */
void conn_flush(struct conn *conn);

/* Sends what is queued, then shuts down politely. */
void conn_end(struct conn *conn);
/* Closes now. A member leaves its room with `code`. `reset`: what the kernel still holds is dropped. */
void conn_kill(struct conn *conn, uint16_t code, bool reset);
/* Forgets a connection whose socket is another worker's now. */
void conn_forget(struct conn *conn);

/* Goes on with kept input in this turn or the next: something that it waited for has come. */
void conn_resume(struct conn *conn);
void conn_run_resumed(struct conn *conn);
void conn_timed_out(struct conn *conn);
void conn_set_timeout(struct conn *conn, enum timeout_kind kind, uint64_t ms);
void conn_clear_timeout(struct conn *conn);
/* After a change of what it waits for. */
void conn_update_interest(struct conn *conn);
void conn_free(struct conn *conn);

/* ---- what the protocols do with input: both return how many bytes they have used ----------------- */

size_t exchange_input_head(struct conn *conn, uint8_t *bytes, size_t size);
size_t exchange_input_body(struct conn *conn, const uint8_t *bytes, size_t size);
void exchange_timed_out(struct conn *conn);
/* The client sends no more, but may still read. */
void exchange_input_ended(struct conn *conn);
/* The client has gone. */
void exchange_forget(struct conn *conn);

size_t websocket_input(struct conn *conn, uint8_t *bytes, size_t size);
/* Hands over the message that the room had no place for. false: it still has none. */
bool websocket_retry(struct conn *conn);
/* Carries out last_code, at the end of the turn that has read it. */
void websocket_finish(struct conn *conn);
void websocket_forget_join(struct conn *conn);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h -- one HTTP request and its answer.
 *
 * Door:     exchange_input_head() and exchange_input_body() (conn.h); the functions of server.h for
 *           whoever answers; reply() for answers that need no exchange.
 * Before:   conn.c, with bytes of a connection that waits for a request or reads one.
 * After:    websocket.c (upgrades), routes.c (our own paths), request.c (a room's on_request).
 *
 * An exchange exists from the end of its head to the end of its answer, or until its client goes. Its
 * memory lasts until the end of the turn, so that a route may look at it after it has answered.
 */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include "base/limits.h"
#include "base/list.h"
#include "io/buffer.h"
#include "io/sock.h"
#include "server/conn.h"
#include "server/origins.h"
#include "server/server.h"
#include "wire/http.h"

struct exchange {
    struct exchange_request request;
    struct worker *worker;
    struct conn *conn; /* NULL: answered, or the client has gone */
    struct list in_dead;
    uint64_t id;
    struct text target; /* as sent: what url_parse_room() wants */
    struct buffer body;
    uint64_t body_left;               /* with Content-Length */
    uint32_t body_max, body_progress; /* progress: since the timeout was set */
    struct http_chunked chunked;
    bool is_chunked, is_head, keeps_alive, is_http10;
    bool is_streaming;
    enum origin_verdict origin; /* of a request to a room; else ORIGIN_OWN */
    char ip[SOCK_ADDRESS_MAX];
    char text[];
};

/* ---- answers ------------------------------------------------------------------------------- */

struct reply {
    int status;
    const char *content_type; /* may be NULL */
    const char *headers;      /* "Name: value\r\n" lines, or NULL */
    ramp_bytes lines;         /* headers that a module wrote: `name: value\n`, checked by libramp */
    ramp_bytes body;
    bool keeps_alive, is_http10, is_head;
    bool is_stream; /* the body follows: in chunks, or to HTTP/1.0 until the end */
};

/* Queues a whole answer. */
void reply(struct conn *conn, const struct reply *reply);
/* The same with {"error":{"code":...,"message":...}} as body. */
void reply_error(struct conn *conn, const struct reply *reply, const char *code,
                 const char *message);
/* Answers an exchange; it is over then, unless the reply is a stream. Fills in what the request decides. */
void exchange_answer(struct exchange *exchange, const struct reply *reply);

/* What clients may read of a failure: what a module said, and where our files are, is for their owners, who
 * read it in the log. `ramp dev` hides nothing. */
const char *message_for_client(const struct worker *worker, ramp_status status,
                               const char *message);
#define EXCHANGE_CORS_MAX (LIMIT_ORIGIN + 64)
/* The header lines that let the page that has asked a room read the answer; NULL: it may not. */
const char *exchange_cors(const struct exchange *exchange, char out[EXCHANGE_CORS_MAX]);

/* HTTP status for a join, or a request, that libramp did not carry out. */
int status_of_join(ramp_status status);
int status_of_request(ramp_status status);

/* At the end of the turn. */
void exchange_bury_dead(struct worker *worker);

/* ---- request.c ----------------------------------------------------------------------------- */

/* Hands the request to its room: on_request. Answers now or later. */
void request_room(struct exchange *exchange);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.c -- see websocket.h. */
#include "server/websocket.h"

#include "base/limits.h"
#include "io/sock.h"
#include "server/exchange.h"
#include "server/worker.h"
#include "wire/url.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

#define ID_BYTES 16
#define ID_SIZE  22 /* characters of base64url */

struct joining {
    struct pending pending;
    struct conn *conn;      /* NULL: the client has gone */
    struct frame *response; /* the 101 */
};

/* ---- joining ------------------------------------------------------------------------------- */

static void sha1(const void *bytes, size_t size, uint8_t ret_digest[20]) {
    SHA1(bytes, size, ret_digest);
}

static struct frame *response_new(struct worker *worker, const struct http_head *head,
                                  struct text key) {
    struct http_writer writer;
    char accept[WS_ACCEPT_SIZE + 1];
    struct frame *frame;

    ws_accept(accept, key.data, sha1);
    http_writer_init(&writer, (char *)worker->scratch, WORKER_SCRATCH_SIZE);
    http_write_status(&writer, 101);
    http_write_string(&writer, "Upgrade", "websocket");
    http_write_string(&writer, "Connection", "Upgrade");
    http_write_string(&writer, "Sec-WebSocket-Accept", accept);
    if (http_header_lists(head, "sec-websocket-protocol", "ramp.1", false))
        http_write_string(&writer, "Sec-WebSocket-Protocol", "ramp.1");
    if (!http_write_end(&writer)) return NULL;
    frame = frame_new(&worker->stock, writer.size);
    if (frame) memcpy(frame->bytes, writer.out, writer.size);
    return frame;
}

static void refuse(struct conn *conn, int status, const char *code, const char *message) {
    METRIC_ADD(conn->worker, joins_refused, 1);
    reply_error(conn,
                &(struct reply){.status = status,
                                .headers = status == 503   ? "Retry-After: 1\r\n"
                                           : status == 426 ? "Sec-WebSocket-Version: 13\r\n"
                                                           : NULL},
                code, message);
    conn_end(conn);
}

/* From a WebSocket that is open on the wire, at least: the last frame, then the end. */
static void say_goodbye(struct conn *conn, uint16_t code, const void *reason, size_t reason_size) {
    struct frame_stock *stock = &conn->worker->stock;
    uint8_t bytes[WS_CLOSE_FRAME_MAX];
    size_t size = ws_encode_close(bytes, code, reason, reason_size);
    struct frame *frame = frame_new(stock, size);

    if (frame) memcpy(frame->bytes, bytes, size);
    conn_push(conn, frame);
    frame_unref(stock, frame);
}

static void open_socket(struct conn *conn) {
    struct joining *joining = conn->joining;

    conn_push(conn, joining->response);
    joining->conn = NULL;
    conn->joining = NULL;
    conn->state = CONN_OPEN;
    ws_decoder_init(&conn->decoder, true, LIMIT_MESSAGE_SIZE);
}

static void join_failed(struct conn *conn, ramp_status status, const char *message) {
    struct joining *joining = conn->joining;

    conn->member = NULL;
    if (status == RAMP_NOT_OPEN) {
        open_socket(conn);
        METRIC_ADD(conn->worker, joins_refused, 1);
        say_goodbye(conn, 1011, "the room could not be opened", 28);
        conn_end(conn);
        return;
    }
    joining->conn = NULL;
    conn->joining = NULL;
    conn->state = CONN_ANSWERING; /* an HTTP request like any other, again */
    conn->exchange = NULL;
    refuse(conn, status_of_join(status), ramp_status_name(status),
           message_for_client(conn->worker, status, message));
}

static void joining_free(struct worker *worker, struct joining *joining) {
    frame_unref(&worker->stock, joining->response);
    mem_free(joining);
}

static void join_abandon(struct worker *worker, struct pending *pending) {
    joining_free(worker, list_item(pending, struct joining, pending));
}

static void join_done(struct worker *worker, struct call_tag *tag, const ramp_outcome *outcome) {
    struct joining *joining = list_item(tag, struct joining, pending.tag);

    list_remove(&joining->pending.in_worker);
    if (joining->conn) join_failed(joining->conn, outcome->status, outcome->message);
    joining_free(worker, joining);
}

void websocket_joined(const ramp_outcome *outcome) {
    struct conn *conn;

    if (!outcome->joined || !outcome->connection) return;
    if (ramp_connection_owner(outcome->connection) != 0) return;
    conn = ramp_connection_data(outcome->connection);
    if (!conn || conn->state != CONN_JOINING) return;
    open_socket(conn);
    METRIC_ADD(conn->worker, joins, 1);
    conn_resume(conn); /* frames that came before our answer */
}

void websocket_forget_join(struct conn *conn) {
    conn->joining->conn = NULL;
    conn->joining = NULL;
}

static void make_id(struct worker *worker, char ret_id[ID_SIZE + 1]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[ID_BYTES];
    uint32_t bits = 0, count = 0;
    char *out = ret_id;

    worker_random(worker, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bits = (bits << 8 | bytes[i]) & 0x3fff;
        for (count += 8; count >= 6; count -= 6) *out++ = digits[bits >> (count - 6) & 63];
    }
    *out++ = digits[bits << (6 - count) & 63];
    *out = '\0';
}

static void join(struct conn *conn, const struct http_head *head, const struct url_room *room,
                 struct frame *response) {
    struct worker *worker = conn->worker;
    struct joining *joining = mem_zalloc(sizeof(*joining));
    char id[ID_SIZE + 1], ip[SOCK_ADDRESS_MAX], user[LIMIT_USER];
    size_t user_size = 0, lines_size = http_header_lines(head, (char *)worker->scratch);
    bool is_loopback;
    ramp_error error = {0};
    ramp_status status;

    if (!joining) {
        refuse(conn, 503, "NO_MEMORY", "no memory for a connection");
        return;
    }
    sock_peer(conn->source.fd, ip, &is_loopback);
    make_id(worker, id);
    if (server_options(worker->server)->dev &&
        (url_query_find(room->query, "user", user, sizeof(user), &user_size) != URL_FOUND ||
         user_size > sizeof(user)))
        user_size = 0;
    conn_clear_timeout(conn);
    *joining = (struct joining){.pending = {.tag.done = join_done, .abandon = join_abandon},
                                .conn = conn,
                                .response = response};
    response->refs++;
    conn->state = CONN_JOINING;
    conn->joining = joining;
    status = ramp_join(worker->host, room->service, room->room,
                       &(ramp_join_options){.size = sizeof(ramp_join_options),
                                            .id = id,
                                            .user = {user, user_size},
                                            .query = {room->query.data, room->query.size},
                                            .headers = {worker->scratch, lines_size},
                                            .ip = {ip, strlen(ip)},
                                            .data = conn,
                                            .tag = &joining->pending.tag},
                       &conn->member, &error);
    worker->step_again = true;
    if (status == RAMP_OK) {
        worker_remember(worker, &joining->pending);
        return;
    }
    join_failed(conn, status, error.message);
    joining_free(worker, joining);
}

/* false: refused, or it has to wait until the service's origins are known. */
static bool may_join(struct conn *conn, const struct http_head *head, const char *service) {
    struct text origin = http_header(head, "origin"), host = http_header(head, "host");
    enum origin_verdict verdict;

    conn->waits_origins = false;
    if (server_options(conn->worker->server)->dev || !origin.data) return true;
    verdict = origins_judge(conn->worker, service, (ramp_bytes){origin.data, origin.size},
                            (ramp_bytes){host.data, host.size});
    switch (verdict) {
    case ORIGIN_ASKED:
        conn->waits_origins = true;
        conn_set_timeout(conn, TIMEOUT_ORIGINS, LIMIT_LOAD_MS);
        return false;
    case ORIGIN_REFUSED: refuse(conn, 403, "DENIED", origins_sentence(verdict)); return false;
    case ORIGIN_FAILED: refuse(conn, 503, "UNAVAILABLE", origins_sentence(verdict)); return false;
    default: return true;
    }
}

size_t websocket_upgrade(struct conn *conn, const struct http_head *head, const uint8_t *bytes,
                         size_t size) {
    struct worker *worker = conn->worker, *owner;
    struct http_error bad_upgrade;
    struct url_error bad_url;
    struct url_room room;
    struct text key;
    struct frame *response;

    if (!outgoing_is_empty(&conn->out)) return 0; /* answers to earlier requests leave first */
    if (!http_check_websocket(head, &key, &bad_upgrade)) {
        refuse(conn, bad_upgrade.status, "ARGS", bad_upgrade.message);
        return size;
    }
    if (!url_parse_room(http_target(head), &room, &bad_url)) {
        refuse(conn, bad_url.status, bad_url.status == 404 ? "NOT_FOUND" : "ARGS", bad_url.message);
        return size;
    }
    if (room.rest.size > 0 && *room.rest.data == '/') {
        refuse(conn, 404, "NOT_FOUND", "a room's path is /SERVICE/ROOM, without more");
        return size;
    }
    if (server_is_draining(worker->server)) {
        refuse(conn, 503, "UNAVAILABLE", "the server is about to stop");
        return size;
    }
    owner = server_worker_of(worker->server, room.service, room.room);
    if (owner != worker) {
        if (handover_send(conn, owner, bytes, size)) return size;
        refuse(conn, 503, "BUSY", "the room's worker has too much to do");
        return size;
    }
    if (!may_join(conn, head, room.service)) return conn->waits_origins ? 0 : size;
    response = response_new(worker, head, key);
    if (!response) {
        refuse(conn, 503, "NO_MEMORY", "no memory for a connection");
        return size;
    }
    join(conn, head, &room, response);
    frame_unref(&worker->stock, response);
    return head->size;
}

/* ---- closing ------------------------------------------------------------------------------- */

static void leave(struct conn *conn, uint16_t code) {
    ramp_connection *member = conn->member;

    if (!member) return;
    conn->member = NULL;
    ramp_leave(member, code, NULL);
    conn->worker->step_again = true;
    metrics_count_close(conn->worker, code);
}

void websocket_close(struct conn *conn, uint16_t code, ramp_bytes reason) {
    if (conn->state != CONN_OPEN) return;
    leave(conn, code);
    say_goodbye(conn, code, reason.data, reason.size);
    conn->state = CONN_CLOSING;
    conn->is_busy = conn->message_waits = false;
    conn_set_timeout(conn, TIMEOUT_CLOSE, LIMIT_CLOSE_MS);
    if (conn->kept.size) conn_resume(conn);
    conn_update_interest(conn);
}

void websocket_closed_by_host(struct conn *conn, uint16_t code, const char *reason) {
    conn->member = NULL; /* not ours any more, and no leave is to be told */
    metrics_count_close(conn->worker, code);
    if (conn->state == CONN_JOINING) open_socket(conn);
    websocket_close(conn, code, (ramp_bytes){reason, strlen(reason)});
}

/* The client closes, broke the rules, or cannot be served any more. */
static void fail(struct conn *conn, uint16_t code, const char *reason) {
    leave(conn, code);
    if (conn->state == CONN_OPEN) say_goodbye(conn, code, reason, strlen(reason));
    conn_end(conn);
}

/* ---- frames -------------------------------------------------------------------------------- */

/* A pong, or the answer to a liveness probe. */
static void answer_probe(struct conn *conn, enum ws_opcode opcode, const void *payload,
                         size_t size) {
    struct frame_stock *stock = &conn->worker->stock;
    struct frame *frame;

    if (conn->state != CONN_OPEN) return;
    if (conn->out.pong_count >= LIMIT_PONGS) {
        if (!conn_send(conn)) return;
        if (conn->out.pong_count >= LIMIT_PONGS) {
            fail(conn, 1008, "too many pings without reading the pongs");
            return;
        }
    }
    frame = frame_new_message(stock, opcode, payload, size);
    if (frame) frame->is_pong = true;
    conn_push_limited(conn, frame);
    frame_unref(stock, frame);
}

/* Gives a whole message to the room. `held`: it is in conn->message already. */
static void deliver(struct conn *conn, const uint8_t *payload, size_t size, bool binary,
                    bool held) {
    struct worker *worker = conn->worker;
    struct call_tag *tag;
    ramp_status status;

    if (conn->state != CONN_OPEN) return;
    if (binary && size == 0) {
        answer_probe(conn, WS_OPCODE_BINARY, NULL, 0);
        return;
    }
    tag = feed_keep_message(worker, conn->member, (ramp_bytes){payload, size}, binary);
    status = ramp_message(conn->member, (ramp_bytes){payload, size}, binary, tag);
    if (status == RAMP_OK) {
        METRIC_ADD(worker, messages_in, 1);
        worker->step_again = true;
        return;
    }
    feed_forget_message(tag);
    if (status == RAMP_GONE) return;
    if (status == RAMP_BUSY && (held || (worker_reserve_incoming(worker, &conn->message, size) &&
                                         buffer_append(&conn->message, payload, size)))) {
        METRIC_ADD(worker, busy, 1);
        conn->is_busy = conn->message_waits = true;
        conn->message_binary = binary;
        return;
    }
    fail(conn, 1013, "no memory for this message");
}

bool websocket_retry(struct conn *conn) {
    conn->is_busy = conn->message_waits = false;
    deliver(conn, conn->message.data, conn->message.size, conn->message_binary, true);
    if (conn->message_waits) return false;
    worker_release_incoming(conn->worker, &conn->message);
    return true;
}

static void take_part(struct conn *conn, const struct ws_item *item) {
    struct worker *worker = conn->worker;

    if (conn->state != CONN_OPEN) return;
    if (!worker_reserve_incoming(worker, &conn->message, item->size) ||
        !buffer_append(&conn->message, item->payload, item->size)) {
        fail(conn, 1013, "no memory for this message");
        return;
    }
    if (item->kind == WS_PART) return;
    deliver(conn, conn->message.data, conn->message.size, item->is_binary, true);
    if (!conn->message_waits) worker_release_incoming(worker, &conn->message);
}

/* The client's last frame, or one that breaks the rules. What it said before in this turn is answered
 * first: its room has not run yet. */
static void take_end(struct conn *conn, const struct ws_item *item) {
    conn->last_code = item->code;
    conn->last_words = item->error;
    worker_mark_dirty(conn->worker, conn);
}

void websocket_finish(struct conn *conn) {
    /* 1005 is what a close frame without a code means; ws_encode_close() makes one of it again. */
    if (conn->state == CONN_OPEN || conn->state == CONN_CLOSING)
        fail(conn, conn->last_code, conn->last_words ? conn->last_words : "");
    conn->last_code = 0;
}

static void take(struct conn *conn, const struct ws_item *item) {
    switch (item->kind) {
    case WS_MESSAGE: deliver(conn, item->payload, item->size, item->is_binary, false); break;
    case WS_PART:
    case WS_LAST: take_part(conn, item); break;
    case WS_PING: answer_probe(conn, WS_OPCODE_PONG, item->payload, item->size); break;
    case WS_CLOSE:
    case WS_ERROR: take_end(conn, item); break;
    case WS_PONG:
    case WS_NEED_MORE: break;
    }
}

size_t websocket_input(struct conn *conn, uint8_t *bytes, size_t size) {
    struct ws_item item;
    size_t used = 0;

    while (used < size && !conn->is_busy &&
           (conn->state == CONN_OPEN || conn->state == CONN_CLOSING)) {
        used += ws_decode(&conn->decoder, bytes + used, size - used, &item);
        if (item.kind == WS_NEED_MORE) break;
        take(conn, &item);
    }
    return used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c -- requests: heads, bodies, dispatch. See exchange.h; answers are in reply.c. */
#include "server/exchange.h"

#include "base/limits.h"
#include "server/websocket.h"
#include "server/worker.h"
#include "wire/url.h"

#include <assert.h>

/* ---- life ---------------------------------------------------------------------------------- */

static void exchange_free(struct exchange *exchange) {
    worker_release_incoming(exchange->worker, &exchange->body);
    mem_free(exchange);
}

/* Nobody finds it any more. */
static void exchange_retire(struct exchange *exchange) {
    struct worker *worker = exchange->worker;

    exchange->conn = NULL;
    map_remove(&worker->exchanges, &exchange->id, sizeof(exchange->id));
    if (!exchange->is_streaming) worker->answers_owed--;
    list_push_back(&worker->dead_exchanges, &exchange->in_dead);
}

void exchange_bury_dead(struct worker *worker) {
    struct list *node;

    while ((node = list_pop_front(&worker->dead_exchanges)) != NULL)
        exchange_free(list_item(node, struct exchange, in_dead));
}

void exchange_forget(struct conn *conn) {
    struct exchange *exchange = conn->exchange;

    conn->exchange = NULL;
    if (exchange) exchange_retire(exchange);
}

struct exchange *exchange_find(struct worker *worker, uint64_t id) {
    return map_get(&worker->exchanges, &id, sizeof(id));
}

uint64_t exchange_id(const struct exchange *exchange) {
    return exchange->id;
}

const struct exchange_request *exchange_request(const struct exchange *exchange) {
    return &exchange->request;
}

ramp_bytes exchange_header(const struct exchange *exchange, const char *name) {
    struct text lines = {exchange->request.headers.data, exchange->request.headers.size};
    struct text found, value;

    while (http_lines_next(&lines, &found, &value))
        if (text_is(found, name)) return (ramp_bytes){value.data, value.size};
    return (ramp_bytes){0};
}

/* ---- heads --------------------------------------------------------------------------------- */

/* After an error in a head or body nobody knows where the next request begins. */
static void refuse(struct conn *conn, int status, const char *message) {
    METRIC_ADD(conn->worker, bad_requests, 1);
    exchange_forget(conn);
    reply_error(conn, &(struct reply){.status = status},
                status == 408   ? "TIMEOUT"
                : status == 413 ? "TOO_BIG"
                : status == 503 ? "UNAVAILABLE"
                                : "ARGS",
                message);
    conn_end(conn);
}

void exchange_timed_out(struct conn *conn) {
    if (conn->waits_origins)
        refuse(conn, 503, "the store takes too long to tell the service's `origins`");
    else
        refuse(conn, 408,
               conn->state == CONN_HEAD ? "the request's head took too long"
                                        : "the request's body took too long");
}

void exchange_input_ended(struct conn *conn) {
    /* Half a close is honoured for an answer that comes; who reads a stream keeps its side open. */
    if (conn->exchange && conn->exchange->is_streaming) conn_kill(conn, 1006, false);
}

/* Copies what the request is; the head's bytes are the read buffer's. NULL: refused already. */
static struct exchange *exchange_new(struct conn *conn, const struct http_head *head) {
    struct worker *worker = conn->worker;
    struct text method = http_method(head), target = http_target(head), path, query;
    struct exchange *exchange =
        mem_zalloc(sizeof(*exchange) + 2 * (size_t)head->size + target.size + 4);
    char *out, *decoded;
    size_t path_size;

    if (!exchange) {
        refuse(conn, 503, "no memory for a request");
        return NULL;
    }
    out = exchange->text;
    exchange->worker = worker;
    exchange->conn = conn;
    exchange->id = ++worker->next_exchange_id;
    list_init(&exchange->in_dead);

    exchange->target = (struct text){out, target.size};
    memcpy(out, target.data, target.size);
    out += target.size;
    url_split(exchange->target, &path, &query);
    decoded = out;
    if (!url_decode(path, false, decoded, &path_size) || memchr(decoded, '\0', path_size)) {
        mem_free(exchange);
        refuse(conn, 400, "the path's percent-encoding is wrong");
        return NULL;
    }
    out += path_size;
    *out++ = '\0';
    exchange->request.method = out;
    memcpy(out, method.data, method.size);
    out += method.size;
    *out++ = '\0';
    exchange->request.path = decoded;
    exchange->request.query = (ramp_bytes){query.data, query.size};
    exchange->request.headers = (ramp_bytes){out, http_header_lines(head, out)};
    exchange->request.is_control = conn->is_control;
    sock_peer(conn->source.fd, exchange->ip, &exchange->request.is_loopback);
    exchange->request.ip = exchange->ip;
    exchange->is_head = text_is(method, "HEAD");
    exchange->is_http10 = head->minor == 0;
    exchange->keeps_alive = head->keep_alive;
    exchange->body_max = (uint32_t)routes_body_max(exchange->request.method, decoded);
    return exchange;
}

static void send_continue(struct conn *conn) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct frame_stock *stock = &conn->worker->stock;
    struct frame *frame = frame_new(stock, sizeof(line) - 1);

    if (frame) memcpy(frame->bytes, line, sizeof(line) - 1);
    conn_push(conn, frame);
    frame_unref(stock, frame);
}

static void dispatch(struct exchange *exchange) {
    struct conn *conn = exchange->conn;
    struct worker *worker = exchange->worker;

    conn->state = CONN_ANSWERING;
    conn_clear_timeout(conn);
    exchange->request.body = (ramp_bytes){exchange->body.data, exchange->body.size};
    if (!map_put(&worker->exchanges, &exchange->id, sizeof(exchange->id), exchange)) {
        refuse(conn, 503, "no memory for a request");
        return;
    }
    METRIC_ADD(worker, requests, 1);
    if (!routes_handle(worker, exchange)) request_room(exchange);
}

/* A whole head. Returns how many bytes are used. */
static size_t begin(struct conn *conn, const struct http_head *head, size_t size) {
    struct exchange *exchange = exchange_new(conn, head);

    if (!exchange) return size;
    conn->exchange = exchange;
    conn->worker->answers_owed++;
    exchange->is_chunked = head->body == HTTP_BODY_CHUNKED;
    exchange->body_left = head->body == HTTP_BODY_LENGTH ? head->content_length : 0;
    if ((exchange->is_chunked || exchange->body_left) &&
        routes_refuse_early(conn->worker, exchange)) {
        exchange->keeps_alive = false;
        dispatch(exchange);
        return size;
    }
    if (exchange->body_left > exchange->body_max) {
        refuse(conn, 413, "the request's body is too large");
        return size;
    }
    if (!exchange->is_chunked && exchange->body_left == 0) {
        dispatch(exchange);
        return head->size;
    }
    http_chunked_init(&exchange->chunked, exchange->body_max);
    conn->state = CONN_BODY;
    conn_set_timeout(conn, TIMEOUT_BODY, LIMIT_BODY_MS);
    if (head->expect_continue && size == head->size) send_continue(conn);
    return head->size;
}

/* The parser starts from the front each time, and an error shows with the end of its line: so bytes that
 * end no line need not be looked at, and a head that comes byte by byte is parsed once per line. */
static bool is_worth_parsing(const struct conn *conn, const uint8_t *bytes, size_t size) {
    uint32_t seen = conn->head_scanned < size ? conn->head_scanned : 0;

    return seen == 0 || size > LIMIT_HEAD_SIZE || memchr(bytes + seen, '\n', size - seen);
}

size_t exchange_input_head(struct conn *conn, uint8_t *bytes, size_t size) {
    struct http_head head;
    struct http_error error;
    enum http_result result = HTTP_NEED_MORE;

    if (conn->out.bytes > LIMIT_OUTGOING_SOFT) return 0;
    if (is_worth_parsing(conn, bytes, size))
        result = http_parse_request((const char *)bytes, size, &head, &error);
    switch (result) {
    case HTTP_NEED_MORE:
        if (conn->head_scanned == 0 && conn->served)
            conn_set_timeout(conn, TIMEOUT_HEAD, LIMIT_HEAD_MS);
        conn->head_scanned = (uint32_t)size;
        return 0;
    case HTTP_ERROR: refuse(conn, error.status, error.message); return size;
    case HTTP_DONE: break;
    }
    conn->head_scanned = 0;
    return head.wants_websocket ? websocket_upgrade(conn, &head, bytes, size)
                                : begin(conn, &head, size);
}

/* ---- bodies -------------------------------------------------------------------------------- */

/* false: refused. */
static bool take_body(struct exchange *exchange, const void *bytes, size_t size) {
    struct conn *conn = exchange->conn;

    if (!worker_reserve_incoming(exchange->worker, &exchange->body, size) ||
        !buffer_append(&exchange->body, bytes, size)) {
        refuse(conn, 503, "no memory for the request's body");
        return false;
    }
    exchange->body_progress += (uint32_t)size;
    if (exchange->body_progress >= LIMIT_KEPT) {
        exchange->body_progress = 0;
        conn_set_timeout(conn, TIMEOUT_BODY, LIMIT_BODY_MS);
    }
    return true;
}

static size_t take_length(struct exchange *exchange, const uint8_t *bytes, size_t size) {
    size_t used = size < exchange->body_left ? size : (size_t)exchange->body_left;

    if (!take_body(exchange, bytes, used)) return size;
    exchange->body_left -= used;
    if (exchange->body_left == 0) dispatch(exchange);
    return used;
}

static size_t take_chunks(struct exchange *exchange, const uint8_t *bytes, size_t size) {
    struct conn *conn = exchange->conn;
    struct http_chunk chunk;
    size_t used = 0;

    for (;;) {
        used += http_chunked_decode(&exchange->chunked, (const char *)bytes + used, size - used,
                                    &chunk);
        switch (chunk.kind) {
        case HTTP_CHUNK_NEED_MORE: return used;
        case HTTP_CHUNK_DATA:
            if (!take_body(exchange, chunk.data.data, chunk.data.size)) return size;
            break;
        case HTTP_CHUNK_END: dispatch(exchange); return used;
        case HTTP_CHUNK_ERROR: refuse(conn, chunk.error.status, chunk.error.message); return size;
        }
    }
}

size_t exchange_input_body(struct conn *conn, const uint8_t *bytes, size_t size) {
    struct exchange *exchange = conn->exchange;

    return exchange->is_chunked ? take_chunks(exchange, bytes, size)
                                : take_length(exchange, bytes, size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c -- answers to HTTP requests: at once, later, or as a stream. See exchange.h and server.h. */
#include "base/limits.h"
#include "server/exchange.h"
#include "server/json_text.h"
#include "server/worker.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- heads and bodies ---------------------------------------------------------------------- */

static bool has_no_body(int status) {
    return status < 200 || status == 204 || status == 304;
}

static void write_raw(struct http_writer *writer, const char *text) {
    size_t size = strlen(text);

    if (writer->size + size > writer->capacity) {
        writer->failed = true;
        return;
    }
    memcpy(writer->out + writer->size, text, size);
    writer->size += size;
}

/* Into the worker's scratch. false: it does not fit. */
static bool write_head(struct http_writer *writer, struct worker *worker,
                       const struct reply *reply) {
    http_writer_init(writer, (char *)worker->scratch, WORKER_SCRATCH_SIZE);
    http_write_status(writer, reply->status);
    if (reply->content_type) http_write_string(writer, "Content-Type", reply->content_type);
    if (reply->is_stream) {
        if (!reply->is_http10) http_write_string(writer, "Transfer-Encoding", "chunked");
    } else if (!has_no_body(reply->status)) {
        http_write_number(writer, "Content-Length", reply->body.size);
    }
    if (!reply->keeps_alive) {
        http_write_string(writer, "Connection", "close");
    } else if (reply->is_http10) {
        http_write_string(writer, "Connection", "keep-alive");
    }
    if (reply->headers) write_raw(writer, reply->headers);
    if (reply->lines.size)
        http_write_lines(writer, (struct text){reply->lines.data, reply->lines.size});
    return http_write_end(writer);
}

void reply(struct conn *conn, const struct reply *reply) {
    struct worker *worker = conn->worker;
    struct http_writer writer;
    struct frame *frame = NULL;
    size_t body_size =
        reply->is_head || reply->is_stream || has_no_body(reply->status) ? 0 : reply->body.size;

    if (!write_head(&writer, worker, reply)) {
        reply_error(conn,
                    &(struct reply){.status = 500,
                                    .keeps_alive = reply->keeps_alive,
                                    .is_http10 = reply->is_http10,
                                    .is_head = reply->is_head},
                    "TOO_BIG", "the answer's headers are too large or wrong");
        return;
    }
    frame = frame_new(&worker->stock, writer.size + body_size);
    if (frame) {
        memcpy(frame->bytes, writer.out, writer.size);
        if (body_size) memcpy(frame->bytes + writer.size, reply->body.data, body_size);
    }
    conn_push(conn, frame);
    frame_unref(&worker->stock, frame);
}

void reply_error(struct conn *conn, const struct reply *head, const char *code,
                 const char *message) {
    char body[1024];
    size_t size;
    struct reply whole = *head;

    size =
        (size_t)snprintf(body, sizeof(body), "{\"error\":{\"code\":\"%.40s\",\"message\":\"", code);
    size += json_escape(body + size, sizeof(body) - size - 8, message, strlen(message));
    memcpy(body + size, "\"}}\n", 4);
    whole.content_type = "application/json";
    whole.body = (ramp_bytes){body, size + 4};
    reply(conn, &whole);
}

const char *message_for_client(const struct worker *worker, ramp_status status,
                               const char *message) {
    if (server_options(worker->server)->dev) return message;
    switch (status) {
    case RAMP_TRAPPED:
    case RAMP_PANICKED:
    case RAMP_CPU:
    case RAMP_NOT_OPEN:
    case RAMP_IO:
    case RAMP_INTERNAL: return ramp_status_text(status);
    default: return message;
    }
}

int status_of_join(ramp_status status) {
    switch (status) {
    case RAMP_NOT_FOUND: return 404;
    case RAMP_CONFLICT: return 409;
    case RAMP_ARGS: return 400;
    default: return 503;
    }
}

int status_of_request(ramp_status status) {
    switch (status) {
    case RAMP_NOT_FOUND:
    case RAMP_NO_HANDLER: return 404;
    case RAMP_ARGS: return 400;
    case RAMP_TOO_BIG: return 413;
    case RAMP_CONFLICT: return 409;
    case RAMP_CPU:
    case RAMP_TIMEOUT: return 504;
    case RAMP_BUSY:
    case RAMP_LIMIT:
    case RAMP_REFUSED:
    case RAMP_UNAVAILABLE:
    case RAMP_NO_MEMORY:
    case RAMP_IO: return 503;
    default: return 500;
    }
}

const char *exchange_cors(const struct exchange *exchange, char out[EXCHANGE_CORS_MAX]) {
    ramp_bytes origin = exchange_header(exchange, "origin");

    if (exchange->origin == ORIGIN_ANY) return "Access-Control-Allow-Origin: *\r\n";
    if (exchange->origin != ORIGIN_LISTED) return NULL;
    snprintf(out, EXCHANGE_CORS_MAX, "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n",
             (int)origin.size, (const char *)origin.data);
    return out;
}

/* ---- the exchange's end -------------------------------------------------------------------- */

static void finish(struct exchange *exchange) {
    struct conn *conn = exchange->conn;
    bool goes_on = exchange->keeps_alive && !conn->input_ended;

    exchange_forget(conn);
    if (!goes_on) {
        conn_end(conn);
        return;
    }
    conn->state = CONN_HEAD;
    conn->served = true;
    conn->head_scanned = 0;
    conn_set_timeout(conn, TIMEOUT_KEEP_ALIVE, LIMIT_KEEP_ALIVE_MS);
    if (conn->kept.size) conn_resume(conn);
}

/* A streaming answer has no end that HTTP/1.0 could see but the connection's. */
static void prepare(struct exchange *exchange, struct reply *ret_reply) {
    if (server_is_draining(exchange->worker->server)) exchange->keeps_alive = false;
    if (ret_reply->is_stream && exchange->is_http10) exchange->keeps_alive = false;
    ret_reply->keeps_alive = exchange->keeps_alive;
    ret_reply->is_http10 = exchange->is_http10;
    ret_reply->is_head = exchange->is_head;
}

void exchange_answer(struct exchange *exchange, const struct reply *answer) {
    struct reply whole = *answer;

    if (!exchange->conn) return;
    assert(!exchange->is_streaming);
    prepare(exchange, &whole);
    reply(exchange->conn, &whole);
    finish(exchange);
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    const char *headers, ramp_bytes body) {
    exchange_answer(exchange, &(struct reply){.status = status,
                                              .content_type = content_type,
                                              .headers = headers,
                                              .body = body});
}

void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...) {
    char message[512], allowed[EXCHANGE_CORS_MAX], headers[EXCHANGE_CORS_MAX + 32];
    const char *allows = exchange_cors(exchange, allowed);
    struct reply head = {.status = status, .headers = headers};
    va_list arguments;

    if (!exchange->conn) return;
    snprintf(headers, sizeof(headers), "%s%s", status == 503 ? "Retry-After: 1\r\n" : "",
             allows ? allows : "");
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    prepare(exchange, &head);
    reply_error(exchange->conn, &head, code, message);
    finish(exchange);
}

/* ---- streams ------------------------------------------------------------------------------- */

void exchange_stream(struct exchange *exchange, int status, const char *content_type) {
    struct reply head = {.status = status,
                         .content_type = content_type,
                         .headers = "Cache-Control: no-store\r\n",
                         .is_stream = true};

    if (!exchange->conn) return;
    prepare(exchange, &head);
    exchange->is_streaming = true;
    exchange->worker->answers_owed--; /* a drain does not wait for what has no end */
    reply(exchange->conn, &head);
    if (exchange->conn->input_ended) conn_kill(exchange->conn, 1006, false);
}

bool exchange_write(struct exchange *exchange, ramp_bytes bytes) {
    struct conn *conn = exchange->conn;
    struct frame *frame;
    char head[16] = "";
    int head_size = 0;
    size_t tail_size = exchange->is_http10 ? 0 : 2;

    if (!conn || conn->state != CONN_ANSWERING) return false;
    if (bytes.size == 0 || exchange->is_head || conn->out.bytes > LIMIT_OUTGOING_SOFT) return true;
    if (!exchange->is_http10) head_size = snprintf(head, sizeof(head), "%zx\r\n", bytes.size);
    frame = frame_new(&exchange->worker->stock, (size_t)head_size + bytes.size + tail_size);
    if (frame) {
        memcpy(frame->bytes, head, (size_t)head_size);
        memcpy(frame->bytes + head_size, bytes.data, bytes.size);
        memcpy(frame->bytes + (size_t)head_size + bytes.size, "\r\n", tail_size);
    }
    conn_push(conn, frame);
    frame_unref(&exchange->worker->stock, frame);
    return true;
}

bool exchange_is_slow(const struct exchange *exchange) {
    return exchange->conn && exchange->conn->out.bytes > LIMIT_OUTGOING_SOFT;
}

void exchange_end(struct exchange *exchange) {
    struct frame_stock *stock = &exchange->worker->stock;
    struct frame *frame;

    if (!exchange->conn) return;
    if (!exchange->is_http10 && !exchange->is_head) {
        frame = frame_new(stock, 5);
        if (frame) memcpy(frame->bytes, "0\r\n\r\n", 5);
        conn_push(exchange->conn, frame);
        frame_unref(stock, frame);
    }
    finish(exchange);
}

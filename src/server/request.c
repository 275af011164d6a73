/* SPDX-License-Identifier: Apache-2.0 */
/* request.c -- an HTTP request to a room: its on_request, whichever worker has the room.
 *
 *   worker with the socket                     worker with the room
 *   request_room() ──────────── post ────────▶ ask() ─▶ ramp_http_request()
 *   deliver()      ◀──────── post_answer ───── done()
 *
 * Door:     request_room() (exchange.h).
 * Before:   exchange.c, with a request that no route has taken.
 * After:    exchange_answer().
 *
 * The socket stays where it is: only an upgrade is worth a move. With one worker, or by luck, both are
 * the same and nothing is posted.
 */
#include "base/limits.h"
#include "base/utf8.h"
#include "server/exchange.h"
#include "server/worker.h"
#include "wire/url.h"

#include <stdio.h>

struct room_request {
    struct pending pending;
    struct call_given given;
    struct worker *asker;
    uint64_t exchange_id;
    /* The question; texts are in `bytes`. */
    char service[LIMIT_SERVICE_NAME + 1], room[LIMIT_ROOM_ID + 1];
    ramp_bytes method, path, query, headers, body, user, ip;
    /* The answer. */
    int status;
    ramp_status failed; /* not RAMP_OK: `message` says why */
    char message[248];
    ramp_bytes lines, content;
    uint8_t *answer; /* what these two point into; NULL: nothing of ours */
    uint8_t bytes[];
};

static void room_request_free(struct room_request *request) {
    mem_free(request->answer);
    mem_free(request);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void answer_failed(struct exchange *exchange, ramp_status status, const char *message) {
    exchange_reply_error(exchange, status_of_request(status), ramp_status_name(status), "%s",
                         message_for_client(exchange->worker, status, message));
}

/* On the asker. */
static void deliver(struct worker *worker, void *argument) {
    struct room_request *request = argument;
    struct exchange *exchange = exchange_find(worker, request->exchange_id);
    char headers[EXCHANGE_CORS_MAX];

    if (exchange && request->failed) {
        answer_failed(exchange, request->failed, request->message);
    } else if (exchange) {
        exchange_answer(exchange, &(struct reply){.status = request->status,
                                                  .headers = exchange_cors(exchange, headers),
                                                  .lines = request->lines,
                                                  .body = request->content});
    }
    room_request_free(request);
}

/* The event's bytes are libramp's, and gone when the letter arrives. */
static void keep_answer(struct room_request *request) {
    size_t size = request->lines.size + request->content.size;

    request->answer = mem_alloc(size);
    if (!request->answer) {
        request->failed = RAMP_NO_MEMORY;
        snprintf(request->message, sizeof(request->message), "no memory for the room's answer");
        return;
    }
    if (request->lines.size) memcpy(request->answer, request->lines.data, request->lines.size);
    if (request->content.size)
        memcpy(request->answer + request->lines.size, request->content.data, request->content.size);
    request->lines.data = request->answer;
    request->content.data = request->answer + request->lines.size;
}

static void send_back(struct worker *worker, struct room_request *request) {
    if (request->asker == worker) {
        deliver(worker, request);
        return;
    }
    if (!request->failed) keep_answer(request);
    worker_post_answer(request->asker, deliver, request);
}

static void fail(struct worker *worker, struct room_request *request, ramp_status status,
                 const char *message) {
    request->failed = status;
    snprintf(request->message, sizeof(request->message), "%s", message);
    send_back(worker, request);
}

/* ---- on the room's worker ------------------------------------------------------------------ */

static void done(struct worker *worker, struct call_tag *tag, const ramp_outcome *outcome) {
    struct room_request *request = list_item(tag, struct room_request, pending.tag);

    list_remove(&request->pending.in_worker);
    if (outcome->state == RAMP_CALL_FAILED) {
        fail(worker, request, outcome->status, outcome->message);
        return;
    }
    request->status = 204;
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        if (event->type != RAMP_EVENT_RESPOND) continue;
        request->status = event->code;
        request->lines = event->headers;
        request->content = event->payload;
    }
    send_back(worker, request);
}

static void abandon(struct worker *worker, struct pending *pending) {
    (void)worker;
    room_request_free(list_item(pending, struct room_request, pending));
}

static void ask(struct worker *worker, void *argument) {
    struct room_request *request = argument;
    ramp_error error = {0};
    ramp_status status;

    if (worker->phase == WORKER_STOPPED) {
        fail(worker, request, RAMP_UNAVAILABLE, "the server is about to stop");
        return;
    }
    request->given = (struct call_given){
        .payload = request->body,
        .payload_size = request->body.size,
        .binary = !utf8_valid(request->body.data, request->body.size),
        .method = request->method,
        .path = request->path,
    };
    request->pending =
        (struct pending){.tag = {.done = done, .given = &request->given}, .abandon = abandon};
    status = ramp_http_request(worker->host, request->service, request->room,
                               &(ramp_request){.size = sizeof(ramp_request),
                                               .method = request->method,
                                               .path = request->path,
                                               .query = request->query,
                                               .headers = request->headers,
                                               .body = request->body,
                                               .user = request->user,
                                               .ip = request->ip,
                                               .tag = &request->pending.tag},
                               &error);
    worker->step_again = true;
    if (status == RAMP_OK) {
        worker_remember(worker, &request->pending);
    } else {
        fail(worker, request, status, error.message);
    }
}

/* ---- on the socket's worker ---------------------------------------------------------------- */

static ramp_bytes copy(uint8_t **at, const void *data, size_t size) {
    ramp_bytes bytes = {*at, size};

    if (size) memcpy(*at, data, size);
    *at += size;
    return bytes;
}

static struct room_request *room_request_new(struct exchange *exchange,
                                             const struct url_room *room) {
    const struct exchange_request *from = &exchange->request;
    /* A room that answers GET answers HEAD, too. */
    const char *method = exchange->is_head ? "GET" : from->method;
    size_t ip_size = strlen(from->ip), method_size = strlen(method), user_size = 0;
    struct room_request *request =
        mem_zalloc(sizeof(*request) + method_size + room->rest.size + room->query.size +
                   from->headers.size + from->body.size + ip_size + LIMIT_USER);
    uint8_t *at;

    if (!request) return NULL;
    at = request->bytes;
    request->asker = exchange->worker;
    request->exchange_id = exchange->id;
    memcpy(request->service, room->service, sizeof(request->service));
    memcpy(request->room, room->room, sizeof(request->room));
    request->method = copy(&at, method, method_size);
    request->path = copy(&at, room->rest.data, room->rest.size);
    request->query = copy(&at, room->query.data, room->query.size);
    request->headers = copy(&at, from->headers.data, from->headers.size);
    request->body = copy(&at, from->body.data, from->body.size);
    request->ip = copy(&at, from->ip, ip_size);
    if (server_options(exchange->worker->server)->dev &&
        url_query_find(room->query, "user", (char *)at, LIMIT_USER, &user_size) == URL_FOUND &&
        user_size <= LIMIT_USER)
        request->user = (ramp_bytes){at, user_size};
    return request;
}

/* A browser asks whether another page may ask. */
static bool answer_preflight(struct exchange *exchange) {
    ramp_bytes origin = exchange_header(exchange, "origin");
    ramp_bytes wanted = exchange_header(exchange, "access-control-request-headers");
    char allowed[EXCHANGE_CORS_MAX], headers[1024];
    const char *allows = exchange_cors(exchange, allowed);

    if (strcmp(exchange->request.method, "OPTIONS") != 0 || !origin.data) return false;
    if (wanted.size > 512) wanted.size = 0;
    snprintf(headers, sizeof(headers),
             "%s"
             "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
             "Access-Control-Max-Age: 600\r\n%s%.*s%s",
             allows ? allows : "", wanted.size ? "Access-Control-Allow-Headers: " : "",
             (int)wanted.size, wanted.size ? (const char *)wanted.data : "",
             wanted.size ? "\r\n" : "");
    exchange_reply(exchange, 204, NULL, allows ? headers : NULL, (ramp_bytes){0});
    return true;
}

/* false: answered, or it waits until the service's origins are known. */
static bool may_ask(struct exchange *exchange, const char *service) {
    struct worker *worker = exchange->worker;
    ramp_bytes origin = exchange_header(exchange, "origin");

    if (server_options(worker->server)->dev) {
        exchange->origin = ORIGIN_ANY;
        return true;
    }
    if (!origin.data) return true;
    exchange->origin = origins_judge(worker, service, origin, exchange_header(exchange, "host"));
    switch (exchange->origin) {
    case ORIGIN_ASKED:
        if (origins_wait(worker, service, exchange->id)) return false;
        exchange_reply_error(exchange, 503, "NO_MEMORY", "no memory for a request");
        return false;
    case ORIGIN_REFUSED:
        exchange_reply_error(exchange, 403, "DENIED", "%s", origins_sentence(exchange->origin));
        return false;
    case ORIGIN_FAILED:
        exchange_reply_error(exchange, 503, "UNAVAILABLE", "%s",
                             origins_sentence(exchange->origin));
        return false;
    default: return true;
    }
}

void request_room(struct exchange *exchange) {
    struct worker *worker = exchange->worker, *owner;
    struct room_request *request;
    struct url_error error;
    struct url_room room;

    if (!url_parse_room(exchange->target, &room, &error)) {
        exchange_reply_error(exchange, error.status, error.status == 404 ? "NOT_FOUND" : "ARGS",
                             "%s", error.message);
        return;
    }
    if (!may_ask(exchange, room.service) || answer_preflight(exchange)) return;
    request = room_request_new(exchange, &room);
    if (!request) {
        exchange_reply_error(exchange, 503, "NO_MEMORY", "no memory for a request");
        return;
    }
    owner = server_worker_of(worker->server, room.service, room.room);
    if (owner == worker) {
        ask(worker, request);
    } else if (!worker_post(owner, ask, request)) {
        METRIC_ADD(worker, mailbox_full, 1);
        room_request_free(request);
        exchange_reply_error(exchange, 503, "BUSY", "the room's worker has too much to do");
    }
}

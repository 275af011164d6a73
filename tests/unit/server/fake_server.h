/* SPDX-License-Identifier: Apache-2.0 */
/* fake_server.h -- two workers without threads, sockets or rooms, for tests of what lies between HTTP and
 * libramp. Included by one file of a test program: it defines the functions of server.h, and those of ramp.h
 * that callers.c uses. A test plays the host: it takes the calls that were made and says how they ended.
 */
#ifndef UNIT_SERVER_FAKE_SERVER_H
#define UNIT_SERVER_FAKE_SERVER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "server/call_api.h"
#include "server/control.h"
#include "server/loader.h"

#define FAKE_WORKERS 2

struct fake_post {
    struct list link;
    worker_fn run;
    void *argument;
    uint64_t at_ns; /* timers */
};

struct worker {
    struct server *server;
    unsigned index;
    struct list letters, timers, pending;
    struct callers *callers;
    bool is_full; /* worker_post() says no */
};

struct server {
    struct worker workers[FAKE_WORKERS];
    uint64_t now_ns;
    bool draining;
    struct list exchanges, calls, connections;
    uint64_t next_id;
};

struct exchange {
    struct list link;
    struct worker *worker;
    uint64_t id;
    struct exchange_request request;
    char body[4096], query[256], accept[64];
    bool is_answered, has_gone, is_stream, is_ended, is_slow;
    int status;
    char *answer; /* what was replied, or streamed so far */
    size_t answer_size;
};

struct ramp_connection {
    struct list link;
    char service[64], room[64], id[64];
    uint64_t owner;
    void *data;
    bool is_leaving;
};

/* A call that libramp has taken. */
struct fake_call {
    struct list link;
    ramp_call_kind kind;
    struct call_tag *tag;
    ramp_connection *connection;
    char service[64], room[64], payload[256];
    uint16_t code;
};

static struct server fake;
static ramp_status fake_refuses; /* what the next call is answered with, if not RAMP_OK */

/* ---- server.h -------------------------------------------------------------------------------- */

unsigned server_worker_count(const struct server *server) {
    (void)server;
    return FAKE_WORKERS;
}

struct worker *server_worker(struct server *server, unsigned index) {
    return &server->workers[index];
}

/* Rooms whose name begins with '1' are on worker 1. */
struct worker *server_worker_of(struct server *server, const char *service, const char *room) {
    (void)service;
    return &server->workers[room[0] == '1'];
}

bool server_is_draining(const struct server *server) {
    return server->draining;
}

void server_service_updated(struct server *server, const char *service,
                            const ramp_module_id *version,
                            void (*done)(void *context, const struct server_update *update),
                            void *context) {
    (void)server, (void)service, (void)version, (void)done, (void)context;
}

struct loader *server_loader(struct server *server) {
    (void)server;
    return NULL;
}

void loader_deploy(struct loader *loader, const struct deploy *deploy,
                   void (*done)(void *, uint64_t, const struct deployed *), void *context,
                   uint64_t ticket) {
    (void)loader, (void)deploy, (void)done, (void)context, (void)ticket;
}

void loader_list(struct loader *loader, const char *service,
                 void (*done)(void *, uint64_t, const struct listed *), void *context,
                 uint64_t ticket) {
    (void)loader, (void)service, (void)done, (void)context, (void)ticket;
}

void loader_rollback(struct loader *loader, const char *service, const char *prefix,
                     void (*done)(void *, uint64_t, const struct deployed *), void *context,
                     uint64_t ticket) {
    (void)loader, (void)service, (void)prefix, (void)done, (void)context, (void)ticket;
}

static void fake_queue(struct list *list, worker_fn run, void *argument, uint64_t at_ns) {
    struct fake_post *post = calloc(1, sizeof(*post));

    *post = (struct fake_post){.run = run, .argument = argument, .at_ns = at_ns};
    list_push_back(list, &post->link);
}

bool worker_post(struct worker *worker, worker_fn run, void *argument) {
    if (worker->is_full) return false;
    fake_queue(&worker->letters, run, argument, 0);
    return true;
}

void worker_post_answer(struct worker *worker, worker_fn run, void *argument) {
    fake_queue(&worker->letters, run, argument, 0);
}

void worker_at(struct worker *worker, uint64_t at_ns, worker_fn run, void *argument) {
    fake_queue(&worker->timers, run, argument, at_ns);
}

void worker_remember(struct worker *worker, struct pending *pending) {
    list_push_back(&worker->pending, &pending->in_worker);
}

unsigned worker_index(const struct worker *worker) {
    return worker->index;
}

struct server *worker_server(const struct worker *worker) {
    return worker->server;
}

ramp_host *worker_host(const struct worker *worker) {
    return (ramp_host *)(uintptr_t)worker;
}

uint64_t worker_now_ns(const struct worker *worker) {
    return worker->server->now_ns;
}

struct callers *worker_callers(struct worker *worker) {
    return worker->callers;
}

const struct exchange_request *exchange_request(const struct exchange *exchange) {
    return &exchange->request;
}

ramp_bytes exchange_header(const struct exchange *exchange, const char *name) {
    if (strcmp(name, "accept") == 0 && exchange->accept[0])
        return (ramp_bytes){exchange->accept, strlen(exchange->accept)};
    return (ramp_bytes){NULL, 0};
}

uint64_t exchange_id(const struct exchange *exchange) {
    return exchange->id;
}

struct exchange *exchange_find(struct worker *worker, uint64_t id) {
    list_each(&fake.exchanges, node, following) {
        struct exchange *exchange = list_item(node, struct exchange, link);
        if (exchange->id == id && exchange->worker == worker && !exchange->has_gone &&
            (!exchange->is_answered || exchange->is_stream) && !exchange->is_ended)
            return exchange;
    }
    return NULL;
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    const char *headers, ramp_bytes body) {
    (void)content_type, (void)headers;
    if (exchange->is_answered) abort();
    exchange->is_answered = true;
    exchange->status = status;
    exchange->answer = calloc(1, body.size + 1);
    memcpy(exchange->answer, body.data, body.size);
}

void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...) {
    char message[512], text[700];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    snprintf(text, sizeof(text), "%s: %s", code, message);
    exchange_reply(exchange, status, NULL, NULL, (ramp_bytes){text, strlen(text)});
}

void exchange_stream(struct exchange *exchange, int status, const char *content_type) {
    exchange_reply(exchange, status, content_type, NULL, (ramp_bytes){"", 0});
    exchange->is_stream = true;
}

bool exchange_write(struct exchange *exchange, ramp_bytes bytes) {
    if (exchange->is_slow) return true;
    exchange->answer = realloc(exchange->answer, exchange->answer_size + bytes.size + 1);
    memcpy(exchange->answer + exchange->answer_size, bytes.data, bytes.size);
    exchange->answer_size += bytes.size;
    exchange->answer[exchange->answer_size] = '\0';
    return true;
}

bool exchange_is_slow(const struct exchange *exchange) {
    return exchange->is_slow;
}

void exchange_end(struct exchange *exchange) {
    exchange->is_ended = true;
}

/* ---- ramp.h ---------------------------------------------------------------------------------- */

const char *ramp_connection_id(const ramp_connection *connection) {
    return connection->id;
}
ramp_bytes ramp_connection_user(const ramp_connection *connection) {
    (void)connection;
    return (ramp_bytes){"", 0};
}
uint64_t ramp_connection_owner(const ramp_connection *connection) {
    return connection->owner;
}
const char *ramp_connection_room(const ramp_connection *connection) {
    return connection->room;
}
const char *ramp_connection_service(const ramp_connection *connection) {
    return connection->service;
}
void *ramp_connection_data(const ramp_connection *connection) {
    return connection->data;
}

ramp_connection *ramp_connection_find(ramp_host *host, const char *service, const char *room,
                                      const char *id) {
    (void)host;
    list_each(&fake.connections, node, following) {
        struct ramp_connection *connection = list_item(node, struct ramp_connection, link);
        if (!connection->is_leaving && strcmp(connection->service, service) == 0 &&
            strcmp(connection->room, room) == 0 && strcmp(connection->id, id) == 0)
            return connection;
    }
    return NULL;
}

static ramp_status fake_take(ramp_call_kind kind, void *tag, const char *service, const char *room,
                             ramp_connection *connection, ramp_bytes payload, uint16_t code) {
    struct fake_call *call = calloc(1, sizeof(*call));
    ramp_status refused = fake_refuses;

    fake_refuses = RAMP_OK;
    if (refused) {
        free(call);
        return refused;
    }
    call->kind = kind;
    call->tag = tag;
    call->connection = connection;
    call->code = code;
    snprintf(call->service, sizeof(call->service), "%s", service);
    snprintf(call->room, sizeof(call->room), "%s", room);
    snprintf(call->payload, sizeof(call->payload), "%.*s", (int)payload.size,
             payload.size ? (const char *)payload.data : "");
    list_push_back(&fake.calls, &call->link);
    return RAMP_OK;
}

ramp_status ramp_open(ramp_host *host, const char *service, const char *room, void *tag,
                      ramp_error *reterr) {
    (void)host;
    reterr->message[0] = '\0';
    return fake_take(RAMP_CALL_OPEN, tag, service, room, NULL, (ramp_bytes){NULL, 0}, 0);
}

ramp_status ramp_join(ramp_host *host, const char *service, const char *room,
                      const ramp_join_options *options, ramp_connection **ret_connection,
                      ramp_error *reterr) {
    ramp_connection *connection = ramp_connection_find(host, service, room, options->id);
    ramp_status status;

    reterr->message[0] = '\0';
    if (connection && connection->owner != options->owner) return RAMP_CONFLICT;
    connection = calloc(1, sizeof(*connection));
    snprintf(connection->service, sizeof(connection->service), "%s", service);
    snprintf(connection->room, sizeof(connection->room), "%s", room);
    snprintf(connection->id, sizeof(connection->id), "%s", options->id);
    connection->owner = options->owner;
    connection->data = options->data;
    status =
        fake_take(RAMP_CALL_JOIN, options->tag, service, room, connection, options->headers, 0);
    if (status) {
        free(connection);
        return status;
    }
    list_push_back(&fake.connections, &connection->link);
    *ret_connection = connection;
    return RAMP_OK;
}

ramp_status ramp_message(ramp_connection *connection, ramp_bytes payload, bool binary, void *tag) {
    (void)binary;
    return fake_take(RAMP_CALL_MESSAGE, tag, connection->service, connection->room, connection,
                     payload, 0);
}

void ramp_leave(ramp_connection *connection, uint16_t code, void *tag) {
    connection->is_leaving = true;
    (void)fake_take(RAMP_CALL_LEAVE, tag, connection->service, connection->room, connection,
                    (ramp_bytes){NULL, 0}, code);
}

ramp_status ramp_http_request(ramp_host *host, const char *service, const char *room,
                              const ramp_request *request, ramp_error *reterr) {
    (void)host;
    reterr->message[0] = '\0';
    return fake_take(RAMP_CALL_REQUEST, request->tag, service, room, NULL, request->path, 0);
}

/* ---- the test's hands ------------------------------------------------------------------------ */

static void fake_start(void) {
    memset(&fake, 0, sizeof(fake));
    fake.now_ns = 1000000000u;
    fake_refuses = RAMP_OK;
    list_init(&fake.exchanges);
    list_init(&fake.calls);
    list_init(&fake.connections);
    for (unsigned i = 0; i < FAKE_WORKERS; i++) {
        fake.workers[i] = (struct worker){.server = &fake, .index = i};
        list_init(&fake.workers[i].letters);
        list_init(&fake.workers[i].timers);
        list_init(&fake.workers[i].pending);
        fake.workers[i].callers = callers_new(&fake.workers[i]);
    }
}

/* Runs all letters until there are none. */
static void fake_pump(void) {
    bool any = true;

    while (any) {
        any = false;
        for (unsigned i = 0; i < FAKE_WORKERS; i++) {
            struct list *node = list_pop_front(&fake.workers[i].letters);
            struct fake_post *post = node ? list_item(node, struct fake_post, link) : NULL;
            if (!post) continue;
            any = true;
            post->run(&fake.workers[i], post->argument);
            free(post);
        }
    }
}

/* Time goes on in steps of 100 ms. */
static void fake_pass(uint64_t ms) {
    for (uint64_t passed = 0; passed < ms; passed += 100) {
        fake.now_ns += 100000000u;
        for (unsigned i = 0; i < FAKE_WORKERS; i++) {
            list_each(&fake.workers[i].timers, node, following) {
                struct fake_post *post = list_item(node, struct fake_post, link);
                if (post->at_ns > fake.now_ns) continue;
                list_remove(node);
                post->run(&fake.workers[i], post->argument);
                free(post);
            }
        }
        fake_pump();
    }
}

static void fake_stop(void) {
    fake_pump();
    for (unsigned i = 0; i < FAKE_WORKERS; i++) {
        callers_free(fake.workers[i].callers);
        list_each(&fake.workers[i].pending, node, following) {
            struct pending *pending = list_item(node, struct pending, in_worker);
            pending->abandon(&fake.workers[i], pending);
        }
        for (struct list *node; (node = list_pop_front(&fake.workers[i].timers)) != NULL;)
            free(list_item(node, struct fake_post, link));
    }
    for (struct list *node; (node = list_pop_front(&fake.exchanges)) != NULL;) {
        free(list_item(node, struct exchange, link)->answer);
        free(list_item(node, struct exchange, link));
    }
    for (struct list *node; (node = list_pop_front(&fake.calls)) != NULL;)
        free(list_item(node, struct fake_call, link));
    for (struct list *node; (node = list_pop_front(&fake.connections)) != NULL;)
        free(list_item(node, struct ramp_connection, link));
}

static struct exchange *fake_exchange(unsigned worker, const char *body, const char *query) {
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    exchange->worker = &fake.workers[worker];
    exchange->id = ++fake.next_id;
    snprintf(exchange->body, sizeof(exchange->body), "%s", body);
    snprintf(exchange->query, sizeof(exchange->query), "%s", query);
    exchange->request.body = (ramp_bytes){exchange->body, strlen(exchange->body)};
    exchange->request.query = (ramp_bytes){exchange->query, strlen(exchange->query)};
    list_push_back(&fake.exchanges, &exchange->link);
    return exchange;
}

/* The oldest call that libramp has and that has not ended; NULL: none. */
static struct fake_call *fake_next_call(void) {
    return list_empty(&fake.calls) ? NULL : list_item(fake.calls.next, struct fake_call, link);
}

/* What a host does when a call has ended. */
static void fake_outcome(struct worker *worker, const ramp_outcome *outcome) {
    struct call_tag *tag = outcome->tag;

    callers_deliver(worker, outcome);
    feed_outcome(worker, outcome);
    if (tag) tag->done(worker, tag, outcome);
}

/* Ends the oldest call: with these events, or failed. */
static void fake_end(const ramp_event *events, size_t count, ramp_status failed) {
    struct fake_call *call = fake_next_call();
    ramp_outcome outcome = {.call = call->kind,
                            .state = failed ? RAMP_CALL_FAILED : RAMP_CALL_DONE,
                            .tag = call->tag,
                            .service = call->service,
                            .room = call->room,
                            .connection = call->connection,
                            .joined = call->kind == RAMP_CALL_JOIN && !failed,
                            .events = events,
                            .event_count = failed ? 0 : count,
                            .status = failed,
                            .message = failed ? "it broke" : "",
                            .where = failed ? "room.ts:1:2" : "",
                            .cpu_ns = 5000};
    struct worker *worker = server_worker_of(&fake, call->service, call->room);
    bool is_over = call->kind == RAMP_CALL_LEAVE || (call->kind == RAMP_CALL_JOIN && failed);

    list_remove(&call->link);
    fake_outcome(worker, &outcome);
    if (is_over) {
        list_remove(&call->connection->link);
        free(call->connection);
    }
    free(call);
    fake_pump();
}

static void fake_end_well(void) {
    fake_end(NULL, 0, RAMP_OK);
}

#endif

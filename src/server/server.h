/* SPDX-License-Identifier: Apache-2.0 */
/* server.h -- what the parts of the server know of each other.
 *
 * A server is a main thread (libuv: signals, child processes, file watching, the ticker's start and
 * stop), a loader thread (store, hashing, compile child), a ticker thread, and workers. A worker is one
 * thread with one epoll set, one ramp_host and the connections of the rooms that are its own:
 * hash(service, room) chooses it. Workers share nothing and hand each other messages by worker_post().
 *
 * Door:   server_new(), server_run().
 * Before: cli/serve.c, cli/dev.c.
 * After:  worker.c (turns), conn.c (sockets), routes.c (which path is whose), loader.c.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <ramp/driver.h>

#include "base/list.h"

#include <uv.h>

struct server;
struct worker;
struct loader;
struct exchange;
struct server_storage;

struct server_options {
    const char *listen; /* "127.0.0.1:8787"; port 0: any free one */
    const char *
        control; /* a listener of its own for control API, console and metrics; NULL: on `listen` */
    const char *data;    /* folder; made if absent */
    const char *store;   /* URL; NULL: "file:" of DATA/store */
    const char *db, *kv; /* URLs; NULL: "sqlite:" of DATA/db.sqlite, DATA/kv.sqlite */
    const char *web;     /* folder whose files are served at /; NULL: none. `ramp dev` only */
    const char
        *project;     /* folder whose sources the playground shows; NULL: none. `ramp dev` only */
    unsigned workers; /* 0: one per core */
    unsigned modules_max, rooms_max;    /* of the whole server; 0: defaults */
    size_t memory_max;                  /* of one room; 0: default */
    unsigned call_cpu_ms, room_idle_ms; /* 0: defaults */
    unsigned connections_per_address;   /* 0: default; loopback's are not counted ... */
    bool counts_loopback;               /* ... but in tests, which have no other address */
    size_t outgoing_max;                /* queued for clients by one worker; 0: default */
    bool dev;                           /* no token on loopback, ?user=, fast compiles */
    bool json_logs;
    const char *exe; /* this binary, run as the compile child */
};

/* Makes folders, locks the data folder, opens listeners, starts the threads. Every failure is one
 * sentence that names what and where. */
RAMP_CHECK ramp_status server_new(const struct server_options *options, struct server **ret_server,
                                  ramp_error *reterr);
/* Runs the main loop until SIGTERM, SIGINT or server_stop(); then drains. The exit code. */
int server_run(struct server *server);
void server_stop(struct server *server); /* main thread */
void server_free(struct server *server);

uv_loop_t *server_loop(struct server *server); /* the main thread's */
const struct server_options *server_options(const struct server *server);
const char *server_url(const struct server *server);   /* "http://127.0.0.1:8787", the real port */
const char *server_token(const struct server *server); /* admin token */
struct loader *server_loader(struct server *server);
const struct server_storage *server_storage(const struct server *server);
bool server_is_draining(const struct server *server);

/* ---- a new version (update.c) ------------------------------------------------------------- */

/* What became of it, of all workers. */
struct server_update {
    unsigned rooms_moved; /* live rooms that use it now */
    unsigned rooms_kept;  /* ... that stay on the old version, since the new one failed there */
    unsigned connections; /* of those that moved: all of them stay */
    ramp_status status;   /* a worker could not use the version at all ... */
    char message[248];    /* ... and this is why */
};
/* Any thread. The service has a new current version: tells every worker (ramp_service_update), and the
 * store which old versions it need not keep. `done` (may be NULL) is called once, when all have switched,
 * on the thread of the last one; with NULL while the server is freed: then there is nobody to tell. */
void server_service_updated(struct server *server, const char *service,
                            const ramp_module_id *version,
                            void (*done)(void *context, const struct server_update *update),
                            void *context);

/* ---- workers ----------------------------------------------------------------------------- */

unsigned server_worker_count(const struct server *server);
struct worker *server_worker(struct server *server, unsigned index);
struct worker *server_worker_of(struct server *server, const char *service, const char *room);

/* Any thread. Runs `run` on the worker's thread in its next turn. The queue is bounded: false if it is
 * full (answer 503), and then `run` is never called. Urgent posts (answers to something the worker asked
 * for) are never refused. */
typedef void (*worker_fn)(struct worker *worker, void *argument);
RAMP_CHECK bool worker_post(struct worker *worker, worker_fn run, void *argument);
void worker_post_answer(struct worker *worker, worker_fn run, void *argument);

/* The worker's own thread only. */
unsigned worker_index(const struct worker *worker);
struct server *worker_server(const struct worker *worker);
ramp_host *worker_host(const struct worker *worker);
uint64_t worker_now_ns(const struct worker *worker); /* monotonic, as of this turn */
/* Calls `run` once, on the worker's thread, at or after `at_ns`. Coarse (some ms). */
void worker_at(struct worker *worker, uint64_t at_ns, worker_fn run, void *argument);

/* What a call was handed, as the feed shows it. */
struct call_given {
    ramp_bytes payload;      /* message: the message; request: the body */
    size_t payload_size;     /* of the whole: `payload` may be cut */
    bool binary;             /* message */
    ramp_bytes method, path; /* request */
};

/* What the tag of every call that the server makes points to. `done` runs inside ramp_host_step(), after
 * the fan-out of the outcome's events to our own sockets and to callers' queues. */
struct call_tag {
    void (*done)(struct worker *worker, struct call_tag *tag, const ramp_outcome *outcome);
    const struct call_given *given; /* until `done`; NULL: not kept */
};

/* A call under way whose tag is this. A host that is freed forgets its calls, so the worker remembers
 * them. */
struct pending {
    struct call_tag tag;
    struct list in_worker; /* from worker_remember() to its done(), which takes it out */
    void (*abandon)(struct worker *worker, struct pending *pending); /* frees it */
};
void worker_remember(struct worker *worker, struct pending *pending);

/* ---- HTTP exchanges ------------------------------------------------------------------------ */

/* A request whose head and body have arrived, not yet answered. The pointer is good during the route's
 * function; keep the id and find it again later: the client may have gone. */
struct exchange_request {
    const char *method; /* "GET" */
    const char *path;   /* decoded up to '?', as sent otherwise */
    ramp_bytes query;   /* raw, without '?' */
    ramp_bytes headers; /* `name: value\n`, names lower-case, hop-by-hop removed */
    ramp_bytes body;
    const char *ip;   /* of the peer */
    bool is_loopback; /* the peer is this machine */
    bool is_control;  /* came in on the control listener */
};
const struct exchange_request *exchange_request(const struct exchange *exchange);
/* First value of a request header (lower-case name); size 0 with data NULL: absent. */
ramp_bytes exchange_header(const struct exchange *exchange, const char *name);
uint64_t exchange_id(const struct exchange *exchange);
struct exchange *exchange_find(struct worker *worker, uint64_t id); /* NULL: gone */

/* Answers; copies. `headers`: extra lines "Name: value\r\n", or NULL. Once per exchange. */
void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    const char *headers, ramp_bytes body);
/* {"error":{"code":"NOT_FOUND","message":"..."}} */
void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A chunked answer that goes on: server-sent events, log lines. A stream whose reader is slow beyond
 * LIMIT_OUTGOING_SOFT loses what is written meanwhile; false: it has gone. */
void exchange_stream(struct exchange *exchange, int status, const char *content_type);
bool exchange_write(struct exchange *exchange, ramp_bytes bytes);
/* The reader is so slow that what is written now is lost. */
bool exchange_is_slow(const struct exchange *exchange);
void exchange_end(struct exchange *exchange);

/* ---- who offers what to whom ------------------------------------------------------------------ */

/* routes.c: called by conn.c for every complete request that is not a WebSocket join and not an
 * on_request of a room (paths /_ramp/..., /healthz, /readyz, /metrics, and with `web` all GETs that name
 * a file). true: the route has taken it (and answers now or later). */
bool routes_handle(struct worker *worker, struct exchange *exchange);
/* The largest body that this request may have, decided from the head alone, before the body is read. */
size_t routes_body_max(const char *method, const char *path);
/* Whether the head alone settles that it is refused: then nobody need take its body in. */
bool routes_refuse_early(struct worker *worker, const struct exchange *exchange);

/* callers.c (call API): a batch's events and the host's closes for connections whose owner is not 0. */
void callers_deliver(struct worker *worker, const ramp_outcome *outcome);
void callers_closed(struct worker *worker, ramp_connection *connection, uint16_t code,
                    const char *reason);
struct callers *worker_callers(struct worker *worker); /* made by callers_new() */
/* The server stops: false while callers must still be told something (0.5 s at most). */
bool callers_are_drained(const struct callers *callers);
struct callers *callers_new(struct worker *worker);
void callers_free(struct callers *callers);

/* feed.c: the live list of calls that the playground and `ramp logs` follow; cheap while nobody does. */
void feed_outcome(struct worker *worker, const ramp_outcome *outcome);
void feed_log(struct worker *worker, const ramp_log_line *line);
/* Does anybody follow the calls of this room? */
bool feed_follows(struct worker *worker, const char *service, const char *room);

/* What is told to all who follow a service's calls, whatever the room.
 *   FEED_SWITCH        {"type":"switch", "time_ms", "service", "ok", "rooms_moved", "rooms_kept",
 *                       "connections", "message" (why not)}
 *   FEED_BUILT         {"type":"build", "time_ms", "service", "ok":true, "file", "changed", "bytes", "ms",
 *                       "unchanged"}
 *   FEED_BUILD_FAILED  {"type":"build", "time_ms", "service", "ok":false, "serves_old", "what" (failed),
 *                       "message" or "problems":[{"file", "line", "col", "text", "source"}]} */
enum feed_notice {
    FEED_SWITCH,
    FEED_BUILT,
    FEED_BUILD_FAILED /* told to those who come later, too, until FEED_BUILT */
};
/* Any thread. Copies `json`, a whole object as text. */
void feed_tell(struct server *server, enum feed_notice notice, const char *service,
               ramp_bytes json);

/* feed_message.c: keeps a message for the feed while its call is under way. Gives the tag for
 * ramp_message(), which frees it; NULL: nobody follows. feed_forget_message(): it was not taken. */
struct call_tag *feed_keep_message(struct worker *worker, const ramp_connection *connection,
                                   ramp_bytes payload, bool binary);
void feed_forget_message(struct call_tag *tag); /* NULL is accepted */

/* metrics.c: counters of one worker, plain fields, written by its thread, read by others as they are
 * (relaxed): see metrics.h. */
struct metrics *worker_metrics(struct worker *worker);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* gather.c -- what all workers know together: modules, rooms, counters. See control.h.
 *
 * A worker's host is its own, so each one is asked by a message and answers with its part; the asking worker
 * puts the parts together and answers the request. Counters are read where they are.
 */
#include "server/control.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "drivers/module_id.h"
#include "server/json_document.h"
#include "server/loader.h"
#include "server/metrics.h"

/* ---- asking all workers ---------------------------------------------------------------------- */

static json_t *ask_modules(struct worker *worker, const char *service);

/* One question. Belongs to the asking worker's thread, but for the parts under way. */
struct gather {
    struct worker *asking;
    uint64_t exchange_id;
    const char *name; /* "rooms" */
    json_t *(*ask)(struct worker *worker,
                   const char *service); /* an array; on the asked worker's thread */
    char *service;                       /* only of this one; NULL: of all */
    unsigned left;
    bool failed;
    bool by_last_request; /* parts are sorted, and so is the whole */
    json_t *list;
};

struct part {
    struct gather *gather;
    json_t *list;
};

static void gather_finish(struct worker *worker, struct gather *gather) {
    struct exchange *exchange = exchange_find(worker, gather->exchange_id);

    if (exchange && gather->failed)
        control_reply_failed(exchange, RAMP_UNAVAILABLE,
                             "a worker is too busy to answer; try again");
    else if (exchange) control_reply(exchange, 200, json_pack("{s:O}", gather->name, gather->list));
    json_decref(gather->list);
    mem_free(gather->service);
    mem_free(gather);
}

/* Two lists that rise by `last_request_ms` become one that does. Order within each stays. NULL: no memory. */
static json_t *merge(json_t *a, json_t *b) {
    size_t a_at = 0, b_at = 0, a_size = json_array_size(a), b_size = json_array_size(b);
    json_t *merged = json_array();

    while (merged && a_at + b_at < a_size + b_size) {
        json_t *first = json_array_get(a, a_at), *second = json_array_get(b, b_at);
        bool takes_first =
            !second ||
            (first && json_integer_value(json_object_get(first, "last_request_ms")) <=
                          json_integer_value(json_object_get(second, "last_request_ms")));
        json_array_append(merged, takes_first ? first : second);
        if (takes_first) a_at++;
        else b_at++;
    }
    return merged;
}

static bool add_part(struct gather *gather, json_t *part) {
    json_t *merged;

    if (!gather->by_last_request) return json_array_extend(gather->list, part) == 0;
    merged = merge(gather->list, part);
    if (!merged) return false;
    json_decref(gather->list);
    gather->list = merged;
    return true;
}

static void gather_take(struct worker *worker, void *argument) {
    struct part *part = argument;
    struct gather *gather = part->gather;

    if (!part->list || !add_part(gather, part->list)) gather->failed = true;
    json_decref(part->list);
    mem_free(part);
    if (--gather->left == 0) gather_finish(worker, gather);
}

static void gather_ask(struct worker *worker, void *argument) {
    struct part *part = argument;

    part->list = part->gather->ask(worker, part->gather->service);
    worker_post_answer(part->gather->asking, gather_take, part);
}

static void gather_start(struct worker *worker, struct exchange *exchange, const char *name,
                         json_t *(*ask)(struct worker *, const char *)) {
    struct server *server = worker_server(worker);
    unsigned count = server_worker_count(server);
    bool bad = false;
    char *service = control_query(exchange, "service", &bad);
    struct gather *gather = bad ? NULL : mem_zalloc(sizeof(*gather));

    if (gather) gather->list = json_array();
    if (!gather || !gather->list) {
        mem_free(service);
        mem_free(gather);
        if (bad) {
            control_reply_failed(exchange, RAMP_ARGS, "the query's `service` cannot be read");
            return;
        }
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
        return;
    }
    gather->asking = worker;
    gather->exchange_id = exchange_id(exchange);
    gather->name = name;
    gather->ask = ask;
    gather->service = service;
    gather->by_last_request = ask == ask_modules;
    gather->left = 1; /* ours, until all are asked */
    for (unsigned i = 0; i < count; i++) {
        struct part *part = mem_zalloc(sizeof(*part));
        if (part) part->gather = gather;
        if (part && worker_post(server_worker(server, i), gather_ask, part)) {
            gather->left++;
            continue;
        }
        gather->failed = true;
        mem_free(part);
    }
    if (--gather->left == 0) gather_finish(worker, gather);
}

/* ---- GET /_ramp/v1/modules ------------------------------------------------------------------- */

struct listing {
    struct worker *worker;
    const char *service; /* NULL: all */
    json_t *list;
};

static void add_module(void *context, const ramp_module_info *info) {
    struct listing *listing = context;
    uint64_t now = worker_now_ns(listing->worker);
    char id[MODULE_ID_TEXT_SIZE];

    if (listing->service && strcmp(listing->service, info->service) != 0) return;
    module_id_text(&info->id, id);
    json_array_append_new(
        listing->list,
        json_pack(
            "{s:i, s:s, s:s, s:I, s:I, s:I, s:b, s:b}", "worker",
            (int)worker_index(listing->worker), "id", id, "service", info->service,
            "last_request_ms",
            (json_int_t)(now > info->last_request_ns ? (now - info->last_request_ns) / 1000000 : 0),
            "rooms", (json_int_t)info->rooms, "bytes", (json_int_t)info->bytes, "pinned",
            info->pinned, "fast", info->fast));
}

static json_t *ask_modules(struct worker *worker, const char *service) {
    struct listing listing = {worker, service, json_array()};

    if (listing.list) ramp_host_modules(worker_host(worker), add_module, &listing);
    return listing.list;
}

void control_modules(struct worker *worker, struct exchange *exchange, const char *rest) {
    (void)rest;
    gather_start(worker, exchange, "modules", ask_modules);
}

/* ---- GET /_ramp/v1/rooms --------------------------------------------------------------------- */

static void add_room(void *context, const ramp_room_info *info) {
    struct listing *listing = context;
    char id[MODULE_ID_TEXT_SIZE];

    if (listing->service && strcmp(listing->service, info->service) != 0) return;
    module_id_text(&info->module, id);
    json_array_append_new(
        listing->list,
        json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "worker",
                  (int)worker_index(listing->worker), "service", info->service, "room", info->room,
                  "version", id, "connections", (json_int_t)info->connections, "timers",
                  (json_int_t)info->timers, "queued", (json_int_t)info->queued, "memory",
                  (json_int_t)info->memory, "calls", (json_int_t)info->calls, "calls_failed",
                  (json_int_t)info->calls_failed, "cpu_ns", (json_int_t)info->cpu_ns, "open",
                  info->open));
}

static json_t *ask_rooms(struct worker *worker, const char *service) {
    struct listing listing = {worker, service, json_array()};

    if (listing.list) ramp_host_rooms(worker_host(worker), add_room, &listing);
    return listing.list;
}

void control_rooms(struct worker *worker, struct exchange *exchange, const char *rest) {
    (void)rest;
    gather_start(worker, exchange, "rooms", ask_rooms);
}

/* ---- GET /_ramp/v1/stats, /metrics ----------------------------------------------------------- */

/* fields of ramp_host_stats; their help for Prometheus is in metrics.c */
#define HOST_STATS_LIST(X)                                                                         \
    X(modules)                                                                                     \
    X(modules_max)                                                                                 \
    X(modules_pinned)                                                                              \
    X(modules_bytes)                                                                               \
    X(services)                                                                                    \
    X(rooms)                                                                                       \
    X(rooms_max)                                                                                   \
    X(connections)                                                                                 \
    X(timers)                                                                                      \
    X(stacks_max)                                                                                  \
    X(calls)                                                                                       \
    X(calls_failed)                                                                                \
    X(events)                                                                                      \
    X(loads)                                                                                       \
    X(loads_failed)                                                                                \
    X(loads_refused)                                                                               \
    X(evictions)                                                                                   \
    X(cpu_ns)

#define LOADER_STATS_LIST(X)                                                                       \
    X(loads, "Loads of modules that were answered.")                                               \
    X(loads_failed, "Loads of modules that failed.")                                               \
    X(compiles, "Compile children that were started.")                                             \
    X(compiles_failed, "Compile children that failed.")                                            \
    X(cache_hits, "Artefacts that were in the cache.")                                             \
    X(cache_bad, "Artefacts in the cache that somebody has changed.")

/* Adds a number to an object, and to the same field of the sum. */
static void add_number(json_t *json, json_t *sum, const char *name, uint64_t value) {
    json_int_t so_far = json_integer_value(json_object_get(sum, name));

    json_object_set_new(json, name, json_integer((json_int_t)value));
    json_object_set_new(sum, name, json_integer(so_far + (json_int_t)value));
}

/* One worker's counters; what its host counts and what the server counts have names in common. */
static json_t *worker_stats(struct worker *worker, unsigned index, json_t *host_sum,
                            json_t *server_sum) {
    const struct metrics *metrics = worker_metrics(worker);
    ramp_host_stats stats = {.size = sizeof(stats)};
    json_t *host = json_object(), *server = json_object();

    metrics_host_stats(worker, &stats);
#define ADD_STAT(field) add_number(host, host_sum, #field, (uint64_t)stats.field);
    HOST_STATS_LIST(ADD_STAT)
#undef ADD_STAT
#define ADD_METRIC(field, name, help)                                                              \
    add_number(server, server_sum, name,                                                           \
               atomic_load_explicit(&metrics->field, memory_order_relaxed));
    METRICS_LIST(ADD_METRIC)
#undef ADD_METRIC
    json_object_set_new(host, "pooled", json_boolean(stats.pooled));
    json_object_set_new(host, "dense", json_boolean(stats.dense));
    return json_pack("{s:i, s:o, s:o}", "worker", (int)index, "host", host, "server", server);
}

void control_stats(struct worker *worker, struct exchange *exchange, const char *rest) {
    struct server *server = worker_server(worker);
    json_t *host = json_object(), *sum = json_object(), *list = json_array(),
           *loader_json = json_object();
    struct loader_stats loader;

    (void)rest;
    for (unsigned i = 0; i < server_worker_count(server); i++)
        json_array_append_new(list, worker_stats(server_worker(server, i), i, host, sum));
    loader_get_stats(server_loader(server), &loader);
#define ADD_LOADER(field, help)                                                                    \
    json_object_set_new(loader_json, #field, json_integer((json_int_t)loader.field));
    LOADER_STATS_LIST(ADD_LOADER)
#undef ADD_LOADER
    control_reply(exchange, 200,
                  json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "version", ramp_version(),
                            "engine", ramp_engine_version(), "draining", server_is_draining(server),
                            "host", host, "server", sum, "loader", loader_json, "workers", list));
}

void control_metrics(struct worker *worker, struct exchange *exchange) {
    struct server *server = worker_server(worker);
    char tail[2048];
    struct loader_stats loader;
    size_t size = 0, tail_size = 0;
    char *text = metrics_text(server, &size), *whole;

    loader_get_stats(server_loader(server), &loader);
#define WRITE(field, help)                                                                         \
    tail_size += (size_t)snprintf(tail + tail_size, sizeof(tail) - tail_size,                      \
                                  "# HELP ramp_loader_" #field "_total " help "\n"                 \
                                  "# TYPE ramp_loader_" #field "_total counter\n"                  \
                                  "ramp_loader_" #field "_total %llu\n",                           \
                                  (unsigned long long)loader.field);
    LOADER_STATS_LIST(WRITE)
#undef WRITE
    whole = text ? mem_resize(text, size + tail_size) : NULL;
    if (!whole) {
        mem_free(text);
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory to answer");
        return;
    }
    memcpy(whole + size, tail, tail_size);
    exchange_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", NULL,
                   (ramp_bytes){whole, size + tail_size});
    mem_free(whole);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* worker_host.c -- what a worker's host is given: clocks, chance, the store; and what is done with what it
 * tells.
 *
 * Door:   worker_host_new() (worker.h).
 * Before: worker.c, which steps the host.
 * After:  websocket.c, fanout.c, callers.c, feed.c (outcomes); loader.c (loads); worker_storage.c.
 */
#define _GNU_SOURCE
#include "server/fanout.h"
#include "server/loader.h"
#include "server/log.h"
#include "server/websocket.h"
#include "server/worker.h"

#include <sys/random.h>
#include <time.h>

/* ---- clocks and chance --------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Read anew each time: the host counts a guest's CPU by it. */
static uint64_t host_monotonic_ns(void *context) {
    (void)context;
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t host_thread_cpu_ns(void *context) {
    (void)context;
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t host_wall_ms(void *context) {
    (void)context;
    return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000u);
}

static void random_bytes(uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got < 0) continue; /* EINTR; nothing else can happen */
        bytes += got;
        size -= (size_t)got;
    }
}

void worker_random(struct worker *worker, void *bytes, size_t size) {
    if (size > sizeof(worker->random)) {
        random_bytes(bytes, size);
        return;
    }
    if (worker->random_left < size) {
        random_bytes(worker->random, sizeof(worker->random));
        worker->random_left = sizeof(worker->random);
    }
    worker->random_left -= size;
    memcpy(bytes, worker->random + worker->random_left, size);
    /* What has been handed out is not kept: it may have become somebody's secret. */
    memset(worker->random + worker->random_left, 0, size);
}

static void host_random(void *context, void *bytes, size_t size) {
    worker_random(context, bytes, size);
}

/* ---- the host's store: the loader, on its own thread ------------------------------------------ */

struct answer {
    struct loaded loaded;
    ramp_ticket ticket;
    uint8_t env[];
};

static void load_deliver(struct worker *worker, void *argument) {
    struct answer *answer = argument;
    const struct loaded *loaded = &answer->loaded;

    ramp_complete_load(worker->host, answer->ticket,
                       &(ramp_load_answer){.size = sizeof(ramp_load_answer),
                                           .status = loaded->status,
                                           .message = loaded->message,
                                           .id = loaded->id,
                                           .artefact_path = loaded->path,
                                           .env = loaded->env});
    worker->step_again = true;
    mem_free(answer);
}

static void load_out_of_memory(struct worker *worker, void *argument) {
    ramp_ticket ticket = (ramp_ticket)(uintptr_t)argument;

    ramp_complete_load(worker->host, ticket,
                       &(ramp_load_answer){.size = sizeof(ramp_load_answer),
                                           .status = RAMP_NO_MEMORY,
                                           .message = "no memory to load the module"});
    worker->step_again = true;
}

/* On the loader's thread. */
static void load_done(void *context, uint64_t ticket, const struct loaded *loaded) {
    struct worker *worker = context;
    struct answer *answer = mem_alloc(sizeof(*answer) + loaded->env.size);

    if (!answer) {
        worker_post_answer(worker, load_out_of_memory, (void *)(uintptr_t)ticket);
        return;
    }
    answer->loaded = *loaded;
    answer->ticket = ticket;
    if (loaded->env.size) memcpy(answer->env, loaded->env.data, loaded->env.size);
    answer->loaded.env.data = answer->env;
    worker_post_answer(worker, load_deliver, answer);
}

static void store_load(void *context, ramp_host *host, ramp_ticket ticket, const char *service) {
    struct worker *worker = context;

    (void)host;
    loader_load(server_loader(worker->server), service, load_done, worker, ticket);
}

/* A room's alarm fires where its connections are. */
static bool host_owns_room(void *context, const char *service, const char *room) {
    struct worker *worker = context;

    return server_worker_of(worker->server, service, room) == worker;
}

/* ---- what the host tells ------------------------------------------------------------------- */

static void host_done(void *context, const ramp_outcome *outcome) {
    struct worker *worker = context;
    struct call_tag *tag = outcome->tag;

    if (outcome->call == RAMP_CALL_JOIN) websocket_joined(outcome);
    fanout_outcome(worker, outcome);
    callers_deliver(worker, outcome);
    feed_outcome(worker, outcome);
    if (tag) tag->done(worker, tag, outcome);
}

static void host_close(void *context, ramp_connection *connection, uint16_t code,
                       const char *reason) {
    struct worker *worker = context;
    struct conn *conn = ramp_connection_data(connection);

    if (ramp_connection_owner(connection) != 0) {
        callers_closed(worker, connection, code, reason);
    } else if (conn) {
        websocket_closed_by_host(conn, code, reason);
    }
}

static void host_ready(void *context, ramp_connection *connection) {
    struct conn *conn = ramp_connection_data(connection);

    (void)context;
    /* Later: a host is told nothing while it steps. */
    if (ramp_connection_owner(connection) == 0 && conn) conn_resume(conn);
}

static void host_log(void *context, const ramp_log_line *line) {
    log_line(line);
    feed_log(context, line);
}

ramp_status worker_host_new(struct worker *worker, const ramp_host_options *limits,
                            ramp_error *reterr) {
    ramp_host_options options = *limits;

    worker->store = (ramp_store){.size = sizeof(ramp_store), .context = worker, .load = store_load};
    options.context = worker;
    options.store = &worker->store;
    worker_storage_init(worker, server_storage(worker->server));
    options.db = &worker->storage.db;
    options.kv = &worker->storage.kv;
    options.states = &worker->storage.states;
    options.owns_room = host_owns_room;
    options.monotonic_ns = host_monotonic_ns;
    options.wall_ms = host_wall_ms;
    options.thread_cpu_ns = host_thread_cpu_ns;
    options.random = host_random;
    options.on_done = host_done;
    options.on_close = host_close;
    options.on_ready = host_ready;
    options.on_log = host_log;
    return ramp_host_new(&options, &worker->host, reterr);
}

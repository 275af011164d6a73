/* SPDX-License-Identifier: Apache-2.0 */
/* update.c -- a service has a new current version: every worker switches, and the sum of it is told.
 *
 *   server_service_updated() ── post ─▶ update_run() ─▶ ramp_service_update() … update_done() ─┐
 *                                       on every worker                                        ▼
 *                                       the last one: feed, old versions, `done`  ◀── switching_add()
 *
 * Door:     server_service_updated() (server.h).
 * Before:   control.c (deploy, rollback), cli/dev.c (a build).
 * After:    the hosts; feed_tell(); loader_prune(), with the versions that rooms still use.
 * Not here: how one room switches (src/core).
 */
#include "base/limits.h"
#include "drivers/module_id.h"
#include "server/json_document.h"
#include "server/loader.h"
#include "server/log.h"
#include "server/worker.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What all workers add to. */
struct switching {
    struct server *server;
    char service[LIMIT_SERVICE_NAME + 1];
    ramp_module_id version;
    void (*done)(void *context, const struct server_update *update);
    void *context;
    pthread_mutex_t mutex; /* for what follows */
    unsigned left;         /* workers that have not answered, and the one that asks them */
    struct server_update sum;
    ramp_module_id *used; /* versions of the service that rooms use */
    size_t used_count, used_capacity;
    bool used_unknown; /* no memory to remember one */
    bool abandoned;    /* the server ends before it is known: workers are being freed */
};

/* One worker's part. */
struct update {
    struct pending pending;
    struct switching *switching;
};

/* ---- the end --------------------------------------------------------------------------------- */

static void tell_feed(const struct switching *switching) {
    const struct server_update *sum = &switching->sum;
    char version[MODULE_ID_TEXT_SIZE];
    struct timespec now;
    ramp_bytes text;
    json_t *json;

    module_id_text(&switching->version, version);
    clock_gettime(CLOCK_REALTIME, &now);
    json = json_pack("{s:s, s:I, s:s, s:s, s:b, s:i, s:i, s:i, s:s*}", "type", "switch", "time_ms",
                     (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, "service",
                     switching->service, "version", version, "ok", sum->status == RAMP_OK,
                     "rooms_moved", (int)sum->rooms_moved, "rooms_kept", (int)sum->rooms_kept,
                     "connections", (int)sum->connections, "message",
                     sum->status ? sum->message : NULL);
    if (json && json_text(json, &text)) {
        feed_tell(switching->server, FEED_SWITCH, switching->service, text);
        mem_free((void *)(uintptr_t)text.data);
    }
    json_decref(json);
}

static void switching_finish(struct switching *switching) {
    bool draining = server_is_draining(switching->server); /* the loader may have gone */

    if (!draining) tell_feed(switching);
    if (!draining && !switching->used_unknown)
        loader_prune(server_loader(switching->server), switching->service, switching->used,
                     switching->used_count);
    if (switching->done)
        switching->done(switching->context, switching->abandoned ? NULL : &switching->sum);
    pthread_mutex_destroy(&switching->mutex);
    mem_free(switching->used);
    mem_free(switching);
}

/* A worker, or who asks them, has no more to add. Takes its share of `switching`. */
static void switching_leave(struct switching *switching) {
    bool is_last;

    pthread_mutex_lock(&switching->mutex);
    is_last = --switching->left == 0;
    pthread_mutex_unlock(&switching->mutex);
    if (is_last) switching_finish(switching);
}

/* ---- one worker ------------------------------------------------------------------------------ */

/* Under the mutex. */
static void remember_used(struct switching *switching, const ramp_module_id *id) {
    ramp_module_id *used = switching->used;

    for (size_t i = 0; i < switching->used_count; i++)
        if (module_id_equal(&used[i], id)) return;
    if (switching->used_count == switching->used_capacity) {
        size_t capacity = switching->used_capacity ? switching->used_capacity * 2 : 8;
        used = mem_resize(used, capacity * sizeof(*used));
        if (!used) {
            switching->used_unknown = true;
            return;
        }
        switching->used = used;
        switching->used_capacity = capacity;
    }
    switching->used[switching->used_count++] = *id;
}

static void add_room(void *context, const ramp_room_info *info) {
    struct switching *switching = context;

    if (strcmp(info->service, switching->service) == 0) remember_used(switching, &info->module);
}

static void log_failed(struct worker *worker, const char *service, const char *message) {
    char text[400];
    ramp_log_line line = {.level = LOG_WARNING,
                          .service = service,
                          .room = "",
                          .connection = "",
                          .call = ramp_call_name(RAMP_CALL_DEPLOY)};

    snprintf(text, sizeof(text), "the new version is not used: %s", message);
    line.text = (ramp_bytes){text, strlen(text)};
    log_line(&line);
    if (worker) feed_log(worker, &line);
}

static void switching_failed(struct worker *worker, struct switching *switching, ramp_status status,
                             const char *message) {
    log_failed(worker, switching->service, message);
    pthread_mutex_lock(&switching->mutex);
    if (!switching->sum.status) {
        switching->sum.status = status;
        snprintf(switching->sum.message, sizeof(switching->sum.message), "%s", message);
    }
    pthread_mutex_unlock(&switching->mutex);
}

static void switching_add(struct worker *worker, struct switching *switching,
                          const ramp_outcome *outcome) {
    pthread_mutex_lock(&switching->mutex);
    switching->sum.rooms_moved += outcome->rooms_moved;
    switching->sum.rooms_kept += outcome->rooms_kept;
    switching->sum.connections += outcome->connections_kept;
    ramp_host_rooms(worker->host, add_room, switching);
    pthread_mutex_unlock(&switching->mutex);
}

static void update_done(struct worker *worker, struct call_tag *tag, const ramp_outcome *outcome) {
    struct update *update = list_item(tag, struct update, pending.tag);

    list_remove(&update->pending.in_worker);
    switching_add(worker, update->switching, outcome);
    if (outcome->state == RAMP_CALL_FAILED)
        switching_failed(worker, update->switching, outcome->status, outcome->message);
    switching_leave(update->switching);
    mem_free(update);
}

/* The worker's host goes: what its rooms used does not matter any more. */
static void update_abandon(struct worker *worker, struct pending *pending) {
    struct update *update = list_item(pending, struct update, pending);

    (void)worker;
    update->switching->abandoned = true; /* one thread is left by now */
    switching_leave(update->switching);
    mem_free(update);
}

static void update_run(struct worker *worker, void *argument) {
    struct update *update = argument;
    ramp_status status = RAMP_NOT_FOUND;
    ramp_error error = {.message = ""};

    origins_forget(worker, update->switching->service);
    if (worker->phase != WORKER_STOPPED)
        status = ramp_service_update(worker->host, update->switching->service, &update->pending.tag,
                                     &error);
    worker->step_again = true;
    if (status == RAMP_OK) {
        list_push_back(&worker->pending, &update->pending.in_worker);
        return;
    }
    /* A service that this worker has never met has nothing to update. */
    if (status != RAMP_NOT_FOUND)
        switching_failed(worker, update->switching, status, error.message);
    switching_leave(update->switching);
    mem_free(update);
}

/* ---- the door -------------------------------------------------------------------------------- */

static struct switching *switching_new(struct server *server, const char *service,
                                       const ramp_module_id *version) {
    struct switching *switching = mem_zalloc(sizeof(*switching));

    if (!switching) return NULL;
    if (pthread_mutex_init(&switching->mutex, NULL) != 0) {
        mem_free(switching);
        return NULL;
    }
    switching->server = server;
    snprintf(switching->service, sizeof(switching->service), "%s", service);
    switching->version = *version;
    switching->left = 1;
    return switching;
}

/* false: no memory. */
static bool ask_worker(struct worker *worker, struct switching *switching) {
    struct update *update = mem_zalloc(sizeof(*update));

    if (!update) return false;
    *update = (struct update){.pending = {.tag.done = update_done, .abandon = update_abandon},
                              .switching = switching};
    pthread_mutex_lock(&switching->mutex);
    switching->left++;
    pthread_mutex_unlock(&switching->mutex);
    worker_post_answer(worker, update_run, update);
    return true;
}

void server_service_updated(struct server *server, const char *service,
                            const ramp_module_id *version,
                            void (*done)(void *context, const struct server_update *update),
                            void *context) {
    static const char no_memory[] = "no memory to tell the workers";
    struct switching *switching = switching_new(server, service, version);

    if (!switching) {
        struct server_update failed = {.status = RAMP_NO_MEMORY};
        memcpy(failed.message, no_memory, sizeof(no_memory));
        log_failed(NULL, service, no_memory);
        if (done) done(context, &failed);
        return;
    }
    switching->done = done;
    switching->context = context;
    for (unsigned i = 0; i < server_worker_count(server); i++) {
        if (ask_worker(server_worker(server, i), switching)) continue;
        /* Its rooms may use any version. */
        switching->used_unknown = true;
        switching_failed(NULL, switching, RAMP_NO_MEMORY, no_memory);
    }
    switching_leave(switching);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* service.c -- see service.h. */
#include "core/service.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/names.h"
#include "core/life.h"
#include "core/room.h"

/* A store's answer, copied, until ramp_host_step() or a free slot of the table. */
struct load_copy {
    struct list in_answers;
    ramp_ticket ticket;
    ramp_load_answer answer;
    char message[248];
    unsigned char bytes[]; /* path, artefact or wasm; env */
};

/* ---- life ---------------------------------------------------------------------------------- */

struct service *service_find(ramp_host *host, const char *name) {
    return map_get(&host->services, name, strlen(name));
}

struct service *service_get(ramp_host *host, const char *name, ramp_error *reterr) {
    struct service *service;

    if (!service_name_is_valid(name)) {
        error_set(reterr, RAMP_ARGS, "'%.80s' is no name of a service: [a-z0-9][a-z0-9-]{0,62}",
                  name);
        return NULL;
    }
    service = service_find(host, name);
    if (service) return service;
    service = mem_zalloc(sizeof(*service));
    if (!service) goto fail;
    service->host = host;
    snprintf(service->name, sizeof(service->name), "%s", name);
    map_init(&service->rooms, host->services.seed[0]);
    list_init(&service->in_module);
    list_init(&service->ready);
    list_init(&service->parked);
    list_init(&service->in_ready);
    list_init(&service->in_wait);
    if (!map_put(&host->services, service->name, strlen(service->name), service)) goto fail;
    return service;

fail:
    mem_free(service);
    error_set(reterr, RAMP_NO_MEMORY, "no memory for service '%s'", name);
    return NULL;
}

static void service_cancel(struct service *service) {
    const ramp_store *store = service->host->options.store;

    if (store->cancel) store->cancel(store->context, service->ticket);
}

void service_free(struct service *service) {
    ramp_host *host = service->host;
    size_t index = 0;

    service->held++;                /* against service_release() of its last room */
    service->update_wanted = false; /* nobody is told how it ended */
    for (struct map_entry *entry; (entry = map_next(&service->rooms, &index)); index = 0)
        room_free(entry->value);
    if (service->state == SERVICE_LOADING) service_cancel(service);
    deadline_clear(host, &service->switch_deadline);
    map_remove(&host->services, service->name, strlen(service->name));
    map_done(&service->rooms);
    list_remove(&service->in_module);
    list_remove(&service->in_ready);
    list_remove(&service->in_wait);
    mem_free(service->answer);
    mem_free((void *)(uintptr_t)service->env.data);
    mem_free(service);
}

void service_release(struct service *service) {
    if (service->module || service->rooms.count > 0 || service->state != SERVICE_IDLE ||
        service->update_wanted || service->held)
        return;
    service_free(service);
}

/* ---- answers of the store -------------------------------------------------------------------- */

void ramp_complete_load(ramp_host *host, ramp_ticket ticket, const ramp_load_answer *answer) {
    size_t path_size = answer->artefact_path ? strlen(answer->artefact_path) + 1 : 0, size, at = 0;
    struct load_copy *copy;

    size = path_size + answer->artefact.size + answer->wasm.size + answer->env.size;
    copy = mem_zalloc(sizeof(*copy) + size);
    if (!copy) return; /* the load times out */
    copy->ticket = ticket;
    copy->answer = *answer;
    if (answer->message) {
        snprintf(copy->message, sizeof(copy->message), "%s", answer->message);
        copy->answer.message = copy->message;
    }
    if (path_size) {
        memcpy(copy->bytes, answer->artefact_path, path_size);
        copy->answer.artefact_path = (const char *)copy->bytes;
        at += path_size;
    }
    const ramp_bytes *const from[] = {&answer->artefact, &answer->wasm, &answer->env};
    ramp_bytes *const to[] = {&copy->answer.artefact, &copy->answer.wasm, &copy->answer.env};
    for (size_t i = 0; i < 3; i++) {
        if (from[i]->size == 0) continue;
        memcpy(copy->bytes + at, from[i]->data, from[i]->size);
        to[i]->data = copy->bytes + at;
        at += from[i]->size;
    }
    list_push_back(&host->answers, &copy->in_answers);
}

static void service_load(struct service *service) {
    ramp_host *host = service->host;
    const ramp_store *store = host->options.store;

    service->state = SERVICE_LOADING;
    service->ticket = host->next_ticket++;
    service->until_ns = host->now_ns + LIMIT_LOAD_MS * UINT64_C(1000000);
    list_remove(&service->in_wait);
    list_push_back(&host->loading, &service->in_wait);
    host->loads++;
    store->load(store->context, host, service->ticket, service->name);
}

static void service_report_update(struct service *service, const ramp_error *error) {
    ramp_host *host = service->host;
    ramp_outcome outcome = {.tag = service->update_tag,
                            .call = RAMP_CALL_DEPLOY,
                            .state = error ? RAMP_CALL_FAILED : RAMP_CALL_DONE,
                            .service = service->name,
                            .room = "",
                            .status = error ? error->status : RAMP_OK,
                            .message = error ? error->message : "",
                            .where = "",
                            .rooms_moved = service->rooms_moved,
                            .rooms_kept = service->rooms_kept,
                            .connections_kept = service->connections_kept};

    if (!service->update_wanted) return;
    deadline_clear(host, &service->switch_deadline);
    service->update_wanted = false;
    service->update_tag = NULL;
    host->options.on_done(host->options.context, &outcome);
}

static void service_fail(struct service *service, const ramp_error *error) {
    ramp_host *host = service->host;
    bool refused = error->status == RAMP_UNAVAILABLE;

    host->loads_failed++;
    host->loads_refused += refused;
    /* A name that is not there is for anybody to ask for. */
    host_log(host,
             error->status == RAMP_NOT_FOUND ? 0
             : refused                       ? 2
                                             : 3,
             service->name, "", "cannot load: %s", error->message);
    service->error = *error;
    service->state = SERVICE_IDLE;
    if (!service->module && !refused) {
        service->state = SERVICE_FAILED;
        service->until_ns = host->now_ns + LIMIT_NEGATIVE_MS * UINT64_C(1000000);
        list_push_back(&host->failed, &service->in_wait);
    }
    service->held++; /* while its rooms go, and on_done does what it likes */
    service_report_update(service, error);
    for (struct list *node; (node = list_pop_front(&service->parked));)
        room_fail_queued(list_item(node, struct room, in_run), error);
    service->held--;
    service_release(service);
}

static void switch_due(ramp_host *host, struct deadline *deadline) {
    struct service *service = list_item(deadline, struct service, switch_deadline);

    (void)host;
    service_report_update(service, NULL);
    service_release(service);
}

/* Rooms of the previous version change over between two calls. The update is reported when all have. */
static void service_switch_rooms(struct service *service) {
    ramp_host *host = service->host;
    size_t index = 0;

    service->rooms_moved = service->rooms_kept = service->connections_kept = 0;
    service->switching = 0;
    for (struct map_entry *entry; (entry = map_next(&service->rooms, &index));) {
        struct room *room = entry->value;
        if (!room->module) continue;
        room_set_next(room, room->module == service->module ? NULL : service->module);
        service->switching += room->next != NULL;
    }
    if (service->switching == 0) {
        service_report_update(service, NULL);
        return;
    }
    service->switch_deadline.due = switch_due;
    deadline_set(host, &service->switch_deadline,
                 host->now_ns + LIMIT_SWITCH_MS * UINT64_C(1000000));
}

void service_room_switched(struct service *service, const struct room *room, enum switched how) {
    service->rooms_moved += how == SWITCH_MOVED;
    service->rooms_kept += how == SWITCH_KEPT;
    if (how == SWITCH_MOVED) service->connections_kept += room->member_count;
    if (service->switching > 0 && --service->switching == 0) service_report_update(service, NULL);
}

static bool service_take_env(struct service *service, ramp_bytes env) {
    char *copy = NULL;

    if (env.size > 0 && !(copy = mem_copy_text(env.data, env.size))) return false;
    mem_free((void *)(uintptr_t)service->env.data);
    service->env = (ramp_bytes){.data = copy, .size = env.size};
    return true;
}

/* The answer is good: find it a place in the table. Takes `copy`. */
static void service_place(struct service *service, struct load_copy *copy) {
    ramp_host *host = service->host;
    struct module *module, *old = service->module;
    ramp_error error = {0};
    bool is_live = old && old->room_count > 0;
    ramp_status status;

    if (is_live)
        old->pin_count++; /* its rooms change over: they do not make way for their own version */
    status = table_place(host, &copy->answer, old != NULL, &module, &error);
    if (is_live) old->pin_count--;
    if (status == RAMP_BUSY) {
        if (service->state != SERVICE_QUEUED)
            service->until_ns = host->now_ns + LIMIT_EVICTION_MS * UINT64_C(1000000);
        service->state = SERVICE_QUEUED;
        service->answer = copy;
        list_push_back(&host->table.waiting, &service->in_wait);
        return;
    }
    if (!status && !service_take_env(service, copy->answer.env))
        status = error_set(&error, RAMP_NO_MEMORY, "no memory for the service's environment");
    mem_free(copy);
    if (status) {
        service_fail(service, &error);
        return;
    }
    service->state = SERVICE_IDLE;
    old = service->module; /* if it has not made way just now */
    list_remove(&service->in_module);
    list_push_back(&module->services, &service->in_module);
    service->module = module;
    module->pin_count++; /* others may be waiting for a place */
    if (old && old != module) table_release(host, old);
    service_switch_rooms(service);
    for (struct list *node; (node = list_pop_front(&service->parked));)
        room_attach(list_item(node, struct room, in_run), module);
    table_unpin(&host->table, module);
    table_keep(host, module);
}

static struct service *service_of_ticket(ramp_host *host, ramp_ticket ticket) {
    list_each(&host->loading, node, following) {
        struct service *service = list_item(node, struct service, in_wait);
        if (service->ticket == ticket) return service;
    }
    return NULL;
}

void service_settle_answers(ramp_host *host) {
    for (struct list *node; (node = list_pop_front(&host->answers));) {
        struct load_copy *copy = list_item(node, struct load_copy, in_answers);
        struct service *service = service_of_ticket(host, copy->ticket);
        ramp_error error;

        if (service) list_remove(&service->in_wait);
        if (!service) {
            mem_free(copy);
        } else if (copy->answer.status) {
            error_set(&error, copy->answer.status, "%s",
                      copy->answer.message ? copy->answer.message
                                           : ramp_status_text(copy->answer.status));
            mem_free(copy);
            service_fail(service, &error);
        } else {
            service_place(service, copy);
        }
    }
}

void service_drop_answers(ramp_host *host) {
    for (struct list *node; (node = list_pop_front(&host->answers));)
        mem_free(list_item(node, struct load_copy, in_answers));
}

void service_retry_queued(ramp_host *host) {
    struct list waiting;

    host->table.retry = false;
    list_init(&waiting);
    for (struct list *node; (node = list_pop_front(&host->table.waiting));)
        list_push_back(&waiting, node);
    for (struct list *node; (node = list_pop_front(&waiting));) {
        struct service *service = list_item(node, struct service, in_wait);
        struct load_copy *copy = service->answer;
        service->answer = NULL;
        service_place(service, copy);
    }
}

void service_expire(ramp_host *host) {
    while (!list_empty(&host->failed)) {
        struct service *service = list_item(host->failed.next, struct service, in_wait);
        if (service->until_ns > host->now_ns) break;
        list_remove(&service->in_wait);
        service->state = SERVICE_IDLE;
        service_release(service);
    }
    while (!list_empty(&host->loading)) {
        struct service *service = list_item(host->loading.next, struct service, in_wait);
        ramp_error error;
        if (service->until_ns > host->now_ns) break;
        list_remove(&service->in_wait);
        service_cancel(service);
        error_set(&error, RAMP_TIMEOUT, "the module store has not answered in %u s",
                  LIMIT_LOAD_MS / 1000);
        service_fail(service, &error);
    }
    while (!list_empty(&host->table.waiting)) {
        struct service *service = list_item(host->table.waiting.next, struct service, in_wait);
        ramp_error error;
        if (service->until_ns > host->now_ns) break;
        list_remove(&service->in_wait);
        mem_free(service->answer);
        service->answer = NULL;
        error_set(&error, RAMP_UNAVAILABLE, "no slot of the module table became free in %u ms",
                  LIMIT_EVICTION_MS);
        service_fail(service, &error);
    }
}

/* ---- wanting ------------------------------------------------------------------------------- */

void service_want(struct service *service, struct room *room) {
    if (service->module) {
        room_attach(room, service->module);
        return;
    }
    list_remove(&room->in_run);
    list_push_back(&service->parked, &room->in_run);
    if (service->state == SERVICE_IDLE || service->state == SERVICE_FAILED) service_load(service);
}

ramp_status ramp_service_update(ramp_host *host, const char *name, void *tag, ramp_error *reterr) {
    struct service *service = service_get(host, name, reterr);

    if (!service) return reterr ? reterr->status : RAMP_ARGS;
    if (service->update_wanted)
        return error_set(reterr, RAMP_BUSY, "service '%s' is being updated already", name);
    service->update_wanted = true;
    service->update_tag = tag;
    host_read_clock(host);
    mem_free(service->answer); /* an older version that waits for a slot */
    service->answer = NULL;
    service_load(service);
    return RAMP_OK;
}

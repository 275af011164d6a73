/* SPDX-License-Identifier: Apache-2.0 */
/* control.c -- services: deploying, rolling back and listing them. See control.h.
 *
 *   PUT  services/<name>            deploy  ─┐   loader ─▶ reply_deployed ─▶ all workers ─▶ reply_switched
 *   POST services/<name>/rollback   rollback ┘              (what failed)     (update.c)
 */
#include "server/control.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "drivers/module_id.h"
#include "server/base64.h"
#include "server/json_document.h"
#include "server/loader.h"
#include "wire/url.h"

/* ---- answering ------------------------------------------------------------------------------- */

int control_http_status(ramp_status status) {
    switch (status) {
    case RAMP_OK: return 200;
    case RAMP_ARGS: return 400;
    case RAMP_DENIED: return 403;
    case RAMP_NOT_FOUND: return 404;
    case RAMP_GONE: return 404;
    case RAMP_CONFLICT: return 409;
    case RAMP_TOO_BIG: return 413;
    case RAMP_REFUSED:
    case RAMP_TRAPPED:
    case RAMP_PANICKED:
    case RAMP_CPU:
    case RAMP_NO_HANDLER:
    case RAMP_NOT_OPEN: return 422;
    case RAMP_BUSY: return 429;
    case RAMP_LIMIT:
    case RAMP_UNAVAILABLE:
    case RAMP_TIMEOUT:
    case RAMP_NO_MEMORY: return 503;
    case RAMP_IO:
    case RAMP_INTERNAL: break;
    }
    return 500;
}

void control_reply_failed(struct exchange *exchange, ramp_status status, const char *message) {
    exchange_reply_error(exchange, control_http_status(status), ramp_status_name(status), "%s",
                         message);
}

void control_reply(struct exchange *exchange, int status, json_t *json) {
    ramp_bytes text;

    if (json && json_text(json, &text)) {
        exchange_reply(exchange, status, "application/json", NULL, text);
        mem_free((void *)(uintptr_t)text.data);
    } else {
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory to answer");
    }
    json_decref(json);
}

char *control_query(const struct exchange *exchange, const char *name, bool *ret_bad) {
    ramp_bytes query = exchange_request(exchange)->query;
    struct text text = {query.data, query.size};
    enum url_found found;
    char *value;
    size_t size;

    *ret_bad = false;
    if (query.size == 0) return NULL;
    value = mem_alloc(query.size + 1);
    if (!value) {
        *ret_bad = true;
        return NULL;
    }
    found = url_query_find(text, name, value, query.size, &size);
    if (found == URL_FOUND && size <= query.size && !memchr(value, '\0', size)) {
        value[size] = '\0';
        return value;
    }
    *ret_bad = found != URL_ABSENT;
    mem_free(value);
    return NULL;
}

void control_part(const char *rest, unsigned index, char *out, size_t capacity) {
    while (index > 0 && *rest) {
        rest += strcspn(rest, "/");
        if (*rest) rest++;
        index--;
    }
    snprintf(out, capacity, "%.*s", (int)strcspn(rest, "/"), rest);
}

/* ---- answers of the loader, which come on its thread ----------------------------------------- */

/* A request that waits for the loader, then for the workers. */
struct waiting {
    struct worker *worker;
    uint64_t exchange_id;
    char service[LIMIT_SERVICE_NAME + 1];
    struct deployed deployed;
    struct server_update update;
    ramp_status list_status;
    char list_message[248];
    ramp_bytes list_text;
};

static struct waiting *waiting_new(struct worker *worker, struct exchange *exchange,
                                   const char *service) {
    struct waiting *waiting = mem_zalloc(sizeof(*waiting));

    if (!waiting) {
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
        return NULL;
    }
    waiting->worker = worker;
    waiting->exchange_id = exchange_id(exchange);
    if (service) memcpy(waiting->service, service, strlen(service) + 1);
    return waiting;
}

static void waiting_free(struct waiting *waiting) {
    mem_free((void *)(uintptr_t)waiting->list_text.data);
    mem_free(waiting);
}

/* A name that cannot be a service's is answered here. */
static bool check_service(struct exchange *exchange, const char *service) {
    if (url_service_valid(text_of(service))) return true;
    exchange_reply_error(exchange, 400, "ARGS",
                         "'%.80s' is no name for a service: 1 to %u of a-z, 0-9 and '-', "
                         "not beginning with '-'",
                         service, LIMIT_SERVICE_NAME);
    return false;
}

/* ---- PUT /_ramp/v1/services/<name>, POST .../rollback ---------------------------------------- */

static void reply_result(struct waiting *waiting) {
    const struct deployed *deployed = &waiting->deployed;
    const struct server_update *update = &waiting->update;
    struct exchange *exchange = exchange_find(waiting->worker, waiting->exchange_id);
    char version[MODULE_ID_TEXT_SIZE], before[MODULE_ID_TEXT_SIZE] = "";

    if (!exchange) return;
    module_id_text(&deployed->id, version);
    if (deployed->has_before) module_id_text(&deployed->before, before);
    control_reply(exchange, 200,
                  json_pack("{s:s, s:s, s:s*, s:b, s:I, s:I, s:I, s:i, s:i, s:i, s:s*}", "service",
                            waiting->service, "version", version, "before", *before ? before : NULL,
                            "unchanged", deployed->unchanged, "compile_ms",
                            (json_int_t)deployed->compile_ms, "bytes", (json_int_t)deployed->size,
                            "artefact_bytes", (json_int_t)deployed->artefact_size, "rooms_moved",
                            (int)update->rooms_moved, "rooms_kept", (int)update->rooms_kept,
                            "connections", (int)update->connections, "problem",
                            update->status ? update->message : NULL));
}

static void reply_switched(struct worker *worker, void *argument) {
    struct waiting *waiting = argument;

    (void)worker;
    reply_result(waiting);
    waiting_free(waiting);
}

/* On the thread of the worker that switched last. */
static void on_switched(void *context, const struct server_update *update) {
    struct waiting *waiting = context;

    if (!update) {
        waiting_free(waiting);
        return;
    }
    waiting->update = *update;
    worker_post_answer(waiting->worker, reply_switched, waiting);
}

static void reply_deployed(struct worker *worker, void *argument) {
    struct waiting *waiting = argument;
    const struct deployed *deployed = &waiting->deployed;
    struct exchange *exchange = exchange_find(worker, waiting->exchange_id);

    if (deployed->status == RAMP_OK && !deployed->unchanged) {
        server_service_updated(worker_server(worker), waiting->service, &deployed->id, on_switched,
                               waiting);
        return;
    }
    if (exchange && deployed->status)
        control_reply_failed(exchange, deployed->status, deployed->message);
    else reply_result(waiting);
    waiting_free(waiting);
}

static void on_deployed(void *context, uint64_t ticket, const struct deployed *deployed) {
    struct waiting *waiting = context;

    (void)ticket;
    waiting->deployed = *deployed;
    worker_post_answer(waiting->worker, reply_deployed, waiting);
}

/* The header `ramp-config`: base64url of the JSON that the server keeps. false: answered. */
static bool read_config(struct exchange *exchange, ramp_bytes *ret_config) {
    ramp_bytes header = exchange_header(exchange, "ramp-config");
    ramp_status status;

    *ret_config = (ramp_bytes){NULL, 0};
    if (!header.data) return true;
    status = base64_decode(header, ret_config);
    if (status == RAMP_OK) return true;
    control_reply_failed(exchange, status,
                         status == RAMP_ARGS ? "the header ramp-config is no base64url"
                                             : "no memory for the request");
    return false;
}

void control_deploy(struct worker *worker, struct exchange *exchange, const char *service) {
    const struct exchange_request *request = exchange_request(exchange);
    ramp_bytes encoding = exchange_header(exchange, "content-encoding"), config;
    struct waiting *waiting;

    if (!check_service(exchange, service)) return;
    if (encoding.data && !(encoding.size == 8 && memcmp(encoding.data, "identity", 8) == 0)) {
        exchange_reply_error(exchange, 415, "ARGS",
                             "send the module as it is, without Content-Encoding");
        return;
    }
    if (request->body.size > LIMIT_MODULE_SIZE) {
        exchange_reply_error(exchange, 413, "TOO_BIG", "a module has at most %u bytes, not %zu",
                             LIMIT_MODULE_SIZE, request->body.size);
        return;
    }
    if (!read_config(exchange, &config)) return;
    waiting = waiting_new(worker, exchange, service);
    if (waiting) {
        struct deploy deploy = {.service = service, .wasm = request->body, .config = config};
        loader_deploy(server_loader(worker_server(worker)), &deploy, on_deployed, waiting, 0);
    }
    mem_free((void *)(uintptr_t)config.data);
}

/* {"version": "a prefix of its id"}; without: the one that was current before. false: answered. */
static bool read_version(struct exchange *exchange, json_t **ret_root, const char **ret_version) {
    ramp_bytes body = exchange_request(exchange)->body;
    const json_t *version;

    *ret_root = body.size ? json_loadb(body.data, body.size, 0, NULL) : json_object();
    version = json_object_get(*ret_root, "version");
    *ret_version = json_string_value(version);
    if (json_is_object(*ret_root) && (!version || json_is_null(version) || *ret_version))
        return true;
    json_decref(*ret_root);
    control_reply_failed(exchange, RAMP_ARGS,
                         "the body is none of {\"version\": \"the beginning of its id\"} and {}");
    return false;
}

void control_rollback(struct worker *worker, struct exchange *exchange, const char *rest) {
    struct waiting *waiting;
    char service[LIMIT_SERVICE_NAME + 2];
    const char *version;
    json_t *root;

    control_part(rest, 0, service, sizeof(service));
    if (!check_service(exchange, service) || !read_version(exchange, &root, &version)) return;
    waiting = waiting_new(worker, exchange, service);
    if (waiting)
        loader_rollback(server_loader(worker_server(worker)), service, version, on_deployed,
                        waiting, 0);
    json_decref(root);
}

/* ---- GET /_ramp/v1/services, /_ramp/v1/services/<name> --------------------------------------- */

static void reply_listed(struct worker *worker, void *argument) {
    struct waiting *waiting = argument;
    struct exchange *exchange = exchange_find(worker, waiting->exchange_id);

    if (exchange && waiting->list_status)
        control_reply_failed(exchange, waiting->list_status, waiting->list_message);
    else if (exchange) exchange_reply(exchange, 200, "application/json", NULL, waiting->list_text);
    waiting_free(waiting);
}

static void on_listed(void *context, uint64_t ticket, const struct listed *listed) {
    struct waiting *waiting = context;
    char *text = NULL;

    (void)ticket;
    waiting->list_status = listed->status;
    memcpy(waiting->list_message, listed->message, sizeof(waiting->list_message));
    if (listed->status == RAMP_OK) {
        text = mem_copy_text(listed->json.data, listed->json.size);
        if (!text) waiting->list_status = RAMP_NO_MEMORY;
    }
    waiting->list_text = (ramp_bytes){text, text ? listed->json.size : 0};
    worker_post_answer(waiting->worker, reply_listed, waiting);
}

void control_services(struct worker *worker, struct exchange *exchange, const char *service) {
    struct waiting *waiting;

    if (*service && !check_service(exchange, service)) return;
    waiting = waiting_new(worker, exchange, service);
    if (!waiting) return;
    loader_list(server_loader(worker_server(worker)), *service ? service : NULL, on_listed, waiting,
                0);
}

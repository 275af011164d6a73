/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c -- which path is whose: everything that is neither a WebSocket join nor a room's on_request.
 *
 *   /healthz /readyz     anyone
 *   /metrics             with the token, or on the control listener
 *   /_ramp/...           the console's files: anyone; /_ramp/v1/...: with the token
 *   other GETs           files of the web folder (`ramp dev`), if there is such a file
 *
 * Door:   routes_handle(), routes_body_max(), routes_refuse_early() (server.h).
 * Before: exchange.c. After: control.h.
 */
#include <string.h>

#include "base/limits.h"
#include "server/auth.h"
#include "server/control.h"
#include "server/static_files.h"

#define API "/_ramp/v1/"

struct route {
    const char *method;
    const char *path; /* behind API; '*' is one part, and `rest` begins with the first of them */
    void (*handle)(struct worker *worker, struct exchange *exchange, const char *rest);
};

static const struct route routes[] = {
    {"PUT", "services/*", control_deploy},
    {"GET", "services/*", control_services},
    {"POST", "services/*/rollback", control_rollback},
    {"GET", "services", control_services},
    {"GET", "services/*/rooms/*", control_room},
    {"GET", "services/*/rooms/*/db", control_db},
    {"GET", "services/*/rooms/*/kv", control_kv},
    {"POST", "call", control_call},
    {"GET", "events", control_events},
    {"GET", "feed", control_feed},
    {"GET", "logs", control_logs},
    {"GET", "modules", control_modules},
    {"GET", "rooms", control_rooms},
    {"GET", "stats", control_stats},
    {"GET", "source", control_source},
};

/* What the route's first '*' begins with, "" if it has none; NULL: `path` is not of this route. */
static const char *match(const struct route *route, const char *path) {
    const char *rest = NULL;

    for (const char *c = route->path; *c; c++) {
        size_t part = *c == '*' ? strcspn(path, "/") : 1;
        if (part == 0 || (*c != '*' && *c != *path)) return NULL;
        if (*c == '*' && !rest) rest = path;
        path += part;
    }
    if (*path) return NULL;
    return rest ? rest : path;
}

static bool is_read(const char *method) {
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Is this for the control listener, if there is one? */
static bool is_control_path(const char *path) {
    return strcmp(path, "/metrics") == 0 || strcmp(path, "/_ramp") == 0 ||
           strncmp(path, "/_ramp/", 7) == 0;
}

size_t routes_body_max(const char *method, const char *path) {
    if (strcmp(method, "PUT") == 0 && strncmp(path, API "services/", strlen(API "services/")) == 0)
        return LIMIT_MODULE_SIZE;
    if (strcmp(path, API "call") == 0) return LIMIT_API_BODY;
    return is_control_path(path) ? LIMIT_CONTROL_BODY : LIMIT_BODY_SIZE;
}

/* ---- who may --------------------------------------------------------------------------------- */

static enum auth_result check(struct worker *worker, const struct exchange *exchange) {
    struct server *server = worker_server(worker);
    struct auth_request request = {
        .authorization = exchange_header(exchange, "authorization"),
        .host = exchange_header(exchange, "host"),
        .origin = exchange_header(exchange, "origin"),
        .fetch_site = exchange_header(exchange, "sec-fetch-site"),
        .is_loopback = exchange_request(exchange)->is_loopback,
    };

    return auth_check(&request, server_token(server), server_options(server)->dev);
}

/* false: answered with 401 or 403. */
static bool authorise(struct worker *worker, struct exchange *exchange) {
    enum auth_result result = check(worker, exchange);

    if (result == AUTH_OK) return true;
    exchange_reply_error(exchange, result == AUTH_FOREIGN ? 403 : 401, "DENIED", "%s",
                         auth_sentence(result));
    return false;
}

/* The control API's, while the control listener is another one. */
static bool is_elsewhere(struct worker *worker, const struct exchange *exchange) {
    return server_options(worker_server(worker))->control &&
           !exchange_request(exchange)->is_control;
}

bool routes_refuse_early(struct worker *worker, const struct exchange *exchange) {
    const char *path = exchange_request(exchange)->path;

    if (!is_control_path(path)) return false;
    if (is_elsewhere(worker, exchange)) return true;
    return strncmp(path, API, strlen(API)) == 0 && check(worker, exchange) != AUTH_OK;
}

/* ---- the paths ------------------------------------------------------------------------------- */

static void reply_text(struct exchange *exchange, int status, const char *text) {
    exchange_reply(exchange, status, "text/plain; charset=utf-8", "Cache-Control: no-store\r\n",
                   (ramp_bytes){text, strlen(text)});
}

static bool handle_health(struct worker *worker, struct exchange *exchange, const char *path) {
    bool draining = server_is_draining(worker_server(worker));

    if (strcmp(path, "/healthz") == 0) {
        reply_text(exchange, 200, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        reply_text(exchange, draining ? 503 : 200, draining ? "draining\n" : "ok\n");
    } else {
        return false;
    }
    return true;
}

static void handle_api(struct worker *worker, struct exchange *exchange, const char *path) {
    const char *method = exchange_request(exchange)->method;
    const char *allowed = NULL;

    if (!authorise(worker, exchange)) return;
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        const char *rest = match(&routes[i], path);
        if (!rest) continue;
        if (strcmp(method, routes[i].method) == 0) {
            routes[i].handle(worker, exchange, rest);
            return;
        }
        allowed = routes[i].method;
    }
    if (allowed)
        exchange_reply_error(exchange, 405, "ARGS", "%s is not for %s%.200s; that takes %s", method,
                             API, path, allowed);
    else
        exchange_reply_error(exchange, 404, "NOT_FOUND", "the control API has no %s%.200s", API,
                             path);
}

static void handle_console(struct exchange *exchange, const char *path) {
    if (!is_read(exchange_request(exchange)->method))
        exchange_reply_error(exchange, 405, "ARGS", "the console's files can only be read");
    else if (*path == '\0')
        exchange_reply(exchange, 308, NULL, "Location: /_ramp/\r\n", (ramp_bytes){NULL, 0});
    else if (!static_console(exchange, path))
        exchange_reply_error(exchange, 404, "NOT_FOUND", "the console has no file %.200s", path);
}

static void handle_control(struct worker *worker, struct exchange *exchange, const char *path) {
    bool is_control = exchange_request(exchange)->is_control;

    if (is_elsewhere(worker, exchange)) {
        exchange_reply_error(exchange, 404, "NOT_FOUND", "this is on the control listener only");
    } else if (strcmp(path, "/metrics") == 0) {
        if (!is_read(exchange_request(exchange)->method))
            exchange_reply_error(exchange, 405, "ARGS", "/metrics can only be read");
        else if (is_control || authorise(worker, exchange)) control_metrics(worker, exchange);
    } else if (strncmp(path, API, strlen(API)) == 0) {
        handle_api(worker, exchange, path + strlen(API));
    } else {
        handle_console(exchange, path + strlen("/_ramp"));
    }
}

bool routes_handle(struct worker *worker, struct exchange *exchange) {
    const struct exchange_request *request = exchange_request(exchange);
    const char *web = server_options(worker_server(worker))->web;

    if (is_control_path(request->path)) {
        handle_control(worker, exchange, request->path);
        return true;
    }
    if (is_read(request->method) && handle_health(worker, exchange, request->path)) return true;
    return web && is_read(request->method) && static_web(exchange, web, request->path);
}

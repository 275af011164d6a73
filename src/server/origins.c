/* SPDX-License-Identifier: Apache-2.0 */
/* origins.c -- see origins.h. */
#include "server/origins.h"

#include "base/limits.h"
#include "server/exchange.h"
#include "server/loader.h"
#include "server/service_config.h"
#include "server/worker.h"

/* What a worker knows of a service. */
struct known {
    char service[LIMIT_SERVICE_NAME + 1];
    char *lines; /* "origin\n"...; NULL: it lists nothing */
    size_t size;
    bool has_answer, has_failed;
    bool is_asked; /* the loader has been */
    bool is_stale; /* ... before a new version came: it is asked again */
    uint64_t until_ns;
    struct list waiters;
};

/* A request that waits for the answer. */
struct waiter {
    struct list link;
    uint64_t exchange_id;
};

/* The loader's answer, on its way. */
struct asked {
    struct worker *worker;
    char service[LIMIT_SERVICE_NAME + 1];
    ramp_status status;
    ramp_bytes lines;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void known_free(struct known *known) {
    for (struct list *node; (node = list_pop_front(&known->waiters)) != NULL;)
        mem_free(list_item(node, struct waiter, link));
    mem_free(known->lines);
    mem_free(known);
}

void origins_init(struct origins *origins, uint64_t seed) {
    map_init(&origins->known, seed);
}

void origins_done(struct origins *origins) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&origins->known, &index)) != NULL;)
        known_free(entry->value);
    map_done(&origins->known);
}

static struct known *known_find(struct worker *worker, const char *service) {
    return map_get(&worker->origins.known, service, strlen(service));
}

/* All but those that somebody waits for: they are asked for again when they are needed. */
static void forget_all(struct origins *origins) {
    struct map kept;
    size_t index = 0;

    map_init(&kept, origins->known.seed[0]);
    for (struct map_entry *entry; (entry = map_next(&origins->known, &index)) != NULL;) {
        struct known *known = entry->value;
        if (!known->is_asked || !map_put(&kept, known->service, strlen(known->service), known))
            known_free(known);
    }
    map_done(&origins->known);
    origins->known = kept;
}

static struct known *known_add(struct worker *worker, const char *service) {
    struct map *map = &worker->origins.known;
    struct known *known;

    if (map->count >= LIMIT_ORIGINS_KNOWN) forget_all(&worker->origins);
    if (map->count >= LIMIT_ORIGINS_KNOWN) return NULL;
    known = mem_zalloc(sizeof(*known));
    if (!known) return NULL;
    memcpy(known->service, service, strlen(service) + 1);
    list_init(&known->waiters);
    if (map_put(map, known->service, strlen(service), known)) return known;
    mem_free(known);
    return NULL;
}

/* ---- the loader's answer ----------------------------------------------------------------------- */

static bool ask(struct worker *worker, struct known *known);

/* Whoever waits looks again: it is allowed, refused, or waits for another service. */
static void resume_waiters(struct worker *worker, struct known *known) {
    struct list *conns = &worker->timeouts[TIMEOUT_ORIGINS];

    list_each(conns, node, following) conn_resume(list_item(node, struct conn, in_timeout));
    for (struct list *node; (node = list_pop_front(&known->waiters)) != NULL;) {
        struct waiter *waiter = list_item(node, struct waiter, link);
        struct exchange *exchange = exchange_find(worker, waiter->exchange_id);
        mem_free(waiter);
        if (exchange) request_room(exchange);
    }
}

static void answer_take(struct worker *worker, struct known *known, struct asked *asked) {
    bool is_there = asked->status == RAMP_OK;
    bool has_failed = !is_there && asked->status != RAMP_NOT_FOUND;

    known->until_ns =
        worker->now_ns + (is_there ? LIMIT_ORIGINS_MS : LIMIT_NEGATIVE_MS) * UINT64_C(1000000);
    /* A store that is away keeps nobody out of rooms that need no store. */
    if (has_failed && known->has_answer) return;
    known->has_answer = true;
    known->has_failed = has_failed;
    mem_free(known->lines);
    known->lines = (char *)(uintptr_t)asked->lines.data;
    known->size = asked->lines.size;
    asked->lines.data = NULL;
}

/* On the worker; its `argument` is the struct asked. */
static void answer_arrives(struct worker *worker, void *argument) {
    struct asked *asked = argument;
    struct known *known = known_find(worker, asked->service);

    if (known) {
        known->is_asked = false;
        if (known->is_stale) known->has_answer = false;
        if (!known->is_stale || !ask(worker, known)) {
            answer_take(worker, known, asked);
            resume_waiters(worker, known);
        }
    }
    mem_free((void *)(uintptr_t)asked->lines.data);
    mem_free(asked);
}

/* On the loader's thread. */
static void on_config(void *context, uint64_t ticket, const struct listed *listed) {
    struct asked *asked = context;
    json_t *config = NULL;

    (void)ticket;
    asked->status = listed->status;
    if (asked->status == RAMP_OK) asked->status = config_parse(listed->json, &config, NULL);
    if (asked->status == RAMP_OK) asked->status = config_origins(config, &asked->lines, NULL);
    json_decref(config);
    worker_post_answer(asked->worker, answer_arrives, asked);
}

static bool ask(struct worker *worker, struct known *known) {
    struct asked *asked = mem_zalloc(sizeof(*asked));

    if (!asked) return false;
    asked->worker = worker;
    memcpy(asked->service, known->service, sizeof(asked->service));
    known->is_asked = true;
    known->is_stale = false;
    loader_config(server_loader(worker->server), asked->service, on_config, asked, 0);
    return true;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* scheme://HOST, where HOST is what the client has asked for. */
static bool is_own(ramp_bytes origin, ramp_bytes host) {
    const char *text = origin.data;
    const char *mark = memmem(text, origin.size, "://", 3);
    size_t size;

    if (!mark || host.size == 0) return false;
    size = origin.size - (size_t)(mark + 3 - text);
    return size == host.size && memcmp(mark + 3, host.data, size) == 0;
}

static enum origin_verdict look_up(const struct known *known, ramp_bytes origin) {
    const char *at = known->lines, *end = at + known->size;

    if (known->has_failed) return ORIGIN_FAILED;
    if (!known->lines) return ORIGIN_FREE;
    while (at < end) {
        size_t size = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);
        if (size == 1 && *at == '*') return ORIGIN_ANY;
        if (size == origin.size && memcmp(at, origin.data, size) == 0) return ORIGIN_LISTED;
        at += size + 1;
    }
    return ORIGIN_REFUSED;
}

enum origin_verdict origins_judge(struct worker *worker, const char *service, ramp_bytes origin,
                                  ramp_bytes host) {
    struct known *known;

    if (is_own(origin, host)) return ORIGIN_OWN;
    known = known_find(worker, service);
    if (!known) known = known_add(worker, service);
    if (!known) return ORIGIN_FAILED;
    /* What is old is good until the new answer comes; a failure is not. */
    if (!known->is_asked && (!known->has_answer || known->until_ns <= worker->now_ns)) {
        if (known->has_failed) known->has_answer = known->has_failed = false;
        if (!ask(worker, known) && !known->has_answer) return ORIGIN_FAILED;
    }
    return known->has_answer ? look_up(known, origin) : ORIGIN_ASKED;
}

bool origins_wait(struct worker *worker, const char *service, uint64_t exchange_id) {
    struct known *known = known_find(worker, service);
    struct waiter *waiter = known ? mem_alloc(sizeof(*waiter)) : NULL;

    if (!waiter) return false;
    waiter->exchange_id = exchange_id;
    list_push_back(&known->waiters, &waiter->link);
    return true;
}

void origins_forget(struct worker *worker, const char *service) {
    struct known *known = known_find(worker, service);

    if (!known) return;
    known->has_answer = false;
    if (known->is_asked) known->is_stale = true;
}

const char *origins_sentence(enum origin_verdict verdict) {
    return verdict == ORIGIN_REFUSED
               ? "the page's origin is not among the `origins` of the service's ramp.json"
               : "the service's configuration cannot be read now, so its `origins` are not known";
}

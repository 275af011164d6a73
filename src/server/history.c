/* SPDX-License-Identifier: Apache-2.0 */
/* history.c -- see history.h. Every line is in two lists: all lines, and those of its service. */
#include "server/history.h"

#include <string.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

struct history_service {
    struct list lines;
    unsigned count;
    char name[LIMIT_SERVICE_NAME + 1];
};

struct history_line {
    struct list in_all, in_service;
    struct history_service *service;
    int64_t time_ms;
    int level;
    bool by_module;
    size_t size; /* of this object */
    const char *room, *connection, *call;
    ramp_bytes text;
    char bytes[]; /* what the four point to */
};

struct history {
    struct list lines;
    struct map services; /* name -> history_service */
    size_t bytes;
};

struct history *history_new(void) {
    struct history *history = mem_zalloc(sizeof(*history));

    if (!history) return NULL;
    list_init(&history->lines);
    map_init(&history->services, (uint64_t)(uintptr_t)history);
    return history;
}

static void forget(struct history *history, struct history_line *line) {
    struct history_service *service = line->service;

    list_remove(&line->in_all);
    list_remove(&line->in_service);
    history->bytes -= line->size;
    mem_free(line);
    if (--service->count) return;
    map_remove(&history->services, service->name, strlen(service->name));
    mem_free(service);
}

void history_free(struct history *history) {
    if (!history) return;
    while (!list_empty(&history->lines))
        forget(history, list_item(history->lines.next, struct history_line, in_all));
    map_done(&history->services);
    mem_free(history);
}

static struct history_service *service_of(struct history *history, const char *name) {
    size_t size = strlen(name);
    struct history_service *service = map_get(&history->services, name, size);

    if (service || size > LIMIT_SERVICE_NAME) return service;
    service = mem_zalloc(sizeof(*service));
    if (!service) return NULL;
    memcpy(service->name, name, size + 1);
    list_init(&service->lines);
    if (map_put(&history->services, service->name, size, service)) return service;
    mem_free(service);
    return NULL;
}

static const char *put_text(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    const char *put = memcpy(*at, text, size);

    *at += size;
    return put;
}

static struct history_line *copy_line(const ramp_log_line *from, int64_t time_ms) {
    size_t text = strlen(from->room) + strlen(from->connection) + strlen(from->call) + 3;
    size_t size = sizeof(struct history_line) + text + from->text.size;
    struct history_line *line = mem_zalloc(size);
    char *at;

    if (!line) return NULL;
    at = line->bytes;
    line->size = size;
    line->time_ms = time_ms;
    line->level = from->level;
    line->by_module = from->by_module;
    line->room = put_text(&at, from->room);
    line->connection = put_text(&at, from->connection);
    line->call = put_text(&at, from->call);
    if (from->text.size) memcpy(at, from->text.data, from->text.size);
    line->text = (ramp_bytes){at, from->text.size};
    return line;
}

void history_add(struct history *history, const ramp_log_line *from, int64_t time_ms) {
    struct history_line *line = copy_line(from, time_ms);
    struct history_service *service = line ? service_of(history, from->service) : NULL;

    if (!service) {
        mem_free(line);
        return;
    }
    line->service = service;
    list_push_back(&history->lines, &line->in_all);
    list_push_back(&service->lines, &line->in_service);
    service->count++;
    history->bytes += line->size;
    if (service->count > LIMIT_HISTORY_LINES)
        forget(history, list_item(service->lines.next, struct history_line, in_service));
    while (history->bytes > LIMIT_HISTORY_BYTES)
        forget(history, list_item(history->lines.next, struct history_line, in_all));
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool fits(const struct history_line *line, const struct history_filter *filter) {
    return line->level >= filter->level_min && line->time_ms >= filter->since_ms &&
           (!filter->service || strcmp(filter->service, line->service->name) == 0) &&
           (!filter->room || strcmp(filter->room, line->room) == 0);
}

static void tell(const struct history_line *line,
                 void (*each)(void *, const ramp_log_line *, int64_t), void *context) {
    const ramp_log_line told = {.level = line->level,
                                .service = line->service->name,
                                .room = line->room,
                                .connection = line->connection,
                                .call = line->call,
                                .text = line->text,
                                .by_module = line->by_module};

    each(context, &told, line->time_ms);
}

void history_read(const struct history *history, const struct history_filter *filter,
                  void (*each)(void *, const ramp_log_line *, int64_t), void *context) {
    const struct list *from = &history->lines;
    size_t count = 0;

    /* Back to the first of the latest ones, then forward. */
    while (count < filter->count_max && from->previous != &history->lines) {
        from = from->previous;
        if (fits(list_item(from, struct history_line, in_all), filter)) count++;
    }
    if (count == 0) return;
    for (; from != &history->lines; from = from->next) {
        const struct history_line *line = list_item(from, struct history_line, in_all);
        if (fits(line, filter)) tell(line, each, context);
    }
}

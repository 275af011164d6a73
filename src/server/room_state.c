/* SPDX-License-Identifier: Apache-2.0 */
/* room_state.c -- what one room looks like from inside, and its source: for the playground and for people.
 *
 *   worker with the request                    worker with the room
 *   control_room() ──────────── post ────────▶ look() ─▶ ramp_host_room()
 *   answer()       ◀──────── post_answer ────────┘
 *
 * Door:     control_room(), control_source() (control.h).
 * Before:   routes.c.
 * Not here: what the room has stored (keys and values), lists of rooms (gather.c).
 *
 * GET /_ramp/v1/services/S/rooms/R
 *   {"service", "room", "worker", "sources" (source, below, has some), "live": true, "version", "open",
 *    "waiting", "committing", "connections", "queued", "memory", "calls", "calls_failed", "cpu_ns",
 *    "alarm_ms" (Unix; 0: none), "saved", "pinned", "timers": [{"id", "due_ms" (from now), "period_ms" (0:
 *    once)}]}. A room that does not live now is no error, since its first call begins it: "live": false, and
 *    nothing after it.
 * GET /_ramp/v1/source?file=src/room.ts
 *   the file's text, as it is now. `ramp dev` only
 */
#include <limits.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "drivers/module_id.h"
#include "server/control.h"
#include "server/static_files.h"
#include "wire/url.h"

#define MS 1000000u

/* ---- GET /_ramp/v1/services/S/rooms/R -------------------------------------------------------- */

struct question {
    struct worker *asking;
    uint64_t exchange_id;
    char service[LIMIT_SERVICE_NAME + 2],
        room[LIMIT_ROOM_ID + 2]; /* one more shows what is too long */
    json_t *json;                /* the answer; NULL: no memory */
};

struct timers {
    json_t *list;
    uint64_t now_ns;
};

static void add_timer(void *context, const ramp_timer_info *info) {
    struct timers *timers = context;
    bool is_due = info->due_ns == UINT64_MAX || info->due_ns <= timers->now_ns;

    json_array_append_new(timers->list,
                          json_pack("{s:i, s:I, s:I}", "id", (int)info->id, "due_ms",
                                    (json_int_t)(is_due ? 0 : (info->due_ns - timers->now_ns) / MS),
                                    "period_ms", (json_int_t)(info->period_ns / MS)));
}

/* What is known of every room. */
static json_t *name_json(const struct worker *worker, const struct question *question, bool live) {
    return json_pack("{s:s, s:s, s:i, s:b, s:b}", "service", question->service, "room",
                     question->room, "worker", (int)worker_index(worker), "sources",
                     server_options(worker_server(worker))->project != NULL, "live", live);
}

/* What is known of one that lives. Takes `timers`. */
static json_t *info_json(const ramp_room_info *info, json_t *timers) {
    char id[MODULE_ID_TEXT_SIZE];

    module_id_text(&info->module, id);
    return json_pack("{s:s, s:b, s:b, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o}",
                     "version", id, "open", info->open, "waiting", info->waiting, "committing",
                     (int)info->committing, "connections", (int)info->connections, "queued",
                     (int)info->queued, "memory", (json_int_t)info->memory, "calls",
                     (json_int_t)info->calls, "calls_failed", (json_int_t)info->calls_failed,
                     "cpu_ns", (json_int_t)info->cpu_ns, "alarm_ms", (json_int_t)info->alarm_ms,
                     "saved", info->saved, "pinned", info->pinned, "timers", timers);
}

static void answer(struct worker *worker, void *argument) {
    struct question *question = argument;
    struct exchange *exchange = exchange_find(worker, question->exchange_id);

    if (exchange) control_reply(exchange, 200, question->json);
    else json_decref(question->json);
    mem_free(question);
}

static void look(struct worker *worker, void *argument) {
    struct question *question = argument;
    struct timers timers = {.list = json_array(), .now_ns = worker_now_ns(worker)};
    ramp_room_info info;
    bool live = ramp_host_room(worker_host(worker), question->service, question->room, &info,
                               timers.list ? add_timer : NULL, &timers);

    if (live && timers.list) {
        json_t *more = info_json(&info, timers.list);
        question->json = name_json(worker, question, true);
        json_object_update(question->json, more);
        json_decref(more);
    } else {
        question->json = live ? NULL : name_json(worker, question, false);
        json_decref(timers.list);
    }
    worker_post_answer(question->asking, answer, question);
}

void control_room(struct worker *worker, struct exchange *exchange, const char *rest) {
    struct question *question = mem_zalloc(sizeof(*question));
    struct worker *owner;

    if (!question) {
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
        return;
    }
    question->asking = worker;
    question->exchange_id = exchange_id(exchange);
    control_part(rest, 0, question->service, sizeof(question->service));
    control_part(rest, 2, question->room, sizeof(question->room));
    if (!url_service_valid(text_of(question->service)) ||
        !url_room_valid(text_of(question->room))) {
        control_reply_failed(exchange, RAMP_ARGS,
                             "the path names no service and room: services/SERVICE/rooms/ROOM");
        mem_free(question);
        return;
    }
    owner = server_worker_of(worker_server(worker), question->service, question->room);
    if (worker_post(owner, look, question)) return;
    control_reply_failed(exchange, RAMP_UNAVAILABLE,
                         "the room's worker is too busy to answer; try again");
    mem_free(question);
}

/* ---- GET /_ramp/v1/source -------------------------------------------------------------------- */

static bool is_source(const char *path) {
    static const char *const endings[] = {".ts", ".c", ".h", ".rs", ".zig"};
    const char *ending = strrchr(path, '.');

    for (size_t i = 0; ending && i < sizeof(endings) / sizeof(*endings); i++)
        if (strcmp(ending, endings[i]) == 0) return true;
    return false;
}

void control_source(struct worker *worker, struct exchange *exchange, const char *rest) {
    const char *folder = server_options(worker_server(worker))->project;
    char path[PATH_MAX], *file;
    bool bad;

    (void)rest;
    if (!folder) {
        control_reply_failed(exchange, RAMP_NOT_FOUND, "sources are shown by `ramp dev` only");
        return;
    }
    file = control_query(exchange, "file", &bad);
    if (!file || strlen(file) + 2 > sizeof(path)) {
        control_reply_failed(exchange, RAMP_ARGS, "name a file of the project: ?file=src/room.ts");
    } else {
        path[0] = '/';
        memcpy(path + 1, file, strlen(file) + 1);
        if (!is_source(path) || !static_web(exchange, folder, path))
            exchange_reply_error(exchange, 404, "NOT_FOUND", "the project has no source %.200s",
                                 file);
    }
    mem_free(file);
}

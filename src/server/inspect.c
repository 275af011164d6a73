/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.c -- what a room has stored, for people. See control.h.
 *
 *   GET /_ramp/v1/services/S/rooms/R/db?prefix=&after=&limit=
 *     {"service", "room", "head": {"number", "alarm_ms"}, "entries": [ENTRY ...], "more"}
 *   GET /_ramp/v1/services/S/rooms/R/kv?scope=room|service&prefix=&after=&limit=
 *     {"service", "room", "scope", "entries": [ENTRY ...], "more"}
 *   ENTRY  {"key", "size", "value" or "value_base64", "cut", "expires_ms"}
 *
 * `head.number` counts the room's commits; alarm_ms is 0 if there is none. Entries come in bytewise order
 * of their keys. `value` is text if the value is UTF-8; `size` its whole size in bytes; `cut` is there,
 * and true, if only its first LIMIT_INSPECT_VALUE bytes are shown; `expires_ms` (Unix ms) only if a key
 * of kv expires. `limit`: 100 unless told, up to LIMIT_INSPECT_ENTRIES; fewer come if they are large.
 * `more`: others follow; ask again with `after` = the last key. A room that has stored nothing has no
 * entries; it need not live. kv is written behind: what was set in the last 50 ms may be missing.
 *
 * Before: routes.c. After: db_sqlite_inspect(), kv_sqlite_inspect(), on the storage's threads.
 */
#include "server/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/json_document.h"
#include "server/worker_storage.h"
#include "wire/url.h"

#define LIMIT_UNLESS_TOLD 100
#define PAGE_BYTES        (1u << 20)

struct question {
    struct worker *worker;
    uint64_t exchange_id;
    char service[LIMIT_SERVICE_NAME + 2],
        room[LIMIT_ROOM_ID + 2]; /* one more shows what is too long */
    bool is_kv, is_service;      /* kv: the service's own keys */
    char *prefix, *after;
    struct storage_job *job; /* the answer */
};

static void question_free(struct question *question) {
    storage_job_free(question->job);
    mem_free(question->prefix);
    mem_free(question->after);
    mem_free(question);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int set_value(json_t *json, ramp_bytes value) {
    bool is_cut = value.size > LIMIT_INSPECT_VALUE;
    ramp_bytes shown = {value.data, is_cut ? LIMIT_INSPECT_VALUE : value.size};
    json_t *text;

    /* Not within a character, if it is text. */
    for (unsigned i = 0; is_cut && i < 3; i++)
        if (((const unsigned char *)value.data)[shown.size] >> 6 == 2) shown.size--;
    text = json_of_bytes(shown);
    if (is_cut && json_object_set_new(json, "cut", json_true()) != 0) return -1;
    if (text) return json_object_set_new(json, "value", text);
    shown.size = is_cut ? LIMIT_INSPECT_VALUE : value.size;
    return json_object_set_new(json, "value_base64", json_of_base64(shown));
}

static json_t *entry_json(const ramp_entry *entry, int64_t expires_ms) {
    json_t *json = json_object();

    if (json_object_set_new(json, "key", json_of_bytes(entry->key)) != 0 ||
        json_object_set_new(json, "size", json_integer((json_int_t)entry->value.size)) != 0 ||
        set_value(json, entry->value) != 0 ||
        (expires_ms &&
         json_object_set_new(json, "expires_ms", json_integer((json_int_t)expires_ms)) != 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *entries_json(const struct question *question) {
    const ramp_answer *answer = &question->job->answer;
    const int64_t *expiries = question->is_kv ? kv_sqlite_expiries(question->job) : NULL;
    json_t *list = json_array();

    for (size_t i = 0; i < answer->entry_count; i++) {
        if (json_array_append_new(list,
                                  entry_json(&answer->entries[i], expiries ? expiries[i] : 0)) == 0)
            continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *answer_json(const struct question *question) {
    const ramp_answer *answer = &question->job->answer;
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:b}", "service", question->service, "room", question->room,
                  "entries", entries_json(question), "more", (int)answer->more);
    json_t *head = json_pack("{s:I, s:I}", "number", (json_int_t)answer->head.number, "alarm_ms",
                             (json_int_t)answer->head.alarm_ms);
    int failed = question->is_kv
                     ? json_object_set_new(json, "scope",
                                           json_string(question->is_service ? "service" : "room"))
                     : json_object_set(json, "head", head);

    json_decref(head);
    if (failed == 0) return json;
    json_decref(json);
    return NULL;
}

static void reply(struct worker *worker, void *argument) {
    struct question *question = argument;
    struct exchange *exchange = exchange_find(worker, question->exchange_id);
    const ramp_answer *answer = &question->job->answer;

    if (exchange && answer->status == RAMP_OK) control_reply(exchange, 200, answer_json(question));
    else if (exchange) control_reply_failed(exchange, answer->status, answer->message);
    question_free(question);
}

/* On the storage's thread. */
static void on_read(void *context, struct storage_job *job) {
    struct question *question = context;

    question->job = job;
    worker_post_answer(question->worker, reply, question);
}

/* ---- the request ------------------------------------------------------------------------------- */

/* false: answered. */
static bool read_names(struct exchange *exchange, const char *rest, struct question *question) {
    control_part(rest, 0, question->service, sizeof(question->service));
    control_part(rest, 2, question->room, sizeof(question->room));
    if (!url_service_valid(text_of(question->service)) ||
        !url_room_valid(text_of(question->room))) {
        control_reply_failed(exchange, RAMP_ARGS,
                             "the path names no service and room: services/SERVICE/rooms/ROOM");
        return false;
    }
    return true;
}

/* A key or a part of one. false: answered. */
static bool read_key(struct exchange *exchange, const char *name, char **ret_key,
                     ramp_bytes *ret_bytes) {
    bool is_bad;

    *ret_key = control_query(exchange, name, &is_bad);
    *ret_bytes = (ramp_bytes){*ret_key, *ret_key ? strlen(*ret_key) : 0};
    if (!is_bad && ret_bytes->size <= LIMIT_KEY_SIZE) return true;
    exchange_reply_error(exchange, 400, "ARGS",
                         "the query's `%s` is no key: 1 to %u bytes of UTF-8", name,
                         LIMIT_KEY_SIZE);
    return false;
}

/* false: answered. */
static bool read_limit(struct exchange *exchange, uint32_t *ret_limit) {
    bool is_bad;
    char *text = control_query(exchange, "limit", &is_bad), *end = NULL;
    unsigned long limit = text ? strtoul(text, &end, 10) : LIMIT_UNLESS_TOLD;

    is_bad = is_bad || (end && *end) || limit == 0 || limit > LIMIT_INSPECT_ENTRIES;
    *ret_limit = (uint32_t)limit;
    mem_free(text);
    if (is_bad)
        exchange_reply_error(exchange, 400, "ARGS", "the query's `limit` is a number from 1 to %u",
                             LIMIT_INSPECT_ENTRIES);
    return !is_bad;
}

/* false: answered. */
static bool read_scope(struct exchange *exchange, bool *ret_is_service) {
    bool is_bad;
    char *scope = control_query(exchange, "scope", &is_bad);

    *ret_is_service = scope && strcmp(scope, "service") == 0;
    is_bad = is_bad || (scope && !*ret_is_service && strcmp(scope, "room") != 0);
    mem_free(scope);
    if (is_bad)
        control_reply_failed(exchange, RAMP_ARGS, "the query's `scope` is `room` or `service`");
    return !is_bad;
}

static bool start(struct question *question, const ramp_db_range *range) {
    const struct server_storage *storage = server_storage(worker_server(question->worker));

    if (!question->is_kv)
        return db_sqlite_inspect(storage->db, question->service, question->room, range, on_read,
                                 question);
    return kv_sqlite_inspect(storage->kv, question->service,
                             question->is_service ? NULL : question->room, range, on_read,
                             question);
}

static void inspect(struct worker *worker, struct exchange *exchange, const char *rest,
                    bool is_kv) {
    struct question *question = mem_zalloc(sizeof(*question));
    ramp_db_range range = {.bytes_max = PAGE_BYTES};

    if (!question) {
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
        return;
    }
    question->worker = worker;
    question->exchange_id = exchange_id(exchange);
    question->is_kv = is_kv;
    if (read_names(exchange, rest, question) &&
        read_key(exchange, "prefix", &question->prefix, &range.prefix) &&
        read_key(exchange, "after", &question->after, &range.after) &&
        read_limit(exchange, &range.limit) &&
        (!is_kv || read_scope(exchange, &question->is_service))) {
        if (start(question, &range)) return;
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
    }
    question_free(question);
}

void control_db(struct worker *worker, struct exchange *exchange, const char *rest) {
    inspect(worker, exchange, rest, false);
}

void control_kv(struct worker *worker, struct exchange *exchange, const char *rest) {
    inspect(worker, exchange, rest, true);
}

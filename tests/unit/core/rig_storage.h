/* SPDX-License-Identifier: Apache-2.0 */
/* rig_storage.h -- a kv, a db and saved states in a test's hand, beside the rig.
 *
 *     rig_open_with(NULL);                    a host with all three, in `storage`
 *     storage_hold(DB_COMMIT);                from now on commits wait ...
 *     storage_answer(DB_COMMIT);              ... for this, which carries out the oldest and answers it
 *     storage_refuse(DB_COMMIT, RAMP_IO);     or this, which does not
 *     storage_land(DB_COMMIT);                or this, which carries it out without a word
 *     storage_tell(DB_COMMIT);                what is asked of this kind is told in the transcript
 *
 * What is not held is carried out and answered inside the driver's function; what is held, when it is
 * answered. What is kept outlives the host. Lines of the transcript: `> commit 3 "key" "value" del "key"`,
 * with the room, if it is not s/r. Include after unit/core/cmocka_rig.h.
 */
#ifndef TESTS_CORE_RIG_STORAGE_H
#define TESTS_CORE_RIG_STORAGE_H

#include "unit/core/cmocka_rig.h"

#define STORAGE_LIST(X)                                                                            \
    X(KV_GET, "kv get")                                                                            \
    X(KV_WRITE, "kv write")                                                                        \
    X(DB_HEAD, "head")                                                                             \
    X(DB_GET, "get")                                                                               \
    X(DB_LIST, "list")                                                                             \
    X(DB_COMMIT, "commit")                                                                         \
    X(DB_ALARMS, "alarms")                                                                         \
    X(STATE_LOAD, "load")                                                                          \
    X(STATE_SAVE, "save")                                                                          \
    X(STATE_MARK, "mark")                                                                          \
    X(STATE_END, "end")

enum storage_kind {
#define STORAGE_KIND(name, text) name,
    STORAGE_LIST(STORAGE_KIND)
#undef STORAGE_KIND
        STORAGE_KINDS
};

/* What is kept under (shelf, service, room, key). */
enum storage_shelf { SHELF_KV, SHELF_DB, SHELF_HEAD, SHELF_STATE };
struct storage_item {
    struct storage_item *next; /* in order */
    enum storage_shelf shelf;
    char service[72], room[140]; /* of kv, a service's own: "" */
    size_t key_size, value_size;
    int64_t expires_ms;
    uint32_t flags;
    ramp_head head;
    char *key, *value;
};

/* One that has been asked, copied. */
struct storage_request {
    struct storage_request *next;
    enum storage_kind kind;
    ramp_ticket ticket;
    char service[72], room[140];
    char *key; /* get; list: the prefix; save: the state */
    size_t key_size;
    char *after;
    size_t after_size;
    uint32_t limit, flags;
    size_t bytes_max;
    uint64_t number, writer;
    bool sets_alarm, has_after;
    int64_t at_ms, until_ms;
    struct storage_item *writes; /* in order */
};

static struct storage {
    ramp_kv kv;
    ramp_db db;
    ramp_states states;
    struct storage_item *items;
    struct storage_request *open; /* oldest first */
    bool holds[STORAGE_KINDS], tells[STORAGE_KINDS];
    uint32_t asked[STORAGE_KINDS], cancelled;
    uint64_t writer; /* of the latest commit that was asked */
    ramp_ticket last_ticket;
} storage;

static const char *storage_text(enum storage_kind kind) {
    static const char *const texts[] = {
#define STORAGE_TEXT(name, text) text,
        STORAGE_LIST(STORAGE_TEXT)
#undef STORAGE_TEXT
    };
    return texts[kind];
}

static char *storage_copy(ramp_bytes bytes) {
    char *copy = malloc(bytes.size + 1);
    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return copy;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static int storage_order(const struct storage_item *item, enum storage_shelf shelf,
                         const char *service, const char *room, ramp_bytes key) {
    size_t size = item->key_size < key.size ? item->key_size : key.size;
    int order = item->shelf < shelf ? -1 : item->shelf > shelf;

    if (!order) order = strcmp(item->service, service);
    if (!order) order = strcmp(item->room, room);
    if (!order && size) order = memcmp(item->key, key.data, size);
    if (!order) order = item->key_size < key.size ? -1 : item->key_size > key.size;
    return order;
}

static void storage_free_item(struct storage_item *item) {
    free(item->key);
    free(item->value);
    free(item);
}

static struct storage_item *storage_new_item(enum storage_shelf shelf, const char *service,
                                             const char *room, ramp_bytes key, ramp_bytes value) {
    struct storage_item *item = calloc(1, sizeof(*item));

    item->shelf = shelf;
    snprintf(item->service, sizeof(item->service), "%s", service);
    snprintf(item->room, sizeof(item->room), "%s", room);
    item->key = storage_copy(key);
    item->key_size = key.size;
    item->value = storage_copy(value);
    item->value_size = value.size;
    return item;
}

/* NULL: there is none. */
static struct storage_item *storage_find(enum storage_shelf shelf, const char *service,
                                         const char *room, ramp_bytes key) {
    for (struct storage_item *item = storage.items; item; item = item->next)
        if (storage_order(item, shelf, service, room, key) == 0) return item;
    return NULL;
}

static void storage_drop(enum storage_shelf shelf, const char *service, const char *room,
                         ramp_bytes key) {
    for (struct storage_item **at = &storage.items; *at; at = &(*at)->next) {
        struct storage_item *item = *at;
        if (storage_order(item, shelf, service, room, key) != 0) continue;
        *at = item->next;
        storage_free_item(item);
        return;
    }
}

static struct storage_item *storage_put(enum storage_shelf shelf, const char *service,
                                        const char *room, ramp_bytes key, ramp_bytes value) {
    struct storage_item **at = &storage.items, *item;

    storage_drop(shelf, service, room, key);
    while (*at && storage_order(*at, shelf, service, room, key) < 0) at = &(*at)->next;
    item = storage_new_item(shelf, service, room, key, value);
    item->next = *at;
    return *at = item;
}

/* The db's value of a key of s/r, as text; NULL: there is none. */
RIG_MAYBE const char *storage_row(const char *key) {
    const struct storage_item *item =
        storage_find(SHELF_DB, "s", "r", (ramp_bytes){key, strlen(key)});
    return item ? item->value : NULL;
}

RIG_MAYBE ramp_head storage_head(const char *service, const char *room) {
    const struct storage_item *item = storage_find(SHELF_HEAD, service, room, (ramp_bytes){0});
    return item ? item->head : (ramp_head){0};
}

/* Somebody else commits. */
RIG_MAYBE void storage_intrude(const char *service, const char *room) {
    ramp_head head = storage_head(service, room);
    head.number++;
    head.writer = 4711;
    storage_put(SHELF_HEAD, service, room, (ramp_bytes){0}, (ramp_bytes){0})->head = head;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void storage_free_request(struct storage_request *request) {
    for (struct storage_item *next; request->writes; request->writes = next) {
        next = request->writes->next;
        storage_free_item(request->writes);
    }
    free(request->key);
    free(request->after);
    free(request);
}

static void storage_say_request(const struct storage_request *request) {
    rig_say(&rig, "> ");
    if (request->kind == KV_WRITE) {
        rig_say(&rig, "%s", storage_text(request->kind));
    } else {
        if (strcmp(request->service, "s") != 0 || strcmp(request->room, "r") != 0)
            rig_say(&rig, "%s/%s: ", request->service, request->room);
        rig_say(&rig, "%s", storage_text(request->kind));
    }
    if (request->kind == DB_COMMIT) rig_say(&rig, " %" PRIu64, request->number);
    if (request->key) rig_say_bytes(&rig, (ramp_bytes){request->key, request->key_size});
    if (request->kind == STATE_SAVE && request->flags) rig_say(&rig, " ended");
    for (const struct storage_item *write = request->writes; write; write = write->next) {
        if (write->flags) rig_say(&rig, " del");
        rig_say_bytes(&rig, (ramp_bytes){write->key, write->key_size});
        if (!write->flags) rig_say_bytes(&rig, (ramp_bytes){write->value, write->value_size});
    }
    if (request->sets_alarm) {
        rig_say(&rig, "; alarm");
        rig_say_alarm(&rig, request->at_ms);
    }
    rig_say(&rig, "\n");
}

static void storage_carry_out(struct storage_request *request, ramp_answer *answer);

/* Answers now, or keeps it. Takes `request`. */
static void storage_ask(struct storage_request *request) {
    struct storage_request **at = &storage.open;
    ramp_answer answer = {.size = sizeof(answer)};

    storage.asked[request->kind]++;
    storage.last_ticket = request->ticket;
    if (request->kind == DB_COMMIT) storage.writer = request->writer;
    if (storage.tells[request->kind]) storage_say_request(request);
    if (storage.holds[request->kind]) {
        while (*at) at = &(*at)->next;
        *at = request;
        return;
    }
    storage_carry_out(request, &answer);
    if (request->ticket) ramp_complete(rig.host, request->ticket, &answer);
    free((void *)(uintptr_t)answer.entries);
    free((void *)(uintptr_t)answer.alarms);
    storage_free_request(request);
}

static struct storage_request *storage_request(enum storage_kind kind, ramp_ticket ticket,
                                               const char *service, const char *room) {
    struct storage_request *request = calloc(1, sizeof(*request));

    request->kind = kind;
    request->ticket = ticket;
    snprintf(request->service, sizeof(request->service), "%s", service);
    snprintf(request->room, sizeof(request->room), "%s", room);
    return request;
}

static void storage_set_key(struct storage_request *request, ramp_bytes key) {
    request->key = storage_copy(key);
    request->key_size = key.size;
}

/* ---- carrying out ---------------------------------------------------------------------------- */

static bool storage_has_prefix(const struct storage_item *item, const char *prefix, size_t size) {
    return item->key_size >= size && memcmp(item->key, prefix, size) == 0;
}

static void storage_list(const struct storage_request *request, ramp_answer *answer) {
    size_t size = 0, capacity = 0, count = 0;
    ramp_entry *entries = NULL;

    for (const struct storage_item *item = storage.items; item; item = item->next) {
        if (item->shelf != SHELF_DB || strcmp(item->service, request->service) != 0 ||
            strcmp(item->room, request->room) != 0 ||
            !storage_has_prefix(item, request->key, request->key_size) ||
            storage_order(item, SHELF_DB, item->service, item->room,
                          (ramp_bytes){request->after, request->after_size}) <= 0)
            continue;
        size += item->key_size + item->value_size;
        answer->more = count == request->limit || (count > 0 && size > request->bytes_max);
        if (answer->more) break;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            entries = realloc(entries, capacity * sizeof(*entries));
        }
        entries[count++] =
            (ramp_entry){{item->key, item->key_size}, {item->value, item->value_size}};
    }
    answer->entries = entries;
    answer->entry_count = count;
}

static void storage_commit(const struct storage_request *request, ramp_answer *answer) {
    ramp_head head = storage_head(request->service, request->room);

    if (head.number + 1 != request->number) {
        answer->status = RAMP_CONFLICT;
        answer->head = head;
        return;
    }
    head.number = request->number;
    head.writer = request->writer;
    if (request->sets_alarm) head.alarm_ms = request->at_ms;
    storage_put(SHELF_HEAD, request->service, request->room, (ramp_bytes){0}, (ramp_bytes){0})
        ->head = head;
    for (const struct storage_item *write = request->writes; write; write = write->next) {
        ramp_bytes key = {write->key, write->key_size};
        if (write->flags) storage_drop(SHELF_DB, request->service, request->room, key);
        else
            storage_put(SHELF_DB, request->service, request->room, key,
                        (ramp_bytes){write->value, write->value_size});
    }
}

static int storage_alarm_order(const void *left, const void *right) {
    const ramp_alarm *a = left, *b = right;
    int order = a->at_ms < b->at_ms ? -1 : a->at_ms > b->at_ms;

    if (!order) order = strcmp(a->service, b->service);
    return order ? order : strcmp(a->room, b->room);
}

static void storage_alarms(const struct storage_request *request, ramp_answer *answer) {
    const ramp_alarm last = {request->service, request->room, request->at_ms};
    ramp_alarm *alarms = NULL;
    size_t count = 0;

    for (const struct storage_item *item = storage.items; item; item = item->next) {
        ramp_alarm alarm = {item->service, item->room, item->head.alarm_ms};
        if (item->shelf != SHELF_HEAD || !alarm.at_ms || alarm.at_ms > request->until_ms) continue;
        if (request->has_after && storage_alarm_order(&alarm, &last) <= 0) continue;
        alarms = realloc(alarms, (count + 1) * sizeof(*alarms));
        alarms[count++] = alarm;
    }
    if (count) qsort(alarms, count, sizeof(*alarms), storage_alarm_order);
    answer->alarms = alarms;
    answer->alarm_count = count < request->limit ? count : request->limit;
    answer->more = count > request->limit;
}

static void storage_write_kv(const struct storage_request *request) {
    for (const struct storage_item *write = request->writes; write; write = write->next) {
        ramp_bytes key = {write->key, write->key_size};
        if (write->flags) storage_drop(SHELF_KV, write->service, write->room, key);
        else
            storage_put(SHELF_KV, write->service, write->room, key,
                        (ramp_bytes){write->value, write->value_size})
                ->expires_ms = write->expires_ms;
    }
}

static void storage_give(const struct storage_item *item, ramp_answer *answer) {
    if (!item || (item->expires_ms && item->expires_ms <= rig_wall_ms(&rig))) {
        answer->status = RAMP_NOT_FOUND;
        return;
    }
    answer->value = (ramp_bytes){item->value, item->value_size};
    answer->expires_ms = item->expires_ms;
    answer->flags = item->flags;
}

static void storage_carry_out(struct storage_request *request, ramp_answer *answer) {
    const ramp_bytes none = {0}, key = {request->key, request->key_size};
    const char *service = request->service, *room = request->room;
    struct storage_item *item;

    switch (request->kind) {
    case KV_GET: storage_give(storage_find(SHELF_KV, service, room, key), answer); break;
    case KV_WRITE: storage_write_kv(request); break;
    case DB_HEAD: answer->head = storage_head(service, room); break;
    case DB_GET: storage_give(storage_find(SHELF_DB, service, room, key), answer); break;
    case DB_LIST: storage_list(request, answer); break;
    case DB_COMMIT: storage_commit(request, answer); break;
    case DB_ALARMS: storage_alarms(request, answer); break;
    case STATE_LOAD: storage_give(storage_find(SHELF_STATE, service, room, none), answer); break;
    case STATE_SAVE:
        item = storage_put(SHELF_STATE, service, room, none, key);
        item->flags = request->flags | RAMP_STATE_CURRENT;
        break;
    case STATE_MARK:
        item = storage_find(SHELF_STATE, service, room, none);
        if (item) item->flags = 0;
        break;
    case STATE_END:
        item = storage_find(SHELF_STATE, service, room, none);
        if (item) item->flags |= RAMP_STATE_ENDED;
        break;
    default: break;
    }
}

/* ---- the drivers ----------------------------------------------------------------------------- */

static void storage_kv_get(void *context, ramp_host *host, ramp_ticket ticket,
                           const ramp_kv_key *key) {
    struct storage_request *request =
        storage_request(KV_GET, ticket, key->service, key->room ? key->room : "");
    (void)context, (void)host;
    storage_set_key(request, key->key);
    storage_ask(request);
}

static void storage_kv_write(void *context, ramp_host *host, ramp_ticket ticket,
                             const ramp_kv_write *writes, size_t count) {
    struct storage_request *request = storage_request(KV_WRITE, ticket, "", "");
    struct storage_item **at = &request->writes;
    (void)context, (void)host;
    for (size_t i = 0; i < count; i++, at = &(*at)->next) {
        *at = storage_new_item(SHELF_KV, writes[i].key.service,
                               writes[i].key.room ? writes[i].key.room : "", writes[i].key.key,
                               writes[i].value);
        (*at)->flags = writes[i].is_delete;
        (*at)->expires_ms = writes[i].expires_ms;
    }
    storage_ask(request);
}

static void storage_db_head(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                            const char *room) {
    (void)context, (void)host;
    storage_ask(storage_request(DB_HEAD, ticket, service, room));
}

static void storage_db_get(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                           const char *room, ramp_bytes key) {
    struct storage_request *request = storage_request(DB_GET, ticket, service, room);
    (void)context, (void)host;
    storage_set_key(request, key);
    storage_ask(request);
}

static void storage_db_list(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                            const char *room, const ramp_db_range *range) {
    struct storage_request *request = storage_request(DB_LIST, ticket, service, room);
    (void)context, (void)host;
    storage_set_key(request, range->prefix);
    request->after = storage_copy(range->after);
    request->after_size = range->after.size;
    request->limit = range->limit;
    request->bytes_max = range->bytes_max;
    storage_ask(request);
}

static void storage_db_commit(void *context, ramp_host *host, ramp_ticket ticket,
                              const ramp_commit *commit) {
    struct storage_request *request =
        storage_request(DB_COMMIT, ticket, commit->service, commit->room);
    struct storage_item **at = &request->writes;
    (void)context, (void)host;
    request->number = commit->number;
    request->writer = commit->writer;
    request->sets_alarm = commit->sets_alarm;
    request->at_ms = commit->alarm_ms;
    for (size_t i = 0; i < commit->write_count; i++, at = &(*at)->next) {
        const ramp_db_write *write = &commit->writes[i];
        *at = storage_new_item(SHELF_DB, commit->service, commit->room, write->key,
                               write->is_delete ? (ramp_bytes){0} : write->value);
        (*at)->flags = write->is_delete;
    }
    storage_ask(request);
}

static void storage_db_alarms(void *context, ramp_host *host, ramp_ticket ticket, int64_t until_ms,
                              const ramp_alarm *after, uint32_t limit) {
    struct storage_request *request =
        storage_request(DB_ALARMS, ticket, after ? after->service : "", after ? after->room : "");
    (void)context, (void)host;
    request->has_after = after != NULL;
    request->at_ms = after ? after->at_ms : 0;
    request->until_ms = until_ms;
    request->limit = limit;
    storage_ask(request);
}

static void storage_load(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                         const char *room) {
    (void)context, (void)host;
    storage_ask(storage_request(STATE_LOAD, ticket, service, room));
}

static void storage_save(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                         const char *room, ramp_bytes state, uint32_t flags) {
    struct storage_request *request = storage_request(STATE_SAVE, ticket, service, room);
    (void)context, (void)host;
    storage_set_key(request, state);
    request->flags = flags;
    storage_ask(request);
}

static void storage_mark(void *context, const char *service, const char *room) {
    (void)context;
    storage_ask(storage_request(STATE_MARK, 0, service, room));
}

static void storage_end(void *context, const char *service, const char *room) {
    (void)context;
    storage_ask(storage_request(STATE_END, 0, service, room));
}

/* What is held of it stays, and can still land. */
static void storage_cancel(void *context, ramp_ticket ticket) {
    (void)context, (void)ticket;
    storage.cancelled++;
}

/* ---- the test's hand ------------------------------------------------------------------------- */

RIG_MAYBE void storage_hold(enum storage_kind kind) {
    storage.holds[kind] = true;
}
RIG_MAYBE void storage_tell(enum storage_kind kind) {
    storage.tells[kind] = true;
}

/* How many of the kind are held. */
RIG_MAYBE size_t storage_held(enum storage_kind kind) {
    size_t count = 0;
    for (const struct storage_request *request = storage.open; request; request = request->next)
        count += request->kind == kind;
    return count;
}

static struct storage_request *storage_take(enum storage_kind kind, size_t number) {
    for (struct storage_request **at = &storage.open; *at; at = &(*at)->next) {
        struct storage_request *request = *at;
        if (request->kind != kind || number-- > 0) continue;
        *at = request->next;
        return request;
    }
    RIG_FAIL("no %s is held", storage_text(kind));
    return NULL;
}

enum storage_how { HOW_ANSWER, HOW_LAND, HOW_REFUSE };

/* The oldest that is held, or the `number`-th after it. */
static void storage_settle(enum storage_kind kind, size_t number, enum storage_how how,
                           ramp_status status) {
    struct storage_request *request = storage_take(kind, number);
    ramp_answer answer = {.size = sizeof(answer)};

    if (how == HOW_REFUSE) {
        answer.status = status;
        answer.message = status ? "the test says so" : NULL;
    } else {
        storage_carry_out(request, &answer);
    }
    if (how != HOW_LAND && rig.host) ramp_complete(rig.host, request->ticket, &answer);
    free((void *)(uintptr_t)answer.entries);
    free((void *)(uintptr_t)answer.alarms);
    storage_free_request(request);
}

RIG_MAYBE void storage_answer(enum storage_kind kind) {
    storage_settle(kind, 0, HOW_ANSWER, RAMP_OK);
}
RIG_MAYBE void storage_answer_nth(enum storage_kind kind, size_t number) {
    storage_settle(kind, number, HOW_ANSWER, RAMP_OK);
}
RIG_MAYBE void storage_land(enum storage_kind kind) {
    storage_settle(kind, 0, HOW_LAND, RAMP_OK);
}
RIG_MAYBE void storage_refuse(enum storage_kind kind, ramp_status status) {
    storage_settle(kind, 0, HOW_REFUSE, status);
}

/* No longer held; what is held is answered. */
RIG_MAYBE void storage_release(enum storage_kind kind) {
    storage.holds[kind] = false;
    while (storage_held(kind) > 0) storage_answer(kind);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void storage_init(void) {
    memset(&storage, 0, sizeof(storage));
    storage.kv = (ramp_kv){.size = sizeof(ramp_kv),
                           .get = storage_kv_get,
                           .write = storage_kv_write,
                           .cancel = storage_cancel};
    storage.db = (ramp_db){.size = sizeof(ramp_db),
                           .head = storage_db_head,
                           .get = storage_db_get,
                           .list = storage_db_list,
                           .commit = storage_db_commit,
                           .alarms = storage_db_alarms,
                           .cancel = storage_cancel};
    storage.states = (ramp_states){.size = sizeof(ramp_states),
                                   .load = storage_load,
                                   .save = storage_save,
                                   .mark = storage_mark,
                                   .end = storage_end,
                                   .cancel = storage_cancel};
}

static void storage_drop_requests(void) {
    for (struct storage_request *next; storage.open; storage.open = next) {
        next = storage.open->next;
        storage_free_request(storage.open);
    }
}

static void storage_done(void) {
    storage_drop_requests();
    for (struct storage_item *next; storage.items; storage.items = next) {
        next = storage.items->next;
        storage_free_item(storage.items);
    }
}

/* A host on what is kept, with service s of interp+wait. `wish` may be NULL. */
RIG_MAYBE void rig_open_with(const ramp_host_options *wish) {
    ramp_host_options options = wish ? *wish : (ramp_host_options){0};

    options.kv = &storage.kv;
    options.db = &storage.db;
    options.states = &storage.states;
    rig_open(&rig, &options);
    rig_add(&rig, "s", "interp+wait");
}

/* The host goes without a word; another one comes, later. */
RIG_MAYBE void rig_restart(const ramp_host_options *wish) {
    uint64_t now_ns = rig.now_ns;

    rig_close(&rig);
    storage_drop_requests();
    rig_open_with(wish);
    rig.now_ns = now_ns;
}

RIG_MAYBE int rig_setup_storage(void **state) {
    rig_setup_none(state);
    storage_init();
    rig_open_with(NULL);
    return 0;
}
RIG_MAYBE int rig_setup_storage_only(void **state) {
    rig_setup_none(state);
    storage_init();
    return 0;
}
RIG_MAYBE int rig_teardown_storage(void **state) {
    rig_teardown(state);
    storage_done();
    return 0;
}

#define TEST_STORAGE(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, rig_setup_storage, rig_teardown_storage)
/* The test opens its own rig. */
#define TEST_STORAGE_ALONE(name)                                                                   \
    cmocka_unit_test_setup_teardown(name, rig_setup_storage_only, rig_teardown_storage)

/* ---- programs -------------------------------------------------------------------------------- */

enum { AT_KEY = AT_SCRATCH + 0x400, AT_VALUE = AT_SCRATCH + 0x500 };

static int64_t program_key(struct program *program, const char *key) {
    program_poke(program, AT_KEY, key, strlen(key));
    return (int64_t)strlen(key);
}

/* The import with a short key and value. `value` NULL: deletes. */
RIG_MAYBE void program_db(struct program *program, const char *key, const char *value) {
    int64_t size = program_key(program, key);

    if (!value) {
        DO(program, db_del, AT_KEY, size);
        return;
    }
    program_poke(program, AT_VALUE, value, strlen(value));
    DO(program, db_set, AT_KEY, size, AT_VALUE, (int64_t)strlen(value));
}
RIG_MAYBE void program_kv(struct program *program, const char *key, const char *value) {
    int64_t size = program_key(program, key);

    if (!value) {
        DO(program, kv_del, 0, AT_KEY, size);
        return;
    }
    program_poke(program, AT_VALUE, value, strlen(value));
    DO(program, kv_set, 0, AT_KEY, size, AT_VALUE, (int64_t)strlen(value), 0);
}
/* Starts a get into AT_SCRATCH. */
RIG_MAYBE void program_get(struct program *program, const char *key) {
    int64_t size = program_key(program, key);
    DO(program, db_get, AT_KEY, size, AT_SCRATCH, 64);
}
RIG_MAYBE void program_state(struct program *program, const char *state) {
    program_poke(program, AT_VALUE, state, strlen(state));
    DO(program, state_save, AT_VALUE, (int64_t)strlen(state));
}

#endif

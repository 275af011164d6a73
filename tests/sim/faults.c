/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c -- see faults.h. */
#include "sim/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS        UINT64_C(1000000)
#define ITEM_HEAD sizeof(struct faults_item)

enum { STEPS = 4 };

/* Something that a request does at its time. */
struct step {
    struct heap_node node;
    struct request *request;
    bool answers; /* else it does what was asked */
};

struct request {
    struct list in_requests;
    struct faults *faults;
    ramp_host *host; /* NULL: it is gone */
    ramp_ticket ticket;
    enum faults_kind kind;
    enum fault fault;
    struct step steps[STEPS];
    unsigned step_count;
    unsigned left; /* steps that are not done */
    bool was_done;
    char *service, *room, *key; /* copies; `room` NULL: the service's own keys */
    size_t key_size;
    /* kv write, commit */
    ramp_kv_write *kv_writes;
    ramp_db_write *writes;
    size_t write_count;
    ramp_commit commit;
    /* list, alarms */
    ramp_db_range range;
    int64_t until_ms;
    ramp_alarm after;
    bool has_after;
    uint32_t limit;
    /* state */
    ramp_bytes state;
    uint32_t flags;
    /* what it will answer; the bytes are in `owned` */
    ramp_answer answer;
    void **owned;
    size_t owned_count;
};

/* ---- memory and chance ----------------------------------------------------------------------- */

static void *must(void *memory) {
    if (!memory) abort();
    return memory;
}

static uint32_t pick(struct faults *faults, uint64_t below) { /* splitmix64 */
    uint64_t z = (faults->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return below ? (uint32_t)((z ^ (z >> 31)) % below) : 0;
}

/* Memory that goes with the request. */
static void *own(struct request *request, size_t size) {
    void *memory = must(malloc(size ? size : 1));

    request->owned =
        must(realloc(request->owned, (request->owned_count + 1) * sizeof(*request->owned)));
    request->owned[request->owned_count++] = memory;
    return memory;
}

static ramp_bytes own_bytes(struct request *request, ramp_bytes bytes) {
    void *copy = own(request, bytes.size);

    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    return (ramp_bytes){copy, bytes.size};
}

static char *own_text(struct request *request, const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(own(request, size), text, size);
}

static int64_t wall_ms(const struct faults *faults) {
    return faults->options.epoch_ms + (int64_t)(*faults->options.now_ns / MS);
}

/* ---- shelves --------------------------------------------------------------------------------- */

struct name {
    char *bytes;
    size_t size;
};

static struct name name_of(const char *service, const char *room, ramp_bytes key) {
    size_t service_size = strlen(service) + 1, room_size = room ? strlen(room) + 1 : 0;
    struct name name = {must(malloc(service_size + 1 + room_size + key.size)),
                        service_size + 1 + room_size + key.size};

    memcpy(name.bytes, service, service_size);
    name.bytes[service_size] = room ? 'r' : 's';
    if (room) memcpy(name.bytes + service_size + 1, room, room_size);
    if (key.size) memcpy(name.bytes + service_size + 1 + room_size, key.data, key.size);
    return name;
}

static int compare(const char *a, size_t a_size, const char *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* The first item that is not before the name. */
static size_t shelf_seek(const struct faults_shelf *shelf, struct name name) {
    size_t low = 0, high = shelf->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct faults_item *item = shelf->items[middle];
        if (compare(item->name, item->name_size, name.bytes, name.size) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool item_is(const struct faults_item *item, struct name name) {
    return item->name_size == name.size && memcmp(item->name, name.bytes, name.size) == 0;
}

static struct faults_item *shelf_find(const struct faults_shelf *shelf, struct name name) {
    size_t at = shelf_seek(shelf, name);
    return at < shelf->count && item_is(shelf->items[at], name) ? shelf->items[at] : NULL;
}

static struct faults_item *shelf_get(const struct faults_shelf *shelf, const char *service,
                                     const char *room, ramp_bytes key) {
    struct name name = name_of(service, room, key);
    struct faults_item *item = shelf_find(shelf, name);

    free(name.bytes);
    return item;
}

static void shelf_remove(struct faults_shelf *shelf, const char *service, const char *room,
                         ramp_bytes key) {
    struct name name = name_of(service, room, key);
    size_t at = shelf_seek(shelf, name);

    if (at < shelf->count && item_is(shelf->items[at], name)) {
        free(shelf->items[at]);
        shelf->count--;
        memmove(shelf->items + at, shelf->items + at + 1,
                (shelf->count - at) * sizeof(*shelf->items));
    }
    free(name.bytes);
}

/* A new item in the place of an old one; head and flags are zero. */
static struct faults_item *shelf_put(struct faults_shelf *shelf, const char *service,
                                     const char *room, ramp_bytes key, ramp_bytes value) {
    struct name name = name_of(service, room, key);
    size_t at = shelf_seek(shelf, name);
    struct faults_item *item = must(malloc(ITEM_HEAD + name.size + value.size));

    *item = (struct faults_item){.name_size = name.size, .value_size = value.size};
    memcpy(item->name, name.bytes, name.size);
    item->value = item->name + name.size;
    if (value.size) memcpy(item->value, value.data, value.size);
    if (at < shelf->count && item_is(shelf->items[at], name)) {
        free(shelf->items[at]);
    } else {
        if (shelf->count == shelf->capacity) {
            shelf->capacity = shelf->capacity ? shelf->capacity * 2 : 64;
            shelf->items = must(realloc(shelf->items, shelf->capacity * sizeof(*shelf->items)));
        }
        memmove(shelf->items + at + 1, shelf->items + at,
                (shelf->count - at) * sizeof(*shelf->items));
        shelf->count++;
    }
    shelf->items[at] = item;
    free(name.bytes);
    return item;
}

static void shelf_done(struct faults_shelf *shelf) {
    for (size_t i = 0; i < shelf->count; i++) free(shelf->items[i]);
    free(shelf->items);
    *shelf = (struct faults_shelf){0};
}

/* ---- what is asked for, done ----------------------------------------------------------------- */

static const ramp_bytes no_key = {"", 0};

static bool is_expired(const struct faults *faults, const struct faults_item *item) {
    return item->expires_ms && wall_ms(faults) >= item->expires_ms;
}

static void answer_value(struct request *request, const struct faults_item *item) {
    if (!item) {
        request->answer.status = RAMP_NOT_FOUND;
        request->answer.message = "there is no such key";
        return;
    }
    request->answer.value = own_bytes(request, (ramp_bytes){item->value, item->value_size});
    request->answer.expires_ms = item->expires_ms;
    request->answer.flags = item->flags;
}

static void do_kv_write(struct request *request) {
    struct faults *faults = request->faults;

    for (size_t i = 0; i < request->write_count; i++)
        faults_write_kv(faults, &request->kv_writes[i]);
}

static void do_db_list(struct request *request) {
    struct faults *faults = request->faults;
    const ramp_db_range *range = &request->range;
    bool after_first =
        compare(range->after.data, range->after.size, range->prefix.data, range->prefix.size) < 0;
    struct name room = name_of(request->service, request->room, no_key),
                from = name_of(request->service, request->room,
                               after_first ? range->prefix : range->after);
    ramp_entry *entries = own(request, (faults->rows.count + 1) * sizeof(*entries));
    size_t size = 0, count = 0;

    for (size_t at = shelf_seek(&faults->rows, from); at < faults->rows.count; at++) {
        const struct faults_item *item = faults->rows.items[at];
        ramp_bytes key = {item->name + room.size, item->name_size - room.size};
        if (item->name_size < room.size || memcmp(item->name, room.bytes, room.size) != 0) break;
        if (key.size < range->prefix.size ||
            memcmp(key.data, range->prefix.data, range->prefix.size) != 0)
            break;
        if (range->after.size &&
            compare(key.data, key.size, range->after.data, range->after.size) <= 0)
            continue;
        size += key.size + item->value_size;
        if (count == range->limit || (count && size > range->bytes_max)) {
            request->answer.more = true;
            break;
        }
        entries[count++] =
            (ramp_entry){own_bytes(request, key),
                         own_bytes(request, (ramp_bytes){item->value, item->value_size})};
    }
    request->answer.entries = entries;
    request->answer.entry_count = count;
    free(room.bytes);
    free(from.bytes);
}

static void do_commit(struct request *request) {
    struct faults *faults = request->faults;
    const ramp_commit *commit = &request->commit;
    ramp_head head = faults_head(faults, request->service, request->room);

    if (head.number + 1 != commit->number) {
        request->answer.status = RAMP_CONFLICT;
        request->answer.message = "another commit is stored";
        request->answer.head = head;
        return;
    }
    for (size_t i = 0; i < request->write_count; i++) {
        const ramp_db_write *write = &request->writes[i];
        if (write->is_delete)
            shelf_remove(&faults->rows, request->service, request->room, write->key);
        else shelf_put(&faults->rows, request->service, request->room, write->key, write->value);
    }
    head.number = commit->number;
    head.writer = commit->writer;
    if (commit->sets_alarm) head.alarm_ms = commit->alarm_ms;
    shelf_put(&faults->heads, request->service, request->room, no_key, no_key)->head = head;
}

static const char *item_room(const struct faults_item *item) {
    return item->name + strlen(item->name) + 2;
}

static int compare_alarms(const void *left, const void *right) {
    const ramp_alarm *a = left, *b = right;
    int order = strcmp(a->service, b->service);

    if (a->at_ms != b->at_ms) return a->at_ms < b->at_ms ? -1 : 1;
    return order ? order : strcmp(a->room, b->room);
}

static void do_alarms(struct request *request) {
    struct faults *faults = request->faults;
    ramp_alarm *alarms = own(request, (faults->heads.count + 1) * sizeof(*alarms));
    size_t count = 0;

    for (size_t i = 0; i < faults->heads.count; i++) {
        const struct faults_item *item = faults->heads.items[i];
        ramp_alarm alarm = {item->name, item_room(item), item->head.alarm_ms};
        if (!alarm.at_ms || alarm.at_ms > request->until_ms) continue;
        if (request->has_after && compare_alarms(&alarm, &request->after) <= 0) continue;
        alarms[count++] = alarm;
    }
    qsort(alarms, count, sizeof(*alarms), compare_alarms);
    request->answer.more = count > request->limit;
    if (count > request->limit) count = request->limit;
    for (size_t i = 0; i < count; i++) {
        alarms[i].service = own_text(request, alarms[i].service);
        alarms[i].room = own_text(request, alarms[i].room);
    }
    request->answer.alarms = alarms;
    request->answer.alarm_count = count;
}

/* Does what is asked for, and notes what is to be answered. */
static void request_do(struct request *request) {
    struct faults *faults = request->faults;
    const ramp_bytes key = {request->key, request->key_size};
    const char *service = request->service, *room = request->room;

    request->was_done = true;
    request->answer = (ramp_answer){.size = sizeof(ramp_answer)};
    switch (request->kind) {
    case FAULTS_KV_GET:
        answer_value(request, faults_find_kv(faults, &(ramp_kv_key){service, room, key}));
        break;
    case FAULTS_KV_WRITE: do_kv_write(request); break;
    case FAULTS_HEAD: request->answer.head = faults_head(faults, service, room); break;
    case FAULTS_DB_GET: answer_value(request, shelf_get(&faults->rows, service, room, key)); break;
    case FAULTS_DB_LIST: do_db_list(request); break;
    case FAULTS_COMMIT: do_commit(request); break;
    case FAULTS_ALARMS: do_alarms(request); break;
    case FAULTS_STATE_LOAD:
        answer_value(request, shelf_get(&faults->states_kept, service, room, no_key));
        break;
    default:
        shelf_put(&faults->states_kept, service, room, no_key, request->state)->flags =
            RAMP_STATE_CURRENT | request->flags;
        break;
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static void request_free(struct request *request) {
    list_remove(&request->in_requests);
    for (size_t i = 0; i < request->owned_count; i++) free(request->owned[i]);
    free(request->owned);
    free(request);
}

static void request_answer(struct request *request) {
    static const ramp_status failures[] = {RAMP_UNAVAILABLE, RAMP_IO, RAMP_NO_MEMORY};
    struct faults *faults = request->faults;
    ramp_answer answer = request->answer;

    if (request->fault == FAULT_FAILS)
        answer = (ramp_answer){.size = sizeof(answer),
                               .status = failures[pick(faults, 3)],
                               .message = "a fault on command"};
    else if (request->fault == FAULT_LOST || request->fault == FAULT_LANDED ||
             request->fault == FAULT_LATE)
        answer = (ramp_answer){
            .size = sizeof(answer), .status = RAMP_TIMEOUT, .message = "an unknown outcome"};
    faults->answered++;
    if (request->host) ramp_complete(request->host, request->ticket, &answer);
}

static void request_step(struct request *request, bool answers) {
    /* A second time is a second attempt: its answer counts only if it is the one that is given. */
    if (answers) request_answer(request);
    else if (request->fault == FAULT_DOUBLED && request->was_done) {
        ramp_answer first = request->answer;
        request_do(request);
        request->answer = first;
    } else request_do(request);
}

static void step_take(struct faults *faults, struct step *step) {
    struct request *request = step->request;

    heap_remove(&faults->due, &step->node);
    request->left--;
}

/* A write that is under way when the next one is handed over lands before it, and no more after it. */
static void request_land(struct request *request) {
    bool has_landed = request->was_done;

    for (unsigned i = 0; i < request->step_count; i++) {
        struct step *step = &request->steps[i];
        if (step->answers || !heap_has(&request->faults->due, &step->node)) continue;
        step_take(request->faults, step);
        if (!has_landed) request_do(request);
        has_landed = true;
    }
    if (request->left == 0) request_free(request);
}

static void land_older(struct faults *faults, enum faults_kind kind, const char *service,
                       const char *room) {
    list_each(&faults->requests, node, following) {
        struct request *request = list_item(node, struct request, in_requests);
        if (request->kind != kind) continue;
        if (service && (strcmp(request->service, service) != 0 || strcmp(request->room, room) != 0))
            continue;
        request_land(request);
    }
}

static enum fault choose_fault(struct faults *faults, enum faults_kind kind) {
    enum fault fault = faults->next[kind];
    uint32_t left = pick(faults, 1000);

    faults->next[kind] = FAULT_NONE;
    if (fault == FAULT_NONE && faults->plan.away & 1u << kind) fault = FAULT_FAILS;
    for (int i = 1; fault == FAULT_NONE && i < FAULT_COUNT; i++) {
        if (left < faults->plan.weights[i]) fault = (enum fault)i;
        else left -= faults->plan.weights[i];
    }
    return fault;
}

static struct request *request_new(struct faults *faults, ramp_host *host, ramp_ticket ticket,
                                   enum faults_kind kind, const char *service, const char *room) {
    struct request *request = must(calloc(1, sizeof(*request)));

    request->faults = faults;
    request->host = host;
    request->ticket = ticket;
    request->kind = kind;
    if (service) request->service = own_text(request, service);
    if (room) request->room = own_text(request, room);
    request->fault = choose_fault(faults, kind);
    faults->asked[kind]++;
    faults->faulted[request->fault]++;
    list_push_back(&faults->requests, &request->in_requests);
    return request;
}

static void add_step(struct request *request, uint64_t after_ns, bool answers) {
    struct step *step = &request->steps[request->step_count++];

    step->request = request;
    step->answers = answers;
    request->left++;
    heap_push(&request->faults->due, &step->node, *request->faults->options.now_ns + after_ns);
}

/* Sets its steps; or does it and answers at once. */
static void request_start(struct request *request) {
    struct faults *faults = request->faults;
    const struct faults_plan *plan = &faults->plan;
    uint64_t most = (request->fault == FAULT_SLOW ? plan->slow_ms : plan->delay_ms) * MS,
             second = pick(faults, most + 1), first = pick(faults, second + 1);

    if (request->fault == FAULT_NONE && pick(faults, 1000) < plan->at_once) {
        request_do(request);
        request_answer(request);
        request_free(request);
        return;
    }
    switch (request->fault) {
    case FAULT_FAILS:
    case FAULT_LOST: add_step(request, second, true); break;
    case FAULT_LATE:
        add_step(request, first, true);
        add_step(request, second + pick(faults, plan->slow_ms * MS + 1), false);
        break;
    case FAULT_DOUBLED:
        add_step(request, first, false);
        add_step(request, first + pick(faults, most + 1), false);
        add_step(request, second, true);
        add_step(request, second + pick(faults, most + 1), true);
        break;
    case FAULT_RETRIED:
        add_step(request, first, false);
        add_step(request, second, false);
        add_step(request, second, true);
        break;
    default:
        add_step(request, first, false);
        add_step(request, second, true);
        break;
    }
}

/* Of several that are due at one time, what does something goes before what answers it. */
static struct step *next_step(struct faults *faults) {
    struct step *step = heap_item(heap_first(&faults->due), struct step, node);
    struct request *request = step->request;

    for (unsigned i = 0; step->answers && i < request->step_count; i++) {
        struct step *other = &request->steps[i];
        if (!other->answers && heap_has(&faults->due, &other->node) &&
            other->node.key <= step->node.key)
            return other;
    }
    return step;
}

uint64_t faults_deadline(const struct faults *faults) {
    const struct heap_node *node = heap_first(&faults->due);
    return node ? node->key : UINT64_MAX;
}

void faults_step(struct faults *faults) {
    while (faults_deadline(faults) <= *faults->options.now_ns) {
        struct step *step = next_step(faults);
        struct request *request = step->request;
        step_take(faults, step);
        request_step(request, step->answers);
        if (request->left == 0) request_free(request);
    }
}

/* ---- kv -------------------------------------------------------------------------------------- */

static void kv_get(void *context, ramp_host *host, ramp_ticket ticket, const ramp_kv_key *key) {
    struct request *request =
        request_new(context, host, ticket, FAULTS_KV_GET, key->service, key->room);

    request->key = (char *)(uintptr_t)own_bytes(request, key->key).data;
    request->key_size = key->key.size;
    request_start(request);
}

static void kv_write(void *context, ramp_host *host, ramp_ticket ticket,
                     const ramp_kv_write *writes, size_t count) {
    struct request *request;

    land_older(context, FAULTS_KV_WRITE, NULL, NULL);
    request = request_new(context, host, ticket, FAULTS_KV_WRITE, NULL, NULL);
    request->kv_writes = own(request, count * sizeof(*writes));
    request->write_count = count;
    for (size_t i = 0; i < count; i++) {
        ramp_kv_write *copy = &request->kv_writes[i];
        *copy = writes[i];
        copy->key.service = own_text(request, writes[i].key.service);
        copy->key.room = writes[i].key.room ? own_text(request, writes[i].key.room) : NULL;
        copy->key.key = own_bytes(request, writes[i].key.key);
        copy->value = own_bytes(request, writes[i].is_delete ? no_key : writes[i].value);
    }
    request_start(request);
}

/* What is under way goes on, and answers whom it likes. */
static void cancel(void *context, ramp_ticket ticket) {
    struct faults *faults = context;
    (void)ticket;
    faults->cancelled++;
}

void faults_write_kv(struct faults *faults, const ramp_kv_write *write) {
    const ramp_kv_key *key = &write->key;

    if (write->is_delete) shelf_remove(&faults->keys, key->service, key->room, key->key);
    else
        shelf_put(&faults->keys, key->service, key->room, key->key, write->value)->expires_ms =
            write->expires_ms;
}

/* ---- db -------------------------------------------------------------------------------------- */

static void db_head(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                    const char *room) {
    request_start(request_new(context, host, ticket, FAULTS_HEAD, service, room));
}

static void db_get(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                   const char *room, ramp_bytes key) {
    struct request *request = request_new(context, host, ticket, FAULTS_DB_GET, service, room);

    request->key = (char *)(uintptr_t)own_bytes(request, key).data;
    request->key_size = key.size;
    request_start(request);
}

static void db_list(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                    const char *room, const ramp_db_range *range) {
    struct request *request = request_new(context, host, ticket, FAULTS_DB_LIST, service, room);

    request->range = *range;
    request->range.prefix = own_bytes(request, range->prefix);
    request->range.after = own_bytes(request, range->after);
    request_start(request);
}

static void db_commit(void *context, ramp_host *host, ramp_ticket ticket,
                      const ramp_commit *commit) {
    struct request *request =
        request_new(context, host, ticket, FAULTS_COMMIT, commit->service, commit->room);

    request->commit = *commit;
    request->writes = own(request, commit->write_count * sizeof(*commit->writes));
    request->write_count = commit->write_count;
    for (size_t i = 0; i < commit->write_count; i++) {
        const ramp_db_write *write = &commit->writes[i];
        request->writes[i] =
            (ramp_db_write){.key = own_bytes(request, write->key),
                            .value = own_bytes(request, write->is_delete ? no_key : write->value),
                            .is_delete = write->is_delete};
    }
    request_start(request);
}

static void db_alarms(void *context, ramp_host *host, ramp_ticket ticket, int64_t until_ms,
                      const ramp_alarm *after, uint32_t limit) {
    struct request *request = request_new(context, host, ticket, FAULTS_ALARMS, NULL, NULL);

    request->until_ms = until_ms;
    request->limit = limit;
    if (after) {
        request->has_after = true;
        request->after = (ramp_alarm){own_text(request, after->service),
                                      own_text(request, after->room), after->at_ms};
    }
    request_start(request);
}

void faults_intrude(struct faults *faults, const char *service, const char *room, ramp_bytes key,
                    ramp_bytes value) {
    ramp_head head = faults_head(faults, service, room);

    head.number++;
    head.writer = pick(faults, UINT32_MAX) | UINT64_C(1) << 40;
    shelf_put(&faults->rows, service, room, key, value);
    shelf_put(&faults->heads, service, room, no_key, no_key)->head = head;
}

/* ---- states ---------------------------------------------------------------------------------- */

static void states_load(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                        const char *room) {
    land_older(context, FAULTS_STATE_SAVE, service, room);
    request_start(request_new(context, host, ticket, FAULTS_STATE_LOAD, service, room));
}

static void states_save(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                        const char *room, ramp_bytes state, uint32_t flags) {
    struct request *request;

    land_older(context, FAULTS_STATE_SAVE, service, room);
    request = request_new(context, host, ticket, FAULTS_STATE_SAVE, service, room);
    request->state = own_bytes(request, state);
    request->flags = flags;
    request_start(request);
}

static void states_mark(void *context, const char *service, const char *room) {
    struct faults *faults = context;
    struct faults_item *item;

    land_older(faults, FAULTS_STATE_SAVE, service, room);
    item = shelf_get(&faults->states_kept, service, room, no_key);
    if (item) item->flags = 0;
}

static void states_end(void *context, const char *service, const char *room) {
    struct faults *faults = context;
    struct faults_item *item;

    land_older(faults, FAULTS_STATE_SAVE, service, room);
    item = shelf_get(&faults->states_kept, service, room, no_key);
    if (item) item->flags |= RAMP_STATE_ENDED;
}

/* ---- life ------------------------------------------------------------------------------------ */

void faults_init(struct faults *faults, const struct faults_options *options) {
    *faults = (struct faults){
        .options = *options,
        .random = options->seed,
        .kv = {.size = sizeof(ramp_kv), .get = kv_get, .write = kv_write, .cancel = cancel},
        .db = {.size = sizeof(ramp_db),
               .head = db_head,
               .get = db_get,
               .list = db_list,
               .commit = db_commit,
               .alarms = db_alarms,
               .cancel = cancel},
        .states = {.size = sizeof(ramp_states),
                   .load = states_load,
                   .save = states_save,
                   .mark = states_mark,
                   .end = states_end,
                   .cancel = cancel}};
    faults->kv.context = faults->db.context = faults->states.context = faults;
    list_init(&faults->requests);
}

void faults_done(struct faults *faults) {
    while (!list_empty(&faults->requests))
        request_free(list_item(faults->requests.next, struct request, in_requests));
    shelf_done(&faults->keys);
    shelf_done(&faults->rows);
    shelf_done(&faults->heads);
    shelf_done(&faults->states_kept);
}

void faults_next(struct faults *faults, enum faults_kind kind, enum fault fault) {
    faults->next[kind] = fault;
}

void faults_forget_host(struct faults *faults) {
    list_each(&faults->requests, node, following)
        list_item(node, struct request, in_requests)->host = NULL;
}

void faults_crash(struct faults *faults) {
    faults_forget_host(faults);
    for (size_t i = 0; i < faults->states_kept.count; i++)
        faults->states_kept.items[i]->flags &= ~RAMP_STATE_CURRENT;
}

/* ---- looking --------------------------------------------------------------------------------- */

const struct faults_item *faults_find_kv(const struct faults *faults, const ramp_kv_key *key) {
    const struct faults_item *item = shelf_get(&faults->keys, key->service, key->room, key->key);
    return item && !is_expired(faults, item) ? item : NULL;
}

const struct faults_item *faults_find_row(const struct faults *faults, const char *service,
                                          const char *room, ramp_bytes key) {
    return shelf_get(&faults->rows, service, room, key);
}

size_t faults_count_rows(const struct faults *faults, const char *service, const char *room) {
    struct name name = name_of(service, room, no_key);
    size_t at = shelf_seek(&faults->rows, name), count = 0;

    for (; at < faults->rows.count; at++, count++) {
        const struct faults_item *item = faults->rows.items[at];
        if (item->name_size < name.size || memcmp(item->name, name.bytes, name.size) != 0) break;
    }
    free(name.bytes);
    return count;
}

ramp_head faults_head(const struct faults *faults, const char *service, const char *room) {
    const struct faults_item *item = shelf_get(&faults->heads, service, room, no_key);
    return item ? item->head : (ramp_head){0};
}

const struct faults_item *faults_find_state(const struct faults *faults, const char *service,
                                            const char *room) {
    return shelf_get(&faults->states_kept, service, room, no_key);
}

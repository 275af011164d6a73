/* SPDX-License-Identifier: Apache-2.0 */
/* hostcalls_storage.c -- the bodies of kv_*, db_*, alarm_set, state_save, http_fetch and wait.
 *
 * Before: the guest, through engine.h.
 * After:  the call's batch, which the gate stores (gate.h); reads: what is known here (overlay.h, kv.h) at
 *         once, else the drivers (pending.h).
 */
#include "base/limits.h"
#include "base/utf8.h"
#include "core/hostcalls.h"
#include "core/overlay.h"
#include "core/pending.h"

/* The answer of a START that comes later, through wait(). */
#define PENDING INT32_MIN

static ramp_host *call_host(const struct call *call) {
    return call->room->service->host;
}

/* CONTRACT 5.5. */
static int32_t check_key(ramp_bytes key) {
    if (key.size == 0 || key.size > LIMIT_KEY_SIZE) return key.size ? RAMP_TOO_BIG : RAMP_ARGS;
    if (memchr(key.data, 0, key.size) || !utf8_valid(key.data, key.size)) return RAMP_ARGS;
    return RAMP_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int32_t check_write(ramp_bytes key, ramp_bytes value) {
    int32_t error = check_key(key);

    return error ? error : value.size > LIMIT_VALUE_SIZE ? RAMP_TOO_BIG : RAMP_OK;
}

/* An event with a key and a value, which have been checked. NULL: too much, or no memory. */
static ramp_event *add_write(struct call *call, ramp_event_type type, ramp_bytes key,
                             ramp_bytes value) {
    ramp_event *event = batch_add(&call->batch, type);

    if (!event) return NULL;
    if (batch_copy(&call->batch, key.data, key.size, &event->key) &&
        batch_copy(&call->batch, value.data, value.size, &event->payload))
        return event;
    batch_drop_last(&call->batch);
    return NULL;
}

static ramp_kv_key kv_key(const struct call *call, uint32_t scope, ramp_bytes key) {
    return (ramp_kv_key){
        .service = call->room->service->name, .room = scope ? NULL : call->room->id, .key = key};
}

static int32_t write_kv(struct call *call, ramp_event_type type, uint32_t scope, ramp_bytes key,
                        ramp_bytes value, int64_t ttl_ms) {
    const ramp_kv_write write = {.key = kv_key(call, scope, key),
                                 .value = value,
                                 .expires_ms = ttl_ms ? call->time_ms + ttl_ms : 0,
                                 .is_delete = type == RAMP_EVENT_KV_DEL};
    struct kv *kv = &call_host(call)->kv;
    int32_t error = check_write(key, value);
    struct kv_value *reserved;
    ramp_event *event;

    if (scope > 1 || ttl_ms < 0 || ttl_ms > LIMIT_TIMER_MS_MAX) return RAMP_ARGS;
    if (error) return error;
    reserved = kv_reserve(kv, call->room, &write);
    if (!reserved) return RAMP_UNAVAILABLE;
    event = add_write(call, type, key, value);
    if (!event) {
        kv_unreserve(kv, reserved);
        return RAMP_LIMIT;
    }
    list_push_back(&call->kv_values, &reserved->in_batch);
    event->scope = (uint8_t)scope;
    event->ttl_ms = ttl_ms;
    return RAMP_OK;
}

IMPORT(kv_set) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(key, 1);
    IMPORT_BYTES(value, 3);
    return answer(values,
                  write_kv(call, RAMP_EVENT_KV_SET, values[0].u32, key, value, values[5].i64));
}

IMPORT(kv_del) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(key, 1);
    return answer(values,
                  write_kv(call, RAMP_EVENT_KV_DEL, values[0].u32, key, (ramp_bytes){0}, 0));
}

IMPORT(kv_sync) {
    IMPORT_IN_HANDLER();
    if (!call_host(call)->options.kv) return answer(values, RAMP_UNAVAILABLE);
    if (!batch_add(&call->batch, RAMP_EVENT_KV_SYNC)) return answer(values, RAMP_LIMIT);
    call->batch.needs |= BATCH_SYNC;
    return answer(values, RAMP_OK);
}

static int32_t write_db(struct call *call, ramp_event_type type, ramp_bytes key, ramp_bytes value) {
    struct batch *batch = &call->batch;
    size_t size = key.size + value.size;
    int32_t error = check_write(key, value);

    if (error) return error;
    if (!call_host(call)->options.db) return RAMP_UNAVAILABLE;
    if (batch->db_count >= LIMIT_CALL_DB_WRITES || batch->db_size + size > LIMIT_CALL_DB_BYTES)
        return RAMP_LIMIT;
    if (!add_write(call, type, key, value)) return RAMP_LIMIT;
    batch->db_count++;
    batch->db_size += size;
    batch->needs |= BATCH_DB;
    return RAMP_OK;
}

IMPORT(db_set) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(key, 0);
    IMPORT_BYTES(value, 2);
    return answer(values, write_db(call, RAMP_EVENT_DB_SET, key, value));
}

IMPORT(db_del) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(key, 0);
    return answer(values, write_db(call, RAMP_EVENT_DB_DEL, key, (ramp_bytes){0}));
}

IMPORT(alarm_set) {
    IMPORT_IN_HANDLER();
    int64_t at_ms = values[0].i64;
    ramp_event *event;

    if (at_ms < 0) return answer(values, RAMP_ARGS);
    if (!call_host(call)->options.db) return answer(values, RAMP_UNAVAILABLE);
    event = batch_add(&call->batch, RAMP_EVENT_ALARM_SET);
    if (!event) return answer(values, RAMP_LIMIT);
    event->at_ms = at_ms;
    call->alarm_ms = at_ms;
    call->batch.needs |= BATCH_ALARM;
    return answer(values, RAMP_OK);
}

IMPORT(state_save) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(state, 0);
    ramp_event *event;

    if (state.size > LIMIT_STATE_SIZE) return answer(values, RAMP_TOO_BIG);
    if (!call_host(call)->options.states) return answer(values, RAMP_UNAVAILABLE);
    event = batch_add(&call->batch, RAMP_EVENT_STATE_SAVE);
    if (!event) return answer(values, RAMP_LIMIT);
    if (!batch_copy(&call->batch, state.data, state.size, &event->payload)) {
        batch_drop_last(&call->batch);
        return answer(values, RAMP_LIMIT);
    }
    call->batch.needs |= BATCH_STATE;
    return answer(values, RAMP_OK);
}

/* ---- reading ------------------------------------------------------------------------------- */

static struct engine_trap *answer_later(union engine_value *values, int32_t error) {
    return answer(values, error ? error : PENDING);
}

/* What lies elsewhere, and may be gone before result_read() comes: the call keeps its own. */
static struct engine_trap *give_copy(struct call *call, union engine_value *values,
                                     ramp_bytes value, uint32_t out, uint32_t cap) {
    char *copy = call_text(call, value.size);

    if (value.size && !copy) return answer(values, RAMP_LIMIT);
    if (value.size) memcpy(copy, value.data, value.size);
    return give(call, values, (ramp_bytes){copy, value.size}, out, cap);
}

IMPORT(kv_get) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(key, 1);
    IMPORT_OUT(3);
    ramp_host *host = call_host(call);
    uint32_t scope = values[0].u32;
    int32_t error = scope > 1 ? RAMP_ARGS : check_key(key);
    const ramp_kv_key full = kv_key(call, scope, key);
    const struct kv_now now = {.ns = host->now_ns, .wall_ms = host_wall_ms(host)};
    ramp_bytes value;

    if (error) return answer(values, error);
    if (!host->options.kv) return answer(values, RAMP_UNAVAILABLE);
    switch (kv_look(&host->kv, call->room, &full, now, &value)) {
    case KV_ABSENT: return answer(values, RAMP_NOT_FOUND);
    case KV_UNKNOWN: return answer_later(values, pending_kv_get(call, (uint8_t)scope, key));
    case KV_FOUND: break;
    }
    return give_copy(call, values, value, out, cap);
}

IMPORT(db_get) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(key, 0);
    IMPORT_OUT(2);
    int32_t error = check_key(key);
    ramp_bytes value;

    if (error) return answer(values, error);
    if (!call_host(call)->options.db) return answer(values, RAMP_UNAVAILABLE);
    switch (overlay_find(call, key, &value)) {
    case OVERLAY_VALUE: return give_copy(call, values, value, out, cap);
    case OVERLAY_DELETED: return answer(values, RAMP_NOT_FOUND);
    case OVERLAY_NONE: break;
    }
    return answer_later(values, pending_db_get(call, key));
}

IMPORT(db_list) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(prefix, 0);
    IMPORT_BYTES(after, 2);
    IMPORT_OUT(5);
    uint32_t limit = values[4].u32;
    struct overlay overlay;

    (void)out;
    (void)cap;
    if (prefix.size > LIMIT_KEY_SIZE || after.size > LIMIT_KEY_SIZE)
        return answer(values, RAMP_TOO_BIG);
    if (limit == 0) return answer(values, RAMP_ARGS);
    if (limit > LIMIT_LIST_ENTRIES) limit = LIMIT_LIST_ENTRIES;
    if (!call_host(call)->options.db) return answer(values, RAMP_UNAVAILABLE);
    if (!overlay_collect(call, prefix, after, &overlay)) return answer(values, RAMP_LIMIT);
    return answer_later(values, pending_db_list(call, prefix, after, limit, &overlay));
}

/* No driver yet. */
IMPORT(http_fetch) {
    IMPORT_IN_HANDLER();
    IMPORT_OUT(1);
    const uint8_t *request = guest_slice(call->room, values[0].u32, 40);
    uint32_t words[10];

    (void)out;
    (void)cap;
    if (!request) return bad_pointer();
    memcpy(words, request, sizeof(words));
    if (words[0] < sizeof(words)) return answer(values, RAMP_ARGS);
    for (size_t i = 2; i < 10; i += 2)
        if (!guest_slice(call->room, words[i], words[i + 1])) return bad_pointer();
    return answer(values, RAMP_UNAVAILABLE);
}

/* ---- wait ---------------------------------------------------------------------------------- */

struct engine_trap *hostcall_wait_check(void *context, uint32_t out, uint32_t cap) {
    struct room *room = context;

    if (room->call->stage != STAGE_HANDLER) return engine_trap_new("wait() works in handlers only");
    if (!guest_slice(room, out, cap)) return bad_pointer();
    call_drop_result(room->call);
    return NULL;
}

bool hostcall_wait(void *context, uint32_t out, uint32_t cap, int32_t *ret_result) {
    struct room *room = context;
    struct call *call = room->call;
    const struct pending *pending = pending_head(call);
    union engine_value values[1];

    *ret_result = RAMP_ARGS;
    if (!pending) return true;
    if (!pending->is_done) return false;
    pending_deliver(call);
    if (pending->error) {
        *ret_result = pending->error;
        return true;
    }
    give(call, values, pending->result, out, cap);
    *ret_result = values[0].i32;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* pending.c -- see pending.h. */
#include "core/pending.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "core/call.h"

/* ---- life ---------------------------------------------------------------------------------- */

static void pending_cancel(struct pending *pending) {
    ramp_host *host = pending->call->room->service->host;
    ramp_ticket ticket = request_forget(host, &pending->request);

    if (!ticket) return;
    if (pending->kind == PENDING_KV_GET) {
        if (host->options.kv->cancel) host->options.kv->cancel(host->options.kv->context, ticket);
    } else if (host->options.db->cancel) {
        host->options.db->cancel(host->options.db->context, ticket);
    }
}

static void pending_free(struct pending *pending) {
    if (!pending) return;
    pending_cancel(pending);
    list_remove(&pending->in_call);
    answer_free(pending->answer);
    mem_free(pending->made);
    overlay_done(&pending->overlay);
    mem_free(pending);
}

struct pending *pending_head(const struct call *call) {
    return list_empty(&call->pendings) ? NULL
                                       : list_item(call->pendings.next, struct pending, in_call);
}

void pending_deliver(struct call *call) {
    struct pending *pending = pending_head(call);

    pending_drop_delivered(call);
    list_remove(&pending->in_call);
    call->pending_count--;
    call->delivered = pending;
}

void pending_drop_delivered(struct call *call) {
    pending_free(call->delivered);
    call->delivered = NULL;
}

void pendings_end(struct call *call) {
    while (!list_empty(&call->pendings)) pending_free(pending_head(call));
    call->pending_count = 0;
    pending_drop_delivered(call);
}

static void pending_fail(struct pending *pending, int32_t error) {
    pending->is_done = true;
    pending->error = error;
}

void pendings_expire(struct call *call) {
    call->waits_expired = true;
    list_each(&call->pendings, node, following) {
        struct pending *pending = list_item(node, struct pending, in_call);
        if (pending->is_done) continue;
        call->room->service->host->waits_timed_out++;
        pending_cancel(pending);
        pending_fail(pending, RAMP_TIMEOUT);
    }
}

/* ---- answers ------------------------------------------------------------------------------- */

/* What a guest is told of a driver's failure: whether the key is there is not known. */
static int32_t guest_status(ramp_status status) {
    return status == RAMP_NOT_FOUND || status == RAMP_TIMEOUT ? status : RAMP_UNAVAILABLE;
}

static void pending_finish(struct pending *pending) {
    struct call *call = pending->call;

    pending->is_done = true;
    if (pending_head(call) == pending) room_wake(call->room);
}

static void get_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct pending *pending = list_item(request, struct pending, request);

    pending->answer = answer;
    pending->result = answer->answer.value;
    if (answer->answer.status) pending->error = guest_status(answer->answer.status);
    if (pending->kind == PENDING_KV_GET) {
        const struct room *room = pending->call->room;
        kv_learn(&host->kv,
                 &(ramp_kv_key){.service = room->service->name,
                                .room = pending->scope ? NULL : room->id,
                                .key = {pending->key, pending->key_size}},
                 &answer->answer, pending->asked_ns);
    }
    pending_finish(pending);
}

static bool list_ask(struct pending *pending, ramp_bytes after);

static void list_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct pending *pending = list_item(request, struct pending, request);
    const ramp_answer *given = &answer->answer;
    uint32_t count = 0;

    (void)host;
    if (given->status) {
        pending_fail(pending, guest_status(given->status));
    } else if (!overlay_merge(&pending->overlay, given->entries, given->entry_count, given->more,
                              pending->limit, LIMIT_LIST_BYTES, &pending->result)) {
        pending_fail(pending, RAMP_LIMIT);
    } else {
        pending->made = (void *)(uintptr_t)pending->result.data;
        memcpy(&count, pending->made, 4);
        if (count == 0 && given->more && given->entry_count > 0) {
            /* All of it has been deleted and is not stored yet: the answer lies behind it. */
            mem_free(pending->made);
            pending->made = NULL;
            if (list_ask(pending, given->entries[given->entry_count - 1].key)) {
                answer_free(answer);
                return;
            }
            pending_fail(pending, RAMP_LIMIT);
        }
    }
    answer_free(answer);
    pending_finish(pending);
}

/* ---- asking -------------------------------------------------------------------------------- */

/* NULL: `*ret_error` says why. `extra`: bytes behind it. */
static struct pending *pending_new(struct call *call, enum pending_kind kind, size_t extra,
                                   int32_t *ret_error) {
    struct pending *pending;

    *ret_error = RAMP_TIMEOUT;
    if (call->waits_expired || call->room->service->host->stop_stage >= RAMP_STOP_WAITS)
        return NULL;
    *ret_error = RAMP_LIMIT;
    if (call->pending_count >= LIMIT_PENDINGS) return NULL;
    pending = mem_zalloc(sizeof(*pending) + extra);
    if (!pending) return NULL;
    pending->call = call;
    pending->kind = (uint8_t)kind;
    pending->asked_ns = call->room->service->host->now_ns;
    list_push_back(&call->pendings, &pending->in_call);
    call->pending_count++;
    call->room->service->host->waits++;
    *ret_error = RAMP_OK;
    return pending;
}

static int32_t pending_give_up(struct pending *pending) {
    pending->call->pending_count--;
    pending_free(pending);
    return RAMP_LIMIT;
}

int32_t pending_kv_get(struct call *call, uint8_t scope, ramp_bytes key) {
    struct room *room = call->room;
    ramp_host *host = room->service->host;
    const ramp_kv *kv = host->options.kv;
    int32_t error;
    struct pending *pending = pending_new(call, PENDING_KV_GET, key.size, &error);
    ramp_ticket ticket;

    if (!pending) return error;
    memcpy(pending->key, key.data, key.size);
    pending->key_size = (uint16_t)key.size;
    pending->scope = scope;
    ticket = request_begin(host, &pending->request, get_done);
    if (!ticket) return pending_give_up(pending);
    kv->get(kv->context, host, ticket,
            &(ramp_kv_key){.service = room->service->name,
                           .room = scope ? NULL : room->id,
                           .key = {pending->key, key.size}});
    return RAMP_OK;
}

int32_t pending_db_get(struct call *call, ramp_bytes key) {
    struct room *room = call->room;
    ramp_host *host = room->service->host;
    const ramp_db *db = host->options.db;
    int32_t error;
    struct pending *pending = pending_new(call, PENDING_DB_GET, 0, &error);
    ramp_ticket ticket;

    if (!pending) return error;
    ticket = request_begin(host, &pending->request, get_done);
    if (!ticket) return pending_give_up(pending);
    db->get(db->context, host, ticket, room->service->name, room->id, key);
    return RAMP_OK;
}

/* Enough entries to fill the limit although every unsaved delete takes one away. */
static bool list_ask(struct pending *pending, ramp_bytes after) {
    struct room *room = pending->call->room;
    ramp_host *host = room->service->host;
    const ramp_db *db = host->options.db;
    ramp_ticket ticket = request_begin(host, &pending->request, list_done);

    if (!ticket) return false;
    db->list(db->context, host, ticket, room->service->name, room->id,
             &(ramp_db_range){.prefix = {pending->key, pending->prefix_size},
                              .after = after,
                              .limit = pending->limit + (uint32_t)pending->overlay.count,
                              .bytes_max = LIMIT_LIST_BYTES});
    return true;
}

int32_t pending_db_list(struct call *call, ramp_bytes prefix, ramp_bytes after, uint32_t limit,
                        struct overlay *overlay) {
    int32_t error;
    struct pending *pending = pending_new(call, PENDING_DB_LIST, prefix.size + after.size, &error);

    if (!pending) {
        overlay_done(overlay);
        return error;
    }
    pending->overlay = *overlay;
    pending->limit = limit;
    pending->prefix_size = (uint16_t)prefix.size;
    pending->after_size = (uint16_t)after.size;
    if (prefix.size) memcpy(pending->key, prefix.data, prefix.size);
    if (after.size) memcpy(pending->key + prefix.size, after.data, after.size);
    if (!list_ask(pending, (ramp_bytes){pending->key + prefix.size, after.size}))
        return pending_give_up(pending);
    return RAMP_OK;
}

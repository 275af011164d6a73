/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c -- see gate.h. gate_advance() is the one place that knows what comes next. */
#include "core/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "core/alarms.h"
#include "core/call.h"

#define MS UINT64_C(1000000)

static void gate_advance(struct room *room);
static void gate_fail(struct room *room, const char *why);

/* ---- life ---------------------------------------------------------------------------------- */

static struct room *gate_room(struct gate *gate) {
    return list_item(gate, struct room, gate);
}

static ramp_host *room_host(const struct room *room) {
    return room->service->host;
}

void gate_init(struct gate *gate) {
    *gate = (struct gate){0};
    list_init(&gate->batches);
    list_init(&gate->in_sync);
}

bool gate_has_state(const struct gate *gate) {
    for (const struct list *node = gate->batches.next; node != &gate->batches; node = node->next)
        if (list_item((struct list *)(uintptr_t)node, struct call, in_gate)->batch.needs &
            BATCH_STATE)
            return true;
    return false;
}

static void gate_cancel(struct room *room) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;
    ramp_ticket ticket = request_forget(host, &gate->request);

    deadline_clear(host, &gate->deadline);
    list_remove(&gate->in_sync);
    if (!ticket) return;
    if (gate->phase == GATE_STATE) {
        const ramp_states *states = host->options.states;
        if (states->cancel) states->cancel(states->context, ticket);
    } else if (host->options.db->cancel) {
        host->options.db->cancel(host->options.db->context, ticket);
    }
}

/* The first call that waits, taken out. */
static struct call *gate_pop(struct gate *gate) {
    struct call *call = list_item(list_pop_front(&gate->batches), struct call, in_gate);

    gate->count--;
    gate->size -= call_size(call);
    if (gate->group) gate->group--;
    return call;
}

void gate_done(struct room *room) {
    struct gate *gate = &room->gate;

    gate_cancel(room);
    while (gate->count > 0) {
        struct call *call = gate_pop(gate);
        call_release(call);
        call_free(call);
    }
}

int64_t gate_alarm(const struct gate *gate) {
    for (struct list *node = gate->batches.previous; node != &gate->batches;
         node = node->previous) {
        const struct call *call = list_item(node, struct call, in_gate);
        if (call_sets_alarm(call)) return call->alarm_ms;
    }
    return gate->has_head ? gate->head.alarm_ms : 0;
}

/* ---- leaving ------------------------------------------------------------------------------- */

/* The call's kv writes go into the host's buffer, where there is room for them. */
static void gate_hand_over_kv(struct call *call) {
    ramp_host *host = room_host(call->room);

    for (struct list *node; (node = list_pop_front(&call->kv_values));)
        kv_write(&host->kv, list_item(node, struct kv_value, in_batch), host->now_ns);
}

static void gate_let_out(struct call *call) {
    gate_let_through(call);
    call_release(call);
    call_free(call);
}

/* ---- what is stored of the room ---------------------------------------------------------------- */

static void head_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct gate *gate = list_item(request, struct gate, request);
    struct room *room = gate_room(gate);
    char why[160];

    deadline_clear(host, &gate->deadline);
    gate->phase = GATE_IDLE;
    if (answer->answer.status == RAMP_OK) {
        gate->has_head = true;
        gate->head = answer->answer.head;
        room_head_known(room);
        gate_advance(room);
    } else if (gate->count > 0) {
        snprintf(why, sizeof(why), "%s", answer->answer.message);
        gate_fail(room, why);
    } else {
        room_head_unknown(room, answer->answer.message);
    }
    answer_free(answer);
}

static void head_due(ramp_host *host, struct deadline *deadline) {
    struct gate *gate = list_item(deadline, struct gate, deadline);
    struct room *room = gate_room(gate);

    (void)host;
    gate_cancel(room);
    gate->phase = GATE_IDLE;
    if (gate->count > 0) gate_fail(room, "the database does not answer");
    else room_head_unknown(room, "the database does not answer");
}

bool gate_want_head(struct room *room) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;
    const ramp_db *db = host->options.db;
    ramp_ticket ticket;

    if (gate->has_head || gate->phase != GATE_IDLE) return true;
    ticket = request_begin(host, &gate->request, head_done);
    if (!ticket) return false;
    gate->phase = GATE_HEAD;
    gate->deadline.due = head_due;
    deadline_set(host, &gate->deadline, host->now_ns + host->options.commit_ms * MS);
    db->head(db->context, host, ticket, room->service->name, room->id);
    return true;
}

/* ---- commits ------------------------------------------------------------------------------- */

static void commit_due(ramp_host *host, struct deadline *deadline);
static void fence_due(ramp_host *host, struct deadline *deadline);
static void gate_save_state(struct room *room);

/* How many of the first waiting calls go into one transaction, and what it writes. A call that syncs goes
 * alone: those before it leave first. */
static void gate_form_group(struct gate *gate, size_t *ret_writes, bool *ret_commits) {
    size_t writes = 0, size = 0;

    gate->group = 0;
    gate->sets_alarm = false;
    *ret_commits = false;
    for (struct list *node = gate->batches.next; node != &gate->batches; node = node->next) {
        const struct call *call = list_item(node, struct call, in_gate);
        const struct batch *batch = &call->batch;
        bool is_first = gate->group == 0, syncs = batch->needs & BATCH_SYNC;
        if (!is_first && (syncs || writes + batch->db_count > LIMIT_CALL_DB_WRITES ||
                          size + batch->db_size > LIMIT_CALL_DB_BYTES))
            break;
        gate->group++;
        writes += batch->db_count;
        size += batch->db_size;
        if (batch->needs & BATCH_DB || call_sets_alarm(call)) *ret_commits = true;
        if (call_sets_alarm(call)) {
            gate->sets_alarm = true;
            gate->new_alarm_ms = call->alarm_ms;
        }
        if (syncs) break;
    }
    *ret_writes = writes;
}

static void gate_list_writes(const struct gate *gate, ramp_db_write *writes) {
    const struct list *node = gate->batches.next;

    for (uint32_t i = 0; i < gate->group; i++, node = node->next) {
        const struct call *call = list_item((struct list *)(uintptr_t)node, struct call, in_gate);
        if (!(call->batch.needs & BATCH_DB)) continue;
        for (size_t k = 0; k < call->batch.count; k++) {
            const ramp_event *event = &call->batch.events[k];
            if (event->type != RAMP_EVENT_DB_SET && event->type != RAMP_EVENT_DB_DEL) continue;
            *writes++ = (ramp_db_write){.key = event->key,
                                        .value = event->payload,
                                        .is_delete = event->type == RAMP_EVENT_DB_DEL};
        }
    }
}

/* What is under way is stored. */
static void gate_committed(struct room *room, uint64_t writer) {
    struct gate *gate = &room->gate;

    gate->head.number++;
    gate->head.writer = writer;
    if (gate->sets_alarm) gate->head.alarm_ms = gate->new_alarm_ms;
    gate->phase = GATE_IDLE;
    gate_save_state(room);
}

/* What an answer with RAMP_CONFLICT says: is it our own commit that is stored? */
static bool is_own_commit(const struct gate *gate, const ramp_head *head, uint64_t writer) {
    return head->number == gate->head.number + 1 && head->writer == writer;
}

static void gate_send_fence(struct room *room);

static void commit_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct gate *gate = list_item(request, struct gate, request);
    struct room *room = gate_room(gate);
    const ramp_head *head = &answer->answer.head;
    char why[160];

    deadline_clear(host, &gate->deadline);
    switch (answer->answer.status) {
    case RAMP_OK: gate_committed(room, gate->writer); break;
    case RAMP_TIMEOUT: gate_send_fence(room); break;
    case RAMP_CONFLICT:
        if (is_own_commit(gate, head, gate->writer)) {
            gate_committed(room, gate->writer);
            break;
        }
        gate_fail(room, "the room was written by somebody else");
        break;
    default:
        snprintf(why, sizeof(why), "%s", answer->answer.message);
        gate_fail(room, why);
        break;
    }
    answer_free(answer);
}

/* The outcome of the commit is known: it has landed, or never can. */
static void gate_settle(struct room *room, bool landed, uint64_t writer) {
    struct gate *gate = &room->gate;

    if (!gate->is_lost && landed) {
        gate_committed(room, writer);
        return;
    }
    if (!gate->is_lost) {
        gate_fail(room, "the database has not stored it");
        return;
    }
    gate->is_lost = false; /* its calls have been failed long ago; what is stored is read again */
    gate->phase = GATE_IDLE;
    gate->has_head = false;
    if (!gate_want_head(room)) gate_advance(room);
}

static void fence_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct gate *gate = list_item(request, struct gate, request);
    struct room *room = gate_room(gate);
    ramp_status status = answer->answer.status;
    ramp_head head = answer->answer.head;

    answer_free(answer);
    if (status == RAMP_OK ||
        (status == RAMP_CONFLICT && !is_own_commit(gate, &head, gate->writer))) {
        deadline_clear(host, &gate->deadline);
        gate_settle(room, false, gate->fence);
    } else if (status == RAMP_CONFLICT) {
        deadline_clear(host, &gate->deadline);
        gate_settle(room, true, gate->writer);
    } else { /* no answer to be had: again, after a while */
        gate->phase = GATE_UNKNOWN;
        gate->deadline.due = fence_due;
        deadline_set(host, &gate->deadline, host->now_ns + LIMIT_FENCE_MS * MS);
    }
}

static void gate_send_fence(struct room *room) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;
    const ramp_db *db = host->options.db;
    ramp_ticket ticket = request_begin(host, &gate->request, fence_done);

    gate->phase = GATE_UNKNOWN;
    gate->deadline.due = fence_due;
    deadline_set(host, &gate->deadline, host->now_ns + LIMIT_FENCE_MS * MS);
    if (!ticket) return; /* again, when it is due */
    gate->phase = GATE_FENCE;
    if (!gate->fence)
        host->options.random(host->options.context, &gate->fence, sizeof(gate->fence));
    db->commit(db->context, host, ticket,
               &(ramp_commit){.size = sizeof(ramp_commit),
                              .service = room->service->name,
                              .room = room->id,
                              .number = gate->head.number + 1,
                              .writer = gate->fence});
}

/* Time to ask again; or, in all, too late for those who wait. */
static void fence_due(ramp_host *host, struct deadline *deadline) {
    struct gate *gate = list_item(deadline, struct gate, deadline);
    struct room *room = gate_room(gate);

    if (!gate->is_lost && host->now_ns >= gate->since_ns + host->options.commit_ms * MS) {
        gate->is_lost = true;
        gate_fail(room, "whether the database has stored it is not known");
    }
    if (gate->phase == GATE_UNKNOWN) gate_send_fence(room);
    else deadline_set(host, &gate->deadline, host->now_ns + LIMIT_FENCE_MS * MS);
}

/* Half of the time has gone by without an answer. */
static void commit_due(ramp_host *host, struct deadline *deadline) {
    struct gate *gate = list_item(deadline, struct gate, deadline);
    struct room *room = gate_room(gate);

    (void)host;
    gate_cancel(room);
    gate_send_fence(room);
}

static void gate_commit(struct room *room, size_t write_count) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;
    const ramp_db *db = host->options.db;
    ramp_db_write *writes = mem_alloc((write_count + 1) * sizeof(*writes));
    ramp_ticket ticket = writes ? request_begin(host, &gate->request, commit_done) : 0;

    if (!ticket) {
        mem_free(writes);
        gate_fail(room, "no memory for a commit");
        return;
    }
    gate_list_writes(gate, writes);
    host->commits++;
    host->options.random(host->options.context, &gate->writer, sizeof(gate->writer));
    gate->fence = 0;
    gate->phase = GATE_COMMIT;
    gate->since_ns = host->now_ns;
    gate->deadline.due = commit_due;
    deadline_set(host, &gate->deadline, host->now_ns + host->options.commit_ms * MS / 2);
    db->commit(db->context, host, ticket,
               &(ramp_commit){.size = sizeof(ramp_commit),
                              .service = room->service->name,
                              .room = room->id,
                              .number = gate->head.number + 1,
                              .writer = gate->writer,
                              .writes = writes,
                              .write_count = write_count,
                              .sets_alarm = gate->sets_alarm,
                              .alarm_ms = gate->new_alarm_ms});
    mem_free(writes);
}

/* ---- the room's state ------------------------------------------------------------------------ */

static void gate_mark_stored(struct room *room) {
    struct list *node = room->gate.batches.next;

    for (uint32_t i = 0; i < room->gate.group; i++, node = node->next)
        list_item(node, struct call, in_gate)->is_stored = true;
    gate_advance(room);
}

/* Only the call that saves has failed, if it was made for that; else as after a commit that failed. */
static void gate_state_failed(struct room *room, const char *why) {
    struct call *call = list_item(room->gate.batches.next, struct call, in_gate);

    room_host(room)->saves_failed++;
    room_state_unsaved(room);
    if (call->kind != RAMP_CALL_SAVE) {
        gate_fail(room, why);
        return;
    }
    gate_pop(&room->gate);
    call_fail(call, RAMP_UNAVAILABLE, why);
    room_save_failed(room);
    gate_let_out(call);
    gate_advance(room);
}

static void state_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct gate *gate = list_item(request, struct gate, request);
    struct room *room = gate_room(gate);
    char why[160];

    deadline_clear(host, &gate->deadline);
    gate->phase = GATE_IDLE;
    if (answer->answer.status == RAMP_OK) {
        host->saves++;
        room_state_saved(room, gate->state_call);
        gate_mark_stored(room);
    } else {
        snprintf(why, sizeof(why), "the room's state could not be saved: %s",
                 answer->answer.message);
        gate_state_failed(room, why);
    }
    answer_free(answer);
}

static void state_due(ramp_host *host, struct deadline *deadline) {
    struct gate *gate = list_item(deadline, struct gate, deadline);
    struct room *room = gate_room(gate);

    (void)host;
    gate_cancel(room);
    gate->phase = GATE_IDLE;
    gate_state_failed(room, "the room's state could not be saved: the disk does not answer");
}

/* Of the states that the group saves, the last. */
static void gate_save_state(struct room *room) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;
    const ramp_states *states = host->options.states;
    const ramp_event *event = NULL;
    struct list *node = gate->batches.next;
    ramp_ticket ticket;

    for (uint32_t i = 0; i < gate->group; i++, node = node->next) {
        const struct call *call = list_item(node, struct call, in_gate);
        const struct batch *batch = &call->batch;
        if (!(batch->needs & BATCH_STATE)) continue;
        gate->state_call = call->number;
        for (size_t k = 0; k < batch->count; k++)
            if (batch->events[k].type == RAMP_EVENT_STATE_SAVE) event = &batch->events[k];
    }
    if (!event) {
        gate_mark_stored(room);
        return;
    }
    ticket = request_begin(host, &gate->request, state_done);
    if (!ticket) {
        gate_state_failed(room, "no memory to save the room's state");
        return;
    }
    gate->phase = GATE_STATE;
    gate->deadline.due = state_due;
    deadline_set(host, &gate->deadline, host->now_ns + host->options.commit_ms * MS);
    states->save(states->context, host, ticket, room->service->name, room->id, event->payload,
                 room->ending && room->member_count == 0 ? RAMP_STATE_ENDED : 0);
}

/* ---- kv_sync ------------------------------------------------------------------------------- */

/* What the call sends is dropped; what it has written stays. */
static void gate_sync_failed(struct room *room) {
    struct call *call = gate_pop(&room->gate);

    room_host(room)->syncs_failed++;
    call_fail(call, RAMP_UNAVAILABLE, "kv.sync: the kv backend has not acknowledged the writes");
    room_note_failure(room, call);
    gate_let_out(call);
    room_make_ready(room);
}

static void sync_due(ramp_host *host, struct deadline *deadline) {
    struct gate *gate = list_item(deadline, struct gate, deadline);
    struct room *room = gate_room(gate);

    (void)host;
    list_remove(&gate->in_sync);
    gate->phase = GATE_IDLE;
    gate_sync_failed(room);
    gate_advance(room);
}

/* true: acknowledged already. */
static bool gate_begin_sync(struct room *room, struct call *call) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;

    gate_hand_over_kv(call);
    call->sync_mark = kv_mark(&host->kv);
    if (kv_is_synced(&host->kv, call->sync_mark)) return true;
    kv_hurry(&host->kv);
    gate->phase = GATE_SYNC;
    gate->deadline.due = sync_due;
    deadline_set(host, &gate->deadline, host->now_ns + host->options.sync_ms * MS);
    list_push_back(&host->syncing, &gate->in_sync);
    return false;
}

void gate_check_syncs(ramp_host *host) {
    list_each(&host->syncing, node, following) {
        struct gate *gate = list_item(node, struct gate, in_sync);
        struct room *room = gate_room(gate);
        const struct call *call = list_item(gate->batches.next, struct call, in_gate);
        if (!kv_is_synced(&host->kv, call->sync_mark)) continue;
        list_remove(&gate->in_sync);
        deadline_clear(host, &gate->deadline);
        gate->phase = GATE_IDLE;
        gate_let_out(gate_pop(gate));
        gate_advance(room);
    }
}

/* ---- what comes next ------------------------------------------------------------------------- */

static bool call_is_to_be_stored(const struct call *call) {
    return !call->is_stored && call->state == RAMP_CALL_DONE &&
           (call->clears_alarm || (call->batch.needs & (BATCH_DB | BATCH_ALARM | BATCH_STATE)));
}

/* Stores what the first call asks for. true: it goes on when an answer comes. */
static bool gate_store(struct room *room) {
    struct gate *gate = &room->gate;
    size_t writes;
    bool commits;

    gate_form_group(gate, &writes, &commits);
    if (!commits) {
        gate_save_state(room);
        return true;
    }
    if (!gate->has_head) {
        if (!gate_want_head(room)) gate_fail(room, "no memory for a commit");
        return true;
    }
    gate_commit(room, writes);
    return true;
}

static void gate_advance(struct room *room) {
    struct gate *gate = &room->gate;

    while (gate->phase == GATE_IDLE && gate->count > 0) {
        struct call *call = list_item(gate->batches.next, struct call, in_gate);
        if (call_is_to_be_stored(call)) {
            gate_store(room);
            return;
        }
        if (call->state == RAMP_CALL_DONE && (call->batch.needs & BATCH_SYNC) &&
            !gate_begin_sync(room, call))
            return;
        gate_let_out(gate_pop(gate));
    }
    if (gate->phase == GATE_IDLE) room_gate_opened(room);
}

bool gate_holds(const struct room *room, const struct call *call) {
    return !gate_is_open(&room->gate) ||
           (call->state == RAMP_CALL_DONE &&
            (call_is_to_be_stored(call) || (call->batch.needs & BATCH_SYNC)));
}

void gate_enter(struct room *room, struct call *call) {
    struct gate *gate = &room->gate;

    list_push_back(&gate->batches, &call->in_gate);
    gate->count++;
    gate->size += call_size(call);
    if (gate->phase == GATE_IDLE) gate_advance(room);
}

void gate_let_through(struct call *call) {
    if (call->state == RAMP_CALL_DONE) gate_hand_over_kv(call);
    call_tell(call);
}

/* ---- failing ------------------------------------------------------------------------------- */

/* A commit was lost (CONTRACT 2.5): what waits is dropped, and so is the instance. */
static void gate_fail(struct room *room, const char *why) {
    ramp_host *host = room_host(room);
    struct gate *gate = &room->gate;
    char message[240];

    snprintf(message, sizeof(message), "what it wrote could not be stored: %s", why);
    host->commits_failed++;
    if (!gate->is_lost) gate->phase = GATE_IDLE;
    gate->has_head = false;
    gate->group = 0;
    while (gate->count > 0) {
        struct call *call = gate_pop(gate);
        if (call->state == RAMP_CALL_DONE) call_fail(call, RAMP_UNAVAILABLE, message);
        gate_let_out(call);
    }
    room_commit_lost(room, message);
}

void gate_give_up(struct room *room) {
    struct gate *gate = &room->gate;

    if (gate->count == 0) return;
    /* What on_save has left is still being stored. */
    if (list_item(gate->batches.next, struct call, in_gate)->kind == RAMP_CALL_SAVE) return;
    gate_cancel(room);
    if (gate->phase == GATE_SYNC) {
        gate->phase = GATE_IDLE;
        gate_sync_failed(room);
        gate_advance(room);
        if (gate->count == 0) return;
        gate_cancel(room);
    }
    gate->phase = GATE_IDLE;
    gate_fail(room, "the server stops");
}

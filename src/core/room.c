/* SPDX-License-Identifier: Apache-2.0 */
/* room.c -- see room.h. What a room does next is decided in one place, room_next(). */
#include "core/room.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/alarms.h"
#include "core/call.h"
#include "core/life.h"
#include "core/names.h"
#include "core/pending.h"
#include "core/refusal.h"

/* ---- life ---------------------------------------------------------------------------------- */

struct room *room_find(const struct service *service, const char *id) {
    return map_get(&service->rooms, id, strlen(id));
}

struct room *room_get(struct service *service, const char *id, ramp_error *reterr) {
    ramp_host *host = service->host;
    struct room *room;
    size_t size;

    if (!id_is_valid(id, LIMIT_ROOM_ID, true)) {
        error_set(reterr, RAMP_ARGS,
                  "a room's id is 1 to %u bytes of UTF-8 without control characters and '/'",
                  LIMIT_ROOM_ID);
        return NULL;
    }
    room = room_find(service, id);
    if (room) return room;
    size = strlen(id);
    room = mem_zalloc(sizeof(*room) + size + 1);
    if (!room) goto fail;
    memcpy(room->id, id, size);
    room->id_size = (uint8_t)size;
    room->service = service;
    map_init(&room->connections, host->services.seed[0]);
    timers_init(&room->timers);
    list_init(&room->in_run);
    list_init(&room->in_module);
    list_init(&room->in_idle);
    list_init(&room->in_switch);
    list_init(&room->full);
    gate_init(&room->gate);
    if (!map_put(&service->rooms, room->id, size, room)) goto fail;
    host->room_count++;
    return room;

fail:
    mem_free(room);
    error_set(reterr, RAMP_NO_MEMORY, "no memory for room '%s'", id);
    return NULL;
}

/* Nothing happens in it, nor is about to. */
static bool room_is_quiet(const struct room *room) {
    return room->inbox.count == 0 && !room->call && room->timers.count == 0 &&
           gate_is_open(&room->gate) && !request_is_open(&room->state_request) &&
           !room->aside.instance;
}

/* In use for longer than a few calls take. */
static bool room_holds(const struct room *room) {
    return room->save_failed || room->timers.count > 0 ||
           (room->member_count > 0 && !room_can_save(room));
}

void room_update_pin(struct room *room) {
    struct module *module = room->module;
    bool holds = module && room_holds(room);
    bool pins = holds || (module && !room_is_quiet(room));

    if (holds != room->holds) module->held_count += holds ? 1 : UINT32_MAX;
    if (pins != room->pins) module->pin_count += pins ? 1 : UINT32_MAX;
    if ((room->pins && module->pin_count == 0) || holds != room->holds)
        room->service->host->table.retry = true;
    room->pins = pins;
    room->holds = holds;
}

void room_unpin(struct room *room) {
    if (room->pins) room->module->pin_count--;
    if (room->holds) room->module->held_count--;
    if (room->pins || room->holds) room->service->host->table.retry = true;
    room->pins = room->holds = false;
}

void room_free(struct room *room) {
    struct service *service = room->service;
    ramp_host *host = service->host;
    size_t index = 0;

    gate_done(room);
    deadline_clear(host, &room->wait_deadline);
    call_free(room->call);
    room->call = NULL;
    room_life_done(room);
    while (room->inbox.count > 0) {
        const struct inbox_entry *entry = inbox_front(&room->inbox);
        ramp_connection *connection = entry->connection;
        uint8_t kind = entry->kind;
        inbox_pop(&room->inbox, &host->chunks);
        if (kind == RAMP_CALL_REQUEST) connection_free(connection);
        else if (kind == RAMP_CALL_LEAVE && connection) /* no longer in the map */
            room_forget_connection(connection);
    }
    room->member_count = 0; /* members that have not left yet are in the map */
    for (struct map_entry *entry; (entry = map_next(&room->connections, &index));)
        room_forget_connection(entry->value);
    map_done(&room->connections);
    map_remove(&service->rooms, room->id, room->id_size);
    list_remove(&room->in_run);
    list_remove(&room->in_idle);
    mem_free(room->slots);
    mem_free(room->members);
    mem_free(room->failure);
    mem_free(room);
    host->room_count--;
    service_release(service);
}

void room_end_if_unused(struct room *room) {
    if (room->instance || room->module || room->inbox.count > 0 || room->connections.count > 0)
        return;
    room_free(room);
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

void room_make_ready(struct room *room) {
    struct service *service = room->service;

    if (room->waiting || !list_empty(&room->in_run)) return; /* parked or ready already */
    list_push_back(&service->ready, &room->in_run);
    if (list_empty(&service->in_ready)) list_push_back(&service->host->ready, &service->in_ready);
}

bool room_enqueue(struct room *room, const struct inbox_entry *head, const ramp_bytes *parts,
                  size_t part_count) {
    if (!inbox_push(&room->inbox, &room->service->host->chunks, head, parts, part_count))
        return false;
    room_enqueued(room);
    return true;
}

void room_enqueued(struct room *room) {
    list_remove(&room->in_idle);
    room_update_pin(room);
    room_make_ready(room);
}

void room_forget_entry(struct room *room, struct inbox_entry *entry) {
    entry->kind = RAMP_CALL_BACKPRESSURE; /* of a connection that has gone: not even reported */
    entry->connection = NULL;
    room_enqueued(room);
}

void room_attach(struct room *room, struct module *module) {
    room_set_module(room, module);
    table_touch(room->service->host, module);
    room_make_ready(room);
}

void room_end(struct room *room) {
    room->ending = true;
    list_remove(&room->in_idle);
    room_make_ready(room);
}

/* ---- opening ------------------------------------------------------------------------------- */

/* What else is queued may try again. */
void room_open_failed(struct room *room, ramp_status status, const char *message,
                      const char *where) {
    bool overloaded = status == RAMP_UNAVAILABLE || status == RAMP_NO_MEMORY;

    room_close_instance(room);
    if (!overloaded) room->open_reason = OPEN_FRESH; /* else the next try is told why, too */
    mem_free(room->failure);
    room->failure = NULL;
    if (room->inbox.count > 0 && !room_drop_dead_front(room))
        room_refuse_front(room, status, message, where);
    room_close_members(room, overloaded ? 1013 : 1011,
                       overloaded ? "overloaded" : "the room failed to open");
}

/* ---- the alarm ----------------------------------------------------------------------------- */

/* false: it has failed too often. */
static bool room_retry_alarm(struct room *room) {
    return alarms_retry(room->service->host, room->service->name, room->id);
}

bool room_ring(ramp_host *host, const char *service_name, const char *room_id) {
    struct service *service = service_get(host, service_name, NULL);
    struct room *room = NULL;
    uint64_t none = 0;

    if (service && (service->state != SERVICE_FAILED || service->until_ns <= host->now_ns))
        room = room_get(service, room_id, NULL);
    if (!room) {
        if (service) service_release(service);
        return false;
    }
    if (room->alarm_queued) return true;
    room->alarm_queued = room_enqueue(room, &(struct inbox_entry){.kind = RAMP_CALL_ALARM},
                                      &(ramp_bytes){&none, sizeof(none)}, 1);
    if (!room->alarm_queued) room_end_if_unused(room);
    return room->alarm_queued;
}

void room_head_known(struct room *room) {
    const char *service = room->service->name;
    int64_t at_ms = gate_alarm(&room->gate);

    if (!room->alarm_queued && at_ms) alarms_set(room->service->host, service, room->id, at_ms);
    room_make_ready(room);
}

void room_head_unknown(struct room *room, const char *why) {
    ramp_host *host = room->service->host;

    if (room->alarm_queued)
        host_log(host, 2, room->service->name, room->id, "the alarm has to wait: %s", why);
    if (room->inbox.count > 0 && inbox_front(&room->inbox)->kind == RAMP_CALL_ALARM) {
        room->alarm_queued = false;
        room_settle_front(room, RAMP_OK, "", "");
        alarms_postpone(host, room->service->name, room->id);
    }
    room_make_ready(room);
}

/* What is stored about the room decides whether the alarm at the front is due. false: it has been taken
 * out. */
static bool room_alarm_is_due(struct room *room) {
    ramp_host *host = room->service->host;
    int64_t at_ms = gate_alarm(&room->gate);

    if (at_ms != 0 && at_ms <= host_wall_ms(host)) return true;
    room_settle_front(room, RAMP_OK, "", "");
    alarms_set(host, room->service->name, room->id, at_ms);
    return false;
}

/* The call of the alarm has ended: what it leaves behind is a room without an alarm, unless it has set it
 * again, or is to be called again. */
static void room_finish_alarm(struct room *room, struct call *call) {
    ramp_host *host = room->service->host;
    struct call *clear;

    room->alarm_queued = false;
    host->alarms_fired++;
    if (call->state == RAMP_CALL_DONE) {
        if (!(call->batch.needs & BATCH_ALARM)) call->clears_alarm = true;
        return;
    }
    if (room_retry_alarm(room)) return;
    host->alarms_dropped++;
    host_log(host, 3, room->service->name, room->id,
             "the alarm is dropped: on_alarm has failed %u times", LIMIT_ALARM_RETRIES + 1);
    clear = call_new(room, RAMP_CALL_ALARM);
    if (!clear) { /* no memory: it is rung again */
        alarms_postpone(host, room->service->name, room->id);
        return;
    }
    clear->state = RAMP_CALL_DONE;
    clear->clears_alarm = clear->is_silent = true;
    call_settle(clear);
    call_hold(clear);
    room->clear_alarm = clear;
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static bool room_has(const struct room *room, enum guest_export export) {
    return engine_module_has(room->module->code, export);
}

static struct call *room_new_call(struct room *room, ramp_call_kind kind) {
    ramp_host *host = room->service->host;

    room->call = call_new(room, kind);
    if (room->call) {
        if (kind != RAMP_CALL_CLOSE) room->is_saved = false;
        if (kind != RAMP_CALL_CLOSE && room->state_marks) { /* not any more */
            const ramp_states *states = host->options.states;
            room->state_current = room->state_marks = false;
            states->mark(states->context, room->service->name, room->id);
        }
        return room->call;
    }
    host_log(host, 3, room->service->name, room->id, "no memory for a call");
    return NULL;
}

/* Turns the front of the inbox into a call. false: it has been settled without one. */
static bool room_dispatch_front(struct room *room) {
    static const uint8_t handlers[RAMP_CALL_COUNT] = {
        [RAMP_CALL_JOIN] = EXPORT_on_join,       [RAMP_CALL_MESSAGE] = EXPORT_on_message,
        [RAMP_CALL_LEAVE] = EXPORT_on_leave,     [RAMP_CALL_TIMER] = EXPORT_on_timer,
        [RAMP_CALL_REQUEST] = EXPORT_on_request, [RAMP_CALL_BACKPRESSURE] = EXPORT_on_backpressure,
        [RAMP_CALL_ALARM] = EXPORT_on_alarm,
    };
    ramp_host *host = room->service->host;
    struct inbox_entry *entry = inbox_front(&room->inbox);
    ramp_connection *connection = entry->connection;
    struct call *call;

    if (entry->kind == RAMP_CALL_OPEN) {
        room_settle_front(room, RAMP_OK, "", "");
        return false;
    }
    if (entry->kind == RAMP_CALL_TIMER) {
        int32_t id;
        uint32_t sequence, count = room->timers.count;
        bool is_due;
        memcpy(&id, entry->payload, 4);
        memcpy(&sequence, entry->payload + 4, 4);
        is_due = timers_dispatch(&room->timers, &host->timers, id, sequence);
        host->timer_count -= count - room->timers.count;
        if (!is_due || !room_has(room, EXPORT_on_timer)) {
            room_settle_front(room, RAMP_OK, "", "");
            return false;
        }
    }
    if (entry->kind == RAMP_CALL_JOIN && !room_add_member(room, connection)) {
        room_refuse_join(room, RAMP_LIMIT, "the room has no place for another connection", "");
        return false;
    }
    if (entry->kind == RAMP_CALL_REQUEST && !room_has(room, EXPORT_on_request)) {
        room_settle_front(room, RAMP_NO_HANDLER, "the module has no onRequest handler", "");
        return false;
    }
    call = room_new_call(room, (ramp_call_kind)entry->kind);
    if (!call) {
        room_refuse_front(room, RAMP_NO_MEMORY, "no memory for a call", "");
        return false;
    }
    if (entry->kind == RAMP_CALL_LEAVE) {
        room_remove_member(room, connection);
        connection->state = CONNECTION_LEAVES;
    }
    call->has_entry = true;
    call->tag = entry->tag;
    call->connection = connection;
    call->payload = (ramp_bytes){.data = entry->payload, .size = entry->size};
    call->arguments[0] = connection ? (int32_t)connection->handle : 0;
    if (entry->kind == RAMP_CALL_TIMER) memcpy(&call->arguments[0], entry->payload, 4);
    if (entry->kind == RAMP_CALL_LEAVE) call->arguments[1] = entry->code;
    call_set_handler(call, (enum guest_export)handlers[entry->kind], entry->binary);
    return true;
}

static bool room_begin_error(struct room *room) {
    struct failure_note *note = room->failure;
    struct call *call;

    if (!room_has(room, EXPORT_on_error) || !(call = room_new_call(room, RAMP_CALL_ERROR))) {
        mem_free(note);
        room->failure = NULL;
        return false;
    }
    call->payload = (ramp_bytes){.data = note, .size = sizeof(*note) + note->size};
    call_set_handler(call, EXPORT_on_error, false);
    return true;
}

enum next { NEXT_CALL, NEXT_AGAIN, NEXT_NOTHING, NEXT_GONE };

static enum next room_nothing_left(struct room *room, bool ends) {
    ramp_host *host = room->service->host;

    if (!gate_is_open(&room->gate)) return NEXT_NOTHING; /* it is woken when it is */
    /* One that has lost its instance is kept for a while: its next call is told how (CONTRACT 2.5, 2.10). */
    if (!room->is_open && room->member_count == 0 &&
        (ends || room->open_reason == OPEN_FRESH || host->options.room_idle_ms == UINT32_MAX)) {
        room_free(room);
        return NEXT_GONE;
    }
    if (room->member_count == 0 && room->timers.count == 0 && list_empty(&room->in_idle)) {
        room->idle_since_ns = host->now_ns;
        list_push_back(&host->idle, &room->in_idle);
    }
    return NEXT_NOTHING;
}

/* It has lost its instance, and is to make way. */
static void room_make_way(struct room *room) {
    if (gate_is_open(&room->gate) && room_can_save(room)) room_set_module(room, NULL);
    else table_keep(room->service->host, room->module);
}

/* A room without an instance has something to do, or is changing over to another version. */
static enum next room_next_open(struct room *room) {
    bool is_idle = room->inbox.count == 0 && !room->aside.instance, ends = room->ending;

    if (ends && is_idle && room->member_count > 0) room_make_way(room);
    room->ending = false;
    if (is_idle) return room_nothing_left(room, ends);
    /* A commit that was given up may still land: nothing is built on what is stored. */
    if (room->service->host->stop_stage >= RAMP_STOP_COMMITS && !room->aside.instance)
        return NEXT_NOTHING;
    if (gate_is_lost(&room->gate)) { /* whether its last commit has landed is not known */
        room_refuse_queued(room, RAMP_UNAVAILABLE, "the room's database does not answer");
        return NEXT_NOTHING;
    }
    if (!room->module) {
        service_want(room->service, room);
        if (!room->module) return NEXT_NOTHING; /* parked */
    }
    table_keep(room->service->host, room->module);
    if (gate_has_state(&room->gate)) return NEXT_NOTHING; /* it is woken when the gate is open */
    if (room->next) return NEXT_AGAIN; /* an update took the place that was free for a moment */
    list_remove(&room->in_run);
    switch (room_begin_open(room)) {
    case BEGUN_CALL: return NEXT_CALL;
    case BEGUN_WAITS: return NEXT_NOTHING;
    default: return NEXT_AGAIN;
    }
}

static enum next room_next_switch(struct room *room) {
    if (room->is_open && !gate_is_open(&room->gate)) return NEXT_NOTHING;
    switch (room_begin_switch(room)) {
    case BEGUN_CALL: return NEXT_CALL;
    case BEGUN_WAITS: return NEXT_NOTHING;
    default: return NEXT_AGAIN;
    }
}

/* The room is quiet and ends; one with connections makes way, and opens again when something happens. */
static enum next room_next_end(struct room *room) {
    ramp_host *host = room->service->host;
    const ramp_states *states = host->options.states;

    if (!gate_is_open(&room->gate)) return NEXT_NOTHING;
    if (room_must_save(room)) {
        if (room_begin_save(room)) return NEXT_CALL;
        room_save_failed(room);
    }
    if (room->save_failed) {
        if (room->ending) table_keep(host, room->module);
        room->ending = false;
        return room_nothing_left(room, false);
    }
    if (room->member_count > 0) {
        room->ending = false;
        room->open_reason = OPEN_MOVED;
        room_close_instance(room);
        room_set_module(room, NULL);
        return NEXT_NOTHING;
    }
    if (room->has_state) states->end(states->context, room->service->name, room->id);
    if (room_has(room, EXPORT_on_close) && room_new_call(room, RAMP_CALL_CLOSE)) {
        call_set_handler(room->call, EXPORT_on_close, false);
        return NEXT_CALL;
    }
    room_close_instance(room);
    return NEXT_AGAIN;
}

/* The server stops: nothing but saving. */
static enum next room_next_stop(struct room *room) {
    if (gate_is_open(&room->gate) && room_must_save(room)) {
        if (room_begin_save(room)) return NEXT_CALL;
        room_save_failed(room);
    }
    return NEXT_NOTHING;
}

/* The alarm at the front may need what is stored before anything else is done. */
static enum next room_next_alarm(struct room *room) {
    struct gate *gate = &room->gate;

    if (gate->has_head || gate_alarm(gate) != 0)
        return room_alarm_is_due(room) ? NEXT_CALL : NEXT_AGAIN;
    if (gate_is_lost(gate)) return NEXT_CALL; /* it is refused, with what is behind it */
    if (gate_want_head(room)) return NEXT_NOTHING;
    room_head_unknown(room, "no memory");
    return NEXT_AGAIN;
}

/* What the room does next: the one place that knows the order of things. */
static enum next room_next(struct room *room) {
    const ramp_host *host = room->service->host;
    enum next next;

    for (;; next = NEXT_AGAIN) {
        if (host->stop_stage >= RAMP_STOP_ROOMS && !room->aside.instance)
            return room_next_stop(room);
        if (gate_is_full(&room->gate)) return NEXT_NOTHING;
        if (room->aside.instance && !room->is_open) {
            next = room_next_open(room);
        } else if (room->next) {
            next = room_next_switch(room);
        } else if (room->inbox.count > 0 && room_drop_dead_front(room)) {
            continue;
        } else if (room->inbox.count > 0 && inbox_front(&room->inbox)->kind == RAMP_CALL_ALARM &&
                   (next = room_next_alarm(room)) != NEXT_CALL) {
            if (next == NEXT_NOTHING) return next;
            continue;
        } else if (!room->is_open) {
            next = room_next_open(room);
        } else if (room->failure && room_begin_error(room)) {
            return NEXT_CALL;
        } else if (room->inbox.count > 0) {
            if (room_dispatch_front(room)) return NEXT_CALL;
            continue;
        } else if (room->ending && room->timers.count == 0 &&
                   (room->member_count == 0 || room_can_save(room))) {
            next = room_next_end(room);
        } else {
            if (room->ending) table_keep(room->service->host, room->module);
            room->ending = false;
            return room_nothing_left(room, false);
        }
        if (next != NEXT_AGAIN) return next;
    }
}

/* ---- after a call -------------------------------------------------------------------------- */

void room_note_failure(struct room *room, const struct call *call) {
    size_t size = strlen(call->message);
    struct failure_note *note;

    if (call->kind == RAMP_CALL_ERROR) return; /* its own failure is only logged */
    mem_free(room->failure);
    room->failure = NULL;
    if (!room_has(room, EXPORT_on_error)) return;
    note = mem_alloc(sizeof(*note) + size);
    if (!note) return;
    *note = (struct failure_note){.call = call->kind,
                                  .connection = call->connection ? call->connection->handle : 0,
                                  .code = (uint32_t)-call->status,
                                  .size = (uint32_t)size};
    memcpy(note->message, call->message, size);
    room->failure = note;
}

/* Modules run on the path that can suspend until they have shown that they are quick. */
static void room_judge_module(struct module *module, const struct call *call,
                              uint32_t promote_calls) {
    if (call->overran) {
        if (module->promoted) module->demoted = true;
        module->promoted = false;
        module->clean_calls = 0;
    } else if (!module->promoted && !module->demoted && ++module->clean_calls >= promote_calls) {
        module->promoted = true;
    }
}

static void room_finish_entry(struct room *room, const struct call *call) {
    ramp_host *host = room->service->host;
    struct inbox_entry *entry = inbox_front(&room->inbox);
    ramp_connection *connection = call->connection;
    uint32_t size = entry->size;

    inbox_pop(&room->inbox, &host->chunks);
    room_dequeued(room);
    switch (call->kind) {
    case RAMP_CALL_MESSAGE: connection_dequeued(connection, size); break;
    case RAMP_CALL_JOIN: room->request_count--; break;
    case RAMP_CALL_REQUEST:
        room->request_count--;
        connection_free(connection);
        break;
    case RAMP_CALL_LEAVE:
        room_free_slot(room, connection);
        room_forget_connection(connection);
        break;
    default: break;
    }
}

/* After the outcome: what the call means for the room's instance. */
static void room_conclude(struct room *room, const struct call *call) {
    bool failed = call->state == RAMP_CALL_FAILED;
    bool resumable = call->status == RAMP_PANICKED && (room->guest_flags & 1) != 0;

    switch (call->kind) {
    case RAMP_CALL_OPEN: room_opened(room, call); return;
    case RAMP_CALL_CLOSE: room_close_instance(room); return; /* however it ended */
    case RAMP_CALL_ERROR:
        mem_free(room->failure);
        room->failure = NULL;
        break;
    case RAMP_CALL_SAVE:
        room->is_saved = !failed;
        if (failed) room_save_failed(room);
        break;
    default: break;
    }
    if (!failed) return;
    room_note_failure(room, call);
    if (resumable) return;
    room_close_instance(room);
    room->open_reason = OPEN_TRAP;
}

static void room_finish_call(struct room *room) {
    ramp_host *host = room->service->host;
    struct call *call = room->call;
    bool failed = call->state == RAMP_CALL_FAILED, adopts, holds;

    adopts = call->kind == RAMP_CALL_OPEN && !failed && room->aside.instance;
    call->number = ++room->calls;
    room->calls_failed += failed;
    room_judge_module(room->module, call, host->options.promote_calls);
    if (call->kind == RAMP_CALL_ALARM) room_finish_alarm(room, call);
    if (adopts) room_adopt(room);
    call_settle(call);
    holds = gate_holds(room, call);
    if (holds) call_hold(call);
    else gate_let_through(call);
    room->call = NULL;
    room_conclude(room, call);
    if (call->has_entry) room_finish_entry(room, call);
    if (call->kind == RAMP_CALL_REQUEST) call->connection = NULL; /* gone with its entry */
    if (holds) gate_enter(room, call);
    else call_free(call);
    if (room->clear_alarm) {
        call = room->clear_alarm;
        room->clear_alarm = NULL;
        gate_enter(room, call);
    }
    if (adopts) service_room_switched(room->service, room, SWITCH_MOVED);
}

/* ---- waits --------------------------------------------------------------------------------- */

static void wait_due(ramp_host *host, struct deadline *deadline) {
    struct room *room = list_item(deadline, struct room, wait_deadline);

    (void)host;
    pendings_expire(room->call);
    room_wake(room);
}

static void room_begin_wait(struct room *room) {
    ramp_host *host = room->service->host;

    room->waiting = true;
    room->wait_deadline.due = wait_due;
    deadline_set(host, &room->wait_deadline, host->now_ns + room->call->wait_left_ns);
    if (host->stop_stage < RAMP_STOP_WAITS) return;
    pendings_expire(room->call);
    room_wake(room);
}

void room_wake(struct room *room) {
    ramp_host *host = room->service->host;
    struct call *call = room->call;
    uint64_t waited_ns;

    if (!room->waiting) return;
    waited_ns = host->now_ns - call->wait_since_ns;
    call->wait_left_ns -= waited_ns < call->wait_left_ns ? waited_ns : call->wait_left_ns;
    call->time_ms = host_wall_ms(host);
    deadline_clear(host, &room->wait_deadline);
    room->waiting = false;
    room_make_ready(room);
}

/* ---- what the gate says ---------------------------------------------------------------------- */

void room_gate_opened(struct room *room) {
    room_make_ready(room);
}

/* The running call, if there is one, ends without its events: what it has read may never have been. */
static void room_drop_call(struct room *room, const char *message) {
    struct call *call = room->call;

    if (!call) return;
    deadline_clear(room->service->host, &room->wait_deadline);
    room->waiting = false;
    call_fail(call, RAMP_UNAVAILABLE, message);
    if (call->kind == RAMP_CALL_ALARM) room_finish_alarm(room, call);
    call_settle(call);
    gate_let_through(call);
    room->call = NULL;
    room->calls++;
    room->calls_failed++;
    if (call->has_entry) room_finish_entry(room, call);
    call_free(call);
}

void room_commit_lost(struct room *room, const char *message) {
    ramp_host *host = room->service->host;

    host_log(host, 3, room->service->name, room->id, "a commit was lost: %s", message);
    if (room->aside.instance) room_restore(room, message);
    room_close_instance(room);
    room_drop_call(room, message);
    room->open_reason = OPEN_COMMIT;
    mem_free(room->failure);
    room->failure = NULL;
    room_part_members(room, 1011, "what the room wrote could not be stored");
    if (gate_is_lost(&room->gate)) room_refuse_queued(room, RAMP_UNAVAILABLE, message);
    else if (host->stop_stage < RAMP_STOP_COMMITS && !gate_want_head(room))
        room_head_unknown(room, "no memory");
    room_make_ready(room);
}

void room_stop(struct room *room) {
    if (room->waiting) {
        pendings_expire(room->call);
        room_wake(room);
    }
    if (room->save_failed && room->service->host->stop_stage >= RAMP_STOP_ROOMS) {
        deadline_clear(room->service->host, &room->save_deadline);
        room->save_failed = false; /* once more */
    }
    room_make_ready(room);
}

bool room_has_stopped(const struct room *room) {
    if (room->call || room->gate.count > 0 || room->aside.instance) return false;
    return room->service->host->stop_stage < RAMP_STOP_ROOMS || !room_must_save(room);
}

/* ---- running ------------------------------------------------------------------------------- */

bool room_run(struct room *room, uint64_t slice_end_ns) {
    ramp_host *host = room->service->host;

    list_remove(&room->in_run);
    if (host->stop_stage >= RAMP_STOP_COMMITS) gate_give_up(room);
    do {
        if (!room->call) {
            enum next next = room_next(room);
            if (next == NEXT_GONE) return false;
            if (next == NEXT_NOTHING) {
                room_update_pin(room);
                return false;
            }
        }
        switch (call_advance(room->call)) {
        case RAMP_CALL_RUNNING: room_make_ready(room); return true;
        case RAMP_CALL_WAITING: room_begin_wait(room); return false;
        default: room_finish_call(room); break;
        }
    } while (host->now_ns < slice_end_ns);
    room_make_ready(room);
    return true;
}

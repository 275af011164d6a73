/* SPDX-License-Identifier: Apache-2.0 */
/* room.c -- see room.h. What a room does next is decided in one place, room_next(). */
#include "core/room.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/call.h"
#include "core/names.h"

enum { SLOT_BITS = 20, SLOTS_MAX = 1 << SLOT_BITS, GENERATION_MAX = (1 << (32 - SLOT_BITS)) - 1 };

static_assert(LIMIT_ROOM_CONNECTIONS < SLOTS_MAX, "a handle holds the slot in 20 bits");

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
    list_init(&room->full);
    if (!map_put(&service->rooms, room->id, size, room)) goto fail;
    host->room_count++;
    return room;

fail:
    mem_free(room);
    error_set(reterr, RAMP_NO_MEMORY, "no memory for room '%s'", id);
    return NULL;
}

static bool room_is_quiet(const struct room *room) {
    return room->inbox.count == 0 && !room->call && room->timers.count == 0;
}

/* A room in use keeps its module in the table. */
static void room_update_pin(struct room *room) {
    bool pins = room->module && (room->member_count > 0 || !room_is_quiet(room));

    if (pins == room->pins) return;
    room->pins = pins;
    if (pins) room->module->pin_count++;
    else room->module->pin_count--;
}

void room_set_module(struct room *room, struct module *module) {
    struct module *old = room->module;

    if (old == module) return;
    if (old) {
        if (room->pins) old->pin_count--;
        room->pins = false;
        old->room_count--;
        list_remove(&room->in_module);
    }
    room->module = module;
    if (module) {
        module->room_count++;
        list_push_back(&module->rooms, &room->in_module);
        room_update_pin(room);
        table_keep(room->service->host, module);
    }
    if (old) table_release(room->service->host, old);
}

void room_set_next(struct room *room, struct module *module) {
    if (room->next) room->next->pin_count--;
    room->next = module;
    if (!module) return;
    module->pin_count++;
    room_make_ready(room);
}

void room_close_instance(struct room *room) {
    ramp_host *host = room->service->host;

    host->timer_count -= room->timers.count;
    timers_done(&room->timers, &host->timers);
    room->is_open = false;
    if (!room->instance) return;
    engine_instance_close(room->instance);
    room->instance = NULL;
    room->memory = (struct engine_memory){0};
    host->instance_count--;
}

static void room_forget_connection(ramp_connection *connection) {
    connection->room->service->host->connection_count--;
    connection_free(connection);
}

void room_free(struct room *room) {
    struct service *service = room->service;
    ramp_host *host = service->host;
    size_t index = 0;

    call_free(room->call);
    room->call = NULL;
    room_close_instance(room);
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
    room_set_next(room, NULL);
    room_set_module(room, NULL);
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

/* An entry has been taken out: those who found the inbox full may try again. */
static void room_dequeued(struct room *room) {
    if (room->inbox.size > LIMIT_ROOM_INBOX_BYTES / 2) return;
    for (struct list *node; (node = list_pop_front(&room->full));)
        connection_tell_ready(list_item(node, ramp_connection, in_full));
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

/* ---- members ------------------------------------------------------------------------------- */

ramp_connection *room_member(const struct room *room, uint32_t handle) {
    uint32_t slot = handle & (SLOTS_MAX - 1);
    ramp_connection *connection;

    if (slot >= room->slot_count) return NULL;
    connection = room->slots[slot].connection;
    return connection && connection->handle == handle && connection->state != CONNECTION_LEAVES
               ? connection
               : NULL;
}

static bool room_reserve_member(struct room *room) {
    uint32_t capacity = room->slot_capacity ? room->slot_capacity * 2 : 4;
    struct slot *slots;
    ramp_connection **members;

    if (room->slot_count == room->slot_capacity) {
        slots = mem_resize(room->slots, capacity * sizeof(*slots));
        if (!slots) return false;
        room->slots = slots;
        room->slot_capacity = capacity;
    }
    if (room->member_count == room->member_capacity) {
        capacity = room->member_capacity ? room->member_capacity * 2 : 4;
        members = mem_resize(room->members, capacity * sizeof(ramp_connection *));
        if (!members) return false;
        room->members = members;
        room->member_capacity = capacity;
    }
    return true;
}

static uint32_t member_slot(const ramp_connection *connection) {
    return connection->handle & (SLOTS_MAX - 1);
}

uint32_t room_member_index(const struct room *room, uint32_t handle) {
    uint32_t low = 0, high = room->member_count, slot = handle & (SLOTS_MAX - 1);

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (member_slot(room->members[middle]) < slot) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Gives the connection the lowest free slot and a place among the members. */
static bool room_add_member(struct room *room, ramp_connection *connection) {
    uint32_t slot = 0, at;

    if (!room_reserve_member(room)) return false;
    /* Slots below member_count are full if all members lie in them; search only if there is a hole. */
    if (room->member_count == room->slot_count ||
        (room->member_count > 0 &&
         member_slot(room->members[room->member_count - 1]) == room->member_count - 1))
        slot = room->member_count;
    while (slot < room->slot_count &&
           (room->slots[slot].connection || room->slots[slot].generation == GENERATION_MAX))
        slot++;
    if (slot >= SLOTS_MAX) return false;
    if (slot == room->slot_count) room->slots[room->slot_count++] = (struct slot){0};
    room->slots[slot].connection = connection;
    room->slots[slot].generation++;
    connection->handle = (uint32_t)room->slots[slot].generation << SLOT_BITS | slot;
    connection->state = CONNECTION_MEMBER;
    at = room_member_index(room, connection->handle);
    memmove(room->members + at + 1, room->members + at,
            (room->member_count - at) * sizeof(*room->members));
    room->members[at] = connection;
    room->member_count++;
    return true;
}

static void room_remove_member(struct room *room, const ramp_connection *connection) {
    uint32_t at = room_member_index(room, connection->handle);

    assert(at < room->member_count && room->members[at] == connection);
    room->member_count--;
    memmove(room->members + at, room->members + at + 1,
            (room->member_count - at) * sizeof(*room->members));
}

static void room_free_slot(struct room *room, const ramp_connection *connection) {
    room->slots[member_slot(connection)].connection = NULL;
}

/* What is queued about a connection that is no more has lost its subject. */
static void room_orphan_entries(struct room *room, const ramp_connection *connection) {
    for (struct inbox_entry *entry = inbox_front(&room->inbox); entry;
         entry = inbox_after(&room->inbox, entry))
        if (entry->connection == connection) entry->connection = NULL;
}

void room_close_members(struct room *room, uint16_t code, const char *reason) {
    ramp_host *host = room->service->host;

    while (room->member_count > 0) {
        ramp_connection *connection = room->members[room->member_count - 1];
        room_remove_member(room, connection);
        room_free_slot(room, connection);
        connection->handle = 0;
        if (connection->state != CONNECTION_MEMBER) { /* its leave is queued, and frees it */
            connection->never_joined = true;
            continue;
        }
        connection->state = CONNECTION_LEAVING;
        map_remove(&room->connections, connection->text, strlen(connection->text));
        host->options.on_close(host->options.context, connection, code, reason);
        room_orphan_entries(room, connection);
        room_forget_connection(connection);
    }
}

/* ---- reporting what never reached the guest --------------------------------------------------- */

/* Reports the front entry's outcome without a call, and takes it out. */
static void room_settle_front(struct room *room, ramp_status status, const char *message,
                              const char *where) {
    ramp_host *host = room->service->host;
    struct inbox_entry *entry = inbox_front(&room->inbox);
    ramp_connection *connection = entry->connection;
    uint8_t kind = entry->kind;
    ramp_outcome outcome = {.tag = entry->tag,
                            .call = (ramp_call_kind)kind,
                            .state = status ? RAMP_CALL_FAILED : RAMP_CALL_DONE,
                            .service = room->service->name,
                            .room = room->id,
                            .connection = kind == RAMP_CALL_REQUEST ? NULL : connection,
                            .joined = connection && connection->handle != 0,
                            .status = status,
                            .message = message,
                            .where = where};

    switch (kind) {
    case RAMP_CALL_JOIN:
    case RAMP_CALL_OPEN:
    case RAMP_CALL_REQUEST: room->request_count--; break;
    case RAMP_CALL_MESSAGE:
        if (connection) connection_dequeued(connection, entry->size);
        break;
    default: break;
    }
    if (kind != RAMP_CALL_TIMER && kind != RAMP_CALL_BACKPRESSURE) {
        host->calls_failed += status != RAMP_OK;
        host->options.on_done(host->options.context, &outcome);
    }
    inbox_pop(&room->inbox, &host->chunks);
    if (kind == RAMP_CALL_REQUEST) connection_free(connection);
    room_dequeued(room);
}

/* A join that will not happen: its connection goes with it. */
static void room_refuse_join(struct room *room, ramp_status status, const char *message,
                             const char *where) {
    ramp_connection *connection = inbox_front(&room->inbox)->connection;
    bool left = connection->state != CONNECTION_JOINING;

    if (!left) { /* before on_done, which may let the same id join again */
        connection->state = CONNECTION_LEAVING;
        map_remove(&room->connections, connection->text, strlen(connection->text));
    }
    room_settle_front(room, status, message, where);
    if (left) return; /* its leave is queued, and frees it */
    room_orphan_entries(room, connection);
    room_forget_connection(connection);
}

/* The front entry, failed. */
static void room_refuse_front(struct room *room, ramp_status status, const char *message,
                              const char *where) {
    struct inbox_entry *entry = inbox_front(&room->inbox);

    if (entry->kind == RAMP_CALL_JOIN) {
        room_refuse_join(room, status, message, where);
    } else if (entry->kind == RAMP_CALL_LEAVE && entry->connection) {
        ramp_connection *connection = entry->connection;
        room_settle_front(room, RAMP_OK, "", "");
        if (connection->handle) {
            room_remove_member(room, connection);
            room_free_slot(room, connection);
        }
        room_forget_connection(connection);
    } else {
        room_settle_front(room, entry->kind == RAMP_CALL_LEAVE ? RAMP_OK : status, message, where);
    }
}

void room_fail_queued(struct room *room, const ramp_error *error) {
    /* Only what is there now: on_done may queue more. */
    for (uint32_t left = room->inbox.count; left > 0; left--)
        room_refuse_front(room, error->status, error->message, "");
    room_update_pin(room);
    if (room->inbox.count == 0 && room->member_count == 0 && !room->instance) room_free(room);
}

/* An entry that needs no module: its connection has gone, or left before its join was dispatched. */
static bool room_drop_dead_front(struct room *room) {
    struct inbox_entry *entry = inbox_front(&room->inbox);
    ramp_connection *connection = entry->connection;

    switch (entry->kind) {
    case RAMP_CALL_JOIN:
        if (!connection->never_joined) return false;
        room_refuse_join(room, RAMP_GONE, "the client left before its join was dispatched", "");
        return true;
    case RAMP_CALL_LEAVE:
        if (connection && !connection->never_joined) return false;
        room_refuse_front(room, RAMP_OK, "", "");
        return true;
    case RAMP_CALL_MESSAGE:
    case RAMP_CALL_BACKPRESSURE:
        if (connection && !connection->never_joined) return false;
        room_settle_front(room, RAMP_GONE, "the connection has gone", "");
        return true;
    case RAMP_CALL_TIMER:
        if (room->is_open) return false;
        room_settle_front(room, RAMP_OK, "", ""); /* timers ended with their instance */
        return true;
    default: return false;
    }
}

/* ---- opening ------------------------------------------------------------------------------- */

/* The call that opened the room fails, and members are closed; what else is queued may try again. */
static void room_open_failed(struct room *room, ramp_status status, const char *message,
                             const char *where) {
    bool overloaded = status == RAMP_UNAVAILABLE || status == RAMP_NO_MEMORY;

    room_close_instance(room);
    room->open_reason = OPEN_FRESH;
    mem_free(room->failure);
    room->failure = NULL;
    if (room->inbox.count > 0 && !room_drop_dead_front(room))
        room_refuse_front(room, status, message, where);
    room_close_members(room, overloaded ? 1013 : 1011,
                       overloaded ? "overloaded" : "the room failed to open");
}

static bool room_begin_open(struct room *room) {
    ramp_host *host = room->service->host;
    ramp_error error = {.status = RAMP_NO_MEMORY, .message = "no memory for a call"};
    ramp_status status = RAMP_OK;

    if (host->instance_count >= host->options.rooms_max)
        status =
            error_set(&error, RAMP_UNAVAILABLE, "this host holds %u rooms, the most it may hold",
                      host->options.rooms_max);
    if (!status) status = engine_instance_open(room->module->code, room, &room->instance, &error);
    if (!status) {
        host->instance_count++;
        room->memory = engine_memory(room->instance);
        room->call = call_new(room, RAMP_CALL_OPEN);
        if (!room->call) status = error.status;
    }
    if (status) {
        /* Neither a full engine nor a full machine is the module's fault. */
        room_open_failed(room, status == RAMP_LIMIT ? RAMP_UNAVAILABLE : status, error.message, "");
        return false;
    }
    room->call->arguments[0] = room->open_reason;
    return true;
}

static void room_restart(struct room *room) {
    if (room->is_open || room->open_reason != OPEN_FRESH) room->open_reason = OPEN_VERSION;
    room_close_instance(room);
    mem_free(room->failure);
    room->failure = NULL;
    room_set_module(room, room->next);
    room_set_next(room, NULL);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static bool room_has(const struct room *room, enum guest_export export) {
    return engine_module_has(room->module->code, export);
}

static struct call *room_new_call(struct room *room, ramp_call_kind kind) {
    room->call = call_new(room, kind);
    if (room->call) return room->call;
    host_log(room->service->host, 3, room->service->name, room->id, "no memory for a call");
    return NULL;
}

/* Turns the front of the inbox into a call. false: it has been settled without one. */
static bool room_dispatch_front(struct room *room) {
    static const uint8_t handlers[RAMP_CALL_COUNT] = {
        [RAMP_CALL_JOIN] = EXPORT_on_join,       [RAMP_CALL_MESSAGE] = EXPORT_on_message,
        [RAMP_CALL_LEAVE] = EXPORT_on_leave,     [RAMP_CALL_TIMER] = EXPORT_on_timer,
        [RAMP_CALL_REQUEST] = EXPORT_on_request, [RAMP_CALL_BACKPRESSURE] = EXPORT_on_backpressure,
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

enum next { NEXT_CALL, NEXT_NOTHING, NEXT_GONE };

static enum next room_nothing_left(struct room *room) {
    ramp_host *host = room->service->host;

    if (!room->is_open && room->member_count == 0) {
        room_free(room);
        return NEXT_GONE;
    }
    if (room->is_open && room->member_count == 0 && room->timers.count == 0 &&
        list_empty(&room->in_idle)) {
        room->idle_since_ns = host->now_ns;
        list_push_back(&host->idle, &room->in_idle);
    }
    return NEXT_NOTHING;
}

/* What the room does next: the one place that knows the order of things. */
static enum next room_next(struct room *room) {
    for (;;) {
        if (room->next) room_restart(room);
        if (room->inbox.count > 0 && room_drop_dead_front(room)) continue;
        if (!room->is_open) {
            room->ending = false;
            if (room->member_count > 0) table_keep(room->service->host, room->module);
            if (room->inbox.count == 0) return room_nothing_left(room);
            if (!room->module) {
                service_want(room->service, room);
                if (!room->module) return NEXT_NOTHING; /* parked */
            }
            table_keep(room->service->host, room->module);
            if (room->next) continue; /* an update took the place that was free for a moment */
            list_remove(&room->in_run);
            if (room_begin_open(room)) return NEXT_CALL;
            continue;
        }
        if (room->failure && room_begin_error(room)) return NEXT_CALL;
        if (room->inbox.count > 0) {
            if (room_dispatch_front(room)) return NEXT_CALL;
            continue;
        }
        if (room->ending && room->member_count == 0 && room->timers.count == 0) {
            if (room_has(room, EXPORT_on_close) && room_new_call(room, RAMP_CALL_CLOSE)) {
                call_set_handler(room->call, EXPORT_on_close, false);
                return NEXT_CALL;
            }
            room_close_instance(room);
            continue;
        }
        if (room->ending) table_keep(room->service->host, room->module);
        room->ending = false;
        return room_nothing_left(room);
    }
}

/* ---- after a call -------------------------------------------------------------------------- */

static void room_note_failure(struct room *room, const struct call *call) {
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

static void room_finish_call(struct room *room) {
    ramp_host *host = room->service->host;
    struct call *call = room->call;
    bool failed = call->state == RAMP_CALL_FAILED;
    bool resumable = call->status == RAMP_PANICKED && (room->guest_flags & 1) != 0;

    room->calls++;
    room->calls_failed += failed;
    room_judge_module(room->module, call, host->options.promote_calls);
    call_report(call);
    if (call->kind == RAMP_CALL_ERROR) {
        mem_free(room->failure);
        room->failure = NULL;
    }
    if (call->kind == RAMP_CALL_OPEN) {
        room->is_open = !failed;
        if (failed) {
            char message[sizeof(call->message) + 40];
            snprintf(message, sizeof(message), "the room could not be opened: %s", call->message);
            room->call = NULL;
            room_open_failed(room, call->status == RAMP_UNAVAILABLE ? call->status : RAMP_NOT_OPEN,
                             message, call->where);
        }
        room->open_reason = OPEN_FRESH;
    } else if (call->kind == RAMP_CALL_CLOSE) {
        room_close_instance(room); /* however it ended, the next life begins anew */
    } else if (failed) {
        room_note_failure(room, call);
        if (!resumable) {
            room_close_instance(room);
            room->open_reason = OPEN_TRAP;
        }
    }
    if (call->has_entry) room_finish_entry(room, call);
    room->call = NULL;
    call_free(call);
}

bool room_run(struct room *room, uint64_t slice_end_ns) {
    ramp_host *host = room->service->host;

    list_remove(&room->in_run);
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
        case RAMP_CALL_WAITING: room->waiting = true; return false;
        default: room_finish_call(room); break;
        }
    } while (host->now_ns < slice_end_ns);
    room_make_ready(room);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* life.c -- see life.h. */
#include "core/life.h"

#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/call.h"

#define MS UINT64_C(1000000)

static ramp_host *room_host(const struct room *room) {
    return room->service->host;
}

/* ---- module and instance ----------------------------------------------------------------------- */

void room_set_module(struct room *room, struct module *module) {
    struct module *old = room->module;

    if (old == module) return;
    if (old) {
        room_unpin(room);
        old->pin_count++; /* until it is released: a place that becomes free wakes others */
        old->room_count--;
        list_remove(&room->in_module);
    }
    room->module = module;
    if (module) {
        module->room_count++;
        list_push_back(&module->rooms, &room->in_module);
        room_update_pin(room);
        table_keep(room_host(room), module);
    }
    if (!old) return;
    table_unpin(&room_host(room)->table, old);
    table_release(room_host(room), old);
}

void room_set_next(struct room *room, struct module *module) {
    if (room->next) table_unpin(&room_host(room)->table, room->next);
    room->next = module;
    if (!module) {
        list_remove(&room->in_switch);
        return;
    }
    module->pin_count++;
    room_make_ready(room);
}

/* An instance has gone: one that waits for the place of a change of version may have it. */
static void instance_gone(ramp_host *host) {
    struct list *node = list_pop_front(&host->switching);

    host->instance_count--;
    if (node) room_make_ready(list_item(node, struct room, in_switch));
}

static void room_drop_instance(struct room *room) {
    room->is_open = false;
    room->is_saved = false;
    if (room->save_failed) deadline_clear(room_host(room), &room->save_deadline);
    room->save_failed = false;
    if (!room->instance) return;
    engine_instance_close(room->instance);
    room->instance = NULL;
    room->memory = (struct engine_memory){0};
    instance_gone(room_host(room));
}

static void room_drop_timers(struct room *room) {
    ramp_host *host = room_host(room);

    host->timer_count -= room->timers.count;
    timers_done(&room->timers, &host->timers);
}

void room_close_instance(struct room *room) {
    room_drop_timers(room);
    room_drop_instance(room);
}

static void room_drop_aside(struct room *room) {
    struct module *module = room->aside.module;

    if (room->aside.instance) {
        engine_instance_close(room->aside.instance);
        instance_gone(room_host(room));
    }
    room->aside = (struct aside){0};
    if (!module) return;
    table_unpin(&room_host(room)->table, module);
    table_release(room_host(room), module);
}

static void room_forget_state(struct room *room) {
    answer_free(room->saved);
    room->saved = NULL;
    room->state_loaded = false;
}

void room_life_done(struct room *room) {
    ramp_host *host = room_host(room);
    ramp_ticket ticket = request_forget(host, &room->state_request);

    if (ticket && host->options.states->cancel)
        host->options.states->cancel(host->options.states->context, ticket);
    deadline_clear(host, &room->life_deadline);
    deadline_clear(host, &room->save_deadline);
    room_forget_state(room);
    room_close_instance(room);
    room_drop_aside(room);
    if (room->next) service_room_switched(room->service, room, SWITCH_ENDED);
    room_set_next(room, NULL);
    room_set_module(room, NULL);
}

/* ---- the saved state ------------------------------------------------------------------------- */

static bool room_has(const struct room *room, enum guest_export export) {
    return engine_module_has(room->module->code, export);
}

/* A slow store is never taken for an empty one: the room does not open without its answer. */
static void load_failed(struct room *room, const char *why) {
    char message[200];

    snprintf(message, sizeof(message), "the room's state could not be loaded: %s", why);
    if (room->aside.instance) room_restore(room, message);
    else room_open_failed(room, RAMP_UNAVAILABLE, message, "");
    room_make_ready(room);
}

static void load_done(ramp_host *host, struct request *request, struct answer *answer) {
    struct room *room = list_item(request, struct room, state_request);
    ramp_status status = answer->answer.status;

    deadline_clear(host, &room->life_deadline);
    if (status && status != RAMP_NOT_FOUND) {
        load_failed(room, answer->answer.message);
        answer_free(answer);
        return;
    }
    room->state_loaded = true;
    room->has_state = status == RAMP_OK;
    room->state_current = room->has_state && (answer->answer.flags & RAMP_STATE_CURRENT);
    room->state_marks = room->has_state && answer->answer.flags;
    if (room->has_state) {
        room->saved = answer;
        if (room->open_reason == OPEN_FRESH && !(answer->answer.flags & RAMP_STATE_ENDED))
            room->open_reason = OPEN_MOVED;
    } else {
        answer_free(answer);
    }
    room_make_ready(room);
}

static void load_due(ramp_host *host, struct deadline *deadline) {
    struct room *room = list_item(deadline, struct room, life_deadline);
    ramp_ticket ticket = request_forget(host, &room->state_request);

    if (ticket && host->options.states->cancel)
        host->options.states->cancel(host->options.states->context, ticket);
    load_failed(room, "the disk does not answer");
}

/* false: no memory. */
static bool room_load_state(struct room *room) {
    ramp_host *host = room_host(room);
    const ramp_states *states = host->options.states;
    ramp_ticket ticket;

    if (request_is_open(&room->state_request)) return true;
    ticket = request_begin(host, &room->state_request, load_done);
    if (!ticket) return false;
    room->life_deadline.due = load_due;
    deadline_set(host, &room->life_deadline, host->now_ns + host->options.commit_ms * MS);
    states->load(states->context, host, ticket, room->service->name, room->id);
    return true;
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum begun open_failed(struct room *room, ramp_status status, const char *why) {
    /* Neither a full engine nor a full machine is the module's fault. */
    if (status == RAMP_LIMIT) status = RAMP_UNAVAILABLE;
    if (room->aside.instance) room_restore(room, why);
    else room_open_failed(room, status, why, "");
    return BEGUN_FAILED;
}

/* Another room has the place of a second instance: this one is woken when it is free. */
static enum begun room_await_place(struct room *room) {
    if (list_empty(&room->in_switch)) list_push_back(&room_host(room)->switching, &room->in_switch);
    return BEGUN_WAITS;
}

static void look_again(ramp_host *host, struct deadline *deadline) {
    (void)host;
    room_make_ready(list_item(deadline, struct room, life_deadline));
}

/* The room that has been idle longest, and can be saved, makes way for one that something happens in. false:
 * there is none. */
static bool room_take_place(struct room *room) {
    ramp_host *host = room_host(room);
    struct room *idle = NULL;

    list_each(&host->idle, node, following) {
        idle = list_item(node, struct room, in_idle);
        if (idle->instance && !idle->save_failed) break;
        idle = NULL;
    }
    if (!idle) return false;
    room_end(idle);
    room->life_deadline.due = look_again; /* it may have found something to do instead */
    deadline_set(host, &room->life_deadline, host->now_ns + LIMIT_RETRY_MS * MS);
    return true;
}

enum begun room_begin_open(struct room *room) {
    ramp_host *host = room_host(room);
    uint32_t instances_max = host->options.rooms_max + (room->aside.instance != NULL);
    ramp_error error = {.status = RAMP_NO_MEMORY, .message = "no memory for a call"};
    ramp_status status;

    if (host->options.states && room_has(room, EXPORT_on_open) && !room->state_loaded)
        return room_load_state(room) ? BEGUN_WAITS
                                     : open_failed(room, RAMP_NO_MEMORY, error.message);
    if (host->instance_count >= instances_max) {
        if (room->aside.instance || room_take_place(room)) return room_await_place(room);
        error_set(&error, RAMP_UNAVAILABLE, "this host holds %u rooms, the most it may hold",
                  host->options.rooms_max);
        return open_failed(room, error.status, error.message);
    }
    status = engine_instance_open(room->module->code, room, &room->instance, &error);
    if (status) return open_failed(room, status, error.message);
    host->instance_count++;
    room->memory = engine_memory(room->instance);
    room->call = call_new(room, RAMP_CALL_OPEN);
    if (!room->call) return open_failed(room, RAMP_NO_MEMORY, error.message);
    if (room->saved) room->call->payload = room->saved->answer.value;
    room->call->arguments[0] = room->open_reason;
    return BEGUN_CALL;
}

void room_opened(struct room *room, const struct call *call) {
    bool failed = call->state == RAMP_CALL_FAILED;
    char message[sizeof(call->message) + 40];

    room_forget_state(room);
    room->is_open = !failed;
    if (failed) {
        snprintf(message, sizeof(message), "the room could not be opened: %s", call->message);
        if (room->aside.instance) {
            room_restore(room, message);
            return;
        }
        room_open_failed(room, call->status == RAMP_UNAVAILABLE ? call->status : RAMP_NOT_OPEN,
                         message, call->where);
        return;
    }
    room->open_reason = OPEN_FRESH;
}

/* ---- saving -------------------------------------------------------------------------------- */

bool room_can_save(const struct room *room) {
    return room->module && room->module->can_save;
}

bool room_must_save(const struct room *room) {
    return room->is_open && !room->is_saved && !room->save_failed && room_can_save(room);
}

bool room_begin_save(struct room *room) {
    room->call = call_new(room, RAMP_CALL_SAVE);
    if (!room->call) return false;
    call_set_handler(room->call, EXPORT_on_save, false);
    return true;
}

/* The room keeps its instance, and its module a place in the table, for a while. */
static void save_again(ramp_host *host, struct deadline *deadline) {
    struct room *room = list_item(deadline, struct room, save_deadline);

    (void)host;
    room->save_failed = false;
    room_update_pin(room);
    room_make_ready(room);
}

void room_save_failed(struct room *room) {
    ramp_host *host = room_host(room);

    room->is_saved = false;
    room->save_failed = true;
    room->save_deadline.due = save_again;
    deadline_set(host, &room->save_deadline, host->now_ns + LIMIT_SAVE_RETRY_MS * MS);
    if (room->ending) table_keep(host, room->module);
    room->ending = false;
    if (room->next) {
        service_room_switched(room->service, room, SWITCH_KEPT);
        room_set_next(room, NULL);
    }
    room_update_pin(room);
    room_make_ready(room);
}

/* It may have been stored all the same, or may yet be: what is stored then is not what the room has. */
void room_state_unsaved(struct room *room) {
    const ramp_states *states = room_host(room)->options.states;

    states->mark(states->context, room->service->name, room->id);
    room->state_marks = true; /* the next call marks it again */
}

void room_state_saved(struct room *room, uint64_t call_number) {
    const ramp_states *states = room_host(room)->options.states;

    room->has_state = true;
    room->state_current = room->state_marks = call_number == room->calls && !room->call;
    if (!room->state_current) states->mark(states->context, room->service->name, room->id);
}

/* ---- changing over to another version ---------------------------------------------------------- */

void room_adopt(struct room *room) {
    room_drop_timers(room); /* every instance starts without */
    room_drop_aside(room);
}

void room_restore(struct room *room, const char *why) {
    const struct aside aside = room->aside;

    host_log(room_host(room), 3, room->service->name, room->id,
             "stays on its version, the new one does not open: %s", why);
    room_forget_state(room);
    room_drop_instance(room);
    room->aside = (struct aside){0};
    room->instance = aside.instance;
    room->memory = aside.memory;
    room->guest_inbox = aside.guest_inbox;
    room->guest_inbox_cap = aside.guest_inbox_cap;
    room->guest_flags = aside.guest_flags;
    room->is_open = true;
    room->open_reason = OPEN_FRESH;
    room_set_module(room, aside.module);
    table_unpin(&room_host(room)->table, aside.module);
    service_room_switched(room->service, room, SWITCH_KEPT);
}

/* The old instance is put aside until the new one has opened. */
enum begun room_begin_switch(struct room *room) {
    ramp_host *host = room_host(room);
    struct module *next = room->next;

    if (!room->is_open) {  /* nothing to put aside: it opens with the new version */
        next->pin_count++; /* until it is ours */
        room_set_next(room, NULL);
        room_set_module(room, next);
        table_unpin(&room_host(room)->table, next);
        service_room_switched(room->service, room, SWITCH_MOVED);
        return BEGUN_FAILED;
    }
    if (room->save_failed) { /* a short while ago: it has something that is not saved */
        room_set_next(room, NULL);
        service_room_switched(room->service, room, SWITCH_KEPT);
        return BEGUN_FAILED;
    }
    if (room_must_save(room)) return room_begin_save(room) ? BEGUN_CALL : BEGUN_WAITS;
    if (host->instance_count > host->options.rooms_max) return room_await_place(room);
    mem_free(room->failure);
    room->failure = NULL;
    room->aside = (struct aside){.module = room->module,
                                 .instance = room->instance,
                                 .memory = room->memory,
                                 .guest_inbox = room->guest_inbox,
                                 .guest_inbox_cap = room->guest_inbox_cap,
                                 .guest_flags = room->guest_flags};
    room->instance = NULL;
    room->memory = (struct engine_memory){0};
    room->is_open = false;
    room->is_saved = false;
    room->open_reason = OPEN_VERSION;
    room->aside.module->pin_count++;
    room_set_module(room, next);
    room_set_next(room, NULL);
    return BEGUN_FAILED; /* no call yet: opening comes next */
}

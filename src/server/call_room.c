/* SPDX-License-Identifier: Apache-2.0 */
/* call_room.c -- the call API on the room's worker: calls, and the connections that callers hold. See
 * call_api.h.
 *
 *   member   one connection of a caller; its data in libramp. It lives from ramp_join() until libramp lets go
 *            of the connection: the on_done of a join that failed, on_close, or the on_done of its leave.
 *
 * Tags of calls under way point to their member; a member that dies takes itself out of them.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/call_api.h"
#include "server/control.h"
#include "server/events_json.h"

struct member_set { /* the connections of one owner here */
    uint64_t owner;
    struct list list;
    struct list touched; /* in the list of those that an outcome's events reach */
};

struct member {
    struct list link; /* in its set */
    struct member_set *set;
    ramp_connection *connection;
    struct member **joining, **leaving; /* where the tag of its join, of its leave, points to it */
};

/* A leave that no caller has asked for. */
struct forced_leave {
    struct pending pending;
    struct member *member;
};

/* ---- members --------------------------------------------------------------------------------- */

void members_init(struct members *members, uint64_t seed) {
    map_init(&members->by_owner, seed);
}

static struct members *members_of(struct worker *worker) {
    return &worker_callers(worker)->members;
}

static struct member *member_new(struct members *members, uint64_t owner) {
    struct member_set *set = map_get(&members->by_owner, &owner, sizeof(owner));
    struct member *member = mem_zalloc(sizeof(*member));

    if (!member) return NULL;
    if (!set) {
        set = mem_zalloc(sizeof(*set));
        if (set) {
            set->owner = owner;
            list_init(&set->list);
            list_init(&set->touched);
        }
        if (!set || !map_put(&members->by_owner, &set->owner, sizeof(set->owner), set)) {
            mem_free(set);
            mem_free(member);
            return NULL;
        }
    }
    member->set = set;
    list_push_back(&set->list, &member->link);
    return member;
}

static void member_free(struct members *members, struct member *member) {
    struct member_set *set = member->set;

    if (member->joining) *member->joining = NULL;
    if (member->leaving) *member->leaving = NULL;
    list_remove(&member->link);
    mem_free(member);
    if (!list_empty(&set->list)) return;
    map_remove(&members->by_owner, &set->owner, sizeof(set->owner));
    mem_free(set);
}

void members_done(struct members *members) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&members->by_owner, &index)) != NULL;) {
        struct member_set *set = entry->value;
        for (struct list *node; (node = list_pop_front(&set->list)) != NULL;)
            mem_free(list_item(node, struct member, link));
        mem_free(set);
    }
    map_done(&members->by_owner);
}

/* Its `close` event, for the queue of its caller. */
static void tell_closed(struct worker *worker, ramp_connection *connection, uint16_t code,
                        const char *reason) {
    struct queued *queued = queued_new(
        events_json_close(ramp_connection_service(connection), ramp_connection_room(connection),
                          ramp_connection_id(connection), code, reason),
        true);
    struct list events;

    if (!queued) return;
    list_init(&events);
    list_push_back(&events, &queued->link);
    callers_tell(worker, ramp_connection_owner(connection), &events);
}

void callers_closed(struct worker *worker, ramp_connection *connection, uint16_t code,
                    const char *reason) {
    struct member *member = ramp_connection_data(connection);

    tell_closed(worker, connection, code, reason ? reason : "");
    if (member) member_free(members_of(worker), member);
}

/* ---- leaves that nobody asked for ------------------------------------------------------------ */

static void forced_leave_done(struct worker *worker, struct call_tag *tag,
                              const ramp_outcome *outcome) {
    struct forced_leave *leave = list_item(tag, struct forced_leave, pending.tag);

    (void)outcome;
    if (leave->member) {
        leave->member->leaving = NULL;
        member_free(members_of(worker), leave->member);
    }
    list_remove(&leave->pending.in_worker);
    mem_free(leave);
}

static void forced_leave_abandon(struct worker *worker, struct pending *pending) {
    (void)worker;
    mem_free(list_item(pending, struct forced_leave, pending));
}

static void force_leave(struct worker *worker, struct member *member,
                        const struct leave_all *order) {
    struct forced_leave *leave = mem_zalloc(sizeof(*leave));

    if (!leave) return; /* the next order, or the room's end, takes it along */
    if (order->tells)
        tell_closed(worker, member->connection, order->code,
                    "the caller does not fetch its events");
    leave->pending =
        (struct pending){.tag.done = forced_leave_done, .abandon = forced_leave_abandon};
    leave->member = member;
    member->leaving = &leave->member;
    worker_remember(worker, &leave->pending);
    ramp_leave(member->connection, order->code, &leave->pending.tag);
}

void call_leave_all(struct worker *worker, void *argument) {
    struct leave_all *order = argument;
    struct member_set *set =
        map_get(&members_of(worker)->by_owner, &order->owner, sizeof(order->owner));

    /* While the server stops no leaves are run, and its hosts may have gone. */
    if (set && !server_is_draining(worker_server(worker))) {
        list_each(&set->list, node, following) {
            struct member *member = list_item(node, struct member, link);
            if (member->connection && !member->leaving) force_leave(worker, member, order);
        }
    }
    mem_free(order);
}

void members_say_goodbye(struct worker *worker, struct members *members) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&members->by_owner, &index)) != NULL;) {
        struct member_set *set = entry->value;
        list_each(&set->list, node, following) {
            struct member *member = list_item(node, struct member, link);
            if (member->connection && !member->leaving)
                tell_closed(worker, member->connection, 1012, "the server restarts");
        }
    }
}

/* ---- running a call -------------------------------------------------------------------------- */

static void end_with(struct worker *worker, struct api_call *call, int http_status,
                     ramp_status status, const char *message) {
    list_remove(&call->pending.in_worker);
    call->status = http_status;
    call->error = json_pack("{s:s, s:o, s:s}", "code", ramp_status_name(status), "message",
                            events_json_text((ramp_bytes){message, strlen(message)}), "where", "");
    callers_call_ended(worker, call);
}

/* libramp has not taken the call. At a bound a join and a message are the same to a caller: come back. */
static void end_untaken(struct worker *worker, struct api_call *call, ramp_status status,
                        const char *message) {
    int http_status =
        status == RAMP_BUSY || status == RAMP_LIMIT ? 429 : control_http_status(status);

    end_with(worker, call, http_status, status, message);
}

/* What the caller is told of its own call: everything, but of sends, closes and recipients only its own. */
static bool take_events(struct api_call *call, const ramp_outcome *outcome) {
    struct events_view view = {.of_owner = true, .owner = call->owner};

    for (size_t i = 0; i < outcome->event_count; i++) {
        struct queued *queued;
        if (!events_json_shows(&outcome->events[i], &view)) continue;
        queued = queued_new(events_json(&outcome->events[i], &view),
                            outcome->events[i].type == RAMP_EVENT_CLOSE);
        if (!queued) return false;
        list_push_back(&call->events, &queued->link);
    }
    return true;
}

/* A call that could not be made is told apart from one that failed: there is nobody to ask why. */
static int status_of_failed(ramp_status status) {
    switch (status) {
    case RAMP_UNAVAILABLE:
    case RAMP_NOT_FOUND:
    case RAMP_BUSY: return control_http_status(status);
    default: return 200;
    }
}

static void let_go_of_member(struct worker *worker, struct api_call *call,
                             const ramp_outcome *outcome) {
    struct member *member = call->member;
    bool is_join = call->kind == RAMP_CALL_JOIN;

    if (!member) return;
    call->member = NULL;
    if (is_join) member->joining = NULL;
    else member->leaving = NULL;
    if (call->kind == RAMP_CALL_LEAVE || (is_join && !outcome->joined))
        member_free(members_of(worker), member);
}

static void call_done(struct worker *worker, struct call_tag *tag, const ramp_outcome *outcome) {
    struct api_call *call = list_item(tag, struct api_call, pending.tag);

    list_remove(&call->pending.in_worker);
    call->ran = true;
    call->cpu_ns = outcome->cpu_ns;
    call->joined = call->kind == RAMP_CALL_JOIN && outcome->joined;
    let_go_of_member(worker, call, outcome);
    if (outcome->state == RAMP_CALL_FAILED) {
        call->status = status_of_failed(outcome->status);
        call->error = events_json_error(outcome);
    } else if (take_events(call, outcome)) {
        call->status = 200;
    } else {
        queued_free_all(&call->events);
        end_with(worker, call, 500, RAMP_NO_MEMORY,
                 "the call was made, but there is no memory for its events");
        return;
    }
    callers_call_ended(worker, call);
}

/* Under way when the host was freed: nobody hears of it any more. */
static void call_abandon(struct worker *worker, struct pending *pending) {
    (void)worker;
    api_call_free(list_item(pending, struct api_call, pending));
}

static ramp_status run_join(struct worker *worker, struct api_call *call, ramp_error *reterr) {
    ramp_join_options options = {
        .size = sizeof(options),
        .id = call->connection,
        .owner = call->owner,
        .user = call->user,
        .query = call->query,
        .headers = call->headers,
        .ip = call->ip,
        .claims = call->claims,
        .tag = &call->pending.tag,
    };
    struct member *member = member_new(members_of(worker), call->owner);
    ramp_status status = RAMP_NO_MEMORY;

    reterr->message[0] = '\0';
    if (!member) return status;
    options.data = member;
    status = ramp_join(worker_host(worker), call->service, call->room, &options,
                       &member->connection, reterr);
    if (status) {
        member_free(members_of(worker), member);
        return status;
    }
    call->member = member;
    member->joining = &call->member;
    callers_start_ticking(worker_callers(worker));
    return RAMP_OK;
}

static ramp_status run_request(struct worker *worker, struct api_call *call, ramp_error *reterr) {
    ramp_request request = {
        .size = sizeof(request),
        .method = call->method,
        .path = call->path,
        .query = call->query,
        .headers = call->headers,
        .body = call->payload,
        .user = call->user,
        .ip = call->ip,
        .claims = call->claims,
        .tag = &call->pending.tag,
    };
    return ramp_http_request(worker_host(worker), call->service, call->room, &request, reterr);
}

/* The connection of a message or leave. NULL: answered. */
static ramp_connection *find_connection(struct worker *worker, struct api_call *call) {
    ramp_connection *connection =
        ramp_connection_find(worker_host(worker), call->service, call->room, call->connection);
    char message[400];

    if (!connection) {
        snprintf(message, sizeof(message), "the room has no connection '%.128s'; join first",
                 call->connection);
        end_with(worker, call, 404, RAMP_NOT_FOUND, message);
        return NULL;
    }
    if (ramp_connection_owner(connection) == call->owner) return connection;
    snprintf(message, sizeof(message), "the connection '%.128s' is held by %s", call->connection,
             ramp_connection_owner(connection) ? "another caller" : "a client of this server");
    end_with(worker, call, 409, RAMP_CONFLICT, message);
    return NULL;
}

static void run_message(struct worker *worker, struct api_call *call) {
    ramp_connection *connection = find_connection(worker, call);
    ramp_status status;

    if (!connection) return;
    status = ramp_message(connection, call->payload, call->binary, &call->pending.tag);
    if (status) end_untaken(worker, call, status, ramp_status_text(status));
}

static void run_leave(struct worker *worker, struct api_call *call) {
    ramp_connection *connection = find_connection(worker, call);
    struct member *member = connection ? ramp_connection_data(connection) : NULL;

    if (!connection) return;
    if (!member || member->leaving) {
        end_with(worker, call, 404, RAMP_NOT_FOUND, "the connection is leaving already");
        return;
    }
    call->member = member;
    member->leaving = &call->member;
    ramp_leave(connection, call->code, &call->pending.tag);
}

void call_run(struct worker *worker, void *argument) {
    struct api_call *call = argument;
    ramp_status status = RAMP_OK;
    ramp_error error = {.message = ""};

    call->given = (struct call_given){
        .payload = call->payload,
        .payload_size = call->payload.size,
        .binary = call->binary,
        .method = call->method,
        .path = call->path,
    };
    call->pending.tag = (struct call_tag){.done = call_done, .given = &call->given};
    call->pending.abandon = call_abandon;
    if (server_is_draining(worker_server(worker))) {
        end_with(worker, call, 503, RAMP_UNAVAILABLE, "the server is stopping");
        return;
    }
    worker_remember(worker, &call->pending);
    switch (call->kind) {
    case RAMP_CALL_OPEN:
        status =
            ramp_open(worker_host(worker), call->service, call->room, &call->pending.tag, &error);
        break;
    case RAMP_CALL_JOIN: status = run_join(worker, call, &error); break;
    case RAMP_CALL_REQUEST: status = run_request(worker, call, &error); break;
    case RAMP_CALL_MESSAGE: run_message(worker, call); break;
    case RAMP_CALL_LEAVE: run_leave(worker, call); break;
    default: assert(false);
    }
    if (status)
        end_untaken(worker, call, status,
                    *error.message ? error.message : ramp_status_text(status));
}

/* ---- events for callers, of calls that are not theirs ---------------------------------------- */

static uint64_t owner_of_own_call(const ramp_outcome *outcome) {
    const struct call_tag *tag = outcome->tag;

    return tag && tag->done == call_done ? list_item(tag, struct api_call, pending.tag)->owner : 0;
}

static void tell_events(struct worker *worker, uint64_t owner, const ramp_outcome *outcome) {
    struct events_view view = {.of_owner = true, .owner = owner};
    struct list events;

    list_init(&events);
    for (size_t i = 0; i < outcome->event_count; i++) {
        struct queued *queued;
        if (!events_json_reaches(&outcome->events[i], owner)) continue;
        queued = queued_new(events_json(&outcome->events[i], &view),
                            outcome->events[i].type == RAMP_EVENT_CLOSE);
        if (queued) list_push_back(&events, &queued->link);
    }
    if (!list_empty(&events)) callers_tell(worker, owner, &events);
}

/* Notes the caller of a recipient. */
static void touch(ramp_connection *connection, uint64_t own, struct list *touched) {
    uint64_t owner = connection ? ramp_connection_owner(connection) : 0;
    struct member *member = owner && owner != own ? ramp_connection_data(connection) : NULL;

    if (member && list_empty(&member->set->touched)) list_push_back(touched, &member->set->touched);
}

void callers_deliver(struct worker *worker, const ramp_outcome *outcome) {
    struct list touched;
    uint64_t own;

    if (members_of(worker)->by_owner.count == 0) return;
    own = owner_of_own_call(outcome);
    list_init(&touched);
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        if (event->type == RAMP_EVENT_SEND || event->type == RAMP_EVENT_CLOSE)
            touch(event->connection, own, &touched);
        for (size_t j = 0; event->type == RAMP_EVENT_BROADCAST && j < event->to_count; j++)
            touch(event->to[j], own, &touched);
    }
    for (struct list *node; (node = list_pop_front(&touched)) != NULL;)
        tell_events(worker, list_item(node, struct member_set, touched)->owner, outcome);
}

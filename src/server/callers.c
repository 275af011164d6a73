/* SPDX-License-Identifier: Apache-2.0 */
/* callers.c -- homes of callers: leases, repeated requests, the queue of events that arise elsewhere.
 *
 * Door:   control_call(), control_events() (control.h); callers_tell(), callers_call_ended() (call_api.h).
 * Before: routes.c; call_room.c, which tells of events and ended calls.
 * After:  exchanges, on whichever worker they are.
 *
 * A caller exists from its first call or poll until it was not heard of for LIMIT_LEASE_MS; its request_ids
 * are known a little longer. Its queue holds what other calls did to its connections, in order, and is handed
 * over with its next answer. An answer whose client has gone comes back, unless its request_id keeps it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/call_api.h"
#include "server/control.h"
#include "server/json_document.h"
#include "server/request_ids.h"

#define TICK_NS      250000000u
#define TICK_REMOVES 64u /* callers in one tick: each removal begins the walk anew */
#define MS           1000000ull

struct waiter { /* an exchange that waits for a call which another one has made */
    struct list link;
    struct worker *asking;
    uint64_t exchange_id;
};

struct caller {
    uint64_t owner;
    char *name;
    uint64_t heard_ns;
    bool has_gone;       /* its lease is over; only request_ids are left */
    unsigned in_flight;  /* calls */
    struct list queue;   /* struct queued */
    size_t queue_size;   /* bytes, closes not counted */
    bool overflowed;     /* only closes are queued, until they are fetched */
    struct list polling; /* in callers.polls */
    struct worker *poll_asking;
    uint64_t poll_exchange_id, poll_until_ns;
    struct request_ids requests;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void free_waiters(struct list *waiters) {
    for (struct list *node; (node = list_pop_front(waiters)) != NULL;)
        mem_free(list_item(node, struct waiter, link));
}

static void caller_free(struct caller *caller) {
    request_ids_done(&caller->requests, free_waiters);
    queued_free_all(&caller->queue);
    list_remove(&caller->polling);
    mem_free(caller->name);
    mem_free(caller);
}

struct callers *callers_new(struct worker *worker) {
    struct callers *callers = mem_zalloc(sizeof(*callers));

    if (!callers) return NULL;
    callers->worker = worker;
    map_init(&callers->homes, (uint64_t)(uintptr_t)callers);
    list_init(&callers->polls);
    members_init(&callers->members, (uint64_t)(uintptr_t)worker);
    callers->feed = feed_new();
    if (callers->feed) return callers;
    callers_free(callers);
    return NULL;
}

void callers_free(struct callers *callers) {
    size_t index = 0;

    if (!callers) return;
    for (struct map_entry *entry; (entry = map_next(&callers->homes, &index)) != NULL;)
        caller_free(entry->value);
    map_done(&callers->homes);
    members_done(&callers->members);
    feed_free(callers->feed);
    mem_free(callers);
}

struct worker *caller_home(struct worker *worker, uint64_t owner) {
    struct server *server = worker_server(worker);

    return server_worker(server, (unsigned)(owner % server_worker_count(server)));
}

static struct caller *caller_find(struct worker *worker, uint64_t owner) {
    return map_get(&worker_callers(worker)->homes, &owner, sizeof(owner));
}

static struct caller *caller_new(struct callers *callers, uint64_t owner, const char *name) {
    struct caller *caller = mem_zalloc(sizeof(*caller));

    if (!caller) return NULL;
    caller->owner = owner;
    list_init(&caller->queue);
    list_init(&caller->polling);
    request_ids_init(&caller->requests, owner ^ (uint64_t)(uintptr_t)caller);
    caller->name = mem_copy_text(name, strlen(name));
    if (caller->name && map_put(&callers->homes, &caller->owner, sizeof(caller->owner), caller)) {
        callers_start_ticking(callers);
        return caller;
    }
    caller_free(caller);
    return NULL;
}

/* The caller, made if it is new, and heard of now. NULL: `*ret_status` and `*ret_message` say why. */
static struct caller *caller_hear(struct worker *worker, uint64_t owner, const char *name,
                                  ramp_status *ret_status, const char **ret_message) {
    struct callers *callers = worker_callers(worker);
    struct caller *caller = caller_find(worker, owner);

    *ret_status = RAMP_UNAVAILABLE;
    *ret_message = "the server has too many callers";
    if (server_is_draining(worker_server(worker))) {
        *ret_message = "the server is stopping";
        return NULL;
    }
    if (caller && strcmp(caller->name, name) != 0) {
        *ret_status = RAMP_CONFLICT;
        *ret_message = "this caller's name cannot be told from another one's; choose another";
        return NULL;
    }
    if (!caller && callers->homes.count >= LIMIT_CALLERS) return NULL;
    if (!caller) caller = caller_new(callers, owner, name);
    if (!caller) {
        *ret_status = RAMP_NO_MEMORY;
        *ret_message = "no memory for a caller";
        return NULL;
    }
    caller->heard_ns = worker_now_ns(worker);
    caller->has_gone = false;
    return caller;
}

/* ---- answers --------------------------------------------------------------------------------- */

struct answer { /* on its way to the asking worker */
    uint64_t exchange_id, owner;
    struct worker *home;
    int status;
    ramp_bytes text;    /* owned; data NULL: no memory */
    struct list events; /* what comes back if the client has gone */
};

static void give_back(struct worker *worker, void *argument);

static void answer_exchange(struct worker *worker, void *argument) {
    struct answer *answer = argument;
    struct exchange *exchange = exchange_find(worker, answer->exchange_id);

    if (exchange && !answer->text.data)
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the answer");
    else if (exchange)
        exchange_reply(exchange, answer->status, "application/json",
                       answer->status == 429 || answer->status == 503 ? "Retry-After: 1\r\n" : NULL,
                       answer->text);
    if (!exchange && !list_empty(&answer->events)) {
        if (answer->home == worker) give_back(worker, answer);
        else worker_post_answer(answer->home, give_back, answer);
        return;
    }
    queued_free_all(&answer->events);
    mem_free((void *)(uintptr_t)answer->text.data);
    mem_free(answer);
}

/* Takes `text` and the events of `events`. */
static void send_answer(struct worker *worker, struct worker *asking, uint64_t exchange_id,
                        uint64_t owner, int status, ramp_bytes text, struct list *events) {
    struct answer *answer = mem_zalloc(sizeof(*answer));

    if (!answer) {
        /* The exchange ends with its client's patience. */
        queued_free_all(events);
        mem_free((void *)(uintptr_t)text.data);
        return;
    }
    *answer = (struct answer){
        .exchange_id = exchange_id, .owner = owner, .home = worker, .status = status, .text = text};
    list_init(&answer->events);
    queued_move_all(events, &answer->events);
    if (asking == worker) answer_exchange(worker, answer);
    else worker_post_answer(asking, answer_exchange, answer);
}

/* {"events":[...]TAIL}; data NULL: no memory. */
static ramp_bytes events_text(const struct list *events, const char *tail) {
    static const char head[] = "{\"events\":[";
    size_t tail_size = strlen(tail), size = sizeof(head) - 1 + 1 + tail_size + 1,
           at = sizeof(head) - 1;
    char *text;

    list_each((struct list *)(uintptr_t)events, node, following)
        size += list_item(node, struct queued, link)->size + 1;
    text = mem_alloc(size + 1);
    if (!text) return (ramp_bytes){NULL, 0};
    memcpy(text, head, at);
    list_each((struct list *)(uintptr_t)events, event, after) {
        const struct queued *queued = list_item(event, struct queued, link);
        if (at > sizeof(head) - 1) text[at++] = ',';
        memcpy(text + at, queued->text, queued->size);
        at += queued->size;
    }
    text[at++] = ']';
    memcpy(text + at, tail, tail_size);
    at += tail_size;
    text[at++] = '}';
    text[at] = '\0';
    return (ramp_bytes){text, at};
}

static void take_queue(struct caller *caller, struct list *ret_events) {
    list_init(ret_events);
    queued_move_all(&caller->queue, ret_events);
    caller->queue_size = 0;
    caller->overflowed = false;
}

/* Answers the exchange that waits for events, whatever there is. */
static void answer_poll(struct worker *worker, struct caller *caller) {
    struct worker *asking = caller->poll_asking;
    struct list events;

    caller->poll_asking = NULL;
    list_remove(&caller->polling);
    caller->heard_ns = worker_now_ns(worker);
    take_queue(caller, &events);
    send_answer(worker, asking, caller->poll_exchange_id, caller->owner, 200,
                events_text(&events, ""), &events);
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void order_leaves(struct worker *worker, uint64_t owner, uint16_t code, bool tells) {
    struct server *server = worker_server(worker);

    for (unsigned i = 0; i < server_worker_count(server); i++) {
        struct leave_all *order = mem_alloc(sizeof(*order));
        if (!order) continue;
        *order = (struct leave_all){owner, code, tells};
        worker_post_answer(server_worker(server, i), call_leave_all, order);
    }
}

static void overflow(struct worker *worker, struct caller *caller) {
    list_each(&caller->queue, node, following) {
        struct queued *queued = list_item(node, struct queued, link);
        if (queued->is_close) continue;
        list_remove(node);
        mem_free(queued);
    }
    caller->queue_size = 0;
    caller->overflowed = true;
    order_leaves(worker, caller->owner, 1013, true);
}

/* An empty queue takes one event of any size. */
static bool is_full_for(const struct caller *caller, const struct queued *queued) {
    return !caller->poll_asking && caller->queue_size > 0 &&
           caller->queue_size + queued->size > LIMIT_CALLER_QUEUE;
}

static void queue_events(struct worker *worker, struct caller *caller, struct list *events) {
    for (struct list *node; (node = list_pop_front(events)) != NULL;) {
        struct queued *queued = list_item(node, struct queued, link);
        if (!queued->is_close && !caller->overflowed && is_full_for(caller, queued))
            overflow(worker, caller);
        if (!queued->is_close && caller->overflowed) {
            mem_free(queued);
            continue;
        }
        list_push_back(&caller->queue, &queued->link);
        if (!queued->is_close) caller->queue_size += queued->size;
    }
    /* While the server stops one answer must hold all closes: say_goodbye() gives it. */
    if (caller->poll_asking && !list_empty(&caller->queue) &&
        !server_is_draining(worker_server(worker)))
        answer_poll(worker, caller);
}

/* The client of an answer has gone: its events go to the front. */
static void give_back(struct worker *worker, void *argument) {
    struct answer *answer = argument;
    struct caller *caller = caller_find(worker, answer->owner);

    if (caller && !caller->has_gone) {
        queued_move_all(&caller->queue, &answer->events);
        caller->queue_size = 0;
        queue_events(worker, caller, &answer->events);
    }
    queued_free_all(&answer->events);
    mem_free((void *)(uintptr_t)answer->text.data);
    mem_free(answer);
}

struct told { /* events on their way to a home */
    uint64_t owner;
    struct list events;
};

static void hear_events(struct worker *worker, void *argument) {
    struct told *told = argument;
    struct caller *caller = caller_find(worker, told->owner);

    if (caller && !caller->has_gone) queue_events(worker, caller, &told->events);
    queued_free_all(&told->events);
    mem_free(told);
}

void callers_tell(struct worker *worker, uint64_t owner, struct list *events) {
    struct worker *home = caller_home(worker, owner);
    struct told *told = mem_alloc(sizeof(*told));

    if (!told) {
        queued_free_all(events);
        return;
    }
    told->owner = owner;
    list_init(&told->events);
    queued_move_all(events, &told->events);
    if (home == worker) hear_events(worker, told);
    else worker_post_answer(home, hear_events, told);
}

/* ---- repeated requests ----------------------------------------------------------------------- */

static ramp_bytes copy_text(ramp_bytes text) {
    char *copy = text.data ? mem_copy_text(text.data, text.size) : NULL;

    return (ramp_bytes){copy, copy ? text.size : 0};
}

static ramp_bytes error_text(json_t *error) {
    json_t *json = json_pack("{s:o*}", "error", error);
    ramp_bytes text = {NULL, 0};

    if (json && !json_text(json, &text)) text = (ramp_bytes){NULL, 0};
    json_decref(json);
    return text;
}

static void answer_error(struct worker *worker, struct worker *asking, uint64_t exchange_id,
                         int http_status, ramp_status status, const char *message) {
    struct list none;

    list_init(&none);
    send_answer(worker, asking, exchange_id, 0, http_status,
                error_text(json_pack("{s:s, s:s, s:s}", "code", ramp_status_name(status), "message",
                                     message, "where", "")),
                &none);
}

/* The same request_id again. Takes the call. */
static void repeat(struct worker *worker, struct request_id *request, struct api_call *call) {
    struct waiter *waiter;
    struct list none;

    list_init(&none);
    if (request->done && request->answer.data) {
        send_answer(worker, call->asking, call->exchange_id, call->owner, 200,
                    copy_text(request->answer), &none);
    } else if (request->done) {
        answer_error(worker, call->asking, call->exchange_id, 200, RAMP_GONE,
                     "the call was made, but its answer is no longer kept");
    } else if ((waiter = mem_alloc(sizeof(*waiter))) != NULL) {
        waiter->asking = call->asking;
        waiter->exchange_id = call->exchange_id;
        list_push_back(&request->waiters, &waiter->link);
    } else {
        answer_error(worker, call->asking, call->exchange_id, 503, RAMP_NO_MEMORY,
                     "no memory for the call");
    }
    api_call_free(call);
}

/* The call of a request_id has ended: tells those who asked meanwhile. What did not run may be tried
 * again. */
static void finish_request(struct worker *worker, struct caller *caller, struct request_id *request,
                           int status, ramp_bytes text) {
    struct list none;

    list_init(&none);
    for (struct list *node; (node = list_pop_front(&request->waiters)) != NULL;) {
        struct waiter *waiter = list_item(node, struct waiter, link);
        send_answer(worker, waiter->asking, waiter->exchange_id, caller->owner, status,
                    copy_text(text), &none);
        mem_free(waiter);
    }
    if (status == 200) request_ids_finish(&caller->requests, request, text, worker_now_ns(worker));
    else request_ids_drop(&caller->requests, request);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static ramp_bytes outcome_text(struct api_call *call, struct list *events) {
    char tail[80] = "";
    json_t *json;
    ramp_bytes text = {NULL, 0};

    if (call->ran)
        snprintf(tail, sizeof(tail), ",\"cpu_us\":%llu", (unsigned long long)(call->cpu_ns / 1000));
    if (!call->error) return events_text(events, tail);
    if (call->status != 200) return error_text(json_incref(call->error));
    json =
        json_pack("{s:O, s:I}", "error", call->error, "cpu_us", (json_int_t)(call->cpu_ns / 1000));
    /* Who is in although its handler failed has to leave some day. */
    if (json && call->kind == RAMP_CALL_JOIN)
        json_object_set_new(json, "joined", json_boolean(call->joined));
    if (json && !json_text(json, &text)) text = (ramp_bytes){NULL, 0};
    json_decref(json);
    return text;
}

static void end_call(struct worker *worker, void *argument) {
    struct api_call *call = argument;
    struct caller *caller = caller_find(worker, call->owner);
    struct request_id *request = NULL;
    struct list events;
    ramp_bytes text;

    list_init(&events);
    if (caller) {
        caller->in_flight--;
        caller->heard_ns = worker_now_ns(worker);
        if (call->request_id) request = request_ids_find(&caller->requests, call->request_id);
        if (!call->error) take_queue(caller, &events);
    }
    queued_move_all(&call->events, &events);
    text = outcome_text(call, &events);
    if (request) {
        finish_request(worker, caller, request, call->status, text);
        if (call->status == 200) queued_free_all(&events); /* whoever asks again gets them again */
    }
    send_answer(worker, call->asking, call->exchange_id, call->owner, call->status, text, &events);
    api_call_free(call);
}

void callers_call_ended(struct worker *worker, struct api_call *call) {
    if (call->home == worker) end_call(worker, call);
    else worker_post_answer(call->home, end_call, call);
}

/* Takes the call. */
static void refuse_call(struct worker *worker, struct api_call *call, int http_status,
                        ramp_status status, const char *message) {
    answer_error(worker, call->asking, call->exchange_id, http_status, status, message);
    api_call_free(call);
}

static void dispatch_call(struct worker *worker, struct api_call *call) {
    struct worker *room_worker = server_worker_of(worker_server(worker), call->service, call->room);

    if (room_worker == worker) {
        call_run(worker, call);
    } else if (!worker_post(room_worker, call_run, call)) {
        call->status = 503;
        call->error = json_pack("{s:s, s:s, s:s}", "code", "UNAVAILABLE", "message",
                                "the room's worker has too much to do; try again", "where", "");
        end_call(worker, call);
    }
}

static void begin_call(struct worker *worker, void *argument) {
    struct api_call *call = argument;
    const char *message;
    ramp_status status;
    struct caller *caller = caller_hear(worker, call->owner, call->caller, &status, &message);
    struct request_id *request = NULL;

    if (!caller) {
        refuse_call(worker, call, control_http_status(status), status, message);
        return;
    }
    if (call->request_id) request = request_ids_find(&caller->requests, call->request_id);
    if (request) {
        repeat(worker, request, call);
    } else if (caller->in_flight >= LIMIT_CALLER_CALLS) {
        refuse_call(worker, call, 429, RAMP_BUSY, "this caller has too many calls under way");
    } else if (call->request_id && caller->requests.by_id.count >= LIMIT_CALLER_REQUESTS) {
        refuse_call(worker, call, 429, RAMP_BUSY,
                    "this caller has used too many request_ids in the last two minutes");
    } else if (call->request_id && !request_ids_add(&caller->requests, call->request_id)) {
        refuse_call(worker, call, 503, RAMP_NO_MEMORY, "no memory for the call");
    } else {
        caller->in_flight++;
        dispatch_call(worker, call);
    }
}

void control_call(struct worker *worker, struct exchange *exchange, const char *rest) {
    struct api_call *call = NULL;
    ramp_error error;
    ramp_status status = call_parse(exchange_request(exchange)->body, &call, &error);

    (void)rest;
    if (status) {
        control_reply_failed(exchange, status, error.message);
        return;
    }
    call->asking = worker;
    call->exchange_id = exchange_id(exchange);
    call->home = caller_home(worker, call->owner);
    if (call->home == worker) {
        begin_call(worker, call);
    } else if (!worker_post(call->home, begin_call, call)) {
        api_call_free(call);
        control_reply_failed(exchange, RAMP_UNAVAILABLE,
                             "the caller's worker has too much to do; try again");
    }
}

/* ---- polls ----------------------------------------------------------------------------------- */

struct poll { /* GET /_ramp/v1/events on its way to the home */
    struct worker *asking;
    uint64_t exchange_id, owner;
    uint64_t wait_ns;
    char name[LIMIT_CALLER_NAME + 1];
};

static void end_due_polls(struct worker *worker, struct callers *callers) {
    uint64_t now = worker_now_ns(worker);

    list_each(&callers->polls, node, following) {
        struct caller *caller = list_item(node, struct caller, polling);
        if (caller->poll_until_ns <= now) answer_poll(worker, caller);
    }
}

static void begin_poll(struct worker *worker, void *argument) {
    struct callers *callers = worker_callers(worker);
    struct poll *poll = argument;
    const char *message;
    ramp_status status;
    struct caller *caller = caller_hear(worker, poll->owner, poll->name, &status, &message);

    if (!caller) {
        answer_error(worker, poll->asking, poll->exchange_id, control_http_status(status), status,
                     message);
        mem_free(poll);
        return;
    }
    if (caller->poll_asking) answer_poll(worker, caller); /* the new one takes its place */
    caller->poll_asking = poll->asking;
    caller->poll_exchange_id = poll->exchange_id;
    caller->poll_until_ns = worker_now_ns(worker) + poll->wait_ns;
    list_push_back(&callers->polls, &caller->polling);
    if (poll->wait_ns == 0 || !list_empty(&caller->queue)) answer_poll(worker, caller);
    mem_free(poll);
}

/* false: answered. */
static bool read_poll(struct exchange *exchange, struct poll *poll) {
    bool bad_name, bad_wait;
    char *name = control_query(exchange, "caller", &bad_name),
         *wait = control_query(exchange, "wait_ms", &bad_wait);
    bool good = name && caller_name_is_valid(name);
    uint64_t wait_ms = LIMIT_POLL_MS;

    if (good) snprintf(poll->name, sizeof(poll->name), "%s", name);
    if (wait) {
        char *end;
        unsigned long long value = strtoull(wait, &end, 10);
        if (*wait < '0' || *wait > '9' || *end) bad_wait = true;
        if (value < wait_ms) wait_ms = value;
    }
    poll->wait_ns = wait_ms * MS;
    mem_free(name);
    mem_free(wait);
    if (!good)
        control_reply_failed(exchange, RAMP_ARGS, "`caller` is missing, or no name of a caller");
    else if (bad_wait)
        control_reply_failed(exchange, RAMP_ARGS, "`wait_ms` is no number of milliseconds");
    return good && !bad_wait;
}

void control_events(struct worker *worker, struct exchange *exchange, const char *rest) {
    struct poll *poll = mem_zalloc(sizeof(*poll));
    struct worker *home;

    (void)rest;
    if (!poll) {
        control_reply_failed(exchange, RAMP_NO_MEMORY, "no memory for the request");
        return;
    }
    if (!read_poll(exchange, poll)) {
        mem_free(poll);
        return;
    }
    poll->asking = worker;
    poll->exchange_id = exchange_id(exchange);
    poll->owner = caller_owner(poll->name);
    home = caller_home(worker, poll->owner);
    if (home == worker) {
        begin_poll(worker, poll);
    } else if (!worker_post(home, begin_poll, poll)) {
        mem_free(poll);
        control_reply_failed(exchange, RAMP_UNAVAILABLE,
                             "the caller's worker has too much to do; try again");
    }
}

/* ---- leases ---------------------------------------------------------------------------------- */

/* false: nothing is left of it. */
static bool look_after(struct worker *worker, struct caller *caller) {
    uint64_t now = worker_now_ns(worker);

    request_ids_forget_old(&caller->requests, now);
    if (caller->in_flight || caller->poll_asking || now - caller->heard_ns < LIMIT_LEASE_MS * MS)
        return true;
    if (!caller->has_gone) {
        caller->has_gone = true;
        queued_free_all(&caller->queue);
        caller->queue_size = 0;
        caller->overflowed = false;
        order_leaves(worker, caller->owner, 1006, false);
    }
    return caller->requests.by_id.count > 0;
}

/* The closes first; then, a tick later, when those of all workers have come, whoever still waits is told
 * that there is nothing more. */
static void say_goodbye(struct worker *worker, struct callers *callers) {
    if (callers->goodbyes++ == 0) {
        members_say_goodbye(worker, &callers->members);
        return;
    }
    list_each(&callers->polls, node, following)
        answer_poll(worker, list_item(node, struct caller, polling));
}

bool callers_are_drained(const struct callers *callers) {
    return !callers->is_ticking || callers->goodbyes >= 2;
}

static void tick(struct worker *worker, void *argument) {
    struct callers *callers = argument;
    bool needed = feed_tick(worker, callers->feed);
    unsigned removed = 0;
    size_t index = 0;

    callers->is_ticking = false;
    end_due_polls(worker, callers);
    if (server_is_draining(worker_server(worker))) say_goodbye(worker, callers);
    for (struct map_entry *entry;
         removed < TICK_REMOVES && (entry = map_next(&callers->homes, &index)) != NULL;) {
        struct caller *caller = entry->value;
        if (look_after(worker, caller)) continue;
        map_remove(&callers->homes, &caller->owner, sizeof(caller->owner));
        caller_free(caller);
        removed++;
        index = 0; /* removing has moved entries */
    }
    if (needed || callers->homes.count || callers->members.by_owner.count)
        callers_start_ticking(callers);
}

void callers_start_ticking(struct callers *callers) {
    if (callers->is_ticking) return;
    callers->is_ticking = true;
    worker_at(callers->worker, worker_now_ns(callers->worker) + TICK_NS, tick, callers);
}

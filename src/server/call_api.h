/* SPDX-License-Identifier: Apache-2.0 */
/* call_api.h -- the call API between its three places, each of which is some worker.
 *
 *   asking (has the HTTP connection)     home (has the caller)        the room's worker
 *   control_call: call_parse ── post ──▶ begin: lease, request_id ──▶ call_run ─▶ libramp
 *   answer the exchange ◀──────────────  end: queue + own events  ◀── on its outcome
 *
 * A caller has one queue for the whole server, so it has one home: the worker that its name's hash chooses.
 * Whatever a room's worker tells a home goes through one ordered mailbox: events of earlier calls are queued
 * there before the answer of a later one.
 *
 * Files: call_parse.c (JSON to a call), call_room.c (the room's side, and connections of callers), callers.c
 * (homes). Not here: what an event looks like (events_json.h).
 */
#ifndef SERVER_CALL_API_H
#define SERVER_CALL_API_H

#include "base/list.h"
#include "base/map.h"
#include "server/server.h"

#include <jansson.h>

struct member;
struct feed;

/* An event's JSON text, on its way to a caller. */
struct queued {
    struct list link;
    bool is_close;
    size_t size;
    char text[];
};

/* One call, from its request to its answer. Belongs to whichever worker it has been posted to. */
struct api_call {
    struct pending pending; /* while libramp has it */
    struct worker *asking, *home;
    uint64_t exchange_id;
    uint64_t owner;

    json_t *json; /* what most of the texts below point into */
    const char *caller, *service, *room, *connection, *request_id; /* the last two may be NULL */
    enum ramp_call_kind kind;
    ramp_bytes payload, user, query, headers, ip, claims, method, path;
    struct call_given given;
    bool binary;
    uint16_t code;
    void *payload_memory, *headers_memory, *claims_memory;

    struct member *member; /* while the room's worker has it */

    int status;         /* HTTP */
    struct list events; /* struct queued; empty unless `status` is 200 and nothing failed */
    json_t *error;      /* {"code", "message", "where"} or NULL */
    uint64_t cpu_ns;
    bool ran; /* it had an outcome: `cpu_us` is told */
    bool joined;
};

/* ---- call_parse.c ---------------------------------------------------------------------------- */

/* Reads the body of POST /_ramp/v1/call. RAMP_ARGS and RAMP_TOO_BIG with a sentence. */
RAMP_CHECK ramp_status call_parse(ramp_bytes body, struct api_call **ret_call, ramp_error *reterr);
void api_call_free(struct api_call *call);
/* The owner that stands for a caller's name; never 0. */
uint64_t caller_owner(const char *name);
bool caller_name_is_valid(const char *name);

struct queued *queued_new(json_t *json,
                          bool is_close); /* takes `json`, which may be NULL; NULL: no memory */
void queued_free_all(struct list *list);
void queued_move_all(struct list *from, struct list *to); /* to its end */

/* ---- call_room.c ----------------------------------------------------------------------------- */

/* Runs a call in its room, on the room's worker (a worker_fn; `argument` is the api_call). */
void call_run(struct worker *worker, void *argument);

/* Letters from homes to all workers: every connection of `owner` leaves. */
struct leave_all {
    uint64_t owner;
    uint16_t code;
    bool tells; /* a `close` event each goes to the caller's queue */
};
void call_leave_all(struct worker *worker, void *argument);

/* What a room's worker keeps: the connections of callers, by owner. */
struct members {
    struct map by_owner; /* owner -> struct member_set */
};
void members_init(struct members *members, uint64_t seed);
void members_done(struct members *members);
/* The server stops: tells callers that their connections are closed (1012). */
void members_say_goodbye(struct worker *worker, struct members *members);

/* ---- callers.c ------------------------------------------------------------------------------- */

struct callers {
    struct worker *worker;
    struct map homes;  /* owner -> struct caller */
    struct list polls; /* callers whose exchange waits for events */
    struct members members;
    struct feed *feed;
    bool is_ticking;
    unsigned goodbyes; /* ticks since the server stops */
};

/* The worker that is home of an owner. */
struct worker *caller_home(struct worker *worker, uint64_t owner);
/* From the room's worker to a home: takes the events of `events`. Also inside ramp_host_step(). */
void callers_tell(struct worker *worker, uint64_t owner, struct list *events);
/* The room's worker has finished a call, or refused it. */
void callers_call_ended(struct worker *worker, struct api_call *call);
/* Something wants to be looked after at times: see callers.c. */
void callers_start_ticking(struct callers *callers);

/* ---- feed.c ---------------------------------------------------------------------------------- */

struct feed *feed_new(void);
void feed_free(struct feed *feed); /* NULL is accepted */
/* Once a second or so; true: it is still needed. */
bool feed_tick(struct worker *worker, struct feed *feed);

#endif

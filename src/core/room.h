/* SPDX-License-Identifier: Apache-2.0 */
/* room.h -- a room: its connections, its inbox, its instance; one call at a time.
 *
 * Door:   room_get(); room_enqueue() what has happened; room_run() what it does next.
 * Before: connection.c (the embedder's calls), timers, service.c (a module has arrived).
 * After:  call.c; life.c (instances), gate.c (what leaves when), refusal.c (what never reaches the guest).
 */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include "core/connection.h"
#include "core/gate.h"
#include "core/inbox.h"
#include "core/members.h"
#include "core/service.h"
#include "core/timers.h"
#include "engine/engine.h"

enum open_reason {
    OPEN_FRESH = 0,
    OPEN_VERSION = 1,
    OPEN_MOVED = 2,
    OPEN_TRAP = 3,
    OPEN_COMMIT = 4
};

struct slot {
    ramp_connection *connection; /* NULL: free */
    uint16_t generation;         /* of the latest connection; LIMIT reached: retired */
};

/* A failure that on_error has not been told yet. */
struct failure_note {
    uint32_t call, connection, code;
    uint32_t size;
    char message[];
};

/* The instance of the version before, until the new one has opened. */
struct aside {
    struct module *module; /* pinned */
    struct engine_instance *instance;
    struct engine_memory memory;
    uint32_t guest_inbox, guest_inbox_cap, guest_flags;
};

struct room {
    struct service *service;
    struct module *module; /* of the instance, or the one it will have; NULL: none yet */
    struct module *next;   /* the version to change over to, pinned for it; NULL: none */
    struct engine_instance *instance;
    struct engine_memory memory;                        /* as last seen */
    uint32_t guest_inbox, guest_inbox_cap, guest_flags; /* the descriptor of ramp_abi_v1 */
    uint32_t sequence;                                  /* of calls */
    struct aside aside;
    struct call *call;        /* running or suspended */
    struct call *clear_alarm; /* enters the gate behind the running call */
    struct gate gate;
    struct deadline wait_deadline; /* of the call that is suspended in wait() */
    struct inbox inbox;
    uint32_t request_count; /* queued requests, opens and joins */
    struct slot *slots;
    uint32_t slot_count, slot_capacity;
    ramp_connection **members; /* in slot order */
    uint32_t member_count, member_capacity;
    struct list full;       /* connections whose message found the inbox full */
    struct map connections; /* id -> connection, from join until its leave is queued */
    struct timers timers;
    struct failure_note *failure;
    struct request state_request;
    struct deadline life_deadline; /* the state's loading; a retry */
    struct deadline save_deadline; /* a state could not be saved: tried again then */
    struct answer *saved;          /* the state, while the room opens; NULL: there is none */
    struct list in_run;            /* service->ready or ->parked */
    struct list in_module;         /* module->rooms */
    struct list in_idle;           /* host->idle */
    struct list in_switch; /* host->switching: it waits for the place of a second instance */
    uint64_t idle_since_ns;
    uint8_t open_reason;
    bool is_open;       /* on_open has succeeded */
    bool pins, holds;   /* counted in module->pin_count, ->held_count */
    bool ending;        /* close when there is nothing else to do; with members: make way */
    bool waiting;       /* its call is parked in wait() */
    bool alarm_queued;  /* an entry of the inbox is about the alarm */
    bool state_loaded;  /* `saved` is what the store has */
    bool has_state;     /* a state is stored */
    bool state_current; /* no call has run since it was saved */
    bool state_marks; /* the store says that, or that the room has ended: the next call marks it */
    bool is_saved;    /* on_save has returned, and no call has run since */
    bool save_failed; /* ... has failed, a short while ago */
    uint64_t calls, calls_failed, cpu_ns;
    uint8_t id_size;
    char id[];
};

/* The open room, or a new one. NULL: the id is wrong, or no memory. */
struct room *room_get(struct service *service, const char *id, ramp_error *reterr);
struct room *room_find(const struct service *service, const char *id);
/* Queues what has happened; false: no memory. */
bool room_enqueue(struct room *room, const struct inbox_entry *head, const ramp_bytes *parts,
                  size_t part_count);
/* Somebody has pushed into the inbox. */
void room_enqueued(struct room *room);
/* An entry turns into one that nobody hears of. */
void room_forget_entry(struct room *room, struct inbox_entry *entry);
void room_make_ready(struct room *room);
/* Runs calls of the room until it has nothing to do, suspends, or `slice_end_ns` is reached. true: a call
 * has used up its slice. The room may be gone afterwards. */
bool room_run(struct room *room, uint64_t slice_end_ns);
/* The module for which the room was parked is there, or will not come. */
void room_attach(struct room *room, struct module *module);
void room_fail_queued(struct room *room, const ramp_error *error);
/* Ends the room when it has nothing else to do. */
void room_end(struct room *room);
/* Frees a room in which nothing has ever happened. */
void room_end_if_unused(struct room *room);
/* Without calling the module, without telling anybody. */
void room_free(struct room *room);

/* A room in use keeps its module in the table. */
void room_update_pin(struct room *room);
void room_unpin(struct room *room); /* it leaves its module */
/* What the running call waits for has come. */
void room_wake(struct room *room);
/* The alarm of a room is due, as far as is known. false: try again later. */
bool room_ring(ramp_host *host, const char *service, const char *room);
/* on_error is to be told of it. */
void room_note_failure(struct room *room, const struct call *call);

/* For life.c: the call that opened the room fails, and members are closed. */
void room_open_failed(struct room *room, ramp_status status, const char *message,
                      const char *where);

/* For gate.c. */
void room_gate_opened(struct room *room);
void room_commit_lost(struct room *room, const char *message);
void room_head_known(struct room *room);
void room_head_unknown(struct room *room, const char *why);
/* In life.c: the state that the room's call of this number has saved is stored. */
void room_state_saved(struct room *room, uint64_t call_number);
/* ... is not, as far as is known. */
void room_state_unsaved(struct room *room);
void room_save_failed(struct room *room);

/* For host.c: the host has come to the next stage of its end. */
void room_stop(struct room *room);
/* Nothing is to be done before it may stop. */
bool room_has_stopped(const struct room *room);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* room.h -- a room: its connections, its inbox, its instance; one call at a time.
 *
 * Door:   room_get(); room_enqueue() what has happened; room_run() what it does next.
 * Before: connection.c (the embedder's calls), timers, service.c (a module has arrived).
 * After:  call.c.
 */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include "core/connection.h"
#include "core/inbox.h"
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

struct room {
    struct service *service;
    struct module *module; /* of the instance, or the one it will have; NULL: none yet */
    struct module *next;   /* the version to change over to, pinned for it; NULL: none */
    struct engine_instance *instance;
    struct engine_memory memory;                        /* as last seen */
    uint32_t guest_inbox, guest_inbox_cap, guest_flags; /* the descriptor of ramp_abi_v1 */
    uint32_t sequence;                                  /* of calls */
    struct call *call;                                  /* running or suspended */
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
    struct list in_run;    /* service->ready or ->parked */
    struct list in_module; /* module->rooms */
    struct list in_idle;   /* host->idle */
    uint64_t idle_since_ns;
    uint8_t open_reason;
    bool is_open; /* on_open has succeeded */
    bool pins;    /* counted in module->pin_count */
    bool ending;  /* close when there is nothing else to do */
    bool waiting; /* its call is parked in wait() */
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

/* For call.c. */
void room_close_instance(struct room *room);
void room_set_module(struct room *room, struct module *module);
/* The room changes over to another version of its service between two calls; NULL: it does not. */
void room_set_next(struct room *room, struct module *module);
void room_close_members(struct room *room, uint16_t code, const char *reason);

/* The connection of a handle, if it may be sent to; NULL: GONE or invalid. */
ramp_connection *room_member(const struct room *room, uint32_t handle);
/* Where a handle's slot is, or would be, in the members. */
uint32_t room_member_index(const struct room *room, uint32_t handle);

#endif

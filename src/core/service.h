/* SPDX-License-Identifier: Apache-2.0 */
/* service.h -- a named program on this host: which module it uses now, and its rooms.
 *
 * Door:   service_get() by name, service_want() a module for a room.
 * Before: room.c, which has something to run.
 * After:  the store driver (ramp/driver.h) and table.c.
 */
#ifndef CORE_SERVICE_H
#define CORE_SERVICE_H

#include "core/deadline.h"
#include "core/host.h"

struct room;

enum service_state {
    SERVICE_IDLE,    /* nothing is being loaded; `module` may be there or not */
    SERVICE_LOADING, /* the store has been asked */
    SERVICE_QUEUED,  /* has an answer and waits for a slot of the table */
    SERVICE_FAILED   /* refuses until `until_ns` */
};

struct load_copy; /* a store's answer, kept */

struct service {
    ramp_host *host;
    char name[64];
    enum service_state state;
    struct module *module; /* current; NULL: not in the table */
    struct list in_module;
    struct map rooms;     /* id -> room */
    struct list ready;    /* rooms that can run, in turn */
    struct list parked;   /* rooms that wait for the module */
    struct list in_ready; /* host->ready, if any room is */
    struct list in_wait;  /* host->loading, host->failed or table.waiting */
    ramp_ticket ticket;
    uint64_t until_ns;        /* FAILED: end; LOADING, QUEUED: deadline */
    struct load_copy *answer; /* QUEUED */
    ramp_error error;         /* FAILED: why */
    ramp_bytes env;           /* owned */
    bool update_wanted;       /* load again although there is a module */
    void *update_tag;
    uint32_t switching; /* rooms that have not changed over yet */
    uint32_t rooms_moved, rooms_kept, connections_kept;
    struct deadline switch_deadline; /* the update is reported then at the latest */
    uint32_t held;                   /* in use by a loop: not freed */
    uint64_t cpu_ns;
    uint64_t log_second; /* rate limit of log lines */
    uint32_t log_count, log_dropped;
};

/* NULL: the name is wrong (*reterr says so) or no memory. */
struct service *service_get(ramp_host *host, const char *name, ramp_error *reterr);
struct service *service_find(ramp_host *host, const char *name);
/* The room waits for a module: starts a load if none is under way. */
void service_want(struct service *service, struct room *room);
/* Answers of drivers, deadlines, slots that have become free. */
void service_settle_answers(ramp_host *host);
void service_drop_answers(ramp_host *host);
void service_retry_queued(ramp_host *host);
void service_expire(ramp_host *host);
enum switched { SWITCH_MOVED, SWITCH_KEPT, SWITCH_ENDED };
/* A room of which room_set_next() was called changes over no more: it has, or stays, or has ended. */
void service_room_switched(struct service *service, const struct room *room, enum switched how);
/* Something of the service has gone: frees it if nothing is left. */
void service_release(struct service *service);
void service_free(struct service *service);

#endif

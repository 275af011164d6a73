/* SPDX-License-Identifier: Apache-2.0 */
/* host.h -- all of one host: its engine, module table, services, rooms, and whose turn it is.
 *
 *   host ─┬─ table ── module ──┐ (code; one per SHA-256)
 *         └─ service ── room ──┴─ connection, inbox, timers, instance, call, gate
 *         kv (buffer and cache), alarms, requests to drivers, deadlines
 *
 * Door:   the functions of ramp/ramp.h, of which host.c has those about the host itself.
 * After:  service.c (modules for services), room.c (what a room does next), call.c (one call).
 * Not here: sockets, threads, clocks: functions of the embedder's, in `options`.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <ramp/driver.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "core/alarms.h"
#include "core/inbox.h"
#include "core/kv.h"
#include "core/table.h"
#include "core/timers.h"

struct call;
struct engine;
struct service;

struct ramp_host {
    ramp_host_options options; /* defaults filled in */
    struct engine *engine;
    struct table table;
    struct map services;       /* name -> service */
    struct list ready;         /* services with rooms that can run, in turn */
    struct list loading;       /* services that have asked the store, oldest first */
    struct list failed;        /* services whose load has failed, oldest first */
    struct list idle;          /* rooms without connections, idle longest first */
    struct list answers;       /* of drivers, not yet looked at */
    struct timer_queue timers; /* rooms by their next timer */
    struct heap deadlines;     /* struct deadline */
    struct map requests;       /* ticket -> request that a driver has not answered yet */
    struct list request_answers, lost_answers; /* see requests.h */
    struct list syncing;                       /* gates that wait for the kv backend */
    struct list switching; /* rooms that wait for the place of a second instance */
    struct kv kv;
    struct alarms alarms;
    struct inbox_pool chunks;
    struct call *free_calls; /* stock, last in first out */
    size_t free_call_count;
    struct call *current; /* whose guest is running; NULL outside of guests */
    uint64_t now_ns;      /* monotonic, as of the last reading */
    int64_t wall_ms;      /* wall clock at wall_ns */
    uint64_t wall_ns;
    ramp_ticket next_ticket;
    bool stepping;
    ramp_stop stop_stage; /* 0: it does not stop */
    uint32_t room_count, instance_count, connection_count, timer_count;
    uint64_t calls, calls_failed, events, loads, loads_failed, loads_refused, evictions, cpu_ns;
    uint64_t waits, waits_timed_out, commits, commits_failed, syncs_failed, saves, saves_failed;
    uint64_t alarms_fired, alarms_dropped;
};

/* Reads the monotonic clock into host->now_ns. */
uint64_t host_read_clock(ramp_host *host);
/* Unix ms at host->now_ns. */
int64_t host_wall_ms(const ramp_host *host);
void host_log(ramp_host *host, int level, const char *service, const char *room, const char *format,
              ...) __attribute__((format(printf, 5, 6)));

#endif

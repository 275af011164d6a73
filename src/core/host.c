/* SPDX-License-Identifier: Apache-2.0 */
/* host.c -- see host.h: making, stepping, looking into a host. */
#include "core/host.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/call.h"
#include "core/pending.h"
#include "core/requests.h"
#include "engine/engine.h"

#define STRINGIFY(x)                      #x
#define VERSION_TEXT(major, minor, patch) STRINGIFY(major) "." STRINGIFY(minor) "." STRINGIFY(patch)

const char *ramp_version(void) {
    return VERSION_TEXT(RAMP_VERSION_MAJOR, RAMP_VERSION_MINOR, RAMP_VERSION_PATCH);
}

const char *ramp_engine_version(void) {
    return engine_version();
}

/* ---- clocks and log ---------------------------------------------------------------------------- */

uint64_t host_read_clock(ramp_host *host) {
    uint64_t now_ns = host->options.monotonic_ns(host->options.context);

    if (now_ns > host->now_ns) host->now_ns = now_ns; /* it never goes back here */
    return host->now_ns;
}

int64_t host_wall_ms(const ramp_host *host) {
    return host->wall_ms + (int64_t)((host->now_ns - host->wall_ns) / 1000000u);
}

static void host_read_wall_clock(ramp_host *host) {
    host_read_clock(host);
    host->wall_ms = host->options.wall_ms(host->options.context);
    host->wall_ns = host->now_ns;
}

void host_log(ramp_host *host, int level, const char *service, const char *room, const char *format,
              ...) {
    char text[512];
    va_list arguments;
    int size;

    if (!host->options.on_log) return;
    va_start(arguments, format);
    size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size < 0) return;
    if (size >= (int)sizeof(text)) size = sizeof(text) - 1;
    host->options.on_log(host->options.context, &(ramp_log_line){.level = level,
                                                                 .service = service,
                                                                 .room = room,
                                                                 .connection = "",
                                                                 .call = "",
                                                                 .text = {text, (size_t)size}});
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The caller's options, which may be of an older and smaller version, with defaults filled in. */
static ramp_host_options options_complete(const ramp_host_options *given) {
    ramp_host_options options = {0};

    memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
    if (!options.modules_max) options.modules_max = LIMIT_MODULES;
    if (!options.modules_bytes_max) options.modules_bytes_max = LIMIT_MODULES_BYTES;
    if (!options.rooms_max) options.rooms_max = LIMIT_ROOMS;
    if (!options.stacks_max) options.stacks_max = options.rooms_max;
    if (!options.memory_max) options.memory_max = LIMIT_MEMORY;
    if (!options.call_cpu_ms) options.call_cpu_ms = LIMIT_CALL_CPU_MS;
    if (!options.open_cpu_ms) options.open_cpu_ms = LIMIT_OPEN_CPU_MS;
    if (!options.slice_ms) options.slice_ms = LIMIT_SLICE_MS;
    if (options.slice_ms < LIMIT_TICK_MS) options.slice_ms = LIMIT_TICK_MS;
    if (!options.room_idle_ms) options.room_idle_ms = LIMIT_ROOM_IDLE_MS;
    if (!options.promote_calls) options.promote_calls = LIMIT_PROMOTE_CALLS;
    if (!options.wait_ms) options.wait_ms = LIMIT_WAIT_MS;
    if (!options.commit_ms) options.commit_ms = LIMIT_COMMIT_MS;
    if (!options.sync_ms) options.sync_ms = LIMIT_SYNC_MS;
    return options;
}

static ramp_status host_make_engine(ramp_host *host, ramp_error *reterr) {
    struct engine_options options = {.env = host,
                                     .module = "ramp_v1",
                                     .imports = hostcall_imports,
                                     .import_count = hostcall_import_count,
                                     .wait = hostcall_wait,
                                     .wait_check = hostcall_wait_check,
                                     .on_epoch = call_on_epoch,
                                     /* one more for a room's change of version */
                                     .slots_max = host->options.rooms_max + 1,
                                     .stacks_max = host->options.stacks_max + 1,
                                     .memory_max = host->options.memory_max,
                                     .dense = host->options.dense};
    ramp_status status = engine_new(&options, &host->engine, reterr);
    const struct engine_shape *shape;

    if (status) return status;
    shape = engine_shape(host->engine);
    host->options.rooms_max = shape->slots > 1 ? shape->slots - 1 : 1;
    host->options.stacks_max = shape->stacks > 1 ? shape->stacks - 1 : shape->stacks;
    host->options.dense = shape->dense;
    if (shape->reason[0]) host_log(host, 2, "", "", "%s", shape->reason);
    return RAMP_OK;
}

ramp_status ramp_host_new(const ramp_host_options *options, ramp_host **ret_host,
                          ramp_error *reterr) {
    ramp_host *host = NULL;
    ramp_status status;
    uint64_t seed;

    if (!options->monotonic_ns || !options->wall_ms || !options->random || !options->store ||
        !options->on_done || !options->on_close)
        return error_set(
            reterr, RAMP_ARGS,
            "ramp_host_new: monotonic_ns, wall_ms, random, store, on_done and on_close "
            "are required");
    host = mem_zalloc(sizeof(*host));
    if (!host) return error_set(reterr, RAMP_NO_MEMORY, "no memory for a host");
    host->options = options_complete(options);
    host->options.random(host->options.context, &seed, sizeof(seed));
    map_init(&host->services, seed);
    list_init(&host->ready);
    list_init(&host->loading);
    list_init(&host->failed);
    list_init(&host->idle);
    list_init(&host->answers);
    list_init(&host->syncing);
    list_init(&host->switching);
    host->next_ticket = 1;
    requests_init(host, seed);
    alarms_init(host, seed);
    kv_init(&host->kv, &(struct kv_options){.driver = host->options.kv,
                                            .next_ticket = &host->next_ticket,
                                            .seed = seed});
    host_read_wall_clock(host);
    status = RAMP_NO_MEMORY;
    if (!table_init(&host->table, host->options.modules_max, host->options.modules_bytes_max))
        goto fail;
    status = host_make_engine(host, reterr);
    if (status) goto fail;
    *ret_host = host;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory for a host");
    ramp_host_free(host);
    return status;
}

void ramp_host_free(ramp_host *host) {
    size_t index = 0;

    if (!host) return;
    table_stop(&host->table);
    for (struct map_entry *entry; (entry = map_next(&host->services, &index)); index = 0)
        service_free(entry->value);
    service_drop_answers(host);
    alarms_done(host);
    requests_done(host);
    kv_done(&host->kv);
    map_done(&host->services);
    if (host->table.entries) table_done(host);
    timer_queue_done(&host->timers);
    call_pool_done(host);
    inbox_pool_done(&host->chunks);
    engine_free(host->engine);
    mem_free(host);
}

/* ---- a step -------------------------------------------------------------------------------- */

static bool host_has_due_timers(const ramp_host *host) {
    const struct timers *timers = timer_queue_first(&host->timers);

    return timers && timers->next_ns <= host->now_ns;
}

/* Queues the timers that are due in their rooms. */
static void host_fire_timers(ramp_host *host) {
    static const uint64_t retry_ns = LIMIT_TIMER_MS_MIN * UINT64_C(1000000);
    struct timer_due due[256];

    for (struct timers *timers; (timers = timer_queue_first(&host->timers));) {
        struct room *room = list_item(timers, struct room, timers);
        size_t count;

        if (timers->next_ns > host->now_ns) break;
        count = timers_due(timers, &host->timers, host->now_ns, due, sizeof(due) / sizeof(*due));
        for (size_t i = 0; i < count; i++) {
            uint32_t entry[2] = {(uint32_t)due[i].id, due[i].sequence};
            if (room_enqueue(room, &(struct inbox_entry){.kind = RAMP_CALL_TIMER},
                             &(ramp_bytes){entry, sizeof(entry)}, 1))
                continue;
            host_log(host, 3, room->service->name, room->id, "no memory for a timer's call");
            timers_postpone(timers, &host->timers, due[i].id, host->now_ns + retry_ns);
        }
    }
}

static void host_end_idle_rooms(ramp_host *host) {
    uint64_t idle_ns = host->options.room_idle_ms * UINT64_C(1000000);

    if (host->options.room_idle_ms == UINT32_MAX) return;
    while (!list_empty(&host->idle)) {
        struct room *room = list_item(host->idle.next, struct room, in_idle);
        if (room->idle_since_ns + idle_ns > host->now_ns) break;
        room_end(room);
    }
}

/* One service's turn: its rooms one after another until its slice is over. */
static void host_run_service(ramp_host *host, struct service *service) {
    uint64_t end_ns = host_read_clock(host) + host->options.slice_ms * UINT64_C(1000000);
    bool is_over = false;

    service->held++;
    while (!is_over && !list_empty(&service->ready))
        is_over = room_run(list_item(service->ready.next, struct room, in_run), end_ns) ||
                  host->now_ns >= end_ns;
    service->held--;
    /* Running has put it among the ready again, or not: it belongs there if a room of it can run. */
    list_remove(&service->in_ready);
    if (!list_empty(&service->ready)) list_push_back(&host->ready, &service->in_ready);
    else service_release(service);
}

static void host_meet_deadlines(ramp_host *host) {
    struct heap_node *node;

    while ((node = heap_first(&host->deadlines)) && node->key <= host->now_ns) {
        struct deadline *deadline = heap_item(node, struct deadline, node);
        deadline_clear(host, deadline);
        deadline->due(host, deadline);
    }
}

/* What drivers have answered, and what is to be told them. */
static void host_settle_storage(ramp_host *host) {
    if (list_empty(&host->request_answers) && list_empty(&host->lost_answers) &&
        host->kv.pending.count == 0)
        return; /* as in nearly every step of a host whose rooms do not store */
    requests_settle(host);
    kv_step(&host->kv, host, host->now_ns);
    requests_settle(host); /* of a driver that answers at once */
    gate_check_syncs(host);
}

bool ramp_host_step(ramp_host *host) {
    struct list turn;

    assert(!host->stepping); /* not from inside on_done and the like */
    host->stepping = true;
    host_read_wall_clock(host);
    service_settle_answers(host);
    service_expire(host);
    host_settle_storage(host);
    host_meet_deadlines(host);
    alarms_step(host);
    if (host_has_due_timers(host)) host_fire_timers(host);
    host_end_idle_rooms(host);
    /* Those that are ready now have a turn; who becomes ready meanwhile has one in the next step. */
    list_init(&turn);
    for (struct list *node; (node = list_pop_front(&host->ready));) list_push_back(&turn, node);
    for (struct list *node; (node = list_pop_front(&turn));)
        host_run_service(host, list_item(node, struct service, in_ready));
    service_settle_answers(host); /* of stores that answer at once */
    host_settle_storage(host);
    if (host->table.retry && !list_empty(&host->table.waiting)) service_retry_queued(host);
    host->table.retry = false;
    host->stepping = false;
    return !list_empty(&host->ready) || !list_empty(&host->request_answers);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t ramp_host_deadline(const ramp_host *host) {
    uint64_t deadline_ns = UINT64_MAX;
    const struct timers *timers = timer_queue_first(&host->timers);

    if (timers) deadline_ns = timers->next_ns;
    if (!list_empty(&host->idle) && host->options.room_idle_ms != UINT32_MAX)
        deadline_ns =
            earlier(deadline_ns, list_item(host->idle.next, struct room, in_idle)->idle_since_ns +
                                     host->options.room_idle_ms * UINT64_C(1000000));
    if (!list_empty(&host->loading))
        deadline_ns =
            earlier(deadline_ns, list_item(host->loading.next, struct service, in_wait)->until_ns);
    if (!list_empty(&host->failed))
        deadline_ns =
            earlier(deadline_ns, list_item(host->failed.next, struct service, in_wait)->until_ns);
    if (!list_empty(&host->table.waiting))
        deadline_ns = earlier(
            deadline_ns, list_item(host->table.waiting.next, struct service, in_wait)->until_ns);
    if (heap_first(&host->deadlines))
        deadline_ns = earlier(deadline_ns, heap_first(&host->deadlines)->key);
    deadline_ns = earlier(deadline_ns, kv_deadline(&host->kv));
    deadline_ns = earlier(deadline_ns, alarms_deadline(host));
    if (!list_empty(&host->answers) || !list_empty(&host->request_answers) ||
        !list_empty(&host->lost_answers))
        deadline_ns = 0;
    return deadline_ns;
}

void ramp_host_tick(ramp_host *host) {
    engine_tick(host->engine);
}

bool ramp_host_is_running(const ramp_host *host) {
    return engine_is_running(host->engine);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void host_each_room(const ramp_host *host, void (*each)(struct room *)) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&host->services, &index));) {
        const struct service *service = entry->value;
        size_t room_index = 0;
        for (struct map_entry *item; (item = map_next(&service->rooms, &room_index));)
            each(item->value);
    }
}

void ramp_host_stop(ramp_host *host, ramp_stop stage) {
    host_read_clock(host);
    if (stage <= host->stop_stage) return;
    host->stop_stage = stage;
    host_each_room(host, room_stop);
    if (stage >= RAMP_STOP_ROOMS) kv_hurry(&host->kv);
}

bool ramp_host_has_stopped(const ramp_host *host) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&host->services, &index));) {
        const struct service *service = entry->value;
        size_t room_index = 0;
        for (struct map_entry *item; (item = map_next(&service->rooms, &room_index));)
            if (!room_has_stopped(item->value)) return false;
    }
    return host->stop_stage < RAMP_STOP_ROOMS || host->kv.pending.count == 0;
}

/* ---- looking in ---------------------------------------------------------------------------- */

void ramp_host_get_stats(const ramp_host *host, ramp_host_stats *stats) {
    const struct engine_shape *shape = engine_shape(host->engine);
    size_t size = stats->size < sizeof(*stats) ? stats->size : sizeof(*stats);
    ramp_host_stats full = {.size = size,
                            .modules = host->table.count,
                            .modules_max = host->table.max,
                            .modules_pinned = table_pinned_count(&host->table),
                            .modules_bytes = host->table.size,
                            .services = (uint32_t)host->services.count,
                            .rooms = host->room_count,
                            .rooms_max = host->options.rooms_max,
                            .connections = host->connection_count,
                            .timers = host->timer_count,
                            .stacks_max = host->options.stacks_max,
                            .calls = host->calls,
                            .calls_failed = host->calls_failed,
                            .events = host->events,
                            .loads = host->loads,
                            .loads_failed = host->loads_failed,
                            .loads_refused = host->loads_refused,
                            .evictions = host->evictions,
                            .cpu_ns = host->cpu_ns,
                            .pooled = shape->pooled,
                            .dense = shape->dense,
                            .waits = host->waits,
                            .waits_timed_out = host->waits_timed_out,
                            .commits = host->commits,
                            .commits_failed = host->commits_failed,
                            .syncs_failed = host->syncs_failed,
                            .saves = host->saves,
                            .saves_failed = host->saves_failed,
                            .alarms = host->alarms_fired,
                            .alarms_dropped = host->alarms_dropped,
                            .kv_written = host->kv.written,
                            .kv_late = host->kv.late,
                            .kv_pending = host->kv.pending.count,
                            .kv_pending_bytes = host->kv.pending.size};

    memcpy(stats, &full, size);
}

void ramp_host_modules(const ramp_host *host, void (*each)(void *, const ramp_module_info *),
                       void *context) {
    uint64_t below = UINT64_MAX;

    /* By request number, latest first; the table is small and this is for people. */
    for (uint32_t done = 0; done < host->table.count; done++) {
        const struct module *next = NULL;
        for (uint32_t i = 0; i <= host->table.max; i++) {
            const struct module *module = host->table.entries[i];
            if (module && module->request_number < below &&
                (!next || module->request_number > next->request_number))
                next = module;
        }
        if (!next) return;
        below = next->request_number;
        each(context,
             &(ramp_module_info){
                 .id = next->id,
                 .service = list_empty(&next->services)
                                ? ""
                                : list_item(next->services.next, struct service, in_module)->name,
                 .last_request_ns = next->last_request_ns,
                 .rooms = next->room_count,
                 .bytes = next->size,
                 .pinned = next->pin_count > 0,
                 .fast = next->promoted && !engine_module_waits(next->code)});
    }
}

static ramp_room_info room_info(const struct room *room) {
    return (ramp_room_info){.service = room->service->name,
                            .room = room->id,
                            .module = room->module ? room->module->id : (ramp_module_id){{0}},
                            .connections = room->member_count,
                            .timers = room->timers.count,
                            .queued = room->inbox.count,
                            .memory = room->instance ? engine_memory(room->instance).size : 0,
                            .calls = room->calls,
                            .calls_failed = room->calls_failed,
                            .cpu_ns = room->cpu_ns,
                            .open = room->is_open,
                            .waiting = room->waiting,
                            .committing = room->gate.count,
                            .alarm_ms = gate_alarm(&room->gate),
                            .saved = room->has_state,
                            .pinned = room->pins};
}

void ramp_host_rooms(const ramp_host *host, void (*each)(void *, const ramp_room_info *),
                     void *context) {
    size_t index = 0;

    for (struct map_entry *entry; (entry = map_next(&host->services, &index));) {
        const struct service *service = entry->value;
        size_t room_index = 0;
        for (struct map_entry *item; (item = map_next(&service->rooms, &room_index));) {
            ramp_room_info info = room_info(item->value);
            each(context, &info);
        }
    }
}

bool ramp_host_room(const ramp_host *host, const char *service_name, const char *room_id,
                    ramp_room_info *ret_info, void (*each_timer)(void *, const ramp_timer_info *),
                    void *context) {
    const struct service *service = map_get(&host->services, service_name, strlen(service_name));
    const struct room *room = service ? room_find(service, room_id) : NULL;

    if (!room) return false;
    *ret_info = room_info(room);
    for (uint32_t i = 0; each_timer && i < room->timers.count; i++)
        each_timer(context, &(ramp_timer_info){.id = room->timers.timers[i].id,
                                               .due_ns = room->timers.timers[i].due_ns,
                                               .period_ns = room->timers.timers[i].period_ns});
    return true;
}

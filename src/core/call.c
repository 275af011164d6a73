/* SPDX-License-Identifier: Apache-2.0 */
/* call.c -- see call.h. */
#include "core/call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "core/alarms.h"
#include "core/lines.h"
#include "core/pending.h"

enum {
    CALLS_KEPT_MAX = 64,
    INBOX_HEAD_SIZE = 16,
    DESCRIPTOR_SIZE = 32,
    FLAG_BINARY = 1,
    FLAG_PULL = 2,
    FLAG_STALE = 4
};

const char *const guest_export_names[EXPORT_COUNT] = {
#define HOSTCALL(name, kind, parameters, result, names, doc)
#define HANDLER(name, parameters, names, doc) [EXPORT_##name] = #name,
#include "core/hostcalls.def"
#undef HOSTCALL
#undef HANDLER
    [EXPORT_initialize] = "_initialize",
    [EXPORT_ramp_abi_v1] = "ramp_abi_v1",
};

/* ---- life ---------------------------------------------------------------------------------- */

struct call *call_new(struct room *room, ramp_call_kind kind) {
    ramp_host *host = room->service->host;
    struct call *call = host->free_calls;
    struct batch batch;
    char *text;
    size_t text_capacity;

    if (call) {
        host->free_calls = call->next_free;
        host->free_call_count--;
    } else {
        call = mem_alloc(sizeof(*call));
        if (!call) return NULL;
        batch_init(&call->batch);
        call->text = NULL;
        call->text_capacity = 0;
    }
    batch = call->batch;
    text = call->text;
    text_capacity = call->text_capacity;
    memset(call, 0, offsetof(struct call, message)); /* the texts below it need no clearing */
    call->message[0] = call->where[0] = '\0';
    call->batch = batch;
    call->text = text;
    call->text_capacity = text_capacity;
    call->room = room;
    call->kind = kind;
    call->stage = kind == RAMP_CALL_OPEN ? STAGE_INITIALIZE : STAGE_HANDLER;
    call->handler = kind == RAMP_CALL_OPEN ? EXPORT_initialize : 0;
    call->time_ms = host_wall_ms(host);
    call->wait_left_ns = UINT64_C(1000000) * host->options.wait_ms;
    list_init(&call->pendings);
    list_init(&call->kv_values);
    call->budget_ns = UINT64_C(1000000) * (kind == RAMP_CALL_OPEN ? host->options.open_cpu_ms
                                                                  : host->options.call_cpu_ms);
    /* The end of a room is nothing that anybody has asked of it. */
    if (kind != RAMP_CALL_SAVE && kind != RAMP_CALL_CLOSE) table_touch(host, room->module);
    return call;
}

static void call_destroy(struct call *call) {
    batch_done(&call->batch);
    mem_free(call->text);
    mem_free(call);
}

/* Nothing of what it asked for happens, and nobody reads it. */
static void call_drop_batch(struct call *call) {
    struct kv *kv = &call->room->service->host->kv;

    for (struct list *node; (node = list_pop_front(&call->kv_values));)
        kv_unreserve(kv, list_item(node, struct kv_value, in_batch));
    call->events_dropped += (uint32_t)call->batch.count;
    batch_reset(&call->batch);
    call->clears_alarm = false;
}

void call_free(struct call *call) {
    ramp_host *host;

    if (!call) return;
    host = call->room->service->host;
    pendings_end(call);
    call_drop_batch(call);
    if (host->free_call_count >= CALLS_KEPT_MAX) {
        call_destroy(call);
        return;
    }
    call->next_free = host->free_calls;
    host->free_calls = call;
    host->free_call_count++;
}

void call_pool_done(ramp_host *host) {
    while (host->free_calls) {
        struct call *call = host->free_calls;
        host->free_calls = call->next_free;
        call_destroy(call);
    }
}

/* ---- into the guest -------------------------------------------------------------------------- */

uint8_t *guest_slice(struct room *room, uint32_t offset, uint32_t size) {
    uint64_t end = (uint64_t)offset + size;

    if (end > room->memory.size) {
        room->memory = engine_memory(room->instance); /* the guest may have grown it */
        if (end > room->memory.size) return NULL;
    }
    return room->memory.base + offset;
}

static uint32_t payload_flags(const struct call *call, bool binary) {
    bool pull = call->payload.size > call->room->guest_inbox_cap - INBOX_HEAD_SIZE;

    bool stale = call->kind == RAMP_CALL_OPEN && call->room->saved && !call->room->state_current;

    return (binary ? FLAG_BINARY : 0u) | (pull ? FLAG_PULL : 0u) | (stale ? FLAG_STALE : 0u);
}

void call_set_handler(struct call *call, enum guest_export handler, bool binary) {
    int32_t size = (int32_t)call->payload.size;
    int32_t flags = (int32_t)payload_flags(call, binary);

    call->handler = (uint8_t)handler;
    call->skipped = !engine_module_has(call->room->module->code, handler);
    switch (call->kind) {
    case RAMP_CALL_OPEN:
    case RAMP_CALL_MESSAGE:
        call->arguments[1] = size;
        call->arguments[2] = flags;
        break;
    case RAMP_CALL_REQUEST:
    case RAMP_CALL_ERROR:
        call->arguments[0] = size;
        call->arguments[1] = flags;
        break;
    default: break;
    }
}

/* The inbox as the guest finds it: the head, and the payload if it fits. */
static void call_fill_inbox(struct call *call) {
    struct room *room = call->room;
    uint8_t *inbox = guest_slice(room, room->guest_inbox, room->guest_inbox_cap);
    const uint32_t head[2] = {0, room->sequence++};

    assert(inbox); /* checked when the room was opened; memories never shrink */
    memcpy(inbox, &call->time_ms, 8);
    memcpy(inbox + 8, head, 8);
    if (call->payload.size && call->payload.size <= room->guest_inbox_cap - INBOX_HEAD_SIZE)
        memcpy(inbox + INBOX_HEAD_SIZE, call->payload.data, call->payload.size);
}

void call_fail(struct call *call, ramp_status status, const char *message) {
    call->state = RAMP_CALL_FAILED;
    call->status = status;
    snprintf(call->message, sizeof(call->message), "%s", message);
}

/* Reads what ramp_abi_v1 points to. false: the call has failed. */
static bool call_read_descriptor(struct call *call, uint32_t address) {
    struct room *room = call->room;
    const uint8_t *descriptor = guest_slice(room, address, DESCRIPTOR_SIZE);
    uint32_t words[8];

    if (!descriptor) {
        call_fail(call, RAMP_REFUSED, "ramp_abi_v1: the descriptor lies outside of the memory");
        return false;
    }
    memcpy(words, descriptor, sizeof(words));
    if (words[0] < DESCRIPTOR_SIZE) {
        call_fail(call, RAMP_REFUSED, "ramp_abi_v1: the descriptor is smaller than 32 bytes");
    } else if (words[2] < LIMIT_INBOX_MIN || words[2] > LIMIT_INBOX_MAX) {
        call_fail(call, RAMP_REFUSED, "ramp_abi_v1: the inbox is not 4 KiB to 1 MiB");
    } else if (words[1] % 16 != 0) {
        call_fail(call, RAMP_REFUSED, "ramp_abi_v1: the inbox is not aligned to 16 bytes");
    } else if (!guest_slice(room, words[1], words[2])) {
        call_fail(call, RAMP_REFUSED, "ramp_abi_v1: the inbox lies outside of the memory");
    } else if (words[5] > RAMP_VERSION_MINOR) {
        call_fail(call, RAMP_REFUSED, "ramp_abi_v1: the module needs a newer server");
    } else {
        room->guest_inbox = words[1];
        room->guest_inbox_cap = words[2];
        room->guest_flags = words[3];
        return true;
    }
    return false;
}

/* Opening goes on with its next export. */
static void call_next_stage(struct call *call, int32_t result) {
    if (call->stage == STAGE_INITIALIZE) {
        call->stage = STAGE_ABI;
        call->handler = EXPORT_ramp_abi_v1;
    } else if (call_read_descriptor(call, (uint32_t)result)) {
        call->stage = STAGE_HANDLER;
        call_set_handler(call, EXPORT_on_open, false);
    }
}

/* ---- what the engine says ---------------------------------------------------------------------- */

/* "file:line:col", or nothing after a message's last newline: a message may have several lines. */
static bool is_place(const char *text) {
    const char *at = text + strlen(text);

    for (int numbers = 0; numbers < 2; numbers++) {
        const char *end = at;
        while (at > text && at[-1] >= '0' && at[-1] <= '9') at--;
        if (at == end || at == text || *--at != ':') return *text == '\0';
    }
    return true;
}

/* Splits a panic's text "message\nfile:line:col". A place in a library is not where the user looks. */
static void call_split_panic(struct call *call) {
    char *place = strrchr(call->message, '\n');
    size_t size;

    if (!place || !is_place(place + 1)) return;
    *place++ = '\0';
    size = strlen(place);
    if (size > 0 && size < sizeof(call->where) && *place != ':' &&
        strncmp(place, "~lib/", 5) != 0 && strncmp(place, "__ramp", 6) != 0)
        memcpy(call->where, place, size + 1);
}

static void call_read_failure(struct call *call) {
    const struct engine_failure *failure = engine_failure(call->room->instance);

    call->state = RAMP_CALL_FAILED;
    if (call->status == RAMP_PANICKED) {
        call_split_panic(call);
    } else {
        switch (failure->kind) {
        case ENGINE_BY_EPOCH:
            call->status = RAMP_CPU;
            snprintf(call->message, sizeof(call->message), "used more than its %u ms of CPU time",
                     (unsigned)(call->budget_ns / 1000000));
            break;
        case ENGINE_BY_LIMIT:
            call->status = RAMP_UNAVAILABLE;
            snprintf(call->message, sizeof(call->message), "%s", failure->message);
            break;
        default:
            call->status = RAMP_TRAPPED;
            snprintf(call->message, sizeof(call->message), "%s", failure->message);
            break;
        }
    }
    if (!call->where[0])
        lines_find(call->room->module->lines, failure, call->where, sizeof(call->where));
}

/* Called on the guest's stack when a slice is over: go on, let others run, or stop. A call is charged by
 * the monotonic clock; before it is killed the thread's own CPU time must agree, so that a call that was
 * descheduled lives. */
enum engine_verdict call_on_epoch(void *context) {
    struct room *room = context;
    struct call *call = room->call;
    ramp_host *host = room->service->host;
    const ramp_host_options *options = &host->options;
    uint64_t now_ns = options->monotonic_ns(options->context);
    bool is_over = call->cpu_ns + (now_ns - call->entered_ns) >= call->budget_ns;

    call->slice_used = true;
    if (options->thread_cpu_ns) {
        uint64_t thread_ns = options->thread_cpu_ns(options->context);
        if (call->thread_mark_ns) call->thread_ns += thread_ns - call->thread_mark_ns;
        call->thread_mark_ns = thread_ns;
        /* What was spent before the first epoch has not been measured: at most one slice. */
        is_over =
            is_over && call->thread_ns + options->slice_ms * UINT64_C(1000000) >= call->budget_ns;
    }
    if (is_over) return ENGINE_KILL;
    return call->suspendable ? ENGINE_YIELD : ENGINE_CONTINUE;
}

/* An epoch came while the call ran. Was it the call that took the time, or was the thread put aside? What it
 * ran before its first epoch is not known, so half a slice after it is proof. */
static void call_confirm_slice(struct call *call) {
    const ramp_host_options *options = &call->room->service->host->options;

    if (options->thread_cpu_ns && call->thread_mark_ns) {
        call->thread_ns += options->thread_cpu_ns(options->context) - call->thread_mark_ns;
        call->thread_mark_ns = 0;
    }
    call->overran =
        !options->thread_cpu_ns || call->thread_ns >= options->slice_ms * UINT64_C(1000000) / 2;
}

static enum engine_outcome call_enter(struct call *call, int32_t *ret_result) {
    static const uint8_t argument_counts[EXPORT_COUNT] = {
#define HOSTCALL(name, kind, parameters, result, names, doc)
#define HANDLER(name, parameters, names, doc) [EXPORT_##name] = sizeof(parameters) - 1,
#include "core/hostcalls.def"
#undef HOSTCALL
#undef HANDLER
    };
    struct room *room = call->room;
    ramp_host *host = room->service->host;
    struct module *module = room->module;
    enum engine_outcome outcome;

    host->current = call;
    call->entered_ns = host_read_clock(host);
    if (call->suspended) {
        if (call->slice_used && host->options.thread_cpu_ns)
            call->thread_mark_ns = host->options.thread_cpu_ns(host->options.context);
        outcome = engine_resume(room->instance);
    } else {
        call->suspendable = engine_module_waits(module->code) || !module->promoted;
        outcome = engine_call(room->instance, call->handler,
                              call->suspendable ? ENGINE_YIELDABLE : ENGINE_UNCHECKED,
                              host->options.slice_ms / LIMIT_TICK_MS, call->arguments,
                              argument_counts[call->handler], ret_result);
    }
    host->current = NULL;
    call->cpu_ns += host_read_clock(host) - call->entered_ns;
    if (call->slice_used) call_confirm_slice(call);
    call->suspended = outcome == ENGINE_YIELDED || outcome == ENGINE_WAITING;
    return outcome;
}

ramp_call_state call_advance(struct call *call) {
    struct engine_module *code = call->room->module->code;

    call->state = RAMP_CALL_RUNNING;
    while (call->state == RAMP_CALL_RUNNING) {
        if (!call->suspended && call->stage == STAGE_HANDLER) {
            if (call->skipped) return call->state = RAMP_CALL_DONE;
            call_fill_inbox(call);
        }
        if (call->stage == STAGE_INITIALIZE && !engine_module_has(code, EXPORT_initialize)) {
            call_next_stage(call, 0);
            continue;
        }
        switch (call_enter(call, &call->result_value)) {
        case ENGINE_DONE:
            if (call->stage == STAGE_HANDLER) call->state = RAMP_CALL_DONE;
            else call_next_stage(call, call->result_value);
            break;
        case ENGINE_YIELDED: return call->state;
        case ENGINE_WAITING:
            call->wait_since_ns = call->room->service->host->now_ns;
            return call->state = RAMP_CALL_WAITING;
        case ENGINE_TRAPPED: call_read_failure(call); break;
        }
    }
    return call->state;
}

/* ---- out of the guest -------------------------------------------------------------------------- */

static void call_apply_event(struct call *call, ramp_event *event) {
    struct room *room = call->room;
    ramp_host *host = room->service->host;

    event->service = room->service->name;
    event->room = room->id;
    switch (event->type) {
    case RAMP_EVENT_BROADCAST:
        if (event->to) break; /* without those at `except` */
        event->to = room->members;
        event->to_count = room->member_count;
        break;
    case RAMP_EVENT_TIMER_SET:
        if (!timers_set(&room->timers, &host->timers, event->timer_id,
                        host->now_ns + (uint64_t)event->delay_ms * 1000000u,
                        (uint64_t)event->period_ms * 1000000u))
            host_log(host, 3, room->service->name, room->id, "no memory for a timer");
        break;
    case RAMP_EVENT_TIMER_CLEAR: timers_clear(&room->timers, &host->timers, event->timer_id); break;
    default: break;
    }
}

static void call_log_failure(const struct call *call) {
    const struct room *room = call->room;
    const ramp_host_options *options = &room->service->host->options;
    const char *separator = call->where[0] ? " at " : "";
    char text[sizeof(call->message) + sizeof(call->where) + 40];
    int size;

    if (!options->on_log) return;
    size = snprintf(text, sizeof(text), "%s failed: %s%s%s", ramp_call_name(call->kind),
                    call->message, separator, call->where);
    options->on_log(
        options->context,
        &(ramp_log_line){.level = 3,
                         .service = room->service->name,
                         .room = room->id,
                         .connection = call->connection ? ramp_connection_id(call->connection) : "",
                         .call = ramp_call_name(call->kind),
                         .text = {text, (size_t)size}});
}

/* An on_alarm that sets the alarm in the past, again and again, leaves the others their turns. */
static void call_note_alarm(const struct call *call) {
    const struct room *room = call->room;
    ramp_host *host = room->service->host;
    int64_t at_ms = call->alarm_ms, soonest_ms = host_wall_ms(host) + LIMIT_TIMER_MS_MIN;

    if (call->kind == RAMP_CALL_ALARM && at_ms != 0 && at_ms < soonest_ms) at_ms = soonest_ms;
    alarms_set(host, room->service->name, room->id, at_ms);
}

void call_settle(struct call *call) {
    struct room *room = call->room;
    ramp_host *host = room->service->host;
    uint32_t timer_count = room->timers.count;
    bool failed = call->state == RAMP_CALL_FAILED;

    pendings_end(call);
    host->calls++;
    host->calls_failed += failed;
    host->cpu_ns += call->cpu_ns;
    room->service->cpu_ns += call->cpu_ns;
    room->cpu_ns += call->cpu_ns;
    if (failed) {
        call_drop_batch(call);
        call_log_failure(call);
        return;
    }
    for (size_t i = 0; i < call->batch.count; i++) call_apply_event(call, &call->batch.events[i]);
    host->timer_count += room->timers.count - timer_count;
    if (call_sets_alarm(call)) call_note_alarm(call);
}

/* ---- waiting behind the gate --------------------------------------------------------------------- */

size_t call_size(const struct call *call) {
    return sizeof(*call) + call->batch.size + call->batch.capacity * sizeof(ramp_event);
}

/* Calls `each` for every connection that the call's outcome names. */
static void call_each_connection(const struct call *call, void (*each)(ramp_connection *)) {
    if (call->connection && call->kind != RAMP_CALL_REQUEST) each(call->connection);
    for (size_t i = 0; i < call->batch.count; i++) {
        const ramp_event *event = &call->batch.events[i];
        if (event->connection) each(event->connection);
        for (size_t k = 0; k < event->to_count; k++) each(event->to[k]);
    }
}

/* Recipients that are "all members" are written down: members change. */
static bool call_fix_recipients(struct call *call) {
    const struct room *room = call->room;
    ramp_connection **members = NULL;
    size_t size = room->member_count * sizeof(ramp_connection *);

    for (size_t i = 0; i < call->batch.count; i++) {
        ramp_event *event = &call->batch.events[i];
        if (event->type != RAMP_EVENT_BROADCAST || event->to != room->members || !size) continue;
        if (!members) members = batch_extra(&call->batch, size);
        if (!members) return false;
        memcpy(members, room->members, size);
        event->to = members;
    }
    return true;
}

void call_hold(struct call *call) {
    if (!call_fix_recipients(call)) {
        call_fail(call, RAMP_NO_MEMORY, "no memory to hold back what it sends");
        call_drop_batch(call);
    }
    call_each_connection(call, connection_hold);
    call->is_held = true;
}

void call_release(struct call *call) {
    if (!call->is_held) return;
    call->is_held = false;
    call_each_connection(call, connection_release);
}

/* Who has left meanwhile gets nothing. The connection is still held, for the others that name it. */
static void call_skip_gone(struct call *call) {
    struct batch *batch = &call->batch;

    for (size_t i = 0; i < batch->count; i++) {
        ramp_event *event = &batch->events[i];
        ramp_connection **to = (ramp_connection **)(uintptr_t)event->to;
        size_t kept = 0;
        /* Broadcasts share their recipients: those that have gone stay, behind the others. */
        for (size_t k = 0; k < event->to_count; k++) {
            ramp_connection *connection = to[k];
            if (connection->state == CONNECTION_GONE) {
                connection_release(connection);
                continue;
            }
            to[k] = to[kept];
            to[kept++] = connection;
        }
        event->to_count = kept;
        if (!event->connection || event->connection->state != CONNECTION_GONE) continue;
        connection_release(event->connection);
        memmove(event, event + 1, (batch->count - i - 1) * sizeof(*event));
        batch->count--;
        i--;
    }
}

/* ---- telling ------------------------------------------------------------------------------------- */

void call_tell(struct call *call) {
    struct room *room = call->room;
    ramp_host *host = room->service->host;
    ramp_outcome outcome = {.tag = call->tag,
                            .call = call->kind,
                            .state = call->state,
                            .service = room->service->name,
                            .room = room->id,
                            .connection = call->kind == RAMP_CALL_REQUEST ? NULL : call->connection,
                            .joined = call->kind == RAMP_CALL_JOIN,
                            .message = "",
                            .where = "",
                            .cpu_ns = call->cpu_ns,
                            .suspendable = call->suspendable};

    if (call->is_silent) return;
    if (call->state == RAMP_CALL_FAILED) {
        outcome.status = call->status;
        outcome.message = call->message;
        outcome.where = call->where;
        /* A call whose commit was lost still has them. */
        outcome.events_dropped = call->events_dropped + (uint32_t)call->batch.count;
    } else {
        if (call->is_held) call_skip_gone(call);
        outcome.events = call->batch.events;
        outcome.event_count = call->batch.count;
    }
    host->events += outcome.event_count;
    host->options.on_done(host->options.context, &outcome);
}

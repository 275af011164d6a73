/* SPDX-License-Identifier: Apache-2.0 */
/* hostcalls.c -- the bodies of most host functions, and the engine's table of all of them.
 *
 * Door:   hostcall_imports, made of hostcalls.def.
 * Before: the guest, through engine.h.
 * After:  the call's batch (events.h) for what is to happen later; the room for what is known now.
 *
 * Not here: kv, db, alarm, state and wait: hostcalls_storage.c.
 */
#include "core/hostcalls.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

char *call_text(struct call *call, size_t size) {
    if (size > call->text_capacity) {
        char *text = mem_resize(call->text, size);
        if (!text) return NULL;
        call->text = text;
        call->text_capacity = size;
    }
    return call->text;
}

/* ---- EVENT: messages ------------------------------------------------------------------------- */

/* A message's event, or an error in *ret_error. */
static ramp_event *add_message(struct call *call, ramp_event_type type, ramp_bytes payload,
                               uint32_t kind, int32_t *ret_error) {
    ramp_event *event;

    if (payload.size > LIMIT_MESSAGE_SIZE) { /* before anybody looks at all of it */
        *ret_error = RAMP_TOO_BIG;
        return NULL;
    }
    if (kind > 1 || (kind == 0 && !utf8_valid(payload.data, payload.size))) {
        *ret_error = RAMP_ARGS;
        return NULL;
    }
    event = batch_add(&call->batch, type);
    if (!event || !batch_copy(&call->batch, payload.data, payload.size, &event->payload)) {
        if (event) batch_drop_last(&call->batch);
        *ret_error = RAMP_LIMIT;
        return NULL;
    }
    event->binary = kind == 1;
    return event;
}

/* The recipients without those at `except`, in slot order. false: no memory, or too much. */
static bool set_recipients(struct call *call, ramp_event *event, const uint8_t *except,
                           uint32_t count) {
    struct room *room = call->room;
    ramp_connection **to =
        batch_room(&call->batch, (room->member_count + 1) * sizeof(ramp_connection *));

    if (!to) return false;
    if (room->member_count)
        memcpy(to, room->members, room->member_count * sizeof(ramp_connection *));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t handle;
        ramp_connection *connection;
        memcpy(&handle, except + 4 * (size_t)i, 4);
        connection = room_member(room, handle);
        if (connection) to[room_member_index(room, handle)] = NULL;
    }
    for (uint32_t i = 0; i < room->member_count; i++)
        if (to[i]) to[event->to_count++] = to[i];
    event->to = to;
    return true;
}

IMPORT(room_broadcast) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(payload, 0);
    uint32_t except_count = values[4].u32;
    const uint8_t *except;
    ramp_event *event;
    int32_t error = 0;

    if (except_count > UINT32_MAX / 4) return bad_pointer();
    except = guest_slice(call->room, values[3].u32, 4 * except_count);
    if (!except) return bad_pointer();
    if (except_count > LIMIT_ROOM_CONNECTIONS)
        return answer(values, RAMP_ARGS); /* more than there are */
    event = add_message(call, RAMP_EVENT_BROADCAST, payload, values[2].u32, &error);
    if (event && except_count > 0 && !set_recipients(call, event, except, except_count)) {
        batch_drop_last(&call->batch);
        error = RAMP_LIMIT;
    }
    return answer(values, error);
}

IMPORT(conn_send) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(payload, 1);
    ramp_connection *connection = room_member(call->room, values[0].u32);
    ramp_event *event;
    int32_t error = 0;

    if (!connection) return answer(values, RAMP_GONE);
    event = add_message(call, RAMP_EVENT_SEND, payload, values[3].u32, &error);
    if (event) event->connection = connection;
    return answer(values, error);
}

/* Codes that an endpoint may send: RFC 6455 section 7.4, and IANA's registry. */
static bool is_close_code(uint32_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

IMPORT(conn_close) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(reason, 2);
    ramp_connection *connection = room_member(call->room, values[0].u32);
    ramp_event *event;

    if (!connection) return answer(values, RAMP_GONE);
    if (reason.size > 123) return answer(values, RAMP_TOO_BIG); /* RFC 6455 section 5.5 */
    if (!is_close_code(values[1].u32) || !utf8_valid(reason.data, reason.size))
        return answer(values, RAMP_ARGS);
    event = batch_add(&call->batch, RAMP_EVENT_CLOSE);
    if (!event) return answer(values, RAMP_LIMIT);
    if (!batch_copy(&call->batch, reason.data, reason.size, &event->payload)) {
        batch_drop_last(&call->batch);
        return answer(values, RAMP_LIMIT);
    }
    event->connection = connection;
    event->code = (uint16_t)values[1].u32;
    return answer(values, RAMP_OK);
}

/* ---- EVENT: timers --------------------------------------------------------------------------- */

static bool timer_ms_is_valid(int64_t ms) {
    return ms >= LIMIT_TIMER_MS_MIN && ms <= LIMIT_TIMER_MS_MAX;
}

IMPORT(timer_set) {
    IMPORT_IN_HANDLER();
    int32_t id = values[0].i32;
    int64_t delay_ms = values[1].i64, period_ms = values[2].i64;
    ramp_event *event;
    bool is_new;

    /* A delay below the minimum is the minimum: "as soon as possible" is no mistake. */
    if (delay_ms >= 0 && delay_ms < LIMIT_TIMER_MS_MIN) delay_ms = LIMIT_TIMER_MS_MIN;
    if (!timer_ms_is_valid(delay_ms) || (period_ms != 0 && !timer_ms_is_valid(period_ms)))
        return answer(values, RAMP_ARGS);
    is_new = !timers_has(&call->room->timers, id);
    if (is_new && call->room->timers.count + call->new_timers >= LIMIT_TIMERS)
        return answer(values, RAMP_LIMIT);
    event = batch_add(&call->batch, RAMP_EVENT_TIMER_SET);
    if (!event) return answer(values, RAMP_LIMIT);
    call->new_timers += is_new;
    event->timer_id = id;
    event->delay_ms = delay_ms;
    event->period_ms = period_ms;
    return answer(values, RAMP_OK);
}

IMPORT(timer_clear) {
    IMPORT_IN_HANDLER();
    ramp_event *event = batch_add(&call->batch, RAMP_EVENT_TIMER_CLEAR);

    if (!event) return answer(values, RAMP_LIMIT);
    event->timer_id = values[0].i32;
    return answer(values, RAMP_OK);
}

/* ---- EVENT: the answer to a request ---------------------------------------------------------------- */

static bool is_token_char(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_forbidden_header(const char *name, size_t size) {
    static const char *const names[] = {"connection", "keep-alive",    "proxy-connection",
                                        "te",         "trailer",       "transfer-encoding",
                                        "upgrade",    "content-length"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0) return true;
    return false;
}

/* CONTRACT 6: `name: value\n` lines, lower-case names, nothing that would break the answer's framing. */
static bool headers_are_valid(ramp_bytes headers) {
    const char *at = headers.data, *end = headers.size ? at + headers.size : at;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at)), *colon;
        if (!stop) stop = end;
        colon = memchr(at, ':', (size_t)(stop - at));
        if (!colon || colon == at || is_forbidden_header(at, (size_t)(colon - at))) return false;
        for (const char *c = at; c < colon; c++)
            if (!is_token_char((unsigned char)*c)) return false;
        for (const char *c = colon; c < stop; c++)
            if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7F) return false;
        at = stop + 1;
    }
    return true;
}

static ramp_event *find_response(const struct call *call) {
    for (size_t i = 0; i < call->batch.count; i++)
        if (call->batch.events[i].type == RAMP_EVENT_RESPOND) return &call->batch.events[i];
    return NULL;
}

IMPORT(http_respond) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(headers, 1);
    IMPORT_BYTES(body, 3);
    uint32_t status = values[0].u32;
    ramp_event *event = find_response(call);
    ramp_bytes headers_copy, body_copy;

    if (call->kind != RAMP_CALL_REQUEST) return answer(values, RAMP_DENIED);
    if (status < 200 || status > 599 || !headers_are_valid(headers))
        return answer(values, RAMP_ARGS);
    if (body.size > LIMIT_BODY_SIZE) return answer(values, RAMP_TOO_BIG);
    if (!batch_copy(&call->batch, headers.data, headers.size, &headers_copy) ||
        !batch_copy(&call->batch, body.data, body.size, &body_copy))
        return answer(values, RAMP_LIMIT);
    if (!event)
        event = batch_add(&call->batch, RAMP_EVENT_RESPOND); /* a second one replaces the first */
    if (!event) return answer(values, RAMP_LIMIT);
    event->code = (uint16_t)status;
    event->headers = headers_copy;
    event->payload = body_copy;
    return answer(values, RAMP_OK);
}

/* ---- NOW: who and where ---------------------------------------------------------------------------- */

IMPORT(room_info) {
    IMPORT_IN_HANDLER();
    IMPORT_OUT(1);
    struct room *room = call->room;
    ramp_bytes text;

    switch (values[0].u32) {
    case 0: text = (ramp_bytes){room->id, room->id_size}; break;
    case 1: text = (ramp_bytes){room->service->name, strlen(room->service->name)}; break;
    case 2: text = (ramp_bytes){room->module->id_text, 2 * RAMP_MODULE_ID_SIZE}; break;
    default: return answer(values, RAMP_ARGS);
    }
    return give(call, values, text, out, cap);
}

IMPORT(room_conns) {
    IMPORT_IN_HANDLER();
    IMPORT_OUT(0);
    struct room *room = call->room;
    uint32_t size = 4 * room->member_count;
    char *handles = call_text(call, size);

    if (size && !handles) return answer(values, RAMP_LIMIT);
    for (uint32_t i = 0; i < room->member_count; i++)
        memcpy(handles + 4 * (size_t)i, &room->members[i]->handle, 4);
    give(call, values, (ramp_bytes){handles, size}, out, cap);
    return answer(values, (int32_t)room->member_count);
}

/* The connection that conn_info may describe: a member, the one that leaves now, or the requester. */
static ramp_connection *describable(const struct call *call, uint32_t handle) {
    if (call->connection && call->connection->handle == handle &&
        (handle != 0 || call->kind == RAMP_CALL_REQUEST))
        return call->connection;
    return handle ? room_member(call->room, handle) : NULL;
}

static int hex_value(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent- and plus-decodes; a broken '%' stays as it is, as in browsers' URLSearchParams. */
static size_t query_decode(const char *from, size_t size, char *to) {
    size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        int high = i + 2 < size && from[i] == '%' ? hex_value((unsigned char)from[i + 1]) : -1;
        int low = high >= 0 ? hex_value((unsigned char)from[i + 2]) : -1;
        to[length] = from[i] == '+' ? ' ' : from[i];
        if (low >= 0) {
            to[length] = (char)(high << 4 | low);
            i += 2;
        }
        length++;
    }
    return length;
}

/* The first parameter with that name. A value that is not UTF-8 once decoded counts as absent. */
static int32_t query_value(struct call *call, ramp_bytes query, ramp_bytes name,
                           ramp_bytes *ret_value) {
    const char *at = query.data, *end = query.size ? at + query.size : at;
    char *text = call_text(call, query.size + 1);

    if (!text) return RAMP_LIMIT;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at)), *equals;
        size_t size;
        if (!stop) stop = end;
        equals = memchr(at, '=', (size_t)(stop - at));
        if (!equals) equals = stop;
        size = query_decode(at, (size_t)(equals - at), text);
        if (at < stop && size == name.size && memcmp(text, name.data, size) == 0) {
            const char *value = equals < stop ? equals + 1 : stop;
            size = query_decode(value, (size_t)(stop - value), text);
            *ret_value = (ramp_bytes){text, size};
            return utf8_valid(text, size) ? RAMP_OK : RAMP_NOT_FOUND;
        }
        at = stop + 1;
    }
    return RAMP_NOT_FOUND;
}

IMPORT(conn_info) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(name, 2);
    IMPORT_OUT(4);
    const ramp_connection *connection = describable(call, values[0].u32);
    ramp_bytes value = {0};
    int32_t error = RAMP_OK;

    if (values[1].u32 > 5) return answer(values, RAMP_ARGS);
    if (!connection) return answer(values, RAMP_GONE);
    switch (values[1].u32) {
    case 0: value = connection_part(connection, PART_ID); break;
    case 1: error = query_value(call, connection_part(connection, PART_QUERY), name, &value); break;
    case 2:
        if (!lines_value(connection_part(connection, PART_HEADERS), name, &value))
            error = RAMP_NOT_FOUND;
        break;
    case 3:
        value = connection_part(connection, PART_USER);
        if (value.size == 0) error = RAMP_NOT_FOUND;
        break;
    case 4: value = connection_part(connection, PART_IP); break;
    default:
        if (!lines_value(connection_part(connection, PART_CLAIMS), name, &value))
            error = RAMP_NOT_FOUND;
        break;
    }
    if (error) return answer(values, error);
    return give(call, values, value, out, cap);
}

IMPORT(env_get) {
    IMPORT_IN_HANDLER();
    IMPORT_BYTES(name, 0);
    IMPORT_OUT(2);
    ramp_bytes lines = call->room->service->env;
    const char *at = lines.data, *end = lines.size ? at + lines.size : at;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if ((size_t)(stop - at) > name.size && memcmp(at, name.data, name.size) == 0 &&
            at[name.size] == '=') {
            const char *value = at + name.size + 1;
            size_t size = (size_t)(stop - value);
            char *copy =
                call_text(call, size); /* a new version may change the environment meanwhile */
            if (size && !copy) return answer(values, RAMP_LIMIT);
            if (size) memcpy(copy, value, size);
            return give(call, values, (ramp_bytes){copy, size}, out, cap);
        }
        at = stop + 1;
    }
    return answer(values, RAMP_NOT_FOUND);
}

/* ---- NOW: bytes, time, chance, log ------------------------------------------------------------------ */

static struct engine_trap *read_part(struct call *call, union engine_value *values,
                                     ramp_bytes from) {
    uint32_t offset = values[0].u32, size = values[2].u32;
    uint8_t *to = guest_slice(call->room, values[1].u32, size);

    if (!to) return bad_pointer();
    if (offset >= from.size) return answer(values, 0);
    if (size > from.size - offset) size = (uint32_t)(from.size - offset);
    memcpy(to, (const uint8_t *)from.data + offset, size);
    return answer(values, (int32_t)size);
}

IMPORT(event_read) {
    IMPORT_IN_HANDLER();
    return read_part(call, values, call->payload);
}

IMPORT(result_read) {
    IMPORT_IN_HANDLER();
    return read_part(call, values, call->result);
}

IMPORT(time_ms) {
    IMPORT_CALL();
    values[0].i64 = call->time_ms;
    return NULL;
}

IMPORT(random) {
    IMPORT_CALL();
    const ramp_host_options *options = &call->room->service->host->options;
    uint8_t *to = guest_slice(call->room, values[0].u32, values[1].u32);

    if (!to) return bad_pointer();
    if (values[1].u32 > LIMIT_RANDOM_SIZE)
        return engine_trap_new("random() gives at most 65,536 bytes at a time");
    options->random(options->context, to, values[1].u32);
    return NULL;
}

/* Lines beyond what a call, or a service in a second, may write are counted, and told of later. */
static bool log_is_due(struct call *call) {
    struct service *service = call->room->service;
    ramp_host *host = service->host;
    uint64_t second = host->now_ns / 1000000000u;

    if (second != service->log_second) {
        if (service->log_dropped)
            host_log(host, 2, service->name, "", "%u log lines dropped", service->log_dropped);
        service->log_second = second;
        service->log_count = service->log_dropped = 0;
    }
    if (call->log_count >= LIMIT_LOG_LINES || service->log_count >= LIMIT_LOG_LINES_PER_S) {
        service->log_dropped++;
        return false;
    }
    call->log_count++;
    service->log_count++;
    return true;
}

IMPORT(log) {
    IMPORT_CALL();
    IMPORT_BYTES(text, 1);
    struct room *room = call->room;
    const ramp_host_options *options = &room->service->host->options;
    ramp_log_line line = {.level = values[0].u32 > 3 ? 3 : (int)values[0].u32,
                          .service = room->service->name,
                          .room = room->id,
                          .connection =
                              call->connection ? ramp_connection_id(call->connection) : "",
                          .call = ramp_call_name(call->kind),
                          .text = text,
                          .by_module = true};
    char *clean = NULL;

    if (!options->on_log || !log_is_due(call)) return NULL;
    if (text.size > LIMIT_LOG_LINE || !utf8_valid(text.data, text.size)) {
        clean = mem_alloc(LIMIT_LOG_LINE);
        if (!clean) return NULL;
        line.text = (ramp_bytes){clean, utf8_clean(clean, LIMIT_LOG_LINE, text.data, text.size)};
    }
    options->on_log(options->context, &line);
    mem_free(clean);
    return NULL;
}

IMPORT(panic) {
    IMPORT_CALL();
    IMPORT_BYTES(text, 0);
    size_t size = utf8_clean(call->message, LIMIT_PANIC_SIZE, text.data, text.size);

    call->status = RAMP_PANICKED;
    call->message[size] = '\0';
    return engine_trap_new("panic");
}

/* ---- the table ------------------------------------------------------------------------------- */

#define hostcall_body_EVENT(name) hostcall_##name
#define hostcall_body_NOW(name)   hostcall_##name
#define hostcall_body_START(name) hostcall_##name
#define hostcall_body_WAIT(name)  NULL /* the engine suspends: hostcall_wait() */

const struct engine_import hostcall_imports[] = {
#define HANDLER(name, parameters, names, doc)
#define HOSTCALL(name, kind, parameters, result, names, doc)                                       \
    {#name, parameters, result, hostcall_body_##kind(name)},
#include "core/hostcalls.def"
#undef HOSTCALL
#undef HANDLER
};
const size_t hostcall_import_count = sizeof(hostcall_imports) / sizeof(*hostcall_imports);

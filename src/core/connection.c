/* SPDX-License-Identifier: Apache-2.0 */
/* connection.c -- see connection.h. */
#include "core/connection.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/names.h"
#include "core/room.h"

/* ---- life ---------------------------------------------------------------------------------- */

ramp_connection *connection_new(struct room *room, const ramp_bytes parts[PART_COUNT]) {
    ramp_connection *connection;
    size_t size = 1, at = 0; /* the id ends with a NUL, for ramp_connection_id() */

    for (size_t i = 0; i < PART_COUNT; i++) size += parts[i].size;
    if (size > UINT32_MAX) return NULL;
    connection = mem_zalloc(sizeof(*connection) + size);
    if (!connection) return NULL;
    connection->room = room;
    list_init(&connection->in_full);
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (parts[i].size) memcpy(connection->text + at, parts[i].data, parts[i].size);
        at += parts[i].size;
        connection->ends[i] = (uint32_t)at;
        if (i == PART_ID) connection->text[at++] = '\0';
    }
    return connection;
}

void connection_free(ramp_connection *connection) {
    if (connection) list_remove(&connection->in_full);
    mem_free(connection);
}

ramp_bytes connection_part(const ramp_connection *connection, enum connection_part part) {
    size_t start = part == PART_ID ? 0 : connection->ends[part - 1] + (part - 1 == PART_ID);

    return (ramp_bytes){.data = connection->text + start, .size = connection->ends[part] - start};
}

bool lines_value(ramp_bytes lines, ramp_bytes name, ramp_bytes *ret_value) {
    const char *at = lines.data, *end = lines.size ? at + lines.size : at;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = stop ? stop : end;
        const char *value = at + name.size;
        if ((size_t)(line_end - at) > name.size && memcmp(at, name.data, name.size) == 0 &&
            *value == ':') {
            value++;
            while (value < line_end && *value == ' ') value++;
            *ret_value = (ramp_bytes){.data = value, .size = (size_t)(line_end - value)};
            return true;
        }
        at = line_end + 1;
    }
    return false;
}

/* ---- what the embedder tells ----------------------------------------------------------------- */

/* The room, if it may take one more join, request or open. */
static struct room *room_for_call(ramp_host *host, const char *service_name, const char *room_id,
                                  ramp_error *reterr) {
    struct service *service = service_get(host, service_name, reterr);
    struct room *room;

    host_read_clock(host);
    if (!service) return NULL;
    if (service->state == SERVICE_FAILED && service->until_ns > host->now_ns) {
        error_set(reterr, service->error.status, "%s", service->error.message);
        return NULL;
    }
    room = room_get(service, room_id, reterr);
    if (!room) {
        service_release(service);
        return NULL;
    }
    if (room->request_count >= LIMIT_ROOM_REQUESTS || room->inbox.size >= LIMIT_ROOM_INBOX_BYTES) {
        error_set(reterr, RAMP_BUSY, "room '%s' of service '%s' has too much queued", room_id,
                  service_name);
        return NULL;
    }
    return room;
}

/* The old connection of an id whose new one is queued, behind the old one's leave. */
static void connection_replace(ramp_connection *old, ramp_connection *connection) {
    struct room *room = old->room;

    map_remove(&room->connections, old->text, strlen(old->text));
    /* There was room for the old one, so this needs no memory. */
    if (!map_put(&room->connections, connection->text, strlen(connection->text), connection))
        assert(!"a map that does not grow needs no memory");
    old->never_joined = old->state == CONNECTION_JOINING;
    old->state = CONNECTION_LEAVING;
    old->replaced = true;
}

ramp_status ramp_join(ramp_host *host, const char *service, const char *room_id,
                      const ramp_join_options *options, ramp_connection **ret_connection,
                      ramp_error *reterr) {
    ramp_error local;
    ramp_error *error = reterr ? reterr : &local;
    struct room *room;
    ramp_connection *old, *connection = NULL;
    struct inbox_entry *leave = NULL;

    if (!options->id || !id_is_valid(options->id, LIMIT_CONNECTION_ID, false))
        return error_set(error, RAMP_ARGS,
                         "a connection's id is 1 to %u bytes of UTF-8 without control characters",
                         LIMIT_CONNECTION_ID);
    room = room_for_call(host, service, room_id, error);
    if (!room) return error->status;
    old = map_get(&room->connections, options->id, strlen(options->id));
    if (old && old->owner != options->owner)
        return error_set(error, RAMP_CONFLICT,
                         "connection '%s' of room '%s' is held by another owner", options->id,
                         room_id);
    if (room->connections.count >= LIMIT_ROOM_CONNECTIONS)
        return error_set(error, RAMP_LIMIT, "room '%s' has %u connections, the most it may have",
                         room_id, LIMIT_ROOM_CONNECTIONS);

    connection = connection_new(room, (ramp_bytes[PART_COUNT]){
                                          [PART_ID] = {options->id, strlen(options->id)},
                                          [PART_USER] = options->user,
                                          [PART_QUERY] = options->query,
                                          [PART_IP] = options->ip,
                                          [PART_HEADERS] = options->headers,
                                          [PART_CLAIMS] = options->claims,
                                      });
    if (!connection) goto no_memory;
    connection->data = options->data;
    connection->owner = options->owner;
    connection->state = CONNECTION_JOINING;
    if (!old &&
        !map_put(&room->connections, connection->text, strlen(connection->text), connection))
        goto no_memory;
    if (old) {
        leave = inbox_push(
            &room->inbox, &host->chunks,
            &(struct inbox_entry){.kind = RAMP_CALL_LEAVE, .code = 4409, .connection = old}, NULL,
            0);
        if (!leave) goto no_memory;
    }
    if (!room_enqueue(room,
                      &(struct inbox_entry){
                          .kind = RAMP_CALL_JOIN, .connection = connection, .tag = options->tag},
                      NULL, 0)) {
        if (!old) map_remove(&room->connections, connection->text, strlen(connection->text));
        else room_forget_entry(room, leave);
        goto no_memory;
    }
    room->request_count++;
    host->connection_count++;
    *ret_connection = connection;
    if (old) { /* the last thing here: on_close may call us */
        connection_replace(old, connection);
        host->options.on_close(host->options.context, old, 4409, "replaced by a newer connection");
        old->data = NULL;
    }
    return RAMP_OK;

no_memory:
    connection_free(connection);
    room_end_if_unused(room);
    return error_set(error, RAMP_NO_MEMORY, "no memory for a connection");
}

ramp_status ramp_message(ramp_connection *connection, ramp_bytes payload, bool binary, void *tag) {
    struct room *room = connection->room;
    struct inbox_entry head = {
        .kind = RAMP_CALL_MESSAGE, .binary = binary, .connection = connection, .tag = tag};

    if (connection->state > CONNECTION_MEMBER) return RAMP_GONE;
    if (payload.size > LIMIT_MESSAGE_SIZE) return RAMP_TOO_BIG;
    if (connection->queued_count > 0 &&
        (connection->queued_count >= LIMIT_INBOX_MESSAGES ||
         connection->queued_size + payload.size > LIMIT_INBOX_BYTES)) {
        connection->was_busy = true;
        return RAMP_BUSY;
    }
    if (room->inbox.size > 0 && room->inbox.size + payload.size > LIMIT_ROOM_INBOX_BYTES) {
        connection->was_busy = true;
        list_remove(&connection->in_full);
        list_push_back(&room->full, &connection->in_full);
        return RAMP_BUSY;
    }
    if (!room_enqueue(room, &head, &payload, 1)) return RAMP_NO_MEMORY;
    connection->queued_count++;
    connection->queued_size += (uint32_t)payload.size;
    return RAMP_OK;
}

void connection_dequeued(ramp_connection *connection, uint32_t size) {
    connection->queued_count--;
    connection->queued_size -= size;
    if (list_empty(&connection->in_full)) connection_tell_ready(connection);
}

void connection_tell_ready(ramp_connection *connection) {
    ramp_host *host = connection->room->service->host;

    if (!connection->was_busy || connection->queued_count > LIMIT_INBOX_MESSAGES / 2 ||
        connection->queued_size > LIMIT_INBOX_BYTES / 2)
        return;
    connection->was_busy = false;
    if (host->options.on_ready && connection->state <= CONNECTION_MEMBER)
        host->options.on_ready(host->options.context, connection);
}

void ramp_leave(ramp_connection *connection, uint16_t code, void *tag) {
    struct room *room = connection->room;
    struct inbox_entry head = {
        .kind = RAMP_CALL_LEAVE, .code = code, .connection = connection, .tag = tag};

    if (connection->state >= CONNECTION_LEAVING) return;
    connection->never_joined = connection->state == CONNECTION_JOINING;
    connection->state = CONNECTION_LEAVING;
    connection->data = NULL;
    map_remove(&room->connections, connection->text, strlen(connection->text));
    if (room_enqueue(room, &head, NULL, 0)) return;
    inbox_push_spare(&room->inbox, &connection->leave, &head);
    room_enqueued(room);
}

void ramp_backpressure(ramp_connection *connection, bool drained) {
    if (drained) {
        connection->is_slow = false;
        return;
    }
    if (connection->is_slow || connection->state != CONNECTION_MEMBER) return;
    connection->is_slow = room_enqueue(
        connection->room,
        &(struct inbox_entry){.kind = RAMP_CALL_BACKPRESSURE, .connection = connection}, NULL, 0);
}

ramp_status ramp_open(ramp_host *host, const char *service, const char *room_id, void *tag,
                      ramp_error *reterr) {
    ramp_error local;
    ramp_error *error = reterr ? reterr : &local;
    struct room *room = room_for_call(host, service, room_id, error);

    if (!room) return error->status;
    if (!room_enqueue(room, &(struct inbox_entry){.kind = RAMP_CALL_OPEN, .tag = tag}, NULL, 0)) {
        room_end_if_unused(room);
        return error_set(error, RAMP_NO_MEMORY, "no memory to open a room");
    }
    room->request_count++;
    return RAMP_OK;
}

/* The requester is a connection that is no member: conn_info(0, ...) describes it. */
ramp_status ramp_http_request(ramp_host *host, const char *service, const char *room_id,
                              const ramp_request *request, ramp_error *reterr) {
    ramp_error local;
    ramp_error *error = reterr ? reterr : &local;
    struct room *room = room_for_call(host, service, room_id, error);
    ramp_connection *requester;
    uint32_t sizes[3];

    if (!room) return error->status;
    if (request->body.size > LIMIT_BODY_SIZE) {
        error_set(error, RAMP_TOO_BIG, "a request's body has at most %u bytes", LIMIT_BODY_SIZE);
        goto fail;
    }
    requester = connection_new(room, (ramp_bytes[PART_COUNT]){[PART_USER] = request->user,
                                                              [PART_QUERY] = request->query,
                                                              [PART_IP] = request->ip,
                                                              [PART_HEADERS] = request->headers,
                                                              [PART_CLAIMS] = request->claims});
    if (!requester) goto no_memory;
    sizes[0] = (uint32_t)request->method.size;
    sizes[1] = (uint32_t)request->path.size;
    sizes[2] = (uint32_t)request->headers.size;
    if (!room_enqueue(room,
                      &(struct inbox_entry){
                          .kind = RAMP_CALL_REQUEST, .connection = requester, .tag = request->tag},
                      (ramp_bytes[]){{&sizes[0], 4},
                                     request->method,
                                     {&sizes[1], 4},
                                     request->path,
                                     {&sizes[2], 4},
                                     request->headers,
                                     request->body},
                      7)) {
        connection_free(requester);
        goto no_memory;
    }
    room->request_count++;
    return RAMP_OK;

no_memory:
    error_set(error, RAMP_NO_MEMORY, "no memory for a request");
fail:
    room_end_if_unused(room);
    return error->status;
}

/* ---- looking ------------------------------------------------------------------------------- */

void *ramp_connection_data(const ramp_connection *connection) {
    return connection->data;
}

void ramp_connection_set_data(ramp_connection *connection, void *data) {
    connection->data = data;
}

const char *ramp_connection_id(const ramp_connection *connection) {
    return connection->text;
}

ramp_bytes ramp_connection_user(const ramp_connection *connection) {
    return connection_part(connection, PART_USER);
}

uint64_t ramp_connection_owner(const ramp_connection *connection) {
    return connection->owner;
}

const char *ramp_connection_room(const ramp_connection *connection) {
    return connection->room->id;
}

const char *ramp_connection_service(const ramp_connection *connection) {
    return connection->room->service->name;
}

ramp_connection *ramp_connection_find(ramp_host *host, const char *service_name,
                                      const char *room_id, const char *id) {
    struct service *service = service_find(host, service_name);
    struct room *room = service ? room_find(service, room_id) : NULL;

    return room ? map_get(&room->connections, id, strlen(id)) : NULL;
}

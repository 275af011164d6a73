/* SPDX-License-Identifier: Apache-2.0 */
/* events_json.c -- see events_json.h. */
#include "server/events_json.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "server/json_document.h"

/* ---- whose it is ----------------------------------------------------------------------------- */

bool events_json_reaches(const ramp_event *event, uint64_t owner) {
    if (event->type == RAMP_EVENT_SEND || event->type == RAMP_EVENT_CLOSE)
        return event->connection && ramp_connection_owner(event->connection) == owner;
    if (event->type != RAMP_EVENT_BROADCAST) return false;
    for (size_t i = 0; i < event->to_count; i++)
        if (ramp_connection_owner(event->to[i]) == owner) return true;
    return false;
}

bool events_json_shows(const ramp_event *event, const struct events_view *view) {
    if (!view->of_owner || (event->type != RAMP_EVENT_SEND && event->type != RAMP_EVENT_CLOSE))
        return true;
    return events_json_reaches(event, view->owner);
}

/* ---- parts ----------------------------------------------------------------------------------- */

ramp_bytes events_json_cut(ramp_bytes bytes, size_t size_max, bool is_text) {
    const unsigned char *data = bytes.data;

    if (size_max == 0 || bytes.size <= size_max) return bytes;
    bytes.size = size_max;
    while (is_text && bytes.size > 0 && (data[bytes.size] & 0xC0) == 0x80) bytes.size--;
    return bytes;
}

bool events_json_add_payload(json_t *json, ramp_bytes payload, bool is_text) {
    json_t *value = is_text ? json_of_bytes(payload) : NULL;

    if (value) return json_object_set_new(json, "payload", value) == 0;
    return json_object_set_new(json, "payload_base64", json_of_base64(payload)) == 0;
}

static bool add_payload(json_t *json, const ramp_event *event, const struct events_view *view) {
    bool may_be_binary = event->type != RAMP_EVENT_BROADCAST && event->type != RAMP_EVENT_SEND;
    bool is_text =
        !event->binary && (!may_be_binary || utf8_valid(event->payload.data, event->payload.size));
    ramp_bytes payload = events_json_cut(event->payload, view->payload_max, is_text);

    if (!events_json_add_payload(json, payload, is_text)) return false;
    if (payload.size == event->payload.size) return true;
    return json_object_set_new(json, "payload_size",
                               json_integer((json_int_t)event->payload.size)) == 0;
}

static bool add_recipients(json_t *json, const ramp_event *event, const struct events_view *view) {
    json_t *to = json_array();
    size_t count = 0;

    for (size_t i = 0; i < event->to_count && to; i++) {
        if (view->of_owner && ramp_connection_owner(event->to[i]) != view->owner) continue;
        count++;
        if (view->to_max && count > view->to_max) continue;
        if (json_array_append_new(to, json_string(ramp_connection_id(event->to[i]))) != 0) {
            json_decref(to);
            return false;
        }
    }
    if (view->to_max && count > view->to_max)
        json_object_set_new(json, "to_count", json_integer((json_int_t)count));
    return json_object_set_new(json, "to", to) == 0;
}

static bool set_integer(json_t *json, const char *key, int64_t value) {
    return json_object_set_new(json, key, json_integer(value)) == 0;
}

static bool set_bytes(json_t *json, const char *key, ramp_bytes value) {
    return json_object_set_new(json, key, events_json_text(value)) == 0;
}

static bool add_own_fields(json_t *json, const ramp_event *event, const struct events_view *view) {
    switch (event->type) {
    case RAMP_EVENT_BROADCAST:
        return json_object_set_new(json, "binary", json_boolean(event->binary)) == 0 &&
               add_recipients(json, event, view);
    case RAMP_EVENT_SEND:
        return json_object_set_new(json, "binary", json_boolean(event->binary)) == 0;
    case RAMP_EVENT_CLOSE: return set_integer(json, "code", event->code);
    case RAMP_EVENT_KV_SET:
    case RAMP_EVENT_KV_DEL:
    case RAMP_EVENT_DB_SET:
    case RAMP_EVENT_DB_DEL:
        return set_bytes(json, "key", event->key) && set_integer(json, "scope", event->scope) &&
               set_integer(json, "ttl_ms", event->ttl_ms);
    case RAMP_EVENT_TIMER_SET:
    case RAMP_EVENT_TIMER_CLEAR:
        return set_integer(json, "id", event->timer_id) &&
               set_integer(json, "delay_ms", event->delay_ms) &&
               set_integer(json, "period_ms", event->period_ms);
    case RAMP_EVENT_ALARM_SET: return set_integer(json, "at_ms", event->at_ms);
    case RAMP_EVENT_RESPOND:
        return set_integer(json, "status", event->code) &&
               set_bytes(json, "headers", event->headers);
    case RAMP_EVENT_KV_SYNC:
    case RAMP_EVENT_STATE_SAVE:
    case RAMP_EVENT_COUNT: break;
    }
    return true;
}

/* ---- the door -------------------------------------------------------------------------------- */

json_t *events_json(const ramp_event *event, const struct events_view *view) {
    json_t *json = json_pack("{s:s, s:s, s:s, s:s?}", "type", ramp_event_name(event->type),
                             "service", event->service, "room", event->room, "connection",
                             event->connection ? ramp_connection_id(event->connection) : NULL);

    if (json && add_payload(json, event, view) && add_own_fields(json, event, view)) return json;
    json_decref(json);
    return NULL;
}

json_t *events_json_close(const char *service, const char *room, const char *id, uint16_t code,
                          const char *reason) {
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:i}", "type", ramp_event_name(RAMP_EVENT_CLOSE),
                     "service", service, "room", room, "connection", id, "payload",
                     events_json_text((ramp_bytes){reason, strlen(reason)}), "code", (int)code);
}

json_t *events_json_error(const ramp_outcome *outcome) {
    return json_pack("{s:s, s:o, s:o}", "code", ramp_status_name(outcome->status), "message",
                     events_json_text((ramp_bytes){outcome->message, strlen(outcome->message)}),
                     "where",
                     events_json_text((ramp_bytes){outcome->where, strlen(outcome->where)}));
}

json_t *events_json_text(ramp_bytes text) {
    const unsigned char *from = text.data;
    unsigned char *fixed;
    size_t size = 0;
    json_t *json;

    if (text.size == 0) return json_string("");
    json = json_of_bytes(text);
    if (json) return json;
    fixed = mem_alloc(text.size * 3 + 1);
    if (!fixed) return NULL;
    for (size_t i = 0; i < text.size;) {
        size_t length = 1;
        while (length <= 4 && i + length <= text.size && !utf8_valid(from + i, length)) length++;
        if (length > 4 || i + length > text.size) {
            memcpy(fixed + size, "\xEF\xBF\xBD", 3);
            size += 3;
            i++;
        } else {
            memcpy(fixed + size, from + i, length);
            size += length;
            i += length;
        }
    }
    json = json_of_bytes((ramp_bytes){fixed, size});
    mem_free(fixed);
    return json;
}

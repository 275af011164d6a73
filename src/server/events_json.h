/* SPDX-License-Identifier: Apache-2.0 */
/* events_json.h -- events as JSON objects: type, service, room, connection, payload, and what each type has
 * of its own.
 *
 * Door:   events_json(), events_json_error().
 * Before: callers.c (call API), feed.c.
 *
 *   broadcast          binary, to: [ids]            timer_set, timer_clear  id, delay_ms, period_ms
 *   send               binary                       alarm_set               at_ms
 *   close              code                         respond                 status, headers (lines)
 *   kv_*, db_*         key, scope, ttl_ms           state_save, kv_sync     nothing
 *
 * `payload` is text. Where the bytes are binary, or no UTF-8, `payload_base64` stands instead of it.
 */
#ifndef SERVER_EVENTS_JSON_H
#define SERVER_EVENTS_JSON_H

#include <ramp/ramp.h>

#include <jansson.h>

struct events_view {
    bool of_owner; /* only recipients of `owner`; sends and closes to others are left out */
    uint64_t owner;
    size_t payload_max; /* 0: whole; else longer ones are cut, and `payload_size` tells the size */
    size_t to_max;      /* 0: all; else longer lists are cut, and `to_count` tells the size */
};

/* Is the event listed in this view? */
bool events_json_shows(const ramp_event *event, const struct events_view *view);
/* Does the event go to a connection of `owner`? */
bool events_json_reaches(const ramp_event *event, uint64_t owner);
/* NULL: no memory. */
json_t *events_json(const ramp_event *event, const struct events_view *view);
/* A close that the host makes itself, in the form of a close event. */
json_t *events_json_close(const char *service, const char *room, const char *id, uint16_t code,
                          const char *reason);
/* {"code": "TRAPPED", "message", "where"} of a failed call. */
json_t *events_json_error(const ramp_outcome *outcome);
/* As much of `bytes` as fits (0: all), cut at a character's boundary if it is text. */
ramp_bytes events_json_cut(ramp_bytes bytes, size_t size_max, bool is_text);
/* Sets `payload`, or `payload_base64` if it is no text. false: no memory. */
bool events_json_add_payload(json_t *json, ramp_bytes payload, bool is_text);
/* A text that may be no UTF-8 (where a module had its hands in it): bad bytes become U+FFFD. */
json_t *events_json_text(ramp_bytes text);

#endif

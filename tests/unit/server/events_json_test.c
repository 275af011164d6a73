/* SPDX-License-Identifier: Apache-2.0 */
/* events_json_test.c -- every type of event as JSON, with all of its fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "server/events_json.h"
#include "server/json_document.h"

/* Stands for libramp's. */
struct ramp_connection {
    const char *id;
    uint64_t owner;
};

const char *ramp_connection_id(const ramp_connection *connection) {
    return connection->id;
}

uint64_t ramp_connection_owner(const ramp_connection *connection) {
    return connection->owner;
}

static ramp_connection ann = {"ann", 7}, ben = {"ben", 7}, socket_of_ours = {"sock", 0},
                       other = {"other", 8};

#define BYTES(text) ((ramp_bytes){text, sizeof(text) - 1})
#define HEAD(type)  "{\"type\":\"" type "\",\"service\":\"s\",\"room\":\"r\","

static void assert_json(const ramp_event *event, const struct events_view *view,
                        const char *expected) {
    json_t *json = events_json(event, view);
    ramp_bytes text;

    assert_non_null(json);
    assert_true(json_text(json, &text));
    assert_string_equal(text.data, expected);
    mem_free((void *)(uintptr_t)text.data);
    json_decref(json);
}

static const struct events_view all = {.of_owner = false};

static void each_type_has_its_fields(void **state) {
    ramp_connection *to[] = {&ann, &socket_of_ours};
    ramp_event event = {.service = "s", .room = "r"};

    (void)state;
    event.type = RAMP_EVENT_BROADCAST;
    event.payload = BYTES("hi");
    event.to = to;
    event.to_count = 2;
    assert_json(&event, &all,
                HEAD("broadcast") "\"connection\":null,\"payload\":\"hi\",\"binary\":false,\"to\":["
                                  "\"ann\",\"sock\"]}");
    event = (ramp_event){.type = RAMP_EVENT_SEND,
                         .service = "s",
                         .room = "r",
                         .connection = &ann,
                         .payload = BYTES("\x00\xff"),
                         .binary = true};
    assert_json(&event, &all,
                HEAD("send") "\"connection\":\"ann\",\"payload_base64\":\"AP8=\",\"binary\":true}");
    event = (ramp_event){.type = RAMP_EVENT_CLOSE,
                         .service = "s",
                         .room = "r",
                         .connection = &ann,
                         .payload = BYTES("bye"),
                         .code = 4001};
    assert_json(&event, &all,
                HEAD("close") "\"connection\":\"ann\",\"payload\":\"bye\",\"code\":4001}");
    event = (ramp_event){.type = RAMP_EVENT_KV_SET,
                         .service = "s",
                         .room = "r",
                         .payload = BYTES("\xff"),
                         .key = BYTES("k\xc3\xa4"),
                         .scope = 1,
                         .ttl_ms = 9};
    assert_json(&event, &all,
                HEAD("kv_set") "\"connection\":null,\"payload_base64\":\"/"
                               "w==\",\"key\":\"k\xc3\xa4\",\"scope\":1,\"ttl_ms\":9}");
    event = (ramp_event){.type = RAMP_EVENT_DB_DEL, .service = "s", .room = "r", .key = BYTES("k")};
    assert_json(&event, &all,
                HEAD("db_del") "\"connection\":null,\"payload\":\"\",\"key\":\"k\",\"scope\":0,"
                               "\"ttl_ms\":0}");
    event = (ramp_event){.type = RAMP_EVENT_TIMER_SET,
                         .service = "s",
                         .room = "r",
                         .timer_id = -3,
                         .delay_ms = 5000000000,
                         .period_ms = 10};
    assert_json(&event, &all,
                HEAD("timer_set") "\"connection\":null,\"payload\":\"\",\"id\":-3,\"delay_ms\":"
                                  "5000000000,\"period_ms\":10}");
    event =
        (ramp_event){.type = RAMP_EVENT_TIMER_CLEAR, .service = "s", .room = "r", .timer_id = 4};
    assert_json(&event, &all,
                HEAD("timer_clear") "\"connection\":null,\"payload\":\"\",\"id\":4,\"delay_ms\":0,"
                                    "\"period_ms\":0}");
    event = (ramp_event){
        .type = RAMP_EVENT_ALARM_SET, .service = "s", .room = "r", .at_ms = 1800000000000};
    assert_json(&event, &all,
                HEAD("alarm_set") "\"connection\":null,\"payload\":\"\",\"at_ms\":1800000000000}");
    event = (ramp_event){.type = RAMP_EVENT_RESPOND,
                         .service = "s",
                         .room = "r",
                         .code = 201,
                         .payload = BYTES("body"),
                         .headers = BYTES("a: b\n")};
    assert_json(&event, &all,
                HEAD("respond") "\"connection\":null,\"payload\":\"body\",\"status\":201,"
                                "\"headers\":\"a: b\\n\"}");
    event = (ramp_event){
        .type = RAMP_EVENT_STATE_SAVE, .service = "s", .room = "r", .payload = BYTES("state")};
    assert_json(&event, &all, HEAD("state_save") "\"connection\":null,\"payload\":\"state\"}");
    event = (ramp_event){.type = RAMP_EVENT_KV_SYNC, .service = "s", .room = "r"};
    assert_json(&event, &all, HEAD("kv_sync") "\"connection\":null,\"payload\":\"\"}");
}

static void text_keeps_nul_and_every_character(void **state) {
    ramp_event event = {.type = RAMP_EVENT_SEND,
                        .service = "s",
                        .room = "\xc3\xa4\"\\",
                        .connection = &ann,
                        .payload = BYTES("a\0b\n\"\\\x7f \xf0\x9f\x91\x8b")};
    json_t *json = events_json(&event, &all), *again;
    ramp_bytes text;

    (void)state;
    assert_true(json_text(json, &text));
    again = json_loadb(text.data, text.size, JSON_ALLOW_NUL, NULL);
    assert_true(json_equal(json, again));
    assert_int_equal(json_string_length(json_object_get(again, "payload")), event.payload.size);
    assert_memory_equal(json_string_value(json_object_get(again, "payload")), event.payload.data,
                        event.payload.size);
    mem_free((void *)(uintptr_t)text.data);
    json_decref(json);
    json_decref(again);
}

static void an_owner_sees_only_its_own_recipients(void **state) {
    ramp_connection *to[] = {&ann, &socket_of_ours, &other, &ben};
    const struct events_view mine = {.of_owner = true, .owner = 7},
                             theirs = {.of_owner = true, .owner = 8};
    const struct events_view nobody = {.of_owner = true, .owner = 9};
    ramp_event event = {
        .type = RAMP_EVENT_BROADCAST, .service = "s", .room = "r", .to = to, .to_count = 4};

    (void)state;
    assert_json(&event, &mine,
                HEAD("broadcast") "\"connection\":null,\"payload\":\"\",\"binary\":false,\"to\":["
                                  "\"ann\",\"ben\"]}");
    assert_json(
        &event, &nobody,
        HEAD("broadcast") "\"connection\":null,\"payload\":\"\",\"binary\":false,\"to\":[]}");
    assert_true(events_json_reaches(&event, 7));
    assert_false(events_json_reaches(&event, 9));
    assert_true(events_json_shows(&event, &nobody));
    event = (ramp_event){.type = RAMP_EVENT_SEND, .service = "s", .room = "r", .connection = &ann};
    assert_true(events_json_shows(&event, &mine));
    assert_false(events_json_shows(&event, &theirs));
    assert_true(events_json_shows(&event, &all));
    event = (ramp_event){.type = RAMP_EVENT_TIMER_SET, .service = "s", .room = "r"};
    assert_true(events_json_shows(&event, &theirs));
    assert_false(events_json_reaches(&event, 7));
}

static void long_ones_are_cut_at_a_character_and_tell_their_size(void **state) {
    ramp_connection *to[] = {&ann, &ben, &other};
    const struct events_view cut = {.payload_max = 4, .to_max = 2};
    ramp_event event = {.type = RAMP_EVENT_BROADCAST,
                        .service = "s",
                        .room = "r",
                        .to = to,
                        .to_count = 3,
                        .payload = BYTES("abc\xc3\xa4xyz")};

    (void)state;
    assert_json(&event, &cut,
                HEAD("broadcast") "\"connection\":null,\"payload\":\"abc\",\"payload_size\":8,"
                                  "\"binary\":false,\"to_count\":3,\"to\":[\"ann\",\"ben\"]}");
    event.binary = true;
    assert_json(
        &event, &cut,
        HEAD("broadcast") "\"connection\":null,\"payload_base64\":\"YWJjww==\",\"payload_size\":8,"
                          "\"binary\":true,\"to_count\":3,\"to\":[\"ann\",\"ben\"]}");
}

static void bad_utf8_in_texts_is_replaced(void **state) {
    json_t *json = events_json_text(BYTES("a\xff"
                                          "b\xc3"));

    (void)state;
    assert_string_equal(json_string_value(json), "a\xef\xbf\xbd"
                                                 "b\xef\xbf\xbd");
    json_decref(json);
}

static void errors_and_closes(void **state) {
    ramp_outcome outcome = {
        .status = RAMP_TRAPPED, .message = "unreachable", .where = "room.ts:3:5"};
    json_t *json = events_json_error(&outcome);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "code")), "TRAPPED");
    assert_string_equal(json_string_value(json_object_get(json, "where")), "room.ts:3:5");
    json_decref(json);
    json = events_json_close("s", "r", "ann", 1011, "the room failed");
    assert_int_equal(json_integer_value(json_object_get(json, "code")), 1011);
    assert_string_equal(json_string_value(json_object_get(json, "payload")), "the room failed");
    json_decref(json);
}

static void survives_allocations_that_fail(void **state) {
    ramp_event event = {.type = RAMP_EVENT_SEND,
                        .service = "s",
                        .room = "r",
                        .connection = &ann,
                        .payload = BYTES("\xff\xfe"),
                        .binary = true};

    (void)state;
    for (long n = 0; n < 4; n++) {
        json_t *json;
        mem_fail_after(n);
        json = events_json(&event, &all);
        mem_fail_after(-1);
        json_decref(json);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_fields),
        cmocka_unit_test(text_keeps_nul_and_every_character),
        cmocka_unit_test(an_owner_sees_only_its_own_recipients),
        cmocka_unit_test(long_ones_are_cut_at_a_character_and_tell_their_size),
        cmocka_unit_test(bad_utf8_in_texts_is_replaced),
        cmocka_unit_test(errors_and_closes),
        cmocka_unit_test(survives_allocations_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* kv_conformance.c -- what every ramp_kv must do. See suite.h. */
#include "drivers/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUE_MAX (512u << 10)
#define FAR_MS    4102444800000 /* in 2100 */

/* ---- requests ---------------------------------------------------------------------------------- */

static ramp_kv_key key_of(const char *room, const char *key) {
    return (ramp_kv_key){.service = "svc", .room = room, .key = suite_bytes(key)};
}

static const ramp_answer *get_key(const ramp_kv_key *key) {
    ramp_ticket ticket = suite_ticket();

    suite->kv->get(suite->kv->context, suite_host(), ticket, key);
    return suite_answer(ticket);
}

static const ramp_answer *get(const char *room, const char *key) {
    const ramp_kv_key name = key_of(room, key);

    return get_key(&name);
}

static void write_all(const ramp_kv_write *writes, size_t count) {
    ramp_ticket ticket = suite_ticket();

    suite->kv->write(suite->kv->context, suite_host(), ticket, writes, count);
    assert_int_equal(suite_answer(ticket)->status, RAMP_OK);
}

static void set_until(const char *room, const char *key, const char *value, int64_t expires_ms) {
    const ramp_kv_write write = {
        .key = key_of(room, key), .value = suite_bytes(value), .expires_ms = expires_ms};

    write_all(&write, 1);
}

static void set(const char *room, const char *key, const char *value) {
    set_until(room, key, value, 0);
}

static void delete_key(const char *room, const char *key) {
    const ramp_kv_write write = {.key = key_of(room, key), .is_delete = true};

    write_all(&write, 1);
}

static void assert_value(const char *room, const char *key, const char *value) {
    const ramp_answer *answer = get(room, key);

    assert_int_equal(answer->status, RAMP_OK);
    assert_bytes_text(answer->value, value);
}

static void assert_absent(const char *room, const char *key) {
    assert_int_equal(get(room, key)->status, RAMP_NOT_FOUND);
}

static int64_t wall_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- values -------------------------------------------------------------------------------------- */

static void a_key_is_set_changed_and_deleted(void **state) {
    (void)state;
    assert_absent("room", "key");
    set("room", "key", "one");
    assert_value("room", "key", "one");
    assert_int_equal(get("room", "key")->expires_ms, 0);
    set("room", "key", "two");
    assert_value("room", "key", "two");
    delete_key("room", "key");
    assert_absent("room", "key");
    delete_key("room", "key");
    assert_absent("room", "key");
}

static void writes_are_carried_out_in_order(void **state) {
    const ramp_kv_write writes[] = {
        {.key = key_of("room", "last wins"), .value = suite_bytes("first")},
        {.key = key_of("room", "set, deleted"), .value = suite_bytes("x")},
        {.key = key_of("room", "deleted, set"), .is_delete = true},
        {.key = key_of("other", "last wins"), .value = suite_bytes("other")},
        {.key = key_of("room", "last wins"), .value = suite_bytes("second")},
        {.key = key_of("room", "set, deleted"), .is_delete = true},
        {.key = key_of("room", "deleted, set"), .value = suite_bytes("y")},
    };

    (void)state;
    /* Twice, as a host does that has had no answer. */
    for (unsigned i = 0; i < 2; i++) {
        write_all(writes, sizeof(writes) / sizeof(*writes));
        assert_value("room", "last wins", "second");
        assert_absent("room", "set, deleted");
        assert_value("room", "deleted, set", "y");
        assert_value("other", "last wins", "other");
    }
}

static void what_a_write_was_given_is_copied(void **state) {
    char service[] = "svc", room[] = "room", key[] = "key", value[] = "value";
    ramp_kv_write write = {.key = {.service = service, .room = room, .key = {key, 3}},
                           .value = {value, 5}};
    ramp_ticket ticket = suite_ticket();

    (void)state;
    suite->kv->write(suite->kv->context, suite_host(), ticket, &write, 1);
    memset(service, 'x', 3);
    memset(room, 'x', 4);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    memset(&write, 0, sizeof(write));
    assert_int_equal(suite_answer(ticket)->status, RAMP_OK);
    assert_value("room", "key", "value");
}

static void an_empty_value_is_no_absent_one(void **state) {
    (void)state;
    set("room", "key", "");
    assert_value("room", "key", "");
    set("room", "key", "full");
    assert_value("room", "key", "full");
}

static void values_are_any_bytes_up_to_512_kib(void **state) {
    uint8_t *large = malloc(VALUE_MAX);
    const ramp_kv_write writes[] = {
        {.key = key_of("room", "large"), .value = {large, VALUE_MAX}},
        {.key = key_of("room", "small"), .value = {large, 3}},
        {.key = key_of(NULL, "large"), .value = {large, VALUE_MAX - 1}},
    };

    (void)state;
    for (unsigned i = 0; i < VALUE_MAX; i++) large[i] = (uint8_t)suite_random(256);
    large[0] = large[2] = 0;
    write_all(writes, 3);
    assert_bytes(get("room", "large")->value, large, VALUE_MAX);
    assert_bytes(get("room", "small")->value, large, 3);
    assert_bytes(get(NULL, "large")->value, large, VALUE_MAX - 1);
    free(large);
}

static void keys_have_1_to_512_bytes(void **state) {
    char longest[513], other[513];

    (void)state;
    memset(longest, 'k', 512);
    longest[512] = '\0';
    memcpy(other, longest, sizeof(other));
    other[511] = 'l';
    set("room", "k", "shortest");
    set("room", longest, "longest");
    set("room", other, "another");
    assert_value("room", "k", "shortest");
    assert_value("room", longest, "longest");
    assert_value("room", other, "another");
    longest[511] = '\0';
    assert_absent("room", longest);
}

static void many_keys_in_one_write(void **state) {
    enum { COUNT = 256 };
    static ramp_kv_write writes[COUNT];
    static char keys[COUNT][16], rooms[COUNT][16];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key-%u", i);
        snprintf(rooms[i], sizeof(rooms[i]), "room-%u", i % 9);
        writes[i] = (ramp_kv_write){.key = key_of(i % 10 ? rooms[i] : NULL, keys[i]),
                                    .value = suite_bytes(keys[i])};
    }
    write_all(writes, COUNT);
    for (unsigned i = 0; i < COUNT; i++) assert_value(i % 10 ? rooms[i] : NULL, keys[i], keys[i]);
}

/* ---- names ------------------------------------------------------------------------------------- */

static void no_two_triples_collide(void **state) {
    char value[24];

    (void)state;
    for (unsigned i = 0; i < suite_triple_count; i++) {
        const struct suite_triple *t = &suite_triples[i];
        const ramp_kv_write write = {
            .key = {.service = t->service, .room = t->room, .key = suite_bytes(t->key)},
            .value = {value, (size_t)snprintf(value, sizeof(value), "value %u", i)}};
        write_all(&write, 1);
    }
    for (unsigned i = 0; i < suite_triple_count; i++) {
        const struct suite_triple *t = &suite_triples[i];
        const ramp_kv_key key = {
            .service = t->service, .room = t->room, .key = suite_bytes(t->key)};
        snprintf(value, sizeof(value), "value %u", i);
        assert_bytes_text(get_key(&key)->value, value);
    }
}

static void the_services_keys_are_no_rooms(void **state) {
    static const char *const rooms[] = {"0", "service", "svc", "_", "null", "room", "-", "*"};

    (void)state;
    set(NULL, "key", "the service's");
    for (unsigned i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
        assert_absent(rooms[i], "key");
        set(rooms[i], "key", rooms[i]);
    }
    assert_value(NULL, "key", "the service's");
    for (unsigned i = 0; i < sizeof(rooms) / sizeof(*rooms); i++)
        assert_value(rooms[i], "key", rooms[i]);
    delete_key(NULL, "key");
    assert_absent(NULL, "key");
    assert_value("room", "key", "room");
    assert_int_equal(get_key(&(ramp_kv_key){.service = "other", .key = suite_bytes("key")})->status,
                     RAMP_NOT_FOUND);
}

/* ---- time -------------------------------------------------------------------------------------- */

static void a_key_that_has_expired_is_absent(void **state) {
    (void)state;
    set_until("room", "past", "value", wall_ms() - 1);
    assert_absent("room", "past");
    set_until("room", "ancient", "value", 1);
    assert_absent("room", "ancient");
}

static void a_key_lives_until_it_expires(void **state) {
    int64_t soon = wall_ms() + 300;

    (void)state;
    set_until("room", "far", "value", FAR_MS);
    assert_value("room", "far", "value");
    assert_true(get("room", "far")->expires_ms == FAR_MS);
    set_until("room", "soon", "value", soon);
    while (get("room", "soon")->status == RAMP_OK) {
        assert_true(wall_ms() < soon + 30000);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_true(wall_ms() >= soon);
    assert_absent("room", "soon");
    assert_value("room", "far", "value");
}

static void a_new_write_sets_the_expiry_anew(void **state) {
    (void)state;
    set_until("room", "key", "one", FAR_MS);
    set_until("room", "key", "two", FAR_MS + 5);
    assert_true(get("room", "key")->expires_ms == FAR_MS + 5);
    set("room", "key", "three");
    assert_int_equal(get("room", "key")->expires_ms, 0);
    set_until("room", "key", "four", wall_ms() - 1);
    assert_absent("room", "key");
    set("room", "key", "five");
    assert_value("room", "key", "five");
}

static void all_is_there_after_it_was_closed_and_opened(void **state) {
    (void)state;
    set("room", "kept", "value");
    set(NULL, "kept", "the service's");
    set_until("room", "far", "value", FAR_MS);
    set_until("room", "past", "value", wall_ms() - 1);
    set("room", "gone", "value");
    delete_key("room", "gone");
    suite_reopen();
    assert_value("room", "kept", "value");
    assert_value(NULL, "kept", "the service's");
    assert_true(get("room", "far")->expires_ms == FAR_MS);
    assert_absent("room", "past");
    assert_absent("room", "gone");
}

static void write_and_die(void) {
    set("room", "key", "value");
    set(NULL, "key", "the service's");
}

static void what_was_acknowledged_survives_the_process(void **state) {
    (void)state;
    suite->close();
    suite_run_killed(write_and_die);
    suite->open();
    assert_value("room", "key", "value");
    assert_value(NULL, "key", "the service's");
}

int suite_run(const struct suite_driver *driver) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_set_up, suite_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_set_changed_and_deleted),
        TEST(writes_are_carried_out_in_order),
        TEST(what_a_write_was_given_is_copied),
        TEST(an_empty_value_is_no_absent_one),
        TEST(values_are_any_bytes_up_to_512_kib),
        TEST(keys_have_1_to_512_bytes),
        TEST(many_keys_in_one_write),
        TEST(no_two_triples_collide),
        TEST(the_services_keys_are_no_rooms),
        TEST(a_key_that_has_expired_is_absent),
        TEST(a_key_lives_until_it_expires),
        TEST(a_new_write_sets_the_expiry_anew),
        TEST(all_is_there_after_it_was_closed_and_opened),
        TEST(what_was_acknowledged_survives_the_process),
    };
#undef TEST

    suite = driver;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* states_conformance.c -- what every ramp_states must do. See suite.h. */
#include "drivers/suite.h"

#include <stdlib.h>
#include <string.h>

#define STATE_MAX (1u << 20)
#define CURRENT   RAMP_STATE_CURRENT
#define ENDED     RAMP_STATE_ENDED

/* ---- requests ---------------------------------------------------------------------------------- */

static const ramp_answer *load_of(const char *service, const char *room) {
    ramp_ticket ticket = suite_ticket();

    suite->states->load(suite->states->context, suite_host(), ticket, service, room);
    return suite_answer(ticket);
}

static const ramp_answer *load(const char *room) {
    return load_of("svc", room);
}

static void save_of(const char *service, const char *room, ramp_bytes bytes, uint32_t flags) {
    ramp_ticket ticket = suite_ticket();

    suite->states->save(suite->states->context, suite_host(), ticket, service, room, bytes, flags);
    assert_int_equal(suite_answer(ticket)->status, RAMP_OK);
}

static void save(const char *room, const char *text, uint32_t flags) {
    save_of("svc", room, suite_bytes(text), flags);
}

static void mark(const char *room) {
    suite->states->mark(suite->states->context, "svc", room);
}

static void end(const char *room) {
    suite->states->end(suite->states->context, "svc", room);
}

static void assert_state(const char *room, const char *text, uint32_t flags) {
    const ramp_answer *answer = load(room);

    assert_int_equal(answer->status, RAMP_OK);
    assert_bytes_text(answer->value, text);
    assert_int_equal(answer->flags, flags);
}

/* ---- states ------------------------------------------------------------------------------------ */

static void a_state_is_saved_and_replaced(void **state) {
    (void)state;
    assert_int_equal(load("room")->status, RAMP_NOT_FOUND);
    save("room", "one", 0);
    assert_state("room", "one", CURRENT);
    save("room", "two, longer", 0);
    assert_state("room", "two, longer", CURRENT);
    save("room", "", 0);
    assert_state("room", "", CURRENT);
}

static void states_are_any_bytes_up_to_1_mib(void **state) {
    uint8_t *large = malloc(STATE_MAX);

    (void)state;
    for (unsigned i = 0; i < STATE_MAX; i++) large[i] = (uint8_t)suite_random(256);
    large[0] = 0;
    save_of("svc", "room", (ramp_bytes){large, STATE_MAX}, 0);
    assert_bytes(load("room")->value, large, STATE_MAX);
    free(large);
}

static void what_a_save_was_given_is_copied(void **state) {
    char service[] = "svc", room[] = "room", bytes[] = "state";
    ramp_ticket ticket = suite_ticket();

    (void)state;
    suite->states->save(suite->states->context, suite_host(), ticket, service, room,
                        (ramp_bytes){bytes, 5}, 0);
    memset(service, 'x', 3);
    memset(room, 'x', 4);
    memset(bytes, 'x', 5);
    assert_int_equal(suite_answer(ticket)->status, RAMP_OK);
    assert_state("room", "state", CURRENT);
}

static void no_two_rooms_collide(void **state) {
    (void)state;
    for (unsigned i = 0; i < suite_triple_count; i++)
        save_of(suite_triples[i].service, suite_triples[i].room, suite_bytes(suite_triples[i].room),
                0);
    for (unsigned i = 0; i < suite_triple_count; i++)
        assert_bytes_text(load_of(suite_triples[i].service, suite_triples[i].room)->value,
                          suite_triples[i].room);
    save_of("a", "bc", suite_bytes("a/bc"), 0);
    save_of("ab", "c", suite_bytes("ab/c"), 0);
    assert_bytes_text(load_of("a", "bc")->value, "a/bc");
    assert_bytes_text(load_of("ab", "c")->value, "ab/c");
}

/* ---- what is known of them ----------------------------------------------------------------------- */

static void a_marked_state_is_not_current(void **state) {
    (void)state;
    save("room", "one", 0);
    save("other", "other", 0);
    mark("room");
    assert_state("room", "one", 0);
    mark("room");
    assert_state("room", "one", 0);
    assert_state("other", "other", CURRENT);
    save("room", "two", 0);
    assert_state("room", "two", CURRENT);
}

static void a_room_that_saved_at_its_end_has_ended(void **state) {
    (void)state;
    save("room", "last", ENDED);
    assert_state("room", "last", ENDED | CURRENT);
    mark("room"); /* its next life */
    assert_state("room", "last", 0);
    save("room", "anew", 0);
    assert_state("room", "anew", CURRENT);
}

static void a_room_may_end_without_saving(void **state) {
    (void)state;
    save("quiet", "state", 0);
    end("quiet");
    assert_state("quiet", "state", ENDED | CURRENT);
    save("busy", "state", 0);
    mark("busy");
    end("busy");
    assert_state("busy", "state", ENDED);
    mark("busy");
    assert_state("busy", "state", 0);
}

static void a_room_without_a_state_gets_none(void **state) {
    (void)state;
    mark("room");
    end("room");
    assert_int_equal(load("room")->status, RAMP_NOT_FOUND);
}

/* ---- processes --------------------------------------------------------------------------------- */

static void all_is_known_after_a_clean_stop(void **state) {
    (void)state;
    save("current", "1", 0);
    save("marked", "2", 0);
    mark("marked");
    save("ended", "3", ENDED);
    save("busy", "4", 0);
    mark("busy");
    end("busy");
    for (unsigned i = 0; i < 2; i++) {
        suite_reopen();
        assert_state("current", "1", CURRENT);
        assert_state("marked", "2", 0);
        assert_state("ended", "3", ENDED | CURRENT);
        assert_state("busy", "4", ENDED);
    }
}

static void save_and_die(void) {
    save("room", "state", 0);
    save("ended", "state", ENDED);
    assert_state("room", "state", CURRENT);
}

static void a_state_of_a_process_that_died_is_not_current(void **state) {
    (void)state;
    suite->close();
    suite_run_killed(save_and_die);
    suite->open();
    assert_state("room", "state", 0);
    assert_int_equal(load("ended")->flags & CURRENT, 0);
    assert_bytes_text(load("ended")->value, "state");
    suite_reopen();
    assert_state("room", "state", 0);
    save("room", "anew", 0);
    suite_reopen();
    assert_state("room", "anew", CURRENT);
}

static void mark_and_die(void) {
    assert_state("room", "state", CURRENT);
    mark("room"); /* and nobody knows whether it arrives */
}

/* It was saved by a process that stopped cleanly, but has been used by one that did not. */
static void a_state_that_a_process_used_and_died_is_not_current(void **state) {
    (void)state;
    save("room", "state", 0);
    suite->close();
    suite_run_killed(mark_and_die);
    suite->open();
    assert_state("room", "state", 0);
}

int suite_run(const struct suite_driver *driver) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, suite_set_up, suite_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_state_is_saved_and_replaced),
        TEST(states_are_any_bytes_up_to_1_mib),
        TEST(what_a_save_was_given_is_copied),
        TEST(no_two_rooms_collide),
        TEST(a_marked_state_is_not_current),
        TEST(a_room_that_saved_at_its_end_has_ended),
        TEST(a_room_may_end_without_saving),
        TEST(a_room_without_a_state_gets_none),
        TEST(all_is_known_after_a_clean_stop),
        TEST(a_state_of_a_process_that_died_is_not_current),
        TEST(a_state_that_a_process_used_and_died_is_not_current),
    };
#undef TEST

    suite = driver;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

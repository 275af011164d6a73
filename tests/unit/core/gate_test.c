/* SPDX-License-Identifier: Apache-2.0 */
/* gate_test.c -- CONTRACT 2.3 to 2.6: what a call asked for leaves when it is stored, and in order. */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

static void writes_and_says(ramp_connection *connection, const char *key, const char *value) {
    struct program program = {.size = 0};
    program_db(&program, key, value);
    program_say(&program, value ? value : "gone");
    rig_do(connection, &program);
}

static void says(ramp_connection *connection, const char *text) {
    struct program program = {.size = 0};
    program_say(&program, text);
    rig_do(connection, &program);
}

static ramp_connection *ann_and_bob(ramp_connection **ret_bob) {
    ramp_connection *ann = rig_join(&rig, "ann");
    *ret_bob = rig_join(&rig, "bob");
    rig_run(&rig);
    rig_forget(&rig);
    return ann;
}

/* ---- in order ---------------------------------------------------------------------------------- */

static void frames_leave_when_the_write_they_depend_on_is_stored(void **state) {
    ramp_connection *bob;
    (void)state;
    ramp_connection *ann = ann_and_bob(&bob);

    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    storage_tell(DB_HEAD);
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "> head\n> commit 1 \"a\" \"1\"\n");
    /* Whatever comes behind waits, also without writes; the room goes on running calls. */
    says(bob, "me too");
    ramp_leave(bob, 1000, NULL);
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"1\"\n"
                     "message bob; broadcast ann \"me too\"\nleave bob\nrequest\n");
    assert_string_equal(storage_row("a"), "1");
    assert_int_equal(stats_now().commits, 1);
    /* The head is known by now. */
    writes_and_says(ann, "a", NULL);
    rig_expect(&rig, "> commit 2 -\"a\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_del \"a\"; broadcast ann \"gone\"\n");
    assert_null(storage_row("a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(frames_leave_when_the_write_they_depend_on_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

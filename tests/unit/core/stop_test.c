/* SPDX-License-Identifier: Apache-2.0 */
/* stop_test.c -- ramp_host_stop(): how a host comes to an orderly end (CONTRACT 8.5). */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

static ramp_connection *ann_alone(void) {
    struct program setup = {.size = 0}, save = {.size = 0}, head = {.size = 0};
    program_state(&save, "kept");
    program_install(&setup, RAMP_CALL_SAVE, &save);
    DO(&head, head, 0);
    program_bytes(&setup, head.bytes, head.size);
    rig_setup(rig_service(&rig, "s"), &setup);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    return ann;
}

static void at_the_first_stage_what_is_waited_for_is_TIMEOUT(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    program_get(&program, "a");
    program_get(&program, "b");
    DO(&program, wait, S, 64);
    DO(&program, wait, S, 64);
    program_get(&program, "c");
    DO(&program, wait, S, 64);
    DO(&program, tell, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    assert_false(ramp_host_has_stopped(rig.host));
    ramp_host_stop(rig.host, RAMP_STOP_WAITS);
    rig_run(&rig);
    assert_int_equal(rig.told_size, 48);
    assert_int_equal(rig.told[2], RAMP_TIMEOUT);
    assert_int_equal(rig.told[3], RAMP_TIMEOUT);
    assert_int_equal(rig.told[4], RAMP_TIMEOUT);
    assert_int_equal(rig.told[5], RAMP_ARGS);
    assert_int_equal(storage.cancelled, 2);
    assert_true(ramp_host_has_stopped(rig.host)); /* no call runs or waits */
    /* The next call need not wait either; all else goes on. */
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(rig.told[0], RAMP_TIMEOUT);
    rig_forget(&rig);
    rig_join(&rig, "bob");
    rig_expect(&rig, "join bob\n");
}

/* It was in the middle of its slice, and begins to wait only then. */
static void a_call_that_waits_later_does_not_wait_either(void **state) {
    struct program program = {.size = 0};
    (void)state;
    rig.cpu_read_ns = 1;
    rig_open_with(NULL);
    rig_start_ticking(&rig);
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    program_get(&program, "a");
    DO(&program, spin, 100000000);
    DO(&program, wait, S, 64);
    DO(&program, tell, 0);
    rig_do(ann, &program);
    assert_true(ramp_host_step(rig.host)); /* its first slice is over */
    ramp_host_stop(rig.host, RAMP_STOP_WAITS);
    rig_run(&rig);
    assert_int_equal(rig.told_size, 16);
    assert_int_equal(rig.told[1], RAMP_TIMEOUT);
}

static void at_the_second_stage_open_commits_have_failed(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    program_say(&program, "never");
    rig_do(ann, &program);
    rig_run(&rig);
    ramp_host_stop(rig.host, RAMP_STOP_WAITS);
    rig_expect(&rig, "");
    assert_false(ramp_host_has_stopped(rig.host));
    ramp_host_stop(rig.host, RAMP_STOP_COMMITS);
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_true(strncmp(rig.transcript, "message ann FAILED UNAVAILABLE\nclosed ann 1011\n", 47) ==
                0);
    rig_forget(&rig);
    assert_int_equal(storage.cancelled, 1);
    storage_answer(DB_COMMIT); /* it lands, unheard */
    rig_expect(&rig, "");
    assert_string_equal(storage_row("a"), "1");
    assert_true(ramp_host_has_stopped(rig.host));
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
}

static void at_the_second_stage_a_kv_sync_has_failed(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(KV_WRITE);
    program_kv(&program, "k", "v");
    DO(&program, kv_sync, 0);
    rig_do(ann, &program);
    rig_do(ann, &empty);
    rig_run(&rig);
    rig_expect(&rig, "");
    ramp_host_stop(rig.host, RAMP_STOP_COMMITS);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nmessage ann\nerror\n");
    assert_int_equal(rig.closes, 0);
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_false(ramp_host_has_stopped(rig.host)); /* the write is still under way */
    storage_answer(KV_WRITE);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
}

static void at_the_third_stage_rooms_save_and_nothing_else_runs(void **state) {
    struct program timer = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    rig_join_at(&rig, "s", "r2", "zoe");
    DO(&timer, timer_set, 1, 10, 10);
    rig_do(ann, &timer);
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(STATE_SAVE);
    rig_do(ann, &empty); /* queued: no longer run */
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    rig_pass(&rig, 100);
    rig_expect(&rig, "");
    assert_int_equal(storage_held(STATE_SAVE), 2);
    assert_false(ramp_host_has_stopped(rig.host));
    storage_answer(STATE_SAVE);
    rig_run(&rig);
    assert_false(ramp_host_has_stopped(rig.host));
    storage_answer(STATE_SAVE);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
    assert_int_equal(stats_now().saves, 2);
    assert_int_equal(rig.closes, 0); /* connections are the embedder's: 1012 */
    /* The next process finds the room as it was. */
    rig_close(&rig);
    rig_open_with(NULL);
    ann_alone();
    rig_run(&rig);
    ramp_leave(ramp_connection_find(rig.host, "s", "r", "ann"), 1000, NULL);
    rig_run(&rig);
}

static void the_next_process_opens_with_reason_2_and_a_current_state(void **state) {
    (void)state;
    ann_alone();
    ramp_host_stop(rig.host, RAMP_STOP_WAITS);
    rig_run(&rig);
    ramp_host_stop(rig.host, RAMP_STOP_COMMITS);
    rig_run(&rig);
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
    rig_restart(NULL);
    struct program head = {.size = 0};
    DO(&head, head, 0);
    rig_setup(rig_service(&rig, "s"), &head);
    rig_join(&rig, "ann");
    rig_expect(&rig, "open; broadcast nobody 0x00000000020000000400000000000000\njoin ann\n");
}

static void a_state_that_cannot_be_saved_does_not_hold_up_the_end(void **state) {
    (void)state;
    ann_alone();
    storage_hold(STATE_SAVE);
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_false(ramp_host_has_stopped(rig.host));
    storage_refuse(STATE_SAVE, RAMP_IO);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
    assert_int_equal(stats_now().saves_failed, 1);
}

/* One that could not be saved a short while ago is tried once more. */
static void a_state_that_could_not_be_saved_is_saved_at_the_end(void **state) {
    ramp_error error;
    (void)state;
    ann_alone();
    storage_hold(STATE_SAVE);
    rig_service(&rig, "s")->version = 7;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    storage_refuse(STATE_SAVE, RAMP_IO);
    storage.holds[STATE_SAVE] = false;
    rig_run(&rig);
    assert_int_equal(stats_now().saves, 0);
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
    assert_int_equal(stats_now().saves, 1);
}

static void written_kv_is_flushed_at_once(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    program_kv(&program, "k", "v");
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(stats_now().kv_pending, 1);
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
    assert_non_null(storage_find(SHELF_KV, "s", "r", (ramp_bytes){"k", 1}));
}

/* A change of version that is under way comes to its end. */
static void a_change_of_version_is_finished(void **state) {
    struct program waits = {.size = 0};
    ramp_error error;
    (void)state;
    ann_alone();
    program_get(&waits, "a");
    DO(&waits, wait, S, 64);
    rig_service(&rig, "s")->env[0] = '\0';
    rig_setup(rig_service(&rig, "s"), &waits);
    rig_service(&rig, "s")->version = 7;
    storage_hold(DB_GET);
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    assert_int_equal(storage_held(DB_GET), 1);
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
    rig_run(&rig);
}

static void stages_do_not_go_back_and_a_host_without_rooms_stops_at_once(void **state) {
    (void)state;
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    ramp_host_stop(rig.host, RAMP_STOP_WAITS);
    assert_true(ramp_host_has_stopped(rig.host));
    rig_join(&rig, "ann"); /* no longer */
    rig_expect(&rig, "");
}

/* Nobody waits for it any more; what it has stored is seen by the next process. */
static void a_lost_commit_does_not_hold_up_the_end(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    rig_do(ann, &program);
    rig_run(&rig);
    for (int i = 0; i < 100; i++) rig_pass(&rig, 1000);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nclosed ann 1011\n");
    ramp_host_stop(rig.host, RAMP_STOP_ROOMS);
    rig_run(&rig);
    assert_true(ramp_host_has_stopped(rig.host));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(at_the_first_stage_what_is_waited_for_is_TIMEOUT),
        TEST_STORAGE_ALONE(a_call_that_waits_later_does_not_wait_either),
        TEST_STORAGE(a_state_that_could_not_be_saved_is_saved_at_the_end),
        TEST_STORAGE(at_the_second_stage_open_commits_have_failed),
        TEST_STORAGE(at_the_second_stage_a_kv_sync_has_failed),
        TEST_STORAGE(at_the_third_stage_rooms_save_and_nothing_else_runs),
        TEST_STORAGE(the_next_process_opens_with_reason_2_and_a_current_state),
        TEST_STORAGE(a_state_that_cannot_be_saved_does_not_hold_up_the_end),
        TEST_STORAGE(written_kv_is_flushed_at_once),
        TEST_STORAGE(a_change_of_version_is_finished),
        TEST_STORAGE(a_lost_commit_does_not_hold_up_the_end),
        TEST_STORAGE(stages_do_not_go_back_and_a_host_without_rooms_stops_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

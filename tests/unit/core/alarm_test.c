/* SPDX-License-Identifier: Apache-2.0 */
/* alarm_test.c -- CONTRACT 5.3: a room's alarm fires at least once after its time, whatever becomes of the
 * room, its instance and its host. */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

/* Steps whenever the host wants to, until so much time has gone by. */
static void pass(uint64_t ms) {
    uint64_t end_ns = rig.now_ns + ms * RIG_MS;

    rig_run(&rig);
    while (ramp_host_deadline(rig.host) < end_ns) {
        uint64_t due_ns = ramp_host_deadline(rig.host);
        rig.now_ns = due_ns > rig.now_ns ? due_ns : rig.now_ns;
        rig_run(&rig);
    }
    rig.now_ns = end_ns;
    rig_run(&rig);
}

/* After the rig's beginning. */
static int64_t wall(int64_t ms) {
    return RIG_START_MS + ms;
}

static void ask_alarm(const char *room, int64_t at_ms) {
    struct program program = {.size = 0};
    DO(&program, alarm_set, at_ms);
    assert_int_equal(rig_request(&rig, room, &program), RAMP_OK);
    rig_run(&rig);
}

static int64_t known_alarm(const char *room) {
    ramp_room_info info;
    return ramp_host_room(rig.host, "s", room, &info, NULL, NULL) ? info.alarm_ms : -1;
}

/* What on_alarm does in instances to come; `program` may be NULL. */
static void set_on_alarm(const struct program *program) {
    struct program setup = {.size = 0};
    rig_service(&rig, "s")->env[0] = '\0';
    if (program) program_install(&setup, RAMP_CALL_ALARM, program);
    rig_setup(rig_service(&rig, "s"), &setup);
}

/* ---- once ------------------------------------------------------------------------------------ */

static void an_alarm_fires_at_its_time_and_its_success_deletes_it(void **state) {
    struct program alarm = {.size = 0};
    (void)state;
    storage_tell(DB_COMMIT);
    program_db(&alarm, "rang", "yes");
    program_say(&alarm, "ring");
    set_on_alarm(&alarm);
    rig_join(&rig, "ann");
    ask_alarm("r", wall(5000));
    rig_expect(&rig, "open\njoin ann\n> commit 1; alarm +5000\nrequest; alarm_set +5000\n");
    assert_int_equal(known_alarm("r"), wall(5000));
    pass(4999);
    rig_expect(&rig, "");
    pass(1);
    rig_expect(&rig, "> commit 2 \"rang\" \"yes\"; alarm none\n"
                     "alarm; db_set \"rang\" \"yes\"; broadcast ann \"ring\"\n");
    assert_int_equal(known_alarm("r"), 0);
    assert_int_equal(stats_now().alarms, 1);
    pass(3600000);
    rig_expect(&rig, "");
}

static void an_alarm_can_be_cleared_and_moved(void **state) {
    (void)state;
    rig_join(&rig, "ann");
    ask_alarm("r", wall(5000));
    ask_alarm("r", 0);
    rig_forget(&rig);
    pass(10000);
    rig_expect(&rig, "");
    ask_alarm("r", wall(20000));
    ask_alarm("r", wall(15000));
    ask_alarm("r", wall(25000));
    rig_forget(&rig);
    pass(14999);
    rig_expect(&rig, "");
    pass(1);
    rig_expect(&rig, "alarm\n");
    /* A time that has gone by is due at once. */
    ask_alarm("r", 1);
    rig_expect(&rig, "request; alarm_set -1700000000999\nalarm\n");
}

static void an_alarm_that_on_alarm_sets_again_stays(void **state) {
    struct program alarm = {.size = 0};
    (void)state;
    DO(&alarm, alarm_set, wall(8000));
    set_on_alarm(&alarm);
    ramp_connection *ann = rig_join(&rig, "ann");
    ask_alarm("r", wall(5000));
    rig_forget(&rig);
    storage_tell(DB_COMMIT);
    pass(5000);
    rig_expect(&rig, "> commit 2; alarm +8000\nalarm; alarm_set +8000\n");
    assert_int_equal(known_alarm("r"), wall(8000));
    pass(2999);
    rig_expect(&rig, "");
    alarm.size = 0;
    program_install(&alarm, RAMP_CALL_ALARM, &empty);
    rig_do(ann, &alarm);
    pass(1);
    rig_expect(&rig, "message ann\n> commit 3; alarm none\nalarm\n");
}

/* ---- rooms that are not open ----------------------------------------------------------------- */

static void an_alarm_wakes_a_room_that_has_ended(void **state) {
    (void)state;
    ask_alarm("r", wall(3600000));
    pass(LIMIT_ROOM_IDLE_MS + 1);
    rig_expect(&rig, "open\nrequest; alarm_set +3600000\nsave\nclose\n");
    assert_int_equal(stats_now().rooms, 0);
    pass(3600000 - LIMIT_ROOM_IDLE_MS - 2);
    rig_expect(&rig, "");
    pass(1);
    rig_expect(&rig, "open\nalarm\n");
    pass(LIMIT_ROOM_IDLE_MS);
    rig_expect(&rig, "save\nclose\n");
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
}

static void an_alarm_survives_a_restart(void **state) {
    (void)state;
    ask_alarm("r", wall(100000));
    ask_alarm("late", wall(20000));
    rig.now_ns += 50000 * RIG_MS; /* late's time goes by while nobody is there */
    rig_restart(NULL);
    rig_forget(&rig);
    rig_run(&rig);
    rig_expect(&rig, "s/late: open\ns/late: alarm\n");
    rig_forget(&rig);
    pass(49999);
    rig_forget(&rig);
    pass(1);
    rig_expect(&rig, "open\nalarm\n");
}

static bool owns(void *context, const char *service, const char *room) {
    (void)context, (void)service;
    return strcmp(room, "mine") == 0;
}

static void of_hosts_that_share_a_db_the_owner_fires(void **state) {
    (void)state;
    ask_alarm("mine", wall(20000));
    ask_alarm("theirs", wall(20000));
    rig_restart(&(ramp_host_options){.owns_room = owns});
    rig_run(&rig);
    pass(30000);
    rig_expect(&rig, "s/mine: open\ns/mine: alarm\n");
    assert_int_equal(storage_head("s", "theirs").alarm_ms, wall(20000));
}

/* Others' fill the first page of what the db lists. */
static void an_alarm_behind_a_page_of_others_is_found(void **state) {
    char id[16];
    (void)state;
    for (uint32_t i = 0; i < LIMIT_ALARM_PAGE + 10; i++) {
        snprintf(id, sizeof(id), "r%u", i);
        storage_put(SHELF_HEAD, "s", id, (ramp_bytes){0}, (ramp_bytes){0})->head =
            (ramp_head){.number = 1, .writer = 1, .alarm_ms = wall(0)};
    }
    storage_put(SHELF_HEAD, "s", "mine", (ramp_bytes){0}, (ramp_bytes){0})->head =
        (ramp_head){.number = 1, .writer = 1, .alarm_ms = wall(1)};
    rig_open_with(&(ramp_host_options){.owns_room = owns});
    pass(1);
    rig_expect(&rig, "s/mine: open\ns/mine: alarm\n");
    assert_int_equal(storage.asked[DB_ALARMS], 2);
}

/* More than the db lists at a time. */
static void thousands_of_alarms_fire_after_a_restart(void **state) {
    enum { ROOMS = 2500 };
    char id[16];
    (void)state;
    for (int i = 0; i < ROOMS; i++) {
        snprintf(id, sizeof(id), "r%d", i);
        storage_put(SHELF_HEAD, "s", id, (ramp_bytes){0}, (ramp_bytes){0})->head =
            (ramp_head){.number = 1, .writer = 1, .alarm_ms = wall(i % 3)};
    }
    rig_open_with(&(ramp_host_options){.room_idle_ms = 1});
    rig.silent = true;
    for (int i = 0; i < 100 && stats_now().alarms < ROOMS; i++) pass(LIMIT_ROOM_IDLE_MS);
    assert_int_equal(stats_now().alarms, ROOMS);
    assert_int_equal(storage_head("s", "r7").alarm_ms, 0);
    assert_int_equal(storage_head("s", "r2499").number, 2);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void an_alarm_whose_handler_fails_is_tried_six_times_more(void **state) {
    static const uint32_t delays_s[] = {2, 8, 30, 120, 300, 600};
    struct program alarm = {.size = 0};
    (void)state;
    program_db(&alarm, "never", "1");
    DO(&alarm, panic, S, 0);
    set_on_alarm(&alarm);
    rig_join(&rig, "ann");
    ask_alarm("r", wall(5000));
    rig_forget(&rig);
    storage_tell(DB_COMMIT);
    pass(5000);
    for (size_t i = 0; i < COUNT(delays_s); i++) {
        rig_expect(&rig, "alarm FAILED PANICKED\nerror\n");
        pass(delays_s[i] * 1000 - 1);
        rig_expect(&rig, "");
        assert_int_equal(storage_head("s", "r").alarm_ms, wall(5000));
        pass(1);
    }
    rig_expect(&rig, "alarm FAILED PANICKED\n> commit 2; alarm none\nerror\n");
    assert_non_null(strstr(rig.log, "the alarm is dropped"));
    assert_int_equal(stats_now().alarms_dropped, 1);
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
    pass(3600000);
    rig_expect(&rig, "");
    assert_null(storage_row("never"));
    /* A new one has all its tries again; also one that is set between two tries. */
    ask_alarm("r", wall(0));
    rig_forget(&rig);
    pass(2000);
    rig_expect(&rig, "alarm FAILED PANICKED\nerror\n");
    pass(40000);
    rig_forget(&rig);
    ask_alarm("r", wall(1));
    rig_forget(&rig);
    pass(1999);
    rig_expect(&rig, "");
    pass(1);
    rig_expect(&rig, "alarm FAILED PANICKED\nerror\n");
}

/* The instance is lost, the alarm is not; also without connections. */
static void an_alarm_whose_handler_traps_fires_again_in_a_new_instance(void **state) {
    struct program alarm = {.size = 0};
    (void)state;
    DO(&alarm, trap, 0);
    set_on_alarm(&alarm);
    ask_alarm("r", wall(1000));
    rig_forget(&rig);
    pass(1000);
    rig_expect(&rig, "alarm FAILED TRAPPED\n");
    set_on_alarm(NULL);
    rig_service(&rig, "s")->version = 2;
    ramp_error error;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    pass(2000);
    rig_expect(&rig, "open\nerror\nalarm\n");
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
}

static void a_db_that_is_away_delays_an_alarm(void **state) {
    (void)state;
    ask_alarm("r", wall(60000));
    pass(LIMIT_ROOM_IDLE_MS + 1);
    rig_forget(&rig);
    storage_hold(DB_HEAD);
    pass(30000);
    rig_expect(&rig, "");
    assert_int_equal(storage_held(DB_HEAD), 1);
    storage_refuse(DB_HEAD, RAMP_UNAVAILABLE);
    rig_expect(&rig, "");
    assert_int_equal(stats_now().rooms, 0);
    pass(2000);
    storage_release(DB_HEAD);
    rig_expect(&rig, "open\nalarm\n");
}

/* Its commit fails: the alarm is still stored, and fires again. */
static void an_alarm_whose_commit_fails_fires_again(void **state) {
    (void)state;
    rig_join(&rig, "ann");
    ask_alarm("r", wall(1000));
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    pass(1000);
    rig_expect(&rig, "");
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_run(&rig);
    storage_release(DB_COMMIT);
    pass(2000);
    rig_expect(&rig, "alarm FAILED UNAVAILABLE\nclosed ann 1011\nopen\nleave ann\nalarm\n");
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
}

static void after_a_lost_commit_the_alarm_is_what_is_stored(void **state) {
    (void)state;
    rig_join(&rig, "ann");
    ask_alarm("r", wall(5000));
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    ask_alarm("r", wall(50000));
    assert_int_equal(known_alarm("r"), wall(50000));
    storage_refuse(DB_COMMIT, RAMP_IO);
    storage.holds[DB_COMMIT] = false;
    rig_expect(&rig, "request FAILED UNAVAILABLE\nclosed ann 1011\nopen\nleave ann\n");
    assert_int_equal(known_alarm("r"), wall(5000));
    pass(5000);
    rig_expect(&rig, "alarm\n");
    pass(60000);
    assert_int_equal(stats_now().alarms, 1);
}

/* A service that cannot be loaded for hours has not failed its alarm. */
static void an_alarm_waits_for_a_service_that_cannot_be_loaded(void **state) {
    (void)state;
    ask_alarm("r", wall(100000));
    rig_restart(NULL);
    rig_service(&rig, "s")->status = RAMP_UNAVAILABLE;
    pass(5 * 3600 * 1000);
    rig_expect(&rig, "");
    assert_int_equal(storage_head("s", "r").alarm_ms, wall(100000));
    rig_service(&rig, "s")->status = RAMP_OK;
    pass(700 * 1000);
    rig_run(&rig);
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
    assert_int_equal(stats_now().alarms, 1);
}

/* Nor has one that does not open. */
static void an_alarm_waits_for_a_room_that_does_not_open(void **state) {
    struct program trap = {.size = 0};
    (void)state;
    ask_alarm("r", wall(100000));
    rig_restart(NULL);
    DO(&trap, trap, 0);
    rig_setup(rig_service(&rig, "s"), &trap);
    rig.silent = true;
    pass(3 * 3600 * 1000);
    rig.silent = false;
    assert_int_equal(storage_head("s", "r").alarm_ms, wall(100000));
    rig_service(&rig, "s")->env[0] = '\0';
    rig_service(&rig, "s")->version = 5;
    ramp_error error;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    pass(700 * 1000);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "open\nalarm\n"));
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

static void the_wall_clock_may_be_set(void **state) {
    (void)state;
    rig_join(&rig, "ann");
    ask_alarm("r", wall(50000));
    rig_forget(&rig);
    assert_true(ramp_host_deadline(rig.host) <= rig.now_ns + 1000 * RIG_MS);
    rig.wall_jump_ms = -20000; /* it comes later than the monotonic clock would say */
    pass(69999);
    rig_expect(&rig, "");
    pass(1);
    rig_expect(&rig, "alarm\n");
    ask_alarm("r", wall(500000));
    rig_forget(&rig);
    pass(30000);
    rig.wall_jump_ms = 400000; /* noticed within a scan */
    pass(LIMIT_ALARM_SCAN_MS + 1000);
    rig_expect(&rig, "alarm\n");
}

/* ---- order ----------------------------------------------------------------------------------- */

/* Somebody clears it when it is already in the queue, behind a closed gate. */
static void an_alarm_that_was_cleared_before_its_turn_is_not_called(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    ask_alarm("r", wall(1000));
    rig_forget(&rig);
    storage_hold(DB_GET);
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    DO(&program, alarm_set, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    pass(2000);
    rig_expect(&rig, "");
    storage_answer(DB_GET);
    rig_expect(&rig, "message ann; alarm_set none\n");
    pass(60000);
    rig_expect(&rig, "");
}

static void an_alarm_behind_a_closed_gate_sees_what_waits_there(void **state) {
    (void)state;
    rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    ask_alarm("r", wall(1000));
    rig_expect(&rig, "> commit 1; alarm +1000\n");
    pass(1000);
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "request; alarm_set +1000\n> commit 2; alarm none\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "alarm\n");
    assert_int_equal(stats_now().alarms, 1);
}

static void without_a_db_there_is_no_alarm(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    rig_add(&rig, "s", "interp+wait");
    ramp_connection *ann = rig_join(&rig, "ann");
    assert_int_equal(ASK(&rig, ann, alarm_set, wall(10)), RAMP_UNAVAILABLE);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    assert_true(ramp_host_deadline(rig.host) == UINT64_MAX);
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    rig_run(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(an_alarm_fires_at_its_time_and_its_success_deletes_it),
        TEST_STORAGE(an_alarm_can_be_cleared_and_moved),
        TEST_STORAGE(an_alarm_that_on_alarm_sets_again_stays),
        TEST_STORAGE(an_alarm_wakes_a_room_that_has_ended),
        TEST_STORAGE(an_alarm_survives_a_restart),
        TEST_STORAGE(of_hosts_that_share_a_db_the_owner_fires),
        TEST_STORAGE_ALONE(an_alarm_behind_a_page_of_others_is_found),
        TEST_STORAGE_ALONE(thousands_of_alarms_fire_after_a_restart),
        TEST_STORAGE(an_alarm_whose_handler_fails_is_tried_six_times_more),
        TEST_STORAGE(an_alarm_whose_handler_traps_fires_again_in_a_new_instance),
        TEST_STORAGE(a_db_that_is_away_delays_an_alarm),
        TEST_STORAGE(an_alarm_whose_commit_fails_fires_again),
        TEST_STORAGE(after_a_lost_commit_the_alarm_is_what_is_stored),
        TEST_STORAGE(an_alarm_waits_for_a_service_that_cannot_be_loaded),
        TEST_STORAGE(an_alarm_waits_for_a_room_that_does_not_open),
        TEST_STORAGE(the_wall_clock_may_be_set),
        TEST_STORAGE(an_alarm_that_was_cleared_before_its_turn_is_not_called),
        TEST_STORAGE(an_alarm_behind_a_closed_gate_sees_what_waits_there),
        TEST_STORAGE_ALONE(without_a_db_there_is_no_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

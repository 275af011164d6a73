/* SPDX-License-Identifier: Apache-2.0 */
/* state_test.c -- CONTRACT 4.3, 4.4, 5.4: what a room saves, when, and how its next instance finds it. */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH
enum { COUNTER = S + 128 };

static struct program empty;

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

/* A room that counts its messages and saves the count; says how it was opened. */
static void count_and_save(struct rig_service *service) {
    struct program setup = {.size = 0}, message = {.size = 0}, save = {.size = 0};
    DO(&message, add64, COUNTER, 1);
    DO(&message, load64, COUNTER);
    DO(&message, tell, 0);
    DO(&save, state_save, COUNTER, 8);
    program_install(&setup, RAMP_CALL_MESSAGE, &message);
    program_install(&setup, RAMP_CALL_SAVE, &save);
    DO(&setup, event_read, 0, COUNTER, 8);
    DO(&setup, head, 0);
    service->env[0] = '\0';
    rig_setup(service, &setup);
}

/* What on_open says of itself: kind 0, reason, size of the state, flags. */
#define OPENED(to, reason, size, flags)                                                            \
    "open; broadcast " to " 0x00000000" reason "000000" size "000000" flags "000000\n"
#define FRESH     "00"
#define SWITCH    "01"
#define MOVED     "02"
#define TRAP      "03"
#define NONE      "00"
#define EIGHT     "08"
#define STALE     "04"
#define COUNTS(n) "message ann; broadcast ann 0x0" n "00000000000000\n"

static void tell_states(void) {
    storage_tell(STATE_SAVE);
    storage_tell(STATE_MARK);
    storage_tell(STATE_END);
}

static void update(void) {
    ramp_error error;
    rig_service(&rig, "s")->version += 1000;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
}

static void fails_with(ramp_connection *connection, enum rig_op op) {
    struct program program = {.size = 0};
    program_op(&program, op, (const int64_t[]){0}, 1);
    rig_do(connection, &program);
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void a_room_that_ends_saves_and_its_next_life_begins_with_it(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    tell_states();
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_do(ann, &empty);
    rig_expect(&rig, OPENED("nobody", FRESH, NONE, NONE) "join ann\n" COUNTS("1") COUNTS("2"));
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    rig_expect(&rig, "leave ann\n> save 0x0200000000000000 ended\n"
                     "save; state_save 0x0200000000000000\n> end\nclose\n");
    assert_int_equal(stats_now().rooms, 0);
    ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_expect(&rig, OPENED("nobody", FRESH, EIGHT, NONE) "> mark\njoin ann\n" COUNTS("3"));
    assert_int_equal(stats_now().saves, 1);
}

static void a_room_that_makes_way_keeps_its_members_and_its_state(void **state) {
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 1});
    count_and_save(rig_service(&rig, "s"));
    rig_add(&rig, "t", "interp");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_do(ann, &empty);
    rig_run(&rig);
    rig_forget(&rig);
    tell_states();
    ramp_error error;
    assert_int_equal(ramp_open(rig.host, "t", "r", NULL, &error), RAMP_OK);
    rig_expect(&rig, "> save 0x0100000000000000\nsave; state_save 0x0100000000000000\n"
                     "t/r: open\nt/r: open\n");
    assert_int_equal(stats_now().connections, 2);
    assert_int_equal(rig.closes, 0);
    rig_do(ann, &empty); /* t goes */
    rig_run(&rig);
    rig_expect(&rig, "t/r: save\nt/r: close\n" OPENED(
                         "ann,bob", MOVED, EIGHT,
                         NONE) "> mark\nmessage ann; broadcast ann,bob 0x0200000000000000\n");
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig, "leave ann\n");
}

/* Nothing has happened since it was saved: it is not saved again. */
static void a_state_that_is_current_is_not_saved_again(void **state) {
    ramp_error error;
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 1});
    count_and_save(rig_service(&rig, "s"));
    rig_add(&rig, "t", "interp");
    rig_join(&rig, "ann");
    rig_run(&rig);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(ramp_open(rig.host, "t", "r", NULL, &error), RAMP_OK);
        rig_run(&rig);
        assert_int_equal(ramp_open(rig.host, "s", "r", NULL, &error), RAMP_OK);
        rig_run(&rig);
        assert_int_equal(stats_now().saves, 1 + i);
        assert_int_equal(rig.failures, 0);
    }
}

static void an_update_takes_the_state_along(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    struct program timer = {.size = 0};
    DO(&timer, timer_set, 1, 1000, 0);
    rig_do(ann, &timer);
    rig_run(&rig);
    rig_forget(&rig);
    tell_states();
    update();
    rig_expect(&rig, "> save 0x0100000000000000\nsave; state_save 0x0100000000000000\n" OPENED(
                         "ann", SWITCH, EIGHT, NONE) "deploy; moved 1, kept 0, connections 1\n");
    assert_int_equal(stats_now().timers, 0); /* a new instance has none */
    rig_do(ann, &empty);
    rig_expect(&rig, "> mark\n" COUNTS("2"));
}

/* The slot beyond the count is for that: no room makes way for its own service's next version. */
static void an_update_in_a_full_table_takes_the_state_along(void **state) {
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 1});
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_run(&rig);
    rig_forget(&rig);
    for (int i = 0; i < 3; i++) {
        update();
        rig_expect(&rig,
                   "save; state_save 0x0100000000000000\n" OPENED(
                       "ann", SWITCH, EIGHT, NONE) "deploy; moved 1, kept 0, connections 1\n");
        assert_int_equal(stats_now().modules, 1);
    }
}

static void a_room_that_trapped_is_told_that_its_state_is_stale(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    fails_with(ann, OP_trap);
    rig_do(ann, &empty);
    /* Nothing was ever saved. */
    rig_expect(&rig, OPENED("nobody", FRESH, NONE, NONE) "join ann\n" COUNTS(
                         "1") "message ann FAILED TRAPPED\n" OPENED("ann", TRAP, NONE,
                                                                    NONE) "error\n" COUNTS("1"));
    struct program save = {.size = 0};
    DO(&save, state_save, COUNTER, 8);
    rig_do(ann, &save); /* in a message: 2 */
    rig_do(ann, &empty);
    fails_with(ann, OP_trap);
    rig_do(ann, &empty);
    rig_expect(&rig, "message ann; broadcast ann 0x0200000000000000; state_save "
                     "0x0200000000000000\n" COUNTS("3") "message ann FAILED TRAPPED\n" OPENED(
                         "ann", TRAP, EIGHT, STALE) "error\n" COUNTS("3"));
}

/* The process dies: members are gone, the room opens with what was saved, which may not be all. */
static void after_a_crash_a_state_is_stale(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    struct program save = {.size = 0};
    DO(&save, state_save, COUNTER, 8);
    rig_do(ann, &save);
    rig_run(&rig);
    storage_find(SHELF_STATE, "s", "r", (ramp_bytes){0})->flags = 0;
    rig_restart(NULL);
    count_and_save(rig_service(&rig, "s"));
    ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_expect(&rig, OPENED("nobody", MOVED, EIGHT, STALE) "join ann\n" COUNTS("2"));
}

/* A room ends, the process dies, the room lives again, and the process dies again. */
static void a_life_after_a_crash_is_not_forgotten(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_run(&rig);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    for (int crash = 0; crash < 2; crash++) {
        struct storage_item *kept = storage_find(SHELF_STATE, "s", "r", (ramp_bytes){0});
        assert_int_equal(kept->flags & RAMP_STATE_ENDED, crash ? 0 : RAMP_STATE_ENDED);
        kept->flags &= ~RAMP_STATE_CURRENT;
        rig_restart(NULL);
        count_and_save(rig_service(&rig, "s"));
        ann = rig_join(&rig, "ann");
        rig_do(ann, &empty);
        rig_expect(&rig, crash ? OPENED("nobody", MOVED, EIGHT, STALE) "join ann\n" COUNTS("2")
                               : OPENED("nobody", FRESH, EIGHT, STALE) "join ann\n" COUNTS("2"));
    }
}

static void a_state_may_be_empty_or_a_mebibyte(void **state) {
    struct program setup = {.size = 0}, save = {.size = 0};
    (void)state;
    DO(&save, state_save, S, 0);
    program_install(&setup, RAMP_CALL_SAVE, &save);
    DO(&setup, head, 0);
    rig_setup(rig_service(&rig, "s"), &setup);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    update();
    rig_expect(&rig, "save; state_save \"\"\n" OPENED(
                         "ann", SWITCH, NONE, NONE) "deploy; moved 1, kept 0, connections 1\n");
    /* One that does not fit into the inbox is pulled. */
    save.size = 0;
    DO(&save, grow, 20);
    DO(&save, fill, AT_PAGE, 'x', LIMIT_STATE_SIZE);
    DO(&save, state_save, AT_PAGE, LIMIT_STATE_SIZE);
    rig_do(ann, &save);
    fails_with(ann, OP_trap);
    rig_do(ann, &empty);
    rig_expect(&rig,
               "message ann; state_save <1048576 bytes>\nmessage ann FAILED TRAPPED\n"
               "open; broadcast ann 0x00000000030000000000100006000000\nerror\nmessage ann\n");
}

/* ---- loading --------------------------------------------------------------------------------- */

static void a_room_never_opens_without_knowing_its_state(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    storage_hold(STATE_LOAD);
    rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_expect(&rig, "");
    assert_int_equal(storage_held(STATE_LOAD), 1);
    storage_refuse(STATE_LOAD, RAMP_IO);
    rig_expect(&rig, "join ann FAILED UNAVAILABLE\n");
    storage_refuse(STATE_LOAD, RAMP_TIMEOUT);
    rig_expect(&rig, "join bob FAILED UNAVAILABLE\n");
    assert_int_equal(stats_now().rooms, 0);
    /* Nor if there is no answer. */
    rig_join(&rig, "ann");
    rig_run(&rig);
    rig_pass(&rig, LIMIT_COMMIT_MS - 1);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_expect(&rig, "join ann FAILED UNAVAILABLE\n");
    assert_int_equal(storage.cancelled, 1);
    storage_answer(STATE_LOAD); /* too late */
    rig_expect(&rig, "");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    storage_answer(STATE_LOAD);
    rig_do(ann, &empty);
    rig_expect(&rig, OPENED("nobody", FRESH, NONE, NONE) "join ann\n" COUNTS("1"));
}

static void members_whose_rooms_state_cannot_be_loaded_are_told_to_come_back(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    fails_with(ann, OP_trap);
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(STATE_LOAD);
    rig_do(ann, &empty);
    rig_run(&rig);
    storage_refuse(STATE_LOAD, RAMP_IO);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nclosed bob 1013\nclosed ann 1013\n");
    assert_int_equal(stats_now().connections, 0);
}

static void a_client_that_leaves_while_the_state_is_loaded_is_not_waited_for(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    storage_hold(STATE_LOAD);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    storage_answer(STATE_LOAD);
    rig_run(&rig);
    rig_expect(&rig, "join ann FAILED GONE\nleave ann\n");
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    assert_int_equal(stats_now().rooms, 0);
}

/* ---- saving that fails ----------------------------------------------------------------------- */

static void a_state_that_cannot_be_stored_keeps_the_instance_for_30_seconds(void **state) {
    ramp_error error;
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 2});
    count_and_save(rig_service(&rig, "s"));
    rig_add(&rig, "t", "interp");
    rig_add(&rig, "u", "interp");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_int_equal(ramp_open(rig.host, "t", "r", NULL, &error), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(STATE_SAVE);
    /* s has to make way, cannot, and t goes instead. */
    assert_int_equal(ramp_open(rig.host, "u", "r", NULL, &error), RAMP_OK);
    rig_expect(&rig, "");
    storage_refuse(STATE_SAVE, RAMP_IO);
    rig_expect(&rig, "save FAILED UNAVAILABLE\nt/r: save\nt/r: close\nu/r: open\nu/r: open\n");
    assert_int_equal(stats_now().saves_failed, 1);
    assert_int_equal(stats_now().modules_pinned, 1);
    rig_do(ann, &empty); /* the same instance */
    rig_expect(&rig, COUNTS("2"));
    rig_pass(&rig, LIMIT_SAVE_RETRY_MS - 1);
    assert_int_equal(stats_now().modules_pinned, 1);
    rig_pass(&rig, 1);
    assert_int_equal(stats_now().modules_pinned, 0);
    storage.holds[STATE_SAVE] = false;
    rig_forget(&rig);
    assert_int_equal(ramp_open(rig.host, "u", "r", NULL, &error), RAMP_OK);
    rig_run(&rig);
    assert_int_equal(ramp_open(rig.host, "t", "r", NULL, &error), RAMP_OK);
    rig_expect(&rig, "u/r: open\nu/r: open\nsave; state_save 0x0200000000000000\n"
                     "t/r: open\nt/r: open\n");
}

/* Nobody knows that it has been stored; the room goes on. */
static void a_save_that_landed_unheard_is_stale(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_run(&rig);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    storage_hold(STATE_SAVE);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    struct storage_request *save = storage_take(STATE_SAVE, 0);
    ramp_answer answer = {.size = sizeof(answer)};
    storage_carry_out(save, &answer);
    ramp_complete(rig.host, save->ticket,
                  &(ramp_answer){.size = sizeof(ramp_answer), .status = RAMP_TIMEOUT});
    storage_free_request(save);
    rig_run(&rig);
    storage.holds[STATE_SAVE] = false;
    ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    fails_with(ann, OP_trap);
    rig_run(&rig);
    rig_forget(&rig);
    rig_do(ann, &empty);
    rig_expect(&rig, OPENED("ann", TRAP, EIGHT, STALE) "error\n" COUNTS("2"));
}

static void a_deploy_says_which_rooms_could_not_be_saved(void **state) {
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join_at(&rig, "s", "other", "zoe");
    rig_do(ann, &empty);
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(STATE_SAVE);
    update();
    rig_expect(&rig, "");
    assert_int_equal(storage_held(STATE_SAVE), 2);
    storage_settle(STATE_SAVE, strcmp(storage.open->room, "r") == 0 ? 0 : 1, HOW_REFUSE, RAMP_IO);
    storage_answer(STATE_SAVE);
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "save FAILED UNAVAILABLE\n"));
    assert_non_null(strstr(rig.transcript, "deploy; moved 1, kept 1, connections 1\n"));
    /* Nor does the next deploy take what it has not saved. */
    storage.holds[STATE_SAVE] = false;
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_int_equal(rig.told[0], 2);
    update();
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "deploy; moved 1, kept 1"));
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_int_equal(rig.told[0], 3);
    rig_pass(&rig, LIMIT_SAVE_RETRY_MS);
    rig_forget(&rig);
    update();
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "deploy; moved 2, kept 0"));
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_int_equal(rig.told[0], 4);
}

static void a_panic_in_on_save_keeps_instance_and_state(void **state) {
    struct program setup = {.size = 0}, panic = {.size = 0};
    (void)state;
    DO(&panic, panic, S, 0);
    program_install(&setup, RAMP_CALL_SAVE, &panic);
    DO(&setup, head, 0);
    rig_setup(rig_service(&rig, "s"), &setup);
    ramp_connection *ann = rig_join(&rig, "ann");
    struct program program = {.size = 0};
    DO(&program, store64, COUNTER, 7);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    update();
    rig_expect(&rig, "save FAILED PANICKED\ndeploy; moved 0, kept 1, connections 0\nerror\n");
    assert_int_equal(ASK(&rig, ann, load64, COUNTER), 7);
    assert_int_equal(stats_now().saves, 0);
}

static void any_other_trap_in_on_save_ends_the_instance(void **state) {
    struct program setup = {.size = 0}, trap = {.size = 0};
    (void)state;
    DO(&trap, trap, 0);
    program_install(&setup, RAMP_CALL_SAVE, &trap);
    DO(&setup, head, 0);
    rig_setup(rig_service(&rig, "s"), &setup);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    rig_service(&rig, "s")->env[0] = '\0';
    setup.size = 0;
    DO(&setup, head, 0);
    rig_setup(rig_service(&rig, "s"), &setup);
    update();
    rig_expect(&rig, "save FAILED TRAPPED\ndeploy; moved 0, kept 1, connections 0\n");
    rig_do(ann, &empty);
    rig_expect(&rig, OPENED("ann", TRAP, NONE, NONE) "error\nmessage ann\n");
}

/* A module that saves nothing in on_save makes way all the same. */
static void an_on_save_that_saves_nothing_is_no_failure(void **state) {
    ramp_error error;
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 1});
    rig_add(&rig, "t", "interp");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    assert_int_equal(ramp_open(rig.host, "t", "r", NULL, &error), RAMP_OK);
    rig_expect(&rig, "save\nt/r: open\nt/r: open\n");
    rig_do(ann, &empty);
    rig_expect(&rig, "t/r: save\nt/r: close\nopen\nmessage ann\n");
}

/* ---- a change of version that does not succeed ----------------------------------------------- */

static void a_version_that_does_not_open_leaves_the_room_as_it_was(void **state) {
    struct program trap = {.size = 0}, timer = {.size = 0};
    (void)state;
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *ann = rig_join(&rig, "ann");
    DO(&timer, timer_set, 1, 1000, 0);
    rig_do(ann, &timer);
    rig_run(&rig);
    rig_forget(&rig);
    DO(&trap, trap, 0);
    rig_service(&rig, "s")->env[0] = '\0';
    rig_setup(rig_service(&rig, "s"), &trap);
    update();
    rig_expect(&rig, "save; state_save 0x0100000000000000\nopen FAILED TRAPPED\n"
                     "deploy; moved 0, kept 1, connections 0\n");
    rig_do(ann, &empty);
    rig_expect(&rig, COUNTS("2"));
    rig_pass(&rig, 1000);
    rig_expect(&rig, "timer\n");
    assert_int_equal(rig.closes, 0);
    /* The next that is good takes over. */
    count_and_save(rig_service(&rig, "s"));
    update();
    rig_expect(&rig, "save; state_save 0x0200000000000000\n" OPENED(
                         "ann", SWITCH, EIGHT, NONE) "deploy; moved 1, kept 0, connections 1\n");
    assert_int_equal(stats_now().modules_pinned, 0);
}

/* The gate first, then on_save; frames that wait are not lost. */
static void an_update_waits_for_the_gate(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    rig_do(ann, &program);
    rig_run(&rig);
    update();
    rig_do(ann, &empty);
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"\nsave\nopen\n"
                     "deploy; moved 1, kept 0, connections 1\nmessage ann\n");
}

/* In the middle of a change of version, with another service that waits for the slot. */
static void a_host_that_goes_tells_nobody_that_waits_for_a_place(void **state) {
    struct program program = {.size = 0};
    ramp_error error;
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 1});
    rig_add(&rig, "t", "interp");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    rig_do(ann, &program);
    rig_run(&rig);
    update();
    rig_run(&rig);
    assert_int_equal(ramp_open(rig.host, "t", "r", NULL, &error), RAMP_OK);
    rig_run(&rig);
    assert_int_equal(stats_now().modules, 2);
    rig.outcomes = 0;
    rig_close(&rig);
    assert_int_equal(rig.outcomes, 0);
}

/* What does not come to an end in 10 s is not waited for; it changes over when it can. */
static void a_deploy_is_reported_after_10_seconds(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    rig_do(ann, &program);
    rig_run(&rig);
    update();
    rig_run(&rig);
    rig_pass(&rig, LIMIT_SWITCH_MS - 1);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_expect(&rig, "deploy\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"\nsave\nopen\n");
}

/* All instances are in use: rooms change over one after the other in the one that is reserved. */
static void a_full_host_changes_over_room_by_room(void **state) {
    char room[8];
    (void)state;
    rig_open_with(&(ramp_host_options){.rooms_max = 6});
    count_and_save(rig_service(&rig, "s"));
    ramp_connection *members[6];
    for (size_t i = 0; i < COUNT(members); i++) {
        snprintf(room, sizeof(room), "r%zu", i);
        members[i] = rig_join_at(&rig, "s", room, "ann");
        rig_do(members[i], &empty);
    }
    rig_run(&rig);
    rig_forget(&rig);
    update();
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "deploy; moved 6, kept 0, connections 6\n"));
    rig_forget(&rig);
    rig.on_done = NULL;
    for (size_t i = 0; i < COUNT(members); i++) rig_do(members[i], &empty);
    rig_run(&rig);
    assert_int_equal(rig.failures, 0);
    assert_int_equal(rig.told[0], 2);
}

/* The reserved one is taken by a switch that takes its time: the others wait for it. */
static void switches_wait_for_the_reserved_instance(void **state) {
    struct program waits = {.size = 0};
    (void)state;
    rig_open_with(&(ramp_host_options){.rooms_max = 2});
    rig_join(&rig, "ann");
    rig_join_at(&rig, "s", "r2", "bob");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_GET);
    program_get(&waits, "a");
    DO(&waits, wait, S, 64);
    rig_setup(rig_service(&rig, "s"), &waits);
    update();
    rig_run(&rig);
    assert_int_equal(storage_held(DB_GET), 1);
    rig_pass(&rig, 1000);
    assert_int_equal(storage_held(DB_GET), 1);
    storage_answer(DB_GET);
    rig_run(&rig);
    assert_int_equal(storage_held(DB_GET), 1);
    storage_answer(DB_GET);
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "deploy; moved 2, kept 0, connections 2\n"));
    assert_int_equal(rig.failures, 0);
}

/* ---- a full host ----------------------------------------------------------------------------- */

static void open_room(const char *room) {
    ramp_error error;
    assert_int_equal(ramp_open(rig.host, "s", room, NULL, &error), RAMP_OK);
}

static void an_idle_room_saves_before_it_makes_way_on_a_full_host(void **state) {
    (void)state;
    rig_open_with(&(ramp_host_options){.rooms_max = 1});
    count_and_save(rig_service(&rig, "s"));
    tell_states();
    open_room("r");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(STATE_SAVE);
    open_room("r2");
    rig_expect(&rig, "> save 0x0000000000000000 ended\n");
    /* Somebody comes back while it is saved: it makes way all the same, as it can, and loses nothing. */
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_run(&rig);
    storage_release(STATE_SAVE);
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "s/r2: open"));
    rig_forget(&rig);
    rig_do(ann, &empty);
    rig_run(&rig);
    for (int i = 0; i < 3; i++) rig_pass(&rig, LIMIT_RETRY_MS);
    assert_int_equal(rig.failures, 0);
    assert_int_equal(rig.told[0], 2);
}

/* One that cannot be saved stays; who waits for its place is told. */
static void an_idle_room_that_cannot_be_saved_does_not_make_way(void **state) {
    (void)state;
    rig_open_with(&(ramp_host_options){.rooms_max = 1});
    count_and_save(rig_service(&rig, "s"));
    open_room("r");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(STATE_SAVE);
    open_room("r2");
    rig_run(&rig);
    storage_refuse(STATE_SAVE, RAMP_IO);
    for (int i = 0; i < 3; i++) rig_pass(&rig, LIMIT_RETRY_MS);
    rig_expect(&rig, "save FAILED UNAVAILABLE\ns/r2: open FAILED UNAVAILABLE\n");
    storage.holds[STATE_SAVE] = false;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &empty);
    rig_expect(&rig, "join ann\n" COUNTS("1"));
}

/* ---- many ------------------------------------------------------------------------------------ */

/* 300 services with one member each in 16 slots: nobody is closed, no count is lost. */
static void hundreds_of_services_share_few_slots_and_lose_nothing(void **state) {
    enum { SERVICES = 300, ROUNDS = 3000 };
    static ramp_connection *members[SERVICES];
    static int64_t counts[SERVICES];
    uint64_t random = 99;
    char name[16];
    (void)state;
    rig_open_with(&(ramp_host_options){.modules_max = 16, .rooms_max = 40});
    rig.silent = true;
    for (int i = 0; i < SERVICES; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        count_and_save(rig_add(&rig, name, "interp+wait"));
        members[i] = rig_join_at(&rig, name, "r", "ann");
        counts[i] = 0;
        rig_run(&rig);
    }
    for (int i = 0; i < ROUNDS; i++) {
        size_t at = rig_random_next(&random) % SERVICES;
        rig_do(members[at], &empty);
        rig.told[0] = -1;
        rig_run(&rig);
        if (rig.told[0] != ++counts[at])
            fail_msg("round %d: service %zu counts %" PRId64 " instead of %" PRId64, i, at,
                     rig.told[0], counts[at]);
        if (i % 100 == 0) rig_pass(&rig, 10);
    }
    assert_int_equal(rig.failures, 0);
    assert_int_equal(rig.closes, 0);
    assert_int_equal(stats_now().connections, SERVICES);
    assert_int_equal(stats_now().modules, 16);
    assert_true(stats_now().evictions > 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(a_room_that_ends_saves_and_its_next_life_begins_with_it),
        TEST_STORAGE_ALONE(a_room_that_makes_way_keeps_its_members_and_its_state),
        TEST_STORAGE_ALONE(a_state_that_is_current_is_not_saved_again),
        TEST_STORAGE(an_update_takes_the_state_along),
        TEST_STORAGE_ALONE(an_update_in_a_full_table_takes_the_state_along),
        TEST_STORAGE(a_room_that_trapped_is_told_that_its_state_is_stale),
        TEST_STORAGE(after_a_crash_a_state_is_stale),
        TEST_STORAGE(a_life_after_a_crash_is_not_forgotten),
        TEST_STORAGE(a_state_may_be_empty_or_a_mebibyte),
        TEST_STORAGE(a_room_never_opens_without_knowing_its_state),
        TEST_STORAGE(members_whose_rooms_state_cannot_be_loaded_are_told_to_come_back),
        TEST_STORAGE(a_client_that_leaves_while_the_state_is_loaded_is_not_waited_for),
        TEST_STORAGE_ALONE(a_state_that_cannot_be_stored_keeps_the_instance_for_30_seconds),
        TEST_STORAGE(a_save_that_landed_unheard_is_stale),
        TEST_STORAGE(a_deploy_says_which_rooms_could_not_be_saved),
        TEST_STORAGE(a_panic_in_on_save_keeps_instance_and_state),
        TEST_STORAGE(any_other_trap_in_on_save_ends_the_instance),
        TEST_STORAGE_ALONE(an_on_save_that_saves_nothing_is_no_failure),
        TEST_STORAGE(a_version_that_does_not_open_leaves_the_room_as_it_was),
        TEST_STORAGE(an_update_waits_for_the_gate),
        TEST_STORAGE_ALONE(a_host_that_goes_tells_nobody_that_waits_for_a_place),
        TEST_STORAGE(a_deploy_is_reported_after_10_seconds),
        TEST_STORAGE_ALONE(a_full_host_changes_over_room_by_room),
        TEST_STORAGE_ALONE(switches_wait_for_the_reserved_instance),
        TEST_STORAGE_ALONE(an_idle_room_saves_before_it_makes_way_on_a_full_host),
        TEST_STORAGE_ALONE(an_idle_room_that_cannot_be_saved_does_not_make_way),
        TEST_STORAGE_ALONE(hundreds_of_services_share_few_slots_and_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* ---- in order -------------------------------------------------------------------------------- */

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
    rig_expect(&rig, "> commit 2 del \"a\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_del \"a\"; broadcast ann \"gone\"\n");
    assert_null(storage_row("a"));
}

static void what_gathers_behind_a_commit_shares_the_next_one(void **state) {
    ramp_connection *bob;
    (void)state;
    ramp_connection *ann = ann_and_bob(&bob);

    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    writes_and_says(ann, "a", "2");
    says(bob, "x");
    writes_and_says(bob, "b", "3");
    writes_and_says(ann, "a", NULL);
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    /* What was first has left; the rest waits for one transaction. */
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann,bob \"1\"\n"
                     "> commit 2 \"a\" \"2\" \"b\" \"3\" del \"a\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"2\"; broadcast ann,bob \"2\"\n"
                     "message bob; broadcast ann,bob \"x\"\n"
                     "message bob; db_set \"b\" \"3\"; broadcast ann,bob \"3\"\n"
                     "message ann; db_del \"a\"; broadcast ann,bob \"gone\"\n");
    assert_int_equal(storage_head("s", "r").number, 2);
    assert_string_equal(storage_row("b"), "3");
    assert_null(storage_row("a"));
}

/* A passenger between two writes leaves with the first of them, if that is stored alone. */
static void a_transaction_is_not_larger_than_one_call_may_be(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig.silent = true;
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "first", "1");
    rig_run(&rig);
    /* 300 keys each: addresses from S + 0x400 on are keys of one byte and more. */
    program_poke(&program, AT_KEY, "k", 1);
    DO(&program, fill, AT_KEY + 1, 'x', 300);
    DO(&program, repeat, 300, 0);
    DO(&program, db_set, AT_KEY, 1, AT_KEY, 10);
    for (int i = 0; i < 3; i++) rig_do(ann, &program);
    rig_run(&rig);
    rig.silent = false;
    rig_forget(&rig);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(storage_held(DB_COMMIT), 1);
        storage_answer(DB_COMMIT);
        rig_run(&rig);
        assert_int_equal(storage_head("s", "r").number, i + 1);
        assert_int_equal(rig.outcomes, i + 3);
    }
    assert_int_equal(storage_held(DB_COMMIT), 0);
}

/* ---- reading one's own writes ---------------------------------------------------------------- */

/* What the store says of the key, as text; "" if it is not there. Nothing that waits has it. */
static const char *stored(ramp_connection *connection, const char *key) {
    static char text[9];
    struct program program = {.size = 0};

    program_get(&program, key);
    DO(&program, fill, S, 0, 8);
    DO(&program, wait, S, 8);
    DO(&program, load64, S);
    rig_ask(&rig, connection, &program);
    assert_int_equal(rig.told[0], INT32_MIN);
    if (rig.told[1] == RAMP_NOT_FOUND) assert_int_equal(rig.told[2], 0);
    else assert_true(rig.told[1] > 0);
    memcpy(text, &rig.told[2], 8);
    return text;
}

static void reads_see_ones_own_writes_then_those_that_wait_then_the_store(void **state) {
    struct program program = {.size = 0}, peek = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    assert_string_equal(stored(ann, "a"), "");
    storage_put(SHELF_DB, "s", "r", (ramp_bytes){"a", 1}, (ramp_bytes){"0", 1});
    assert_string_equal(stored(ann, "a"), "0");

    /* In one call: its own newest. Results are told by conn_send, which the gate holds, too. */
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    program_db(&program, "a", "2");
    program_get(&program, "a");
    DO(&program, load64, S);
    program_db(&program, "a", NULL);
    program_get(&program, "a");
    program_db(&program, "b", "3");
    DO(&program, tell, 0);
    rig_do(ann, &program);
    /* In the next, while that one is not stored: what it has written. */
    program_get(&peek, "a");
    DO(&peek, fill, S, 0, 8);
    program_get(&peek, "b");
    DO(&peek, load64, S);
    DO(&peek, tell, 0);
    rig_do(ann, &peek);
    rig_run(&rig);
    assert_int_equal(storage_held(DB_COMMIT), 1);
    rig_forget(&rig);
    storage_release(DB_COMMIT);
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    /* set 0, set 0, found 1 "2", del 0, NOT_FOUND, set 0 */
    assert_non_null(strstr(rig.transcript, "broadcast ann 0x00000000000000000000000000000000"
                                           "01000000000000003200000000000000"
                                           "0000000000000000ffffffffffffffff0000000000000000"));
    assert_non_null(
        strstr(rig.transcript, "broadcast ann 0xffffffffffffffff01000000000000003300000000000000"));
    rig_forget(&rig);
    assert_string_equal(stored(ann, "a"), "");
    assert_string_equal(stored(ann, "b"), "3");
}

/* The batch that the value came from has left meanwhile. */
static void a_value_that_was_read_stays_until_the_next_import(void **state) {
    struct program program = {.size = 0};
    (void)state;
    rig.cpu_read_ns = 1; /* a call that is never killed */
    rig_open_with(NULL);
    rig_start_ticking(&rig);
    ramp_connection *ann = rig_join(&rig, "ann"), *zoe = rig_join_at(&rig, "s", "r2", "zoe");
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "long value of a key");
    rig_run(&rig);
    program_poke(&program, AT_KEY, "a", 1);
    DO(&program, db_get, AT_KEY, 1, S, 4);
    DO(&program, spin, 100000000);
    DO(&program, result_read, 11, S, 8);
    DO(&program, load64, S);
    DO(&program, tell, 0);
    rig_do(ann, &program);
    assert_true(ramp_host_step(rig.host)); /* its first slice is over */
    storage_release(DB_COMMIT);
    says(zoe, "whatever takes the place where it lay, and is long enough for that");
    rig_run(&rig);
    assert_int_equal(rig.told[0], 19);
    assert_int_equal(rig.told[1], 8);
    assert_memory_equal(&rig.told[2], "of a key", 8);
}

/* ---- commits that fail ----------------------------------------------------------------------- */

/* Instances tell why they were opened. */
static void tell_opens(void) {
    struct program head = {.size = 0};
    DO(&head, head, 0);
    rig_setup(rig_service(&rig, "s"), &head);
}

static void a_commit_that_fails_takes_all_that_waits_and_the_instance_with_it(void **state) {
    struct program timer = {.size = 0};
    ramp_connection *bob;
    (void)state;
    tell_opens();
    ramp_connection *ann = ann_and_bob(&bob);

    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    says(bob, "x");
    DO(&timer, timer_set, 1, 10000, 0);
    rig_do(ann, &timer);
    writes_and_says(bob, "b", "2");
    rig_expect(&rig, "");
    assert_int_equal(stats_now().timers, 1);
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nmessage bob FAILED UNAVAILABLE\n"
                     "message ann FAILED UNAVAILABLE\nmessage bob FAILED UNAVAILABLE\n"
                     "closed ann 1011\nclosed bob 1011\n"
                     /* Their leaves run in a new instance. */
                     "open; broadcast ann,bob 0x00000000040000000000000000000000\n"
                     "leave ann\nleave bob\n");
    assert_non_null(strstr(rig.failed_message, "the test says so"));
    assert_int_equal(stats_now().timers, 0);
    assert_int_equal(stats_now().connections, 0);
    assert_int_equal(stats_now().commits_failed, 1);
    assert_null(storage_row("a"));
    /* It goes on from what is stored. */
    ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "3");
    rig_expect(&rig, "join ann\n> commit 1 \"a\" \"3\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"3\"; broadcast ann \"3\"\n");
}

/* A call that runs, or waits, when the commit is lost has read what may never have been. */
static void a_call_that_waits_when_a_commit_is_lost_fails_too(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_hold(DB_GET);
    writes_and_says(ann, "a", "1");
    program_get(&program, "b");
    DO(&program, wait, S, 64);
    rig_do(ann, &program);
    says(ann, "behind");
    rig_expect(&rig, "");
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nmessage ann FAILED UNAVAILABLE\n"
                     "closed ann 1011\nopen\nmessage ann; broadcast ann \"behind\"\nleave ann\n");
    assert_int_equal(storage.cancelled, 1); /* the get */
    storage_answer(DB_GET);                 /* nobody hears it */
    rig_expect(&rig, "");
    assert_int_equal(stats_now().connections, 0);
}

/* So do those of a join, a leave, an alarm, and of a room that opens. */
static void whatever_waits_when_a_commit_is_lost_fails_too(void **state) {
    static const ramp_call_kind kinds[] = {RAMP_CALL_JOIN,   RAMP_CALL_LEAVE, RAMP_CALL_ALARM,
                                           RAMP_CALL_TIMER,  RAMP_CALL_OPEN,  RAMP_CALL_ERROR,
                                           RAMP_CALL_REQUEST};
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct program waits = {.size = 0}, program = {.size = 0}, setup = {.size = 0};
        program_get(&waits, "b");
        DO(&waits, wait, S, 64);
        rig_service(&rig, "s")->env[0] = '\0';
        if (kinds[i] == RAMP_CALL_OPEN) rig_setup(rig_service(&rig, "s"), &waits);
        rig_service(&rig, "s")->version++;
        ramp_error error;
        assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
        ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");
        rig_run(&rig);
        storage_hold(DB_COMMIT);
        storage_hold(DB_GET);
        if (kinds[i] != RAMP_CALL_OPEN) program_install(&program, kinds[i], &waits);
        DO(&program, alarm_set, RIG_START_MS);
        DO(&program, timer_set, 1, 10, 0);
        rig_do(ann, &program);
        rig_run(&rig);
        setup.size = 0;
        switch (kinds[i]) {
        case RAMP_CALL_JOIN: rig_join(&rig, "cat"); break;
        case RAMP_CALL_LEAVE: ramp_leave(bob, 1000, NULL); break;
        case RAMP_CALL_TIMER: rig.now_ns += 10 * RIG_MS; break;
        case RAMP_CALL_ERROR: DO(&setup, panic, S, 0), rig_do(bob, &setup); break;
        case RAMP_CALL_OPEN: DO(&setup, trap, 0), rig_do(bob, &setup), rig_do(ann, &empty); break;
        case RAMP_CALL_REQUEST: assert_int_equal(rig_request(&rig, "r", &waits), RAMP_OK); break;
        default: break;
        }
        rig_run(&rig);
        if (storage_held(DB_GET) != 1) fail_msg("%s does not wait", ramp_call_name(kinds[i]));
        uint32_t failures = rig.failures;
        storage_refuse(DB_COMMIT, RAMP_IO);
        rig_run(&rig);
        assert_true(rig.failures >= failures + 2);
        storage.holds[DB_COMMIT] = false;
        storage_release(DB_GET);
        rig_run(&rig);
        assert_int_equal(stats_now().connections, 0);
        for (int k = 0; k < 5; k++) {
            rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
            storage_release(DB_GET);
        }
        assert_int_equal(stats_now().rooms, 0);
        assert_int_equal(stats_now().timers, 0);
        rig_forget(&rig);
    }
}

/* ---- outcomes that are not known ------------------------------------------------------------- */

static void a_commit_without_an_outcome_is_settled_by_a_fence(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);

    /* It has not landed, and the fence lands: it has failed, and can never land. */
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    uint64_t writer = storage.writer;
    struct storage_request *late = storage_take(DB_COMMIT, 0);
    ramp_complete(rig.host, late->ticket,
                  &(ramp_answer){.size = sizeof(ramp_answer), .status = RAMP_TIMEOUT});
    rig_expect(&rig, "> commit 1\n");
    assert_true(storage.writer != writer);
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nclosed ann 1011\nopen\nleave ann\n");
    ramp_answer answer = {.size = sizeof(answer)};
    storage_carry_out(late, &answer);
    assert_int_equal(answer.status, RAMP_CONFLICT);
    ramp_complete(rig.host, late->ticket, &answer); /* nobody waits for it */
    storage_free_request(late);
    assert_null(storage_row("a"));

    /* It has landed: the fence is refused, and what is stored is ours. */
    ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "2");
    rig_expect(&rig, "join ann\n> commit 2 \"a\" \"2\"\n");
    late = storage_take(DB_COMMIT, 0);
    storage_carry_out(late, &answer);
    ramp_complete(rig.host, late->ticket,
                  &(ramp_answer){.size = sizeof(ramp_answer), .status = RAMP_TIMEOUT});
    storage_free_request(late);
    rig_expect(&rig, "> commit 2\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"2\"; broadcast ann \"2\"\n");
    assert_string_equal(storage_row("a"), "2");

    /* Somebody else was there: neither of us. */
    writes_and_says(ann, "a", "3");
    rig_expect(&rig, "> commit 3 \"a\" \"3\"\n");
    storage_intrude("s", "r");
    storage_refuse(DB_COMMIT, RAMP_TIMEOUT);
    rig_expect(&rig, "> commit 3\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nclosed ann 1011\nopen\nleave ann\n");
    assert_string_equal(storage_row("a"), "2");
    ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "4");
    rig_expect(&rig, "join ann\n> commit 4 \"a\" \"4\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"4\"; broadcast ann \"4\"\n");
}

static void a_doubled_commit_is_recognised_by_its_writer(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    /* A driver that has tried it twice: the second answer is the one that comes. */
    struct storage_request *twice = storage_take(DB_COMMIT, 0);
    ramp_answer answer = {.size = sizeof(answer)};
    storage_carry_out(twice, &answer);
    storage_carry_out(twice, &answer);
    assert_int_equal(answer.status, RAMP_CONFLICT);
    ramp_complete(rig.host, twice->ticket, &answer);
    ramp_complete(rig.host, twice->ticket, &answer);
    storage_free_request(twice);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"1\"\n");
    writes_and_says(ann, "a", "2");
    rig_run(&rig);
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"2\"; broadcast ann \"2\"\n");
    assert_int_equal(storage_head("s", "r").number, 2);
}

static void another_writer_of_the_room_fails_the_commit(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    rig_forget(&rig);
    storage_intrude("s", "r");
    writes_and_says(ann, "a", "2");
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nclosed ann 1011\nopen\nleave ann\n");
    assert_non_null(strstr(rig.failed_message, "somebody else"));
    assert_string_equal(storage_row("a"), "1");
    ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "3");
    rig_expect(&rig, "join ann\nmessage ann; db_set \"a\" \"3\"; broadcast ann \"3\"\n");
    assert_int_equal(storage_head("s", "r").number, 3);
}

/* Nothing is known for 60 s: the calls have failed, and the room stays closed until it is known. */
static void a_commit_whose_fate_stays_unknown_fails_after_60_seconds(void **state) {
    ramp_connection *bob;
    (void)state;
    tell_opens();
    ramp_connection *ann = ann_and_bob(&bob);
    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    assert_true(ramp_host_deadline(rig.host) <= rig.now_ns + LIMIT_COMMIT_MS * RIG_MS / 2);
    rig_pass(&rig, LIMIT_COMMIT_MS / 2 - 1);
    rig_expect(&rig, "");
    rig_pass(&rig, 1); /* half of the time: the fence */
    rig_expect(&rig, "> commit 1\n");
    for (uint32_t ms = LIMIT_COMMIT_MS / 2; ms < LIMIT_COMMIT_MS - 1000; ms += 1000)
        rig_pass(&rig, 1000);
    says(bob, "behind");
    rig_expect(&rig, "");
    rig_pass(&rig, 1000);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nmessage bob FAILED UNAVAILABLE\n"
                     "closed ann 1011\nclosed bob 1011\n");
    assert_non_null(strstr(rig.failed_message, "not known"));
    /* No instance may be opened: those who come are refused. Leaves wait. */
    rig_join(&rig, "cat");
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    rig_expect(&rig, "join cat FAILED UNAVAILABLE\nrequest FAILED UNAVAILABLE\n");
    rig_pass(&rig, 5000);
    rig_expect(&rig, "");
    storage_answer_nth(DB_COMMIT, 1); /* the fence lands */
    rig_expect(&rig, "open; broadcast ann,bob 0x00000000040000000000000000000000\n"
                     "leave ann\nleave bob\n");
    storage_answer(DB_COMMIT); /* the first comes at last, and cannot land */
    rig_expect(&rig, "");
    assert_null(storage_row("a"));
    ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "2");
    rig_expect(&rig, "join ann\n> commit 2 \"a\" \"2\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"2\"; broadcast ann \"2\"\n");
}

/* A fence that is refused says in the end that what was failed has been stored after all. */
static void a_lost_commit_that_had_landed_is_seen_by_the_next_instance(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    storage_land(DB_COMMIT);
    for (int i = 0; i < 100; i++) rig_pass(&rig, 1000);
    rig_forget(&rig);
    storage_answer(DB_COMMIT); /* the fence */
    rig_expect(&rig, "open\nleave ann\n");
    assert_string_equal(storage_row("a"), "1");
    ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage.holds[DB_COMMIT] = false;
    writes_and_says(ann, "a", "2");
    rig_expect(&rig, "message ann; db_set \"a\" \"2\"; broadcast ann \"2\"\n");
    assert_int_equal(storage_head("s", "r").number, 2);
}

/* A fence whose own outcome is unknown is asked again. */
static void a_fence_is_asked_until_it_is_answered(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    storage_land(DB_COMMIT);
    rig_pass(&rig, LIMIT_COMMIT_MS / 2);
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n> commit 1\n");
    storage_refuse(DB_COMMIT, RAMP_TIMEOUT);
    rig_expect(&rig, "");
    rig_pass(&rig, LIMIT_FENCE_MS);
    rig_expect(&rig, "> commit 1\n");
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_pass(&rig, 0);
    rig_pass(&rig, LIMIT_FENCE_MS);
    rig_expect(&rig, "> commit 1\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"1\"\n");
}

static void a_head_that_cannot_be_read_fails_the_calls(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_HEAD);
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "");
    storage_refuse(DB_HEAD, RAMP_UNAVAILABLE);
    rig_run(&rig);
    storage_release(DB_HEAD);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nclosed ann 1011\nopen\nleave ann\n");
    /* Or does not come at all. */
    ramp_leave(rig_join(&rig, "bob"), 1000, NULL);
    rig_run(&rig);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    storage_hold(DB_HEAD);
    ann = rig_join(&rig, "ann");
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    rig_forget(&rig);
    rig_pass(&rig, LIMIT_COMMIT_MS);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "message ann FAILED UNAVAILABLE\nclosed ann 1011\n"));
    rig_forget(&rig);
    storage_release(DB_HEAD);
    rig_run(&rig);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void what_on_open_writes_holds_back_the_join(void **state) {
    struct program setup = {.size = 0};
    (void)state;
    program_db(&setup, "opened", "1");
    DO(&setup, head, 0);
    rig_setup(rig_service(&rig, "s"), &setup);
    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    rig_join(&rig, "ann");
    rig_expect(&rig, "> commit 1 \"opened\" \"1\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "open; db_set \"opened\" \"1\"; broadcast nobody "
                     "0x00000000000000000000000000000000\njoin ann\n");
    /* A new version opens, and what it wrote cannot be stored: the next begins with what is. */
    ramp_error error;
    rig_service(&rig, "s")->version = 7;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_expect(&rig, "save\n> commit 2 \"opened\" \"1\"\ndeploy; moved 1, kept 0, connections 1\n");
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_expect(&rig, "open FAILED UNAVAILABLE\nclosed ann 1011\n> commit 2 \"opened\" \"1\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "open; db_set \"opened\" \"1\"; broadcast nobody "
                     "0x00000000040000000000000000000000\nleave ann\n");
}

static void what_on_close_writes_is_stored_before_the_room_goes(void **state) {
    struct program program = {.size = 0}, close = {.size = 0};
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        program.size = close.size = 0;
        program_db(&close, "closed", fails ? "2" : "1");
        program_install(&program, RAMP_CALL_CLOSE, &close);
        assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
        rig_run(&rig);
        rig_forget(&rig);
        storage_hold(DB_COMMIT);
        rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
        rig_expect(&rig, "save\n");
        assert_int_equal(stats_now().rooms, 1);
        if (fails) storage_refuse(DB_COMMIT, RAMP_IO);
        else storage_answer(DB_COMMIT);
        rig_expect(&rig, fails ? "close FAILED UNAVAILABLE\n" : "close; db_set \"closed\" \"1\"\n");
        storage.holds[DB_COMMIT] = false;
        /* After a lost commit it stays for a while: its next call is to be told. */
        assert_int_equal(stats_now().rooms, fails);
        rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
        assert_int_equal(stats_now().rooms, 0);
        assert_string_equal(storage_row("closed"), "1");
    }
}

/* An alarm that is due waits, and whoever comes behind it is refused all the same. */
static void a_lost_room_refuses_also_when_its_alarm_is_due(void **state) {
    struct program program = {.size = 0};
    (void)state;
    DO(&program, alarm_set, RIG_START_MS + 65000);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    program.size = 0;
    program_db(&program, "a", "1");
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_run(&rig);
    for (int i = 0; i < 70; i++) rig_pass(&rig, 1000);
    rig_forget(&rig);
    rig_join(&rig, "bob");
    rig_expect(&rig, "join bob FAILED UNAVAILABLE\n");
    storage_answer_nth(DB_COMMIT, 1);
    storage.holds[DB_COMMIT] = false;
    rig_run(&rig);
    for (int i = 0; i < 70; i++) rig_pass(&rig, 1000);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "open\nalarm\n"));
    assert_int_equal(storage_head("s", "r").alarm_ms, 0);
}

/* A new version is there while nobody knows what became of a commit. */
static void a_lost_room_refuses_also_when_it_is_to_change_over(void **state) {
    ramp_error error;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    for (int i = 0; i < 70; i++) rig_pass(&rig, 1000);
    rig_forget(&rig);
    rig_service(&rig, "s")->version = 7;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_join(&rig, "bob");
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 1\njoin bob FAILED UNAVAILABLE\n");
    storage_answer_nth(DB_COMMIT, 1);
    rig_expect(&rig, "open\nleave ann\n");
}

/* ---- how much may wait ----------------------------------------------------------------------- */

static void at_most_256_calls_wait_then_the_room_stands_still(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    rig_run(&rig);
    uint64_t calls = stats_now().calls;
    for (uint32_t i = 1; i < 10 + LIMIT_GATE_CALLS; i++) {
        rig_do(ann, &empty);
        rig_run(&rig);
    }
    assert_int_equal(stats_now().calls - calls, LIMIT_GATE_CALLS - 1);
    rig.outcomes = 0;
    storage_answer(DB_COMMIT);
    rig_run(&rig);
    assert_int_equal(rig.outcomes, LIMIT_GATE_CALLS + 10);
    assert_int_equal(rig.failures, 0);
}

static void at_most_a_mebibyte_waits_but_an_open_gate_takes_any_call(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig.silent = true;
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    DO(&program, repeat, 16, 0);
    DO(&program, room_broadcast, 0, 100000, 1, 0, 0); /* 1.6 MB */
    rig_do(ann, &program);
    rig_run(&rig);
    uint64_t calls = stats_now().calls;
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_int_equal(stats_now().calls, calls);
    storage_answer(DB_COMMIT);
    rig_run(&rig);
    assert_int_equal(stats_now().calls, calls + 1);
}

/* ---- who hears of it ------------------------------------------------------------------------- */

static void who_has_left_meanwhile_gets_nothing(void **state) {
    struct program program = {.size = 0};
    ramp_connection *bob;
    (void)state;
    ramp_connection *ann = ann_and_bob(&bob);
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    program_say(&program, "all");
    DO(&program, conn_send, HANDLE(1), S, 3, 0);
    DO(&program, conn_close, HANDLE(1), 4000, S, 3);
    DO(&program, conn_send, HANDLE(0), S, 3, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    ramp_leave(bob, 1000, NULL);
    rig_run(&rig);
    says(ann, "later");
    rig_join(&rig, "bob"); /* another one, under the same id */
    says(ann, "again");
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"all\"; send ann \"all\"\n"
                     "leave bob\nmessage ann; broadcast ann \"later\"\njoin bob\n"
                     "message ann; broadcast ann,bob \"again\"\n");
}

/* Several broadcasts of a call go to the same members, of whom some have left. */
static void every_broadcast_leaves_out_those_who_have_left(void **state) {
    struct program program = {.size = 0};
    (void)state;
    for (const char *id = "abcdef"; *id; id++) rig_join(&rig, (char[]){*id, 0});
    rig_run(&rig);
    rig_forget(&rig);
    ramp_connection *f = ramp_connection_find(rig.host, "s", "r", "f");
    storage_hold(DB_COMMIT);
    program_db(&program, "k", "v");
    program_say(&program, "1");
    program_say(&program, "2");
    DO(&program, store64, S + 64, HANDLE(1) | (int64_t)HANDLE(3) << 32);
    DO(&program, room_broadcast, S, 1, 0, S + 64, 2); /* not to b and d */
    program_say(&program, "3");
    rig_do(f, &program);
    rig_run(&rig);
    for (const char *id = "abe"; *id; id++)
        ramp_leave(ramp_connection_find(rig.host, "s", "r", (char[]){*id, 0}), 1000, NULL);
    rig_expect(&rig, "");
    storage_release(DB_COMMIT);
    rig_expect(&rig, "message f; db_set \"k\" \"v\"; broadcast c,d,f \"1\"; broadcast c,d,f \"2\"; "
                     "broadcast c,f \"2\"; broadcast c,d,f \"3\"\nleave a\nleave b\nleave e\n");
    assert_int_equal(stats_now().connections, 3);
}

static void a_connection_is_good_until_its_leave_has_been_told(void **state) {
    ramp_connection *bob;
    int data = 0;
    (void)state;
    ramp_connection *ann = ann_and_bob(&bob);
    ramp_connection_set_data(bob, &data);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    writes_and_says(bob, "b", "1");
    ramp_leave(bob, 1000, NULL);
    rig_run(&rig);
    assert_string_equal(ramp_connection_id(bob), "bob"); /* asan would say */
    rig_join(&rig, "bob");
    rig_run(&rig);
    storage_release(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"1\"\n"
                     "message bob; db_set \"b\" \"1\"; broadcast ann \"1\"\nleave bob\n"
                     "join bob\n");
}

static void a_host_that_goes_drops_what_waits(void **state) {
    ramp_connection *bob;
    (void)state;
    ramp_connection *ann = ann_and_bob(&bob);
    storage_hold(DB_COMMIT);
    writes_and_says(ann, "a", "1");
    says(bob, "x");
    ramp_leave(bob, 1000, NULL);
    rig_run(&rig);
    rig_close(&rig);
    assert_int_equal(storage.cancelled, 1);
}

/* ---- failures inside, while the gate is closed ----------------------------------------------- */

static void a_trap_behind_a_closed_gate_drops_only_its_own_call(void **state) {
    struct program trap = {.size = 0}, look = {.size = 0};
    (void)state;
    tell_opens();
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_tell(DB_COMMIT);
    storage_tell(DB_GET);
    writes_and_says(ann, "a", "1");
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    writes_and_says(ann, "b", "2");
    program_db(&trap, "never", "1");
    program_kv(&trap, "never", "1");
    DO(&trap, trap, 0);
    rig_do(ann, &trap);
    program_get(&look, "never"); /* nobody reads it */
    DO(&look, kv_get, 0, AT_KEY, 5, S, 8);
    DO(&look, wait, S, 8);
    DO(&look, wait, S, 8);
    DO(&look, tell, 0);
    rig_do(ann, &look);
    writes_and_says(ann, "c", "3");
    rig_expect(&rig, "> get \"never\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"1\"\n"
                     "> commit 2 \"b\" \"2\" \"c\" \"3\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"b\" \"2\"; broadcast ann \"2\"\n"
                     "message ann FAILED TRAPPED\n"
                     "open; broadcast ann 0x00000000030000000000000000000000\nerror\n"
                     "message ann; broadcast ann 0x00000080ffffffff00000080ffffffff"
                     "ffffffffffffffffffffffffffffffff\n"
                     "message ann; db_set \"c\" \"3\"; broadcast ann \"3\"\n");
    assert_null(storage_row("never"));
    rig_pass(&rig, 1000);
    assert_null(storage_find(SHELF_KV, "s", "r", (ramp_bytes){"never", 5}));
}

static void a_request_is_answered_after_its_write(void **state) {
    struct program program = {.size = 0};
    (void)state;
    program_db(&program, "a", "1");
    DO(&program, http_respond, 201, 0, 0, AT_VALUE, 1);
    storage_hold(DB_COMMIT);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "open\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "request; db_set \"a\" \"1\"; respond 201 \"\" \"1\"\n");
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_run(&rig);
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_expect(&rig, "request FAILED UNAVAILABLE\n");
}

/* A room with an open commit neither ends nor lets its module go. */
static void a_room_with_an_open_commit_does_not_end(void **state) {
    struct program program = {.size = 0};
    (void)state;
    program_db(&program, "a", "1");
    storage_hold(DB_COMMIT);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "open\n");
    assert_int_equal(stats_now().modules_pinned, 1);
    rig_pass(&rig, LIMIT_COMMIT_MS / 2 - 1);
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "request; db_set \"a\" \"1\"\n");
    assert_int_equal(stats_now().modules_pinned, 0);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS - 1);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_run(&rig);
    assert_int_equal(stats_now().rooms, 0);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void timers_hold_from_the_end_of_the_call(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    program_db(&program, "a", "1");
    DO(&program, timer_set, 1, 50, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_pass(&rig, 50);
    assert_int_equal(stats_now().timers, 0); /* it has fired; its outcome waits */
    rig_expect(&rig, "");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; timer_set 1 50 0\ntimer\n");
}

/* ---- kv, and kv_sync ------------------------------------------------------------------------- */

static void kv_writes_leave_with_their_batch(void **state) {
    struct program program = {.size = 0}, panic = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_tell(KV_WRITE);
    program_db(&program, "a", "1");
    program_kv(&program, "k", "v");
    rig_do(ann, &program);
    program_kv(&panic, "k", "never");
    DO(&panic, panic, S, 0);
    rig_do(ann, &panic);
    rig_run(&rig);
    rig_pass(&rig, 1000);
    rig_expect(&rig, "");
    assert_int_equal(stats_now().kv_pending, 0);
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; kv_set \"k\" \"v\"\n"
                     "message ann FAILED PANICKED\nerror\n");
    assert_int_equal(stats_now().kv_pending, 1);
    rig_pass(&rig, LIMIT_KV_FLUSH_MS);
    rig_expect(&rig, "> kv write \"k\" \"v\"\n");
    assert_int_equal(stats_now().kv_written, 1);
    /* A commit that fails takes them with it. */
    rig_do(ann, &program);
    rig_run(&rig);
    storage_refuse(DB_COMMIT, RAMP_IO);
    rig_run(&rig);
    rig_pass(&rig, 1000);
    rig_forget(&rig);
    assert_int_equal(stats_now().kv_written, 1);
    assert_int_equal(stats_now().kv_pending, 0);
}

static void kv_sync_goes_in_steps(void **state) {
    struct program program = {.size = 0}, second = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_COMMIT);
    storage_hold(KV_WRITE);
    storage_tell(DB_COMMIT);
    storage_tell(KV_WRITE);
    writes_and_says(ann, "a", "1");
    program_db(&program, "b", "2");
    program_kv(&program, "k", "v");
    DO(&program, kv_sync, 0);
    program_say(&program, "synced");
    rig_do(ann, &program);
    program_db(&second, "c", "3");
    program_kv(&second, "k", "w");
    DO(&second, kv_sync, 0);
    rig_do(ann, &second);
    writes_and_says(ann, "d", "4"); /* and what comes behind it goes for itself */
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    storage_answer(DB_COMMIT); /* earlier ones leave; then its own commit, alone */
    rig_expect(&rig, "message ann; db_set \"a\" \"1\"; broadcast ann \"1\"\n> commit 2 \"b\" "
                     "\"2\"\n");
    storage_answer(DB_COMMIT); /* its kv writes go at once */
    rig_expect(&rig, "> kv write \"k\" \"v\"\n");
    storage_answer(KV_WRITE);
    rig_expect(&rig, "message ann; db_set \"b\" \"2\"; kv_set \"k\" \"v\"; kv_sync; broadcast ann "
                     "\"synced\"\n> commit 3 \"c\" \"3\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "> kv write \"k\" \"w\"\n");
    storage_answer(KV_WRITE);
    rig_expect(&rig, "message ann; db_set \"c\" \"3\"; kv_set \"k\" \"w\"; kv_sync\n"
                     "> commit 4 \"d\" \"4\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "message ann; db_set \"d\" \"4\"; broadcast ann \"4\"\n");
    /* With nothing to write it leaves at once. */
    program.size = 0;
    DO(&program, kv_sync, 0);
    rig_do(ann, &program);
    rig_expect(&rig, "message ann; kv_sync\n");
}

static void a_kv_sync_that_is_not_acknowledged_fails_after_10_seconds(void **state) {
    struct program program = {.size = 0}, error = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    DO(&error, payload, 0);
    program_install(&program, RAMP_CALL_ERROR, &error);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(KV_WRITE);
    program.size = 0;
    program_db(&program, "a", "1");
    program_kv(&program, "k", "v");
    DO(&program, timer_set, 1, 100000, 0);
    DO(&program, kv_sync, 0);
    program_say(&program, "never");
    rig_do(ann, &program);
    says(ann, "behind");
    rig_run(&rig);
    for (uint32_t ms = 0; ms < LIMIT_SYNC_MS - 1000; ms += 1000) rig_pass(&rig, 1000);
    rig_expect(&rig, "");
    rig_pass(&rig, 1000);
    /* Kind 2, connection, code 7, what failed. */
    rig_expect(&rig,
               "message ann FAILED UNAVAILABLE\nmessage ann; broadcast ann \"behind\"\n"
               "error; broadcast ann 0x020000000000100007000000370000006b762e73796e633a20746865"
               "206b76206261636b656e6420686173206e6f742061636b6e6f776c65646765642074686520777269"
               "746573\n");
    rig_forget(&rig);
    /* What it wrote stays, and so do its timers; no member is closed. */
    assert_string_equal(storage_row("a"), "1");
    assert_int_equal(stats_now().timers, 1);
    assert_int_equal(stats_now().syncs_failed, 1);
    assert_int_equal(rig.closes, 0);
    storage_release(KV_WRITE);
    for (int i = 0; i < 10; i++) rig_pass(&rig, 1000);
    assert_non_null(storage_find(SHELF_KV, "s", "r", (ramp_bytes){"k", 1}));
}

/* ---- saved state in any call ----------------------------------------------------------------- */

static void a_state_is_saved_after_the_commit_and_before_the_frames(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    for (enum storage_kind kind = DB_COMMIT; kind <= STATE_SAVE; kind++) storage_tell(kind);
    storage.tells[DB_ALARMS] = false;
    storage_hold(DB_COMMIT);
    storage_hold(STATE_SAVE);
    program_state(&program, "first");
    program_db(&program, "a", "1");
    program_state(&program, "last");
    program_say(&program, "saved");
    rig_do(ann, &program);
    rig_expect(&rig, "> commit 1 \"a\" \"1\"\n");
    storage_answer(DB_COMMIT);
    rig_expect(&rig, "> save \"last\"\n");
    storage_answer(STATE_SAVE);
    rig_expect(&rig, "message ann; state_save \"first\"; db_set \"a\" \"1\"; state_save \"last\"; "
                     "broadcast ann \"saved\"\n");
    assert_int_equal(stats_now().saves, 1);
    /* Without a write there is no commit. A store that cannot: as with a commit. */
    program.size = 0;
    program_state(&program, "lost");
    rig_do(ann, &program);
    says(ann, "behind");
    rig_expect(&rig, "> save \"lost\"\n");
    storage_refuse(STATE_SAVE, RAMP_IO);
    rig_expect(&rig, "message ann FAILED UNAVAILABLE\nmessage ann FAILED UNAVAILABLE\n"
                     "closed ann 1011\n> load\nopen\nleave ann\n");
    assert_int_equal(stats_now().saves_failed, 1);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void keys_values_and_writes_are_bounded(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    DO(&program, grow, 20);
    DO(&program, fill, AT_PAGE, 'k', 0x10000);
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(ASK(&rig, ann, db_set, AT_PAGE, 0, AT_PAGE, 1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, db_set, AT_PAGE, LIMIT_KEY_SIZE, AT_PAGE, 0), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, db_set, AT_PAGE, LIMIT_KEY_SIZE + 1, AT_PAGE, 0), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, db_set, AT_PAGE, 1, 0, LIMIT_VALUE_SIZE), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, db_set, AT_PAGE, 1, 0, LIMIT_VALUE_SIZE + 1), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, db_set, 0, 4, AT_PAGE, 1), RAMP_ARGS); /* has a NUL */
    assert_int_equal(ASK(&rig, ann, db_del, AT_PAGE, LIMIT_KEY_SIZE + 1), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, AT_PAGE, LIMIT_KEY_SIZE + 1, AT_PAGE, 1, 0),
                     RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, kv_set, 2, AT_PAGE, 1, AT_PAGE, 1, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 1, AT_PAGE, 1, AT_PAGE, 1, -1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 1, AT_PAGE, 1, 0, LIMIT_VALUE_SIZE, 1000), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, alarm_set, -1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, state_save, 0, LIMIT_STATE_SIZE + 1), RAMP_TOO_BIG);
    /* 400 writes, and 4 MiB, of one call. */
    program.size = 0;
    DO(&program, repeat, LIMIT_CALL_DB_WRITES + 1, 0);
    DO(&program, db_set, AT_PAGE, 1, AT_PAGE, 1);
    rig_ask(&rig, ann, &program);
    for (uint32_t i = 0; i <= LIMIT_CALL_DB_WRITES; i++)
        assert_int_equal(rig.told[i], i < LIMIT_CALL_DB_WRITES ? RAMP_OK : RAMP_LIMIT);
    program.size = 0;
    DO(&program, repeat, 9, 0);
    DO(&program, db_set, AT_PAGE, 1, 0, LIMIT_VALUE_SIZE - 1);
    rig_ask(&rig, ann, &program);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(rig.told[i],
                         i < LIMIT_CALL_DB_BYTES / LIMIT_VALUE_SIZE ? RAMP_OK : RAMP_LIMIT);
    assert_int_equal(rig.failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(frames_leave_when_the_write_they_depend_on_is_stored),
        TEST_STORAGE(what_gathers_behind_a_commit_shares_the_next_one),
        TEST_STORAGE(a_transaction_is_not_larger_than_one_call_may_be),
        TEST_STORAGE(reads_see_ones_own_writes_then_those_that_wait_then_the_store),
        TEST_STORAGE_ALONE(a_value_that_was_read_stays_until_the_next_import),
        TEST_STORAGE(a_commit_that_fails_takes_all_that_waits_and_the_instance_with_it),
        TEST_STORAGE(a_call_that_waits_when_a_commit_is_lost_fails_too),
        TEST_STORAGE(whatever_waits_when_a_commit_is_lost_fails_too),
        TEST_STORAGE(a_commit_without_an_outcome_is_settled_by_a_fence),
        TEST_STORAGE(a_doubled_commit_is_recognised_by_its_writer),
        TEST_STORAGE(another_writer_of_the_room_fails_the_commit),
        TEST_STORAGE(a_commit_whose_fate_stays_unknown_fails_after_60_seconds),
        TEST_STORAGE(a_lost_commit_that_had_landed_is_seen_by_the_next_instance),
        TEST_STORAGE(a_fence_is_asked_until_it_is_answered),
        TEST_STORAGE(a_head_that_cannot_be_read_fails_the_calls),
        TEST_STORAGE(what_on_open_writes_holds_back_the_join),
        TEST_STORAGE(what_on_close_writes_is_stored_before_the_room_goes),
        TEST_STORAGE(a_lost_room_refuses_also_when_its_alarm_is_due),
        TEST_STORAGE(a_lost_room_refuses_also_when_it_is_to_change_over),
        TEST_STORAGE(at_most_256_calls_wait_then_the_room_stands_still),
        TEST_STORAGE(at_most_a_mebibyte_waits_but_an_open_gate_takes_any_call),
        TEST_STORAGE(who_has_left_meanwhile_gets_nothing),
        TEST_STORAGE(every_broadcast_leaves_out_those_who_have_left),
        TEST_STORAGE(a_connection_is_good_until_its_leave_has_been_told),
        TEST_STORAGE(a_host_that_goes_drops_what_waits),
        TEST_STORAGE(a_trap_behind_a_closed_gate_drops_only_its_own_call),
        TEST_STORAGE(a_request_is_answered_after_its_write),
        TEST_STORAGE(a_room_with_an_open_commit_does_not_end),
        TEST_STORAGE(timers_hold_from_the_end_of_the_call),
        TEST_STORAGE(kv_writes_leave_with_their_batch),
        TEST_STORAGE(kv_sync_goes_in_steps),
        TEST_STORAGE(a_kv_sync_that_is_not_acknowledged_fails_after_10_seconds),
        TEST_STORAGE(a_state_is_saved_after_the_commit_and_before_the_frames),
        TEST_STORAGE(keys_values_and_writes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

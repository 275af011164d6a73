/* SPDX-License-Identifier: Apache-2.0 */
/* wait_test.c -- CONTRACT 2.7 and 2.8: what a call asks of the outside, and how it waits for it. */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

static void keep_row(const char *key, const char *value) {
    storage_put(SHELF_DB, "s", "r", (ramp_bytes){key, strlen(key)},
                (ramp_bytes){value, strlen(value)});
}

static ramp_connection *ann_alone(void) {
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    return ann;
}

/* Runs the program, which tells its results, until it waits or has ended. */
static void begin(ramp_connection *connection, struct program *program) {
    DO(program, tell, 0);
    rig.told_size = 0;
    rig.failed_status = RAMP_OK;
    rig_do(connection, program);
    rig_run(&rig);
}

static void expect_told(const int64_t *values, size_t count, int line) {
    rig_run(&rig);
    if (rig.failed_status) fail_msg("line %d: %s", line, rig.failed_message);
    if (rig.told_size != count * sizeof(*values))
        fail_msg("line %d: %zu results", line, rig.told_size / sizeof(*values));
    for (size_t i = 0; i < count; i++)
        if (rig.told[i] != values[i])
            fail_msg("line %d: result %zu is %" PRId64 " instead of %" PRId64, line, i, rig.told[i],
                     values[i]);
    rig_forget(&rig);
}
#define TOLD(...)                                                                                  \
    expect_told((const int64_t[]){__VA_ARGS__},                                                    \
                sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), __LINE__)
#define PENDING INT32_MIN

/* Text of up to 8 bytes, as load64 reads it. */
static int64_t word(const char *text) {
    int64_t value = 0;
    memcpy(&value, text, strlen(text));
    return value;
}

static void note_waiting(void *context, const ramp_room_info *info) {
    *(uint32_t *)context += info->waiting;
}
static uint32_t waiting_rooms(void) {
    uint32_t count = 0;
    ramp_host_rooms(rig.host, note_waiting, &count);
    return count;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void wait_delivers_in_the_order_of_the_starts(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    keep_row("a", "1");
    keep_row("b", "22");
    storage_hold(DB_GET);
    program_get(&program, "a");
    program_get(&program, "b");
    program_get(&program, "c");
    for (int i = 0; i < 4; i++) {
        DO(&program, fill, S, 0, 8);
        DO(&program, wait, S, 64);
        DO(&program, load64, S);
    }
    begin(ann, &program);
    assert_int_equal(waiting_rooms(), 1);
    assert_int_equal(storage_held(DB_GET), 3);
    /* Answers come in another order. */
    storage_answer_nth(DB_GET, 2);
    storage_answer_nth(DB_GET, 1);
    rig_run(&rig);
    assert_int_equal(rig.told_size, 0);
    assert_int_equal(waiting_rooms(), 1);
    storage_answer(DB_GET);
    TOLD(PENDING, PENDING, PENDING, 1, word("1"), 2, word("22"), RAMP_NOT_FOUND, 0, RAMP_ARGS, 0);
    assert_int_equal(waiting_rooms(), 0);
    assert_int_equal(stats_now().waits, 3);
}

static void a_driver_that_answers_at_once_is_waited_for_all_the_same(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    keep_row("a", "1");
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    begin(ann, &program);
    TOLD(PENDING, 1, PENDING, 1);
}

static void wait_without_a_pending_is_ARGS(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    DO(&program, wait, S, 64);
    begin(ann, &program);
    TOLD(RAMP_ARGS);
    /* A bad place for the result traps before anything is taken. */
    program.size = 0;
    program_get(&program, "a");
    DO(&program, wait, -1, 64);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
}

static void at_most_16_may_be_pending(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    DO(&program, repeat, LIMIT_PENDINGS + 2, 0);
    DO(&program, db_get, S, 0, S, 64); /* a key of no bytes: not counted */
    program_poke(&program, AT_KEY, "a", 1);
    DO(&program, repeat, LIMIT_PENDINGS + 2, 0);
    DO(&program, db_get, AT_KEY, 1, S, 64);
    DO(&program, wait, S, 64);
    DO(&program, db_get, AT_KEY, 1, S, 64);
    DO(&program, db_get, AT_KEY, 1, S, 64);
    begin(ann, &program);
    assert_int_equal(storage_held(DB_GET), LIMIT_PENDINGS);
    storage_answer(DB_GET);
    rig_run(&rig);
    for (uint32_t i = 0; i < LIMIT_PENDINGS + 2; i++) {
        assert_int_equal(rig.told[i], RAMP_ARGS);
        assert_int_equal(rig.told[LIMIT_PENDINGS + 2 + i],
                         i < LIMIT_PENDINGS ? PENDING : RAMP_LIMIT);
    }
    const int64_t *last = &rig.told[2 * LIMIT_PENDINGS + 4];
    assert_int_equal(last[0], RAMP_NOT_FOUND);
    assert_int_equal(last[1], PENDING);
    assert_int_equal(last[2], RAMP_LIMIT);
    /* The call has ended with 16 unanswered: they were cancelled. */
    assert_int_equal(storage.cancelled, LIMIT_PENDINGS);
    while (storage_held(DB_GET) > 0) storage_answer(DB_GET);
    rig_run(&rig);
}

/* ---- results --------------------------------------------------------------------------------- */

static void a_result_is_read_in_pieces(void **state) {
    struct program program = {.size = 0};
    static char large[5000];
    (void)state;
    ramp_connection *ann = ann_alone();
    for (size_t i = 0; i < sizeof(large); i++) large[i] = (char)('a' + i % 26);
    storage_put(SHELF_DB, "s", "r", (ramp_bytes){"big", 3}, (ramp_bytes){large, sizeof(large)});
    program_get(&program, "big");
    program_get(&program, "big");
    DO(&program, fill, S, 0, 64);
    DO(&program, wait, S, 4);
    DO(&program, load64, S); /* four bytes, no more */
    DO(&program, result_read, 4992, S, 64);
    DO(&program, load64, S);
    DO(&program, result_read, 5000, S, 64);
    DO(&program, log, 1, S, 4); /* does not disturb it */
    DO(&program, result_read, 0, S, 8);
    DO(&program, wait, 0, 0); /* the next takes its place */
    DO(&program, result_read, 4999, S, 8);
    DO(&program, room_info, 0, S, 8); /* and a result at once takes that one's */
    DO(&program, result_read, 0, S, 8);
    begin(ann, &program);
    int64_t end = 0;
    memcpy(&end, large + 4992, 8);
    TOLD(PENDING, PENDING, 5000, word("abcd"), 8, end, 0, 8, 5000, 1, 1, 1);
}

static void event_read_still_works_after_a_wait(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    DO(&program, event_read, 0, S, 2);
    DO(&program, load32, S);
    int64_t head = 0;
    memcpy(&head, program.bytes, 2);
    DO(&program, fill, S + 64, 0, 1);
    begin(ann, &program);
    rig_do(ann, &empty); /* more in the inbox meanwhile */
    rig_join(&rig, "bob");
    storage_answer(DB_GET);
    rig_run(&rig);
    assert_int_equal(rig.told[1], RAMP_NOT_FOUND);
    assert_int_equal(rig.told[2], 2);
    assert_int_equal(rig.told[3] & 0xFFFF, head);
}

static void failures_of_a_driver_are_not_absence(void **state) {
    static const struct {
        ramp_status given, told;
    } cases[] = {{RAMP_NOT_FOUND, RAMP_NOT_FOUND},  {RAMP_TIMEOUT, RAMP_TIMEOUT},
                 {RAMP_IO, RAMP_UNAVAILABLE},       {RAMP_UNAVAILABLE, RAMP_UNAVAILABLE},
                 {RAMP_INTERNAL, RAMP_UNAVAILABLE}, {RAMP_DENIED, RAMP_UNAVAILABLE}};
    static const enum storage_kind kinds[] = {DB_GET, DB_LIST, KV_GET};
    (void)state;
    ramp_connection *ann = ann_alone();
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct program program = {.size = 0};
            if (kinds[k] == DB_LIST && cases[i].given == RAMP_NOT_FOUND) continue;
            storage_hold(kinds[k]);
            program_poke(&program, AT_KEY, (char[]){'k', (char)('a' + i), 0}, 2);
            switch (kinds[k]) {
            case DB_GET: DO(&program, db_get, AT_KEY, 2, S, 64); break;
            case DB_LIST: DO(&program, db_list, AT_KEY, 2, 0, 0, 10, S, 64); break;
            default: DO(&program, kv_get, 0, AT_KEY, 2, S, 64); break;
            }
            DO(&program, wait, S, 64);
            begin(ann, &program);
            storage_refuse(kinds[k], cases[i].given);
            TOLD(PENDING, cases[i].told);
        }
}

static void the_time_moves_with_a_wait(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    int64_t now_ms = rig_wall_ms(&rig);
    storage_hold(DB_GET);
    DO(&program, time_ms, 0);
    program_get(&program, "a");
    DO(&program, time_ms, 0);
    DO(&program, wait, S, 64);
    DO(&program, time_ms, 0);
    begin(ann, &program);
    rig_pass(&rig, 1234);
    storage_answer(DB_GET);
    TOLD(now_ms, PENDING, now_ms, RAMP_NOT_FOUND, now_ms + 1234);
}

/* ---- kv is known here ------------------------------------------------------------------------ */

static void a_kv_get_of_what_was_written_is_answered_at_once(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    program_kv(&program, "k", "mine");
    DO(&program, fill, S, 0, 8);
    DO(&program, kv_get, 0, AT_KEY, 1, S, 64);
    DO(&program, load64, S);
    program_kv(&program, "k", NULL);
    DO(&program, kv_get, 0, AT_KEY, 1, S, 64);
    DO(&program, kv_get, 1, AT_KEY, 1, S, 64); /* the service's is another */
    DO(&program, wait, S, 64);
    begin(ann, &program);
    TOLD(0, 4, word("mine"), 0, RAMP_NOT_FOUND, PENDING, RAMP_NOT_FOUND);
    assert_int_equal(storage.asked[KV_GET], 1);
    /* What has been read is known: of a room for good, of a service for a second. */
    program.size = 0;
    program_poke(&program, AT_KEY, "z", 1);
    for (int64_t scope = 0; scope < 2; scope++) {
        DO(&program, kv_get, scope, AT_KEY, 1, S, 64);
        DO(&program, wait, S, 64);
        DO(&program, kv_get, scope, AT_KEY, 1, S, 64);
    }
    begin(ann, &program);
    TOLD(PENDING, RAMP_NOT_FOUND, RAMP_NOT_FOUND, PENDING, RAMP_NOT_FOUND, RAMP_NOT_FOUND);
}

/* ---- budgets --------------------------------------------------------------------------------- */

static void after_10_seconds_of_waiting_everything_is_TIMEOUT_and_the_call_goes_on(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    storage_hold(KV_GET);
    program_get(&program, "a");
    program_get(&program, "b");
    program_get(&program, "c");
    DO(&program, kv_get, 0, AT_KEY, 1, S, 64);
    DO(&program, wait, S, 64);
    for (int i = 0; i < 3; i++) DO(&program, wait, S, 64);
    program_get(&program, "d");
    DO(&program, wait, S, 64);
    DO(&program, kv_get, 0, AT_KEY, 1, S, 64);
    program_kv(&program, "k", "v"); /* what needs no wait works */
    DO(&program, kv_get, 0, AT_KEY, 1, S, 64);
    begin(ann, &program);
    /* The first answer comes after 4 s, the second, of another wait, has 6 s left. */
    rig_pass(&rig, 4000);
    storage_answer(DB_GET);
    rig_run(&rig);
    storage_answer_nth(DB_GET, 1); /* c has come in time */
    rig_run(&rig);
    assert_true(ramp_host_deadline(rig.host) <= rig.now_ns + (LIMIT_WAIT_MS - 4000) * RIG_MS);
    rig_pass(&rig, LIMIT_WAIT_MS - 4000 - 1);
    assert_int_equal(rig.told_size, 0);
    assert_true(ramp_host_deadline(rig.host) <= rig.now_ns + RIG_MS);
    rig_pass(&rig, 1);
    TOLD(PENDING, PENDING, PENDING, PENDING, RAMP_NOT_FOUND, RAMP_TIMEOUT, RAMP_NOT_FOUND,
         RAMP_TIMEOUT, RAMP_TIMEOUT, RAMP_ARGS, RAMP_TIMEOUT, 0, 1);
    assert_int_equal(stats_now().waits_timed_out, 2);
    assert_int_equal(storage.cancelled, 2);
    /* Late answers are nobody's; the next call waits as long as it likes. */
    while (storage_held(DB_GET) > 0) storage_answer(DB_GET);
    rig_run(&rig);
    program.size = 0;
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    begin(ann, &program);
    rig_pass(&rig, LIMIT_WAIT_MS - 1);
    storage_answer(DB_GET);
    TOLD(PENDING, RAMP_NOT_FOUND);
}

/* Waiting costs no CPU: a call that has waited may use its 50 ms. */
static void a_wait_is_not_charged(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    for (int i = 0; i < 5; i++) {
        program_get(&program, "a");
        DO(&program, wait, S, 64);
    }
    begin(ann, &program);
    uint64_t cpu_ns = stats_now().cpu_ns;
    for (int i = 0; i < 5; i++) {
        rig_pass(&rig, 1900);
        storage_answer(DB_GET);
        rig_run(&rig);
    }
    assert_int_equal(rig.told_size, 80);
    assert_int_equal(stats_now().cpu_ns, cpu_ns); /* the fake clock stands still in the guest */
    assert_int_equal(rig.failures, 0);
}

/* ---- ends of calls with pendings ------------------------------------------------------------- */

static void pendings_end_with_their_call(void **state) {
    enum { DONE, PANIC, TRAP, WAITS_THEN_TRAPS, HOWS };
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    keep_row("a", "old");
    for (int how = DONE; how < HOWS; how++) {
        struct program program = {.size = 0}, next = {.size = 0};
        uint32_t cancelled = storage.cancelled;
        program_get(&program, "a");
        program_get(&program, "a");
        if (how == WAITS_THEN_TRAPS) DO(&program, wait, S, 64);
        if (how == PANIC) DO(&program, panic, S, 1);
        if (how >= TRAP) DO(&program, trap, 0);
        rig_do(ann, &program);
        rig_run(&rig);
        if (how == WAITS_THEN_TRAPS) storage_answer(DB_GET);
        rig_run(&rig);
        assert_int_equal(storage.cancelled, cancelled + (how == WAITS_THEN_TRAPS ? 1 : 2));
        DO(&next, wait, S, 64); /* nothing of it is left for the next */
        begin(ann, &next);
        assert_int_equal(rig.told[0], RAMP_ARGS);
        while (storage_held(DB_GET) > 0) storage_answer(DB_GET);
        rig_run(&rig);
    }
}

static void a_host_that_goes_while_a_call_waits_cancels(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    storage_hold(DB_LIST);
    program_get(&program, "a");
    DO(&program, db_list, AT_KEY, 1, 0, 0, 10, S, 64);
    DO(&program, wait, S, 64);
    begin(ann, &program);
    rig_do(ann, &empty);
    rig_close(&rig);
    assert_int_equal(storage.cancelled, 2);
}

/* ---- other calls meanwhile ------------------------------------------------------------------- */

static void a_call_that_waits_holds_its_room_and_no_other(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_alone();
    ramp_connection *zoe = rig_join_at(&rig, "s", "other", "zoe");
    rig_run(&rig);
    rig_forget(&rig);
    storage_hold(DB_GET);
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    rig_do(ann, &program);
    rig_do(ann, &empty);
    ramp_connection *bob = rig_join(&rig, "bob");
    rig_do(zoe, &empty);
    rig_expect(&rig, "s/other: message zoe\n");
    ramp_leave(ann, 1006, NULL); /* she stays a member until it is dispatched */
    rig_do(zoe, &empty);
    rig_expect(&rig, "s/other: message zoe\n");
    storage_answer(DB_GET);
    rig_expect(&rig, "message ann\nmessage ann\njoin bob\nleave ann\n");
    assert_non_null(bob);
}

/* Other rooms may use the whole slice; a waiting one is not in anybody's way. */
static void many_rooms_wait_at_the_same_time(void **state) {
    struct program program = {.size = 0};
    ramp_connection *all[20];
    (void)state;
    rig.silent = true;
    storage_hold(DB_GET);
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    DO(&program, tell, 0);
    for (size_t i = 0; i < COUNT(all); i++) {
        char room[8];
        snprintf(room, sizeof(room), "r%zu", i);
        all[i] = rig_join_at(&rig, "s", room, "ann");
        rig_do(all[i], &program);
    }
    rig_run(&rig);
    assert_int_equal(waiting_rooms(), COUNT(all));
    rig.outcomes = 0;
    for (size_t left = COUNT(all); left > 0; left--) {
        storage_answer_nth(DB_GET, left * 7 % left);
        rig_run(&rig);
        assert_int_equal(waiting_rooms(), left - 1);
        assert_int_equal(rig.outcomes, COUNT(all) - left + 1);
    }
    assert_int_equal(rig.failures, 0);
}

/* A room in which a call waits neither ends nor lets its module go nor changes its version. */
static void an_update_waits_for_the_call_that_waits(void **state) {
    struct program program = {.size = 0};
    ramp_error error;
    (void)state;
    ramp_connection *ann = ann_alone();
    storage_hold(DB_GET);
    program_get(&program, "a");
    DO(&program, wait, S, 64);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_service(&rig, "s")->version = 99;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_expect(&rig, "");
    rig_pass(&rig, 5000);
    rig_expect(&rig, "");
    storage_answer(DB_GET);
    rig_expect(&rig, "message ann\nsave\nopen\ndeploy; moved 1, kept 0, connections 1\n");
}

/* Answers all gets, one after the other; how many there were. */
static int answer_gets(void) {
    int count = 0;
    rig_run(&rig);
    for (; storage_held(DB_GET) > 0; count++) {
        storage_answer(DB_GET);
        rig_run(&rig);
    }
    return count;
}

/* on_open and every other handler may wait. */
static void every_handler_may_wait(void **state) {
    struct program setup = {.size = 0}, waits = {.size = 0};
    (void)state;
    program_get(&waits, "a");
    DO(&waits, wait, S, 64);
    for (int kind = RAMP_CALL_JOIN; kind <= RAMP_CALL_BACKPRESSURE; kind++)
        if (kind != RAMP_CALL_SAVE) program_install(&setup, (ramp_call_kind)kind, &waits);
    program_bytes(&setup, waits.bytes, waits.size);
    rig_setup(rig_service(&rig, "s"), &setup);
    storage_hold(DB_GET);
    ramp_connection *ann = rig_join(&rig, "ann");
    struct program program = {.size = 0};
    DO(&program, timer_set, 1, 10, 0);
    DO(&program, panic, S, 0);
    assert_int_equal(answer_gets(), 2); /* open, join */
    rig_do(ann, &program);
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    ramp_backpressure(ann, false);
    assert_int_equal(answer_gets(), 4); /* message, error, request, backpressure */
    ramp_leave(ann, 1000, NULL);
    assert_int_equal(answer_gets(), 1);
    rig_expect(&rig, "open\njoin ann\nmessage ann FAILED PANICKED\nerror\nrequest\n"
                     "backpressure ann\nleave ann\n");
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    assert_int_equal(answer_gets(), 1);
    rig_expect(&rig, "save\nclose\n");
    assert_int_equal(stats_now().rooms, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STORAGE(wait_delivers_in_the_order_of_the_starts),
        TEST_STORAGE(a_driver_that_answers_at_once_is_waited_for_all_the_same),
        TEST_STORAGE(wait_without_a_pending_is_ARGS),
        TEST_STORAGE(at_most_16_may_be_pending),
        TEST_STORAGE(a_result_is_read_in_pieces),
        TEST_STORAGE(event_read_still_works_after_a_wait),
        TEST_STORAGE(failures_of_a_driver_are_not_absence),
        TEST_STORAGE(the_time_moves_with_a_wait),
        TEST_STORAGE(a_kv_get_of_what_was_written_is_answered_at_once),
        TEST_STORAGE(after_10_seconds_of_waiting_everything_is_TIMEOUT_and_the_call_goes_on),
        TEST_STORAGE(a_wait_is_not_charged),
        TEST_STORAGE(pendings_end_with_their_call),
        TEST_STORAGE(a_host_that_goes_while_a_call_waits_cancels),
        TEST_STORAGE(a_call_that_waits_holds_its_room_and_no_other),
        TEST_STORAGE(many_rooms_wait_at_the_same_time),
        TEST_STORAGE(an_update_waits_for_the_call_that_waits),
        TEST_STORAGE(every_handler_may_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* calls_test.c -- CONTRACT 2: all or nothing, budgets, both paths into the guest, failures. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

/* Instances of service s say why they were opened. */
static void tell_opens(void) {
    struct program head = {.size = 0};
    DO(&head, head, 0);
    rig_setup(rig_service(&rig, "s"), &head);
}

static void update(void) {
    ramp_error error;
    rig_service(&rig, "s")->version += 1000;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
}

static bool is_fast(void);

/* ---- all or nothing -------------------------------------------------------------------------- */

static void a_calls_events_come_in_order(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");

    program_say(&program, "1");
    DO(&program, conn_send, HANDLE(1), S, 1, 0);
    DO(&program, timer_set, 7, 100, 200);
    DO(&program, conn_close, HANDLE(1), 4000, S, 1);
    DO(&program, timer_clear, 7);
    program_say(&program, "2");
    rig_do(ann, &program);
    rig_expect(
        &rig,
        "open\njoin ann\njoin bob\nmessage ann; broadcast ann,bob \"1\"; send bob \"1\"; "
        "timer_set 7 100 200; close bob 4000 \"1\"; timer_clear 7; broadcast ann,bob \"2\"\n");
}

static void a_call_that_fails_leaves_nothing_behind(void **state) {
    enum { TRAP, PANIC, POINTER, STACK, MEMORY };
    static const char *const expected[] = {
        [TRAP] = "message ann FAILED TRAPPED\n",
        [PANIC] = "message ann FAILED PANICKED\nerror\n",
        [POINTER] = "message ann FAILED TRAPPED\n",
        [STACK] = "message ann FAILED TRAPPED\n",
        [MEMORY] = "message ann FAILED TRAPPED\n",
    };
    ramp_host_stats stats = {.size = sizeof(stats)};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig_run(&rig);
    rig_forget(&rig);
    for (int how = TRAP; how <= MEMORY; how++) {
        struct program program = {.size = 0};
        program_say(&program, "never");
        DO(&program, timer_set, 1, 10, 0);
        DO(&program, conn_close, HANDLE(0), 1000, S, 0);
        switch (how) {
        case TRAP: DO(&program, trap, 0); break;
        case PANIC: DO(&program, panic, S, 5); break;
        case POINTER: DO(&program, log, 1, -1, 5); break;
        case STACK: DO(&program, recurse, 0); break;
        default: DO(&program, store64, INTERP_SIZE - 7, 1); break;
        }
        rig_do(ann, &program);
        rig_expect(&rig, expected[how]);
        ramp_host_get_stats(rig.host, &stats);
        assert_int_equal(stats.timers, 0);
        rig_pass(&rig, 100);
        program.size = 0;
        program_say(&program, "yes");
        rig_do(ann, &program);
        rig_expect(&rig, how == PANIC ? "message ann; broadcast ann \"yes\"\n"
                                      : "open\nerror\nmessage ann; broadcast ann \"yes\"\n");
    }
    ramp_host_get_stats(rig.host, &stats);
    assert_int_equal(stats.calls_failed, 5);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void after_a_panic_a_resumable_module_goes_on_and_others_begin_anew(void **state) {
    (void)state;
    tell_opens();
    for (int strict = 0; strict < 2; strict++) {
        struct program program = {.size = 0};
        if (strict) {
            snprintf(rig_service(&rig, "s")->module, sizeof(rig.services[0].module), "strict");
            update();
        }
        rig_forget(&rig);
        ramp_connection *ann = rig_join_at(&rig, "s", strict ? "r2" : "r", "ann");
        DO(&program, store64, S + 64, 4711);
        rig_do(ann, &program);
        rig_run(&rig);
        program_poke(&program, S, "oh", 2);
        DO(&program, panic, S, 2);
        assert_int_equal(rig_fails(&rig, ann, &program), RAMP_PANICKED);
        assert_string_equal(rig.failed_message, "oh");
        assert_int_equal(ASK(&rig, ann, load64, S + 64), strict ? 0 : 4711);
        program.size = 0;
        DO(&program, trap, 0);
        assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
        assert_int_equal(ASK(&rig, ann, load64, S + 64), 0);
    }
}

/* Every handler but on_open may panic and go on. */
static void a_resumable_panic_goes_on_from_every_handler(void **state) {
    static const ramp_call_kind kinds[] = {
        RAMP_CALL_JOIN,    RAMP_CALL_MESSAGE, RAMP_CALL_LEAVE,       RAMP_CALL_TIMER,
        RAMP_CALL_REQUEST, RAMP_CALL_ERROR,   RAMP_CALL_BACKPRESSURE};
    struct program setup = {.size = 0};
    (void)state;
    tell_opens();
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct program program = {.size = 0}, panic = {.size = 0};
        ramp_connection *ann = rig_join(&rig, "ann"), *bob;
        DO(&program, store64, S + 64, (int64_t)i + 1);
        DO(&program, timer_set, 1, 10, 0);
        DO(&panic, panic, S, 0);
        program_install(&program, kinds[i], &panic);
        rig_do(ann, &program);
        bob = rig_join(&rig, "bob");
        rig_run(&rig);
        if (kinds[i] == RAMP_CALL_ERROR) DO(&setup, panic, S, 0), rig_do(bob, &setup);
        ramp_backpressure(bob, false);
        rig_pass(&rig, 10);
        assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
        rig_send(bob, "", 0);
        ramp_leave(bob, 1000, NULL);
        rig_run(&rig);
        assert_true(rig.failures > i);
        rig.transcript[rig.transcript_size] = '\0';
        assert_null(strstr(rig.transcript + 5, "open"));
        if (kinds[i] == RAMP_CALL_MESSAGE) { /* every further message panics, too */
            ramp_leave(ann, 1000, NULL);
            rig_pass(&rig, 20);
            rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
            rig_forget(&rig);
            continue;
        }
        assert_int_equal(ASK(&rig, ann, load64, S + 64), i + 1);
        ramp_leave(ann, 1000, NULL);
        rig_pass(&rig, 20);
        rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
        rig_forget(&rig);
    }
}

static void a_panic_in_on_open_is_not_open(void **state) {
    struct program panic = {.size = 0};
    (void)state;
    DO(&panic, panic, 32, 5); /* "setup" */
    rig_setup(rig_service(&rig, "s"), &panic);
    rig_join(&rig, "ann");
    rig_expect(&rig, "open FAILED PANICKED\njoin ann FAILED NOT_OPEN\n");
    assert_string_equal(rig.failed_message, "the room could not be opened: setup");
}

static void on_error_runs_once_and_is_told_what_failed(void **state) {
    struct program program = {.size = 0}, payload = {.size = 0}, fail = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&payload, payload, 0);
    program_install(&program, RAMP_CALL_ERROR, &payload);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    program_poke(&fail, S, "why\na.ts:1:2", 12);
    DO(&fail, panic, S, 12);
    rig_do(ann, &fail);
    rig_do(ann, &empty);
    /* kind 2, connection, code 13, 3 bytes */
    rig_expect(&rig, "message ann FAILED PANICKED\nerror; broadcast ann "
                     "0x02000000000010000d00000003000000776879\n"
                     "message ann\n");
    /* After a trap it runs in the new instance, when there is one. */
    program.size = 0;
    program_install(&program, RAMP_CALL_ERROR, &payload);
    rig_setup(rig_service(&rig, "s"), &program);
    update();
    fail.size = 0;
    DO(&fail, trap, 0);
    rig_forget(&rig);
    rig_do(ann, &empty);
    rig_do(ann, &fail);
    rig_expect(&rig, "message ann\nmessage ann FAILED TRAPPED\n");
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig,
               "open\nerror; broadcast ann "
               "0x02000000000010000c00000018000000756e726561636861626c6520636f6465207265616368"
               "6564\nleave ann\n");
}

static void a_failure_of_on_error_is_only_logged(void **state) {
    struct program program = {.size = 0}, fail = {.size = 0};
    (void)state;
    DO(&fail, trap, 0);
    program_install(&program, RAMP_CALL_ERROR, &fail);
    rig_setup(rig_service(&rig, "s"), &program);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_do(ann, &fail);
    rig_do(ann, &empty);
    rig_do(ann, &empty);
    rig_expect(&rig, "open\njoin ann\nmessage ann FAILED TRAPPED\nopen\nerror FAILED "
                     "TRAPPED\nopen\nmessage ann\nmessage ann\n");
    rig_forget(&rig);
}

static void a_module_without_on_error_is_not_told(void **state) {
    (void)state;
    rig_add(&rig, "w", "waits");
    ramp_connection *ann = rig_join_at(&rig, "w", "r", "ann");
    rig_send(ann, ((uint32_t[]){0xFFFFFFFF, 16}), 8);
    rig_send(ann, ((uint32_t[]){64, 16}), 8);
    rig_expect(&rig, "w/r: open\nw/r: join ann\nw/r: message ann FAILED TRAPPED\nw/r: open\n"
                     "w/r: message ann; broadcast ann 0xfdffffff\n");
}

static void a_module_without_handlers_is_a_room_all_the_same(void **state) {
    struct program big = {.size = 10000};
    (void)state;
    snprintf(rig_service(&rig, "s")->module, sizeof(rig.services[0].module), "bare");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_send(ann, "x", 1);
    ramp_backpressure(ann, false);
    /* A request that nobody answers: also a large one, which has a piece of memory of its own. */
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    assert_int_equal(rig_request(&rig, "r", &big), RAMP_OK);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    rig_expect(&rig, "join ann FAILED GONE\nmessage ann FAILED GONE\nopen\nrequest FAILED "
                     "NO_HANDLER\nrequest FAILED NO_HANDLER\nleave ann\n");
    ann = rig_join(&rig, "ann");
    rig_send(ann, "x", 1);
    rig_expect(&rig, "open\njoin ann\nmessage ann\n");
    ramp_backpressure(ann, false);
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig, "backpressure ann\nleave ann\n");
}

/* ---- reasons --------------------------------------------------------------------------------- */

static void on_open_is_told_why(void **state) {
    struct program trap = {.size = 0};
    (void)state;
    tell_opens();
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_expect(&rig, "open; broadcast nobody 0x00000000000000000000000000000000\njoin ann\n");
    DO(&trap, trap, 0);
    rig_do(ann, &trap);
    rig_do(ann, &empty);
    rig_expect(&rig, "message ann FAILED TRAPPED\nopen; broadcast ann "
                     "0x00000000030000000000000000000000\nerror\nmessage ann\n");
    update();
    rig_expect(&rig, "open; broadcast ann 0x00000000010000000000000000000000\n"
                     "deploy; moved 1, kept 0, connections 1\n");
    rig_do(ann, &empty);
    rig_expect(&rig, "message ann\n");
    /* Both at once: there is no instance of the old version to change over from. */
    rig_do(ann, &trap);
    rig_run(&rig);
    rig_forget(&rig);
    update();
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 1\n");
    rig_do(ann, &empty);
    rig_expect(&rig, "open; broadcast ann 0x00000000030000000000000000000000\nerror\n"
                     "message ann\n");
}

/* A version that comes before the room has ever run is nothing new to it. */
static void a_room_that_never_ran_opens_fresh_with_the_newest_version(void **state) {
    ramp_error error;
    (void)state;
    tell_opens();
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    rig_forget(&rig);
    rig_service(&rig, "s")->version = 999;
    rig_service(&rig, "s")->mode = RIG_HELD;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_join(&rig, "ann");
    rig_answer(&rig, "s");
    rig_expect(&rig,
               "deploy\nopen; broadcast nobody 0x00000000000000000000000000000000\njoin ann\n");
}

/* ---- budgets --------------------------------------------------------------------------------- */

static void loop_is_killed(uint32_t promote_calls) {
    struct program program = {.size = 0};
    rig.real_time = true;
    rig_open(&rig, &(ramp_host_options){.promote_calls = promote_calls});
    rig_add(&rig, "s", "interp");
    rig_start_ticking(&rig);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    assert_int_equal(is_fast(), promote_calls == 1);
    program_say(&program, "never");
    DO(&program, loop, 0);
    uint64_t start_ns = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_CPU);
    uint64_t used_ns = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
    if (used_ns < 40 * RIG_MS || used_ns > 250 * RIG_MS)
        fail_msg("killed after %" PRIu64 " us", used_ns / 1000);
    assert_non_null(strstr(rig.failed_message, "50 ms"));
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_int_equal(rig.last_status, RAMP_OK);
}

static void a_loop_is_killed_at_50_ms(void **state) {
    (void)state;
    loop_is_killed(1000000);
}
static void a_loop_is_killed_at_50_ms_on_the_fast_path(void **state) {
    (void)state;
    loop_is_killed(1);
}

static void a_loop_in_on_open_is_killed_at_200_ms(void **state) {
    struct program loop = {.size = 0};
    (void)state;
    DO(&loop, loop, 0);
    rig_setup(rig_service(&rig, "s"), &loop);
    uint64_t start_ns = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    rig_join(&rig, "ann");
    rig_expect(&rig, "open FAILED CPU\njoin ann FAILED NOT_OPEN\n");
    uint64_t used_ns = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
    if (used_ns < 180 * RIG_MS || used_ns > 600 * RIG_MS)
        fail_msg("killed after %" PRIu64 " us", used_ns / 1000);
}

/* Service h uses all of its CPU; service s has its turn after each slice. */
static void a_slow_call_lets_other_services_run_between_its_slices(void **state) {
    struct program loop = {.size = 0};
    int turns = 0;
    (void)state;
    rig_add(&rig, "h", "interp");
    ramp_connection *hog = rig_join_at(&rig, "h", "r", "hog"), *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    DO(&loop, loop, 0);
    rig_do(hog, &loop);
    rig.failed_status = RAMP_OK;
    for (; !rig.failed_status && turns < 100; turns++) {
        uint32_t outcomes = rig.outcomes;
        rig_do(ann, &empty);
        ramp_host_step(rig.host);
        if (!rig.failed_status) assert_int_equal(rig.outcomes, outcomes + 1);
    }
    assert_int_equal(rig.failed_status, RAMP_CPU);
    if (turns < 4) fail_msg("only %d turns", turns);
}

/* The wall clock says a second, the thread's CPU time says 4 ms more at each epoch: it is not killed
 * before it has used 50 ms of its own. */
static void a_call_that_was_descheduled_is_not_killed(void **state) {
    struct program program = {.size = 0};
    (void)state;
    rig.read_ns = 1000 * RIG_MS;
    rig.cpu_read_ns = 4 * RIG_MS;
    rig_open(&rig, NULL);
    rig_add(&rig, "s", "interp");
    rig_start_ticking(&rig);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    uint64_t before_ns = rig.cpu_ns;
    DO(&program, loop, 0);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_CPU);
    if (rig.cpu_ns - before_ns < 40 * RIG_MS || rig.cpu_ns - before_ns > 100 * RIG_MS)
        fail_msg("killed after %" PRIu64 " ms of CPU", (rig.cpu_ns - before_ns) / RIG_MS);
}

/* ---- the two paths --------------------------------------------------------------------------- */

static void note_fast(void *context, const ramp_module_info *info) {
    if (strcmp(info->service, "s") == 0) *(bool *)context = info->fast;
}
static bool is_fast(void) {
    bool fast = false;
    ramp_host_modules(rig.host, note_fast, &fast);
    return fast;
}

static void a_module_is_promoted_after_100_quick_calls_and_demoted_by_a_slow_one(void **state) {
    struct program slow = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    for (uint32_t calls = 3; calls < LIMIT_PROMOTE_CALLS;
         calls++) { /* open and join were the first two */
        rig_do(ann, &empty);
        rig_run(&rig);
        assert_true(rig.last_suspendable);
    }
    if (is_fast()) fail_msg("promoted too early");
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_true(is_fast());
    assert_true(rig.last_suspendable);
    rig_do(ann, &empty);
    rig_run(&rig);
    assert_false(rig.last_suspendable);

    DO(&slow, loop, 0);
    assert_int_equal(rig_fails(&rig, ann, &slow), RAMP_CPU);
    assert_false(is_fast());
    for (uint32_t calls = 0; calls < 2 * LIMIT_PROMOTE_CALLS; calls++) {
        rig_do(ann, &empty);
        rig_run(&rig);
        assert_true(rig.last_suspendable);
    }
    assert_false(is_fast()); /* never again */
    /* Another version has another chance. */
    update();
    rig.silent = true;
    for (uint32_t calls = 0; calls <= LIMIT_PROMOTE_CALLS; calls++)
        rig_do(ann, &empty), rig_run(&rig);
    assert_true(is_fast());
}

static void a_used_up_slice_starts_the_count_again(void **state) {
    struct program slow = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    for (uint32_t calls = 10; calls < LIMIT_PROMOTE_CALLS; calls++)
        rig_do(ann, &empty), rig_run(&rig);
    DO(&slow, loop, 0);
    assert_int_equal(rig_fails(&rig, ann, &slow), RAMP_CPU);
    for (uint32_t calls = 10; calls < LIMIT_PROMOTE_CALLS; calls++)
        rig_do(ann, &empty), rig_run(&rig);
    assert_false(is_fast());
    for (uint32_t calls = 0; calls < 10; calls++) rig_do(ann, &empty), rig_run(&rig);
    assert_true(is_fast()); /* it was not demoted: it had not been promoted */
}

static void a_module_that_may_wait_is_never_promoted(void **state) {
    (void)state;
    rig.silent = true;
    snprintf(rig_service(&rig, "s")->module, sizeof(rig.services[0].module), "waits");
    ramp_connection *ann = rig_join(&rig, "ann");
    for (uint32_t calls = 0; calls < 3 * LIMIT_PROMOTE_CALLS; calls++) {
        rig_send(ann, ((uint32_t[]){64, 16}), 8);
        rig_run(&rig);
        assert_true(rig.last_suspendable);
        assert_int_equal((int32_t)rig.told[0], RAMP_ARGS);
    }
    assert_false(is_fast());
}

static void traps_and_panics_are_the_same_on_the_fast_path(void **state) {
    struct program program = {.size = 0};
    (void)state;
    rig_open(&rig, &(ramp_host_options){.promote_calls = 1});
    rig_add(&rig, "s", "interp");
    ramp_connection *ann = rig_join(&rig, "ann");
    for (int i = 0; i < 100; i++) {
        rig_run(&rig);
        rig_forget(&rig);
        program.size = 0;
        program_say(&program, "never");
        if (i % 4 == 0) DO(&program, trap, 0);
        if (i % 4 == 1) DO(&program, panic, S, 5);
        if (i % 4 == 2) DO(&program, recurse, 0);
        if (i % 4 == 3) DO(&program, log, 1, -1, 5);
        rig_do(ann, &program);
        rig_expect(&rig, i % 4 == 1 ? "message ann FAILED PANICKED\nerror\n"
                                    : "message ann FAILED TRAPPED\n");
        rig_do(ann, &empty);
        rig_run(&rig);
        assert_false(rig.last_suspendable);
        assert_int_equal(rig.last_status, RAMP_OK);
    }
}

/* ---- time, and doing it again ---------------------------------------------------------------- */

static void the_clock_stands_still_while_a_handler_runs(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig.read_ns = 3 * RIG_MS; /* it moves whenever somebody looks at it */
    DO(&program, load64, AT_INBOX);
    for (int i = 0; i < 10; i++) DO(&program, time_ms, 0);
    rig_ask(&rig, ann, &program);
    int64_t time_ms = rig.told[0];
    for (int i = 1; i <= 10; i++) assert_int_equal(rig.told[i], time_ms);
    rig_ask(&rig, ann, &program);
    assert_true(rig.told[0] > time_ms);
}

static void tell_the_story(char *transcript) {
    struct program program = {.size = 0}, timer = {.size = 0};
    rig_open(&rig, &(ramp_host_options){.promote_calls = 7});
    rig_add(&rig, "s", "interp");
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");
    DO(&timer, random, S + 128, 64);
    DO(&timer, hash, 0, INTERP_SIZE);
    DO(&timer, time_ms, 0);
    DO(&timer, tell, 0);
    program_install(&program, RAMP_CALL_TIMER, &timer);
    DO(&program, timer_set, 1, 10, 30);
    DO(&program, timer_set, 2, 25, 0);
    rig_do(ann, &program);
    for (int i = 0; i < 40; i++) {
        program.size = 0;
        DO(&program, add64, S + 64, i);
        DO(&program, random, S + 72, 16);
        DO(&program, room_conns, S + 100, 16);
        DO(&program, hash, 0, INTERP_SIZE);
        if (i % 7 == 3) DO(&program, panic, S, 0);
        DO(&program, tell, 0);
        rig_do(i % 3 ? ann : bob, &program);
        if (i % 5 == 0) ramp_leave(bob, 1000, NULL), bob = rig_join(&rig, "bob");
        rig_pass(&rig, 7);
    }
    memcpy(transcript, rig.transcript, rig.transcript_size);
    transcript[rig.transcript_size] = '\0';
    rig_close(&rig);
}

static void the_same_calls_give_the_same_memory_and_events(void **state) {
    static char first[RIG_TRANSCRIPT_SIZE], second[RIG_TRANSCRIPT_SIZE];
    (void)state;
    tell_the_story(first);
    tell_the_story(second);
    assert_true(strlen(first) > 2000);
    assert_string_equal(first, second);
}

/* Two rooms of one module share nothing; a slot that was used before is as new. */
static void instances_share_nothing(void **state) {
    struct program dirty = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    int64_t fresh = ASK(&rig, ann, hash, AT_PAGE, 0x10000);
    for (int i = 0; i < 20; i++) {
        char room[16];
        snprintf(room, sizeof(room), "r%d", i);
        ramp_connection *bob = rig_join_at(&rig, "s", room, "bob");
        assert_int_equal(ASK(&rig, bob, hash, AT_PAGE, 0x10000), fresh);
        dirty.size = 0;
        DO(&dirty, fill, AT_PAGE, 0xAA, 0x10000);
        rig_do(bob, &dirty);
        assert_int_equal(ASK(&rig, ann, hash, AT_PAGE, 0x10000), fresh);
        ramp_leave(bob, 1000, NULL);
        rig_pass(&rig, 1);
        if (i % 3 == 0) rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_calls_events_come_in_order),
        TEST(a_call_that_fails_leaves_nothing_behind),
        TEST(after_a_panic_a_resumable_module_goes_on_and_others_begin_anew),
        TEST(a_resumable_panic_goes_on_from_every_handler),
        TEST(a_panic_in_on_open_is_not_open),
        TEST(on_error_runs_once_and_is_told_what_failed),
        TEST(a_failure_of_on_error_is_only_logged),
        TEST(a_module_without_on_error_is_not_told),
        TEST(a_module_without_handlers_is_a_room_all_the_same),
        TEST(on_open_is_told_why),
        TEST(a_room_that_never_ran_opens_fresh_with_the_newest_version),
        TEST_ALONE(a_loop_is_killed_at_50_ms),
        TEST_ALONE(a_loop_is_killed_at_50_ms_on_the_fast_path),
        TEST_REAL(a_loop_in_on_open_is_killed_at_200_ms),
        TEST_REAL(a_slow_call_lets_other_services_run_between_its_slices),
        TEST_ALONE(a_call_that_was_descheduled_is_not_killed),
        TEST_REAL(a_module_is_promoted_after_100_quick_calls_and_demoted_by_a_slow_one),
        TEST_REAL(a_used_up_slice_starts_the_count_again),
        TEST(a_module_that_may_wait_is_never_promoted),
        TEST_ALONE(traps_and_panics_are_the_same_on_the_fast_path),
        TEST(the_clock_stands_still_while_a_handler_runs),
        TEST_ALONE(the_same_calls_give_the_same_memory_and_events),
        TEST(instances_share_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

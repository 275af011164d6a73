/* SPDX-License-Identifier: Apache-2.0 */
/* torture_test.c -- one story, told again and again with the n-th allocation failing, until none fails: no
 * crash, nothing left in memory, and every call that was taken ends in exactly one outcome. */
#include "unit/core/rig_storage.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct { uint32_t taken, ended; /* calls with our tag */ } story;

static void took(ramp_status status) {
    story.taken += status == RAMP_OK;
}

static void on_done(struct rig *it, const ramp_outcome *outcome) {
    (void)it;
    story.ended += outcome->tag == &story;
}

static void join(const char *id) {
    ramp_connection *connection;
    took(ramp_join(rig.host, "s", "r",
                   &(ramp_join_options){.size = sizeof(ramp_join_options),
                                        .id = id,
                                        .query = {"name=some%20value", 17},
                                        .tag = &story},
                   &connection, NULL));
}

static void say(const char *id, const struct program *program) {
    ramp_connection *connection = ramp_connection_find(rig.host, "s", "r", id);
    if (connection)
        took(ramp_message(connection, (ramp_bytes){program->bytes, program->size}, true, &story));
}

static void leave(const char *id) {
    ramp_connection *connection = ramp_connection_find(rig.host, "s", "r", id);
    if (!connection) return;
    story.taken++;
    ramp_leave(connection, 1000, &story);
}

static void request(const char *service, const struct program *program) {
    took(ramp_http_request(rig.host, service, "r",
                           &(ramp_request){.size = sizeof(ramp_request),
                                           .method = {"GET", 3},
                                           .path = {"/", 1},
                                           .headers = {"a: b\n", 5},
                                           .body = {program->bytes, program->size},
                                           .tag = &story},
                           NULL));
}

static void tell_the_story(bool as_wasm) {
    struct program busy = {.size = 0}, panic = {.size = 0}, trap = {.size = 0},
                   respond = {.size = 0};
    static struct program large = {.size = 16000};

    DO(&busy, grow, 1);
    DO(&busy, repeat, 40, 0);
    DO(&busy, conn_send, HANDLE(0), S, 100, 1);
    DO(&busy, room_broadcast, 0, 100000, 1, 0, 0);
    program_poke(&busy, S, "name\0\0\x10\0\xFF", 9);
    DO(&busy, room_broadcast, S, 4, 0, S + 4, 1);
    DO(&busy, conn_info, HANDLE(0), 1, S, 4, S + 64, 64);
    DO(&busy, room_conns, S + 64, 64);
    DO(&busy, env_get, S, 4, S + 64, 64);
    DO(&busy, log, 1, S + 4, 5);
    DO(&busy, conn_close, HANDLE(1), 1000, S, 4);
    DO(&busy, repeat, 3, 1);
    DO(&busy, timer_set, 1, 20, 0);
    DO(&busy, timer_set, 8, 10, 10);
    DO(&busy, timer_clear, 8);
    program_poke(&panic, S, "so\na.ts:1:1", 11);
    DO(&panic, panic, S, 11);
    DO(&trap, trap, 0);
    DO(&respond, http_respond, 200, S, 0, S, 10);
    DO(&respond, timer_set, 9, 10, 0);

    if (as_wasm) { /* is compiled in the host */
        struct rig_service *service = rig_service(&rig, "s");
        service->mode = RIG_HELD;
        join("ann");
        rig_run(&rig);
        if (service->ticket)
            ramp_complete_load(rig.host, service->ticket,
                               &(ramp_load_answer){.size = sizeof(ramp_load_answer),
                                                   .wasm = rig_module("interp", false)->wasm,
                                                   .id = {{9}}});
        service->mode = RIG_AT_ONCE;
    }
    join("ann");
    join("bob");
    rig_run(&rig);
    say("ann", &busy);
    say("bob", &large);
    say("bob", &busy);
    say("bob", &panic);
    request("s", &respond);
    rig_run(&rig);
    rig_pass(&rig, 20);
    say("ann", &trap);
    say("ann", &busy);
    rig_run(&rig);
    join("ann"); /* replaced */
    rig_run(&rig);
    if (ramp_connection_find(rig.host, "s", "r", "bob"))
        ramp_backpressure(ramp_connection_find(rig.host, "s", "r", "bob"), false);
    leave("ann");
    join("cat");
    leave("cat");
    rig_run(&rig);
    took(ramp_service_update(rig.host, "s", &story, NULL));
    rig_run(&rig);
    rig_service(&rig, "s")->version += 100;
    took(ramp_service_update(rig.host, "s", &story, NULL));
    rig_run(&rig);
    say("bob", &busy);
    rig_run(&rig);
    leave("bob");
    rig_run(&rig);
    request("t", &respond); /* s has to go */
    took(ramp_open(rig.host, "t", "other", &story, NULL));
    request("nobody", &respond);
    rig_run(&rig);
    rig_pass(&rig, 20);
    join("ann"); /* and comes back, t goes */
    rig_run(&rig);
    /* Loads without an answer are given up, idle rooms end. */
    for (int i = 0; i < 4; i++) rig_pass(&rig, LIMIT_LOAD_MS + 1);
    leave("ann");
    for (int i = 0; i < 4; i++) rig_pass(&rig, LIMIT_LOAD_MS + 1);
}

static bool nothing_failed(long n) {
    bool failed = false;
    void *memory;

    /* What is left of the count is used up here, if the story did not. */
    for (long i = 0; i <= n; i++) {
        memory = mem_alloc(1);
        failed |= memory == NULL;
        mem_free(memory);
    }
    mem_fail_after(-1);
    return failed;
}

/* ---- what is stored -------------------------------------------------------------------------- */

/* Saves what it keeps; reads, lists and waits in on_open and on_error, too. */
static void write_setup(struct rig_service *service) {
    struct program setup = {.size = 0}, save = {.size = 0}, alarm = {.size = 0},
                   reads = {.size = 0};

    program_state(&save, "kept");
    program_get(&reads, "a");
    DO(&reads, db_list, AT_KEY, 0, 0, 0, 10, S, 64);
    DO(&reads, kv_get, 1, AT_KEY, 1, S, 64);
    DO(&reads, wait, S, 64);
    DO(&reads, wait, S, 64);
    program_db(&alarm, "rang", "1");
    DO(&alarm, timer_set, 3, 10, 0);
    program_install(&setup, RAMP_CALL_SAVE, &save);
    program_install(&setup, RAMP_CALL_ALARM, &alarm);
    program_install(&setup, RAMP_CALL_ERROR, &reads);
    program_bytes(&setup, reads.bytes, reads.size);
    service->env[0] = '\0';
    rig_setup(service, &setup);
}

static void pass(uint64_t ms) {
    rig_pass(&rig, ms);
    rig_pass(&rig, 0);
}

static void tell_the_stored_story(bool unused) {
    struct program writes = {.size = 0}, reads = {.size = 0}, syncs = {.size = 0},
                   trap = {.size = 0}, alarm = {.size = 0};
    (void)unused;

    program_db(&writes, "a", "1");
    program_db(&writes, "b", NULL);
    program_kv(&writes, "k", "v");
    program_say(&writes, "to all");
    DO(&writes, conn_send, HANDLE(1), S, 3, 0);
    program_get(&reads, "a");
    DO(&reads, db_list, AT_KEY, 0, 0, 0, 10, S, 64);
    DO(&reads, kv_get, 0, AT_KEY, 1, S, 64);
    for (int i = 0; i < 3; i++) DO(&reads, wait, S, 64);
    program_bytes(&reads, writes.bytes, writes.size);
    program_bytes(&syncs, writes.bytes, writes.size);
    program_state(&syncs, "state");
    DO(&syncs, kv_sync, 0);
    DO(&trap, trap, 0);
    DO(&alarm, alarm_set, RIG_START_MS + 5000);

    write_setup(rig_service(&rig, "s"));
    join("ann");
    join("bob");
    rig_run(&rig);
    storage_hold(DB_COMMIT);
    say("ann", &writes);
    rig_run(&rig);
    say("bob", &reads); /* behind the gate */
    say("ann", &syncs);
    say("ann", &trap);
    leave("bob");
    rig_run(&rig);
    storage_release(DB_COMMIT);
    rig_run(&rig);
    pass(100);
    request("s", &alarm);
    rig_run(&rig);
    pass(6000);
    /* A commit without an outcome, settled by a fence; one that fails. */
    for (int lands = 0; lands < 2; lands++) {
        join("ann");
        rig_run(&rig);
        storage_hold(DB_COMMIT);
        say("ann", &writes);
        rig_run(&rig);
        if (storage_held(DB_COMMIT)) storage_refuse(DB_COMMIT, lands ? RAMP_TIMEOUT : RAMP_IO);
        rig_run(&rig);
        storage_release(DB_COMMIT);
        rig_run(&rig);
        pass(LIMIT_FENCE_MS);
    }
    join("ann");
    rig_run(&rig);
    rig_service(&rig, "s")->version += 100;
    took(ramp_service_update(rig.host, "s", &story, NULL));
    rig_run(&rig);
    say("ann", &writes);
    rig_run(&rig);
    request("t", &trap); /* s saves and makes way */
    rig_run(&rig);
    pass(10);
    say("ann", &reads);
    rig_run(&rig);
    storage_hold(KV_WRITE);
    say("ann", &syncs);
    rig_run(&rig);
    for (int i = 0; i < 12; i++) pass(1000);
    storage_release(KV_WRITE);
    rig_run(&rig);
    leave("ann");
    for (int i = 0; i < 6; i++) pass(LIMIT_LOAD_MS + 1);
    pass(2 * LIMIT_COMMIT_MS); /* what was asked and never answered */
    for (int i = 0; i < 6; i++) pass(LIMIT_LOAD_MS + 1);
}

/* ---- again and again ------------------------------------------------------------------------- */

static void torture(void (*tell)(bool), bool as_wasm) {
    ramp_host_options options = {.modules_max = 1, .rooms_max = 8, .promote_calls = 5};
    ramp_host_stats stats = {.size = sizeof(stats)};
    bool passed = false, is_stored = tell == tell_the_stored_story;
    ramp_error error;
    long n = 0;

    rig_module("interp", false);
    for (; !passed && n < 5000; n++) {
        memset(&rig, 0, sizeof(rig));
        memset(&story, 0, sizeof(story));
        rig.silent = true;
        storage_done();
        storage_init();
        options.kv = is_stored ? &storage.kv : NULL;
        options.db = is_stored ? &storage.db : NULL;
        options.states = is_stored ? &storage.states : NULL;
        mem_fail_after(n);
        if (rig_try_open(&rig, &options, &error)) {
            assert_int_equal(error.status, RAMP_NO_MEMORY);
            mem_fail_after(-1);
            assert_int_equal(mem_live_count(), rig.live_before);
            continue;
        }
        rig.on_done = on_done;
        rig_add(&rig, "s", is_stored ? "interp+wait" : "interp");
        rig_add(&rig, "t", "interp");
        tell(as_wasm);
        passed = nothing_failed(n);
        ramp_host_get_stats(rig.host, &stats);
        if (story.taken != story.ended)
            fail_msg("allocation %ld: %u calls taken, %u ended", n, story.taken, story.ended);
        if (stats.rooms || stats.connections || stats.timers)
            fail_msg("allocation %ld: %u rooms, %u connections, %u timers are left", n, stats.rooms,
                     stats.connections, stats.timers);
        /* The story that nothing disturbs is the one that was meant. */
        if (passed && is_stored) {
            assert_true(stats.commits >= 8 && stats.commits_failed == 2 && stats.saves >= 4);
            assert_true(stats.alarms == 1 && stats.syncs_failed == 1 && stats.waits >= 12);
        }
        rig_close(&rig);
    }
    assert_true(passed);
    assert_true(n > 50);
    print_message("%ld allocations\n", n);
}

static void the_story_survives_every_allocation_that_fails(void **state) {
    (void)state;
    torture(tell_the_story, false);
}
static void the_story_with_a_compile_survives_every_allocation_that_fails(void **state) {
    (void)state;
    torture(tell_the_story, true);
}
static void what_is_stored_survives_every_allocation_that_fails(void **state) {
    (void)state;
    rig_module("interp+wait", false);
    torture(tell_the_stored_story, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ALONE(the_story_survives_every_allocation_that_fails),
        TEST_ALONE(the_story_with_a_compile_survives_every_allocation_that_fails),
        TEST_STORAGE_ALONE(what_is_stored_survives_every_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

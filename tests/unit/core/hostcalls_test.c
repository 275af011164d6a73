/* SPDX-License-Identifier: Apache-2.0 */
/* hostcalls_test.c -- CONTRACT 1: what each import answers, and that no pointer reaches beyond the guest. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"

#define S AT_SCRATCH

/* ---- pointers -------------------------------------------------------------------------------- */

/* A good call of every import that takes a pointer, and where its (pointer, size) pairs stand. `scale`: what
 * one of the size means in bytes. */
static const struct pointer_case {
    enum rig_op op;
    const char *name;
    uint8_t count;
    int64_t arguments[7];
    struct {
        uint8_t at, scale;
    } pairs[3];
} pointer_cases[] = {
    {OP_room_broadcast, "room_broadcast", 5, {S, 4, 1, S, 0}, {{0, 1}, {3, 4}}},
    {OP_conn_send, "conn_send", 4, {HANDLE(0), S, 4, 1}, {{1, 1}}},
    {OP_conn_send, "conn_send to nobody", 4, {77, S, 4, 1}, {{1, 1}}},
    {OP_conn_close, "conn_close", 4, {HANDLE(0), 1000, S, 4}, {{2, 1}}},
    {OP_kv_set, "kv_set", 6, {0, S, 4, S, 4, 0}, {{1, 1}, {3, 1}}},
    {OP_kv_set, "kv_set of no scope", 6, {9, S, 4, S, 4, 0}, {{1, 1}, {3, 1}}},
    {OP_kv_del, "kv_del", 3, {0, S, 4}, {{1, 1}}},
    {OP_db_set, "db_set", 4, {S, 4, S, 4}, {{0, 1}, {2, 1}}},
    {OP_db_del, "db_del", 2, {S, 4}, {{0, 1}}},
    {OP_http_respond, "http_respond", 5, {200, S, 0, S, 4}, {{1, 1}, {3, 1}}},
    {OP_state_save, "state_save", 2, {S, 4}, {{0, 1}}},
    {OP_room_info, "room_info", 3, {0, S, 4}, {{1, 1}}},
    {OP_room_info, "room_info of no field", 3, {9, S, 4}, {{1, 1}}},
    {OP_room_conns, "room_conns", 2, {S, 4}, {{0, 1}}},
    {OP_conn_info, "conn_info", 6, {HANDLE(0), 0, S, 4, S, 4}, {{2, 1}, {4, 1}}},
    {OP_conn_info, "conn_info of nobody", 6, {77, 0, S, 4, S, 4}, {{2, 1}, {4, 1}}},
    {OP_env_get, "env_get", 4, {S, 4, S, 4}, {{0, 1}, {2, 1}}},
    {OP_event_read, "event_read", 3, {0, S, 4}, {{1, 1}}},
    {OP_event_read, "event_read past the end", 3, {99999, S, 4}, {{1, 1}}},
    {OP_result_read, "result_read", 3, {0, S, 4}, {{1, 1}}},
    {OP_random, "random", 2, {S, 4}, {{0, 1}}},
    {OP_log, "log", 3, {1, S, 4}, {{1, 1}}},
    {OP_kv_get, "kv_get", 5, {0, S, 4, S, 4}, {{1, 1}, {3, 1}}},
    {OP_kv_get, "kv_get of no scope", 5, {7, S, 4, S, 4}, {{1, 1}, {3, 1}}},
    {OP_db_get, "db_get", 4, {S, 4, S, 4}, {{0, 1}, {2, 1}}},
    {OP_db_list, "db_list", 7, {S, 4, S, 4, 1, S, 4}, {{0, 1}, {2, 1}, {5, 1}}},
    {OP_http_fetch, "http_fetch", 3, {S, S, 4}, {{1, 1}}},
};

static const struct pair {
    uint32_t address, size;
} bad_pairs[] = {
    {0xFFFFFFFF, 1},          {0xFFFFFFF0, 0x20},       {INTERP_SIZE - 1, 2}, {INTERP_SIZE - 3, 4},
    {0, 0xFFFFFFFF},          {0, 0x80000000},          {0x80000000, 0},      {INTERP_SIZE, 1},
    {INTERP_SIZE + 1, 0},     {0xFFFFFFFF, 0xFFFFFFFF}, {0xFFFFFFFF, 0},      {1, 0xFFFFFFFF},
    {0x80000000, 0x80000000},
};

static void a_bad_pointer_traps_in_every_import(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < COUNT(pointer_cases); i++) {
        const struct pointer_case *it = &pointer_cases[i];
        for (size_t k = 0; k < COUNT(it->pairs) && it->pairs[k].scale; k++) {
            for (size_t bad = 0; bad < COUNT(bad_pairs); bad++) {
                struct program program = {.size = 0};
                int64_t arguments[7];
                uint32_t scale = it->pairs[k].scale;
                uint64_t end = bad_pairs[bad].address + (uint64_t)bad_pairs[bad].size * scale;

                assert_true(end > INTERP_SIZE);
                memcpy(arguments, it->arguments, sizeof(arguments));
                arguments[it->pairs[k].at] = bad_pairs[bad].address;
                arguments[it->pairs[k].at + 1] = bad_pairs[bad].size;
                program_say(&program, "never seen");
                program_op(&program, it->op, arguments, it->count);
                if (rig_fails(&rig, ann, &program) != RAMP_TRAPPED ||
                    !strstr(rig.failed_message, "pointer"))
                    fail_msg("%s, pair %zu, (0x%x, 0x%x): %s", it->name, k, bad_pairs[bad].address,
                             bad_pairs[bad].size, ramp_status_name(rig.failed_status));
            }
        }
    }
}

/* panic's own text may lie anywhere, too. */
static void a_bad_pointer_traps_in_panic_and_in_a_request_of_http_fetch(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t bad = 0; bad < COUNT(bad_pairs); bad++) {
        struct program program = {.size = 0};
        DO(&program, panic, bad_pairs[bad].address, bad_pairs[bad].size);
        assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
        for (uint32_t pair = 0; pair < 4; pair++) {
            uint32_t words[10] = {40, 1000};
            words[2 + 2 * pair] = bad_pairs[bad].address;
            words[3 + 2 * pair] = bad_pairs[bad].size;
            program.size = 0;
            program_poke(&program, S, words, sizeof(words));
            DO(&program, http_fetch, S, S, 16);
            assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
        }
    }
    for (uint32_t at = INTERP_SIZE - 39; at < INTERP_SIZE + 2; at++) {
        struct program program = {.size = 0};
        DO(&program, http_fetch, at, S, 16);
        assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
    }
}

static void a_pointer_to_the_very_end_is_good(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < COUNT(pointer_cases); i++) {
        const struct pointer_case *it = &pointer_cases[i];
        for (size_t k = 0; k < COUNT(it->pairs) && it->pairs[k].scale; k++) {
            for (uint32_t size = 0; size < 8; size += it->pairs[k].scale) {
                struct program program = {.size = 0};
                int64_t arguments[7];
                memcpy(arguments, it->arguments, sizeof(arguments));
                arguments[it->pairs[k].at] = INTERP_SIZE - size;
                arguments[it->pairs[k].at + 1] = size / it->pairs[k].scale;
                program_op(&program, it->op, arguments, it->count);
                rig_do(ann, &program);
                rig_run(&rig);
                if (rig.last_status)
                    fail_msg("%s, pair %zu, %u bytes: %s", it->name, k, size, rig.failed_message);
            }
        }
    }
    rig_forget(&rig);
}

static void memory_that_has_grown_is_good_for_pointers_at_once(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, room_info, 0, INTERP_SIZE - 4, 4);
    DO(&program, grow, 1);
    DO(&program, fill, INTERP_SIZE, 'x', 0x10000);
    DO(&program, room_broadcast, INTERP_SIZE, 0x10000, 0, 0, 0);
    DO(&program, room_info, 0, INTERP_SIZE + 0xFFFF, 1);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[1], 2);
    assert_int_equal(rig.told[2], 0);
    assert_int_equal(rig.told[3], 1);
    program.size = 0;
    DO(&program, room_info, 0, INTERP_SIZE + 0xFFFF, 2);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
}

static void a_room_may_not_grow_beyond_its_memory(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    assert_int_equal(ASK(&rig, ann, grow, LIMIT_MEMORY / 65536), -1);
    assert_int_equal(ASK(&rig, ann, grow, LIMIT_MEMORY / 65536 - 2), 2);
    assert_int_equal(ASK(&rig, ann, grow, 1), -1);
    assert_int_equal(ASK(&rig, ann, size, 0), LIMIT_MEMORY / 65536);
}

static void one_buffer_may_be_name_and_result(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann;
    ramp_error error;

    assert_int_equal(ramp_join(rig.host, "s", "r",
                               &(ramp_join_options){.size = sizeof(ramp_join_options),
                                                    .id = "ann",
                                                    .query = {"color=blue", 10}},
                               &ann, &error),
                     RAMP_OK);
    program_poke(&program, S, "color.....", 10);
    DO(&program, conn_info, HANDLE(0), 1, S, 5, S, 5);
    DO(&program, conn_info, HANDLE(0), 0, S + 1, 0, S + 4, 6);
    DO(&program, room_broadcast, S, 10, 0, 0, 0);
    rig_do(ann, &program);
    rig_expect(&rig, "open\njoin ann\nmessage ann; broadcast ann \"blueann...\"\n");
}

/* ---- messages -------------------------------------------------------------------------------- */

static const char *const bad_utf8[] = {
    "\x80", "a\xC0\xAF", "\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xF4\x90\x80\x80"};

static void text_that_is_not_utf8_is_refused_and_binary_is_not_looked_at(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < COUNT(bad_utf8); i++) {
        struct program program = {.size = 0};
        int64_t size = (int64_t)strlen(bad_utf8[i]);
        program_poke(&program, S, bad_utf8[i], strlen(bad_utf8[i]));
        DO(&program, room_broadcast, S, size, 0, S, 0);
        DO(&program, conn_send, HANDLE(0), S, size, 0);
        DO(&program, conn_close, HANDLE(0), 1000, S, size);
        DO(&program, room_broadcast, S, size, 1, S, 0);
        DO(&program, conn_send, HANDLE(0), S, size, 1);
        rig_ask(&rig, ann, &program);
        for (int k = 0; k < 3; k++) assert_int_equal(rig.told[k], RAMP_ARGS);
        for (int k = 3; k < 5; k++) assert_int_equal(rig.told[k], RAMP_OK);
    }
    /* U+0000 and the non-characters are text. */
    struct program program = {.size = 0};
    program_poke(&program, S, "a\0b\xEF\xBF\xBF", 6);
    DO(&program, room_broadcast, S, 6, 0, S, 0);
    assert_int_equal(rig_ask(&rig, ann, &program), 0);
}

static void unknown_kinds_and_codes_are_refused(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    static const struct {
        uint16_t code;
        bool is_good;
    } codes[] = {{0, 0},    {999, 0},  {1000, 1}, {1001, 1}, {1003, 1}, {1004, 0}, {1005, 0},
                 {1006, 0}, {1007, 1}, {1011, 1}, {1014, 1}, {1015, 0}, {1016, 0}, {2999, 0},
                 {3000, 1}, {4000, 1}, {4999, 1}, {5000, 0}, {65535, 0}};

    assert_int_equal(ASK(&rig, ann, room_broadcast, S, 1, 2, S, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, room_broadcast, S, 1, -1, S, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(0), S, 1, 2), RAMP_ARGS);
    for (size_t i = 0; i < COUNT(codes); i++)
        assert_int_equal(ASK(&rig, ann, conn_close, HANDLE(0), codes[i].code, S, 0),
                         codes[i].is_good ? RAMP_OK : RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, conn_close, HANDLE(0), 65536 + 1000, S, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, conn_close, HANDLE(0), 1000, S, 123), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, conn_close, HANDLE(0), 1000, S, 124), RAMP_TOO_BIG);
}

static void a_message_may_have_one_mebibyte_and_not_more(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, grow, 64);
    DO(&program, room_broadcast, 0, LIMIT_MESSAGE_SIZE, 1, S, 0);
    DO(&program, room_broadcast, 0, LIMIT_MESSAGE_SIZE + 1, 1, S, 0);
    DO(&program, conn_send, HANDLE(0), 0, LIMIT_MESSAGE_SIZE, 1);
    DO(&program, conn_send, HANDLE(0), 0, LIMIT_MESSAGE_SIZE + 1, 0);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[1], 0);
    assert_int_equal(rig.told[2], RAMP_TOO_BIG);
    assert_int_equal(rig.told[3], 0);
    assert_int_equal(rig.told[4], RAMP_TOO_BIG);
}

static void a_call_emits_at_most_8_mebibytes_and_4096_events(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, grow, 64);
    DO(&program, repeat, 9, 0);
    DO(&program, room_broadcast, 0, LIMIT_MESSAGE_SIZE, 1, S, 0);
    DO(&program, conn_send, HANDLE(0), S, 0, 1);
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(rig.last_status, RAMP_OK);
    assert_int_equal(rig.events, 9); /* eight, and the empty one, which takes no bytes */

    rig.events = 0;
    program.size = 0;
    DO(&program, repeat, LIMIT_CALL_EVENTS + 5, 0);
    DO(&program, conn_send, HANDLE(0), S, 1, 1);
    DO(&program, timer_set, 1, 10, 0);
    DO(&program, timer_clear, 1, 10, 0);
    DO(&program, conn_close, HANDLE(0), 1000, S, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(rig.events, LIMIT_CALL_EVENTS);
    rig_forget(&rig);
    /* Those that were refused: LIMIT, and nothing of them stays. */
    program.size = 0;
    DO(&program, repeat, LIMIT_CALL_EVENTS - 1, 0);
    DO(&program, timer_clear, 1);
    DO(&program, store64, AT_RESULTS, 0);
    DO(&program, conn_send, HANDLE(0), S, 1, 1);
    DO(&program, conn_send, HANDLE(0), S, 1, 1);
    DO(&program, load64, AT_RESULTS + 8 * (LIMIT_CALL_EVENTS - 1));
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(rig.last_status, RAMP_OK);
    assert_int_equal(rig.events, 2 * LIMIT_CALL_EVENTS);
}

static void a_broadcast_reaches_all_but_those_excepted(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_join(&rig, "cat");
    const uint32_t except[] = {HANDLE(2), 77, HANDLE(0), HANDLE(0), 0x200001, 0, 0xFFFFFFFF};

    program_poke(&program, S, except, sizeof(except));
    DO(&program, room_broadcast, S, 0, 0, S, 1);
    DO(&program, room_broadcast, S, 0, 0, S, COUNT(except));
    DO(&program, room_broadcast, S, 0, 0, S + 4, 1);
    DO(&program, room_broadcast, S, 0, 0, S, 0);
    rig_do(ann, &program);
    rig_expect(&rig,
               "open\njoin ann\njoin bob\njoin cat\nmessage ann; broadcast ann,bob \"\"; "
               "broadcast bob \"\"; broadcast ann,bob,cat \"\"; broadcast ann,bob,cat \"\"\n");
}

static void exceptions_may_be_many_but_cost_little(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "c%d", i);
        rig_join(&rig, id);
        rig_run(&rig);
        rig_forget(&rig);
    }
    /* 100,000 handles against 1,000 members: compared one by one that takes more than 50 ms each. */
    DO(&program, grow, 16);
    DO(&program, fill, AT_PAGE, 0xEE, 400000);
    DO(&program, repeat, 20, 0);
    DO(&program, room_broadcast, S, 1, 0, AT_PAGE, 100000);
    DO(&program, room_broadcast, S, 1, 0, 0, 100001);
    uint64_t start_ns = rig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[1], 0);
    assert_int_equal(rig.told[21], RAMP_ARGS);
    assert_true(rig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns < 500 * RIG_MS);
    /* Unlimited numbers do not wrap around into small ones. */
    program.size = 0;
    DO(&program, room_broadcast, S, 1, 0, 0, 0x40000001);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
}

/* ---- handles --------------------------------------------------------------------------------- */

static void a_handle_is_the_lowest_free_slot_and_a_generation(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    rig_join(&rig, "cat");
    assert_int_equal(ASK(&rig, ann, room_conns, S, 12), 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(i), S, 0, 0), 0);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(3), S, 0, 0), RAMP_GONE);
    ramp_leave(bob, 1000, NULL);
    rig_run(&rig);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(1), S, 0, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_info, HANDLE(1), 0, S, 0, S, 8), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_close, HANDLE(1), 1000, S, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, room_conns, S, 12), 2);

    rig_join(&rig, "dan");
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(1), S, 0, 0),
                     RAMP_GONE); /* his slot, not his handle */
    assert_int_equal(ASK(&rig, ann, conn_send, 0x200001, S, 0, 0), 0);
    assert_int_equal(ASK(&rig, ann, conn_send, 0x300001, S, 0, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_send, 0, S, 0, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_send, 1, S, 0, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_send, 0xFFFFFFFF, S, 0, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_send, -1 & 0xFFFFF, S, 0, 0), RAMP_GONE);
}

static void a_slot_whose_generations_are_used_up_is_retired(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig.silent = true;
    for (uint32_t generation = 1; generation < 4096; generation++) {
        ramp_connection *bob = rig_join(&rig, "bob");
        rig_run(&rig);
        if (generation % 1000 == 0 || generation == 4095)
            assert_int_equal(ASK(&rig, ann, conn_send, (int64_t)generation << 20 | 1, S, 0, 0), 0);
        ramp_leave(bob, 1000, NULL);
        rig_run(&rig);
    }
    ramp_connection *bob = rig_join(&rig, "bob");
    rig_run(&rig);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(1), S, 0, 0), RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(2), S, 0, 0), 0);
    ramp_leave(bob, 1000, NULL);
}

static void a_handle_survives_a_trap_and_a_new_version(void **state) {
    struct program program = {.size = 0};
    ramp_error error;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");

    DO(&program, trap, 0);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(1), S, 0, 0), 0);
    rig_service(&rig, "s")->version = 1000;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_run(&rig);
    assert_int_equal(ASK(&rig, ann, conn_send, HANDLE(1), S, 0, 0), 0);
}

/* ---- results --------------------------------------------------------------------------------- */

static void a_result_is_cut_to_its_buffer_and_can_be_read_whole(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig_join_at(&rig, "s", "r", "a-longer-name");
    rig_run(&rig);
    rig_forget(&rig);
    DO(&program, fill, S, '.', 64);
    DO(&program, conn_info, HANDLE(1), 0, S, 0, S, 4); /* 0: 13 */
    DO(&program, room_broadcast, S, 8, 0, 0, 0);       /* does not disturb it */
    DO(&program, log, 1, S, 4);
    DO(&program, time_ms, 0);
    DO(&program, event_read, 0, S + 60, 1);
    DO(&program, result_read, 2, S, 64); /* 4: 11 */
    DO(&program, room_broadcast, S, 16, 0, 0, 0);
    DO(&program, result_read, 13, S, 64); /* 6: at the end */
    DO(&program, result_read, -1, S, 64); /* 7 */
    DO(&program, result_read, 12, S, 0);  /* 8: asked for nothing */
    DO(&program, result_read, 12, S, 64); /* 9 */
    rig_do(ann, &program);
    DO(&program, tell, 0);
    rig_expect(&rig, "message ann; broadcast ann,a-longer-name \"a-lo....\"; "
                     "broadcast ann,a-longer-name \"longer-name.....\"\n");
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], 13);
    assert_int_equal(rig.told[4], 11);
    assert_int_equal(rig.told[6], 0);
    assert_int_equal(rig.told[7], 0);
    assert_int_equal(rig.told[8], 0);
    assert_int_equal(rig.told[9], 1);
    /* It is gone with the call. */
    assert_int_equal(ASK(&rig, ann, result_read, 0, S, 64), 0);
}

/* Every import with (out, cap) ends the life of the result before it, also by failing: what it pointed to
 * may be overwritten or freed. */
static void a_result_ends_with_the_next_import_that_has_one(void **state) {
    static const struct pointer_case after[] = {
        {OP_room_info, "room_info", 3, {9, S, 4}, {{0, 0}}},
        {OP_conn_info, "conn_info", 6, {HANDLE(0), 2, S, 4, S, 4}, {{0, 0}}},
        {OP_conn_info, "conn_info of nobody", 6, {5, 2, S, 4, S, 4}, {{0, 0}}},
        {OP_conn_info, "conn_info query", 6, {HANDLE(0), 1, S, 4, S, 4}, {{0, 0}}},
        {OP_conn_info, "conn_info no field", 6, {HANDLE(0), 6, S, 4, S, 4}, {{0, 0}}},
        {OP_env_get, "env_get", 4, {S, 4, S, 4}, {{0, 0}}},
        {OP_kv_get, "kv_get", 5, {0, S, 4, S, 4}, {{0, 0}}},
        {OP_db_get, "db_get", 4, {S, 4, S, 4}, {{0, 0}}},
        {OP_db_list, "db_list", 7, {S, 4, S, 4, 1, S, 4}, {{0, 0}}},
        {OP_http_fetch, "http_fetch", 3, {S, S, 4}, {{0, 0}}},
    };
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < COUNT(after); i++) {
        struct program program = {.size = 0};
        DO(&program, fill, S, 'k', 8);
        DO(&program, room_info, 2, S + 64, 4); /* the version: 64 bytes */
        program_op(&program, after[i].op, after[i].arguments, after[i].count);
        DO(&program, result_read, 0, S, 64);
        rig_ask(&rig, ann, &program);
        assert_int_equal(rig.told[0], 64);
        if (rig.told[1] >= 0 || rig.told[2] != 0)
            fail_msg("%s: %d, then %d bytes", after[i].name, (int)rig.told[1], (int)rig.told[2]);
    }
}

static void a_result_does_not_lie_in_memory_that_a_longer_one_has_freed(void **state) {
    static char long_query[60000];
    struct program program = {.size = 0};
    ramp_connection *ann, *bob;
    ramp_error error;
    (void)state;

    memset(long_query, 'q', sizeof(long_query));
    assert_int_equal(ramp_join(rig.host, "s", "r",
                               &(ramp_join_options){.size = sizeof(ramp_join_options),
                                                    .id = "ann",
                                                    .query = {"k=short", 7}},
                               &ann, &error),
                     0);
    assert_int_equal(ramp_join(rig.host, "s", "r",
                               &(ramp_join_options){.size = sizeof(ramp_join_options),
                                                    .id = "bob",
                                                    .query = {long_query, sizeof(long_query)}},
                               &bob, &error),
                     0);
    program_poke(&program, S, "k", 1);
    DO(&program, conn_info, HANDLE(0), 1, S, 1, S, 0);
    DO(&program, conn_info, HANDLE(1), 1, S, 1, S, 0);
    DO(&program, result_read, 0, S, 64);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], 5);
    assert_int_equal(rig.told[1], RAMP_NOT_FOUND);
    assert_int_equal(rig.told[2], 0);
}

/* ---- payloads -------------------------------------------------------------------------------- */

static void a_payload_that_fits_lies_in_the_inbox_and_a_longer_one_is_pulled(void **state) {
    struct program program = {.size = 0}, head = {.size = 0};
    static uint8_t message[20000];
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&head, head, 0);
    program_install(&program, RAMP_CALL_MESSAGE, &head);
    rig_do(ann, &program);
    /* The largest that fits: kind, connection, size, flags 1 BINARY. It leaves a mark. */
    program.size = 0;
    DO(&program, poke, S, INTERP_INBOX - 16 - 18);
    memcpy(message, program.bytes, program.size);
    memcpy(message + INTERP_INBOX - 16 - 4, "mark", 4);
    rig_send(ann, message, INTERP_INBOX - 16);
    rig_run(&rig);
    assert_memory_equal(rig.told,
                        ((uint32_t[]){RAMP_CALL_MESSAGE, HANDLE(0), INTERP_INBOX - 16, 1}), 16);
    /* One more: flags 3, BINARY and PULL. The mark is still there, the head is new. */
    program.size = 0;
    DO(&program, load32, AT_INBOX + 12);
    DO(&program, load32, AT_INBOX + INTERP_INBOX - 4);
    DO(&program, event_read, INTERP_INBOX - 16, S, 64);
    DO(&program, event_read, INTERP_INBOX - 15, S, 64);
    DO(&program, event_read, 0xFFFFFFFF, S, 64);
    DO(&program, event_read, 0, S, 5);
    DO(&program, load32, S);
    DO(&program, tell, 0);
    memset(message, 0, sizeof(message));
    memcpy(message, program.bytes, program.size);
    rig_send(ann, message, INTERP_INBOX - 15);
    rig_run(&rig);
    assert_int_equal(rig.told_size, 7 * 8);
    assert_int_equal(rig.told[0], 4); /* open, join, and two messages went before */
    assert_memory_equal(&rig.told[1], "mark", 4);
    assert_int_equal(rig.told[2], 1);
    assert_int_equal(rig.told[3], 0);
    assert_int_equal(rig.told[4], 0);
    assert_int_equal(rig.told[5], 5);
    assert_memory_equal(&rig.told[6], message, 4);
    rig.transcript[rig.transcript_size] = '\0';
    assert_non_null(strstr(rig.transcript, "broadcast ann 0x0200000000001000f13f000003000000;"));
}

static void the_inbox_head_has_time_and_sequence(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, load64, AT_INBOX);
    DO(&program, load32, AT_INBOX + 8);
    DO(&program, load32, AT_INBOX + 12);
    DO(&program, time_ms, 0);
    rig_ask(&rig, ann, &program);
    int64_t sequence = rig.told[2];
    assert_int_equal(rig.told[0], RIG_EPOCH_MS + 1000);
    assert_int_equal(rig.told[1], 0);
    assert_int_equal(rig.told[3], rig.told[0]);
    rig.now_ns += 77 * RIG_MS;
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], RIG_EPOCH_MS + 1077);
    assert_int_equal(rig.told[2], sequence + 1);
}

static void a_text_message_has_no_binary_flag(void **state) {
    struct program program = {.size = 0}, head = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&head, head, 0);
    program_install(&program, RAMP_CALL_MESSAGE, &head);
    rig_do(ann, &program);
    assert_int_equal(ramp_message(ann, (ramp_bytes){"\0", 2}, false, NULL), RAMP_OK);
    rig_run(&rig);
    assert_memory_equal(rig.told, ((uint32_t[]){RAMP_CALL_MESSAGE, HANDLE(0), 2, 0}), 16);
}

/* ---- who and where --------------------------------------------------------------------------- */

static void room_info_tells_id_service_and_version(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (int field = 0; field < 3; field++) {
        DO(&program, room_info, field, S, 80);
        DO(&program, room_broadcast, S, field < 2 ? 1 : 64, 0, 0, 0);
    }
    rig_do(ann, &program);
    rig_expect(
        &rig,
        "open\njoin ann\nmessage ann; broadcast ann \"r\"; broadcast ann \"s\"; broadcast ann "
        "\"0100000000000000000000000000000000000000000000000000000000000000\"\n");
    assert_int_equal(ASK(&rig, ann, room_info, 0, S, 80), 1);
    assert_int_equal(ASK(&rig, ann, room_info, 2, S, 1), 64);
    assert_int_equal(ASK(&rig, ann, room_info, 3, S, 1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, room_info, -1, S, 1), RAMP_ARGS);
}

static void room_conns_writes_handles_in_slot_order(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    rig_join(&rig, "cat");
    rig_run(&rig);
    ramp_leave(bob, 1000, NULL);
    rig_join(&rig, "dan");
    rig_run(&rig);
    rig_forget(&rig);
    DO(&program, fill, S, 0xEE, 16);
    DO(&program, room_conns, S, 10); /* in bytes: two and a half */
    DO(&program, room_broadcast, S, 12, 1, 0, 0);
    DO(&program, result_read, 0, S, 64);
    DO(&program, room_broadcast, S, 12, 1, 0, 0);
    rig_do(ann, &program);
    rig_expect(&rig, "message ann; broadcast ann,dan,cat 0x0000100001002000020"
                     "0eeee; broadcast ann,dan,cat 0x000010000100200002001000\n");
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], 3);
    assert_int_equal(rig.told[2], 12);
}

static void conn_info_tells_what_the_embedder_told(void **state) {
    static const struct {
        int field;
        const char *name, *value; /* NULL: not found */
    } cases[] = {
        {0, "", "ann"},       {1, "a", "1"},        {1, "b c", "x y/z"},     {1, "empty", ""},
        {1, "flag", ""},      {1, "bad", NULL}, /* %FF is no UTF-8 */
        {1, "half", "%4"},                      /* broken escapes stay */
        {1, "none", NULL},    {1, "", NULL},        {2, "cookie", "k=v; w"}, {2, "x-empty", ""},
        {2, "x", NULL},       {2, "Cookie", NULL},  {2, "", NULL},           {3, "", "user-7"},
        {4, "", "192.0.2.1"}, {5, "role", "admin"}, {5, "sub", NULL},
    };
    static const char query[] = "a=1&a=2&b+c=x%20y%2fz&empty=&flag&bad=%FF&half=%4&&=nothing";
    static const char headers[] = "cookie: k=v; w\nx-empty:\nx-last:  z";
    ramp_connection *ann;
    ramp_error error;
    (void)state;

    assert_int_equal(ramp_join(rig.host, "s", "r",
                               &(ramp_join_options){.size = sizeof(ramp_join_options),
                                                    .id = "ann",
                                                    .user = {"user-7", 6},
                                                    .query = {query, sizeof(query) - 1},
                                                    .headers = {headers, sizeof(headers) - 1},
                                                    .ip = {"192.0.2.1", 9},
                                                    .claims = {"role: admin\n", 12}},
                               &ann, &error),
                     0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct program program = {.size = 0};
        int64_t size = cases[i].value ? (int64_t)strlen(cases[i].value) : RAMP_NOT_FOUND;
        if (cases[i].field == 1 && !*cases[i].name) size = 7; /* "=nothing" has an empty name */
        program_poke(&program, S, cases[i].name, strlen(cases[i].name));
        DO(&program, conn_info, HANDLE(0), cases[i].field, S, (int64_t)strlen(cases[i].name),
           S + 256, 64);
        DO(&program, load64, S + 256);
        if (rig_ask(&rig, ann, &program) != size)
            fail_msg("field %d, %s: %d", cases[i].field, cases[i].name, (int)rig.told[0]);
        if (cases[i].value && *cases[i].value)
            assert_memory_equal(&rig.told[1], cases[i].value, size < 8 ? (size_t)size : 8);
    }
    assert_int_equal(ASK(&rig, ann, conn_info, HANDLE(0), 6, S, 0, S, 8), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, conn_info, HANDLE(0), -1, S, 0, S, 8), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, conn_info, 0, 0, S, 0, S, 8),
                     RAMP_GONE); /* no requester here */
    rig_join(&rig, "bob");
    assert_int_equal(ASK(&rig, ann, conn_info, HANDLE(1), 3, S, 0, S, 8), RAMP_NOT_FOUND);
}

static void env_get_tells_values_of_the_services_environment(void **state) {
    static const struct {
        const char *name, *value;
    } cases[] = {{"A", "1"},    {"URL", "http://x/?a=b"},
                 {"EMPTY", ""}, {"A=", NULL},
                 {"", NULL},    {"B", NULL},
                 {"LAST", "z"}};
    (void)state;
    snprintf(rig_service(&rig, "s")->env, sizeof(rig.services[0].env),
             "A=1\nURL=http://x/?a=b\nA=2\nEMPTY=\nLAST=z");
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct program program = {.size = 0};
        int64_t size = cases[i].value ? (int64_t)strlen(cases[i].value) : RAMP_NOT_FOUND;
        program_poke(&program, S, cases[i].name, strlen(cases[i].name));
        DO(&program, env_get, S, (int64_t)strlen(cases[i].name), S + 256, 64);
        DO(&program, load64, S + 256);
        assert_int_equal(rig_ask(&rig, ann, &program), size);
        if (size > 0)
            assert_memory_equal(&rig.told[1], cases[i].value, size < 8 ? (size_t)size : 8);
    }
}

/* ---- early, and waiting ---------------------------------------------------------------------- */

static void before_on_open_only_log_panic_time_and_random_work(void **state) {
    struct rig_service *early = rig_add(&rig, "early", "early");
    (void)state;

    ramp_connection *ann = rig_join_at(&rig, "early", "r", "ann");
    rig_run(&rig);
    assert_string_equal(rig.log, "1 open : early words\n1 open : early words\n");
    rig_send(ann, "", 0);
    rig_run(&rig);
    assert_int_equal(rig.told_size, 2 * 27 * 4);
    for (size_t i = 0; i < 2 * 27; i++) {
        int32_t result, expected = RAMP_DENIED;
        memcpy(&result, (uint8_t *)rig.told + 4 * i, 4);
        enum rig_op op = OP_room_broadcast + i % 27;
        if (op == OP_time_ms) expected = (int32_t)(RIG_EPOCH_MS / 1000 + 1);
        if (op == OP_random) expected = 1;
        if (op == OP_log || op == OP_panic) expected = 0;
        if (result != expected) fail_msg("import %d gave %d", (int)op, result);
    }
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    assert_int_equal(stats.timers, 0);

    static const struct {
        const char *module;
        const char *open;
    } cases[] = {{"early:mode0=mode1", "early/r2: open FAILED PANICKED\n"},
                 {"early:mode0=mode2", "early/r2: open FAILED TRAPPED\n"},
                 {"early:mode0=mode3", "early/r2: open FAILED PANICKED\n"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        ramp_error error;
        char expected[200];
        snprintf(early->module, sizeof(early->module), "%s", cases[i].module);
        early->version += 1000;
        assert_int_equal(ramp_service_update(rig.host, "early", NULL, &error), RAMP_OK);
        rig_run(&rig);
        rig_forget(&rig);
        rig_join_at(&rig, "early", "r2", "bob");
        snprintf(expected, sizeof(expected), "%searly/r2: join bob FAILED NOT_OPEN\n",
                 cases[i].open);
        rig_expect(&rig, expected);
    }
}

static void wait_with_nothing_pending_is_ARGS_and_early_it_traps(void **state) {
    (void)state;
    rig_add(&rig, "w", "waits");
    ramp_connection *ann = rig_join_at(&rig, "w", "r", "ann");
    rig_send(ann, ((uint32_t[]){64, 16}), 8);
    rig_run(&rig);
    assert_int_equal((int32_t)rig.told[0], RAMP_ARGS);
    assert_true(rig.last_suspendable);

    for (size_t bad = 0; bad < COUNT(bad_pairs); bad++) {
        rig_send(ann, &bad_pairs[bad], 8);
        rig_run(&rig);
        assert_int_equal(rig.last_status, RAMP_TRAPPED); /* waits.wat has no on_error */
    }
    rig_send(ann, ((uint32_t[]){0x20000, 0}), 8);
    rig_run(&rig);
    assert_int_equal((int32_t)rig.told[0], RAMP_ARGS);
    assert_int_equal(rig.last_status, RAMP_OK);

    rig_add(&rig, "w1", "waits:mode0=mode1");
    rig_add(&rig, "w2", "waits:mode0=mode2");
    rig_forget(&rig);
    rig_join_at(&rig, "w1", "r", "ann");
    rig_expect(&rig, "w1/r: open FAILED TRAPPED\nw1/r: join ann FAILED NOT_OPEN\n");
    rig_join_at(&rig, "w2", "r", "ann");
    rig_expect(&rig, "w2/r: open FAILED TRAPPED\nw2/r: join ann FAILED NOT_OPEN\n");
}

/* ---- log, panic, random ---------------------------------------------------------------------- */

static void a_log_line_tells_its_call_and_is_kept_when_the_call_fails(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig_run(&rig);
    program_poke(&program, S, "so it is", 8);
    for (int level = 0; level < 5; level++) DO(&program, log, level, S, level);
    DO(&program, trap, 0);
    rig_forget(&rig);
    rig_fails(&rig, ann, &program);
    *strstr(rig.log, " at function") = '\0';
    assert_string_equal(rig.log,
                        "0 message ann: \n1 message ann: s\n2 message ann: so\n3 message ann: so \n"
                        "3 message ann: so i\n"
                        "ramp 3 message ann: message failed: unreachable code reached");
}

static void what_a_module_logs_is_text_and_cut_between_characters(void **state) {
    struct program program = {.size = 0};
    char text[3 * 700], *line;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    program_poke(&program, S, "a\xFFz\xE2\x82", 5);
    DO(&program, log, 1, S, 5);
    for (size_t i = 0; i < sizeof(text); i++) text[i] = "\xE2\x82\xAC"[i % 3]; /* euro signs */
    program_poke(&program, S, text, sizeof(text));
    DO(&program, log, 1, S, sizeof(text));
    rig_run(&rig);
    rig_forget(&rig);
    rig_do(ann, &program);
    rig_run(&rig);
    line = strchr(rig.log, '\n');
    *line++ = '\0';
    assert_string_equal(rig.log, "1 message ann: a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
    *strchr(line, '\n') = '\0';
    assert_int_equal(strlen(line), strlen("1 message ann: ") + LIMIT_LOG_LINE / 3 * 3);
    assert_memory_equal(line + strlen(line) - 3, "\xE2\x82\xAC", 3);
}

static void log_lines_are_limited_per_call_and_per_second_and_the_rest_is_counted(void **state) {
    struct program program = {.size = 0};
    size_t lines = 0;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, repeat, 100, 0);
    DO(&program, log, 1, S, 1);
    rig_run(&rig);
    rig_forget(&rig);
    rig_do(ann, &program);
    rig_run(&rig);
    for (char *at = rig.log; (at = strchr(at, '\n')); at++) lines++;
    assert_int_equal(lines, LIMIT_LOG_LINES);
    for (int i = 0; i < 3; i++) rig_do(ann, &program);
    rig_run(&rig);
    lines = 0;
    for (char *at = rig.log; (at = strchr(at, '\n')); at++) lines++;
    assert_int_equal(lines, LIMIT_LOG_LINES_PER_S);
    rig_forget(&rig);
    rig_pass(&rig, 1000);
    program.size = 0;
    DO(&program, log, 1, S, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    assert_string_equal(rig.log, "ramp 2  : 200 log lines dropped\n1 message ann: \n");
}

static void a_panic_splits_into_message_and_place(void **state) {
    static const struct {
        const char *text, *message, *where;
    } cases[] = {
        {"boom\nsrc/room.ts:3:9", "boom", "src/room.ts:3:9"},
        {"boom", "boom", ""},
        {"two\nlines", "two\nlines", ""},
        {"two\nlines\nsrc/a.ts:1:1", "two\nlines", "src/a.ts:1:1"},
        {"deep\n~lib/array.ts:9:9", "deep", ""},
        {"", "", ""},
        {"x\n", "x", ""},
        {"bad \xFF byte\na.ts:1:2", "bad \xEF\xBF\xBD byte", "a.ts:1:2"},
    };
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct program program = {.size = 0};
        char expected[400];
        program_poke(&program, S, cases[i].text, strlen(cases[i].text));
        DO(&program, panic, S, (int64_t)strlen(cases[i].text));
        rig_forget(&rig);
        assert_int_equal(rig_fails(&rig, ann, &program), RAMP_PANICKED);
        assert_string_equal(rig.failed_message, cases[i].message);
        if (cases[i].where[0]) assert_string_equal(rig.failed_where, cases[i].where);
        else assert_non_null(strstr(rig.failed_where, "function")); /* from the stack */
        snprintf(expected, sizeof(expected), "ramp 3 message ann: message failed: %s at %s\n",
                 cases[i].message, rig.failed_where);
        assert_string_equal(rig.log, expected);
    }
}

static void a_panics_text_is_cut_between_characters(void **state) {
    struct program program = {.size = 0};
    char text[3 * 500];
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    for (size_t i = 0; i < sizeof(text); i++) text[i] = "\xE2\x82\xAC"[i % 3];
    program_poke(&program, S, text, sizeof(text));
    DO(&program, panic, S, sizeof(text));
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_PANICKED);
    assert_int_equal(strlen(rig.failed_message), LIMIT_PANIC_SIZE / 3 * 3);
}

static void random_fills_what_was_asked_for_and_no_more(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, fill, S, 0, 16);
    DO(&program, random, S + 4, 8);
    DO(&program, load32, S);
    DO(&program, load64, S + 4);
    DO(&program, load32, S + 12);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], 0);
    assert_int_not_equal(rig.told[1], 0);
    assert_int_equal(rig.told[2], 0);
    program.size = 0;
    DO(&program, random, 0, LIMIT_RANDOM_SIZE + 1);
    assert_int_equal(rig_fails(&rig, ann, &program), RAMP_TRAPPED);
}

/* ---- kv, db, alarm, state: no driver is there yet, but arguments are checked ------------------- */

static void storage_checks_its_arguments_first(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    DO(&program, grow, 32);
    DO(&program, fill, S, 'k', 600);
    program_poke(&program, S + 1000, "a\0b", 3);
    program_poke(&program, S + 1100, "\xFF", 1);
    rig_do(ann, &program);
    rig_run(&rig);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S, 4, S, 4, 0), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, kv_set, 1, S, 512, S, 0, 1), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, kv_set, 2, S, 4, S, 4, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S, 0, S, 4, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S, 513, S, 4, 0), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S + 1000, 3, S, 4, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S + 1100, 1, S, 4, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S, 4, S, 4, -1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S, 4, 0, LIMIT_VALUE_SIZE, 0), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, kv_set, 0, S, 4, 0, LIMIT_VALUE_SIZE + 1, 0), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, kv_del, 2, S, 4), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_del, 1, S, 4), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, kv_get, 2, S, 4, S, 4), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, kv_get, 0, S, 4, S, 4), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, kv_sync, 0), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, db_set, S, 4, S, 4), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, db_set, S, 0, S, 4), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, db_set, S, 4, 0, LIMIT_VALUE_SIZE + 1), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, db_del, S, 513), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, db_get, S, 4, S, 4), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, db_list, S, 0, S, 0, 1, S, 4), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, db_list, S, 0, S, 0, 0, S, 4), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, db_list, S, 513, S, 0, 1, S, 4), RAMP_TOO_BIG);
    assert_int_equal(ASK(&rig, ann, alarm_set, -1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, alarm_set, 1), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, state_save, 0, LIMIT_STATE_SIZE), RAMP_UNAVAILABLE);
    assert_int_equal(ASK(&rig, ann, state_save, 0, LIMIT_STATE_SIZE + 1), RAMP_TOO_BIG);
    program.size = 0;
    program_poke(&program, S, (uint32_t[10]){39}, 40);
    DO(&program, http_fetch, S, S, 0);
    program_poke(&program, S, (uint32_t[10]){40}, 40);
    DO(&program, http_fetch, S, S, 0);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], RAMP_ARGS);
    assert_int_equal(rig.told[1], RAMP_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_bad_pointer_traps_in_every_import),
        TEST(a_bad_pointer_traps_in_panic_and_in_a_request_of_http_fetch),
        TEST(a_pointer_to_the_very_end_is_good),
        TEST(memory_that_has_grown_is_good_for_pointers_at_once),
        TEST(a_room_may_not_grow_beyond_its_memory),
        TEST(one_buffer_may_be_name_and_result),
        TEST(text_that_is_not_utf8_is_refused_and_binary_is_not_looked_at),
        TEST(unknown_kinds_and_codes_are_refused),
        TEST(a_message_may_have_one_mebibyte_and_not_more),
        TEST(a_call_emits_at_most_8_mebibytes_and_4096_events),
        TEST(a_broadcast_reaches_all_but_those_excepted),
        TEST(exceptions_may_be_many_but_cost_little),
        TEST(a_handle_is_the_lowest_free_slot_and_a_generation),
        TEST(a_slot_whose_generations_are_used_up_is_retired),
        TEST(a_handle_survives_a_trap_and_a_new_version),
        TEST(a_result_is_cut_to_its_buffer_and_can_be_read_whole),
        TEST(a_result_ends_with_the_next_import_that_has_one),
        TEST(a_result_does_not_lie_in_memory_that_a_longer_one_has_freed),
        TEST(a_payload_that_fits_lies_in_the_inbox_and_a_longer_one_is_pulled),
        TEST(the_inbox_head_has_time_and_sequence),
        TEST(a_text_message_has_no_binary_flag),
        TEST(room_info_tells_id_service_and_version),
        TEST(room_conns_writes_handles_in_slot_order),
        TEST(conn_info_tells_what_the_embedder_told),
        TEST(env_get_tells_values_of_the_services_environment),
        TEST(before_on_open_only_log_panic_time_and_random_work),
        TEST(wait_with_nothing_pending_is_ARGS_and_early_it_traps),
        TEST(a_log_line_tells_its_call_and_is_kept_when_the_call_fails),
        TEST(what_a_module_logs_is_text_and_cut_between_characters),
        TEST(log_lines_are_limited_per_call_and_per_second_and_the_rest_is_counted),
        TEST(a_panic_splits_into_message_and_place),
        TEST(a_panics_text_is_cut_between_characters),
        TEST(random_fills_what_was_asked_for_and_no_more),
        TEST(storage_checks_its_arguments_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

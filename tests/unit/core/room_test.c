/* SPDX-License-Identifier: Apache-2.0 */
/* room_test.c -- CONTRACT 3: who is in a room, who is told, what is queued, and when a room ends. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"

#define S AT_SCRATCH

static ramp_host_stats stats_now(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats;
}

/* The member's room loses its instance, and the next one of service s cannot be opened. */
static void break_the_service(ramp_connection *member) {
    struct program program = {.size = 0};
    struct rig_service *service = rig_service(&rig, "s");
    ramp_error error;

    DO(&program, trap, 0);
    assert_int_equal(rig_fails(&rig, member, &program), RAMP_TRAPPED);
    service->env[0] = '\0';
    rig_setup(service, &program);
    service->version += 1000;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
}

/* What a handler does from now on: tells its kind and arguments. */
static void tell_heads(ramp_connection *connection, ramp_call_kind kind) {
    struct program program = {.size = 0}, head = {.size = 0};
    DO(&head, head, 0);
    program_install(&program, kind, &head);
    rig_do(connection, &program);
    rig_run(&rig);
    rig_forget(&rig);
}

/* ---- joins and leaves ------------------------------------------------------------------------ */

static void a_room_opens_with_its_first_join_and_tells_each_call_once(void **state) {
    struct program hello = {.size = 0};
    (void)state;

    ramp_connection *ann = rig_join(&rig, "ann");
    ramp_connection *bob = rig_join(&rig, "bob");
    program_say(&hello, "hello");
    rig_do(bob, &hello);
    rig_expect(&rig, "open\njoin ann\njoin bob\nmessage bob; broadcast ann,bob \"hello\"\n");
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig, "leave ann\n");
    rig_do(bob, &hello);
    rig_expect(&rig, "message bob; broadcast bob \"hello\"\n");
}

static void a_leave_tells_its_code_and_a_second_one_is_ignored(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    tell_heads(bob, RAMP_CALL_LEAVE);
    ramp_leave(ann, 4321, NULL);
    ramp_leave(ann, 1000, NULL);
    assert_int_equal(ramp_message(ann, (ramp_bytes){"", 0}, false, NULL), RAMP_GONE);
    assert_null(ramp_connection_find(rig.host, "s", "r", "ann"));
    rig_expect(&rig, "leave ann; broadcast bob 0x0300000000001000e110000000000000\n");
    assert_int_equal(stats_now().connections, 1);
}

static void data_and_tag_travel_with_a_connection(void **state) {
    ramp_connection *ann;
    ramp_error error;
    int data = 0, tag = 0, leave_tag = 0;
    (void)state;

    assert_int_equal(ramp_join(rig.host, "s", "r",
                               &(ramp_join_options){.size = sizeof(ramp_join_options),
                                                    .id = "ann",
                                                    .owner = 7,
                                                    .data = &data,
                                                    .tag = &tag},
                               &ann, &error),
                     0);
    rig_run(&rig);
    assert_ptr_equal(rig.last_tag, &tag);
    assert_ptr_equal(ramp_connection_data(ann), &data);
    assert_int_equal(ramp_connection_owner(ann), 7);
    assert_string_equal(ramp_connection_id(ann), "ann");
    assert_string_equal(ramp_connection_room(ann), "r");
    assert_string_equal(ramp_connection_service(ann), "s");
    assert_ptr_equal(ramp_connection_find(rig.host, "s", "r", "ann"), ann);
    assert_null(ramp_connection_find(rig.host, "s", "other", "ann"));
    assert_null(ramp_connection_find(rig.host, "other", "r", "ann"));
    ramp_leave(ann, 1000, &leave_tag);
    assert_null(ramp_connection_data(ann));
    rig_run(&rig);
    assert_ptr_equal(rig.last_tag, &leave_tag);
}

static void an_id_that_joins_again_replaces_and_the_old_leave_runs_first(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    tell_heads(bob, RAMP_CALL_LEAVE);
    tell_heads(bob, RAMP_CALL_JOIN);
    rig_send(ann, "", 0); /* queued before: still runs */
    ramp_connection *again = rig_join(&rig, "ann");
    assert_ptr_not_equal(again, ann);
    assert_ptr_equal(ramp_connection_find(rig.host, "s", "r", "ann"), again);
    /* leave: the old handle, 4409; join: the same slot in its second generation */
    rig_expect(&rig, "closed ann 4409\nmessage ann\nleave ann; broadcast bob "
                     "0x03000000000010003911000000000000\n"
                     "join ann; broadcast ann,bob 0x01000000000020000000000000000000\n");
    assert_int_equal(stats_now().connections, 2);
}

static void an_id_may_replace_one_whose_join_is_still_queued(void **state) {
    (void)state;
    rig_join(&rig, "ann");
    rig_join(&rig, "ann");
    rig_join(&rig, "ann");
    rig_expect(&rig, "closed ann 4409\nclosed ann 4409\njoin ann FAILED GONE\nleave ann\n"
                     "join ann FAILED GONE\nleave ann\nopen\njoin ann\n");
    assert_int_equal(stats_now().connections, 1);
}

static void an_id_of_another_owner_is_refused(void **state) {
    ramp_connection *ann, *other;
    ramp_error error;
    ramp_join_options options = {.size = sizeof(options), .id = "ann", .owner = 1};
    (void)state;

    assert_int_equal(ramp_join(rig.host, "s", "r", &options, &ann, &error), RAMP_OK);
    options.owner = 2;
    assert_int_equal(ramp_join(rig.host, "s", "r", &options, &other, &error), RAMP_CONFLICT);
    rig_expect(&rig, "open\njoin ann\n");
    assert_int_equal(ramp_join(rig.host, "s", "r", &options, &other, &error), RAMP_CONFLICT);
    ramp_leave(ann, 1000, NULL);
    assert_int_equal(ramp_join(rig.host, "s", "r", &options, &other, &error), RAMP_OK);
    rig_expect(&rig, "leave ann\njoin ann\n");
}

static void a_join_whose_client_left_while_queued_is_dropped_with_its_leave(void **state) {
    (void)state;
    ramp_connection *bob = rig_join(&rig, "bob");
    tell_heads(bob, RAMP_CALL_JOIN);
    tell_heads(bob, RAMP_CALL_LEAVE);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_send(ann, "", 0);
    ramp_leave(ann, 1001, NULL);
    rig_expect(&rig, "join ann FAILED GONE\nmessage ann FAILED GONE\nleave ann\n");
    assert_int_equal(ASK(&rig, bob, room_conns, S, 0), 1);
}

/* Nothing is opened for somebody who is not there. */
static void a_room_is_not_opened_for_a_client_that_has_gone(void **state) {
    (void)state;
    ramp_leave(rig_join(&rig, "ann"), 1001, NULL);
    rig_expect(&rig, "join ann FAILED GONE\nleave ann\n");
    assert_int_equal(stats_now().rooms, 0);
    assert_int_equal(rig_service(&rig, "s")->loads, 0);
}

static void a_socket_that_died_stays_listed_until_its_leave_is_dispatched(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    rig_run(&rig);
    rig_forget(&rig);
    DO(&program, room_conns, S, 0);
    DO(&program, conn_send, HANDLE(1), S, 0, 0);
    DO(&program, conn_info, HANDLE(1), 0, S, 0, S, 0);
    DO(&program, tell, 0);
    rig_do(ann, &program);
    ramp_leave(bob, 1006, NULL);
    rig_run(&rig);
    assert_int_equal(rig.told[0], 2);
    assert_int_equal(rig.told[1], 0);
    assert_int_equal(rig.told[2], 3);
    rig_ask(&rig, ann, &program);
    assert_int_equal(rig.told[0], 1);
    assert_int_equal(rig.told[1], RAMP_GONE);
}

static void while_on_leave_runs_the_leaver_is_described_but_not_reached(void **state) {
    struct program program = {.size = 0}, leave = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    DO(&leave, conn_info, HANDLE(1), 0, S, 0, S, 8);
    DO(&leave, conn_send, HANDLE(1), S, 0, 0);
    DO(&leave, conn_close, HANDLE(1), 1000, S, 0);
    DO(&leave, room_conns, S, 0);
    DO(&leave, conn_info, 0, 0, S, 0, S, 8);
    DO(&leave, tell, 0);
    program_install(&program, RAMP_CALL_LEAVE, &leave);
    rig_do(ann, &program);
    rig_run(&rig);
    ramp_leave(bob, 1000, NULL);
    rig_join(&rig, "cat"); /* does not get his slot while he leaves, but then */
    rig_run(&rig);
    assert_int_equal(rig.told[0], 3);
    assert_int_equal(rig.told[1], RAMP_GONE);
    assert_int_equal(rig.told[2], RAMP_GONE);
    assert_int_equal(rig.told[3], 1);
    assert_int_equal(rig.told[4], RAMP_GONE);
    assert_int_equal(ASK(&rig, ann, conn_send, 0x200001, S, 0, 0), 0);
}

static void joined_seen(struct rig *it, const ramp_outcome *outcome) {
    if (outcome->call == RAMP_CALL_JOIN) *(bool *)it->data = outcome->joined;
}

static void a_failed_on_join_leaves_the_member_in(void **state) {
    struct program program = {.size = 0}, trap = {.size = 0};
    bool joined = false;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig.on_done = joined_seen;
    rig.data = &joined;
    program_poke(&trap, S, "no", 2);
    DO(&trap, panic, S, 2);
    program_install(&program, RAMP_CALL_JOIN, &trap);
    rig_do(ann, &program);
    ramp_connection *bob = rig_join(&rig, "bob");
    rig_expect(&rig, "open\njoin ann\nmessage ann\njoin bob FAILED PANICKED\nerror\n");
    assert_true(joined);
    assert_int_equal(ASK(&rig, bob, room_conns, S, 0), 2);
    ramp_leave(bob, 1000, NULL);
    rig_expect(&rig, "leave bob\n");
}

static void a_trap_in_on_leave_still_is_the_leave(void **state) {
    struct program program = {.size = 0}, trap = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    DO(&trap, trap, 0);
    program_install(&program, RAMP_CALL_LEAVE, &trap);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    ramp_leave(bob, 1000, NULL);
    rig_expect(&rig, "leave bob FAILED TRAPPED\n");
    assert_int_equal(ASK(&rig, ann, room_conns, S, 0), 1);
    assert_int_equal(stats_now().connections, 1);
}

/* A leave cannot fail, whatever the memory says. */
static void a_leave_needs_no_memory(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    rig_join_at(&rig, "s", "other", "bob"); /* has the only chunk of the stock */
    mem_fail_after(0);
    ramp_leave(ann, 1006, NULL);
    mem_fail_after(-1);
    ramp_leave(rig_join(&rig, "cat"), 1006, NULL);
    rig_expect(&rig,
               "s/other: open\ns/other: join bob\nleave ann\njoin cat FAILED GONE\nleave cat\n");
    /* Nor does the end of a host whose rooms have such a leave queued. */
    ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_join_at(&rig, "s", "third", "bob");
    mem_fail_after(0);
    ramp_leave(ann, 1006, NULL);
    mem_fail_after(-1);
}

/* A join without memory has not happened: who is there stays, also under the same id. */
static void a_join_without_memory_changes_nothing(void **state) {
    ramp_connection *connection;
    bool joined = false;
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    for (long n = 0; !joined; n++) {
        rig_join_at(&rig, "s", "other",
                    "bob"); /* has the stock's chunk: replaces itself each time */
        mem_fail_after(n);
        joined = rig_try_join(&rig, "s", "r", "ann", &connection) == RAMP_OK;
        mem_fail_after(-1);
        assert_ptr_equal(ramp_connection_find(rig.host, "s", "r", "ann"),
                         joined ? connection : ann);
        rig_run(&rig);
        rig.transcript[rig.transcript_size] = '\0';
        assert_int_equal(strstr(rig.transcript, "\nclosed ann 4409\n") != NULL, joined);
        assert_int_equal(strstr(rig.transcript, "leave ann\njoin ann\n") != NULL, joined);
        assert_int_equal(stats_now().connections, 2);
        rig_forget(&rig);
    }
}

static void ids_are_checked(void **state) {
    char long_id[140];
    ramp_connection *connection;
    (void)state;
    static const struct {
        const char *id;
        bool of_room, of_connection;
    } cases[] = {{"a", 1, 1},        {"", 0, 0},         {"a/b", 0, 1},   {"a b", 1, 1},
                 {"\xC3\xA9", 1, 1}, {"\xC3", 0, 0},     {"a\nb", 0, 0},  {"\x7F", 0, 0},
                 {"\xC2\x85", 0, 0}, {"\xC2\xA0", 1, 1}, {"%2F..", 1, 1}, {"a\x1F", 0, 0}};
    static const struct {
        const char *name;
        bool is_good;
    } services[] = {{"s", 1}, {"s-1", 1}, {"-s", 0}, {"", 0},
                    {"S", 0}, {"s_", 0},  {"s/", 0}, {"\xC3\xA9", 0}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(rig_try_join(&rig, "s", cases[i].id, "ann", &connection),
                         cases[i].of_room ? RAMP_OK : RAMP_ARGS);
        assert_int_equal(rig_try_join(&rig, "s", "r", cases[i].id, &connection),
                         cases[i].of_connection ? RAMP_OK : RAMP_ARGS);
    }
    for (size_t i = 0; i < COUNT(services); i++)
        assert_int_equal(rig_try_join(&rig, services[i].name, "r", "x", &connection),
                         services[i].is_good ? RAMP_OK : RAMP_ARGS);
    memset(long_id, 'x', sizeof(long_id));
    for (size_t size = 126; size < 131; size++) {
        long_id[size] = '\0';
        assert_int_equal(rig_try_join(&rig, "s", long_id, "ann", &connection),
                         size <= LIMIT_ROOM_ID ? RAMP_OK : RAMP_ARGS);
        assert_int_equal(rig_try_join(&rig, "s", "r", long_id, &connection),
                         size <= LIMIT_CONNECTION_ID ? RAMP_OK : RAMP_ARGS);
        long_id[size] = 'x';
    }
    for (size_t size = 62; size < 66; size++) {
        long_id[size] = '\0';
        assert_int_equal(rig_try_join(&rig, long_id, "r", "ann", &connection),
                         size <= LIMIT_SERVICE_NAME ? RAMP_OK : RAMP_ARGS);
        long_id[size] = 'x';
    }
    rig.silent = true;
    rig_run(&rig);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void if_on_open_fails_the_call_fails_and_members_are_closed_without_leaves(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_run(&rig);
    rig_forget(&rig);
    break_the_service(ann);
    /* nothing is opened before somebody calls */
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 2\n");
    rig_send(ann, "", 0);
    rig_expect(
        &rig,
        "open FAILED TRAPPED\nmessage ann FAILED NOT_OPEN\nclosed bob 1011\nclosed ann 1011\n");
    assert_int_equal(stats_now().connections, 0);
    assert_int_equal(stats_now().rooms, 0);
    rig_join(&rig, "ann");
    rig_expect(&rig, "open FAILED TRAPPED\njoin ann FAILED NOT_OPEN\n");
    assert_int_equal(stats_now().rooms, 0);
}

/* A leave that is queued when members are closed: its connection is good until its on_done. */
static void a_leave_that_is_queued_when_members_are_closed_is_told(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");
    rig_join(&rig, "cat");
    rig_run(&rig);
    rig_forget(&rig);
    break_the_service(ann);
    rig_send(ann, "", 0);
    rig_do(bob, &program);
    ramp_leave(bob, 1000, NULL);
    assert_string_equal(ramp_connection_id(bob), "bob");
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 3\nopen FAILED TRAPPED\n"
                     "message ann FAILED NOT_OPEN\nclosed cat 1011\nclosed ann 1011\n"
                     "message bob FAILED GONE\nleave bob\n");
    assert_int_equal(stats_now().connections, 0);
}

static void a_leave_that_would_open_a_broken_room_is_told(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_run(&rig);
    rig_forget(&rig);
    break_the_service(ann);
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 2\nopen FAILED TRAPPED\nleave ann\n"
                     "closed bob 1011\n");
    assert_int_equal(stats_now().rooms, 0);
}

static void what_is_queued_behind_a_failed_open_tries_again(void **state) {
    struct program trap = {.size = 0};
    (void)state;
    DO(&trap, trap, 0);
    rig_setup(rig_service(&rig, "s"), &trap);
    rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_expect(&rig, "open FAILED TRAPPED\njoin ann FAILED NOT_OPEN\nopen FAILED TRAPPED\njoin bob "
                     "FAILED NOT_OPEN\n");
}

static void calls_and_events_have_names(void **state) {
    (void)state;
    assert_string_equal(ramp_call_name(RAMP_CALL_JOIN), "join");
    assert_string_equal(ramp_call_name((ramp_call_kind)99), "unknown");
    assert_string_equal(ramp_event_name(RAMP_EVENT_TIMER_SET), "timer_set");
    assert_string_equal(ramp_event_name((ramp_event_type)99), "unknown");
}

static void open_opens_and_nothing_else(void **state) {
    ramp_error error;
    int tag = 0;
    (void)state;
    assert_int_equal(ramp_open(rig.host, "s", "r", &tag, &error), RAMP_OK);
    assert_int_equal(ramp_open(rig.host, "s", "r", &tag, &error), RAMP_OK);
    rig_expect(&rig, "open\nopen\nopen\n"); /* the host's own, and both of ours */
    assert_ptr_equal(rig.last_tag, &tag);
    assert_int_equal(stats_now().rooms, 1);
    assert_int_equal(ramp_open(rig.host, "nobody", "r", &tag, &error), RAMP_OK);
    rig_expect(&rig, "nobody/r: open FAILED NOT_FOUND\n");
    assert_int_equal(ramp_open(rig.host, "nobody", "r", &tag, &error), RAMP_NOT_FOUND);
}

/* ---- the inbox ------------------------------------------------------------------------------- */

static void a_connection_may_queue_64_messages_and_is_told_when_there_is_room(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    rig_run(&rig);
    rig_forget(&rig);
    for (uint32_t i = 0; i < LIMIT_INBOX_MESSAGES; i++) rig_send(ann, "", 0);
    assert_int_equal(ramp_message(ann, (ramp_bytes){"", 0}, true, NULL), RAMP_BUSY);
    assert_int_equal(ramp_message(ann, (ramp_bytes){"", 0}, true, NULL), RAMP_BUSY);
    rig_send(bob, "", 0); /* another's queue is another's */
    rig_run(&rig);
    assert_int_equal(rig.outcomes, 3 + LIMIT_INBOX_MESSAGES + 1);
    assert_non_null(strstr(rig.transcript, "ready ann\n"));
    assert_null(strstr(strstr(rig.transcript, "ready ann\n") + 1, "ready"));
    rig_send(ann, "", 0);
    rig_run(&rig);
    ramp_leave(ann, 1000, NULL);
}

static void a_leave_has_a_reserved_place(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig_run(&rig);
    for (uint32_t i = 0; i < LIMIT_INBOX_MESSAGES; i++) rig_send(ann, "", 0);
    ramp_leave(ann, 1000, NULL);
    rig_run(&rig);
    assert_int_equal(rig.outcomes, 2 + LIMIT_INBOX_MESSAGES + 1);
    assert_null(strstr(rig.transcript, "ready")); /* she is not there any more */
}

static void a_connection_may_queue_256_kibibytes_but_an_empty_queue_takes_any_message(
    void **state) {
    static uint8_t big[LIMIT_MESSAGE_SIZE + 1];
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    rig_run(&rig);
    rig_send(ann, big, LIMIT_MESSAGE_SIZE); /* zeros: a program that does nothing */
    assert_int_equal(ramp_message(ann, (ramp_bytes){big, 1}, true, NULL), RAMP_BUSY);
    rig_run(&rig);
    assert_int_equal(ramp_message(ann, (ramp_bytes){big, sizeof(big)}, true, NULL), RAMP_TOO_BIG);
    rig_send(ann, big, LIMIT_INBOX_BYTES / 2);
    rig_send(ann, big, LIMIT_INBOX_BYTES / 2);
    rig_send(ann, big, 0);
    assert_int_equal(ramp_message(ann, (ramp_bytes){big, 1}, true, NULL), RAMP_BUSY);
    rig_run(&rig);
    assert_int_equal(rig.failures, 0);
    rig_send(ann, big, 1);
}

static void a_room_queues_8_mebibytes_and_tells_everybody_it_refused(void **state) {
    static uint8_t big[LIMIT_MESSAGE_SIZE];
    ramp_connection *all[12];
    uint32_t refused = 0;
    (void)state;

    for (size_t i = 0; i < COUNT(all); i++) all[i] = rig_join(&rig, (char[]){(char)('a' + i), 0});
    rig_run(&rig);
    rig_forget(&rig);
    /* Everybody's own queue is empty, but the room's is not. */
    for (size_t i = 0; i < COUNT(all); i++)
        refused += ramp_message(all[i], (ramp_bytes){big, sizeof(big)}, true, NULL) == RAMP_BUSY;
    assert_int_equal(refused, COUNT(all) - LIMIT_ROOM_INBOX_BYTES / LIMIT_MESSAGE_SIZE);
    assert_int_equal(ramp_message(all[11], (ramp_bytes){big, 1}, true, NULL), RAMP_BUSY);
    assert_int_equal(rig_request(&rig, "r", &(struct program){.size = 0}), RAMP_BUSY);
    ramp_connection *late;
    assert_int_equal(rig_try_join(&rig, "s", "r", "late", &late), RAMP_BUSY);
    rig_run(&rig);
    for (size_t i = COUNT(all) - refused; i < COUNT(all); i++) {
        char line[] = "ready x\n";
        line[6] = (char)('a' + i);
        assert_non_null(strstr(rig.transcript, line));
        rig_send(all[i], big, 1);
    }
    rig_run(&rig);
    rig_send(all[0], big, sizeof(big));
}

static void at_most_256_requests_wait_in_a_room(void **state) {
    struct program program = {.size = 0};
    ramp_connection *late;
    (void)state;

    for (uint32_t i = 0; i < LIMIT_ROOM_REQUESTS; i++)
        assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_BUSY);
    assert_int_equal(rig_try_join(&rig, "s", "r", "late", &late), RAMP_BUSY);
    assert_int_equal(rig_request(&rig, "r2", &program), RAMP_OK);
    rig.silent = true;
    rig_run(&rig);
    assert_int_equal(rig.failures, 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
}

static void calls_run_in_the_order_in_which_they_came(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann"), *bob = rig_join(&rig, "bob");

    rig_expect(&rig, "open\njoin ann\njoin bob\n");
    rig_send(bob, "", 0);
    rig_send(ann, "", 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_send(bob, "", 0);
    ramp_leave(ann, 1000, NULL);
    rig_join(&rig, "ann");
    rig_expect(&rig, "message bob\nmessage ann\nrequest\nmessage bob\nleave ann\njoin ann\n");
}

static void backpressure_is_told_once_until_it_has_drained(void **state) {
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    ramp_backpressure(ann, false); /* not a member yet */
    rig_expect(&rig, "open\njoin ann\n");
    ramp_backpressure(ann, false);
    ramp_backpressure(ann, false);
    rig_expect(&rig, "backpressure ann\n");
    ramp_backpressure(ann, false);
    rig_expect(&rig, "");
    ramp_backpressure(ann, true);
    ramp_backpressure(ann, false);
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig, "backpressure ann\nleave ann\n");
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void an_idle_room_ends_after_30_seconds_with_on_close(void **state) {
    struct program program = {.size = 0}, close = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");

    program_say(&close, "bye");
    program_install(&program, RAMP_CALL_CLOSE, &close);
    rig_do(ann, &program);
    rig_pass(&rig, 100000);
    rig_forget(&rig);
    rig_expect(&rig, "");
    ramp_leave(ann, 1000, NULL);
    rig_expect(&rig, "leave ann\n");
    assert_true(ramp_host_deadline(rig.host) == rig.now_ns + LIMIT_ROOM_IDLE_MS * RIG_MS);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS - 1);
    rig_expect(&rig, "");
    assert_int_equal(stats_now().rooms, 1);
    rig_pass(&rig, 1);
    rig_expect(&rig, "close; broadcast nobody \"bye\"\n");
    assert_int_equal(stats_now().rooms, 0);
    assert_true(ramp_host_deadline(rig.host) == UINT64_MAX);
    tell_heads(rig_join(&rig, "ann"), RAMP_CALL_MESSAGE); /* a new life begins with reason 0 */
}

static void a_call_keeps_a_room_for_another_30_seconds(void **state) {
    struct program program = {.size = 0};
    (void)state;

    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "open\nrequest\n");
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS - 1);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "request\n");
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS - 1);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_expect(&rig, "close\n");
}

static void a_room_with_a_timer_does_not_end(void **state) {
    struct program program = {.size = 0};
    (void)state;

    DO(&program, timer_set, 1, 100000, 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "open\nrequest; timer_set 1 100000 0\n");
    rig_pass(&rig, 99999);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_expect(&rig, "timer\n");
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    rig_expect(&rig, "close\n");
}

static void a_failure_in_on_close_ends_the_room_all_the_same(void **state) {
    struct program program = {.size = 0}, close = {.size = 0}, head = {.size = 0};
    (void)state;

    DO(&close, trap, 0);
    program_install(&program, RAMP_CALL_CLOSE, &close);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_pass(&rig, 0);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    rig_expect(&rig, "open\nrequest\nclose FAILED TRAPPED\n");
    assert_int_equal(stats_now().rooms, 0);
    DO(&head, head, 0);
    rig_setup(rig_service(&rig, "s"), &head);
}

/* A request that comes while on_close is under way, so to speak: its outcome's callback brings it. */
static void request_in_close(struct rig *it, const ramp_outcome *outcome) {
    if (outcome->call == RAMP_CALL_CLOSE) {
        it->on_done = NULL;
        assert_int_equal(rig_request(it, "r", &(struct program){.size = 0}), RAMP_OK);
    }
}

static void a_call_that_comes_with_on_close_begins_a_new_life_with_reason_0(void **state) {
    struct program program = {.size = 0}, close = {.size = 0}, head = {.size = 0};
    (void)state;

    DO(&head, head, 0);
    rig_setup(rig_service(&rig, "s"), &head);
    for (int trap = 0; trap < 2; trap++) {
        program.size = close.size = 0;
        if (trap) DO(&close, trap, 0);
        program_install(&program, RAMP_CALL_CLOSE, &close);
        assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
        rig_run(&rig);
        rig_forget(&rig);
        rig.on_done = request_in_close;
        rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
        rig_expect(
            &rig,
            trap ? "close FAILED TRAPPED\nopen; broadcast nobody "
                   "0x00000000000000000000000000000000\nrequest\n"
                 : "close\nopen; broadcast nobody 0x00000000000000000000000000000000\nrequest\n");
    }
}

static void idle_rooms_can_be_kept_for_ever(void **state) {
    (void)state;
    rig_open(&rig, &(ramp_host_options){.room_idle_ms = UINT32_MAX});
    rig_add(&rig, "s", "interp");
    assert_int_equal(rig_request(&rig, "r", &(struct program){.size = 0}), RAMP_OK);
    rig_run(&rig);
    assert_true(ramp_host_deadline(rig.host) == UINT64_MAX);
    rig_pass(&rig, 1000000000);
    rig_expect(&rig, "open\nrequest\n");
    assert_int_equal(stats_now().rooms, 1);
}

/* ---- a host that is full --------------------------------------------------------------------- */

static void a_host_holds_so_many_rooms_and_then_refuses(void **state) {
    (void)state;
    rig_open(&rig, &(ramp_host_options){.rooms_max = 3});
    rig_add(&rig, "s", "interp");
    for (int i = 0; i < 5; i++) {
        char room[16];
        snprintf(room, sizeof(room), "r%d", i);
        rig_join_at(&rig, "s", room, "ann");
    }
    rig_expect(
        &rig, "s/r0: open\ns/r0: join ann\ns/r1: open\ns/r1: join ann\ns/r2: open\ns/r2: join ann\n"
              "s/r3: join ann FAILED UNAVAILABLE\ns/r4: join ann FAILED UNAVAILABLE\n");
    assert_int_equal(stats_now().rooms, 3);
    ramp_leave(ramp_connection_find(rig.host, "s", "r1", "ann"), 1000, NULL);
    rig_pass(&rig, 1);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    rig_forget(&rig);
    rig_join_at(&rig, "s", "r3", "ann");
    rig_expect(&rig, "s/r3: open\ns/r3: join ann\n");
}

static void open_room(const char *service, const char *room) {
    ramp_error error;
    assert_int_equal(ramp_open(rig.host, service, room, NULL, &error), RAMP_OK);
}

/* Rooms in which nothing happens any more make way, idle longest first. */
static void on_a_full_host_idle_rooms_make_way(void **state) {
    (void)state;
    rig_open(&rig, &(ramp_host_options){.rooms_max = 3});
    rig_add(&rig, "s", "interp");
    rig_join_at(&rig, "s", "busy", "ann");
    open_room("s", "r1");
    rig_run(&rig);
    rig_pass(&rig, 10);
    open_room("s", "r2");
    rig_run(&rig);
    rig_forget(&rig);
    open_room("s", "r3");
    rig_expect(&rig, "s/r1: close\ns/r3: open\ns/r3: open\n");
    /* Many at a time: as many as there are idle rooms; the others are told to come back. */
    for (int i = 4; i < 8; i++) rig_join_at(&rig, "s", (char[]){'r', (char)('0' + i), 0}, "bob");
    rig_run(&rig);
    for (int i = 0; i < 3; i++) rig_pass(&rig, LIMIT_RETRY_MS);
    rig_expect(&rig, "s/r6: join bob FAILED UNAVAILABLE\ns/r7: join bob FAILED UNAVAILABLE\n"
                     "s/r2: close\ns/r3: close\ns/r4: open\ns/r4: join bob\n"
                     "s/r5: open\ns/r5: join bob\n");
    assert_int_equal(stats_now().rooms, 3);
}

/* One that is to make way, and in which something happens after all, stays. */
static void an_idle_room_that_is_needed_again_stays(void **state) {
    (void)state;
    rig_open(&rig, &(ramp_host_options){.rooms_max = 2});
    rig_add(&rig, "s", "interp");
    rig_add(&rig, "t", "interp");
    open_room("s", "r1");
    rig_run(&rig);
    rig_pass(&rig, 1);
    open_room("s", "r2");
    open_room("t", "other"); /* so that its service is there */
    rig_run(&rig);
    rig_forget(&rig);
    rig_join_at(&rig, "t", "new", "bob");
    ramp_host_step(rig.host); /* r1 is told to end */
    rig_join_at(&rig, "s", "r1", "ann");
    rig_run(&rig);
    rig_pass(&rig, LIMIT_RETRY_MS);
    rig_run(&rig);
    rig.transcript[rig.transcript_size] = '\0';
    if (!ramp_connection_find(rig.host, "s", "r1", "ann")) fail_msg("%s", rig.transcript);
    if (!ramp_connection_find(rig.host, "t", "new", "bob")) fail_msg("%s", rig.transcript);
    assert_int_equal(stats_now().connections, 2);
    assert_int_equal(stats_now().rooms, 2);
}

/* ---- functions of the embedder that call back ------------------------------------------------ */

static void join_again(struct rig *it, const ramp_outcome *outcome) {
    if (outcome->call != RAMP_CALL_JOIN || outcome->state != RAMP_CALL_FAILED) return;
    it->on_done = NULL;
    it->data =
        rig_join_at(it, outcome->service, outcome->room, ramp_connection_id(outcome->connection));
}

static void a_failed_join_may_be_tried_again_from_on_done(void **state) {
    struct program trap = {.size = 0};
    (void)state;

    rig.on_done = join_again;
    DO(&trap, trap, 0);
    rig_setup(rig_service(&rig, "s"), &trap);
    rig_join(&rig, "ann");
    rig_expect(&rig, "open FAILED TRAPPED\njoin ann FAILED NOT_OPEN\nopen FAILED TRAPPED\njoin ann "
                     "FAILED NOT_OPEN\n");
    assert_int_equal(stats_now().connections, 0);

    rig_service(&rig, "s")->env[0] = '\0';
    rig_service(&rig, "s")->mode = RIG_HELD;
    rig_service(&rig, "s")->version = 77;
    ramp_error error;
    assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
    rig_answer(&rig, "s");
    rig_run(&rig);
    rig_forget(&rig);
    rig.on_done = join_again;
    ramp_leave(rig_join(&rig, "ann"), 1000, NULL); /* GONE, and comes back */
    rig_run(&rig);
    assert_ptr_equal(ramp_connection_find(rig.host, "s", "r", "ann"), rig.data);
}

static void leave_when_closed(struct rig *it, ramp_connection *connection, uint16_t code) {
    (void)it, (void)code;
    ramp_leave(connection, 1006, NULL);
    assert_int_equal(ramp_message(connection, (ramp_bytes){"", 0}, true, NULL), RAMP_GONE);
}

static void join_when_closed(struct rig *it, ramp_connection *connection, uint16_t code) {
    (void)code;
    it->on_close = NULL;
    it->data = rig_join_at(it, "s", "r", ramp_connection_id(connection));
}

static void a_connection_may_be_left_from_on_close(void **state) {
    (void)state;
    rig.on_close = leave_when_closed;
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_join(&rig, "bob");
    rig_run(&rig);
    rig_forget(&rig);
    ann = rig_join(&rig, "ann");
    rig_expect(&rig, "closed ann 4409\nleave ann\njoin ann\n");
    break_the_service(ann);
    rig_send(ann, "", 0);
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 2\nopen FAILED TRAPPED\n"
                     "message ann FAILED NOT_OPEN\nclosed bob 1011\nclosed ann 1011\n");
    assert_int_equal(stats_now().connections, 0);
}

static void an_id_may_join_again_from_on_close(void **state) {
    (void)state;
    rig_join(&rig, "bob");
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_forget(&rig);
    rig.on_close = join_when_closed; /* ann's: the last is closed first */
    break_the_service(ann);
    rig_send(ann, "", 0);
    rig_expect(&rig, "deploy; moved 1, kept 0, connections 2\nopen FAILED TRAPPED\n"
                     "message ann FAILED NOT_OPEN\nclosed ann 1011\n"
                     "closed bob 1011\nopen FAILED TRAPPED\njoin ann FAILED NOT_OPEN\n");
    assert_int_equal(stats_now().rooms, 0);
    assert_int_equal(stats_now().connections, 0);
}

static void leave_all(struct rig *it, const ramp_outcome *outcome) {
    if (outcome->call == RAMP_CALL_MESSAGE)
        for (const char *id = "abc"; *id; id++) {
            ramp_connection *connection =
                ramp_connection_find(it->host, "s", "r", (char[]){*id, 0});
            if (connection) ramp_leave(connection, 1000, NULL);
        }
}

static void members_may_be_left_from_on_done(void **state) {
    struct program hello = {.size = 0};
    (void)state;
    ramp_connection *a = rig_join(&rig, "a");
    rig_join(&rig, "b");
    rig_join(&rig, "c");
    program_say(&hello, "x");
    rig_do(a, &hello);
    rig_do(a, &hello);
    rig.on_done = leave_all;
    /* Her second message was queued before her leave. */
    rig_expect(&rig, "open\njoin a\njoin b\njoin c\nmessage a; broadcast a,b,c \"x\"\nmessage a; "
                     "broadcast a,b,c \"x\"\n"
                     "leave a\nleave b\nleave c\n");
}

/* ---- many ------------------------------------------------------------------------------------ */

static void a_broadcast_is_in_slot_order_and_slots_fill_from_below(void **state) {
    static bool is_in[512];
    uint64_t random = 7;
    (void)state;
    rig.silent = true;
    rig_join_at(&rig, "s", "r", "probe");
    for (int i = 0; i < 4000; i++) {
        uint32_t slot = (uint32_t)(rig_random_next(&random) % 300) + 1, lowest = 1, count = 1;
        char id[16];
        rig_run(&rig);
        while (is_in[lowest]) lowest++;
        if (is_in[slot] && rig_random_next(&random) % 2) {
            snprintf(id, sizeof(id), "%u", slot);
            ramp_leave(ramp_connection_find(rig.host, "s", "r", id), 1000, NULL);
            is_in[slot] = false;
        } else {
            snprintf(id, sizeof(id), "%u", lowest);
            rig_join(&rig, id);
            is_in[lowest] = true;
        }
        if (i % 50) continue;
        rig_run(&rig);
        int64_t conns =
            ASK(&rig, ramp_connection_find(rig.host, "s", "r", "probe"), room_conns, S, 2048);
        for (size_t k = 1; k < COUNT(is_in); k++) count += is_in[k];
        assert_int_equal(conns, count);
        struct program program = {.size = 0};
        DO(&program, room_conns, AT_PAGE, 2048);
        DO(&program, room_broadcast, AT_PAGE, 4 * count, 1, 0, 0);
        rig_do(ramp_connection_find(rig.host, "s", "r", "probe"), &program);
        rig_run(&rig);
        const uint32_t *handles = (const uint32_t *)rig.told;
        for (size_t k = 0, at = 0; k < COUNT(is_in); k++)
            if (k == 0 || is_in[k]) assert_int_equal(handles[at++] & 0xFFFFF, k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_room_opens_with_its_first_join_and_tells_each_call_once),
        TEST(a_leave_tells_its_code_and_a_second_one_is_ignored),
        TEST(data_and_tag_travel_with_a_connection),
        TEST(an_id_that_joins_again_replaces_and_the_old_leave_runs_first),
        TEST(an_id_may_replace_one_whose_join_is_still_queued),
        TEST(an_id_of_another_owner_is_refused),
        TEST(a_join_whose_client_left_while_queued_is_dropped_with_its_leave),
        TEST(a_room_is_not_opened_for_a_client_that_has_gone),
        TEST(a_socket_that_died_stays_listed_until_its_leave_is_dispatched),
        TEST(while_on_leave_runs_the_leaver_is_described_but_not_reached),
        TEST(a_failed_on_join_leaves_the_member_in),
        TEST(a_trap_in_on_leave_still_is_the_leave),
        TEST(a_leave_needs_no_memory),
        TEST(a_join_without_memory_changes_nothing),
        TEST(ids_are_checked),
        TEST(if_on_open_fails_the_call_fails_and_members_are_closed_without_leaves),
        TEST(a_leave_that_is_queued_when_members_are_closed_is_told),
        TEST(a_leave_that_would_open_a_broken_room_is_told),
        TEST(what_is_queued_behind_a_failed_open_tries_again),
        TEST(calls_and_events_have_names),
        TEST(open_opens_and_nothing_else),
        TEST(a_connection_may_queue_64_messages_and_is_told_when_there_is_room),
        TEST(a_leave_has_a_reserved_place),
        TEST(a_connection_may_queue_256_kibibytes_but_an_empty_queue_takes_any_message),
        TEST(a_room_queues_8_mebibytes_and_tells_everybody_it_refused),
        TEST(at_most_256_requests_wait_in_a_room),
        TEST(calls_run_in_the_order_in_which_they_came),
        TEST(backpressure_is_told_once_until_it_has_drained),
        TEST(an_idle_room_ends_after_30_seconds_with_on_close),
        TEST(a_call_keeps_a_room_for_another_30_seconds),
        TEST(a_room_with_a_timer_does_not_end),
        TEST(a_failure_in_on_close_ends_the_room_all_the_same),
        TEST(a_call_that_comes_with_on_close_begins_a_new_life_with_reason_0),
        TEST_ALONE(idle_rooms_can_be_kept_for_ever),
        TEST_ALONE(a_host_holds_so_many_rooms_and_then_refuses),
        TEST_ALONE(on_a_full_host_idle_rooms_make_way),
        TEST_ALONE(an_idle_room_that_is_needed_again_stays),
        TEST(a_failed_join_may_be_tried_again_from_on_done),
        TEST(a_connection_may_be_left_from_on_close),
        TEST(an_id_may_join_again_from_on_close),
        TEST(members_may_be_left_from_on_done),
        TEST(a_broadcast_is_in_slot_order_and_slots_fill_from_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

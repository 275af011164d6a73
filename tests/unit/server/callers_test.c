/* SPDX-License-Identifier: Apache-2.0 */
/* callers_test.c -- the call API over a fake server: queues, leases, repeated requests, overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "unit/server/fake_server.h"

static int set_up(void **state) {
    (void)state;
    fake_start();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    fake_stop();
    if (mem_live_count() != 0) print_error("%ld allocations left\n", mem_live_count());
    return mem_live_count() == 0 ? 0 : -1;
}

#define BYTES(text) ((ramp_bytes){text, sizeof(text) - 1})

/* Posts a call on worker 0; `more` are further fields. */
static struct exchange *post(const char *caller, const char *room, const char *kind,
                             const char *more) {
    char body[2048];
    struct exchange *exchange;

    snprintf(body, sizeof(body),
             "{\"caller\":\"%s\",\"service\":\"chat\",\"room\":\"%s\",\"call\":\"%s\"%s%s}", caller,
             room, kind, *more ? "," : "", more);
    exchange = fake_exchange(0, body, "");
    control_call(exchange->worker, exchange, "");
    fake_pump();
    return exchange;
}

static ramp_connection *join(const char *caller, const char *room, const char *id) {
    char more[128];
    struct exchange *exchange;

    snprintf(more, sizeof(more), "\"connection\":\"%s\"", id);
    exchange = post(caller, room, "join", more);
    fake_end_well();
    assert_true(exchange->is_answered);
    if (exchange->status != 200) fail_msg("%s", exchange->answer);
    return ramp_connection_find(NULL, "chat", room, id);
}

static struct exchange *poll_events(const char *caller, unsigned wait_ms) {
    char query[200];
    struct exchange *exchange;

    snprintf(query, sizeof(query), "caller=%s&wait_ms=%u", caller, wait_ms);
    exchange = fake_exchange(1, "", query);
    control_events(exchange->worker, exchange, "");
    fake_pump();
    return exchange;
}

static void assert_answer(const struct exchange *exchange, int status, const char *text) {
    assert_true(exchange->is_answered);
    if (exchange->status != status || strcmp(exchange->answer, text) != 0)
        fail_msg("%d %s\n    instead of %d %s", exchange->status, exchange->answer, status, text);
}

/* An event that another call raises: a broadcast by a timer, say. */
static void broadcast(const char *room, const char *text, ramp_connection *a, ramp_connection *b) {
    ramp_connection *to[] = {a, b};
    ramp_event event = {.type = RAMP_EVENT_BROADCAST,
                        .service = "chat",
                        .room = room,
                        .payload = {text, strlen(text)},
                        .to = to,
                        .to_count = b ? 2 : 1};
    ramp_outcome outcome = {.call = RAMP_CALL_TIMER,
                            .state = RAMP_CALL_DONE,
                            .service = "chat",
                            .room = room,
                            .events = &event,
                            .event_count = 1,
                            .message = "",
                            .where = ""};

    fake_outcome(server_worker_of(&fake, "chat", room), &outcome);
    fake_pump();
}

#define SAID(room, text, ids)                                                                      \
    "{\"type\":\"broadcast\",\"service\":\"chat\",\"room\":\"" room                                \
    "\",\"connection\":null,\"payload\":\"" text "\",\"binary\":false,\"to\":[" ids "]}"
#define CLOSED(room, id, code, reason)                                                             \
    "{\"type\":\"close\",\"service\":\"chat\",\"room\":\"" room "\",\"connection\":\"" id          \
    "\",\"payload\":\"" reason "\",\"code\":" code "}"

/* ---- calls and their events ------------------------------------------------------------------ */

static void a_call_answers_with_its_events(void **state) {
    ramp_connection *ann = join("me", "0r", "ann"), *ben = join("you", "0r", "ben"), *to[2];
    struct exchange *exchange =
        post("me", "0r", "message", "\"connection\":\"ann\",\"payload\":\"hi\"");
    ramp_event events[3] = {
        {.type = RAMP_EVENT_BROADCAST,
         .service = "chat",
         .room = "0r",
         .payload = BYTES("hi"),
         .to = to,
         .to_count = 2},
        {.type = RAMP_EVENT_SEND,
         .service = "chat",
         .room = "0r",
         .payload = BYTES("psst"),
         .connection = ben},
        {.type = RAMP_EVENT_TIMER_CLEAR, .service = "chat", .room = "0r", .timer_id = 3},
    };

    (void)state;
    to[0] = ann;
    to[1] = ben;
    assert_false(exchange->is_answered);
    assert_string_equal(fake_next_call()->payload, "hi");
    fake_end(events, 3, RAMP_OK);
    /* What goes to ben is his caller's, and waits there. */
    assert_answer(
        exchange, 200,
        "{\"events\":[" SAID("0r", "hi",
                             "\"ann\"") ",{\"type\":\"timer_clear\",\"service\":\"chat\","
                                        "\"room\":\"0r\",\"connection\":null,\"payload\":\"\","
                                        "\"id\":3,\"delay_ms\":0,\"period_ms\":0}],\"cpu_us\":5}");
    assert_answer(poll_events("me", 0), 200, "{\"events\":[]}");
    assert_answer(
        poll_events("you", 0), 200,
        "{\"events\":[" SAID("0r", "hi", "\"ben\"") ",{\"type\":\"send\",\"service\":\"chat\","
                                                    "\"room\":\"0r\",\"connection\":\"ben\","
                                                    "\"payload\":\"psst\",\"binary\":false}]}");
}

static void events_of_other_calls_come_first_with_the_next_answer(void **state) {
    ramp_connection *here = join("me", "0r", "a"), *there = join("me", "1r", "b");
    struct exchange *exchange;
    ramp_event own = {.type = RAMP_EVENT_BROADCAST,
                      .service = "chat",
                      .room = "1r",
                      .payload = BYTES("own"),
                      .to = &there,
                      .to_count = 1};

    (void)state;
    broadcast("0r", "one", here, NULL);
    broadcast("1r", "two", there, NULL);
    exchange = post("me", "1r", "message", "\"connection\":\"b\",\"payload\":\"x\"");
    broadcast("1r", "three", there, NULL);
    fake_end(&own, 1, RAMP_OK);
    assert_answer(
        exchange, 200,
        "{\"events\":[" SAID("0r", "one", "\"a\"") "," SAID("1r", "two", "\"b\"") "," SAID(
            "1r", "three", "\"b\"") "," SAID("1r", "own", "\"b\"") "],\"cpu_us\":5}");
}

static void a_failed_call_tells_the_error_and_no_events(void **state) {
    ramp_connection *ann = join("me", "0r", "ann");
    struct exchange *exchange = post("me", "0r", "message", "\"connection\":\"ann\"");

    (void)state;
    broadcast("0r", "kept", ann, NULL);
    fake_end(NULL, 0, RAMP_TRAPPED);
    assert_answer(exchange, 200,
                  "{\"error\":{\"code\":\"TRAPPED\",\"message\":\"it "
                  "broke\",\"where\":\"room.ts:1:2\"},\"cpu_us\":5}");
    assert_answer(poll_events("me", 0), 200, "{\"events\":[" SAID("0r", "kept", "\"ann\"") "]}");
}

static void a_failed_join_leaves_nobody_behind(void **state) {
    struct exchange *exchange = post("me", "0r", "join", "\"connection\":\"ann\"");

    (void)state;
    fake_end(NULL, 0, RAMP_NOT_OPEN);
    assert_int_equal(exchange->status, 200);
    assert_non_null(strstr(exchange->answer, "\"joined\":false"));
    assert_int_equal(fake.workers[0].callers->members.by_owner.count, 0);
    exchange = post("me", "0r", "join", "\"connection\":\"ann\"");
    fake_end(NULL, 0, RAMP_NOT_FOUND);
    assert_int_equal(exchange->status, 404);
    exchange = post("me", "0r", "join", "\"connection\":\"ann\"");
    fake_end(NULL, 0, RAMP_UNAVAILABLE);
    assert_int_equal(exchange->status, 503);
}

static void connections_of_others_and_of_nobody(void **state) {
    (void)state;
    join("me", "0r", "ann");
    assert_int_equal(post("me", "0r", "message", "\"connection\":\"nobody\"")->status, 404);
    assert_int_equal(post("me", "0r", "leave", "\"connection\":\"nobody\"")->status, 404);
    assert_int_equal(post("you", "0r", "message", "\"connection\":\"ann\"")->status, 409);
    assert_int_equal(post("you", "0r", "leave", "\"connection\":\"ann\"")->status, 409);
    assert_int_equal(post("you", "0r", "join", "\"connection\":\"ann\"")->status, 409);
    assert_null(fake_next_call());
}

static void full_queues_are_429(void **state) {
    (void)state;
    join("me", "0r", "ann");
    fake_refuses = RAMP_BUSY;
    assert_int_equal(post("me", "0r", "message", "\"connection\":\"ann\"")->status, 429);
    fake_refuses = RAMP_BUSY;
    assert_int_equal(post("me", "0r", "join", "\"connection\":\"ben\"")->status, 429);
    fake_refuses = RAMP_TOO_BIG;
    assert_int_equal(post("me", "0r", "message", "\"connection\":\"ann\"")->status, 413);
    /* The room's worker takes no more letters. */
    fake.workers[1].is_full = true;
    struct exchange *one = post("me", "1r", "open", ""), *two = post("you", "1r", "open", "");
    assert_int_equal(one->status, 503);
    assert_int_equal(two->status, 503);
}

static void leave_ends_the_membership(void **state) {
    struct exchange *exchange;

    (void)state;
    join("me", "0r", "ann");
    exchange = post("me", "0r", "leave", "\"connection\":\"ann\",\"code\":4002");
    assert_int_equal(fake_next_call()->code, 4002);
    assert_int_equal(post("me", "0r", "message", "\"connection\":\"ann\"")->status, 404);
    fake_end_well();
    assert_answer(exchange, 200, "{\"events\":[],\"cpu_us\":5}");
    assert_int_equal(fake.workers[0].callers->members.by_owner.count, 0);
}

static void open_and_request_need_no_connection(void **state) {
    struct exchange *open = post("me", "1r", "open", ""), *request;
    ramp_event respond = {.type = RAMP_EVENT_RESPOND,
                          .service = "chat",
                          .room = "1r",
                          .code = 204,
                          .headers = BYTES("a: b\n")};

    (void)state;
    fake_end_well();
    assert_answer(open, 200, "{\"events\":[],\"cpu_us\":5}");
    request = post("me", "1r", "request",
                   "\"method\":\"POST\",\"path\":\"/p?q=1\",\"payload_base64\":\"AP8=\"");
    assert_string_equal(fake_next_call()->payload, "/p?q=1");
    fake_end(&respond, 1, RAMP_OK);
    assert_int_equal(request->status, 200);
    assert_non_null(strstr(request->answer, "\"status\":204,\"headers\":\"a: b\\n\""));
}

/* ---- what may be asked ----------------------------------------------------------------------- */

static void bad_bodies_are_one_sentence(void **state) {
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "no JSON"},
        {"[]", "object"},
        {"{\"caller\":\"a\"", "no JSON"},
        {"{}", "`call` is missing"},
        {"{\"call\":\"dance\"}", "'dance'"},
        {"{\"call\":5}", "`call` is not a string"},
        {"{\"call\":\"open\"}", "`caller` is missing"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"A\",\"room\":\"r\"}", "`service`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"a/b\"}", "`room`"},
        {"{\"call\":\"open\",\"caller\":\"a\\u0000\",\"service\":\"a\",\"room\":\"r\"}", "NUL"},
        {"{\"call\":\"open\",\"caller\":\"a\\n\",\"service\":\"a\",\"room\":\"r\"}", "`caller`"},
        {"{\"call\":\"join\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\"}",
         "`connection` is missing"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"caller\":\"b\",\"service\":\"a\",\"room\":\"r\"}",
         "no JSON"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"conection\":"
         "\"x\"}",
         "`conection`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"payload\":\"a\","
         "\"payload_base64\":\"\"}",
         "exclude"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"payload_base64\":"
         "\"!\"}",
         "base64"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"payload_base64\":"
         "\"/w==\",\"binary\":false}",
         "UTF-8"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"code\":99}",
         "`code`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"headers\":5}",
         "`headers`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"headers\":{\"a "
         "b\":\"c\"}}",
         "'a b'"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"headers\":{\"a\":"
         "\"c\\nd: e\"}}",
         "`headers`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"headers\":\"no "
         "colon\"}",
         "`headers`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"request_id\":"
         "\"\"}",
         "`request_id`"},
        {"{\"call\":\"open\",\"caller\":\"a\",\"service\":\"a\",\"room\":\"r\",\"payload\":"
         "\"\\ud800\"}",
         "no JSON"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct exchange *exchange = fake_exchange(0, cases[i].body, "");
        control_call(exchange->worker, exchange, "");
        fake_pump();
        if (exchange->status != 400 || !strstr(exchange->answer, cases[i].says))
            fail_msg("%s\n    gives %d %s", cases[i].body, exchange->status, exchange->answer);
    }
    assert_int_equal(poll_events("", 0)->status, 400);
}

static void headers_become_lines_with_lower_case_names(void **state) {
    (void)state;
    post("me", "0r", "join", "\"connection\":\"a\",\"headers\":{\"X-One\":\"1\",\"y\":\"\"}");
    assert_string_equal(fake_next_call()->payload, "x-one: 1\ny: \n");
    fake_end_well();
    post("me", "0r", "join", "\"connection\":\"b\",\"headers\":\"X-One:1\\r\\nTwo:  b \\n\\n\"");
    assert_string_equal(fake_next_call()->payload, "x-one: 1\ntwo: b \n");
    fake_end_well();
}

/* ---- repeated requests ----------------------------------------------------------------------- */

static void a_repeated_request_id_runs_once(void **state) {
    static const char more[] = "\"connection\":\"ann\",\"payload\":\"x\",\"request_id\":\"r1\"";
    ramp_connection *ann = join("me", "1r", "ann");
    ramp_event event = {.type = RAMP_EVENT_BROADCAST,
                        .service = "chat",
                        .room = "1r",
                        .payload = BYTES("x"),
                        .to = &ann,
                        .to_count = 1};
    struct exchange *first = post("me", "1r", "message", more),
                    *meanwhile = post("me", "1r", "message", more);
    static const char answer[] = "{\"events\":[" SAID("1r", "x", "\"ann\"") "],\"cpu_us\":5}";

    (void)state;
    assert_false(meanwhile->is_answered);
    fake_end(&event, 1, RAMP_OK);
    assert_null(fake_next_call());
    assert_answer(first, 200, answer);
    assert_answer(meanwhile, 200, answer);
    fake_pass(LIMIT_REQUEST_ID_MS - 1000);
    assert_answer(post("me", "1r", "message", more), 200, answer);
    /* Its lease is over; one more caller with the same id is another one. */
    assert_false(post("you", "1r", "open", "\"request_id\":\"r1\"")->is_answered);
    fake_end_well();
}

static void a_request_id_is_forgotten_after_two_minutes(void **state) {
    struct exchange *exchange = post("me", "1r", "open", "\"request_id\":\"r1\"");

    (void)state;
    fake_end_well();
    assert_true(exchange->is_answered);
    fake_pass(LIMIT_REQUEST_ID_MS + 1000);
    assert_false(post("me", "1r", "open", "\"request_id\":\"r1\"")->is_answered);
    assert_non_null(fake_next_call());
    fake_end_well();
}

static void a_call_that_was_not_made_may_be_tried_again(void **state) {
    static const char more[] = "\"connection\":\"ann\",\"request_id\":\"r1\"";

    (void)state;
    join("me", "0r", "ann");
    fake_refuses = RAMP_BUSY;
    assert_int_equal(post("me", "0r", "message", more)->status, 429);
    assert_false(post("me", "0r", "message", more)->is_answered);
    fake_end_well();
}

static void a_repeated_request_gets_its_events_although_the_first_client_has_gone(void **state) {
    static const char more[] = "\"connection\":\"ann\",\"request_id\":\"r1\"";
    ramp_connection *ann = join("me", "1r", "ann");
    struct exchange *first = post("me", "1r", "message", more);
    ramp_event event = {.type = RAMP_EVENT_BROADCAST,
                        .service = "chat",
                        .room = "1r",
                        .payload = BYTES("x"),
                        .to = &ann,
                        .to_count = 1};

    (void)state;
    first->has_gone = true;
    fake_end(&event, 1, RAMP_OK);
    assert_answer(poll_events("me", 0), 200, "{\"events\":[]}");
    assert_answer(post("me", "1r", "message", more), 200,
                  "{\"events\":[" SAID("1r", "x", "\"ann\"") "],\"cpu_us\":5}");
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void a_waiting_poll_is_answered_at_once(void **state) {
    ramp_connection *ann = join("me", "1r", "ann");
    struct exchange *poll = poll_events("me", 25000), *next;

    (void)state;
    fake_pass(5000);
    assert_false(poll->is_answered);
    broadcast("1r", "tick", ann, NULL);
    assert_answer(poll, 200, "{\"events\":[" SAID("1r", "tick", "\"ann\"") "]}");
    /* Nothing comes: empty after the time; a second poll takes the place of the first. */
    poll = poll_events("me", 2000);
    next = poll_events("me", 2000);
    assert_answer(poll, 200, "{\"events\":[]}");
    fake_pass(1500);
    assert_false(next->is_answered);
    fake_pass(1000);
    assert_answer(next, 200, "{\"events\":[]}");
}

static void an_answer_whose_client_has_gone_comes_back(void **state) {
    ramp_connection *ann = join("me", "1r", "ann");
    struct exchange *poll = poll_events("me", 25000);

    (void)state;
    poll->has_gone = true;
    broadcast("1r", "one", ann, NULL);
    broadcast("1r", "two", ann, NULL);
    assert_answer(
        poll_events("me", 0), 200,
        "{\"events\":[" SAID("1r", "one", "\"ann\"") "," SAID("1r", "two", "\"ann\"") "]}");
}

static void closes_by_the_host_are_events(void **state) {
    ramp_connection *ann = join("me", "1r", "ann");

    (void)state;
    callers_closed(&fake.workers[1], ann, 1011, "the room failed");
    list_remove(&ann->link);
    free(ann);
    fake_pump();
    assert_answer(poll_events("me", 0), 200,
                  "{\"events\":[" CLOSED("1r", "ann", "1011", "the room failed") "]}");
    assert_int_equal(fake.workers[1].callers->members.by_owner.count, 0);
}

static void an_overflow_closes_all_and_keeps_only_closes(void **state) {
    ramp_connection *ann = join("me", "1r", "ann"), *eve = join("you", "1r", "eve");
    static char big[400 << 10];
    struct exchange *exchange;
    unsigned leaves = 0;

    (void)state;
    join("me", "0r", "ben");
    memset(big, 'x', sizeof(big) - 1);
    for (unsigned i = 0; i < 6; i++) broadcast("1r", big, ann, eve);
    for (; fake_next_call(); leaves++) {
        assert_int_equal(fake_next_call()->kind, RAMP_CALL_LEAVE);
        assert_int_equal(fake_next_call()->code, 1013);
        fake_end_well();
    }
    assert_int_equal(leaves, 3);
    exchange = poll_events("me", 0);
    assert_null(strstr(exchange->answer, "xxx"));
    assert_non_null(strstr(exchange->answer,
                           CLOSED("0r", "ben", "1013", "the caller does not fetch its events")));
    assert_non_null(strstr(exchange->answer,
                           CLOSED("1r", "ann", "1013", "the caller does not fetch its events")));
    /* And then it goes on. */
    ann = join("me", "1r", "ann");
    broadcast("1r", "again", ann, NULL);
    assert_answer(poll_events("me", 0), 200, "{\"events\":[" SAID("1r", "again", "\"ann\"") "]}");
}

static void an_empty_queue_takes_one_event_of_any_size(void **state) {
    ramp_connection *ann = join("me", "1r", "ann");
    static char big[LIMIT_CALLER_QUEUE + 1000];
    struct exchange *exchange;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    broadcast("1r", big, ann, NULL);
    assert_null(fake_next_call());
    exchange = poll_events("me", 0);
    assert_int_equal(exchange->status, 200);
    assert_true(strlen(exchange->answer) > sizeof(big));
}

/* ---- leases ---------------------------------------------------------------------------------- */

static void a_caller_not_heard_of_for_a_minute_has_gone(void **state) {
    (void)state;
    join("me", "0r", "ann");
    join("me", "1r", "ben");
    fake_pass(LIMIT_LEASE_MS - 1000);
    assert_null(fake_next_call());
    fake_pass(2000);
    for (unsigned i = 0; i < 2; i++) {
        assert_non_null(fake_next_call());
        assert_int_equal(fake_next_call()->kind, RAMP_CALL_LEAVE);
        assert_int_equal(fake_next_call()->code, 1006);
        fake_end_well();
    }
    for (unsigned i = 0; i < FAKE_WORKERS; i++) {
        assert_int_equal(fake.workers[i].callers->members.by_owner.count, 0);
        assert_int_equal(fake.workers[i].callers->homes.count, 0);
    }
    /* Nobody is there: no more ticks either. */
    fake_pass(1000);
    assert_true(list_empty(&fake.workers[0].timers) && list_empty(&fake.workers[1].timers));
    assert_int_equal(post("me", "0r", "message", "\"connection\":\"ann\"")->status, 404);
}

static void calls_and_polls_hold_the_lease(void **state) {
    (void)state;
    join("me", "0r", "ann");
    for (unsigned i = 0; i < 4; i++) {
        struct exchange *poll = poll_events("me", 25000);
        fake_pass(55000);
        assert_true(poll->is_answered);
        assert_null(fake_next_call());
    }
    /* A call that takes longer than a lease. */
    post("me", "0r", "message", "\"connection\":\"ann\"");
    fake_pass(LIMIT_LEASE_MS * 2);
    assert_int_equal(fake_next_call()->kind, RAMP_CALL_MESSAGE);
    fake_end_well();
    assert_null(fake_next_call());
}

static void a_forced_leave_meets_a_room_that_fails(void **state) {
    ramp_connection *ann = join("me", "0r", "ann");
    struct fake_call *leave;

    (void)state;
    fake_pass(LIMIT_LEASE_MS + 1000);
    leave = fake_next_call();
    assert_int_equal(leave->kind, RAMP_CALL_LEAVE);
    callers_closed(&fake.workers[0], ann, 1011, "the room failed");
    fake_end(NULL, 0, RAMP_GONE); /* the leave's own end comes later */
    assert_int_equal(fake.workers[0].callers->members.by_owner.count, 0);
}

/* ---- the server stops ------------------------------------------------------------------------ */

static void stopping_tells_callers_and_answers_polls(void **state) {
    struct exchange *poll, *idle;

    (void)state;
    join("me", "1r", "ann");
    join("me", "0r", "ben");
    poll = poll_events("me", 25000);
    idle = poll_events("you", 25000);
    fake.draining = true;
    for (unsigned i = 0; i < FAKE_WORKERS; i++)
        assert_false(callers_are_drained(fake.workers[i].callers));
    fake_pass(600);
    for (unsigned i = 0; i < FAKE_WORKERS; i++)
        assert_true(callers_are_drained(fake.workers[i].callers));
    assert_true(poll->is_answered);
    assert_non_null(strstr(poll->answer, CLOSED("1r", "ann", "1012", "the server restarts")));
    assert_non_null(strstr(poll->answer, CLOSED("0r", "ben", "1012", "the server restarts")));
    assert_answer(idle, 200, "{\"events\":[]}");
    assert_int_equal(post("me", "1r", "open", "")->status, 503);
    assert_int_equal(poll_events("me", 25000)->status, 503);
    assert_null(fake_next_call());
}

static void calls_under_way_at_the_end_leak_nothing(void **state) {
    (void)state;
    join("me", "0r", "ann");
    post("me", "0r", "message", "\"connection\":\"ann\",\"request_id\":\"r\"");
    post("me", "0r", "message", "\"connection\":\"ann\",\"request_id\":\"r\"");
    post("me", "1r", "join", "\"connection\":\"ben\"");
    poll_events("me", 20000);
}

static void leaves_under_way_at_the_end_leak_nothing(void **state) {
    (void)state;
    join("me", "0r", "ann");
    join("me", "1r", "ben");
    fake_pass(LIMIT_LEASE_MS + 1000);
    assert_int_equal(fake_next_call()->kind, RAMP_CALL_LEAVE);
}

static void survives_every_allocation_that_fails(void **state) {
    (void)state;
    for (long n = 0; n < 60; n++) {
        ramp_connection *ann;
        tear_down(NULL);
        fake_start();
        ann = join("me", "1r", "ann");
        mem_fail_after(n);
        post("me", "1r", "message",
             "\"connection\":\"ann\",\"payload_base64\":\"AA==\",\"request_id\":\"r\"");
        if (fake_next_call()) broadcast("1r", "x", ann, NULL);
        if (fake_next_call()) fake_end_well();
        poll_events("me", 0);
        mem_fail_after(-1);
    }
}

/* ---- the feed -------------------------------------------------------------------------------- */

static struct exchange *follow(const char *query, bool with_calls) {
    struct exchange *exchange = fake_exchange(0, "", query);

    if (with_calls) control_feed(exchange->worker, exchange, "");
    else control_logs(exchange->worker, exchange, "");
    fake_pump();
    return exchange;
}

static void log_text(const char *service, const char *room, int level, const char *text) {
    ramp_log_line line = {.level = level,
                          .service = service,
                          .room = room,
                          .connection = "",
                          .call = "message",
                          .text = {text, strlen(text)},
                          .by_module = true};

    feed_log(&fake.workers[room[0] == '1'], &line);
    fake_pump();
}

static void the_feed_tells_calls_and_lines_of_all_workers(void **state) {
    struct exchange *feed = follow("service=chat", true),
                    *room = follow("service=chat&room=0r", true);
    struct exchange *logs = follow("level=warning", false);

    (void)state;
    join("me", "1r", "ann");
    assert_non_null(strstr(feed->answer, "data: {\"type\":\"call\""));
    assert_non_null(strstr(
        feed->answer,
        "\"call\":\"join\",\"connection\":\"ann\",\"state\":\"done\",\"events\":[],\"cpu_us\":5"));
    assert_int_equal(room->answer_size, 0);
    post("me", "1r", "open", "");
    fake_end(NULL, 0, RAMP_PANICKED);
    assert_non_null(strstr(feed->answer, "\"state\":\"failed\""));
    assert_non_null(strstr(
        feed->answer,
        "\"error\":{\"code\":\"PANICKED\",\"message\":\"it broke\",\"where\":\"room.ts:1:2\"}"));
    log_text("chat", "0r", 1, "quiet");
    log_text("other", "1r", 3, "loud\xff");
    assert_non_null(strstr(room->answer, "\"text\":\"quiet\""));
    assert_null(strstr(feed->answer, "loud"));
    assert_null(strstr(logs->answer, "quiet"));
    assert_non_null(
        strstr(logs->answer, "\"level\":\"error\",\"service\":\"other\",\"room\":\"1r\""));
    assert_int_equal(follow("level=loud", false)->status, 400);
}

static void the_feed_tells_what_a_call_was_handed(void **state) {
    struct exchange *feed = follow("service=chat", true);

    (void)state;
    join("me", "1r", "ann");
    post("me", "1r", "message", "\"connection\":\"ann\",\"payload\":\"hi you\"");
    fake_end(NULL, 0, RAMP_PANICKED);
    assert_non_null(strstr(feed->answer, "\"payload\":\"hi you\""));
    post("me", "1r", "message", "\"connection\":\"ann\",\"payload_base64\":\"AP8=\"");
    fake_end_well();
    assert_non_null(strstr(feed->answer, "\"payload_base64\":\"AP8=\""));
    post("me", "1r", "request", "\"method\":\"PUT\",\"path\":\"/x?y=1\",\"payload\":\"body\"");
    fake_end_well();
    assert_non_null(
        strstr(feed->answer, "\"method\":\"PUT\",\"path\":\"/x?y=1\",\"payload\":\"body\""));
}

static void a_broken_build_is_told_to_those_who_come_later(void **state) {
    struct exchange *feed = follow("service=chat&room=0r", true),
                    *other = follow("service=other", true), *logs = follow("service=chat", false);

    (void)state;
    feed_tell(&fake, FEED_BUILD_FAILED, "chat", BYTES("{\"broken\":1}"));
    fake_pump();
    assert_non_null(strstr(feed->answer, "data: {\"broken\":1}\n\n"));
    assert_true(other->answer_size == 0 && logs->answer_size == 0);
    feed_tell(&fake, FEED_SWITCH, "chat", BYTES("{\"switched\":1}"));
    fake_pump();
    assert_non_null(strstr(feed->answer, "{\"switched\":1}"));
    feed = follow("service=chat", true);
    assert_non_null(strstr(feed->answer, "data: {\"broken\":1}\n\n"));
    assert_null(strstr(feed->answer, "switched"));
    feed_tell(&fake, FEED_BUILT, "chat", BYTES("{\"built\":1}"));
    fake_pump();
    assert_non_null(strstr(feed->answer, "{\"built\":1}"));
    assert_int_equal(follow("service=chat", true)->answer_size, 0);
}

static void followers_that_have_gone_cost_nothing(void **state) {
    struct exchange *feed = follow("", true);

    (void)state;
    feed->has_gone = true;
    fake_pass(1000);
    assert_true(list_empty(&fake.workers[0].timers) && list_empty(&fake.workers[1].timers));
}

static void what_a_follower_misses_is_counted(void **state) {
    struct exchange *feed = follow("", false);

    (void)state;
    for (unsigned i = 0; i < LIMIT_FEED_LINES_PER_S + 10; i++) log_text("chat", "0r", 1, "x");
    fake_pass(1500);
    assert_non_null(strstr(feed->answer, "data: {\"type\":\"dropped\",\"count\":10}\n\n"));
    /* A slow reader. */
    feed->is_slow = true;
    for (unsigned i = 0; i < 7; i++) log_text("chat", "0r", 1, "x");
    feed->is_slow = false;
    fake_pass(500);
    assert_non_null(strstr(feed->answer, "data: {\"type\":\"dropped\",\"count\":7}\n\n"));
}

static void lines_without_events_for_those_who_ask(void **state) {
    struct exchange *exchange = fake_exchange(0, "", "");

    (void)state;
    snprintf(exchange->accept, sizeof(exchange->accept), "application/x-ndjson");
    control_logs(exchange->worker, exchange, "");
    fake_pump();
    log_text("chat", "0r", 0, "x");
    assert_int_equal(exchange->answer[0], '{');
    assert_int_equal(exchange->answer[exchange->answer_size - 1], '\n');
    fake.draining = true;
    fake_pass(500);
    assert_true(exchange->is_ended);
}

static unsigned count_of(const struct exchange *exchange, const char *part) {
    unsigned count = 0;

    for (const char *at = exchange->answer; at && (at = strstr(at, part)) != NULL; at++) count++;
    return count;
}

static void lines_from_before_come_first_and_in_order(void **state) {
    struct exchange *logs;
    const char *first, *second, *third;

    (void)state;
    log_text("chat", "0r", 1, "first"); /* on worker 0 */
    usleep(3000);                       /* lines are ordered by the clock's ms */
    log_text("chat", "1r", 2, "second");
    usleep(3000);
    log_text("other", "0r", 1, "elsewhere");
    log_text("chat", "0r", 3, "third");
    logs = follow("service=chat&lines=100", false);
    assert_false(logs->is_ended);
    first = strstr(logs->answer, "first");
    second = strstr(logs->answer, "second");
    third = strstr(logs->answer, "third");
    assert_true(first && second && third && first < second && second < third);
    assert_null(strstr(logs->answer, "elsewhere"));
    log_text("chat", "0r", 1, "live");
    assert_int_equal(count_of(logs, "data: "), 4);
    /* As many in all, not of each worker; by level; and nobody who did not ask is told. */
    logs = follow("service=chat&lines=1", false);
    assert_int_equal(count_of(logs, "data: "), 1);
    assert_non_null(strstr(logs->answer, "live"));
    logs = follow("lines=100&level=error", false);
    assert_int_equal(count_of(logs, "data: "), 1);
    assert_int_equal(follow("", false)->answer_size, 0);
}

static void who_wants_only_what_was_before_is_not_kept(void **state) {
    struct exchange *logs;

    (void)state;
    log_text("chat", "0r", 1, "one");
    logs = follow("lines=10&follow=0", false);
    assert_true(logs->is_ended);
    assert_int_equal(count_of(logs, "data: "), 1);
    assert_true(follow("follow=0", false)->is_ended);
    fake_pass(500);
    assert_true(list_empty(&fake.workers[0].timers) && list_empty(&fake.workers[1].timers));
    assert_int_equal(follow("lines=501", false)->status, 400);
    assert_int_equal(follow("lines=-1", false)->status, 400);
    assert_int_equal(follow("follow=2", false)->status, 400);
    assert_int_equal(follow("since=soon", false)->status, 400);
}

/* What waits is written when the reader reads again; what comes meanwhile stays behind it. */
static void a_slow_reader_of_what_was_before_loses_nothing(void **state) {
    struct exchange *logs = fake_exchange(0, "", "lines=100");

    (void)state;
    for (unsigned i = 0; i < 5; i++) log_text("chat", "0r", 1, "old");
    logs->is_slow = true;
    control_logs(logs->worker, logs, "");
    fake_pump();
    log_text("chat", "1r", 1, "new");
    assert_int_equal(logs->answer_size, 0);
    logs->is_slow = false;
    fake_pass(500);
    assert_int_equal(count_of(logs, "old"), 5);
    assert_int_equal(count_of(logs, "new"), 1);
    assert_true(strstr(logs->answer, "new") > strstr(logs->answer, "old"));
    assert_null(strstr(logs->answer, "dropped"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_answers_with_its_events),
        TEST(events_of_other_calls_come_first_with_the_next_answer),
        TEST(a_failed_call_tells_the_error_and_no_events),
        TEST(a_failed_join_leaves_nobody_behind),
        TEST(connections_of_others_and_of_nobody),
        TEST(full_queues_are_429),
        TEST(leave_ends_the_membership),
        TEST(open_and_request_need_no_connection),
        TEST(bad_bodies_are_one_sentence),
        TEST(headers_become_lines_with_lower_case_names),
        TEST(a_repeated_request_id_runs_once),
        TEST(a_request_id_is_forgotten_after_two_minutes),
        TEST(a_call_that_was_not_made_may_be_tried_again),
        TEST(a_repeated_request_gets_its_events_although_the_first_client_has_gone),
        TEST(a_waiting_poll_is_answered_at_once),
        TEST(an_answer_whose_client_has_gone_comes_back),
        TEST(closes_by_the_host_are_events),
        TEST(an_overflow_closes_all_and_keeps_only_closes),
        TEST(an_empty_queue_takes_one_event_of_any_size),
        TEST(a_caller_not_heard_of_for_a_minute_has_gone),
        TEST(calls_and_polls_hold_the_lease),
        TEST(a_forced_leave_meets_a_room_that_fails),
        TEST(stopping_tells_callers_and_answers_polls),
        TEST(calls_under_way_at_the_end_leak_nothing),
        TEST(leaves_under_way_at_the_end_leak_nothing),
        TEST(survives_every_allocation_that_fails),
        TEST(the_feed_tells_calls_and_lines_of_all_workers),
        TEST(the_feed_tells_what_a_call_was_handed),
        TEST(a_broken_build_is_told_to_those_who_come_later),
        TEST(followers_that_have_gone_cost_nothing),
        TEST(what_a_follower_misses_is_counted),
        TEST(lines_without_events_for_those_who_ask),
        TEST(lines_from_before_come_first_and_in_order),
        TEST(who_wants_only_what_was_before_is_not_kept),
        TEST(a_slow_reader_of_what_was_before_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

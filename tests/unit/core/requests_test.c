/* SPDX-License-Identifier: Apache-2.0 */
/* requests_test.c -- CONTRACT 6: HTTP requests to a room. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"

#define S AT_SCRATCH

static struct program empty;

static void a_request_is_laid_out_as_counted_parts_and_a_body(void **state) {
    struct program setup = {.size = 0}, tell = {.size = 0};
    ramp_error error;
    (void)state;
    DO(&tell, payload, 0);
    DO(&tell, head, 0);
    program_install(&setup, RAMP_CALL_REQUEST, &tell);
    rig_setup(rig_service(&rig, "s"), &setup);
    assert_int_equal(ramp_http_request(rig.host, "s", "r",
                                       &(ramp_request){.size = sizeof(ramp_request),
                                                       .method = {"PUT", 3},
                                                       .path = {"/a?b=1", 6},
                                                       .headers = {"x: y\n", 5},
                                                       .body = {"\0\0", 2}},
                                       &error),
                     RAMP_OK);
    rig_expect(&rig, "open\nrequest; broadcast nobody 0x0300000050555406000000"
                     "2f613f623d3105000000783a20790a0000; broadcast nobody "
                     "0x060000001c0000000000000000000000\n");
}

static void a_response_is_the_last_one_that_was_given(void **state) {
    struct program program = {.size = 0};
    (void)state;
    DO(&program, http_respond, 200, S, 0, S, 0);
    program_poke(&program, S, "content-type: text/plain\nbody", 29);
    DO(&program, timer_set, 1, 1000, 0);
    DO(&program, http_respond, 404, S, 25, S + 25, 4);
    DO(&program, tell, 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(
        &rig,
        "open\nrequest; respond 404 0x636f6e74656e742d747970653a20746578742f706c61696e0a \"body\"; "
        "timer_set 1 1000 0; broadcast nobody "
        "0x000000000000000000000000000000000000000000000000\n");
}

static void a_refused_response_leaves_the_one_before(void **state) {
    struct program program = {.size = 0};
    (void)state;
    program_poke(&program, S, "first", 5);
    DO(&program, http_respond, 200, S, 0, S, 5);
    DO(&program, http_respond, 99, S, 0, S, 0);
    DO(&program, http_respond, 200, S, 5, S, 0); /* "first" is no header */
    DO(&program, grow, 100);
    DO(&program, http_respond, 200, S, 0, 0, LIMIT_BODY_SIZE + 1);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "open\nrequest; respond 200 \"\" \"first\"\n");
}

static void a_request_may_go_unanswered_or_fail(void **state) {
    struct program program = {.size = 0};
    (void)state;
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    rig_expect(&rig, "open\nrequest\n");
    DO(&program, http_respond, 200, S, 0, S, 0);
    DO(&program, trap, 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_expect(&rig, "request FAILED TRAPPED\n");
}

static void respond_is_denied_outside_of_a_request(void **state) {
    struct program setup = {.size = 0}, respond = {.size = 0};
    (void)state;
    DO(&respond, http_respond, 200, S, 0, S, 0);
    DO(&respond, tell, 0);
    for (int kind = RAMP_CALL_JOIN; kind <= RAMP_CALL_CLOSE; kind++)
        program_install(&setup, (ramp_call_kind)kind, &respond);
    DO(&setup, http_respond, 200, S, 0, S, 0);
    DO(&setup, timer_set, 1, 10, 0);
    DO(&setup, tell, 0);
    rig_setup(rig_service(&rig, "s"), &setup);
    ramp_connection *ann = rig_join(&rig, "ann");
    rig_run(&rig);
    rig_send(ann, "", 0);
    ramp_leave(ann, 1000, NULL);
    rig_pass(&rig, 10);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    rig_expect(&rig, "open; timer_set 1 10 0; broadcast nobody 0xf8ffffffffffffff0000000000000000\n"
                     "join ann; broadcast ann 0xf8ffffffffffffff\n"
                     "message ann; broadcast ann 0xf8ffffffffffffff\n"
                     "leave ann; broadcast nobody 0xf8ffffffffffffff\n"
                     "timer; broadcast nobody 0xf8ffffffffffffff\n"
                     "close; broadcast nobody 0xf8ffffffffffffff\n");
}

static int32_t respond_with(uint32_t status, const char *headers, size_t size) {
    struct program program = {.size = 0};
    program_poke(&program, S, headers, size);
    DO(&program, http_respond, status, S, (int64_t)size, S, 0);
    DO(&program, tell, 0);
    assert_int_equal(rig_request(&rig, "r", &program), RAMP_OK);
    rig_run(&rig);
    return (int32_t)rig.told[0];
}

static void headers_are_checked(void **state) {
    static const struct {
        const char *lines;
        bool is_good;
    } cases[] = {
        {"", 1},
        {"a: b", 1},
        {"a: b\n", 1},
        {"a:b\nc: d\n", 1},
        {"a:", 1},
        {"x-y_z!#$%&'*+.^`|~1: v", 1},
        {"a: \tb", 1},
        {"a: caf\xC3\xA9", 1},
        {"set-cookie: a\nset-cookie: b", 1},
        {"\n", 0},
        {"a: b\n\n", 0},
        {"a", 0},
        {": b", 0},
        {"A: b", 0},
        {"a b: c", 0},
        {" a: b", 0},
        {"a : b", 0},
        {"a: b\r\n", 0},
        {"a: b\rc: d", 0},
        {"a: \x01", 0},
        {"a: \x7F", 0},
        {"\xC3\xA9: b", 0},
        {"connection: close", 0},
        {"keep-alive: 1", 0},
        {"proxy-connection: x", 0},
        {"te: x", 0},
        {"trailer: x", 0},
        {"transfer-encoding: chunked", 0},
        {"upgrade: websocket", 0},
        {"content-length: 3", 0},
        {"a: b\ncontent-length: 3", 0},
        {"content-lengths: 3", 1},
        {"tea: x", 1},
    };
    (void)state;
    rig.silent = true;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (respond_with(200, cases[i].lines, strlen(cases[i].lines)) !=
            (cases[i].is_good ? RAMP_OK : RAMP_ARGS))
            fail_msg("%s", cases[i].lines);
    assert_int_equal(respond_with(200, "a: \0b", 5), RAMP_ARGS);
    for (uint32_t status = 0; status < 700; status++)
        if (status < 5 || (status > 95 && status < 105) || status > 195)
            assert_int_equal(respond_with(status, "", 0),
                             status >= 200 && status < 600 ? RAMP_OK : RAMP_ARGS);
    assert_int_equal(respond_with(65536 + 200, "", 0), RAMP_ARGS);
}

static void a_module_without_the_handler_answers_so(void **state) {
    struct program big = {.size = 0};
    (void)state;
    snprintf(rig_service(&rig, "s")->module, sizeof(rig.services[0].module), "bare");
    assert_int_equal(rig_request(&rig, "r", &empty), RAMP_OK);
    big.size = sizeof(big.bytes); /* larger than the inbox's pieces */
    assert_int_equal(rig_request(&rig, "r", &big), RAMP_OK);
    rig_expect(&rig, "open\nrequest FAILED NO_HANDLER\nrequest FAILED NO_HANDLER\n");
}

static void conn_info_0_describes_the_requester(void **state) {
    struct program program = {.size = 0};
    ramp_error error;
    (void)state;
    for (int field = 0; field < 6; field++) {
        program_poke(&program, S, "k", 1);
        DO(&program, conn_info, 0, field, S, 1, S + 8, 8);
        DO(&program, load64, S + 8);
    }
    DO(&program, conn_send, 0, S, 1, 0);
    DO(&program, conn_close, 0, 1000, S, 0);
    DO(&program, room_conns, S, 0);
    DO(&program, tell, 0);
    assert_int_equal(ramp_http_request(rig.host, "s", "r",
                                       &(ramp_request){.size = sizeof(ramp_request),
                                                       .method = {"GET", 3},
                                                       .path = {"", 0},
                                                       .query = {"k=query", 7},
                                                       .headers = {"k: header\n", 10},
                                                       .user = {"user", 4},
                                                       .ip = {"::1", 3},
                                                       .claims = {"k: claim\n", 9},
                                                       .body = {program.bytes, program.size}},
                                       &error),
                     RAMP_OK);
    rig_run(&rig);
    assert_int_equal(rig.told[0], 0); /* has no id */
    assert_int_equal(rig.told[2], 5);
    assert_memory_equal(&rig.told[3], "query", 5);
    assert_int_equal(rig.told[4], 6);
    assert_memory_equal(&rig.told[5], "header", 6);
    assert_int_equal(rig.told[6], 4);
    assert_memory_equal(&rig.told[7], "user", 4);
    assert_int_equal(rig.told[8], 3);
    assert_memory_equal(&rig.told[9], "::1", 3);
    assert_int_equal(rig.told[10], 5);
    assert_memory_equal(&rig.told[11], "claim", 5);
    assert_int_equal(rig.told[12], RAMP_GONE);
    assert_int_equal(rig.told[13], RAMP_GONE);
    assert_int_equal(rig.told[14], 0);
}

static void a_body_may_have_one_mebibyte(void **state) {
    static uint8_t body[LIMIT_BODY_SIZE + 1];
    ramp_request request = {.size = sizeof(request),
                            .method = {"POST", 4},
                            .path = {"/", 1},
                            .body = {body, LIMIT_BODY_SIZE}};
    ramp_error error;
    ramp_host_stats stats = {.size = sizeof(stats)};
    (void)state;
    assert_int_equal(ramp_http_request(rig.host, "s", "r", &request, &error), RAMP_OK);
    rig_expect(&rig, "open\nrequest\n"); /* pulled: zeros do nothing */
    request.body.size++;
    assert_int_equal(ramp_http_request(rig.host, "s", "r2", &request, &error), RAMP_TOO_BIG);
    ramp_host_get_stats(rig.host, &stats);
    assert_int_equal(stats.rooms, 1); /* r2 was not begun */
}

static void a_request_carries_its_tag_and_no_connection(void **state) {
    ramp_error error;
    int tag = 0;
    (void)state;
    assert_int_equal(ramp_http_request(rig.host, "s", "r",
                                       &(ramp_request){.size = sizeof(ramp_request), .tag = &tag},
                                       &error),
                     RAMP_OK);
    rig_expect(&rig, "open\nrequest\n");
    assert_ptr_equal(rig.last_tag, &tag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_laid_out_as_counted_parts_and_a_body),
        TEST(a_response_is_the_last_one_that_was_given),
        TEST(a_refused_response_leaves_the_one_before),
        TEST(a_request_may_go_unanswered_or_fail),
        TEST(respond_is_denied_outside_of_a_request),
        TEST(headers_are_checked),
        TEST(a_module_without_the_handler_answers_so),
        TEST(conn_info_0_describes_the_requester),
        TEST(a_body_may_have_one_mebibyte),
        TEST(a_request_carries_its_tag_and_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

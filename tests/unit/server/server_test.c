/* SPDX-License-Identifier: Apache-2.0 */
/* server_test.c -- a whole server in this process, with raw sockets as its clients: what well-behaved
 * libraries never send.
 */
#define _GNU_SOURCE
#include "unit/server/live_server.h"

#include "base/limits.h"
#include "wire/ws.h"

#include <time.h>

/* More than the tests have: a room that has just been left holds its place for room_idle_ms, and by
 * chance all are one worker's. */
#define ROOMS 24

static int start(void **state) {
    (void)state;
    return live_start(
        (struct server_options){.workers = 2, .rooms_max = 2 * ROOMS, .room_idle_ms = 50});
}

static int stop(void **state) {
    (void)state;
    return live_stop();
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

static void pipelined_requests_are_answered_in_order(void **state) {
    struct client *client = client_new();

    (void)state;
    for (int i = 0; i < 500; i++) {
        say_text(client, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        say_text(client, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
        /* echo has no on_request; half of these rooms are the other worker's. */
        say_text(client, i % 2 ? "GET /echo/a HTTP/1.1\r\nHost: h\r\n\r\n"
                               : "GET /echo/b HTTP/1.1\r\nHost: h\r\n\r\n");
        if (i % 100) continue;
        say_text(client, "POST /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n0\r\n\r\n");
    }
    for (int i = 0; i < 500; i++) {
        expect_answer(client, 200);
        expect_answer(client, 404);
        expect_answer(client, 404);
        if (i % 100 == 0) expect_answer(client, 404);
    }
    client_free(client);
}

static void what_could_be_read_in_two_ways_is_refused_and_closed(void **state) {
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /healthz HTTP/1.1\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\nHost: a\n\n", 400},
        {"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         400},
        {"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
        {"POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", 400},
        {"POST /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413},
        {"GET /echo/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct client *client = client_new();
        say_text(client, cases[i].request);
        expect_answer(client, cases[i].status);
        assert_true(is_closed(client));
        client_free(client);
    }
}

static void half_a_close_still_gets_its_answer(void **state) {
    struct client *client = client_new();

    (void)state;
    say_text(client, "GET /echo/half HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(client->fd, SHUT_WR);
    expect_answer(client, 404);
    assert_true(is_closed(client));
    client_free(client);
}

/* ---- WebSockets ---------------------------------------------------------------------------- */

static void rooms_of_both_workers_take_members_and_frames_sent_early(void **state) {
    char upgrade[512];
    struct client *client;
    uint8_t early[64];

    (void)state;
    for (int i = 0; i < 40; i++) {
        client = client_new();
        snprintf(upgrade, sizeof(upgrade), UPGRADE("/echo/r%d"), i % 6);
        if (i % 3 == 0) { /* an answer of this worker goes before the move */
            say_text(client, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
        }
        say_text(client, upgrade);
        say(client, early, frame(early, 0x81, "early", 5));
        if (i % 3 == 0) expect_answer(client, 200);
        expect_answer(client, 101);
        expect(client,
               "\x81\x05"
               "early",
               7);
        client_free(client);
    }
}

static void a_byte_at_a_time_is_the_same(void **state) {
    static const char upgrade[] = UPGRADE("/echo/bytes");
    struct client *client = client_new();
    uint8_t bytes[64];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(upgrade) - 1; i++) say(client, upgrade + i, 1);
    expect_answer(client, 101);
    size = frame(bytes, 0x01, "one", 3);
    size += frame(bytes + size, 0x89, "ping", 4);
    size += frame(bytes + size, 0x80, "two", 3);
    for (size_t i = 0; i < size; i++) say(client, bytes + i, 1);
    expect(client, "\x8a\x04ping", 6);
    expect(client,
           "\x81\x06"
           "onetwo",
           8);
    send_frame(client, 0x82, ""); /* a probe: answered by the server */
    expect(client, "\x82\0", 2);
    client_free(client);
}

static void frames_against_the_rules_close_with_their_code(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
        unsigned code;
    } cases[] = {
        {"\x81\x01x", 3, 1002},                           /* not masked */
        {"\xc1\x81\0\0\0\0x", 7, 1002},                   /* a reserved bit */
        {"\x83\x80\0\0\0\0", 6, 1002},                    /* a reserved opcode */
        {"\x80\x80\0\0\0\0", 6, 1002},                    /* continues nothing */
        {"\x89\xfe\0\x7e\0\0\0\0", 8, 1002},              /* a long ping */
        {"\x81\x81\0\0\0\0\xff", 7, 1007},                /* not UTF-8 */
        {"\x82\xff\0\0\0\0\0\x10\0\1\0\0\0\0", 14, 1009}, /* 1 MiB and a byte */
        {"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 1002}, /* a negative length */
        {"\x88\x82\0\0\0\0\x03\xed", 8, 1002},            /* 1005 on the wire */
        {"\x88\x82\0\0\0\0\x03\xe8", 8, 1000},            /* this one is fine */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct client *client = member(UPGRADE("/echo/rules"));
        say(client, cases[i].bytes, cases[i].size);
        expect_close(client, cases[i].code);
        client_free(client);
    }
}

static void pings_that_nobody_reads_the_answers_of_end_in_a_close(void **state) {
    struct client *client = client_new();
    struct timeval patience = {.tv_sec = 1};
    int small = 4096;
    static uint8_t pings[60000];
    size_t size = 0;
    time_t end = time(NULL) + 30;
    bool is_heard = true;

    (void)state;
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    say_text(client, UPGRADE("/echo/pings"));
    while (size + 131 < sizeof(pings)) {
        char payload[125] = {0};
        size += frame(pings + size, 0x89, payload, sizeof(payload));
    }
    /* It closes when 64 pongs wait, throws away what still comes, and has gone 5 s later. */
    while (is_heard && time(NULL) < end)
        is_heard = send(client->fd, pings, size, MSG_NOSIGNAL) == (ssize_t)size;
    assert_false(is_heard);
    client_free(client);
}

/* A member that never reads is dropped; the others get everything. */
static void a_deaf_member_costs_the_others_nothing(void **state) {
    struct client *deaf = member(UPGRADE("/echo/deaf")), *reader = member(UPGRADE("/echo/deaf"));
    static uint8_t message[8 + 16000], received[sizeof(message)];
    struct pollfd gone = {.fd = deaf->fd, .events = POLLIN};
    unsigned count = 0;

    (void)state;
    memcpy(message, "\x82\xfe\x3e\x80\0\0\0\0", 8);
    memset(message + 8, 'm', 16000);
    /* 4 MiB of ours and what the kernel holds at both ends. */
    for (; count < 2000; count++) {
        say(reader, message, sizeof(message));
        for (size_t got = 0; got < 4 + 16000;) {
            ssize_t n = recv(reader->fd, received + got, 4 + 16000 - got, 0);
            assert_true(n > 0);
            got += (size_t)n;
        }
        assert_memory_equal(received, "\x82\x7e\x3e\x80", 4);
        assert_memory_equal(received + 4, message + 8, 16000);
        if (poll(&gone, 1, 0) == 1 && (gone.revents & (POLLERR | POLLHUP))) break;
    }
    assert_true(count < 2000);
    client_free(deaf);
    client_free(reader);
}

static void clients_that_vanish_while_they_join_leave_nothing_behind(void **state) {
    struct linger reset = {.l_onoff = 1};
    struct client *client;

    (void)state;
    for (int i = 0; i < 200; i++) {
        client = client_new();
        say_text(client, i % 2 ? UPGRADE("/echo/v1") : UPGRADE("/echo/v2"));
        if (i % 3 == 0) setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        client_free(client);
    }
    client = member(UPGRADE("/echo/v1"));
    send_frame(client, 0x81, "alone");
    expect(client,
           "\x81\x05"
           "alone",
           7);
    client_free(client);
}

static void an_upgrade_that_cannot_be_is_answered_in_http(void **state) {
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {UPGRADE("/nobody/here"), 404},
        {UPGRADE("/echo"), 404},
        {UPGRADE("/echo/a/b"), 404},
        {UPGRADE("/echo/%2e%2e"), 400},
        {UPGRADE("/ECHO/a"), 400},
        {"GET /echo/a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         426},
        {"GET /echo/a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
         400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct client *client = client_new();
        say_text(client, cases[i].request);
        expect_answer(client, cases[i].status);
        client_free(client);
    }
}

/* The last one: it stops the server. */
static void a_drain_finishes_requests_and_closes_with_1012(void **state) {
    struct client *idle = member(UPGRADE("/echo/d1")), *other = member(UPGRADE("/echo/d2"));
    struct client *asking = client_new();
    void *code;

    (void)state;
    say_text(asking, "POST /echo/d1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nha");
    usleep(100000);
    kill(getpid(), SIGTERM);
    usleep(100000);
    say_text(asking, "lf");
    expect_answer(asking, 404);
    expect_close(idle, 1012);
    expect_close(other, 1012);
    client_free(idle);
    client_free(other);
    client_free(asking);
    pthread_join(server_thread, &code);
    assert_null(code);
    server_free(server);
    server = NULL;
    test_folder_remove(folder);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused_and_closed),
        cmocka_unit_test(half_a_close_still_gets_its_answer),
        cmocka_unit_test(rooms_of_both_workers_take_members_and_frames_sent_early),
        cmocka_unit_test(a_byte_at_a_time_is_the_same),
        cmocka_unit_test(frames_against_the_rules_close_with_their_code),
        cmocka_unit_test(pings_that_nobody_reads_the_answers_of_end_in_a_close),
        cmocka_unit_test(a_deaf_member_costs_the_others_nothing),
        cmocka_unit_test(clients_that_vanish_while_they_join_leave_nothing_behind),
        cmocka_unit_test(an_upgrade_that_cannot_be_is_answered_in_http),
        cmocka_unit_test(a_drain_finishes_requests_and_closes_with_1012),
    };
    int code;

    return live_main(argc, argv, &code) ? cmocka_run_group_tests(tests, start, stop) : code;
}

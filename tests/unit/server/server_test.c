/* SPDX-License-Identifier: Apache-2.0 */
/* server_test.c -- a whole server in this process, with raw sockets as its clients: what well-behaved
 * libraries never send.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "cli/cli.h"
#include "server/loader.h"
#include "server/server.h"
#include "unit/support/folder.h"
#include "wire/ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char folder[64], exe[512];
static struct server *server;
static pthread_t server_thread;
static sem_t deployed;

/* ---- a server ------------------------------------------------------------------------------ */

static void on_deployed(void *context, uint64_t ticket, const struct deployed *result) {
    (void)context;
    (void)ticket;
    if (result->status != RAMP_OK) {
        fprintf(stderr, "%s\n", result->message);
        abort();
    }
    sem_post(&deployed);
}

static void deploy_echo(void) {
    size_t size;
    unsigned char *wasm = test_file_read(TEST_MODULES, "echo.wasm", &size);

    loader_deploy(server_loader(server), &(struct deploy){.service = "echo", .wasm = {wasm, size}},
                  on_deployed, NULL, 1);
    while (sem_wait(&deployed) != 0) continue;
    free(wasm);
}

static void *run_server(void *unused) {
    (void)unused;
    return (void *)(intptr_t)server_run(server);
}

static int start(void **state) {
    ramp_error error;

    (void)state;
    sem_init(&deployed, 0, 0);
    test_folder_new(folder);
    if (server_new(&(struct server_options){.listen = "127.0.0.1:0",
                                            .data = folder,
                                            .workers = 2,
                                            .rooms_max = 16,
                                            .room_idle_ms = 50,
                                            .exe = exe},
                   &server, &error) != RAMP_OK) {
        print_error("%s\n", error.message);
        return -1;
    }
    deploy_echo();
    return pthread_create(&server_thread, NULL, run_server, NULL);
}

static int stop(void **state) {
    void *code = NULL;

    (void)state;
    if (!server) return 0;
    kill(getpid(), SIGTERM);
    pthread_join(server_thread, &code);
    server_free(server);
    server = NULL;
    test_folder_remove(folder);
    return code == NULL ? 0 : -1;
}

/* ---- a client ------------------------------------------------------------------------------ */

struct client {
    int fd;
    size_t size;
    uint8_t bytes[64 << 10]; /* received, not yet looked at */
};

static struct client *client_new(void) {
    struct client *client = calloc(1, sizeof(*client));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    to.sin_port = htons((uint16_t)strtoul(strrchr(server_url(server), ':') + 1, NULL, 10));
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return client;
}

static void client_free(struct client *client) {
    close(client->fd);
    free(client);
}

static void say(struct client *client, const void *bytes, size_t size) {
    assert_int_equal(send(client->fd, bytes, size, MSG_NOSIGNAL), size);
}

static void say_text(struct client *client, const char *text) {
    say(client, text, strlen(text));
}

/* false: the server has closed, or is silent for 10 s. */
static bool hear(struct client *client) {
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    ssize_t size;

    assert_true(client->size < sizeof(client->bytes));
    if (poll(&ready, 1, 10000) != 1) return false;
    size = recv(client->fd, client->bytes + client->size, sizeof(client->bytes) - client->size, 0);
    if (size <= 0) return false;
    client->size += (size_t)size;
    return true;
}

static void drop(struct client *client, size_t size) {
    client->size -= size;
    memmove(client->bytes, client->bytes + size, client->size);
}

static void expect(struct client *client, const void *bytes, size_t size) {
    while (client->size < size && hear(client)) continue;
    assert_true(client->size >= size);
    assert_memory_equal(client->bytes, bytes, size);
    drop(client, size);
}

/* The status of the next answer, whose body is thrown away. 0: there is none. */
static int hear_answer(struct client *client) {
    size_t length = 0, head;
    uint8_t *end;
    char *found;
    int status;

    while (!(end = memmem(client->bytes, client->size, "\r\n\r\n", 4)))
        if (!hear(client)) return 0;
    *end = '\0';
    head = (size_t)(end - client->bytes) + 4;
    assert_memory_equal(client->bytes, "HTTP/1.1 ", 9);
    status = (int)strtol((char *)client->bytes + 9, NULL, 10);
    found = strstr((char *)client->bytes, "Content-Length: ");
    if (found) length = strtoul(found + 16, NULL, 10);
    while (client->size < head + length && hear(client)) continue;
    assert_true(client->size >= head + length);
    drop(client, head + length);
    return status;
}

static bool is_closed(struct client *client) {
    client->size = 0;
    while (hear(client)) client->size = 0;
    return recv(client->fd, client->bytes, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

#define UPGRADE(path)                                                                              \
    "GET " path " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static struct client *member(const char *upgrade) {
    struct client *client = client_new();

    say_text(client, upgrade);
    assert_int_equal(hear_answer(client), 101);
    return client;
}

/* A whole masked frame of a small payload; `first` is the byte with FIN and the opcode. */
static size_t frame(uint8_t *out, uint8_t first, const char *payload, size_t size) {
    assert_true(size < 126);
    out[0] = first;
    out[1] = (uint8_t)(0x80 | size);
    memset(out + 2, 0, 4); /* a mask of zeros changes nothing */
    memcpy(out + 6, payload, size);
    return 6 + size;
}

static void send_frame(struct client *client, uint8_t first, const char *payload) {
    uint8_t bytes[132];

    say(client, bytes, frame(bytes, first, payload, strlen(payload)));
}

static void expect_close(struct client *client, unsigned code) {
    uint8_t head[4];

    while (client->size < 4 && hear(client)) continue;
    assert_true(client->size >= 4);
    memcpy(head, client->bytes, 4);
    assert_int_equal(head[0], 0x88);
    assert_int_equal(head[2] << 8 | head[3], code);
    assert_true(is_closed(client));
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
        assert_int_equal(hear_answer(client), 200);
        assert_int_equal(hear_answer(client), 404);
        assert_int_equal(hear_answer(client), 404);
        if (i % 100 == 0) assert_int_equal(hear_answer(client), 404);
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
        assert_int_equal(hear_answer(client), cases[i].status);
        assert_true(is_closed(client));
        client_free(client);
    }
}

static void half_a_close_still_gets_its_answer(void **state) {
    struct client *client = client_new();

    (void)state;
    say_text(client, "GET /echo/half HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(client->fd, SHUT_WR);
    assert_int_equal(hear_answer(client), 404);
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
        if (i % 3 == 0) assert_int_equal(hear_answer(client), 200);
        assert_int_equal(hear_answer(client), 101);
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
    assert_int_equal(hear_answer(client), 101);
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
        assert_int_equal(hear_answer(client), cases[i].status);
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
    assert_int_equal(hear_answer(asking), 404);
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
    ssize_t size;

    /* The compile child is this program again. */
    if (argc > 1 && strcmp(argv[1], "compile-child") == 0)
        return cli_compile_child(argc - 1, argv + 1);
    size = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (size <= 0) return 1;
    exe[size] = '\0';
    return cmocka_run_group_tests(tests, start, stop);
}

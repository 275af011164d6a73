/* SPDX-License-Identifier: Apache-2.0 */
/* origins_test.c -- which pages may use a service: what ramp.json may say, and what a whole server makes of
 * it, for sockets and for requests.
 */
#define _GNU_SOURCE
#include "unit/server/live_server.h"

#include "base/limits.h"
#include "base/mem.h"
#include "server/service_config.h"

static int start(void **state) {
    (void)state;
    if (live_start((struct server_options){.workers = 2, .rooms_max = 128}) != 0) return -1;
    live_deploy("listed", "server_room.wasm",
                "{\"origins\":[\"https://game.example\",\"http://localhost:3000\"]}");
    live_deploy("any", "server_room.wasm", "{\"origins\":[\"*\"]}");
    live_deploy("nobody", "server_room.wasm", "{\"origins\":[]}");
    live_deploy("free", "server_room.wasm", "{\"env\":{}}");
    return 0;
}

static int stop(void **state) {
    (void)state;
    return live_stop();
}

/* ---- ramp.json --------------------------------------------------------------------------------- */

static void what_is_no_origin_is_refused_with_a_sentence(void **state) {
    static const char *const bad[] = {
        "https://game.example/",
        "https://Game.example",
        "game.example",
        "https://",
        "https://game.example:443",
        "http://x:80",
        "https://*.example",
        "https://a b",
        "null",
        "",
        "https://user@x",
        "https://x\\\\y",
    };
    static const char *const good[] = {"https://game.example", "http://localhost:3000",
                                       "http://[::1]:8080",    "capacitor://localhost",
                                       "https://x:80",         "*"};
    ramp_error error;
    json_t *config;
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(text, sizeof(text), "{\"origins\":[\"https://ok.example\",\"%s\"]}", bad[i]);
        if (config_parse((ramp_bytes){text, strlen(text)}, &config, &error) != RAMP_ARGS)
            fail_msg("%s", text);
        assert_non_null(strstr(error.message, "entry 2"));
        assert_non_null(strstr(error.message, "https://example.org"));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ramp_bytes lines;
        snprintf(text, sizeof(text), "{\"origins\":[\"%s\"]}", good[i]);
        assert_int_equal(config_parse((ramp_bytes){text, strlen(text)}, &config, &error), RAMP_OK);
        assert_int_equal(config_origins(config, &lines, &error), RAMP_OK);
        assert_int_equal(lines.size, strlen(good[i]) + 1);
        assert_memory_equal(lines.data, good[i], lines.size - 1);
        mem_free((void *)(uintptr_t)lines.data);
        json_decref(config);
    }
    assert_int_equal(config_parse((ramp_bytes){"{\"origins\":{}}", 14}, &config, &error),
                     RAMP_ARGS);
    assert_non_null(strstr(error.message, "not an array"));
}

/* ---- sockets ------------------------------------------------------------------------------------ */

static int status_of_join_from(const char *service, unsigned room, const char *origin,
                               char answer[256]) {
    char request[512];
    struct client *client = client_new();
    int status;

    snprintf(request, sizeof(request),
             "GET /%s/r%u HTTP/1.1\r\nHost: play.example:8080\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\n%s%s%sSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             service, room, origin ? "Origin: " : "", origin ? origin : "", origin ? "\r\n" : "");
    say_text(client, request);
    status = hear_answer(client);
    memcpy(answer, client->answer, sizeof(client->answer));
    client_free(client);
    return status;
}

static void sockets_of_listed_pages_and_of_no_pages_join(void **state) {
    static const struct {
        const char *service, *origin;
        int status;
    } cases[] = {
        {"listed", "https://game.example", 101},
        {"listed", "http://localhost:3000", 101},
        {"listed", NULL, 101},                        /* no browser */
        {"listed", "http://play.example:8080", 101},  /* a page of this server ... */
        {"listed", "https://play.example:8080", 101}, /* ... behind a proxy with TLS */
        {"listed", "https://evil.example", 403},
        {"listed", "https://game.example.evil", 403},
        {"listed", "https://game.exampl", 403},
        {"listed", "http://game.example", 403},
        {"listed", "http://localhost:3001", 403},
        {"listed", "http://play.example", 403},
        {"listed", "null", 403},
        {"nobody", "https://game.example", 403},
        {"nobody", "http://play.example:8080", 101},
        {"nobody", NULL, 101},
        {"any", "https://evil.example", 101},
        {"free", "https://evil.example", 101},
        {"echo", "https://evil.example", 101},
        {"unknown", "https://evil.example", 404},
        {"unknown", "http://play.example:8080", 404},
    };
    char answer[256];

    (void)state;
    /* The second time a worker knows; four rooms are both workers'. */
    for (unsigned round = 0; round < 8; round++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            int status = status_of_join_from(cases[i].service, round % 4, cases[i].origin, answer);
            if (status != cases[i].status)
                fail_msg("%s from %s: %d and not %d: %s", cases[i].service,
                         cases[i].origin ? cases[i].origin : "nowhere", status, cases[i].status,
                         answer);
            if (status == 403) assert_non_null(strstr(answer, "`origins` of the service"));
        }
}

/* Frames that come with the head wait with it. */
static void many_that_come_at_once_ask_the_store_once_and_lose_nothing(void **state) {
    static const char frame_early[] = "\x81\x85\0\0\0\0early";
    struct client *clients[20];
    char request[512];

    (void)state;
    live_deploy("fresh", "echo.wasm", "{\"origins\":[\"https://game.example\"]}");
    for (unsigned i = 0; i < 20; i++) {
        clients[i] = client_new();
        snprintf(request, sizeof(request),
                 "GET /fresh/r%u HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nOrigin: "
                 "https://%s.example\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                 i, i % 4 ? "game" : "evil");
        say_text(clients[i], request);
        say(clients[i], frame_early, sizeof(frame_early) - 1);
    }
    for (unsigned i = 0; i < 20; i++) {
        expect_answer(clients[i], i % 4 ? 101 : 403);
        if (i % 4)
            expect(clients[i],
                   "\x81\x05"
                   "early",
                   7);
        client_free(clients[i]);
    }
}

static void a_deploy_is_obeyed_at_once(void **state) {
    char answer[256];
    int status = 0;

    (void)state;
    live_deploy("moves", "server_room.wasm", "{\"origins\":[\"https://old.example\"]}");
    for (unsigned room = 0; room < 4; room++)
        assert_int_equal(status_of_join_from("moves", room, "https://old.example", answer), 101);
    live_deploy("moves", "server_room.wasm", "{\"origins\":[\"https://new.example\"]}");
    server_service_updated(server, "moves", &deployed_id, NULL, NULL);
    /* Both workers have been told, and are in the middle of a turn at most. */
    for (unsigned room = 0; room < 4; room++) {
        for (int i = 0; i < 1000 && status != 403; i++)
            status = status_of_join_from("moves", room, "https://old.example", answer);
        assert_int_equal(status, 403);
        assert_int_equal(status_of_join_from("moves", room, "https://new.example", answer), 101);
    }
}

/* ---- requests ----------------------------------------------------------------------------------- */

/* Asks; the head of the answer is in `ret_head`. */
static int ask(const char *request, char ret_head[2048]) {
    struct client *client = client_new();
    size_t size;
    int status;

    say_text(client, request);
    while (!memmem(client->bytes, client->size, "\r\n\r\n", 4))
        if (!hear(client)) break;
    size = client->size < 2047 ? client->size : 2047;
    memcpy(ret_head, client->bytes, size);
    ret_head[size] = '\0';
    status = hear_answer(client);
    client_free(client);
    return status;
}

#define PREFLIGHT(service, origin)                                                                 \
    "OPTIONS /" service "/room/score HTTP/1.1\r\nHost: h\r\nOrigin: " origin                       \
    "\r\nAccess-Control-Request-Method: POST\r\n"                                                  \
    "Access-Control-Request-Headers: content-type\r\n\r\n"

static void preflights_are_answered_from_the_services_origins(void **state) {
    char head[2048];

    (void)state;
    assert_int_equal(ask(PREFLIGHT("listed", "https://game.example"), head), 204);
    assert_non_null(strstr(head, "Access-Control-Allow-Origin: https://game.example\r\n"));
    assert_non_null(strstr(head, "Vary: Origin\r\n"));
    assert_non_null(strstr(head, "Access-Control-Allow-Headers: content-type\r\n"));
    assert_int_equal(ask(PREFLIGHT("listed", "https://evil.example"), head), 403);
    assert_null(strstr(head, "Access-Control"));
    assert_int_equal(ask(PREFLIGHT("any", "https://evil.example"), head), 204);
    assert_non_null(strstr(head, "Access-Control-Allow-Origin: *\r\n"));
    /* Lists none: a browser lets no other page read what it answers. */
    assert_int_equal(ask(PREFLIGHT("free", "https://evil.example"), head), 204);
    assert_null(strstr(head, "Access-Control"));
}

#define GET(path, origin) "GET " path " HTTP/1.1\r\nHost: h\r\nOrigin: " origin "\r\n\r\n"

static void answers_of_rooms_tell_who_may_read_them(void **state) {
    char head[2048];

    (void)state;
    assert_int_equal(ask(GET("/listed/a", "https://game.example"), head), 201);
    assert_non_null(strstr(head, "x-made-by: wat"));
    assert_non_null(strstr(head, "Access-Control-Allow-Origin: https://game.example\r\n"));
    /* A page may read why it has failed, too. */
    live_deploy("mute", "echo.wasm", "{\"origins\":[\"https://game.example\"]}");
    assert_int_equal(ask(GET("/mute/a", "https://game.example"), head), 404);
    assert_non_null(strstr(head, "Access-Control-Allow-Origin: https://game.example\r\n"));
    assert_int_equal(ask("POST /listed/a HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\n"
                         "Content-Length: 2\r\n\r\nhi",
                         head),
                     403);
    assert_null(strstr(head, "Access-Control"));
    assert_int_equal(ask(GET("/listed/a", "http://h"), head), 201);
    assert_null(strstr(head, "Access-Control"));
    assert_int_equal(ask(GET("/free/a", "https://evil.example"), head), 201);
    assert_null(strstr(head, "Access-Control"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_origin_is_refused_with_a_sentence),
        cmocka_unit_test(preflights_are_answered_from_the_services_origins),
        cmocka_unit_test(answers_of_rooms_tell_who_may_read_them),
        cmocka_unit_test(sockets_of_listed_pages_and_of_no_pages_join),
        cmocka_unit_test(many_that_come_at_once_ask_the_store_once_and_lose_nothing),
        cmocka_unit_test(a_deploy_is_obeyed_at_once),
    };
    int code;

    return live_main(argc, argv, &code) ? cmocka_run_group_tests(tests, start, stop) : code;
}

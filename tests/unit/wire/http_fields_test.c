/* SPDX-License-Identifier: Apache-2.0 */
/* http_fields_test.c -- wire/http_fields.c: lists, the WebSocket handshake, modules' header lines.
 */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;
static struct http_error error;

static void parse(const char *bytes) {
    if (http_parse_request(bytes, strlen(bytes), &head, &error) != HTTP_DONE) {
        fail_msg("%s: %s", bytes, error.message);
    }
}

static void http_finds_tokens_in_lists(void **state) {
    (void)state;
    parse("GET / HTTP/1.1\r\nHost: h\r\n"
          "Sec-WebSocket-Protocol: chat, ramp.1,,\t other\r\n"
          "sec-websocket-protocol: last\r\n"
          "X: ramp.1\r\n\r\n");
    const char *name = "Sec-WebSocket-Protocol";
    assert_true(http_header_lists(&head, name, "chat", false));
    assert_true(http_header_lists(&head, name, "ramp.1", false));
    assert_true(http_header_lists(&head, name, "other", false));
    assert_true(http_header_lists(&head, name, "last", false));
    assert_false(http_header_lists(&head, name, "RAMP.1", false)); /* has case */
    assert_true(http_header_lists(&head, name, "RAMP.1", true));
    assert_false(http_header_lists(&head, name, "ramp", false));
    assert_false(http_header_lists(&head, name, "ramp.12", false));
    assert_false(http_header_lists(&head, name, "", false));
    assert_false(http_header_lists(&head, "absent", "chat", false));
}

static void http_takes_lists_apart(void **state) {
    static const struct {
        const char *list;
        const char *tokens[4];
    } cases[] = {
        {"", {NULL}},
        {" , ,\t", {NULL}},
        {"a", {"a", NULL}},
        {"a,b", {"a", "b", NULL}},
        {"  a b ,, c\t", {"a b", "c", NULL}},
        {"a,", {"a", NULL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct text list = text_of(cases[i].list), token;
        for (const char *const *expected = cases[i].tokens; *expected; expected++) {
            assert_true(http_list_next(&list, &token));
            assert_true(text_is(token, *expected));
        }
        assert_false(http_list_next(&list, &token));
        assert_int_equal(list.size, 0);
    }
}

/* ---- the handshake --------------------------------------------------------------------------- */

#define KEY        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION    "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE    "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define GET        "GET /a/b HTTP/1.1\r\nHost: h\r\n"

static void http_takes_handshakes(void **state) {
    static const char *const good[] = {
        GET UPGRADE CONNECTION KEY VERSION "\r\n",
        GET "Upgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n" KEY VERSION "\r\n",
        GET "upgrade: h2c, websocket\r\nconnection: UPGRADE\r\n" KEY VERSION "\r\n",
        GET "Connection: close\r\nConnection: Upgrade\r\n" UPGRADE KEY VERSION "\r\n",
        GET UPGRADE CONNECTION KEY VERSION "Origin: http://h\r\nSec-WebSocket-Extensions: "
                                           "permessage-deflate; client_max_window_bits\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct text key;
        parse(good[i]);
        assert_true(head.wants_websocket);
        if (!http_check_websocket(&head, &key, &error)) fail_msg("%s: %s", good[i], error.message);
        assert_true(text_is(key, "dGhlIHNhbXBsZSBub25jZQ=="));
    }
}

static void http_refuses_handshakes_with_a_reason(void **state) {
    static const struct {
        int status;
        const char *bytes;
    } bad[] = {
        {400, "POST /a/b HTTP/1.1\r\nHost: h\r\n" UPGRADE CONNECTION KEY VERSION "\r\n"},
        {400, "HEAD /a/b HTTP/1.1\r\nHost: h\r\n" UPGRADE CONNECTION KEY VERSION "\r\n"},
        {400, "GET /a/b HTTP/1.0\r\nHost: h\r\n" UPGRADE CONNECTION KEY VERSION "\r\n"},
        {400, GET UPGRADE KEY VERSION "\r\n"},
        {400, GET UPGRADE "Connection: close\r\n" KEY VERSION "\r\n"},
        {426, GET UPGRADE CONNECTION KEY "\r\n"},
        {426, GET UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n\r\n"},
        {426, GET UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 130\r\n\r\n"},
        {400, GET UPGRADE CONNECTION VERSION "\r\n"},
        {400, GET UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: c2hvcnQ=\r\n\r\n"},
        {400, GET UPGRADE CONNECTION VERSION "Sec-WebSocket-Key:\r\n\r\n"},
        {400, GET UPGRADE CONNECTION VERSION KEY KEY "\r\n"},
        {400, GET UPGRADE CONNECTION VERSION KEY "Content-Length: 3\r\n\r\n"},
        {400, GET UPGRADE CONNECTION VERSION KEY "Content-Length: 0\r\n\r\n"},
        {400, GET UPGRADE CONNECTION VERSION KEY "Transfer-Encoding: chunked\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct text key;
        parse(bad[i].bytes);
        assert_true(head.wants_websocket);
        assert_false(http_check_websocket(&head, &key, &error));
        if (error.status != bad[i].status) fail_msg("%d %s", error.status, bad[i].bytes);
        assert_non_null(error.message);
    }
    parse(GET CONNECTION KEY VERSION "Upgrade: h2c\r\n\r\n");
    assert_false(head.wants_websocket);
    parse(GET CONNECTION KEY VERSION "Upgrade: websockets\r\n\r\n");
    assert_false(head.wants_websocket);
}

/* ---- lines -------------------------------------------------------------------------------------
 */

static void expect_lines(const char *bytes, const char *expected) {
    parse(bytes);
    char *out = malloc(head.size); /* what the contract says suffices */
    size_t size = http_header_lines(&head, out);
    if (size != strlen(expected) || memcmp(out, expected, size) != 0) {
        fail_msg("'%.*s' instead of '%s'", (int)size, out, expected);
    }
    free(out);
}

static void http_writes_the_lines_that_modules_see(void **state) {
    (void)state;
    expect_lines("GET / HTTP/1.0\r\n\r\n", "");
    expect_lines("GET / HTTP/1.1\r\nHost:h\r\nA:b\r\nX-Two: 1\r\nx-two: 2\r\nEmpty:\r\n\r\n",
                 "host: h\na: b\nx-two: 1\nx-two: 2\nempty: \n");
    expect_lines("POST / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop,  x-other\r\n"
                 "Connection: third\r\nX-HOP: gone\r\nX-Other: gone\r\nThird: gone\r\n"
                 "Keep-Alive: 5\r\nTE: trailers\r\nTrailer: a\r\nUpgrade: h2c\r\n"
                 "Proxy-Connection: a\r\nProxy-Authorization: a\r\nProxy-Authenticate: a\r\n"
                 "Content-Length: 0\r\nContent-Type: text/plain\r\n\r\n",
                 "host: h\ncontent-type: text/plain\n");
    expect_lines("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "host: h\n");
    expect_lines("GET / HTTP/1.1\r\nHost: h\r\nUtf: \xc3\xa4\xf0\x9f\x98\x80\r\n\r\n",
                 "host: h\nutf: \xc3\xa4\xf0\x9f\x98\x80\n");
    expect_lines("GET / HTTP/1.1\r\nHost: h\r\nLatin: f\xfcr \xe4\r\n\r\n",
                 "host: h\nlatin: f?r ?\n");
}

static void http_takes_lines_apart(void **state) {
    struct text lines = text_of("a: b\nc:\t d e \nempty:\nX_y: last"), name, value;
    (void)state;

    assert_true(http_lines_next(&lines, &name, &value));
    assert_true(text_is(name, "a") && text_is(value, "b"));
    assert_true(http_lines_next(&lines, &name, &value));
    assert_true(text_is(name, "c") && text_is(value, "d e"));
    assert_true(http_lines_next(&lines, &name, &value));
    assert_true(text_is(name, "empty") && text_is(value, ""));
    assert_true(http_lines_next(&lines, &name, &value));
    assert_true(text_is(name, "X_y") && text_is(value, "last"));
    assert_false(http_lines_next(&lines, &name, &value));
    assert_int_equal(lines.size, 0);

    static const struct {
        const char *lines;
        size_t size;
    } bad[] = {
        {"\n", 1},         {"a", 1},        {"a\n", 2},           {": b\n", 5},
        {"a b: c\n", 7},   {"a : b\n", 6},  {" a: b\n", 6},       {"a: b\rc: d\n", 10},
        {"a: b\0c\n", 7},  {"a\0: b\n", 6}, {"\xc3\xa4: b\n", 6}, {"a: b\r\n", 6},
        {"\n\na: b\n", 7},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct text text = {bad[i].lines, bad[i].size};
        if (http_lines_next(&text, &name, &value)) fail_msg("row %zu: %s", i, bad[i].lines);
        assert_int_equal(text.size, bad[i].size); /* so the caller sees that it was not the end */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_finds_tokens_in_lists),
        cmocka_unit_test(http_takes_lists_apart),
        cmocka_unit_test(http_takes_handshakes),
        cmocka_unit_test(http_refuses_handshakes_with_a_reason),
        cmocka_unit_test(http_writes_the_lines_that_modules_see),
        cmocka_unit_test(http_takes_lines_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

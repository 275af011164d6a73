/* SPDX-License-Identifier: Apache-2.0 */
/* http_test.c -- wire/http.c: what is a head, and what could be taken for two.
 *
 * Every input is also parsed cut at every place: a prefix asks for more or gives the whole's
 * verdict.
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
static char *parsed; /* a block of exactly the input's size */

static enum http_result parse_once(const char *bytes, size_t size, bool is_response) {
    free(parsed);
    parsed = malloc(size ? size : 1);
    memcpy(parsed, bytes, size);
    error = (struct http_error){0, NULL};
    if (is_response) return http_parse_response(parsed, size, false, &head, &error);
    return http_parse_request(parsed, size, &head, &error);
}

/* The result for the whole, after all cuts have agreed with it. */
static enum http_result parse(const char *bytes, size_t size, bool is_response) {
    enum http_result whole = parse_once(bytes, size, is_response);
    struct http_error whole_error = error;
    size_t whole_size = whole == HTTP_DONE ? head.size : size;
    size_t step = size > 2000 ? 97 : 1;

    for (size_t cut = 0; cut < size; cut += step) {
        enum http_result result = parse_once(bytes, cut, is_response);
        if (result == HTTP_NEED_MORE && cut < whole_size) continue;
        if (result == whole && error.message == whole_error.message &&
            error.status == whole_error.status && (result == HTTP_ERROR || cut >= whole_size)) {
            continue;
        }
        fail_msg("cut at %zu of %zu: %d %s, whole: %d %s: %s", cut, size, result,
                 error.message ? error.message : "", whole,
                 whole_error.message ? whole_error.message : "", bytes);
    }
    return parse_once(bytes, size, is_response);
}

static enum http_result request(const char *string) {
    return parse(string, strlen(string), false);
}

static enum http_result response(const char *string) {
    return parse(string, strlen(string), true);
}

static void assert_text(struct text text, const char *expected) {
    if (!text.data || !text_is(text, expected)) {
        fail_msg("'%.*s' instead of '%s'", (int)text.size, text.data ? text.data : "", expected);
    }
}

static int forget(void **state) {
    (void)state;
    free(parsed);
    parsed = NULL;
    return 0;
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static void http_reads_a_browsers_request(void **state) {
    static const char bytes[] = "GET /chat/lobby?user=ann&x=%20 HTTP/1.1\r\n"
                                "Host: example.org:8787\r\n"
                                "Accept: text/html,*/*;q=0.8\r\n"
                                "X-Empty:\r\n"
                                "X-Padded: \t two  words \t \r\n"
                                "x-padded: again\r\n"
                                "Connection: keep-alive\r\n\r\nGET / HTTP/1.1\r\n";
    (void)state;
    assert_int_equal(request(bytes), HTTP_DONE);
    assert_int_equal(head.size, sizeof(bytes) - 1 - strlen("GET / HTTP/1.1\r\n"));
    assert_int_equal(head.header_count, 6);
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.body, HTTP_BODY_NONE);
    assert_true(head.keep_alive);
    assert_false(head.expect_continue);
    assert_false(head.wants_websocket);
    assert_text(http_method(&head), "GET");
    assert_text(http_target(&head), "/chat/lobby?user=ann&x=%20");
    assert_text(http_text(&head, head.host), "example.org:8787");
    assert_text(http_header(&head, "accept"), "text/html,*/*;q=0.8");
    assert_text(http_header(&head, "X-EMPTY"), "");
    assert_text(http_header(&head, "x-padded"), "two  words");
    assert_null(http_header(&head, "absent").data);
    assert_null(http_header(&head, "accep").data);
}

static void http_moves_with_its_bytes(void **state) {
    struct http_head moved;
    char copy[64];
    (void)state;
    assert_int_equal(request("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP_DONE);
    memcpy(copy, head.bytes, head.size);
    moved = head;
    moved.bytes = copy;
    memset(parsed, '#', head.size);
    assert_text(http_target(&moved), "/a");
    assert_text(http_header(&moved, "host"), "h");
}

static void http_reads_each_form_of_target(void **state) {
    static const struct {
        const char *bytes, *target, *host;
    } good[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "/", "h"},
        {"GET //a/../b?c?d/e HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "//a/../b?c?d/e", "[::1]:80"},
        {"GET /{a|b}^`\"<>\\ HTTP/1.1\r\nHost: h\r\n\r\n", "/{a|b}^`\"<>\\", "h"},
        {"GET http://a.example/x?y HTTP/1.1\r\nHost: A.example\r\n\r\n", "/x?y", "a.example"},
        {"GET HTTPS://a:1/ HTTP/1.1\r\nHost: a:1\r\n\r\n", "/", "a:1"},
        {"GET ws://a HTTP/1.1\r\nHost: a\r\n\r\n", "", "a"},
        {"GET wss://a?b HTTP/1.1\r\nHost: a\r\n\r\n", "?b", "a"},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "*", "h"},
        {"GET /a HTTP/1.0\r\n\r\n", "/a", ""},
        {"GET http://a/b HTTP/1.0\r\n\r\n", "/b", "a"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "h"},
        {"M-SEARCH /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "h"},
        {"\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a", "h"}, /* one empty line is overlooked */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (request(good[i].bytes) != HTTP_DONE) fail_msg("%s: %s", good[i].bytes, error.message);
        assert_text(http_target(&head), good[i].target);
        assert_text(http_text(&head, head.host), good[i].host);
        assert_int_equal(head.size, strlen(good[i].bytes));
    }
}

static void http_tells_whether_the_connection_goes_on(void **state) {
    static const struct {
        const char *bytes;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade,  CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(request(cases[i].bytes), HTTP_DONE);
        if (head.keep_alive != cases[i].keep_alive) fail_msg("%s", cases[i].bytes);
    }
}

static void http_frames_the_body(void **state) {
    static const struct {
        const char *headers;
        enum http_body body;
        uint64_t length;
    } cases[] = {
        {"", HTTP_BODY_NONE, 0},
        {"Content-Length: 0\r\n", HTTP_BODY_LENGTH, 0},
        {"content-length:10\r\n", HTTP_BODY_LENGTH, 10},
        {"Content-Length: \t7 \r\n", HTTP_BODY_LENGTH, 7}, /* spaces around are no part of it */
        {"Content-Length: 999999999999999999\r\n", HTTP_BODY_LENGTH, 999999999999999999u},
        {"Transfer-Encoding: chunked\r\n", HTTP_BODY_CHUNKED, 0},
        {"TRANSFER-ENCODING:\tChunked\r\n", HTTP_BODY_CHUNKED, 0},
    };
    char bytes[200];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(bytes, sizeof(bytes), "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n", cases[i].headers);
        assert_int_equal(request(bytes), HTTP_DONE);
        assert_int_equal(head.body, cases[i].body);
        assert_int_equal(head.content_length, cases[i].length);
    }
}

static void http_knows_who_waits_for_100_continue(void **state) {
    (void)state;
    assert_int_equal(request("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
                             "Content-Length: 1\r\n\r\n"),
                     HTTP_DONE);
    assert_true(head.expect_continue);
    assert_int_equal(
        request("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"), HTTP_DONE);
    assert_false(head.expect_continue);
    assert_int_equal(request("POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n"), HTTP_ERROR);
    assert_int_equal(error.status, 417);
}

/* ---- what is refused
 * ----------------------------------------------------------------------------- */

struct refusal {
    int status;
    const char *bytes;
    size_t size;
};
#define LINE "POST / HTTP/1.1\r\n"
#define HOST LINE "Host: h\r\n"
#define R(status, literal)                                                                         \
    { status, literal, sizeof(literal) - 1 }

/* Each of these has been read in two ways by two programs that stood one behind the other. */
static const struct refusal smuggled[] = {
    /* two lengths */
    R(400, HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
    R(400, HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
    R(400, HOST "Content-Length: 3\r\ncontent-length: 4\r\n\r\n"),
    R(400, HOST "Content-Length: 3, 3\r\n\r\n"),
    R(400, HOST "Content-Length: 3,4\r\n\r\n"),
    /* lengths that are none */
    R(400, HOST "Content-Length:\r\n\r\n"),
    R(400, HOST "Content-Length: \r\n\r\n"),
    R(400, HOST "Content-Length: +1\r\n\r\n"),
    R(400, HOST "Content-Length: -1\r\n\r\n"),
    R(400, HOST "Content-Length: 0x10\r\n\r\n"),
    R(400, HOST "Content-Length: 1_0\r\n\r\n"),
    R(400, HOST "Content-Length: 1 1\r\n\r\n"),
    R(400, HOST "Content-Length: 1abc\r\n\r\n"),
    R(400, HOST "Content-Length: 1.0\r\n\r\n"),
    R(400, HOST "Content-Length: 1e1\r\n\r\n"),
    R(400, HOST "Content-Length: 010\r\n\r\n"), /* ten, or eight? */
    R(400, HOST "Content-Length: \"1\"\r\n\r\n"),
    R(400, HOST "Content-Length: \v1\r\n\r\n"),
    R(400, HOST "Content-Length: \xc2\xa0"
                "1\r\n\r\n"),
    R(413, HOST "Content-Length: 18446744073709551617\r\n\r\n"),
    R(413, HOST "Content-Length: 9999999999999999999999999999\r\n\r\n"),
    /* codings that are not quite chunked */
    R(400, HOST "Transfer-Encoding: ,chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: xchunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: chunked, identity\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: identity, chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: identity\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: chunked;a=b\r\n\r\n"),
    R(400, HOST "Transfer-Encoding:\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: \x0b"
                "chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R(400, HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
    R(400, HOST "Transfer-Encoding:\r\n chunked\r\n\r\n"),
    R(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    R(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
    /* lines that end elsewhere for some */
    R(400, "POST / HTTP/1.1\nHost: h\n\n"),
    R(400, LINE "Host: h\n\r\n"),
    R(400, HOST "\n"),
    R(400, HOST "A: b\rContent-Length: 3\r\n\r\n"),
    R(400, HOST "A: b\r\r\n\r\n"),
    R(400, HOST "\r\r\n"),
    R(400, "POST / HTTP/1.1\rHost: h\r\n\r\n"),
    R(400, "POST / HTTP/1.1 \r\nHost: h\r\n\r\n"),
    R(400, HOST "A: b\r\n c\r\n\r\n"),
    R(400, HOST "A: b\r\n\tContent-Length: 3\r\n\r\n"),
    R(400, LINE " Host: h\r\n\r\n"),
    R(400, HOST "A: b\r\n \r\n\r\n"),
    /* names that some trim, cut or map */
    R(400, HOST "Content-Length : 3\r\n\r\n"),
    R(400, HOST "Content-Length\t: 3\r\n\r\n"),
    R(400, HOST ": 3\r\n\r\n"),
    R(400, HOST "no colon\r\n\r\n"),
    R(400, HOST "nocolon\r\n\r\n"),
    R(400, HOST "Content\0-Length: 3\r\n\r\n"),
    R(400, HOST "Content-L\xc3\xa4nge: 3\r\n\r\n"),
    R(400, HOST "\xff: 3\r\n\r\n"),
    R(400, HOST "A(b): 3\r\n\r\n"),
    R(400, HOST "\"A\": 3\r\n\r\n"),
    R(400, HOST "A: b\0c\r\n\r\n"),
    R(400, HOST "A: b\x7f\r\n\r\n"),
    R(400, HOST "A: b\x01\r\n\r\n"),
    /* hosts */
    R(400, LINE "\r\n"),
    R(400, LINE "A: b\r\n\r\n"),
    R(400, HOST "Host: h\r\n\r\n"),
    R(400, HOST "HOST: other\r\n\r\n"),
    R(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    R(400, LINE "Host:\r\n\r\n"),
    R(400, LINE "Host: a b\r\n\r\n"),
    R(400, LINE "Host: a,b\r\n\r\n"),
    R(400, LINE "Host: a/b\r\n\r\n"),
    R(400, LINE "Host: user@a\r\n\r\n"),
    R(400, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
    R(400, "GET http://a/ HTTP/1.1\r\n\r\n"),
};

/* What is no request at all, or one that is not for us. */
static const struct refusal refused[] = {
    R(400, "\x16\x03\x01\x02\x00\x01\x00"), /* TLS */
    R(400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "\0GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "G\x01T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET: / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "G\xc3\x89T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET / a HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /\r\nHost: h\r\n\r\n"), /* HTTP/0.9 */
    R(400, "GET\r\n\r\n"),
    R(400, "GET \r\n\r\n"),
    R(400, "GET / \r\nHost: h\r\n\r\n"),
    R(400, "GET / http/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/1\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/1.\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/1.32\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/11.1\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/1,1\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/+1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTP/99999999999999999999.1\r\nHost: h\r\n\r\n"),
    R(400, "GET / HTTPS/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET / ICE/1.1\r\nHost: h\r\n\r\n"),
    R(505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"),
    R(505, "GET / HTTP/0.9\r\nHost: h\r\n\r\n"),
    R(505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
    R(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    R(501, "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"),
    R(501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET a/b HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET ?a HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET http:// HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET http://h\\a/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /a\x7f HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n"),
    R(400, "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n"),
};

static void check_refusals(const struct refusal *refusals, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (parse(refusals[i].bytes, refusals[i].size, false) != HTTP_ERROR) {
            fail_msg("row %zu passed: %s", i, refusals[i].bytes);
        }
        assert_non_null(error.message);
        if (error.status != refusals[i].status) {
            fail_msg("row %zu: %d %s: %s", i, error.status, error.message, refusals[i].bytes);
        }
    }
}

static void http_refuses_what_two_could_read_differently(void **state) {
    (void)state;
    check_refusals(smuggled, sizeof(smuggled) / sizeof(*smuggled));
}

static void http_refuses_what_is_no_request(void **state) {
    (void)state;
    check_refusals(refused, sizeof(refused) / sizeof(*refused));
}

static void http_says_at_once_that_a_stream_is_not_http(void **state) {
    (void)state;
    assert_int_equal(parse_once("\x16", 1, false), HTTP_ERROR);
    assert_non_null(strstr(error.message, "TLS"));
    assert_int_equal(parse_once("\x81\x85", 2, false), HTTP_ERROR);
    assert_null(strstr(error.message, "TLS"));
    assert_int_equal(parse_once("", 0, false), HTTP_NEED_MORE);
    assert_int_equal(parse_once("G", 1, false), HTTP_NEED_MORE);
    assert_int_equal(parse_once("\r", 1, false), HTTP_NEED_MORE);
    assert_int_equal(parse_once("GET / HTTP/1.1\r\nHost: h\r\n\r", 26, false), HTTP_NEED_MORE);
}

/* ---- limits
 * -------------------------------------------------------------------------------------- */

static char big[64 * 1024];

static size_t append(size_t at, const char *bytes) {
    size_t size = strlen(bytes);
    assert_true(at + size <= sizeof(big));
    memcpy(big + at, bytes, size);
    return at + size;
}

/* A request whose target has `target` bytes and whose head has `size` bytes in all (0: as it
 * comes). */
static size_t build(size_t target, size_t headers, size_t size) {
    size_t at = append(0, "GET /");
    memset(big + at, 'a', target - 1);
    at = append(at + target - 1, " HTTP/1.1\r\nHost: h\r\n");
    for (size_t i = 1; i < headers; i++) at = append(at, "A: b\r\n");
    if (size > 0) {
        at = append(at, "Pad: ");
        while (at < size - 4) big[at++] = 'p';
        at = append(at, "\r\n");
    }
    return append(at, "\r\n");
}

static void expect_big(size_t size, int status) {
    enum http_result result = parse(big, size, false);
    if (status == 0) {
        if (result != HTTP_DONE) fail_msg("%zu bytes: %d %s", size, error.status, error.message);
        assert_int_equal(head.size, size);
    } else {
        assert_int_equal(result, HTTP_ERROR);
        assert_int_equal(error.status, status);
    }
}

static void http_has_limits(void **state) {
    (void)state;
    expect_big(build(LIMIT_TARGET_SIZE, 1, 0), 0);
    expect_big(build(LIMIT_TARGET_SIZE + 1, 1, 0), 414);
    expect_big(build(3 * LIMIT_TARGET_SIZE, 1, 0), 414);
    expect_big(build(1, LIMIT_HEADERS, 0), 0);
    expect_big(build(1, LIMIT_HEADERS + 1, 0), 431);
    expect_big(build(1, 1, LIMIT_HEAD_SIZE), 0);
    expect_big(build(1, 1, LIMIT_HEAD_SIZE + 1), 431);
    expect_big(build(1, 1, 3 * LIMIT_HEAD_SIZE), 431);

    /* Without any line's end: the target's limit, then nothing is waited for. */
    memset(big, 'a', sizeof(big));
    memcpy(big, "GET /", 5);
    assert_int_equal(parse_once(big, LIMIT_TARGET_SIZE, false), HTTP_NEED_MORE);
    assert_int_equal(parse_once(big, LIMIT_TARGET_SIZE + 100, false), HTTP_ERROR);
    assert_int_equal(error.status, 414);
}

/* ---- responses
 * ----------------------------------------------------------------------------------- */

static void http_reads_responses(void **state) {
    static const struct {
        const char *bytes;
        int status;
        const char *reason;
        enum http_body body;
        bool keep_alive;
    } good[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "OK", HTTP_BODY_LENGTH, true},
        {"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n", 404, "Not Found",
         HTTP_BODY_CHUNKED, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 200, "OK",
         HTTP_BODY_LENGTH, false},
        {"HTTP/1.1 200 OK\r\n\r\n", 200, "OK", HTTP_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.0 200 OK\r\n\r\n", 200, "OK", HTTP_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, "No Content", HTTP_BODY_NONE, true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "Not Modified",
         HTTP_BODY_NONE, true},
        {"HTTP/1.1 100 Continue\r\n\r\n", 100, "Continue", HTTP_BODY_NONE, true},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101,
         "Switching Protocols", HTTP_BODY_NONE, true},
        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", HTTP_BODY_LENGTH, true},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", HTTP_BODY_LENGTH, true},
        {"HTTP/1.1 200 OK\r\nHost: a b\r\nContent-Length: 0\r\n\r\n", 200, "OK", HTTP_BODY_LENGTH,
         true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (response(good[i].bytes) != HTTP_DONE) fail_msg("%s: %s", good[i].bytes, error.message);
        assert_int_equal(head.status, good[i].status);
        assert_text(http_text(&head, head.reason), good[i].reason);
        assert_int_equal(head.body, good[i].body);
        assert_int_equal(head.keep_alive, good[i].keep_alive);
        assert_int_equal(head.size, strlen(good[i].bytes));
    }
    assert_int_equal(http_parse_response(good[0].bytes, strlen(good[0].bytes), true, &head, &error),
                     HTTP_DONE);
    assert_int_equal(head.body, HTTP_BODY_NONE);
    assert_int_equal(head.content_length, 5);
}

static void http_refuses_what_is_no_response(void **state) {
    static const char *const bad[] = {
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: folded\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (response(bad[i]) != HTTP_ERROR) fail_msg("passed: %s", bad[i]);
        assert_non_null(error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_reads_a_browsers_request),
        cmocka_unit_test(http_moves_with_its_bytes),
        cmocka_unit_test(http_reads_each_form_of_target),
        cmocka_unit_test(http_tells_whether_the_connection_goes_on),
        cmocka_unit_test(http_frames_the_body),
        cmocka_unit_test(http_knows_who_waits_for_100_continue),
        cmocka_unit_test(http_refuses_what_two_could_read_differently),
        cmocka_unit_test(http_refuses_what_is_no_request),
        cmocka_unit_test(http_says_at_once_that_a_stream_is_not_http),
        cmocka_unit_test(http_has_limits),
        cmocka_unit_test(http_reads_responses),
        cmocka_unit_test(http_refuses_what_is_no_response),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}

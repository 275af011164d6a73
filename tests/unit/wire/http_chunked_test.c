/* SPDX-License-Identifier: Apache-2.0 */
/* http_chunked_test.c -- wire/http_chunked.c: bodies in chunks, cut at every place. */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BODY_MAX 20

static struct {
    struct http_chunked decoder;
    char body[64];
    size_t body_size, used; /* `used`: bytes up to the end or the error */
    enum http_chunk_kind end;
    int status;
} rig;

static void start(void) {
    memset(&rig, 0, sizeof(rig));
    http_chunked_init(&rig.decoder, BODY_MAX);
}

static void feed(const char *bytes, size_t size) {
    char *block = malloc(size ? size : 1);
    size_t at = 0;
    struct http_chunk chunk;

    memcpy(block, bytes, size);
    while (rig.end == HTTP_CHUNK_NEED_MORE) {
        size_t used = http_chunked_decode(&rig.decoder, block + at, size - at, &chunk);
        at += used;
        rig.used += used;
        assert_true(at <= size);
        if (chunk.kind == HTTP_CHUNK_NEED_MORE) break;
        if (chunk.kind == HTTP_CHUNK_DATA) {
            assert_true(chunk.data.size > 0);
            assert_true(rig.body_size + chunk.data.size <= BODY_MAX);
            memcpy(rig.body + rig.body_size, chunk.data.data, chunk.data.size);
            rig.body_size += chunk.data.size;
        } else {
            rig.end = chunk.kind;
            rig.status = chunk.error.status;
            if (rig.end == HTTP_CHUNK_ERROR) assert_non_null(chunk.error.message);
        }
    }
    free(block);
}

/* Whole, cut at every place, and byte by byte. */
static void expect(const char *bytes, size_t size, enum http_chunk_kind end, int status,
                   const char *body, size_t used) {
    for (size_t cut = 0; cut <= size + 1; cut++) {
        start();
        if (cut <= size) {
            feed(bytes, cut);
            feed(bytes + cut, size - cut);
        } else {
            for (size_t i = 0; i < size; i++) feed(bytes + i, 1);
        }
        if (rig.end != end || rig.status != status) {
            fail_msg("cut at %zu: kind %d, status %d: %s", cut, rig.end, rig.status, bytes);
        }
        if (body) assert_string_equal(rig.body, body);
        if (used) assert_int_equal(rig.used, used);
    }
}

static void http_decodes_chunks(void **state) {
    static const struct {
        const char *bytes, *body;
    } good[] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", "hello world"},
        {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
        {"00000005\r\nhello\r\n00000000\r\n\r\n", "hello"},
        {"5;name=value\r\nhello\r\n0;last;\"quoted \xc3\xa4\"\r\n\r\n", "hello"},
        {"5;\r\nhello\r\n0\r\n\r\n", "hello"},
        {"1\r\na\r\n0\r\nTrailer: value\r\nX-Empty:\r\n\r\n", "a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        char bytes[200];
        int size = snprintf(bytes, sizeof(bytes), "%sGET / HTTP/1.1", good[i].bytes);
        /* What follows the body is left alone. */
        expect(bytes, (size_t)size, HTTP_CHUNK_END, 0, good[i].body, strlen(good[i].bytes));
    }
}

static void http_waits_for_the_rest_of_a_body(void **state) {
    static const char bytes[] = "5\r\nhello\r\n0\r\nA: b\r\n\r";
    (void)state;
    for (size_t size = 0; size < sizeof(bytes); size++) {
        expect(bytes, size, HTTP_CHUNK_NEED_MORE, 0, NULL, 0);
    }
}

static void http_refuses_malformed_chunks(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
        int status;
    } bad[] = {
#define B(literal, status) {literal, sizeof(literal) - 1, status}
        B("\r\n", 400),
        B("\n", 400),
        B(";a\r\n", 400),
        B("x\r\n", 400),
        B("0x5\r\nhello\r\n", 400),
        B("5_0\r\nhello", 400),
        B("+5\r\nhello", 400),
        B("-1\r\n", 400),
        B(" 5\r\nhello", 400),
        B("5 \r\nhello", 400),
        B("5\t;a\r\nhello", 400),
        B("5\nhello", 400),
        B("5\rhello", 400),
        B("5\r\r\nhello", 400),
        B("5\0\r\nhello", 400),
        B("5\r\nhello0\r\n\r\n", 400),
        B("5\r\nhello\n0\r\n\r\n", 400),
        B("5\r\nhello\r0\r\n\r\n", 400),
        B("5\r\nhello!\r\n0\r\n\r\n", 400),
        B("5;a\nhello", 400),
        B("5;a\rb\r\nhello", 400),
        B("5;a\0\r\nhello", 400),
        B("000000005\r\nhello", 400),
        B("FFFFFFFFFFFFFFFFF\r\n", 400),
        B("100000000\r\n", 400),
        B("0\r\n\n", 400),
        B("0\r\n\rx", 400),
        B("0\r\nGET / HTTP/1.1\r\n\r\n", 400),
        B("0\r\n: empty name\r\n\r\n", 400),
        B("0\r\n folded: a\r\n\r\n", 400),
        B("0\r\nA : b\r\n\r\n", 400),
        B("0\r\nA: b\n\r\n", 400),
        B("0\r\nA: b\rc\r\n\r\n", 400),
        B("0\r\nA: \0\r\n\r\n", 400),
        B("15\r\n", 413), /* 21 */
        B("FFFFFFFF\r\n", 413),
        B("a\r\n0123456789\r\nb\r\n", 413), /* 10 + 11 */
        B("a;x\r\n0123456789\r\na\r\n0123456789\r\n1\r\n", 413),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        expect(bad[i].bytes, bad[i].size, HTTP_CHUNK_ERROR, bad[i].status, NULL, 0);
    }
}

static void repeat(const char *bytes, size_t times) {
    for (size_t i = 0; i < times; i++) feed(bytes, strlen(bytes));
}

static void http_bounds_what_means_nothing(void **state) {
    (void)state;
    start();
    feed("1;", 2);
    repeat("x", LIMIT_HEAD_SIZE);
    assert_int_equal(rig.end, HTTP_CHUNK_NEED_MORE);
    repeat("x", 1);
    assert_int_equal(rig.end, HTTP_CHUNK_ERROR);
    assert_int_equal(rig.status, 431);

    start(); /* extensions of all chunks and trailers count together */
    feed("1;", 2);
    repeat("x", LIMIT_HEAD_SIZE / 2);
    feed("\r\na\r\n0\r\nA:", 10);
    repeat("x", LIMIT_HEAD_SIZE / 2 - 2);
    assert_int_equal(rig.end, HTTP_CHUNK_NEED_MORE);
    repeat("x", 1);
    assert_int_equal(rig.status, 431);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_decodes_chunks),
        cmocka_unit_test(http_waits_for_the_rest_of_a_body),
        cmocka_unit_test(http_refuses_malformed_chunks),
        cmocka_unit_test(http_bounds_what_means_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

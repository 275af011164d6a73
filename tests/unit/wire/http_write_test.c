/* SPDX-License-Identifier: Apache-2.0 */
/* http_write_test.c -- wire/http_write.c: heads that our own parser takes, and nothing else. */
#include "wire/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char out[512];
static struct http_writer writer;

static void start(size_t capacity) {
    memset(out, '#', sizeof(out));
    http_writer_init(&writer, out, capacity);
}

static void http_writes_a_response(void **state) {
    static const char expected[] = "HTTP/1.1 200 OK\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "x-from: module\r\n"
                                   "x-empty: \r\n"
                                   "Content-Length: 18446744073709551615\r\n"
                                   "X-Zero: 0\r\n\r\n";
    (void)state;
    for (size_t capacity = 0; capacity <= sizeof(expected); capacity++) {
        start(capacity);
        http_write_status(&writer, 200);
        http_write_string(&writer, "Content-Type", "text/plain");
        http_write_lines(&writer, text_of("x-from: module\nconnection: close\nx-empty:\n"
                                          "content-length: 3\ntransfer-encoding: chunked\n"));
        http_write_number(&writer, "Content-Length", UINT64_MAX);
        http_write_number(&writer, "X-Zero", 0);
        bool is_whole = http_write_end(&writer);
        assert_int_equal(is_whole, capacity >= sizeof(expected) - 1);
        if (is_whole) {
            assert_int_equal(writer.size, sizeof(expected) - 1);
            assert_memory_equal(out, expected, writer.size);
        }
        assert_int_equal(out[capacity], '#'); /* nothing beyond the buffer */
    }
}

static void http_writes_what_it_reads(void **state) {
    struct http_head head;
    struct http_error error;
    (void)state;

    for (int status = 100; status < 1000; status++) {
        start(sizeof(out));
        http_write_status(&writer, status);
        assert_true(http_write_end(&writer));
        assert_int_equal(http_parse_response(out, writer.size, false, &head, &error), HTTP_DONE);
        assert_int_equal(head.status, status);
        assert_true(text_is(http_text(&head, head.reason), http_reason(status)));
    }
    start(sizeof(out));
    http_write_request(&writer, "GET", text_of("/a/b?c"));
    http_write_string(&writer, "Host", "h");
    assert_true(http_write_end(&writer));
    assert_int_equal(http_parse_request(out, writer.size, &head, &error), HTTP_DONE);
    assert_true(text_is(http_target(&head), "/a/b?c"));
}

static void http_writes_nothing_that_breaks_out_of_its_line(void **state) {
    static const char *const bad_lines[] = {"a: b\r\n", "a: b\rc: d\n", "a\n",          ": a\n",
                                            "a b: c\n", "a: b\n\n",     "\xc3\xa4: b\n"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines); i++) {
        start(sizeof(out));
        http_write_status(&writer, 200);
        http_write_lines(&writer, text_of(bad_lines[i]));
        if (http_write_end(&writer)) fail_msg("%s", bad_lines[i]);
    }
    static const struct {
        const char *name;
        struct text value;
    } bad[] = {
        {"a", {"b\r\nc: d", 7}}, {"a", {"b\nc", 3}}, {"a", {"b\0c", 3}}, {"a", {"\x7f", 1}},
        {"", {"b", 1}},          {"a:", {"b", 1}},   {"a b", {"c", 1}},  {"a\r\nb", {"c", 1}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        start(sizeof(out));
        http_write_status(&writer, 200);
        http_write_header(&writer, text_of(bad[i].name), bad[i].value);
        assert_false(http_write_end(&writer));
    }
    for (int status = -1; status < 2000; status += 100) {
        start(sizeof(out));
        http_write_status(&writer, status);
        assert_int_equal(http_write_end(&writer), status >= 100 && status <= 999);
    }
    static const struct {
        const char *method, *target;
    } requests[] = {{"", "/"}, {"G T", "/"}, {"GET", ""}, {"GET", "/a b"}, {"GET", "/\r\n"}};
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        start(sizeof(out));
        http_write_request(&writer, requests[i].method, text_of(requests[i].target));
        assert_false(http_write_end(&writer));
    }
    start(sizeof(out));
    http_write_number(&writer, "a b", 1);
    assert_false(http_write_end(&writer));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_writes_a_response),
        cmocka_unit_test(http_writes_what_it_reads),
        cmocka_unit_test(http_writes_nothing_that_breaks_out_of_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

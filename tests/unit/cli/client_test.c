/* SPDX-License-Identifier: Apache-2.0 */
/* client_test.c -- cli/client.c: URLs, and answers of a scripted server. */
#include "cli/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct client_url url;
static ramp_error error;

static void urls_are_taken_apart(void **state) {
    (void)state;
    assert_int_equal(client_url_parse("http://127.0.0.1:8787", &url, &error), RAMP_OK);
    assert_string_equal(url.host, "127.0.0.1");
    assert_string_equal(url.port, "8787");
    assert_string_equal(url.prefix, "");
    assert_true(url.is_loopback);
    assert_int_equal(client_url_parse("http://[::1]/ramp/", &url, &error), RAMP_OK);
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.port, "80");
    assert_string_equal(url.prefix, "/ramp");
    assert_true(url.is_loopback);
    assert_int_equal(client_url_parse("example.org:1", &url, &error), RAMP_OK);
    assert_false(url.is_loopback);
    assert_int_equal(client_url_parse("127.0.0.1.example.org", &url, &error), RAMP_OK);
}

static void what_only_looks_like_loopback_is_none(void **state) {
    (void)state;
    static const char *const texts[] = {"http://127.0.0.1.example.org",
                                        "http://localhost.example.org", "http://0.0.0.0",
                                        "http://128.0.0.1", "http://127.1.example.org"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(client_url_parse(texts[i], &url, &error), RAMP_OK);
        if (url.is_loopback) fail_msg("%s", texts[i]);
    }
}

static void bad_urls_are_told(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "http://",
                                        "http://:80",
                                        "ftp://x",
                                        "https://x",
                                        "http://x:",
                                        "http://x:123456",
                                        "http://x:8a",
                                        "http://[x",
                                        "http://x/a b",
                                        "http://x/?q",
                                        "http://[::1]x",
                                        "http://x/\n",
                                        "http://127.0.0.1@x"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (client_url_parse(texts[i], &url, &error) == RAMP_OK)
            fail_msg("'%s' was taken", texts[i]);
}

/* ---- a scripted server -------------------------------------------------------------------------- */

static int listener;
static const char *script; /* what it answers, a piece per '|' */
static char asked[4096];

/* One connection: reads a request's head and body, sends the script in pieces, closes. */
static void *serve(void *context) {
    int fd = accept(listener, NULL, NULL);
    size_t used = 0;

    (void)context;
    while (used + 1 < sizeof(asked)) {
        ssize_t size = recv(fd, asked + used, sizeof(asked) - used - 1, 0);
        if (size <= 0) break;
        used += (size_t)size;
        asked[used] = '\0';
        const char *body = strstr(asked, "\r\n\r\n"), *length = strstr(asked, "content-length: ");
        if (body && (!length || strlen(body + 4) >= strtoul(length + 16, NULL, 10))) break;
    }
    for (const char *at = script; *at;) {
        size_t size = strcspn(at, "|");
        if (send(fd, at, size, MSG_NOSIGNAL) < 0) break;
        usleep(2000);
        at += size + (at[size] == '|');
    }
    close(fd);
    return NULL;
}

static int setup(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    char text[64];
    snprintf(text, sizeof(text), "http://127.0.0.1:%u/base", ntohs(address.sin_port));
    asked[0] = '\0';
    return client_url_parse(text, &url, &error);
}

static int teardown(void **state) {
    (void)state;
    close(listener);
    return 0;
}

static ramp_status exchange(const struct client_request *request, const char *answers,
                            struct client_answer *answer) {
    pthread_t thread;

    script = answers;
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    ramp_status status = client_send(&url, request, answer, &error);
    pthread_join(thread, NULL);
    return status;
}

static const struct client_request get = {.method = "GET", .path = "/x?y=1", .token = "secret"};

static void body_is(const char *answers, int status, const char *body) {
    struct client_answer answer = {0};

    assert_int_equal(exchange(&get, answers, &answer), RAMP_OK);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body.data ? answer.body.data : "", body);
    bytes_done(&answer.body);
}

static void answers_of_every_form_are_read(void **state) {
    (void)state;
    body_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    assert_non_null(strstr(asked, "GET /base/x?y=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(asked, "authorization: Bearer secret\r\n"));
    body_is("HTTP/1.1 404 |Not Found\r\nConte|nt-Length: 5\r\n|\r\nhe|llo", 404, "hello");
    body_is(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n|2|\r\nde\r\n0\r\n\r\n",
        200, "abcde");
    body_is("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil| the end", 200, "until the end");
    body_is("HTTP/1.1 100 Continue\r\n\r\n|HTTP/1.1 204 No Content\r\n\r\n", 204, "");
}

static void broken_answers_are_errors(void **state) {
    (void)state;
    static const char *const answers[] = {
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct client_answer answer = {0};
        if (exchange(&get, answers[i], &answer) == RAMP_OK) fail_msg("'%s' was taken", answers[i]);
    }
}

static void bodies_are_sent(void **state) {
    (void)state;
    const struct client_request put = {.method = "PUT",
                                       .path = "/m",
                                       .type = "application/wasm",
                                       .config = "e30=",
                                       .body = {"abc", 3}};
    struct client_answer answer = {0};

    assert_int_equal(exchange(&put, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &answer),
                     RAMP_OK);
    assert_non_null(strstr(asked, "content-type: application/wasm\r\n"));
    assert_non_null(strstr(asked, "ramp-config: e30=\r\n"));
    assert_non_null(strstr(asked, "content-length: 3\r\n"));
    assert_non_null(strstr(asked, "\r\n\r\nabc"));
    bytes_done(&answer.body);
}

static void a_token_cannot_break_out_of_its_line(void **state) {
    (void)state;
    const struct client_request bad = {.method = "GET", .path = "/", .token = "a\r\nx-evil: 1"};
    struct client_answer answer = {0};
    assert_int_equal(exchange(&bad, "", &answer), RAMP_ARGS);
    assert_null(strstr(asked, "evil"));
}

static void nobody_there_is_unavailable(void **state) {
    (void)state;
    struct client_answer answer = {0};
    close(listener);
    assert_int_equal(client_send(&url, &get, &answer, &error), RAMP_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no server answers"));
    listener = -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_only_looks_like_loopback_is_none),
        cmocka_unit_test(bad_urls_are_told),
        cmocka_unit_test_setup_teardown(answers_of_every_form_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_answers_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_cannot_break_out_of_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_there_is_unavailable, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* log_test.c -- the server's log: nobody forges a line, every JSON line is JSON, and none blocks. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#define TIME "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

static int before = -1, pipe_fds[2];
static char out[4 * 4096 + 1];

/* stderr is a pipe of ours, of four pages: so many lines fit. */
static int set_up(void **state) {
    (void)state;
    before = dup(STDERR_FILENO);
    if (pipe2(pipe_fds, O_CLOEXEC) != 0 || fcntl(pipe_fds[1], F_SETPIPE_SZ, 4 * 4096) < 0)
        return -1;
    dup2(pipe_fds[1], STDERR_FILENO);
    close(pipe_fds[1]);
    log_use_json(false);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dup2(before, STDERR_FILENO);
    close(before);
    close(pipe_fds[0]);
    return 0;
}

/* What has been written since, with a NUL. */
static const char *written(void) {
    struct pollfd ready = {.fd = pipe_fds[0], .events = POLLIN};
    ssize_t size = 0;

    if (poll(&ready, 1, 0) == 1) size = read(pipe_fds[0], out, sizeof(out) - 1);
    assert_true(size >= 0);
    out[size] = '\0';
    assert_int_equal(strlen(out), size); /* NULs are escaped, too */
    return out;
}

static void assert_matches(const char *text, const char *pattern) {
    regex_t regex;
    bool matches;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    matches = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    if (matches) return;
    dup2(before, STDERR_FILENO); /* for cmocka */
    fail_msg("%s\n    is not %s", text, pattern);
}

/* The fields of the one line that has been written. */
static json_t *written_json(void) {
    const char *line = written(), *end = strchr(line, '\n');
    json_t *json;

    assert_non_null(end);
    assert_int_equal(end[1], '\0');
    json = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    assert_matches(json_string_value(json_object_get(json, "time")), TIME "$");
    return json;
}

static void assert_field(json_t *json, const char *name, const char *value) {
    assert_string_equal(json_string_value(json_object_get(json, name)), value);
}

static ramp_log_line line_of(const char *text, size_t size) {
    return (ramp_log_line){.level = LOG_WARNING,
                           .service = "chat",
                           .room = "lobby",
                           .connection = "ann",
                           .call = "message",
                           .text = {text, size},
                           .by_module = true};
}

static void a_line_says_when_where_and_who(void **state) {
    ramp_log_line line = line_of("hello", 5);

    (void)state;
    log_line(&line);
    assert_matches(written(), TIME " warning \\[chat/lobby ann message\\] hello\n$");
    line.by_module = false;
    line.connection = line.call = "";
    log_line(&line);
    assert_matches(written(), TIME " warning \\[chat/lobby\\] ramp: hello\n$");
    log_text(LOG_ERROR, "%d of %s", 3, "them");
    assert_matches(written(), TIME " error 3 of them\n$");
}

static void nobody_forges_a_line(void **state) {
    static const char text[] = "a\n2026-01-01T00:00:00.000Z error forged\r\x1b[2J\0\xc2\x9b"
                               "2J\xe2\x80\xa8z \"quoted\" c:\\d \xff";
    ramp_log_line line = line_of(text, sizeof(text) - 1);

    (void)state;
    line.room = "l\nobby";
    line.connection = "a\x1b]nn";
    log_line(&line);
    written();
    assert_matches(out, TIME " warning \\[chat/l\\\\u000aobby a\\\\u001b]nn message\\] ");
    assert_non_null(strstr(out, "a\\u000a2026-01-01T00:00:00.000Z error forged\\u000d\\u001b[2J"
                                "\\u0000\\u009b2J\\u2028z \"quoted\" c:\\d ?\n"));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void json_lines_are_json_whatever_is_in_them(void **state) {
    char text[256];
    ramp_log_line line = line_of(text, sizeof(text));
    json_t *json;

    (void)state;
    log_use_json(true);
    for (size_t i = 0; i < sizeof(text); i++) text[i] = (char)i;
    line.room = "\"}\n{\"x\":\"";
    log_line(&line);
    json = written_json();
    assert_field(json, "level", "warning");
    assert_field(json, "service", "chat");
    assert_field(json, "room", line.room);
    assert_field(json, "connection", "ann");
    assert_field(json, "call", "message");
    assert_field(json, "by", "module");
    assert_int_equal(json_string_length(json_object_get(json, "text")), sizeof(text));
    assert_memory_equal(json_string_value(json_object_get(json, "text")), text, 128);
    json_decref(json);

    log_text(LOG_DEBUG, "plain");
    json = written_json();
    assert_int_equal(json_object_size(json), 4);
    assert_field(json, "by", "ramp");
    assert_field(json, "text", "plain");
    json_decref(json);
}

/* The longest names of nothing but controls, and more text than a line holds. */
static void a_long_line_is_cut_and_still_whole(void **state) {
    char room[129], connection[129], service[64], text[9000];
    ramp_log_line line = line_of(text, sizeof(text));
    json_t *json;

    (void)state;
    memset(service, 's', 63);
    memset(room, 1, 128);
    memset(connection, 2, 128);
    service[63] = room[128] = connection[128] = '\0';
    line.service = service;
    line.room = room;
    line.connection = connection;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < sizeof(text); i++) text[i] = "\x01m\"\xd0"[kind];
        if (kind == 3) /* characters of two bytes: none is split */
            for (size_t i = 1; i < sizeof(text); i += 2) text[i] = '\xbf';
        log_use_json(true);
        log_line(&line);
        json = written_json();
        assert_field(json, "room", room);
        assert_field(json, "connection", connection);
        assert_true(json_string_length(json_object_get(json, "text")) > 300);
        json_decref(json);
        log_use_json(false);
        log_line(&line);
        written();
        assert_true(strlen(out) > 3900 && strlen(out) <= 4096);
        assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
    }
}

static void a_reader_that_is_slow_loses_lines_and_is_told_how_many(void **state) {
    (void)state;
    log_text(LOG_INFO, "first");
    for (unsigned i = 0; i < 20; i++) log_text(LOG_INFO, "%02000d", 0); /* would block otherwise */
    assert_non_null(strstr(written(), " first\n"));
    log_text(LOG_INFO, "after");
    assert_matches(written(), TIME " warning 1[0-9] lines were lost\n.* info after\n$");
    log_text(LOG_INFO, "and so on");
    assert_matches(written(), TIME " info and so on\n$");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_line_says_when_where_and_who),
        TEST(nobody_forges_a_line),
        TEST(json_lines_are_json_whatever_is_in_them),
        TEST(a_long_line_is_cut_and_still_whole),
        TEST(a_reader_that_is_slow_loses_lines_and_is_told_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* history_test.c -- which lines are remembered, and which of them are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "server/history.h"

static int set_up(void **state) {
    *state = history_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    history_free(*state);
    return 0;
}

static void add(struct history *history, const char *service, const char *room, int level,
                const char *text, int64_t time_ms) {
    const ramp_log_line line = {.level = level,
                                .service = service,
                                .room = room,
                                .connection = "ann",
                                .call = "message",
                                .text = {text, strlen(text)},
                                .by_module = true};

    history_add(history, &line, time_ms);
}

/* The texts of all lines, with a comma behind each. */
struct told {
    char text[8192];
    size_t count;
};

static void note(void *context, const ramp_log_line *line, int64_t time_ms) {
    struct told *told = context;
    size_t size = strlen(told->text);

    assert_true(time_ms > 0);
    assert_string_equal(line->connection, "ann");
    assert_string_equal(line->call, "message");
    assert_true(line->by_module);
    told->count++;
    if (size + line->text.size + 2 > sizeof(told->text)) return;
    snprintf(told->text + size, sizeof(told->text) - size, "%.*s,", (int)line->text.size,
             (const char *)line->text.data);
}

static struct told read_lines(const struct history *history, struct history_filter filter) {
    struct told told = {.count = 0};

    history_read(history, &filter, note, &told);
    return told;
}

static void lines_are_read_in_order_and_by_what_they_are_of(void **state) {
    add(*state, "chat", "a", 0, "one", 1);
    add(*state, "poll", "a", 1, "two", 2);
    add(*state, "chat", "b", 2, "three", 3);
    add(*state, "chat", "", 3, "four", 4); /* about the service */
    assert_string_equal(read_lines(*state, (struct history_filter){.count_max = 100}).text,
                        "one,two,three,four,");
    assert_string_equal(
        read_lines(*state, (struct history_filter){.service = "chat", .count_max = 100}).text,
        "one,three,four,");
    assert_string_equal(
        read_lines(*state, (struct history_filter){.room = "a", .count_max = 100}).text,
        "one,two,");
    assert_string_equal(
        read_lines(*state, (struct history_filter){.level_min = 2, .count_max = 100}).text,
        "three,four,");
    assert_string_equal(
        read_lines(*state, (struct history_filter){.since_ms = 3, .count_max = 100}).text,
        "three,four,");
    assert_string_equal(
        read_lines(*state, (struct history_filter){.service = "chat", .count_max = 2}).text,
        "three,four,");
    assert_int_equal(read_lines(*state, (struct history_filter){.count_max = 0}).count, 0);
    assert_int_equal(
        read_lines(*state, (struct history_filter){.service = "none", .count_max = 9}).count, 0);
}

static void a_loud_service_takes_nothing_from_the_others(void **state) {
    struct told told;

    add(*state, "quiet", "r", 1, "still here", 1);
    for (int64_t i = 0; i < LIMIT_HISTORY_LINES * 3; i++) add(*state, "loud", "r", 1, "x", 2 + i);
    told = read_lines(*state, (struct history_filter){.service = "loud", .count_max = SIZE_MAX});
    assert_int_equal(told.count, LIMIT_HISTORY_LINES);
    told = read_lines(*state, (struct history_filter){.service = "quiet", .count_max = SIZE_MAX});
    assert_string_equal(told.text, "still here,");
}

/* Many services with long lines: the oldest lines of all go. */
static void memory_is_bounded_whoever_writes(void **state) {
    static char text[LIMIT_LOG_LINE + 1];
    size_t lines = LIMIT_HISTORY_BYTES / LIMIT_LOG_LINE * 2;
    struct told told;
    char service[16];

    memset(text, 'x', sizeof(text) - 1);
    add(*state, "first", "r", 1, "first", 1);
    for (size_t i = 0; i < lines; i++) {
        snprintf(service, sizeof(service), "s%zu", i % 1000);
        add(*state, service, "r", 1, text, 2);
    }
    told = read_lines(*state, (struct history_filter){.count_max = SIZE_MAX});
    assert_true(told.count * LIMIT_LOG_LINE <= LIMIT_HISTORY_BYTES);
    assert_true(told.count * LIMIT_LOG_LINE >= LIMIT_HISTORY_BYTES / 2);
    told = read_lines(*state, (struct history_filter){.service = "first", .count_max = SIZE_MAX});
    assert_int_equal(told.count, 0);
}

static void without_memory_a_line_is_not_remembered(void **state) {
    for (long n = 0; n < 8; n++) {
        mem_fail_after(n);
        add(*state, n % 2 ? "odd" : "even", "r", 1, "x", 1);
        mem_fail_after(-1);
    }
    add(*state, "odd", "r", 1, "last", 2);
    assert_string_equal(
        read_lines(*state, (struct history_filter){.since_ms = 2, .count_max = 9}).text, "last,");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lines_are_read_in_order_and_by_what_they_are_of),
        TEST(a_loud_service_takes_nothing_from_the_others),
        TEST(memory_is_bounded_whoever_writes),
        TEST(without_memory_a_line_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* sse_test.c -- cli/sse.c: however the bytes are cut, the same events come out. */
#include "cli/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char seen[512];

static void on_event(void *context, const char *event, const char *data, size_t size) {
    size_t used = strlen(seen);
    assert_string_equal(context, "context");
    snprintf(seen + used, sizeof(seen) - used, "[%s|%.*s]", event, (int)size, data);
}

static void check(const char *stream, const char *expected) {
    static char context[] = "context";
    size_t size = strlen(stream);

    for (size_t step = 1; step <= size; step++) {
        struct sse sse;
        sse_init(&sse, on_event, context);
        seen[0] = '\0';
        for (size_t at = 0; at < size; at += step)
            assert_true(sse_feed(&sse, stream + at, size - at < step ? size - at : step));
        if (strcmp(seen, expected) != 0)
            fail_msg("in steps of %zu: %s, not %s", step, seen, expected);
        sse_done(&sse);
    }
}

static void events_come_out(void **state) {
    (void)state;
    check("data: a\n\n", "[|a]");
    check("event: call\ndata: {\"x\":1}\n\n: comment\n\ndata: b\n\n", "[call|{\"x\":1}][|b]");
    check("data: a\ndata: b\n\n", "[|a\nb]");
    check("data:a\r\n\r\ndata:  b\r\rdata\n\n", "[|a][| b]"
                                                "[|]");
    check("event: x\n\ndata: y\n\n", "[|y]");
    check("data: unfinished\n", "");
    check("id: 7\nretry: 1\nwhat: x\ndata: z\n\n", "[|z]");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(events_come_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

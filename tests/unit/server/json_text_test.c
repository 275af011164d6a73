/* SPDX-License-Identifier: Apache-2.0 */
/* json_text_test.c -- escapes, and cuts that never split a character or an escape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "server/json_text.h"

#include <string.h>

static void assert_escaped(const char *text, size_t size, const char *expected) {
    char out[128] = {0};
    size_t written = json_escape(out, sizeof(out), text, size);

    assert_int_equal(written, strlen(expected));
    assert_memory_equal(out, expected, written);
}

static void json_escapes_what_would_end_the_string(void **state) {
    (void)state;
    assert_escaped("plain", 5, "plain");
    assert_escaped("a\"b\\c", 5, "a\\\"b\\\\c");
    assert_escaped("\n\x1b\0\x7f", 4, "\\u000a\\u001b\\u0000\\u007f");
    /* CSI, next line, line separator: commands and line ends, too. */
    assert_escaped("\xc2\x9b\xc2\x85\xe2\x80\xa8", 7, "\\u009b\\u0085\\u2028");
    assert_escaped("\xc2\xa0\xe2\x80\xa7", 5, "\xc2\xa0\xe2\x80\xa7");
    assert_escaped("\xd0\xbf\xf0\x9f\x91\x8b", 6, "\xd0\xbf\xf0\x9f\x91\x8b");
    assert_escaped("\xff\xc3", 2, "??");
    assert_escaped("\xed\xa0\x80", 3, "???"); /* a lone surrogate */
}

static void json_cuts_between_characters(void **state) {
    static const char text[] = "a\"\xf0\x9f\x91\x8b\n";
    char out[32];

    (void)state;
    for (size_t capacity = 0; capacity < sizeof(out); capacity++) {
        size_t size = json_escape(out, capacity, text, sizeof(text) - 1);
        assert_true(size <= capacity);
        assert_true(utf8_valid(out, size));
        assert_true(size == 0 || out[size - 1] != '\\' || out[size - 2] == '\\');
        assert_true(size == 0 || size == 1 || size == 3 || size == 7 || size == 13);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_escapes_what_would_end_the_string),
        cmocka_unit_test(json_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

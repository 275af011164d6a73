/* SPDX-License-Identifier: Apache-2.0 */
/* term_test.c -- cli/term.c: sizes and times for people, text of others made harmless. */
#include "cli/term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *size(uint64_t bytes) {
    static char out[16];
    return term_size(out, bytes);
}

static const char *duration(uint64_t ns) {
    static char out[16];
    return term_time(out, ns);
}

static void sizes_and_times_are_short(void **state) {
    (void)state;
    assert_string_equal(size(0), "0 B");
    assert_string_equal(size(1023), "1023 B");
    assert_string_equal(size(1024), "1.0 KB");
    assert_string_equal(size(1048575), "1.0 MB");
    assert_string_equal(size(UINT64_MAX / 4), "4294967296.0 GB");
    assert_string_equal(duration(999), "999 ns");
    assert_string_equal(duration(1500), "1.5 us");
    assert_string_equal(duration(38000), "38 us");
    assert_string_equal(duration(4200000), "4.2 ms");
    assert_string_equal(duration(1300000000), "1.3 s");
}

static void safe(const char *text, size_t length, size_t max, bool lines, const char *expected) {
    char *out = NULL;
    size_t out_size;
    FILE *file = open_memstream(&out, &out_size);

    term_safe(file, text, length, max, lines);
    fclose(file);
    assert_string_equal(out, expected);
    free(out);
}

static void text_of_others_cannot_command_the_terminal(void **state) {
    (void)state;
    safe("\033[2J", 4, 99, true, "\\x1b[2J");
    safe("a\0b", 3, 99, false, "a\\x00b");
    safe("a\nb", 3, 99, false, "a\\x0ab");
    safe("a\n\tb", 4, 99, true, "a\n\tb");
    safe("\xC2\x9B"
         "31m",
         5, 99, true, "\\xc2\\x9b31m");
    safe("\xFFz", 2, 99, true, "\\xffz");
    safe("\xE2\x82", 2, 99, true, "\\xe2\\x82");
    safe("привет", 12, 99, true, "привет");
    safe("привет", 12, 4, true, "пр…");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_times_are_short),
        cmocka_unit_test(text_of_others_cannot_command_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* lines_test.c -- places of frames, from good sections and from ones that lie. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "core/lines.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Two files of the user's, one of the library's; functions 3 and 5. */
static const uint8_t section[] = {
    1,                                                              /* version */
    3,                                                              /* files */
    11,   's',  'r',  'c',  '/', 'r', 'o', 'o', 'm', '.', 't', 's', /* 1 */
    10,   '~',  'l',  'i',  'b', '/', 'a', '.', 't', 's', '!',      /* 2 */
    6,    'o',  't',  'h',  'e', 'r', '!',                          /* 3 */
    2,                                                              /* functions */
    3,    9,    'o',  'n',  'M', 'e', 's', 's', 'a', 'g', 'e', 2,
    4,    't',  'i',  'c',  'k', 6, /* entries */
    100,  1,    27,   0xB8, 0,      /* 100: src/room.ts:27:56 */
    10,   1,    0x7f, 0x78,         /* 110: src/room.ts:26:48 */
    10,   2,    1,    1,            /* 120: a library's, 27:49 */
    10,   0,                        /* 130: no place */
    10,   3,    0xE4, 0,    0,      /* 140: other!:127:49 */
    0x80, 0x01, 0,                  /* 268: no place */
};

static struct engine_failure at(size_t a, size_t b, size_t c) {
    struct engine_failure failure = {.frame_count = 3, .frames = {{3, a}, {5, b}, {12, c}}};
    return failure;
}

static bool find(ramp_bytes bytes, const struct engine_failure *failure, char *where, size_t cap) {
    /* in blocks of exactly their size, so that a sanitizer sees a step beyond */
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
    char *out = malloc(cap);
    bool found;

    if (bytes.size) memcpy(copy, bytes.data, bytes.size);
    memset(out, 'x', cap);
    found = lines_find((ramp_bytes){copy, bytes.size}, failure, out, cap);
    assert_non_null(memchr(out, 0, cap));
    memcpy(where, out, cap);
    free(out);
    free(copy);
    return found;
}

static void finds(size_t a, size_t b, size_t c, const char *want) {
    struct engine_failure failure = at(a, b, c);
    char where[64];

    assert_true(find((ramp_bytes){section, sizeof(section)}, &failure, where, sizeof(where)));
    assert_string_equal(where, want);
}

static void a_frame_has_the_place_of_the_entry_before_it(void **state) {
    (void)state;
    finds(100, 1, 1, "src/room.ts:27:56");
    finds(109, 1, 1, "src/room.ts:27:56");
    finds(110, 1, 1, "src/room.ts:26:48");
    finds(119, 140, 1, "src/room.ts:26:48");
    finds(140, 1, 1, "other!:127:49");
}

static void frames_without_a_place_of_the_users_are_skipped(void **state) {
    (void)state;
    finds(120, 100, 140, "src/room.ts:27:56"); /* ~lib */
    finds(130, 100, 140, "src/room.ts:27:56"); /* no place */
    finds(5, 100, 140, "src/room.ts:27:56");   /* before all entries */
    finds(0, 100, 140, "src/room.ts:27:56");   /* offset not known: no stack was left */
    finds(5000, 130, 100, "src/room.ts:27:56");
}

static void without_a_place_the_innermost_frame_is_named(void **state) {
    struct engine_failure failure = at(0x3ab, 130, 120);
    char where[64];

    (void)state;
    assert_false(find((ramp_bytes){section, sizeof(section)}, &failure, where, sizeof(where)));
    assert_string_equal(where, "function 3, offset 0x3ab");
    failure = at(100, 100, 100);
    failure.frames[0].function = 12;
    assert_false(find((ramp_bytes){0}, &failure, where, sizeof(where)));
    assert_string_equal(where, "function 12, offset 0x64");
    failure.frame_count = 0;
    assert_false(find((ramp_bytes){section, sizeof(section)}, &failure, where, sizeof(where)));
    assert_string_equal(where, "");
}

static void an_unknown_version_is_no_section(void **state) {
    struct engine_failure failure = at(100, 100, 100);
    uint8_t copy[sizeof(section)];
    char where[64];

    (void)state;
    memcpy(copy, section, sizeof(section));
    copy[0] = 2;
    assert_false(find((ramp_bytes){copy, sizeof(copy)}, &failure, where, sizeof(where)));
    assert_string_equal(where, "function 3, offset 0x64");
}

static void a_short_buffer_keeps_the_numbers(void **state) {
    struct engine_failure failure = at(100, 1, 1);
    char where[64];

    (void)state;
    for (size_t cap = 1; cap < 30; cap++) {
        bool found = find((ramp_bytes){section, sizeof(section)}, &failure, where, cap);
        assert_true(found);
        assert_true(strlen(where) < cap);
        if (cap > 7) assert_non_null(strstr(where, ":27:56"));
        if (cap >= 18) assert_string_equal(where, "src/room.ts:27:56");
        if (cap == 10) assert_string_equal(where, "src:27:56");
    }
}

static void a_file_name_cannot_break_the_line(void **state) {
    static const uint8_t bytes[] = {1,    1,    9,   'a', '\n', 0x1b, '[', 0, 0x7f,
                                    0xc3, 0xa4, 'b', 0,   1,    50,   1,   1, 1};
    struct engine_failure failure = at(60, 1, 1);
    char where[64];

    (void)state;
    assert_true(find((ramp_bytes){bytes, sizeof(bytes)}, &failure, where, sizeof(where)));
    assert_string_equal(where, "a??[??\xc3\xa4"
                               "b:1:1");
    /* and is not cut within a character */
    assert_true(find((ramp_bytes){bytes, sizeof(bytes)}, &failure, where, 7 + 4 + 1));
    assert_string_equal(where, "a??[??:1:1");
}

static void wrong_sections_are_noticed(void **state) {
    static const struct {
        size_t at;
        uint8_t value;
    } damages[] = {
        {1, 255},  /* more files than bytes */
        {2, 255},  /* a file name that does not end */
        {32, 255}, /* more functions */
    };
    struct engine_failure failure = at(100, 100, 100);
    uint8_t copy[sizeof(section)];
    char where[64];

    (void)state;
    for (size_t i = 0; i < COUNT(damages); i++) {
        memcpy(copy, section, sizeof(section));
        copy[damages[i].at] = damages[i].value;
        assert_false(find((ramp_bytes){copy, sizeof(copy)}, &failure, where, sizeof(where)));
    }
    { /* a file that is not there; line 0; a line before the first */
        static const uint8_t file[] = {1, 1, 1, 'a', 0, 1, 50, 2, 1, 1};
        static const uint8_t zero[] = {1, 1, 1, 'a', 0, 1, 50, 1, 0, 1};
        static const uint8_t negative[] = {1, 1, 1, 'a', 0, 2, 50, 1, 1, 1, 1, 1, 0x7e, 1};
        assert_false(find((ramp_bytes){file, sizeof(file)}, &failure, where, sizeof(where)));
        assert_false(find((ramp_bytes){zero, sizeof(zero)}, &failure, where, sizeof(where)));
        assert_false(
            find((ramp_bytes){negative, sizeof(negative)}, &failure, where, sizeof(where)));
        assert_string_equal(where, "function 3, offset 0x64");
    }
}

static void damaged_sections_do_no_harm(void **state) {
    struct engine_failure failure = at(120, 130, 140);
    uint8_t copy[sizeof(section)];
    char where[64];

    (void)state;
    for (size_t size = 0; size <= sizeof(section); size++)
        for (size_t i = 0; i < size; i++)
            for (unsigned int value = 0; value < 256; value += 5) {
                memcpy(copy, section, sizeof(section));
                copy[i] = (uint8_t)value;
                (void)find((ramp_bytes){copy, size}, &failure, where, sizeof(where));
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_the_place_of_the_entry_before_it),
        cmocka_unit_test(frames_without_a_place_of_the_users_are_skipped),
        cmocka_unit_test(without_a_place_the_innermost_frame_is_named),
        cmocka_unit_test(an_unknown_version_is_no_section),
        cmocka_unit_test(a_short_buffer_keeps_the_numbers),
        cmocka_unit_test(a_file_name_cannot_break_the_line),
        cmocka_unit_test(wrong_sections_are_noticed),
        cmocka_unit_test(damaged_sections_do_no_harm),
    };
    return cmocka_run_group_tests_name("core/lines", tests, NULL, NULL);
}

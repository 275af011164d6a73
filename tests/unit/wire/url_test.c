/* SPDX-License-Identifier: Apache-2.0 */
/* url_test.c -- wire/url.c: which room a target names. */
#include "wire/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63  A50 "aaaaaaaaaaaaa"
#define A128 A63 A63 "aa"
#define S31                                                                                        \
    "%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61"                                             \
    "%61%61%61%61%61%61%61%61%61%61%61%61%61%61%61"
#define E16 "%41%41%41%41%41%41%41%41%41%41%41%41%41%41%41%41"
#define E32 E16 E16

static struct url_room room;
static struct url_error error;

/* In a block of exactly its size. */
static bool parse(const char *target) {
    size_t size = strlen(target);
    char *block = malloc(size ? size : 1);
    memcpy(block, target, size);
    memset(&room, 0xEE, sizeof(room));
    bool ok = url_parse_room((struct text){block, size}, &room, &error);
    if (ok) { /* point into what outlives this function */
        room.rest.data = target + (room.rest.data - block);
        if (room.query.data) room.query.data = target + (room.query.data - block);
    }
    free(block);
    return ok;
}

static void url_names_the_room(void **state) {
    static const struct {
        const char *target, *service, *room, *rest, *query;
    } good[] = {
        {"/chat/lobby", "chat", "lobby", "", ""},
        {"/chat/lobby?a=b", "chat", "lobby", "?a=b", "a=b"},
        {"/chat/lobby?", "chat", "lobby", "?", ""},
        {"/chat/lobby/", "chat", "lobby", "/", ""},
        {"/chat/lobby/api/x%2F?y=/z?", "chat", "lobby", "/api/x%2F?y=/z?", "y=/z?"},
        {"/chat/lobby//", "chat", "lobby", "//", ""},
        {"/0/0", "0", "0", "", ""},
        {"/a-b-/-", "a-b-", "-", "", ""},
        {"/az09/AZ", "az09", "AZ", "", ""},
        {"/%63hat/l%6Fbby", "chat", "lobby", "", ""},
        {"/chat/a+b", "chat", "a+b", "", ""}, /* a plus is a plus in a path */
        {"/chat/a%2Bb%20c", "chat", "a+b c", "", ""},
        {"/chat/%D0%BF%f0%9f%91%8b", "chat", "\xd0\xbf\xf0\x9f\x91\x8b", "", ""},
        {"/chat/%C2%A0", "chat", "\xc2\xa0", "", ""},
        {"/chat/a;b=c:d@e\\%3F%23%25", "chat", "a;b=c:d@e\\?#%", "", ""},
        {"/chat/...", "chat", "...", "", ""},
        {"/chat/.a", "chat", ".a", "", ""},
        {"/" A63 "/" A128, A63, A128, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (!parse(good[i].target)) fail_msg("%s: %s", good[i].target, error.message);
        assert_string_equal(room.service, good[i].service);
        assert_int_equal(room.service_size, strlen(good[i].service));
        assert_string_equal(room.room, good[i].room);
        assert_int_equal(room.room_size, strlen(good[i].room));
        assert_true(text_is(room.rest, good[i].rest));
        assert_true(text_is(room.query, good[i].query));
    }
    assert_true(parse("/a/" E32 E32 E32 E32)); /* 128 bytes, each of three characters */
    assert_int_equal(room.room_size, 128);
    assert_true(parse("/" S31 S31 "%61/a")); /* 63 likewise */
    assert_int_equal(room.service_size, 63);
}

static void url_says_why_it_names_none(void **state) {
    static const struct {
        int status;
        const char *target, *word; /* of the sentence */
    } bad[] = {
        {404, "", "no room"},
        {404, "/", "no room"},
        {404, "?a", "no room"},
        {404, "*", "no room"},
        {404, "//", "no room"},
        {404, "//room", "no room"},
        {404, "/chat", "no room"},
        {404, "/chat/", "no room"},
        {404, "/chat?a/b", "no room"},
        {404, "/chat//room", "no room"},
        {400, "/Chat/a", "service"},
        {400, "/-chat/a", "service"},
        {400, "/_ramp/a", "service"},
        {400, "/ch.at/a", "service"},
        {400, "/ch%20at/a", "service"},
        {400, "/ch%2Fat/a", "service"},
        {400, "/chat%00/a", "service"},
        {400, "/ch%4/a", "service"},
        {400, "/%/a", "service"},
        {400, "/" A63 "a/a", "service"},
        {400, "/" A128 A63 "/a", "service"},
        {400, "/chat/" A128 "a", "128"},
        {400, "/chat/" E32 E32 E32 E32 "a", "128"},
        {400, "/chat/%", "%"},
        {400, "/chat/%4", "%"},
        {400, "/chat/%4g", "%"},
        {400, "/chat/%g4", "%"},
        {400, "/chat/%%41", "%"},
        {400, "/chat/a%2Fb", "slash"},
        {400, "/chat/%2f", "slash"},
        {400, "/chat/%00", "control"},
        {400, "/chat/a%0Ab", "control"},
        {400, "/chat/%1F", "control"},
        {400, "/chat/%7f", "control"},
        {400, "/chat/%C2%80", "control"},
        {400, "/chat/%C2%9F", "control"},
        {400, "/chat/%FF", "UTF-8"},
        {400, "/chat/%C3", "UTF-8"},
        {400, "/chat/%ED%A0%80", "UTF-8"},
        {400, "/chat/%C0%AF", "UTF-8"},
        {400, "/chat/%C0%AE%C0%AE", "UTF-8"},
        {400, "/chat/.", "'.'"},
        {400, "/chat/..", "'.'"},
        {400, "/chat/../admin", "'.'"},
        {400, "/chat/%2e%2E", "'.'"},
        {400, "/chat/.%2e?a", "'.'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (parse(bad[i].target)) fail_msg("passed: %s", bad[i].target);
        if (error.status != bad[i].status || !strstr(error.message, bad[i].word)) {
            fail_msg("%s: %d %s", bad[i].target, error.status, error.message);
        }
    }
}

static void url_tests_names_by_themselves(void **state) {
    (void)state;
    assert_true(url_service_valid(text_of("a")));
    assert_true(url_service_valid(text_of(A63)));
    assert_false(url_service_valid(text_of(A63 "a")));
    assert_false(url_service_valid(text_of("")));
    assert_false(url_service_valid((struct text){"a\0", 2}));
    assert_true(url_room_valid(text_of("..")));
    assert_true(url_room_valid(text_of(A128)));
    assert_false(url_room_valid(text_of("")));
    assert_false(url_room_valid(text_of("a/b")));
    assert_false(url_room_valid((struct text){"\xc2", 1}));
    assert_false(url_room_valid((struct text){"a\0b", 3}));
}

static void url_splits_at_the_first_question_mark(void **state) {
    struct text path, query;
    (void)state;
    url_split(text_of("/a?b?c"), &path, &query);
    assert_true(text_is(path, "/a") && text_is(query, "b?c"));
    url_split(text_of("/a"), &path, &query);
    assert_true(text_is(path, "/a") && !query.data && query.size == 0);
    url_split(text_of("?b"), &path, &query);
    assert_true(text_is(path, "/") && text_is(query, "b"));
    url_split((struct text){NULL, 0}, &path, &query);
    assert_true(text_is(path, "/") && query.size == 0);
}

static void url_finds_query_parameters(void **state) {
    static const struct {
        const char *query, *name;
        enum url_found found;
        const char *value;
    } cases[] = {
        {"a=1&b=2", "a", URL_FOUND, "1"},
        {"a=1&b=2", "b", URL_FOUND, "2"},
        {"a=1&a=2", "a", URL_FOUND, "1"},
        {"a=1&b=2", "c", URL_ABSENT, NULL},
        {"", "a", URL_ABSENT, NULL},
        {"", "", URL_ABSENT, NULL},
        {"&&a=1&&", "a", URL_FOUND, "1"},
        {"a", "a", URL_FOUND, ""},
        {"a=", "a", URL_FOUND, ""},
        {"a=b=c", "a", URL_FOUND, "b=c"},
        {"=x", "", URL_FOUND, "x"},
        {"ab=1&a=2", "a", URL_FOUND, "2"},
        {"a=1", "ab", URL_ABSENT, NULL},
        {"A=1", "a", URL_ABSENT, NULL},
        {"a=x+y%20z%2B", "a", URL_FOUND, "x y z+"},
        {"%61+%62=1", "a b", URL_FOUND, "1"},
        {"a=%D0%bf%3D%26", "a", URL_FOUND, "\xd0\xbf=&"},
        {"a=%", "a", URL_BAD, NULL},
        {"a=%4", "a", URL_BAD, NULL},
        {"a=%zz", "a", URL_BAD, NULL},
        {"a=%ff", "a", URL_BAD, NULL},
        {"a=%D0", "a", URL_BAD, NULL},
        {"b=%&a=1", "a", URL_FOUND, "1"}, /* only what was asked for has to be good */
        {"%=2&a%=3&a=1", "a", URL_FOUND, "1"},
        {"a;b=1", "b", URL_ABSENT, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t size = strlen(cases[i].query), value_size = 77;
        char *block = malloc(size ? size : 1), value[32];
        memcpy(block, cases[i].query, size);
        enum url_found found =
            url_query_find((struct text){block, size}, cases[i].name, value, 32, &value_size);
        if (found != cases[i].found) fail_msg("%s: %d", cases[i].query, found);
        if (found == URL_FOUND) {
            assert_int_equal(value_size, strlen(cases[i].value));
            assert_memory_equal(value, cases[i].value, value_size);
        }
        free(block);
    }

    char value[3] = "###";
    size_t size;
    assert_int_equal(url_query_find(text_of("a=12345"), "a", value, 2, &size), URL_FOUND);
    assert_int_equal(size, 5);
    assert_memory_equal(value, "12#", 3);
    assert_int_equal(url_query_find(text_of("a=12345"), "a", NULL, 0, &size), URL_FOUND);
    assert_int_equal(size, 5);
}

static void url_decodes_in_place(void **state) {
    char bytes[] = "%41b%2Fc+d%00";
    size_t size;
    (void)state;
    assert_true(url_decode(text_of(bytes), false, bytes, &size));
    assert_int_equal(size, 7);
    assert_memory_equal(bytes, "Ab/c+d\0", 7);
    memcpy(bytes, "a+b", 4);
    assert_true(url_decode(text_of(bytes), true, bytes, &size));
    assert_memory_equal(bytes, "a b", 3);
    assert_false(url_decode(text_of("a%4"), false, bytes, &size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_names_the_room),
        cmocka_unit_test(url_says_why_it_names_none),
        cmocka_unit_test(url_tests_names_by_themselves),
        cmocka_unit_test(url_splits_at_the_first_question_mark),
        cmocka_unit_test(url_finds_query_parameters),
        cmocka_unit_test(url_decodes_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

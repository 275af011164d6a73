/* SPDX-License-Identifier: Apache-2.0 */
/* auth_test.c -- who may use the control API; and base64, which its headers use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "server/auth.h"
#include "server/base64.h"
#include "server/static_files.h"

#define TOKEN "ramp_0123456789abcdef"

static ramp_bytes header(const char *text) {
    return (ramp_bytes){text, text ? strlen(text) : 0};
}

static enum auth_result check(const char *authorization, const char *host, const char *origin,
                              bool is_loopback, bool dev) {
    struct auth_request request = {header(authorization), header(host), header(origin),
                                   header(NULL), is_loopback};
    return auth_check(&request, TOKEN, dev);
}

static void the_token_is_enough_from_anywhere(void **state) {
    (void)state;
    assert_int_equal(check("Bearer " TOKEN, "example.com", "https://evil.example", false, false),
                     AUTH_OK);
    assert_int_equal(check("bearer  " TOKEN, "example.com", NULL, false, false), AUTH_OK);
    assert_int_equal(check("Bearer " TOKEN, "example.com", "https://evil.example", true, true),
                     AUTH_OK);
}

static void another_token_is_never_enough(void **state) {
    static const char *const wrong[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearer x",
                                        TOKEN,
                                        "Basic " TOKEN,
                                        "Bearer " TOKEN "x",
                                        "Bearer ramp_0123456789abcde",
                                        "Bearer ramp_0123456789abcdeF",
                                        "Bearer " TOKEN " "};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_int_equal(check(wrong[i], "127.0.0.1", NULL, true, false), AUTH_WRONG);
    assert_int_equal(check(NULL, "127.0.0.1", NULL, true, false), AUTH_MISSING);
    /* No secret: nothing matches. */
    struct auth_request request = {.authorization = header("Bearer ")};
    assert_int_equal(auth_check(&request, "", false), AUTH_WRONG);
}

static void dev_asks_nothing_of_this_machine_only(void **state) {
    (void)state;
    assert_int_equal(check(NULL, "127.0.0.1:8787", NULL, true, true), AUTH_OK);
    assert_int_equal(check(NULL, "localhost:8787", "http://localhost:8787", true, true), AUTH_OK);
    assert_int_equal(check(NULL, "127.0.0.1:8787", NULL, false, true), AUTH_MISSING);
    assert_int_equal(check("Bearer x", "127.0.0.1:8787", NULL, false, true), AUTH_WRONG);
}

static void dev_refuses_pages_of_elsewhere(void **state) {
    struct auth_request request = {
        .host = header("localhost"), .fetch_site = header("cross-site"), .is_loopback = true};

    (void)state;
    assert_int_equal(check(NULL, "rebound.example:8787", NULL, true, true), AUTH_FOREIGN);
    assert_int_equal(check(NULL, NULL, NULL, true, true), AUTH_FOREIGN);
    assert_int_equal(check(NULL, "localhost", "https://evil.example", true, true), AUTH_FOREIGN);
    assert_int_equal(check(NULL, "localhost", "null", true, true), AUTH_FOREIGN);
    assert_int_equal(check(NULL, "localhost", "http://localhost.evil.example", true, true),
                     AUTH_FOREIGN);
    assert_int_equal(auth_check(&request, TOKEN, true), AUTH_FOREIGN);
    request.fetch_site = header("same-origin");
    assert_int_equal(auth_check(&request, TOKEN, true), AUTH_OK);
}

static void loopback_names_are_told_from_others(void **state) {
    static const char *const good[] = {"localhost", "LOCALHOST:1",  "app.localhost:8787",
                                       "127.0.0.1", "127.1.2.3:80", "[::1]",
                                       "[::1]:8787"};
    static const char *const bad[] = {
        "",           "localhost.",       "xlocalhost", "127.0.0.1.example.com",
        "127.1",      "127.0.0.256",      "127.0.0.01", "128.0.0.1",
        "127.0.0.1:", "localhost:a",      "[::1]x",     "[::2]",
        "127.0.0.1.", "localhost:123456", ".localhost", "127.0.0.1@evil",
        "127..0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(auth_is_loopback_host(header(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (auth_is_loopback_host(header(bad[i]))) fail_msg("'%s' passes for loopback", bad[i]);
}

static void refusals_say_where_the_token_is(void **state) {
    (void)state;
    assert_non_null(strstr(auth_sentence(AUTH_MISSING), "admin.token"));
    assert_non_null(strstr(auth_sentence(AUTH_WRONG), "admin.token"));
    assert_non_null(strstr(auth_sentence(AUTH_FOREIGN), "admin.token"));
}

static void base64_takes_both_alphabets_and_nothing_else(void **state) {
    static const struct {
        const char *text, *bytes;
        size_t size;
    } good[] = {{"", "", 0},
                {"Zg==", "f", 1},
                {"Zg", "f", 1},
                {"Zm8=", "fo", 2},
                {"Zm9v", "foo", 3},
                {"-_-_", "\xfb\xff\xbf", 3},
                {"+/+/", "\xfb\xff\xbf", 3},
                {"AAAA", "\0\0\0", 3}};
    static const char *const bad[] = {"Z",     "Zg=",      "Zg===", "Zh==", "Zm9v\n",
                                      " Zm9v", "Zm9v====", "Zm.v",  "=",    "===="};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ramp_bytes bytes;
        assert_int_equal(base64_decode(header(good[i].text), &bytes), RAMP_OK);
        assert_int_equal(bytes.size, good[i].size);
        assert_memory_equal(bytes.data, good[i].bytes, bytes.size);
        mem_free((void *)(uintptr_t)bytes.data);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ramp_bytes bytes;
        if (base64_decode(header(bad[i]), &bytes) == RAMP_OK)
            fail_msg("'%s' passes for base64", bad[i]);
    }
}

static void web_paths_stay_inside(void **state) {
    static const char *const good[] = {"/", "/index.html", "/a/b.js", "/a-b_c d.png", "/a..b"};
    static const char *const bad[] = {"",        "a",   "/..",   "/../x", "/a/../b", "/.git/config",
                                      "/a/.env", "//x", "/a//b", "/a\\b", "/a\nb",   "/./a"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(static_path_is_safe(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (static_path_is_safe(bad[i])) fail_msg("'%s' passes", bad[i]);
    assert_string_equal(static_type("/a/b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(static_type("/a/b"), "application/octet-stream");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_is_enough_from_anywhere),
        cmocka_unit_test(another_token_is_never_enough),
        cmocka_unit_test(dev_asks_nothing_of_this_machine_only),
        cmocka_unit_test(dev_refuses_pages_of_elsewhere),
        cmocka_unit_test(loopback_names_are_told_from_others),
        cmocka_unit_test(refusals_say_where_the_token_is),
        cmocka_unit_test(base64_takes_both_alphabets_and_nothing_else),
        cmocka_unit_test(web_paths_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

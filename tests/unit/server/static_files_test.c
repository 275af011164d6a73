/* SPDX-License-Identifier: Apache-2.0 */
/* static_files_test.c -- the web folder of `ramp dev`, with real files, and the console's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/console_files.h"
#include "server/static_files.h"
#include "unit/support/folder.h"

/* Stands for the server's. */
struct exchange {
    bool has_policy;
    const char *if_none_match;
    int status;
    char type[64], etag[80], body[64];
};

const struct console_file console_files[] = {
    {"/a.mjs", "text/javascript; charset=utf-8", (const unsigned char *)"let a", 5},
    {"/index.html", "text/html; charset=utf-8", (const unsigned char *)"<p>console", 10},
};
const size_t console_files_count = 2;

ramp_bytes exchange_header(const struct exchange *exchange, const char *name) {
    if (strcmp(name, "if-none-match") == 0 && exchange->if_none_match)
        return (ramp_bytes){exchange->if_none_match, strlen(exchange->if_none_match)};
    return (ramp_bytes){NULL, 0};
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    const char *headers, ramp_bytes body) {
    const char *etag = strstr(headers, "ETag: ");

    exchange->status = status;
    snprintf(exchange->type, sizeof(exchange->type), "%s", content_type ? content_type : "");
    exchange->has_policy = strstr(headers, "Content-Security-Policy: default-src 'self'") != NULL;
    if (etag) sscanf(etag, "ETag: %79s", exchange->etag);
    snprintf(exchange->body, sizeof(exchange->body), "%.*s", (int)body.size,
             body.size ? (const char *)body.data : "");
}

void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...) {
    (void)code, (void)format;
    exchange->status = status;
}

struct rig {
    char folder[64], web[80];
};

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));
    char path[128];

    test_folder_new(rig->folder);
    snprintf(rig->web, sizeof(rig->web), "%s/web", rig->folder);
    mkdir(rig->web, 0755);
    snprintf(path, sizeof(path), "%s/sub", rig->web);
    mkdir(path, 0755);
    test_file_write(rig->web, "index.html", "<p>hi", 5);
    test_file_write(rig->web, "sub/index.html", "<p>sub", 6);
    test_file_write(rig->web, "a b.css", "p{}", 3);
    test_file_write(rig->web, ".env", "SECRET", 6);
    test_file_write(rig->folder, "outside.txt", "SECRET", 6);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;

    test_folder_remove(rig->folder);
    free(rig);
    return 0;
}

static void files_of_the_folder_are_answered(void **state) {
    static const struct {
        const char *path, *type, *body;
    } cases[] = {
        {"/", "text/html; charset=utf-8", "<p>hi"},
        {"/index.html", "text/html; charset=utf-8", "<p>hi"},
        {"/sub/", "text/html; charset=utf-8", "<p>sub"},
        {"/a b.css", "text/css; charset=utf-8", "p{}"},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct exchange exchange = {0};
        assert_true(static_web(&exchange, rig->web, cases[i].path));
        assert_int_equal(exchange.status, 200);
        assert_string_equal(exchange.type, cases[i].type);
        assert_string_equal(exchange.body, cases[i].body);
    }
}

static void nothing_else_is(void **state) {
    static const char *const paths[] = {"/absent",
                                        "/sub",
                                        "/.env",
                                        "/../outside.txt",
                                        "/sub/../../outside.txt",
                                        "/link.txt",
                                        "/inside/",
                                        "//index.html",
                                        "",
                                        "/index.html/"};
    struct rig *rig = *state;
    char from[128], to[128];

    snprintf(from, sizeof(from), "%s/outside.txt", rig->folder);
    snprintf(to, sizeof(to), "%s/link.txt", rig->web);
    assert_int_equal(symlink(from, to), 0);
    snprintf(to, sizeof(to), "%s/fifo", rig->web);
    assert_int_equal(mkfifo(to, 0600), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct exchange exchange = {0};
        if (static_web(&exchange, rig->web, paths[i])) fail_msg("'%s' is answered", paths[i]);
        assert_int_equal(exchange.status, 0);
    }
    assert_false(static_web(&(struct exchange){0}, rig->web, "/fifo"));
    /* A link that stays inside is a file of the folder. */
    snprintf(to, sizeof(to), "%s/inner.html", rig->web);
    assert_int_equal(symlink("index.html", to), 0);
    assert_true(static_web(&(struct exchange){0}, rig->web, "/inner.html"));
    /* A folder whose name begins like ours is not ours. */
    snprintf(from, sizeof(from), "%s/web2", rig->folder);
    mkdir(from, 0755);
    test_file_write(from, "x.txt", "SECRET", 6);
    snprintf(to, sizeof(to), "%s/near.txt", rig->web);
    assert_int_equal(symlink("../web2/x.txt", to), 0);
    assert_false(static_web(&(struct exchange){0}, rig->web, "/near.txt"));
}

static void an_etag_saves_the_body_until_the_file_changes(void **state) {
    struct rig *rig = *state;
    struct exchange first = {0}, again = {0}, changed = {0};

    assert_true(static_web(&first, rig->web, "/index.html"));
    again.if_none_match = first.etag;
    assert_true(static_web(&again, rig->web, "/index.html"));
    assert_int_equal(again.status, 304);
    test_file_write(rig->web, "index.html", "<p>hi again", 11);
    changed.if_none_match = first.etag;
    assert_true(static_web(&changed, rig->web, "/index.html"));
    assert_false(changed.has_policy); /* the author's own page may load from anywhere */
    assert_int_equal(changed.status, 200);
    assert_string_equal(changed.body, "<p>hi again");
}

static void the_console_is_in_the_binary(void **state) {
    struct exchange index = {0}, file = {0}, again = {0};

    (void)state;
    assert_true(static_console(&index, "/"));
    assert_string_equal(index.body, "<p>console");
    assert_true(index.has_policy);
    assert_true(static_console(&file, "/a.mjs"));
    assert_string_equal(file.type, "text/javascript; charset=utf-8");
    again.if_none_match = file.etag;
    assert_true(static_console(&again, "/a.mjs"));
    assert_int_equal(again.status, 304);
    assert_false(static_console(&again, "/absent"));
    assert_string_not_equal(file.etag, index.etag);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_of_the_folder_are_answered),
        TEST(nothing_else_is),
        TEST(an_etag_saves_the_body_until_the_file_changes),
        TEST(the_console_is_in_the_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

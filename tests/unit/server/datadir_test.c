/* SPDX-License-Identifier: Apache-2.0 */
/* datadir_test.c -- one server per folder, a token that survives, and a sentence for each failure. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/datadir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64], path[256];

static const char *in_root(const char *name) {
    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(in_root(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_folder_is_made_and_has_one_server(void **state) {
    struct datadir first, second;
    ramp_error error;
    struct stat info;
    char folder[128], pid[24];

    (void)state;
    snprintf(folder, sizeof(folder), "%s/a/b", root);
    assert_int_equal(datadir_open(&first, folder, &error), RAMP_OK);
    assert_int_equal(stat(folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(stat(in_root("a/b/admin.token"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, 65);

    assert_int_equal(datadir_open(&second, folder, &error), RAMP_CONFLICT);
    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    assert_non_null(strstr(error.message, pid));
    assert_non_null(strstr(error.message, folder));

    datadir_close(&first);
    assert_int_equal(datadir_open(&second, folder, &error), RAMP_OK);
    assert_int_equal(strlen(second.token), 64);
    assert_string_equal(first.token, second.token);
    datadir_close(&second);
}

static void a_bad_folder_or_token_is_a_sentence(void **state) {
    struct datadir datadir;
    ramp_error error;

    (void)state;
    write_file("file", "x");
    assert_int_equal(datadir_open(&datadir, in_root("file"), &error), RAMP_IO);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(datadir_open(&datadir, in_root("file/below"), &error), RAMP_IO);
    assert_int_equal(datadir_open(&datadir, "", &error), RAMP_ARGS);
    assert_int_equal(datadir_open(&datadir, "/proc/no/such", &error), RAMP_IO);

    write_file("admin.token", "");
    assert_int_equal(datadir_open(&datadir, root, &error), RAMP_ARGS);
    assert_non_null(strstr(error.message, "admin.token"));
    write_file("admin.token", "short\n");
    assert_int_equal(datadir_open(&datadir, root, &error), RAMP_ARGS);
    write_file("admin.token", "long enough but with spaces\n");
    assert_int_equal(datadir_open(&datadir, root, &error), RAMP_ARGS);
    write_file("admin.token", "written-by-a-hand\r\n\n");
    assert_int_equal(datadir_open(&datadir, root, &error), RAMP_OK);
    assert_string_equal(datadir.token, "written-by-a-hand");
    datadir_close(&datadir);
}

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof(root), "/tmp/ramp-datadir-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    static const char *const names[] = {"a/b/admin.token", "a/b/lock", "a/b", "a", "file",
                                        "admin.token",     "lock",     ""};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) remove(in_root(names[i]));
    return access(root, F_OK) == 0 ? -1 : 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_made_and_has_one_server),
        cmocka_unit_test(a_bad_folder_or_token_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}

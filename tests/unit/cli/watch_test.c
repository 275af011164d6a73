/* SPDX-License-Identifier: Apache-2.0 */
/* watch_test.c -- cli/watch.c: every way in which editors and people change files, once per burst. */
#include "cli/watch.h"

#include "unit/support/folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64];
static uv_loop_t loop;
static uv_timer_t patience;
static struct watch watch;
static unsigned changes;
static char last[FILE_PATH];

static void on_change(void *context, const char *path) {
    (void)context;
    changes++;
    snprintf(last, sizeof(last), "%s", path);
    uv_stop(&loop);
}

static void on_patience(uv_timer_t *timer) {
    (void)timer;
    uv_stop(&loop);
}

/* Runs until a change is told, or `ms` have passed. */
static void run(unsigned ms) {
    uv_timer_start(&patience, on_patience, ms, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_timer_stop(&patience);
}

/* A change is told, once, and then all is quiet. */
static void is_told(const char *name) {
    changes = 0;
    run(5000);
    if (changes != 1) fail_msg("no change of %s was told", name);
    if (!strstr(last, name)) fail_msg("%s was told, not %s", last, name);
    run(3 * WATCH_SETTLE_MS);
    if (changes != 1) fail_msg("%s was told %u times", name, changes);
}

static void is_not_told(void) {
    changes = 0;
    run(4 * WATCH_SETTLE_MS);
    if (changes) fail_msg("%s was told", last);
}

static void path_of(const char *name, char out[static 160]) {
    snprintf(out, 160, "%s/%s", folder, name);
}

static void make_folder(const char *name) {
    char path[160];
    path_of(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void change(const char *name) {
    test_file_write(folder, name, "x", 1);
}

static void rename_to(const char *from, const char *to) {
    char a[160], b[160];
    path_of(from, a);
    path_of(to, b);
    assert_int_equal(rename(a, b), 0);
}

static int setup(void **state) {
    char src[160];

    (void)state;
    test_folder_new(folder);
    make_folder("src");
    make_folder("src/deep");
    change("src/room.ts");
    change("ramp.json");
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &patience);
    watch_init(&watch, &loop, on_change, NULL);
    path_of("src", src);
    watch_add(&watch, src, NULL);
    watch_add(&watch, folder, "ramp.json");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    watch_close(&watch);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(watch.open_handles, 0);
    watch_done(&watch);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_folder_remove(folder);
    return 0;
}

static void writing_is_told_once(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) change("src/room.ts");
    is_told("src/room.ts");
    change("src/deep/part.ts");
    is_told("src/deep/part.ts");
}

static void an_editor_that_renames_is_seen_again_and_again(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        change("src/room.ts~");
        rename_to("src/room.ts~", "src/room.ts");
        is_told("src/room.ts");
        change("src/sedX4a");
        rename_to("src/sedX4a", "src/room.ts");
        is_told("src/room.ts");
    }
}

static void new_folders_are_watched(void **state) {
    (void)state;
    make_folder("src/new");
    is_told("src/new");
    make_folder("src/new/deeper");
    is_told("src/new/deeper");
    change("src/new/deeper/x.ts");
    is_told("src/new/deeper/x.ts");
}

static void a_folder_that_is_replaced_is_watched(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        rename_to("src/deep", i ? "old1" : "old0");
        make_folder("src/deep");
        is_told("src/deep");
        change("src/deep/x.ts");
        is_told("src/deep/x.ts");
    }
}

static void only_one_file_of_the_project_counts(void **state) {
    (void)state;
    change("ramp.json");
    is_told("ramp.json");
    change("README.md");
    is_not_told();
    change("new.json");
    rename_to("new.json", "ramp.json");
    is_told("ramp.json");
}

static void what_editors_leave_does_not_count(void **state) {
    (void)state;
    change("src/.room.ts.swp");
    change("src/4913");
    change("src/room.ts~");
    change("src/#room.ts#");
    is_not_told();
    assert_true(watch_counts("room.ts"));
    assert_false(watch_counts(""));
    assert_false(watch_counts("node_modules"));
}

static void a_folder_that_is_removed_ends_quietly(void **state) {
    (void)state;
    char path[160];
    path_of("src/deep", path);
    assert_int_equal(rmdir(path), 0);
    is_told("src/deep");
    change("src/room.ts");
    is_told("src/room.ts");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writing_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_editor_that_renames_is_seen_again_and_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(new_folders_are_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_replaced_is_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(only_one_file_of_the_project_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_editors_leave_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_removed_ends_quietly, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

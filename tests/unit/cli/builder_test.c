/* SPDX-License-Identifier: Apache-2.0 */
/* builder_test.c -- cli/builder.c: a child that answers, one that dies, one that babbles. The shell plays
 * the compiler. */
#include "cli/builder.h"

#include "unit/support/folder.h"

#include <errno.h>
#include <signal.h>

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
static struct toolchain toolchain;
static struct builder builder;
static unsigned answers;
static char last[256]; /* the answer's "out", or the message */

static void on_built(void *context, const json_t *answer, const char *message) {
    (void)context;
    answers++;
    const char *text = answer ? json_string_value(json_object_get(answer, "out")) : message;
    snprintf(last, sizeof(last), "%s", text ? text : "");
    uv_stop(&loop);
}

static int setup(void **state) {
    (void)state;
    test_folder_new(folder);
    toolchain = (struct toolchain){.node = "/bin/sh"};
    snprintf(toolchain.script, sizeof(toolchain.script), "%s/compiler.sh", folder);
    assert_int_equal(uv_loop_init(&loop), 0);
    builder = (struct builder){
        .loop = &loop, .toolchain = &toolchain, .folder = folder, .on_built = on_built};
    answers = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    builder_close(&builder);
    while (builder.children) uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_folder_remove(folder);
    return 0;
}

static void write_script(const char *script) {
    test_file_write(folder, "compiler.sh", script, strlen(script));
}

static void build(void) {
    unsigned before = answers;
    builder_build(&builder, "src/room.ts", ".ramp/room.wasm", "debug");
    while (answers == before) uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(answers, before + 1);
    assert_false(builder.building);
}

static void one_child_answers_many_builds(void **state) {
    (void)state;
    write_script("n=0; while read line; do n=$((n+1)); echo \"$line\" >> asked; "
                 "echo \"{\\\"id\\\":$n,\\\"ok\\\":true,\\\"out\\\":\\\"$$\\\"}\"; done");
    build();
    char first[256];
    memcpy(first, last, sizeof(first));
    build();
    build();
    assert_string_equal(last, first);
    size_t size;
    unsigned char *asked = test_file_read(folder, "asked", &size);
    assert_non_null(strstr((char *)asked, "\"file\":\"src/room.ts\""));
    assert_non_null(strstr((char *)asked, "\"mode\":\"debug\""));
    free(asked);
}

static void babble_and_old_answers_are_skipped(void **state) {
    (void)state;
    write_script("read line; echo hello; echo '{'; echo '{\"id\":99,\"out\":\"other\"}'; echo; "
                 "printf '{\"id\":1,'; sleep 0.1; echo '\"out\":\"mine\"}'; read line");
    build();
    assert_string_equal(last, "mine");
}

static void a_child_that_dies_is_told_and_started_again(void **state) {
    (void)state;
    write_script("read line; exit 3");
    build();
    assert_non_null(strstr(last, "ended unexpectedly"));
    write_script("while read line; do echo '{\"id\":2,\"out\":\"back\"}'; done");
    build();
    assert_string_equal(last, "back");
}

static void one_that_cannot_be_started_is_told(void **state) {
    (void)state;
    snprintf(toolchain.node, sizeof(toolchain.node), "/nowhere/node");
    build();
    assert_non_null(strstr(last, "cannot be started"));
    build();
    assert_non_null(strstr(last, "cannot be started"));
}

static void a_deaf_child_is_killed_at_the_end(void **state) {
    (void)state;
    write_script("trap '' INT TERM HUP; while :; do sleep 1; done");
    builder_build(&builder, "a", "b", "debug");
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(builder.children, 1);
    /* teardown waits for it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_child_answers_many_builds, setup, teardown),
        cmocka_unit_test_setup_teardown(babble_and_old_answers_are_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_that_dies_is_told_and_started_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_cannot_be_started_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deaf_child_is_killed_at_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

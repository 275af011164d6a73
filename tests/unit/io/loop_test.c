/* SPDX-License-Identifier: Apache-2.0 */
/* loop_test.c -- src/io/loop.c: what is watched, and what no longer is. */
#include "io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

static unsigned calls;

static void count_call(struct source *source, unsigned what) {
    (void)source;
    (void)what;
    calls++;
}

static void a_ready_source_is_called_and_an_unwatched_one_never_again(void **state) {
    struct loop loop;
    struct source source = {.ready = count_call};
    int ends[2], copy;
    (void)state;

    assert_true(loop_init(&loop));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    source.fd = ends[0];
    assert_true(loop_watch(&loop, &source, LOOP_READ));
    assert_int_equal(write(ends[1], "x", 1), 1);
    loop_wait(&loop, 1000);
    loop_dispatch(&loop);
    assert_int_equal(calls, 1);

    copy = dup(ends[0]); /* as a child has it between fork and exec */
    loop_unwatch(&loop, &source);
    close(ends[0]);
    loop_wait(&loop, 50);
    loop_dispatch(&loop);
    assert_int_equal(calls, 1);

    close(copy);
    close(ends[1]);
    loop_done(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ready_source_is_called_and_an_unwatched_one_never_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

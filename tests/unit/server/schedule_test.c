/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_test.c -- what is due runs, in order of time, and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/schedule.h"

static uint64_t ran[1000];
static unsigned ran_count;
static struct schedule schedule;

static void run(struct worker *worker, void *argument) {
    (void)worker;
    ran[ran_count++] = (uint64_t)(uintptr_t)argument;
}

static void again(struct worker *worker, void *argument) {
    run(worker, argument);
    assert_true(schedule_add(&schedule, &(struct schedule_entry){1, again, argument}));
}

static void schedule_runs_in_order_of_time(void **state) {
    unsigned seed = 3;

    (void)state;
    assert_true(schedule_next_ns(&schedule) == UINT64_MAX);
    for (int i = 0; i < 500; i++) {
        seed = seed * 1103515245u + 12345u;
        uint64_t at = seed >> 16 & 1023;
        assert_true(
            schedule_add(&schedule, &(struct schedule_entry){at, run, (void *)(uintptr_t)at}));
    }
    schedule_run_due(&schedule, 511, NULL);
    for (unsigned i = 0; i < ran_count; i++)
        assert_true(ran[i] <= 511 && (!i || ran[i - 1] <= ran[i]));
    assert_true(schedule_next_ns(&schedule) > 511);
    schedule_run_due(&schedule, 1023, NULL);
    assert_int_equal(ran_count, 500);
    for (unsigned i = 1; i < 500; i++) assert_true(ran[i - 1] <= ran[i]);
    schedule_done(&schedule);
}

static void an_entry_that_comes_again_does_not_hold_the_turn(void **state) {
    (void)state;
    ran_count = 0;
    assert_true(schedule_add(&schedule, &(struct schedule_entry){1, again, NULL}));
    schedule_run_due(&schedule, 10, NULL);
    assert_int_equal(ran_count, 1);
    schedule_run_due(&schedule, 10, NULL);
    assert_int_equal(ran_count, 2);
    schedule_done(&schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_runs_in_order_of_time),
        cmocka_unit_test(an_entry_that_comes_again_does_not_hold_the_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

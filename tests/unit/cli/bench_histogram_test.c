/* SPDX-License-Identifier: Apache-2.0 */
/* bench_histogram_test.c -- shares of known distributions, to 1.6 %. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/bench_histogram.h"

static struct histogram histogram;

static void assert_near(uint64_t got, uint64_t wanted) {
    uint64_t slack = wanted / 60 + 1;
    assert_in_range(got, wanted > slack ? wanted - slack : 0, wanted + slack);
}

static void empty_histogram_answers_zero(void **state) {
    (void)state;
    histogram = (struct histogram){0};
    assert_int_equal(histogram_at(&histogram, 0.5), 0);
}

static void every_value_comes_back(void **state) {
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << 39; ns = ns * 9 / 8 + 1) {
        histogram = (struct histogram){0};
        histogram_add(&histogram, ns);
        assert_int_equal(histogram_at(&histogram, 0.5), ns); /* no more than the maximum */
        histogram_add(&histogram, ns * 4);
        assert_near(histogram_at(&histogram, 0.5), ns);
        assert_int_equal(histogram_at(&histogram, 1), ns * 4);
    }
}

static void shares_of_equal_steps(void **state) {
    (void)state;
    histogram = (struct histogram){0};
    for (uint64_t ns = 1; ns <= 100000; ns++) histogram_add(&histogram, ns);
    assert_int_equal(histogram.count, 100000);
    assert_near(histogram_at(&histogram, 0.5), 50000);
    assert_near(histogram_at(&histogram, 0.9), 90000);
    assert_near(histogram_at(&histogram, 0.99), 99000);
    assert_int_equal(histogram_at(&histogram, 1), 100000);
}

static void what_is_too_long_still_counts(void **state) {
    (void)state;
    histogram = (struct histogram){0};
    histogram_add(&histogram, UINT64_MAX);
    histogram_add(&histogram, 1);
    assert_int_equal(histogram_at(&histogram, 0.5), 1);
    assert_true(histogram_at(&histogram, 1) > UINT64_C(1) << 41);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_histogram_answers_zero),
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(shares_of_equal_steps),
        cmocka_unit_test(what_is_too_long_still_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

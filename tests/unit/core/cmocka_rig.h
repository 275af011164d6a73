/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka_rig.h -- the rig under cmocka, and one for every test of a file. */
#ifndef TESTS_CORE_CMOCKA_RIG_H
#define TESTS_CORE_CMOCKA_RIG_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define RIG_FAIL(...) fail_msg(__VA_ARGS__)
#include "unit/core/rig.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct rig rig;

/* Before each test: service s runs interp.wat. */
RIG_MAYBE int rig_setup_interp(void **state) {
    (void)state;
    rig.real_time = false;
    rig.read_ns = rig.cpu_read_ns = 0;
    rig_open(&rig, NULL);
    rig_add(&rig, "s", "interp");
    return 0;
}
/* The same with the machine's clocks and a thread that ticks. */
RIG_MAYBE int rig_setup_real(void **state) {
    (void)state;
    rig.real_time = true;
    rig.read_ns = rig.cpu_read_ns = 0;
    rig_open(&rig, NULL);
    rig_add(&rig, "s", "interp");
    rig_start_ticking(&rig);
    return 0;
}
RIG_MAYBE int rig_teardown(void **state) {
    (void)state;
    if (rig.host) rig_close(&rig);
    return 0;
}
/* A test that opens its own rig. */
RIG_MAYBE int rig_setup_none(void **state) {
    (void)state;
    rig.host = NULL;
    rig.real_time = false;
    rig.read_ns = rig.cpu_read_ns = 0;
    return 0;
}

#define TEST_REAL(name)  cmocka_unit_test_setup_teardown(name, rig_setup_real, rig_teardown)
#define TEST(name)       cmocka_unit_test_setup_teardown(name, rig_setup_interp, rig_teardown)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, rig_setup_none, rig_teardown)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* next_test.c -- what is said to do next, and how the doctor judges what it measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/deployed.h"
#include "cli/doctor.h"
#include "cli/next.h"

static void a_sentence_has_its_own_next_thing(void **state) {
    (void)state;
    assert_non_null(strstr(next_of(NEXT_SERVER, "there is no service 'x'"), "`ramp deploy`"));
    assert_non_null(
        strstr(next_of(NEXT_MODULE, "x.wasm: No such file or directory"), "`ramp build`"));
    assert_non_null(
        strstr(next_of(NEXT_START, "cannot listen on 127.0.0.1:1: another program uses this port"),
               "--listen"));
    /* Where it was said counts: a file of the server's is none of the user's. */
    assert_string_equal(next_of(NEXT_SERVER, "No such file or directory"), "");
    assert_string_equal(next_of(NEXT_START, "something else"), "");
}

static void limits_are_judged_by_what_they_allow(void **state) {
    (void)state;
    assert_int_equal(doctor_judge_descriptors(1048576), DOCTOR_OK);
    assert_int_equal(doctor_judge_descriptors(1024), DOCTOR_WARNING);
    assert_int_equal(doctor_judge_descriptors(256), DOCTOR_PROBLEM);
    assert_int_equal(doctor_judge_mappings(65530), DOCTOR_OK);
    assert_int_equal(doctor_judge_mappings(30000), DOCTOR_WARNING);
    assert_int_equal(doctor_judge_mappings(1000), DOCTOR_PROBLEM);
    assert_int_equal(doctor_judge_backlog(4096), DOCTOR_OK);
    assert_int_equal(doctor_judge_backlog(128), DOCTOR_WARNING);
    assert_int_equal(doctor_judge_space(UINT64_C(5) << 30), DOCTOR_OK);
    assert_int_equal(doctor_judge_space(500u << 20), DOCTOR_WARNING);
    assert_int_equal(doctor_judge_space(1u << 20), DOCTOR_PROBLEM);
    assert_int_equal(doctor_judge_fsync(3000000), DOCTOR_OK);
    assert_int_equal(doctor_judge_fsync(200000000), DOCTOR_WARNING);
}

static void rooms_that_moved_are_told_in_words(void **state) {
    char text[128];

    (void)state;
    deployed_rooms(text, sizeof(text), 0, 0, 0);
    assert_string_equal(text, "no room was live");
    deployed_rooms(text, sizeof(text), 1, 0, 1);
    assert_string_equal(text, "1 room moved, 1 connection kept");
    deployed_rooms(text, sizeof(text), 3, 0, 7);
    assert_string_equal(text, "3 rooms moved, 7 connections kept");
    deployed_rooms(text, sizeof(text), 0, 2, 0);
    assert_string_equal(text,
                        "0 rooms moved, 0 connections kept; 2 rooms stayed on the old version");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_has_its_own_next_thing),
        cmocka_unit_test(limits_are_judged_by_what_they_allow),
        cmocka_unit_test(rooms_that_moved_are_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* addresses_test.c -- counts of connections per address: exact for one, and strangers do not add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/addresses.h"

#define MAX      100u
#define STRANGER UINT64_C(0xffff00000000)

static void one_address_is_bounded_and_gets_its_places_back(void **state) {
    struct addresses *addresses = addresses_new(MAX, 42);
    address_place places[MAX], more = 7;

    (void)state;
    for (unsigned i = 0; i < MAX; i++) {
        assert_true(addresses_enter(addresses, 0xffff0a000001, &places[i]));
        assert_int_not_equal(places[i], 0);
        assert_int_equal(places[i], places[0]);
    }
    assert_false(addresses_enter(addresses, 0xffff0a000001, &more));
    assert_int_equal(more, 7);
    assert_true(addresses_enter(addresses, 0xffff0a000002, &more));
    addresses_leave(addresses, 0); /* of those that are not counted */
    addresses_leave(addresses, places[0]);
    assert_true(addresses_enter(addresses, 0xffff0a000001, &places[0]));
    assert_false(addresses_enter(addresses, 0xffff0a000001, &places[0]));
    addresses_free(addresses);
}

/* 100,000 addresses with a connection each, beside some that are full: nobody is refused for others. */
static void strangers_do_not_crowd_an_address(void **state) {
    struct addresses *addresses = addresses_new(MAX, UINT64_C(0x123456789abcdef));
    address_place place;

    (void)state;
    for (uint64_t network = 1; network <= 10; network++)
        for (unsigned i = 0; i < MAX; i++)
            assert_true(addresses_enter(addresses, network << 32, &place));
    for (uint64_t i = 0; i < 100000; i++)
        assert_true(addresses_enter(addresses, STRANGER + i, &place));
    for (uint64_t network = 1; network <= 10; network++)
        assert_false(addresses_enter(addresses, network << 32, &place));
    addresses_free(addresses);
}

static void every_bit_of_a_network_decides(void **state) {
    struct addresses *addresses = addresses_new(MAX, 1);
    address_place first, other;

    (void)state;
    assert_true(addresses_enter(addresses, STRANGER, &first));
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_true(addresses_enter(addresses, STRANGER ^ UINT64_C(1) << bit, &other));
        assert_int_not_equal(first, other);
    }
    addresses_free(addresses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_is_bounded_and_gets_its_places_back),
        cmocka_unit_test(strangers_do_not_crowd_an_address),
        cmocka_unit_test(every_bit_of_a_network_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* map_test.c -- base/map.c against an array; and what it does without memory. */
#include "base/map.h"

#include "base/mem.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

enum { KEYS = 700 };

/* Keys of 0 to 30 bytes, some of which begin like others. */
static size_t make_key(unsigned number, char *key) {
    size_t size = number % 31;
    memset(key, 'k', size);
    if (size >= 4) memcpy(key + size - 4, &number, 4);
    else if (size) key[0] = (char)number;
    return size;
}

static void a_map_agrees_with_an_array(void **state) {
    static char keys[KEYS][32];
    static size_t sizes[KEYS];
    static bool is_in[KEYS];
    struct map map;
    uint64_t random = 5;
    size_t count = 0;
    (void)state;

    map_init(&map, 99);
    memset(is_in, 0, sizeof(is_in));
    for (unsigned i = 0; i < KEYS; i++) {
        sizes[i] = make_key(i, keys[i]);
        /* The short ones come more than once: one of each is used. */
        for (unsigned k = 0; k < i && sizes[i] != SIZE_MAX; k++)
            if (sizes[k] == sizes[i] && memcmp(keys[k], keys[i], sizes[i]) == 0)
                sizes[i] = SIZE_MAX;
    }
    for (int step = 0; step < 60000; step++) {
        unsigned i = (unsigned)(next_random(&random) % KEYS);
        /* It fills up and empties again, in waves. */
        bool put = next_random(&random) % 100 < (step / 5000 % 2 ? 20u : 80u);
        if (sizes[i] == SIZE_MAX) continue;
        assert_ptr_equal(map_get(&map, keys[i], sizes[i]), is_in[i] ? &keys[i] : NULL);
        if (put && !is_in[i]) {
            assert_true(map_put(&map, keys[i], sizes[i], &keys[i]));
            is_in[i] = true;
            count++;
        } else if (!put) {
            assert_ptr_equal(map_remove(&map, keys[i], sizes[i]), is_in[i] ? &keys[i] : NULL);
            count -= is_in[i];
            is_in[i] = false;
        }
        assert_int_equal(map.count, count);
        if (step % 997) continue;
        size_t index = 0, seen = 0;
        for (struct map_entry *entry; (entry = map_next(&map, &index)); seen++) {
            unsigned k = (unsigned)((char(*)[32])entry->value - keys);
            assert_true(is_in[k] && entry->key_size == sizes[k]);
        }
        assert_int_equal(seen, count);
    }
    map_done(&map);
}

static void an_empty_map_has_nothing(void **state) {
    struct map map;
    size_t index = 0;
    (void)state;
    map_init(&map, 0);
    assert_null(map_get(&map, "a", 1));
    assert_null(map_remove(&map, "a", 1));
    assert_null(map_next(&map, &index));
    map_done(&map);
    map_done(&map);
}

/* A put that finds no memory changes nothing; the next one works. */
static void a_map_that_cannot_grow_stays_as_it_is(void **state) {
    static int values[100];
    static char keys[100][8];
    struct map map;
    long live = mem_live_count();
    (void)state;
    map_init(&map, 3);
    for (int i = 0; i < 100; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%d", i);
        mem_fail_after(0);
        if (!map_put(&map, keys[i], strlen(keys[i]), &values[i])) {
            assert_int_equal(map.count, i);
            for (int k = 0; k < i; k++)
                assert_ptr_equal(map_get(&map, keys[k], strlen(keys[k])), &values[k]);
            assert_null(map_get(&map, keys[i], strlen(keys[i])));
            assert_true(map_put(&map, keys[i], strlen(keys[i]), &values[i]));
        }
        mem_fail_after(-1);
    }
    map_done(&map);
    assert_int_equal(mem_live_count(), live);
}

/* Names come from outside: what collides in one map does not in another. */
static void maps_of_different_seeds_order_differently(void **state) {
    static char keys[64][4];
    struct map a, b;
    size_t at_a = 0, at_b = 0, same = 0;
    (void)state;
    map_init(&a, 1);
    map_init(&b, 2);
    for (int i = 0; i < 64; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%d", i);
        assert_true(map_put(&a, keys[i], strlen(keys[i]), keys[i]));
        assert_true(map_put(&b, keys[i], strlen(keys[i]), keys[i]));
    }
    for (int i = 0; i < 64; i++) same += map_next(&a, &at_a)->value == map_next(&b, &at_b)->value;
    assert_true(same < 16);
    map_done(&a);
    map_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_agrees_with_an_array),
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(a_map_that_cannot_grow_stays_as_it_is),
        cmocka_unit_test(maps_of_different_seeds_order_differently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

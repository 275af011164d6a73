/* SPDX-License-Identifier: Apache-2.0 */
/* heap_test.c -- base/heap.c against an array. */
#include "base/heap.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

enum { NODES = 300 };

struct thing {
    int before;
    struct heap_node node;
    bool is_in;
    uint64_t key;
};

/* Links and keys below `node`; how many nodes there are. */
static size_t check_tree(const struct heap_node *node) {
    size_t count = 1;

    for (const struct heap_node *child = node->child, *before = node; child;
         before = child, child = child->next) {
        assert_ptr_equal(child->previous, before);
        assert_true(child->key >= node->key);
        count += check_tree(child);
    }
    return count;
}

static void check_heap(const struct heap *heap, const struct thing *things, size_t count) {
    uint64_t smallest = UINT64_MAX;

    for (size_t i = 0; i < NODES; i++) {
        assert_int_equal(heap_has(heap, &things[i].node), things[i].is_in);
        if (!things[i].is_in) continue;
        assert_true(things[i].node.key == things[i].key);
        if (things[i].key < smallest) smallest = things[i].key;
    }
    if (count == 0) {
        assert_null(heap_first(heap));
        return;
    }
    assert_true(heap_first(heap)->key == smallest);
    assert_null(heap_first(heap)->previous);
    assert_null(heap_first(heap)->next);
    assert_int_equal(check_tree(heap_first(heap)), count);
}

static void a_heap_agrees_with_an_array(void **state) {
    static struct thing things[NODES];
    struct heap heap = {0};
    uint64_t random = 11;
    size_t count = 0;
    (void)state;

    memset(things, 0, sizeof(things));
    for (int step = 0; step < 40000; step++) {
        struct thing *thing = &things[next_random(&random) % NODES];
        uint64_t key = next_random(&random) % 64; /* many are equal */
        /* It fills up and empties again, in waves. */
        unsigned what = (unsigned)(next_random(&random) % 100);
        bool fills = step / 2000 % 2 == 0;

        if (step % 1000 == 999) key = step % 2000 == 999 ? 0 : UINT64_MAX;
        if (what < 30) {
            count += !thing->is_in;
            thing->is_in = true;
            thing->key = key;
            heap_update(&heap, &thing->node, key);
        } else if (what < (fills ? 80u : 40u)) {
            if (thing->is_in) continue;
            heap_push(&heap, &thing->node, key);
            thing->is_in = true;
            thing->key = key;
            count++;
        } else if (what < 90) {
            heap_remove(&heap, &thing->node);
            count -= thing->is_in;
            thing->is_in = false;
        } else if (count) {
            thing = heap_item(heap_first(&heap), struct thing, node);
            assert_true(thing >= things && thing < things + NODES && thing->is_in);
            heap_remove(&heap, &thing->node);
            thing->is_in = false;
            count--;
        }
        check_heap(&heap, things, count);
    }
}

/* Taken from the front, keys come in order, whatever the order in which they were put in. */
static void a_heap_sorts(void **state) {
    enum { MANY = 100000 };
    struct heap_node *nodes = calloc(MANY, sizeof(*nodes));
    (void)state;

    assert_non_null(nodes);
    for (int order = 0; order < 3; order++) {
        struct heap heap = {0};
        uint64_t random = 3, last = 0;
        size_t count = 0;
        for (size_t i = 0; i < MANY; i++)
            heap_push(&heap, &nodes[i],
                      order == 0   ? i
                      : order == 1 ? MANY - i
                                   : next_random(&random));
        for (struct heap_node *node; (node = heap_first(&heap)); count++) {
            assert_true(node->key >= last);
            last = node->key;
            heap_remove(&heap, node);
        }
        assert_int_equal(count, MANY);
    }
    free(nodes);
}

static void a_node_in_no_heap_is_removed_without_effect(void **state) {
    struct heap heap = {0};
    struct heap_node a = {0}, b = {0};
    (void)state;

    heap_remove(&heap, &a);
    heap_update(&heap, &a, 7);
    assert_ptr_equal(heap_first(&heap), &a);
    heap_remove(&heap, &b);
    assert_ptr_equal(heap_first(&heap), &a);
    assert_false(heap_has(&heap, &b));
    heap_remove(&heap, &a);
    heap_remove(&heap, &a);
    assert_null(heap_first(&heap));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_agrees_with_an_array),
        cmocka_unit_test(a_heap_sorts),
        cmocka_unit_test(a_node_in_no_heap_is_removed_without_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

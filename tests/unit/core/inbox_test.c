/* SPDX-License-Identifier: Apache-2.0 */
/* inbox_test.c -- core/inbox.c: a queue against a plain one, its spares, and its stock of chunks. */
#include "unit/core/cmocka_rig.h"

#include "core/inbox.h"

enum { SPARES = 64 };

static void an_inbox_agrees_with_a_plain_queue(void **state) {
    static uint32_t sizes[100000];
    static uint8_t payload[40000];
    static struct inbox_spare spares[SPARES];
    size_t first = 0, last = 0, bytes = 0, used = 0;
    struct inbox inbox = {0};
    struct inbox_pool pool = {0};
    uint64_t random = 11;
    long live = mem_live_count();
    (void)state;

    for (size_t i = 0; i < sizeof(payload); i++) payload[i] = (uint8_t)i;
    for (int step = 0; step < 60000; step++) {
        uint64_t what = rig_random_next(&random) % 100;
        if (what < (step / 3000 % 2 ? 40u : 60u)) {
            uint32_t size = (uint32_t)(rig_random_next(&random) %
                                       (rig_random_next(&random) % 50 ? 100 : 20000));
            uint32_t part = size ? (uint32_t)(rig_random_next(&random) % size) : 0;
            struct inbox_entry head = {.kind = RAMP_CALL_MESSAGE, .tag = (void *)(uintptr_t)last};
            assert_non_null(
                inbox_push(&inbox, &pool, &head,
                           (ramp_bytes[]){{payload, part}, {payload + part, size - part}}, 2));
            sizes[last++] = size;
            bytes += size;
        } else if (what < 63 && used < SPARES && last) {
            struct inbox_entry head = {.kind = RAMP_CALL_LEAVE, .tag = (void *)(uintptr_t)last};
            inbox_push_spare(&inbox, &spares[used++], &head);
            sizes[last++] = 0;
        } else if (first < last) {
            inbox_pop(&inbox, &pool);
            bytes -= sizes[first++];
        }
        assert_int_equal(inbox.count, last - first);
        assert_int_equal(inbox.size, bytes);
        struct inbox_entry *entry = inbox_front(&inbox);
        assert_int_equal(entry != NULL, first < last);
        if (entry) {
            assert_int_equal((uintptr_t)entry->tag, first);
            assert_int_equal(entry->size, sizes[first]);
            assert_memory_equal(entry->payload, payload, entry->size);
        }
        if (step % 500) continue;
        size_t at = first;
        for (; entry; entry = inbox_after(&inbox, entry))
            assert_int_equal((uintptr_t)entry->tag, at++);
        assert_int_equal(at, last);
    }
    assert_true(used > 10);
    while (inbox.count) inbox_pop(&inbox, &pool);
    assert_null(inbox_front(&inbox));
    inbox_pool_done(&pool);
    assert_int_equal(mem_live_count(), live);
}

static void a_push_without_memory_changes_nothing(void **state) {
    struct inbox inbox = {0};
    struct inbox_pool pool = {0};
    struct inbox_spare spare;
    (void)state;
    mem_fail_after(0);
    assert_null(inbox_push(&inbox, &pool, &(struct inbox_entry){.kind = 1}, NULL, 0));
    mem_fail_after(-1);
    assert_int_equal(inbox.count, 0);
    inbox_push_spare(&inbox, &spare, &(struct inbox_entry){.kind = RAMP_CALL_LEAVE, .code = 1006});
    assert_non_null(
        inbox_push(&inbox, &pool, &(struct inbox_entry){.kind = RAMP_CALL_JOIN}, NULL, 0));
    assert_int_equal(inbox_front(&inbox)->code, 1006);
    inbox_pop(&inbox, &pool);
    assert_int_equal(inbox_front(&inbox)->kind, RAMP_CALL_JOIN);
    inbox_pop(&inbox, &pool);
    inbox_pool_done(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inbox_agrees_with_a_plain_queue),
        cmocka_unit_test(a_push_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

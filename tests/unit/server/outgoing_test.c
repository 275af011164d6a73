/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_test.c -- frames are shared and counted once; queues keep their order under any cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "server/outgoing.h"

#include <stdlib.h>
#include <string.h>

static struct frame_stock stock;
static uint8_t scratch[64 << 10];

static void push_text(struct outgoing *outgoing, size_t size, char fill) {
    struct frame *frame = frame_new(&stock, size);

    assert_non_null(frame);
    memset(frame->bytes, fill, size);
    assert_true(outgoing_push(outgoing, &stock, frame));
    frame_unref(&stock, frame);
}

static void frames_are_shared_and_counted_once(void **state) {
    struct outgoing queues[100] = {0};
    struct frame *frame = frame_new_message(&stock, WS_OPCODE_TEXT, "hello", 5);

    (void)state;
    assert_memory_equal(frame->bytes, "\x81\x05hello", 7);
    for (int i = 0; i < 100; i++) assert_true(outgoing_push(&queues[i], &stock, frame));
    frame_unref(&stock, frame);
    assert_int_equal(stock.bytes, 7 + FRAME_OVERHEAD);
    for (int i = 0; i < 99; i++) outgoing_sent(&queues[i], &stock, 7);
    assert_int_equal(stock.bytes, 7 + FRAME_OVERHEAD);
    outgoing_clear(&queues[99], &stock);
    assert_int_equal(stock.bytes, 0);
    for (int i = 0; i < 100; i++) {
        assert_true(outgoing_is_empty(&queues[i]));
        assert_int_equal(queues[i].bytes, 0);
        assert_null(queues[i].ring); /* empty queues hold nothing */
    }
}

static void one_frame_is_sent_from_where_it_is_and_small_ones_together(void **state) {
    struct outgoing queue = {0};
    struct iovec parts[GATHER_PARTS];
    size_t size;

    (void)state;
    push_text(&queue, 10, 'a');
    assert_int_equal(outgoing_gather(&queue, scratch, sizeof(scratch), parts, &size), 1);
    assert_int_equal(size, 10);
    assert_false((uint8_t *)parts[0].iov_base >= scratch &&
                 (uint8_t *)parts[0].iov_base < scratch + sizeof(scratch));

    push_text(&queue, 20, 'b');
    assert_int_equal(outgoing_gather(&queue, scratch, sizeof(scratch), parts, &size), 1);
    assert_int_equal(size, 30);
    assert_memory_equal(parts[0].iov_base, "aaaaaaaaaabbbbbbbbbbbbbbbbbbbb", 30);

    push_text(&queue, FRAME_COPIED_MAX, 'c');
    push_text(&queue, 5, 'd');
    assert_int_equal(outgoing_gather(&queue, scratch, sizeof(scratch), parts, &size), 3);
    assert_int_equal(size, 35 + FRAME_COPIED_MAX);
    assert_int_equal(parts[1].iov_len, FRAME_COPIED_MAX);
    assert_int_equal(*(char *)parts[2].iov_base, 'd');
    outgoing_clear(&queue, &stock);
}

/* Whatever sizes go in and however they are sent, the bytes come out in order. */
static void any_cut_keeps_the_order(void **state) {
    struct outgoing queue = {0};
    unsigned long pushed = 0, taken = 0, queued = 0;
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        struct iovec parts[GATHER_PARTS];
        size_t size, offered = 0;
        int count;

        seed = seed * 1103515245u + 12345u;
        if (seed >> 16 & 3) {
            struct frame *frame = frame_new(&stock, seed >> 18 & 64 ? 30000 + (seed >> 20 & 1023)
                                                                    : 1 + (seed >> 20 & 511));
            for (uint32_t i = 0; i < frame->size; i++)
                frame->bytes[i] = (uint8_t)(pushed++ * 31 >> 3);
            queued += frame->size;
            assert_true(outgoing_push(&queue, &stock, frame));
            frame_unref(&stock, frame);
        }
        if (seed >> 28 & 1) continue;
        count = outgoing_gather(&queue, scratch, sizeof(scratch), parts, &size);
        for (int i = 0; i < count; i++) offered += parts[i].iov_len;
        assert_int_equal(offered, size);
        assert_true(size > 0 || outgoing_is_empty(&queue));
        size = size ? (seed >> 8) % (size + 1) : 0;
        offered = size;
        for (int i = 0; i < count && offered > 0; i++) {
            const uint8_t *bytes = parts[i].iov_base;
            for (size_t at = 0; at < parts[i].iov_len && offered > 0; at++, offered--)
                assert_int_equal(bytes[at], (uint8_t)(taken++ * 31 >> 3));
        }
        outgoing_sent(&queue, &stock, size);
        queued -= size;
        assert_int_equal(queue.bytes, queued + queue.count * FRAME_OVERHEAD);
    }
    outgoing_clear(&queue, &stock);
    assert_int_equal(stock.bytes, 0);
}

static void pongs_in_a_queue_are_counted(void **state) {
    struct outgoing queue = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct frame *frame = frame_new_message(&stock, WS_OPCODE_PONG, NULL, 0);
        frame->is_pong = i != 1;
        assert_true(outgoing_push(&queue, &stock, frame));
        frame_unref(&stock, frame);
    }
    assert_int_equal(queue.pong_count, 2);
    outgoing_sent(&queue, &stock, 2);
    assert_int_equal(queue.pong_count, 1);
    outgoing_clear(&queue, &stock);
    assert_int_equal(queue.pong_count, 0);
}

static void without_memory_nothing_is_lost(void **state) {
    struct outgoing queue = {0};
    struct frame *frame;

    (void)state;
    mem_fail_after(0);
    assert_null(frame_new(&stock, 5000));
    assert_int_equal(stock.bytes, 0);
    frame = frame_new(&stock, 100000);
    for (int i = 0; i < 16; i++) assert_true(outgoing_push(&queue, &stock, frame));
    mem_fail_after(0); /* the ring has to grow now */
    assert_false(outgoing_push(&queue, &stock, frame));
    assert_int_equal(queue.count, 16);
    assert_true(outgoing_push(&queue, &stock, frame));
    outgoing_clear(&queue, &stock);
    frame_unref(&stock, frame);
    mem_fail_after(-1);
}

static int nothing_is_left(void **state) {
    (void)state;
    frame_stock_done(&stock);
    if (mem_live_count() != 0) print_error("%ld allocations left\n", mem_live_count());
    return mem_live_count() == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_shared_and_counted_once),
        cmocka_unit_test(one_frame_is_sent_from_where_it_is_and_small_ones_together),
        cmocka_unit_test(any_cut_keeps_the_order),
        cmocka_unit_test(pongs_in_a_queue_are_counted),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_left);
}

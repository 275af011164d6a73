/* SPDX-License-Identifier: Apache-2.0 */
/* fanout_test.c -- who gets which frame, with connections of callers and dead sockets among them.
 *
 * fanout.c is compiled into this test with libramp's accessors and the connection's functions replaced: a
 * ramp_connection is opaque, and here it is three fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ramp/ramp.h>

#include "base/mem.h"
#include "server/websocket.h"
#include "server/worker.h"

struct fake {
    uint64_t owner;
    struct conn *conn;
};

static uint64_t fake_owner(const ramp_connection *connection) {
    return ((const struct fake *)(const void *)connection)->owner;
}

static void *fake_data(const ramp_connection *connection) {
    return ((const struct fake *)(const void *)connection)->conn;
}

static struct worker own;
static unsigned closed_code;
static char closed_reason[32];

static void fake_push(struct conn *conn, struct frame *frame) {
    assert_non_null(frame);
    assert_true(outgoing_push(&conn->out, &own.stock, frame));
}

static void fake_close(struct conn *conn, uint16_t code, ramp_bytes reason) {
    conn->state = CONN_CLOSING;
    closed_code = code;
    memcpy(closed_reason, reason.data, reason.size);
}

#define ramp_connection_owner fake_owner
#define ramp_connection_data  fake_data
#define conn_push_limited     fake_push
#define websocket_close       fake_close
#include "server/fanout.c"

#define MEMBERS 6
static struct conn conns[MEMBERS];
static struct fake fakes[MEMBERS];
static ramp_connection *members[MEMBERS];

static int setup(void **state) {
    (void)state;
    memset(conns, 0, sizeof(conns));
    for (size_t i = 0; i < MEMBERS; i++) {
        conns[i].state = CONN_OPEN;
        fakes[i] = (struct fake){0, &conns[i]};
        members[i] = (ramp_connection *)(void *)&fakes[i];
    }
    fakes[1].owner = 7; /* a caller's */
    fakes[1].conn = NULL;
    fakes[3].conn = NULL; /* its socket has died, its leave is queued */
    conns[4].state = CONN_CLOSING;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (size_t i = 0; i < MEMBERS; i++) outgoing_clear(&conns[i].out, &own.stock);
    frame_stock_done(&own.stock);
    return mem_live_count() == 0 ? 0 : -1;
}

static void assert_queued(size_t member, const char *bytes, size_t size) {
    struct iovec parts[GATHER_PARTS];
    uint8_t scratch[256];
    size_t total;

    (void)outgoing_gather(&conns[member].out, scratch, sizeof(scratch), parts, &total);
    assert_int_equal(total, size);
    if (size) assert_memory_equal(parts[0].iov_base, bytes, size);
}

static void a_broadcast_is_encoded_once_for_all_open_sockets(void **state) {
    const ramp_event event = {
        .type = RAMP_EVENT_BROADCAST, .payload = {"hey", 3}, .to = members, .to_count = MEMBERS};

    (void)state;
    fanout_outcome(&own, &(ramp_outcome){.events = &event, .event_count = 1});
    assert_queued(0, "\x81\x03hey", 5);
    assert_queued(1, "", 0);
    assert_queued(2, "\x81\x03hey", 5);
    assert_queued(3, "", 0);
    assert_queued(4, "", 0);
    assert_queued(5, "\x81\x03hey", 5);
    assert_int_equal(own.stock.bytes, 5 + FRAME_OVERHEAD);
    assert_ptr_equal(conns[0].out.ring[0], conns[5].out.ring[0]);
    assert_int_equal(own.metrics.messages_out, 3);
}

static void events_keep_their_order_and_a_close_ends_them(void **state) {
    const ramp_event events[] = {
        {.type = RAMP_EVENT_SEND, .payload = {"\0\1", 2}, .binary = true, .connection = members[0]},
        {.type = RAMP_EVENT_KV_SET, .key = {"k", 1}},
        {.type = RAMP_EVENT_SEND, .payload = {"", 0}, .connection = members[0]},
        {.type = RAMP_EVENT_CLOSE, .code = 4400, .payload = {"bye", 4}, .connection = members[0]},
        {.type = RAMP_EVENT_SEND, .payload = {"late", 4}, .connection = members[0]},
        {.type = RAMP_EVENT_SEND, .payload = {"a", 1}, .connection = members[1]},
        {.type = RAMP_EVENT_CLOSE, .code = 4401, .payload = {"x", 1}, .connection = members[1]},
    };

    (void)state;
    fanout_outcome(&own, &(ramp_outcome){.events = events, .event_count = 7});
    assert_queued(0, "\x82\x02\0\1\x81\0", 6);
    assert_int_equal(closed_code, 4400);
    assert_string_equal(closed_reason, "bye");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_broadcast_is_encoded_once_for_all_open_sockets, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(events_keep_their_order_and_a_close_ends_them, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

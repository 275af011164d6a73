/* SPDX-License-Identifier: Apache-2.0 */
/* kv_test.c -- core/kv.c with a driver that does what it is told: what is handed over and when, what is
 * read, what happens without memory; and seeded random histories against a plain model. */
#include "core/kv.h"

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

#define MS ((uint64_t)1000000)

/* ---- a driver that writes down what it is asked ---------------------------------------------- */

static struct {
    struct kv kv;
    ramp_kv driver;
    ramp_ticket next_ticket;
    uint64_t now_ns;
    int64_t wall_ms;
    long live;          /* allocations before */
    char sent[8192];    /* the latest write: "room/key=value room/key- " */
    size_t sent_count;  /* its keys */
    ramp_ticket ticket; /* of it; 0: answered or cancelled */
    size_t write_count, cancel_count;
} it;

/* Those who write. */
static const char room_r[] = "r", room_q[] = "q";

static void fake_write(void *context, ramp_host *host, ramp_ticket ticket,
                       const ramp_kv_write *writes, size_t count) {
    size_t at = 0;

    assert_ptr_equal(context, &it);
    assert_ptr_equal(host, (ramp_host *)(void *)&it);
    assert_int_equal(it.ticket, 0); /* one at a time */
    assert_true(ticket != 0 && count > 0);
    for (size_t i = 0; i < count; i++) {
        const ramp_kv_write *write = &writes[i];
        assert_string_equal(write->key.service, "chat");
        if (at > sizeof(it.sent) - 256) continue; /* those with very many do not look */
        at += (size_t)snprintf(it.sent + at, sizeof(it.sent) - at, "%s/%.*s",
                               write->key.room ? write->key.room : "", (int)write->key.key.size,
                               (const char *)write->key.key.data);
        if (write->is_delete) at += (size_t)snprintf(it.sent + at, sizeof(it.sent) - at, "- ");
        else if (write->value.size > 64)
            at += (size_t)snprintf(it.sent + at, sizeof(it.sent) - at, "=%zu bytes ",
                                   write->value.size);
        else
            at += (size_t)snprintf(it.sent + at, sizeof(it.sent) - at, "=%.*s ",
                                   (int)write->value.size, (const char *)write->value.data);
        if (write->expires_ms)
            at += (size_t)snprintf(it.sent + at - 1, sizeof(it.sent) - at, "@%lld ",
                                   (long long)write->expires_ms) -
                  1;
    }
    it.ticket = ticket;
    it.sent_count = count;
    it.write_count++;
}

static void fake_cancel(void *context, ramp_ticket ticket) {
    assert_ptr_equal(context, &it);
    assert_int_equal(ticket, it.ticket);
    it.ticket = 0;
    it.cancel_count++;
}

static void start(size_t buffer_max, size_t cache_max) {
    memset(&it, 0, sizeof(it));
    it.live = mem_live_count();
    it.driver = (ramp_kv){
        .size = sizeof(ramp_kv), .context = &it, .write = fake_write, .cancel = fake_cancel};
    it.next_ticket = 100;
    it.now_ns = 1000 * MS;
    it.wall_ms = 5000;
    kv_init(&it.kv, &(struct kv_options){.driver = &it.driver,
                                         .next_ticket = &it.next_ticket,
                                         .seed = 7,
                                         .buffer_max = buffer_max,
                                         .cache_max = cache_max});
}

static void stop(size_t lost) {
    assert_int_equal(it.kv.reserved.count, 0);
    assert_int_equal(it.kv.reserved.size, 0);
    assert_int_equal(kv_done(&it.kv), lost);
    assert_int_equal(mem_live_count(), it.live);
}

static ramp_bytes text(const char *value) {
    return (ramp_bytes){value, strlen(value)};
}

/* A key by "room/key", or "/key" of the service. */
static ramp_kv_key key_of(const char *name) {
    static char rooms[4][16];
    static int next;
    const char *slash = strchr(name, '/');
    char *room = rooms[next++ % 4];

    assert_non_null(slash);
    memcpy(room, name, (size_t)(slash - name));
    room[slash - name] = '\0';
    return (ramp_kv_key){
        .service = "chat", .room = slash == name ? NULL : room, .key = text(slash + 1)};
}

/* NULL as value: a delete. */
static struct kv_value *reserve(const void *room, const char *name, const char *value,
                                int64_t expires_ms) {
    ramp_kv_write write = {.key = key_of(name), .expires_ms = expires_ms, .is_delete = !value};

    if (value) write.value = text(value);
    return kv_reserve(&it.kv, room, &write);
}

static void set(const char *name, const char *value) {
    struct kv_value *reserved = reserve(room_r, name, value, 0);

    assert_non_null(reserved);
    kv_write(&it.kv, reserved, it.now_ns);
}

/* What `room` sees: a value, "-" for absent, "?" for not known. */
static const char *look(const void *room, const char *name) {
    static char found[80];
    ramp_kv_key key = key_of(name);
    ramp_bytes value;

    switch (kv_look(&it.kv, room, &key, (struct kv_now){it.now_ns, it.wall_ms}, &value)) {
    case KV_UNKNOWN: return "?";
    case KV_ABSENT: return "-";
    default: break;
    }
    snprintf(found, sizeof(found), "%.*s", (int)value.size, (const char *)value.data);
    return found;
}

/* NULL as value: NOT_FOUND. */
static void learn(const char *name, const char *value, int64_t expires_ms, uint64_t asked_ns) {
    ramp_kv_key key = key_of(name);
    ramp_answer answer = {.size = sizeof(answer),
                          .status = value ? RAMP_OK : RAMP_NOT_FOUND,
                          .expires_ms = expires_ms};

    if (value) answer.value = text(value);
    kv_learn(&it.kv, &key, &answer, asked_ns);
}

static void pass(uint64_t ms) {
    it.now_ns += ms * MS;
    it.wall_ms += (int64_t)ms;
    kv_step(&it.kv, (ramp_host *)(void *)&it, it.now_ns);
}

/* Answers the write that is under way. */
static void answer_with(ramp_status status) {
    ramp_answer answer = {.size = sizeof(answer), .status = status};
    ramp_ticket ticket = it.ticket;

    if (status) answer.message = "the disk is full";
    assert_true(ticket != 0);
    it.ticket = 0;
    assert_true(kv_answer(&it.kv, ticket, &answer, it.now_ns));
    assert_false(kv_answer(&it.kv, ticket, &answer, it.now_ns)); /* doubled: nobody's */
}

#define expect_sent(text)   assert_string_equal(it.sent, text)
#define expect_look(a, b)   assert_string_equal(look(room_r, a), b)
#define expect_due(from_ms) assert_true(kv_deadline(&it.kv) == (from_ms)*MS)

/* ---- handing over ---------------------------------------------------------------------------- */

static void writes_wait_for_others_then_go_in_order(void **state) {
    (void)state;
    start(0, 0);
    assert_true(kv_deadline(&it.kv) == UINT64_MAX);
    set("r/b", "1");
    expect_due(1050);
    pass(10);
    set("r/a", "2");
    set("/b", "3");
    set("q/a", NULL);
    expect_due(1050); /* of the oldest */
    pass(39);
    assert_int_equal(it.write_count, 0);
    pass(1);
    expect_sent("r/b=1 r/a=2 /b=3 q/a- ");
    assert_int_equal(it.kv.pending.count, 4);
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.pending.count, 0);
    assert_int_equal(it.kv.pending.size, 0);
    assert_int_equal(it.kv.shares.count, 0);
    assert_int_equal(it.kv.written, 4);
    assert_int_equal(it.kv.late, 0);
    assert_true(kv_deadline(&it.kv) == UINT64_MAX);
    stop(0);
}

static void writes_of_a_key_become_one(void **state) {
    (void)state;
    start(0, 0);
    set("r/a", "1");
    set("r/b", "2");
    set("r/a", NULL);
    set("r/a", "3");
    assert_int_equal(it.kv.pending.count, 2);
    pass(50);
    expect_sent("r/a=3 r/b=2 ");
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.written, 2);
    stop(0);
}

static void a_key_written_while_under_way_goes_with_the_next(void **state) {
    (void)state;
    start(0, 0);
    set("r/a", "1");
    set("r/b", "1");
    pass(50);
    set("r/c", "1");
    set("r/a", "2");
    assert_int_equal(it.kv.pending.count, 3);
    expect_look("r/a", "2");
    expect_due(1050 + LIMIT_KV_WRITE_MS); /* one at a time */
    pass(200);
    assert_int_equal(it.write_count, 1);
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.pending.count, 2);
    assert_int_equal(it.kv.written, 2);
    pass(0);
    expect_sent("r/c=1 r/a=2 ");
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.written, 4);
    stop(0);
}

static void many_keys_do_not_wait(void **state) {
    char name[32];
    (void)state;
    start(0, 0);
    for (unsigned i = 0; i < LIMIT_KV_FLUSH_KEYS + 3; i++) {
        if (i > 0 && i < LIMIT_KV_FLUSH_KEYS) expect_due(1050);
        snprintf(name, sizeof(name), "r/%u", i);
        set(name, "x");
    }
    expect_due(0);
    pass(0);
    assert_int_equal(it.sent_count, LIMIT_KV_FLUSH_KEYS);
    answer_with(RAMP_OK);
    expect_due(1050);
    pass(50);
    expect_sent("r/256=x r/257=x r/258=x ");
    answer_with(RAMP_OK);
    stop(0);
}

static void many_bytes_do_not_wait(void **state) {
    static char large[LIMIT_VALUE_SIZE + 1];
    char name[32];
    (void)state;
    memset(large, 'v', LIMIT_VALUE_SIZE);
    start(0, 0);
    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof(name), "r/%d", i);
        set(name, large);
    }
    expect_due(0);
    pass(0);
    assert_int_equal(it.sent_count, 7); /* 4 MiB with what an entry costs besides */
    answer_with(RAMP_OK);
    pass(50);
    assert_int_equal(it.sent_count, 2);
    answer_with(RAMP_OK);
    stop(0);
}

static void what_failed_goes_again_with_newer_values_in_place(void **state) {
    (void)state;
    start(0, 0);
    set("r/a", "1");
    set("r/b", "1");
    set("r/c", "1");
    pass(50);
    set("r/d", "1");
    set("r/b", "2");
    answer_with(RAMP_IO);
    assert_int_equal(it.kv.failures, 1);
    assert_string_equal(it.kv.failure.message, "the disk is full");
    assert_int_equal(it.kv.failure.status, RAMP_IO);
    set("r/c", NULL);
    assert_int_equal(it.kv.pending.count, 4);
    expect_due(1150);
    pass(99);
    assert_int_equal(it.write_count, 1);
    pass(1);
    expect_sent("r/a=1 r/b=2 r/c- r/d=1 ");
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.failures, 0);
    assert_int_equal(it.kv.written, 4);
    stop(0);
}

static void failures_in_a_row_wait_longer_and_longer(void **state) {
    static const uint64_t delays[] = {100, 200, 400, 800, 1600, 2000, 2000, 2000};
    (void)state;
    start(0, 0);
    set("r/a", "1");
    pass(50);
    for (size_t i = 0; i < sizeof(delays) / sizeof(*delays); i++) {
        answer_with(RAMP_UNAVAILABLE);
        kv_hurry(&it.kv); /* it does not hammer on a backend that is away */
        assert_true(kv_deadline(&it.kv) == it.now_ns + delays[i] * MS);
        pass(delays[i]);
    }
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.written, 1);
    assert_int_equal(it.kv.late, 1);
    set("r/a", "2");
    pass(50);
    answer_with(RAMP_UNAVAILABLE);
    assert_true(kv_deadline(&it.kv) == it.now_ns + 100 * MS);
    stop(1);
}

static void a_write_without_answer_is_given_up(void **state) {
    ramp_answer late = {.size = sizeof(late), .status = RAMP_OK};
    ramp_ticket first;
    (void)state;
    start(0, 0);
    set("r/a", "1");
    pass(50);
    first = it.ticket;
    pass(LIMIT_KV_WRITE_MS - 1);
    assert_int_equal(it.cancel_count, 0);
    pass(1);
    assert_int_equal(it.cancel_count, 1);
    assert_int_equal(it.kv.failures, 1);
    assert_int_equal(it.kv.failure.status, RAMP_TIMEOUT);
    assert_false(kv_answer(&it.kv, first, &late, it.now_ns));
    assert_int_equal(it.kv.pending.count, 1);
    set("r/a", "2");
    pass(100);
    expect_sent("r/a=2 ");
    assert_false(kv_answer(&it.kv, first, &late, it.now_ns));
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.written, 1);
    assert_int_equal(it.kv.late, 1);
    stop(0);
}

/* A key that was written again meanwhile is as late as its first value. */
static void lateness_counts_from_the_oldest_write(void **state) {
    (void)state;
    start(0, 0);
    set("r/a", "1");
    set("r/b", "1");
    pass(50);
    pass(LIMIT_KV_LATE_MS - 150);
    set("r/a", "2");
    set("r/c", "1");
    answer_with(RAMP_IO);
    pass(100);
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.written, 3);
    assert_int_equal(it.kv.late, 0);
    set("r/a", "3");
    pass(50);
    pass(LIMIT_KV_LATE_MS - 150);
    set("r/a", "4");
    set("r/c", "2");
    answer_with(RAMP_IO);
    pass(100);
    pass(1);
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.written, 5);
    assert_int_equal(it.kv.late, 1);
    stop(0);
}

static void what_was_never_acknowledged_is_counted_as_lost(void **state) {
    (void)state;
    start(0, 0);
    set("r/a", "1");
    set("r/b", "1");
    pass(50);
    set("r/b", "2");
    set("r/c", "1");
    stop(3);
    assert_int_equal(it.cancel_count, 1);
}

/* ---- sync -------------------------------------------------------------------------------------- */

static void a_mark_is_reached_when_all_before_it_is_acknowledged(void **state) {
    uint64_t before, first, second;
    (void)state;
    start(0, 0);
    before = kv_mark(&it.kv);
    assert_true(kv_is_synced(&it.kv, before));
    set("r/a", "1");
    first = kv_mark(&it.kv);
    assert_true(kv_is_synced(&it.kv, before));
    assert_false(kv_is_synced(&it.kv, first));
    kv_hurry(&it.kv);
    expect_due(0);
    pass(0);
    set("r/a", "2");
    set("r/b", "1");
    second = kv_mark(&it.kv);
    assert_false(kv_is_synced(&it.kv, first));
    answer_with(RAMP_OK);
    assert_true(kv_is_synced(&it.kv, first));
    assert_false(kv_is_synced(&it.kv, second));
    expect_due(1050); /* those after the hurry wait as ever */
    kv_hurry(&it.kv);
    pass(0);
    answer_with(RAMP_IO);
    assert_true(kv_is_synced(&it.kv, first));
    assert_false(kv_is_synced(&it.kv, second));
    pass(100);
    answer_with(RAMP_OK);
    assert_true(kv_is_synced(&it.kv, second));
    stop(0);
}

/* The first value of a key failed; the second one counts for it. */
static void a_failed_write_holds_back_its_mark_until_a_newer_one_lands(void **state) {
    uint64_t first;
    (void)state;
    start(0, 0);
    set("r/a", "1");
    first = kv_mark(&it.kv);
    pass(50);
    set("r/b", "1");
    set("r/a", "2");
    answer_with(RAMP_TIMEOUT);
    assert_false(kv_is_synced(&it.kv, first));
    pass(100);
    expect_sent("r/a=2 r/b=1 ");
    assert_false(kv_is_synced(&it.kv, first));
    answer_with(RAMP_OK);
    assert_true(kv_is_synced(&it.kv, first));
    stop(0);
}

static void a_hurry_flushes_more_than_one_write_takes(void **state) {
    char name[32];
    uint64_t mark;
    (void)state;
    start(0, 0);
    for (unsigned i = 0; i < 2 * LIMIT_KV_FLUSH_KEYS + 1; i++) {
        snprintf(name, sizeof(name), "r/%u", i);
        set(name, "x");
    }
    mark = kv_mark(&it.kv);
    kv_hurry(&it.kv);
    for (int i = 0; i < 3; i++) {
        assert_false(kv_is_synced(&it.kv, mark));
        pass(0);
        answer_with(RAMP_OK);
    }
    assert_true(kv_is_synced(&it.kv, mark));
    stop(0);
}

/* ---- the buffer --------------------------------------------------------------------------------- */

static struct kv_value *reserve_for(const char *service, const char *key, size_t size) {
    static char bytes[100000];
    ramp_kv_write write = {.key = {.service = service, .room = "r", .key = text(key)},
                           .value = {bytes, size}};

    assert_true(size <= sizeof(bytes));
    return kv_reserve(&it.kv, room_r, &write);
}

static void a_full_buffer_takes_no_more(void **state) {
    struct kv_value *values[200];
    char name[32];
    size_t count = 0, size;
    (void)state;
    start(100000, 0);
    while (count < 200) {
        snprintf(name, sizeof(name), "%zu", count);
        values[count] = reserve_for("chat", name, 1000);
        if (!values[count]) break;
        count++;
    }
    /* One service: half of the buffer. */
    assert_in_range(it.kv.reserved.size, 48000, 50000);
    assert_int_equal(it.kv.reserved.count, count);
    assert_null(reserve_for("chat", "more", 1000));
    size = it.kv.reserved.size;
    kv_unreserve(&it.kv, values[--count]);
    assert_true(it.kv.reserved.size < size);
    values[count] = reserve_for("chat", "more", 1000);
    assert_non_null(values[count++]);
    assert_int_equal(it.kv.reserved.size, size + strlen("more") - strlen(name));

    for (size_t i = 0; i < count; i++) kv_write(&it.kv, values[i], it.now_ns);
    assert_int_equal(it.kv.reserved.size, 0);
    assert_int_equal(it.kv.pending.count, count);
    assert_in_range(it.kv.pending.size, 48000, 50000);
    assert_null(reserve_for("chat", "again", 1000)); /* written is not acknowledged */
    pass(50);
    assert_null(reserve_for("chat", "again", 1000));
    answer_with(RAMP_IO);
    assert_null(reserve_for("chat", "again", 1000));
    pass(100);
    answer_with(RAMP_OK);
    assert_int_equal(it.kv.pending.size, 0);
    values[0] = reserve_for("chat", "again", 1000);
    assert_non_null(values[0]);
    kv_unreserve(&it.kv, values[0]);
    stop(0);
}

/* Whatever one service has written, another finds room. */
static void one_service_does_not_fill_the_buffer_for_others(void **state) {
    struct kv_value *mine[400], *others[3];
    static const char *const names[] = {"b", "c", "d"};
    char name[32];
    size_t count = 0;
    (void)state;
    start(100000, 0);
    for (;; count++) {
        snprintf(name, sizeof(name), "%zu", count);
        mine[count] = reserve_for("a", name, 10);
        if (!mine[count]) break;
        assert_true(count + 1 < 400);
    }
    others[0] = reserve_for(names[0], "k", 20000);
    assert_non_null(others[0]);
    assert_null(reserve_for(names[0], "l", 20000));
    others[1] = reserve_for(names[1], "k", 10000);
    assert_non_null(others[1]);
    others[2] = reserve_for(names[2], "k", 5000);
    assert_non_null(others[2]);
    assert_null(reserve_for("a", "more", 10));
    for (int i = 0; i < 3; i++) kv_unreserve(&it.kv, others[i]);
    while (count) kv_unreserve(&it.kv, mine[--count]);
    assert_int_equal(it.kv.entries.count, 0);
    assert_int_equal(it.kv.shares.count, 0);
    stop(0);
}

static void without_a_driver_nothing_is_reserved(void **state) {
    (void)state;
    start(0, 0);
    it.kv.driver = NULL;
    assert_null(reserve(room_r, "r/a", "1", 0));
    stop(0);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static void a_room_sees_what_it_has_reserved_and_others_do_not(void **state) {
    struct kv_value *first, *second, *third;
    (void)state;
    start(0, 0);
    learn("/a", "0", 0, it.now_ns);
    first = reserve(room_r, "/a", "1", 0);
    second = reserve(room_r, "/a", NULL, 0);
    third = reserve(room_q, "/a", "3", 0);
    assert_string_equal(look(room_r, "/a"), "-");
    assert_string_equal(look(room_q, "/a"), "3");
    assert_string_equal(look(NULL, "/a"), "0");
    kv_write(&it.kv, first, it.now_ns);
    assert_string_equal(look(room_r, "/a"), "-");
    assert_string_equal(look(NULL, "/a"), "1");
    kv_unreserve(&it.kv, second);
    assert_string_equal(look(room_r, "/a"), "1");
    kv_unreserve(&it.kv, third);
    assert_string_equal(look(room_q, "/a"), "1");
    stop(1);
}

static void a_dropped_batch_leaves_nothing_behind(void **state) {
    struct kv_value *value;
    (void)state;
    start(0, 0);
    value = reserve(room_r, "r/a", "1", 0);
    expect_look("r/a", "1");
    kv_unreserve(&it.kv, value);
    expect_look("r/a", "?");
    assert_int_equal(it.kv.entries.count, 0);
    assert_int_equal(it.kv.shares.count, 0);
    assert_true(kv_deadline(&it.kv) == UINT64_MAX);
    stop(0);
}

static void keys_of_rooms_stay_known_and_those_of_services_grow_old(void **state) {
    (void)state;
    start(0, 0);
    learn("r/a", "1", 0, it.now_ns);
    learn("r/b", NULL, 0, it.now_ns);
    learn("/a", "1", 0, it.now_ns);
    learn("/b", NULL, 0, it.now_ns);
    pass(LIMIT_KV_STALE_MS - 1);
    expect_look("/a", "1");
    expect_look("/b", "-");
    pass(1);
    expect_look("/a", "?");
    expect_look("/b", "?");
    learn("/a", "2", 0, it.now_ns - 400 * MS); /* good from when it was asked for */
    pass(LIMIT_KV_STALE_MS - 401);
    expect_look("/a", "2");
    pass(1);
    expect_look("/a", "?");
    pass(3600 * 1000);
    expect_look("r/a", "1");
    expect_look("r/b", "-");
    assert_int_equal(it.kv.hits, 5);
    assert_int_equal(it.kv.misses, 3);
    stop(0);
}

/* What we wrote ourselves wins until it is acknowledged, and is as old as its handing over then. */
static void a_written_key_of_a_service_grows_old_from_its_handing_over(void **state) {
    (void)state;
    start(0, 0);
    set("/a", "1");
    pass(50);
    pass(700);
    expect_look("/a", "1");
    answer_with(RAMP_OK);
    pass(299);
    expect_look("/a", "1");
    pass(1);
    expect_look("/a", "?");
    set("/a", "2");
    pass(50);
    pass(2000);
    expect_look("/a", "2");
    answer_with(RAMP_IO);
    expect_look("/a", "2");
    pass(100);
    answer_with(RAMP_OK);
    expect_look("/a", "2");
    stop(0);
}

static void values_expire(void **state) {
    struct kv_value *value;
    (void)state;
    start(0, 0);
    value = reserve(room_r, "r/a", "1", it.wall_ms + 60);
    expect_look("r/a", "1");
    kv_write(&it.kv, value, it.now_ns);
    learn("r/b", "2", it.wall_ms + 70, it.now_ns);
    pass(59);
    expect_sent("r/a=1@5060 ");
    expect_look("r/a", "1");
    pass(1);
    expect_look("r/a", "-");
    expect_look("r/b", "2");
    answer_with(RAMP_OK);
    expect_look("r/a", "-");
    pass(10);
    expect_look("r/b", "-");
    set("r/a", "3");
    expect_look("r/a", "3");
    stop(1);
}

static void an_old_answer_does_not_replace_a_newer_write(void **state) {
    uint64_t asked;
    (void)state;
    start(0, 0);
    asked = it.now_ns;
    pass(1);
    set("r/a", "new");
    learn("r/a", "old", 0, asked);
    expect_look("r/a", "new");
    pass(50);
    learn("r/a", "old", 0, asked);
    expect_look("r/a", "new");
    answer_with(RAMP_OK);
    learn("r/a", "old", 0, asked);
    expect_look("r/a", "new");
    /* Two answers that come in the other order. */
    pass(10);
    learn("/b", "later", 0, it.now_ns - 2 * MS);
    learn("/b", "earlier", 0, it.now_ns - 3 * MS);
    expect_look("/b", "later");
    stop(0);
}

/* ... also when the key was written, acknowledged and forgotten while the answer was on its way. */
static void an_old_answer_does_not_come_back_after_forgetting(void **state) {
    static char filler[5000];
    uint64_t asked;
    (void)state;
    memset(filler, 'f', sizeof(filler) - 1);
    start(0, 6000);
    asked = it.now_ns;
    pass(1);
    set("r/a", "new");
    pass(50);
    answer_with(RAMP_OK);
    pass(1);
    learn("r/b", filler, 0, it.now_ns);
    learn("r/c", filler, 0, it.now_ns);
    expect_look("r/a", "?");
    learn("r/a", "old", 0, asked);
    expect_look("r/a", "?");
    learn("r/a", "new", 0, it.now_ns);
    expect_look("r/a", "new");
    stop(0);
}

static void answers_that_say_nothing_are_not_learned(void **state) {
    static const ramp_status statuses[] = {RAMP_TIMEOUT, RAMP_UNAVAILABLE, RAMP_IO};
    ramp_kv_key key = key_of("r/a");
    (void)state;
    start(0, 0);
    for (size_t i = 0; i < 3; i++) {
        kv_learn(&it.kv, &key, &(ramp_answer){.size = sizeof(ramp_answer), .status = statuses[i]},
                 it.now_ns);
        expect_look("r/a", "?");
    }
    assert_int_equal(it.kv.entries.count, 0);
    stop(0);
}

/* What differs only by where it ends is not the same key. */
static void keys_do_not_collide(void **state) {
    static const char *const names[] = {"/a", "a/a", "r/a", "ra/", "/ra", "r/ra", "/r/a", "ra/a"};
    (void)state;
    start(0, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        expect_look(names[i], "?");
        learn(names[i], names[i], 0, it.now_ns);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) expect_look(names[i], names[i]);
    stop(0);
}

static void the_cache_has_a_bound_and_forgets_what_was_not_used(void **state) {
    static char filler[1001];
    char name[32];
    struct kv_value *kept;
    (void)state;
    memset(filler, 'f', 1000);
    start(0, 100000);
    set("r/dirty", "d");
    kept = reserve(room_r, "r/kept", "k", 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "r/%d", i);
        learn(name, filler, 0, it.now_ns);
        assert_true(it.kv.cached.size <= 100000);
        assert_true(strlen(look(room_r, "r/0")) > 1); /* it is used all the time */
    }
    assert_in_range(it.kv.cached.count, 60, 99);
    assert_true(strlen(look(room_r, "r/999")) > 1);
    expect_look("r/1", "?");
    expect_look("r/dirty", "d");
    expect_look("r/kept", "k");
    kv_unreserve(&it.kv, kept);
    expect_look("r/kept", "?");
    stop(1);
}

static void what_is_too_large_for_the_cache_is_not_kept(void **state) {
    static char filler[5001];
    (void)state;
    memset(filler, 'f', 5000);
    start(0, 4000);
    learn("r/a", filler, 0, it.now_ns);
    expect_look("r/a", "?");
    set("r/b", filler);
    assert_true(strlen(look(room_r, "r/b")) > 1); /* it is pending, not cached */
    pass(50);
    answer_with(RAMP_OK);
    expect_look("r/b", "?");
    assert_int_equal(it.kv.cached.size, 0);
    stop(0);
}

/* ---- without memory ----------------------------------------------------------------------------- */

static void a_reserve_without_memory_changes_nothing(void **state) {
    int failed = 0;
    (void)state;
    start(0, 0);
    learn("r/known", "1", 0, it.now_ns);
    for (long after = 0;; after++) {
        long live = mem_live_count();
        struct kv_value *value;
        mem_fail_after(after);
        value = reserve(room_r, "r/new", "2", 0);
        mem_fail_after(-1);
        if (value) {
            kv_unreserve(&it.kv, value);
            break;
        }
        failed++;
        /* A map may have grown, in the place of its old table. */
        assert_in_range(mem_live_count(), live, live + 1);
        assert_int_equal(it.kv.entries.count, 1);
        assert_int_equal(it.kv.reserved.count, 0);
        expect_look("r/new", "?");
        mem_fail_after(after);
        value = reserve(room_r, "r/known", "2", 0);
        mem_fail_after(-1);
        if (value) kv_unreserve(&it.kv, value);
        expect_look("r/known", "1");
    }
    assert_in_range(failed, 3, 9);
    stop(0);
}

static void learning_without_memory_is_not_learned(void **state) {
    (void)state;
    start(0, 0);
    learn("/old", "1", 0, it.now_ns);
    pass(10);
    for (long after = 0; after < 4; after++) {
        mem_fail_after(after);
        learn("r/new", "2", 0, it.now_ns);
        mem_fail_after(-1);
        if (strcmp(look(room_r, "r/new"), "2") == 0) break;
        expect_look("r/new", "?");
        assert_true(after < 3);
    }
    mem_fail_after(0);
    learn("/old", "2", 0, it.now_ns);
    mem_fail_after(-1);
    expect_look("/old", "1");
    stop(0);
}

/* Once reserved, nothing needs memory any more. */
static void what_is_reserved_is_written_without_memory(void **state) {
    struct kv_value *values[300];
    char name[32];
    (void)state;
    start(0, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "r/%d", i % 290);
        values[i] = reserve(room_r, name, "x", 0);
        assert_non_null(values[i]);
    }
    mem_fail_after(0);
    for (int i = 0; i < 300; i++) kv_write(&it.kv, values[i], it.now_ns);
    pass(0);
    answer_with(RAMP_IO);
    pass(100);
    answer_with(RAMP_OK);
    pass(50);
    answer_with(RAMP_OK);
    assert_null(reserve(room_r, "r/a", "x", 0)); /* the failure was still to come */
    assert_int_equal(it.kv.written, 290);
    mem_fail_after(-1);
    stop(0);
}

/* ---- histories ------------------------------------------------------------------------------------
 * A seed decides what two rooms of two services do with their own and the services' keys, what the
 * backend does with writes and gets, what others write there, and when there is no memory. The model
 * knows what every read may give, what is pending, and which marks are reached. */

enum {
    ROOMS = 4, /* rooms 0, 1 of service "chat0", 2, 3 of "chat1" */
    ROOM_KEYS = 3,
    SERVICE_KEYS = 2,
    KEYS = ROOMS * ROOM_KEYS + 2 * SERVICE_KEYS,
    BATCH_MAX = 400, /* values that are reserved at a time */
    CHANGES = 512,
    GETS = 4,
    MARKS = 8
};

/* A value is its number as text; 0: there is none. */
struct content {
    unsigned number;
    int64_t expires_ms;
};

struct change { /* of the backend's content of a key */
    uint64_t at_ns;
    struct content content;
};

struct model_key {
    char service[16], room[16], key[16];
    int owner; /* the only room that writes it; -1: a service's */
    struct content newest;
    unsigned left, acknowledged; /* of the writes that have left, how many are acknowledged */
    struct change changes[CHANGES];
    size_t change_count;
};

struct reserved {
    struct kv_value *value;
    int room, key;
    struct content content;
};

struct model_get {
    bool is_open, is_read;
    int key;
    uint64_t asked_ns;
    struct content content;
};

struct model_mark {
    uint64_t mark;
    unsigned left[KEYS];
};

static struct {
    uint64_t random;
    struct kv kv;
    ramp_kv driver;
    ramp_ticket next_ticket, ticket;
    uint64_t now_ns;
    int64_t wall_ms;
    unsigned numbers; /* values so far */
    struct model_key keys[KEYS];
    struct reserved reserved[BATCH_MAX];
    size_t reserved_count;
    struct { /* the write under way */
        int key;
        struct content content;
        unsigned left;
    } flying[LIMIT_KV_FLUSH_KEYS];
    size_t flying_count;
    struct model_get gets[GETS];
    struct model_mark marks[MARKS];
    size_t mark_count;
    char rooms[ROOMS]; /* their addresses */
} sim;

static unsigned chance(unsigned bound) { /* splitmix64 */
    uint64_t z = (sim.random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % bound);
}

static ramp_kv_key sim_key(int index) {
    const struct model_key *key = &sim.keys[index];
    return (ramp_kv_key){key->service, key->owner < 0 ? NULL : key->room, text(key->key)};
}

static struct content sim_stored(const struct model_key *key) {
    return key->change_count ? key->changes[key->change_count - 1].content : (struct content){0};
}

static void sim_store(int index, struct content content) {
    struct model_key *key = &sim.keys[index];

    assert_true(key->change_count < CHANGES);
    key->changes[key->change_count++] = (struct change){sim.now_ns, content};
}

static unsigned sim_visible(struct content content) {
    return content.expires_ms && sim.wall_ms >= content.expires_ms ? 0 : content.number;
}

static void sim_write(void *context, ramp_host *host, ramp_ticket ticket,
                      const ramp_kv_write *writes, size_t count) {
    (void)context;
    (void)host;
    assert_int_equal(sim.ticket, 0);
    sim.ticket = ticket;
    sim.flying_count = count;
    for (size_t i = 0; i < count; i++) {
        int index = 0;
        for (; index < KEYS; index++) {
            ramp_kv_key key = sim_key(index);
            if (strcmp(key.service, writes[i].key.service) == 0 &&
                !key.room == !writes[i].key.room &&
                (!key.room || strcmp(key.room, writes[i].key.room) == 0) &&
                key.key.size == writes[i].key.key.size &&
                memcmp(key.key.data, writes[i].key.key.data, key.key.size) == 0)
                break;
        }
        assert_in_range(index, 0, KEYS - 1);
        for (size_t k = 0; k < i; k++) assert_int_not_equal(sim.flying[k].key, index);
        sim.flying[i].key = index;
        sim.flying[i].left = sim.keys[index].left;
        sim.flying[i].content = (struct content){.expires_ms = writes[i].expires_ms};
        if (!writes[i].is_delete) {
            char number[16];
            assert_in_range(writes[i].value.size, 1, 15);
            memcpy(number, writes[i].value.data, writes[i].value.size);
            number[writes[i].value.size] = '\0';
            sim.flying[i].content.number = (unsigned)strtoul(number, NULL, 10);
        }
        /* Always the newest. */
        assert_int_equal(sim.flying[i].content.number, sim.keys[index].newest.number);
        assert_true(sim.flying[i].content.expires_ms == sim.keys[index].newest.expires_ms);
    }
}

/* A cancelled write has happened or not; it does not happen later. */
static void sim_land(bool happens) {
    for (size_t i = 0; happens && i < sim.flying_count; i++)
        sim_store(sim.flying[i].key, sim.flying[i].content);
    sim.ticket = 0;
}

static void sim_cancel(void *context, ramp_ticket ticket) {
    (void)context;
    assert_int_equal(ticket, sim.ticket);
    sim_land(chance(2));
}

static void sim_answer(void) {
    static const ramp_status statuses[] = {RAMP_OK, RAMP_OK, RAMP_OK, RAMP_IO, RAMP_TIMEOUT};
    ramp_status status = statuses[chance(5)];
    ramp_ticket ticket = sim.ticket;
    ramp_answer answer = {.size = sizeof(answer), .status = status};

    if (!ticket) return;
    sim_land(status == RAMP_OK || (status == RAMP_TIMEOUT && chance(2)));
    for (size_t i = 0; status == RAMP_OK && i < sim.flying_count; i++)
        sim.keys[sim.flying[i].key].acknowledged = sim.flying[i].left;
    assert_true(kv_answer(&sim.kv, ticket, &answer, sim.now_ns));
    assert_false(kv_answer(&sim.kv, ticket, &answer, sim.now_ns));
}

static void sim_reserve(void) {
    int index = (int)chance(KEYS);
    const struct model_key *key = &sim.keys[index];
    int room = key->owner >= 0 ? key->owner : (key->service[4] - '0') * 2 + (int)chance(2);
    char number[16];
    struct content content = {0};
    ramp_kv_write write = {.key = sim_key(index), .is_delete = chance(4) == 0};
    struct kv_value *value;

    if (sim.reserved_count == BATCH_MAX) return;
    if (!write.is_delete) {
        content.number = ++sim.numbers;
        if (chance(4) == 0) content.expires_ms = sim.wall_ms + chance(3000);
    }
    snprintf(number, sizeof(number), "%u", content.number);
    write.value = text(number);
    write.expires_ms = content.expires_ms;
    if (chance(10) == 0) mem_fail_after((long)chance(3));
    value = kv_reserve(&sim.kv, &sim.rooms[room], &write);
    mem_fail_after(-1);
    if (value) sim.reserved[sim.reserved_count++] = (struct reserved){value, room, index, content};
}

/* The oldest of a room's values leave, or its newest are dropped. */
static void sim_end_batch(void) {
    int room = (int)chance(ROOMS);
    bool drops = chance(4) == 0;
    size_t count = 0, most = 1 + chance(6), kept = 0, of_room = 0, seen = 0;

    for (size_t i = 0; i < sim.reserved_count; i++) of_room += sim.reserved[i].room == room;
    for (size_t i = 0; i < sim.reserved_count; i++) {
        struct reserved *one = &sim.reserved[i];
        struct model_key *key = &sim.keys[one->key];
        bool is_its = one->room == room && (drops ? seen + most >= of_room : count < most);
        seen += one->room == room;
        if (!is_its) {
            sim.reserved[kept++] = *one;
            continue;
        }
        count++;
        if (drops) {
            kv_unreserve(&sim.kv, one->value);
            continue;
        }
        kv_write(&sim.kv, one->value, sim.now_ns);
        key->newest = one->content;
        key->left++;
    }
    sim.reserved_count = kept;
}

/* Did the backend have `number` at any time in the last second? */
static bool sim_was_stored(const struct model_key *key, unsigned number) {
    uint64_t until_ns = UINT64_MAX; /* what a change has made was there until the next one */

    for (size_t i = key->change_count; i-- > 0; until_ns = key->changes[i].at_ns) {
        if (until_ns < sim.now_ns - LIMIT_KV_STALE_MS * MS) return false;
        if (sim_visible(key->changes[i].content) == number) return true;
    }
    return number == 0 && until_ns >= sim.now_ns - LIMIT_KV_STALE_MS * MS;
}

static void sim_check_read(int room, int index, unsigned number) {
    const struct model_key *key = &sim.keys[index];

    for (size_t i = sim.reserved_count; i-- > 0;) {
        if (sim.reserved[i].room != room || sim.reserved[i].key != index) continue;
        assert_int_equal(number, sim_visible(sim.reserved[i].content));
        return;
    }
    if (key->acknowledged != key->left) assert_int_equal(number, sim_visible(key->newest));
    else if (key->owner >= 0) assert_int_equal(number, sim_visible(sim_stored(key)));
    else assert_true(sim_was_stored(key, number));
}

static void sim_look(void) {
    int index = (int)chance(KEYS);
    const struct model_key *key = &sim.keys[index];
    int room = key->owner >= 0 ? key->owner : (key->service[4] - '0') * 2 + (int)chance(2);
    ramp_kv_key name = sim_key(index);
    ramp_bytes value;
    char number[16];

    switch (kv_look(&sim.kv, &sim.rooms[room], &name, (struct kv_now){sim.now_ns, sim.wall_ms},
                    &value)) {
    case KV_ABSENT: sim_check_read(room, index, 0); break;
    case KV_FOUND:
        assert_in_range(value.size, 1, 15);
        memcpy(number, value.data, value.size);
        number[value.size] = '\0';
        sim_check_read(room, index, (unsigned)strtoul(number, NULL, 10));
        break;
    default:
        assert_int_equal(key->acknowledged, key->left); /* what is pending is known */
        for (int i = 0; i < GETS; i++) {
            if (sim.gets[i].is_open) continue;
            sim.gets[i] = (struct model_get){.is_open = true, .key = index, .asked_ns = sim.now_ns};
            break;
        }
    }
}

/* A get is read by the backend at one time, and its answer arrives at another. */
static void sim_get(void) {
    struct model_get *get = &sim.gets[chance(GETS)];
    ramp_kv_key name = sim_key(get->key);
    char number[16];
    ramp_answer answer = {.size = sizeof(answer), .status = RAMP_NOT_FOUND};

    if (!get->is_open) return;
    if (!get->is_read) {
        get->is_read = true;
        get->content = sim_stored(&sim.keys[get->key]);
        if (!sim_visible(get->content)) get->content = (struct content){0};
        return;
    }
    get->is_open = false;
    if (get->content.number) {
        snprintf(number, sizeof(number), "%u", get->content.number);
        answer.status = RAMP_OK;
        answer.value = text(number);
        answer.expires_ms = get->content.expires_ms;
    }
    if (chance(10) == 0) answer.status = RAMP_UNAVAILABLE;
    if (chance(10) == 0) mem_fail_after((long)chance(2));
    kv_learn(&sim.kv, &name, &answer, get->asked_ns);
    mem_fail_after(-1);
}

/* Another worker writes a key of a service. */
static void sim_foreign_write(void) {
    int index = ROOMS * ROOM_KEYS + (int)chance(2 * SERVICE_KEYS);
    sim_store(index, (struct content){.number = ++sim.numbers});
}

static void sim_mark(void) {
    struct model_mark *mark = &sim.marks[chance(MARKS)];

    if (chance(2)) kv_hurry(&sim.kv);
    mark->mark = kv_mark(&sim.kv);
    for (int i = 0; i < KEYS; i++) mark->left[i] = sim.keys[i].left;
}

static void sim_check(void) {
    size_t pending = 0;

    for (int i = 0; i < KEYS; i++) pending += sim.keys[i].acknowledged != sim.keys[i].left;
    assert_int_equal(sim.kv.pending.count, pending);
    assert_int_equal(sim.kv.reserved.count, sim.reserved_count);
    assert_true(sim.kv.cached.size <= sim.kv.cache_max);
    assert_true(sim.kv.pending.size + sim.kv.reserved.size <= sim.kv.buffer_max);
    assert_true((sim.kv.ticket != 0) == (sim.ticket != 0));
    for (int m = 0; m < MARKS; m++) {
        bool is_synced = true;
        for (int i = 0; i < KEYS; i++)
            is_synced = is_synced && sim.keys[i].acknowledged >= sim.marks[m].left[i];
        assert_int_equal(kv_is_synced(&sim.kv, sim.marks[m].mark), is_synced);
    }
}

static void sim_step(void) {
    unsigned what = chance(100);

    if (what < 30) sim_reserve();
    else if (what < 42) sim_end_batch();
    else if (what < 65) sim_look();
    else if (what < 75) sim_get();
    else if (what < 77) sim_foreign_write();
    else if (what < 80) sim_mark();
    else if (what < 87) sim_answer();
    else {
        uint64_t ms = chance(40) == 0 ? LIMIT_KV_WRITE_MS : chance(60);
        sim.now_ns += ms * MS;
        sim.wall_ms += (int64_t)ms;
        kv_step(&sim.kv, NULL, sim.now_ns);
    }
    sim_check();
}

static void sim_start(uint64_t seed) {
    memset(&sim, 0, sizeof(sim));
    sim.random = seed;
    sim.now_ns = 1000 * MS;
    sim.wall_ms = 5000;
    sim.next_ticket = 1;
    sim.driver = (ramp_kv){.size = sizeof(ramp_kv), .write = sim_write, .cancel = sim_cancel};
    kv_init(&sim.kv, &(struct kv_options){.driver = &sim.driver,
                                          .next_ticket = &sim.next_ticket,
                                          .seed = seed,
                                          .buffer_max = 30000,
                                          .cache_max = 1000 + chance(4000)});
    for (int i = 0; i < KEYS; i++) {
        struct model_key *key = &sim.keys[i];
        bool is_room = i < ROOMS * ROOM_KEYS;
        key->owner = is_room ? i / ROOM_KEYS : -1;
        snprintf(key->service, sizeof(key->service), "chat%d",
                 is_room ? key->owner / 2 : (i - ROOMS * ROOM_KEYS) / SERVICE_KEYS);
        if (is_room) snprintf(key->room, sizeof(key->room), "r%d", key->owner % 2);
        snprintf(key->key, sizeof(key->key), "k%d",
                 is_room ? i % ROOM_KEYS : (i - ROOMS * ROOM_KEYS) % SERVICE_KEYS);
    }
}

/* Everything leaves, and arrives; or is lost, and counted. */
static void sim_stop(void) {
    bool drains = chance(4) > 0;
    size_t lost = 0;

    while (sim.reserved_count) sim_end_batch();
    for (int i = 0; drains && sim.kv.pending.count; i++) {
        assert_true(i < 1000);
        if (kv_deadline(&sim.kv) > sim.now_ns) sim.now_ns = kv_deadline(&sim.kv);
        kv_step(&sim.kv, NULL, sim.now_ns);
        sim_answer();
        sim_check();
    }
    for (int i = 0; i < KEYS; i++) {
        lost += sim.keys[i].acknowledged != sim.keys[i].left;
        if (drains && sim.keys[i].owner >= 0)
            assert_int_equal(sim_stored(&sim.keys[i]).number, sim.keys[i].newest.number);
    }
    assert_int_equal(kv_done(&sim.kv), lost);
}

static void histories_agree_with_a_model(void **state) {
    uint64_t seeds = getenv("RAMP_LONG") ? 20000 : 300;
    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        long live = mem_live_count();
        sim_start(seed);
        for (int i = 0; i < 1000; i++) sim_step();
        sim_stop();
        assert_int_equal(mem_live_count(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_wait_for_others_then_go_in_order),
        cmocka_unit_test(writes_of_a_key_become_one),
        cmocka_unit_test(a_key_written_while_under_way_goes_with_the_next),
        cmocka_unit_test(many_keys_do_not_wait),
        cmocka_unit_test(many_bytes_do_not_wait),
        cmocka_unit_test(what_failed_goes_again_with_newer_values_in_place),
        cmocka_unit_test(failures_in_a_row_wait_longer_and_longer),
        cmocka_unit_test(a_write_without_answer_is_given_up),
        cmocka_unit_test(lateness_counts_from_the_oldest_write),
        cmocka_unit_test(what_was_never_acknowledged_is_counted_as_lost),
        cmocka_unit_test(a_mark_is_reached_when_all_before_it_is_acknowledged),
        cmocka_unit_test(a_failed_write_holds_back_its_mark_until_a_newer_one_lands),
        cmocka_unit_test(a_hurry_flushes_more_than_one_write_takes),
        cmocka_unit_test(a_full_buffer_takes_no_more),
        cmocka_unit_test(one_service_does_not_fill_the_buffer_for_others),
        cmocka_unit_test(without_a_driver_nothing_is_reserved),
        cmocka_unit_test(a_room_sees_what_it_has_reserved_and_others_do_not),
        cmocka_unit_test(a_dropped_batch_leaves_nothing_behind),
        cmocka_unit_test(keys_of_rooms_stay_known_and_those_of_services_grow_old),
        cmocka_unit_test(a_written_key_of_a_service_grows_old_from_its_handing_over),
        cmocka_unit_test(values_expire),
        cmocka_unit_test(an_old_answer_does_not_replace_a_newer_write),
        cmocka_unit_test(an_old_answer_does_not_come_back_after_forgetting),
        cmocka_unit_test(answers_that_say_nothing_are_not_learned),
        cmocka_unit_test(keys_do_not_collide),
        cmocka_unit_test(the_cache_has_a_bound_and_forgets_what_was_not_used),
        cmocka_unit_test(what_is_too_large_for_the_cache_is_not_kept),
        cmocka_unit_test(a_reserve_without_memory_changes_nothing),
        cmocka_unit_test(learning_without_memory_is_not_learned),
        cmocka_unit_test(what_is_reserved_is_written_without_memory),
        cmocka_unit_test(histories_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

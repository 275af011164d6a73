/* SPDX-License-Identifier: Apache-2.0 */
/* timers_test.c -- CONTRACT 5.1 and 5.2: a room's timers, through a host and against a plain model. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"
#include "core/timers.h"

#define S AT_SCRATCH

static uint32_t timer_count(void) {
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host_get_stats(rig.host, &stats);
    return stats.timers;
}

/* Joins ann, whose room tells the id of every timer. */
static ramp_connection *ann_with_timers(void) {
    struct program program = {.size = 0}, timer = {.size = 0};
    ramp_connection *ann = rig_join(&rig, "ann");
    DO(&timer, load32, AT_ARGUMENTS);
    DO(&timer, tell, 0);
    program_install(&program, RAMP_CALL_TIMER, &timer);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    return ann;
}

/* ---- setting --------------------------------------------------------------------------------- */

static void delays_and_periods_have_bounds(void **state) {
    (void)state;
    ramp_connection *ann = ann_with_timers();
    assert_int_equal(ASK(&rig, ann, timer_set, 1, -1, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, 0, 0), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, 9, 10), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, 10, 9), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, 10, -1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, INT64_MIN, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, INT64_MAX, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, LIMIT_TIMER_MS_MAX + 1, 0), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, 10, LIMIT_TIMER_MS_MAX + 1), RAMP_ARGS);
    assert_int_equal(ASK(&rig, ann, timer_set, 1, LIMIT_TIMER_MS_MAX, LIMIT_TIMER_MS_MAX), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, timer_set, INT32_MIN, 10, 0), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, timer_clear, 12345),
                     RAMP_OK); /* no such timer: nothing to clear */
    assert_int_equal(timer_count(), 2);
}

static void a_timer_never_fires_before_10_ms(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    DO(&program, timer_set, 1, 0, 0);
    rig_do(ann, &program);
    rig_expect(&rig, "message ann; timer_set 1 10 0\n");
    assert_true(ramp_host_deadline(rig.host) == rig.now_ns + 10 * RIG_MS);
    rig_pass(&rig, 9);
    rig_expect(&rig, "");
    rig_pass(&rig, 1);
    rig_expect(&rig, "timer; broadcast ann 0x0100000000000000\n");
    rig_pass(&rig, 1000);
    rig_expect(&rig, "");
    assert_int_equal(timer_count(), 0);
}

static void a_room_has_at_most_1024_timers(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    rig.silent = true;
    DO(&program, repeat, LIMIT_TIMERS + 1, 1);
    DO(&program, timer_set, 0, 50, 0);
    rig_ask(&rig, ann, &program);
    for (size_t i = 0; i < LIMIT_TIMERS; i++) assert_int_equal(rig.told[i], RAMP_OK);
    assert_int_equal(rig.told[LIMIT_TIMERS], RAMP_LIMIT);
    assert_int_equal(timer_count(), LIMIT_TIMERS);
    assert_int_equal(ASK(&rig, ann, timer_set, 5000, 50, 0), RAMP_LIMIT);
    assert_int_equal(ASK(&rig, ann, timer_set, 17, 50, 0), RAMP_OK); /* one that is there */
    assert_int_equal(ASK(&rig, ann, timer_clear, 17), RAMP_OK);
    assert_int_equal(ASK(&rig, ann, timer_set, 5000, 50, 0), RAMP_OK);
    uint32_t outcomes = rig.outcomes;
    rig_pass(&rig, 50);
    assert_int_equal(rig.outcomes, outcomes + LIMIT_TIMERS);
    assert_int_equal(timer_count(), 0);
}

/* ---- firing ---------------------------------------------------------------------------------- */

static void timers_fire_in_the_order_in_which_they_are_due(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    DO(&program, timer_set, 1, 30, 0);
    DO(&program, timer_set, 2, 10, 0);
    DO(&program, timer_set, 3, 20, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    rig_pass(&rig, 100);
    rig_expect(&rig,
               "timer; broadcast ann 0x0200000000000000\ntimer; broadcast ann 0x0300000000000000\n"
               "timer; broadcast ann 0x0100000000000000\n");
}

static void missed_periods_collapse_to_one_and_the_beat_is_kept(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    DO(&program, timer_set, 1, 15, 20);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    uint64_t start_ns = rig.now_ns;
    rig_pass(&rig, 15);
    rig_expect(&rig, "timer; broadcast ann 0x0100000000000000\n");
    assert_true(ramp_host_deadline(rig.host) == start_ns + 35 * RIG_MS);
    rig_pass(&rig, 19);
    rig_expect(&rig, "");
    rig_pass(&rig, 6); /* at 40: five late */
    rig_expect(&rig, "timer; broadcast ann 0x0100000000000000\n");
    assert_true(ramp_host_deadline(rig.host) == start_ns + 55 * RIG_MS);
    rig_pass(&rig, 1000); /* at 1040: fifty missed */
    rig_expect(&rig, "timer; broadcast ann 0x0100000000000000\n");
    assert_true(ramp_host_deadline(rig.host) == start_ns + 1055 * RIG_MS);
    assert_int_equal(timer_count(), 1);
}

static void a_timer_that_is_cleared_or_set_again_while_queued_is_not_run(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    for (int again = 0; again < 2; again++) {
        program.size = 0;
        DO(&program, timer_set, 1, 10, again ? 10 : 0);
        rig_do(ann, &program);
        rig_run(&rig);
        program.size = 0;
        if (again) DO(&program, timer_set, 1, 40, 0);
        else DO(&program, timer_clear, 1);
        rig_do(ann, &program); /* goes before the timer, which this step will queue */
        rig_forget(&rig);
        rig_pass(&rig, 10);
        rig_expect(&rig,
                   again ? "message ann; timer_set 1 40 0\n" : "message ann; timer_clear 1\n");
        rig_pass(&rig, 39);
        rig_expect(&rig, "");
        rig_pass(&rig, 1);
        rig_expect(&rig, again ? "timer; broadcast ann 0x0100000000000000\n" : "");
        assert_int_equal(timer_count(), 0);
    }
}

/* A period may set, clear or replace itself from its own call. */
static void a_timer_may_change_itself(void **state) {
    struct program program = {.size = 0}, timer = {.size = 0};
    (void)state;
    ramp_connection *ann = rig_join(&rig, "ann");
    DO(&timer, timer_clear, 1);
    program_install(&program, RAMP_CALL_TIMER, &timer);
    DO(&program, timer_set, 1, 10, 10);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    rig_pass(&rig, 10);
    rig_expect(&rig, "timer; timer_clear 1\n");
    assert_int_equal(timer_count(), 0);
    program.size = timer.size = 0;
    DO(&timer, timer_set, 1, 30, 0);
    program_install(&program, RAMP_CALL_TIMER, &timer);
    DO(&program, timer_set, 1, 10, 10);
    rig_do(ann, &program);
    rig_run(&rig);
    rig_forget(&rig);
    for (int i = 0; i < 3; i++) {
        rig_pass(&rig, i ? 30 : 10);
        rig_expect(&rig, "timer; timer_set 1 30 0\n");
    }
    assert_int_equal(timer_count(), 1);
}

/* ---- living and dying -------------------------------------------------------------------------- */

static void timers_survive_a_resumable_panic_and_die_with_the_instance(void **state) {
    struct program program = {.size = 0};
    ramp_error error;
    (void)state;
    ramp_connection *ann = ann_with_timers();
    for (int how = 0; how < 3; how++) {
        program.size = 0;
        DO(&program, timer_set, 1, 10, 0);
        DO(&program, timer_set, 2, 10, 10);
        rig_do(ann, &program);
        rig_run(&rig);
        assert_int_equal(timer_count(), 2);
        program.size = 0;
        if (how == 0) DO(&program, panic, S, 0);
        if (how == 1) DO(&program, trap, 0);
        if (how < 2) rig_fails(&rig, ann, &program);
        if (how == 2) {
            rig_service(&rig, "s")->version += 1000;
            assert_int_equal(ramp_service_update(rig.host, "s", NULL, &error), RAMP_OK);
            rig_run(&rig);
        }
        rig_forget(&rig);
        assert_int_equal(timer_count(), how == 0 ? 2 : 0);
        rig_pass(&rig, 10);
        rig_expect(&rig, how == 0 ? "timer; broadcast ann 0x0100000000000000\ntimer; broadcast ann "
                                    "0x0200000000000000\n"
                                  : "");
    }
}

/* A timer that is queued when its instance dies neither fires nor opens a new one. */
static void a_queued_timer_of_a_dead_instance_opens_nothing(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    DO(&program, timer_set, 1, 10, 0);
    DO(&program, timer_set, 2, 10, 10);
    rig_do(ann, &program);
    rig_run(&rig);
    program.size = 0;
    DO(&program, trap, 0);
    rig_do(ann, &program);
    rig_forget(&rig);
    rig_pass(&rig, 10);
    rig_expect(&rig, "message ann FAILED TRAPPED\n");
    rig_pass(&rig, 100);
    rig_expect(&rig, "");
    /* The next life's timer of the same id is another one. */
    program.size = 0;
    DO(&program, timer_set, 1, 10, 0);
    rig_do(ann, &program);
    rig_expect(&rig, "open\nerror\nmessage ann; timer_set 1 10 0\n");
    rig_pass(&rig, 10);
    rig_expect(&rig, "timer\n");
}

static void a_call_that_fails_sets_no_timer(void **state) {
    struct program program = {.size = 0};
    (void)state;
    ramp_connection *ann = ann_with_timers();
    DO(&program, timer_set, 1, 10, 0);
    rig_do(ann, &program);
    rig_run(&rig);
    program.size = 0;
    DO(&program, timer_set, 2, 10, 0);
    DO(&program, timer_clear, 1);
    DO(&program, panic, S, 0);
    rig_fails(&rig, ann, &program);
    rig_forget(&rig);
    rig_pass(&rig, 10);
    rig_expect(&rig, "timer; broadcast ann 0x0100000000000000\n");
}

static void rooms_fire_by_their_earliest_timer(void **state) {
    char expected[64];
    (void)state;
    for (int i = 0; i < 20; i++) {
        char room[8];
        struct program program = {.size = 0};
        snprintf(room, sizeof(room), "r%d", i * 7 % 20);
        DO(&program, timer_set, 1, 10 + i * 7 % 20, 0);
        assert_int_equal(rig_request(&rig, room, &program), RAMP_OK);
    }
    rig_run(&rig);
    for (int i = 0; i < 20; i++) {
        rig_forget(&rig);
        rig_pass(&rig, i ? 1 : 10);
        snprintf(expected, sizeof(expected), "s/r%d: timer\n", i);
        rig_expect(&rig, expected);
    }
}

/* ---- the parts, against a plain model ---------------------------------------------------------- */

enum { ROOMS = 40, IDS = 12 };
struct model_timer {
    bool is_set, is_queued;
    uint64_t due, period;
    uint32_t entry; /* number of its queued entry */
};
struct queued {
    size_t room;
    int32_t id;
    uint32_t sequence, entry;
};

static void timers_agree_with_a_plain_model(void **state) {
    static struct model_timer model[ROOMS][IDS];
    static struct timers rooms[ROOMS];
    static struct queued queue[200000];
    size_t queued = 0, taken = 0;
    struct timer_queue heap = {0};
    uint64_t random = 3, now = 1000;
    (void)state;

    memset(model, 0, sizeof(model));
    for (size_t i = 0; i < ROOMS; i++) timers_init(&rooms[i]);
    for (int step = 0; step < 60000; step++) {
        size_t room = rig_random_next(&random) % ROOMS;
        int32_t id = (int32_t)(rig_random_next(&random) % IDS);
        struct model_timer *timer = &model[room][id];
        switch (rig_random_next(&random) % 6) {
        case 0:
        case 1: {
            uint64_t delay = rig_random_next(&random) % 50,
                     period = rig_random_next(&random) % 3 ? 0 : delay + 1;
            assert_true(timers_set(&rooms[room], &heap, id, now + delay, period));
            *timer = (struct model_timer){.is_set = true, .due = now + delay, .period = period};
            break;
        }
        case 2:
            timers_clear(&rooms[room], &heap, id);
            timer->is_set = false;
            break;
        case 3: now += rig_random_next(&random) % 30; break;
        case 4:
            if (taken < queued) { /* the oldest entry is dispatched */
                struct queued *entry = &queue[taken++];
                struct model_timer *it = &model[entry->room][entry->id];
                bool is_due = it->is_set && it->is_queued && it->entry == entry->entry;
                assert_int_equal(
                    timers_dispatch(&rooms[entry->room], &heap, entry->id, entry->sequence),
                    is_due);
                if (is_due) it->is_queued = false, it->is_set = it->period != 0;
            }
            break;
        default:
            if (rig_random_next(&random) % 200 == 0) { /* the instance dies */
                timers_done(&rooms[room], &heap);
                memset(model[room], 0, sizeof(model[room]));
            }
            break;
        }
        for (struct timers *first; (first = timer_queue_first(&heap)) && first->next_ns <= now;) {
            struct timer_due due[3]; /* fewer than may be due at once */
            size_t count = timers_due(first, &heap, now, due, COUNT(due));
            for (size_t i = 0; i < count; i++) {
                struct queued entry = {.room = (size_t)(first - rooms),
                                       .id = due[i].id,
                                       .sequence = due[i].sequence,
                                       .entry = (uint32_t)queued};
                struct model_timer *it = &model[entry.room][entry.id];
                assert_true(it->is_set && !it->is_queued && it->due <= now &&
                            it->due == due[i].due_ns);
                assert_true(i == 0 || due[i - 1].due_ns <= due[i].due_ns);
                it->is_queued = true;
                it->entry = entry.entry;
                it->due = it->period ? it->due + ((now - it->due) / it->period + 1) * it->period
                                     : UINT64_MAX;
                queue[queued++] = entry;
            }
        }
        /* Nothing that is due has been forgotten; what is queued and periodic has moved on. */
        uint64_t next = UINT64_MAX;
        for (size_t i = 0; i < ROOMS; i++)
            for (int32_t k = 0; k < IDS; k++) {
                struct model_timer *it = &model[i][k];
                assert_int_equal(timers_has(&rooms[i], k), it->is_set);
                if (!it->is_set) continue;
                if (it->is_queued && it->period && it->due <= now)
                    it->due += ((now - it->due) / it->period + 1) * it->period;
                if (!it->is_queued) assert_true(it->due > now);
                if (it->due < next) next = it->due;
            }
        assert_true((timer_queue_first(&heap) ? timer_queue_first(&heap)->next_ns : UINT64_MAX) ==
                    next);
    }
    assert_true(queued > 1000);
    for (size_t i = 0; i < ROOMS; i++) timers_done(&rooms[i], &heap);
    timer_queue_done(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(delays_and_periods_have_bounds),
        TEST(a_timer_never_fires_before_10_ms),
        TEST(a_room_has_at_most_1024_timers),
        TEST(timers_fire_in_the_order_in_which_they_are_due),
        TEST(missed_periods_collapse_to_one_and_the_beat_is_kept),
        TEST(a_timer_that_is_cleared_or_set_again_while_queued_is_not_run),
        TEST(a_timer_may_change_itself),
        TEST(timers_survive_a_resumable_panic_and_die_with_the_instance),
        TEST(a_queued_timer_of_a_dead_instance_opens_nothing),
        TEST(a_call_that_fails_sets_no_timer),
        TEST(rooms_fire_by_their_earliest_timer),
        TEST_ALONE(timers_agree_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

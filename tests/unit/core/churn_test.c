/* SPDX-License-Identifier: Apache-2.0 */
/* churn_test.c -- many rooms that come and go in one host leave nothing behind. */
#include "unit/core/cmocka_rig.h"

#include "base/limits.h"

#include <unistd.h>

#ifdef RAMP_SMALL_POOLS
enum { ROOMS = 60, MEMBERS = 50 }; /* sanitizers have less address space, and keep what is freed */
#else
enum { ROOMS = 2000, MEMBERS = 2000 };
#endif

static size_t resident_pages(void) {
    char text[128] = "", *end;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    strtoul(text, &end, 10);
    return strtoul(end, NULL, 10);
}

static size_t mappings(void) {
    FILE *file = fopen("/proc/self/maps", "r");
    size_t count = 0;
    assert_non_null(file);
    for (int c; (c = fgetc(file)) != EOF;) count += c == '\n';
    fclose(file);
    return count;
}

static void open_and_end_all(void) {
    struct program program = {.size = 0};
    static ramp_connection *connections[ROOMS];
    ramp_host_stats stats = {.size = sizeof(stats)};

    program_say(&program, "x");
    DO(&program, timer_set, 1, 10, 0);
    for (int i = 0; i < ROOMS; i++) {
        char room[16];
        snprintf(room, sizeof(room), "r%d", i);
        connections[i] = rig_join_at(&rig, "s", room, "ann");
        rig_do(connections[i], &program);
        if (i % 10 == 0) rig_run(&rig);
    }
    rig_run(&rig);
    rig_pass(&rig, 10);
    ramp_host_get_stats(rig.host, &stats);
    assert_int_equal(stats.rooms, ROOMS);
    for (int i = 0; i < ROOMS; i++) ramp_leave(connections[i], 1000, NULL);
    rig_run(&rig);
    rig_pass(&rig, LIMIT_ROOM_IDLE_MS);
    ramp_host_get_stats(rig.host, &stats);
    assert_int_equal(stats.rooms, 0);
    assert_int_equal(stats.connections, 0);
    if (rig.failures) fail_msg("%u failures: %s", rig.failures, rig.failed_message);
}

static void rooms_that_come_and_go_leave_nothing_behind(void **state) {
    size_t pages, maps;
    long live;
    (void)state;
    rig_open(&rig, &(ramp_host_options){.rooms_max = ROOMS});
    rig_add(&rig, "s", "interp");
    rig.silent = true;
    open_and_end_all();
    open_and_end_all();
    pages = resident_pages();
    maps = mappings();
    live = mem_live_count();
    for (int i = 0; i < 4; i++) open_and_end_all();
    assert_int_equal(mem_live_count(), live);
    if (mappings() > maps + 16) fail_msg("%zu mappings more", mappings() - maps);
#ifndef RAMP_SMALL_POOLS
    if (resident_pages() > pages + 1024) fail_msg("%zu pages more", resident_pages() - pages);
#endif
    (void)pages;
}

static void members_that_come_and_go_leave_nothing_behind(void **state) {
    static ramp_connection *connections[MEMBERS];
    size_t live = 0;
    (void)state;
    rig.silent = true;
    rig_join(&rig, "keeper");
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < MEMBERS; i++) {
            char id[16];
            snprintf(id, sizeof(id), "c%d", i);
            connections[i] = rig_join(&rig, id);
            if (i % 100 == 0) rig_run(&rig);
        }
        rig_run(&rig);
        for (int i = 0; i < MEMBERS; i++) ramp_leave(connections[(i * 7) % MEMBERS], 1000, NULL);
        rig_run(&rig);
        if (round == 0) live = (size_t)mem_live_count();
    }
    /* The stock of chunks may still grow a little. */
    assert_true((size_t)mem_live_count() <= live + 64);
    if (rig.failures) fail_msg("%u failures: %s", rig.failures, rig.failed_message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ALONE(rooms_that_come_and_go_leave_nothing_behind),
        TEST(members_that_come_and_go_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* storage_test.c -- the storage thread: order, groups, and what happens when the disk fails. The disk is
 * tests/support/forgetful_vfs.c: at any moment the files hold what was synced and nothing else.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "drivers/db_sqlite.h"
#include "drivers/kv_sqlite.h"
#include "drivers/states_sqlite.h"
#include "support/forgetful_vfs.h"
#include "unit/support/folder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICKETS     4096
#define DEADLINE_MS 60000
#define FOR_EVER    UINT32_MAX

struct rig {
    char folder[64], path[96], after[96];
    struct storage_options options;
    struct storage_port port;
    struct db_sqlite *db;
    ramp_db driver;

    pthread_mutex_t lock;
    pthread_cond_t come;
    struct storage_job *answers[TICKETS];
    ramp_ticket last_ticket;
    char log[4096]; /* under `lock` */
};

/* ---- a rig --------------------------------------------------------------------------------------- */

/* What a driver answers at once, without a job. There is no host. */
static ramp_ticket refused_ticket;
static ramp_status refused_status;

void ramp_complete(ramp_host *host, ramp_ticket ticket, const ramp_answer *answer) {
    (void)host;
    refused_ticket = ticket;
    refused_status = answer->status;
}

static void deliver(void *context, struct storage_job *job) {
    struct rig *rig = context;

    pthread_mutex_lock(&rig->lock);
    assert_true(job->ticket < TICKETS && !rig->answers[job->ticket]);
    rig->answers[job->ticket] = job;
    pthread_cond_broadcast(&rig->come);
    pthread_mutex_unlock(&rig->lock);
}

static void keep_line(void *context, int level, const char *text) {
    struct rig *rig = context;
    size_t used;

    pthread_mutex_lock(&rig->lock);
    used = strlen(rig->log);
    snprintf(rig->log + used, sizeof(rig->log) - used, "%d %s\n", level, text);
    pthread_mutex_unlock(&rig->lock);
}

static bool log_has(struct rig *rig, const char *text) {
    bool has;

    pthread_mutex_lock(&rig->lock);
    has = strstr(rig->log, text) != NULL;
    pthread_mutex_unlock(&rig->lock);
    return has;
}

static void open_db(struct rig *rig) {
    ramp_error error = {0};

    if (db_sqlite_open(&rig->options, &rig->db, &error) != RAMP_OK) fail_msg("%s", error.message);
    rig->driver = db_sqlite_driver(rig->db, &rig->port);
}

static void close_db(struct rig *rig) {
    db_sqlite_close(rig->db);
    rig->db = NULL;
}

static void make_rig(struct rig *rig) {
    memset(rig, 0, sizeof(*rig));
    forgetful_register(false);
    test_folder_new(rig->folder);
    snprintf(rig->path, sizeof(rig->path), "%s/db.sqlite", rig->folder);
    snprintf(rig->after, sizeof(rig->after), "%s/after.sqlite", rig->folder);
    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->come, NULL);
    rig->port = (struct storage_port){.deliver = deliver, .context = rig};
    rig->options = (struct storage_options){
        .path = rig->path, .vfs = "forgetful", .log = keep_line, .context = rig};
}

static void remove_rig(struct rig *rig) {
    forgetful_heal();
    forgetful_release_syncs();
    close_db(rig);
    forgetful_crash();
    forgetful_forget_failed(false);
    forgetful_keep(0, 0);
    for (unsigned i = 0; i < TICKETS; i++) storage_job_free(rig->answers[i]);
    test_folder_remove(rig->folder);
    pthread_cond_destroy(&rig->come);
    pthread_mutex_destroy(&rig->lock);
}

static int set_up(void **state) {
    struct rig *rig = malloc(sizeof(*rig));

    make_rig(rig);
    open_db(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    remove_rig(*state);
    free(*state);
    return 0;
}

/* ---- asking -------------------------------------------------------------------------------------- */

static bool has_come(struct rig *rig, ramp_ticket ticket) {
    bool has;

    pthread_mutex_lock(&rig->lock);
    has = rig->answers[ticket] != NULL;
    pthread_mutex_unlock(&rig->lock);
    return has;
}

static const ramp_answer *answer_of(struct rig *rig, ramp_ticket ticket) {
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000;
    pthread_mutex_lock(&rig->lock);
    while (!rig->answers[ticket])
        if (pthread_cond_timedwait(&rig->come, &rig->lock, &until)) break;
    pthread_mutex_unlock(&rig->lock);
    assert_non_null(rig->answers[ticket]);
    return &rig->answers[ticket]->answer;
}

static ramp_bytes bytes_of(const char *text) {
    return (ramp_bytes){text, strlen(text)};
}

static ramp_ticket commit(struct rig *rig, const char *room, uint64_t number, const char *value) {
    const ramp_db_write write = {.key = bytes_of("key"), .value = bytes_of(value)};
    const ramp_commit commit = {.size = sizeof(commit),
                                .service = "svc",
                                .room = room,
                                .number = number,
                                .writer = number + 1000,
                                .writes = &write,
                                .write_count = 1};

    rig->driver.commit(rig->driver.context, NULL, ++rig->last_ticket, &commit);
    return rig->last_ticket;
}

static ramp_ticket get(struct rig *rig, const char *room) {
    rig->driver.get(rig->driver.context, NULL, ++rig->last_ticket, "svc", room, bytes_of("key"));
    return rig->last_ticket;
}

static uint64_t number_of(struct rig *rig, const char *room) {
    rig->driver.head(rig->driver.context, NULL, ++rig->last_ticket, "svc", room);
    return answer_of(rig, rig->last_ticket)->head.number;
}

static void assert_answer(struct rig *rig, ramp_ticket ticket, ramp_status status) {
    const ramp_answer *answer = answer_of(rig, ticket);

    if (answer->status != status)
        fail_msg("ticket %u: %s (%s), not %s", (unsigned)ticket, ramp_status_name(answer->status),
                 answer->message ? answer->message : "", ramp_status_name(status));
}

static void assert_value(struct rig *rig, const char *room, const char *value) {
    ramp_ticket ticket = get(rig, room);

    assert_answer(rig, ticket, RAMP_OK);
    assert_int_equal(answer_of(rig, ticket)->value.size, strlen(value));
    assert_memory_equal(answer_of(rig, ticket)->value.data, value, strlen(value));
}

static struct storage_stats stats_of(struct rig *rig) {
    struct storage_stats stats;

    storage_get_stats(db_sqlite_storage(rig->db), &stats);
    return stats;
}

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void wait_until_held(unsigned count) {
    for (unsigned i = 0; forgetful_held_syncs() < count; i++) {
        assert_true(i < DEADLINE_MS);
        sleep_ms(1);
    }
}

/* ---- what the disk holds ------------------------------------------------------------------------- */

static void copy_file(struct rig *rig, const char *from, const char *to) {
    size_t size;
    unsigned char *bytes;

    if (!test_file_exists(rig->folder, from)) return;
    bytes = test_file_read(rig->folder, from, &size);
    test_file_write(rig->folder, to, bytes, size);
    free(bytes);
}

/* The machine is switched off now: opens what its disk holds as a db of its own. */
static void open_what_is_left(struct rig *rig, struct rig *left) {
    make_rig(left);
    test_folder_remove(left->folder);
    memcpy(left->folder, rig->folder, sizeof(left->folder));
    copy_file(rig, "db.sqlite", "after.sqlite");
    copy_file(rig, "db.sqlite-wal", "after.sqlite-wal");
    left->options.path = rig->after;
    left->options.vfs = NULL;
    open_db(left);
}

static void close_what_is_left(struct rig *left) {
    close_db(left);
    for (unsigned i = 0; i < TICKETS; i++) storage_job_free(left->answers[i]);
    pthread_cond_destroy(&left->come);
    pthread_mutex_destroy(&left->lock);
}

static uint64_t number_left(struct rig *rig, const char *room) {
    struct rig left;
    uint64_t number;

    open_what_is_left(rig, &left);
    number = number_of(&left, room);
    close_what_is_left(&left);
    return number;
}

/* ---- order and groups ------------------------------------------------------------------------------ */

static void reads_see_what_was_queued_before_them(void **state) {
    struct rig *rig = *state;
    ramp_ticket reads[101];
    char value[16];

    for (unsigned i = 1; i <= 100; i++) {
        snprintf(value, sizeof(value), "%03u", i);
        commit(rig, "room", i, value);
        reads[i] = get(rig, "room");
    }
    for (unsigned i = 1; i <= 100; i++) {
        snprintf(value, sizeof(value), "%03u", i);
        assert_answer(rig, reads[i], RAMP_OK);
        assert_memory_equal(answer_of(rig, reads[i])->value.data, value, 3);
    }
}

static void what_is_queued_during_a_sync_shares_the_next_one(void **state) {
    struct rig *rig = *state;
    uint64_t commits = stats_of(rig).commits;
    ramp_ticket first, others[60];
    char room[16];

    forgetful_hold_syncs();
    first = commit(rig, "first", 1, "value");
    wait_until_held(1);
    for (unsigned i = 0; i < 60; i++) {
        snprintf(room, sizeof(room), "room-%u", i);
        others[i] = commit(rig, room, 1, "value");
    }
    assert_false(has_come(rig, first));
    assert_int_equal(stats_of(rig).queue, 61);
    forgetful_release_syncs();
    assert_answer(rig, first, RAMP_OK);
    for (unsigned i = 0; i < 60; i++) assert_answer(rig, others[i], RAMP_OK);
    assert_int_equal(stats_of(rig).commits - commits, 2);
    assert_int_equal(stats_of(rig).group_max, 60);
    assert_int_equal(stats_of(rig).writes, 61);
    assert_int_equal(stats_of(rig).queue, 0);
    assert_int_equal(stats_of(rig).queue_bytes, 0);
}

static void nothing_is_acknowledged_before_it_is_synced(void **state) {
    struct rig *rig = *state;
    ramp_ticket ticket;

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    assert_int_equal(number_left(rig, "room"), 1);
    forgetful_hold_syncs();
    ticket = commit(rig, "room", 2, "two");
    wait_until_held(1);
    assert_false(has_come(rig, ticket));
    assert_int_equal(number_left(rig, "room"), 1);
    forgetful_release_syncs();
    assert_answer(rig, ticket, RAMP_OK);
    assert_int_equal(number_left(rig, "room"), 2);
}

static void a_read_of_another_room_does_not_wait_for_the_groups_sync(void **state) {
    struct rig *rig = *state;
    ramp_ticket first, second, same, other;

    assert_answer(rig, commit(rig, "other", 1, "value"), RAMP_OK);
    forgetful_hold_syncs();
    first = commit(rig, "first", 1, "value");
    wait_until_held(1);
    second = commit(rig, "second", 1, "value");
    same = get(rig, "second");
    other = get(rig, "other");
    forgetful_allow_syncs(1);
    assert_answer(rig, first, RAMP_OK);
    assert_answer(rig, other, RAMP_OK);
    wait_until_held(2);
    assert_false(has_come(rig, second));
    assert_false(has_come(rig, same));
    forgetful_release_syncs();
    assert_answer(rig, second, RAMP_OK);
    assert_answer(rig, same, RAMP_OK);
    assert_int_equal(answer_of(rig, same)->value.size, 5);
}

static void closing_carries_out_what_is_queued(void **state) {
    struct rig *rig = *state;
    ramp_ticket tickets[200];
    char room[16];

    for (unsigned i = 0; i < 200; i++) {
        snprintf(room, sizeof(room), "room-%u", i);
        tickets[i] = commit(rig, room, 1, "value");
    }
    close_db(rig);
    for (unsigned i = 0; i < 200; i++) assert_answer(rig, tickets[i], RAMP_OK);
    assert_false(test_file_exists(rig->folder, "db.sqlite-wal"));
    forgetful_crash();
    open_db(rig);
    assert_int_equal(number_of(rig, "room-199"), 1);
}

static void a_full_queue_refuses_at_once(void **state) {
    struct rig *rig = *state;
    ramp_ticket first, second, last;

    close_db(rig);
    rig->options.queue_bytes = 3000;
    open_db(rig);
    forgetful_hold_syncs();
    first = commit(rig, "first", 1, "value");
    wait_until_held(1);
    second = commit(rig, "second", 1, "value");
    do last = commit(rig, "last", 1, "value");
    while (!has_come(rig, last));
    assert_true(last > second + 1);
    assert_answer(rig, last, RAMP_UNAVAILABLE);
    forgetful_release_syncs();
    assert_answer(rig, first, RAMP_OK);
    for (ramp_ticket ticket = second + 1; ticket < last; ticket++)
        assert_answer(rig, ticket, ticket == second + 1 ? RAMP_OK : RAMP_CONFLICT);
    assert_int_equal(stats_of(rig).queue_bytes, 0);
    assert_int_equal(stats_of(rig).refused, 1);
}

static void the_log_is_copied_into_the_file_now_and_then(void **state) {
    struct rig *rig = *state;
    char *value = malloc(LIMIT_VALUE_SIZE + 1);
    size_t size;

    memset(value, 'v', LIMIT_VALUE_SIZE);
    value[LIMIT_VALUE_SIZE] = '\0';
    for (unsigned i = 1; i <= 80; i++) assert_answer(rig, commit(rig, "room", i, value), RAMP_OK);
    free(test_file_read(rig->folder, "db.sqlite-wal", &size));
    assert_true(size < 2 * (size_t)LIMIT_STORAGE_LOG_PAGES * 4096);
    free(value);
}

/* ---- a disk that is full, or cannot be written ----------------------------------------------------- */

static void a_full_disk_fails_commits_and_nothing_else(void **state) {
    struct rig *rig = *state;
    ramp_ticket ticket;

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    forgetful_fail(FORGETFUL_WRITE, 0, FOR_EVER, SQLITE_FULL);
    ticket = commit(rig, "room", 2, "two");
    assert_answer(rig, ticket, RAMP_UNAVAILABLE);
    assert_string_equal(answer_of(rig, ticket)->message, "db: the disk is full; free some space");
    assert_value(rig, "room", "one");
    assert_int_equal(number_of(rig, "room"), 1);
    assert_true(log_has(rig, "the disk is full; free some space"));
    assert_int_equal(stats_of(rig).reopens, 0);
    forgetful_heal();
    assert_answer(rig, commit(rig, "room", 2, "two"), RAMP_OK);
    assert_value(rig, "room", "two");
    assert_true(log_has(rig, "it is written again"));
    assert_int_equal(number_left(rig, "room"), 2);
}

static void a_file_that_cannot_be_written_fails_commits_and_nothing_else(void **state) {
    struct rig *rig = *state;
    ramp_ticket ticket;

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    forgetful_fail(FORGETFUL_WRITE, 0, FOR_EVER, SQLITE_READONLY);
    ticket = commit(rig, "room", 2, "two");
    assert_answer(rig, ticket, RAMP_UNAVAILABLE);
    assert_non_null(strstr(answer_of(rig, ticket)->message, "it cannot be written"));
    assert_value(rig, "room", "one");
    forgetful_heal();
    assert_answer(rig, commit(rig, "room", 2, "two"), RAMP_OK);
}

/* Fills a group of `count` rooms, whose next sync has not begun. */
static void make_group(struct rig *rig, ramp_ticket *tickets, unsigned count, uint64_t number) {
    char room[16];

    forgetful_hold_syncs();
    commit(rig, "first", number, "value");
    wait_until_held(1);
    for (unsigned i = 0; i < count; i++) {
        snprintf(room, sizeof(room), "room-%u", i);
        tickets[i] = commit(rig, room, number, "value");
    }
}

static void rooms_of_a_group_that_failed_go_alone(void **state) {
    struct rig *rig = *state;
    ramp_ticket tickets[12];
    uint64_t commits = stats_of(rig).commits;

    make_group(rig, tickets, 12, 1);
    forgetful_fail(FORGETFUL_WRITE, 2, 1, SQLITE_FULL);
    forgetful_release_syncs();
    for (unsigned i = 0; i < 12; i++) assert_answer(rig, tickets[i], RAMP_OK);
    assert_int_equal(stats_of(rig).commits - commits, 1 + 12);
    assert_int_equal(number_left(rig, "room-11"), 1);
}

static void of_a_group_that_failed_one_may_fail_alone(void **state) {
    struct rig *rig = *state;
    ramp_ticket tickets[3];
    unsigned failed = 0;

    make_group(rig, tickets, 3, 1);
    forgetful_fail(FORGETFUL_WRITE, 0, 2, SQLITE_FULL); /* the group, then the first alone */
    forgetful_release_syncs();
    for (unsigned i = 0; i < 3; i++) failed += answer_of(rig, tickets[i])->status != RAMP_OK;
    assert_int_equal(failed, 1);
    assert_answer(rig, tickets[0], RAMP_UNAVAILABLE);
    assert_int_equal(number_of(rig, "room-0"), 0);
    assert_int_equal(number_of(rig, "room-1"), 1);
}

/* ---- a sync that fails ------------------------------------------------------------------------------- */

/* The kernel shows the bytes and has forgotten that they are not on the disk. The commit is found when
 * the file is opened anew, and so it has happened: then it must be on the disk. */
static void a_failed_sync_whose_bytes_are_shown(void **state) {
    struct rig *rig = *state;
    ramp_ticket ticket;

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    forgetful_fail(FORGETFUL_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
    ticket = commit(rig, "room", 2, "two");
    assert_answer(rig, ticket, RAMP_OK);
    assert_int_equal(answer_of(rig, ticket)->head.number, 2);
    assert_int_equal(number_left(rig, "room"), 2);
    assert_value(rig, "room", "two");
    assert_int_equal(stats_of(rig).reopens, 1);
    assert_int_equal(stats_of(rig).sync_failures, 1);
    assert_true(log_has(rig, "an fsync has failed"));
    assert_true(log_has(rig, "opened anew"));
    assert_answer(rig, commit(rig, "room", 3, "three"), RAMP_OK);
    assert_int_equal(number_left(rig, "room"), 3);
}

/* The kernel has dropped the bytes. The commit has not happened. */
static void a_failed_sync_whose_bytes_are_dropped(void **state) {
    struct rig *rig = *state;

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    forgetful_forget_failed(true);
    forgetful_fail(FORGETFUL_SYNC, 0, 1, SQLITE_IOERR_FSYNC);
    assert_answer(rig, commit(rig, "room", 2, "two"), RAMP_UNAVAILABLE);
    assert_value(rig, "room", "one");
    assert_int_equal(number_of(rig, "room"), 1);
    assert_int_equal(number_left(rig, "room"), 1);
    assert_answer(rig, commit(rig, "room", 2, "two again"), RAMP_OK);
    assert_int_equal(number_left(rig, "room"), 2);
}

static void a_failed_sync_of_a_group(void **state) {
    struct rig *rig = *state;

    for (unsigned forgets = 0; forgets < 2; forgets++) {
        ramp_ticket tickets[10];
        char room[16];
        forgetful_forget_failed(forgets);
        make_group(rig, tickets, 10, forgets + 1);
        forgetful_fail(FORGETFUL_SYNC, 1, 1, SQLITE_IOERR_FSYNC);
        forgetful_release_syncs();
        /* Found, or carried out again, alone. */
        for (unsigned i = 0; i < 10; i++) assert_answer(rig, tickets[i], RAMP_OK);
        for (unsigned i = 0; i < 10; i++) {
            snprintf(room, sizeof(room), "room-%u", i);
            assert_int_equal(number_of(rig, room), forgets + 1);
            assert_int_equal(number_left(rig, room), forgets + 1);
        }
    }
}

static void while_syncs_fail_nothing_is_acknowledged(void **state) {
    struct rig *rig = *state;
    ramp_ticket doubtful, commits[5], read;
    char room[16];

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    forgetful_fail(FORGETFUL_SYNC, 0, FOR_EVER, SQLITE_IOERR_FSYNC);
    doubtful = commit(rig, "room", 2, "two");
    for (unsigned i = 0; i < 5; i++) {
        snprintf(room, sizeof(room), "room-%u", i);
        commits[i] = commit(rig, room, 1, "value");
    }
    read = get(rig, "room");
    for (unsigned i = 0; stats_of(rig).failures < 4; i++) {
        assert_true(i < DEADLINE_MS);
        sleep_ms(1);
    }
    assert_int_equal(stats_of(rig).away, 1);
    assert_false(has_come(rig, doubtful));
    for (unsigned i = 0; i < 5; i++) assert_false(has_come(rig, commits[i]));
    forgetful_heal();
    assert_answer(rig, doubtful, RAMP_OK);
    for (unsigned i = 0; i < 5; i++) assert_answer(rig, commits[i], RAMP_OK);
    assert_answer(rig, read, RAMP_OK);
    assert_int_equal(stats_of(rig).away, 0);
    assert_int_equal(number_left(rig, "room"), 2);
    assert_int_equal(number_left(rig, "room-4"), 1);
}

static void a_file_that_stays_away_is_unavailable(void **state) {
    struct rig *rig = *state;
    ramp_ticket doubtful, second, third;

    close_db(rig);
    rig->options.away_ms = 200;
    open_db(rig);
    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    forgetful_fail(FORGETFUL_SYNC, 0, FOR_EVER, SQLITE_IOERR_FSYNC);
    doubtful = commit(rig, "room", 2, "two");
    second = commit(rig, "second", 1, "value");
    assert_answer(rig, doubtful, RAMP_TIMEOUT); /* it may have happened */
    assert_answer(rig, second,
                  answer_of(rig, second)->status == RAMP_TIMEOUT ? RAMP_TIMEOUT : RAMP_UNAVAILABLE);
    third = get(rig, "room"); /* and now nobody waits any more */
    assert_answer(rig, third, RAMP_UNAVAILABLE);
    forgetful_heal();
    for (unsigned i = 0; stats_of(rig).away; i++) {
        assert_true(i < DEADLINE_MS);
        sleep_ms(1);
    }
    assert_int_equal(number_of(rig, "room"), 2);
    assert_int_equal(number_left(rig, "room"), 2);
}

static void a_failing_read_is_tried_in_a_file_opened_anew(void **state) {
    struct rig *rig = *state;
    char *value = malloc(LIMIT_VALUE_SIZE + 1);
    ramp_ticket ticket;

    memset(value, 'v', LIMIT_VALUE_SIZE);
    value[LIMIT_VALUE_SIZE] = '\0';
    assert_answer(rig, commit(rig, "room", 1, value), RAMP_OK);
    close_db(rig);
    open_db(rig); /* with an empty page cache of SQLite's own */
    forgetful_fail(FORGETFUL_READ, 8, 1, SQLITE_IOERR_READ);
    ticket = get(rig, "room");
    assert_answer(rig, ticket, RAMP_OK);
    assert_int_equal(answer_of(rig, ticket)->value.size, LIMIT_VALUE_SIZE);
    assert_int_equal(stats_of(rig).reopens, 1);
    free(value);
}

/* ---- every single failure ------------------------------------------------------------------------------ */

#define SWEEP_ROOMS 3

/* What may be stored of a room: after answers, and after those that leave it open. */
struct expected {
    uint64_t least, most;
};

static void sweep_round(struct rig *rig, struct expected *expected, unsigned round) {
    static const char *const rooms[SWEEP_ROOMS] = {"a", "b", "c"};
    ramp_ticket tickets[SWEEP_ROOMS];
    bool together = round % 2;

    for (unsigned i = 0; i < SWEEP_ROOMS; i++) {
        uint64_t number = expected[i].most + 1;
        char value[600];
        memset(value, 'a' + (int)round % 26, sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        tickets[i] = commit(rig, rooms[i], number, value);
        if (!together) answer_of(rig, tickets[i]);
    }
    for (unsigned i = 0; i < SWEEP_ROOMS; i++) {
        const ramp_answer *answer = answer_of(rig, tickets[i]);
        uint64_t number = expected[i].most + 1;
        if (answer->status == RAMP_OK) {
            expected[i] = (struct expected){number, number};
        } else if (answer->status == RAMP_TIMEOUT) {
            expected[i].most = number;
        } else {
            assert_true(answer->status == RAMP_UNAVAILABLE || answer->status == RAMP_IO);
        }
    }
}

static void sweep_check(struct rig *where, struct expected *expected) {
    static const char *const rooms[SWEEP_ROOMS] = {"a", "b", "c"};

    for (unsigned i = 0; i < SWEEP_ROOMS; i++) {
        uint64_t number = number_of(where, rooms[i]);
        if (number < expected[i].least || number > expected[i].most)
            fail_msg("room %s has %u commits, not %u to %u", rooms[i], (unsigned)number,
                     (unsigned)expected[i].least, (unsigned)expected[i].most);
        expected[i].least = expected[i].most = number;
    }
}

/* Fails the call `after` of `op`, in a series of commits; then the machine is switched off. false: there
 * are no more than `after` such calls. */
static bool sweep_once(enum forgetful_op op, int result, unsigned after, unsigned keep) {
    struct rig *rig = malloc(sizeof(*rig)), *left = malloc(sizeof(*left));
    struct expected expected[SWEEP_ROOMS] = {{0, 0}, {0, 0}, {0, 0}}, disk[SWEEP_ROOMS];
    unsigned before;
    bool reached = false;

    make_rig(rig);
    forgetful_keep(keep, after + 1);
    forgetful_forget_failed(after % 3 == 0);
    open_db(rig);
    before = forgetful_calls(op);
    forgetful_fail(op, after, 1, result);
    for (unsigned round = 0; round < 6; round++) {
        bool was_reached = reached;
        sweep_round(rig, expected, round);
        reached = forgetful_calls(op) - before > after;
        if (reached == was_reached && round < 5) continue;
        memcpy(disk, expected, sizeof(disk));
        open_what_is_left(rig, left);
        sweep_check(left, disk);
        close_what_is_left(left);
    }
    forgetful_heal();
    sweep_check(rig, expected);
    sweep_round(rig, expected, 7);
    for (unsigned i = 0; i < SWEEP_ROOMS; i++)
        assert_int_equal(expected[i].least, expected[i].most);
    remove_rig(rig);
    free(rig);
    free(left);
    return reached;
}

static void each_single_failure_of_an_operation(void **state) {
    static const struct {
        enum forgetful_op op;
        int result;
    } failures[] = {
        {FORGETFUL_WRITE, SQLITE_FULL},       {FORGETFUL_WRITE, SQLITE_IOERR_WRITE},
        {FORGETFUL_SYNC, SQLITE_IOERR_FSYNC}, {FORGETFUL_READ, SQLITE_IOERR_READ},
        {FORGETFUL_WRITE, SQLITE_READONLY},
    };
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(failures) / sizeof(*failures); i++)
        for (unsigned after = 0; after < 200; after++, count++)
            if (!sweep_once(failures[i].op, failures[i].result, after, after % 2 ? 0 : 40)) break;
    assert_true(count > 60);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void assert_refused(struct rig *rig, const char *sentence) {
    ramp_error error = {0};
    struct db_sqlite *db = NULL;

    assert_int_not_equal(db_sqlite_open(&rig->options, &db, &error), RAMP_OK);
    if (!strstr(error.message, sentence)) fail_msg("%s", error.message);
    if (!strstr(error.message, rig->path)) fail_msg("%s", error.message);
}

static void execute(struct rig *rig, const char *sql) {
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(rig->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static void files_that_are_not_ours_are_refused(void **state) {
    struct rig *rig = *state;
    size_t size;
    unsigned char *bytes;

    assert_answer(rig, commit(rig, "room", 1, "value"), RAMP_OK);
    close_db(rig);
    forgetful_crash();
    rig->options.vfs = NULL;
    execute(rig, "PRAGMA user_version = 2");
    assert_refused(rig, "was written by a newer Ramp");
    execute(rig, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert_refused(rig, "is no db file of Ramp");
    test_file_write(rig->folder, "db.sqlite", "This is a text, and no SQLite file at all.", 42);
    assert_refused(rig, "it is no SQLite file");
    unlink(rig->path);
    open_db(rig);
    assert_answer(rig, commit(rig, "room", 1, "value"), RAMP_OK);
    close_db(rig);
    /* The first page of the entries' tree is nonsense, and the last owner has not closed the file. */
    bytes = test_file_read(rig->folder, "db.sqlite", &size);
    for (size_t i = 4096; i < size; i++) bytes[i] = 0xa5;
    test_file_write(rig->folder, "db.sqlite", bytes, size);
    test_file_write(rig->folder, "db.sqlite-wal", bytes, 40);
    free(bytes);
    assert_refused(rig, "damaged");
    unlink(rig->path);
    snprintf(rig->path, sizeof(rig->path), "%s/no/such/folder", rig->folder);
    assert_refused(rig, "No such file or directory");
    snprintf(rig->path, sizeof(rig->path), "%s/db.sqlite", rig->folder);
    open_db(rig);
}

static void opening_fails_in_one_sentence_when_the_disk_does(void **state) {
    struct rig *rig = *state;

    close_db(rig);
    forgetful_crash();
    forgetful_fail(FORGETFUL_OPEN, 0, FOR_EVER, SQLITE_CANTOPEN);
    assert_refused(rig, "it cannot be opened");
    forgetful_heal();
    forgetful_fail(FORGETFUL_READ, 0, FOR_EVER, SQLITE_IOERR_READ);
    assert_refused(rig, "reading or writing has failed");
    forgetful_heal();
    open_db(rig);
}

/* A server that does not start says why, and starts when the disk is well again, with all that was there. */
static void each_single_failure_while_opening(void **state) {
    static const enum forgetful_op ops[] = {FORGETFUL_OPEN, FORGETFUL_READ, FORGETFUL_WRITE,
                                            FORGETFUL_SYNC};
    static const int results[] = {SQLITE_CANTOPEN, SQLITE_IOERR_READ, SQLITE_IOERR_WRITE,
                                  SQLITE_IOERR_FSYNC};
    struct rig *rig = *state;
    unsigned refusals = 0;

    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
    copy_file(rig, "db.sqlite", "kept");
    copy_file(rig, "db.sqlite-wal", "kept-wal");
    for (unsigned i = 0; i < 4; i++) {
        bool reached = true;
        for (unsigned after = 0; reached; after++) {
            ramp_error error = {0};
            unsigned before;
            close_db(rig);
            forgetful_crash();
            /* As a kill has left it, with what it holds in the log. */
            copy_file(rig, "kept", "db.sqlite");
            copy_file(rig, "kept-wal", "db.sqlite-wal");
            before = forgetful_calls(ops[i]);
            forgetful_fail(ops[i], after, 1, results[i]);
            if (db_sqlite_open(&rig->options, &rig->db, &error) != RAMP_OK) {
                rig->db = NULL;
                refusals++;
                assert_non_null(strstr(error.message, rig->path));
            } else {
                rig->driver = db_sqlite_driver(rig->db, &rig->port);
            }
            reached = forgetful_calls(ops[i]) - before > after;
            forgetful_heal();
            if (!rig->db) open_db(rig);
            assert_value(rig, "room", "one");
        }
    }
    assert_true(refusals > 20);
    assert_answer(rig, commit(rig, "room", 2, "two"), RAMP_OK);
}

static void nothing_leaks_when_there_is_no_memory(void **state) {
    struct rig *rig = *state;

    close_db(rig);
    forgetful_crash();
    for (unsigned i = 0; i < 30 && !rig->db; i++) {
        ramp_error error = {0};
        mem_fail_after(i);
        if (db_sqlite_open(&rig->options, &rig->db, &error) == RAMP_OK) {
            rig->driver = db_sqlite_driver(rig->db, &rig->port);
        } else {
            assert_int_equal(error.status, RAMP_NO_MEMORY);
            rig->db = NULL;
        }
        mem_fail_after(-1);
    }
    assert_non_null(rig->db);
    mem_fail_after(0);
    commit(rig, "room", 1, "one");
    mem_fail_after(-1);
    assert_int_equal(refused_ticket, rig->last_ticket);
    assert_int_equal(refused_status, RAMP_NO_MEMORY);
    assert_int_equal(number_of(rig, "room"), 0);
    assert_answer(rig, commit(rig, "room", 1, "one"), RAMP_OK);
}

/* ---- kv and states --------------------------------------------------------------------------------- */

static unsigned rows_of(const char *path) {
    sqlite3 *handle;
    sqlite3_stmt *statement;
    unsigned count;

    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(handle, "SELECT count(*) FROM entries", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = (unsigned)sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    return count;
}

static void expired_keys_are_swept(void **state) {
    enum { COUNT = 1000 };
    struct rig *rig = *state;
    struct kv_sqlite *kv;
    ramp_kv driver;
    ramp_error error;
    ramp_kv_write *writes = calloc(COUNT, sizeof(*writes));
    char(*keys)[16] = calloc(COUNT, 16);
    char path[96];

    snprintf(path, sizeof(path), "%s/kv.sqlite", rig->folder);
    rig->options.path = path;
    rig->options.vfs = NULL;
    rig->options.tidy_ms = 20;
    assert_int_equal(kv_sqlite_open(&rig->options, &kv, &error), RAMP_OK);
    driver = kv_sqlite_driver(kv, &rig->port);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(keys[i], 16, "key-%u", i);
        writes[i] =
            (ramp_kv_write){.key = {.service = "svc", .room = "room", .key = bytes_of(keys[i])},
                            .value = bytes_of("value"),
                            .expires_ms = i % 10 ? 1 + i : 0};
    }
    driver.write(driver.context, NULL, ++rig->last_ticket, writes, COUNT);
    assert_answer(rig, rig->last_ticket, RAMP_OK);
    for (unsigned i = 0; rows_of(path) > COUNT / 10; i++) {
        assert_true(i < DEADLINE_MS / 10);
        sleep_ms(10);
    }
    assert_int_equal(rows_of(path), COUNT / 10);
    kv_sqlite_close(kv);
    free(writes);
    free(keys);
}

static void load(struct rig *rig, const ramp_states *driver, uint32_t flags) {
    driver->load(driver->context, NULL, ++rig->last_ticket, "svc", "room");
    assert_answer(rig, rig->last_ticket, RAMP_OK);
    assert_int_equal(answer_of(rig, rig->last_ticket)->flags, flags);
}

static void a_mark_that_cannot_be_stored_is_not_forgotten(void **state) {
    struct rig *rig = *state;
    struct states_sqlite *states;
    ramp_states driver;
    ramp_error error;

    snprintf(rig->after, sizeof(rig->after), "%s/meta.sqlite", rig->folder);
    rig->options.path = rig->after;
    assert_int_equal(states_sqlite_open(&rig->options, &states, &error), RAMP_OK);
    driver = states_sqlite_driver(states, &rig->port);
    driver.save(driver.context, NULL, ++rig->last_ticket, "svc", "room", bytes_of("state"), 0);
    assert_answer(rig, rig->last_ticket, RAMP_OK);
    load(rig, &driver, RAMP_STATE_CURRENT);
    forgetful_fail(FORGETFUL_WRITE, 0, FOR_EVER, SQLITE_FULL);
    driver.mark(driver.context, "svc", "room");
    load(rig, &driver, 0);
    forgetful_heal();
    load(rig, &driver, 0);
    states_sqlite_close(states);
    assert_int_equal(states_sqlite_open(&rig->options, &states, &error), RAMP_OK);
    driver = states_sqlite_driver(states, &rig->port);
    load(rig, &driver, 0);
    states_sqlite_close(states);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reads_see_what_was_queued_before_them),
        TEST(what_is_queued_during_a_sync_shares_the_next_one),
        TEST(nothing_is_acknowledged_before_it_is_synced),
        TEST(a_read_of_another_room_does_not_wait_for_the_groups_sync),
        TEST(closing_carries_out_what_is_queued),
        TEST(a_full_queue_refuses_at_once),
        TEST(the_log_is_copied_into_the_file_now_and_then),
        TEST(a_full_disk_fails_commits_and_nothing_else),
        TEST(a_file_that_cannot_be_written_fails_commits_and_nothing_else),
        TEST(rooms_of_a_group_that_failed_go_alone),
        TEST(of_a_group_that_failed_one_may_fail_alone),
        TEST(a_failed_sync_whose_bytes_are_shown),
        TEST(a_failed_sync_whose_bytes_are_dropped),
        TEST(a_failed_sync_of_a_group),
        TEST(while_syncs_fail_nothing_is_acknowledged),
        TEST(a_file_that_stays_away_is_unavailable),
        TEST(a_failing_read_is_tried_in_a_file_opened_anew),
        cmocka_unit_test(each_single_failure_of_an_operation),
        TEST(files_that_are_not_ours_are_refused),
        TEST(opening_fails_in_one_sentence_when_the_disk_does),
        TEST(each_single_failure_while_opening),
        TEST(nothing_leaks_when_there_is_no_memory),
        TEST(expired_keys_are_swept),
        TEST(a_mark_that_cannot_be_stored_is_not_forgotten),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}

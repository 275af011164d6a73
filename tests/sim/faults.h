/* SPDX-License-Identifier: Apache-2.0 */
/* faults.h -- a kv, a db and saved states in memory, on a clock of the test's, that go wrong on command.
 *
 *     faults_init(&faults, &options);          faults.kv, faults.db, faults.states are for the host
 *     faults.plan = (struct faults_plan){...}  how often what goes wrong, by chance from the seed
 *     faults_next(&faults, FAULTS_COMMIT, FAULT_LATE)  or this, the next time
 *     faults_step(&faults)                     does what is due at the clock's time, and answers
 *
 * What a request does to the store and its answer are two things that happen at two times. Reads see
 * the store as it is at a time between question and answer; answers come in any order. As the drivers
 * promise (driver.h): a commit checks its predecessor whenever it lands; kv writes of a host, and saves of a
 * room, land in the order in which they were handed over, or not at all.
 * What is stored outlives faults_forget_host(), as a disk does.
 */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include <ramp/driver.h>

#include "base/heap.h"
#include "base/list.h"

enum faults_kind {
    FAULTS_KV_GET,
    FAULTS_KV_WRITE,
    FAULTS_HEAD,
    FAULTS_DB_GET,
    FAULTS_DB_LIST,
    FAULTS_COMMIT,
    FAULTS_ALARMS,
    FAULTS_STATE_LOAD,
    FAULTS_STATE_SAVE,
    FAULTS_KINDS
};

enum fault {
    FAULT_NONE,
    FAULT_FAILS,   /* has not happened; the answer says so */
    FAULT_LOST,    /* has not happened and will not; the answer says TIMEOUT */
    FAULT_LANDED,  /* has happened; the answer says TIMEOUT */
    FAULT_LATE,    /* the answer says TIMEOUT, then it happens */
    FAULT_DOUBLED, /* happens twice, one after the other; two answers */
    FAULT_RETRIED, /* happens twice; the one answer is the second one's */
    FAULT_SLOW,    /* takes plan.slow_ms, or less */
    FAULT_COUNT
};

struct faults_plan {
    uint32_t delay_ms;             /* an answer takes up to so long ... */
    uint32_t slow_ms;              /* ... and a slow one up to so long */
    uint32_t at_once;              /* of 1,000: answered inside the driver's function */
    uint32_t away;                 /* 1u << enum faults_kind, in sum: these always fail */
    uint32_t weights[FAULT_COUNT]; /* of 1,000 requests; FAULT_NONE is the rest */
};

/* Something that is kept: sorted by name, which is service, NUL, room, NUL, key, or without a room. */
struct faults_item {
    size_t name_size, value_size;
    int64_t expires_ms;
    uint32_t flags; /* of a state */
    ramp_head head; /* of a room */
    char *value;    /* behind the name */
    char name[];
};

struct faults_shelf {
    struct faults_item **items;
    size_t count, capacity;
};

struct faults_options {
    uint64_t seed;
    const uint64_t *now_ns; /* the clock, borrowed */
    int64_t epoch_ms;       /* wall clock when it is 0 */
};

struct faults {
    ramp_kv kv;
    ramp_db db;
    ramp_states states;
    struct faults_plan plan;
    struct faults_options options;
    uint64_t random;
    enum fault next[FAULTS_KINDS]; /* faults_next() */
    struct faults_shelf keys, rows, heads, states_kept;
    struct heap due;                                    /* steps, by their time */
    struct list requests;                               /* those with steps to come */
    uint64_t asked[FAULTS_KINDS], faulted[FAULT_COUNT]; /* counts */
    uint64_t answered, cancelled;
};

void faults_init(struct faults *faults, const struct faults_options *options);
void faults_done(struct faults *faults);
/* The next request of this kind goes so, whatever the plan says. */
void faults_next(struct faults *faults, enum faults_kind kind, enum fault fault);
/* When faults_step() has something to do; UINT64_MAX: nothing is under way. */
uint64_t faults_deadline(const struct faults *faults);
void faults_step(struct faults *faults);
/* The host is gone: nobody is answered any more. What is under way may still happen. */
void faults_forget_host(struct faults *faults);
/* The process has gone without stopping cleanly: no saved state is known to be current. */
void faults_crash(struct faults *faults);
/* Somebody else commits to the room: sets `key` to `value`. */
void faults_intrude(struct faults *faults, const char *service, const char *room, ramp_bytes key,
                    ramp_bytes value);
/* Somebody else writes a key of kv. */
void faults_write_kv(struct faults *faults, const ramp_kv_write *write);

/* ---- looking at what is stored; borrowed until the next step --------------------------------- */

/* NULL: there is none, or it has expired. */
const struct faults_item *faults_find_kv(const struct faults *faults, const ramp_kv_key *key);
const struct faults_item *faults_find_row(const struct faults *faults, const char *service,
                                          const char *room, ramp_bytes key);
size_t faults_count_rows(const struct faults *faults, const char *service, const char *room);
ramp_head faults_head(const struct faults *faults, const char *service, const char *room);
const struct faults_item *faults_find_state(const struct faults *faults, const char *service,
                                            const char *room);

#endif

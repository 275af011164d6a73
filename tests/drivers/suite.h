/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h -- what the conformance suites and the drivers under test know of each other.
 *
 * db_conformance.c, kv_conformance.c and states_conformance.c are written against ramp/driver.h alone;
 * what a driver must do is what they assert. A file KIND_NAME_test.c hands its driver to the suite of its
 * kind with suite_run(). There is no host: suite.c is at the other end of ramp_complete(), and sees to
 * it that each request is answered once, to the right host, on its thread.
 *
 * Adding a driver: write tests/drivers/KIND_NAME_test.c with a struct suite_driver; cmake finds it.
 */
#ifndef TESTS_DRIVERS_SUITE_H
#define TESTS_DRIVERS_SUITE_H

#include <ramp/driver.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SUITE_DEADLINE_MS 60000 /* for an answer: far beyond what any driver needs */

struct suite_driver {
    /* A place of its own, with nothing in it; and away with it. */
    void (*make_place)(void);
    void (*remove_place)(void);
    /* A process begins to use the place, and ends in good order. */
    void (*open)(void);
    void (*close)(void);
    /* Waits up to `ms` for answers, and hands those that have come to ramp_complete(). */
    void (*pump)(unsigned ms);
    /* One of the three is used; what they point to is good after open(). */
    const ramp_db *db;
    const ramp_kv *kv;
    const ramp_states *states;
};

/* Of each suite. main()'s exit code. */
int suite_run(const struct suite_driver *driver);

/* ---- for the suites ---------------------------------------------------------------------------- */

extern const struct suite_driver *suite; /* the one that is tested */

int suite_set_up(void **state);    /* a place, opened */
int suite_tear_down(void **state); /* closed, and removed */
void suite_reopen(void);
/* Runs `run` in a process of its own that opens the place and dies without closing it. The place must not
 * be open here. */
void suite_run_killed(void (*run)(void));

ramp_host *suite_host(void);
ramp_ticket suite_ticket(void); /* a new one */
/* The answer to a request, once it has come; good until the next test. */
const ramp_answer *suite_answer(ramp_ticket ticket);

ramp_bytes suite_bytes(const char *text);
#define assert_bytes(bytes, expected, expected_size)                                               \
    do {                                                                                           \
        assert_int_equal((bytes).size, expected_size);                                             \
        if ((bytes).size) assert_memory_equal((bytes).data, expected, expected_size);              \
    } while (0)
#define assert_bytes_text(bytes, text) assert_bytes(bytes, text, strlen(text))

/* Names and keys that a driver which glues them together, escapes them badly, or gives some a meaning
 * would mix up. */
struct suite_triple {
    const char *service, *room, *key;
};
extern const struct suite_triple suite_triples[];
extern const unsigned suite_triple_count;

uint32_t suite_random(uint32_t below); /* the same series in each run */

#endif

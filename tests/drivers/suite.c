/* SPDX-License-Identifier: Apache-2.0 */
/* suite.c -- see suite.h. */
#include "drivers/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICKETS 8192

struct kept {
    bool has_come;
    ramp_answer answer;
};

const struct suite_driver *suite;
static struct kept kept[TICKETS];
static ramp_ticket last_ticket;
static void *copies[200000];
static unsigned copy_count;
static pthread_t thread;
static int host; /* its address is all that drivers see */

ramp_host *suite_host(void) {
    return (ramp_host *)(void *)&host;
}

ramp_ticket suite_ticket(void) {
    assert_true(last_ticket + 1 < TICKETS);
    return ++last_ticket;
}

/* ---- answers ----------------------------------------------------------------------------------- */

/* Exactly as large as it is, so that the address sanitizer sees a read beyond. */
static const void *copy(const void *data, size_t size) {
    void *memory = malloc(size ? size : 1);

    assert_non_null(memory);
    assert_true(copy_count < sizeof(copies) / sizeof(*copies));
    if (size) memcpy(memory, data, size);
    copies[copy_count++] = memory;
    return memory;
}

static ramp_bytes copy_bytes(ramp_bytes bytes) {
    return (ramp_bytes){copy(bytes.data, bytes.size), bytes.size};
}

static void copy_entries(ramp_answer *answer) {
    ramp_entry *entries;

    if (answer->entry_count == 0) return;
    entries = (void *)(uintptr_t)copy(answer->entries, answer->entry_count * sizeof(*entries));
    for (size_t i = 0; i < answer->entry_count; i++) {
        entries[i].key = copy_bytes(entries[i].key);
        entries[i].value = copy_bytes(entries[i].value);
    }
    answer->entries = entries;
}

static void copy_alarms(ramp_answer *answer) {
    ramp_alarm *alarms;

    if (answer->alarm_count == 0) return;
    alarms = (void *)(uintptr_t)copy(answer->alarms, answer->alarm_count * sizeof(*alarms));
    for (size_t i = 0; i < answer->alarm_count; i++) {
        alarms[i].service = copy(alarms[i].service, strlen(alarms[i].service) + 1);
        alarms[i].room = copy(alarms[i].room, strlen(alarms[i].room) + 1);
    }
    answer->alarms = alarms;
}

void ramp_complete(ramp_host *answered, ramp_ticket ticket, const ramp_answer *answer) {
    struct kept *found = &kept[ticket];

    assert_ptr_equal(answered, suite_host());
    assert_true(pthread_equal(pthread_self(), thread));
    assert_true(ticket > 0 && ticket <= last_ticket);
    assert_false(found->has_come);
    assert_int_equal(answer->size, sizeof(ramp_answer));
    found->has_come = true;
    found->answer = *answer;
    if (answer->message) found->answer.message = copy(answer->message, strlen(answer->message) + 1);
    found->answer.value = copy_bytes(answer->value);
    copy_entries(&found->answer);
    copy_alarms(&found->answer);
}

static uint64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const ramp_answer *suite_answer(ramp_ticket ticket) {
    uint64_t end = now_ms() + SUITE_DEADLINE_MS;

    while (!kept[ticket].has_come) {
        assert_true(now_ms() < end);
        suite->pump(100);
    }
    return &kept[ticket].answer;
}

/* ---- places ------------------------------------------------------------------------------------ */

int suite_set_up(void **state) {
    (void)state;
    thread = pthread_self();
    memset(kept, 0, sizeof(kept));
    last_ticket = 0;
    suite->make_place();
    suite->open();
    return 0;
}

int suite_tear_down(void **state) {
    (void)state;
    suite->close();
    suite->remove_place();
    for (unsigned i = 0; i < copy_count; i++) free(copies[i]);
    copy_count = 0;
    return 0;
}

void suite_reopen(void) {
    suite->close();
    suite->open();
}

void suite_run_killed(void (*run)(void)) {
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failure must not go on with the tests here */
        thread = pthread_self();
        suite->open();
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- data -------------------------------------------------------------------------------------- */

ramp_bytes suite_bytes(const char *text) {
    return (ramp_bytes){text, strlen(text)};
}

uint32_t suite_random(uint32_t below) {
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

const struct suite_triple suite_triples[] = {
    {"a", "b", "c"},
    {"a", "bc", "d"},
    {"ab", "c", "d"},
    {"a", "b", "cd"},
    {"a", "b:c", "d"},
    {"a", "b", "c:d"},
    {"a", "b:c:d", "e"},
    {"a", "b", "c:d:e"},
    {"a-b", "c", "d"},
    {"a", "b-c", "d"},
    {"a", "-b", "c"},
    {"a", "b%3ac", "d"},
    {"a", "b%3Ac", "d"},
    {"a", "b\\", "c"},
    {"a", "b", "\\c"},
    {"a", "b", "/c"},
    {"a", "b", "c/"},
    {"a", "b", "c/d"},
    {"a", "b.", "c"},
    {"a", "b", ".c"},
    {"a", ".", "c"},
    {"a", "..", "c"},
    {"a", "b", "."},
    {"a", "b", ".."},
    {"a", "__b__", "c"},
    {"a", "b", "__c__"},
    {"a", "B", "c"},
    {"a", "b", "C"},
    {"a", " b", "c"},
    {"a", "b ", "c"},
    {"a", "b", " c"},
    {"a", "b", "c "},
    {"a", "b", "c\x01"},
    {"a", "b",
     "\x01"
     "c"},
    {"a", "b", "c\n"},
    {"a", "b", "c\x7f"},
    {"a", "\xc3\xa9", "c"},
    {"a", "e\xcc\x81", "c"},
    {"a", "b", "\xc3\xa9"},
    {"a", "b", "e\xcc\x81"},
    {"a", "*", "c"},
    {"a", "?", "c"},
    {"a", "b", "*"},
    {"a", "b", "%"},
    {"a", "b", "_"},
    {"a", "{b}", "c"},
    {"a", "b", "{c}"},
    {"a", "b'", "c"},
    {"a", "b", "'; --"},
    {"a", "0", "c"},
    {"a", "00", "c"},
    {"0", "0", "0"},
    {"1", "1", "1"},
    {"a", "b", "0"},
    {"a", "b", "00"},
    {"a", "b", "\xf0\x9f\x9a\x80"},
    {"a", "\xf0\x9f\x9a\x80", "c"},
    {"a", "b", "\xef\xbf\xbf"},
    {"a", "b", "\xee\x80\x80"},
    {"a", "null", "c"},
    {"a", "b", "null"},
    {"a", "b", "\""},
};
const unsigned suite_triple_count = sizeof(suite_triples) / sizeof(*suite_triples);

/* SPDX-License-Identifier: Apache-2.0 */
/* caps_test.c -- what one worker owes its clients, and how many connections one address has: small caps
 * in a whole server, which are met.
 */
#define _GNU_SOURCE
#include "unit/server/live_server.h"

#include "server/worker.h"

#define OUTGOING_MAX (3u << 20)
#define CONNECTIONS  12u
#define PIECE        16000u
#define WORKERS      2u

static int start(void **state) {
    (void)state;
    return live_start((struct server_options){.workers = WORKERS,
                                              .rooms_max = 128,
                                              .outgoing_max = OUTGOING_MAX,
                                              .connections_per_address = CONNECTIONS,
                                              .counts_loopback = true});
}

static int stop(void **state) {
    (void)state;
    return live_stop();
}

static uint64_t sum_of(size_t offset) {
    uint64_t sum = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        struct metrics *metrics = worker_metrics(server_worker(server, i));
        sum += atomic_load((_Atomic uint64_t *)(void *)((char *)metrics + offset));
    }
    return sum;
}
#define SUM_OF(field) sum_of(offsetof(struct metrics, field))

/* The server has noticed that all have gone. */
static void wait_until_nobody_is_there(void) {
    for (int i = 0; i < 1000 && SUM_OF(connections); i++) usleep(10000);
    assert_int_equal(SUM_OF(connections), 0);
    usleep(20000); /* the address gets its place back some instructions after the gauge says so */
}

/* ---- what a worker owes ------------------------------------------------------------------------ */

/* Two members of a room of worker 0: what `speaker` says goes to `deaf`, too, who reads nothing. */
struct pair {
    struct client *deaf, *speaker;
};

static struct pair pair_new(unsigned *number) {
    char path[32], upgrade[256];
    struct pair pair;

    do snprintf(path, sizeof(path), "r%u", (*number)++);
    while (worker_index(server_worker_of(server, "echo", path)) != 0);
    snprintf(upgrade, sizeof(upgrade), UPGRADE("/echo/%s"), path);
    pair.speaker = member(upgrade);
    pair.deaf = member(upgrade);
    return pair;
}

static void pair_free(struct pair pair) {
    client_free(pair.speaker);
    client_free(pair.deaf);
}

static void pair_speak(struct pair pair) {
    static uint8_t message[8 + PIECE], echo[4 + PIECE];

    memcpy(message, "\x82\xfe\x3e\x80\0\0\0\0", 8);
    memset(message + 8, 'm', PIECE);
    say(pair.speaker, message, sizeof(message));
    for (size_t got = 0; got < sizeof(echo);) {
        ssize_t n = recv(pair.speaker->fd, echo + got, sizeof(echo) - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_memory_equal(echo + 4, message + 8, PIECE);
}

static bool has_been_dropped(struct client *client) {
    struct pollfd gone = {.fd = client->fd, .events = POLLIN};

    return poll(&gone, 1, 0) == 1 && (gone.revents & (POLLERR | POLLHUP));
}

static void the_largest_debtor_goes_first_and_only_he(void **state) {
    unsigned number = 0, count = 0;
    struct pair large = pair_new(&number), small = pair_new(&number);
    uint64_t before = SUM_OF(overflows);

    (void)state;
    /* 2.4 MB, of which the kernel takes some hundred KB. */
    for (unsigned i = 0; i < 150; i++) pair_speak(large);
    assert_false(has_been_dropped(large.deaf));
    for (; count < 150 && !has_been_dropped(large.deaf); count++) pair_speak(small);
    assert_true(count < 150);
    assert_false(has_been_dropped(small.deaf));
    assert_int_equal(SUM_OF(overflows), before + 1);
    /* The other debt is paid whole. */
    for (size_t owed = (size_t)count * (4 + PIECE); owed > 0;) {
        assert_true(hear(small.deaf));
        assert_true(small.deaf->size <= owed);
        owed -= small.deaf->size;
        small.deaf->size = 0;
    }
    /* Those who read have lost nothing; the speaker of the room without the deaf one goes on. */
    pair_speak(large);
    pair_speak(small);
    pair_free(large);
    pair_free(small);
}

/* ---- connections of an address ------------------------------------------------------------------ */

static void an_address_has_so_many_connections_and_no_more(void **state) {
    struct client *clients[CONNECTIONS], *more;
    uint64_t before = SUM_OF(refused_address);
    char upgrade[256];

    (void)state;
    /* What has come and gone, also from one worker to the other, is counted no more. */
    for (unsigned i = 0; i < 3 * CONNECTIONS; i++) {
        if (i % CONNECTIONS == 0) wait_until_nobody_is_there();
        snprintf(upgrade, sizeof(upgrade), UPGRADE("/echo/%u"), i);
        client_free(member(upgrade));
    }
    assert_true(SUM_OF(handovers) > 0);
    wait_until_nobody_is_there();
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        snprintf(upgrade, sizeof(upgrade), UPGRADE("/echo/%u"), i % 8);
        clients[i] = member(upgrade);
    }
    assert_int_equal(SUM_OF(refused_address), before);
    more = client_new();
    while (hear(more)) continue;
    assert_non_null(memmem(more->bytes, more->size, "HTTP/1.1 429 ", 13));
    assert_non_null(memmem(more->bytes, more->size, "your address has as many connections", 36));
    client_free(more);
    assert_int_equal(SUM_OF(refused_address), before + 1);
    for (unsigned i = 0; i < CONNECTIONS; i++) client_free(clients[i]);
    wait_until_nobody_is_there();
    client_free(member(UPGRADE("/echo/again")));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_debtor_goes_first_and_only_he),
        cmocka_unit_test(an_address_has_so_many_connections_and_no_more),
    };
    int code;

    return live_main(argc, argv, &code) ? cmocka_run_group_tests(tests, start, stop) : code;
}

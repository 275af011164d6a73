/* SPDX-License-Identifier: Apache-2.0 */
/* bench_echo.c -- scenario echo: what a connection sends comes back to it, W messages in flight.
 *
 * Door:   scenario_echo(). Before: bench.c. After: bench_traffic.h.
 * One recv() that brings n messages back is answered by one send() with n new ones.
 */
#include "cli/bench_traffic.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct echo {
    struct traffic traffic;
    size_t size; /* of a message */
    unsigned in_flight;
    uint8_t *payloads;  /* in_flight of each connection, by sequence number */
    uint64_t *begun_ns; /* the same */
    uint8_t *out;       /* frames of one send */
};

static size_t slot_of(const struct echo *echo, const struct load_connection *connection,
                      uint64_t sequence) {
    return (size_t)connection->index * echo->in_flight + (size_t)(sequence % echo->in_flight);
}

static void send_due(struct load *load, struct load_connection *connection) {
    struct echo *echo = load->context;
    size_t size = 0;

    if (echo->traffic.stopping || !connection->due) return;
    for (; connection->due; connection->due--, connection->sent++) {
        size_t slot = slot_of(echo, connection, connection->sent);
        uint8_t *payload = echo->payloads + slot * echo->size;
        message_make(payload, echo->size, load->run, connection->index, connection->sent);
        echo->begun_ns[slot] = load->now_ns;
        size += load_frame(load, echo->out + size, payload, echo->size);
        echo->traffic.pending++;
    }
    load_send(load, connection, echo->out, size);
}

static void on_open(struct load *load, struct load_connection *connection) {
    const struct echo *echo = load->context;
    connection->due = echo->in_flight;
}

static void on_message(struct load *load, struct load_connection *connection,
                       const uint8_t *payload, size_t size) {
    struct echo *echo = load->context;
    size_t slot = slot_of(echo, connection, connection->next);

    if (connection->next == connection->sent) {
        load_fail(load, "doubled", "connection %u: a message where none was under way",
                  connection->index);
        return;
    }
    if (!message_check(load, connection, payload, size, echo->payloads + slot * echo->size,
                       echo->size))
        return;
    histogram_add(&echo->traffic.latency, load->now_ns - echo->begun_ns[slot]);
    connection->next++;
    connection->due++;
    echo->traffic.deliveries++;
    echo->traffic.pending--;
}

static const struct load_handler handler = {on_open, on_message, send_due};

static void run(struct load *load, struct echo *echo, const struct bench_setup *setup,
                struct bench_result *result) {
    char room[32];

    for (uint32_t i = 0; i < load->connection_count && !load->failed; i++) {
        snprintf(room, sizeof(room), "echo-%u", i % setup->rooms);
        load_connect(load, &load->connections[i], setup->target.service, room);
        load_turn(load, 0);
    }
    if (!traffic_open(load)) return;
    for (uint32_t i = 0; i < load->connection_count && !load->failed; i++)
        send_due(load, &load->connections[i]);
    traffic_run(load, &echo->traffic, setup, result);
}

void scenario_echo(const struct bench_setup *setup, struct bench_result *result) {
    struct echo echo = {.size = setup->payload, .in_flight = setup->in_flight};
    size_t slots = (size_t)setup->connections * setup->in_flight;
    struct load load;

    echo.payloads = mem_alloc(slots * setup->payload);
    echo.begun_ns = mem_zalloc(slots * sizeof(*echo.begun_ns));
    echo.out = mem_alloc(setup->in_flight * (size_t)(setup->payload + WS_HEAD_MASKED_MAX));
    bool ready = load_init(&load, &setup->target, &handler, &echo, setup->connections);
    if (!echo.payloads || !echo.begun_ns || !echo.out)
        load_fail(&load, "broken", "no memory for %zu messages", slots);
    else if (ready) run(&load, &echo, setup, result);
    bench_take_failure(result, &load);
    load_done(&load);
    mem_free(echo.payloads);
    mem_free(echo.begun_ns);
    mem_free(echo.out);
}

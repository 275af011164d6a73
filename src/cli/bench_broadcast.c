/* SPDX-License-Identifier: Apache-2.0 */
/* bench_broadcast.c -- scenario broadcast: one sender per room, everybody in it receives.
 *
 * Door:   scenario_broadcast(). Before: bench.c. After: bench_traffic.h.
 * A sender sends W messages at once, and the next W when every member, itself included, has all of
 * them: with W = 1 a server finds nothing to gather, with 4 it finds four messages in a turn.
 */
#include "cli/bench_traffic.h"

#include "base/mem.h"

#include <stdio.h>

struct room {
    struct load_connection *sender;
    uint32_t members;
    uint32_t missing;  /* deliveries of the messages under way that are still to come */
    uint64_t first;    /* sequence number of the first of them */
    uint64_t begun_ns; /* when they were sent */
    uint8_t *payloads; /* in_flight of them, one after the other */
};

struct broadcast {
    struct traffic traffic;
    size_t size; /* of a message */
    unsigned in_flight;
    struct room *rooms;
    uint32_t room_count;
    uint8_t *payloads, *out;
};

static void send_next(struct load *load, struct room *room) {
    struct broadcast *broadcast = load->context;
    uint32_t origin = room->sender->room;
    size_t size = 0;

    if (broadcast->traffic.stopping) return;
    room->first += broadcast->in_flight;
    room->missing = room->members * broadcast->in_flight;
    room->begun_ns = load->now_ns;
    broadcast->traffic.pending += room->missing;
    for (unsigned i = 0; i < broadcast->in_flight; i++) {
        uint8_t *payload = room->payloads + i * broadcast->size;
        message_make(payload, broadcast->size, load->run, origin, room->first + i);
        size += load_frame(load, broadcast->out + size, payload, broadcast->size);
    }
    load_send(load, room->sender, broadcast->out, size);
}

static void on_open(struct load *load, struct load_connection *connection) {
    const struct broadcast *broadcast = load->context;
    connection->next = broadcast->in_flight; /* that of the first message: see send_next() */
}

static void on_message(struct load *load, struct load_connection *connection,
                       const uint8_t *payload, size_t size) {
    struct broadcast *broadcast = load->context;
    struct room *room = &broadcast->rooms[connection->room];
    uint64_t index = connection->next - room->first;

    if (index >= broadcast->in_flight || room->missing == 0) {
        load_fail(load, "doubled", "connection %u: a message where none was under way",
                  connection->index);
        return;
    }
    if (!message_check(load, connection, payload, size, room->payloads + index * broadcast->size,
                       broadcast->size))
        return;
    histogram_add(&broadcast->traffic.latency, load->now_ns - room->begun_ns);
    connection->next++;
    broadcast->traffic.deliveries++;
    broadcast->traffic.pending--;
    if (--room->missing == 0) send_next(load, room);
}

static const struct load_handler handler = {on_open, on_message, NULL};

/* Connections of a room follow each other; the last rooms have one less if it does not divide. */
static void connect_all(struct load *load, struct broadcast *broadcast,
                        const struct bench_setup *setup) {
    char name[32];

    for (uint32_t i = 0; i < load->connection_count && !load->failed; i++) {
        struct load_connection *connection = &load->connections[i];
        uint32_t number = (uint32_t)((uint64_t)i * broadcast->room_count / load->connection_count);
        struct room *room = &broadcast->rooms[number];
        connection->room = number;
        if (!room->sender) room->sender = connection;
        room->members++;
        snprintf(name, sizeof(name), "broadcast-%u", number);
        load_connect(load, connection, setup->target.service, name);
        load_turn(load, 0);
    }
}

static void run(struct load *load, struct broadcast *broadcast, const struct bench_setup *setup,
                struct bench_result *result) {
    for (uint32_t i = 0; i < broadcast->room_count; i++)
        broadcast->rooms[i].payloads =
            broadcast->payloads + (size_t)i * setup->in_flight * setup->payload;
    connect_all(load, broadcast, setup);
    if (!traffic_open(load)) return;
    for (uint32_t i = 0; i < broadcast->room_count && !load->failed; i++)
        send_next(load, &broadcast->rooms[i]);
    traffic_run(load, &broadcast->traffic, setup, result);
}

void scenario_broadcast(const struct bench_setup *setup, struct bench_result *result) {
    struct broadcast broadcast = {.size = setup->payload, .in_flight = setup->in_flight};
    struct load load;

    broadcast.room_count = setup->rooms;
    broadcast.rooms = mem_zalloc(setup->rooms * sizeof(*broadcast.rooms));
    broadcast.payloads = mem_alloc((size_t)setup->rooms * setup->in_flight * setup->payload);
    broadcast.out = mem_alloc(setup->in_flight * (size_t)(setup->payload + WS_HEAD_MASKED_MAX));
    bool ready = load_init(&load, &setup->target, &handler, &broadcast, setup->connections);
    if (!broadcast.rooms || !broadcast.payloads || !broadcast.out)
        load_fail(&load, "broken", "no memory for %u rooms", setup->rooms);
    else if (ready) run(&load, &broadcast, setup, result);
    bench_take_failure(result, &load);
    load_done(&load);
    mem_free(broadcast.rooms);
    mem_free(broadcast.payloads);
    mem_free(broadcast.out);
}

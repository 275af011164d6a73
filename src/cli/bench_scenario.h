/* SPDX-License-Identifier: Apache-2.0 */
/* bench_scenario.h -- what is measured: one function per scenario, all with the same question and answer.
 *
 * Door:     scenario_echo(), scenario_broadcast(), scenario_storm(), scenario_new_rooms(),
 *           scenario_load(), scenario_idle().
 * Before:   bench.c, which has a server and says how much of what.
 * After:    bench_load.h (sockets), bench_traffic.h (messages and their checks), bench_report.c.
 */
#ifndef CLI_BENCH_SCENARIO_H
#define CLI_BENCH_SCENARIO_H

#include "cli/bench_histogram.h"
#include "cli/bench_load.h"

#include <sys/types.h>

#define BENCH_PAYLOAD_MIN   16u /* what a message needs to say whose it is */
#define BENCH_IN_FLIGHT_MAX 1024u

struct bench_setup {
    struct load_target target;
    pid_t pid; /* of the server; 0: not known, so no CPU and no memory */
    double seconds;
    unsigned connections, rooms, members, payload, in_flight;
    unsigned first; /* scenario_load(): number of the first service */
    bool existing;  /* scenario_new_rooms(): the same room each time */
};

struct bench_result {
    const char *scenario;
    unsigned connections, rooms, members, payload, in_flight; /* 0: does not apply */
    /* A failure: its kind, and a sentence. Nothing else means anything then. */
    const char *failed;
    char failure[256];
    double seconds;
    uint64_t deliveries; /* storm, new rooms, load, idle: connections */
    bool has_cpu;
    uint64_t cpu_ns;     /* of the server, during `seconds` */
    double kernel_share; /* of cpu_ns; below a second it is rough */
    double
        generator_cpu; /* share of `seconds` that this side's thread ran: near 1 it was the limit */
    struct histogram latency;
    /* idle: bytes */
    double room_bytes,
        room_table_bytes;    /* RSS and page tables for a room with its first connection */
    double connection_bytes; /* RSS for each further connection */
    double kernel_bytes;     /* the kernel's share of it, one end; rough */
    double idle_cpu;         /* share of a core while nothing happens */
};

/* Every connection in flight with messages of its own, which come back to it. */
void scenario_echo(const struct bench_setup *setup, struct bench_result *result);
/* One sender per room; its next messages when every member has the last. */
void scenario_broadcast(const struct bench_setup *setup, struct bench_result *result);
/* Connect, upgrade, first echo; `connections` of them, 64 at a time. Latency: of all three. */
void scenario_storm(const struct bench_setup *setup, struct bench_result *result);
/* The same, one after the other, each in a room that did not exist (or all in one that did). */
void scenario_new_rooms(const struct bench_setup *setup, struct bench_result *result);
/* The same, each to a service of its own that nobody has asked for yet: `target.service`-N from
 * `first` on. */
void scenario_load(const struct bench_setup *setup, struct bench_result *result);
/* Connections that say nothing: memory. */
void scenario_idle(const struct bench_setup *setup, struct bench_result *result);

/* Notes the load's failure, if it has one, in the result. */
void bench_take_failure(struct bench_result *result, const struct load *load);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* bench_traffic.h -- messages that say whose they are, the check of each delivery, the measured window.
 *
 * Door:     message_make(), message_check(), traffic_run().
 * Before:   bench_echo.c, bench_broadcast.c.
 * After:    bench_load.h, bench_proc.h.
 *
 * A message is text: 6 characters of the run, 4 of its origin (a connection, a room), 6 of its sequence
 * number, then a pattern that depends on both. Each delivery is compared byte by byte with the message
 * that must come next; what differs is read to say how it is wrong.
 */
#ifndef CLI_BENCH_TRAFFIC_H
#define CLI_BENCH_TRAFFIC_H

#include "cli/bench_scenario.h"

struct traffic {
    uint64_t deliveries;
    uint64_t pending; /* deliveries that are still to come */
    bool stopping;    /* send nothing more */
    struct histogram latency;
};

/* `size` is at least BENCH_PAYLOAD_MIN. */
void message_make(uint8_t *out, size_t size, uint32_t run, uint32_t origin, uint64_t sequence);
/* Whether `payload` is the expected message; else the load has failed. */
bool message_check(struct load *load, const struct load_connection *connection,
                   const uint8_t *payload, size_t size, const uint8_t *expected,
                   size_t expected_size);

/* The rest of a run, once all connections are open and the first messages have been sent: warms up,
 * measures for setup->seconds, then waits for what is pending, and a moment for what may not come. */
void traffic_run(struct load *load, struct traffic *traffic, const struct bench_setup *setup,
                 struct bench_result *result);
/* Turns until all connections are open. false: the load has failed. */
bool traffic_open(struct load *load);
/* Waits until the server has done what earlier connections left it to do. */
void traffic_settle(pid_t pid);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h -- one run of `ramp bench`: what was asked for, the server, what was found.
 *
 * Door:     bench_loading(), bench_storing(); bench_setup_of() and bench_tell() for it.
 * Before:   bench.c, the verb.
 * After:    bench_loading.c, which restarts the server and deploys while it measures; bench_storing.c.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/bench_scenario.h"
#include "cli/bench_server.h"

#define BENCH_ECHO      "bench-echo"
#define BENCH_BROADCAST "bench-broadcast"

struct bench {
    /* options; 0: not given */
    const char *url, *service, *scenario, *sdk, *seconds_text;
    unsigned pid, connections, rooms, members, payload, in_flight, workers;
    bool binary, json;
    /* state */
    double seconds;
    struct bench_server server; /* our own, without --url */
    struct client_url target;
    struct bytes echo_wasm;
    json_t *results; /* --json */
    unsigned failures, done;
};

/* What all scenarios are told; `service` and `payload` are what is used if none was asked for. */
struct bench_setup bench_setup_of(const struct bench *bench, const char *service, unsigned payload);
void bench_tell(struct bench *bench, const struct bench_result *result);

/* From a request for a service to its first answer: its module compiled anew, or from the cache. The
 * exit code. */
int bench_loading(struct bench *bench);
/* Echo with a write to kv or to the db before it, and without. The exit code. */
int bench_storing(struct bench *bench);

#endif

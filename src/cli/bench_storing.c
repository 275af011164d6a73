/* SPDX-License-Identifier: Apache-2.0 */
/* bench_storing.c -- scenario storing: an echo that keeps each message, in kv or in the db, before it
 * comes back.
 *
 * Door:   bench_storing(). Before: bench.c. After: bench_server.h, bench_echo.c.
 *
 * Next to CPU and latency stands how many transactions the server has made of the writes: from
 * its /metrics, before and after.
 */
#include "cli/bench.h"
#include "cli/cli.h"

#include "base/limits.h"
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of one file of the server's, since its start. */
struct stored {
    double commits, writes, commit_ns;
};

static double counter(const char *metrics, const char *name, const char *file) {
    char line[128];
    const char *at;

    snprintf(line, sizeof(line), "\nramp_storage_%s_total{file=\"%s\"} ", name, file);
    at = strstr(metrics, line);
    return at ? strtod(at + strlen(line), NULL) : 0;
}

static ramp_status read_stored(const struct bench *bench, const char *file,
                               struct stored *ret_stored, ramp_error *reterr) {
    struct client_answer answer = {0};
    struct bytes token;
    ramp_status status = bench_server_token(&bench->server, &token, reterr);

    if (!status)
        status = client_send(
            &bench->target,
            &(struct client_request){.method = "GET", .path = "/metrics", .token = token.data},
            &answer, reterr);
    if (!status)
        *ret_stored = (struct stored){counter(answer.body.data, "commits", file),
                                      counter(answer.body.data, "writes", file),
                                      counter(answer.body.data, "commit_ns", file)};
    bytes_done(&answer.body);
    bytes_done(&token);
    return status;
}

static void tell_stored(struct bench *bench, const char *name, const struct stored *before,
                        const struct stored *after, double seconds) {
    double commits = after->commits - before->commits, writes = after->writes - before->writes;
    double group = commits > 0 ? writes / commits : 0;
    double commit_ms = commits > 0 ? (after->commit_ns - before->commit_ns) / commits / 1e6 : 0;

    if (bench->json) {
        json_array_append_new(bench->results, json_pack("{s:s, s:f, s:f, s:f}", "scenario", name,
                                                        "commits_per_second", commits / seconds,
                                                        "group", group, "commit_ms", commit_ms));
    } else {
        printf("  %.0f transactions/s of %.1f writes each; one takes %.2f ms\n", commits / seconds,
               group, commit_ms);
    }
}

static double clock_s(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One line: `in_flight` messages of each connection under way. */
static ramp_status run_line(struct bench *bench, const char *name, const char *service,
                            const char *file, unsigned in_flight, ramp_error *reterr) {
    static struct bench_result result; /* its histogram is large for a stack */
    struct bench_setup setup = bench_setup_of(bench, service, 64);
    struct stored before = {0}, after = {0};
    char stored_name[64];
    double seconds;

    setup.connections = bench->connections ? bench->connections : 64;
    setup.rooms = bench->rooms ? bench->rooms : setup.connections;
    setup.in_flight = in_flight;
    result = (struct bench_result){.scenario = name,
                                   .connections = setup.connections,
                                   .rooms = setup.rooms,
                                   .payload = setup.payload,
                                   .in_flight = in_flight};
    ramp_status status = read_stored(bench, file, &before, reterr);
    seconds = clock_s(); /* warming up included: the counters run meanwhile, too */
    if (!status) scenario_echo(&setup, &result);
    seconds = clock_s() - seconds;
    if (!status) status = read_stored(bench, file, &after, reterr);
    if (status) return status;
    bench_tell(bench, &result);
    snprintf(stored_name, sizeof(stored_name), "%s, %u in flight, stored", name, in_flight);
    if (!result.failed && after.commits > before.commits)
        tell_stored(bench, stored_name, &before, &after, seconds);
    return RAMP_OK;
}

int bench_storing(struct bench *bench) {
    static const struct {
        const char *name, *room, *service, *file;
    } lines[] = {
        {"echo, nothing kept", "echo", BENCH_ECHO, "db"},
        {"echo with kv.set", "store_kv", "bench-store-kv", "kv"},
        {"echo with db.set", "store_db", "bench-store-db", "db"},
    };
    static const unsigned in_flight[] = {1, 16};
    ramp_status status = RAMP_OK;
    ramp_error error;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines) && !status; i++) {
        struct bytes wasm = {0};
        unsigned compile_ms;
        if (i > 0) status = bench_server_build(&bench->server, lines[i].room, &wasm, &error);
        if (i > 0 && !status)
            status =
                bench_server_deploy(&bench->server, lines[i].service, &wasm, &compile_ms, &error);
        for (size_t k = 0; k < 2 && !status; k++)
            status = run_line(bench, lines[i].name, lines[i].service, lines[i].file, in_flight[k],
                              &error);
        bytes_done(&wasm);
    }
    return status ? cli_fail("bench", "storing: %s", error.message) : CLI_DONE;
}

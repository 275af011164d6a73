/* SPDX-License-Identifier: Apache-2.0 */
/* bench_loading.c -- scenario load: services that nobody has asked for yet.
 *
 * Door:   bench_loading(). Before: bench.c. After: bench_server.h, bench_connect.c.
 *
 * Many services are deployed, each a version of its own. The server is restarted, and each is asked for
 * once: from the cache. It is restarted without its cache, and each is asked for once: compiled anew.
 * Between two of these another version is deployed, so that what compiling takes is known from the same
 * moments; the difference is what loading adds to it.
 */
#include "cli/bench.h"
#include "cli/cli.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES 50

/* The same module with another number in a custom section: another version, its own table entry. */
static ramp_status deploy_numbered(struct bench *bench, unsigned number, unsigned *ret_compile_ms,
                                   ramp_error *reterr) {
    const unsigned char section[] = {
        0, 9, 5, 'b', 'e', 'n', 'c', 'h', (unsigned char)number, (unsigned char)(number >> 8), 0};
    char service[64];
    struct bytes wasm;

    bytes_init(&wasm, LIMIT_MODULE_SIZE);
    bytes_add(&wasm, bench->echo_wasm.data, bench->echo_wasm.size);
    bytes_add(&wasm, section, sizeof(section));
    snprintf(service, sizeof(service), BENCH_ECHO "-%u", number);
    ramp_status status =
        bench_server_deploy(&bench->server, service, &wasm, ret_compile_ms, reterr);
    bytes_done(&wasm);
    return status;
}

static ramp_status restart(struct bench *bench, bool forget, ramp_error *reterr) {
    bench_server_stop(&bench->server);
    if (forget) bench_server_forget(&bench->server);
    ramp_status status = bench_server_start(&bench->server, reterr);
    if (!status) status = client_url_parse(bench->server.url, &bench->target, reterr);
    return status;
}

/* Asks for one service. How long its first answer took, ns; 0: it failed, as the result says. */
static uint64_t ask(struct bench *bench, unsigned number, struct bench_result *result) {
    static struct bench_result one; /* its histogram is large for a stack */
    struct bench_setup setup = bench_setup_of(bench, BENCH_ECHO, 64);

    one = (struct bench_result){0};
    setup.connections = setup.rooms = 1;
    setup.first = number;
    scenario_load(&setup, &one);
    if (one.failed) {
        result->failed = one.failed;
        memcpy(result->failure, one.failure, sizeof(one.failure));
        return 0;
    }
    result->payload = setup.payload;
    result->deliveries++;
    result->seconds += one.seconds;
    result->has_cpu = one.has_cpu;
    result->cpu_ns += one.cpu_ns;
    histogram_add(&result->latency, one.latency.max_ns);
    return one.latency.max_ns;
}

static ramp_status run_cached(struct bench *bench, ramp_error *reterr) {
    static struct bench_result result;
    unsigned compile_ms;
    ramp_status status = RAMP_OK;

    result = (struct bench_result){.scenario = "load, cached", .rooms = SERVICES};
    for (unsigned i = 0; i < SERVICES && !status; i++)
        status = deploy_numbered(bench, i, &compile_ms, reterr);
    if (!status) status = restart(bench, false, reterr);
    for (unsigned i = 0; i < SERVICES && !status; i++)
        if (!ask(bench, i, &result)) break;
    if (!status) bench_tell(bench, &result);
    return status;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The server tells whole ms of compiling, cut off: hence the half one. */
static ramp_status run_cold(struct bench *bench, double *ret_above_ms, ramp_error *reterr) {
    static struct bench_result result;
    double above[SERVICES];
    unsigned compile_ms;
    uint64_t ns;

    result = (struct bench_result){.scenario = "load, cold", .rooms = SERVICES};
    ramp_status status = restart(bench, true, reterr);
    for (unsigned i = 0; i < SERVICES && !status; i++) {
        if (!(ns = ask(bench, i, &result))) break;
        status = deploy_numbered(bench, SERVICES + i, &compile_ms, reterr);
        if (!status) above[i] = (double)ns / 1e6 - compile_ms - 0.5;
    }
    if (status) return status;
    bench_tell(bench, &result);
    qsort(above, result.deliveries, sizeof(*above), by_size);
    *ret_above_ms = result.failed ? 0 : above[SERVICES / 2];
    return status;
}

int bench_loading(struct bench *bench) {
    ramp_error error;
    double above_ms = 0;

    if (run_cached(bench, &error) || run_cold(bench, &above_ms, &error))
        return cli_fail("bench", "load: %s", error.message);
    if (bench->json)
        json_array_append_new(bench->results, json_pack("{s:s, s:f}", "scenario", "above compiling",
                                                        "p50_ms", above_ms));
    else
        printf("  a cold load takes %.1f ms more than compiling (median of %d pairs)\n", above_ms,
               SERVICES);
    return CLI_DONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c -- `ramp bench`: which scenarios, with how much of what, against which server. */
#include "cli/args.h"
#include "cli/bench_report.h"
#include "cli/bench_server.h"
#include "cli/bench_traffic.h"
#include "cli/cli.h"

#include "base/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ECHO_SERVICE      "bench-echo"
#define BROADCAST_SERVICE "bench-broadcast"
#define LOAD_SERVICES     50
#define FILES_RESERVED    64 /* descriptors that are not for connections */

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

static const char *const scenarios[] = {"echo", "broadcast", "storm", "load", "idle", "all"};
#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static bool wants(const struct bench *bench, const char *scenario) {
    return strcmp(bench->scenario, scenario) == 0 || strcmp(bench->scenario, "all") == 0;
}

static unsigned or_else(unsigned given, unsigned otherwise) {
    return given ? given : otherwise;
}

/* ---- one scenario -------------------------------------------------------------------------------- */

static struct bench_setup setup_of(const struct bench *bench, const char *service,
                                   unsigned payload) {
    struct bench_setup setup = {
        .target = {.url = bench->target, .binary = bench->binary},
        .pid = bench->server.pid > 0 ? bench->server.pid : (pid_t)bench->pid,
        .seconds = bench->seconds,
        .payload = or_else(bench->payload, payload),
    };
    setup.target.service = bench->service ? bench->service : service;
    return setup;
}

/* Runs it and tells the result. */
static void run_one(struct bench *bench, const char *name, const struct bench_setup *setup,
                    void (*scenario)(const struct bench_setup *, struct bench_result *)) {
    static struct bench_result result; /* its histogram is large for a stack */

    traffic_settle(setup->pid);
    result = (struct bench_result){
        .scenario = name,
        .connections = setup->connections,
        .rooms = setup->rooms,
        .members = setup->members,
        .payload = setup->payload,
        .in_flight = setup->in_flight,
    };
    scenario(setup, &result);
    bench->done++;
    if (result.failed) bench->failures++;
    if (bench->json) json_array_append_new(bench->results, report_json(&result));
    else report_line(&result);
}

static void run_echo(struct bench *bench) {
    static const unsigned in_flight[] = {1, 16};

    for (size_t i = 0; i < 2; i++) {
        struct bench_setup setup = setup_of(bench, ECHO_SERVICE, 64);
        setup.connections = or_else(bench->connections, 64);
        setup.rooms = or_else(bench->rooms, setup.connections);
        setup.in_flight = or_else(bench->in_flight, in_flight[i]);
        if (bench->in_flight && i > 0) return;
        run_one(bench, "echo", &setup, scenario_echo);
    }
}

static void run_broadcast_of(struct bench *bench, unsigned members) {
    static const unsigned in_flight[] = {1, 4};

    for (size_t i = 0; i < 2; i++) {
        struct bench_setup setup = setup_of(bench, BROADCAST_SERVICE, 128);
        setup.rooms = or_else(bench->rooms, or_else(bench->connections, 1000) / members);
        if (!setup.rooms) setup.rooms = 1;
        setup.connections = setup.rooms * members;
        setup.members = members;
        setup.in_flight = or_else(bench->in_flight, in_flight[i]);
        if (bench->in_flight && i > 0) return;
        run_one(bench, "broadcast", &setup, scenario_broadcast);
    }
}

static void run_broadcast(struct bench *bench) {
    static const unsigned members[] = {10, 100, 1000};

    for (size_t i = 0; i < 3; i++) {
        if (bench->members && i > 0) return;
        run_broadcast_of(bench, or_else(bench->members, members[i]));
    }
}

static void run_storm(struct bench *bench) {
    struct bench_setup setup = setup_of(bench, ECHO_SERVICE, 64);

    setup.connections = or_else(bench->connections, 5000);
    setup.rooms = or_else(bench->rooms, setup.connections / 100 ? setup.connections / 100 : 1);
    run_one(bench, "storm", &setup, scenario_storm);
    setup.connections = or_else(bench->rooms, 200);
    setup.rooms = 1;
    setup.existing = true;
    run_one(bench, "existing room", &setup, scenario_new_rooms);
    setup.rooms = setup.connections;
    setup.existing = false;
    run_one(bench, "new room", &setup, scenario_new_rooms);
}

static void run_idle(struct bench *bench) {
    struct bench_setup setup = setup_of(bench, ECHO_SERVICE, 64);

    setup.connections = or_else(bench->connections, 10000);
    setup.rooms = or_else(bench->rooms, setup.connections / 10);
    if (setup.rooms > setup.connections) setup.rooms = setup.connections;
    if (!setup.rooms) setup.rooms = 1;
    run_one(bench, "idle", &setup, scenario_idle);
}

/* ---- loading: services that nobody has asked for yet ----------------------------------------------- */

/* The same module with another number in a custom section: another version, its own table entry. */
static void number_module(struct bytes *wasm, const struct bytes *original, unsigned number) {
    const unsigned char section[] = {
        0, 9, 5, 'b', 'e', 'n', 'c', 'h', (unsigned char)number, (unsigned char)(number >> 8), 0};

    bytes_reset(wasm);
    bytes_add(wasm, original->data, original->size);
    bytes_add(wasm, section, sizeof(section));
}

/* Deploys them all; `ret_ms` is what compiling each took. */
static ramp_status deploy_numbered(struct bench *bench, unsigned ret_ms[static LOAD_SERVICES],
                                   ramp_error *reterr) {
    struct bytes wasm;
    ramp_status status = RAMP_OK;

    bytes_init(&wasm, LIMIT_MODULE_SIZE);
    for (unsigned i = 0; i < LOAD_SERVICES && status == RAMP_OK; i++) {
        char service[64];
        snprintf(service, sizeof(service), ECHO_SERVICE "-%u", i);
        number_module(&wasm, &bench->echo_wasm, i);
        status = bench_server_deploy(&bench->server, service, &wasm, &ret_ms[i], reterr);
    }
    bytes_done(&wasm);
    return status;
}

static int by_size(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* The mean of the middle half. The server tells whole ms, cut off: hence the half one. */
static double middle_ms(unsigned ms[static LOAD_SERVICES]) {
    unsigned sum = 0, count = 0;

    qsort(ms, LOAD_SERVICES, sizeof(*ms), by_size);
    for (unsigned i = LOAD_SERVICES / 4; i < LOAD_SERVICES - LOAD_SERVICES / 4; i++, count++)
        sum += ms[i];
    return (double)sum / count + 0.5;
}

static ramp_status restart(struct bench *bench, bool forget, ramp_error *reterr) {
    bench_server_stop(&bench->server);
    if (forget) bench_server_forget(&bench->server);
    ramp_status status = bench_server_start(&bench->server, reterr);
    if (!status) status = client_url_parse(bench->server.url, &bench->target, reterr);
    return status;
}

static int run_load(struct bench *bench) {
    unsigned compile_ms[LOAD_SERVICES];
    ramp_error error;

    ramp_status status = deploy_numbered(bench, compile_ms, &error);
    for (int cold = 0; cold < 2 && !status; cold++) {
        status = restart(bench, cold, &error);
        if (status) break;
        struct bench_setup setup = setup_of(bench, ECHO_SERVICE, 64);
        setup.connections = setup.rooms = LOAD_SERVICES;
        run_one(bench, cold ? "load, cold" : "load, cached", &setup, scenario_load);
    }
    if (status) return cli_fail("bench", "load: %s", error.message);
    double ms = middle_ms(compile_ms);
    if (bench->json)
        json_array_append_new(bench->results,
                              json_pack("{s:s, s:f}", "scenario", "compile", "middle_ms", ms));
    else
        printf("  compiling took %.1f ms when they were deployed (middle half of %u)\n", ms,
               LOAD_SERVICES);
    return CLI_DONE;
}

/* ---- all of them --------------------------------------------------------------------------------- */

static int run_scenarios(struct bench *bench) {
    int code = CLI_DONE;

    if (wants(bench, "echo")) run_echo(bench);
    if (wants(bench, "broadcast")) run_broadcast(bench);
    if (wants(bench, "storm")) run_storm(bench);
    if (wants(bench, "load") && !bench->url) code = run_load(bench);
    if (wants(bench, "idle")) run_idle(bench);
    if (bench->failures) {
        if (!bench->json) printf("%u of %u failed\n", bench->failures, bench->done);
        code = CLI_FAILED;
    } else if (!bench->json && code == CLI_DONE) {
        printf("every delivery was checked: none lost, doubled, damaged or foreign\n");
    }
    return code;
}

static ramp_status start_own(struct bench *bench, ramp_error *reterr) {
    struct bench_server *server = &bench->server;
    struct bytes wasm = {0};
    unsigned compile_ms;

    ramp_status status = bench_server_init(server, bench->workers, bench->sdk, reterr);
    if (!status) status = bench_server_build(server, "echo", &bench->echo_wasm, reterr);
    if (!status) status = bench_server_build(server, "broadcast", &wasm, reterr);
    if (!status) status = bench_server_start(server, reterr);
    if (!status)
        status = bench_server_deploy(server, ECHO_SERVICE, &bench->echo_wasm, &compile_ms, reterr);
    if (!status)
        status = bench_server_deploy(server, BROADCAST_SERVICE, &wasm, &compile_ms, reterr);
    if (!status) status = client_url_parse(server->url, &bench->target, reterr);
    bytes_done(&wasm);
    return status;
}

static void print_json(const struct bench *bench) {
    json_t *root = json_pack("{s:s, s:O}", "ramp", ramp_version(), "results", bench->results);

    if (bench->url) json_object_set_new(root, "url", json_string(bench->url));
    else json_object_set_new(root, "modules", json_string(bench->server.language));
    json_object_set_new(root, "pinned", json_boolean(bench->server.pinned));
    json_dumpf(root, stdout, JSON_REAL_PRECISION(6) | JSON_INDENT(1));
    putchar('\n');
    json_decref(root);
}

static int run(struct bench *bench) {
    ramp_error error;
    int code;

    bench->results = json_array();
    if (bench->url && client_url_parse(bench->url, &bench->target, &error)) {
        code = cli_fail("bench", "%s", error.message);
    } else if (!bench->url && start_own(bench, &error)) {
        code = cli_fail("bench", "%s", error.message);
    } else {
        if (!bench->url && !bench->json)
            printf("%s, modules in %s; %s\n", bench->server.url, bench->server.language,
                   bench->server.pinned ? "server and generator have a CPU each"
                                        : "server and generator share the CPUs");
        code = run_scenarios(bench);
        if (bench->json) print_json(bench);
    }
    if (!bench->url) bench_server_done(&bench->server);
    bytes_done(&bench->echo_wasm);
    json_decref(bench->results);
    return code;
}

/* ---- options ------------------------------------------------------------------------------------- */

/* The most connections that this process may open. */
static unsigned connections_max(void) {
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files)) return 1000;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    rlim_t max = files.rlim_max < 1000000 ? files.rlim_max : 1000000;
    return max > 2 * FILES_RESERVED ? (unsigned)max - FILES_RESERVED : FILES_RESERVED;
}

/* 0, or the exit code after what is wrong was told. */
static int check(struct bench *bench) {
    char *end;
    bool known = false;

    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        if (strcmp(bench->scenario, scenarios[i]) == 0) known = true;
    if (!known) {
        const char *nearest = args_nearest(bench->scenario, scenarios, SCENARIO_COUNT);
        return cli_misuse("bench", "there is no scenario '%s'%s%s%s", bench->scenario,
                          nearest ? "; did you mean '" : "", nearest ? nearest : "",
                          nearest ? "'?" : "");
    }
    bench->seconds = strtod(bench->seconds_text, &end);
    if (*end || end == bench->seconds_text || !isfinite(bench->seconds) || bench->seconds < 0.1 ||
        bench->seconds > 3600)
        return cli_misuse("bench", "--seconds: 0.1 to 3600, not '%s'", bench->seconds_text);
    if (bench->url && !bench->service && strcmp(bench->scenario, "all") != 0)
        return cli_misuse("bench", "--url needs --service: the service whose rooms are asked");
    if (!bench->url && (bench->service || bench->pid))
        return cli_misuse("bench", "--service and --pid are for a server that is named by --url");
    if (bench->url && strcmp(bench->scenario, "load") == 0)
        return cli_misuse("bench",
                          "load deploys modules and restarts the server: only without --url");
    unsigned max = connections_max();
    if (bench->connections > max)
        return cli_misuse("bench", "--connections: this process may open %u; raise `ulimit -n`",
                          max);
    return 0;
}

int cli_bench(int argc, char **argv) {
    struct bench values = {.scenario = "all", .seconds_text = "2", .workers = 1};
    const struct arg_option options[] = {
        {.name = "scenario",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &values.scenario,
         .help = "echo, broadcast, storm, load, idle or all (default: all)"},
        {.name = "url",
         .kind = ARG_TEXT,
         .value = "URL",
         .target = &values.url,
         .help = "a server that runs (default: one of its own, alone on the first CPU)"},
        {.name = "service",
         .kind = ARG_TEXT,
         .value = "S",
         .target = &values.service,
         .help = "with --url: its service. It sends each message back (echo, storm, idle)\n"
                 "or to its whole room, the sender included (broadcast), and nothing else.\n"
                 "Not given, with `all`: " ECHO_SERVICE " and " BROADCAST_SERVICE},
        {.name = "pid",
         .kind = ARG_NUMBER,
         .value = "PID",
         .target = &values.pid,
         .min = 1,
         .help = "with --url: its process on this machine, for CPU and memory"},
        {.name = "connections",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &values.connections,
         .min = 1,
         .max = 1000000,
         .help = "default: echo 64, broadcast 1000, storm 5000, idle 10000"},
        {.name = "rooms",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &values.rooms,
         .min = 1,
         .max = 1000000,
         .help = "default: echo one each, storm of 100, idle of 10 connections"},
        {.name = "members",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &values.members,
         .min = 1,
         .max = LIMIT_ROOM_CONNECTIONS,
         .help = "broadcast: of a room (default: 10, 100 and 1000)"},
        {.name = "payload",
         .kind = ARG_NUMBER,
         .value = "BYTES",
         .target = &values.payload,
         .min = BENCH_PAYLOAD_MIN,
         .max = LIMIT_MESSAGE_SIZE,
         .help = "of a message (default: 128 in broadcast, else 64)"},
        {.name = "in-flight",
         .kind = ARG_NUMBER,
         .value = "W",
         .target = &values.in_flight,
         .min = 1,
         .max = BENCH_IN_FLIGHT_MAX,
         .help = "messages under way, of a connection or of a room's sender\n"
                 "(default: echo 1 and 16, broadcast 1 and 4)"},
        {.name = "seconds",
         .kind = ARG_TEXT,
         .value = "S",
         .target = &values.seconds_text,
         .help = "measured per line, after a quarter second of warming up (default: 2)"},
        {.name = "workers",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &values.workers,
         .min = 1,
         .max = 256,
         .help = "of a server of its own (default: 1)"},
        {.name = "binary",
         .kind = ARG_FLAG,
         .target = &values.binary,
         .help = "binary messages instead of text"},
        {.name = "sdk",
         .kind = ARG_TEXT,
         .value = "FOLDER",
         .target = &values.sdk,
         .help = "the ramp-sdk to build the measured module with; also RAMP_SDK"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &values.json,
         .help = "print the results as JSON"},
    };
    const struct arg_verb verb = {
        .name = "bench",
        .usage = "",
        .about = "Measures a server: deliveries per second, the server's CPU for each, latency,\n"
                 "memory of rooms and connections. Every delivery is checked; one that is lost,\n"
                 "doubled, damaged or of another room is a failure. What the numbers mean:\n"
                 "docs/benchmarks.md.",
        .example = "  ramp bench --scenario echo --connections 200 --in-flight 4\n"
                   "  ramp bench --url http://127.0.0.1:8787 --service chat --scenario broadcast\n",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
    };
    enum args_result result = args_parse(&verb, argc, argv, NULL);
    if (result) return ARGS_EXIT(result);
    int code = check(&values);
    return code ? code : run(&values);
}

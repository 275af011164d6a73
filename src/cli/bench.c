/* SPDX-License-Identifier: Apache-2.0 */
/* bench.c -- `ramp bench`: which scenarios, with how much of what, against which server. */
#include "cli/bench.h"
#include "cli/args.h"
#include "cli/bench_report.h"
#include "cli/bench_traffic.h"
#include "cli/cli.h"

#include "base/limits.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define FILES_RESERVED 64 /* descriptors that are not for connections */

static const char *const scenarios[] = {"echo",    "broadcast", "storm", "load",
                                        "storing", "idle",      "all"};
#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

static bool wants(const struct bench *bench, const char *scenario) {
    return strcmp(bench->scenario, scenario) == 0 || strcmp(bench->scenario, "all") == 0;
}

static unsigned or_else(unsigned given, unsigned otherwise) {
    return given ? given : otherwise;
}

/* ---- one scenario -------------------------------------------------------------------------------- */

struct bench_setup bench_setup_of(const struct bench *bench, const char *service,
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

void bench_tell(struct bench *bench, const struct bench_result *result) {
    bench->done++;
    if (result->failed) bench->failures++;
    if (bench->json) json_array_append_new(bench->results, report_json(result));
    else report_line(result);
}

/* Runs it and tells the result. */
static void run_one(struct bench *bench, const char *name, const struct bench_setup *setup,
                    void (*scenario)(const struct bench_setup *, struct bench_result *)) {
    static struct bench_result result; /* its histogram is large for a stack */

    if (load_interrupted) return;
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
        struct bench_setup setup = bench_setup_of(bench, BENCH_ECHO, 64);
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
        struct bench_setup setup = bench_setup_of(bench, BENCH_BROADCAST, 128);
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
    struct bench_setup setup = bench_setup_of(bench, BENCH_ECHO, 64);

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
    struct bench_setup setup = bench_setup_of(bench, BENCH_ECHO, 64);

    setup.connections = or_else(bench->connections, 10000);
    setup.rooms = or_else(bench->rooms, setup.connections / 10);
    if (setup.rooms > setup.connections) setup.rooms = setup.connections;
    if (!setup.rooms) setup.rooms = 1;
    run_one(bench, "idle", &setup, scenario_idle);
}

/* ---- all of them --------------------------------------------------------------------------------- */

static int run_scenarios(struct bench *bench) {
    int code = CLI_DONE;

    if (wants(bench, "echo")) run_echo(bench);
    if (wants(bench, "broadcast")) run_broadcast(bench);
    if (wants(bench, "storm")) run_storm(bench);
    if (wants(bench, "load") && !bench->url) code = bench_loading(bench);
    if (wants(bench, "storing") && !bench->url && code == CLI_DONE) code = bench_storing(bench);
    if (wants(bench, "idle")) run_idle(bench);
    if (bench->failures) {
        if (!bench->json) printf("%u of %u failed\n", bench->failures, bench->done);
        code = CLI_FAILED;
    } else if (!bench->json && code == CLI_DONE) {
        printf("every delivery was checked: none lost, doubled, damaged or foreign\n");
    }
    return code;
}

/* Builds and deploys one of bench/rooms. `ret_wasm`: bytes_done(). */
static ramp_status provide(struct bench *bench, const char *room, const char *service,
                           struct bytes *ret_wasm, ramp_error *reterr) {
    unsigned compile_ms;
    ramp_status status = bench_server_build(&bench->server, room, ret_wasm, reterr);

    if (status) return status;
    return bench_server_deploy(&bench->server, service, ret_wasm, &compile_ms, reterr);
}

/* Only with the modules that will be asked for: a build takes seconds. */
static ramp_status start_own(struct bench *bench, ramp_error *reterr) {
    struct bench_server *server = &bench->server;
    struct bytes wasm = {0};

    ramp_status status = bench_server_init(server, bench->workers, bench->sdk, reterr);
    if (!status) status = bench_server_start(server, reterr);
    if (!status) status = client_url_parse(server->url, &bench->target, reterr);
    if (!status && strcmp(bench->scenario, "broadcast") != 0)
        status = provide(bench, "echo", BENCH_ECHO, &bench->echo_wasm, reterr);
    if (!status && wants(bench, "broadcast"))
        status = provide(bench, "broadcast", BENCH_BROADCAST, &wasm, reterr);
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

/* The server and its folder shall not outlive us. */
static void on_signal(int number) {
    (void)number;
    load_interrupted = 1;
}

static int run(struct bench *bench) {
    ramp_error error;
    int code;

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
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
    if (bench->url &&
        (strcmp(bench->scenario, "load") == 0 || strcmp(bench->scenario, "storing") == 0))
        return cli_misuse("bench",
                          "load and storing deploy modules of their own: only without --url");
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
         .help = "echo, broadcast, storm, load, storing, idle or all (default: all)"},
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
                 "Not given, with `all`: " BENCH_ECHO " and " BENCH_BROADCAST},
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

/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c -- `ramp serve`: options to struct server_options, one line when it is ready. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/next.h"
#include "cli/target.h"

#include "base/limits.h"
#include "server/server.h"

#include <assert.h>
#include <string.h>
#include <uv.h>

struct serve_options {
    struct server_options server;
    const char *config;
    bool json;
};

/* Where the control API is: the control listener, if there is one with a port of its own. */
static void control_url(const struct server *server, char *out, size_t capacity) {
    const char *control = server_options(server)->control;
    const char *port = control ? strrchr(control, ':') : NULL;

    if (port && strcmp(port, ":0") != 0) snprintf(out, capacity, "http://%s", control);
    else snprintf(out, capacity, "%s", server_url(server));
}

static void print_ready(const struct server *server, bool json) {
    const char *data = server_options(server)->data;
    char control[512];

    control_url(server, control, sizeof(control));
    if (json) {
        json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s+, s:i}", "event", "ready", "ramp",
                                 ramp_version(), "url", server_url(server), "control", control,
                                 "workers", (int)server_worker_count(server), "token_file", data,
                                 "/admin.token", "pid", (int)uv_os_getpid());
        json_object_set_new(root, "data", json_string(data));
        json_dumpf(root, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(root);
    } else {
        unsigned workers = server_worker_count(server);
        printf("ramp %s serving %s, data %s, %u worker%s, token in %s/admin.token\n",
               ramp_version(), server_url(server), data, workers, workers == 1 ? "" : "s", data);
    }
    fflush(stdout);
}

static int run(struct serve_options *options) {
    struct server *server = NULL;
    char exe[FILE_PATH], control[512];
    size_t size = sizeof(exe);
    ramp_error error;

    if (uv_exepath(exe, &size)) return cli_fail("serve", "cannot find this binary's own path");
    options->server.exe = exe;
    if (server_new(&options->server, &server, &error)) {
        int code = cli_fail("serve", "%s%s", error.message, next_of(NEXT_START, error.message));
        return error.status == RAMP_ARGS ? CLI_WRONG_USE : code;
    }
    control_url(server, control, sizeof(control));
    target_publish(options->server.data, control);
    print_ready(server, options->json);
    int code = server_run(server);
    target_unpublish(options->server.data);
    server_free(server);
    return code;
}

int cli_serve(int argc, char **argv) {
    struct serve_options values = {.server = {.listen = CLI_LISTEN, .data = CLI_DATA}};
    struct server_options *server = &values.server;
    const struct arg_option options[] = {
        {.name = "listen",
         .kind = ARG_TEXT,
         .value = "ADDR:PORT",
         .target = &server->listen,
         .help = "where clients come in (default: " CLI_LISTEN "); port 0: any free one"},
        {.name = "control",
         .kind = ARG_TEXT,
         .value = "ADDR:PORT",
         .target = &server->control,
         .help = "a listener of its own for the control API, the console and\n"
                 "/metrics (default: none; they are on --listen, without /metrics)"},
        {.name = "data",
         .kind = ARG_TEXT,
         .value = "DIR",
         .target = &server->data,
         .help = "the server's folder, made if absent (default: ./" CLI_DATA ")"},
        {.name = "store",
         .kind = ARG_TEXT,
         .value = "URL",
         .target = &server->store,
         .help = "where modules are (default: file:DIR/store)"},
        {.name = "db",
         .kind = ARG_TEXT,
         .value = "URL",
         .target = &server->db,
         .help = "where rooms' durable keys are (default: sqlite:DIR/db.sqlite)"},
        {.name = "kv",
         .kind = ARG_TEXT,
         .value = "URL",
         .target = &server->kv,
         .help = "where their quick keys are (default: sqlite:DIR/kv.sqlite)"},
        {.name = "workers",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &server->workers,
         .min = 1,
         .max = 256,
         .help = "threads (default: one per core)"},
        {.name = "modules-max",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &server->modules_max,
         .min = 1,
         .help = "slots of the module table, of all workers (default: 1000)"},
        {.name = "rooms-max",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &server->rooms_max,
         .min = 1,
         .help = "live rooms, of all workers (default: 8000)"},
        {.name = "memory-max",
         .kind = ARG_SIZE,
         .value = "SIZE",
         .target = &server->memory_max,
         .min = 65536,
         .max = (size_t)1 << 30,
         .help = "memory of one room (default: 16m)"},
        {.name = "call-cpu-ms",
         .kind = ARG_NUMBER,
         .value = "MS",
         .target = &server->call_cpu_ms,
         .min = 1,
         .max = 60000,
         .help = "CPU time of one call (default: 50)"},
        {.name = "room-idle-ms",
         .kind = ARG_NUMBER,
         .value = "MS",
         .target = &server->room_idle_ms,
         .min = 1,
         .help = "a room without connections ends after this time (default: 30000)"},
        {.name = "connections-per-address",
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &server->connections_per_address,
         .min = 1,
         .help = "connections of one client's address, or IPv6 /64 (default: 4096);\n"
                 "those of this machine are not counted"},
        {.name = "json-logs",
         .kind = ARG_FLAG,
         .target = &server->json_logs,
         .help = "log as JSON lines"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &values.json,
         .help = "print the line when it is ready as JSON"},
        {.name = "config",
         .kind = ARG_TEXT,
         .value = "FILE",
         .target = &values.config,
         .help = "a JSON object with these options by name (\"listen\": \"...\");\n"
                 "the command line wins"},
    };
    const struct arg_verb verb = {
        .name = "serve",
        .usage = "",
        .about =
            "Runs a server until SIGTERM or SIGINT. On its first start it makes an admin token in\n"
            "DIR/admin.token, which `ramp deploy` and the others on this machine find by "
            "themselves.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
    };
    static_assert(LIMIT_MODULES == 1000 && LIMIT_ROOMS == 8000 && LIMIT_MEMORY == 16u << 20 &&
                      LIMIT_CALL_CPU_MS == 50 && LIMIT_ROOM_IDLE_MS == 30000 &&
                      LIMIT_ADDRESS_CONNECTIONS == 4096,
                  "the defaults in the help above");
    const char *config = args_peek(argc, argv, "config");
    if (config && !args_load(&verb, config)) return CLI_WRONG_USE;
    enum args_result result = args_parse(&verb, argc, argv, NULL);
    return result ? ARGS_EXIT(result) : run(&values);
}

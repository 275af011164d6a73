/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_parts.c -- engine, drivers, Node, SDK, the project here, and a server that answers; see doctor.h. */
#include "cli/doctor.h"

#include "cli/cli.h"
#include "cli/project.h"
#include "cli/toolchain.h"

#include "base/limits.h"

#include <ramp/driver.h>

#include <string.h>
#include <time.h>

/* ---- the engine ---------------------------------------------------------------------------------- */

/* Of a host that runs nothing. */
static uint64_t monotonic_ns(void *context) {
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int64_t wall_ms(void *context) {
    (void)context;
    return (int64_t)time(NULL) * 1000;
}

static void no_random(void *context, void *bytes, size_t size) {
    (void)context;
    memset(bytes, 0, size);
}

static void refuse_load(void *context, ramp_host *host, ramp_ticket ticket, const char *service) {
    (void)context, (void)service;
    ramp_complete_load(host, ticket,
                       &(ramp_load_answer){.size = sizeof(ramp_load_answer),
                                           .status = RAMP_NOT_FOUND,
                                           .message = "the doctor has no modules"});
}

static void ignore_outcome(void *context, const ramp_outcome *outcome) {
    (void)context, (void)outcome;
}

static void ignore_close(void *context, ramp_connection *connection, uint16_t code,
                         const char *reason) {
    (void)context, (void)connection, (void)code, (void)reason;
}

/* The engine itself says what this machine has room for: a host as a server of one worker has it. */
static void check_engine(struct doctor *doctor) {
    const ramp_store store = {.size = sizeof(store), .load = refuse_load};
    const ramp_host_options options = {.size = sizeof(options),
                                       .monotonic_ns = monotonic_ns,
                                       .wall_ms = wall_ms,
                                       .random = no_random,
                                       .store = &store,
                                       .on_done = ignore_outcome,
                                       .on_close = ignore_close,
                                       .rooms_max = LIMIT_ROOMS};
    ramp_host_stats stats = {.size = sizeof(stats)};
    ramp_host *host = NULL;
    ramp_error error;

    if (ramp_host_new(&options, &host, &error)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "engine",
                   "look at the findings about mappings, addresses and memory",
                   "%s cannot start: %s", ramp_engine_version(), error.message);
        return;
    }
    ramp_host_get_stats(host, &stats);
    ramp_host_free(host);
    bool is_less = stats.rooms_max < LIMIT_ROOMS || stats.dense || !stats.pooled;
    doctor_say(doctor, is_less ? DOCTOR_WARNING : DOCTOR_OK, "engine",
               is_less ? "look at the findings about mappings and addresses" : NULL,
               "%s, room for %u live rooms%s", ramp_engine_version(), (unsigned)stats.rooms_max,
               stats.dense     ? ", with bounds checks"
               : !stats.pooled ? ", without a pool"
                               : "");
}

static void check_drivers(struct doctor *doctor) {
    const char *kind, *drivers;
    char text[256] = "";
    size_t used = 0;

    for (size_t i = 0; (drivers = cli_drivers(i, &kind)) != NULL && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s: %s", i ? "; " : "", kind,
                                 drivers);
    doctor_say(doctor, DOCTOR_OK, "drivers", NULL, "%s", text);
}

/* ---- Node and SDK -------------------------------------------------------------------------------- */

static void read_sdk_version(const struct toolchain *toolchain, char out[static 32]) {
    char folder[FILE_PATH], sdk[FILE_PATH], path[FILE_PATH];
    json_t *root = NULL;

    snprintf(out, 32, "?");
    file_parent(folder, toolchain->script);
    file_parent(sdk, folder);
    if (!file_join(path, sdk, "package.json") || file_read_json(path, &root, NULL)) return;
    const char *version = json_string_value(json_object_get(root, "version"));
    if (version) snprintf(out, 32, "%.31s", version);
    json_decref(root);
}

/* A server needs neither: that they are not here is no problem of one. */
static void check_toolchain(struct doctor *doctor) {
    struct toolchain toolchain;
    char version[32];
    ramp_error error;

    if (toolchain_find_sdk(doctor->sdk, ".", &toolchain, &error)) {
        doctor_say(doctor, DOCTOR_WARNING, "SDK",
                   "only `ramp dev`, `ramp build` and `ramp deploy DIR` need one", "%s",
                   error.message);
    } else {
        read_sdk_version(&toolchain, version);
        doctor_say(doctor, DOCTOR_OK, "SDK", NULL, "ramp-sdk %s, %s", version, toolchain.script);
    }
    if (toolchain_find_node(&toolchain, version, &error))
        doctor_say(doctor, DOCTOR_WARNING, "Node",
                   "only `ramp dev`, `ramp build` and `ramp deploy DIR` need it", "%s",
                   error.message);
    else doctor_say(doctor, DOCTOR_OK, "Node", NULL, "%s, %s", version, toolchain.node);
}

/* ---- the project --------------------------------------------------------------------------------- */

static void check_project(struct doctor *doctor) {
    struct project project;
    ramp_error error;

    if (!file_exists("ramp.json") && !file_exists("src/room.ts")) return;
    if (project_load(".", &project, &error)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "project", "correct the file that is named", "%s",
                   error.message);
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "project", NULL, "%s, built from %s", project.name, project.main);
    project_done(&project);
}

void doctor_parts(struct doctor *doctor) {
    check_engine(doctor);
    check_drivers(doctor);
    check_toolchain(doctor);
    check_project(doctor);
}

/* ---- a server ------------------------------------------------------------------------------------ */

/* false: nobody answers there, or somebody else, and that was said if the URL was named. */
static bool check_health(struct doctor *doctor) {
    const struct target *target = &doctor->target;
    struct client_request request = {.method = "GET", .path = "/readyz"};
    struct client_answer answer;
    ramp_error error = {.message = ""};
    bool is_named = target->to || strcmp(target->from, "RAMP_URL") == 0;

    if (client_send(&target->url, &request, &answer, &error)) {
        if (is_named)
            doctor_say(doctor, DOCTOR_PROBLEM, "server",
                       "start one there with `ramp serve`, or name another with --to", "%s",
                       error.message);
        else doctor_say(doctor, DOCTOR_OK, "server", NULL, "none answers at %s", target->text);
        return false;
    }
    bool is_ready = answer.status == 200, is_ours = is_ready || answer.status == 503;
    bytes_done(&answer.body);
    if (!is_ours)
        doctor_say(doctor, is_named ? DOCTOR_PROBLEM : DOCTOR_WARNING, "server",
                   "end that program, or serve elsewhere with --listen",
                   "what answers at %s is no ramp", target->text);
    else if (!is_ready)
        doctor_say(doctor, DOCTOR_WARNING, "server", "wait until it has ended, and start it again",
                   "%s is stopping", target->text);
    return is_ready;
}

static void check_stats(struct doctor *doctor, const json_t *root) {
    const json_t *host = json_object_get(root, "host");
    const char *version = json_string_value(json_object_get(root, "version"));
    long long rooms = json_integer_value(json_object_get(host, "rooms")),
              connections = json_integer_value(json_object_get(host, "connections"));
    bool is_same = version && strcmp(version, ramp_version()) == 0;

    doctor_say(doctor, is_same ? DOCTOR_OK : DOCTOR_WARNING, "server",
               is_same ? NULL : "use the same version on both sides",
               "ramp %s at %s: %lld rooms, %lld connections", version ? version : "?",
               doctor->target.text, rooms, connections);
}

void doctor_server(struct doctor *doctor) {
    struct target *target = &doctor->target;
    struct client_request request = {.method = "GET", .path = "/_ramp/v1/stats"};
    struct client_answer answer;
    ramp_error error;

    if (!check_health(doctor)) return;
    request.token = target->token_found[0] ? target->token_found : NULL;
    if (client_send(&target->url, &request, &answer, &error)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "server", "look at its log", "%s", error.message);
        return;
    }
    json_t *root = json_loadb(answer.body.size ? answer.body.data : "", answer.body.size,
                              JSON_ALLOW_NUL, NULL);
    if (answer.status == 200 && root) check_stats(doctor, root);
    else if (answer.status == 404)
        doctor_say(doctor, DOCTOR_OK, "server", NULL,
                   "%s answers; its control API is on another listener", target->text);
    else
        doctor_say(doctor, DOCTOR_WARNING, "server",
                   "name its token with --token or RAMP_TOKEN, or its data folder with --data",
                   "%s answers, but does not take %s", target->text,
                   request.token ? "this token" : "us without a token");
    json_decref(root);
    bytes_done(&answer.body);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* versions.c -- `ramp versions` and `ramp rollback`: what a server keeps of a service, and going back. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/deployed.h"
#include "cli/project.h"
#include "cli/target.h"
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *text_of_field(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_int_t number_of_field(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

/* The service: the one given, else that of the project here. 0, or the exit code after it was told. */
static int choose_service(const char *verb, const char *given,
                          char ret_name[static LIMIT_SERVICE_NAME + 1]) {
    struct project project;

    if (given && !project_name_valid(given))
        return cli_misuse(verb,
                          "'%s' is no name for a service: 1 to 63 of a-z, 0-9 and '-', not "
                          "'-' first",
                          given);
    if (given) {
        memcpy(ret_name, given, strlen(given) + 1);
        return 0;
    }
    if (project_load(".", &project, NULL))
        return cli_misuse(verb, "name the service, or run this in the folder of its project");
    memcpy(ret_name, project.name, sizeof(project.name));
    project_done(&project);
    return 0;
}

/* ---- versions -------------------------------------------------------------------------------------- */

/* Adds to every version how many rooms and connections use it. */
static void count_rooms(json_t *versions, const json_t *rooms) {
    size_t index, at;
    json_t *version, *room;

    json_array_foreach(versions, index, version) {
        json_int_t count = 0, connections = 0;
        json_array_foreach((json_t *)(uintptr_t)rooms, at, room) {
            if (strcmp(text_of_field(room, "version"), text_of_field(version, "version")) != 0)
                continue;
            count++;
            connections += number_of_field(room, "connections");
        }
        json_object_set_new(version, "rooms", json_integer(count));
        json_object_set_new(version, "connections", json_integer(connections));
    }
}

/* "2026-11-30T15:04:05Z" as "2026-11-30 15:04", in this machine's time zone. */
static void local_time(char *out, size_t size, const char *text) {
    struct tm utc = {0}, local;
    time_t seconds;

    if (!strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc)) {
        snprintf(out, size, "%s", text);
        return;
    }
    seconds = timegm(&utc);
    localtime_r(&seconds, &local);
    strftime(out, size, "%Y-%m-%d %H:%M", &local);
}

static int print_versions(const json_t *versions) {
    static const char *const heads[] = {"version",      ">size", "deployed", ">rooms",
                                        ">connections", "state", NULL};
    struct columns table;
    size_t index;
    json_t *version;
    int code = CLI_DONE;

    columns_init(&table, heads);
    json_array_foreach((json_t *)(uintptr_t)versions, index, version) {
        char size[16], deployed[32];
        local_time(deployed, sizeof(deployed), text_of_field(version, "deployed_at"));
        columns_add(&table, "%.12s", text_of_field(version, "version"));
        columns_add(&table, "%s", term_size(size, (uint64_t)number_of_field(version, "size")));
        columns_add(&table, "%s", deployed);
        columns_add(&table, "%lld", (long long)number_of_field(version, "rooms"));
        columns_add(&table, "%lld", (long long)number_of_field(version, "connections"));
        columns_add(&table, "%s",
                    json_is_true(json_object_get(version, "current")) ? "current" : "");
    }
    if (!columns_print(&table)) code = cli_fail("versions", "out of memory");
    columns_done(&table);
    return code;
}

static int show_versions(struct target *target, const char *service, bool json) {
    char path[128];
    struct client_request request = {.method = "GET", .path = path};
    json_t *root = NULL, *rooms = NULL, *versions;
    int code = target_resolve("versions", target);

    snprintf(path, sizeof(path), "/_ramp/v1/services/%s", service);
    if (!code) code = target_json("versions", target, &request, &root);
    snprintf(path, sizeof(path), "/_ramp/v1/rooms?service=%s", service);
    if (!code) code = target_json("versions", target, &request, &rooms);
    versions = json_object_get(root, "versions");
    if (!code && *text_of_field(root, "error"))
        code = cli_fail("versions", "%s", text_of_field(root, "error"));
    if (!code && !json_is_array(versions))
        code = cli_fail("versions",
                        "%s: the server's answer has no list of versions; it may be "
                        "older than this ramp",
                        target->text);
    if (!code) count_rooms(versions, json_object_get(rooms, "rooms"));
    if (!code && json) {
        json_t *shown = json_pack("{s:s, s:O}", "service", service, "versions", versions);
        json_dumpf(shown, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(shown);
    } else if (!code) {
        code = print_versions(versions);
    }
    json_decref(root);
    json_decref(rooms);
    return code;
}

int cli_versions(int argc, char **argv) {
    char service[LIMIT_SERVICE_NAME + 1];
    const char *given = NULL;
    struct target target = {0};
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json", .kind = ARG_FLAG, .target = &json, .help = "print them as JSON"},
        TARGET_OPTIONS(target),
    };
    const struct arg_verb verb = {
        .name = "versions",
        .usage = "[SERVICE]",
        .about =
            "Lists the versions of a service (default: of the project here) that a server keeps, "
            "the\n"
            "latest first, with the rooms that use them. `ramp rollback` goes back to one.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &given);
    if (result) return ARGS_EXIT(result);

    int code = choose_service("versions", given, service);
    return code ? code : show_versions(&target, service, json);
}

/* ---- rollback -------------------------------------------------------------------------------------- */

static bool is_version(const char *text) {
    size_t size = strspn(text, "0123456789abcdef");
    return size >= 4 && size <= 64 && text[size] == '\0';
}

static int roll_back(struct target *target, const char *service, const char *version, bool json) {
    const struct deployed_text text = {.verb = "rollback", .done = "rolled back", .json = json};
    json_t *body = json_pack("{s:s*}", "version", version), *answer = NULL;
    char path[128], bytes[128];
    struct client_request request = {.method = "POST", .path = path, .type = "application/json"};
    int code = target_resolve("rollback", target);

    snprintf(path, sizeof(path), "/_ramp/v1/services/%s/rollback", service);
    request.body =
        (ramp_bytes){bytes, body ? json_dumpb(body, bytes, sizeof(bytes), JSON_COMPACT) : 0};
    json_decref(body);
    if (!code) code = target_json("rollback", target, &request, &answer);
    if (!code) code = deployed_print(&text, target, answer);
    json_decref(answer);
    return code;
}

int cli_rollback(int argc, char **argv) {
    char service[LIMIT_SERVICE_NAME + 1];
    const char *operands[2] = {NULL, NULL};
    struct target target = {0};
    bool json = false;
    const struct arg_option options[] = {
        {.name = "json", .kind = ARG_FLAG, .target = &json, .help = "print the result as JSON"},
        TARGET_OPTIONS(target),
    };
    const struct arg_verb verb = {
        .name = "rollback",
        .usage = "[SERVICE [VERSION]]",
        .about =
            "Makes a version current again that the server keeps (default: the one before, of the\n"
            "project here), with the configuration that it had. Nothing is built or uploaded; "
            "rooms\n"
            "switch as they do after a deploy. VERSION is the beginning of its id, from `ramp "
            "versions`.",
        .example = "example:\n  ramp rollback chat 3fc4ccfe",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 2,
    };
    enum args_result result = args_parse(&verb, argc, argv, operands);
    if (result) return ARGS_EXIT(result);

    if (operands[1] && !is_version(operands[1]))
        return cli_misuse(
            "rollback",
            "'%s' is no version: write at least 4 of the digits 0-9 and a-f that `ramp "
            "versions %s` shows",
            operands[1], operands[0]);
    int code = choose_service("rollback", operands[0], service);
    return code ? code : roll_back(&target, service, operands[1], json);
}

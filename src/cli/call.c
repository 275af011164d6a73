/* SPDX-License-Identifier: Apache-2.0 */
/* call.c -- `ramp call`: one call of the call API, and the events it returned. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/file.h"
#include "cli/target.h"
#include "cli/term.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct call_options {
    const char *operands[3]; /* service, room, call */
    const char *caller, *connection, *user, *query, *headers, *text, *file, *method, *path;
    bool binary, json;
    unsigned code;
    struct target target;
};

/* ---- the request --------------------------------------------------------------------------------- */

static void set_text(json_t *root, const char *key, const char *value) {
    if (value) json_object_set_new(root, key, json_string(value));
}

/* 0, or the exit code after it was told. */
static int set_payload(json_t *root, const struct call_options *options) {
    struct bytes file;
    ramp_error error;
    ramp_bytes payload = {options->text, options->text ? strlen(options->text) : 0};

    if (options->text && options->file)
        return cli_misuse("call", "--text and --file exclude each other");
    if (!options->text && !options->file) return 0;
    bytes_init(&file, LIMIT_MESSAGE_SIZE);
    if (options->file) {
        if (file_read(options->file, &file, &error)) {
            bytes_done(&file);
            return cli_fail("call", "%s", error.message);
        }
        payload = (ramp_bytes){file.data, file.size};
    }
    if (!options->binary && utf8_valid(payload.data, payload.size)) {
        const char *text = payload.size ? payload.data : "";
        json_object_set_new(root, "payload", json_stringn(text, payload.size));
    } else {
        struct bytes base64;
        bytes_init(&base64, (size_t)LIMIT_MESSAGE_SIZE * 2);
        bytes_add_base64(&base64, payload.data, payload.size);
        set_text(root, "payload_base64", base64.data ? base64.data : "");
        bytes_done(&base64);
    }
    bytes_done(&file);
    return 0;
}

/* Gives the request's JSON; NULL after it was told what is wrong, with the exit code. */
static json_t *make_request(const struct call_options *options, int *ret_code) {
    static const char *const calls[] = {"open", "join", "message", "leave", "request"};
    const char *call = options->operands[2];
    bool known = false;

    for (size_t i = 0; i < 5; i++) known |= strcmp(call, calls[i]) == 0;
    if (!known) {
        const char *nearest = args_nearest(call, calls, 5);
        *ret_code =
            cli_misuse("call", "there is no call '%s'; %s%s", call, nearest ? "did you mean " : "",
                       nearest ? nearest : "there are open, join, message, leave, request");
        return NULL;
    }
    json_t *root = json_pack("{s:s, s:s, s:s, s:s}", "caller", options->caller, "service",
                             options->operands[0], "room", options->operands[1], "call", call);
    bool about_connection = strcmp(call, "open") != 0 && strcmp(call, "request") != 0;
    if (about_connection) set_text(root, "connection", options->connection);
    set_text(root, "user", options->user);
    set_text(root, "query", options->query);
    set_text(root, "headers", options->headers);
    if (strcmp(call, "leave") == 0) json_object_set_new(root, "code", json_integer(options->code));
    if (strcmp(call, "request") == 0) {
        set_text(root, "method", options->method);
        set_text(root, "path", options->path);
    }
    *ret_code = set_payload(root, options);
    if (*ret_code) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

static const char *field_text(const json_t *event, const char *key) {
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

static long long field_number(const json_t *event, const char *key) {
    return (long long)json_integer_value(json_object_get(event, key));
}

/* To whom, or about what. */
static void describe_target(const json_t *event, char *out, size_t capacity) {
    const char *type = field_text(event, "type");
    const json_t *to = json_object_get(event, "to");

    if (strcmp(type, "broadcast") == 0) {
        size_t count = json_array_size(to), used = 0;
        out[0] = '\0';
        for (size_t i = 0; i < count && i < 4; i++) {
            const char *id = json_string_value(json_array_get(to, i));
            int size =
                snprintf(out + used, capacity - used, "%s%.24s", i ? ", " : "", id ? id : "?");
            used += (size_t)size < capacity - used ? (size_t)size : 0;
        }
        if (count > 4) snprintf(out + used, capacity - used, " and %zu more", count - 4);
        if (count == 0) snprintf(out, capacity, "nobody here");
    } else if (strncmp(type, "kv_", 3) == 0 || strncmp(type, "db_", 3) == 0) {
        snprintf(out, capacity, "%.100s", field_text(event, "key"));
    } else if (strncmp(type, "timer_", 6) == 0) {
        snprintf(out, capacity, "timer %lld", field_number(event, "id"));
    } else {
        snprintf(out, capacity, "%.128s", field_text(event, "connection"));
    }
}

/* Its numbers: delay, code, ... */
static void describe_detail(const json_t *event, char *out, size_t capacity) {
    const char *type = field_text(event, "type");

    out[0] = '\0';
    if (strcmp(type, "timer_set") == 0 && field_number(event, "period_ms"))
        snprintf(out, capacity, "in %lld ms, then every %lld ms", field_number(event, "delay_ms"),
                 field_number(event, "period_ms"));
    else if (strcmp(type, "timer_set") == 0)
        snprintf(out, capacity, "in %lld ms", field_number(event, "delay_ms"));
    else if (strcmp(type, "close") == 0)
        snprintf(out, capacity, "code %lld", field_number(event, "code"));
    else if (strcmp(type, "respond") == 0)
        snprintf(out, capacity, "status %lld", field_number(event, "status"));
    else if (strcmp(type, "alarm_set") == 0)
        snprintf(out, capacity, "at %lld", field_number(event, "at_ms"));
    else if (strcmp(type, "kv_set") == 0 && field_number(event, "ttl_ms"))
        snprintf(out, capacity, "for %lld ms", field_number(event, "ttl_ms"));
    else if (json_is_true(json_object_get(event, "binary"))) snprintf(out, capacity, "binary");
}

static int print_events(const json_t *events) {
    static const char *const heads[] = {"event", "to", "detail", "payload", NULL};
    char target[256], detail[96];
    struct columns table;
    size_t index;
    json_t *event;
    int code = CLI_DONE;

    if (!json_array_size(events)) {
        printf("no events\n");
        return CLI_DONE;
    }
    columns_init(&table, heads);
    json_array_foreach((json_t *)events, index, event) {
        const char *base64 = json_string_value(json_object_get(event, "payload_base64"));
        describe_target(event, target, sizeof(target));
        describe_detail(event, detail, sizeof(detail));
        columns_add(&table, "%s", field_text(event, "type"));
        columns_add(&table, "%s", target);
        columns_add(&table, "%s", detail);
        columns_add(&table, "%s%.400s", base64 ? "base64:" : "",
                    base64 ? base64 : field_text(event, "payload"));
    }
    if (!columns_print(&table)) code = cli_fail("call", "out of memory");
    columns_done(&table);
    return code;
}

static int print_answer(const json_t *root, bool json) {
    const json_t *error = json_object_get(root, "error");
    const char *where = field_text(error, "where");

    if (json) {
        json_dumpf(root, stdout, JSON_INDENT(2));
        putchar('\n');
        return json_is_object(error) ? CLI_FAILED : CLI_DONE;
    }
    if (json_is_object(error))
        return cli_fail("call", "the call failed (%s): %s%s%s", field_text(error, "code"),
                        field_text(error, "message"), *where ? "\n  at " : "", where);
    return print_events(json_object_get(root, "events"));
}

static int run(struct call_options *options) {
    json_t *answer = NULL;
    int code = 0;

    json_t *root = make_request(options, &code);
    if (!root) return code;
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text) return cli_fail("call", "out of memory");
    struct client_request request = {
        .method = "POST",
        .path = "/_ramp/v1/call",
        .type = "application/json",
        .body = {text, strlen(text)},
    };
    code = target_resolve("call", &options->target);
    if (!code) code = target_json("call", &options->target, &request, &answer);
    if (!code) code = print_answer(answer, options->json);
    json_decref(answer);
    free(text);
    return code;
}

int cli_call(int argc, char **argv) {
    struct call_options values = {
        .caller = "cli", .connection = "cli", .method = "GET", .path = "/", .code = 1000};
    const struct arg_option options[] = {
        {.name = "conn",
         .kind = ARG_TEXT,
         .value = "ID",
         .target = &values.connection,
         .help = "the connection's id, unique in the room (default: cli)"},
        {.name = "text",
         .kind = ARG_TEXT,
         .value = "TEXT",
         .target = &values.text,
         .help = "the payload"},
        {.name = "file",
         .kind = ARG_TEXT,
         .value = "FILE",
         .target = &values.file,
         .help = "the payload is this file's; binary if it is not UTF-8"},
        {.name = "binary",
         .kind = ARG_FLAG,
         .target = &values.binary,
         .help = "the payload is binary"},
        {.name = "user",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &values.user,
         .help = "join, request: who it is"},
        {.name = "query",
         .kind = ARG_TEXT,
         .value = "a=1&b=2",
         .target = &values.query,
         .help = "join: the query string"},
        {.name = "headers",
         .kind = ARG_TEXT,
         .value = "LINES",
         .target = &values.headers,
         .help = "join, request: lines of `name: value`"},
        {.name = "code",
         .kind = ARG_NUMBER,
         .value = "CODE",
         .target = &values.code,
         .min = 1000,
         .max = 4999,
         .help = "leave: the close code (default: 1000)"},
        {.name = "method",
         .kind = ARG_TEXT,
         .value = "METHOD",
         .target = &values.method,
         .help = "request: the method (default: GET)"},
        {.name = "path",
         .kind = ARG_TEXT,
         .value = "PATH",
         .target = &values.path,
         .help = "request: what follows /SERVICE/ROOM (default: /)"},
        {.name = "caller",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &values.caller,
         .help = "whose connection it is (default: cli); connections of a caller that\n"
                 "is not heard from for 60 s leave"},
        {.name = "json",
         .kind = ARG_FLAG,
         .target = &values.json,
         .help = "print the server's answer as JSON"},
        TARGET_OPTIONS(values.target),
    };
    const struct arg_verb verb = {
        .name = "call",
        .usage = "SERVICE ROOM open|join|message|leave|request",
        .about = "Tells a room what happened and prints the events that its module emitted. Events "
                 "for this\n"
                 "caller's connections that other calls raised meanwhile come along.",
        .example = "example:\n  ramp call chat lobby join --conn ann --user ann\n"
                   "  ramp call chat lobby message --conn ann --text hello",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_min = 3,
        .operands_max = 3,
    };
    enum args_result result = args_parse(&verb, argc, argv, values.operands);
    return result ? ARGS_EXIT(result) : run(&values);
}

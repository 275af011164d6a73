/* SPDX-License-Identifier: Apache-2.0 */
/* logs.c -- `ramp logs`: follows what modules log and what failed, one line each, as it happens. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/sse.h"
#include "cli/target.h"
#include "cli/term.h"

#include "base/limits.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS_MAX 5000

struct logs {
    const char *service, *room, *level;
    bool once, json;
    unsigned level_min;
    struct target target;
    struct sse sse;
    bool received; /* something, since the connection began */
};

static const char *const levels[] = {"debug", "info", "warning", "error"};

static const char *text_of_field(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static unsigned level_of(const json_t *line) {
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(text_of_field(line, "level"), levels[i]) == 0) return i;
    return 1;
}

static void print_time(const json_t *line) {
    int64_t ms = (int64_t)json_integer_value(json_object_get(line, "time_ms"));
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char text[16];

    if (!ms) return;
    localtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%H:%M:%S", &parts);
    printf("%s%s.%03d%s ", term_style(TERM_OUT, TERM_DIM), text, (int)(ms % 1000),
           term_style(TERM_OUT, TERM_PLAIN));
}

static void print_safe(const char *text, size_t size) {
    term_safe(stdout, text, size, 4096, false);
}

static void print_line(const json_t *line) {
    static const enum term_style styles[] = {TERM_DIM, TERM_GREEN, TERM_YELLOW, TERM_RED};
    const char *service = text_of_field(line, "service"), *room = text_of_field(line, "room");
    const char *connection = text_of_field(line, "connection"), *call = text_of_field(line, "call");
    const json_t *text = json_object_get(line, "text");
    unsigned level = level_of(line);

    print_time(line);
    printf("%s%-7s%s ", term_style(TERM_OUT, styles[level]), levels[level],
           term_style(TERM_OUT, TERM_PLAIN));
    print_safe(service, strlen(service));
    if (*room) putchar('/');
    print_safe(room, strlen(room));
    if (*call) printf(" %s", call);
    if (*connection) putchar(' ');
    print_safe(connection, strlen(connection));
    fputs("  ", stdout);
    print_safe(json_string_value(text) ? json_string_value(text) : "", json_string_length(text));
    putchar('\n');
}

static void on_event(void *context, const char *event, const char *data, size_t size) {
    struct logs *logs = context;
    json_t *line = json_loadb(data, size, JSON_ALLOW_NUL, NULL);

    (void)event;
    if (strcmp(text_of_field(line, "type"), "dropped") == 0) {
        /* The server tells only so much per second to one reader. */
        fprintf(stderr, "ramp logs: %lld lines left out: too many at once\n",
                (long long)json_integer_value(json_object_get(line, "count")));
    } else if (json_is_object(line) && level_of(line) >= logs->level_min) {
        if (logs->json) printf("%.*s\n", (int)size, data);
        else print_line(line);
        fflush(stdout);
    }
    json_decref(line);
}

static bool on_bytes(void *context, const char *data, size_t size) {
    struct logs *logs = context;

    logs->received = true;
    return sse_feed(&logs->sse, data, size) && !ferror(stdout);
}

static void pause_ms(unsigned ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static void make_path(const struct logs *logs, struct bytes *path) {
    bytes_format(path, "/_ramp/v1/logs?level=%s", levels[logs->level_min]);
    if (logs->service) {
        bytes_format(path, "&service=");
        bytes_add_encoded(path, logs->service);
    }
    if (logs->room) {
        bytes_format(path, "&room=");
        bytes_add_encoded(path, logs->room);
    }
}

/* One connection. 0: it ended, and another may follow; else the exit code, after it was told why. */
static int follow(struct logs *logs, const char *path, bool first) {
    const char *token = logs->target.token_found;
    const struct client_request request = {
        .method = "GET", .path = path, .token = *token ? token : NULL};
    struct bytes failure;
    ramp_error error;
    int status = 0, code = 0;

    bytes_init(&failure, LIMIT_CLI_JSON);
    sse_init(&logs->sse, on_event, logs);
    ramp_status result =
        client_stream(&logs->target.url, &request, on_bytes, logs, &status, &failure, &error);
    sse_done(&logs->sse);
    if (result && (first || logs->once)) code = cli_fail("logs", "%s", error.message);
    else if (!result && status != 200)
        code = target_refused("logs", &logs->target, status, &failure);
    bytes_done(&failure);
    return code;
}

static int run(struct logs *logs) {
    struct bytes path;
    unsigned wait_ms = 250;
    bool first = true;

    int code = target_resolve("logs", &logs->target);
    if (code) return code;
    bytes_init(&path, 2048);
    make_path(logs, &path);
    if (path.failed) code = cli_misuse("logs", "the name of a service or room is too long");
    while (!code) {
        logs->received = false;
        code = follow(logs, path.data, first);
        if (code || logs->once || ferror(stdout)) break;
        if (logs->received) wait_ms = 250;
        if (first || logs->received)
            fprintf(stderr, "ramp logs: the connection ended; trying again\n");
        first = false;
        pause_ms(wait_ms);
        wait_ms = wait_ms * 2 < RETRY_MS_MAX ? wait_ms * 2 : RETRY_MS_MAX;
    }
    bytes_done(&path);
    return code;
}

int cli_logs(int argc, char **argv) {
    struct logs logs = {.level = "debug"};
    bool follows = false; /* what it does anyway; people's fingers type -f */
    const struct arg_option options[] = {
        {.name = "service",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &logs.service,
         .help = "only of this service"},
        {.name = "room",
         .kind = ARG_TEXT,
         .value = "ROOM",
         .target = &logs.room,
         .help = "only of this room"},
        {.name = "level",
         .kind = ARG_TEXT,
         .value = "LEVEL",
         .target = &logs.level,
         .help = "debug (default), info, warning or error: this and above"},
        {.name = "follow",
         .letter = 'f',
         .kind = ARG_FLAG,
         .target = &follows,
         .help = "as without it: lines as they happen, over restarts of the server"},
        {.name = "once",
         .kind = ARG_FLAG,
         .target = &logs.once,
         .help = "end when the connection ends"},
        {.name = "json", .kind = ARG_FLAG, .target = &logs.json, .help = "print the lines as JSON"},
        TARGET_OPTIONS(logs.target),
    };
    const struct arg_verb verb = {
        .name = "logs",
        .usage = "",
        .about = "Follows what modules log and what failed in them, with service, room, call and "
                 "connection,\n"
                 "as it happens.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
    };
    enum args_result result = args_parse(&verb, argc, argv, NULL);
    if (result) return ARGS_EXIT(result);

    while (logs.level_min < 4 && strcmp(levels[logs.level_min], logs.level) != 0) logs.level_min++;
    if (logs.level_min == 4)
        return cli_misuse("logs", "--level: '%s' is none of debug, info, warning, error",
                          logs.level);
    return run(&logs);
}

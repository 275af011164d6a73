/* SPDX-License-Identifier: Apache-2.0 */
/* logs.c -- `ramp logs`: what modules log and what failed, one line each: what the server remembers, then,
 * with -f, as it happens.
 *
 * A connection that ends is made again, and asks for what came since the last line. The server counts in ms:
 * lines of that very ms which have been printed are known by their text, and not printed twice.
 */
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
#define LAST_MAX     64 /* lines of the last ms that are remembered */

struct logs {
    const char *service, *room, *level;
    bool follows, once, json;
    unsigned level_min, lines;
    int64_t last_ms;        /* of the last line; 0: there was none */
    json_t *last[LAST_MAX]; /* the lines of that ms */
    unsigned last_count;
    unsigned printed_count; /* of these, which an earlier connection has brought */
    bool again;             /* this is not the first connection */
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

static void forget_last(struct logs *logs) {
    while (logs->last_count) json_decref(logs->last[--logs->last_count]);
    logs->printed_count = 0;
}

/* false: it was printed before the connection was made again. */
static bool is_new(struct logs *logs, json_t *line) {
    int64_t ms = json_integer_value(json_object_get(line, "time_ms"));

    if (ms > logs->last_ms) {
        forget_last(logs);
        logs->last_ms = ms;
    }
    if (ms < logs->last_ms) return true; /* another worker's, a little late */
    for (unsigned i = 0; i < logs->printed_count; i++) {
        if (!json_equal(logs->last[i], line)) continue;
        /* Each stands for one line: a module may log the same twice. */
        json_t *same = logs->last[i];
        logs->last[i] = logs->last[--logs->printed_count];
        logs->last[logs->printed_count] = logs->last[--logs->last_count];
        json_decref(same);
        return false;
    }
    if (logs->last_count < LAST_MAX) logs->last[logs->last_count++] = json_incref(line);
    return true;
}

static void on_event(void *context, const char *event, const char *data, size_t size) {
    struct logs *logs = context;
    json_t *line = json_loadb(data, size, JSON_ALLOW_NUL, NULL);

    (void)event;
    if (strcmp(text_of_field(line, "type"), "dropped") == 0) {
        /* The server tells only so much per second to one reader. */
        fprintf(stderr, "ramp logs: %lld lines left out: too many at once\n",
                (long long)json_integer_value(json_object_get(line, "count")));
    } else if (json_is_object(line) && level_of(line) >= logs->level_min && is_new(logs, line)) {
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
    /* The server keeps no more than that of a service, whatever is asked for. */
    bytes_format(path, "/_ramp/v1/logs?level=%s&lines=%u&since=%lld&follow=%d",
                 levels[logs->level_min], logs->again ? LIMIT_HISTORY_LINES : logs->lines,
                 (long long)logs->last_ms, logs->follows ? 1 : 0);
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
    /* A stream that began and broke off is one that ended: servers do, and so do networks. */
    if (result && !status && (first || logs->once)) code = target_unreachable("logs", &error);
    else if (status && status != 200)
        code = target_refused("logs", &logs->target, status, &failure);
    bytes_done(&failure);
    return code;
}

/* The same with a path of its own, for every connection asks for something else. */
static int follow_from_here(struct logs *logs, bool first) {
    struct bytes path;
    int code;

    bytes_init(&path, 2048);
    make_path(logs, &path);
    code = path.failed ? cli_misuse("logs", "the name of a service or room is too long")
                       : follow(logs, path.data, first);
    bytes_done(&path);
    return code;
}

static int run(struct logs *logs) {
    unsigned wait_ms = 250;
    bool first = true;

    int code = target_resolve("logs", &logs->target);
    while (!code) {
        logs->received = false;
        code = follow_from_here(logs, first);
        if (code || logs->once || ferror(stdout)) break;
        if (logs->received) wait_ms = 250;
        if (first || logs->received)
            fprintf(stderr, "ramp logs: the connection ended; trying again\n");
        first = false;
        logs->again = true;
        logs->printed_count = logs->last_count;
        pause_ms(wait_ms);
        wait_ms = wait_ms * 2 < RETRY_MS_MAX ? wait_ms * 2 : RETRY_MS_MAX;
    }
    if (!code && !logs->follows && !logs->last_ms)
        fprintf(stderr, "ramp logs: nothing was logged yet; with -f it waits for what comes\n");
    forget_last(logs);
    return code;
}

int cli_logs(int argc, char **argv) {
    struct logs logs = {.level = "debug", .lines = 100};
    const char *operand = NULL;
    const struct arg_option options[] = {
        {.name = "service",
         .kind = ARG_TEXT,
         .value = "NAME",
         .target = &logs.service,
         .help = "only of this service; also as SERVICE"},
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
         .target = &logs.follows,
         .help = "go on with lines as they happen, over restarts of the server"},
        {.name = "lines",
         .letter = 'n',
         .kind = ARG_NUMBER,
         .value = "N",
         .target = &logs.lines,
         .max = LIMIT_HISTORY_LINES,
         .help = "how many of the lines before (default: 100)"},
        {.name = "once",
         .kind = ARG_FLAG,
         .target = &logs.once,
         .help = "with -f: end when the connection ends"},
        {.name = "json", .kind = ARG_FLAG, .target = &logs.json, .help = "print the lines as JSON"},
        TARGET_OPTIONS(logs.target),
    };
    const struct arg_verb verb = {
        .name = "logs",
        .usage = "[SERVICE]",
        .about =
            "Prints what modules have logged and what failed in them, with service, room, call "
            "and\n"
            "connection: the latest lines, which the server keeps in memory; with -f also those "
            "to come.",
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .operands_max = 1,
    };
    enum args_result result = args_parse(&verb, argc, argv, &operand);
    if (result) return ARGS_EXIT(result);
    if (operand) logs.service = operand;
    if (!logs.follows) logs.once = true;

    while (logs.level_min < 4 && strcmp(levels[logs.level_min], logs.level) != 0) logs.level_min++;
    if (logs.level_min == 4)
        return cli_misuse("logs", "--level: '%s' is none of debug, info, warning, error",
                          logs.level);
    return run(&logs);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* log.c -- see log.h. */
#define _GNU_SOURCE
#include "server/log.h"

#include "server/json_text.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A pipe takes so much at once or reports that it is full (PIPE_BUF): no line is torn, none blocks. */
#define LINE_MAX_SIZE 4096

struct line {
    char bytes[LINE_MAX_SIZE];
    size_t size;
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static bool use_json;
static atomic_int level_min = LOG_DEBUG;
static pthread_mutex_t stderr_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long lost_count; /* under stderr_lock */

void log_use_json(bool json) {
    use_json = json;
}

void log_set_level(enum log_level least) {
    atomic_store_explicit(&level_min, (int)least, memory_order_relaxed);
}

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...) {
    va_list arguments;
    size_t room = sizeof(line->bytes) - line->size;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line->bytes + line->size, room, format, arguments);
    va_end(arguments);
    if (length > 0) line->size += (size_t)length < room ? (size_t)length : room - 1;
}

/* Leaves room for what ends a line. The text form has the escapes of JSON, but plain quotes. */
static void add_escaped(struct line *line, const char *text, size_t size) {
    size_t room = sizeof(line->bytes) - line->size;

    if (room <= 16) return;
    if (use_json) {
        line->size += json_escape(line->bytes + line->size, room - 16, text, size);
        return;
    }
    while (size > 0 && room > 32) {
        const char *special = text;
        size_t n;
        while (special < text + size && *special != '"' && *special != '\\') special++;
        n = (size_t)(special - text);
        if (n) {
            line->size += json_escape(line->bytes + line->size, room - 24, text, n);
        } else {
            line->bytes[line->size++] = *text;
            n = 1;
        }
        text += n;
        size -= n;
        room = sizeof(line->bytes) - line->size;
    }
}

static void add_time(struct line *line) {
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
        utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
}

static void add_field(struct line *line, const char *name, const char *value) {
    if (!*value) return;
    add(line, ",\"%s\":\"", name);
    add_escaped(line, value, strlen(value));
    add(line, "\"");
}

static void compose_json(struct line *line, const ramp_log_line *entry) {
    add(line, "{\"time\":\"");
    add_time(line);
    add(line, "\",\"level\":\"%s\"", level_names[entry->level]);
    add_field(line, "service", entry->service);
    add_field(line, "room", entry->room);
    add_field(line, "connection", entry->connection);
    add_field(line, "call", entry->call);
    add(line, ",\"by\":\"%s\",\"text\":\"", entry->by_module ? "module" : "ramp");
    add_escaped(line, entry->text.data, entry->text.size);
    line->size += (size_t)snprintf(line->bytes + line->size, 4, "\"}\n");
}

static void compose_text(struct line *line, const ramp_log_line *entry) {
    add_time(line);
    add(line, " %s ", level_names[entry->level]);
    if (*entry->service) {
        add(line, "[%s", entry->service);
        if (*entry->room) {
            add(line, "/");
            add_escaped(line, entry->room, strlen(entry->room));
        }
        if (*entry->connection) {
            add(line, " ");
            add_escaped(line, entry->connection, strlen(entry->connection));
        }
        if (*entry->call) add(line, " %s", entry->call);
        add(line, "]%s ", entry->by_module ? "" : " ramp:");
    }
    add_escaped(line, entry->text.data, entry->text.size);
    line->bytes[line->size++] = '\n';
}

static bool stderr_is_ready(void) {
    struct pollfd stderr_poll = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&stderr_poll, 1, 0) == 1;
}

/* false: lost. SIGPIPE is ignored by the process. */
static bool write_line(const struct line *line) {
    return stderr_is_ready() && write(STDERR_FILENO, line->bytes, line->size) >= 0;
}

static void tell_lost(void) {
    struct line line = {.size = 0};
    char text[64];
    ramp_log_line entry = {
        .level = LOG_WARNING, .service = "", .room = "", .connection = "", .call = ""};

    snprintf(text, sizeof(text), "%lu line%s lost", lost_count,
             lost_count == 1 ? " was" : "s were");
    entry.text = (ramp_bytes){text, strlen(text)};
    (use_json ? compose_json : compose_text)(&line, &entry);
    if (write_line(&line)) lost_count = 0;
}

void log_line(const ramp_log_line *entry) {
    struct line line;

    if (entry->level < atomic_load_explicit(&level_min, memory_order_relaxed)) return;
    line.size = 0;
    (use_json ? compose_json : compose_text)(&line, entry);
    pthread_mutex_lock(&stderr_lock);
    if (lost_count) tell_lost();
    if (!write_line(&line)) lost_count++;
    pthread_mutex_unlock(&stderr_lock);
}

void log_text(enum log_level level, const char *format, ...) {
    char text[2048];
    va_list arguments;
    ramp_log_line entry = {
        .level = (int)level, .service = "", .room = "", .connection = "", .call = ""};

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    entry.text = (ramp_bytes){text, strlen(text)};
    log_line(&entry);
}

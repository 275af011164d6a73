/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c -- see metrics.h. */
#include "server/metrics.h"

#include "io/buffer.h"
#include "server/worker.h"

#include <stdarg.h>
#include <stdio.h>

void metrics_count_close(struct worker *worker, uint16_t code) {
    switch (code) {
    case 1000:
    case 1001: METRIC_ADD(worker, closed_normal, 1); break;
    case 1005:
    case 1006: METRIC_ADD(worker, closed_lost, 1); break;
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009: METRIC_ADD(worker, closed_protocol, 1); break;
    case 1011: METRIC_ADD(worker, closed_room, 1); break;
    case 1013: METRIC_ADD(worker, closed_overload, 1); break;
    default: METRIC_ADD(worker, closed_other, 1); break;
    }
}

/* ---- what the host knows --------------------------------------------------------------------- */

void metrics_take_snapshot(struct worker *worker) {
    struct metrics_snapshot *snapshot = &worker->snapshot;
    ramp_host_stats stats = {.size = sizeof(stats)};

    snapshot->is_due = worker->now_ns - snapshot->taken_ns < SNAPSHOT_NS;
    if (snapshot->is_due) return;
    ramp_host_get_stats(worker->host, &stats);
    pthread_mutex_lock(&snapshot->lock);
    snapshot->stats = stats;
    pthread_mutex_unlock(&snapshot->lock);
    snapshot->taken_ns = worker->now_ns;
}

void metrics_host_stats(struct worker *worker, ramp_host_stats *ret_stats) {
    pthread_mutex_lock(&worker->snapshot.lock);
    *ret_stats = worker->snapshot.stats;
    pthread_mutex_unlock(&worker->snapshot.lock);
}

/* ---- the text ------------------------------------------------------------------------------ */

/* field, name, help; a counter's name ends with _total */
#define HOST_METRICS_LIST(X)                                                                       \
    X(modules, "modules", "Modules in the tables.")                                                \
    X(modules_max, "modules_max", "Places in the tables.")                                         \
    X(modules_pinned, "modules_pinned", "Modules that cannot be evicted now.")                     \
    X(modules_bytes, "modules_bytes", "Bytes of artefacts in the tables.")                         \
    X(services, "services", "Services known to the workers.")                                      \
    X(rooms, "rooms", "Rooms that are open.")                                                      \
    X(rooms_max, "rooms_max", "Rooms that may be open.")                                           \
    X(connections, "room_connections", "Connections in rooms, callers' ones included.")            \
    X(timers, "timers", "Timers of rooms.")                                                        \
    X(stacks_max, "stacks_max", "Rooms that may run on the path that can suspend.")                \
    X(calls, "calls_total", "Calls of modules.")                                                   \
    X(calls_failed, "calls_failed_total", "Calls that failed.")                                    \
    X(events, "events_total", "Events that calls have emitted.")                                   \
    X(loads, "loads_total", "Loads of modules.")                                                   \
    X(loads_failed, "loads_failed_total", "Loads that failed.")                                    \
    X(loads_refused, "loads_refused_total", "Loads refused: every module was pinned.")             \
    X(evictions, "evictions_total", "Modules evicted from the tables.")                            \
    X(cpu_ns, "guest_cpu_ns_total", "CPU time of guests, in ns.")

static bool write_text(struct buffer *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool write_text(struct buffer *text, const char *format, ...) {
    char line[512];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    return size >= 0 && buffer_append(text, line, (size_t)size);
}

static bool write_head(struct buffer *text, const char *name, const char *help) {
    size_t size = strlen(name);
    bool counts = size > 6 && strcmp(name + size - 6, "_total") == 0;

    return write_text(text, "# HELP ramp_%s %s\n# TYPE ramp_%s %s\n", name, help, name,
                      counts ? "counter" : "gauge");
}

static bool write_value(struct buffer *text, const char *name, unsigned worker, uint64_t value) {
    return write_text(text, "ramp_%s{worker=\"%u\"} %llu\n", name, worker,
                      (unsigned long long)value);
}

/* ---- storage ------------------------------------------------------------------------------- */

struct files {
    const char *names[STORAGE_FILES];
    struct storage_stats stats[STORAGE_FILES];
    unsigned count;
};

static void add_file(void *context, struct storage *file) {
    struct files *files = context;

    files->names[files->count] = storage_name(file);
    storage_get_stats(file, &files->stats[files->count++]);
}

static bool write_storage(struct server *server, struct buffer *text) {
    struct files files = {.count = 0};
    bool ok = true;

    server_storage_each(server_storage(server), add_file, &files);
#define WRITE_FILES(field, name, help)                                                             \
    ok = ok && write_head(text, name, help);                                                       \
    for (unsigned i = 0; i < files.count; i++)                                                     \
        ok = ok && write_text(text, "ramp_%s{file=\"%s\"} %llu\n", name, files.names[i],           \
                              (unsigned long long)files.stats[i].field);
    STORAGE_STATS_LIST(WRITE_FILES)
#undef WRITE_FILES
    return ok;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool write_all(struct server *server, struct buffer *text) {
    unsigned count = server_worker_count(server);
    bool ok = true;

#define WRITE_COUNTER(field, name, help)                                                           \
    ok = ok && write_head(text, name, help);                                                       \
    for (unsigned i = 0; i < count; i++)                                                           \
        ok = ok && write_value(text, name, i,                                                      \
                               atomic_load_explicit(&server_worker(server, i)->metrics.field,      \
                                                    memory_order_relaxed));
    METRICS_LIST(WRITE_COUNTER)
#undef WRITE_COUNTER
#define WRITE_STAT(field, name, help)                                                              \
    ok = ok && write_head(text, name, help);                                                       \
    for (unsigned i = 0; i < count; i++) {                                                         \
        ramp_host_stats stats;                                                                     \
        metrics_host_stats(server_worker(server, i), &stats);                                      \
        ok = ok && write_value(text, name, i, stats.field);                                        \
    }
    HOST_METRICS_LIST(WRITE_STAT)
#undef WRITE_STAT
    return ok && write_storage(server, text);
}

char *metrics_text(struct server *server, size_t *ret_size) {
    struct buffer text = {0};

    if (!write_all(server, &text)) {
        buffer_release(&text);
        return NULL;
    }
    *ret_size = text.size;
    return (char *)text.data;
}

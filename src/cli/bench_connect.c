/* SPDX-License-Identifier: Apache-2.0 */
/* bench_connect.c -- scenarios about connections: storm, new rooms, load, idle.
 *
 * Door:   scenario_storm(), scenario_new_rooms(), scenario_load(), scenario_idle().
 * Before: bench.c. After: bench_load.h, bench_traffic.h.
 */
#include "cli/bench_traffic.h"

#include "cli/bench_proc.h"

#include "base/mem.h"

#include <stdio.h>
#include <time.h>

#define SECOND       1000000000.0
#define STORM_WINDOW 64 /* connections under way at a time */

/* What storm, new rooms and idle have in common: a connection sends one message when it is open, and
 * is done when that has come back. */
struct connecting {
    struct bench_result *result;
    const char *prefix; /* of the rooms' ids */
    unsigned rooms;
    size_t size; /* of a message */
    uint32_t begun, answered;
    uint32_t end;        /* connections to begin */
    bool close_answered; /* hold none open */
    bool service_each;   /* connection n goes to the service NAME-(first + n) */
    unsigned first;
    uint8_t *payload, *out;
    struct histogram latency; /* from connect() to the first echo */
};

static void begin_next(struct load *load) {
    struct connecting *connecting = load->context;
    struct load_connection *connection = &load->connections[connecting->begun];
    char room[64], service[80];

    if (connecting->begun == connecting->end) return;
    /* Ids of this run: rooms of an earlier one may still be there. */
    snprintf(room, sizeof(room), "%s-%x-%u", connecting->prefix, load->run,
             connecting->begun % connecting->rooms);
    connecting->begun++;
    if (connecting->service_each) {
        snprintf(service, sizeof(service), "%s-%u", load->target->service,
                 connecting->first + connection->index);
        load_connect(load, connection, service, room);
    } else {
        load_connect(load, connection, load->target->service, room);
    }
}

static void on_open(struct load *load, struct load_connection *connection) {
    struct connecting *connecting = load->context;

    message_make(connecting->payload, connecting->size, load->run, connection->index, 0);
    size_t size = load_frame(load, connecting->out, connecting->payload, connecting->size);
    connection->sent = 1;
    load_send(load, connection, connecting->out, size);
}

static void on_message(struct load *load, struct load_connection *connection,
                       const uint8_t *payload, size_t size) {
    struct connecting *connecting = load->context;

    if (connection->next == connection->sent) {
        load_fail(load, "doubled", "connection %u: a second answer", connection->index);
        return;
    }
    message_make(connecting->payload, connecting->size, load->run, connection->index, 0);
    if (!message_check(load, connection, payload, size, connecting->payload, connecting->size))
        return;
    histogram_add(&connecting->latency, load->now_ns - connection->begun_ns);
    connection->next++;
    connecting->answered++;
    if (connecting->close_answered) load_close(load, connection);
    begin_next(load);
}

static const struct load_handler handler = {on_open, on_message, NULL};

/* Connects up to `end` connections, `window` at a time. */
static void connect_until(struct load *load, struct connecting *connecting, uint32_t end,
                          unsigned window) {
    uint32_t answered = connecting->answered;
    uint64_t since = proc_now();

    connecting->end = end;
    for (unsigned i = 0; i < window && !load->failed; i++) begin_next(load);
    while (connecting->answered < end && !load->failed) {
        load_turn(load, 100);
        if (connecting->answered != answered) {
            answered = connecting->answered;
            since = proc_now();
        } else if (proc_now() - since > 5 * (uint64_t)SECOND) {
            load_fail(load, "lost", "%u of %u connections were not answered", end - answered, end);
        }
    }
}

static bool begin(struct load *load, struct connecting *connecting, const struct bench_setup *setup,
                  struct bench_result *result) {
    connecting->result = result;
    connecting->size = setup->payload;
    connecting->payload = mem_alloc(setup->payload);
    connecting->out = mem_alloc((size_t)setup->payload + WS_HEAD_MASKED_MAX);
    bool ready = load_init(load, &setup->target, &handler, connecting, setup->connections);
    if (connecting->payload && connecting->out) return ready;
    load_fail(load, "broken", "no memory");
    return false;
}

static void end(struct load *load, struct connecting *connecting) {
    connecting->result->latency = connecting->latency;
    bench_take_failure(connecting->result, load);
    load_done(load);
    mem_free(connecting->payload);
    mem_free(connecting->out);
}

/* ---- storm, new rooms ---------------------------------------------------------------------------- */

static void measure_connecting(struct load *load, struct connecting *connecting,
                               const struct bench_setup *setup, unsigned window) {
    struct bench_result *result = connecting->result;
    struct proc_cpu before, after;

    result->has_cpu = proc_cpu(setup->pid, &before);
    uint64_t own = proc_own_cpu(), begun = proc_now();
    connect_until(load, connecting, setup->connections, window);
    result->has_cpu = result->has_cpu && proc_cpu(setup->pid, &after);
    result->seconds = (double)(proc_now() - begun) / SECOND;
    result->generator_cpu = (double)(proc_own_cpu() - own) / SECOND / result->seconds;
    result->deliveries = connecting->answered;
    if (!result->has_cpu) return;
    uint64_t user = after.user_ns - before.user_ns, kernel = after.kernel_ns - before.kernel_ns;
    result->cpu_ns = after.total_ns - before.total_ns;
    result->kernel_share = user + kernel ? (double)kernel / (double)(user + kernel) : 0;
}

void scenario_storm(const struct bench_setup *setup, struct bench_result *result) {
    struct connecting connecting = {.prefix = "storm", .rooms = setup->rooms};
    struct load load;

    if (begin(&load, &connecting, setup, result))
        measure_connecting(&load, &connecting, setup, STORM_WINDOW);
    end(&load, &connecting);
}

void scenario_load(const struct bench_setup *setup, struct bench_result *result) {
    struct connecting connecting = {.prefix = "load", .rooms = 1, .close_answered = true};
    struct load load;

    connecting.service_each = true;
    connecting.first = setup->first;
    if (begin(&load, &connecting, setup, result)) measure_connecting(&load, &connecting, setup, 1);
    end(&load, &connecting);
}

void scenario_new_rooms(const struct bench_setup *setup, struct bench_result *result) {
    struct connecting connecting = {.prefix = "new", .close_answered = true};
    struct load load;

    connecting.rooms = setup->existing ? 1 : setup->connections;
    if (begin(&load, &connecting, setup, result)) measure_connecting(&load, &connecting, setup, 1);
    end(&load, &connecting);
}

/* ---- idle ---------------------------------------------------------------------------------------- */

struct idle_point {
    struct proc_memory server;
    uint64_t kernel;
};

static struct idle_point idle_point(const struct bench_setup *setup) {
    struct idle_point point = {0};

    traffic_settle(setup->pid);
    if (!proc_memory(setup->pid, &point.server)) point.server = (struct proc_memory){0};
    point.kernel = proc_kernel_memory();
    return point;
}

static double per(uint64_t after, uint64_t before, unsigned count) {
    return count ? ((double)after - (double)before) / count : 0;
}

/* A second in which nothing happens. */
static void measure_silence(const struct bench_setup *setup, struct bench_result *result) {
    struct timespec second = {.tv_sec = 1};
    struct proc_cpu before, after;

    result->has_cpu = proc_cpu(setup->pid, &before);
    nanosleep(&second, NULL);
    result->has_cpu = result->has_cpu && proc_cpu(setup->pid, &after);
    if (result->has_cpu) result->idle_cpu = (double)(after.total_ns - before.total_ns) / SECOND;
}

/* One room with one connection; then the other rooms with one each; then the other connections, spread
 * over all rooms: so a room and a connection have prices of their own. */
static void run_idle(struct load *load, struct connecting *connecting,
                     const struct bench_setup *setup, struct bench_result *result) {
    uint64_t begun = proc_now();

    connect_until(load, connecting, 1, 1);
    struct idle_point first = idle_point(setup);
    connect_until(load, connecting, setup->rooms, STORM_WINDOW);
    struct idle_point rooms = idle_point(setup);
    connect_until(load, connecting, setup->connections, STORM_WINDOW);
    struct idle_point all = idle_point(setup);
    if (load->failed) return;
    result->deliveries = connecting->answered;
    result->room_bytes = per(rooms.server.rss, first.server.rss, setup->rooms - 1);
    result->room_table_bytes =
        per(rooms.server.page_tables, first.server.page_tables, setup->rooms - 1);
    unsigned further = setup->connections - setup->rooms;
    result->connection_bytes = per(all.server.rss, rooms.server.rss, further);
    result->kernel_bytes = per(all.kernel, rooms.kernel, further) / 2; /* both ends are here */
    measure_silence(setup, result);
    result->seconds = (double)(proc_now() - begun) / SECOND;
}

void scenario_idle(const struct bench_setup *setup, struct bench_result *result) {
    struct connecting connecting = {.prefix = "idle", .rooms = setup->rooms};
    struct load load;

    if (begin(&load, &connecting, setup, result)) run_idle(&load, &connecting, setup, result);
    end(&load, &connecting);
}

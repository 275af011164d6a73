/* SPDX-License-Identifier: Apache-2.0 */
/* core.c -- what libramp costs: a message through a room, a room, a load; nothing of a server.
 *
 * Calls and opens are CPU time of this thread, in many short windows, all rows in turn within one round, so
 * that a slow phase of the machine hits every row. Believe the minimum; compare only within one run.
 *
 *     bench_core [MODULE.wasm] [rounds]     an echo module of your own, as built by `ramp build`; 300
 */
#include "unit/core/rig.h"

#include <unistd.h>

enum {
    ROUNDS_MAX = 10000,
    BATCH = 32,   /* messages queued before a step */
    CALLS = 640,  /* of one window */
    OPENS = 16,   /* rooms opened in one window */
    ROOMS = 1000, /* for memory, and for cold rooms */
    ROWS_MAX = 16
};

struct row {
    const char *name, *unit;
    double goal; /* 0: none */
    double values[ROUNDS_MAX];
    size_t count;
};
static struct row rows[ROWS_MAX];
static size_t row_count;

static struct rig fast,
    suspendable; /* two hosts: of the path that cannot suspend, and of the one that can */
static uint64_t answers;

static void on_done(void *context, const ramp_outcome *outcome) {
    (void)context;
    if (outcome->state != RAMP_CALL_DONE) RIG_FAIL("bench_core: %s", outcome->message);
    answers += outcome->call == RAMP_CALL_MESSAGE && outcome->event_count > 0;
}

static void on_close(void *context, ramp_connection *connection, uint16_t code,
                     const char *reason) {
    (void)context, (void)connection, (void)code;
    RIG_FAIL("bench_core: closed: %s", reason);
}

/* A kv backend that acknowledges at once: what a write costs us, not what it costs a database. */
static void kv_get(void *context, ramp_host *host, ramp_ticket ticket, const ramp_kv_key *key) {
    (void)context, (void)key;
    ramp_complete(host, ticket,
                  &(ramp_answer){.size = sizeof(ramp_answer), .status = RAMP_NOT_FOUND});
}
static void kv_write_all(void *context, ramp_host *host, ramp_ticket ticket,
                         const ramp_kv_write *writes, size_t count) {
    (void)context, (void)writes, (void)count;
    ramp_complete(host, ticket, &(ramp_answer){.size = sizeof(ramp_answer)});
}
static const ramp_kv kv = {.size = sizeof(kv), .get = kv_get, .write = kv_write_all};

static void open_host(struct rig *rig, uint32_t promote_calls, uint32_t modules_max,
                      const char *module) {
    ramp_error error;
    rig->real_time = true;
    rig->store = (ramp_store){.size = sizeof(ramp_store), .context = rig, .load = rig_load};
    if (ramp_host_new(&(ramp_host_options){.size = sizeof(ramp_host_options),
                                           .context = rig,
                                           .monotonic_ns = rig_monotonic_ns,
                                           .wall_ms = rig_wall_ms,
                                           .thread_cpu_ns = rig_thread_cpu_ns,
                                           .random = rig_random,
                                           .store = &rig->store,
                                           .kv = &kv,
                                           .on_done = on_done,
                                           .on_close = on_close,
                                           .rooms_max = 2 * ROOMS,
                                           .stacks_max = 2 * ROOMS,
                                           .modules_max = modules_max,
                                           .room_idle_ms = 1,
                                           .promote_calls = promote_calls},
                      &rig->host, &error))
        RIG_FAIL("bench_core: %s", error.message);
    rig_add(rig, "echo", "echo");
    rig_add(rig, "kv", "bench_store_kv");
    if (module) rig_add(rig, "mine", module);
    rig_add(rig, "t0", "echo");
    rig_add(rig, "t1", "echo");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void note(const char *name, const char *unit, double goal, double value) {
    struct row *row = rows;
    while (row < rows + row_count && strcmp(row->name, name) != 0) row++;
    if (row == rows + row_count) {
        if (row_count == ROWS_MAX) RIG_FAIL("bench_core: too many rows");
        *row = (struct row){.name = name, .unit = unit, .goal = goal};
        row_count++;
    }
    row->values[row->count++] = value;
}

static uint64_t cpu_ns(void) {
    return rig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void say(ramp_connection *connection) {
    static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    if (ramp_message(connection, (ramp_bytes){text, 64}, false, NULL))
        RIG_FAIL("bench_core: refused");
}

/* ns per message of 64 bytes, `batch` of them queued before each step. */
static double echo(struct rig *rig, const char *service, size_t batch) {
    ramp_connection *connection = ramp_connection_find(rig->host, service, "room", "ann");
    uint64_t start_ns, before = answers;

    if (!connection) connection = rig_join_at(rig, service, "room", "ann");
    for (int i = 0; i < 300; i++) { /* it is promoted, or never will be; and warm */
        say(connection);
        rig_run(rig);
    }
    before = answers;
    start_ns = cpu_ns();
    for (size_t i = 0; i < CALLS; i += batch) {
        for (size_t k = 0; k < batch; k++) say(connection);
        while (ramp_host_step(rig->host)) continue;
    }
    start_ns = cpu_ns() - start_ns;
    if (answers != before + CALLS) RIG_FAIL("bench_core: an answer is missing");
    return (double)start_ns / CALLS;
}

/* us from a join to the answer to the first message, rooms new; they end afterwards. */
static double open_rooms(struct rig *rig, const char *service) {
    ramp_connection *connections[OPENS];
    uint64_t start_ns = cpu_ns();
    char room[16];

    for (int i = 0; i < OPENS; i++) {
        snprintf(room, sizeof(room), "new%d", i);
        connections[i] = rig_join_at(rig, service, room, "ann");
        say(connections[i]);
        while (ramp_host_step(rig->host)) continue;
    }
    start_ns = cpu_ns() - start_ns;
    for (int i = 0; i < OPENS; i++) ramp_leave(connections[i], 1000, NULL);
    rig_run(rig);
    rig->now_ns += 2 * RIG_MS;
    rig_run(rig);
    return (double)start_ns / OPENS / 1000;
}

/* us of wall time from a request to a service that is not in the table, whose artefact lies in a file, to
 * the room's first answer. */
static char artefact_path[] = "/tmp/ramp-bench-XXXXXX";
static double load_from_file(struct rig *rig, unsigned round) {
    struct rig_service *service = rig_service(rig, round % 2 ? "t1" : "t0");
    ramp_connection *connection;
    uint64_t start_ns;

    service->mode = RIG_HELD;
    start_ns = rig_clock_ns(CLOCK_MONOTONIC);
    connection = rig_join_at(rig, service->name, "room", "ann");
    say(connection);
    while (ramp_host_step(rig->host)) continue;
    if (!service->ticket) RIG_FAIL("bench_core: nothing was loaded");
    ramp_complete_load(rig->host, service->ticket,
                       &(ramp_load_answer){.size = sizeof(ramp_load_answer),
                                           .artefact_path = artefact_path,
                                           .id = {{(uint8_t)round, (uint8_t)(round >> 8), 1}}});
    service->ticket = 0;
    while (ramp_host_step(rig->host)) continue;
    start_ns = rig_clock_ns(CLOCK_MONOTONIC) - start_ns;
    ramp_leave(connection, 1000, NULL);
    rig_run(rig);
    rig->now_ns += 2 * RIG_MS;
    rig_run(rig);
    return (double)start_ns / 1000;
}

static size_t resident_bytes(void) {
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    char *end;
    if (!file || !fgets(text, sizeof(text), file)) RIG_FAIL("bench_core: no /proc/self/statm");
    fclose(file);
    strtoul(text, &end, 10);
    return strtoul(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t mapping_count(void) {
    FILE *file = fopen("/proc/self/maps", "r");
    size_t count = 0;
    int c;
    if (!file) RIG_FAIL("bench_core: no /proc/self/maps");
    while ((c = fgetc(file)) != EOF) count += c == '\n';
    fclose(file);
    return count;
}

/* Many rooms: what each takes, and what a message costs when its room is not in the cache. */
static void many_rooms(struct rig *rig, const char *service, const char *name_memory,
                       const char *name_maps, const char *name_cold) {
    static ramp_connection *connections[ROOMS];
    size_t bytes = resident_bytes(), mappings = mapping_count();
    char room[16];

    for (int i = 0; i < ROOMS; i++) {
        snprintf(room, sizeof(room), "many%d", i);
        connections[i] = rig_join_at(rig, service, room, "ann");
        say(connections[i]);
        rig_run(rig);
    }
    note(name_memory, "KiB", 0, (double)(resident_bytes() - bytes) / ROOMS / 1024);
    note(name_maps, "maps", 0, (double)(mapping_count() - mappings) / ROOMS);
    for (int round = 0; round < 8; round++) {
        uint64_t start_ns = cpu_ns();
        for (int i = 0; i < ROOMS; i++) {
            say(connections[i]);
            while (ramp_host_step(rig->host)) continue;
        }
        if (round) note(name_cold, "ns", 0, (double)(cpu_ns() - start_ns) / ROOMS);
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_rows(void) {
    printf("%-63s %10s %10s %8s\n", "", "min", "median", "goal");
    for (size_t i = 0; i < row_count; i++) {
        struct row *row = &rows[i];
        qsort(row->values, row->count, sizeof(*row->values), compare);
        printf("%-63s %7.1f %-4s %6.1f", row->name, row->values[0], row->unit,
               row->values[row->count / 2]);
        if (row->goal > 0)
            printf(" %11.0f%s", row->goal, row->values[0] <= row->goal ? "" : "  missed");
        printf("\n");
    }
}

static void write_artefact(void) {
    ramp_bytes artefact = rig_module("echo", false)->artefact;
    int fd = mkstemp(artefact_path);
    if (fd < 0 || write(fd, artefact.data, artefact.size) != (ssize_t)artefact.size)
        RIG_FAIL("bench_core: cannot write %s", artefact_path);
    close(fd);
}

int main(int argc, char **argv) {
    const char *module = argc > 1 && strchr(argv[1], '/') ? argv[1] : NULL;
    unsigned rounds = 300;

    if (argc > (module ? 2 : 1)) rounds = (unsigned)strtoul(argv[argc - 1], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS_MAX)
        return fprintf(stderr, "usage: bench_core [MODULE.wasm] [rounds]\n"), 2;
    open_host(&fast, 100, 3, module);
    open_host(&suspendable, UINT32_MAX, 3, module);
    write_artefact();
    many_rooms(&fast, "echo", "memory of a room, cannot suspend",
               "mappings of a room, cannot suspend",
               "64 B echo in one of 1,000 rooms, cannot suspend");
    many_rooms(&suspendable, "echo", "memory of a room, can suspend",
               "mappings of a room, can suspend", "64 B echo in one of 1,000 rooms, can suspend");
    for (unsigned round = 0; round < rounds; round++) {
        note("64 B echo, hand-written, cannot suspend, 32 a step", "ns", 0,
             echo(&fast, "echo", BATCH));
        note("64 B echo, hand-written, cannot suspend, 1 a step", "ns", 0, echo(&fast, "echo", 1));
        note("64 B echo with kv_set, hand-written, cannot suspend, 32 a step", "ns", 0,
             echo(&fast, "kv", BATCH));
        note("64 B echo, hand-written, can suspend, 32 a step", "ns", 0,
             echo(&suspendable, "echo", BATCH));
        note("open to first answer, hand-written", "us", 0, open_rooms(&fast, "echo"));
        if (module) {
            note("64 B echo, your module, cannot suspend, 32 a step", "ns", 250,
                 echo(&fast, "mine", BATCH));
            note("64 B echo, your module, can suspend, 32 a step", "ns", 700,
                 echo(&suspendable, "mine", BATCH));
            note("open to first answer, your module", "us", 0, open_rooms(&fast, "mine"));
        }
    }
    ramp_host_free(suspendable.host);
    ramp_host_free(fast.host);
    memset(&fast, 0, sizeof(fast));
    open_host(&fast, 100, 1, NULL);
    for (unsigned round = 0; round < rounds; round++)
        note("from a file in the cache to the first answer (wall)", "us", 1000,
             load_from_file(&fast, round));
    ramp_host_free(fast.host);
    remove(artefact_path);
    print_rows();
    return 0;
}

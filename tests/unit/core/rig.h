/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h -- a host in a test's hand: a clock that the test moves, a store in memory, and a transcript of all
 * that the host has said. For tests/unit/core, tests/sim, tests/fuzz/hostcalls and bench/micro.
 *
 *     rig_open(&rig, NULL);
 *     rig_add(&rig, "s", "interp");            service s, from the test module interp.wat
 *     ramp_connection *ann = rig_join(&rig, "ann");
 *     rig_expect(&rig, "open\njoin ann\n");    what on_done and on_close have said since
 *     ASK(&rig, ann, conn_send, 5, 0, 0, 0)    a message that calls one import; its result
 *     rig_close(&rig);                         nothing may be left in memory
 *
 * A transcript's lines are `call [connection]`, then FAILED with status and sentence, then the events;
 * `service/room:` goes before, if it is not s/r. Programs for interp.wat are written with DO().
 * Define RIG_FAIL(...) before including this to fail in another way than by aborting.
 */
#ifndef TESTS_CORE_RIG_H
#define TESTS_CORE_RIG_H

#include <ramp/driver.h>

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"

#ifndef RIG_FAIL
#define RIG_FAIL(...) (fprintf(stderr, __VA_ARGS__), fprintf(stderr, "\n"), abort())
#endif
#define RIG_MAYBE    __attribute__((unused)) static
#define RIG_MS       UINT64_C(1000000)
#define RIG_EPOCH_MS INT64_C(1700000000000) /* wall clock when the monotonic one is 0 */
#define RIG_START_MS (RIG_EPOCH_MS + 1000)  /* wall clock when a rig is opened */

enum {
    RIG_SERVICES_MAX = 512,
    RIG_TRANSCRIPT_SIZE = 1 << 18,
    RIG_TOLD_MAX = 4096,
    RIG_MODULES_MAX = 64
};

/* ---- modules --------------------------------------------------------------------------------- */

/* Compiled once per process: "interp", or "interp:find=replace", patched before it is compiled. */
struct rig_module {
    char name[80];
    bool dense;
    ramp_bytes wasm, artefact; /* malloc()ed: they outlive every rig */
};
static struct rig_module rig_modules[RIG_MODULES_MAX];

RIG_MAYBE ramp_bytes rig_read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *data;
    long size;

    if (!file) RIG_FAIL("no file %s", path);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    data = malloc((size_t)size + 1);
    if (fread(data, 1, (size_t)size, file) != (size_t)size) RIG_FAIL("cannot read %s", path);
    fclose(file);
    return (ramp_bytes){data, (size_t)size};
}

static void rig_patch(ramp_bytes wasm, const char *find, const char *replace) {
    char *at = memmem(wasm.data, wasm.size, find, strlen(find));

    if (!at || strlen(find) != strlen(replace)) RIG_FAIL("cannot patch %s", find);
    memcpy(at, replace, strlen(replace));
}

/* The second import of db_del becomes one of `wait`, which is as long if its length is. */
static void rig_patch_wait(ramp_bytes wasm) {
    static const char find[] = "\x07ramp_v1\x06"
                               "db_del";
    size_t size = sizeof(find) - 1;
    char *end = (char *)(uintptr_t)wasm.data + wasm.size,
         *at = memmem(wasm.data, wasm.size, find, size);

    if (at) at = memmem(at + size, (size_t)(end - at) - size, find, size);
    if (!at) RIG_FAIL("interp.wat does not import db_del twice");
    memcpy(at + 8, "\x84\x80\x00wait", 7);
}

/* "interp", "interp:find=replace", "interp+wait", or "strict": interp without RESUMABLE. A path with '/' is
 * a file. */
static ramp_bytes rig_wasm(const char *name) {
    const char *colon = strchr(name, ':');
    char path[512], find[32];
    ramp_bytes wasm;

    if (strchr(name, '/')) return rig_read_file(name);
    if (strcmp(name, "strict") == 0) {
        wasm = rig_wasm("interp");
        char *at = memmem(wasm.data, wasm.size, "terp\0\0\0\0", 8); /* after the flags */
        if (!at) RIG_FAIL("interp.wat has no descriptor");
        at[-4] = 0;
        return wasm;
    }
    if (strcmp(name, "interp+wait") == 0) {
        wasm = rig_wasm("interp");
        rig_patch_wait(wasm);
        return wasm;
    }
    snprintf(path, sizeof(path), TEST_MODULES "/%.*s.wasm",
             (int)(colon ? (size_t)(colon - name) : strlen(name)), name);
    wasm = rig_read_file(path);
    if (colon) {
        const char *equals = strchr(colon, '=');
        snprintf(find, sizeof(find), "%.*s", (int)(equals - colon - 1), colon + 1);
        rig_patch(wasm, find, equals + 1);
    }
    return wasm;
}

RIG_MAYBE const struct rig_module *rig_module(const char *name, bool dense) {
    struct rig_module *module = rig_modules;
    ramp_bytes artefact;
    ramp_error error;
    char *copy;

    for (; module->name[0]; module++)
        if (strcmp(module->name, name) == 0 && module->dense == dense) return module;
    if (module == rig_modules + RIG_MODULES_MAX - 1) RIG_FAIL("too many modules");
    module->wasm = rig_wasm(name);
    if (ramp_compile(module->wasm,
                     &(ramp_compile_options){
                         .size = sizeof(ramp_compile_options), .dense = dense, .skip_smoke = true},
                     &artefact, &error))
        RIG_FAIL("%s: %s", name, error.message);
    copy = malloc(artefact.size);
    memcpy(copy, artefact.data, artefact.size);
    module->artefact = (ramp_bytes){copy, artefact.size};
    ramp_artefact_free(artefact);
    snprintf(module->name, sizeof(module->name), "%s", name);
    module->dense = dense;
    return module;
}

/* ---- the rig --------------------------------------------------------------------------------- */

enum rig_mode {
    RIG_AT_ONCE, /* the store answers inside load() */
    RIG_HELD,    /* when the test says so: rig_answer() */
    RIG_NEVER
};

struct rig_service {
    char name[64], module[80];
    char env[8192];
    uint32_t version; /* its module id */
    ramp_status status;
    enum rig_mode mode;
    ramp_ticket ticket; /* of the load that is held; 0: none */
    uint32_t given;     /* the version of the last answer */
    uint32_t loads;
};

struct rig {
    ramp_host *host;
    ramp_store store;
    uint64_t now_ns;      /* the fake clock */
    int64_t wall_jump_ms; /* the wall clock has been set, by so much */
    uint64_t read_ns;     /* it moves so much at each reading */
    bool real_time;       /* the machine's clocks instead */
    uint64_t cpu_ns;      /* the fake CPU time of this thread */
    uint64_t cpu_read_ns; /* it moves so much at each reading; 0: the host is not given one */
    uint64_t random_state;
    bool tick_on_random; /* random() takes 5 ms and ticks */
    struct rig_service services[RIG_SERVICES_MAX];
    size_t service_count;
    char transcript[RIG_TRANSCRIPT_SIZE];
    size_t transcript_size;
    bool silent; /* no transcript */
    char log[1 << 16];
    size_t log_size;
    int64_t told[RIG_TOLD_MAX]; /* the last binary broadcast, as numbers */
    size_t told_size;           /* bytes */
    ramp_status last_status;    /* of the last outcome */
    ramp_status failed_status;  /* of the last that has failed */
    char failed_message[1400], failed_where[256];
    bool last_suspendable;
    uint32_t outcomes, failures, closes, cancels;
    uint64_t events;
    void *last_tag;
    long live_before;
    pthread_t ticker;
    atomic_bool ticking;
    /* A test's own look at things, before the transcript. May be NULL. */
    void (*on_done)(struct rig *rig, const ramp_outcome *outcome);
    void (*on_close)(struct rig *rig, ramp_connection *connection, uint16_t code);
    void (*on_ready)(struct rig *rig, ramp_connection *connection);
    void *data; /* the test's */
};

RIG_MAYBE void rig_say(struct rig *rig, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
RIG_MAYBE void rig_say(struct rig *rig, const char *format, ...) {
    size_t left = sizeof(rig->transcript) - rig->transcript_size;
    va_list arguments;
    int size;

    if (rig->silent) return;
    va_start(arguments, format);
    size = vsnprintf(rig->transcript + rig->transcript_size, left, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= left) RIG_FAIL("the transcript is full");
    rig->transcript_size += (size_t)size;
}

/* ---- what the host is given ------------------------------------------------------------------ */

static uint64_t rig_clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static uint64_t rig_monotonic_ns(void *context) {
    struct rig *rig = context;
    if (rig->real_time) return rig_clock_ns(CLOCK_MONOTONIC) + rig->now_ns;
    rig->now_ns += rig->read_ns;
    return rig->now_ns;
}
static int64_t rig_wall_ms(void *context) {
    struct rig *rig = context;
    return RIG_EPOCH_MS + rig->wall_jump_ms + (int64_t)(rig_monotonic_ns(rig) / RIG_MS);
}
static uint64_t rig_thread_cpu_ns(void *context) {
    struct rig *rig = context;
    rig->cpu_ns += rig->cpu_read_ns;
    return rig->cpu_read_ns ? rig->cpu_ns : rig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}
static uint64_t rig_random_next(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static void rig_random(void *context, void *bytes, size_t size) {
    struct rig *rig = context;
    if (rig->tick_on_random) { /* a guest that asks again and again uses up its slices */
        rig->now_ns += 5 * RIG_MS;
        ramp_host_tick(rig->host);
    }
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)rig_random_next(&rig->random_state);
}

RIG_MAYBE struct rig_service *rig_service(struct rig *rig, const char *name) {
    for (size_t i = 0; i < rig->service_count; i++)
        if (strcmp(rig->services[i].name, name) == 0) return &rig->services[i];
    return NULL;
}

/* Which of the host's services has which module; the id is the version. */
static void rig_give(struct rig *rig, struct rig_service *service, ramp_ticket ticket) {
    ramp_load_answer answer = {.size = sizeof(answer), .status = RAMP_NOT_FOUND};
    ramp_host_stats stats = {.size = sizeof(stats)};

    if (service) answer.status = service->status;
    if (service && !service->status) {
        ramp_host_get_stats(rig->host, &stats);
        answer.artefact = rig_module(service->module, stats.dense)->artefact;
        memcpy(answer.id.bytes, &service->version, sizeof(service->version));
        service->given = service->version;
        answer.env = (ramp_bytes){service->env, strlen(service->env)};
    }
    ramp_complete_load(rig->host, ticket, &answer);
}

static void rig_load(void *context, ramp_host *host, ramp_ticket ticket, const char *name) {
    struct rig *rig = context;
    struct rig_service *service = rig_service(rig, name);

    (void)host;
    if (service) service->loads++;
    if (service && service->mode != RIG_AT_ONCE) service->ticket = ticket;
    else rig_give(rig, service, ticket);
}

static void rig_cancel(void *context, ramp_ticket ticket) {
    struct rig *rig = context;
    (void)ticket;
    rig->cancels++;
}

/* Answers a held load as things are now. */
RIG_MAYBE void rig_answer(struct rig *rig, const char *name) {
    struct rig_service *service = rig_service(rig, name);
    ramp_ticket ticket = service->ticket;

    if (!ticket) RIG_FAIL("nobody has asked for service %s", name);
    service->ticket = 0;
    rig_give(rig, service, ticket);
}

/* ---- what the host says ---------------------------------------------------------------------- */

static void rig_say_bytes(struct rig *rig, ramp_bytes bytes) {
    const unsigned char *at = bytes.data;
    bool is_text = utf8_valid(bytes.data, bytes.size);

    if (bytes.size > 96) {
        rig_say(rig, " <%zu bytes>", bytes.size);
        return;
    }
    for (size_t i = 0; i < bytes.size; i++) is_text &= at[i] >= 0x20 && at[i] != 0x7F;
    if (is_text) {
        rig_say(rig, " \"%.*s\"", (int)bytes.size, (const char *)at);
        return;
    }
    rig_say(rig, " 0x");
    for (size_t i = 0; i < bytes.size; i++) rig_say(rig, "%02x", at[i]);
}

/* Unix ms, as ms after the rig's beginning. */
static void rig_say_alarm(struct rig *rig, int64_t at_ms) {
    if (at_ms) rig_say(rig, " %+" PRId64, at_ms - RIG_START_MS);
    else rig_say(rig, " none");
}

static void rig_say_event(struct rig *rig, const ramp_event *event) {
    rig_say(rig, "; %s", ramp_event_name(event->type));
    switch (event->type) {
    case RAMP_EVENT_BROADCAST:
        for (size_t i = 0; i < event->to_count; i++)
            rig_say(rig, "%s%s", i ? "," : " ", ramp_connection_id(event->to[i]));
        if (!event->to_count) rig_say(rig, " nobody");
        rig_say_bytes(rig, event->payload);
        break;
    case RAMP_EVENT_SEND:
        rig_say(rig, " %s", ramp_connection_id(event->connection));
        rig_say_bytes(rig, event->payload);
        break;
    case RAMP_EVENT_CLOSE:
        rig_say(rig, " %s %u", ramp_connection_id(event->connection), event->code);
        rig_say_bytes(rig, event->payload);
        break;
    case RAMP_EVENT_TIMER_SET:
        rig_say(rig, " %d %" PRId64 " %" PRId64, event->timer_id, event->delay_ms,
                event->period_ms);
        break;
    case RAMP_EVENT_TIMER_CLEAR: rig_say(rig, " %d", event->timer_id); break;
    case RAMP_EVENT_KV_SET:
    case RAMP_EVENT_KV_DEL:
    case RAMP_EVENT_DB_SET:
    case RAMP_EVENT_DB_DEL:
        if (event->scope) rig_say(rig, " service");
        rig_say_bytes(rig, event->key);
        if (event->type == RAMP_EVENT_KV_SET || event->type == RAMP_EVENT_DB_SET)
            rig_say_bytes(rig, event->payload);
        if (event->ttl_ms) rig_say(rig, " for %" PRId64, event->ttl_ms);
        break;
    case RAMP_EVENT_ALARM_SET: rig_say_alarm(rig, event->at_ms); break;
    case RAMP_EVENT_STATE_SAVE: rig_say_bytes(rig, event->payload); break;
    case RAMP_EVENT_RESPOND:
        rig_say(rig, " %u", event->code);
        rig_say_bytes(rig, event->headers);
        rig_say_bytes(rig, event->payload);
        break;
    default: break;
    }
}

static void rig_done(void *context, const ramp_outcome *outcome) {
    struct rig *rig = context;

    rig->outcomes++;
    rig->failures += outcome->state == RAMP_CALL_FAILED;
    rig->events += outcome->event_count;
    rig->last_status = outcome->status;
    rig->last_tag = outcome->tag;
    rig->last_suspendable = outcome->suspendable;
    if (outcome->state == RAMP_CALL_FAILED) {
        rig->failed_status = outcome->status;
        snprintf(rig->failed_message, sizeof(rig->failed_message), "%s", outcome->message);
        snprintf(rig->failed_where, sizeof(rig->failed_where), "%s", outcome->where);
    }
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        if (event->type != RAMP_EVENT_BROADCAST || !event->binary) continue;
        rig->told_size =
            event->payload.size < sizeof(rig->told) ? event->payload.size : sizeof(rig->told);
        memcpy(rig->told, event->payload.data, rig->told_size);
    }
    if (rig->on_done) rig->on_done(rig, outcome);
    if (rig->silent) return;
    if (strcmp(outcome->service, "s") != 0 || (outcome->room[0] && strcmp(outcome->room, "r") != 0))
        rig_say(rig, "%s/%s: ", outcome->service, outcome->room);
    rig_say(rig, "%s", ramp_call_name(outcome->call));
    if (outcome->connection) rig_say(rig, " %s", ramp_connection_id(outcome->connection));
    if (outcome->state == RAMP_CALL_FAILED)
        rig_say(rig, " FAILED %s", ramp_status_name(outcome->status));
    if (outcome->rooms_moved || outcome->rooms_kept)
        rig_say(rig, "; moved %u, kept %u, connections %u", outcome->rooms_moved,
                outcome->rooms_kept, outcome->connections_kept);
    for (size_t i = 0; i < outcome->event_count; i++) rig_say_event(rig, &outcome->events[i]);
    rig_say(rig, "\n");
}

static void rig_closed(void *context, ramp_connection *connection, uint16_t code,
                       const char *reason) {
    struct rig *rig = context;

    (void)reason;
    rig->closes++;
    if (rig->on_close) rig->on_close(rig, connection, code);
    rig_say(rig, "closed %s %u\n", ramp_connection_id(connection), code);
}

static void rig_ready(void *context, ramp_connection *connection) {
    struct rig *rig = context;

    if (rig->on_ready) rig->on_ready(rig, connection);
    rig_say(rig, "ready %s\n", ramp_connection_id(connection));
}

static void rig_logged(void *context, const ramp_log_line *line) {
    struct rig *rig = context;
    size_t left = sizeof(rig->log) - rig->log_size;
    int size = snprintf(rig->log + rig->log_size, left, "%s%d %s %s: %.*s\n",
                        line->by_module ? "" : "ramp ", line->level, line->call, line->connection,
                        (int)line->text.size, (const char *)line->text.data);
    if (size > 0 && (size_t)size < left) rig->log_size += (size_t)size;
}

/* ---- life ------------------------------------------------------------------------------------ */

RIG_MAYBE ramp_status rig_try_open(struct rig *rig, const ramp_host_options *wish,
                                   ramp_error *reterr) {
    ramp_host_options options = wish ? *wish : (ramp_host_options){0};

    rig->live_before = mem_live_count();
    rig->now_ns = 1000 * RIG_MS;
    rig->random_state = 1;
    rig->store = (ramp_store){
        .size = sizeof(ramp_store), .context = rig, .load = rig_load, .cancel = rig_cancel};
    options.size = sizeof(options);
    options.context = rig;
    options.monotonic_ns = rig_monotonic_ns;
    options.wall_ms = rig_wall_ms;
    options.thread_cpu_ns = rig->real_time || rig->cpu_read_ns ? rig_thread_cpu_ns : NULL;
    options.random = rig_random;
    options.store = &rig->store;
    options.on_done = rig_done;
    options.on_close = rig_closed;
    options.on_ready = rig_ready;
    options.on_log = rig_logged;
    if (!options.rooms_max) options.rooms_max = 32;
    return ramp_host_new(&options, &rig->host, reterr);
}

/* `wish` may be NULL: its limits only; the functions are the rig's. `rig` is zeroed, but for its clocks. */
RIG_MAYBE void rig_open(struct rig *rig, const ramp_host_options *wish) {
    ramp_error error;
    bool real_time = rig->real_time;
    uint64_t read_ns = rig->read_ns, cpu_read_ns = rig->cpu_read_ns;

    memset(rig, 0, sizeof(*rig));
    rig->real_time = real_time;
    rig->read_ns = read_ns;
    rig->cpu_read_ns = cpu_read_ns;
    if (rig_try_open(rig, wish, &error)) RIG_FAIL("no host: %s", error.message);
    rig->log_size = 0;
}

RIG_MAYBE void rig_close(struct rig *rig) {
    if (atomic_load(&rig->ticking)) {
        atomic_store(&rig->ticking, false);
        pthread_join(rig->ticker, NULL);
    }
    ramp_host_free(rig->host);
    rig->host = NULL;
    if (mem_live_count() != rig->live_before)
        RIG_FAIL("%ld allocations are left", mem_live_count() - rig->live_before);
}

static void *rig_tick(void *context) {
    struct rig *rig = context;
    while (atomic_load(&rig->ticking)) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        ramp_host_tick(rig->host);
    }
    return NULL;
}

RIG_MAYBE void rig_start_ticking(struct rig *rig) {
    atomic_store(&rig->ticking, true);
    if (pthread_create(&rig->ticker, NULL, rig_tick, rig)) RIG_FAIL("no thread");
}

/* A service of the store. Its module's id is `version`, unlike all others'. */
RIG_MAYBE struct rig_service *rig_add(struct rig *rig, const char *name, const char *module) {
    struct rig_service *service = &rig->services[rig->service_count];

    if (rig->service_count == RIG_SERVICES_MAX) RIG_FAIL("too many services");
    *service = (struct rig_service){.version = (uint32_t)++rig->service_count};
    snprintf(service->name, sizeof(service->name), "%s", name);
    snprintf(service->module, sizeof(service->module), "%s", module);
    return service;
}

/* ---- steps and transcripts ------------------------------------------------------------------- */

/* Until nothing is ready. */
RIG_MAYBE void rig_run(struct rig *rig) {
    for (int i = 0; ramp_host_step(rig->host); i++)
        if (i > 100000) RIG_FAIL("the host never comes to rest");
}

RIG_MAYBE void rig_pass(struct rig *rig, uint64_t ms) {
    rig->now_ns += ms * RIG_MS;
    rig_run(rig);
}

RIG_MAYBE void rig_forget(struct rig *rig) {
    rig->transcript_size = 0;
    rig->transcript[0] = '\0';
    rig->log_size = 0;
    rig->log[0] = '\0';
}

#define rig_expect(rig, text) rig_expect_at(rig, text, __FILE__, __LINE__)
RIG_MAYBE void rig_expect_at(struct rig *rig, const char *text, const char *file, int line) {
    rig_run(rig);
    rig->transcript[rig->transcript_size] = '\0';
    if (strcmp(rig->transcript, text) != 0)
        RIG_FAIL("%s:%d: expected\n%sbut the host said\n%s", file, line, text, rig->transcript);
    rig->transcript_size = 0;
}

/* ---- what happens ---------------------------------------------------------------------------- */

RIG_MAYBE ramp_status rig_try_join(struct rig *rig, const char *service, const char *room,
                                   const char *id, ramp_connection **ret_connection) {
    ramp_error error;
    return ramp_join(rig->host, service, room,
                     &(ramp_join_options){.size = sizeof(ramp_join_options), .id = id},
                     ret_connection, &error);
}

RIG_MAYBE ramp_connection *rig_join_at(struct rig *rig, const char *service, const char *room,
                                       const char *id) {
    ramp_connection *connection = NULL;
    ramp_status status = rig_try_join(rig, service, room, id, &connection);

    if (status) RIG_FAIL("%s cannot join: %s", id, ramp_status_name(status));
    return connection;
}

/* Into room r of service s; queued only. */
RIG_MAYBE ramp_connection *rig_join(struct rig *rig, const char *id) {
    return rig_join_at(rig, "s", "r", id);
}

RIG_MAYBE void rig_send(ramp_connection *connection, const void *bytes, size_t size) {
    ramp_status status = ramp_message(connection, (ramp_bytes){bytes, size}, true, NULL);
    if (status) RIG_FAIL("a message is refused: %s", ramp_status_name(status));
}

/* ---- programs for interp.wat ----------------------------------------------------------------- */

enum rig_op {
    OP_nothing,
    OP_room_broadcast,
    OP_conn_send,
    OP_conn_close,
    OP_kv_set,
    OP_kv_del,
    OP_kv_sync,
    OP_db_set,
    OP_db_del,
    OP_timer_set,
    OP_timer_clear,
    OP_alarm_set,
    OP_http_respond,
    OP_state_save,
    OP_room_info,
    OP_room_conns,
    OP_conn_info,
    OP_env_get,
    OP_event_read,
    OP_result_read,
    OP_time_ms,
    OP_random,
    OP_log,
    OP_panic,
    OP_kv_get,
    OP_db_get,
    OP_db_list,
    OP_http_fetch,
    OP_imports_end,
    OP_wait = OP_imports_end, /* in interp+wait only */
    OP_trap = 32,
    OP_loop,
    OP_spin,
    OP_grow,
    OP_fill,
    OP_poke,
    OP_repeat,
    OP_install,
    OP_hash,
    OP_load32,
    OP_load64,
    OP_store64,
    OP_add64,
    OP_size,
    OP_recurse,
    OP_payload,
    OP_tell,
    OP_head
};

/* Addresses in interp.wat. */
enum {
    AT_KIND = 12,
    AT_ARGUMENTS = 16,
    AT_INBOX = 0x2000,
    AT_PAYLOAD = 0x2010,
    AT_RESULTS = 0x6000,
    AT_SCRATCH = 0xE000,
    AT_PAGE = 0x10000,
    INTERP_SIZE = 0x20000,
    INTERP_INBOX = 0x4000
};
/* Handles of the first connection in each slot. */
#define HANDLE(slot) (0x100000 | (slot))

struct program {
    uint8_t bytes[16384];
    size_t size;
};

RIG_MAYBE void program_bytes(struct program *program, const void *bytes, size_t size) {
    if (program->size + size > sizeof(program->bytes)) RIG_FAIL("the program is too long");
    if (size) memcpy(program->bytes + program->size, bytes, size);
    program->size += size;
}

RIG_MAYBE void program_op(struct program *program, enum rig_op op, const int64_t *arguments,
                          size_t count) {
    const uint8_t head[2] = {(uint8_t)op, (uint8_t)count};
    program_bytes(program, head, 2);
    program_bytes(program, arguments, count * sizeof(*arguments));
}

#define DO(program, op, ...)                                                                       \
    program_op(program, OP_##op, (const int64_t[]){__VA_ARGS__},                                   \
               sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* Puts text at an address. */
RIG_MAYBE void program_poke(struct program *program, uint32_t address, const void *bytes,
                            size_t size) {
    DO(program, poke, address, (int64_t)size);
    program_bytes(program, bytes, size);
}

/* What a handler of interp.wat shall do from now on, before the payload's own program. */
RIG_MAYBE void program_install(struct program *program, ramp_call_kind kind,
                               const struct program *what) {
    DO(program, install, kind, (int64_t)what->size);
    program_bytes(program, what->bytes, what->size);
}

RIG_MAYBE void program_say(struct program *program, const char *text) { /* broadcasts it */
    program_poke(program, AT_SCRATCH, text, strlen(text));
    DO(program, room_broadcast, AT_SCRATCH, (int64_t)strlen(text), 0, 0, 0);
}

RIG_MAYBE void rig_do(ramp_connection *connection, const struct program *program) {
    rig_send(connection, program->bytes, program->size);
}

/* Runs when an instance of the service opens. */
RIG_MAYBE void rig_setup(struct rig_service *service, const struct program *program) {
    size_t at = strlen(service->env);
    at +=
        (size_t)snprintf(service->env + at, sizeof(service->env) - at, "%ssetup=", at ? "\n" : "");
    for (size_t i = 0; i < program->size; i++)
        at += (size_t)snprintf(service->env + at, sizeof(service->env) - at, "%02x",
                               program->bytes[i]);
}

RIG_MAYBE ramp_status rig_request(struct rig *rig, const char *room,
                                  const struct program *program) {
    ramp_error error;
    return ramp_http_request(rig->host, "s", room,
                             &(ramp_request){.size = sizeof(ramp_request),
                                             .method = {"GET", 3},
                                             .path = {"/", 1},
                                             .body = {program->bytes, program->size}},
                             &error);
}

/* A message that runs the program and tells its results; the first. */
#define rig_ask(rig, connection, program) rig_ask_at(rig, connection, program, __FILE__, __LINE__)
RIG_MAYBE int64_t rig_ask_at(struct rig *rig, ramp_connection *connection, struct program *program,
                             const char *file, int line) {
    DO(program, tell, 0);
    rig->told_size = 0;
    rig->failed_status = RAMP_OK;
    rig_do(connection, program);
    rig_run(rig);
    if (rig->failed_status)
        RIG_FAIL("%s:%d: %s: %s", file, line, ramp_status_name(rig->failed_status),
                 rig->failed_message);
    rig->transcript_size = 0;
    return rig->told[0];
}

/* One import's result. */
#define ASK(rig, connection, op, ...)                                                              \
    rig_ask_one(rig, connection, OP_##op, (const int64_t[]){__VA_ARGS__},                          \
                sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), __FILE__, __LINE__)
RIG_MAYBE int64_t rig_ask_one(struct rig *rig, ramp_connection *connection, enum rig_op op,
                              const int64_t *arguments, size_t count, const char *file, int line) {
    struct program program = {.size = 0};

    program_op(&program, op, arguments, count);
    rig->told[0] = INT64_MIN;
    return rig_ask_at(rig, connection, &program, file, line);
}

/* Runs the program, which must fail, and says how. */
RIG_MAYBE ramp_status rig_fails(struct rig *rig, ramp_connection *connection,
                                const struct program *program) {
    rig->failed_status = RAMP_OK;
    rig_do(connection, program);
    rig_run(rig);
    rig->transcript_size = 0;
    return rig->failed_status;
}

#endif

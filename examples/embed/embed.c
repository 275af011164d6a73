/* SPDX-License-Identifier: Apache-2.0 */
/* embed.c -- libramp in a program of your own: a room without any server.
 *
 *     embed FOLDER SERVICE      runs FOLDER/SERVICE.wasm: ann and bob join, talk, ann leaves
 *
 * It brings what every host needs: clocks, chance, a store (a folder), and somebody who ticks; and a db
 * (memory_db.c), for which the room's calls wait. Build it against an installed Ramp:
 * cc *.c $(pkg-config --cflags --libs ramp) -lcrypto -lpthread
 */
#include "memory_db.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static uint64_t monotonic_ns(void *context) {
    (void)context;
    return clock_ns(CLOCK_MONOTONIC);
}
static uint64_t thread_cpu_ns(void *context) {
    (void)context;
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}
static int64_t wall_ms(void *context) {
    (void)context;
    return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000u);
}
static void random_bytes(void *context, void *bytes, size_t size) {
    (void)context;
    if (getrandom(bytes, size, 0) != (ssize_t)size) abort();
}

/* The store: a service's module is FOLDER/SERVICE.wasm. It answers at once; a slow store answers later. */
static void load(void *folder, ramp_host *host, ramp_ticket ticket, const char *service) {
    static unsigned char wasm[4 << 20];
    ramp_load_answer answer = {.size = sizeof(answer), .status = RAMP_NOT_FOUND};
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.wasm", (const char *)folder, service);
    FILE *file = fopen(path, "rb");
    if (file) {
        answer.wasm = (ramp_bytes){wasm, fread(wasm, 1, sizeof(wasm), file)};
        answer.status = RAMP_OK;
        SHA256(wasm, answer.wasm.size, answer.id.bytes);
        fclose(file);
    }
    ramp_complete_load(host, ticket, &answer);
}

/* A call has ended: these are its events. Sending them over your sockets would happen here. */
static void on_done(void *context, const ramp_outcome *outcome) {
    (void)context;
    printf("%s %s", ramp_call_name(outcome->call),
           outcome->connection ? ramp_connection_id(outcome->connection) : "");
    if (outcome->state == RAMP_CALL_FAILED)
        printf("  FAILED %s: %s %s", ramp_status_name(outcome->status), outcome->message,
               outcome->where);
    printf("\n");
    for (size_t i = 0; i < outcome->event_count; i++) {
        const ramp_event *event = &outcome->events[i];
        printf("  event %s  service %s  payload \"%.*s\"", ramp_event_name(event->type),
               event->service, (int)event->payload.size, (const char *)event->payload.data);
        for (size_t to = 0; to < event->to_count; to++)
            printf("%s%s", to ? ", " : "  to ", ramp_connection_id(event->to[to]));
        if (event->connection) printf("  to %s", ramp_connection_id(event->connection));
        printf("\n");
    }
}
static void on_close(void *context, ramp_connection *connection, uint16_t code,
                     const char *reason) {
    (void)context;
    printf("close %s: %u %s\n", ramp_connection_id(connection), code, reason);
}
static void on_log(void *context, const ramp_log_line *line) {
    (void)context;
    fprintf(stderr, "log: %s/%s: %.*s\n", line->service, line->room, (int)line->text.size,
            (const char *)line->text.data);
}

/* Without a tick, a module that loops would never be stopped. */
static void *tick(void *host) {
    for (;;) {
        usleep(5000);
        ramp_host_tick(host);
    }
    return NULL;
}

static ramp_connection *join(ramp_host *host, const char *service, const char *id) {
    ramp_error error;
    ramp_connection *connection = NULL;
    if (ramp_join(host, service, "lobby",
                  &(ramp_join_options){.size = sizeof(ramp_join_options), .id = id}, &connection,
                  &error)) {
        fprintf(stderr, "embed: %s\n", error.message);
        exit(1);
    }
    return connection;
}
static void say(ramp_connection *connection, const char *text) {
    if (ramp_message(connection, (ramp_bytes){text, strlen(text)}, false, NULL)) exit(1);
}

/* Until nothing happens any more. What a call has asked of the db is answered in between, as a server
 * would on its loop: the call waits, or its events wait until they are stored; other rooms go on. */
static void run(ramp_host *host, struct memory_db *db) {
    do
        while (ramp_host_step(host)) continue;
    while (memory_db_answer(db, host) > 0);
}

int main(int argc, char **argv) {
    static struct memory_db db;
    ramp_host *host;
    ramp_error error;
    pthread_t ticker;
    if (argc != 3) {
        fprintf(stderr, "usage: embed FOLDER SERVICE\n");
        return 2;
    }
    ramp_store store = {.size = sizeof(store), .context = argv[1], .load = load};
    const ramp_db driver = memory_db_driver(&db);
    ramp_host_options options = {.size = sizeof(options),
                                 .store = &store,
                                 .db = &driver,
                                 .rooms_max = 16,
                                 .monotonic_ns = monotonic_ns,
                                 .thread_cpu_ns = thread_cpu_ns,
                                 .wall_ms = wall_ms,
                                 .random = random_bytes,
                                 .on_done = on_done,
                                 .on_close = on_close,
                                 .on_log = on_log};
    if (ramp_host_new(&options, &host, &error)) {
        fprintf(stderr, "embed: %s\n", error.message);
        return 1;
    }
    pthread_create(&ticker, NULL, tick, host);
    ramp_connection *ann = join(host, argv[2], "ann");
    run(host, &db); /* a service that is not there fails here, and ann is gone */
    if (!ramp_connection_find(host, argv[2], "lobby", "ann")) return 1;
    ramp_connection *bob = join(host, argv[2], "bob");
    say(ann, "hello");
    say(bob, "hi ann");
    run(host, &db);
    ramp_leave(ann, 1000, NULL);
    say(bob, "is anybody here?");
    run(host, &db);
    pthread_cancel(ticker);
    pthread_join(ticker, NULL);
    ramp_host_free(host);
    return 0;
}

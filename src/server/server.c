/* SPDX-License-Identifier: Apache-2.0 */
/* server.c -- see server.h: the main thread, and the beginning and end of all others.
 *
 *   main (libuv: signals)   loader   db, kv, states   ticker   worker 0 ... worker n-1
 *
 * The order of the end matters: workers stop first, then the loader and the storage (which answer what is
 * open), then the letters that are left are read, then hosts go.
 */
#define _GNU_SOURCE
#include "base/error.h"
#include "base/limits.h"
#include "io/sock.h"
#include "server/datadir.h"
#include "server/loader.h"
#include "server/log.h"
#include "server/ticker.h"
#include "server/watchdog.h"
#include "server/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKERS_MAX      256u
#define PATH_SIZE        1024
#define FILE_TABLE_GROWN 65536u /* descriptors: 0.5 MiB of kernel memory */

struct server {
    struct server_options options; /* borrows the caller's strings */
    struct datadir datadir;
    int listener_fds[WORKER_LISTENERS];
    unsigned listener_count;
    char url[SOCK_ADDRESS_MAX + 8];
    struct loader *loader;
    struct server_storage storage;
    struct ticker ticker;
    struct worker **workers;
    ramp_host **hosts; /* of the workers, for the ticker */
    unsigned worker_count;
    struct addresses *addresses;
    atomic_uint client_count;
    unsigned clients_max;
    uint64_t seed; /* of the choice of workers */
    atomic_bool draining;
    struct watchdog watchdog;

    uv_loop_t loop;
    uv_signal_t signals[3];
    unsigned signal_count;
    uv_async_t stopped; /* a worker has */
    atomic_uint running_count;
    atomic_uint finished_count; /* workers that owe no answer, while it drains */
    bool has_loop;
};

/* ---- options ------------------------------------------------------------------------------- */

static unsigned default_workers(void) {
    unsigned count = uv_available_parallelism();
    return count < WORKERS_MAX ? count : WORKERS_MAX;
}

static ramp_status options_check(struct server *server, ramp_error *reterr) {
    struct server_options *options = &server->options;

    if (!options->workers) options->workers = default_workers();
    if (options->workers > WORKERS_MAX)
        return error_set(reterr, RAMP_ARGS, "%u workers are too many; at most %u", options->workers,
                         WORKERS_MAX);
    if (!options->modules_max)
        options->modules_max = LIMIT_MODULES > options->workers ? LIMIT_MODULES : options->workers;
    if (options->modules_max < options->workers)
        return error_set(
            reterr, RAMP_ARGS,
            "--modules-max %u is below --workers %u; each worker needs a slot of its own",
            options->modules_max, options->workers);
    if (!options->connections_per_address)
        options->connections_per_address = LIMIT_ADDRESS_CONNECTIONS;
    if (!options->outgoing_max) options->outgoing_max = LIMIT_OUTGOING_WORKER;
    if (!options->rooms_max) options->rooms_max = LIMIT_ROOMS;
    if (options->rooms_max < options->workers)
        return error_set(reterr, RAMP_ARGS, "--rooms-max %u is below --workers %u",
                         options->rooms_max, options->workers);
    return RAMP_OK;
}

/* As many descriptors as the system lets us have, less what is not for clients. */
static void raise_file_limit(struct server *server) {
    struct rlimit limit;
    /* The engine keeps the file of each module in the table open. */
    uint64_t reserved = LIMIT_FILES_RESERVED + (uint64_t)server->options.modules_max, usable;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit = (struct rlimit){1024, 1024};
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    }
    usable = limit.rlim_cur > 10000000 ? 10000000 : limit.rlim_cur;
    server->clients_max = (unsigned)(usable > 2 * reserved ? usable - reserved : usable / 2);
}

/* The kernel doubles the table of descriptors when it is full, and in a process with threads that takes
 * some ms each time, in the middle of accept(). Done once, before there are threads. */
static void grow_file_table(unsigned clients_max) {
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
                   (int)(clients_max < FILE_TABLE_GROWN ? clients_max : FILE_TABLE_GROWN));

    if (fd >= 0) close(fd);
}

/* ---- parts --------------------------------------------------------------------------------- */

static ramp_status listen_on(struct server *server, const char *address,
                             char ret_address[SOCK_ADDRESS_MAX], ramp_error *reterr) {
    char message[200];
    int fd = sock_listen(address, ret_address, message, sizeof(message));

    if (fd < 0) return error_set(reterr, errno == EINVAL ? RAMP_ARGS : RAMP_IO, "%s", message);
    server->listener_fds[server->listener_count++] = fd;
    return RAMP_OK;
}

/* What a program on this machine would use: an address of no particular interface is no destination. */
static void make_url(struct server *server, const char *address) {
    const char *port = strrchr(address, ':');

    if (strncmp(address, "0.0.0.0:", 8) == 0) {
        snprintf(server->url, sizeof(server->url), "http://127.0.0.1%s", port);
    } else if (strncmp(address, "[::]:", 5) == 0) {
        snprintf(server->url, sizeof(server->url), "http://[::1]%s", port);
    } else {
        snprintf(server->url, sizeof(server->url), "http://%s", address);
    }
}

static ramp_status open_listeners(struct server *server, ramp_error *reterr) {
    char address[SOCK_ADDRESS_MAX], control[SOCK_ADDRESS_MAX];
    ramp_status status = listen_on(server, server->options.listen, address, reterr);

    if (status != RAMP_OK) return status;
    make_url(server, address);
    return server->options.control ? listen_on(server, server->options.control, control, reterr)
                                   : RAMP_OK;
}

static void log_loader(void *context, int level, const char *service, const char *text) {
    (void)context;
    log_line(&(ramp_log_line){.level = level,
                              .service = service ? service : "",
                              .room = "",
                              .connection = "",
                              .call = "",
                              .text = {text, strlen(text)}});
}

static ramp_status start_loader(struct server *server, ramp_error *reterr) {
    char store[PATH_SIZE];

    if (snprintf(store, sizeof(store), "file:%s/store", server->options.data) >= PATH_SIZE)
        return error_set(reterr, RAMP_ARGS, "the path of the data folder is too long");
    return loader_new(
        &(struct loader_options){.data = server->options.data,
                                 .store = server->options.store ? server->options.store : store,
                                 .exe = server->options.exe,
                                 .fast = server->options.dev,
                                 .log = log_loader,
                                 .context = server},
        &server->loader, reterr);
}

static uint32_t share(uint32_t whole, unsigned count, unsigned index) {
    return whole / count + (index < whole % count);
}

static ramp_status make_workers(struct server *server, ramp_error *reterr) {
    const struct server_options *options = &server->options;
    unsigned count = options->workers;

    server->workers = mem_zalloc(count * sizeof(struct worker *));
    server->hosts = mem_zalloc(count * sizeof(ramp_host *));
    server->addresses = addresses_new(options->connections_per_address, server->seed);
    if (!server->workers || !server->hosts || !server->addresses)
        return error_set(reterr, RAMP_NO_MEMORY, "no memory for %u workers", count);
    for (unsigned i = 0; i < count; i++) {
        ramp_status status =
            worker_new(server, i, server->listener_fds, server->listener_count,
                       &(ramp_host_options){.size = sizeof(ramp_host_options),
                                            .modules_max = share(options->modules_max, count, i),
                                            .modules_bytes_max = LIMIT_MODULES_BYTES / count,
                                            .rooms_max = share(options->rooms_max, count, i),
                                            .memory_max = options->memory_max,
                                            .call_cpu_ms = options->call_cpu_ms,
                                            .room_idle_ms = options->room_idle_ms},
                       &server->workers[i], reterr);
        if (status != RAMP_OK) return status;
        server->hosts[i] = worker_host(server->workers[i]);
        server->worker_count++;
    }
    return RAMP_OK;
}

static ramp_status start_threads(struct server *server, ramp_error *reterr) {
    if (!ticker_start(&server->ticker, server->hosts, server->worker_count))
        return error_set(reterr, RAMP_IO, "cannot start a thread: %s", strerror(errno));
    for (unsigned i = 0; i < server->worker_count; i++) {
        atomic_fetch_add(&server->running_count, 1);
        if (worker_start(server->workers[i])) continue;
        atomic_fetch_sub(&server->running_count, 1);
        return error_set(reterr, RAMP_IO, "cannot start a thread: %s", strerror(errno));
    }
    return RAMP_OK;
}

/* ---- signals ------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int number) {
    struct server *server = handle->data;

    if (number == SIGHUP) return;                 /* nothing to read again */
    if (atomic_load(&server->draining)) _exit(1); /* somebody has lost patience */
    server_stop(server);
}

static void on_stopped(uv_async_t *handle) {
    struct server *server = handle->data;

    if (atomic_load(&server->running_count) == 0) uv_stop(&server->loop);
}

void server_worker_stopped(struct server *server) {
    atomic_fetch_sub(&server->running_count, 1);
    uv_async_send(&server->stopped);
}

void server_worker_finished(struct server *server) {
    if (atomic_fetch_add(&server->finished_count, 1) + 1 < server->worker_count) return;
    for (unsigned i = 0; i < server->worker_count; i++) loop_wake(&server->workers[i]->loop);
}

bool server_has_finished(const struct server *server) {
    return atomic_load(&server->finished_count) >= server->worker_count;
}

static ramp_status open_loop(struct server *server, ramp_error *reterr) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int failed = uv_loop_init(&server->loop);

    if (failed == 0) {
        server->stopped.data = server;
        failed = uv_async_init(&server->loop, &server->stopped, on_stopped);
        if (failed) uv_loop_close(&server->loop);
    }
    if (failed)
        return error_set(reterr, RAMP_IO, "cannot make the main event loop: %s",
                         uv_strerror(failed));
    server->has_loop = true;
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < 3; i++) {
        uv_signal_t *handle = &server->signals[i];
        uv_signal_init(&server->loop, handle);
        server->signal_count++;
        handle->data = server;
        failed = uv_signal_start(handle, on_signal, numbers[i]);
        if (failed)
            return error_set(reterr, RAMP_IO, "cannot watch for signals: %s", uv_strerror(failed));
        uv_unref((uv_handle_t *)handle);
    }
    return RAMP_OK;
}

static void close_loop(struct server *server) {
    if (!server->has_loop) return;
    for (unsigned i = 0; i < server->signal_count; i++)
        uv_close((uv_handle_t *)&server->signals[i], NULL);
    uv_close((uv_handle_t *)&server->stopped, NULL);
    /* Handles that others have left on it must not keep us here. */
    for (int i = 0; i < 10 && uv_loop_close(&server->loop) == UV_EBUSY; i++)
        uv_run(&server->loop, UV_RUN_NOWAIT);
    server->has_loop = false;
}

/* ---- life ---------------------------------------------------------------------------------- */

ramp_status server_new(const struct server_options *options, struct server **ret_server,
                       ramp_error *reterr) {
    struct server *server = mem_zalloc(sizeof(*server));
    ramp_status status;

    if (!server) return error_set(reterr, RAMP_NO_MEMORY, "no memory for a server");
    server->options = *options;
    server->datadir.lock_fd = -1;
    log_use_json(options->json_logs);
    if (getrandom(&server->seed, sizeof(server->seed), 0) < 0) server->seed = (uint64_t)getpid();
    /* What costs nothing and fails often comes first; threads come last. */
    status = options_check(server, reterr);
    raise_file_limit(server);
    grow_file_table(server->clients_max);
    if (status == RAMP_OK) status = datadir_open(&server->datadir, options->data, reterr);
    if (status == RAMP_OK) status = open_listeners(server, reterr);
    if (status == RAMP_OK) status = open_loop(server, reterr);
    if (status == RAMP_OK)
        status = server_storage_open(&server->storage, &server->options, reterr);
    if (status == RAMP_OK) status = start_loader(server, reterr);
    if (status == RAMP_OK) status = make_workers(server, reterr);
    if (status == RAMP_OK) status = start_threads(server, reterr);
    if (status != RAMP_OK) {
        server_free(server);
        return status;
    }
    *ret_server = server;
    return RAMP_OK;
}

static void begin_drain(struct server *server) {
    if (atomic_exchange(&server->draining, true)) return;
    watchdog_start(&server->watchdog);
    /* Whoever comes now is refused at once, and need not wait for our end to be told so. */
    for (unsigned i = 0; i < server->listener_count; i++) sock_unlisten(server->listener_fds[i]);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_post_answer(server->workers[i], worker_begin_drain, NULL);
}

int server_run(struct server *server) {
    /* Through the drain, too, so that a second signal is heard. on_stopped() ends it. */
    uv_run(&server->loop, UV_RUN_DEFAULT);
    return 0;
}

void server_stop(struct server *server) {
    begin_drain(server);
}

static bool read_letters(struct server *server) {
    bool any = false;

    for (unsigned i = 0; i < server->worker_count; i++)
        any = worker_run_letters(server->workers[i]) || any;
    return any;
}

void server_free(struct server *server) {
    if (!server) return;
    begin_drain(server);
    for (unsigned i = 0; i < server->worker_count; i++) worker_join(server->workers[i]);
    loader_free(server->loader);
    server_storage_close(&server->storage);
    watchdog_stop(&server->watchdog);
    while (read_letters(server)) continue;
    ticker_stop(&server->ticker);
    for (unsigned i = 0; i < server->worker_count; i++) worker_free(server->workers[i]);
    for (unsigned i = 0; i < server->listener_count; i++) close(server->listener_fds[i]);
    close_loop(server);
    datadir_close(&server->datadir);
    addresses_free(server->addresses);
    mem_free(server->workers);
    mem_free(server->hosts);
    mem_free(server);
}

/* ---- what the parts ask ---------------------------------------------------------------------- */

uv_loop_t *server_loop(struct server *server) {
    return &server->loop;
}

const struct server_options *server_options(const struct server *server) {
    return &server->options;
}

const char *server_url(const struct server *server) {
    return server->url;
}

const char *server_token(const struct server *server) {
    return server->datadir.token;
}

struct loader *server_loader(struct server *server) {
    return server->loader;
}

const struct server_storage *server_storage(const struct server *server) {
    return &server->storage;
}

struct ticker *server_ticker(struct server *server) {
    return &server->ticker;
}

bool server_is_draining(const struct server *server) {
    return atomic_load_explicit(&server->draining, memory_order_relaxed);
}

unsigned server_worker_count(const struct server *server) {
    return server->worker_count;
}

struct worker *server_worker(struct server *server, unsigned index) {
    return server->workers[index];
}

static uint64_t hash_text(uint64_t hash, const char *text) {
    /* FNV-1a; the NUL is hashed, too, so that a/bc and ab/c differ. */
    do hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    while (*text++);
    return hash;
}

struct worker *server_worker_of(struct server *server, const char *service, const char *room) {
    uint64_t hash = hash_text(hash_text(0xcbf29ce484222325u ^ server->seed, service), room);

    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
    return server->workers[(hash >> 32) % server->worker_count];
}

enum client_result server_client_opened(struct server *server, const struct sock_from *from,
                                        address_place *ret_place) {
    enum client_result result = CLIENT_TAKEN;

    *ret_place = 0;
    if (atomic_fetch_add_explicit(&server->client_count, 1, memory_order_relaxed) >=
        server->clients_max)
        result = CLIENT_NO_PLACE;
    else if ((!from->is_loopback || server->options.counts_loopback) &&
             !addresses_enter(server->addresses, from->network, ret_place))
        result = CLIENT_OF_A_CROWD;
    if (result != CLIENT_TAKEN) server_client_closed(server, 0);
    return result;
}

void server_client_closed(struct server *server, address_place place) {
    addresses_leave(server->addresses, place);
    atomic_fetch_sub_explicit(&server->client_count, 1, memory_order_relaxed);
}

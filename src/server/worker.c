/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c -- see worker.h. */
#define _GNU_SOURCE
#include "server/worker.h"

#include "base/error.h"
#include "base/limits.h"
#include "io/sock.h"
#include "server/exchange.h"
#include "server/ticker.h"
#include "server/websocket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (2u << 20) /* RAMP_STACK_SIZE_MIN and ours */

static_assert(STACK_SIZE >= 2 * RAMP_STACK_SIZE_MIN, "a step needs its stack and so do we");

static uint64_t clock_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- server.h ------------------------------------------------------------------------------ */

struct post {
    struct letter letter;
    worker_fn run;
    void *argument;
};

bool worker_post(struct worker *worker, worker_fn run, void *argument) {
    struct post *post = mem_alloc(sizeof(*post));

    if (!post) return false;
    *post = (struct post){.run = run, .argument = argument};
    if (!mailbox_post(&worker->mailbox, &post->letter, false)) {
        mem_free(post);
        return false;
    }
    loop_wake(&worker->loop);
    return true;
}

void worker_post_answer(struct worker *worker, worker_fn run, void *argument) {
    struct post *post;

    /* An answer that is lost would leave its asker waiting for ever: better we wait for the memory. */
    while (!(post = mem_alloc(sizeof(*post))))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    *post = (struct post){.run = run, .argument = argument};
    (void)mailbox_post(&worker->mailbox, &post->letter, true);
    loop_wake(&worker->loop);
}

static unsigned read_letters(struct worker *worker) {
    struct letter *letter = mailbox_take(&worker->mailbox);
    unsigned count = 0;

    for (; letter; count++) {
        struct post *post = list_item(letter, struct post, letter);
        letter = letter->next;
        mailbox_read(&worker->mailbox);
        post->run(worker, post->argument);
        mem_free(post);
    }
    return count;
}

bool worker_run_letters(struct worker *worker) {
    return read_letters(worker) > 0;
}

void worker_at(struct worker *worker, uint64_t at_ns, worker_fn run, void *argument) {
    const struct schedule_entry entry = {.at_ns = at_ns, .run = run, .argument = argument};

    while (!schedule_add(&worker->schedule, &entry))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* as for answers */
}

unsigned worker_index(const struct worker *worker) {
    return worker->index;
}

struct server *worker_server(const struct worker *worker) {
    return worker->server;
}

ramp_host *worker_host(const struct worker *worker) {
    return worker->host;
}

uint64_t worker_now_ns(const struct worker *worker) {
    return worker->now_ns;
}

struct callers *worker_callers(struct worker *worker) {
    return worker->callers;
}

void worker_remember(struct worker *worker, struct pending *pending) {
    list_push_back(&worker->pending, &pending->in_worker);
}

struct metrics *worker_metrics(struct worker *worker) {
    return &worker->metrics;
}

/* ---- memory that clients make us hold -------------------------------------------------------- */

static struct buffer *unfinished_input(struct conn *conn) {
    return conn->state == CONN_BODY ? &conn->exchange->body : &conn->message;
}

/* Whoever holds most goes, so that nobody keeps others from speaking by never finishing. false: that would
 * be the one who asks. */
static bool drop_hoarder(struct worker *worker, const struct buffer *asking) {
    struct conn *largest = NULL;

    list_each(&worker->conns, node, following) {
        struct conn *conn = list_item(node, struct conn, in_worker);
        if (!largest || unfinished_input(conn)->capacity > unfinished_input(largest)->capacity)
            largest = conn;
    }
    if (!largest || unfinished_input(largest)->capacity <= asking->capacity) return false;
    METRIC_ADD(worker, overflows, 1);
    worker_release_incoming(worker, unfinished_input(largest)); /* an exchange outlives this turn */
    conn_kill(largest, 1013, true);
    return true;
}

bool worker_reserve_incoming(struct worker *worker, struct buffer *buffer, size_t more) {
    size_t before = buffer->capacity;

    while (buffer->size + more > before && worker->incoming_bytes + more > LIMIT_INCOMING_WORKER)
        if (!drop_hoarder(worker, buffer)) return false;
    if (!buffer_reserve(buffer, more)) return false;
    worker->incoming_bytes += buffer->capacity - before;
    return true;
}

void worker_release_incoming(struct worker *worker, struct buffer *buffer) {
    worker->incoming_bytes -= buffer->capacity;
    buffer_release(buffer);
}

static size_t held_bytes(const struct worker *worker) {
    return worker->stock.bytes + worker->incoming_bytes;
}

static void give_back(struct worker *worker, void *unused) {
    (void)unused;
    worker->gives_back = false;
    if (held_bytes(worker) <= worker->held_most / 4) malloc_trim(0);
    worker->held_most = held_bytes(worker);
}

/* A flood is over: the allocator would keep its memory for the next. A second later, so that a series of
 * them costs one trim (some ms per 100 MB). */
static void watch_held(struct worker *worker) {
    size_t held = held_bytes(worker);

    if (held > worker->held_most) worker->held_most = held;
    if (worker->gives_back || worker->held_most < LIMIT_HELD || held > worker->held_most / 4)
        return;
    worker->gives_back = true;
    worker_at(worker, worker->now_ns + 1000000000u, give_back, NULL);
}

void worker_mark_dirty(struct worker *worker, struct conn *conn) {
    if (conn->is_dirty) return;
    conn->is_dirty = true;
    conn->next_dirty = worker->dirty;
    worker->dirty = conn;
}

/* ---- the turn ------------------------------------------------------------------------------ */

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static bool drain_is_due(const struct worker *worker);

static int wait_ms(struct worker *worker) {
    uint64_t at, now;

    if (drain_is_due(worker) || worker->step_again || worker->resumed || worker->dirty ||
        !mailbox_is_empty(&worker->mailbox))
        return 0;
    at = worker->phase < WORKER_CLOSING ? ramp_host_deadline(worker->host) : UINT64_MAX;
    at = earlier(at, schedule_next_ns(&worker->schedule));
    for (int kind = 0; kind < TIMEOUT_COUNT; kind++) {
        struct list *list = &worker->timeouts[kind];
        if (!list_empty(list))
            at = earlier(at, list_item(list->next, struct conn, in_timeout)->timeout_ns);
    }
    if (worker->phase != WORKER_SERVING) at = earlier(at, worker->phase_end_ns);
    if (worker->snapshot.is_due) at = earlier(at, worker->snapshot.taken_ns + SNAPSHOT_NS);
    if (at == UINT64_MAX) return -1;
    now = clock_ns();
    if (at <= now) return 0;
    at = (at - now + 999999) / 1000000;
    return at < INT_MAX ? (int)at : INT_MAX;
}

static void run_timeouts(struct worker *worker) {
    for (int kind = 0; kind < TIMEOUT_COUNT; kind++) {
        struct list *list = &worker->timeouts[kind];
        while (!list_empty(list)) {
            struct conn *conn = list_item(list->next, struct conn, in_timeout);
            if (conn->timeout_ns > worker->now_ns) break;
            conn_timed_out(conn);
        }
    }
}

/* Connections that waited for something which has come. Those that begin to wait meanwhile, or are told
 * so, have their turn in the next turn. */
static void run_resumed(struct worker *worker) {
    struct conn *conn = worker->resumed;

    worker->resumed = NULL;
    while (conn) {
        struct conn *next = conn->next_resumed;
        conn->is_resumed = false;
        conn_run_resumed(conn);
        conn = next;
    }
}

/* Guests run in here, and everything that they bring about is queued. */
static void step_host(struct worker *worker) {
    worker->step_again = false;
    if (worker->phase >= WORKER_CLOSING)
        return; /* no leaves are run: the rooms go with the process */
    ticker_touch(server_ticker(worker->server));
    if (ramp_host_step(worker->host)) worker->step_again = true;
}

/* The worker holds more than it may: whoever owes most goes first. Shared frames are held by several, so
 * one may not be enough. */
static void drop_debtors(struct worker *worker) {
    while (worker->stock.bytes > worker->outgoing_max) {
        struct conn *largest = NULL;
        list_each(&worker->conns, node, following) {
            struct conn *conn = list_item(node, struct conn, in_worker);
            if (!largest || conn->out.bytes > largest->out.bytes) largest = conn;
        }
        if (!largest || outgoing_is_empty(&largest->out)) return;
        METRIC_ADD(worker, overflows, 1);
        conn_kill(largest, 1013, true);
    }
}

static void flush(struct worker *worker) {
    struct conn *conn = worker->dirty;

    worker->dirty = NULL;
    while (conn) {
        struct conn *next = conn->next_dirty;
        conn->is_dirty = false;
        conn_flush(conn);
        conn = next;
    }
    drop_debtors(worker);
    watch_held(worker);
    metric_set(&worker->metrics.outgoing_bytes, worker->stock.bytes);
}

static void bury_dead(struct worker *worker) {
    list_each(&worker->dead, node, following) {
        struct conn *conn = list_item(node, struct conn, in_worker);
        if (conn->is_dirty || conn->is_resumed) continue; /* in a list of the next turn */
        list_remove(node);
        conn_free(conn);
    }
}

static void drain_on(struct worker *worker);

static void worker_turn(struct worker *worker) {
    loop_announce_wait(&worker->loop);
    loop_wait(&worker->loop, wait_ms(worker));
    worker->now_ns = clock_ns();
    METRIC_ADD(worker, turns, 1);

    loop_dispatch(&worker->loop);
    read_letters(worker);
    schedule_run_due(&worker->schedule, worker->now_ns, worker);
    run_timeouts(worker);
    run_resumed(worker);
    step_host(worker);
    if (worker->phase != WORKER_SERVING) drain_on(worker);
    flush(worker);

    exchange_bury_dead(worker);
    bury_dead(worker);
    metrics_take_snapshot(worker);
}

/* ---- draining ------------------------------------------------------------------------------ */

static void each_conn(struct worker *worker, void (*each)(struct conn *conn)) {
    list_each(&worker->conns, node, following) {
        each(list_item(node, struct conn, in_worker));
    }
}

static void end_idle(struct conn *conn) {
    if (conn->state == CONN_HEAD && conn->kept.size == 0) conn_end(conn);
}

static void end_all(struct conn *conn) {
    static const char reason[] = "the server restarts";

    if (conn->state == CONN_OPEN) {
        websocket_close(conn, 1012, (ramp_bytes){reason, sizeof(reason) - 1});
    } else {
        conn_end(conn);
    }
}

void worker_begin_drain(struct worker *worker, void *unused) {
    (void)unused;
    if (worker->phase != WORKER_SERVING) return;
    for (unsigned i = 0; i < worker->listener_count; i++) listener_unwatch(&worker->listeners[i]);
    worker->phase = WORKER_FINISHING;
    worker->drain_ns = worker->now_ns;
    worker->phase_end_ns = worker->drain_ns + LIMIT_DRAIN_MS * 1000000ull;
    each_conn(worker, end_idle);
}

/* Nothing of its own is under way. The rooms of this worker may still be asked by others. */
static bool owes_nothing(const struct worker *worker) {
    return !worker->step_again && !worker->resumed && worker->answers_owed == 0;
}

static bool drain_is_due(const struct worker *worker) {
    bool is_late = worker->now_ns >= worker->phase_end_ns;

    switch (worker->phase) {
    case WORKER_SERVING: return false;
    case WORKER_FINISHING:
        return is_late || server_has_finished(worker->server) ||
               (!worker->has_finished && owes_nothing(worker));
    case WORKER_SETTLING:
    case WORKER_SAVING:
        return is_late || (!worker->step_again && ramp_host_has_stopped(worker->host));
    case WORKER_CLOSING: return is_late || worker->conn_count == 0;
    case WORKER_STOPPED: break;
    }
    return true;
}

static void enter_phase(struct worker *worker, enum worker_phase phase, uint64_t end_ms) {
    worker->phase = phase;
    worker->phase_end_ns = worker->drain_ns + end_ms * 1000000u;
}

static void begin_closing(struct worker *worker) {
    worker->phase = WORKER_CLOSING;
    worker->phase_end_ns = worker->now_ns + LIMIT_DRAIN_FLUSH_MS * 1000000ull;
    each_conn(worker, end_all);
}

/* What calls still wait for has until LIMIT_DRAIN_MS, what they have written until
 * LIMIT_DRAIN_COMMIT_MS; then rooms save, and the step after this one begins with it. */
static void settle(struct worker *worker) {
    bool is_done = ramp_host_has_stopped(worker->host);

    if (!is_done && worker->now_ns < worker->drain_ns + LIMIT_DRAIN_COMMIT_MS * 1000000ull) {
        ramp_host_stop(worker->host, RAMP_STOP_WAITS);
        enter_phase(worker, WORKER_SETTLING, LIMIT_DRAIN_COMMIT_MS);
    } else {
        ramp_host_stop(worker->host, RAMP_STOP_ROOMS);
        enter_phase(worker, WORKER_SAVING, LIMIT_DRAIN_SAVE_MS);
    }
    worker->step_again = true;
}

static void drain_on(struct worker *worker) {
    if (!drain_is_due(worker)) return;
    switch (worker->phase) {
    case WORKER_FINISHING:
        if (!worker->has_finished) {
            worker->has_finished = true;
            server_worker_finished(worker->server);
        }
        if (server_has_finished(worker->server) || worker->now_ns >= worker->phase_end_ns)
            enter_phase(worker, WORKER_SETTLING, LIMIT_DRAIN_MS);
        break;
    case WORKER_SETTLING: settle(worker); break;
    case WORKER_SAVING: begin_closing(worker); break;
    default: worker->phase = WORKER_STOPPED; break;
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

/* What the kernel still holds for it is sent; its room is told nothing more. */
static void abandon(struct conn *conn) {
    conn->member = NULL;
    conn_kill(conn, 1012, false);
}

static void *worker_run(void *argument) {
    struct worker *worker = argument;

    while (worker->phase != WORKER_STOPPED) worker_turn(worker);
    each_conn(worker, abandon);
    server_worker_stopped(worker->server);
    return NULL;
}

ramp_status worker_new(struct server *server, unsigned index, const int *listener_fds,
                       unsigned listener_count, const ramp_host_options *host_options,
                       struct worker **ret_worker, ramp_error *reterr) {
    struct worker *worker = mem_zalloc(sizeof(*worker));
    uint64_t seed;
    ramp_status status;

    if (!worker) return error_set(reterr, RAMP_NO_MEMORY, "no memory for a worker");
    worker->server = server;
    worker->index = index;
    worker->outgoing_max = server_options(server)->outgoing_max;
    worker->now_ns = clock_ns();
    list_init(&worker->conns);
    list_init(&worker->dead);
    list_init(&worker->dead_exchanges);
    list_init(&worker->pending);
    for (int kind = 0; kind < TIMEOUT_COUNT; kind++) list_init(&worker->timeouts[kind]);
    mailbox_init(&worker->mailbox, LIMIT_MAILBOX);
    worker_random(worker, &seed, sizeof(seed));
    map_init(&worker->exchanges, seed);
    origins_init(&worker->origins, seed);
    pthread_mutex_init(&worker->snapshot.lock, NULL);
    worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    worker->input = mem_alloc(LIMIT_KEPT + WORKER_READ_SIZE);
    worker->scratch = mem_alloc(WORKER_SCRATCH_SIZE);
    if (!loop_init(&worker->loop)) {
        status =
            error_set(reterr, RAMP_IO, "cannot make a worker's event loop: %s", strerror(errno));
        worker->loop.set = -1;
        goto fail;
    }
    if (!worker->input || !worker->scratch || !(worker->callers = callers_new(worker))) {
        status = error_set(reterr, RAMP_NO_MEMORY, "no memory for a worker");
        goto fail;
    }
    worker->listener_count = listener_count;
    for (unsigned i = 0; i < listener_count; i++)
        listener_init(&worker->listeners[i], worker, listener_fds[i], i > 0);
    status = worker_host_new(worker, host_options, reterr);
    if (status != RAMP_OK) goto fail;
    metrics_take_snapshot(worker);
    *ret_worker = worker;
    return RAMP_OK;

fail:
    worker_free(worker);
    return status;
}

bool worker_start(struct worker *worker) {
    pthread_attr_t attributes;
    sigset_t blocked, before;
    char name[16];
    int error;

    for (unsigned i = 0; i < worker->listener_count; i++) listener_watch(&worker->listeners[i]);
    /* Signals are the main thread's, but for those that the engine catches where they happen. */
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGTRAP);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    error = pthread_create(&worker->thread, &attributes, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    errno = error;
    if (error) return false;
    worker->is_started = true;
    snprintf(name, sizeof(name), "ramp-worker-%u", worker->index % 1000);
    pthread_setname_np(worker->thread, name);
    return true;
}

void worker_join(struct worker *worker) {
    if (worker->is_started) pthread_join(worker->thread, NULL);
    worker->is_started = false;
    worker->phase = WORKER_STOPPED;
}

void worker_free(struct worker *worker) {
    if (!worker) return;
    assert(!worker->is_started);
    each_conn(worker, abandon);
    worker->dirty = worker->resumed = NULL;
    list_each(&worker->dead, node, following) {
        struct conn *conn = list_item(node, struct conn, in_worker);
        conn->is_dirty = conn->is_resumed = false;
    }
    exchange_bury_dead(worker);
    bury_dead(worker);
    callers_free(worker->callers);
    ramp_host_free(worker->host);
    list_each(&worker->pending, node, following) {
        struct pending *pending = list_item(node, struct pending, in_worker);
        pending->abandon(worker, pending);
    }
    map_done(&worker->exchanges);
    origins_done(&worker->origins);
    schedule_done(&worker->schedule);
    frame_stock_done(&worker->stock);
    if (worker->loop.set >= 0) loop_done(&worker->loop);
    if (worker->spare_fd >= 0) close(worker->spare_fd);
    pthread_mutex_destroy(&worker->snapshot.lock);
    mem_free(worker->input);
    mem_free(worker->scratch);
    mem_free(worker);
}

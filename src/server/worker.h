/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h -- one thread: one epoll set, one host, and the connections of the rooms that are its own.
 *
 * Door:     worker_new(), worker_start(), worker_join(), worker_free(); the rest is server.h.
 * Before:   server.c.
 * After:    conn.c for sockets, worker_host.c for what rooms do.
 *
 * The turn (worker_turn) is the whole plot: wait, read, posts, time, step the host, send, bury.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include "base/map.h"
#include "io/mailbox.h"
#include "io/sock.h"
#include "server/conn.h"
#include "server/metrics.h"
#include "server/origins.h"
#include "server/schedule.h"
#include "server/server.h"
#include "server/worker_storage.h"

#include <pthread.h>

#define WORKER_LISTENERS 2 /* clients, control */
#define WORKER_READ_SIZE (64u << 10)

enum worker_phase {
    WORKER_SERVING,
    WORKER_FINISHING, /* drain: requests under way may end */
    WORKER_SETTLING,  /* drain: waits and commits may end */
    WORKER_SAVING,    /* drain: rooms save their states */
    WORKER_CLOSING,   /* drain: last bytes and close frames are leaving */
    WORKER_STOPPED
};

struct listener {
    struct source source;
    struct worker *worker;
    bool is_control, is_watched;
};

struct worker {
    struct loop loop;
    struct mailbox mailbox;
    struct server *server;
    unsigned index;
    ramp_host *host;
    ramp_store store; /* the loader, as the host sees it */
    struct worker_storage storage;
    struct callers *callers;
    struct listener listeners[WORKER_LISTENERS];
    unsigned listener_count;

    uint64_t now_ns;  /* as of this turn */
    bool step_again;  /* the host has been told something since its last step */
    uint8_t *input;   /* kept bytes of a connection, then what recv() brings */
    uint8_t *scratch; /* gathered frames; heads that are being written */
    struct frame_stock stock;
    size_t outgoing_max;   /* bytes of the stock, before debtors go */
    size_t incoming_bytes; /* capacity of all unfinished messages and bodies */
    size_t held_most;      /* of these and the stock's, since memory was last given back */
    bool gives_back;       /* ... and it is to be given back soon */

    struct list conns, dead;
    unsigned conn_count;
    struct conn *dirty, *resumed;
    struct list timeouts[TIMEOUT_COUNT];
    struct schedule schedule;
    struct origins origins;
    struct map exchanges; /* id -> exchange that is not answered yet */
    struct list dead_exchanges;
    unsigned answers_owed; /* exchanges but for streams */
    struct list pending;   /* calls under way */
    uint64_t next_exchange_id;

    enum worker_phase phase;
    uint64_t drain_ns, phase_end_ns;
    bool has_finished; /* drain: owes nobody an answer; others may still ask */
    int spare_fd;      /* given up to accept, answer and close when there are no descriptors left */
    uint8_t random[1024];
    size_t random_left;

    struct metrics metrics;
    struct metrics_snapshot snapshot;
    pthread_t thread;
    bool is_started;
};

#define WORKER_SCRATCH_SIZE (64u << 10)

ramp_status worker_new(struct server *server, unsigned index, const int *listener_fds,
                       unsigned listener_count, const ramp_host_options *host_options,
                       struct worker **ret_worker, ramp_error *reterr);
bool worker_start(struct worker *worker);                     /* false: see errno */
void worker_begin_drain(struct worker *worker, void *unused); /* a worker_fn */
void worker_join(struct worker *worker);
/* After all workers and the loader have been joined: runs the letters that nobody has read. Returns
 * whether there were any. */
bool worker_run_letters(struct worker *worker);
void worker_free(struct worker *worker);

/* Bytes from the kernel's generator, read in batches. */
void worker_random(struct worker *worker, void *bytes, size_t size);
/* Whether `more` bytes of unfinished input may be held, and counts them. */
bool worker_reserve_incoming(struct worker *worker, struct buffer *buffer, size_t more);
void worker_release_incoming(struct worker *worker, struct buffer *buffer);
void worker_mark_dirty(struct worker *worker, struct conn *conn);

/* ---- worker_host.c, listener.c ----------------------------------------------------------------- */

/* Makes worker->host; `limits` are the options that are numbers. */
ramp_status worker_host_new(struct worker *worker, const ramp_host_options *limits,
                            ramp_error *reterr);

void listener_init(struct listener *listener, struct worker *worker, int fd, bool is_control);
void listener_watch(struct listener *listener);
void listener_unwatch(struct listener *listener);

/* ---- the server, for its workers (server.c) -------------------------------------------------- */

enum client_result {
    CLIENT_TAKEN,
    CLIENT_NO_PLACE,  /* there are too many */
    CLIENT_OF_A_CROWD /* its address has too many */
};
/* One more client's socket; counted if it is taken. Gives `*ret_place`, for server_client_closed(). */
enum client_result server_client_opened(struct server *server, const struct sock_from *from,
                                        address_place *ret_place);
void server_client_closed(struct server *server, address_place place);
/* Drain: one more worker owes no answer. When that is true of all, they are woken and go on together. */
void server_worker_finished(struct server *server);
bool server_has_finished(const struct server *server);
/* The worker's thread is about to end. */
void server_worker_stopped(struct server *server);
struct ticker;
struct ticker *server_ticker(struct server *server);

/* ---- handover.c ------------------------------------------------------------------------------ */

/* Moves a connection, with the bytes read from it, to the worker that owns its room. false: that worker
 * is overloaded; the connection is still here. */
bool handover_send(struct conn *conn, struct worker *owner, const void *bytes, size_t size);

#endif

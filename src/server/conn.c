/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c -- see conn.h. */
#include "server/conn.h"

#include "base/limits.h"
#include "io/sock.h"
#include "server/worker.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

static void conn_ready(struct source *source, unsigned what);
static void conn_take_input(struct conn *conn, uint8_t *bytes, size_t size);

/* ---- life ---------------------------------------------------------------------------------- */

void conn_open(struct worker *worker, const struct conn_socket *socket, const void *bytes,
               size_t size) {
    struct conn *conn = mem_zalloc(sizeof(*conn));

    if (!conn) {
        sock_reset(socket->fd);
        server_client_closed(worker->server, socket->place);
        return;
    }
    conn->source = (struct source){.fd = socket->fd, .ready = conn_ready};
    conn->worker = worker;
    conn->place = socket->place;
    conn->is_control = socket->is_control;
    conn->state = CONN_HEAD;
    list_init(&conn->in_timeout);
    list_push_back(&worker->conns, &conn->in_worker);
    metric_set(&worker->metrics.connections, ++worker->conn_count);
    conn_set_timeout(conn, TIMEOUT_HEAD, LIMIT_HEAD_MS);
    if ((size && !buffer_append(&conn->kept, bytes, size)) ||
        !loop_watch(&worker->loop, &conn->source, LOOP_READ)) {
        conn_kill(conn, 1006, true);
        return;
    }
    if (size) conn_resume(conn);
}

void conn_free(struct conn *conn) {
    assert(conn->state == CONN_DEAD);
    mem_free(conn);
}

/* What a dead connection and one that moves away have in common: nothing of it is left here but the
 * struct, until the end of the turn. */
static void conn_bury(struct conn *conn) {
    struct worker *worker = conn->worker;

    conn->state = CONN_DEAD;
    conn->source.fd = -1;
    outgoing_clear(&conn->out, &worker->stock);
    worker_release_incoming(worker, &conn->message);
    buffer_release(&conn->kept);
    list_remove(&conn->in_timeout);
    list_remove(&conn->in_worker);
    list_push_back(&worker->dead, &conn->in_worker);
    metric_set(&worker->metrics.connections, --worker->conn_count);
}

/* Whoever was to answer finds nobody. */
static void conn_detach(struct conn *conn) {
    if (conn->state == CONN_BODY || conn->state == CONN_ANSWERING) exchange_forget(conn);
    if (conn->state == CONN_JOINING) websocket_forget_join(conn);
}

void conn_kill(struct conn *conn, uint16_t code, bool reset) {
    struct worker *worker = conn->worker;
    int fd = conn->source.fd;

    if (conn->state == CONN_DEAD) return;
    conn_detach(conn);
    if (conn->member) {
        ramp_leave(conn->member, code, NULL);
        conn->member = NULL;
        worker->step_again = true;
        metrics_count_close(worker, code);
    }
    loop_unwatch(&worker->loop, &conn->source);
    conn_bury(conn);
    if (reset) {
        sock_reset(fd);
    } else {
        close(fd);
    }
    server_client_closed(worker->server, conn->place);
}

void conn_forget(struct conn *conn) {
    assert(conn->state == CONN_HEAD && outgoing_is_empty(&conn->out));
    conn_bury(conn);
}

void conn_end(struct conn *conn) {
    if (conn->state >= CONN_ENDING) return;
    conn_detach(conn);
    conn->state = CONN_ENDING;
    buffer_release(&conn->kept);
    worker_release_incoming(conn->worker, &conn->message);
    conn->is_busy = conn->message_waits = false;
    conn_set_timeout(conn, TIMEOUT_CLOSE, LIMIT_CLOSE_MS);
    worker_mark_dirty(conn->worker, conn);
    conn_update_interest(conn);
}

/* ---- time ---------------------------------------------------------------------------------- */

void conn_set_timeout(struct conn *conn, enum timeout_kind kind, uint64_t ms) {
    struct worker *worker = conn->worker;

    /* Every timeout of a kind is equally long, so its list is in order of time. */
    list_remove(&conn->in_timeout);
    conn->timeout_ns = worker->now_ns + ms * 1000000u;
    list_push_back(&worker->timeouts[kind], &conn->in_timeout);
}

void conn_clear_timeout(struct conn *conn) {
    list_remove(&conn->in_timeout);
}

void conn_timed_out(struct conn *conn) {
    list_remove(&conn->in_timeout);
    METRIC_ADD(conn->worker, timeouts, 1);
    switch ((enum conn_state)conn->state) {
    case CONN_HEAD:
        /* Nothing said, or nothing more to say: no answer is owed. */
        if (conn->kept.size) {
            exchange_timed_out(conn);
        } else if (outgoing_is_empty(&conn->out)) {
            conn_kill(conn, 1006, false);
        } else {
            conn_end(conn);
        }
        break;
    case CONN_BODY: exchange_timed_out(conn); break;
    case CONN_CLOSING:
    case CONN_ENDING: conn_kill(conn, 1006, true); break;
    case CONN_ANSWERING:
    case CONN_JOINING:
    case CONN_OPEN:
    case CONN_DEAD: break;
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

void conn_update_interest(struct conn *conn) {
    /* A client that does not read what it is sent may not ask for more: it is slowed down by its own TCP
     * before it owes so much that it is closed. */
    bool full = conn->kept.size >= LIMIT_KEPT ||
                (conn->state <= CONN_OPEN && conn->out.bytes > LIMIT_OUTGOING_SOFT);
    /* What an ending connection says is thrown away, but not faster than it reads. */
    bool waits = conn->state == CONN_ENDING && conn->is_blocked;
    bool reads = !conn->is_busy && !full && !waits && !conn->input_ended;

    if (conn->state == CONN_DEAD) return;
    loop_rearm(&conn->worker->loop, &conn->source,
               (reads ? LOOP_READ : 0u) | (conn->is_blocked ? LOOP_WRITE : 0u));
}

/* The client sends no more. For HTTP that is half a close: it may still read. */
static void conn_input_ended(struct conn *conn) {
    conn->input_ended = true;
    switch ((enum conn_state)conn->state) {
    case CONN_HEAD:
        if (outgoing_is_empty(&conn->out)) {
            conn_kill(conn, 1006, false);
        } else {
            conn_end(conn);
        }
        break;
    case CONN_ANSWERING:
        /* Whoever follows a stream does not half-close: see exchange_stream(). */
        exchange_input_ended(conn);
        break;
    case CONN_ENDING:
        /* With bytes still queued: they are sent, then it is closed. */
        if (outgoing_is_empty(&conn->out)) conn_kill(conn, 1006, false);
        break;
    case CONN_BODY:
    case CONN_JOINING:
    case CONN_OPEN:
    case CONN_CLOSING: conn_kill(conn, 1006, false); break;
    case CONN_DEAD: break;
    }
    conn_update_interest(conn);
}

static void conn_read(struct conn *conn) {
    struct worker *worker = conn->worker;
    size_t kept = conn->kept.size;
    ssize_t received;

    assert(kept < LIMIT_KEPT);
    received = sock_receive(conn->source.fd, worker->input + kept, WORKER_READ_SIZE);
    if (received == -EAGAIN) return;
    if (received < 0) {
        conn_kill(conn, 1006, false);
        return;
    }
    if (received == 0) {
        conn_input_ended(conn);
        return;
    }
    METRIC_ADD(worker, bytes_in, (uint64_t)received);
    if (kept) memcpy(worker->input, conn->kept.data, kept);
    conn->kept.size = 0;
    conn_take_input(conn, worker->input, kept + (size_t)received);
}

/* Uses what can be used, whatever state that leads to. */
static size_t conn_use(struct conn *conn, uint8_t *bytes, size_t size) {
    size_t used = 0, step = 1;

    while (step > 0 && used < size) {
        switch ((enum conn_state)conn->state) {
        case CONN_HEAD: step = exchange_input_head(conn, bytes + used, size - used); break;
        case CONN_BODY: step = exchange_input_body(conn, bytes + used, size - used); break;
        case CONN_OPEN:
        case CONN_CLOSING: step = websocket_input(conn, bytes + used, size - used); break;
        case CONN_ANSWERING:
        case CONN_JOINING: step = 0; break;
        case CONN_ENDING:
        case CONN_DEAD: return size; /* nobody listens any more */
        }
        used += step;
    }
    return used;
}

/* `bytes` are the worker's, or what was kept before; what is not used is kept. */
static void conn_take_input(struct conn *conn, uint8_t *bytes, size_t size) {
    size_t used = conn_use(conn, bytes, size);

    if (conn->state >= CONN_ENDING || used == size) {
        buffer_release(&conn->kept);
    } else if (!buffer_append(&conn->kept, bytes + used, size - used)) {
        conn_kill(conn, 1013, true);
    }
    conn_update_interest(conn);
}

void conn_resume(struct conn *conn) {
    struct worker *worker = conn->worker;

    if (conn->is_resumed) return;
    conn->is_resumed = true;
    conn->next_resumed = worker->resumed;
    worker->resumed = conn;
}

void conn_run_resumed(struct conn *conn) {
    struct buffer kept;

    if (conn->state == CONN_DEAD) return;
    if (conn->message_waits && !websocket_retry(conn)) return;
    kept = conn->kept;
    conn->kept = (struct buffer){0};
    if (kept.size) conn_take_input(conn, kept.data, kept.size);
    buffer_release(&kept);
    conn_update_interest(conn);
}

static void conn_ready(struct source *source, unsigned what) {
    struct conn *conn = list_item(source, struct conn, source);

    if (conn->state == CONN_DEAD) return; /* killed earlier in this turn */
    if (what & LOOP_WRITE) {
        conn->is_blocked = false;
        worker_mark_dirty(conn->worker, conn);
    }
    if ((what & LOOP_READ) || ((what & LOOP_GONE) && (source->armed & LOOP_READ))) {
        conn_read(conn);
    } else if (what & LOOP_GONE) {
        conn_kill(conn, 1006, false); /* it would be reported for ever */
    }
}

/* ---- sending ------------------------------------------------------------------------------- */

void conn_push(struct conn *conn, struct frame *frame) {
    struct worker *worker = conn->worker;

    if (conn->state == CONN_DEAD || conn->is_shut) return;
    if (!frame || !outgoing_push(&conn->out, &worker->stock, frame)) conn->overflowed = true;
    worker_mark_dirty(worker, conn);
}

static bool is_too_much(const struct conn *conn, const struct frame *frame) {
    return frame && !outgoing_is_empty(&conn->out) &&
           conn->out.bytes + frame->size > LIMIT_OUTGOING_HARD;
}

bool conn_send(struct conn *conn) {
    struct worker *worker = conn->worker;
    struct iovec parts[GATHER_PARTS];

    while (!conn->is_blocked && !outgoing_is_empty(&conn->out)) {
        size_t size;
        int count = outgoing_gather(&conn->out, worker->scratch, WORKER_SCRATCH_SIZE, parts, &size);
        ssize_t sent = sock_send(conn->source.fd, parts, count);

        if (sent == -EAGAIN) sent = 0;
        if (sent < 0) {
            conn_kill(conn, 1006, false);
            return false;
        }
        METRIC_ADD(worker, sends, 1);
        METRIC_ADD(worker, bytes_out, (uint64_t)sent);
        outgoing_sent(&conn->out, &worker->stock, (size_t)sent);
        conn->is_blocked = (size_t)sent < size;
        /* A slow reader of a last long answer has time as long as it reads. */
        if (conn->state == CONN_ENDING && sent > 0)
            conn_set_timeout(conn, TIMEOUT_CLOSE, LIMIT_CLOSE_MS);
    }
    return true;
}

void conn_push_limited(struct conn *conn, struct frame *frame) {
    if (conn->overflowed) return;
    /* One turn may bring more than the limit to a client that does read. */
    if (is_too_much(conn, frame) && !conn_send(conn)) return;
    if (is_too_much(conn, frame)) {
        conn->overflowed = true;
        worker_mark_dirty(conn->worker, conn);
        return;
    }
    conn_push(conn, frame);
}

/* Tells the room about a client that reads slowly, and when it has caught up. */
static void conn_judge_queue(struct conn *conn) {
    bool slow = conn->is_slow ? conn->out.bytes > LIMIT_OUTGOING_SOFT / 2
                              : conn->out.bytes > LIMIT_OUTGOING_SOFT;

    if (!conn->member || slow == conn->is_slow) return;
    conn->is_slow = slow;
    if (slow) METRIC_ADD(conn->worker, slow, 1);
    ramp_backpressure(conn->member, !slow);
    conn->worker->step_again = true;
}

void conn_flush(struct conn *conn) {
    if (conn->state == CONN_DEAD) return;
    if (conn->last_code) websocket_finish(conn);
    if (!conn_send(conn)) return;
    if (conn->overflowed) {
        /* A close frame would stand behind megabytes that nobody reads. */
        METRIC_ADD(conn->worker, overflows, 1);
        conn_kill(conn, 1013, true);
        return;
    }
    if (conn->state == CONN_ENDING && outgoing_is_empty(&conn->out) && !conn->is_shut) {
        if (conn->input_ended) {
            conn_kill(conn, 1006, false);
            return;
        }
        conn->is_shut = true;
        sock_shutdown(conn->source.fd);
    }
    if (conn->state == CONN_HEAD && conn->kept.size && conn->out.bytes <= LIMIT_OUTGOING_SOFT)
        conn_resume(conn); /* pipelined requests that waited for their predecessors' answers */
    conn_judge_queue(conn);
    conn_update_interest(conn);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h -- what a worker counts, and the text in which Prometheus reads it.
 *
 * Door:     METRIC_ADD() on the worker's own thread; metrics_write() from any.
 * Counters have one writer, so an increment is a plain load and store; readers see them a moment late.
 * What the host knows itself is copied into a snapshot when the worker goes to sleep (at most every
 * SNAPSHOT_NS while it does not), so that other threads never touch a host.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <ramp/ramp.h>

#include <pthread.h>
#include <stdatomic.h>

#define SNAPSHOT_NS 20000000u

/* field, name in the text, help */
#define METRICS_LIST(X)                                                                            \
    X(accepted, "connections_accepted_total", "Connections accepted.")                             \
    X(refused_full, "connections_refused_total", "Connections refused: too many are open.")        \
    X(refused_address, "connections_refused_address_total",                                        \
      "Connections refused: their address has too many.")                                          \
    X(handovers, "connections_handed_over_total", "Connections handed to the room's worker.")      \
    X(joins, "websocket_joins_total", "WebSocket clients that have joined a room.")                \
    X(joins_refused, "websocket_joins_refused_total", "WebSocket joins answered with an error.")   \
    X(messages_in, "websocket_messages_in_total", "Messages received from clients.")               \
    X(messages_out, "websocket_messages_out_total", "Messages queued for clients.")                \
    X(sends, "sends_total", "send() calls that carried something.")                                \
    X(bytes_in, "bytes_in_total", "Bytes received from clients.")                                  \
    X(bytes_out, "bytes_out_total", "Bytes handed to the kernel for clients.")                     \
    X(busy, "inbox_full_total", "Times a client was not read because its room was busy.")          \
    X(slow, "slow_clients_total", "Times a client's queue passed the soft limit.")                 \
    X(overflows, "overflows_total", "Clients dropped because they read too slowly (1013).")        \
    X(requests, "http_requests_total", "HTTP requests that were complete.")                        \
    X(bad_requests, "http_bad_requests_total", "Heads and bodies that were refused.")              \
    X(timeouts, "timeouts_total", "Connections closed because they took too long.")                \
    X(mailbox_full, "mailbox_full_total", "Requests refused because a worker was overloaded.")     \
    X(turns, "turns_total", "Turns of the loops.")                                                 \
    X(closed_normal, "closed_normal_total", "Leaves with 1000 or 1001.")                           \
    X(closed_lost, "closed_lost_total", "Leaves without a close frame (1005, 1006).")              \
    X(closed_protocol, "closed_protocol_total", "Leaves because a client broke the protocol.")     \
    X(closed_room, "closed_room_total", "Leaves with 1011: the room failed.")                      \
    X(closed_overload, "closed_overload_total", "Leaves with 1013.")                               \
    X(closed_other, "closed_other_total", "Leaves with any other code.")                           \
    X(connections, "connections", "Connections open now.")                                         \
    X(outgoing_bytes, "outgoing_bytes", "Bytes queued for clients now.")

struct metrics {
#define METRICS_FIELD(field, name, help) _Atomic uint64_t field;
    METRICS_LIST(METRICS_FIELD)
#undef METRICS_FIELD
};

static inline void metric_add(_Atomic uint64_t *counter, uint64_t value) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

static inline void metric_set(_Atomic uint64_t *gauge, uint64_t value) {
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

/* METRIC_ADD(worker, messages_in, 1) */
#define METRIC_ADD(worker, field, value) metric_add(&(worker)->metrics.field, (value))

struct metrics_snapshot {
    pthread_mutex_t lock;
    ramp_host_stats stats;
    uint64_t taken_ns;
    bool is_due; /* something has happened since */
};

struct server;
struct worker;

/* One more leave with this WebSocket close code. */
void metrics_count_close(struct worker *worker, uint16_t code);
/* The worker's thread: copies what the host counts. */
void metrics_take_snapshot(struct worker *worker);
/* All workers in Prometheus' text form; mem_free() it. NULL: no memory. */
char *metrics_text(struct server *server, size_t *ret_size);
/* One worker's host, as of its last snapshot; any thread. */
void metrics_host_stats(struct worker *worker, ramp_host_stats *ret_stats);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c -- new clients: a listening socket, as one worker sees it.
 *
 * Door:   listener_init(), listener_watch(), listener_unwatch() (worker.h).
 * Before: loop.h; every worker watches the same sockets, and the kernel wakes one for each client.
 * After:  conn_open().
 *
 * Without descriptors a worker answers 503 and pauses: it never spins.
 */
#define _GNU_SOURCE
#include "base/limits.h"
#include "io/sock.h"
#include "server/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_NS 100000000u

void listener_watch(struct listener *listener) {
    listener->is_watched = loop_watch_shared(&listener->worker->loop, &listener->source);
}

void listener_unwatch(struct listener *listener) {
    if (listener->is_watched) loop_unwatch(&listener->worker->loop, &listener->source);
    listener->is_watched = false;
}

static void listener_resume(struct worker *worker, void *argument) {
    struct listener *listener = argument;

    if (worker->phase == WORKER_SERVING && !listener->is_watched) listener_watch(listener);
}

/* Nothing can be accepted now: to be told so in every turn would only burn the processor. */
static void listener_pause(struct listener *listener) {
    struct worker *worker = listener->worker;

    listener_unwatch(listener);
    worker_at(worker, worker->now_ns + PAUSE_NS, listener_resume, listener);
}

#define REFUSAL(status, code, message)                                                             \
    "HTTP/1.1 " status "\r\nConnection: close\r\nRetry-After: 1\r\n"                               \
    "Content-Type: application/json\r\n\r\n"                                                       \
    "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}\n"

static const char no_place[] = REFUSAL("503 Service Unavailable", "UNAVAILABLE",
                                       "the server has as many connections as it can hold");
static const char of_a_crowd[] =
    REFUSAL("429 Too Many Requests", "LIMIT",
            "your address has as many connections here as one may have; close some of them");

/* Its length is that of the connection: no request has been read that asks for more. */
static void refuse_client(struct worker *worker, int fd, const char *answer) {
    const struct iovec part = {.iov_base = (void *)(uintptr_t)answer, .iov_len = strlen(answer)};

    /* Closed with its request unread, the kernel would send a reset, and the answer would be lost. */
    (void)sock_receive(fd, worker->scratch, WORKER_SCRATCH_SIZE);
    (void)sock_send(fd, &part, 1);
    sock_shutdown(fd);
    close(fd);
}

/* No descriptor is left: the spare one is given up to answer those who wait, one after the other, and
 * taken back. */
static void refuse_with_spare(struct listener *listener) {
    struct worker *worker = listener->worker;

    if (worker->spare_fd >= 0) close(worker->spare_fd);
    for (unsigned i = 0; i < LIMIT_ACCEPTS; i++) {
        struct sock_from from;
        int fd = sock_accept(listener->source.fd, &from);
        if (fd < 0) break;
        METRIC_ADD(worker, refused_full, 1);
        refuse_client(worker, fd, no_place);
    }
    worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    listener_pause(listener);
}

static void take_client(struct listener *listener, int fd, const struct sock_from *from) {
    struct worker *worker = listener->worker;
    struct conn_socket socket = {.fd = fd, .is_control = listener->is_control};

    switch (server_client_opened(worker->server, from, &socket.place)) {
    case CLIENT_TAKEN: conn_open(worker, &socket, NULL, 0); break;
    case CLIENT_NO_PLACE:
        METRIC_ADD(worker, refused_full, 1);
        refuse_client(worker, fd, no_place);
        break;
    case CLIENT_OF_A_CROWD:
        METRIC_ADD(worker, refused_address, 1);
        refuse_client(worker, fd, of_a_crowd);
        break;
    }
}

static void listener_ready(struct source *source, unsigned what) {
    struct listener *listener = list_item(source, struct listener, source);
    struct worker *worker = listener->worker;

    (void)what;
    if (!listener->is_watched) return;
    for (unsigned i = 0; i < LIMIT_ACCEPTS; i++) {
        struct sock_from from;
        int fd = sock_accept(source->fd, &from);
        if (fd == -EAGAIN) return;
        if (fd == -EMFILE || fd == -ENFILE) {
            refuse_with_spare(listener);
            return;
        }
        if (fd < 0) {
            listener_pause(listener);
            return;
        }
        METRIC_ADD(worker, accepted, 1);
        take_client(listener, fd, &from);
    }
}

void listener_init(struct listener *listener, struct worker *worker, int fd, bool is_control) {
    *listener = (struct listener){
        .source = {.fd = fd, .ready = listener_ready}, .worker = worker, .is_control = is_control};
}

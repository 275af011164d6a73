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

static void refuse_client(struct worker *worker, int fd) {
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                 "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    const struct iovec part = {.iov_base = (void *)(uintptr_t)answer,
                               .iov_len = sizeof(answer) - 1};

    METRIC_ADD(worker, refused_full, 1);
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
        int fd = sock_accept(listener->source.fd);
        if (fd < 0) break;
        refuse_client(worker, fd);
    }
    worker->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    listener_pause(listener);
}

static void listener_ready(struct source *source, unsigned what) {
    struct listener *listener = list_item(source, struct listener, source);
    struct worker *worker = listener->worker;

    (void)what;
    if (!listener->is_watched) return;
    for (unsigned i = 0; i < LIMIT_ACCEPTS; i++) {
        int fd = sock_accept(source->fd);
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
        if (server_client_opened(worker->server)) {
            conn_open(worker, fd, listener->is_control, NULL, 0);
        } else {
            refuse_client(worker, fd);
        }
    }
}

void listener_init(struct listener *listener, struct worker *worker, int fd, bool is_control) {
    *listener = (struct listener){
        .source = {.fd = fd, .ready = listener_ready}, .worker = worker, .is_control = is_control};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c -- see loop.h. */
#define _GNU_SOURCE
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool loop_init(struct loop *loop) {
    /* Edge-triggered, so that nobody has to read the counter: each write is an event of its own. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};

    loop->wake_fd = -1;
    atomic_init(&loop->awake, true);
    loop->set = epoll_create1(EPOLL_CLOEXEC);
    if (loop->set < 0) return false;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd >= 0 && epoll_ctl(loop->set, EPOLL_CTL_ADD, loop->wake_fd, &event) == 0)
        return true;
    loop_done(loop);
    return false;
}

void loop_done(struct loop *loop) {
    int error = errno;

    if (loop->wake_fd >= 0) close(loop->wake_fd);
    if (loop->set >= 0) close(loop->set);
    loop->set = loop->wake_fd = -1;
    errno = error;
}

static uint32_t epoll_events(unsigned what) {
    return (what & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
           (what & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

bool loop_watch(struct loop *loop, struct source *source, unsigned what) {
    struct epoll_event event = {.events = epoll_events(what), .data.ptr = source};

    if (epoll_ctl(loop->set, EPOLL_CTL_ADD, source->fd, &event) != 0) return false;
    source->armed = what;
    return true;
}

bool loop_watch_shared(struct loop *loop, struct source *source) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = source};

    if (epoll_ctl(loop->set, EPOLL_CTL_ADD, source->fd, &event) != 0) return false;
    source->armed = LOOP_READ;
    return true;
}

void loop_rearm(struct loop *loop, struct source *source, unsigned what) {
    struct epoll_event event = {.events = epoll_events(what), .data.ptr = source};
    int failed;

    if (source->armed == what) return;
    failed = epoll_ctl(loop->set, EPOLL_CTL_MOD, source->fd, &event);
    assert(!failed);
    (void)failed;
    source->armed = what;
}

void loop_unwatch(struct loop *loop, struct source *source) {
    epoll_ctl(loop->set, EPOLL_CTL_DEL, source->fd, NULL);
    source->armed = 0;
}

void loop_announce_wait(struct loop *loop) {
    /* Sequentially consistent, as is the exchange in loop_wake(): either the waker sees that we are
     * about to sleep, or we see what it has queued before. */
    atomic_store(&loop->awake, false);
}

void loop_wait(struct loop *loop, int timeout_ms) {
    loop->ready_count = epoll_wait(loop->set, loop->ready, LOOP_READY_MAX, timeout_ms);
    atomic_store_explicit(&loop->awake, true, memory_order_relaxed);
}

void loop_dispatch(struct loop *loop) {
    for (int i = 0; i < loop->ready_count; i++) {
        struct source *source = loop->ready[i].data.ptr;
        uint32_t events = loop->ready[i].events;
        if (!source) continue; /* the wake-up */
        source->ready(source, (events & EPOLLIN ? LOOP_READ : 0u) |
                                  (events & EPOLLOUT ? LOOP_WRITE : 0u) |
                                  (events & (EPOLLERR | EPOLLHUP) ? LOOP_GONE : 0u));
    }
    loop->ready_count = 0;
}

void loop_wake(struct loop *loop) {
    uint64_t one = 1;

    if (atomic_exchange(&loop->awake, true)) return;
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) continue;
}

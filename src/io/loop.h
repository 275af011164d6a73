/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h -- what a thread waits for: one epoll set and a wake-up.
 *
 *     loop_wait()        blocks
 *     loop_dispatch()    calls each ready source's function
 *     loop_wake()        from any thread: ends the wait
 *
 * Door:     loop_watch() and loop_rearm() (arm read), sock.h's sock_send() and sock_accept() (send,
 *           accept), loop_wake() (wake): the four operations that io_uring would replace.
 * Before:   server/worker.c, whose turn begins with loop_wait().
 * After:    the sources: connections (conn.c) and listening sockets (worker.c).
 *
 * No libuv loop under it. A worker has nothing that libuv would bring (its timers are a heap and four
 * lists, its posts are a mailbox), and an echo must cost one epoll_wait, one recv and one send; a loop in
 * between adds an epoll_wait of its own per turn. Should a worker ever need libuv for another library's
 * descriptors, uv_backend_fd() becomes one more source here.
 *
 * Level-triggered: a source that reads only part of what is there is called again in the next turn, which
 * is how connections take turns.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>

#define LOOP_READY_MAX 256 /* sources per wait; the others come with the next */

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_GONE = 4, /* never asked for: reset, or both sides have shut down */
};

struct source {
    int fd;         /* -1: none */
    unsigned armed; /* LOOP_READ | LOOP_WRITE */
    void (*ready)(struct source *source, unsigned what);
};

struct loop {
    int set;
    int wake_fd;
    int ready_count;
    struct epoll_event ready[LOOP_READY_MAX];
    atomic_bool awake; /* looks at its queues before it sleeps: no need to wake it */
};

bool loop_init(struct loop *loop); /* false: see errno */
void loop_done(struct loop *loop);

/* Starts to watch; sets source->armed. false: see errno. */
bool loop_watch(struct loop *loop, struct source *source, unsigned what);
/* The same for a listening socket that other loops watch, too: one of them is woken, not all. It cannot
 * be rearmed, only watched and unwatched. */
bool loop_watch_shared(struct loop *loop, struct source *source);
/* Changes what is watched; no system call if nothing changes. */
void loop_rearm(struct loop *loop, struct source *source, unsigned what);
/* Before a descriptor is closed, always. Closing alone ends its watching only if nobody else has a copy, and
 * between fork and exec a child process (the compile child) has one of each: the set would go on to
 * report a source that is long freed. */
void loop_unwatch(struct loop *loop, struct source *source);

/* From here until loop_wait() returns loop_wake() interrupts the wait: look at your queues once more
 * between the two. */
void loop_announce_wait(struct loop *loop);
/* Waits for at most `timeout_ms` (-1: for ever). */
void loop_wait(struct loop *loop, int timeout_ms);
/* Calls the ready sources. One that is closed in here must stay readable until this returns: it may be
 * among those still to come. */
void loop_dispatch(struct loop *loop);
void loop_wake(struct loop *loop); /* any thread */

#endif

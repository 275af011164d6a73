/* SPDX-License-Identifier: Apache-2.0 */
/* ticker.h -- the thread that calls ramp_host_tick() every few ms, while some worker runs guests.
 *
 * Door:     ticker_start(), ticker_touch(), ticker_stop().
 * Without a tick a guest that loops is never interrupted; with one all the time an idle server never
 * sleeps. So each worker touches the ticker before it steps its host (one store and one load), and the
 * ticker parks when nobody has done so for a while.
 */
#ifndef SERVER_TICKER_H
#define SERVER_TICKER_H

#include <ramp/ramp.h>

#include <pthread.h>
#include <stdatomic.h>

struct ticker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    ramp_host **hosts; /* borrowed */
    unsigned host_count;
    atomic_uint touches; /* 1: touched since the ticker last looked */
    atomic_bool parked;
    bool stopping, is_started; /* under lock */
};

/* Borrows the list of hosts until ticker_stop(). false: see errno. */
bool ticker_start(struct ticker *ticker, ramp_host **hosts, unsigned host_count);
void ticker_stop(struct ticker *ticker);
void ticker_unpark(struct ticker *ticker);

/* A guest may run from now on. Any thread. */
static inline void ticker_touch(struct ticker *ticker) {
    if (atomic_load_explicit(&ticker->touches, memory_order_relaxed) == 0 ||
        atomic_load_explicit(&ticker->parked, memory_order_relaxed)) {
        /* Sequentially consistent: either we see that it has parked, or it sees the touch. */
        atomic_store(&ticker->touches, 1);
        if (atomic_load(&ticker->parked)) ticker_unpark(ticker);
    }
}

#endif

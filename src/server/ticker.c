/* SPDX-License-Identifier: Apache-2.0 */
/* ticker.c -- see ticker.h. */
#define _GNU_SOURCE
#include "server/ticker.h"

#include "base/limits.h"

#include <errno.h>
#include <time.h>

#define QUIET_TICKS 20u /* without a touch, then it parks: 100 ms */

static bool somebody_runs(const struct ticker *ticker) {
    for (unsigned i = 0; i < ticker->host_count; i++)
        if (ramp_host_is_running(ticker->hosts[i])) return true;
    return false;
}

/* Under the lock. */
static void park(struct ticker *ticker) {
    atomic_store(&ticker->parked, true);
    while (!ticker->stopping && atomic_load(&ticker->touches) == 0 && !somebody_runs(ticker))
        pthread_cond_wait(&ticker->wake, &ticker->lock);
    atomic_store(&ticker->parked, false);
}

static void *ticker_run(void *argument) {
    const struct timespec tick = {.tv_nsec = LIMIT_TICK_MS * 1000000l};
    struct ticker *ticker = argument;
    unsigned quiet = 0;

    pthread_mutex_lock(&ticker->lock);
    while (!ticker->stopping) {
        quiet = atomic_exchange(&ticker->touches, 0) || somebody_runs(ticker) ? 0 : quiet + 1;
        if (quiet > QUIET_TICKS) {
            park(ticker);
            quiet = 0;
        }
        pthread_mutex_unlock(&ticker->lock);
        nanosleep(&tick, NULL);
        for (unsigned i = 0; i < ticker->host_count; i++) ramp_host_tick(ticker->hosts[i]);
        pthread_mutex_lock(&ticker->lock);
    }
    pthread_mutex_unlock(&ticker->lock);
    return NULL;
}

bool ticker_start(struct ticker *ticker, ramp_host **hosts, unsigned host_count) {
    int error;

    *ticker = (struct ticker){.hosts = hosts, .host_count = host_count};
    pthread_mutex_init(&ticker->lock, NULL);
    pthread_cond_init(&ticker->wake, NULL);
    error = pthread_create(&ticker->thread, NULL, ticker_run, ticker);
    ticker->is_started = error == 0;
    errno = error;
    if (error == 0) pthread_setname_np(ticker->thread, "ramp-ticker");
    return error == 0;
}

void ticker_unpark(struct ticker *ticker) {
    pthread_mutex_lock(&ticker->lock);
    pthread_cond_signal(&ticker->wake);
    pthread_mutex_unlock(&ticker->lock);
}

void ticker_stop(struct ticker *ticker) {
    if (!ticker->is_started) return;
    pthread_mutex_lock(&ticker->lock);
    ticker->stopping = true;
    pthread_cond_signal(&ticker->wake);
    pthread_mutex_unlock(&ticker->lock);
    pthread_join(ticker->thread, NULL);
    pthread_cond_destroy(&ticker->wake);
    pthread_mutex_destroy(&ticker->lock);
    ticker->is_started = false;
}

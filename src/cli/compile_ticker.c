/* SPDX-License-Identifier: Apache-2.0 */
/* compile_ticker.c -- see compile_ticker.h. */
#include "cli/compile_ticker.h"

#include "base/limits.h"

#include <time.h>

static uint64_t thread_cpu_ns(void *context) {
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *run_ticker(void *argument) {
    static const struct timespec pause = {0, LIMIT_TICK_MS * 1000000l};
    struct compile_ticker *ticker = argument;

    while (!atomic_load(&ticker->stopping)) {
        nanosleep(&pause, NULL);
        ramp_host_tick(ticker->host);
    }
    return NULL;
}

/* Without a thread nothing interrupts a module that loops; the compile child has RLIMIT_CPU for that. */
static void on_host(void *context, ramp_host *host) {
    struct compile_ticker *ticker = context;

    if (host) {
        ticker->host = host;
        atomic_store(&ticker->stopping, false);
        ticker->running = pthread_create(&ticker->thread, NULL, run_ticker, ticker) == 0;
    } else if (ticker->running) {
        atomic_store(&ticker->stopping, true);
        pthread_join(ticker->thread, NULL);
        ticker->running = false;
    }
}

void compile_ticker_init(struct compile_ticker *ticker, ramp_compile_options *ret_options) {
    ticker->running = false;
    ticker->host = NULL;
    atomic_init(&ticker->stopping, false);
    *ret_options = (ramp_compile_options){.size = sizeof(*ret_options),
                                          .context = ticker,
                                          .thread_cpu_ns = thread_cpu_ns,
                                          .on_host = on_host};
}

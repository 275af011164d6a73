/* SPDX-License-Identifier: Apache-2.0 */
/* compile_ticker.h -- the epoch tick while a module is tried out, so that one that never ends is ended.
 *
 * Door:   compile_ticker_init().
 * Before: compile-child, check. After: ramp_compile(), which opens a first room.
 */
#ifndef CLI_COMPILE_TICKER_H
#define CLI_COMPILE_TICKER_H

#include <ramp/ramp.h>

#include <pthread.h>
#include <stdatomic.h>

struct compile_ticker {
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    ramp_host *host;
};

/* Fills in `ret_options`: what a caller wants beyond that is set afterwards. Borrowed by them. */
void compile_ticker_init(struct compile_ticker *ticker, ramp_compile_options *ret_options);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* watchdog.h -- the end comes in time, whatever hangs: a disk that does not answer, say.
 *
 * Door:   watchdog_start() when the drain begins, watchdog_stop() when it is over.
 * Before: server.c.
 */
#ifndef SERVER_WATCHDOG_H
#define SERVER_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>

struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool is_started, is_over;
};

/* The process ends by itself, with exit code 0, LIMIT_DRAIN_END_MS from now, unless it is stopped: nothing
 * that was acknowledged is lost with it. Without a thread to be had there is no watchdog. */
void watchdog_start(struct watchdog *watchdog);
void watchdog_stop(struct watchdog *watchdog); /* also one that was not started */

#endif

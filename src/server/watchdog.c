/* SPDX-License-Identifier: Apache-2.0 */
/* watchdog.c -- see watchdog.h. */
#include "server/watchdog.h"

#include "base/limits.h"
#include "server/log.h"

#include <time.h>
#include <unistd.h>

static void *watch(void *argument) {
    struct watchdog *watchdog = argument;
    struct timespec end;
    bool in_time = true;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LIMIT_DRAIN_END_MS / 1000;
    end.tv_nsec += LIMIT_DRAIN_END_MS % 1000 * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_nsec -= 1000000000L;
        end.tv_sec++;
    }
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->is_over && in_time)
        in_time = pthread_cond_timedwait(&watchdog->stopped, &watchdog->lock, &end) == 0;
    in_time = watchdog->is_over;
    pthread_mutex_unlock(&watchdog->lock);
    if (in_time) return NULL;
    log_text(LOG_WARNING, "something does not end (a disk that hangs?): stopping without it");
    _exit(0);
}

void watchdog_start(struct watchdog *watchdog) {
    pthread_condattr_t attributes;

    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
    watchdog->is_started = pthread_create(&watchdog->thread, NULL, watch, watchdog) == 0;
}

void watchdog_stop(struct watchdog *watchdog) {
    if (!watchdog->is_started) return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->is_over = true;
    pthread_cond_signal(&watchdog->stopped);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    watchdog->is_started = false;
    pthread_cond_destroy(&watchdog->stopped);
    pthread_mutex_destroy(&watchdog->lock);
}

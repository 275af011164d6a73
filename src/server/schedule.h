/* SPDX-License-Identifier: Apache-2.0 */
/* schedule.h -- what a worker does at a time: a binary heap of functions.
 *
 * Door:     schedule_add(), schedule_run_due(), schedule_next_ns().
 * Not here: timeouts of connections, of which there are thousands of a few fixed lengths (a list each,
 * in worker.h); timers of rooms (libramp's).
 */
#ifndef SERVER_SCHEDULE_H
#define SERVER_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

struct schedule_entry {
    uint64_t at_ns;
    void (*run)(struct worker *worker, void *argument);
    void *argument;
};

struct schedule { /* zeroed: empty */
    struct schedule_entry *entries;
    size_t count, capacity;
};

void schedule_done(struct schedule *schedule); /* runs nothing */
bool schedule_add(struct schedule *schedule,
                  const struct schedule_entry *entry);      /* false: no memory */
uint64_t schedule_next_ns(const struct schedule *schedule); /* UINT64_MAX: nothing */
/* Runs what is due, earliest first; what is added meanwhile waits for the next call. */
void schedule_run_due(struct schedule *schedule, uint64_t now_ns, struct worker *worker);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* history.h -- the latest log lines of each service, in memory, for who asks later.
 *
 * Door:     history_add(), history_read().
 * Before:   feed.c: one per worker, on its thread.
 * Not here: files. What must outlive the server is on its stderr (log.h).
 *
 * At most LIMIT_HISTORY_LINES of one service, so that a loud one takes nothing from the others, and
 * LIMIT_HISTORY_BYTES of all, the oldest go first.
 */
#ifndef SERVER_HISTORY_H
#define SERVER_HISTORY_H

#include <ramp/ramp.h>

struct history;

struct history *history_new(void); /* NULL: no memory */
void history_free(struct history *history);

/* Copies the line. Without memory for it the line is not remembered. `time_ms`: Unix. */
void history_add(struct history *history, const ramp_log_line *line, int64_t time_ms);

struct history_filter {
    const char *service, *room; /* NULL: any */
    int level_min;
    int64_t since_ms; /* not older */
    size_t count_max; /* the latest of those that fit */
};
/* Calls `each` for what fits, oldest first. */
void history_read(const struct history *history, const struct history_filter *filter,
                  void (*each)(void *context, const ramp_log_line *line, int64_t time_ms),
                  void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* log.h -- the server's log: one line per entry, to stderr.
 *
 *     2026-11-25T19:04:05.123Z warning [chat/lobby 7Yq... message] text
 *     {"time":"...","level":"warning","service":"chat","room":"lobby",...,"text":"..."}
 *
 * Door:     log_line(), log_text(). Any thread.
 * A line never blocks: if whoever reads stderr is slow, the line is counted and the count is told later.
 * A full disk or a closed pipe loses lines and nothing else. Control characters are escaped, so that no
 * module and no client can forge a line.
 * Not here: how many lines a module may write (libramp's).
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <ramp/ramp.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_use_json(bool json); /* before the first thread */
void log_set_level(enum log_level least); /* any thread: what is below is not written */
void log_line(const ramp_log_line *line);
void log_text(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

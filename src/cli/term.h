/* SPDX-License-Identifier: Apache-2.0 */
/* term.h -- what is said on the terminal: colours where they belong, sizes and times for people.
 *
 * Door:     term_style(), term_size(), term_time(), term_safe().
 * Colours only on a terminal, and not with NO_COLOR (no-color.org) or TERM=dumb.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum term_stream { TERM_OUT, TERM_ERR };
enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_CYAN };

/* The escape sequence, or "" where no colours belong. */
const char *term_style(enum term_stream stream, enum term_style style);
bool term_is_terminal(enum term_stream stream);

/* "612 B", "7.1 KB", "2.0 MB" */
const char *term_size(char out[static 16], uint64_t bytes);
/* "850 ns", "38 us", "4.2 ms", "1.3 s" */
const char *term_time(char out[static 16], uint64_t ns);

/* Writes text that others have made: control characters, which could command the terminal, and what is
 * not UTF-8 become `\xNN`; newlines too, unless `lines`. At most `max` bytes of it, then "…". */
void term_safe(FILE *file, const char *text, size_t size, size_t max, bool lines);

#endif

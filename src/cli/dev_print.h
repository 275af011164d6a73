/* SPDX-License-Identifier: Apache-2.0 */
/* dev_print.h -- what `ramp dev` says: for people, or as JSON lines.
 *
 * Before: dev.c. Not here: what modules log; the server writes that.
 */
#ifndef CLI_DEV_PRINT_H
#define CLI_DEV_PRINT_H

#include <jansson.h>
#include <stdbool.h>

struct dev_print {
    bool json;
    bool said_lost; /* that a restarted room loses its state */
};

struct dev_ready {
    const char *url, *service;
    bool has_web;
    bool says_tunnel; /* no display here: say how to reach it */
};

struct dev_built {
    const json_t *answer; /* of the compiler */
    const char *file;     /* "src/room.ts" */
    const char *changed;  /* the file whose change began it; "" at the start */
    bool unchanged;
    long rooms, connections; /* of the service, restarted; -1: not known */
};

void dev_print_ready(const struct dev_print *print, const struct dev_ready *ready);
void dev_print_built(struct dev_print *print, const struct dev_built *built);
/* The compiler's problems, each with its line and a caret. */
void dev_print_problems(const struct dev_print *print, const json_t *answer, bool serves_old);
/* Something else failed, in a sentence. */
void dev_print_failed(const struct dev_print *print, const char *what, const char *message,
                      bool serves_old);

#endif

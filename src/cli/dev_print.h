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
    bool said_lost; /* that a room without onSave begins anew */
};

struct dev_ready {
    const char *url, *service;
    bool has_web;
    bool has_keys;    /* of the terminal */
    bool says_tunnel; /* no display here: say how to reach it */
};

struct dev_built {
    const json_t *answer; /* of the compiler */
    const char *file;     /* "src/room.ts" */
    const char *changed;  /* the file whose change began it; "": none did */
    unsigned total_ms;    /* from the change until rooms had switched */
    bool unchanged;       /* the module is the same as before */
    unsigned rooms_moved, rooms_kept, connections;
};

struct dev_failed {
    const char *what;       /* "build failed" */
    const char *message;    /* a sentence; or NULL */
    const json_t *problems; /* of the compiler; or NULL */
    bool serves_old;        /* a version before goes on serving */
};

void dev_print_ready(const struct dev_print *print, const struct dev_ready *ready);
void dev_print_built(struct dev_print *print, const struct dev_built *built);
/* Problems with their lines and a caret, or the sentence. */
void dev_print_failed(const struct dev_print *print, const struct dev_failed *failed);
/* A build that was not used, since `changed` has changed again. */
void dev_print_superseded(const struct dev_print *print, const char *changed);
void dev_print_note(const struct dev_print *print, const char *text);
/* Empties the terminal. */
void dev_print_clear(const struct dev_print *print);

/* The same as objects. NULL: no memory. */
json_t *dev_built_json(const struct dev_built *built);
json_t *dev_failed_json(const struct dev_failed *failed);

#endif

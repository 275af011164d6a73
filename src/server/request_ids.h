/* SPDX-License-Identifier: Apache-2.0 */
/* request_ids.h -- the request_ids of one caller: which calls have been made, and what they answered.
 *
 * Door:     request_ids_find(), request_ids_add(), request_ids_finish(), request_ids_drop().
 * Before:   callers.c, on the caller's home.
 *
 * A call that has ended is known for LIMIT_REQUEST_ID_MS. Beyond LIMIT_CALLER_ANSWERS the oldest answers
 * are let go; that their calls were made stays known.
 * Not here: whoever waits for a call under way (callers.c keeps them in `waiters`).
 */
#ifndef SERVER_REQUEST_IDS_H
#define SERVER_REQUEST_IDS_H

#include <ramp/ramp.h>

#include "base/list.h"
#include "base/map.h"

struct request_ids {
    struct map by_id;
    struct list finished; /* oldest first */
    size_t answers_size;
};

struct request_id {
    struct list link; /* in `finished` */
    char *id;
    bool done;
    uint64_t done_ns;
    ramp_bytes answer;   /* if done; data NULL: no longer kept */
    struct list waiters; /* callers.c's; empty when it is dropped or finished */
};

void request_ids_init(struct request_ids *ids, uint64_t seed);
void request_ids_done(struct request_ids *ids, void (*free_waiters)(struct list *waiters));
struct request_id *request_ids_find(struct request_ids *ids, const char *id); /* NULL: unknown */
struct request_id *request_ids_add(struct request_ids *ids, const char *id);  /* NULL: no memory */
/* Its call has ended: keeps a copy of the answer. */
void request_ids_finish(struct request_ids *ids, struct request_id *request, ramp_bytes answer,
                        uint64_t now_ns);
/* Its call was not made: it may be tried again. */
void request_ids_drop(struct request_ids *ids, struct request_id *request);
void request_ids_forget_old(struct request_ids *ids, uint64_t now_ns);

#endif

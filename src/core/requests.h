/* SPDX-License-Identifier: Apache-2.0 */
/* requests.h -- what the host has asked its drivers, from ticket to answer.
 *
 * Door:   request_begin() gives a ticket for a driver; `done` is called in a later step, exactly once,
 *         unless request_forget() comes first. ramp_complete() of ramp/driver.h brings the answers.
 * Before: gate.c, pending.c, room.c, alarms.c.
 * Not here: loads of modules (service.c), writes of the kv buffer (kv.c).
 */
#ifndef CORE_REQUESTS_H
#define CORE_REQUESTS_H

#include <ramp/driver.h>

#include "base/list.h"

/* A driver's answer, copied. Whoever it is handed to frees it. */
struct answer {
    struct list in_answers;
    ramp_ticket ticket;
    ramp_answer answer;
    unsigned char bytes[];
};
void answer_free(struct answer *answer); /* NULL is accepted */

struct request {
    ramp_ticket ticket; /* 0: nothing is asked */
    void (*done)(ramp_host *host, struct request *request, struct answer *answer); /* takes it */
    struct list in_lost;
};

/* A ticket for the driver; 0: no memory. */
ramp_ticket request_begin(ramp_host *host, struct request *request,
                          void (*done)(ramp_host *, struct request *, struct answer *));
/* Nobody waits for it any more: its ticket, to be told to the driver; 0: nothing was asked. */
ramp_ticket request_forget(ramp_host *host, struct request *request);
static inline bool request_is_open(const struct request *request) {
    return request->ticket != 0;
}

void requests_init(ramp_host *host, uint64_t seed);
void requests_done(ramp_host *host);
/* Hands out the answers that have come. */
void requests_settle(ramp_host *host);

#endif

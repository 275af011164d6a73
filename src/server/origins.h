/* SPDX-License-Identifier: Apache-2.0 */
/* origins.h -- which pages may use a service from a browser: `origins` of its ramp.json.
 *
 * Door:     origins_judge(); if the answer is not known, origins_wait() or conn.c's own list.
 * Before:   request.c, websocket.c: whatever has an Origin header.
 * After:    loader_config(); request_room() and conn_resume() once it has answered.
 *
 * A service that lists none may be used by any page's WebSocket (there are no cookies to ride on), and no
 * other page may read what it answers to HTTP. One that lists some is used by these, by pages of this very
 * server, and by clients that are no browsers and send no Origin: they could send any.
 * Not here: `ramp dev`, where every page may.
 */
#ifndef SERVER_ORIGINS_H
#define SERVER_ORIGINS_H

#include <ramp/ramp.h>

#include "base/map.h"

struct worker;

enum origin_verdict {
    ORIGIN_OWN,     /* a page of this server */
    ORIGIN_LISTED,  /* the service lists it */
    ORIGIN_ANY,     /* the service lists "*" */
    ORIGIN_FREE,    /* the service lists nothing */
    ORIGIN_REFUSED, /* it lists others */
    ORIGIN_ASKED,   /* not known: the loader has been asked */
    ORIGIN_FAILED   /* the store cannot be read */
};

struct origins {
    struct map known; /* name of a service -> what is known of it */
};

void origins_init(struct origins *origins, uint64_t seed);
void origins_done(struct origins *origins);
/* `origin` and `host` are the headers. Not ORIGIN_ASKED or ORIGIN_FAILED for pages of this server. */
enum origin_verdict origins_judge(struct worker *worker, const char *service, ramp_bytes origin,
                                  ramp_bytes host);
/* After ORIGIN_ASKED: request_room() is called again for this exchange. false: no memory. */
bool origins_wait(struct worker *worker, const char *service, uint64_t exchange_id);
/* The service has a new version. */
void origins_forget(struct worker *worker, const char *service);
/* What the client is told of ORIGIN_REFUSED and ORIGIN_FAILED. */
const char *origins_sentence(enum origin_verdict verdict);

#endif

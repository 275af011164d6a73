/* SPDX-License-Identifier: Apache-2.0 */
/* client.h -- the control API's HTTP client: blocking, one request per connection, with timeouts.
 *
 * Door:     client_send() for an answer, client_stream() for one that goes on.
 * Before:   deploy, call, rooms, modules, logs; target.h says where and with which token.
 * After:    wire/http.h, which parses and writes the heads.
 * Not here: TLS. An https server is reached through a tunnel or a proxy of its own.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli/bytes.h"

#include <ramp/ramp.h>

struct client_url {
    char host[256]; /* without brackets */
    char port[8];
    char prefix[256]; /* path before /_ramp, without '/' at its end */
    bool is_loopback;
};

/* "http://127.0.0.1:8787", "http://[::1]:80/base", "host:port". */
RAMP_CHECK ramp_status client_url_parse(const char *text, struct client_url *ret_url,
                                        ramp_error *reterr);

struct client_request {
    const char *method;
    const char *path;   /* "/_ramp/v1/rooms?service=chat" */
    const char *token;  /* or NULL */
    const char *type;   /* of the body; NULL: there is no body */
    const char *config; /* value of the header ramp-config; or NULL */
    ramp_bytes body;
};

struct client_answer {
    int status;
    struct bytes body; /* bytes_done() */
};

/* RAMP_UNAVAILABLE: nobody listens there; RAMP_TIMEOUT; RAMP_IO. Any HTTP status is RAMP_OK. */
RAMP_CHECK ramp_status client_send(const struct client_url *url,
                                   const struct client_request *request,
                                   struct client_answer *ret_answer, ramp_error *reterr);

/* `on_bytes` is called with the body's pieces as they come; false from it ends the stream. Ends with RAMP_OK
 * when either side ends it; `*ret_status` is the HTTP status, and of another than 200 the body is kept
 * in `ret_failure`. */
RAMP_CHECK ramp_status client_stream(const struct client_url *url,
                                     const struct client_request *request,
                                     bool (*on_bytes)(void *context, const char *data, size_t size),
                                     void *context, int *ret_status, struct bytes *ret_failure,
                                     ramp_error *reterr);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h -- who may use the control API.
 *
 * Door:   auth_check(), a pure function over what a request says of itself.
 * Before: routes.c.
 *
 * The admin token is always enough. `ramp dev` asks nothing of programs on this machine; but a web page
 * from elsewhere runs on this machine, too, in somebody's browser, and a name of its own may lead to
 * 127.0.0.1 (DNS rebinding). So without a token the Host and the Origin must be loopback names.
 *
 * Not here: connect tokens of clients.
 */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include <ramp/ramp.h>

struct auth_request {
    ramp_bytes authorization, host, origin, fetch_site; /* headers; data NULL: absent */
    bool is_loopback;
};

enum auth_result {
    AUTH_OK,
    AUTH_MISSING, /* 401: no token */
    AUTH_WRONG,   /* 401: another token */
    AUTH_FOREIGN, /* 403: `ramp dev`, from a page or under a name of elsewhere */
};

enum auth_result auth_check(const struct auth_request *request, const char *token, bool dev);
/* What to tell the client; it says where the token is. */
const char *auth_sentence(enum auth_result result);

/* "localhost:8787", "app.localhost", "127.0.0.1", "[::1]:80" */
bool auth_is_loopback_host(ramp_bytes host);

#endif

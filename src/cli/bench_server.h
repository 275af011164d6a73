/* SPDX-License-Identifier: Apache-2.0 */
/* bench_server.h -- a `ramp serve` of our own to measure: fresh, on loopback, in a temporary folder.
 *
 * Door:     bench_server_start(), bench_server_deploy(), bench_server_stop(), bench_server_done().
 * Before:   bench.c, when no --url is given.
 * After:    this binary's own `serve` and `build`; the control API (client.h).
 *
 * The modules are bench/rooms/NAME.ts, built by the SDK; where there is no Node, bench/rooms/NAME.wat,
 * assembled by wat2wasm.
 */
#ifndef CLI_BENCH_SERVER_H
#define CLI_BENCH_SERVER_H

#include "cli/file.h"

#include <sys/types.h>

struct bench_server {
    pid_t pid; /* 0: does not run */
    unsigned workers;
    bool pinned;          /* the server has the first CPU for itself, we have the second */
    const char *sdk;      /* --sdk, or NULL */
    const char *language; /* of the modules: "AssemblyScript", "WebAssembly text" */
    char url[256];
    char folder[FILE_PATH - 64]; /* temporary; "" if there is none */
};

/* Makes the folder. Ended by bench_server_done(), which stops the server and removes it. */
RAMP_CHECK ramp_status bench_server_init(struct bench_server *server, unsigned workers,
                                         const char *sdk, ramp_error *reterr);
void bench_server_done(struct bench_server *server);

/* Returns when it serves. May be called again after bench_server_stop(): the data folder stays. */
RAMP_CHECK ramp_status bench_server_start(struct bench_server *server, ramp_error *reterr);
void bench_server_stop(struct bench_server *server);
/* Removes the server's compiled modules; it must not run. */
void bench_server_forget(const struct bench_server *server);

/* Builds bench/rooms/NAME and reads it. `ret_wasm`: bytes_done(). */
RAMP_CHECK ramp_status bench_server_build(struct bench_server *server, const char *name,
                                          struct bytes *ret_wasm, ramp_error *reterr);
/* Its admin token, with a NUL behind it. `ret_token`: bytes_done(), also after a failure. */
RAMP_CHECK ramp_status bench_server_token(const struct bench_server *server,
                                          struct bytes *ret_token, ramp_error *reterr);
/* Gives the server a version of a service; `*ret_compile_ms` is what compiling took. */
RAMP_CHECK ramp_status bench_server_deploy(const struct bench_server *server, const char *service,
                                           const struct bytes *wasm, unsigned *ret_compile_ms,
                                           ramp_error *reterr);

#endif

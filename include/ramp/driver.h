/* SPDX-License-Identifier: Apache-2.0 */
/* driver.h -- the interfaces of the outside things that a host uses: the module store.
 *
 * A driver starts a request and answers it later, or at once, through ramp_complete(). Answers reach
 * rooms only inside ramp_host_step(), never inside another function of Ramp. All of it happens on the
 * host's own thread: a driver that works on other threads brings its answers back itself.
 */
#ifndef RAMP_DRIVER_H
#define RAMP_DRIVER_H

#include <ramp/ramp.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names one open request; never 0, never used twice by a host. */
typedef uint64_t ramp_ticket;

/* Where modules come from. */
typedef struct ramp_store {
    size_t size; /* sizeof(ramp_store) */
    void *context;
    /* Starts to look up the current version of `service` and to load it. Answer with
     * ramp_complete_load(), exactly once, unless cancelled. */
    void (*load)(void *context, ramp_host *host, ramp_ticket ticket, const char *service);
    /* The host no longer waits (it is being freed). May be NULL. */
    void (*cancel)(void *context, ramp_ticket ticket);
} ramp_store;

/* A store's answer. The host trusts it: `id` is the verified SHA-256 of the module's bytes, and the
 * artefact, if one is given, was made from them by ramp_compile() of this very build and has not been
 * changed by anybody. */
typedef struct ramp_load_answer {
    size_t size;
    ramp_status status;  /* RAMP_OK, NOT_FOUND, REFUSED, UNAVAILABLE, TIMEOUT, IO, ... */
    const char *message; /* if not RAMP_OK: a sentence. May be NULL */
    ramp_module_id id;
    /* One of the three: */
    const char *artefact_path; /* file made by ramp_compile(); mapped, not read: never change it */
    ramp_bytes artefact;
    ramp_bytes wasm; /* is compiled here and now, on the host's thread: for small embedders */
    ramp_bytes env;  /* `name=value\n` lines for env_get */
} ramp_load_answer;

/* Answers a load; copies what it needs. An unknown or cancelled ticket is ignored. */
RAMP_API void ramp_complete_load(ramp_host *host, ramp_ticket ticket,
                                 const ramp_load_answer *answer);

#ifdef __cplusplus
}
#endif

#endif

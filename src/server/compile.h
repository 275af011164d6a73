/* SPDX-License-Identifier: Apache-2.0 */
/* compile.h -- one compile child as its parent sees it: `EXE compile-child`, module in, artefact out.
 *
 * Door:   compile_start(), then compile_turn() whenever one of compile_fds() is ready, until it answers.
 * Before: loader.c.
 * After:  cli/compile_child.c, which sets its own limits before it looks at the module.
 *
 * Compiling can be made slow, large or worse by a hostile module, so it happens in a plain process that
 * can be killed; nothing that it sees can reach another module.
 */
#ifndef SERVER_COMPILE_H
#define SERVER_COMPILE_H

#include <ramp/ramp.h>

#include <poll.h>

struct compile;

struct compile_options {
    const char *exe;
    bool fast, dense;
    uint64_t wall_ms_max; /* LIMIT_COMPILE_WALL_MS */
};

/* Borrows `wasm` until compile_free(). */
RAMP_CHECK ramp_status compile_start(const struct compile_options *options, ramp_bytes wasm,
                                     uint64_t now_ms, struct compile **ret_compile,
                                     ramp_error *reterr);
/* Kills the child if it runs. NULL is accepted. */
void compile_free(struct compile *compile);

#define COMPILE_FDS 3
/* Fills in at most COMPILE_FDS entries; their count. */
unsigned compile_fds(const struct compile *compile, struct pollfd *ret_fds);
uint64_t compile_deadline_ms(const struct compile *compile);

/* Moves bytes. false: not ready yet. true: ended; `*ret_status`, then the artefact (borrowed until
 * compile_free()) or the sentence. */
bool compile_turn(struct compile *compile, uint64_t now_ms, ramp_status *ret_status,
                  ramp_bytes *ret_artefact, ramp_error *reterr);

/* How the child says which status it has failed with: its exit code. 0 is RAMP_OK. */
#define COMPILE_EXIT_BASE 64 /* + -status */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* artefact.h -- a compiled module as one file: the engine's code, then what Ramp knows of the module.
 *
 *   | engine's code | ramp.lines section | footer, 32 bytes: magic, sizes |
 *
 * Door:   ramp_compile() makes one, artefact_open() loads one.
 * Before: the server's compile child; table.c.
 * After:  scan.c (what a module may contain), engine.h.
 * Not here: who vouches for a file (the store side: hash, HMAC). The engine maps the file and looks at
 * its beginning only, so what follows does not disturb it.
 */
#ifndef CORE_ARTEFACT_H
#define CORE_ARTEFACT_H

#include <ramp/driver.h>

#include "core/host.h"

struct engine_module;

struct artefact {
    struct engine_module *code;
    ramp_bytes lines; /* owned by the caller: mem_free() */
    size_t size;
};

/* Loads what a store has answered: a file, bytes, or a module that is compiled first. */
RAMP_CHECK ramp_status artefact_open(ramp_host *host, const ramp_load_answer *answer,
                                     struct artefact *ret_artefact, ramp_error *reterr);

#endif

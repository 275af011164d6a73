/* SPDX-License-Identifier: Apache-2.0 */
/* scan.h -- looks through an uploaded module before anything compiles it.
 *
 * Door:     scan_module().
 * Before:   uploaded bytes, of at most LIMIT_MODULE_SIZE, by somebody we need not trust.
 * After:    engine_compile(), which checks types and everything else that makes a module valid.
 * Not here: validation. What is refused here is what the guest ABI does not allow (CONTRACT 1), what
 *           costs too much to compile, and what rooms could not sleep or be replayed with.
 *
 * One pass over the bytes, without recursion and without allocating: scan.c walks the sections,
 * scan_code.c the instructions. Each refusal is a sentence that names what, and the byte offset.
 */
#ifndef CORE_SCAN_H
#define CORE_SCAN_H

#include <ramp/ramp.h>

/* In the order of core/hostcalls.def. */
enum scan_handler {
#define HOSTCALL(name, kind, parameters, result, names, doc)
#define HANDLER(name, parameters, names, doc) SCAN_##name,
#include "core/hostcalls.def"
#undef HANDLER
#undef HOSTCALL
    SCAN_HANDLERS
};

struct scan {
    uint32_t handlers;   /* bit 1u << SCAN_on_join: the module exports on_join */
    bool initializes;    /* exports _initialize */
    bool waits;          /* imports wait */
    size_t lines_offset; /* contents of the custom section ramp.lines, in the module's bytes */
    size_t lines_size;   /* 0: there is none */
    uint32_t memory_min; /* pages of 64 KiB */
    uint32_t import_count, function_count, global_count, table_min;
};

/* RAMP_OK, or RAMP_REFUSED. Borrows `wasm`. */
RAMP_CHECK ramp_status scan_module(ramp_bytes wasm, struct scan *ret_scan, ramp_error *reterr);

#endif

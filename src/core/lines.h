/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h -- which line of the user's source a module failed in.
 *
 * Door:     lines_find().
 * Before:   a failed call (engine_failure()), and the module's custom section ramp.lines (scan.c).
 * After:    the log, on_error, ramp_outcome.where.
 * Not here: writing the section: guest/assemblyscript/lib/lines.mjs, which has the format.
 *
 * All numbers are LEB128, unsigned unless said:
 *
 *   version = 1
 *   file_count,     each: length, UTF-8 path (~lib/... is a library's)
 *   function_count, each: index (delta), length, UTF-8 short name
 *   entry_count,    each: offset in the module (delta), file index + 1 (0: no place),
 *                         and if not 0: line (signed delta), column (signed delta); both from 1
 *
 * An entry holds until the next one. Code without a place, or with one in ~lib/, is not the user's: the
 * frame that called it is looked at instead. The section is the user's own, so it may say anything.
 */
#ifndef CORE_LINES_H
#define CORE_LINES_H

#include "engine/engine.h"

/* Writes "src/room.ts:27:56" and returns true; or, if the section does not know, "function 12, offset
 * 0x3ab" of the innermost frame; or "" without a frame. `where` always ends with a NUL. */
bool lines_find(ramp_bytes section, const struct engine_failure *failure, char *where,
                size_t where_cap);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* error.h -- fills in a caller-owned ramp_error.
 *
 * Door:     error_set().
 * Not here: the list of statuses, which is public: ramp/ramp.h.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <ramp/ramp.h>

/* Sets `*reterr` (NULL: does nothing) to `status` and a sentence, cut at a character boundary if it is
 * too long. Returns `status`, so that a function can end with `return error_set(...)`. */
ramp_status error_set(ramp_error *reterr, ramp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

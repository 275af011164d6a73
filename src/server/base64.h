/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h -- base64 (RFC 4648) to bytes.
 *
 * Door:     base64_decode().
 * Not here: encoding (json_document.h).
 */
#ifndef SERVER_BASE64_H
#define SERVER_BASE64_H

#include <ramp/ramp.h>

/* Either alphabet, with padding or without; nothing else, no white space. Gives `*ret_bytes`: mem_free() its
 * data. RAMP_ARGS: it is no base64. */
RAMP_CHECK ramp_status base64_decode(ramp_bytes text, ramp_bytes *ret_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* json_document.h -- jansson's values as text and from bytes, in memory of ours.
 *
 * Door:     json_text(), json_of_bytes(), json_of_base64().
 * Not here: JSON without a document (json_text.h).
 */
#ifndef SERVER_JSON_DOCUMENT_H
#define SERVER_JSON_DOCUMENT_H

#include <ramp/ramp.h>

#include <jansson.h>

/* Compact text; a NUL that does not count follows. Gives `*ret_text`: mem_free() its data. false: no
 * memory. */
bool json_text(const json_t *json, ramp_bytes *ret_text);

/* A string of UTF-8 with any characters, U+0000 too. NULL: not UTF-8, or no memory. */
json_t *json_of_bytes(ramp_bytes bytes);
/* The same in base64 (RFC 4648, padded). NULL: no memory. */
json_t *json_of_base64(ramp_bytes bytes);

#endif

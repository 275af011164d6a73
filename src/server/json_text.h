/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h -- a string's inside, as JSON has it.
 *
 * Door:     json_escape(), for the few places that write JSON without building a document.
 * Not here: documents (jansson, in routes.c and callers.c).
 */
#ifndef SERVER_JSON_TEXT_H
#define SERVER_JSON_TEXT_H

#include <stddef.h>

/* Writes `text` between quotes that the caller writes, at most `capacity` bytes, cut at a character's
 * boundary if it does not fit. Bytes that are not UTF-8 become '?'. Returns the size. */
size_t json_escape(char *out, size_t capacity, const char *text, size_t size);

#endif

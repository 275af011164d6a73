/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h -- is this UTF-8? At once, or in pieces.
 *
 * Door:     utf8_valid(); utf8_feed() for a text that arrives in pieces; utf8_clean() for a text that
 *           is to be shown, whatever it is. Well-formed is what
 *           Unicode says: no overlong forms, no surrogates, nothing above U+10FFFF. U+0000 and the
 *           non-characters (U+FFFE ...) are well-formed.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const void *bytes, size_t size);

/* Takes the next piece of a text. `*state` is 0 before the first piece, and 0 again whenever the
 * pieces so far end at a character's boundary: a text is valid if every utf8_feed() was true and
 * the state is 0 at its end. false: these pieces begin no valid text, whatever follows; feed no
 * more. */
bool utf8_feed(uint8_t *state, const void *bytes, size_t size);

/* Copies what fits into `to_size` bytes whole: text that is well-formed, with U+FFFD for each byte that
 * belongs to no character. Returns the bytes written. */
size_t utf8_clean(char *to, size_t to_size, const void *bytes, size_t size);

#endif

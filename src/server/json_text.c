/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c -- see json_text.h. */
#include "server/json_text.h"

#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character at `text`; 0: not UTF-8. */
static size_t character_size(const char *text, size_t size) {
    for (size_t n = 1; n <= 4 && n <= size; n++)
        if (utf8_valid(text, n)) return n;
    return 0;
}

/* The number of a control character or line end of `size` bytes that must not be shown as it is; else 0.
 * Terminals obey those above 0x7f, too (0x9b begins a command), and viewers break lines at some. */
static unsigned unsafe_number(const char *text, size_t size) {
    const unsigned char *c = (const unsigned char *)text;

    if (size == 2 && c[0] == 0xc2 && c[1] < 0xa0) return c[1];
    if (size == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9))
        return 0x1f80u + c[2];
    return 0;
}

size_t json_escape(char *out, size_t capacity, const char *text, size_t size) {
    size_t written = 0;

    for (size_t at = 0; at < size;) {
        size_t n = character_size(text + at, size - at), piece_size = n;
        unsigned char c = (unsigned char)text[at];
        unsigned unsafe = unsafe_number(text + at, n);
        char escape[8];
        const char *piece = text + at;

        if (n == 0) {
            piece = "?";
            piece_size = n = 1;
        } else if (c == '"' || c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)c;
            piece = escape;
            piece_size = 2;
        } else if (c < 0x20 || c == 0x7f || unsafe) {
            piece_size = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", unsafe ? unsafe : c);
            piece = escape;
        }
        if (written + piece_size > capacity) break;
        memcpy(out + written, piece, piece_size);
        written += piece_size;
        at += n;
    }
    return written;
}

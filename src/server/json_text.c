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

size_t json_escape(char *out, size_t capacity, const char *text, size_t size) {
    size_t written = 0;

    for (size_t at = 0; at < size;) {
        size_t n = character_size(text + at, size - at), piece_size = n;
        unsigned char c = (unsigned char)text[at];
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
        } else if (c < 0x20 || c == 0x7f) {
            piece_size = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c);
            piece = escape;
        }
        if (written + piece_size > capacity) break;
        memcpy(out + written, piece, piece_size);
        written += piece_size;
        at += n;
    }
    return written;
}

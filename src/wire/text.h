/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- a run of bytes inside somebody else's buffer; not ended by NUL.
 *
 * Door:     struct text, text_of(), text_is(), text_is_nocase(), text_same_nocase().
 * Not here: memory. A text is as good as the buffer it points into.
 */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    const char *data; /* NULL: absent */
    size_t size;
};

static inline struct text text_of(const char *string) {
    return (struct text){string, strlen(string)};
}

static inline bool text_is(struct text text, const char *string) {
    size_t size = strlen(string);
    return text.size == size && (size == 0 || memcmp(text.data, string, size) == 0);
}

/* ASCII letters compare without case; every other byte as it is. */
static inline bool text_same_nocase(struct text a, struct text b) {
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        unsigned char x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];
        if (x >= 'A' && x <= 'Z') x = (unsigned char)(x | 0x20);
        if (y >= 'A' && y <= 'Z') y = (unsigned char)(y | 0x20);
        if (x != y) return false;
    }
    return true;
}

static inline bool text_is_nocase(struct text text, const char *string) {
    return text_same_nocase(text, text_of(string));
}

#endif

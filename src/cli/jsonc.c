/* SPDX-License-Identifier: Apache-2.0 */
/* jsonc.c -- JSON as people write it; see jsonc.h. */
#include "cli/jsonc.h"

#include <string.h>

/* A string begins at `at`: the index after its closing quote. */
static size_t skip_string(const char *text, size_t size, size_t at) {
    for (at++; at < size && text[at] != '"' && text[at] != '\n'; at++)
        if (text[at] == '\\') at++;
    return at < size ? at + 1 : size;
}

/* Blanks the comment at `at`, if there is one, and returns the index after it. */
static size_t blank_comment(char *text, size_t size, size_t at) {
    size_t end = at;

    if (at + 1 >= size || text[at] != '/') return at;
    if (text[at + 1] == '/') {
        while (end < size && text[end] != '\n') end++;
    } else if (text[at + 1] == '*') {
        for (end = at + 2; end < size; end++)
            if (text[end] == '/' && text[end - 1] == '*' && end >= at + 3) break;
        if (end == size) return at; /* never closed: jansson shall complain where it begins */
        end++;
    }
    for (size_t i = at; i < end; i++)
        if (text[i] != '\n' && text[i] != '\r') text[i] = ' ';
    return end;
}

void jsonc_strip(char *text, size_t size) {
    size_t comma = size; /* the last one, if nothing but blanks came since */

    for (size_t at = 0; at < size;) {
        size_t after = blank_comment(text, size, at);
        if (after != at) {
            at = after;
            continue;
        }
        char c = text[at];
        if ((c == '}' || c == ']') && comma < size) text[comma] = ' ';
        if (c == ',') comma = at;
        else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') comma = size;
        at = c == '"' ? skip_string(text, size, at) : at + 1;
    }
}

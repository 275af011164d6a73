/* SPDX-License-Identifier: Apache-2.0 */
/* http_chars.h -- which bytes may stand where in HTTP/1 (RFC 9110 5.5 and 5.6.2, RFC 3986).
 *
 * Door:     is_token(), is_field(), is_target(), is_host(); all_are() for a whole text.
 * Before:   http.c, http_chunked.c, http_write.c; nobody else.
 *
 * A set is one bit per byte: bit (c & 31) of word c >> 5.
 */
#ifndef WIRE_HTTP_CHARS_H
#define WIRE_HTTP_CHARS_H

#include "wire/text.h"

#include <stdint.h>

typedef const uint32_t http_chars[8];

/* Methods and header names: letters, digits, !#$%&'*+-.^_`|~ */
static http_chars token_chars = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff, 0, 0, 0, 0};
/* Values and reasons: tab, space, visible ASCII, and everything above (it is opaque). */
static http_chars field_chars = {1u << '\t', UINT32_MAX, UINT32_MAX, 0x7fffffff,
                                 UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
/* Targets: visible ASCII but '#'. */
static http_chars target_chars = {0, 0xfffffff6, UINT32_MAX, 0x7fffffff, 0, 0, 0, 0};
/* Hosts with their port: letters, digits, -._~%:[] */
static http_chars host_chars = {0, 0x07ff6020, 0xaffffffe, 0x47fffffe, 0, 0, 0, 0};

static inline bool is_in(http_chars chars, char c) {
    return (chars[(uint8_t)c >> 5] >> ((uint8_t)c & 31)) & 1;
}

static inline bool is_token(char c) {
    return is_in(token_chars, c);
}

static inline bool is_field(char c) {
    return is_in(field_chars, c);
}

static inline bool is_target(char c) {
    return is_in(target_chars, c);
}

static inline bool is_host(char c) {
    return is_in(host_chars, c);
}

static inline bool all_are(bool (*is)(char c), struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        if (!is(text.data[i])) return false;
    }
    return true;
}

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Without spaces and tabs at both ends. */
static inline struct text text_trim(struct text text) {
    while (text.size > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

#endif

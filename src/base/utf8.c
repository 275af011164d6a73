/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c -- a validator: runs of ASCII 16 bytes at a time, the rest by a shift-based automaton.
 *
 * A state is a bit position. The table has one 64-bit row per byte, in which the six bits at
 * position s are the state that follows s: one load and one shift per byte, and no branch that a
 * text could make unpredictable. ACCEPT is 0 (a character's boundary), and ERROR leads to itself.
 */
#include "base/utf8.h"

#include <string.h>

enum state {
    ACCEPT = 0,
    NEED_1 = 6,    /* one continuation byte */
    NEED_2 = 12,   /* two */
    NEED_3 = 18,   /* three */
    AFTER_E0 = 24, /* A0-BF, then one: below would be overlong */
    AFTER_ED = 30, /* 80-9F, then one: above are the surrogates */
    AFTER_F0 = 36, /* 90-BF, then two: below would be overlong */
    AFTER_F4 = 42, /* 80-8F, then two: above is beyond U+10FFFF */
    ERROR = 48,
};

/* `from` is followed by `to` instead of ERROR. */
#define STEP(from, to) ((uint64_t)(ERROR ^ (to)) << (from))
#define NONE                                                                                       \
    ((uint64_t)ERROR << ACCEPT | (uint64_t)ERROR << NEED_1 | (uint64_t)ERROR << NEED_2 |           \
     (uint64_t)ERROR << NEED_3 | (uint64_t)ERROR << AFTER_E0 | (uint64_t)ERROR << AFTER_ED |       \
     (uint64_t)ERROR << AFTER_F0 | (uint64_t)ERROR << AFTER_F4 | (uint64_t)ERROR << ERROR)
#define ANY (STEP(NEED_1, ACCEPT) ^ STEP(NEED_2, NEED_1) ^ STEP(NEED_3, NEED_2))

#define ASCII    (NONE ^ STEP(ACCEPT, ACCEPT))
#define C_80_8F  (NONE ^ ANY ^ STEP(AFTER_ED, NEED_1) ^ STEP(AFTER_F4, NEED_2))
#define C_90_9F  (NONE ^ ANY ^ STEP(AFTER_ED, NEED_1) ^ STEP(AFTER_F0, NEED_2))
#define C_A0_BF  (NONE ^ ANY ^ STEP(AFTER_E0, NEED_1) ^ STEP(AFTER_F0, NEED_2))
#define LEAD(to) (NONE ^ STEP(ACCEPT, to))

#define X4(row)  row, row, row, row
#define X16(row) X4(row), X4(row), X4(row), X4(row)

/* clang-format off */
static const uint64_t rows[256] = {
    X16(ASCII), X16(ASCII), X16(ASCII), X16(ASCII),       /* 00-3F */
    X16(ASCII), X16(ASCII), X16(ASCII), X16(ASCII),       /* 40-7F */
    X16(C_80_8F), X16(C_90_9F), X16(C_A0_BF), X16(C_A0_BF), /* 80-BF */
    NONE, NONE, LEAD(NEED_1), LEAD(NEED_1),               /* C0-C3: C0, C1 are overlong */
    X4(LEAD(NEED_1)), X4(LEAD(NEED_1)), X4(LEAD(NEED_1)), /* C4-CF */
    X16(LEAD(NEED_1)),                                    /* D0-DF */
    LEAD(AFTER_E0), LEAD(NEED_2), LEAD(NEED_2), LEAD(NEED_2), /* E0-E3 */
    X4(LEAD(NEED_2)), X4(LEAD(NEED_2)),                   /* E4-EB */
    LEAD(NEED_2), LEAD(AFTER_ED), LEAD(NEED_2), LEAD(NEED_2), /* EC-EF */
    LEAD(AFTER_F0), LEAD(NEED_3), LEAD(NEED_3), LEAD(NEED_3), /* F0-F3 */
    LEAD(AFTER_F4), NONE, NONE, NONE,                     /* F4-F7 */
    X4(NONE), X4(NONE),                                   /* F8-FF */
};
/* clang-format on */

#define BLOCK 16

static bool block_is_ascii(const uint8_t *bytes) {
    uint64_t words[2];
    memcpy(words, bytes, BLOCK);
    return ((words[0] | words[1]) & 0x8080808080808080u) == 0;
}

bool utf8_feed(uint8_t *state, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    uint64_t now = *state;

    while (size >= BLOCK) {
        if (now == ACCEPT && block_is_ascii(at)) {
            at += BLOCK;
            size -= BLOCK;
            continue;
        }
        for (size_t i = 0; i < BLOCK; i++) now = rows[at[i]] >> (now & 63);
        now &= 63;
        if (now == ERROR) break;
        at += BLOCK;
        size -= BLOCK;
    }
    if (now != ERROR) {
        for (size_t i = 0; i < size; i++) now = rows[at[i]] >> (now & 63);
    }
    *state = (uint8_t)(now & 63);
    return *state != ERROR;
}

bool utf8_valid(const void *bytes, size_t size) {
    uint8_t state = 0;
    return utf8_feed(&state, bytes, size) && state == ACCEPT;
}

/* Bytes of the character at `at`; 0: there is no whole one. */
static size_t character_size(const uint8_t *at, size_t size) {
    uint8_t state = 0;

    for (size_t i = 0; i < size && i < 4; i++)
        if (!utf8_feed(&state, at + i, 1)) return 0;
        else if (state == ACCEPT) return i + 1;
    return 0;
}

size_t utf8_clean(char *to, size_t to_size, const void *bytes, size_t size) {
    const uint8_t *at = bytes, *end = size ? at + size : at;
    size_t written = 0;

    while (at < end) {
        size_t taken = character_size(at, (size_t)(end - at));
        const void *from = taken ? (const void *)at : "\xEF\xBF\xBD";
        size_t length = taken ? taken : 3;
        if (length > to_size - written) break;
        memcpy(to + written, from, length);
        written += length;
        at += taken ? taken : 1;
    }
    return written;
}

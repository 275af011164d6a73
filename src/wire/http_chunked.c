/* SPDX-License-Identifier: Apache-2.0 */
/* http_chunked.c -- bodies in chunks: see http.h.
 *
 *   1a;extension CRLF  26 bytes CRLF  ...  0 CRLF  trailer: value CRLF ... CRLF
 *
 * An automaton over single bytes, but for the chunks' own bytes, which are answered in place.
 * Extensions and trailers are read over; together they have a maximum, since each costs us and
 * means nothing.
 */
#include "wire/http.h"

#include "wire/http_chars.h"

enum state {
    AT_SIZE,
    AT_EXTENSION,
    AT_SIZE_LF,
    AT_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER, /* the first byte of a line */
    AT_TRAILER_NAME,
    AT_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_END_LF,
    AT_END,
};

#define SIZE_DIGITS_MAX 8 /* 4 GiB: far beyond any body_max, and 64 bits cannot overflow */

/* What a byte led to, besides the next state. */
enum step { STEP_ON, STEP_END, STEP_BAD, STEP_TOO_LARGE, STEP_TOO_LONG };

void http_chunked_init(struct http_chunked *chunked, uint64_t body_max) {
    *chunked = (struct http_chunked){.body_max = body_max, .state = AT_SIZE};
}

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum step step_to(struct http_chunked *chunked, enum state state) {
    chunked->state = (uint8_t)state;
    return STEP_ON;
}

/* A byte that is allowed there but means nothing. */
static enum step step_over(struct http_chunked *chunked, enum state state) {
    if (++chunked->overhead > LIMIT_HEAD_SIZE) return STEP_TOO_LONG;
    return step_to(chunked, state);
}

static enum step step_size(struct http_chunked *chunked, char c) {
    int digit = hex_value(c);

    if (digit >= 0) {
        if (chunked->digits == SIZE_DIGITS_MAX) return STEP_BAD;
        chunked->left = chunked->left << 4 | (uint64_t)digit;
        chunked->digits++;
        return STEP_ON;
    }
    if (chunked->digits == 0 || (c != '\r' && c != ';')) return STEP_BAD;
    if (chunked->left > chunked->body_max) return STEP_TOO_LARGE;
    chunked->body_max -= chunked->left;
    chunked->digits = 0;
    return step_to(chunked, c == '\r' ? AT_SIZE_LF : AT_EXTENSION);
}

static enum step step_trailer(struct http_chunked *chunked, char c) {
    switch ((enum state)chunked->state) {
    case AT_TRAILER:
        if (c == '\r') return step_to(chunked, AT_END_LF);
        return is_token(c) ? step_over(chunked, AT_TRAILER_NAME) : STEP_BAD;
    case AT_TRAILER_NAME:
        if (c == ':') return step_over(chunked, AT_TRAILER_VALUE);
        return is_token(c) ? step_over(chunked, AT_TRAILER_NAME) : STEP_BAD;
    case AT_TRAILER_VALUE:
        if (c == '\r') return step_to(chunked, AT_TRAILER_LF);
        return is_field(c) ? step_over(chunked, AT_TRAILER_VALUE) : STEP_BAD;
    case AT_TRAILER_LF: return c == '\n' ? step_to(chunked, AT_TRAILER) : STEP_BAD;
    default: /* AT_END_LF */
        if (c != '\n') return STEP_BAD;
        step_to(chunked, AT_END);
        return STEP_END;
    }
}

static enum step step(struct http_chunked *chunked, char c) {
    switch ((enum state)chunked->state) {
    case AT_SIZE: return step_size(chunked, c);
    case AT_EXTENSION:
        if (c == '\r') return step_to(chunked, AT_SIZE_LF);
        return is_field(c) ? step_over(chunked, AT_EXTENSION) : STEP_BAD;
    case AT_SIZE_LF:
        if (c != '\n') return STEP_BAD;
        return step_to(chunked, chunked->left > 0 ? AT_DATA : AT_TRAILER);
    case AT_DATA_CR: return c == '\r' ? step_to(chunked, AT_DATA_LF) : STEP_BAD;
    case AT_DATA_LF: return c == '\n' ? step_to(chunked, AT_SIZE) : STEP_BAD;
    default: return step_trailer(chunked, c);
    }
}

static void answer_error(struct http_chunk *chunk, enum step outcome) {
    chunk->kind = HTTP_CHUNK_ERROR;
    if (outcome == STEP_TOO_LARGE) {
        chunk->error = (struct http_error){413, "the body is larger than the maximum"};
    } else if (outcome == STEP_TOO_LONG) {
        chunk->error = (struct http_error){431, "too many chunk extensions or trailers"};
    } else {
        chunk->error = (struct http_error){400, "the chunks of the body are malformed"};
    }
}

size_t http_chunked_decode(struct http_chunked *chunked, const char *bytes, size_t size,
                           struct http_chunk *ret_chunk) {
    *ret_chunk = (struct http_chunk){.kind = HTTP_CHUNK_NEED_MORE};

    for (size_t i = 0; i < size; i++) {
        if (chunked->state == AT_DATA) {
            size_t taken = size - i < chunked->left ? size - i : (size_t)chunked->left;
            chunked->left -= taken;
            if (chunked->left == 0) step_to(chunked, AT_DATA_CR);
            ret_chunk->kind = HTTP_CHUNK_DATA;
            ret_chunk->data = (struct text){bytes + i, taken};
            return i + taken;
        }
        enum step outcome = step(chunked, bytes[i]);
        if (outcome == STEP_ON) continue;
        if (outcome == STEP_END) {
            ret_chunk->kind = HTTP_CHUNK_END;
        } else {
            answer_error(ret_chunk, outcome);
        }
        return i + 1;
    }
    return size;
}

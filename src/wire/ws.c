/* SPDX-License-Identifier: Apache-2.0 */
/* ws.c -- see ws.h.
 *
 * The order of the checks is the order of the bytes they need (first byte, second byte, length,
 * payload): so a peer gets the same verdict however its bytes are cut.
 */
#include "wire/ws.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define BIT_FIN     0x80
#define BITS_RSV    0x70
#define BITS_OPCODE 0x0F
#define BIT_CONTROL 0x08 /* of the opcode */
#define BIT_MASK    0x80
#define LENGTH_16   126
#define LENGTH_64   127

/* Unmask and check this much, then the next: the second pass finds its bytes in the first-level
 * cache. */
#define STRIDE 8192

static_assert(sizeof(struct ws_decoder) <= 24, "every idle connection holds one");

struct head {
    uint64_t payload_size;
    const uint8_t *mask; /* NULL: not masked */
    size_t size;         /* 0: not yet whole, or wrong */
    uint8_t opcode;
    bool fin;
};

void ws_decoder_init(struct ws_decoder *decoder, bool from_client, uint32_t message_max) {
    assert(message_max <= 1u << 31);
    *decoder = (struct ws_decoder){.message_max = message_max, .masked = from_client};
}

bool ws_decoder_in_message(const struct ws_decoder *decoder) {
    return decoder->opcode != 0;
}

/* ---- masking ------------------------------------------------------------------------------- */

void ws_mask(uint8_t *bytes, size_t size, const uint8_t mask[4]) {
    uint8_t repeated[16];
    size_t i = 0;

    for (size_t k = 0; k < sizeof(repeated); k++) repeated[k] = mask[k & 3];
#if defined(__SSE2__)
    const __m128i key = _mm_loadu_si128((const __m128i *)(const void *)repeated);
    for (; i + 16 <= size; i += 16) {
        __m128i *at = (__m128i *)(void *)(bytes + i);
        _mm_storeu_si128(at, _mm_xor_si128(_mm_loadu_si128(at), key));
    }
#endif
    uint64_t key8, word;
    memcpy(&key8, repeated, 8);
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, bytes + i, 8);
        word ^= key8;
        memcpy(bytes + i, &word, 8);
    }
    for (; i < size; i++) bytes[i] ^= mask[i & 3];
}

static void turn_mask(uint8_t mask[4], size_t by) {
    uint8_t old[4];
    memcpy(old, mask, 4);
    for (size_t i = 0; i < 4; i++) mask[i] = old[(i + by) & 3];
}

/* ---- decoding ------------------------------------------------------------------------------ */

static size_t fail(struct ws_decoder *decoder, size_t size, struct ws_item *item, uint16_t code,
                   const char *error) {
    decoder->closed = true;
    decoder->opcode = 0;
    item->kind = WS_ERROR;
    item->code = code;
    item->error = error;
    return size; /* nothing after an error means anything */
}

/* The rules that the first byte can break; NULL: none. */
static const char *check_first(const struct ws_decoder *decoder, uint8_t first) {
    uint8_t opcode = first & BITS_OPCODE;

    if (first & BITS_RSV) return "reserved bits of a frame are set, and no extension was agreed on";
    switch (opcode) {
    case WS_OPCODE_CONTINUATION:
        if (decoder->opcode == 0) return "a continuation frame without a message to continue";
        return NULL;
    case WS_OPCODE_TEXT:
    case WS_OPCODE_BINARY:
        if (decoder->opcode != 0) return "a new message inside a fragmented one";
        return NULL;
    case WS_OPCODE_CLOSE:
    case WS_OPCODE_PING:
    case WS_OPCODE_PONG: return first & BIT_FIN ? NULL : "a fragmented control frame";
    default: return "an unknown opcode";
    }
}

static const char *check_second(const struct ws_decoder *decoder, uint8_t opcode, uint8_t second) {
    bool is_masked = (second & BIT_MASK) != 0;

    if (decoder->masked && !is_masked) return "a frame from a client that is not masked";
    if (!decoder->masked && is_masked) return "a frame from a server that is masked";
    if ((opcode & BIT_CONTROL) && (second & ~BIT_MASK) > WS_CONTROL_MAX) {
        return "a control frame of more than 125 bytes";
    }
    return NULL;
}

/* Big-endian. */
static uint64_t read_length(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | bytes[i];
    return value;
}

/* Reads a frame's head. head.size 0: more bytes are needed, or `*ret_error` says what is wrong. */
static struct head read_head(const struct ws_decoder *decoder, const uint8_t *bytes, size_t size,
                             const char **ret_error) {
    struct head head = {0};

    if (size < 1 || (*ret_error = check_first(decoder, bytes[0]))) return head;
    head.fin = (bytes[0] & BIT_FIN) != 0;
    head.opcode = bytes[0] & BITS_OPCODE;
    if (size < 2 || (*ret_error = check_second(decoder, head.opcode, bytes[1]))) return head;

    uint8_t length = bytes[1] & (uint8_t)~BIT_MASK;
    size_t extended = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
    if (size < 2 + extended) return head;
    head.payload_size = extended ? read_length(bytes + 2, extended) : length;
    if ((extended == 2 && head.payload_size < LENGTH_16) ||
        (extended == 8 && head.payload_size <= UINT16_MAX)) {
        *ret_error = "a frame's length is not in its shortest form";
        return head;
    }
    if (head.payload_size >> 63) {
        *ret_error = "a frame's length has its highest bit set";
        return head;
    }

    size_t head_size = 2 + extended + (decoder->masked ? 4 : 0);
    if (size < head_size) return head;
    if (decoder->masked) head.mask = bytes + 2 + extended;
    head.size = head_size;
    return head;
}

static size_t decode_close(struct ws_decoder *decoder, uint8_t *payload, size_t payload_size,
                           size_t size, struct ws_item *item) {
    item->kind = WS_CLOSE;
    item->code = WS_CODE_NONE;
    if (payload_size == 1) return fail(decoder, size, item, 1002, "a close frame with half a code");
    if (payload_size >= 2) {
        item->code = (uint16_t)read_length(payload, 2);
        if (!ws_close_code_valid(item->code)) {
            return fail(decoder, size, item, 1002,
                        "a close frame with a code that may not be sent");
        }
        item->payload = payload + 2;
        item->size = payload_size - 2;
        if (!utf8_valid(item->payload, item->size)) {
            return fail(decoder, size, item, 1007, "a close frame's reason is not UTF-8");
        }
    }
    decoder->closed = true;
    decoder->opcode = 0;
    return size;
}

/* A control frame is answered whole: until it is, none of it is used. */
static size_t decode_control(struct ws_decoder *decoder, const struct head *head, uint8_t *bytes,
                             size_t size, struct ws_item *item) {
    size_t payload_size = (size_t)head->payload_size, frame_size = head->size + payload_size;
    uint8_t *payload = bytes + head->size;

    if (size < frame_size) return 0;
    if (head->mask) ws_mask(payload, payload_size, head->mask);
    if (head->opcode == WS_OPCODE_CLOSE) {
        return decode_close(decoder, payload, payload_size, size, item);
    }
    item->kind = head->opcode == WS_OPCODE_PING ? WS_PING : WS_PONG;
    item->payload = payload;
    item->size = payload_size;
    return frame_size;
}

/* Takes up a data frame's head. NULL, or what is wrong with it. */
static const char *begin_frame(struct ws_decoder *decoder, const struct head *head,
                               uint16_t *ret_code) {
    if (head->payload_size > decoder->message_max - decoder->message_size) {
        *ret_code = 1009;
        return "a message that is larger than the maximum";
    }
    if (decoder->fragment_count == LIMIT_FRAGMENTS) {
        *ret_code = 1008;
        return "a message in too many fragments";
    }
    if (head->opcode != WS_OPCODE_CONTINUATION) decoder->opcode = head->opcode;
    if (head->mask) memcpy(decoder->mask, head->mask, 4);
    decoder->frame_left = (uint32_t)head->payload_size;
    decoder->message_size += (uint32_t)head->payload_size;
    decoder->fragment_count++;
    decoder->fin = head->fin;
    decoder->in_frame = true;
    return NULL;
}

/* Unmasks a piece of the frame under way and, if it is text, checks it. */
static bool take_payload(struct ws_decoder *decoder, uint8_t *payload, size_t size) {
    bool is_text = decoder->opcode == WS_OPCODE_TEXT;

    for (size_t done = 0; done < size;) {
        size_t step = size - done < STRIDE ? size - done : STRIDE;
        if (decoder->masked) ws_mask(payload + done, step, decoder->mask);
        if (is_text && !utf8_feed(&decoder->utf8, payload + done, step)) return false;
        done += step; /* STRIDE is a multiple of 4, so the mask need not turn in between */
    }
    if (decoder->masked) turn_mask(decoder->mask, size);
    decoder->frame_left -= (uint32_t)size;
    return true;
}

static void end_message(struct ws_decoder *decoder) {
    decoder->message_size = 0;
    decoder->fragment_count = 0;
    decoder->opcode = 0;
    decoder->in_parts = false;
}

/* Answers what is there of the frame under way, if it is anything. */
static size_t decode_data(struct ws_decoder *decoder, uint8_t *bytes, size_t size,
                          struct ws_item *item) {
    size_t taken = size < decoder->frame_left ? size : decoder->frame_left;
    bool is_last;

    if (!take_payload(decoder, bytes, taken)) {
        return fail(decoder, size, item, 1007, "a text message that is not UTF-8");
    }
    decoder->in_frame = decoder->frame_left > 0;
    is_last = decoder->fin && !decoder->in_frame;
    if (is_last && decoder->utf8 != 0) {
        return fail(decoder, size, item, 1007, "a text message that ends inside a character");
    }
    if (!is_last && taken == 0) return 0;

    item->kind = !is_last ? WS_PART : decoder->in_parts ? WS_LAST : WS_MESSAGE;
    item->is_binary = decoder->opcode == WS_OPCODE_BINARY;
    item->payload = bytes;
    item->size = taken;
    item->message_size = decoder->message_size;
    decoder->in_parts = true;
    if (is_last) end_message(decoder);
    return taken;
}

size_t ws_decode(struct ws_decoder *decoder, uint8_t *bytes, size_t size,
                 struct ws_item *ret_item) {
    size_t used = 0;

    *ret_item = (struct ws_item){.kind = WS_NEED_MORE};
    if (decoder->closed) return size;

    /* More than one round only over fragments without payload, which are nothing to answer. */
    while (ret_item->kind == WS_NEED_MORE) {
        if (!decoder->in_frame) {
            const char *error = NULL;
            uint16_t code = 1002;
            struct head head = read_head(decoder, bytes + used, size - used, &error);
            if (!error && head.size == 0) break;
            if (!error && (head.opcode & BIT_CONTROL)) {
                return used + decode_control(decoder, &head, bytes + used, size - used, ret_item);
            }
            if (!error) error = begin_frame(decoder, &head, &code);
            if (error) return used + fail(decoder, size - used, ret_item, code, error);
            used += head.size;
        }
        if (used == size && decoder->frame_left > 0) break;
        used += decode_data(decoder, bytes + used, size - used, ret_item);
    }
    return used;
}

/* ---- encoding ------------------------------------------------------------------------------ */

static size_t encode_head(uint8_t *head, enum ws_opcode opcode, size_t payload_size, uint8_t mask) {
    size_t extended = payload_size < LENGTH_16 ? 0 : payload_size <= UINT16_MAX ? 2 : 8;
    uint64_t length = payload_size;

    head[0] = (uint8_t)(BIT_FIN | opcode);
    head[1] = mask | (uint8_t)(extended == 0 ? length : extended == 2 ? LENGTH_16 : LENGTH_64);
    for (size_t i = extended; i > 0; i--) {
        head[1 + i] = (uint8_t)length;
        length >>= 8;
    }
    return 2 + extended;
}

size_t ws_encode_head(uint8_t ret_head[WS_HEAD_MAX], enum ws_opcode opcode, size_t payload_size) {
    return encode_head(ret_head, opcode, payload_size, 0);
}

size_t ws_encode_head_masked(uint8_t ret_head[WS_HEAD_MASKED_MAX], enum ws_opcode opcode,
                             size_t payload_size, const uint8_t mask[4]) {
    size_t size = encode_head(ret_head, opcode, payload_size, BIT_MASK);
    memcpy(ret_head + size, mask, 4);
    return size + 4;
}

bool ws_close_code_valid(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

size_t ws_encode_close(uint8_t ret_frame[WS_CLOSE_FRAME_MAX], uint16_t code, const char *reason,
                       size_t reason_size) {
    size_t payload_size = 0;

    if (ws_close_code_valid(code)) {
        size_t size = reason_size;
        if (size > WS_CONTROL_MAX - 2) {
            size = WS_CONTROL_MAX - 2;
            while (size > 0 && ((uint8_t)reason[size] & 0xC0) == 0x80) size--;
        }
        ret_frame[2] = (uint8_t)(code >> 8);
        ret_frame[3] = (uint8_t)code;
        if (size > 0) memcpy(ret_frame + 4, reason, size);
        payload_size = 2 + size;
    }
    return encode_head(ret_frame, WS_OPCODE_CLOSE, payload_size, 0) + payload_size;
}

/* ---- the handshake's key --------------------------------------------------------------------- */

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Ends `out` with NUL. */
static void base64(const uint8_t *bytes, size_t size, char *out) {
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t triple = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                          (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        *out++ = base64_alphabet[triple >> 18];
        *out++ = base64_alphabet[triple >> 12 & 63];
        *out++ = left > 1 ? base64_alphabet[triple >> 6 & 63] : '=';
        *out++ = left > 2 ? base64_alphabet[triple & 63] : '=';
    }
    *out = '\0';
}

bool ws_key_valid(const char *key, size_t size) {
    if (size != WS_KEY_SIZE || key[22] != '=' || key[23] != '=') return false;
    for (size_t i = 0; i < 22; i++) {
        if (key[i] == '\0' || !strchr(base64_alphabet, key[i])) return false;
    }
    return true;
}

void ws_accept(char ret_accept[WS_ACCEPT_SIZE + 1], const char *key, ws_sha1_fn sha1) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char joined[WS_KEY_SIZE + sizeof(guid) - 1];
    uint8_t digest[20];

    memcpy(joined, key, WS_KEY_SIZE);
    memcpy(joined + WS_KEY_SIZE, guid, sizeof(guid) - 1);
    sha1(joined, sizeof(joined), digest);
    base64(digest, sizeof(digest), ret_accept);
}

void ws_key(char ret_key[WS_KEY_SIZE + 1], const uint8_t random[16]) {
    base64(random, 16, ret_key);
}

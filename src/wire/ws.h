/* SPDX-License-Identifier: Apache-2.0 */
/* ws.h -- WebSocket frames (RFC 6455), as pure functions over bytes.
 *
 * Door:     ws_decode() turns received bytes into messages and controls, unmasking in place;
 *           ws_encode_head() and ws_encode_close() make what is sent.
 * Before:   the socket, which hands over whatever the kernel had, cut anywhere; http.c, which has
 *           read the handshake.
 * After:    the server's connections: a message becomes a call.
 *
 *   |FIN|rsv|opcode| |MASK|length 7| |length 16 or 64, if 126 or 127| |key 32| payload...
 *
 * In place, because the read buffer is the worker's and shared by all of its connections: a payload
 * is good until the buffer is read into again, and a message that arrived whole is copied nowhere
 * on its way to the sandbox. An idle connection holds a struct ws_decoder and no buffer:
 *
 *     size = kept bytes of last time, moved to the buffer's front, and what recv() appended
 *     for (used = 0;;) {
 *         used += ws_decode(&decoder, buffer + used, size - used, &item);
 *         if (item.kind == WS_NEED_MORE) break;
 *         switch (item.kind) ...
 *     }
 *     keep buffer[used .. size): a frame's unfinished head, or an unfinished control frame; at most
 *     WS_KEPT_MAX bytes, none in the usual case
 *
 * Not here: the handshake's head (http.h), when to ping, what a message means, permessage-deflate
 *           (not offered: its window is per connection, and memory is budgeted per connection).
 */
#ifndef WIRE_WS_H
#define WIRE_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
    WS_OPCODE_CONTINUATION = 0,
    WS_OPCODE_TEXT = 1,
    WS_OPCODE_BINARY = 2,
    WS_OPCODE_CLOSE = 8,
    WS_OPCODE_PING = 9,
    WS_OPCODE_PONG = 10,
};

#define WS_CONTROL_MAX     125                      /* payload of a control frame: the RFC's */
#define WS_KEPT_MAX        (2 + 4 + WS_CONTROL_MAX) /* bytes that ws_decode() may leave unused */
#define WS_HEAD_MAX        10                       /* head of a frame that is not masked */
#define WS_HEAD_MASKED_MAX 14                       /* head of a frame that is masked */
#define WS_CLOSE_FRAME_MAX (2 + WS_CONTROL_MAX)     /* a close frame, not masked */
#define WS_CODE_NONE       1005                     /* a close frame without a code */

/* ---- decoding ------------------------------------------------------------------------------ */

/* One direction of one connection. A plain value: may be moved and copied. */
struct ws_decoder {
    uint32_t message_max;    /* bytes of one message */
    uint32_t message_size;   /* of the message under way: what its frames have declared so far */
    uint32_t frame_left;     /* payload of the data frame under way that is still to come */
    uint8_t mask[4];         /* turned so that mask[0] is for the next byte */
    uint16_t fragment_count; /* of the message under way */
    uint8_t opcode;          /* of the message under way: text or binary; 0: none */
    uint8_t utf8;            /* state of utf8_feed() */
    bool masked : 1;         /* the peer must mask: it is a client */
    bool in_frame : 1;       /* the head of a data frame has been read, its payload not yet all */
    bool fin : 1;            /* ... and the frame is the message's last */
    bool in_parts : 1;       /* a part of the message under way has been answered */
    bool closed : 1;         /* after WS_CLOSE and WS_ERROR: what follows is ignored */
};

enum ws_kind {
    WS_NEED_MORE, /* nothing more in these bytes; keep the unused ones */
    WS_MESSAGE,   /* a whole message: payload */
    WS_PART,      /* a piece of a message, more to come: append payload to what you hold of it */
    WS_LAST,      /* append payload (it may be empty): now the message is whole */
    WS_PING,      /* answer with a pong that has this payload */
    WS_PONG,
    WS_CLOSE, /* the peer closes: code (WS_CODE_NONE: none) and payload, its reason, UTF-8 */
    WS_ERROR, /* the peer broke the rules: close with `code`; `error` is a sentence */
};

struct ws_item {
    enum ws_kind kind;
    bool is_binary; /* WS_MESSAGE, WS_PART, WS_LAST */
    uint16_t code;  /* WS_CLOSE, WS_ERROR: 1002, 1007, 1008, 1009 */
    uint8_t *payload;
    size_t size;
    /* WS_PART, WS_LAST: what the message's frames so far add up to, the bytes of this frame that
     * are still to come included: the buffer that you append to will hold at least so much. It is
     * the peer's claim: a frame's head costs 14 bytes and may declare LIMIT_MESSAGE_SIZE. */
    size_t message_size;
    const char *error; /* WS_ERROR: static */
};

/* `from_client`: the peer masks its frames; otherwise it must not. `message_max`: usually
 * LIMIT_MESSAGE_SIZE; at most 2^31. */
void ws_decoder_init(struct ws_decoder *decoder, bool from_client, uint32_t message_max);

/* Answers the first thing in `bytes` and returns how many bytes it has used. Text is checked as it
 * arrives: a WS_PART of text may end inside a character, and WS_ERROR 1007 comes with the piece
 * that has the first bad byte. How the bytes are cut changes which pieces a message comes in,
 * nothing else. After WS_CLOSE or WS_ERROR it uses up everything and answers WS_NEED_MORE. */
size_t ws_decode(struct ws_decoder *decoder, uint8_t *bytes, size_t size, struct ws_item *ret_item);

/* A message is under way: some of it was answered as WS_PART, or its head has been read. */
bool ws_decoder_in_message(const struct ws_decoder *decoder);

/* ---- encoding ------------------------------------------------------------------------------ */

/* The head of a whole, unmasked frame (FIN set). Returns its size: 2, 4 or 10. */
size_t ws_encode_head(uint8_t ret_head[WS_HEAD_MAX], enum ws_opcode opcode, size_t payload_size);
/* The same for a client: mask the payload with ws_mask(payload, n, mask). 6, 8 or 14. */
size_t ws_encode_head_masked(uint8_t ret_head[WS_HEAD_MASKED_MAX], enum ws_opcode opcode,
                             size_t payload_size, const uint8_t mask[4]);
/* Masks or unmasks in place. */
void ws_mask(uint8_t *bytes, size_t size, const uint8_t mask[4]);

/* A whole close frame, unmasked. A code that may not be sent (WS_CODE_NONE, 1006, ...) makes an
 * empty one. The reason is cut at a character's boundary if it is too long. Returns the frame's
 * size. */
size_t ws_encode_close(uint8_t ret_frame[WS_CLOSE_FRAME_MAX], uint16_t code, const char *reason,
                       size_t reason_size);

/* Whether a close frame may carry this code: 1000-1003, 1007-1014, 3000-4999. */
bool ws_close_code_valid(unsigned code);

/* ---- the handshake's key --------------------------------------------------------------------- */

#define WS_KEY_SIZE    24 /* characters of Sec-WebSocket-Key */
#define WS_ACCEPT_SIZE 28 /* characters of Sec-WebSocket-Accept */

typedef void (*ws_sha1_fn)(const void *bytes, size_t size, uint8_t ret_digest[20]);

/* Whether it is the base64 form of 16 bytes. */
bool ws_key_valid(const char *key, size_t size);
/* Sec-WebSocket-Accept for a valid key, ended by NUL. */
void ws_accept(char ret_accept[WS_ACCEPT_SIZE + 1], const char *key, ws_sha1_fn sha1);
/* A key from 16 random bytes, for clients. */
void ws_key(char ret_key[WS_KEY_SIZE + 1], const uint8_t random[16]);

#endif

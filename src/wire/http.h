/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- HTTP/1.0 and 1.1: heads, chunked bodies, header lines. Pure functions over bytes.
 *
 * Door:     http_parse_request(), http_parse_response(), http_header(), http_chunked_decode(),
 *           the http_write_*() functions.
 * Before:   the socket's bytes, from the first one of a head on.
 * After:    the server's connections (url.h says which room a target names); the CLI's HTTP client.
 *
 * Strict: whatever two programs could read differently is an error, because some proxy in front
 * will read it differently and one request becomes two. No folded lines, no bare CR or LF, no space
 * before a colon, one Host, one length. After an HTTP_ERROR the bytes that follow mean nothing:
 * answer and close.
 *
 * Not here: HTTP/2, other transfer codings than chunked, when to time out, what to answer.
 */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/limits.h"
#include "wire/text.h"

#include <stdint.h>

enum http_result { HTTP_DONE, HTTP_NEED_MORE, HTTP_ERROR };

struct http_error {
    int status;          /* to answer: 400, 413, 414, 417, 426, 431, 501, 505 */
    const char *message; /* a sentence, static */
};

/* ---- heads --------------------------------------------------------------------------------- */

enum http_body {
    HTTP_BODY_NONE,        /* the next head follows */
    HTTP_BODY_LENGTH,      /* content_length bytes; may be 0 */
    HTTP_BODY_CHUNKED,     /* http_chunked_decode() */
    HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

struct http_slice { /* of head->bytes */
    uint16_t offset, size;
};

/* A parsed head: where things are in its bytes. A plain value (about 0.9 KiB): copy it with its
 * bytes and set `bytes` to the copy. */
struct http_head {
    const char *bytes; /* borrowed; what the slices point into: set it anew when the bytes move */
    uint64_t content_length;
    uint16_t size; /* of the head, its empty line included: the body, or the next head, follows */
    uint16_t header_count;
    uint8_t minor; /* HTTP/1.minor: 0 or 1 */
    enum http_body body;
    bool keep_alive;      /* this side may send another request after this one */
    bool expect_continue; /* waits for "100 Continue" before it sends its body */
    bool wants_websocket; /* Upgrade lists websocket: see http_check_websocket() */
    /* requests */
    struct http_slice method;
    /* Path and query; of an absolute target what follows its host, so it may be empty; or "*". */
    struct http_slice target;
    struct http_slice host; /* of an absolute target or Host; size 0: none (HTTP/1.0 only) */
    /* responses */
    int status;
    struct http_slice reason;
    struct {
        struct http_slice name, value;
    } headers[LIMIT_HEADERS]; /* as sent, values trimmed */
};

/* Parses the head at the front of `bytes`. HTTP_DONE: `*ret_head` is set. HTTP_NEED_MORE: call
 * again with the same bytes and more (only then; `*ret_head` is undefined). HTTP_ERROR: `*reterr`
 * is set. Errors show as soon as the line they are in is whole; a first byte that begins no HTTP
 * shows at once. */
enum http_result http_parse_request(const char *bytes, size_t size, struct http_head *ret_head,
                                    struct http_error *reterr);
/* `to_head`: the request was HEAD, so no body follows. An error's status means nothing here. A 1xx
 * response (but 101) is a head without a body: parse the next one. */
enum http_result http_parse_response(const char *bytes, size_t size, bool to_head,
                                     struct http_head *ret_head, struct http_error *reterr);

struct text http_text(const struct http_head *head, struct http_slice slice);
struct text http_method(const struct http_head *head);
struct text http_target(const struct http_head *head);
/* The first header of that name, compared without case; data NULL: absent. */
struct text http_header(const struct http_head *head, const char *name);
/* Whether the comma-separated lists of all headers of that name hold the token. `nocase`:
 * Connection, Upgrade; not for Sec-WebSocket-Protocol, whose tokens have case:
 * http_header_lists(head, "sec-websocket-protocol", "ramp.1", false). */
bool http_header_lists(const struct http_head *head, const char *name, const char *token,
                       bool nocase);
/* Takes the next token off a comma-separated list; empty ones are skipped. false: no more. */
bool http_list_next(struct text *list, struct text *ret_token);

/* Whether a request with wants_websocket may be answered with 101: a GET of HTTP/1.1 without body,
 * with "Connection: upgrade", version 13 (426 otherwise: say "Sec-WebSocket-Version: 13") and one
 * good key, which is set. */
bool http_check_websocket(const struct http_head *head, struct text *ret_key,
                          struct http_error *reterr);

/* ---- header lines for and from modules: `name: value\n` -------------------------------------- */

/* Writes a head's headers as lines with lower-case names, without those that concern this
 * connection only (http_is_hop_by_hop, and what Connection lists). `out` has room for head->size
 * bytes, which always suffices. The lines are UTF-8: of a value that is not, every byte above 0x7F
 * becomes '?'. Returns the size. */
size_t http_header_lines(const struct http_head *head, char *out);
/* Takes the first line off. false: no more, or the line is not `name: value\n` (tell by
 * lines->size; the last newline may be missing). Values are trimmed. */
bool http_lines_next(struct text *lines, struct text *ret_name, struct text *ret_value);
/* Connection, Keep-Alive, TE, Transfer-Encoding, Upgrade ... and Content-Length: whoever frames the
 * message sets them. Without case. */
bool http_is_hop_by_hop(struct text name);

/* ---- chunked bodies ------------------------------------------------------------------------ */

struct http_chunked {  /* a plain value */
    uint64_t left;     /* of the chunk under way */
    uint64_t body_max; /* payload that may still come */
    uint32_t overhead; /* bytes of extensions and trailers so far */
    uint8_t state;
    uint8_t digits;
};

enum http_chunk_kind {
    HTTP_CHUNK_NEED_MORE, /* all bytes are used */
    HTTP_CHUNK_DATA,      /* a piece of the body, in place */
    HTTP_CHUNK_END,       /* the body is over, trailers (not kept) included */
    HTTP_CHUNK_ERROR,
};

struct http_chunk {
    enum http_chunk_kind kind;
    struct text data;
    struct http_error error; /* 413: larger than body_max, told by the chunk's head; 400; 431 */
};

void http_chunked_init(struct http_chunked *chunked, uint64_t body_max);
/* Answers the first thing in `bytes` and returns how many of them it has used. After HTTP_CHUNK_END
 * what follows is the next head; do not call again. */
size_t http_chunked_decode(struct http_chunked *chunked, const char *bytes, size_t size,
                           struct http_chunk *ret_chunk);

/* ---- writing heads ------------------------------------------------------------------------- */

/* Writes into a caller's buffer. What does not fit, or would break out of its line (CR, LF, NUL, a
 * bad name), sets `failed`; check it once, at the end. */
struct http_writer {
    char *out;
    size_t capacity, size;
    bool failed;
};

void http_writer_init(struct http_writer *writer, char *out, size_t capacity);
void http_write_status(struct http_writer *writer, int status); /* HTTP/1.1 200 OK */
void http_write_request(struct http_writer *writer, const char *method, struct text target);
void http_write_header(struct http_writer *writer, struct text name, struct text value);
void http_write_string(struct http_writer *writer, const char *name, const char *value);
void http_write_number(struct http_writer *writer, const char *name, uint64_t value);
/* A module's lines; hop-by-hop headers among them are left out. */
void http_write_lines(struct http_writer *writer, struct text lines);
/* The empty line. false: the head failed, write nothing of it. */
bool http_write_end(struct http_writer *writer);
/* "OK" for 200; "" for what is not registered. */
const char *http_reason(int status);

#endif

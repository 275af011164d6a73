/* SPDX-License-Identifier: Apache-2.0 */
/* http.c -- heads of requests and responses: see http.h.
 *
 * A head is read line by line, and a line only when it is whole, so how the bytes are cut changes
 * no verdict. What frames the body (lengths, codings) is judged header by header while reading;
 * what needs the whole head (Host, keep-alive, length against coding) at its end.
 */
#include "wire/http.h"

#include "wire/http_chars.h"

#include <assert.h>

#define VERSION_SIZE     8 /* HTTP/1.1 */
#define REQUEST_LINE_MAX (LIMIT_METHOD_SIZE + 1 + LIMIT_TARGET_SIZE + 1 + VERSION_SIZE)

static_assert(LIMIT_HEAD_SIZE <= UINT16_MAX, "slices of a head are 16 bits");

struct reader {
    const char *bytes;
    size_t size; /* at most LIMIT_HEAD_SIZE */
    size_t at;
    struct http_error *reterr;
};

/* What the headers said so far about the message. */
struct framing {
    bool is_request;
    unsigned host_count;
    bool has_length, is_chunked;
};

static enum http_result fail(struct http_error *reterr, int status, const char *message) {
    *reterr = (struct http_error){status, message};
    return HTTP_ERROR;
}

static struct http_slice slice_of(const struct http_head *head, struct text text) {
    return (struct http_slice){(uint16_t)(text.data - head->bytes), (uint16_t)text.size};
}

static void head_reset(struct http_head *head, const char *bytes) {
    memset(head, 0, offsetof(struct http_head, headers));
    head->bytes = bytes;
}

/* ---- lines --------------------------------------------------------------------------------- */

/* The next line, without its CRLF. A bare CR inside is left to whoever checks the line's
 * characters: none allows it. */
static enum http_result next_line(struct reader *reader, struct text *ret_line) {
    const char *start = reader->bytes + reader->at;
    const char *end = memchr(start, '\n', reader->size - reader->at);

    if (!end) {
        if (reader->size < LIMIT_HEAD_SIZE) return HTTP_NEED_MORE;
        return fail(reader->reterr, 431, "the head is larger than the maximum");
    }
    if (end == start || end[-1] != '\r') {
        return fail(reader->reterr, 400, "a line of the head ends with a bare LF");
    }
    *ret_line = (struct text){start, (size_t)(end - 1 - start)};
    reader->at += (size_t)(end + 1 - start);
    return HTTP_DONE;
}

/* The text up to `stop`, which is taken off too. false: it is not there. */
static bool take_until(struct text *line, char stop, struct text *ret_text) {
    const char *end = line->size ? memchr(line->data, stop, line->size) : NULL;
    if (!end) return false;
    *ret_text = (struct text){line->data, (size_t)(end - line->data)};
    line->size -= ret_text->size + 1;
    line->data = end + 1;
    return true;
}

/* ---- headers ------------------------------------------------------------------------------- */

static enum http_result frame_by_length(struct http_head *head, struct framing *framing,
                                        struct text value, struct http_error *reterr) {
    uint64_t length = 0;

    if (framing->has_length) return fail(reterr, 400, "more than one Content-Length");
    if (value.size == 0 || !all_are(is_digit, value)) {
        return fail(reterr, 400, "Content-Length is not a number");
    }
    if (value.data[0] == '0' && value.size > 1) { /* octal, to some */
        return fail(reterr, 400, "Content-Length begins with a zero");
    }
    if (value.size > 18) return fail(reterr, 413, "Content-Length is beyond all measure");
    for (size_t i = 0; i < value.size; i++) length = length * 10 + (uint64_t)(value.data[i] - '0');
    head->content_length = length;
    framing->has_length = true;
    return HTTP_DONE;
}

/* Only what is exactly one chunked: a list that ends with it is legal, but would need decoders that
 * nobody sends for. */
static enum http_result frame_by_coding(struct framing *framing, struct text value,
                                        struct http_error *reterr) {
    if (framing->is_chunked) return fail(reterr, 400, "more than one Transfer-Encoding");
    if (!text_is_nocase(value, "chunked")) {
        return fail(reterr, 400, "a Transfer-Encoding other than chunked");
    }
    framing->is_chunked = true;
    return HTTP_DONE;
}

static enum http_result check_host(struct http_head *head, struct framing *framing,
                                   struct text value, struct http_error *reterr) {
    if (++framing->host_count > 1) return fail(reterr, 400, "more than one Host");
    if (value.size == 0 || !all_are(is_host, value)) return fail(reterr, 400, "Host is not a host");
    if (head->host.size == 0) {
        head->host = slice_of(head, value);
        return HTTP_DONE;
    }
    /* An absolute target names a host too, and some proxy in front may have believed the other. */
    if (!text_same_nocase(http_text(head, head->host), value)) {
        return fail(reterr, 400, "Host differs from the target's host");
    }
    return HTTP_DONE;
}

static enum http_result read_header(struct http_head *head, struct framing *framing,
                                    struct text line, struct http_error *reterr) {
    struct text name, value;

    if (*line.data == ' ' || *line.data == '\t') return fail(reterr, 400, "a folded header line");
    if (!take_until(&line, ':', &name)) return fail(reterr, 400, "a header line without a colon");
    if (name.size == 0) return fail(reterr, 400, "a header without a name");
    if (!all_are(is_token, name)) {
        return fail(reterr, 400, "a header's name has a character that no name may have");
    }
    if (!all_are(is_field, line)) {
        return fail(reterr, 400, "a header's value has a control character");
    }
    if (head->header_count == LIMIT_HEADERS) return fail(reterr, 431, "too many headers");
    value = text_trim(line);
    head->headers[head->header_count].name = slice_of(head, name);
    head->headers[head->header_count].value = slice_of(head, value);
    head->header_count++;

    if (text_is_nocase(name, "content-length"))
        return frame_by_length(head, framing, value, reterr);
    if (text_is_nocase(name, "transfer-encoding")) return frame_by_coding(framing, value, reterr);
    if (framing->is_request && text_is_nocase(name, "host")) {
        return check_host(head, framing, value, reterr);
    }
    return HTTP_DONE;
}

static enum http_result read_headers(struct reader *reader, struct http_head *head,
                                     struct framing *framing) {
    for (;;) {
        struct text line;
        enum http_result result = next_line(reader, &line);
        if (result != HTTP_DONE) return result;
        if (line.size == 0) break;
        result = read_header(head, framing, line, reader->reterr);
        if (result != HTTP_DONE) return result;
    }
    head->size = (uint16_t)reader->at;
    head->keep_alive =
        !http_header_lists(head, "connection", "close", true) &&
        (head->minor == 1 || http_header_lists(head, "connection", "keep-alive", true));
    if (framing->is_chunked && framing->has_length) {
        return fail(reader->reterr, 400, "both Content-Length and Transfer-Encoding");
    }
    if (framing->is_chunked && head->minor == 0) {
        return fail(reader->reterr, 400, "Transfer-Encoding in HTTP/1.0");
    }
    return HTTP_DONE;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The method is looked at before its line is whole, so that what is not HTTP at all (TLS on a plain
 * port) is told at once. */
static enum http_result check_method(const struct reader *reader) {
    size_t i = reader->at;

    while (i < reader->size && is_token(reader->bytes[i])) {
        if (++i - reader->at > LIMIT_METHOD_SIZE) {
            return fail(reader->reterr, 501, "a method that is not known here");
        }
    }
    if (i == reader->size) return HTTP_NEED_MORE;
    if (i > reader->at && reader->bytes[i] == ' ') return HTTP_DONE;
    if (i == reader->at && reader->bytes[i] == 0x16) {
        return fail(reader->reterr, 400, "this looks like TLS, and this port speaks plain HTTP");
    }
    return fail(reader->reterr, 400, "this does not begin like an HTTP request");
}

static enum http_result read_version(struct text version, struct http_head *head,
                                     struct http_error *reterr) {
    if (version.size != VERSION_SIZE || memcmp(version.data, "HTTP/", 5) != 0 ||
        !is_digit(version.data[5]) || version.data[6] != '.' || !is_digit(version.data[7])) {
        return fail(reterr, 400, "the first line has no HTTP version where one belongs");
    }
    if (version.data[5] != '1' || version.data[7] > '1') {
        return fail(reterr, 505, "only HTTP/1.1 and 1.0 are spoken here");
    }
    head->minor = (uint8_t)(version.data[7] - '0');
    return HTTP_DONE;
}

/* http://host:port/path?query: sets the host and leaves what follows it. */
static enum http_result take_authority(struct http_head *head, struct text *target,
                                       struct http_error *reterr) {
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    struct text host = {0};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (target->size > size && text_is_nocase((struct text){target->data, size}, schemes[i])) {
            host.data = target->data + size;
            target->size -= size;
            target->data += size;
            break;
        }
    }
    if (!host.data) return fail(reterr, 400, "a target that begins neither with / nor http://");
    while (target->size > 0 && is_host(*target->data)) {
        target->data++;
        target->size--;
        host.size++;
    }
    if (host.size == 0 || (target->size > 0 && *target->data != '/' && *target->data != '?')) {
        return fail(reterr, 400, "the target's host is not a host");
    }
    head->host = slice_of(head, host);
    return HTTP_DONE;
}

static enum http_result read_target(struct http_head *head, struct text target,
                                    struct http_error *reterr) {
    enum http_result result = HTTP_DONE;

    if (text_is(http_method(head), "CONNECT")) {
        return fail(reterr, 501, "CONNECT: this is no proxy");
    }
    if (target.size == 0) return fail(reterr, 400, "a request without a target");
    if (target.size > LIMIT_TARGET_SIZE) return fail(reterr, 414, "the target is too long");
    if (!all_are(is_target, target)) {
        return fail(reterr, 400, "the target has a character that must be percent-encoded");
    }
    if (*target.data != '/' && !(text_is(target, "*") && text_is(http_method(head), "OPTIONS"))) {
        result = take_authority(head, &target, reterr);
    }
    head->target = slice_of(head, target);
    return result;
}

static enum http_result read_request_line(struct reader *reader, struct http_head *head) {
    struct text line, method, target;
    enum http_result result = check_method(reader);

    if (result != HTTP_DONE) return result;
    if (reader->size - reader->at >= REQUEST_LINE_MAX + 2 &&
        !memchr(reader->bytes + reader->at, '\n', REQUEST_LINE_MAX + 2)) {
        return fail(reader->reterr, 414, "the target is too long");
    }
    result = next_line(reader, &line);
    if (result != HTTP_DONE) return result;

    if (!take_until(&line, ' ', &method) || !take_until(&line, ' ', &target)) {
        return fail(reader->reterr, 400, "the first line has no HTTP version where one belongs");
    }
    head->method = slice_of(head, method);
    result = read_version(line, head, reader->reterr);
    return result == HTTP_DONE ? read_target(head, target, reader->reterr) : result;
}

enum http_result http_parse_request(const char *bytes, size_t size, struct http_head *ret_head,
                                    struct http_error *reterr) {
    struct reader reader = {bytes, size < LIMIT_HEAD_SIZE ? size : LIMIT_HEAD_SIZE, 0, reterr};
    struct framing framing = {.is_request = true};
    struct http_head *head = ret_head;
    enum http_result result;

    head_reset(head, bytes);
    /* Some clients end a body with a line of its own; RFC 9112 2.2 asks to overlook one. */
    if (size > 0 && bytes[0] == '\r') {
        if (size < 2) return HTTP_NEED_MORE;
        if (bytes[1] == '\n') reader.at = 2;
    }
    result = read_request_line(&reader, head);
    if (result == HTTP_DONE) result = read_headers(&reader, head, &framing);
    if (result != HTTP_DONE) return result;
    if (framing.host_count == 0 && head->minor == 1) {
        return fail(reterr, 400, "a request of HTTP/1.1 without Host");
    }
    if (framing.is_chunked) head->body = HTTP_BODY_CHUNKED;
    if (framing.has_length) head->body = HTTP_BODY_LENGTH;
    head->wants_websocket = http_header_lists(head, "upgrade", "websocket", true);

    struct text expect = http_header(head, "expect");
    if (expect.data && head->minor == 1) {
        if (!text_is_nocase(expect, "100-continue")) {
            return fail(reterr, 417, "an Expect other than 100-continue");
        }
        head->expect_continue = true;
    }
    return HTTP_DONE;
}

/* ---- responses ----------------------------------------------------------------------------- */

static enum http_result read_status_line(struct reader *reader, struct http_head *head) {
    struct text line, version, status;
    enum http_result result = next_line(reader, &line);

    if (result != HTTP_DONE) return result;
    if (!take_until(&line, ' ', &version)) {
        return fail(reader->reterr, 400, "this does not begin like an HTTP response");
    }
    result = read_version(version, head, reader->reterr);
    if (result != HTTP_DONE) return result;
    if (!take_until(&line, ' ', &status)) { /* some leave the reason out, with its space */
        status = line;
        line.data += line.size;
        line.size = 0;
    }
    if (status.size != 3 || !all_are(is_digit, status) || *status.data == '0') {
        return fail(reader->reterr, 400, "the first line has no status of three digits");
    }
    if (!all_are(is_field, line))
        return fail(reader->reterr, 400, "a control character in the reason");
    head->status =
        (status.data[0] - '0') * 100 + (status.data[1] - '0') * 10 + (status.data[2] - '0');
    head->reason = slice_of(head, line);
    return HTTP_DONE;
}

static enum http_body response_body(const struct http_head *head, const struct framing *framing,
                                    bool to_head) {
    if (to_head || head->status < 200 || head->status == 204 || head->status == 304) {
        return HTTP_BODY_NONE;
    }
    if (framing->is_chunked) return HTTP_BODY_CHUNKED;
    return framing->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_UNTIL_CLOSE;
}

enum http_result http_parse_response(const char *bytes, size_t size, bool to_head,
                                     struct http_head *ret_head, struct http_error *reterr) {
    struct reader reader = {bytes, size < LIMIT_HEAD_SIZE ? size : LIMIT_HEAD_SIZE, 0, reterr};
    struct framing framing = {0};
    struct http_head *head = ret_head;
    enum http_result result;

    head_reset(head, bytes);
    result = read_status_line(&reader, head);
    if (result == HTTP_DONE) result = read_headers(&reader, head, &framing);
    if (result != HTTP_DONE) return result;
    head->body = response_body(head, &framing, to_head);
    if (head->body == HTTP_BODY_UNTIL_CLOSE) head->keep_alive = false;
    return HTTP_DONE;
}

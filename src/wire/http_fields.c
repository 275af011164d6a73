/* SPDX-License-Identifier: Apache-2.0 */
/* http_fields.c -- looking things up in a parsed head, and the lines that modules read and write:
 * see http.h.
 */
#include "wire/http.h"

#include "base/utf8.h"
#include "wire/http_chars.h"
#include "wire/ws.h"

/* ---- looking up ---------------------------------------------------------------------------- */

struct text http_text(const struct http_head *head, struct http_slice slice) {
    return (struct text){head->bytes + slice.offset, slice.size};
}

struct text http_method(const struct http_head *head) {
    return http_text(head, head->method);
}

struct text http_target(const struct http_head *head) {
    return http_text(head, head->target);
}

/* The index of the next header of that name, from `from` on; header_count: none. */
static size_t find(const struct http_head *head, struct text name, size_t from) {
    size_t i = from;
    while (i < head->header_count &&
           !text_same_nocase(http_text(head, head->headers[i].name), name)) {
        i++;
    }
    return i;
}

struct text http_header(const struct http_head *head, const char *name) {
    size_t i = find(head, text_of(name), 0);
    if (i == head->header_count) return (struct text){NULL, 0};
    return http_text(head, head->headers[i].value);
}

bool http_list_next(struct text *list, struct text *ret_token) {
    while (list->size > 0) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma ? (size_t)(comma - list->data) : list->size;
        struct text token = text_trim((struct text){list->data, size});
        size_t skipped = comma ? size + 1 : size;
        list->data += skipped;
        list->size -= skipped;
        if (token.size > 0) {
            *ret_token = token;
            return true;
        }
    }
    return false;
}

bool http_header_lists(const struct http_head *head, const char *name, const char *token,
                       bool nocase) {
    for (size_t i = find(head, text_of(name), 0); i < head->header_count;
         i = find(head, text_of(name), i + 1)) {
        struct text list = http_text(head, head->headers[i].value), item;
        while (http_list_next(&list, &item)) {
            if (nocase ? text_is_nocase(item, token) : text_is(item, token)) return true;
        }
    }
    return false;
}

static bool refuse(struct http_error *reterr, int status, const char *message) {
    *reterr = (struct http_error){status, message};
    return false;
}

bool http_check_websocket(const struct http_head *head, struct text *ret_key,
                          struct http_error *reterr) {
    static const char key_name[] = "sec-websocket-key";
    size_t key = find(head, text_of(key_name), 0);

    if (!text_is(http_method(head), "GET") || head->minor == 0) {
        return refuse(reterr, 400, "a WebSocket begins with a GET of HTTP/1.1");
    }
    if (!http_header_lists(head, "connection", "upgrade", true)) {
        return refuse(
            reterr, 400,
            "Upgrade without \"Connection: upgrade\": perhaps a proxy in front took it off");
    }
    if (head->body != HTTP_BODY_NONE) return refuse(reterr, 400, "a WebSocket request with a body");
    if (!text_is(http_header(head, "sec-websocket-version"), "13")) {
        return refuse(reterr, 426, "only version 13 of WebSocket is spoken here");
    }
    if (key == head->header_count) return refuse(reterr, 400, "no Sec-WebSocket-Key");
    if (find(head, text_of(key_name), key + 1) != head->header_count) {
        return refuse(reterr, 400, "more than one Sec-WebSocket-Key");
    }
    *ret_key = http_text(head, head->headers[key].value);
    if (!ws_key_valid(ret_key->data, ret_key->size)) {
        return refuse(reterr, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
    }
    return true;
}

/* ---- lines --------------------------------------------------------------------------------- */

bool http_is_hop_by_hop(struct text name) {
    static const char *const names[] = {"connection",
                                        "keep-alive",
                                        "proxy-authenticate",
                                        "proxy-authorization",
                                        "proxy-connection",
                                        "te",
                                        "trailer",
                                        "transfer-encoding",
                                        "upgrade",
                                        "content-length"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (text_is_nocase(name, names[i])) return true;
    }
    return false;
}

/* Whether one of the head's Connection headers lists the name. */
static bool is_listed(const struct http_head *head, struct text name) {
    const struct text connection = text_of("connection");
    for (size_t i = find(head, connection, 0); i < head->header_count;
         i = find(head, connection, i + 1)) {
        struct text list = http_text(head, head->headers[i].value), item;
        while (http_list_next(&list, &item)) {
            if (text_same_nocase(item, name)) return true;
        }
    }
    return false;
}

size_t http_header_lines(const struct http_head *head, char *out) {
    char *start = out;
    bool has_connection = find(head, text_of("connection"), 0) < head->header_count;

    for (size_t i = 0; i < head->header_count; i++) {
        struct text name = http_text(head, head->headers[i].name);
        struct text value = http_text(head, head->headers[i].value);
        bool is_utf8 = utf8_valid(value.data, value.size);

        if (http_is_hop_by_hop(name) || (has_connection && is_listed(head, name))) continue;
        for (size_t k = 0; k < name.size; k++) {
            char c = name.data[k];
            *out++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        *out++ = ':';
        *out++ = ' ';
        for (size_t k = 0; k < value.size; k++) {
            *out++ = is_utf8 || (unsigned char)value.data[k] < 0x80 ? value.data[k] : '?';
        }
        *out++ = '\n';
    }
    return (size_t)(out - start);
}

bool http_lines_next(struct text *lines, struct text *ret_name, struct text *ret_value) {
    if (lines->size == 0) return false;

    const char *end = memchr(lines->data, '\n', lines->size);
    struct text line = {lines->data, end ? (size_t)(end - lines->data) : lines->size};
    const char *colon = memchr(line.data, ':', line.size);
    if (!colon || colon == line.data) return false;

    struct text name = {line.data, (size_t)(colon - line.data)};
    struct text value = text_trim((struct text){colon + 1, line.size - name.size - 1});
    if (!all_are(is_token, name) || !all_are(is_field, value)) return false;

    size_t used = end ? line.size + 1 : line.size;
    lines->data += used;
    lines->size -= used;
    *ret_name = name;
    *ret_value = value;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* http_write.c -- heads into a caller's buffer: see http.h.
 */
#include "wire/http.h"

#include "wire/http_chars.h"

void http_writer_init(struct http_writer *writer, char *out, size_t capacity) {
    *writer = (struct http_writer){.out = out, .capacity = capacity};
}

static void put(struct http_writer *writer, struct text text) {
    if (writer->failed || text.size > writer->capacity - writer->size) {
        writer->failed = true;
        return;
    }
    if (text.size > 0) memcpy(writer->out + writer->size, text.data, text.size);
    writer->size += text.size;
}

static void put_number(struct http_writer *writer, uint64_t value) {
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(writer, (struct text){digits + at, sizeof(digits) - at});
}

void http_write_status(struct http_writer *writer, int status) {
    if (status < 100 || status > 999) {
        writer->failed = true;
        return;
    }
    put(writer, text_of("HTTP/1.1 "));
    put_number(writer, (uint64_t)status);
    put(writer, text_of(" "));
    put(writer, text_of(http_reason(status)));
    put(writer, text_of("\r\n"));
}

void http_write_request(struct http_writer *writer, const char *method, struct text target) {
    struct text name = text_of(method);

    if (name.size == 0 || !all_are(is_token, name)) writer->failed = true;
    if (target.size == 0 || !all_are(is_target, target)) writer->failed = true;
    put(writer, name);
    put(writer, text_of(" "));
    put(writer, target);
    put(writer, text_of(" HTTP/1.1\r\n"));
}

void http_write_header(struct http_writer *writer, struct text name, struct text value) {
    if (name.size == 0 || !all_are(is_token, name) || !all_are(is_field, value)) {
        writer->failed = true;
        return;
    }
    put(writer, name);
    put(writer, text_of(": "));
    put(writer, value);
    put(writer, text_of("\r\n"));
}

void http_write_string(struct http_writer *writer, const char *name, const char *value) {
    http_write_header(writer, text_of(name), text_of(value));
}

void http_write_number(struct http_writer *writer, const char *name, uint64_t value) {
    struct text text = text_of(name);

    if (text.size == 0 || !all_are(is_token, text)) writer->failed = true;
    put(writer, text);
    put(writer, text_of(": "));
    put_number(writer, value);
    put(writer, text_of("\r\n"));
}

void http_write_lines(struct http_writer *writer, struct text lines) {
    struct text name, value;

    while (http_lines_next(&lines, &name, &value)) {
        if (!http_is_hop_by_hop(name)) http_write_header(writer, name, value);
    }
    if (lines.size > 0) writer->failed = true;
}

bool http_write_end(struct http_writer *writer) {
    put(writer, text_of("\r\n"));
    return !writer->failed;
}

const char *http_reason(int status) {
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 418: return "I'm a teapot";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
    }
}

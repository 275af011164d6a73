/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- HTTP heads: cuts change no verdict, and what a module would see can be written again.
 *
 * Input: 'q' and a request, 's' and a response, or 'l' and a module's header lines.
 */
#include "wire/http.h"

#undef NDEBUG
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[4 * LIMIT_HEAD_SIZE];
static struct http_head head, again;

static enum http_result parse(const char *bytes, size_t size, bool is_request,
                              struct http_error *error) {
    if (is_request) return http_parse_request(bytes, size, &head, error);
    return http_parse_response(bytes, size, false, &head, error);
}

/* Every prefix asks for more, or gives the whole's verdict. */
static void fuzz_head(const char *bytes, size_t size, bool is_request) {
    struct http_error error, cut_error;
    struct http_writer writer;
    enum http_result result = parse(bytes, size, is_request, &error);
    size_t end = result == HTTP_DONE ? head.size : size;

    for (size_t cut = 0; cut < size; cut += 1 + cut / 64) {
        enum http_result cut_result = parse(bytes, cut, is_request, &cut_error);
        if (cut_result == HTTP_NEED_MORE && cut < end) continue;
        assert(cut_result == result && (cut_result == HTTP_ERROR || cut >= end));
        assert(cut_result == HTTP_DONE || cut_error.message == error.message);
    }
    if (parse(bytes, size, is_request, &error) != HTTP_DONE || !is_request) return;
    struct text key, lines = {out, http_header_lines(&head, out)};
    assert(lines.size <= head.size);
    if (http_check_websocket(&head, &key, &error)) assert(key.size == 24);

    http_writer_init(&writer, out + LIMIT_HEAD_SIZE, 2 * LIMIT_HEAD_SIZE);
    http_write_request(&writer, "GET", text_of("/"));
    http_write_lines(&writer, lines);
    assert(http_write_end(&writer));
    assert(writer.size > LIMIT_HEAD_SIZE ||
           http_parse_request(writer.out, writer.size, &again, &error) == HTTP_DONE || !head.minor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data + 1;
    if (size == 0) return 0;
    if (data[0] == 'q' || data[0] == 's') fuzz_head(bytes, size - 1, data[0] == 'q');

    struct text lines = {bytes, size - 1}, name, value;
    while (data[0] == 'l' && http_lines_next(&lines, &name, &value)) assert(name.size > 0);
    return 0;
}

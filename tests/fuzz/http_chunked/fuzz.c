/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- http_chunked_decode(): the same body, end and error in pieces of every size.
 *
 * Input: a chunked body.
 */
#include "wire/http.h"

#undef NDEBUG
#include <assert.h>

#define BODY_MAX 200 /* small, so that inputs reach it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    char body[BODY_MAX];
    size_t body_size, used;
    enum http_chunk_kind end; /* NEED_MORE: the input ended first */
    const char *error;
};

static struct outcome run(const char *bytes, size_t size, size_t piece) {
    struct outcome outcome = {.end = HTTP_CHUNK_NEED_MORE};
    struct http_chunked chunked;
    struct http_chunk chunk;

    http_chunked_init(&chunked, BODY_MAX);
    while (outcome.used < size && outcome.end == HTTP_CHUNK_NEED_MORE) {
        size_t left = size - outcome.used < piece ? size - outcome.used : piece;
        size_t used = http_chunked_decode(&chunked, bytes + outcome.used, left, &chunk);
        assert(used > 0 && used <= left);
        outcome.used += used;
        assert(outcome.body_size + chunk.data.size <= BODY_MAX);
        if (chunk.kind == HTTP_CHUNK_DATA) {
            memcpy(outcome.body + outcome.body_size, chunk.data.data, chunk.data.size);
            outcome.body_size += chunk.data.size;
        }
        if (chunk.kind == HTTP_CHUNK_END || chunk.kind == HTTP_CHUNK_ERROR)
            outcome.end = chunk.kind;
        outcome.error = chunk.error.message;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct outcome whole = run((const char *)data, size, size);
    for (size_t piece = 1; piece < 10; piece++) {
        struct outcome cut = run((const char *)data, size, piece);
        assert(whole.end == cut.end && whole.used == cut.used && whole.error == cut.error);
        assert(whole.body_size == cut.body_size);
        assert(memcmp(whole.body, cut.body, whole.body_size) == 0);
    }
    return 0;
}

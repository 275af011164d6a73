/* SPDX-License-Identifier: Apache-2.0 */
/* json_document.c -- see json_document.h. */
#include "server/json_document.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"

struct growing {
    char *data;
    size_t size, capacity;
};

static int append(const char *bytes, size_t size, void *context) {
    struct growing *text = context;

    if (text->size + size + 1 > text->capacity) {
        size_t capacity = text->capacity ? text->capacity * 2 : 512;
        char *more;
        while (capacity < text->size + size + 1) capacity *= 2;
        more = mem_resize(text->data, capacity);
        if (!more) return -1;
        text->data = more;
        text->capacity = capacity;
    }
    if (size) memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
    return 0;
}

bool json_text(const json_t *json, ramp_bytes *ret_text) {
    struct growing text = {NULL, 0, 0};

    if (json_dump_callback(json, append, &text, JSON_COMPACT | JSON_ENCODE_ANY) != 0 ||
        !text.data) {
        mem_free(text.data);
        return false;
    }
    *ret_text = (ramp_bytes){text.data, text.size};
    return true;
}

json_t *json_of_bytes(ramp_bytes bytes) {
    return json_stringn(bytes.size ? bytes.data : "", bytes.size);
}

json_t *json_of_base64(ramp_bytes bytes) {
    unsigned char *text;
    json_t *json;

    if (bytes.size > INT_MAX / 2) return NULL;
    text = mem_alloc((bytes.size + 2) / 3 * 4 + 1);
    if (!text) return NULL;
    EVP_EncodeBlock(text, bytes.size ? bytes.data : (const unsigned char *)"", (int)bytes.size);
    json = json_string_nocheck((const char *)text);
    mem_free(text);
    return json;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.c -- a run of bytes that grows up to a maximum; see bytes.h. */
#include "cli/bytes.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bytes_init(struct bytes *bytes, size_t max) {
    *bytes = (struct bytes){.max = max};
}

void bytes_done(struct bytes *bytes) {
    mem_free(bytes->data);
    *bytes = (struct bytes){0};
}

void bytes_reset(struct bytes *bytes) {
    bytes->size = 0;
    bytes->failed = false;
    if (bytes->data) bytes->data[0] = '\0';
}

static bool make_room(struct bytes *bytes, size_t more) {
    if (bytes->failed || more > bytes->max - bytes->size) return false;
    size_t need = bytes->size + more + 1, capacity = bytes->capacity ? bytes->capacity : 128;
    if (need <= bytes->capacity) return true;
    while (capacity < need) capacity *= 2;
    char *data = mem_resize(bytes->data, capacity);
    if (!data) return false;
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size) {
    if (!make_room(bytes, size)) {
        bytes->failed = true;
        return;
    }
    if (size) memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    bytes->data[bytes->size] = '\0';
}

void bytes_format(struct bytes *bytes, const char *format, ...) {
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size < 0 || !make_room(bytes, (size_t)size)) {
        bytes->failed = true;
    } else {
        vsnprintf(bytes->data + bytes->size, (size_t)size + 1, format, again);
        bytes->size += (size_t)size;
    }
    va_end(again);
    va_end(arguments);
}

void bytes_add_encoded(struct bytes *bytes, const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text; text++) {
        if (strchr(plain, *text)) bytes_add(bytes, text, 1);
        else bytes_format(bytes, "%%%02X", (unsigned char)*text);
    }
}

void bytes_add_base64(struct bytes *bytes, const void *data, size_t size) {
    const unsigned char *from = data;
    unsigned char out[65];

    for (size_t at = 0; at < size; at += 48) {
        size_t piece = size - at < 48 ? size - at : 48;
        int written = EVP_EncodeBlock(out, from + at, (int)piece);
        bytes_add(bytes, out, (size_t)written);
    }
}

void bytes_drop(struct bytes *bytes, size_t count) {
    assert(count <= bytes->size);
    if (!count) return;
    memmove(bytes->data, bytes->data + count, bytes->size - count + 1);
    bytes->size -= count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* base64.c -- see base64.h. */
#include "server/base64.h"

#include "base/mem.h"

static int sextet(unsigned char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

ramp_status base64_decode(ramp_bytes text, ramp_bytes *ret_bytes) {
    const unsigned char *from = text.data;
    size_t size = text.size, at = 0;
    unsigned char *bytes;
    unsigned bits = 0, count = 0;

    if (size > 0 && size % 4 == 0 && from[size - 1] == '=') size -= from[size - 2] == '=' ? 2 : 1;
    if (size % 4 == 1) return RAMP_ARGS;
    bytes = mem_alloc(size / 4 * 3 + 3);
    if (!bytes) return RAMP_NO_MEMORY;
    for (size_t i = 0; i < size; i++) {
        int value = sextet(from[i]);
        if (value < 0) goto fail;
        bits = (bits << 6 | (unsigned)value) & 0xFFFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes[at++] = (unsigned char)(bits >> count);
    }
    /* Bits that say nothing must be zero, so that each run of bytes has one text. */
    if (bits & ((1u << count) - 1)) goto fail;
    *ret_bytes = (ramp_bytes){bytes, at};
    return RAMP_OK;

fail:
    mem_free(bytes);
    return RAMP_ARGS;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* scan_reader.c -- WebAssembly's numbers and names. Door: scan_reader.h. */
#include "core/scan_reader.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

bool scan_refuse(const struct scan_reader *reader, size_t offset, const char *format, ...) {
    char sentence[200];
    va_list arguments;

    if (!reader->reterr) return false;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    error_set(reader->reterr, RAMP_REFUSED, "%s (at offset 0x%zx)", sentence, offset);
    return false;
}

static bool ends(const struct scan_reader *reader) {
    return scan_refuse(reader, reader->end, "the module is cut off or a size in it is wrong");
}

bool scan_u8(struct scan_reader *reader, uint8_t *ret_value) {
    if (reader->at >= reader->end) return ends(reader);
    *ret_value = reader->data[reader->at++];
    return true;
}

bool scan_u32(struct scan_reader *reader, uint32_t *ret_value) {
    size_t start = reader->at;
    uint32_t value = 0;

    for (unsigned int shift = 0; shift < 35; shift += 7) {
        uint8_t byte;
        if (reader->at >= reader->end) return ends(reader);
        byte = reader->data[reader->at++];
        if (shift == 28 && byte > 0x0f) break; /* does not fit, or does not end */
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *ret_value = value;
        return true;
    }
    return scan_refuse(reader, start, "a number is too large");
}

bool scan_s32(struct scan_reader *reader, int32_t *ret_value) {
    size_t start = reader->at;
    uint64_t value = 0;

    for (unsigned int shift = 0; shift < 35; shift += 7) {
        uint8_t byte;
        if (reader->at >= reader->end) return ends(reader);
        byte = reader->data[reader->at++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        if (byte & 0x40) value |= UINT64_MAX << (shift + 7);
        if ((int64_t)value < INT32_MIN || (int64_t)value > INT32_MAX) break;
        *ret_value = (int32_t)(int64_t)value;
        return true;
    }
    return scan_refuse(reader, start, "a number is too large");
}

bool scan_skip(struct scan_reader *reader, size_t count) {
    if (count > reader->end - reader->at) return ends(reader);
    reader->at += count;
    return true;
}

bool scan_skip_leb(struct scan_reader *reader, size_t bytes_max) {
    size_t start = reader->at;

    while (reader->at < reader->end) {
        if (reader->at - start == bytes_max)
            return scan_refuse(reader, start, "a number is too large");
        if (!(reader->data[reader->at++] & 0x80)) return true;
    }
    return ends(reader);
}

bool scan_name(struct scan_reader *reader, ramp_bytes *ret_name) {
    uint32_t size = 0;

    if (!scan_u32(reader, &size)) return false;
    ret_name->data = reader->data + reader->at;
    ret_name->size = size;
    return scan_skip(reader, size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* lines.c -- looks places up in the section ramp.lines. Door, and the format: lines.h. */
#include "core/lines.h"

#include "core/scan_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1u

struct place {
    uint32_t file; /* index + 1; 0: none */
    int64_t line, column;
};

static bool skip_names(struct scan_reader *reader, bool with_index) {
    uint32_t count, index;
    ramp_bytes name;

    if (!scan_u32(reader, &count)) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (with_index && !scan_u32(reader, &index)) return false;
        if (!scan_name(reader, &name)) return false;
    }
    return true;
}

static bool file_name(struct scan_reader reader, uint32_t file, ramp_bytes *ret_name) {
    uint32_t count;

    if (!scan_u32(&reader, &count) || file > count) return false;
    for (uint32_t i = 0; i < file; i++)
        if (!scan_name(&reader, ret_name)) return false;
    return true;
}

/* One pass over all entries: the last one at or before each frame's offset. */
static bool find_places(struct scan_reader *reader, const struct engine_failure *failure,
                        struct place *places) {
    uint64_t offset = 0;
    int64_t line = 0, column = 0;
    uint32_t count, delta;

    if (!scan_u32(reader, &count)) return false;
    for (uint32_t i = 0; i < count; i++) {
        struct place place = {0};
        int32_t line_delta, column_delta;

        if (!scan_u32(reader, &delta) || !scan_u32(reader, &place.file)) return false;
        offset += delta;
        if (place.file) {
            if (!scan_s32(reader, &line_delta) || !scan_s32(reader, &column_delta)) return false;
            line += line_delta;
            column += column_delta;
            if (line < 1 || column < 1) return false;
            place.line = line;
            place.column = column;
        }
        for (size_t j = 0; j < failure->frame_count; j++)
            if (failure->frames[j].offset >= offset) places[j] = place;
    }
    return true;
}

/* The file's name is the user's: nothing in it may break the line that it is printed in. */
static void write_place(ramp_bytes name, const struct place *place, char *where, size_t where_cap) {
    char place_text[48];
    size_t place_size = (size_t)snprintf(place_text, sizeof(place_text), ":%" PRId64 ":%" PRId64,
                                         place->line, place->column);
    size_t size = name.size;
    const unsigned char *data = name.data;

    if (place_size + 1 >= where_cap) return;
    if (size > where_cap - place_size - 1) size = where_cap - place_size - 1;
    while (size && size < name.size && (data[size] & 0xC0) == 0x80) size--; /* whole characters */
    for (size_t i = 0; i < size; i++)
        where[i] = (char)(data[i] < ' ' || data[i] == 0x7f ? '?' : data[i]);
    memcpy(where + size, place_text, place_size + 1);
}

static bool is_library(ramp_bytes name) {
    return name.size >= 5 && !memcmp(name.data, "~lib/", 5);
}

bool lines_find(ramp_bytes section, const struct engine_failure *failure, char *where,
                size_t where_cap) {
    struct scan_reader reader = {.data = section.data, .end = section.size}, files;
    struct place places[ENGINE_FRAMES_MAX] = {{0}};
    uint32_t version;

    if (!where_cap) return false;
    where[0] = '\0';
    if (!failure->frame_count) return false;
    snprintf(where, where_cap, "function %" PRIu32 ", offset 0x%zx", failure->frames[0].function,
             failure->frames[0].offset);

    if (!section.size || !scan_u32(&reader, &version) || version != VERSION) return false;
    files = reader;
    if (!skip_names(&reader, false) || !skip_names(&reader, true)) return false;
    if (!find_places(&reader, failure, places)) return false;
    for (size_t i = 0; i < failure->frame_count; i++) {
        ramp_bytes name = {NULL, 0};
        if (!failure->frames[i].offset || !places[i].file) continue;
        if (!file_name(files, places[i].file, &name) || is_library(name)) continue;
        write_place(name, &places[i], where, where_cap);
        return true;
    }
    return false;
}

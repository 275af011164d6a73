/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.c -- lines_find(): a section that says anything gives one printable line.
 *
 * Input: a byte of capacity, six bytes of frames (three offsets, little-endian), then the section.
 */
#include "core/lines.h"

#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct engine_failure failure = {.frame_count = 3};
    uint8_t *section;
    char *where;
    size_t cap;

    if (size < 7) return 0;
    cap = data[0];
    for (size_t i = 0; i < 3; i++)
        failure.frames[i].offset = data[1 + 2 * i] + 256u * data[2 + 2 * i];
    data += 7, size -= 7;
    section = malloc(size + 1);
    where = malloc(cap + 1);
    if (size) memcpy(section, data, size);
    if (lines_find((ramp_bytes){section, size}, &failure, where, cap)) {
        assert(size && (section[0] & 0x7f) == 1); /* 81 00 is 1, too */
        if (cap > 50) assert(strchr(where, ':'));
    }
    if (cap) {
        assert(memchr(where, 0, cap));
        for (const char *p = where; *p; p++) assert((unsigned char)*p >= ' ' && *p != 0x7f);
    }
    free(where);
    free(section);
    return 0;
}

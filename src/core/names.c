/* SPDX-License-Identifier: Apache-2.0 */
/* names.c -- see names.h; and the names of calls and events of ramp/ramp.h. */
#include "core/names.h"

#include <string.h>

#include <ramp/ramp.h>

#include "base/limits.h"
#include "base/utf8.h"

bool service_name_is_valid(const char *name) {
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size >= 1 && size <= LIMIT_SERVICE_NAME && name[size] == '\0' && name[0] != '-';
}

bool id_is_valid(const char *id, size_t size_max, bool of_room) {
    size_t size = strlen(id);

    if (size < 1 || size > size_max || !utf8_valid(id, size)) return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c < 0x20 || c == 0x7F || (of_room && c == '/')) return false;
        /* U+0080 to U+009F are control characters, too: C2 80 to C2 9F. */
        if (c == 0xC2 && (unsigned char)id[i + 1] < 0xA0) return false;
    }
    return true;
}

const char *ramp_call_name(ramp_call_kind kind) {
    static const char *const names[] = {
#define CALL_NAME(name, text) [RAMP_CALL_##name] = text,
        RAMP_CALL_LIST(CALL_NAME)
#undef CALL_NAME
    };
    return (unsigned)kind < RAMP_CALL_COUNT ? names[kind] : "unknown";
}

const char *ramp_event_name(ramp_event_type type) {
    static const char *const names[] = {
#define EVENT_NAME(name, text) [RAMP_EVENT_##name] = text,
        RAMP_EVENT_LIST(EVENT_NAME)
#undef EVENT_NAME
    };
    return (unsigned)type < RAMP_EVENT_COUNT ? names[type] : "unknown";
}

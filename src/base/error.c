/* SPDX-License-Identifier: Apache-2.0 */
/* error.c -- statuses, their names and sentences. Door: error.h, and the status part of ramp/ramp.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ramp_status error_set(ramp_error *reterr, ramp_status status, const char *format, ...) {
    va_list arguments;
    int length;

    if (!reterr) return status;
    reterr->status = status;
    va_start(arguments, format);
    length = vsnprintf(reterr->message, sizeof(reterr->message), format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(reterr->message)) {
        size_t end = sizeof(reterr->message) - 1;
        while (end > 0 && ((unsigned char)reterr->message[end - 1] & 0xC0) == 0x80) end--;
        if (end > 0 && (unsigned char)reterr->message[end - 1] >= 0xC0) end--;
        reterr->message[end] = '\0';
    }
    return status;
}

static const struct {
    ramp_status status;
    const char *name, *text;
} statuses[] = {
#define STATUS_ROW(name, value, meaning) {RAMP_##name, #name, meaning},
    RAMP_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

const char *ramp_status_name(ramp_status status) {
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (statuses[i].status == status) return statuses[i].name;
    return "UNKNOWN";
}

const char *ramp_status_text(ramp_status status) {
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (statuses[i].status == status) return statuses[i].text;
    return "an unknown status";
}

/* SPDX-License-Identifier: Apache-2.0 */
/* sse.c -- server-sent events; see sse.h. */
#include "cli/sse.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

void sse_init(struct sse *sse, void (*on_event)(void *, const char *, const char *, size_t),
              void *context) {
    *sse = (struct sse){.on_event = on_event, .context = context};
    bytes_init(&sse->line, LIMIT_CLI_LINE);
    bytes_init(&sse->data, LIMIT_CLI_LINE);
}

void sse_done(struct sse *sse) {
    bytes_done(&sse->line);
    bytes_done(&sse->data);
}

/* An empty line: the event is complete. */
static void dispatch(struct sse *sse) {
    size_t size = sse->data.size;

    /* Every data line brought a newline; the last one is none of the data. */
    if (size) sse->on_event(sse->context, sse->event, sse->data.data, size - 1);
    bytes_reset(&sse->data);
    sse->event[0] = '\0';
}

static void take_line(struct sse *sse) {
    const char *line = sse->line.data ? sse->line.data : "";
    size_t size = sse->line.size, name = strcspn(line, ":");

    if (size == 0) {
        dispatch(sse);
        return;
    }
    const char *value = line + name + (line[name] == ':');
    if (*value == ' ') value++;
    if (name == 4 && memcmp(line, "data", 4) == 0) {
        bytes_add(&sse->data, value, size - (size_t)(value - line));
        bytes_add(&sse->data, "\n", 1);
    } else if (name == 5 && memcmp(line, "event", 5) == 0) {
        snprintf(sse->event, sizeof(sse->event), "%.31s", value);
    }
}

bool sse_feed(struct sse *sse, const char *bytes, size_t size) {
    for (size_t at = 0; at < size && !sse->line.failed && !sse->data.failed;) {
        if (sse->after_cr && bytes[at] == '\n') at++;
        sse->after_cr = false;
        size_t end = at;
        while (end < size && bytes[end] != '\n' && bytes[end] != '\r') end++;
        if (end > at) bytes_add(&sse->line, bytes + at, end - at);
        at = end;
        if (at == size) break;
        if (!sse->line.failed) take_line(sse);
        if (sse->line.failed || sse->data.failed) return false;
        bytes_reset(&sse->line);
        sse->after_cr = bytes[at++] == '\r';
    }
    return !sse->line.failed && !sse->data.failed;
}

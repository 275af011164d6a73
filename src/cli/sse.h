/* SPDX-License-Identifier: Apache-2.0 */
/* sse.h -- server-sent events: the stream's bytes, cut anywhere, to events.
 *
 * Door:   sse_init(), sse_feed(), sse_done().
 * Before: client_stream(). After: logs.
 * Not here: `id` and `retry`, which the control API does not send.
 */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include "cli/bytes.h"

struct sse {
    struct bytes line, data;
    char event[32]; /* "" is "message" */
    bool after_cr;
    void (*on_event)(void *context, const char *event, const char *data, size_t size);
    void *context;
};

void sse_init(struct sse *sse, void (*on_event)(void *, const char *, const char *, size_t),
              void *context);
void sse_done(struct sse *sse);
/* false: an event is too big, or there is no memory. */
bool sse_feed(struct sse *sse, const char *bytes, size_t size);

#endif

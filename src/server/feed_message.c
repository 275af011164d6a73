/* SPDX-License-Identifier: Apache-2.0 */
/* feed_message.c -- what a connection said, kept until its call has ended, so that the feed can show it.
 *
 * Door:   feed_keep_message(), feed_forget_message() (server.h).
 * Before: websocket.c, with a message that it is about to hand to its room.
 * After:  feed.c, which reads `given` of the outcome's tag.
 *
 * Only while somebody follows the room, and only as much as the feed shows: a message costs nothing else.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "server/events_json.h"
#include "server/worker.h"

#include <string.h>

struct kept {
    struct pending pending;
    struct call_given given;
    unsigned char bytes[];
};

static void done(struct worker *worker, struct call_tag *tag, const ramp_outcome *outcome) {
    (void)worker;
    (void)outcome;
    feed_forget_message(tag);
}

static void abandon(struct worker *worker, struct pending *pending) {
    (void)worker;
    mem_free(list_item(pending, struct kept, pending));
}

struct call_tag *feed_keep_message(struct worker *worker, const ramp_connection *connection,
                                   ramp_bytes payload, bool binary) {
    ramp_bytes shown;
    struct kept *kept;

    if (!feed_follows(worker, ramp_connection_service(connection),
                      ramp_connection_room(connection)))
        return NULL;
    shown = events_json_cut(payload, LIMIT_FEED_PAYLOAD, !binary);
    kept = mem_alloc(sizeof(*kept) + shown.size);
    if (!kept) return NULL;
    if (shown.size) memcpy(kept->bytes, shown.data, shown.size);
    kept->given = (struct call_given){
        .payload = {kept->bytes, shown.size},
        .payload_size = payload.size,
        .binary = binary,
    };
    kept->pending =
        (struct pending){.tag = {.done = done, .given = &kept->given}, .abandon = abandon};
    list_push_back(&worker->pending, &kept->pending.in_worker);
    return &kept->pending.tag;
}

void feed_forget_message(struct call_tag *tag) {
    struct kept *kept;

    if (!tag) return;
    kept = list_item(tag, struct kept, pending.tag);
    list_remove(&kept->pending.in_worker);
    mem_free(kept);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.c -- see overlay.h. */
#include "core/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/call.h"

static bool bytes_equal(ramp_bytes a, ramp_bytes b) {
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static int bytes_compare(ramp_bytes a, ramp_bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;

    if (order) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* ---- one key ------------------------------------------------------------------------------- */

static bool is_db_write(const ramp_event *event) {
    return event->type == RAMP_EVENT_DB_SET || event->type == RAMP_EVENT_DB_DEL;
}

static const ramp_event *batch_find(const struct batch *batch, ramp_bytes key) {
    if (!(batch->needs & BATCH_DB)) return NULL;
    for (size_t i = batch->count; i-- > 0;) {
        const ramp_event *event = &batch->events[i];
        if (is_db_write(event) && bytes_equal(event->key, key)) return event;
    }
    return NULL;
}

/* Newest first: the call's own, then the waiting batches from the last to the first. */
enum overlay_found overlay_find(const struct call *call, ramp_bytes key, ramp_bytes *ret_value) {
    const struct list *batches = &call->room->gate.batches;
    const ramp_event *event = batch_find(&call->batch, key);

    for (struct list *node = batches->previous; !event && node != batches; node = node->previous)
        event = batch_find(&list_item(node, struct call, in_gate)->batch, key);
    if (!event) return OVERLAY_NONE;
    if (event->type == RAMP_EVENT_DB_DEL) return OVERLAY_DELETED;
    *ret_value = event->payload;
    return OVERLAY_VALUE;
}

/* ---- a range ------------------------------------------------------------------------------- */

struct range {
    ramp_bytes prefix, after;
};

static bool range_has(const struct range *range, ramp_bytes key) {
    if (key.size < range->prefix.size) return false;
    if (range->prefix.size && memcmp(key.data, range->prefix.data, range->prefix.size) != 0)
        return false;
    return bytes_compare(key, range->after) > 0;
}

/* One write, numbered from the newest on. */
struct found {
    const ramp_event *event;
    size_t age;
};

static int compare_found(const void *left, const void *right) {
    const struct found *a = left, *b = right;
    int order = bytes_compare(a->event->key, b->event->key);

    if (order) return order;
    return a->age < b->age ? -1 : 1;
}

/* Calls `found` (NULL: only counts) with the range's writes, newest first. */
static size_t batch_each(const struct batch *batch, const struct range *range, struct found *found,
                         size_t count) {
    if (!(batch->needs & BATCH_DB)) return count;
    for (size_t i = batch->count; i-- > 0;) {
        const ramp_event *event = &batch->events[i];
        if (!is_db_write(event) || !range_has(range, event->key)) continue;
        if (found) found[count] = (struct found){event, count};
        count++;
    }
    return count;
}

static size_t call_each(const struct call *call, const struct range *range, struct found *found) {
    const struct list *batches = &call->room->gate.batches;
    size_t count = batch_each(&call->batch, range, found, 0);

    for (struct list *node = batches->previous; node != batches; node = node->previous)
        count = batch_each(&list_item(node, struct call, in_gate)->batch, range, found, count);
    return count;
}

/* Keeps the newest write of each key. */
static size_t found_unique(struct found *found, size_t count) {
    size_t kept = 0;

    qsort(found, count, sizeof(*found), compare_found);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !bytes_equal(found[kept - 1].event->key, found[i].event->key))
            found[kept++] = found[i];
    return kept;
}

static ramp_bytes copy_bytes(unsigned char **at, ramp_bytes bytes) {
    ramp_bytes copy = {.data = *at, .size = bytes.size};

    if (bytes.size) memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return copy;
}

bool overlay_collect(const struct call *call, ramp_bytes prefix, ramp_bytes after,
                     struct overlay *ret_overlay) {
    const struct range range = {prefix, after};
    size_t count = call_each(call, &range, NULL), size = 0;
    struct found *found;
    struct overlay_entry *entries;
    unsigned char *at;

    *ret_overlay = (struct overlay){0};
    if (count == 0) return true;
    found = mem_alloc(count * sizeof(*found));
    if (!found) return false;
    call_each(call, &range, found);
    count = found_unique(found, count);
    for (size_t i = 0; i < count; i++)
        size += found[i].event->key.size + found[i].event->payload.size;
    entries = mem_alloc(count * sizeof(*entries) + size);
    if (entries) {
        at = (unsigned char *)(entries + count);
        for (size_t i = 0; i < count; i++) {
            const ramp_event *event = found[i].event;
            entries[i].key = copy_bytes(&at, event->key);
            entries[i].value = copy_bytes(&at, event->payload);
            entries[i].is_deleted = event->type == RAMP_EVENT_DB_DEL;
        }
        *ret_overlay = (struct overlay){entries, count};
    }
    mem_free(found);
    return entries != NULL;
}

void overlay_done(struct overlay *overlay) {
    mem_free(overlay->entries);
    *overlay = (struct overlay){0};
}

/* ---- merging ------------------------------------------------------------------------------- */

/* Two sorted lists, read as one. */
struct merge {
    const struct overlay *overlay;
    const ramp_entry *stored;
    size_t stored_count, at_overlay, at_stored;
    bool stored_more;
};

/* The next entry; false: there is none, or it cannot be known, as the store has not said enough. */
static bool merge_next(struct merge *merge, ramp_bytes *ret_key, ramp_bytes *ret_value) {
    while (merge->at_stored < merge->stored_count || !merge->stored_more) {
        const struct overlay_entry *own = merge->at_overlay < merge->overlay->count
                                              ? &merge->overlay->entries[merge->at_overlay]
                                              : NULL;
        const ramp_entry *stored =
            merge->at_stored < merge->stored_count ? &merge->stored[merge->at_stored] : NULL;
        int order;
        if (!own && !stored) return false;
        order = !own ? 1 : !stored ? -1 : bytes_compare(own->key, stored->key);
        merge->at_overlay += order <= 0;
        merge->at_stored += order >= 0;
        if (order <= 0 && own->is_deleted) continue;
        *ret_key = order <= 0 ? own->key : stored->key;
        *ret_value = order <= 0 ? own->value : stored->value;
        return true;
    }
    return false;
}

static void put_u32(unsigned char *at, size_t value) {
    uint32_t word = (uint32_t)value;

    memcpy(at, &word, 4);
}

static unsigned char *put_bytes(unsigned char *at, ramp_bytes bytes) {
    put_u32(at, bytes.size);
    if (bytes.size) memcpy(at + 4, bytes.data, bytes.size);
    return at + 4 + bytes.size;
}

bool overlay_merge(const struct overlay *overlay, const ramp_entry *stored, size_t stored_count,
                   bool stored_more, uint32_t limit, size_t bytes_max, ramp_bytes *ret_result) {
    const struct merge start = {.overlay = overlay,
                                .stored = stored,
                                .stored_count = stored_count,
                                .stored_more = stored_more};
    struct merge merge = start;
    size_t size = 8, count = 0;
    bool more = false;
    ramp_bytes key, value;
    unsigned char *result, *at;

    while (merge_next(&merge, &key, &value)) {
        size_t next = size + 8 + key.size + value.size;
        more = count == limit || (count > 0 && next > bytes_max);
        if (more) break;
        size = next;
        count++;
    }
    /* Keys of ours beyond the last that the store has told come later, too. */
    more = more || stored_more;
    result = mem_alloc(size);
    if (!result) return false;
    put_u32(result, count);
    put_u32(result + 4, more);
    at = result + 8;
    merge = start;
    for (size_t i = 0; i < count && merge_next(&merge, &key, &value); i++) {
        at = put_bytes(at, key);
        at = put_bytes(at, value);
    }
    *ret_result = (ramp_bytes){.data = result, .size = size};
    return true;
}

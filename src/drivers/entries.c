/* SPDX-License-Identifier: Apache-2.0 */
/* entries.c -- see entries.h. */
#include "drivers/entries.h"

#include "base/limits.h"

#include <assert.h>

static_assert(sizeof(((struct entries *)NULL)->next) == LIMIT_KEY_SIZE + 1, "a key and a NUL");

/* The answer's bytes may move while they grow: where each entry lies in them, until the end. */
struct found {
    size_t at, key_size, value_size;
};

static bool has_prefix(const void *key, size_t size, ramp_bytes prefix) {
    return size >= prefix.size && (prefix.size == 0 || memcmp(key, prefix.data, prefix.size) == 0);
}

static int compare(ramp_bytes a, ramp_bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;

    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

int entries_begin(struct entries *entries, struct storage_job *job, const ramp_db_range *range) {
    *entries = (struct entries){.job = job, .range = range, .from = range->prefix};
    if (range->after.size > LIMIT_KEY_SIZE) return SQLITE_TOOBIG;
    if (range->after.size == 0) return SQLITE_OK;
    memcpy(entries->next, range->after.data, range->after.size);
    if (compare(range->after, range->prefix) >= 0)
        entries->from = (ramp_bytes){entries->next, range->after.size + 1};
    return SQLITE_OK;
}

static bool append(struct entries *entries, sqlite3_stmt *row, size_t key_size, size_t value_size) {
    struct buffer *bytes = &entries->job->bytes;
    struct found found = {.at = bytes->size, .key_size = key_size, .value_size = value_size};

    return buffer_append(bytes, sqlite3_column_blob(row, 0), key_size) &&
           buffer_append(bytes, sqlite3_column_blob(row, 1), value_size) &&
           buffer_append(&entries->found, &found, sizeof(found));
}

bool entries_add(struct entries *entries, sqlite3_stmt *row) {
    const void *key = sqlite3_column_blob(row, 0);
    size_t key_size = (size_t)sqlite3_column_bytes(row, 0), value_size;

    if (!has_prefix(key, key_size, entries->range->prefix)) return false;
    entries->is_full = entries->count >= entries->range->limit;
    if (entries->is_full) return false;
    value_size = (size_t)sqlite3_column_bytes(row, 1);
    entries->is_full =
        entries->count > 0 && entries->bytes + key_size + value_size > entries->range->bytes_max;
    if (entries->is_full) return false;
    entries->no_memory = !append(entries, row, key_size, value_size);
    if (entries->no_memory) return false;
    entries->bytes += key_size + value_size;
    entries->count++;
    return true;
}

static bool make_items(struct entries *entries) {
    const struct found *found = (const struct found *)(const void *)entries->found.data;
    ramp_entry *items = mem_alloc((entries->count + 1) * sizeof(*items));

    if (!items) return false;
    for (size_t i = 0; i < entries->count; i++) {
        const uint8_t *at = entries->job->bytes.data + found[i].at;
        items[i] = (ramp_entry){.key = {at, found[i].key_size},
                                .value = {at + found[i].key_size, found[i].value_size}};
    }
    entries->job->items = items;
    entries->job->answer.entries = items;
    entries->job->answer.entry_count = entries->count;
    entries->job->answer.more = entries->is_full;
    return true;
}

int entries_end(struct entries *entries, int result) {
    if (result == SQLITE_ROW || result == SQLITE_DONE) result = SQLITE_OK;
    if (entries->no_memory || (result == SQLITE_OK && !make_items(entries))) result = SQLITE_NOMEM;
    buffer_release(&entries->found);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* entries.h -- rows (key, value, ...) of a room as an answer's entries: a prefix, a page, its bounds.
 *
 * Door:     entries_begin(), then entries_add() for each row from `from` on in order, then entries_end().
 * Before:   db_sqlite.c, kv_sqlite.c.
 */
#ifndef DRIVERS_ENTRIES_H
#define DRIVERS_ENTRIES_H

#include "drivers/storage.h"

struct entries {
    struct storage_job *job;
    const ramp_db_range *range;
    ramp_bytes from;   /* the first key that may belong to the page */
    uint8_t next[513]; /* `range->after` and a NUL: the smallest key that is greater */
    struct buffer found;
    size_t count, bytes;
    bool is_full, no_memory;
};

/* SQLITE_OK, or SQLITE_TOOBIG: `after` is no key. `range` is borrowed. */
int entries_begin(struct entries *entries, struct storage_job *job, const ramp_db_range *range);
/* Columns 0 and 1 are key and value. false: no further row is wanted. */
bool entries_add(struct entries *entries, sqlite3_stmt *row);
/* Makes job->answer of them. `result` is what the statement's last step gave, or SQLITE_ROW. */
int entries_end(struct entries *entries, int result);

#endif

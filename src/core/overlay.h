/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.h -- a room's own db writes that are not stored yet, laid over what the db says.
 *
 * Door:   overlay_find() for one key; overlay_collect() and overlay_merge() for
 *         db_list.
 * Before: hostcalls_storage.c, pending.c.
 *
 * A read sees, newest first: the call's own events, the batches that wait behind the gate, the store
 * (CONTRACT 2.3). What is collected is copied: by the time the store answers, batches may have been
 * stored and freed.
 * Not here: kv (kv.h keeps what is reserved by its key).
 */
#ifndef CORE_OVERLAY_H
#define CORE_OVERLAY_H

#include <ramp/driver.h>

struct call;

enum overlay_found { OVERLAY_NONE, OVERLAY_VALUE, OVERLAY_DELETED };

/* The latest unsaved write of the key. `*ret_value` is borrowed from the batch. */
enum overlay_found overlay_find(const struct call *call, ramp_bytes key, ramp_bytes *ret_value);
struct overlay_entry {
    ramp_bytes key, value;
    bool is_deleted;
};
struct overlay {
    struct overlay_entry *entries; /* in order of their keys, each key once; one allocation */
    size_t count;
};

/* Copies the unsaved writes of keys that begin with `prefix` and are greater than `after`. false: no
 * memory. */
bool overlay_collect(const struct call *call, ramp_bytes prefix, ramp_bytes after,
                     struct overlay *ret_overlay);
void overlay_done(struct overlay *overlay);

/* Makes the result of db_list (CONTRACT 1): `stored` is what the store lists after the same key, of which
 * more follow if `stored_more`. Gives *ret_result, one mem_alloc()ed block. If everything that the store
 * gave is deleted and more follow there, the count is 0 and `more` is set: the caller asks for more.
 * false: no memory. */
bool overlay_merge(const struct overlay *overlay, const ramp_entry *stored, size_t stored_count,
                   bool stored_more, uint32_t limit, size_t bytes_max, ramp_bytes *ret_result);

#endif

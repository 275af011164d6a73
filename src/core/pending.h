/* SPDX-License-Identifier: Apache-2.0 */
/* pending.h -- what a call has asked of the outside and not yet waited for.
 *
 * Door:   pending_get(), pending_list() ask a driver; pending_head() is what wait() delivers next.
 * Before: hostcalls_storage.c (START functions, wait).
 * After:  the kv and db drivers; overlay.c, which lays a room's own unsaved writes over what the db lists.
 *
 * CONTRACT 2.7: pendings form a FIFO in the order of their START. When the call ends, however it ends,
 * they are cancelled and never seen by another.
 */
#ifndef CORE_PENDING_H
#define CORE_PENDING_H

#include <ramp/driver.h>

#include "base/list.h"
#include "core/overlay.h"
#include "core/requests.h"

struct call;

enum pending_kind { PENDING_KV_GET, PENDING_DB_GET, PENDING_DB_LIST };

struct pending {
    struct request request;
    struct list in_call; /* call->pendings */
    struct call *call;
    uint8_t kind;
    bool is_done;
    int32_t error;         /* if is_done: 0 or a status */
    ramp_bytes result;     /* if it is 0 */
    struct answer *answer; /* what `result` lies in, or */
    void *made;
    uint64_t asked_ns;
    /* db_list */
    struct overlay overlay;
    uint32_t limit;
    uint16_t prefix_size, after_size;
    /* kv_get: the key and its room; db_list: prefix, after */
    uint8_t scope;
    uint16_t key_size;
    unsigned char key[];
};

/* Each returns 0 (the answer is pending) or a status for the guest; the bytes are copied. */
int32_t pending_kv_get(struct call *call, uint8_t scope, ramp_bytes key);
int32_t pending_db_get(struct call *call, ramp_bytes key);
/* Takes `overlay`. */
int32_t pending_db_list(struct call *call, ramp_bytes prefix, ramp_bytes after, uint32_t limit,
                        struct overlay *overlay);
/* The oldest; NULL: nothing is pending. */
struct pending *pending_head(const struct call *call);
/* It has been delivered: its result lives until the next, or pendings_end(). */
void pending_deliver(struct call *call);
/* What has been delivered last is no longer wanted. */
void pending_drop_delivered(struct call *call);
/* All become TIMEOUT, and later ones answer it at once. */
void pendings_expire(struct call *call);
/* The call ends. */
void pendings_end(struct call *call);

#endif

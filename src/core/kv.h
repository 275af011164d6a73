/* SPDX-License-Identifier: Apache-2.0 */
/* kv.h -- what a host knows of kv: the writes that are on their way to the backend, and a cache.
 *
 * Door:   kv_look() before the driver is asked, kv_learn() after it has answered; kv_reserve() when a
 *         guest sets or deletes, then kv_write() when its batch leaves, or kv_unreserve().
 * Before: hostcalls.c (reserves, looks), the gate (writes), host.c (steps, hands on answers).
 * After:  the driver (ramp_kv of driver.h).
 *
 *   reserved ──▶ dirty ──▶ flying ──▶ clean ──▶ forgotten
 *   (a batch     (queue)   (one write (cache)
 *    holds it)      ◀───────under way)
 *                  failed
 *
 * One entry per key holds the newest value, so writes of one key coalesce: what is handed over is
 * always the newest, in the order in which keys became dirty. The driver copies, so a value may be
 * replaced while an older one is under way. Reads see what the room itself has reserved, then the entry.
 * Whatever can fail fails in kv_reserve(): the value is copied there, and moves on from then on.
 *
 * Keys of a room have one writer, so what is known of them stays true, also that they are absent. Keys
 * of a service may be written by other hosts: they are good for LIMIT_KV_STALE_MS. Only clean values
 * are ever forgotten.
 *
 * Not here: clocks, tickets of gets, logging: the host's.
 */
#ifndef CORE_KV_H
#define CORE_KV_H

#include <ramp/driver.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"

struct kv_entry;

/* A value, or that there is none. As kv_reserve() gives it, it waits in a batch. */
struct kv_value {
    struct list in_batch;   /* the caller's */
    struct list in_entry;   /* reserved: entry->reserved, oldest first */
    struct kv_entry *entry; /* of its key */
    const void *room;       /* whose batch it is in */
    int64_t expires_ms;     /* Unix ms; 0: never */
    bool is_absent;
    size_t size;
    char bytes[];
};

struct kv_account {
    size_t count; /* keys; reserved: values */
    size_t size;  /* bytes of memory */
};

struct kv {
    const ramp_kv *driver;
    ramp_ticket *next_ticket; /* the host's */
    size_t buffer_max;        /* bytes: reserved and pending together */
    size_t cache_max;         /* bytes: cached */
    struct map entries;       /* flat key -> entry */
    struct map shares;        /* service -> its share of the buffer */
    struct list dirty;        /* entries to hand over, by their oldest write */
    struct list flying;       /* entries in the write that is under way, in the same order */
    struct list recent;       /* clean entries with a value, longest unused first */
    uint64_t sequence;        /* of the latest write */
    uint64_t hurry;           /* writes up to this one are due now */
    uint64_t forgotten_ns;    /* latest write of all values that were forgotten */
    uint64_t retry_ns;        /* nothing is handed over before */
    uint64_t flight_ns;       /* when the write under way was handed over */
    ramp_ticket ticket;       /* of the write under way; 0: none is */

    /* For statistics and logs: read them. */
    struct kv_account reserved, pending, cached; /* pending: written and not acknowledged */
    uint64_t written;                            /* keys that were acknowledged, each time */
    uint64_t late;         /* of these, longer than LIMIT_KV_LATE_MS after their oldest write */
    uint64_t hits, misses; /* of kv_look() */
    uint32_t failures;     /* of the driver's write(), in a row; 0: all is well */
    ramp_error failure;    /* the latest, if there are any */

    ramp_kv_write writes[LIMIT_KV_FLUSH_KEYS]; /* what is handed over, while it is */
};

struct kv_options {
    const ramp_kv *driver;    /* borrowed. NULL: kv_reserve() always fails */
    ramp_ticket *next_ticket; /* borrowed: the number for the next ticket, counted up */
    uint64_t seed;            /* of the hash */
    size_t buffer_max;        /* bytes; 0: LIMIT_KV_BUFFER */
    size_t cache_max;         /* bytes; 0: LIMIT_KV_CACHE */
};

void kv_init(struct kv *kv, const struct kv_options *options);
/* Cancels the write under way. Nothing may be reserved any more. Returns how many keys were written and
 * never acknowledged: they are lost, or may be. */
size_t kv_done(struct kv *kv);

/* ---- reading ------------------------------------------------------------------------------------- */

enum kv_known { KV_UNKNOWN, KV_FOUND, KV_ABSENT };

struct kv_now {
    uint64_t ns;     /* monotonic */
    int64_t wall_ms; /* Unix ms */
};

/* What `room` sees at `key` without asking the driver: its own reserved writes, then what has left.
 * KV_FOUND: `*ret_value` is borrowed until the next function of kv. KV_UNKNOWN: ask the driver. */
enum kv_known kv_look(struct kv *kv, const void *room, const ramp_kv_key *key, struct kv_now now,
                      ramp_bytes *ret_value);
/* The driver's answer to a get that was asked at `asked_ns`. It is kept if nothing newer is known;
 * answers other than OK and NOT_FOUND say nothing. */
void kv_learn(struct kv *kv, const ramp_kv_key *key, const ramp_answer *answer, uint64_t asked_ns);

/* ---- writing ------------------------------------------------------------------------------------- */

/* Copies a write of `room`, and makes sure that it can be written whenever its batch leaves. NULL: the
 * buffer is full, or this service's share of it (as much as is still free for all others), or no memory.
 * End it with one of the next two. */
struct kv_value *kv_reserve(struct kv *kv, const void *room, const ramp_kv_write *write);
/* The batch is dropped. Takes `value`. */
void kv_unreserve(struct kv *kv, struct kv_value *value);
/* The batch leaves: the value is to be handed to the driver. Takes `value`. */
void kv_write(struct kv *kv, struct kv_value *value, uint64_t now_ns);

/* A mark between the writes so far and those to come. */
uint64_t kv_mark(const struct kv *kv);
/* Every write before `mark`, or a newer one of its key, has been acknowledged. */
bool kv_is_synced(const struct kv *kv, uint64_t mark);
/* All writes so far are due now; after a failure, when it is time to try again. */
void kv_hurry(struct kv *kv);

/* ---- handing over -------------------------------------------------------------------------------- */

/* When kv_step() has something to do. UINT64_MAX: never, by itself; 0: now. */
uint64_t kv_deadline(const struct kv *kv);
/* Gives up a write that took too long; hands over what is due. Calls the driver. */
void kv_step(struct kv *kv, ramp_host *host, uint64_t now_ns);
/* false: the ticket is none of ours, or was given up. */
bool kv_answer(struct kv *kv, ramp_ticket ticket, const ramp_answer *answer, uint64_t now_ns);

#endif

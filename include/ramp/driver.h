/* SPDX-License-Identifier: Apache-2.0 */
/* driver.h -- the interfaces of the outside things that a host uses: module store, kv, db, saved
 * states.
 *
 * A host starts a request by calling a driver's function, with a ticket; the driver answers it
 * later, or at once, through ramp_complete() (ramp_complete_load() for modules), exactly once.
 * Answers reach rooms only inside ramp_host_step(), never inside another function of Ramp. All of
 * it happens on the host's own thread: a driver that works on other threads brings its answers back
 * itself. Everything that a driver's function is given is the host's and good until it returns:
 * copy what you keep. Everything that an answer holds is the driver's and is copied before
 * ramp_complete() returns.
 *
 * A room is named by its service and its id. No two (service, room, key) may collide in a driver.
 * Keys are 1 to 512 bytes of UTF-8 without NUL, in bytewise order; values are any bytes, up to 512
 * KiB.
 *
 * What the status of an answer says:
 *   RAMP_OK            it is done
 *   RAMP_NOT_FOUND     gets and loads: there is no such key
 *   RAMP_CONFLICT      commit: the predecessor is not what is stored; `head` says what is
 *   RAMP_TIMEOUT       the outcome is not known: it may have happened, and may still happen
 *   any other          it has not happened and will not; `message` says why
 */
#ifndef RAMP_DRIVER_H
#define RAMP_DRIVER_H

#include <ramp/ramp.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names one open request; never 0, never used twice by a host. */
typedef uint64_t ramp_ticket;

/* ---- modules ----------------------------------------------------------------------------- */

/* Where modules come from. */
typedef struct ramp_store {
    size_t size; /* sizeof(ramp_store) */
    void *context;
    /* Starts to look up the current version of `service` and to load it. Answer with
     * ramp_complete_load(), exactly once, unless cancelled. */
    void (*load)(void *context, ramp_host *host, ramp_ticket ticket, const char *service);
    /* The host no longer waits (it is being freed). May be NULL. */
    void (*cancel)(void *context, ramp_ticket ticket);
} ramp_store;

/* A store's answer. The host trusts it: `id` is the verified SHA-256 of the module's bytes, and the
 * artefact, if one is given, was made from them by ramp_compile() of this very build and has not
 * been changed by anybody. */
typedef struct ramp_load_answer {
    size_t size;
    ramp_status status;  /* RAMP_OK, NOT_FOUND, REFUSED, UNAVAILABLE, TIMEOUT, IO, ... */
    const char *message; /* if not RAMP_OK: a sentence. May be NULL */
    ramp_module_id id;
    /* One of the three: */
    const char *artefact_path; /* file made by ramp_compile(); mapped, not read: never change it */
    ramp_bytes artefact;
    ramp_bytes wasm; /* is compiled here and now, on the host's thread: for small embedders */
    ramp_bytes env;  /* `name=value\n` lines for env_get */
} ramp_load_answer;

/* Answers a load; copies what it needs. An unknown or cancelled ticket is ignored. */
RAMP_API void ramp_complete_load(ramp_host *host, ramp_ticket ticket,
                                 const ramp_load_answer *answer);

/* ---- kv: small values, quick, written behind ------------------------------------------------ */

typedef struct ramp_kv_key {
    const char *service;
    const char *room; /* NULL: the service's own keys, shared by its rooms */
    ramp_bytes key;
} ramp_kv_key;

typedef struct ramp_kv_write {
    ramp_kv_key key;
    ramp_bytes value;   /* not used if is_delete */
    int64_t expires_ms; /* Unix ms after which the key is gone; 0: never */
    bool is_delete;
} ramp_kv_write;

/* The host itself caches what it reads, coalesces what is written and hands it over every 50 ms: a
 * driver needs neither cache nor buffer. */
typedef struct ramp_kv {
    size_t size; /* sizeof(ramp_kv) */
    void *context;
    /* Answer: value and expires_ms, or NOT_FOUND, also for a key that has expired. */
    void (*get)(void *context, ramp_host *host, ramp_ticket ticket, const ramp_kv_key *key);
    /* Carries out all writes in order; acknowledges them with one answer, RAMP_OK once they are
     * kept. One write of a host is under way at a time; one that was answered TIMEOUT or given up
     * must not be carried out after a later one. After any other status the host hands the same
     * writes over again, later, with newer ones in their place: they are idempotent. */
    void (*write)(void *context, ramp_host *host, ramp_ticket ticket, const ramp_kv_write *writes,
                  size_t count);
    /* The host no longer waits for the answer (a deadline, or it is being freed). May be NULL. */
    void (*cancel)(void *context, ramp_ticket ticket);
} ramp_kv;

/* ---- db: durable storage of one room ----------------------------------------------------- */

/* What a db keeps of a room besides its keys. All zero: nothing was ever committed. */
typedef struct ramp_head {
    uint64_t number;  /* of the latest commit */
    uint64_t writer;  /* the random id that it carried */
    int64_t alarm_ms; /* Unix ms; 0: no alarm */
} ramp_head;

typedef struct ramp_db_write {
    ramp_bytes key, value; /* value is not used if is_delete */
    bool is_delete;
} ramp_db_write;

/* One transaction of one room: all of it or nothing. It checks that the stored head.number is
 * `number - 1`, and stores `number` and `writer`; if the check fails it changes nothing and the
 * answer is RAMP_CONFLICT with the stored head. RAMP_OK only when it will survive a loss of power.
 * A commit without writes is a commit, too: the host settles an unknown outcome with one. */
typedef struct ramp_commit {
    size_t size; /* sizeof(ramp_commit) */
    const char *service, *room;
    uint64_t number, writer;
    const ramp_db_write *writes; /* in order; a later write of a key wins */
    size_t write_count;
    bool sets_alarm;
    int64_t alarm_ms; /* if sets_alarm; 0: there is none any more */
} ramp_commit;

/* Keys that begin with `prefix` and are greater than `after` (size 0: all), in bytewise order. */
typedef struct ramp_db_range {
    ramp_bytes prefix, after;
    uint32_t limit;   /* entries at most */
    size_t bytes_max; /* keys and values at most, but never less than one entry */
} ramp_db_range;

typedef struct ramp_entry {
    ramp_bytes key, value;
} ramp_entry;

typedef struct ramp_alarm {
    const char *service, *room;
    int64_t at_ms; /* Unix ms */
} ramp_alarm;

/* A host has at most one commit of a room open; it may read meanwhile. A driver may store commits
 * of several rooms in one transaction; if that fails it must try each of them alone before it
 * answers. */
typedef struct ramp_db {
    size_t size; /* sizeof(ramp_db) */
    void *context;
    /* Answer: `head`. */
    void (*head)(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                 const char *room);
    /* Answer: `value`, or NOT_FOUND. */
    void (*get)(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                const char *room, ramp_bytes key);
    /* Answer: `entries`; `more` if keys follow. */
    void (*list)(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                 const char *room, const ramp_db_range *range);
    /* Answer: OK, CONFLICT with `head`, TIMEOUT, or not happened. */
    void (*commit)(void *context, ramp_host *host, ramp_ticket ticket, const ramp_commit *commit);
    /* Alarms of all rooms that are due at or before `until_ms`, ordered by (at_ms, service, room),
     * those after `after` (NULL: from the first). Answer: `alarms`; `more` if others follow. */
    void (*alarms)(void *context, ramp_host *host, ramp_ticket ticket, int64_t until_ms,
                   const ramp_alarm *after, uint32_t limit);
    /* The host no longer waits for the answer. A commit goes on all the same. May be NULL. */
    void (*cancel)(void *context, ramp_ticket ticket);
} ramp_db;

/* ---- saved states ------------------------------------------------------------------------ */

#define RAMP_STATE_CURRENT 1u /* no call of the room has run since the state was saved */
#define RAMP_STATE_ENDED   2u /* the room had come to its end; its next life begins afresh with it */

/* One state per room, for its next instance. On the server's own disk, whatever the db is. What is
 * asked about one room is carried out in that order. */
typedef struct ramp_states {
    size_t size; /* sizeof(ramp_states) */
    void *context;
    /* Answer: `value` and `flags` (RAMP_STATE_*), or NOT_FOUND. RAMP_STATE_CURRENT only if it is
     * certain: not if the state was marked, nor if the process that saved it has not stopped
     * cleanly. */
    void (*load)(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                 const char *room);
    /* Replaces the state. `flags`: RAMP_STATE_ENDED or 0; it is CURRENT until it is marked. Answer:
     * OK once it will survive the end of the process. */
    void (*save)(void *context, ramp_host *host, ramp_ticket ticket, const char *service,
                 const char *room, ramp_bytes state, uint32_t flags);
    /* Calls run again: the state is neither CURRENT nor ENDED any more. No answer. A load after it
     * sees it. */
    void (*mark)(void *context, const char *service, const char *room);
    /* The room ends without saving anew: what is stored is all there is. ENDED, and CURRENT unless
     * it was marked. No answer. */
    void (*end)(void *context, const char *service, const char *room);
    void (*cancel)(void *context, ramp_ticket ticket); /* may be NULL */
} ramp_states;

/* ---- answers ----------------------------------------------------------------------------- */

/* One for all requests but loads of modules; what a request does not use is zero. */
typedef struct ramp_answer {
    size_t size; /* sizeof(ramp_answer) */
    ramp_status status;
    const char *message; /* if not RAMP_OK: a sentence. May be NULL */
    ramp_bytes value;
    int64_t expires_ms;
    const ramp_entry *entries;
    size_t entry_count;
    const ramp_alarm *alarms;
    size_t alarm_count;
    bool more;
    ramp_head head;
    uint32_t flags;
} ramp_answer;

/* Answers a request; copies what it needs. An unknown or cancelled ticket is ignored. */
RAMP_API void ramp_complete(ramp_host *host, ramp_ticket ticket, const ramp_answer *answer);

#ifdef __cplusplus
}
#endif

#endif
